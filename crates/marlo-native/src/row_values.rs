//! The values of the rows, in f64 whatever the precision of the cells: there are few of them, and a logit of 64 in f32
//! would carry an error of 64 units in the last place into the loss.

use marlo_ir::eval::{NO_CLASS, Scalar as _, apply, hardest, kept_rows, picked, ranks};
use marlo_ir::graph::{Axis, Graph, Id};
use marlo_ir::op::{At, Op, Rule};
use marlo_ir::shape::Shape;

use crate::plan::{Act, Plan, is_row_input};

/// Where each value of the row stands, and how it is computed.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// For each node its slot in a row's values.
    slots: Vec<Option<usize>>,
    /// So many numbers a row has.
    pub(crate) width: usize,
    /// The inputs that are read at the label or the sample.
    leaves: Vec<(usize, Leaf)>,
}

/// An input that is read at the label or the sample.
#[derive(Copy, Clone, Debug)]
enum Leaf {
    /// A matrix at the label; of several the centre of that number.
    Matrix(usize),
    /// A further input at the label.
    Label(usize),
    /// A further input at the sample.
    Sample(usize),
}

/// What a log-sum-exp leaves behind beside its value: max + rest is the value, sum·2^shift its exponential.
#[derive(Copy, Clone, Debug)]
pub(crate) enum End {
    Max = 1,
    Rest = 2,
    Shift = 3,
    Sum = 4,
}

/// How one value of a row is computed.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Line {
    op: Op,
    sources: [Source; 3],
    count: usize,
    /// The slots of log-sum-exps whose difference it is.
    ends: [Option<usize>; 2],
    slot: usize,
}

/// Where an argument stands.
#[derive(Copy, Clone, Debug)]
enum Source {
    Slot(usize),
    Scalar(usize),
    Number(f64),
}

impl Line {
    /// Computes the value.
    pub(crate) fn compute(&self, scalars: &[f64], values: &mut [f64], resolution: f64) {
        let mut given = [0.0; 3];
        for (to, source) in given.iter_mut().zip(&self.sources[..self.count]) {
            *to = match *source {
                Source::Slot(slot) => values[slot],
                Source::Scalar(at) => scalars[at],
                Source::Number(number) => number,
            };
        }
        let ends = |slot: usize| (values[slot + End::Max as usize], values[slot + End::Rest as usize]);
        // The two parts of a log-sum-exp are taken apart, so that a large one swallows no digit.
        values[self.slot] = match self.ends.map(|slot| slot.map(ends)) {
            [None, None] => apply(self.op, &given[..self.count], resolution),
            [Some((max, rest)), None] => (max - given[1]) + rest,
            [None, Some((max, rest))] => (given[0] - max) - rest,
            [Some(a), Some(b)] => (a.0 - b.0) + (a.1 - b.1),
        };
    }
}

impl Layout {
    /// Gives each value of the row that a plan computes or reads a slot.
    pub(crate) fn of(plan: &Plan) -> Layout {
        let graph = &plan.graph;
        let mut layout = Layout { slots: vec![None; graph.len()], width: 0, leaves: Vec::new() };
        let mut roots = vec![plan.program.gradient.loss.row];
        roots.extend(plan.outputs.iter().map(|output| output.target));
        roots.extend(plan.program.rows());
        for phase in &plan.phases {
            roots.extend(&phase.batch);
            for step in &phase.steps {
                match step {
                    Act::Row(ids) => roots.extend(ids),
                    Act::Sweep(pass) => {
                        roots.extend(pass.rows.iter().filter_map(|row| row.node()));
                        roots.extend(&pass.reductions);
                    }
                    Act::Scale(scales) => {
                        roots.extend(scales.iter().flat_map(|s| [s.factor, s.offset, s.lse]).flatten());
                    }
                }
            }
        }
        let needed = graph.reachable(&roots);
        for id in graph.ids().filter(|id| needed[id.index()] && graph.shape(*id) == Shape::Row) {
            let slot = layout.width;
            layout.slots[id.index()] = Some(slot);
            layout.width += if graph.op(id) == Op::LseK { 5 } else { 1 };
            let op = graph.op(id);
            if let Op::Input(input, at) = op
                && is_row_input(op)
            {
                let input = input as usize;
                let leaf = match (graph.inputs[input].axis, at) {
                    (Axis::Matrix, _) => Leaf::Matrix(input),
                    (_, At::Row) => Leaf::Sample(input),
                    _ => Leaf::Label(input),
                };
                layout.leaves.push((slot, leaf));
            }
        }
        // A loss whose rows have no value has rows still.
        layout.width = layout.width.max(1);
        layout
    }

    /// The slot of a value of the row.
    pub(crate) fn slot(&self, id: Id) -> usize {
        self.slots[id.index()].unwrap_or(0)
    }

    /// Reads the inputs of a row. `target(centre)` is the matrix at the label, `vector(input, index)` a further input.
    pub(crate) fn read(
        &self,
        values: &mut [f64],
        (row, label): (usize, usize),
        target: &dyn Fn(usize) -> f64,
        vector: &dyn Fn(usize, usize) -> f64,
    ) {
        for &(slot, leaf) in &self.leaves {
            values[slot] = match leaf {
                Leaf::Matrix(centre) => target(centre),
                Leaf::Label(input) => vector(input, label),
                Leaf::Sample(input) => vector(input, row),
            };
        }
    }

