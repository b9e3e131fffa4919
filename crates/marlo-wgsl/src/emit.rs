//! A row program as WGSL text.
//!
//! One workgroup works on one row. Every invocation computes the values of the row for itself (they are the same for all);
//! the classes are swept in strides of the workgroup, and reductions are merged in a tree, so the order of additions, and
//! with it every bit, depends on the sizes alone. Batch operations that rows read again have entry points of their own.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use marlo_ir::formula::{self, Style};
use marlo_ir::graph::{Axis, Graph, Id};
use marlo_ir::kind::Kind;
use marlo_ir::op::{At, Op};
use marlo_ir::schedule::{Phase, RowProgram, Step};
use marlo_ir::shape::Shape;

use crate::helpers;
use crate::names::{self, Names};
use crate::sweep;

/// The usual number of invocations that work on a row; every device has at least 256.
pub const WORKGROUP: u32 = 64;

/// A generated shader with what a host must know to run it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shader {
    /// The WGSL text.
    pub source: String,
    /// The entry points in the order in which they must run.
    pub passes: Vec<Pass>,
    /// The row values that are stored between passes; each is a slot of `kept`, (slots, B). An LSE has three: itself, then
    /// the two numbers whose sum it is.
    pub kept: Vec<Id>,
    /// The batch values that later passes read; each is a place in `batch`.
    pub batch: Vec<Id>,
    /// The number of invocations that work on a row.
    pub workgroup: u32,
    /// The most loop iterations that one pass makes for a class, over all of its sweeps.
    pub loops: u32,
}

/// The most operations of one expression inside each other: shader compilers bound the depth of a line.
const MOST_NESTED: usize = 32;

/// One entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Its name.
    pub entry: String,
    /// Does it run once for the whole batch, instead of once a row?
    pub once: bool,
    /// Does it read the matrix?
    pub reads_matrix: bool,
    /// Does it write the gradient?
    pub writes_gradient: bool,
}

/// The shader of a program, with [`WORKGROUP`] invocations a row.
pub fn emit(program: &RowProgram) -> Shader {
    emit_with(program, WORKGROUP)
}

/// The shader of a program with another number of invocations a row, a power of two.
pub fn emit_with(program: &RowProgram, workgroup: u32) -> Shader {
    let mut emitter = Emitter::new(program, workgroup);
    let mut body = String::new();
    let mut passes = Vec::new();
    for (number, phase) in program.phases.iter().enumerate() {
        let entry = if number == 0 { "rows".to_owned() } else { format!("rows_{number}") };
        body += &emitter.rows(number, phase, &entry);
        let writes = phase.steps.iter().any(|step| matches!(step, Step::Sweep { writes: true, .. }));
        passes.push(Pass { entry, once: false, reads_matrix: true, writes_gradient: writes });
        for &op in &phase.batch {
            if emitter.read_again(number, op) {
                let entry = format!("batch_{}", passes.len());
                let once = program.graph().op(op) != Op::InTopI;
                body += &emitter.batch(number, op, &entry);
                passes.push(Pass { entry, once, reads_matrix: false, writes_gradient: false });
            }
        }
    }
    let loops = program.phases.iter().map(|phase| loops(program.graph(), phase)).max().unwrap_or(0);
    let body = format!("{}{body}", sweep::reductions(&body, workgroup));
    let used = helpers::used_by(&body);
    let source = format!(
        "{}{}{}\n",
        emitter.head(),
        if used.is_empty() { used } else { used + "\n\n" },
        body.trim_end()
    );
    Shader { source, passes, kept: emitter.kept, batch: emitter.batch_values, workgroup, loops }
}

/// The loop iterations of a pass for a class: one a sweep, and those of the functions that it calls.
fn loops(graph: &Graph, phase: &Phase) -> u32 {
    let inner = |id: &Id| match graph.op(*id) {
        Op::CosAngle | Op::SinAngle | Op::SinRatio => helpers::MOST_TURNS,
        Op::Pow => whole_exponent(graph, *id).unwrap_or(0),
        _ => 0,
    };
    let sweep = |step: &Step| match step {
        Step::Row(_) => 0,
        Step::Sweep { cells, .. } => 1 + cells.iter().map(inner).sum::<u32>(),
    };
    phase.steps.iter().map(sweep).sum()
}

