//! Runs a sweep that was not compiled: one instruction after another over a chunk of cells at a time.
//!
//! Each instruction is a loop over arrays that stay in the first-level cache, so the loops are vector code; what is lost
//! against a compiled sweep is that values go through the cache between instructions.

use marlo_ir::op::Op;

use crate::isa::{Instructions, Job};
use crate::math::{Isa, Real};
use crate::sweep::{Arg, Do, Instruction, Reduce, Sweep, Write};
use crate::tile::{Merge, Shifts, Tile, WIDTH, shift_for, total};

/// The cells of a chunk: a multiple of [`WIDTH`], small enough that the values of a few dozen instructions fit the cache.
const CHUNK: usize = 8 * WIDTH;

/// A sweep that is ready to be interpreted.
#[derive(Clone, Debug)]
pub(crate) struct Interpreted {
    sweep: Sweep,
    merges: Vec<Merge>,
    /// The instructions that exponents of log-sum-exps need.
    exponents: Vec<bool>,
    /// Which instructions only one side of a mask reads, where that is worth to know.
    sides: Vec<Option<(usize, bool)>>,
    /// The masks of these.
    asked: Vec<bool>,
}

/// What a thread needs to interpret.
#[derive(Debug, Default)]
pub(crate) struct Registers<F> {
    arrays: Vec<F>,
    lanes: Vec<[F; WIDTH]>,
    places: Vec<*const Chunk<F>>,
    stored: Vec<*const Chunk<F>>,
    wholly: Vec<Option<bool>>,
}

// SAFETY: its pointers are filled in anew for each chunk, and mean nothing between.
unsafe impl<F: Send> Send for Registers<F> {}
// SAFETY: as above.
unsafe impl<F: Sync> Sync for Registers<F> {}

impl Interpreted {
    pub(crate) fn new(sweep: &Sweep) -> Interpreted {
        let mut asked = vec![false; sweep.body.len()];
        let sides = match sweep.split() {
            Some(_) => sweep.sides(),
            None => vec![None; sweep.body.len()],
        };
        sides.iter().flatten().for_each(|(mask, _)| asked[*mask] = true);
        let merges = sweep.reductions.iter().map(merge).collect();
        Interpreted { sweep: sweep.clone(), merges, exponents: sweep.exponents(), sides, asked }
    }

    /// Runs the sweep over a tile with the given instructions.
    ///
    /// # Safety
    /// The tile has what the sweep reads and writes, and each input can be read and each output written at all of its cells.
    pub(crate) unsafe fn run<F: Real>(
        &self,
        instructions: Instructions,
        tile: &mut Tile<'_, F>,
        shifts: Shifts,
        registers: &mut Registers<F>,
    ) {
        instructions.run(Loop { ready: self, tile, shifts, registers });
    }
}

/// A sweep over a tile that has what [`Interpreted::run`] asks for.
struct Loop<'t, 'a, F> {
    ready: &'t Interpreted,
    tile: &'t mut Tile<'a, F>,
    shifts: Shifts,
    registers: &'t mut Registers<F>,
}

impl<F: Real> Job for Loop<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        // SAFETY: `Interpreted::run` made it, and its caller said so.
        unsafe { work::<F, I>(self.ready, self.tile, self.shifts, self.registers) }
    }
}

type Chunk<F> = [F; CHUNK];

