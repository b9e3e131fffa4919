//! What the machine can do at most: loops that do one thing alone, to hold a kernel against.
//!
//! A row kernel reads a matrix and writes one, and needs an exponential a cell: it can be faster neither than [`copy`] nor
//! than [`exponentials`]. A head is three products of matrices: [`multiply_adds`]. All of them run on the threads of the
//! current rayon pool, with the given instructions.

use std::hint::black_box;

use rayon::prelude::*;

use crate::isa::{Instructions, Job, Set};
use crate::math::{Fused, Isa, Plain, Real};
use crate::tile::WIDTH;

/// The numbers of a tile: they and their exponentials stay in the first-level cache.
const TILE: usize = 2048;

/// How a copy writes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Stores {
    /// Through the caches: a line is read before it is overwritten.
    Ordinary,
    /// Past the caches, where the machine can.
    Streaming,
}

/// The numbers that a thread copies at a time: 256 KiB.
const PIECE: usize = 1 << 16;

/// Copies numbers. Not by `memcpy`, which chooses the stores itself, by the size.
///
/// # Panics
/// When the slices have different lengths.
pub fn copy(instructions: Instructions, from: &[f32], to: &mut [f32], stores: Stores) {
    assert_eq!(from.len(), to.len(), "a copy has the length of its source");
    let streams = stores == Stores::Streaming;
    to.par_chunks_mut(PIECE).zip(from.par_chunks(PIECE)).for_each(|(to, from)| match instructions.set() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Instructions` are those that were found on this machine.
        Set::Avx512 => unsafe { x86::copy512(from, to, streams) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the same.
        Set::Avx2 => unsafe { x86::copy256(from, to, streams) },
        _ => copy_plain(from, to),
    });
}

/// A factor that the compiler can't know to be 1 keeps it from making a `memcpy` of the loop.
#[inline(always)]
fn copy_plain(from: &[f32], to: &mut [f32]) {
    let one = black_box(1.0);
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from * one);
}

/// The tiles of exponentials that a thread makes at a time.
const TILES: usize = 8;

/// Computes at least that many exponentials in the first-level cache, f32: `out[i] = exp(x[i])` and their sum. Gives back how
/// many it made.
pub fn exponentials(instructions: Instructions, cells: u64) -> u64 {
    let each = (TILE * TILES) as u64;
    let pieces = cells.div_ceil(each);
    let sum: f64 = (0..pieces).into_par_iter().map(|_| instructions.run(Exponentials)).sum();
    black_box(sum);
    pieces * each
}

/// Makes whole tiles of them; their sum.
struct Exponentials;

/// The numbers of a tile, and their exponentials.
struct Tile {
    x: [f32; TILE],
    out: [f32; TILE],
}

impl Job for Exponentials {
    type Output = f64;

    #[inline(always)]
    fn run<I: Isa>(self) -> f64 {
        let mut tile = Tile { x: std::array::from_fn(|at| -8.0 + at as f32 / 256.0), out: [0.0; TILE] };
        let mut lanes = [0.0; WIDTH];
        for _ in 0..TILES {
            // Nothing is known of the tile, so each pass is made.
            let Tile { x, out } = black_box(&mut tile);
            for (x, out) in x.chunks_exact(WIDTH).zip(out.chunks_exact_mut(WIDTH)) {
                // Arrays of its own alias nothing: see `crate::tile`.
                let chunk: [f32; WIDTH] = std::array::from_fn(|lane| x[lane]);
                let mut found = [0.0; WIDTH];
                for lane in 0..WIDTH {
                    found[lane] = Real::exp::<I>(chunk[lane]);
                    lanes[lane] += found[lane];
                }
                out.copy_from_slice(&found);
            }
        }
        black_box(&tile.out);
        lanes.iter().map(|lane| f64::from(*lane)).sum()
    }
}

/// Chains of multiplications and additions that hang on nothing else: enough to hide how long one takes.
const CHAINS: usize = 12;
/// The steps of a chain that a thread makes at a time.
const STEPS: usize = 4096;

/// Does at least that many multiplications and additions in registers, f32; gives back how many it did.
pub fn multiply_adds(instructions: Instructions, operations: u64) -> u64 {
    let lanes = match instructions.set() {
        Set::Avx512 => 16,
        Set::Avx2 => 8,
        Set::Baseline => 4,
    };
    let each = (2 * CHAINS * STEPS * lanes) as u64;
    let pieces = operations.div_ceil(each);
    (0..pieces).into_par_iter().for_each(|_| {
        black_box(match instructions.set() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Instructions` are those that were found on this machine.
            Set::Avx512 => unsafe { x86::chains512() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the same.
            Set::Avx2 => unsafe { x86::chains256() },
            _ if cfg!(target_arch = "aarch64") => chains::<Fused>(),
            _ => chains::<Plain>(),
        });
    });
    pieces * each
}