pub(crate) struct Emitter<'a> {
    pub(crate) program: &'a RowProgram,
    pub(crate) graph: &'a Graph,
    pub(crate) names: Names,
    uniforms: Vec<(Id, String)>,
    kept: Vec<Id>,
    batch_values: Vec<Id>,
    pub(crate) workgroup: u32,
    /// LSEs that stand in a variable of two numbers whose sum they are.
    pub(crate) pairs: HashSet<Id>,
    /// Values that stand in a variable, by its name.
    pub(crate) bound: HashMap<Id, String>,
    uses: HashMap<Id, usize>,
    /// How many operations stand inside each other where a value is written out.
    nesting: HashMap<Id, usize>,
}

/// How tightly an expression holds together.
#[derive(Copy, Clone, PartialEq, PartialOrd)]
enum Bind {
    Logic,
    Compare,
    Sum,
    Product,
    Unary,
    Atom,
}

impl<'a> Emitter<'a> {
    fn new(program: &'a RowProgram, workgroup: u32) -> Self {
        let graph = program.graph();
        let mut names = Names::of(program);
        let uniforms: Vec<(Id, String)> =
            program.uniforms.iter().map(|&id| (id, names.name(graph, id))).collect();
        let mut emitter = Emitter {
            program,
            graph,
            names,
            uniforms,
            kept: Vec::new(),
            batch_values: Vec::new(),
            workgroup,
            pairs: HashSet::new(),
            bound: HashMap::new(),
            uses: HashMap::new(),
            nesting: HashMap::new(),
        };
        let row = program.gradient.loss.row;
        for (number, phase) in program.phases.iter().enumerate() {
            for &id in phase.keeps.iter().filter(|id| **id != row) {
                let slots = if graph.op(id) == Op::LseK { 3 } else { 1 };
                emitter.kept.extend(std::iter::repeat_n(id, slots));
            }
            for &op in &phase.batch {
                if emitter.read_again(number, op) {
                    let list = if graph.op(op) == Op::InTopI {
                        &mut emitter.kept
                    } else {
                        &mut emitter.batch_values
                    };
                    list.push(op);
                }
            }
        }
        emitter
    }

    /// Does a later pass over the rows read this batch operation?
    fn read_again(&self, number: usize, op: Id) -> bool {
        let gradient = &self.program.gradient;
        let mut roots = Vec::new();
        for (later, phase) in self.program.phases.iter().enumerate().skip(number + 1) {
            roots.extend((self.program.written == later).then_some(gradient.loss.row));
            for step in &phase.steps {
                match step {
                    Step::Row(ids) => roots.extend(ids),
                    Step::Sweep { cells, reductions, writes } => {
                        roots.extend(cells.iter().chain(reductions));
                        roots.extend([gradient.target, gradient.other].iter().filter(|_| *writes));
                    }
                }
            }
        }
        self.graph.reachable(&roots)[op.index()]
    }

    fn head(&self) -> String {
        let loss = &self.program.gradient.loss;
        let mut out = format!(
            "// {}: loss and gradient of each row. Generated by marlo; do not edit.\n//\n",
            loss.name
        );
        for line in formula::gradient(&self.program.loss, Style::Text).lines() {
            let _ = writeln!(out, "//     {line}");
        }
        let what = matrix_name(self.graph);
        let _ = write!(
            out,
            "\nstruct Params {{\n    rows: u32,\n    classes: u32,\n    // The row of the batch that the first workgroup works on.\n    first: u32,\n"
        );
        for (id, name) in &self.uniforms {
            let _ = writeln!(out, "    {name}: f32,{}", self.comment(*id, name));
        }
        out += "}\n\n";
        let mut bind = |line: &str| {
            let number = out.matches("@binding").count();
            let _ = writeln!(out, "@group(0) @binding({number}) {line};");
        };
        bind("var<uniform> params: Params");
        bind(&format!("var<storage, read> {what}: array<f32>"));
        bind("var<storage, read> labels: array<u32>");
        bind("var<storage, read_write> losses: array<f32>");
        bind("var<storage, read_write> gradients: array<f32>");
        if !self.kept.is_empty() || !self.batch_values.is_empty() {
            bind("var<storage, read_write> kept: array<f32>");
            bind("var<storage, read_write> batch: array<f32>");
        }
        for array in &names::arrays(self.graph)[1..] {
            bind(&format!("var<storage, read> {array}: array<f32>"));
        }
        out + "\n"
    }

    fn comment(&self, id: Id, name: &str) -> String {
        match formula::definition(&self.program.gradient, id) {
            Some(text) if text != name && text.chars().count() <= 90 => format!(" // {text}"),
            _ => String::new(),
        }
    }

