//! A pass over the tiles of classes.

use std::borrow::Cow;

use marlo_ir::eval::Scalar;
use marlo_ir::graph::{Axis, Input};
use marlo_ir::kind::Kind;
use rayon::prelude::*;

use super::product::{Matrix, multiply};
use super::target::{Pair, wide_inverse_norm};
use super::{Filtered, Head, Mode, Step, each_row, targets, vector};
use crate::interpret::Registers;
use crate::kernel::Kernel;
use crate::math::Real;
use crate::merged::Merged;
use crate::plan::{Act, Pass, Scale, To, Writes};
use crate::rows::End;
use crate::tile::{Shifts, TILE, Tile};

/// The bytes of a tile of class weights: with its block of cosines it stays in a second-level cache.
const TILE_BYTES: usize = 1 << 19;

/// So many sums of ∂L/∂x̂ are kept apart and added up in order, whatever the number of threads: the same bits for any.
const GROUPS: usize = 8;

/// The classes of a tile.
pub(super) fn tile_classes<F>(dim: usize) -> usize {
    (TILE_BYTES / (dim * size_of::<F>()) / 64 * 64).clamp(64, TILE)
}

/// What a step takes beside ∂L/∂W and the blocks of the fast mode.
pub(super) fn bytes<F: Real>(head: &Head<F>, rows: usize, classes: usize) -> usize {
    let (size, dim, centres) = (size_of::<F>(), head.dim, head.centres());
    let tile = tile_classes::<F>(dim).min(classes);
    let tiles = classes.div_ceil(tile);
    let reductions = head.kernel.plan.sweeps().map(|pass| pass.reductions.len()).max().unwrap_or(0);
    let parts = 2 * tiles * rows * reductions * size_of::<Part<F>>();
    let norms = classes * centres * size;
    let scratch = GROUPS.min(tiles) * rows * tile * (2 * centres + 1) * size;
    (GROUPS + 2) * rows * dim * size + parts + norms + scratch
}

/// What a run of cells gave to a reduction.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
struct Part<F> {
    found: f64,
    shift: F,
}

/// Memory that a head keeps from step to step.
#[derive(Debug, Default)]
pub(super) struct Work<F> {
    /// x̂, (B, d).
    unit: Vec<F>,
    /// The same by columns.
    by_columns: Vec<F>,
    /// 1/‖w‖ of each class and centre.
    inverse: Vec<F>,
    /// The blocks of the fast mode where ∂L/∂W has no room for them.
    blocks: Vec<F>,
    /// For each tile, row, and run of cells before and after the label, what each reduction found.
    parts: Vec<Part<F>>,
    /// Values of the rows that a sweep reads.
    rows: Vec<F>,
    low: Vec<F>,
    /// Sums of ∂L/∂x̂ by groups of tiles.
    groups: Vec<Group<F>>,
    values: Vec<f64>,
}

/// What the tiles of a group share.
#[derive(Debug, Default)]
struct Group<F> {
    /// ∂L/∂x̂ so far, (B, d).
    by_x: Vec<F>,
    /// A tile's derivatives, one block (B, n) for each centre.
    cells: Vec<F>,
    /// A tile's cosines in the low-memory mode.
    block: Vec<F>,
    /// Products of a tile before they are cosines, (n, B).
    products: Vec<F>,
    /// Class weights of a tile of sampled classes.
    gathered: Vec<F>,
    /// Derivatives by inputs of the classes, of one row.
    runs: Vec<F>,
    registers: Registers<F>,
    filtered: Filtered,
}

/// A step on its way.
pub(super) struct Run<'a, F: Real> {
    head: &'a Head<F>,
    step: &'a Step<'a, F>,
    /// The label of each row among the classes that take part.
    places: &'a [usize],
    classes: usize,
    mode: Mode,
    /// Are vectors normalised?
    unit: bool,
    x_inverse: Vec<f64>,
    cosines: Vec<Vec<f64>>,
    /// The further inputs; of the classes, those that take part.
    vectors: Vec<Cow<'a, [F]>>,
    pub(super) values: &'a mut Vec<f64>,
    xhat: &'a [F],
    by_columns: &'a [F],
    inverse: &'a mut Vec<F>,
    blocks: &'a mut Vec<F>,
    parts: &'a mut Vec<Part<F>>,
    constants: (&'a mut Vec<F>, &'a mut Vec<F>),
    groups: &'a mut Vec<Group<F>>,
    by_w: &'a mut [F],
    /// Derivatives by inputs of the classes.
    pub(super) sums: Vec<Vec<f64>>,
    written: bool,
}

