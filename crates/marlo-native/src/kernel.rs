//! The row kernel: cosines or logits (B, C) and labels in, each row's loss and gradient out.

use std::sync::Mutex;

use marlo_ir::graph::{Axis, Id};
use marlo_ir::loss::{Loss, Wrt};
use marlo_ir::schedule::RowProgram;
use rayon::prelude::*;

use crate::compiled::Library;
use crate::error::NativeError;
use crate::interpret::{Interpreted, Registers, in_two_parts};
use crate::isa::Instructions;
use crate::math::Real;
use crate::plan::{Act, Pass, Plan, RowValue};
use crate::row::{Places, Scratch, most_tiles, work};
use crate::row_values::{End, Layout, Line, compute_scalars};
use crate::tile::{Compiled, Shifts, Tile};

/// The inputs of a batch.
#[derive(Copy, Clone, Debug)]
pub struct Inputs<'a, F> {
    /// The number of classes, C.
    pub classes: usize,
    /// The cosines or logits, one matrix (B, C) for each centre of a class. May be empty where the gradients are given
    /// with the matrices in them, to be overwritten.
    pub matrices: &'a [&'a [F]],
    /// So many numbers lie between the starts of two rows, at least C.
    pub stride: usize,
    /// The class of each row, (B,).
    pub labels: &'a [usize],
    /// The further inputs that are no matrices, in the order of [`marlo_ir::graph::Graph::inputs`]: (B,) or (C,).
    pub vectors: &'a [&'a [F]],
    /// The hyperparameters, in the order of the header.
    pub params: &'a [f64],
    /// How close a cosine can come to ±1 without being ±1: see [`marlo_ir::eval::Scalar::RESOLUTION`].
    pub resolution: f64,
}

/// Where the results go.
#[derive(Debug)]
pub struct Outputs<'a, F> {
    /// Each sample's own loss, (B,).
    pub loss: &'a mut [F],
    /// ∂(loss of the batch)/∂(matrix), one (B, C) for each centre, with the same stride as the matrices.
    pub gradients: &'a mut [&'a mut [F]],
}

/// What a batch gives beside what stands in its [`Outputs`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// The loss of the batch.
    pub loss: f64,
    /// The further derivatives of the program, but for those by further centres: (B,) by an input of the samples, (C,) by
    /// one of the classes, one number by a hyperparameter.
    pub partials: Vec<(Wrt, Vec<f64>)>,
    /// The next value of each state, in the order of [`marlo_ir::loss::Loss::updates`].
    pub states: Vec<f64>,
}

/// A loss that is ready to run. Hyperparameters are inputs: nothing is made anew for other ones.
#[derive(Debug)]
pub struct Kernel<F: Real> {
    pub(crate) plan: Plan,
    pub(crate) layout: Layout,
    /// For each phase and step how values of the row are computed.
    pub(crate) lines: Vec<Vec<Vec<Line>>>,
    /// For each sweep its compiled loop, where there is one.
    code: Vec<Option<Compiled<F>>>,
    interpreted: Vec<Interpreted>,
    pub(crate) instructions: Instructions,
    pool: Mutex<Vec<Scratch<F>>>,
    values: Mutex<Vec<Vec<f64>>>,
}

/// From so many bytes on a gradient is written past the caches: it would not stay in them anyway.
const STREAMED: usize = 16 << 20;

impl<F: Real> Kernel<F> {
    /// Makes a program ready. Sweeps that `library` has are run compiled, others are interpreted.
    pub fn new(program: &RowProgram, library: &Library) -> Kernel<F> {
        let plan = Plan::of(program);
        let layout = Layout::of(&plan);
        let code = plan.sweeps().map(|pass| library.find(&pass.sweep)).collect();
        let interpreted = plan.sweeps().map(|pass| Interpreted::new(&pass.sweep)).collect();
        let instructions = Instructions::detect();
        let lines = |act: &Act| match act {
            Act::Row(ids) => layout.lines(&plan.graph, ids),
            _ => Vec::new(),
        };
        let lines = plan.phases.iter().map(|phase| phase.steps.iter().map(lines).collect()).collect();
        Kernel {
            plan,
            layout,
            lines,
            code,
            interpreted,
            instructions,
            pool: Mutex::default(),
            values: Mutex::default(),
        }
    }

    /// Makes a loss ready, with the sweeps of the shipped losses compiled.
    pub fn of(loss: &Loss) -> Kernel<F> {
        Kernel::new(&RowProgram::of(loss), &Library::shipped())
    }

    /// The same with fewer instructions than the machine has, to test and to compare.
    #[must_use]
    pub fn with_instructions(mut self, instructions: Instructions) -> Kernel<F> {
        self.instructions = instructions;
        self
    }