    /// How often each value is read in a pass.
    fn count(&mut self, phase: &Phase) {
        self.uses.clear();
        let graph = self.graph;
        let mut read = |id: Id| {
            for &a in graph.args(id) {
                *self.uses.entry(a).or_default() += 1;
            }
        };
        for step in &phase.steps {
            match step {
                Step::Row(ids) => ids.iter().for_each(|&id| read(id)),
                Step::Sweep { cells, reductions, .. } => {
                    cells.iter().chain(reductions).for_each(|&id| read(id))
                }
            }
        }
    }

    fn rows(&mut self, number: usize, phase: &Phase, entry: &str) -> String {
        self.count(phase);
        self.bound.clear();
        self.pairs.clear();
        self.nesting.clear();
        let mut out = format!(
            "@compute @workgroup_size({})\nfn {entry}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {{\n    let row = params.first + group.x;\n    let base = group.x * params.classes;\n    let label = labels[row];\n",
            self.workgroup
        );
        out += &self.earlier(number);
        for &id in &phase.reads {
            let name = self.names.name(self.graph, id);
            if self.graph.op(id) == Op::LseK {
                let [greatest, rest] = [1, 2].map(|end| self.slot(id, end, "row"));
                let _ = writeln!(out, "    let {name} = vec2f({greatest}, {rest});");
                self.pairs.insert(id);
                self.bound.insert(id, name);
                continue;
            }
            let stored = self.stored(id, "row");
            let stored = if self.is_mask(id) { format!("{stored} != 0.0") } else { stored };
            let _ = writeln!(out, "    let {name} = {stored};");
            self.bound.insert(id, name);
        }
        for (place, step) in phase.steps.iter().enumerate() {
            match step {
                Step::Row(ids) => {
                    for &id in ids {
                        if self.is_deep(id) || self.needs_name(id, phase, place) {
                            self.define(&mut out, "    ", id);
                        }
                    }
                }
                Step::Sweep { cells, reductions, writes } => {
                    out += &sweep::sweep(self, cells, reductions, *writes);
                }
            }
        }
        out += &self.results(number, phase);
        out + "}\n\n"
    }

    /// What the batch operations of earlier passes gave, and the scalars that are made from it.
    fn earlier(&mut self, number: usize) -> String {
        let mut out = String::new();
        for before in &self.program.phases[..number] {
            for &op in before.batch.iter().filter(|op| self.batch_values.contains(op)) {
                let place = self.batch_values.iter().position(|v| *v == op).unwrap_or(0);
                let name = self.names.name(self.graph, op);
                let _ = writeln!(out, "    let {name} = batch[{place}];");
                self.bound.insert(op, name);
            }
            for &id in &before.after {
                if self.graph.args(id).iter().all(|a| self.available(*a)) {
                    self.define(&mut out, "    ", id);
                }
            }
        }
        out
    }

    fn available(&self, id: Id) -> bool {
        self.bound.contains_key(&id)
            || self.graph.constant(id).is_some()
            || self.uniforms.iter().any(|u| u.0 == id)
    }

    /// What one invocation writes at the end of a row.
    fn results(&mut self, number: usize, phase: &Phase) -> String {
        let gradient = &self.program.gradient;
        let mut lines = Vec::new();
        if self.program.written == number {
            lines.push(format!("losses[row] = {};", self.expr(gradient.loss.row)));
        }
        if phase.steps.iter().any(|step| matches!(step, Step::Sweep { writes: true, .. })) {
            lines.push(format!("gradients[base + label] = {};", self.expr(gradient.target)));
        }
        for &id in phase.keeps.iter().filter(|id| self.kept.contains(id)) {
            let value = self.expr(id);
            let value = if self.is_mask(id) { format!("select(0.0, 1.0, {value})") } else { value };
            lines.push(format!("{} = {value};", self.stored(id, "row")));
            if let Some(name) = self.bound.get(&id).filter(|_| self.pairs.contains(&id)) {
                lines.push(format!("{} = {name}.x;", self.slot(id, 1, "row")));
                lines.push(format!("{} = {name}.y;", self.slot(id, 2, "row")));
            }
        }
        let lines: String = lines.iter().map(|l| format!("        {l}\n")).collect();
        format!("    if (lane == 0u) {{\n{lines}    }}\n")
    }

    /// Where a row's value is stored between passes.
    fn stored(&self, id: Id, row: &str) -> String {
        if id == self.program.gradient.loss.row {
            return format!("losses[{row}]");
        }
        self.slot(id, 0, row)
    }

    /// The slot of a value that is stored between passes, or one of the next ones.
    fn slot(&self, id: Id, next: usize, row: &str) -> String {
        match self.kept.iter().position(|k| *k == id).unwrap_or(0) + next {
            0 => format!("kept[{row}]"),
            slot => format!("kept[{slot}u * params.rows + {row}]"),
        }
    }