/// Places that tiles write to, each its own.
#[derive(Copy, Clone)]
struct Shared<F> {
    by_w: *mut F,
    inverse: *mut F,
    blocks: *mut F,
    parts: *mut Part<F>,
}

// SAFETY: a tile is worked on by one thread, and what tiles write does not overlap.
unsafe impl<F: Send> Sync for Shared<F> {}
// SAFETY: as above.
unsafe impl<F: Send> Send for Shared<F> {}

/// What is done to the tiles of a pass.
#[derive(Copy, Clone)]
struct Pace<'a> {
    act: &'a Act,
    /// Are the cosines still to be formed?
    first: bool,
    /// Is this the pass that multiplies back?
    last: bool,
}

impl<'a, F: Real> Run<'a, F> {
    /// Normalises the embeddings, and computes what rows read at their labels.
    pub(super) fn new(
        head: &'a Head<F>,
        step: &'a Step<'a, F>,
        places: &'a [usize],
        classes: usize,
        mode: Mode,
        work: &'a mut Work<F>,
        by_w: &'a mut [F],
    ) -> Self {
        let (rows, dim, centres) = (places.len(), head.dim, head.centres());
        let plan = &head.kernel.plan;
        let unit = plan.graph.inputs[0].kind == Kind::Cosine;
        let x_inverse: Vec<f64> = step.x.chunks(dim).map(wide_inverse_norm).collect();
        work.unit.resize(rows * dim, F::default());
        work.unit.par_chunks_mut(dim).zip(step.x.par_chunks(dim)).zip(&x_inverse).for_each(
            |((to, from), inverse)| {
                let by = if unit { *inverse } else { 1.0 };
                vector::scaled(head.kernel.instructions, from, F::from_f64(by), to);
            },
        );
        work.by_columns.resize(rows * dim, F::default());
        for (row, x) in work.unit.chunks(dim).enumerate() {
            x.iter().enumerate().for_each(|(at, x)| work.by_columns[at * rows + row] = *x);
        }
        let in_gradient = rows <= dim;
        if mode == Mode::Fast && !in_gradient {
            work.blocks.resize(rows * classes * centres, F::default());
        }
        work.inverse.resize(classes * centres, F::default());
        let layout = &head.kernel.layout;
        work.values.clear();
        work.values.resize(rows * layout.width, 0.0);
        let weights = |label: usize, centre: usize| &step.w[(label * centres + centre) * dim..][..dim];
        let cosine = |row: usize, centre: usize| {
            let pair = Pair {
                x: &step.x[row * dim..][..dim],
                w: weights(step.labels[row], centre),
                x_inverse: x_inverse[row],
                w_inverse: wide_inverse_norm(weights(step.labels[row], centre)),
            };
            if unit { pair.cosine() } else { super::target::wide_dot(pair.x, pair.w) }
        };
        let cosines: Vec<Vec<f64>> =
            (0..rows).map(|row| (0..centres).map(|centre| cosine(row, centre)).collect()).collect();
        for (row, values) in work.values.chunks_mut(layout.width.max(1)).enumerate().take(rows) {
            let vector = |input: usize, at: usize| step.vectors[plan.places[input]][at].to_f64();
            let target = |input: usize| cosines[row][plan.places[input]];
            layout.read(values, (row, step.labels[row]), &target, &vector);
        }
        Run {
            head,
            step,
            places,
            classes,
            mode,
            unit,
            x_inverse,
            cosines,
            vectors: vectors(head, step),
            values: &mut work.values,
            xhat: &work.unit,
            by_columns: &work.by_columns,
            inverse: &mut work.inverse,
            blocks: &mut work.blocks,
            parts: &mut work.parts,
            constants: (&mut work.rows, &mut work.low),
            groups: &mut work.groups,
            by_w,
            sums: vec![vec![0.0; classes]; plan.sums()],
            written: false,
        }
    }

