//! The last sweep of most losses: what was kept of each cell, scaled.

use crate::isa::Instructions;
use crate::math::{Fused, Isa, Plain, Real};

/// Writes `kept·factor + offset` for a run of cells; past the caches where `streams` says so and the machine can.
///
/// # Safety
/// This machine has the instructions; `from` can be read and `to` written at all cells; they are the same place, or places
/// apart.
pub(crate) unsafe fn scale<F: Real>(
    instructions: Instructions,
    streams: bool,
    from: *const F,
    to: *mut F,
    cells: usize,
    factor: F,
    offset: F,
) {
    // SAFETY: as the caller says.
    unsafe {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 if streams => x86::stream512(from, to, cells, factor, offset),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 if streams => x86::stream256(from, to, cells, factor, offset),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => x86::scale512(from, to, cells, factor, offset),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => x86::scale256(from, to, cells, factor, offset),
            _ if cfg!(target_arch = "aarch64") => plain::<F, Fused>(from, to, cells, factor, offset),
            _ => plain::<F, Plain>(from, to, cells, factor, offset),
        }
    }
}

#[inline(always)]
unsafe fn plain<F: Real, I: Isa>(from: *const F, to: *mut F, cells: usize, factor: F, offset: F) {
    for at in 0..cells {
        // SAFETY: as the caller says.
        unsafe { to.add(at).write(from.add(at).read().mul_add::<I>(factor, offset)) };
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{_mm256_castsi256_ps, _mm256_stream_ps, _mm512_castsi512_ps, _mm512_stream_ps, _mm_sfence};
    use std::mem::transmute_copy;

    use super::{Fused, Real, plain};

    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    pub(super) unsafe fn scale512<F: Real>(from: *const F, to: *mut F, cells: usize, factor: F, offset: F) {
        // SAFETY: as the caller of `scale` says.
        unsafe { plain::<F, Fused>(from, to, cells, factor, offset) }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn scale256<F: Real>(from: *const F, to: *mut F, cells: usize, factor: F, offset: F) {
        // SAFETY: as the caller of `scale` says.
        unsafe { plain::<F, Fused>(from, to, cells, factor, offset) }
    }

    /// Cells before the first whole line of the cache.
    fn before_line<F>(to: *mut F, cells: usize) -> usize {
        to.align_offset(64).min(cells)
    }

    /// A store past the caches takes a whole line of 64 bytes; what stands before and after is stored as usual.
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    pub(super) unsafe fn stream512<F: Real>(from: *const F, to: *mut F, cells: usize, factor: F, offset: F) {
        let lanes = 64 / size_of::<F>();
        let first = before_line(to, cells);
        let lines = (cells - first) / lanes;
        // SAFETY: all of it lies in the run; a line is 64 bytes of numbers, and `to` is at the start of one.
        unsafe {
            plain::<F, Fused>(from, to, first, factor, offset);
            for line in 0..lines {
                let at = first + line * lanes;
                let mut block = [F::default(); 16];
                for lane in 0..lanes {
                    block[lane] = from.add(at + lane).read().mul_add::<Fused>(factor, offset);
                }
                _mm512_stream_ps(to.add(at).cast(), _mm512_castsi512_ps(transmute_copy(&block)));
            }
            let done = first + lines * lanes;
            plain::<F, Fused>(from.add(done), to.add(done), cells - done, factor, offset);
        }
        _mm_sfence();
    }

    /// The same by halves of a line.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn stream256<F: Real>(from: *const F, to: *mut F, cells: usize, factor: F, offset: F) {
        let lanes = 32 / size_of::<F>();
        let first = before_line(to, cells);
        let halves = (cells - first) / lanes;
        // SAFETY: all of it lies in the run; `to` is at the start of a line, and half a line is 32 bytes of numbers.
        unsafe {
            plain::<F, Fused>(from, to, first, factor, offset);
            for half in 0..halves {
                let at = first + half * lanes;
                let mut block = [F::default(); 8];
                for lane in 0..lanes {
                    block[lane] = from.add(at + lane).read().mul_add::<Fused>(factor, offset);
                }
                _mm256_stream_ps(to.add(at).cast(), _mm256_castsi256_ps(transmute_copy(&block)));
            }
            let done = first + halves * lanes;
            plain::<F, Fused>(from.add(done), to.add(done), cells - done, factor, offset);
        }
        _mm_sfence();
    }
}