#[inline(always)]
unsafe fn work<F: Real, I: Isa>(
    ready: &Interpreted,
    tile: &mut Tile<'_, F>,
    shifts: Shifts,
    registers: &mut Registers<F>,
) {
    let sweep = &ready.sweep;
    let (inputs, values, writes) = (sweep.inputs, sweep.body.len(), sweep.writes.len());
    // Inputs, results, exponentials, then what is written.
    let count = inputs + values + sweep.reductions.len() + writes;
    let Registers { arrays, lanes, places, stored, wholly } = registers;
    if arrays.len() < count * CHUNK {
        arrays.resize(count * CHUNK, F::default());
    }
    wholly.clear();
    wholly.resize(values, None);
    let (arrays, _) = arrays.as_chunks_mut::<CHUNK>();
    if shifts == Shifts::Own {
        lanes.clear();
        lanes.resize(sweep.reductions.len(), [F::LEAST; WIDTH]);
        for start in (0..tile.cells).step_by(CHUNK) {
            // SAFETY: the chunk lies in the tile.
            let cells = unsafe { load(tile, start, arrays, places) };
            for (at, instruction) in sweep.body.iter().enumerate().filter(|(at, _)| ready.exponents[*at]) {
                step::<F, I>(instruction, arrays, places, at, (tile.rows, tile.low));
            }
            for (reduce, top) in sweep.reductions.iter().zip(lanes.iter_mut()) {
                if let Reduce::Lse { exponent, scale } = reduce {
                    let by = scale.map_or(F::LOG2_E.0, |row| tile.rows[row]);
                    greatest(operand(*exponent, arrays, places, tile.rows), by, cells, top);
                }
            }
        }
        for (shift, top) in tile.shifts.iter_mut().zip(lanes.iter()) {
            *shift = shift_for(total(Merge::Max, *top));
        }
    }
    let neutral = |merge: &Merge| if *merge == Merge::Max { F::LEAST } else { F::default() };
    lanes.clear();
    lanes.extend(ready.merges.iter().map(|merge| [neutral(merge); WIDTH]));
    for start in (0..tile.cells).step_by(CHUNK) {
        // SAFETY: the chunk lies in the tile.
        let cells = unsafe { load(tile, start, arrays, places) };
        for (at, instruction) in sweep.body.iter().enumerate() {
            // Where a mask is wholly off, or wholly on, what only the other side reads is left out.
            if ready.sides[at].is_some_and(|(mask, side)| wholly[mask] == Some(!side)) {
                continue;
            }
            step::<F, I>(instruction, arrays, places, at, (tile.rows, tile.low));
            if ready.asked[at] {
                wholly[at] = one_value(&arrays[inputs + at]);
            }
        }
        for (a, reduce) in sweep.reductions.iter().enumerate() {
            let place = inputs + values + a;
            reduce_chunk::<F, I>(reduce, tile, (arrays, places), (place, a), cells, &mut lanes[a]);
        }
        // In place a write may go over an input, so nothing is stored before all of it is computed.
        let first = inputs + values + sweep.reductions.len();
        stored.clear();
        for (o, kept) in sweep.writes.iter().enumerate() {
            stored.push(written(kept, tile.rows, arrays, places, values, first + o));
        }
        for (output, from) in tile.outputs.iter().zip(stored.iter()) {
            // SAFETY: the chunk lies in the tile.
            unsafe { output.add(start).copy_from(from.cast(), cells) };
        }
    }
    for ((found, merge), lanes) in tile.found.iter_mut().zip(&ready.merges).zip(lanes.iter()) {
        *found = total(*merge, *lanes);
    }
}

/// Is a mask on in all cells of a chunk, or off in all?
#[inline(always)]
fn one_value<F: Real>(mask: &Chunk<F>) -> Option<bool> {
    let mut on = [F::default(); WIDTH];
    for part in mask.chunks_exact(WIDTH) {
        for lane in 0..WIDTH {
            on[lane] = on[lane] + part[lane];
        }
    }
    match total(Merge::Sum, on) {
        0.0 => Some(false),
        count if count == CHUNK as f64 => Some(true),
        _ => None,
    }
}

/// How a reduction merges.
pub(crate) fn merge(reduce: &Reduce) -> Merge {
    match reduce {
        Reduce::Lse { .. } => Merge::Exponentials,
        Reduce::Sum(_) => Merge::Sum,
        Reduce::Max(_) => Merge::Max,
    }
}

/// Finds a chunk of each input; gives its number of cells. One that is not whole is copied to the first arrays, and lanes
/// past its end hold the first cell.
#[inline(always)]
unsafe fn load<F: Real>(
    tile: &Tile<'_, F>,
    start: usize,
    arrays: &mut [Chunk<F>],
    places: &mut Vec<*const Chunk<F>>,
) -> usize {
    let cells = CHUNK.min(tile.cells - start);
    places.clear();
    for (array, from) in arrays.iter_mut().zip(tile.inputs) {
        let from = from.wrapping_add(start);
        if cells == CHUNK {
            places.push(from.cast());
            continue;
        }
        // SAFETY: there is at least one cell, and so many are left.
        unsafe {
            array.fill(from.read());
            from.copy_to_nonoverlapping(array.as_mut_ptr(), cells);
        }
        places.push(array);
    }
    cells
}