    /// Are all of its sweeps compiled?
    pub fn is_compiled(&self) -> bool {
        self.code.iter().all(Option::is_some)
    }

    /// Its sweeps as text.
    pub fn sweeps(&self) -> Vec<String> {
        self.plan.sweeps().map(|pass| pass.sweep.to_string()).collect()
    }

    /// Runs the loss on a batch, on the threads of the current rayon pool. The same bits for any number of threads.
    ///
    /// Inputs are taken as they are: see [`marlo_ir::eval::Batch::new`] for a check of every number. Where
    /// `inputs.matrices` is empty, `outputs.gradients` hold them and are overwritten.
    ///
    /// # Errors
    /// When arrays do not fit each other, or a label is no class.
    pub fn run(&self, inputs: &Inputs<'_, F>, outputs: &mut Outputs<'_, F>) -> Result<Totals, NativeError> {
        self.check(inputs, outputs)?;
        let rows = inputs.labels.len();
        let graph = &self.plan.graph;
        let width = self.layout.width;
        let mut scalars = vec![0.0; graph.len()];
        compute_scalars(graph, &self.plan.scalars, &mut scalars, inputs.params, (rows, inputs.classes));
        let mut values = taken(&self.values);
        values.clear();
        values.resize(rows * width, 0.0);
        let shifts_a_row = most_tiles(inputs.classes) * self.plan.kept_reductions();
        let mut shifts = vec![F::default(); rows * shifts_a_row];
        let gradients: Vec<*mut F> = outputs.gradients.iter_mut().map(|g| g.as_mut_ptr()).collect();
        let bytes = rows * inputs.classes * size_of::<F>();
        let places = Places {
            kernel: self,
            inputs,
            matrices: match inputs.matrices.is_empty() {
                true => gradients.iter().map(|g| g.cast_const()).collect(),
                false => inputs.matrices.iter().map(|m| m.as_ptr()).collect(),
            },
            gradients,
            shifts: shifts.as_mut_ptr(),
            shifts_a_row,
            in_place: inputs.matrices.is_empty(),
            streams: bytes >= STREAMED,
        };
        let mut sums = vec![Vec::new(); self.plan.sums()];
        for number in 0..self.plan.phases.len() {
            let chunk = if sums.is_empty() { 1 } else { rows.div_ceil(8) };
            let found: Vec<Vec<Vec<f64>>> = values
                .par_chunks_mut((chunk * width).max(1))
                .enumerate()
                .map_init(
                    || Lent::of(&self.pool),
                    |scratch, (at, values)| {
                        for (place, values) in values.chunks_mut(width.max(1)).enumerate() {
                            work(&places, number, at * chunk + place, &scalars, values, &mut scratch.one);
                        }
                        std::mem::take(&mut scratch.one.sums)
                    },
                )
                .collect();
            found.into_iter().for_each(|found| add_up(&mut sums, found));
            let phase = &self.plan.phases[number];
            for &id in &phase.batch {
                self.layout.over_batch(graph, id, &mut scalars, &mut values, rows);
            }
            compute_scalars(graph, &phase.after, &mut scalars, inputs.params, (rows, inputs.classes));
        }
        let row = self.plan.program.gradient.loss.row;
        for (loss, values) in outputs.loss.iter_mut().zip(values.chunks(width.max(1))) {
            *loss = F::rounded(self.layout.value(graph, &scalars, values, row));
        }
        let totals = self.totals(&scalars, &values, rows, sums);
        give_back(&self.values, values);
        Ok(totals)
    }

    /// The values of the row that a sweep reads, each as a number of this precision and what that leaves.
    pub(crate) fn constants(
        &self,
        pass: &Pass,
        (scalars, values): (&[f64], &[f64]),
        resolution: f64,
        (rows, low): (&mut Vec<F>, &mut Vec<F>),
    ) {
        let value = |id: Id| self.layout.value(&self.plan.graph, scalars, values, id);
        for wanted in &pass.rows {
            let parts = in_two_parts(match *wanted {
                RowValue::Node(id) => value(id),
                RowValue::Binary(id) => value(id) * std::f64::consts::LOG2_E,
                RowValue::Shift(lse) => self.layout.end(values, lse, End::Shift),
                RowValue::Share(lse) => match self.layout.end(values, lse, End::Sum) {
                    0.0 => 0.0,
                    sum => 1.0 / sum,
                },
                RowValue::Inside => 1.0 - resolution,
            });
            rows.push(parts.0);
            low.push(parts.1);
        }
    }

