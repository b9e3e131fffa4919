//! Sweeps over the other classes.

use std::fmt::Write as _;

use marlo_ir::eval::NO_CLASS;
use marlo_ir::graph::Id;
use marlo_ir::op::Op;

use crate::emit::{Emitter, Form, entry, literal};

/// How many terms of an invocation are added up before they go to the running total: the error of a long sum grows with the
/// number of such blocks instead of the number of terms. A block that would end at the label runs on to the end of the next.
const BLOCK: u32 = 32;

/// The text of a loop: what stands before it, in it, and after it; and what it reads for four classes at a time.
#[derive(Default)]
struct Loop {
    before: String,
    ahead: String,
    body: String,
    after: String,
}

/// The loop over the other classes, and the merged reductions after it.
pub(crate) fn sweep(e: &mut Emitter<'_>, cells: &[Id], reductions: &[Id], writes: bool) -> String {
    let outer = e.bound.clone();
    let mut text = Loop::default();
    for &id in cells {
        if let (true, Op::Input(input, _)) = (e.form.ahead, e.graph.op(id)) {
            read_ahead(e, &mut text, id, input as usize);
        } else if e.is_deep(id) || e.cell_needs_name(id, cells, reductions) {
            e.define(&mut text.body, "        ", id);
        }
    }
    let mut results = Vec::new();
    for &id in reductions {
        let name = e.names.name(e.graph, id);
        reduce(e, &mut text, id, &name);
        results.push((id, name));
    }
    if writes {
        for (number, pair) in e.outputs.iter().enumerate() {
            let place = entry(&e.output(), number, "k");
            let _ = writeln!(text.body, "        {place} = {};", e.expr(pair[1]));
        }
    }
    e.bound = outer;
    e.bound.extend(results);
    text.written(e.form)
}

/// The input of a cell, read for four classes in a row of strides.
fn read_ahead(e: &mut Emitter<'_>, text: &mut Loop, id: Id, input: usize) {
    let name = e.names.name(e.graph, id);
    let four = ["x", "y", "z", "w"].map(|part| e.input(input, &format!("ahead.{part}"))).join(", ");
    let _ = writeln!(text.ahead, "        let {name}_ahead_ = vec4f({four});");
    let _ = writeln!(text.body, "        let {name} = {name}_ahead_[j];");
    e.bound.insert(id, name);
}

impl Loop {
    fn written(&self, form: Form) -> String {
        let Loop { before, ahead, body, after } = self;
        let workgroup = form.workgroup;
        let (begin, end) = if form.split { ("begin + lane", "end") } else { ("lane", "params.classes") };
        let last = if body.contains("if (last)") {
            format!("        let last = k / {workgroup}u % {BLOCK}u == {}u;\n", BLOCK - 1)
        } else {
            String::new()
        };
        if !form.ahead {
            return format!(
                "{before}    for (var k = {begin}; k < {end}; k += {workgroup}u) {{
        if (k == label) {{
            continue;
        }}
{last}{body}    }}
{after}"
            );
        }
        let body: String = last.lines().chain(body.lines()).map(|line| format!("    {line}\n")).collect();
        let [two, three, four] = [2, 3, 4].map(|times| times * workgroup);
        format!(
            "{before}    for (var block = {begin}; block < {end}; block += {four}u) {{
        // The inputs of four classes are asked for before the first is used. Beyond the last class its own stand in, unused.
        let ahead = min(vec4u(block, block + {workgroup}u, block + {two}u, block + {three}u), vec4u(params.classes - 1u));
{ahead}        for (var j = 0u; j < 4u; j += 1u) {{
            let k = block + j * {workgroup}u;
            if (k >= {end} || k == label) {{
                continue;
            }}
{body}        }}
    }}
{after}"
        )
    }
}

/// What a reduction does before a loop, in it, and after it.
fn reduce(e: &mut Emitter<'_>, text: &mut Loop, id: Id, name: &str) {
    let none = literal(NO_CLASS);
    let value = e.expr(e.graph.args(id)[0]);
    let Loop { before, body, after, .. } = text;
    let found = match e.graph.op(id) {
        Op::LseK => {
            let _ = writeln!(
                before,
                "    var {name}_max_ = {none};\n    var {name}_sum_ = 0.0;\n    var {name}_block_ = 0.0;"
            );
            let _ = write!(
                body,
                "        // The greatest value so far, and the sum of exponentials relative to it: one exp a class.
        let {name}_value_ = {value};
        let {name}_less_ = exp_(-abs({name}_value_ - {name}_max_));
        if ({name}_value_ > {name}_max_) {{
            {name}_sum_ *= {name}_less_;
            {name}_block_ = {name}_block_ * {name}_less_ + 1.0;
            {name}_max_ = {name}_value_;
        }} else {{
            {name}_block_ += {name}_less_;
        }}
        if (last) {{
            {name}_sum_ += {name}_block_;
            {name}_block_ = 0.0;
        }}
"
            );
            format!("lse_lanes(lane, {name}_max_, {name}_sum_ + {name}_block_)")
        }
        Op::MaxK => {
            let _ = writeln!(before, "    var {name}_part_ = {none};");
            let _ = writeln!(body, "        {name}_part_ = max({name}_part_, {value});");
            format!("max_lanes(lane, {name}_part_)")
        }
        _ => {
            let _ = writeln!(before, "    var {name}_part_ = 0.0;\n    var {name}_block_ = 0.0;");
            let _ = write!(
                body,
                "        {name}_block_ += {value};
        if (last) {{
            {name}_part_ += {name}_block_;
            {name}_block_ = 0.0;
        }}
"
            );
            format!("sum_lanes(lane, {name}_part_ + {name}_block_)")
        }
    };
    *after += &merged(e, id, name, &found);
}

/// What follows a sweep for a reduction: its value in a variable; or, where several workgroups share the row, what this one
/// found, left for the next pass.
fn merged(e: &mut Emitter<'_>, id: Id, name: &str, found: &str) -> String {
    let pair = e.graph.op(id) == Op::LseK;
    if !e.form.split {
        if pair {
            e.pairs.insert(id);
            return format!("    let {name} = lse_({found});\n");
        }
        return format!("    let {name} = {found};\n");
    }
    let slot = e.partial_places.get(&id).copied().unwrap_or(0);
    let place = |next: usize| format!("partials[part_place_({}u, row, group.y)]", slot + next);
    let mut out = format!("    let {name}_found_ = {found};\n    if (lane == 0u) {{\n");
    if pair {
        let _ =
            writeln!(out, "        {} = {name}_found_.x;\n        {} = {name}_found_.y;", place(0), place(1));
    } else {
        let _ = writeln!(out, "        {} = {name}_found_;", place(0));
    }
    out + "    }\n"
}
