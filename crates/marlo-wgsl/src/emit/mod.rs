//! A row program as WGSL text.
//!
//! One workgroup works on one row. Every invocation computes the values of the row for itself (they are the same for all);
//! the classes are swept in strides of the workgroup, and reductions are merged in a tree, so the order of additions, and
//! with it every bit, depends on the sizes alone. Batch operations that rows read again have entry points of their own.

mod batch;
mod expression;
mod rows;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use marlo_ir::formula::{self, Style};
use marlo_ir::graph::{Axis, Graph, Id};
use marlo_ir::op::{Op, Rule};
use marlo_ir::schedule::{Phase, RowProgram, Step};

use crate::helpers;
use crate::names::{self, Names};
use crate::sweep;

pub(crate) use expression::literal;
use expression::whole_exponent;

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
    /// How many matrices stand one after another in the array of cosines or logits: one for each centre of a class. Where
    /// there are more of them or of the outputs than one, `cells` says how many numbers each takes.
    pub matrices: usize,
    /// How many derivatives stand one after another in `gradients`: those of [`RowProgram::cells`].
    pub outputs: usize,
    /// The number of invocations that work on a row.
    pub workgroup: u32,
    /// The most loop iterations that one pass makes for a class, over all of its sweeps.
    pub loops: u32,
}

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
                let once = program.graph().op(op).entry().rule == Rule::OverBatch;
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
    let (matrices, outputs) = (program.graph().centres(), emitter.outputs.len());
    let (kept, batch) = (emitter.kept, emitter.batch_values);
    Shader { source, passes, kept, batch, matrices, outputs, workgroup, loops }
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
    /// What is written for each cell, see [`RowProgram::cells`].
    pub(crate) outputs: Vec<[Id; 2]>,
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
            outputs: program.cells(),
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
                    match graph.op(op).entry().rule {
                        Rule::WithinBatch => emitter.kept.push(op),
                        _ => emitter.batch_values.push(op),
                    }
                }
            }
        }
        emitter
    }

    /// Does a later pass over the rows read this batch operation?
    fn read_again(&self, number: usize, op: Id) -> bool {
        let mut roots = Vec::new();
        for (later, phase) in self.program.phases.iter().enumerate().skip(number + 1) {
            roots.extend((self.program.written == later).then_some(self.program.gradient.loss.row));
            for step in &phase.steps {
                match step {
                    Step::Row(ids) => roots.extend(ids),
                    Step::Sweep { cells, reductions, writes } => {
                        roots.extend(cells.iter().chain(reductions));
                        roots.extend(self.outputs.iter().flatten().filter(|_| *writes));
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
        if self.outputs.len() > 1 || self.graph.centres() > 1 {
            out += "    // So many numbers of a matrix or a derivative stand before those of the next one.\n    cells: u32,\n";
        }
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
        let arrays = names::arrays(self.graph);
        let vectors = self.graph.inputs.iter().zip(&arrays).filter(|(input, _)| input.axis != Axis::Matrix);
        for (_, array) in vectors {
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
}

/// The array of the matrix.
fn matrix_name(graph: &Graph) -> String {
    match graph.inputs[0].name.as_str() {
        "cos" => "cosines".to_owned(),
        name => format!("{name}s"),
    }
}

/// The entry of a cell in one of the arrays that stand one after another in a buffer.
pub(crate) fn entry(array: &str, number: usize, class: &str) -> String {
    match number {
        0 => format!("{array}[base + {class}]"),
        1 => format!("{array}[params.cells + base + {class}]"),
        _ => format!("{array}[{number}u * params.cells + base + {class}]"),
    }
}