    /// A value of a row, or a scalar.
    pub(crate) fn value(&self, graph: &Graph, scalars: &[f64], values: &[f64], id: Id) -> f64 {
        match self.slots[id.index()] {
            Some(slot) => values[slot],
            None => scalar(graph, scalars, id),
        }
    }

    /// How values of a row are computed, in order.
    pub(crate) fn lines(&self, graph: &Graph, ids: &[Id]) -> Vec<Line> {
        let source = |id: &Id| match (self.slots[id.index()], graph.constant(*id)) {
            (Some(slot), _) => Source::Slot(slot),
            (None, Some(number)) => Source::Number(number),
            (None, None) => Source::Scalar(id.index()),
        };
        let line = |id: &Id| {
            let args = graph.args(*id);
            let mut sources = [Source::Number(0.0); 3];
            sources.iter_mut().zip(args).for_each(|(to, arg)| *to = source(arg));
            let ends = |place: usize| {
                let is_lse = graph.op(*id) == Op::Sub && graph.op(args[place]) == Op::LseK;
                is_lse.then(|| self.slot(args[place]))
            };
            let ends = if args.len() == 2 { [ends(0), ends(1)] } else { [None, None] };
            Line { op: graph.op(*id), sources, count: args.len(), ends, slot: self.slot(*id) }
        };
        ids.iter().map(line).collect()
    }

    /// Stores a log-sum-exp, given as sum·2^shift.
    pub(crate) fn store_lse(&self, values: &mut [f64], id: Id, shift: f64, sum: f64) {
        let slot = self.slot(id);
        let (max, rest) = match sum == 0.0 {
            // As if there were no class.
            true => (NO_CLASS, 0.0),
            false => (shift * std::f64::consts::LN_2, sum.ln()),
        };
        values[slot] = max + rest;
        values[slot + End::Max as usize] = max;
        values[slot + End::Rest as usize] = rest;
        values[slot + End::Shift as usize] = shift;
        values[slot + End::Sum as usize] = sum;
    }

    /// One number of what a log-sum-exp left behind.
    pub(crate) fn end(&self, values: &[f64], lse: Id, end: End) -> f64 {
        values[self.slot(lse) + end as usize]
    }

    /// An operation over the batch: a scalar, or a value of each row. `values` holds the rows one after another.
    pub(crate) fn over_batch(
        &self,
        graph: &Graph,
        id: Id,
        scalars: &mut [f64],
        values: &mut [f64],
        rows: usize,
    ) {
        let args = graph.args(id);
        let column = |arg: Id| -> Vec<f64> {
            (0..rows)
                .map(|row| self.value(graph, scalars, &values[row * self.width..][..self.width], arg))
                .collect()
        };
        let own = column(args[0]);
        let found: Vec<f64> = match graph.op(id) {
            Op::RankI => ranks(&own).into_iter().map(|rank| rank as f64).collect(),
            Op::PickI => picked(&own, &column(args[1]), &column(args[2])),
            Op::InTopI => hardest(&own, column(args[1])[0] as usize)
                .into_iter()
                .map(|h| f64::from(u8::from(h)))
                .collect(),
            Op::TopI => {
                let count = kept_rows(column(args[1])[0], rows);
                let hard = hardest(&own, count);
                let chosen = own.iter().zip(&hard).filter(|v| *v.1).map(|v| *v.0);
                vec![sum(chosen) / count as f64]
            }
            Op::MeanI => vec![sum(own.iter().copied()) / rows as f64],
            _ => vec![sum(own.iter().copied())],
        };
        if graph.op(id).entry().rule == Rule::WithinBatch {
            let slot = self.slot(id);
            for (row, value) in found.into_iter().enumerate() {
                values[row * self.width + slot] = value;
            }
        } else {
            scalars[id.index()] = found[0];
        }
    }
}

/// A scalar.
fn scalar(graph: &Graph, scalars: &[f64], id: Id) -> f64 {
    graph.constant(id).unwrap_or(scalars[id.index()])
}

/// Computes scalars, in order.
pub(crate) fn compute_scalars(
    graph: &Graph,
    ids: &[Id],
    scalars: &mut [f64],
    params: &[f64],
    (rows, classes): (usize, usize),
) {
    for &id in ids {
        let args = graph.args(id);
        let mut given = [0.0; 3];
        for (place, arg) in given.iter_mut().zip(args) {
            *place = scalar(graph, scalars, *arg);
        }
        scalars[id.index()] = match graph.op(id) {
            Op::Const(number) => number.get(),
            Op::Param(at) => params[at as usize],
            Op::BatchSize => rows as f64,
            Op::Classes => classes as f64,
            Op::Others => classes.saturating_sub(1).max(1) as f64,
            Op::KeptI => kept_rows(given[0], rows) as f64,
            op => apply(op, &given[..args.len()], f64::RESOLUTION),
        };
    }
}

/// A sum whose error does not grow with the number of terms: by halves.
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    fn halves(values: &[f64]) -> f64 {
        match values.len() {
            0..=8 => values.iter().sum(),
            count => {
                let (a, b) = values.split_at(count / 2);
                halves(a) + halves(b)
            }
        }
    }
    halves(&values.collect::<Vec<f64>>())
}
