//! What is done for one row.

use marlo_ir::graph::{Axis, Id};

use crate::interpret::Registers;
use crate::kernel::{Inputs, Kernel};
use crate::math::Real;
use crate::merged::Merged;
use crate::plan::{Act, Pass, Scale, To, Writes};
use crate::row_values::End;
use crate::stream::{self, Scaled};
use crate::sweep::Reduce;
use crate::tile::{Shifts, TILE, Tile, holds};

/// Where a batch's cells lie.
pub(crate) struct Places<'a, F: Real> {
    pub(crate) kernel: &'a Kernel<F>,
    pub(crate) inputs: &'a Inputs<'a, F>,
    /// The first cell of each matrix.
    pub(crate) matrices: Vec<*const F>,
    /// Where the first cell's derivative by each matrix goes.
    pub(crate) gradients: Vec<*mut F>,
    /// For each row and tile the power of two that what was kept is relative to, for each log-sum-exp.
    pub(crate) shifts: *mut F,
    /// So many of these a row has.
    pub(crate) shifts_a_row: usize,
    /// Is the gradient written over the matrix?
    pub(crate) in_place: bool,
    /// Is the gradient written past the caches?
    pub(crate) streams: bool,
}

// SAFETY: the pointers lead into slices that are borrowed as long as this lives, and each row is worked on by one thread.
unsafe impl<F: Real> Sync for Places<'_, F> {}

/// What a thread needs to work on a row.
#[derive(Debug, Default)]
pub(crate) struct Scratch<F> {
    /// What is kept of a row, or derivatives that are summed over the rows: one run of C numbers each.
    runs: Vec<F>,
    registers: Registers<F>,
    inputs: Vec<*const F>,
    outputs: Vec<*mut F>,
    rows: Vec<F>,
    low: Vec<F>,
    shifts: Vec<F>,
    found: Vec<f64>,
    /// Derivatives by inputs of the classes, summed over the rows so far.
    pub(crate) sums: Vec<Vec<f64>>,
}

// SAFETY: its pointers are filled in anew for each tile, and mean nothing between.
unsafe impl<F: Send> Send for Scratch<F> {}

/// The runs of a row's other classes, each of at most [`TILE`] cells.
pub(crate) fn tiles(classes: usize, label: usize) -> impl Iterator<Item = (usize, usize)> {
    let run =
        |from: usize, to: usize| (from..to).step_by(TILE).map(move |start| (start, TILE.min(to - start)));
    run(0, label).chain(run(label + 1, classes))
}

/// The most tiles of a row.
pub(crate) fn most_tiles(classes: usize) -> usize {
    classes / TILE + 2
}

/// One pass over one row.
pub(crate) fn work<F: Real>(
    places: &Places<'_, F>,
    number: usize,
    row: usize,
    scalars: &[f64],
    values: &mut [f64],
    scratch: &mut Scratch<F>,
) {
    let kernel = places.kernel;
    let layout = &kernel.layout;
    let label = places.inputs.labels[row];
    if number == 0 {
        let at = row * places.inputs.stride + label;
        // SAFETY: the label is a class, and the matrix has the row: both were checked.
        let target =
            |input: usize| unsafe { places.matrices[kernel.plan.places[input]].add(at).read() }.to_f64();
        let vector = |input: usize, at: usize| places.inputs.vectors[kernel.plan.places[input]][at].to_f64();
        layout.read(values, (row, label), &target, &vector);
    }
    let mut written = false;
    for (step, lines) in kernel.plan.phases[number].steps.iter().zip(&kernel.lines[number]) {
        match step {
            Act::Row(_) => {
                lines.iter().for_each(|line| line.compute(scalars, values, places.inputs.resolution));
            }
            Act::Sweep(pass) => {
                places.sweep(pass, row, scalars, values, scratch);
                written |= pass.writes == Writes::Gradient;
            }
            Act::Scale(scales) => {
                places.scale(scales, row, scalars, values, scratch);
                written = true;
            }
        }
    }
    // Last: what stands at the label may hang on reductions of the sweep that writes the rest.
    if written {
        places.targets(row, scalars, values, scratch);
    }
}