/// The greatest terms of a chunk, lane by lane.
#[inline(always)]
fn greatest<F: Real>(terms: Operand<'_, F>, by: F, cells: usize, top: &mut [F; WIDTH]) {
    let mut now = *top;
    match terms {
        Operand::Each(terms) => {
            // Lanes past the end hold the first cell, which is among the terms.
            for terms in terms.chunks_exact(WIDTH).take(cells.div_ceil(WIDTH)) {
                for lane in 0..WIDTH {
                    now[lane] = Real::max(terms[lane] * by, now[lane]);
                }
            }
        }
        Operand::All(term) => now = now.map(|top| Real::max(term * by, top)),
    }
    *top = now;
}

/// An argument: an array, or one number for all.
#[derive(Copy, Clone)]
enum Operand<'a, F> {
    Each(&'a Chunk<F>),
    All(F),
}

impl<F: Real> Operand<'_, F> {
    #[inline(always)]
    fn at(self, lane: usize) -> F {
        match self {
            Operand::Each(array) => array[lane],
            Operand::All(value) => value,
        }
    }
}

#[inline(always)]
fn operand<'a, F: Real>(
    arg: Arg,
    arrays: &'a [Chunk<F>],
    places: &'a [*const Chunk<F>],
    rows: &[F],
) -> Operand<'a, F> {
    match arg {
        // SAFETY: `load` found whole chunks, and nothing is written before all of them were read.
        Arg::Input(at) => Operand::Each(unsafe { &*places[at] }),
        Arg::Value(at) => Operand::Each(&arrays[places.len() + at]),
        Arg::Row(at) => Operand::All(rows[at]),
        Arg::Const(number) => Operand::All(F::from_f64(number.get())),
    }
}

/// A loop for each of the ways in which arguments come, so that none asks in the loop.
macro_rules! each {
    ($out:ident, |$a:ident| $body:expr, $x:expr) => {
        match $x {
            Operand::Each(x) => {
                for lane in 0..CHUNK {
                    let $a = x[lane];
                    $out[lane] = $body;
                }
            }
            Operand::All($a) => $out.fill($body),
        }
    };
    ($out:ident, |$a:ident, $b:ident| $body:expr, $x:expr, $y:expr) => {
        match ($x, $y) {
            (Operand::Each(x), Operand::Each(y)) => {
                for lane in 0..CHUNK {
                    let ($a, $b) = (x[lane], y[lane]);
                    $out[lane] = $body;
                }
            }
            (Operand::Each(x), Operand::All($b)) => {
                for lane in 0..CHUNK {
                    let $a = x[lane];
                    $out[lane] = $body;
                }
            }
            (Operand::All($a), Operand::Each(y)) => {
                for lane in 0..CHUNK {
                    let $b = y[lane];
                    $out[lane] = $body;
                }
            }
            (Operand::All($a), Operand::All($b)) => $out.fill($body),
        }
    };
    ($out:ident, |$a:ident, $b:ident, $c:ident| $body:expr, $x:expr, $y:expr, $z:expr) => {
        match ($x, $y, $z) {
            (Operand::Each(x), Operand::All($b), Operand::All($c)) => {
                for lane in 0..CHUNK {
                    let $a = x[lane];
                    $out[lane] = $body;
                }
            }
            (Operand::Each(x), Operand::Each(y), Operand::All($c)) => {
                for lane in 0..CHUNK {
                    let ($a, $b) = (x[lane], y[lane]);
                    $out[lane] = $body;
                }
            }
            (Operand::Each(x), Operand::All($b), Operand::Each(z)) => {
                for lane in 0..CHUNK {
                    let ($a, $c) = (x[lane], z[lane]);
                    $out[lane] = $body;
                }
            }
            (Operand::Each(x), Operand::Each(y), Operand::Each(z)) => {
                for lane in 0..CHUNK {
                    let ($a, $b, $c) = (x[lane], y[lane], z[lane]);
                    $out[lane] = $body;
                }
            }
            (x, y, z) => {
                for lane in 0..CHUNK {
                    let ($a, $b, $c) = (x.at(lane), y.at(lane), z.at(lane));
                    $out[lane] = $body;
                }
            }
        }
    };
}