    /// Work on the values of each row.
    pub(super) fn each_row(&mut self, work: impl Fn(&mut [f64]) + Sync) {
        each_row(self.values, self.head.kernel.layout.width, work);
    }

    /// One pass over all tiles, and the merging of what its reductions found.
    pub(super) fn pass(&mut self, act: &Act, scalars: &[f64], first: bool, last: bool) {
        let kernel = &self.head.kernel;
        let width = kernel.layout.width.max(1);
        self.constants.0.clear();
        self.constants.1.clear();
        let swept = match act {
            Act::Sweep(pass) => Some(&**pass),
            // What was kept is formed again.
            Act::Scale(_) if self.mode == Mode::LowMemory => kernel.plan.keeper(),
            _ => None,
        };
        if let Some(pass) = swept {
            for values in self.values.chunks(width) {
                let constants = (&mut *self.constants.0, &mut *self.constants.1);
                kernel.constants(pass, (scalars, values), <f64 as Scalar>::RESOLUTION, constants);
            }
        }
        let tile = tile_classes::<F>(self.head.dim).min(self.classes);
        let tiles = self.classes.div_ceil(tile);
        let rows = self.places.len();
        if let Act::Sweep(pass) = act {
            self.parts.resize(2 * tiles * rows * pass.reductions.len(), Part::default());
        }
        let groups = GROUPS.min(tiles);
        self.groups.resize_with(groups, Group::default);
        let pace = Pace { act, first, last };
        let shared = Shared {
            by_w: self.by_w.as_mut_ptr(),
            inverse: self.inverse.as_mut_ptr(),
            blocks: self.blocks.as_mut_ptr(),
            parts: self.parts.as_mut_ptr(),
        };
        let mut taken = std::mem::take(self.groups);
        let sums: Vec<*mut f64> = self.sums.iter_mut().map(Vec::as_mut_ptr).collect();
        let sums = Sums(&sums);
        let this = &*self;
        taken.par_iter_mut().enumerate().for_each(|(number, group)| {
            if last {
                group.by_x.clear();
                group.by_x.resize(rows * this.head.dim, F::default());
                group.filtered = Filtered::default();
            }
            for number in number * tiles / groups..(number + 1) * tiles / groups {
                let start = number * tile;
                let one =
                    One { run: this, shared, start, cells: tile.min(this.classes - start), number, tiles };
                one.work(pace, scalars, group, sums);
            }
        });
        *self.groups = taken;
        if let Act::Sweep(pass) = act {
            self.merge(pass, tiles);
        }
        self.written |= last;
    }

    fn merge(&mut self, pass: &Pass, tiles: usize) {
        let (layout, rows) = (&self.head.kernel.layout, self.places.len());
        let count = pass.reductions.len();
        let parts = &*self.parts;
        let width = layout.width.max(1);
        let tile = tile_classes::<F>(self.head.dim).min(self.classes);
        let (places, classes) = (self.places, self.classes);
        self.values.par_chunks_mut(width).enumerate().with_min_len(4).for_each(|(row, values)| {
            for (a, id) in pass.reductions.iter().enumerate() {
                let mut merged = Merged::new(&pass.sweep.reductions[a]);
                for number in 0..tiles {
                    let start = number * tile;
                    for (run, (_, cells)) in runs(places[row], start, tile.min(classes - start)).enumerate() {
                        if cells > 0 {
                            let part = parts[((number * rows + row) * 2 + run) * count + a];
                            merged.add(part.found, part.shift.to_f64());
                        }
                    }
                }
                merged.store(layout, values, *id);
            }
        });
    }

