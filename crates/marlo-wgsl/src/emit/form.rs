//! The forms that a shader can have, and what a host must know of one.

use marlo_ir::graph::{Axis, Id};
use marlo_ir::loss::Wrt;
use marlo_ir::schedule::{RowProgram, Step};

/// The usual number of invocations of a workgroup; every device allows at least 256.
pub const WORKGROUP: u32 = 64;

/// How a shader works through a batch. The numbers that it gives are the same but for rounding.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// The number of invocations of a workgroup, a power of two.
    pub workgroup: u32,
    /// Is a row shared out to several workgroups? Each sweep is a pass of its own then: the parts of a row leave what they
    /// found in a small buffer, and every workgroup of the next pass merges it, in the same order.
    pub split: bool,
    /// Does the gradient overwrite the matrix, which saves a buffer of its size?
    pub in_place: bool,
    /// Does an invocation ask for the inputs of four classes before it works on the first? So many are on their way at a time
    /// that memory is kept busy, at the price of a loop inside the loop.
    pub ahead: bool,
    /// Do invocations merge what they found by subgroup operations? The text is WGSL as naga reads it, without the line
    /// `enable subgroups;` that browsers ask for.
    pub subgroups: bool,
}

impl Default for Form {
    fn default() -> Form {
        Form { workgroup: WORKGROUP, split: false, in_place: false, ahead: false, subgroups: false }
    }
}

impl Form {
    /// Can a program's gradient overwrite the matrix? Not if something reads the matrix after the sweep that writes, or if
    /// there are more derivatives of each cell than matrices.
    pub fn allows_in_place(program: &RowProgram) -> bool {
        let graph = program.graph();
        let by_matrix =
            |by: Wrt| matches!(by, Wrt::Input(at) if graph.inputs[at as usize].axis == Axis::Matrix);
        let of_cells = program.gradient.partials.iter().filter(|p| program.gradient.has_cells(p.by));
        let sweeps = program.phases.last().into_iter().flat_map(|phase| &phase.steps);
        let mut sweeps = sweeps.filter_map(|step| match step {
            Step::Sweep { writes, .. } => Some(*writes),
            Step::Row(_) => None,
        });
        of_cells.map(|p| p.by).all(by_matrix)
            && program.cells().len() == graph.centres()
            && sweeps.next_back() == Some(true)
    }
}

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
    /// The number of slots of `partials`, (slots, B, parts), where the parts of a row leave what they found. There is no
    /// such buffer where it is 0.
    pub partials: usize,
    /// How many matrices stand one after another in the array of cosines or logits: one for each centre of a class. Where
    /// there are more of them or of the outputs than one, `cells` says how many numbers each takes.
    pub matrices: usize,
    /// How many derivatives stand one after another in `gradients`: those of [`RowProgram::cells`].
    pub outputs: usize,
    /// The form that it has.
    pub form: Form,
    /// The most loop iterations that an invocation makes in one pass for a class, over all of its sweeps.
    pub loops: u32,
}

/// One entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Its name.
    pub entry: String,
    /// What there is a workgroup for.
    pub over: Over,
    /// Does it read the matrix?
    pub reads_matrix: bool,
    /// Does it write the gradient?
    pub writes_gradient: bool,
}

/// What a pass has a workgroup for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// One for the whole batch.
    Batch,
    /// One for each row: x counts them.
    Rows,
    /// One for each part of each row: x counts the rows, y the parts.
    Parts,
}
