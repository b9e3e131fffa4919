//! Loops over vectors of the length of an embedding and over the cells of a block.

use crate::isa::Instructions;
use crate::math::{Fused, Isa, Plain, Real};

/// Lanes that sums run in.
const LANES: usize = 64;

/// Defines loops that are compiled for each set of instructions.
macro_rules! compiled {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?, $body:expr) => {
        $(#[$doc])*
        pub(super) fn $name<F: Real>(instructions: Instructions, $($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            fn work<F: Real, I: Isa>($($arg: $type),*) $(-> $out)? {
                let body: fn($($type),*) $(-> $out)? = $body;
                body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn avx512<F: Real>($($arg: $type),*) $(-> $out)? { work::<F, Fused>($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2<F: Real>($($arg: $type),*) $(-> $out)? { work::<F, Fused>($($arg),*) }
                // SAFETY: `Instructions` names only what this machine has.
                match instructions {
                    Instructions::Avx512 => return unsafe { avx512::<F>($($arg),*) },
                    Instructions::Avx2 => return unsafe { avx2::<F>($($arg),*) },
                    Instructions::Baseline => {}
                }
            }
            match cfg!(target_arch = "aarch64") {
                true => work::<F, Fused>($($arg),*),
                false => work::<F, Plain>($($arg),*),
            }
        }
    };
}