    /// Adds up ∂L/∂x, and the labels' terms.
    pub(super) fn finish(&mut self, scalars: &[f64], by_x: &mut [F]) -> Filtered {
        let (head, dim) = (self.head, self.head.dim);
        let instructions = head.kernel.instructions;
        let one = F::from_f64(1.0);
        let groups = &*self.groups;
        let written = self.written;
        by_x.par_chunks_mut(dim).enumerate().for_each(|(row, by_x)| {
            by_x.fill(F::default());
            for group in groups.iter().filter(|_| written) {
                vector::add_scaled(instructions, by_x, one, &group.by_x[row * dim..][..dim]);
            }
            if self.unit {
                let xhat = &self.xhat[row * dim..][..dim];
                let along = vector::dot(instructions, by_x, xhat);
                vector::add_scaled(instructions, by_x, F::from_f64(-along), xhat);
                let sum = by_x.to_vec();
                vector::scaled(instructions, &sum, F::from_f64(self.x_inverse[row]), by_x);
            }
        });
        let centres = head.centres();
        let layout = &head.kernel.layout;
        for row in 0..self.places.len() {
            let values = self.values.get(row * layout.width..).unwrap_or_default();
            for output in &head.kernel.plan.outputs {
                if let To::Classes(place) = output.to {
                    let value = layout.value(&head.kernel.plan.graph, scalars, values, output.target);
                    self.sums[place][self.places[row]] += value;
                }
            }
            for (centre, target) in targets(&head.kernel.plan) {
                let value = layout.value(&head.kernel.plan.graph, scalars, values, target);
                let w = &self.step.w[(self.step.labels[row] * centres + centre) * dim..][..dim];
                let pair = Pair {
                    x: &self.step.x[row * dim..][..dim],
                    w,
                    x_inverse: self.x_inverse[row],
                    w_inverse: wide_inverse_norm(w),
                };
                let dx = &mut by_x[row * dim..][..dim];
                let dw = &mut self.by_w[(self.places[row] * centres + centre) * dim..][..dim];
                match self.unit {
                    true => pair.add(value, self.cosines[row][centre], dx, dw),
                    false => pair.add_plain(value, dx, dw),
                }
            }
        }
        let mut filtered = Filtered::default();
        for group in self.groups.iter().filter(|_| written) {
            filtered.tiles += group.filtered.tiles;
            filtered.of += group.filtered.of;
            filtered.error += group.filtered.error;
        }
        filtered
    }
}

/// The further inputs of the classes that take part.
fn vectors<'a, F: Real>(head: &Head<F>, step: &'a Step<'a, F>) -> Vec<Cow<'a, [F]>> {
    let inputs = head.kernel.plan.graph.inputs.iter().filter(|input| input.axis != Axis::Matrix);
    let of = |(input, vector): (&Input, &'a &'a [F])| match (input.axis, step.sampled) {
        (Axis::Classes, Some(sampled)) => Cow::Owned(sampled.iter().map(|class| vector[*class]).collect()),
        _ => Cow::Borrowed(*vector),
    };
    inputs.zip(step.vectors).map(of).collect()
}

/// The places of sums over the rows, of which each tile writes those of its classes.
#[derive(Copy, Clone)]
struct Sums<'a>(&'a [*mut f64]);

// SAFETY: tiles have no class in common.
unsafe impl Sync for Sums<'_> {}
// SAFETY: as above.
unsafe impl Send for Sums<'_> {}

/// The runs of a tile's cells before and after a row's label, as their start in the tile and their length.
fn runs(label: usize, start: usize, cells: usize) -> impl Iterator<Item = (usize, usize)> {
    let pair = match label.checked_sub(start).filter(|at| *at < cells) {
        Some(at) => [(0, at), (at + 1, cells - at - 1)],
        None => [(0, cells), (cells, 0)],
    };
    pair.into_iter()
}

/// One tile of classes.
struct One<'a, F: Real> {
    run: &'a Run<'a, F>,
    shared: Shared<F>,
    /// Its first class, and how many it has.
    start: usize,
    cells: usize,
    number: usize,
    tiles: usize,
}

