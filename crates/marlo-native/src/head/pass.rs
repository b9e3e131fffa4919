//! A pass over the tiles of classes.

use std::borrow::Cow;

use marlo_ir::eval::Scalar;
use marlo_ir::graph::{Axis, Input};
use marlo_ir::kind::Kind;
use rayon::prelude::*;

use super::target::{Pair, wide_dot, wide_inverse_norm};
use super::tile::{One, Pace, Scratch, Shared, Sums, runs};
use super::{Filtered, Head, Mode, Step, each_row, targets, vector};
use crate::kernel::Lent;
use crate::math::Real;
use crate::merged::Merged;
use crate::plan::{Act, Pass, To};
use crate::tile::TILE;

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
    let scratch = rayon::current_num_threads().min(GROUPS) * rows * tile * (2 * centres + 1) * size;
    (GROUPS + 2) * rows * dim * size + parts + norms + scratch
}

/// What a run of cells gave to a reduction.
#[derive(Copy, Clone, Debug, Default, PartialEq)]
pub(super) struct Part<F> {
    pub(super) found: f64,
    pub(super) shift: F,
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

impl<F: Real> Work<F> {
    /// Normalises embeddings, or takes them as they are, and puts them by columns, too.
    fn normalise(&mut self, head: &Head<F>, x: &[F], inverse: Option<&Vec<f64>>) {
        let (dim, rows) = (head.dim, x.len() / head.dim);
        self.unit.resize(x.len(), F::default());
        self.unit.par_chunks_mut(dim).zip(x.par_chunks(dim)).enumerate().for_each(|(row, (to, from))| {
            let by = inverse.map_or(1.0, |inverse| inverse[row]);
            vector::scaled(head.kernel.instructions, from, F::rounded(by), to);
        });
        self.by_columns.resize(x.len(), F::default());
        for (row, x) in self.unit.chunks(dim).enumerate() {
            x.iter().enumerate().for_each(|(at, x)| self.by_columns[at * rows + row] = *x);
        }
    }
}

/// What the tiles of a group share.
#[derive(Debug, Default)]
pub(super) struct Group<F> {
    /// ∂L/∂x̂ so far, (B, d).
    pub(super) by_x: Vec<F>,
    pub(super) filtered: Filtered,
}

/// A step on its way.
pub(super) struct Run<'a, F: Real> {
    pub(super) head: &'a Head<F>,
    pub(super) step: &'a Step<'a, F>,
    /// The label of each row among the classes that take part.
    pub(super) places: &'a [usize],
    classes: usize,
    pub(super) mode: Mode,
    /// Are vectors normalised?
    pub(super) unit: bool,
    x_inverse: Vec<f64>,
    cosines: Vec<Vec<f64>>,
    /// The further inputs; of the classes, those that take part.
    pub(super) vectors: Vec<Cow<'a, [F]>>,
    pub(super) values: &'a mut Vec<f64>,
    pub(super) xhat: &'a [F],
    pub(super) by_columns: &'a [F],
    inverse: &'a mut Vec<F>,
    blocks: &'a mut Vec<F>,
    pub(super) parts: &'a mut Vec<Part<F>>,
    pub(super) constants: (&'a mut Vec<F>, &'a mut Vec<F>),
    groups: &'a mut Vec<Group<F>>,
    by_w: &'a mut [F],
    /// Derivatives by inputs of the classes.
    pub(super) sums: Vec<Vec<f64>>,
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
        work.normalise(head, step.x, unit.then_some(&x_inverse));
        let in_gradient = rows <= dim;
        if mode == Mode::Fast && !in_gradient {
            work.blocks.resize(rows * classes * centres, F::default());
        }
        work.inverse.resize(classes * centres, F::default());
        let layout = &head.kernel.layout;
        work.values.clear();
        work.values.resize(rows * layout.width, 0.0);
        let cosines = label_cosines(head, step, unit, &x_inverse);
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
        let work = |scratch: &mut Lent<'_, Scratch<F>>, (number, group): (usize, &mut Group<F>)| {
            if last {
                group.by_x.clear();
                group.by_x.resize(rows * this.head.dim, F::default());
                group.filtered = Filtered::default();
            }
            for number in number * tiles / groups..(number + 1) * tiles / groups {
                let start = number * tile;
                let one =
                    One { run: this, shared, start, cells: tile.min(this.classes - start), number, tiles };
                one.work(pace, scalars, group, &mut scratch.one, sums);
            }
        };
        taken.par_iter_mut().enumerate().for_each_init(|| Lent::of(&self.head.scratch), work);
        *self.groups = taken;
        if let Act::Sweep(pass) = act {
            self.merge(pass, tiles);
        }
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
        by_x.par_chunks_mut(dim).enumerate().for_each(|(row, by_x)| {
            by_x.fill(F::default());
            for group in groups {
                vector::add_scaled(instructions, by_x, one, &group.by_x[row * dim..][..dim]);
            }
            if self.unit {
                let xhat = &self.xhat[row * dim..][..dim];
                let along = vector::dot(instructions, by_x, xhat);
                vector::add_scaled(instructions, by_x, F::rounded(-along), xhat);
                let sum = by_x.to_vec();
                vector::scaled(instructions, &sum, F::rounded(self.x_inverse[row]), by_x);
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
        for group in &*self.groups {
            filtered.tiles += group.filtered.tiles;
            filtered.of += group.filtered.of;
            filtered.error += group.filtered.error;
        }
        filtered
    }
}

/// The cosine, or the product, of each sample with each centre of its class, in f64.
fn label_cosines<F: Real>(
    head: &Head<F>,
    step: &Step<'_, F>,
    unit: bool,
    x_inverse: &[f64],
) -> Vec<Vec<f64>> {
    let (dim, centres) = (head.dim, head.centres());
    let cosine = |row: usize, centre: usize| {
        let w = &step.w[(step.labels[row] * centres + centre) * dim..][..dim];
        let x = &step.x[row * dim..][..dim];
        let pair = Pair { x, w, x_inverse: x_inverse[row], w_inverse: wide_inverse_norm(w) };
        if unit { pair.cosine() } else { wide_dot(x, w) }
    };
    (0..step.labels.len()).map(|row| (0..centres).map(|centre| cosine(row, centre)).collect()).collect()
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
