//! The loop over a tile of cells: the same for every compiled sweep, and compiled anew with each of them.
//!
//! A tile is a run of cells of one row without its label's. The loop takes them in chunks of `WIDTH`, which it copies
//! to arrays of its own: those alias nothing, so the compiler makes vector code of the scalar text between, and a tile
//! may be overwritten in place.

use std::hint::assert_unchecked;
use std::marker::PhantomData;

use crate::isa::{Instructions, Job};
use crate::math::{Isa, Real};

/// The cells of a chunk.
pub(crate) const WIDTH: usize = 64;

/// The most cells of a tile. More would let the lanes' sums grow too long for f32, fewer would set up loops too often.
pub(crate) const TILE: usize = 4096;

/// The least power of two that is no underflow for a sum of exponentials: below, too many terms may have been lost.
const LEAST_SUM: f64 = 8.077935669463161e-28; // 2^-90
/// The greatest. What was kept will be scaled by R over the sum, and R is as small as a sample's loss: with a sum of 2^90 an R of
/// 1e-25 would be no number of f32 any more.
const GREATEST_SUM: f64 = 16_777_216.0; // 2^24

/// How one reduction merges what it takes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// A sum of exponentials relative to 2^shift.
    Exponentials,
    /// A sum.
    Sum,
    /// A maximum.
    Max,
}

/// A tile, and what was found in it.
#[derive(Debug)]
pub(crate) struct Tile<'a, F> {
    /// The number of cells.
    pub(crate) cells: usize,
    /// For each input its value at the first cell; the others follow it.
    pub(crate) inputs: &'a [*const F],
    /// For each write where the first cell's goes; the others follow it. May be the place of an input.
    pub(crate) outputs: &'a [*mut F],
    /// The values of the row.
    pub(crate) rows: &'a [F],
    /// What these values hold beyond their precision.
    pub(crate) low: &'a [F],
    /// For each reduction the power of two that its exponentials are relative to.
    pub(crate) shifts: &'a mut [F],
    /// For each reduction what was found: a sum, or a maximum.
    pub(crate) found: &'a mut [f64],
}

/// What a sweep computes for one cell, with X inputs, R values of the row, A reductions and O writes.
pub trait Cells<const X: usize, const R: usize, const A: usize, const O: usize> {
    /// How the reductions merge.
    const MERGES: [Merge; A];

    /// Is there a mask whose one side costs so much that each chunk is asked whether the mask is wholly on or off?
    const SPLITS: bool;

    /// That mask.
    fn mask<F: Real, I: Isa>(rows: &[F; R], x: [F; X]) -> bool;

    /// For each log-sum-exp the binary logarithm of its term; 0 for other reductions.
    fn exponents<F: Real, I: Isa>(rows: &[F; R], x: [F; X]) -> [F; A];

    /// What each reduction takes, and what is written. `low` is what the values of the row hold beyond their precision.
    /// `SIDE`: 0 where that mask is known to be off, 1 where on, 2 where it is to be found.
    fn cell<const SIDE: u8, F: Real, I: Isa>(
        rows: &[F; R],
        low: &[F; R],
        shifts: &[F; A],
        x: [F; X],
    ) -> ([F; A], [F; O]);
}

/// Where the shifts of a tile come from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shifts {
    /// Found in the tile: its greatest terms.
    Own,
    /// As they stand in the tile.
    Given,
}

/// A compiled sweep for one precision: see [`run`].
pub(crate) type Compiled<F> = unsafe fn(Instructions, &mut Tile<'_, F>, Shifts);

/// Is a sum of exponentials one that lost nothing?
pub(crate) fn holds(sum: f64) -> bool {
    (LEAST_SUM..=GREATEST_SUM).contains(&sum)
}

/// Runs a sweep over a tile with the given instructions.
///
/// # Safety
/// The tile has X inputs, A shifts and places for what is found, O outputs, and R values of the row; each input can be read
/// and each output written at all of its cells.
pub(crate) unsafe fn run<const X: usize, const R: usize, const A: usize, const O: usize, S, F>(
    instructions: Instructions,
    tile: &mut Tile<'_, F>,
    shifts: Shifts,
) where
    S: Cells<X, R, A, O>,
    F: Real,
{
    instructions.run(Loop::<X, R, A, O, S, F> { tile, shifts, cells: PhantomData });
}

/// A sweep over a tile that has what [`run`] asks for.
struct Loop<'t, 'a, const X: usize, const R: usize, const A: usize, const O: usize, S, F> {
    tile: &'t mut Tile<'a, F>,
    shifts: Shifts,
    cells: PhantomData<S>,
}

impl<const X: usize, const R: usize, const A: usize, const O: usize, S, F> Job
    for Loop<'_, '_, X, R, A, O, S, F>
where
    S: Cells<X, R, A, O>,
    F: Real,
{
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        // SAFETY: `run` made it, and its caller said so.
        unsafe { work::<X, R, A, O, S, F, I>(self.tile, self.shifts) }
    }
}

