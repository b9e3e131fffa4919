//! The instructions that this machine has.

/// A set of instructions that loops are compiled for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Instructions {
    /// What every machine of the architecture has; on aarch64 that is NEON.
    Baseline,
    /// x86-64 with AVX2 and fused multiply-add: 8 f32 at once.
    Avx2,
    /// x86-64 with AVX-512 F, VL, BW and DQ: 16 f32 at once.
    Avx512,
}

impl Instructions {
    /// The widest that this machine has.
    pub fn detect() -> Instructions {
        Instructions::available().last().copied().unwrap_or(Instructions::Baseline)
    }

    /// All that this machine has, the narrowest first.
    pub fn available() -> Vec<Instructions> {
        let mut found = vec![Instructions::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                found.push(Instructions::Avx2);
                if ["avx512f", "avx512vl", "avx512bw", "avx512dq"].iter().all(|name| has(name)) {
                    found.push(Instructions::Avx512);
                }
            }
        }
        found
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Instructions::Baseline => "baseline",
            Instructions::Avx2 => "AVX2+FMA",
            Instructions::Avx512 => "AVX-512",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has(name: &str) -> bool {
    match name {
        "avx512f" => is_x86_feature_detected!("avx512f"),
        "avx512vl" => is_x86_feature_detected!("avx512vl"),
        "avx512bw" => is_x86_feature_detected!("avx512bw"),
        _ => is_x86_feature_detected!("avx512dq"),
    }
}
