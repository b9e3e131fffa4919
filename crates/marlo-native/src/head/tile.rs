//! One tile of classes: its cosines, what a sweep makes of them, and the backward products.

use marlo_ir::graph::Axis;

use super::pass::{Group, Part, Run};
use super::product::{Matrix, multiply};
use super::{Head, Mode, vector};
use crate::interpret::Registers;
use crate::kernel::Kernel;
use crate::math::Real;
use crate::plan::{Act, Pass, Scale, To, Writes};
use crate::row_values::End;
use crate::tile::{Shifts, Tile};

/// What a thread needs to work on a tile.
#[derive(Debug, Default)]
pub(super) struct Scratch<F> {
    /// Its derivatives, one block (B, n) for each centre.
    cells: Vec<F>,
    /// Its cosines in the low-memory mode.
    block: Vec<F>,
    /// Its products before they are cosines, (n, B).
    products: Vec<F>,
    /// Its class weights, where classes are sampled.
    gathered: Vec<F>,
    /// Derivatives by inputs of the classes, of one row.
    runs: Vec<F>,
    registers: Registers<F>,
}

/// Places that tiles write to, each its own.
#[derive(Copy, Clone)]
pub(super) struct Shared<F> {
    pub(super) by_w: *mut F,
    pub(super) inverse: *mut F,
    pub(super) blocks: *mut F,
    pub(super) parts: *mut Part<F>,
}

// SAFETY: a tile is worked on by one thread, and what tiles write does not overlap.
unsafe impl<F: Send> Sync for Shared<F> {}
// SAFETY: as above.
unsafe impl<F: Send> Send for Shared<F> {}

/// What is done to the tiles of a pass.
#[derive(Copy, Clone)]
pub(super) struct Pace<'a> {
    pub(super) act: &'a Act,
    /// Are the cosines still to be formed?
    pub(super) first: bool,
    /// Is this the pass that multiplies back?
    pub(super) last: bool,
}

/// The places of sums over the rows, of which each tile writes those of its classes.
#[derive(Copy, Clone)]
pub(super) struct Sums<'a>(pub(super) &'a [*mut f64]);

// SAFETY: tiles have no class in common.
unsafe impl Sync for Sums<'_> {}
// SAFETY: as above.
unsafe impl Send for Sums<'_> {}

/// The runs of a tile's cells before and after a row's label, as their start in the tile and their length.
pub(super) fn runs(label: usize, start: usize, cells: usize) -> impl Iterator<Item = (usize, usize)> {
    let pair = match label.checked_sub(start).filter(|at| *at < cells) {
        Some(at) => [(0, at), (at + 1, cells - at - 1)],
        None => [(0, cells), (cells, 0)],
    };
    pair.into_iter()
}

/// One tile of classes.
pub(super) struct One<'a, F: Real> {
    pub(super) run: &'a Run<'a, F>,
    pub(super) shared: Shared<F>,
    /// Its first class, and how many it has.
    pub(super) start: usize,
    pub(super) cells: usize,
    /// Its number among all tiles, and their count.
    pub(super) number: usize,
    pub(super) tiles: usize,
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

    /// What a pass does to the tile.
    pub(super) fn work(
        &self,
        pace: Pace<'_>,
        scalars: &[f64],
        group: &mut Group<F>,
        scratch: &mut Scratch<F>,
        sums: Sums<'_>,
    ) {
        let (head, rows) = (self.head(), self.rows());
        let (dim, centres) = (head.dim, head.centres());
        let size = rows * self.cells;
        let weights = self.weights(&mut scratch.gathered);
        let in_gradient = rows <= dim;
        let block: *mut F = match self.run.mode {
            Mode::LowMemory => {
                scratch.block.resize(centres * size, F::default());
                scratch.block.as_mut_ptr()
            }
            // Until the tile's gradients are written, their place holds its block.
            Mode::Fast if in_gradient => self.shared.by_w.wrapping_add(self.start * centres * dim),
            Mode::Fast => self.shared.blocks.wrapping_add(self.start * centres * rows),
        };
        if pace.first || self.run.mode == Mode::LowMemory {
            self.form(block, weights, pace.first, &mut scratch.products);
        }
        match pace.act {
            Act::Sweep(pass) => self.sweep(pass, block, scratch, sums, true),
            Act::Scale(_) if self.run.mode == Mode::LowMemory => {
                if let Some(pass) = self.kernel().plan.keeper() {
                    self.sweep(pass, block, scratch, sums, false);
                }
            }
            _ => {}
        }
        if pace.last {
            scratch.cells.resize(centres * size, F::default());
            let error = match pace.act {
                Act::Scale(scales) => self.scale(scales, scalars, block, &mut scratch.cells),
                _ => self.copy(block, &mut scratch.cells),
            };
            group.filtered.of += 1;
            if self.is_negligible(error) {
                group.filtered.tiles += 1;
                group.filtered.error += error;
                // SAFETY: these are the tile's gradients.
                unsafe { self.by_w().write_bytes(0, self.cells * centres * dim) };
                return;
            }
            self.multiply_back(weights, &scratch.cells, &mut group.by_x);
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
                    unsafe { to.add(class).write(F::rounded(inverse)) };
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
    fn sweep(&self, pass: &Pass, block: *mut F, scratch: &mut Scratch<F>, sums: Sums<'_>, counts: bool) {
        let kernel = self.kernel();
        let plan = &kernel.plan;
        let (rows, count) = (self.rows(), pass.reductions.len());
        let (high, low) = (&*self.run.constants.0, &*self.run.constants.1);
        let constants = pass.rows.len();
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let (mut shifts, mut found) = (vec![F::default(); count], vec![0.0; count]);
        scratch.runs.resize(plan.outputs.len() * self.cells, F::default());
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
                    let runs = scratch.runs.as_mut_ptr();
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
                unsafe { kernel.run_tile(pass, &mut tile, Shifts::Own, &mut scratch.registers) };
                if counts {
                    let first = ((self.number * rows + row) * 2 + run) * count;
                    for a in 0..count {
                        let part = Part { found: found[a], shift: shifts[a] };
                        // SAFETY: the tile's own.
                        unsafe { self.shared.parts.add(first + a).write(part) };
                    }
                }
                if pass.writes == Writes::Gradient {
                    self.add_up((at, cells), &scratch.runs, sums);
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
                            if total == 0.0 { 0.0 } else { factor * (own - shift).exp2() / total }
                        }
                        _ => 0.0,
                    };
                    let from = (matrix * rows + row) * self.cells + at;
                    // SAFETY: the run lies in the block.
                    let kept = unsafe { std::slice::from_raw_parts(block.add(from), cells) };
                    let (factor, offset) = (F::rounded(factor), F::rounded(offset));
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
    fn multiply_back(&self, weights: *const F, tile: &[F], all_by_x: &mut [F]) {
        let (head, rows, cells) = (self.head(), self.rows(), self.cells);
        let (dim, centres) = (head.dim, head.centres());
        let instructions = self.kernel().instructions;
        for centre in 0..centres {
            let derivatives = tile[centre * rows * cells..].as_ptr();
            let by_x = Matrix::by_rows(all_by_x.as_mut_ptr(), dim);
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
                vector::add_scaled(instructions, by_w, F::rounded(-along), w);
            }
        }
    }
}