fn chains<I: Isa>() -> f32 {
    let (factor, addend) = (black_box(0.999), black_box(0.001));
    let mut values = [[1.0f32; 4]; CHAINS];
    for _ in 0..STEPS {
        for value in values.iter_mut().flatten() {
            *value = Real::mul_add::<I>(*value, factor, addend);
        }
    }
    values.iter().flatten().sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::{CHAINS, STEPS, copy_plain};

    /// The numbers before the first whole line of the cache, and those of whole lines after them.
    fn lines(to: &mut [f32]) -> (usize, usize) {
        let first = to.as_ptr().align_offset(64).min(to.len());
        (first, (to.len() - first) / 16 * 16)
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    pub(super) fn copy512(from: &[f32], to: &mut [f32], streams: bool) {
        let (first, whole) = lines(to);
        copy_plain(&from[..first], &mut to[..first]);
        let one = _mm512_set1_ps(black_box(1.0));
        let lines = to[first..first + whole].chunks_exact_mut(16).zip(from[first..].chunks_exact(16));
        for (to, from) in lines {
            // SAFETY: both are 16 numbers, and `to` is at the start of a line of 64 bytes.
            unsafe {
                let line = _mm512_mul_ps(_mm512_loadu_ps(from.as_ptr()), one);
                match streams {
                    true => _mm512_stream_ps(to.as_mut_ptr(), line),
                    false => _mm512_store_ps(to.as_mut_ptr(), line),
                }
            }
        }
        copy_plain(&from[first + whole..], &mut to[first + whole..]);
        _mm_sfence();
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn copy256(from: &[f32], to: &mut [f32], streams: bool) {
        let (first, whole) = lines(to);
        copy_plain(&from[..first], &mut to[..first]);
        let one = _mm256_set1_ps(black_box(1.0));
        let halves = to[first..first + whole].chunks_exact_mut(8).zip(from[first..].chunks_exact(8));
        for (to, from) in halves {
            // SAFETY: both are 8 numbers, and `to` is at the start of half a line.
            unsafe {
                let half = _mm256_mul_ps(_mm256_loadu_ps(from.as_ptr()), one);
                match streams {
                    true => _mm256_stream_ps(to.as_mut_ptr(), half),
                    false => _mm256_store_ps(to.as_mut_ptr(), half),
                }
            }
        }
        copy_plain(&from[first + whole..], &mut to[first + whole..]);
        _mm_sfence();
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) fn chains512() -> f32 {
        let (factor, addend) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
        let mut values = [_mm512_set1_ps(1.0); CHAINS];
        for _ in 0..STEPS {
            for value in &mut values {
                *value = _mm512_fmadd_ps(*value, factor, addend);
            }
        }
        values.into_iter().map(|value| _mm512_reduce_add_ps(value)).sum()
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn chains256() -> f32 {
        let (factor, addend) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
        let mut values = [_mm256_set1_ps(1.0); CHAINS];
        for _ in 0..STEPS {
            for value in &mut values {
                *value = _mm256_fmadd_ps(*value, factor, addend);
            }
        }
        values.into_iter().map(|value| _mm256_cvtss_f32(_mm256_hadd_ps(value, value))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_copies() {
        let from: Vec<f32> = (0..PIECE + 1003).map(|at| at as f32).collect();
        for instructions in Instructions::available() {
            for stores in [Stores::Ordinary, Stores::Streaming] {
                for start in [0, 1, 9, 1000, from.len() - 3, from.len()] {
                    let mut to = vec![0.0; from.len() + 5];
                    let end = from.len();
                    copy(instructions, &from[start..], &mut to[start + 2..end + 2], stores);
                    assert_eq!(to[start + 2..end + 2], from[start..], "{instructions:?} {stores:?} {start}");
                    assert!(to[..start + 2].iter().chain(&to[end + 2..]).all(|x| *x == 0.0));
                }
            }
        }
    }

    #[test]
    fn every_exponential_is_made() {
        // The mean of exp over −8..0.
        let mean = (1.0 - (-8.0f64).exp()) / 8.0;
        let each = (TILE * TILES) as u64;
        for instructions in Instructions::available() {
            let found = instructions.run(Exponentials) / each as f64;
            assert!((found / mean - 1.0).abs() < 0.01, "{instructions:?}: {found}, not {mean}");
            assert_eq!(exponentials(instructions, 2 * each + 1), 3 * each);
        }
    }

    #[test]
    fn at_least_the_operations_asked_for_are_done() {
        for instructions in Instructions::available() {
            assert!(multiply_adds(instructions, 1) > 0);
            assert!(multiply_adds(instructions, 3_000_001) > 3_000_000);
            assert_eq!(multiply_adds(instructions, 0), 0);
        }
    }
}
