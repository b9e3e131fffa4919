//! The instructions that this machine has, and code that is compiled for each set of them.

use crate::math::{Fused, Isa, Plain};

/// A set of instructions that this machine has: there is no other way to one than to look.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instructions(Set);

/// The sets that code is compiled for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Set {
    /// What every machine of the architecture has; on aarch64 that is NEON.
    Baseline,
    /// x86-64 with AVX2 and fused multiply-add: 8 f32 at once.
    Avx2,
    /// x86-64 with AVX-512 F, VL, BW and DQ: 16 f32 at once.
    Avx512,
}

/// Work that is compiled for each set of instructions.
///
/// `run` must be `#[inline(always)]`, and so must all that it calls in its loops: then they become part of a function for
/// those instructions, and scalar text over arrays becomes their vector code.
pub trait Job {
    /// What it gives.
    type Output;

    /// Does it.
    fn run<I: Isa>(self) -> Self::Output;
}

impl Instructions {
    /// The widest that this machine has.
    pub fn detect() -> Instructions {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let is_wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq");
            return Instructions(if is_wide { Set::Avx512 } else { Set::Avx2 });
        }
        Instructions(Set::Baseline)
    }

    /// All that this machine has, the narrowest first.
    pub fn available() -> Vec<Instructions> {
        let all = [Set::Baseline, Set::Avx2, Set::Avx512];
        let widest = Instructions::detect().0 as usize;
        all.into_iter().filter(|set| *set as usize <= widest).map(Instructions).collect()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Baseline => "baseline",
            Set::Avx2 => "AVX2+FMA",
            Set::Avx512 => "AVX-512",
        }
    }

    /// The set, for code that names instructions itself.
    pub(crate) fn set(self) -> Set {
        self.0
    }

    /// Does work with these instructions.
    #[inline]
    pub fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the machine was found to have them.
            Set::Avx512 => unsafe { avx512(job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Set::Avx2 => unsafe { avx2(job) },
            _ if cfg!(target_arch = "aarch64") => job.run::<Fused>(),
            _ => job.run::<Plain>(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
fn avx512<J: Job>(job: J) -> J::Output {
    job.run::<Fused>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<J: Job>(job: J) -> J::Output {
    job.run::<Fused>()
}