    pub(crate) fn is_mask(&self, id: Id) -> bool {
        self.graph.node(id).kind == Kind::Mask
    }

    /// Is a value an expression too deep for one line? Asked of each value of a step, arguments first.
    pub(crate) fn is_deep(&mut self, id: Id) -> bool {
        let written = self.graph.args(id).iter().filter(|a| !self.bound.contains_key(a));
        let nesting = 1 + written.filter_map(|a| self.nesting.get(a)).max().copied().unwrap_or(0);
        self.nesting.insert(id, nesting);
        nesting > MOST_NESTED
    }

    /// Does a row value need a variable: it is read more than once, has a name, or is read after this step?
    fn needs_name(&self, id: Id, phase: &Phase, place: usize) -> bool {
        let gradient = &self.program.gradient;
        let read_here = |user: &Id| self.graph.args(*user).contains(&id);
        let later = phase.steps[place + 1..].iter().any(|step| match step {
            Step::Row(ids) => ids.iter().any(read_here),
            Step::Sweep { cells, reductions, .. } => cells.iter().chain(reductions).any(read_here),
        });
        let result = id == gradient.loss.row
            || id == gradient.target
            || phase.keeps.contains(&id)
            || id == gradient.other;
        later || result || self.names.known(id).is_some() || self.uses.get(&id).copied().unwrap_or(0) > 1
    }

    /// Does a cell value need a variable?
    pub(crate) fn cell_needs_name(&self, id: Id, cells: &[Id], reductions: &[Id]) -> bool {
        let users = cells.iter().chain(reductions).filter(|u| self.graph.args(**u).contains(&id)).count();
        users > 1 || self.names.known(id).is_some()
    }

    /// Writes `let name = …;` for a value.
    pub(crate) fn define(&mut self, out: &mut String, indent: &str, id: Id) {
        let name = self.names.name(self.graph, id);
        let value = match self.graph.op(id) {
            Op::Input(0, At::Target) => format!("{}[base + label]", matrix_name(self.graph)),
            Op::Input(0, _) => format!("{}[base + k]", matrix_name(self.graph)),
            Op::Input(i, at) => {
                let input = &self.graph.inputs[i as usize];
                let place = match (input.axis, at) {
                    (Axis::Rows, _) => "row",
                    (_, At::Target) => "label",
                    _ => "k",
                };
                format!("{}[{place}]", names::arrays(self.graph)[i as usize])
            }
            _ => self.expr(id),
        };
        let note =
            if matches!(self.graph.op(id), Op::Input(..)) { String::new() } else { self.comment(id, &name) };
        let _ = writeln!(out, "{indent}let {name} = {value};{note}");
        self.bound.insert(id, name);
    }

    /// A value as an expression.
    pub(crate) fn expr(&self, id: Id) -> String {
        self.bind(id).0
    }

    fn bind(&self, id: Id) -> (String, Bind) {
        if let Some(name) = self.bound.get(&id) {
            return match self.pairs.contains(&id) {
                true => (format!("({name}.x + {name}.y)"), Bind::Atom),
                false => (name.clone(), Bind::Atom),
            };
        }
        if let Some((_, name)) = self.uniforms.iter().find(|u| u.0 == id) {
            return match self.is_mask(id) {
                true => (format!("params.{name} != 0.0"), Bind::Compare),
                false => (format!("params.{name}"), Bind::Atom),
            };
        }
        let args = self.graph.args(id);
        let op = self.graph.op(id);
        match op {
            Op::Const(n) => {
                let text = literal(n.get());
                let bind = if text.starts_with('-') { Bind::Unary } else { Bind::Atom };
                return (text, bind);
            }
            Op::SinAngle if self.graph.constant(args[0]) == Some(1.0) => {
                return (format!("sine_({})", self.expr(args[2])), Bind::Atom);
            }
            Op::Sub => {
                if let Some(difference) = self.difference(args[0], args[1]) {
                    return (difference, Bind::Sum);
                }
            }
            Op::Pow => {
                if let Some(n) = whole_exponent(self.graph, id) {
                    return (format!("whole_pow_({}, {n}u)", self.expr(args[0])), Bind::Atom);
                }
            }
            _ => {}
        }
        let (bind, left, right) = match op {
            Op::Add => (Bind::Sum, Bind::Sum, Bind::Sum),
            Op::Sub => (Bind::Sum, Bind::Sum, Bind::Product),
            Op::Mul => (Bind::Product, Bind::Product, Bind::Unary),
            Op::Div => (Bind::Product, Bind::Product, Bind::Unary),
            Op::Lt | Op::Le | Op::Eq => (Bind::Compare, Bind::Sum, Bind::Sum),
            Op::And | Op::Or => (Bind::Logic, Bind::Unary, Bind::Unary),
            Op::Neg | Op::Not => (Bind::Unary, Bind::Atom, Bind::Atom),
            // Inside the brackets of a call.
            _ => (Bind::Atom, Bind::Logic, Bind::Logic),
        };
        if op == Op::Detach {
            return self.bind(args[0]);
        }
        debug_assert!(!op.entry().wgsl.is_empty(), "{op:?} is no expression");
        let mut text = op.entry().wgsl.to_owned();
        for (place, &arg) in args.iter().enumerate() {
            let (inner, tight) = self.bind(arg);
            let least = if place == 0 { left } else { right };
            let inner = if tight < least { format!("({inner})") } else { inner };
            text = text.replace(&format!("${place}"), &inner);
        }
        (text, bind)
    }

