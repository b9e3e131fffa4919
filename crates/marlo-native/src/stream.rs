//! The last sweep of most losses: what was kept of each cell, scaled.

use crate::isa::{Instructions, Job};
use crate::math::{Isa, Real};
use crate::tile::WIDTH;

/// A run of cells that `kept·factor + offset` is written for.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Scaled<F> {
    /// Where what was kept of the first cell stands.
    pub(crate) from: *const F,
    /// Where its derivative goes: the same place, or one apart.
    pub(crate) to: *mut F,
    /// The number of cells.
    pub(crate) cells: usize,
    pub(crate) factor: F,
    pub(crate) offset: F,
    /// Where the cells of the row to come begin, if the run is to be written past the caches. They are fetched meanwhile:
    /// memory reads and writes at once, and the sweep over that row finds them in the cache.
    pub(crate) next: Option<*const F>,
}

/// Writes a run.
///
/// # Safety
/// `from` can be read and `to` written at all cells; they are the same place, or places apart.
pub(crate) unsafe fn scale<F: Real>(instructions: Instructions, run: Scaled<F>) {
    instructions.run(run);
}

impl<F: Real> Job for Scaled<F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        // SAFETY: as the caller of `scale` says.
        unsafe {
            match self.next {
                #[cfg(target_arch = "x86_64")]
                Some(next) => self.stream::<I>(next),
                _ => self.plain::<I>(0, self.cells),
            }
        }
    }
}

impl<F: Real> Scaled<F> {
    /// In chunks that are read whole before they are written: the places may be the same, and the loop is vector code still.
    #[inline(always)]
    unsafe fn plain<I: Isa>(self, start: usize, end: usize) {
        let whole = start + (end - start) / WIDTH * WIDTH;
        for at in (start..whole).step_by(WIDTH) {
            let mut chunk = [F::default(); WIDTH];
            for lane in 0..WIDTH {
                // SAFETY: the chunk lies in the run.
                chunk[lane] =
                    unsafe { self.from.add(at + lane).read() }.mul_add::<I>(self.factor, self.offset);
            }
            // SAFETY: as above.
            unsafe { self.to.add(at).cast::<[F; WIDTH]>().write_unaligned(chunk) };
        }
        if whole < end {
            let mut chunk = [F::default(); WIDTH];
            // SAFETY: the last cells lie in the run.
            unsafe { self.from.add(whole).copy_to_nonoverlapping(chunk.as_mut_ptr(), end - whole) };
            for cell in &mut chunk {
                *cell = cell.mul_add::<I>(self.factor, self.offset);
            }
            // SAFETY: as above.
            unsafe { self.to.add(whole).copy_from_nonoverlapping(chunk.as_ptr(), end - whole) };
        }
    }

    /// A line of 64 bytes at a time goes past the caches whole; what stands before the first and after the last is stored as
    /// usual.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn stream<I: Isa>(self, next: *const F) {
        use std::arch::x86_64::{__m128i, _MM_HINT_T1, _mm_prefetch, _mm_sfence, _mm_stream_si128};

        let lanes = 64 / size_of::<F>();
        let first = self.to.align_offset(64).min(self.cells);
        let lines = (self.cells - first) / lanes;
        // SAFETY: all of it lies in the run; a line is 64 bytes of numbers, and `to` is at the start of one. Each x86-64 has
        // these instructions, and a fetch is a hint: what can't be read is not fetched.
        unsafe {
            self.plain::<I>(0, first);
            for line in 0..lines {
                let at = first + line * lanes;
                let mut block = [F::default(); 16];
                for lane in 0..lanes {
                    block[lane] = self.from.add(at + lane).read().mul_add::<I>(self.factor, self.offset);
                }
                _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(at).cast());
                let (from, to) = (block.as_ptr().cast::<__m128i>(), self.to.add(at).cast::<__m128i>());
                for quarter in 0..4 {
                    _mm_stream_si128(to.add(quarter), from.add(quarter).read_unaligned());
                }
            }
            self.plain::<I>(first + lines * lanes, self.cells);
            // Stores past the caches may come late: whoever is told that the row is written must find it.
            _mm_sfence();
        }
    }
}