impl<F: Real> Places<'_, F> {
    /// A sweep over a row; its reductions become values of the row.
    fn sweep(&self, pass: &Pass, row: usize, scalars: &[f64], values: &mut [f64], scratch: &mut Scratch<F>) {
        let kernel = self.kernel;
        let layout = &kernel.layout;
        let (classes, label) = (self.inputs.classes, self.inputs.labels[row]);
        scratch.rows.clear();
        scratch.low.clear();
        let constants = (&mut scratch.rows, &mut scratch.low);
        kernel.constants(pass, (scalars, values), self.inputs.resolution, constants);
        let count = pass.reductions.len();
        scratch.shifts.clear();
        scratch.shifts.resize(count, F::default());
        scratch.found.clear();
        scratch.found.resize(count, 0.0);
        let runs = if self.through_runs() || kernel.plan.sums() > 0 { kernel.plan.outputs.len() } else { 0 };
        if scratch.runs.len() < runs * classes {
            scratch.runs.resize(runs * classes, F::default());
        }
        let mut merged: Vec<Merged> = pass.sweep.reductions.iter().map(Merged::new).collect();
        let mut shifts = if pass.sweep.has_lse() { Shifts::Own } else { Shifts::Given };
        for (number, (start, cells)) in tiles(classes, label).enumerate() {
            self.sources(pass, row, start, &mut scratch.inputs);
            self.destinations(pass, row, start, scratch);
            let mut tile = Tile {
                cells,
                inputs: &scratch.inputs,
                outputs: &scratch.outputs,
                rows: &scratch.rows,
                low: &scratch.low,
                shifts: &mut scratch.shifts,
                found: &mut scratch.found,
            };
            // SAFETY: the tile lies in the row, and has what the sweep reads.
            unsafe { kernel.run_tile(pass, &mut tile, shifts, &mut scratch.registers) };
            if shifts == Shifts::Given && !lost_nothing(pass, tile.found) {
                // SAFETY: as above.
                unsafe { kernel.run_tile(pass, &mut tile, Shifts::Own, &mut scratch.registers) };
            }
            // Most tiles have terms of a like size. In place there is no second try: each tile looks for its own.
            if !self.in_place {
                shifts = Shifts::Given;
            }
            for (a, merged) in merged.iter_mut().enumerate() {
                merged.add(scratch.found[a], scratch.shifts[a].to_f64());
            }
            if pass.writes == Writes::Kept {
                self.remember(row, number, &scratch.shifts);
            }
            if pass.writes == Writes::Gradient {
                self.add_up((start, cells), scratch);
            }
        }
        for (merged, id) in merged.iter().zip(&pass.reductions) {
            merged.store(layout, values, *id);
        }
    }
}