    /// x − y where one of them is an LSE of two numbers.
    fn difference(&self, x: Id, y: Id) -> Option<String> {
        let pair = |id: Id| self.bound.get(&id).filter(|_| self.pairs.contains(&id));
        let operand = |id: Id, least: Bind| {
            let (text, tight) = self.bind(id);
            if tight < least { format!("({text})") } else { text }
        };
        match (pair(x), pair(y)) {
            (None, None) => None,
            (Some(x), None) => Some(format!("{x}.x - {} + {x}.y", operand(y, Bind::Product))),
            (None, Some(y)) => Some(format!("{} - {y}.x - {y}.y", operand(x, Bind::Sum))),
            (Some(x), Some(y)) => Some(format!("({x}.x - {y}.x) + ({x}.y - {y}.y)")),
        }
    }

    /// An operation over the batch, from what the rows stored.
    fn batch(&mut self, number: usize, op: Id, entry: &str) -> String {
        self.bound.clear();
        self.pairs.clear();
        let args = self.graph.args(op).to_vec();
        let workgroup = self.workgroup;
        let mut out = format!(
            "@compute @workgroup_size({workgroup})
fn {entry}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {{\n"
        );
        out += &self.earlier(number);
        let [here, there] = ["row", "j"].map(|row| match self.graph.shape(args[0]) {
            Shape::Scalar => self.expr(args[0]),
            _ => self.stored(args[0], row),
        });
        if self.graph.op(op) == Op::InTopI {
            let count = self.expr(args[1]);
            let target = self.stored(op, "row");
            let _ = write!(
                out,
                "    // Is the row among the hardest? Its rank is the number of rows before it.
    let row = params.first + group.x;
    let value = {here};
    var before = 0.0;
    for (var j = lane; j < params.rows; j += {workgroup}u) {{
        let other = {there};
        before += f32(other > value || (other == value && j < row));
    }}
    let rank = sum_lanes(lane, before);
    if (lane == 0u) {{
        {target} = select(0.0, 1.0, rank < {count});
    }}
}}

"
            );
            return out;
        }
        let place = self.batch_values.iter().position(|v| *v == op).unwrap_or(0);
        let scale = if self.graph.op(op) == Op::MeanI { " / f32(params.rows)" } else { "" };
        let _ = write!(
            out,
            "    var part = 0.0;
    for (var row = lane; row < params.rows; row += {workgroup}u) {{
        part += {here};
    }}
    let total = sum_lanes(lane, part);
    if (lane == 0u) {{
        batch[{place}] = total{scale};
    }}
}}

"
        );
        out
    }
}

/// The exponent of a power that is a loop over its factors.
fn whole_exponent(graph: &Graph, power: Id) -> Option<u32> {
    let exponent = graph.constant(graph.args(power)[1])?;
    (exponent.fract() == 0.0 && (1.0..=64.0).contains(&exponent)).then_some(exponent as u32)
}

/// The array of the matrix.
fn matrix_name(graph: &Graph) -> String {
    match graph.inputs[0].name.as_str() {
        "cos" => "cosines".to_owned(),
        name => format!("{name}s"),
    }
}

/// A literal; what f32 can't hold becomes its greatest finite number.
pub(crate) fn literal(value: f64) -> String {
    // A literal that is no number belongs to a program that is out of its domain everywhere.
    let narrow = if value.is_nan() { 0.0 } else { (value as f32).clamp(f32::MIN, f32::MAX) };
    format!("{narrow:?}")
}