/// One instruction over a chunk.
#[inline(always)]
fn step<F: Real, I: Isa>(
    instruction: &Instruction,
    arrays: &mut [Chunk<F>],
    places: &[*const Chunk<F>],
    at: usize,
    (rows, lows): (&[F], &[F]),
) {
    let (before, out) = arrays.split_at_mut(places.len() + at);
    let out = &mut out[0];
    let arg = |place: usize| match instruction.args.get(place) {
        Some(arg) => operand(*arg, before, places, rows),
        None => Operand::All(F::default()),
    };
    let (zero, one) = (F::default(), F::from_f64(1.0));
    let truth = |on: bool| if on { one } else { zero };
    match instruction.what {
        Do::MulAdd => each!(out, |a, b, c| a.mul_add::<I>(b, c), arg(0), arg(1), arg(2)),
        Do::Exponential { scaled } => {
            let (high, low) = match instruction.args.get(1) {
                Some(Arg::Row(row)) if scaled => (rows[*row], lows[*row]),
                _ => F::LOG2_E,
            };
            let shift = match instruction.args.last() {
                Some(Arg::Row(row)) => rows[*row],
                _ => F::default(),
            };
            each!(out, |z| F::exp2_scaled::<I>(z, high, low, shift), arg(0));
        }
        Do::Inside => each!(out, |a, b| a.min(b).max(-b), arg(0), arg(1)),
        Do::Apply(op) => match op {
            Op::Neg => each!(out, |a| -a, arg(0)),
            Op::Exp => each!(out, |a| a.exp::<I>(), arg(0)),
            Op::Ln => each!(out, |a| a.ln::<I>(), arg(0)),
            Op::Log1p => each!(out, |a| a.log1p::<I>(), arg(0)),
            Op::Expm1 => each!(out, |a| a.expm1::<I>(), arg(0)),
            Op::Sqrt => each!(out, |a| a.sqrt(), arg(0)),
            Op::Sin => each!(out, |a| a.sin::<I>(), arg(0)),
            Op::Cos => each!(out, |a| a.cos::<I>(), arg(0)),
            Op::Tanh => each!(out, |a| a.tanh::<I>(), arg(0)),
            Op::Sigmoid => each!(out, |a| a.sigmoid::<I>(), arg(0)),
            Op::Softplus => each!(out, |a| a.softplus::<I>(), arg(0)),
            Op::Relu => each!(out, |a| a.relu(), arg(0)),
            Op::Abs => each!(out, |a| a.abs(), arg(0)),
            Op::Floor => each!(out, |a| a.floor(), arg(0)),
            Op::Parity => each!(out, |a| a.parity(), arg(0)),
            Op::Acos => each!(out, |a| a.acos::<I>(), arg(0)),
            Op::Csc => each!(out, |a| a.csc(), arg(0)),
            Op::Not => each!(out, |a| one - a, arg(0)),
            Op::Detach => each!(out, |a| a, arg(0)),
            Op::Add => each!(out, |a, b| a + b, arg(0), arg(1)),
            Op::Sub => each!(out, |a, b| a - b, arg(0), arg(1)),
            Op::Mul | Op::And => each!(out, |a, b| a * b, arg(0), arg(1)),
            Op::Div => each!(out, |a, b| a / b, arg(0), arg(1)),
            Op::Pow => each!(out, |a, b| a.pow::<I>(b), arg(0), arg(1)),
            Op::Min => each!(out, |a, b| a.min(b), arg(0), arg(1)),
            Op::Max | Op::Or => each!(out, |a, b| a.max(b), arg(0), arg(1)),
            Op::Lt => each!(out, |a, b| truth(a < b), arg(0), arg(1)),
            Op::Le => each!(out, |a, b| truth(a <= b), arg(0), arg(1)),
            Op::Eq => each!(out, |a, b| truth(a == b), arg(0), arg(1)),
            Op::Select => {
                each!(out, |c, a, b| if c != zero { a } else { b }, arg(0), arg(1), arg(2));
            }
            // The second argument is 0 once a program is lowered.
            Op::CosAngle => each!(out, |a, c| F::cos_angle::<I>(a, c), arg(0), arg(2)),
            Op::SinAngle => each!(out, |a, c| F::sin_angle::<I>(a, c), arg(0), arg(2)),
            Op::SinRatio => each!(out, |a, c| F::sin_ratio::<I>(a, c), arg(0), arg(2)),
            Op::Const(_)
            | Op::Param(_)
            | Op::Input(..)
            | Op::BatchSize
            | Op::Classes
            | Op::Others
            | Op::SumK
            | Op::MaxK
            | Op::LseK
            | Op::SumI
            | Op::MeanI
            | Op::TopI
            | Op::InTopI
            | Op::KeptI
            | Op::RankI
            | Op::PickI => debug_assert!(false, "{op:?} is no operation of a cell"),
        },
    }
}