impl<F: Real> Places<'_, F> {
    /// Where a tile's inputs lie.
    fn sources(&self, pass: &Pass, row: usize, start: usize, inputs: &mut Vec<*const F>) {
        let plan = &self.kernel.plan;
        inputs.clear();
        inputs.extend(pass.inputs.iter().map(|&input| {
            let place = plan.places[input];
            match plan.graph.inputs[input].axis {
                Axis::Matrix => self.matrices[place].wrapping_add(row * self.inputs.stride + start),
                _ => self.inputs.vectors[place].as_ptr().wrapping_add(start),
            }
        }));
    }

    /// Where what a sweep writes of a tile goes: to the gradient, or to a run of its own where it is summed over the rows
    /// or will be scaled on its way past the caches.
    fn destinations(&self, pass: &Pass, row: usize, start: usize, scratch: &mut Scratch<F>) {
        scratch.outputs.clear();
        if pass.writes == Writes::Nothing {
            return;
        }
        let runs = scratch.runs.as_mut_ptr();
        for (number, output) in self.kernel.plan.outputs.iter().enumerate() {
            let run = runs.wrapping_add(number * self.inputs.classes + start);
            scratch.outputs.push(match output.to {
                To::Matrix(_) if pass.writes == Writes::Kept && self.through_runs() => run,
                To::Matrix(matrix) => self.gradients[matrix].wrapping_add(row * self.inputs.stride + start),
                To::Classes(_) => run,
            });
        }
    }

    /// Does what is kept go to runs of the thread's own?
    fn through_runs(&self) -> bool {
        self.streams && !self.kernel.plan.crosses
    }

    /// Remembers what the exponentials of a tile are relative to.
    fn remember(&self, row: usize, tile: usize, shifts: &[F]) {
        let from = row * self.shifts_a_row + tile * shifts.len();
        for (a, shift) in shifts.iter().enumerate() {
            // SAFETY: there are as many as the row has tiles, and only this thread is at this row.
            unsafe { self.shifts.add(from + a).write(*shift) };
        }
    }

    /// Adds derivatives by inputs of the classes to those of earlier rows.
    fn add_up(&self, (start, cells): (usize, usize), scratch: &mut Scratch<F>) {
        for (number, output) in self.kernel.plan.outputs.iter().enumerate() {
            if let To::Classes(place) = output.to {
                let run = &scratch.runs[number * self.inputs.classes + start..][..cells];
                let sums = sums_of(&mut scratch.sums, place, self.inputs.classes);
                sums[start..].iter_mut().zip(run).for_each(|(sum, value)| *sum += value.to_f64());
            }
        }
    }

    /// Writes what stands at the label.
    fn targets(&self, row: usize, scalars: &[f64], values: &[f64], scratch: &mut Scratch<F>) {
        let kernel = self.kernel;
        let label = self.inputs.labels[row];
        for output in &kernel.plan.outputs {
            let value = kernel.layout.value(&kernel.plan.graph, scalars, values, output.target);
            match output.to {
                To::Matrix(matrix) => {
                    let at = row * self.inputs.stride + label;
                    // SAFETY: the label is a class, and the gradient has the row.
                    unsafe { self.gradients[matrix].add(at).write(F::rounded(value)) };
                }
                To::Classes(place) => {
                    sums_of(&mut scratch.sums, place, self.inputs.classes)[label] += value;
                }
            }
        }
    }

    /// Scales what was kept of a row; the gradient is written.
    fn scale(&self, scales: &[Scale], row: usize, scalars: &[f64], values: &[f64], scratch: &mut Scratch<F>) {
        let kernel = self.kernel;
        let (graph, layout) = (&kernel.plan.graph, &kernel.layout);
        let (classes, label) = (self.inputs.classes, self.inputs.labels[row]);
        let reductions = kernel.plan.kept_reductions();
        let value =
            |id: Option<Id>, none: f64| id.map_or(none, |id| layout.value(graph, scalars, values, id));
        for (number, (scale, output)) in scales.iter().zip(&kernel.plan.outputs).enumerate() {
            let To::Matrix(matrix) = output.to else { continue };
            let (factor, offset) = (value(scale.factor, 0.0), value(scale.offset, 0.0));
            let line = self.gradients[matrix].wrapping_add(row * self.inputs.stride);
            let run = scratch.runs.as_ptr().wrapping_add(number * classes);
            let kept = if self.through_runs() { run } else { line.cast_const() };
            let following = (row + 1).min(self.inputs.labels.len() - 1);
            let next = self.matrices[matrix].wrapping_add(following * self.inputs.stride);
            let next = self.through_runs().then_some(next);
            let share = scale.lse.map(|lse| {
                let end = |end: End| layout.end(values, lse, end);
                (kernel.plan.lse_place(lse), end(End::Shift), end(End::Sum))
            });
            for (tile, (start, cells)) in tiles(classes, label).enumerate() {
                let factor = match share {
                    // Each term was 0, or there was none.
                    Some((_, _, 0.0)) => 0.0,
                    Some((place, shift, sum)) => {
                        let at = row * self.shifts_a_row + tile * reductions + place;
                        // SAFETY: the sweep that kept the tile wrote it.
                        let own = unsafe { self.shifts.add(at).read() }.to_f64();
                        factor * (own - shift).exp2() / sum
                    }
                    None => 0.0,
                };
                let run = Scaled {
                    from: kept.wrapping_add(start),
                    to: line.wrapping_add(start),
                    cells,
                    factor: F::rounded(factor),
                    offset: F::rounded(offset),
                    next: next.map(|next| next.wrapping_add(start)),
                };
                // SAFETY: both places lie in the row.
                unsafe { stream::scale(kernel.instructions, run) };
            }
        }
    }
}

/// The sums over the rows of a derivative by an input of the classes.
fn sums_of(sums: &mut Vec<Vec<f64>>, place: usize, classes: usize) -> &mut [f64] {
    if sums.len() <= place {
        sums.resize(place + 1, Vec::new());
    }
    sums[place].resize(classes, 0.0);
    &mut sums[place]
}

/// Did every sum of exponentials stay where no term is lost?
fn lost_nothing(pass: &Pass, found: &[f64]) -> bool {
    let is_lse = |reduce: &Reduce| matches!(reduce, Reduce::Lse { .. });
    pass.sweep.reductions.iter().zip(found).all(|(reduce, found)| !is_lse(reduce) || holds(*found))
}