#[inline(always)]
unsafe fn work<const X: usize, const R: usize, const A: usize, const O: usize, S, F, I>(
    tile: &mut Tile<'_, F>,
    shifts: Shifts,
) where
    S: Cells<X, R, A, O>,
    F: Real,
    I: Isa,
{
    // SAFETY: as the caller says, for all four.
    unsafe {
        assert_unchecked(tile.inputs.len() == X && tile.outputs.len() == O);
        assert_unchecked(tile.rows.len() == R && tile.low.len() == R);
        assert_unchecked(tile.shifts.len() == A && tile.found.len() == A);
    }
    let (mut rows, mut low) = ([F::default(); R], [F::default(); R]);
    rows.copy_from_slice(tile.rows);
    low.copy_from_slice(tile.low);
    // What is left of the last chunk is copied, and worked through with all its lanes.
    let whole = tile.cells / WIDTH * WIDTH;
    let count = tile.cells - whole;
    let mut rest = [[F::default(); WIDTH]; X];
    if count > 0 {
        // SAFETY: they lie in the tile.
        unsafe { load_rest(tile.inputs, whole, count, &mut rest) };
    }
    let rest_places = places_of(&rest);
    if shifts == Shifts::Own {
        let mut top = [[F::LEAST; WIDTH]; A];
        for start in (0..whole).step_by(WIDTH) {
            let x = places::<X, F>(tile.inputs, start);
            let mut next = top;
            for lane in 0..WIDTH {
                // SAFETY: the chunk lies in the tile.
                let values = S::exponents::<F, I>(&rows, unsafe { cell(&x, lane) });
                for a in 0..A {
                    next[a][lane] = Real::max(values[a], top[a][lane]);
                }
            }
            top = next;
        }
        if count > 0 {
            for lane in 0..WIDTH {
                // SAFETY: the copied cells; lanes past them hold the first.
                let values = S::exponents::<F, I>(&rows, unsafe { cell(&rest_places, lane) });
                for a in 0..A {
                    top[a][lane] = Real::max(values[a], top[a][lane]);
                }
            }
        }
        for a in 0..A {
            tile.shifts[a] = shift_for(total(Merge::Max, top[a]));
        }
    }
    let mut given = [F::default(); A];
    given.copy_from_slice(tile.shifts);
    let neutral = S::MERGES.map(|merge| if merge == Merge::Max { F::LEAST } else { F::default() });
    let mut lanes = [[F::default(); WIDTH]; A];
    for a in 0..A {
        lanes[a] = [neutral[a]; WIDTH];
    }
    for start in (0..whole).step_by(WIDTH) {
        let x = places::<X, F>(tile.inputs, start);
        fetch(&x);
        let mut written = [[F::default(); WIDTH]; O];
        // Which side of the mask, where that is worth to know.
        let mut on = 0;
        if S::SPLITS {
            for lane in 0..WIDTH {
                // SAFETY: the chunk lies in the tile.
                on += u32::from(S::mask::<F, I>(&rows, unsafe { cell(&x, lane) }));
            }
        }
        let place = (&x, &rows, &low, &given);
        // SAFETY: the chunk lies in the tile.
        unsafe {
            if S::SPLITS && on == 0 {
                chunk::<0, X, R, A, O, S, F, I>(place, &mut lanes, &mut written);
            } else if S::SPLITS && on == WIDTH as u32 {
                chunk::<1, X, R, A, O, S, F, I>(place, &mut lanes, &mut written);
            } else {
                chunk::<2, X, R, A, O, S, F, I>(place, &mut lanes, &mut written);
            }
        }
        for o in 0..O {
            // SAFETY: the chunk lies in the tile.
            unsafe { tile.outputs[o].add(start).cast::<[F; WIDTH]>().write_unaligned(written[o]) };
        }
    }
    if count > 0 {
        let mut written = [[F::default(); WIDTH]; O];
        let mut taken = [[F::default(); WIDTH]; A];
        for lane in 0..WIDTH {
            // SAFETY: the copied cells; lanes past them hold the first, and are left out.
            let (values, writes) =
                S::cell::<2, F, I>(&rows, &low, &given, unsafe { cell(&rest_places, lane) });
            for a in 0..A {
                taken[a][lane] = if lane < count { values[a] } else { neutral[a] };
            }
            for o in 0..O {
                written[o][lane] = writes[o];
            }
        }
        for a in 0..A {
            for lane in 0..WIDTH {
                lanes[a][lane] = merge(S::MERGES[a], lanes[a][lane], taken[a][lane]);
            }
        }
        for o in 0..O {
            // SAFETY: they lie in the tile.
            unsafe { tile.outputs[o].add(whole).copy_from_nonoverlapping(written[o].as_ptr(), count) };
        }
    }
    for a in 0..A {
        tile.found[a] = total(S::MERGES[a], lanes[a]);
    }
}