/// What a reduction takes from a chunk. The exponentials of a log-sum-exp are left in the array at `place`.
#[inline(always)]
fn reduce_chunk<F: Real, I: Isa>(
    reduce: &Reduce,
    tile: &Tile<'_, F>,
    (arrays, places): (&mut [Chunk<F>], &[*const Chunk<F>]),
    (place, a): (usize, usize),
    cells: usize,
    lanes: &mut [F; WIDTH],
) {
    let (before, out) = arrays.split_at_mut(place);
    let out = &mut out[0];
    match reduce {
        Reduce::Lse { exponent, scale } => {
            let shift = tile.shifts[a];
            let (high, low) = match scale {
                Some(row) => (tile.rows[*row], tile.low[*row]),
                None => F::LOG2_E,
            };
            let z = operand(*exponent, before, places, tile.rows);
            each!(out, |z| F::exp2_scaled::<I>(z, high, low, shift), z);
            add(out, cells, lanes);
        }
        Reduce::Sum(arg) => match operand(*arg, before, places, tile.rows) {
            Operand::Each(terms) => add(terms, cells, lanes),
            Operand::All(term) => add(&[term; CHUNK], cells, lanes),
        },
        Reduce::Max(arg) => {
            greatest(operand(*arg, before, places, tile.rows), F::from_f64(1.0), cells, lanes);
        }
    }
}

/// Adds the cells of a chunk up, lane by lane.
#[inline(always)]
fn add<F: Real>(terms: &Chunk<F>, cells: usize, lanes: &mut [F; WIDTH]) {
    let mut now = *lanes;
    let (whole, rest) = terms[..cells].as_chunks::<WIDTH>();
    for terms in whole {
        for lane in 0..WIDTH {
            now[lane] = now[lane] + terms[lane];
        }
    }
    for (lane, term) in now.iter_mut().zip(rest) {
        *lane = *lane + *term;
    }
    *lanes = now;
}

/// What is written of a chunk: where it stands already, or in the array at `place`.
#[inline(always)]
fn written<F: Real>(
    kept: &Write,
    rows: &[F],
    arrays: &mut [Chunk<F>],
    places: &[*const Chunk<F>],
    values: usize,
    place: usize,
) -> *const Chunk<F> {
    let (before, out) = arrays.split_at_mut(place);
    let out = &mut out[0];
    match kept {
        Write::Value(arg) => match (arg, operand(*arg, before, places, rows)) {
            (Arg::Input(_), Operand::Each(array)) => out.copy_from_slice(array),
            (_, Operand::Each(array)) => return array,
            (_, Operand::All(value)) => out.fill(value),
        },
        Write::Kept { lse, factor: None } => return &before[places.len() + values + lse],
        Write::Kept { lse, factor: Some(factor) } => {
            let e = Operand::Each(&before[places.len() + values + lse]);
            each!(out, |e, f| e * f, e, operand(*factor, before, places, rows));
        }
    }
    out
}

/// A number as one of this precision and what is left.
#[inline(always)]
pub(crate) fn in_two_parts<F: Real>(value: f64) -> (F, F) {
    let high = F::rounded(value);
    let left = value - high.to_f64();
    (high, if left.is_finite() { F::rounded(left) } else { F::default() })
}
