//! The last sweep of most losses: what was kept of each cell, scaled.

use crate::isa::Instructions;
use crate::math::{Fused, Isa, Plain, Real};
use crate::tile::WIDTH;

/// Writes `kept·factor + offset` for a run of cells; past the caches where there is a row to come, `next`, whose cells are
/// fetched meanwhile: memory reads and writes at once, and the sweep over that row finds them in the cache.
///
/// # Safety
/// This machine has the instructions; `from` can be read and `to` written at all cells; they are the same place, or places
/// apart.
pub(crate) unsafe fn scale<F: Real>(
    instructions: Instructions,
    next: Option<*const F>,
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
            Instructions::Avx512 if next.is_some() => {
                x86::stream512(next.unwrap_or(from), from, to, cells, factor, offset)
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 if next.is_some() => {
                x86::stream256(next.unwrap_or(from), from, to, cells, factor, offset)
            }
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => x86::scale512(from, to, cells, factor, offset),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => x86::scale256(from, to, cells, factor, offset),
            _ if cfg!(target_arch = "aarch64") => plain::<F, Fused>(from, to, cells, factor, offset),
            _ => plain::<F, Plain>(from, to, cells, factor, offset),
        }
    }
}

/// In chunks that are read whole before they are written: the places may be the same, and the loop is vector code still.
#[inline(always)]
unsafe fn plain<F: Real, I: Isa>(from: *const F, to: *mut F, cells: usize, factor: F, offset: F) {
    let whole = cells / WIDTH * WIDTH;
    for start in (0..whole).step_by(WIDTH) {
        let mut chunk = [F::default(); WIDTH];
        for lane in 0..WIDTH {
            // SAFETY: the chunk lies in the run.
            chunk[lane] = unsafe { from.add(start + lane).read() }.mul_add::<I>(factor, offset);
        }
        // SAFETY: as above.
        unsafe { to.add(start).cast::<[F; WIDTH]>().write_unaligned(chunk) };
    }
    if whole < cells {
        let mut chunk = [F::default(); WIDTH];
        // SAFETY: the last cells lie in the run.
        unsafe { from.add(whole).copy_to_nonoverlapping(chunk.as_mut_ptr(), cells - whole) };
        for cell in &mut chunk {
            *cell = cell.mul_add::<I>(factor, offset);
        }
        // SAFETY: as above.
        unsafe { to.add(whole).copy_from_nonoverlapping(chunk.as_ptr(), cells - whole) };
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _MM_HINT_T1, _mm_prefetch, _mm_sfence, _mm256_castsi256_ps, _mm256_stream_ps, _mm512_castsi512_ps,
        _mm512_stream_ps,
    };
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
    pub(super) unsafe fn stream512<F: Real>(
        next: *const F,
        from: *const F,
        to: *mut F,
        cells: usize,
        factor: F,
        offset: F,
    ) {
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
                _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(at).cast());
                _mm512_stream_ps(to.add(at).cast(), _mm512_castsi512_ps(transmute_copy(&block)));
            }
            let done = first + lines * lanes;
            plain::<F, Fused>(from.add(done), to.add(done), cells - done, factor, offset);
        }
        _mm_sfence();
    }

    /// The same by halves of a line.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn stream256<F: Real>(
        next: *const F,
        from: *const F,
        to: *mut F,
        cells: usize,
        factor: F,
        offset: F,
    ) {
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
                _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(at).cast());
                _mm256_stream_ps(to.add(at).cast(), _mm256_castsi256_ps(transmute_copy(&block)));
            }
            let done = first + halves * lanes;
            plain::<F, Fused>(from.add(done), to.add(done), cells - done, factor, offset);
        }
        _mm_sfence();
    }
}