/// A whole chunk: its inputs, the values of the row in two parts, and the shifts.
type Place<'a, const X: usize, const R: usize, const A: usize, F> =
    (&'a [*const F; X], &'a [F; R], &'a [F; R], &'a [F; A]);

/// Works through a whole chunk.
#[inline(always)]
unsafe fn chunk<const SIDE: u8, const X: usize, const R: usize, const A: usize, const O: usize, S, F, I>(
    (x, rows, low, shifts): Place<'_, X, R, A, F>,
    lanes: &mut [[F; WIDTH]; A],
    written: &mut [[F; WIDTH]; O],
) where
    S: Cells<X, R, A, O>,
    F: Real,
    I: Isa,
{
    for lane in 0..WIDTH {
        // SAFETY: as the caller says.
        let (taken, values) = S::cell::<SIDE, F, I>(rows, low, shifts, unsafe { cell(x, lane) });
        for a in 0..A {
            lanes[a][lane] = merge(S::MERGES[a], lanes[a][lane], taken[a]);
        }
        for o in 0..O {
            written[o][lane] = values[o];
        }
    }
}

/// Copies the last cells of a tile, fewer than a chunk. Lanes past them hold the first.
#[inline(always)]
unsafe fn load_rest<const X: usize, F: Real>(
    inputs: &[*const F],
    start: usize,
    count: usize,
    rest: &mut [[F; WIDTH]; X],
) {
    for at in 0..X {
        let from = inputs[at].wrapping_add(start);
        // SAFETY: there is at least one cell, and `count` are left.
        unsafe {
            rest[at].fill(from.read());
            from.copy_to_nonoverlapping(rest[at].as_mut_ptr(), count);
        }
    }
}

/// Where a chunk of each input lies.
#[inline(always)]
fn places<const X: usize, F>(inputs: &[*const F], start: usize) -> [*const F; X] {
    let mut places = [std::ptr::null(); X];
    for at in 0..X {
        places[at] = inputs[at].wrapping_add(start);
    }
    places
}

/// So many cells ahead inputs are fetched: processors do so by themselves, but not past the end of a page.
const AHEAD: usize = 1024;

/// Asks for the cells that a later chunk will read.
#[inline(always)]
fn fetch<const X: usize, F>(chunk: &[*const F; X]) {
    #[cfg(target_arch = "x86_64")]
    for place in chunk {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        for line in (0..WIDTH * size_of::<F>()).step_by(64) {
            let ahead = place.wrapping_add(AHEAD).cast::<i8>().wrapping_add(line);
            // SAFETY: a hint; what can't be read is not fetched.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = chunk;
}

#[inline(always)]
fn places_of<const X: usize, F>(chunks: &[[F; WIDTH]; X]) -> [*const F; X] {
    let mut places = [std::ptr::null(); X];
    for at in 0..X {
        places[at] = chunks[at].as_ptr();
    }
    places
}

/// One cell of a chunk.
#[inline(always)]
unsafe fn cell<const X: usize, F: Real>(chunk: &[*const F; X], lane: usize) -> [F; X] {
    let mut cell = [F::default(); X];
    for at in 0..X {
        // SAFETY: as the caller says.
        cell[at] = unsafe { chunk[at].add(lane).read() };
    }
    cell
}

#[inline(always)]
fn merge<F: Real>(merge: Merge, a: F, b: F) -> F {
    match merge {
        Merge::Max => Real::max(b, a),
        _ => a + b,
    }
}

/// The power of two that a tile's exponentials are relative to, from the greatest exponent. Past
/// [`FARTHEST`](crate::math::Parts::FARTHEST) an exponent has no digits left behind the point: there the sum is no number,
/// and neither is what is made of it. Far below stands a class of weight 0, the logarithm of which is −10³⁰: if all are
/// such, all terms are 0.
#[inline(always)]
pub(crate) fn shift_for<F: Real>(greatest: f64) -> F {
    const WEIGHTLESS: f64 = -1e29;
    let shift = (greatest + 0.5).floor();
    F::rounded(match shift {
        _ if shift.abs() <= F::FARTHEST => shift,
        _ if shift <= WEIGHTLESS => -F::FARTHEST,
        _ => f64::NAN,
    })
}

/// The lanes of a tile as one number: sums in a tree, in f64.
#[inline(always)]
pub(crate) fn total<F: Real>(merge: Merge, lanes: [F; WIDTH]) -> f64 {
    let mut values = lanes.map(Real::to_f64);
    let mut half = WIDTH / 2;
    while half > 0 {
        for lane in 0..half {
            let (a, b) = (values[lane], values[lane + half]);
            values[lane] = if merge == Merge::Max { a.max(b) } else { a + b };
        }
        half /= 2;
    }
    values[0]
}