    /// Runs a sweep over a tile.
    ///
    /// # Safety
    /// As [`crate::tile::run`].
    pub(crate) unsafe fn run_tile(
        &self,
        pass: &Pass,
        tile: &mut Tile<'_, F>,
        shifts: Shifts,
        registers: &mut Registers<F>,
    ) {
        // SAFETY: as the caller says.
        unsafe {
            match self.code[pass.number] {
                Some(compiled) => compiled(self.instructions, tile, shifts),
                None => self.interpreted[pass.number].run(self.instructions, tile, shifts, registers),
            }
        }
    }

    pub(crate) fn totals(&self, scalars: &[f64], values: &[f64], rows: usize, sums: Vec<Vec<f64>>) -> Totals {
        let gradient = &self.plan.program.gradient;
        let graph = &self.plan.graph;
        let width = self.layout.width;
        let of_row = |id: Id, row: usize| {
            self.layout.value(graph, scalars, values.get(row * width..).unwrap_or_default(), id)
        };
        let mut sums = sums.into_iter();
        let mut partials = Vec::new();
        for partial in &gradient.partials {
            let axis = match partial.by {
                Wrt::Param(_) => None,
                Wrt::Input(at) => Some(graph.inputs[at as usize].axis),
            };
            let found = match axis {
                Some(Axis::Matrix) => continue,
                Some(Axis::Classes) => sums.next().unwrap_or_default(),
                Some(Axis::Rows) => (0..rows).map(|row| of_row(partial.target, row)).collect(),
                None => vec![of_row(partial.target, 0)],
            };
            partials.push((partial.by, found));
        }
        Totals {
            loss: of_row(gradient.loss.total, 0),
            partials,
            states: gradient.loss.updates.iter().map(|update| of_row(update.next, 0)).collect(),
        }
    }

    fn check(&self, inputs: &Inputs<'_, F>, outputs: &Outputs<'_, F>) -> Result<(), NativeError> {
        let (rows, classes) = (inputs.labels.len(), inputs.classes);
        if rows == 0 || classes == 0 {
            return Err(NativeError::Empty { rows, classes });
        }
        let wanted = |what: &str, wanted: usize, found: usize| match found == wanted {
            true => Ok(()),
            false => Err(NativeError::Count { what: what.to_owned(), wanted, found }),
        };
        let least = |what: &str, wanted: usize, found: usize| match found >= wanted {
            true => Ok(()),
            false => Err(NativeError::TooShort { what: what.to_owned(), wanted, found }),
        };
        least("the stride", classes, inputs.stride)?;
        // Too large to be counted is too large for any array.
        let cells = (rows - 1).saturating_mul(inputs.stride).saturating_add(classes);
        let matrices = self.plan.matrices();
        if !inputs.matrices.is_empty() {
            wanted("matrices", matrices, inputs.matrices.len())?;
        }
        wanted("gradients", matrices, outputs.gradients.len())?;
        for matrix in inputs.matrices {
            least("a matrix", cells, matrix.len())?;
        }
        for gradient in outputs.gradients.iter() {
            least("a gradient", cells, gradient.len())?;
        }
        wanted("losses", rows, outputs.loss.len())?;
        wanted("hyperparameters", self.plan.graph.params.len(), inputs.params.len())?;
        let further: Vec<_> = self.plan.graph.inputs.iter().filter(|i| i.axis != Axis::Matrix).collect();
        wanted("further inputs", further.len(), inputs.vectors.len())?;
        for (input, vector) in further.iter().zip(inputs.vectors) {
            let count = if input.axis == Axis::Rows { rows } else { classes };
            wanted(&format!("values of `{}`", input.name), count, vector.len())?;
        }
        match inputs.labels.iter().position(|label| *label >= classes) {
            Some(row) => Err(NativeError::Label { row, label: inputs.labels[row], classes }),
            None => Ok(()),
        }
    }
}

/// One of a pool, or a new one.
fn taken<T: Default>(pool: &Mutex<Vec<T>>) -> T {
    pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop().unwrap_or_default()
}

fn give_back<T>(pool: &Mutex<Vec<T>>, one: T) {
    pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(one);
}

/// One of a pool, which goes back to it in the end.
pub(crate) struct Lent<'a, T: Default> {
    pub(crate) one: T,
    pool: &'a Mutex<Vec<T>>,
}

impl<'a, T: Default> Lent<'a, T> {
    pub(crate) fn of(pool: &'a Mutex<Vec<T>>) -> Self {
        Lent { one: taken(pool), pool }
    }
}

impl<T: Default> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        give_back(self.pool, std::mem::take(&mut self.one));
    }
}

/// Adds sums over the classes to those of earlier rows.
fn add_up(sums: &mut [Vec<f64>], found: Vec<Vec<f64>>) {
    for (sum, found) in sums.iter_mut().zip(found) {
        if sum.is_empty() {
            *sum = found;
        } else {
            sum.iter_mut().zip(found).for_each(|(a, b)| *a += b);
        }
    }
}