impl<F: Real> One<'_, F> {
    fn head(&self) -> &Head<F> {
        self.run.head
    }

    fn kernel(&self) -> &Kernel<F> {
        &self.run.head.kernel
    }

    fn rows(&self) -> usize {
        self.run.places.len()
    }

    fn work(&self, pace: Pace<'_>, scalars: &[f64], group: &mut Group<F>, sums: Sums<'_>) {
        let (head, rows) = (self.head(), self.rows());
        let (dim, centres) = (head.dim, head.centres());
        let size = rows * self.cells;
        let weights = self.weights(&mut group.gathered);
        let in_gradient = rows <= dim;
        let block: *mut F = match self.run.mode {
            Mode::LowMemory => {
                group.block.resize(centres * size, F::default());
                group.block.as_mut_ptr()
            }
            // Until the tile's gradients are written, their place holds its block.
            Mode::Fast if in_gradient => self.shared.by_w.wrapping_add(self.start * centres * dim),
            Mode::Fast => self.shared.blocks.wrapping_add(self.start * centres * rows),
        };
        if pace.first || self.run.mode == Mode::LowMemory {
            self.form(block, weights, pace.first, &mut group.products);
        }
        match pace.act {
            Act::Sweep(pass) => self.sweep(pass, block, group, sums, true),
            Act::Scale(_) if self.run.mode == Mode::LowMemory => {
                if let Some(pass) = self.kernel().plan.keeper() {
                    self.sweep(pass, block, group, sums, false);
                }
            }
            _ => {}
        }
        if pace.last {
            group.cells.resize(centres * size, F::default());
            let error = match pace.act {
                Act::Scale(scales) => self.scale(scales, scalars, block, &mut group.cells),
                _ => self.copy(block, &mut group.cells),
            };
            group.filtered.of += 1;
            if self.is_negligible(error) {
                group.filtered.tiles += 1;
                group.filtered.error += error;
                // SAFETY: these are the tile's gradients.
                unsafe { self.by_w().write_bytes(0, self.cells * centres * dim) };
                return;
            }
            self.multiply_back(weights, group);
        }
    }

    fn by_w(&self) -> *mut F {
        self.shared.by_w.wrapping_add(self.start * self.head().centres() * self.head().dim)
    }

    fn is_negligible(&self, error: f64) -> bool {
        self.head().filter.is_some_and(|most| error <= most / self.tiles as f64)
    }

    /// The tile's class weights: where they lie, or those of sampled classes gathered.
    fn weights(&self, gathered: &mut Vec<F>) -> *const F {
        let length = self.head().dim * self.head().centres();
        match self.run.step.sampled {
            None => self.run.step.w[self.start * length..].as_ptr(),
            Some(sampled) => {
                gathered.clear();
                for class in &sampled[self.start..][..self.cells] {
                    gathered.extend_from_slice(&self.run.step.w[class * length..][..length]);
                }
                gathered.as_ptr()
            }
        }
    }

    /// The inverse norms of one centre of the tile's classes.
    fn inverse(&self, centre: usize) -> &[F] {
        let first =
            self.shared.inverse.wrapping_add(self.start * self.head().centres() + centre * self.cells);
        // SAFETY: the tile's own, written in the first pass.
        unsafe { std::slice::from_raw_parts(first, self.cells) }
    }

    /// Forms the tile's cosines, or logits.
    fn form(&self, block: *mut F, weights: *const F, first: bool, products: &mut Vec<F>) {
        let (head, rows, cells) = (self.head(), self.rows(), self.cells);
        let (dim, centres) = (head.dim, head.centres());
        let instructions = self.kernel().instructions;
        for centre in 0..centres {
            if first {
                let to = self.shared.inverse.wrapping_add(self.start * centres + centre * cells);
                for class in 0..cells {
                    let from = weights.wrapping_add((class * centres + centre) * dim);
                    // SAFETY: the tile's weights.
                    let w = unsafe { std::slice::from_raw_parts(from, dim) };
                    let inverse = if self.run.unit { vector::inverse_norm(instructions, w) } else { 1.0 };
                    // SAFETY: the tile's own.
                    unsafe { to.add(class).write(F::from_f64(inverse)) };
                }
            }
            // The product by columns needs no copy of W in another order, which would cost as much as a third of it.
            products.resize(rows * cells, F::default());
            let out = Matrix::transposed(products.as_mut_ptr(), rows);
            let x = Matrix::transposed(self.run.by_columns.as_ptr(), rows);
            let w = Matrix::transposed(weights.wrapping_add(centre * dim), centres * dim);
            // SAFETY: all lie in their arrays.
            unsafe { multiply((rows, cells, dim), out, false, x, w) };
            // SAFETY: the block is the tile's own.
            let block = unsafe {
                std::slice::from_raw_parts_mut(block.wrapping_add(centre * rows * cells), rows * cells)
            };
            let most = if self.run.unit { F::from_f64(1.0) } else { -F::LEAST };
            vector::by_rows(instructions, products, self.inverse(centre), most, block);
        }
    }

    /// A sweep over the tile's cells of each row.
    fn sweep(&self, pass: &Pass, block: *mut F, group: &mut Group<F>, sums: Sums<'_>, counts: bool) {
        let kernel = self.kernel();
        let plan = &kernel.plan;
        let (rows, count) = (self.rows(), pass.reductions.len());
        let (high, low) = (&*self.run.constants.0, &*self.run.constants.1);
        let constants = pass.rows.len();
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let (mut shifts, mut found) = (vec![F::default(); count], vec![0.0; count]);
        group.runs.resize(plan.outputs.len() * self.cells, F::default());
        for row in 0..rows {
            for (run, (at, cells)) in runs(self.run.places[row], self.start, self.cells).enumerate() {
                if cells == 0 {
                    continue;
                }
                let cell = |matrix: usize| block.wrapping_add((matrix * rows + row) * self.cells + at);
                inputs.clear();
                inputs.extend(pass.inputs.iter().map(|&input| match plan.graph.inputs[input].axis {
                    Axis::Matrix => cell(plan.places[input]).cast_const(),
                    _ => self.of_classes(plan.places[input]).wrapping_add(at),
                }));
                outputs.clear();
                if pass.writes != Writes::Nothing {
                    let runs = group.runs.as_mut_ptr();
                    outputs.extend(plan.outputs.iter().enumerate().map(|(number, output)| match output.to {
                        To::Matrix(matrix) => cell(matrix),
                        To::Classes(_) => runs.wrapping_add(number * self.cells + at),
                    }));
                }
                let mut tile = Tile {
                    cells,
                    inputs: &inputs,
                    outputs: &outputs,
                    rows: &high[row * constants..][..constants],
                    low: &low[row * constants..][..constants],
                    shifts: &mut shifts,
                    found: &mut found,
                };
                // SAFETY: the run lies in the block, and its inputs in theirs.
                unsafe { kernel.run_tile(pass, &mut tile, Shifts::Own, &mut group.registers) };
                if counts {
                    let first = ((self.number * rows + row) * 2 + run) * count;
                    for a in 0..count {
                        let part = Part { found: found[a], shift: shifts[a] };
                        // SAFETY: the tile's own.
                        unsafe { self.shared.parts.add(first + a).write(part) };
                    }
                }
                if pass.writes == Writes::Gradient {
                    self.add_up((at, cells), &group.runs, sums);
                }
            }
        }
    }

    /// A further input of the classes, at the tile's first.
    fn of_classes(&self, place: usize) -> *const F {
        self.run.vectors[place].as_ptr().wrapping_add(self.start)
    }

    /// Adds a row's derivatives by inputs of the classes to those of earlier rows.
    fn add_up(&self, (at, cells): (usize, usize), runs: &[F], sums: Sums<'_>) {
        for (number, output) in self.kernel().plan.outputs.iter().enumerate() {
            if let To::Classes(place) = output.to {
                let run = &runs[number * self.cells + at..][..cells];
                for (class, value) in run.iter().enumerate() {
                    // SAFETY: the class is the tile's.
                    unsafe { *sums.0[place].add(self.start + at + class) += value.to_f64() };
                }
            }
        }
    }

    /// The derivatives by the cells from what was kept of them, each by the inverse norm of its class; 0 at the labels.
    /// Gives the sum of their absolute values before that.
    fn scale(&self, scales: &[Scale], scalars: &[f64], block: *const F, to: &mut [F]) -> f64 {
        let kernel = self.kernel();
        let plan = &kernel.plan;
        let (rows, layout) = (self.rows(), &kernel.layout);
        let reductions = plan.kept_reductions();
        let mut sum = 0.0;
        for (scale, output) in scales.iter().zip(&plan.outputs) {
            let To::Matrix(matrix) = output.to else { continue };
            let place = scale.lse.map(|lse| plan.lse_place(lse));
            for row in 0..rows {
                let values = self.run.values.get(row * layout.width..).unwrap_or_default();
                let value = |id| layout.value(&plan.graph, scalars, values, id);
                let (factor, offset) = (scale.factor.map_or(0.0, value), scale.offset.map_or(0.0, value));
                for (run, (at, cells)) in runs(self.run.places[row], self.start, self.cells).enumerate() {
                    let first = ((self.number * rows + row) * 2 + run) * reductions;
                    let factor = match (scale.lse, place) {
                        (Some(lse), Some(place)) if cells > 0 => {
                            let total = layout.end(values, lse, End::Sum);
                            let shift = layout.end(values, lse, End::Shift);
                            let own = self.run.parts[first + place].shift.to_f64();
                            if total > 0.0 { factor * (own - shift).exp2() / total } else { 0.0 }
                        }
                        _ => 0.0,
                    };
                    let from = (matrix * rows + row) * self.cells + at;
                    // SAFETY: the run lies in the block.
                    let kept = unsafe { std::slice::from_raw_parts(block.add(from), cells) };
                    let (factor, offset) = (F::from_f64(factor), F::from_f64(offset));
                    let inverse = &self.inverse(matrix)[at..][..cells];
                    let to = &mut to[from..][..cells];
                    sum += vector::gradient(kernel.instructions, kept, inverse, factor, offset, to);
                }
                self.clear_label(matrix, row, to);
            }
        }
        sum
    }

    /// The same where the block holds the derivatives themselves.
    fn copy(&self, block: *const F, to: &mut [F]) -> f64 {
        let (rows, cells) = (self.rows(), self.cells);
        let (one, zero) = (F::from_f64(1.0), F::default());
        let mut sum = 0.0;
        for matrix in 0..self.head().centres() {
            for row in 0..rows {
                let from = (matrix * rows + row) * cells;
                // The label's cell holds its cosine, which is no derivative.
                for (at, count) in runs(self.run.places[row], self.start, cells) {
                    // SAFETY: the run lies in the block.
                    let kept = unsafe { std::slice::from_raw_parts(block.add(from + at), count) };
                    let inverse = &self.inverse(matrix)[at..][..count];
                    let to = &mut to[from + at..][..count];
                    sum += vector::gradient(self.kernel().instructions, kept, inverse, one, zero, to);
                }
                self.clear_label(matrix, row, to);
            }
        }
        sum
    }

    /// The label's term is added apart.
    fn clear_label(&self, matrix: usize, row: usize, to: &mut [F]) {
        if let Some(at) = self.run.places[row].checked_sub(self.start).filter(|at| *at < self.cells) {
            to[(matrix * self.rows() + row) * self.cells + at] = F::default();
        }
    }

    /// The backward products, and the gradient by the class weights through the tangent.
    fn multiply_back(&self, weights: *const F, group: &mut Group<F>) {
        let (head, rows, cells) = (self.head(), self.rows(), self.cells);
        let (dim, centres) = (head.dim, head.centres());
        let instructions = self.kernel().instructions;
        for centre in 0..centres {
            let derivatives = group.cells[centre * rows * cells..].as_ptr();
            let by_x = Matrix::by_rows(group.by_x.as_mut_ptr(), dim);
            let w = Matrix::by_rows(weights.wrapping_add(centre * dim), centres * dim);
            // SAFETY: all lie in their arrays; the sums are the group's own.
            unsafe { multiply((rows, dim, cells), by_x, true, Matrix::by_rows(derivatives, cells), w) };
            let by_w = Matrix::by_rows(self.by_w().wrapping_add(centre * dim), centres * dim);
            let x = Matrix::by_rows(self.run.xhat.as_ptr(), dim);
            // SAFETY: the gradients are the tile's own, and its block is no longer needed.
            unsafe { multiply((cells, dim, rows), by_w, false, Matrix::transposed(derivatives, cells), x) };
            if !self.run.unit {
                continue;
            }
            for class in 0..cells {
                let at = (class * centres + centre) * dim;
                // SAFETY: the tile's own gradients and its weights.
                let (by_w, w) = unsafe {
                    (
                        std::slice::from_raw_parts_mut(self.by_w().add(at), dim),
                        std::slice::from_raw_parts(weights.add(at), dim),
                    )
                };
                let inverse = self.inverse(centre)[class].to_f64();
                let along = vector::dot(instructions, by_w, w) * inverse * inverse;
                vector::add_scaled(instructions, by_w, F::from_f64(-along), w);
            }
        }
    }
}
