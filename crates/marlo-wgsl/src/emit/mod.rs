//! A row program as WGSL text.
//!
//! One workgroup works on one row, or on a part of one (see [`Form`]). Every invocation computes the values of the row for
//! itself (they are the same for all); the classes are swept in strides of the workgroup, and reductions are merged in a
//! fixed order: for a given device and driver the same inputs give the same bits. Batch operations that rows read again have
//! entry points of their own.

mod batch;
mod expression;
mod form;
mod rows;
mod split;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use marlo_ir::formula::{self, Style};
use marlo_ir::graph::{Axis, Graph, Id};
use marlo_ir::op::{Op, Rule};
use marlo_ir::schedule::{Phase, RowProgram, Step};

use crate::names::{self, Names};
use crate::{helpers, lanes};

pub(crate) use expression::literal;
use expression::whole_exponent;
pub use form::{Form, Over, Pass, Shader, WORKGROUP};

/// The shader of a program in the usual [`Form`]: plain WGSL, one workgroup a row.
pub fn emit(program: &RowProgram) -> Shader {
    emit_with(program, Form::default())
}

/// The shader of a program in a form of one's choice. A gradient that [can't stand in the matrix's
/// place](Form::allows_in_place) gets a buffer of its own, whatever the form says; see [`Shader::form`].
pub fn emit_with(program: &RowProgram, form: Form) -> Shader {
    let form = Form { in_place: form.in_place && Form::allows_in_place(program), ..form };
    let mut emitter = Emitter::new(program, form);
    let mut body = String::new();
    let mut passes = Vec::new();
    for (number, phase) in program.phases.iter().enumerate() {
        for (pass, text) in emitter.phase(number, phase) {
            body += &text;
            passes.push(pass);
        }
        for &op in &phase.batch {
            if emitter.read_again(number, op) {
                let entry = format!("batch_{}", passes.len());
                let once = program.graph().op(op).entry().rule == Rule::OverBatch;
                body += &emitter.batch(number, op, &entry);
                let over = if once { Over::Batch } else { Over::Rows };
                passes.push(Pass { entry, over, reads_matrix: false, writes_gradient: false });
            }
        }
    }
    let loops = emitter.loops();
    let body = format!("{}{body}", lanes::functions(&body, form));
    let used = helpers::used_by(&body);
    let source = format!(
        "{}{}{}\n",
        emitter.head(),
        if used.is_empty() { used } else { used + "\n\n" },
        body.trim_end()
    );
    Shader {
        source,
        passes,
        matrices: program.graph().centres(),
        outputs: emitter.outputs.len(),
        kept: emitter.kept,
        batch: emitter.batch_values,
        partials: emitter.partial_slots,
        form,
        loops,
    }
}

/// The loop iterations of each step for a class: one a sweep, or at most two where a loop stands inside it, and those of the
/// functions that it calls.
fn loops(graph: &Graph, phase: &Phase, form: Form) -> Vec<u32> {
    let inner = |id: &Id| match graph.op(*id) {
        Op::CosAngle | Op::SinAngle | Op::SinRatio => helpers::MOST_TURNS,
        Op::Pow => whole_exponent(graph, *id).unwrap_or(0),
        _ => 0,
    };
    let sweep = |step: &Step| match step {
        Step::Row(_) => 0,
        Step::Sweep { cells, .. } => 1 + u32::from(form.ahead) + cells.iter().map(inner).sum::<u32>(),
    };
    phase.steps.iter().map(sweep).collect()
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
    pub(crate) form: Form,
    /// Where the parts of a row put what they found for a reduction: see [`Shader::partials`].
    pub(crate) partial_places: HashMap<Id, usize>,
    partial_slots: usize,
    /// LSEs that stand in a variable of two numbers whose sum they are.
    pub(crate) pairs: HashSet<Id>,
    /// Values that stand in a variable, by its name.
    pub(crate) bound: HashMap<Id, String>,
    uses: HashMap<Id, usize>,
    /// How many operations stand inside each other where a value is written out.
    nesting: HashMap<Id, usize>,
}

impl<'a> Emitter<'a> {
    fn new(program: &'a RowProgram, form: Form) -> Self {
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
            form,
            partial_places: HashMap::new(),
            partial_slots: 0,
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

    /// The most loop iterations that an invocation makes in one pass for a class.
    fn loops(&self) -> u32 {
        let of_phase = |phase: &Phase| {
            let steps = loops(self.graph, phase, self.form).into_iter();
            if self.form.split { steps.max().unwrap_or(0) } else { steps.sum() }
        };
        self.program.phases.iter().map(of_phase).max().unwrap_or(0)
    }

    /// The array that derivatives are written to.
    pub(crate) fn output(&self) -> String {
        if self.form.in_place { matrix_name(self.graph) } else { "gradients".to_owned() }
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
        if self.form.split {
            out += "    // A row is shared out to so many workgroups, so many classes each.\n    parts: u32,\n    span: u32,\n";
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
        let access = if self.form.in_place { "read_write" } else { "read" };
        bind(&format!("var<storage, {access}> {what}: array<f32>"));
        bind("var<storage, read> labels: array<u32>");
        bind("var<storage, read_write> losses: array<f32>");
        if !self.form.in_place {
            bind("var<storage, read_write> gradients: array<f32>");
        }
        if !self.kept.is_empty() || !self.batch_values.is_empty() {
            bind("var<storage, read_write> kept: array<f32>");
            bind("var<storage, read_write> batch: array<f32>");
        }
        if self.partial_slots > 0 {
            bind("var<storage, read_write> partials: array<f32>");
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
