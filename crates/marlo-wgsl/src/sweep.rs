//! Sweeps over the other classes, and the merging of what the invocations found.

use std::fmt::Write as _;

use marlo_ir::eval::NO_CLASS;
use marlo_ir::graph::Id;
use marlo_ir::op::Op;

use crate::emit::{Emitter, entry, literal};

/// How many terms are added up before they go to the running total: the error of a long sum grows with the number of
/// such blocks instead of the number of terms.
const BLOCK: u32 = 32;

/// The loop over the other classes, and the merged reductions after it.
pub(crate) fn sweep(e: &mut Emitter<'_>, cells: &[Id], reductions: &[Id], writes: bool) -> String {
    let outer = e.bound.clone();
    let none = literal(NO_CLASS);
    let (mut before, mut body, mut after) = (String::new(), String::new(), String::new());
    for &id in cells {
        if e.is_deep(id) || e.cell_needs_name(id, cells, reductions) {
            e.define(&mut body, "        ", id);
        }
    }
    let mut results = Vec::new();
    for &id in reductions {
        let name = e.names.name(e.graph, id);
        let value = e.expr(e.graph.args(id)[0]);
        match e.graph.op(id) {
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
                let _ = writeln!(
                    after,
                    "    let {name} = lse_lanes(lane, {name}_max_, {name}_sum_ + {name}_block_);"
                );
                e.pairs.insert(id);
            }
            Op::MaxK => {
                let _ = writeln!(before, "    var {name}_part_ = {none};");
                let _ = writeln!(body, "        {name}_part_ = max({name}_part_, {value});");
                let _ = writeln!(after, "    let {name} = max_lanes(lane, {name}_part_);");
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
                let _ = writeln!(after, "    let {name} = sum_lanes(lane, {name}_part_ + {name}_block_);");
            }
        }
        results.push((id, name));
    }
    if writes {
        for (number, pair) in e.outputs.iter().enumerate() {
            let _ = writeln!(body, "        {} = {};", entry("gradients", number, "k"), e.expr(pair[1]));
        }
    }
    e.bound = outer;
    e.bound.extend(results);
    let workgroup = e.workgroup;
    let last = if body.contains("if (last)") {
        format!("        let last = k / {workgroup}u % {BLOCK}u == {}u;\n", BLOCK - 1)
    } else {
        String::new()
    };
    format!(
        "{before}    for (var k = lane; k < params.classes; k += {workgroup}u) {{
        if (k == label) {{
            continue;
        }}
{last}{body}    }}
{after}"
    )
}

/// The functions that merge what the invocations of a workgroup found, as far as `body` calls them.
pub(crate) fn reductions(body: &str, workgroup: u32) -> String {
    let tree = |merge: &str| {
        format!(
            "    workgroupBarrier();
    for (var step = {half}u; step > 0u; step /= 2u) {{
        if (lane < step) {{
{merge}        }}
        workgroupBarrier();
    }}
",
            half = workgroup / 2
        )
    };
    let mut out = String::new();
    if body.contains("_lanes(") {
        let _ = writeln!(out, "var<workgroup> lanes: array<f32, {workgroup}>;\n");
    }
    if body.contains("sum_lanes(") {
        let _ = write!(
            out,
            "// The sum over all invocations, in a tree.\nfn sum_lanes(lane: u32, value: f32) -> f32 {{
    workgroupBarrier();\n    lanes[lane] = value;\n{}    return lanes[0];\n}}\n\n",
            tree("            lanes[lane] += lanes[lane + step];\n")
        );
    }
    if body.contains("max_lanes(") {
        let _ = write!(
            out,
            "// The maximum over all invocations.\nfn max_lanes(lane: u32, value: f32) -> f32 {{
    workgroupBarrier();\n    lanes[lane] = value;\n{}    return lanes[0];\n}}\n\n",
            tree("            lanes[lane] = max(lanes[lane], lanes[lane + step]);\n")
        );
    }
    if body.contains("lse_lanes(") {
        let merge = "            let a = lanes[lane];
            let b = lanes[lane + step];
            let top = max(a, b);
            lane_sums[lane] = lane_sums[lane] * exp_(a - top) + lane_sums[lane + step] * exp_(b - top);
            lanes[lane] = top;
";
        let _ = write!(
            out,
            "var<workgroup> lane_sums: array<f32, {workgroup}>;

// ln of the sum of exponentials over all invocations, from each one's greatest value and the sum relative to it. It is
// given as the greatest value of all and what is to be added: in one number a large first would swallow the second.
fn lse_lanes(lane: u32, greatest: f32, total: f32) -> vec2f {{
    workgroupBarrier();\n    lanes[lane] = greatest;\n    lane_sums[lane] = total;\n{}    return select(vec2f(lanes[0], ln_(lane_sums[0])), vec2f({none}, 0.0), lane_sums[0] == 0.0);\n}}\n\n",
            tree(merge),
            none = literal(NO_CLASS)
        );
    }
    out
}
