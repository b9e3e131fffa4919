//! The parts of the functions in f32.
//!
//! The polynomials are minimax for the relative error of the function that they are part of, by Remez's algorithm in 200
//! bits, and rounded to f32; the error before that is stated with each.

use super::derived::{self, real};
use super::parts::Parts;
use super::{Isa, Real};
use crate::compiled::{Code, Entry};

real!(f32);

impl Parts for f32 {
    const ZERO: Self = 0.0;
    const HALF: Self = 0.5;
    const ONE: Self = 1.0;
    const TWO: Self = 2.0;
    const LEAST: Self = f32::MIN;
    const INFINITY: Self = f32::INFINITY;
    const LN_0: Self = -1e30;
    const INSIDE: Self = 1.0 - f32::EPSILON / 2.0;
    const MAGIC: Self = 12_582_912.0;
    const LEAST_POWER: Self = -125.0;
    const GREATEST_POWER: Self = 127.0;
    const LOG2_E: (Self, Self) = (std::f32::consts::LOG2_E, 1.925_963e-8);
    const LN_2: (Self, Self) = (0.693_176_27, -2.908_897_1e-5);
    const THIRD: (Self, Self) = (1.0 / 3.0, -9.934_108e-9);
    const SPLIT: Self = std::f32::consts::SQRT_2 - 1.0;
    const QUARTERS: Self = std::f32::consts::FRAC_2_PI;
    const QUARTER_FUSED: [Self; 3] = [std::f32::consts::FRAC_PI_2, -4.371_139e-8, -1.715_124_5e-15];
    const QUARTER_PLAIN: [Self; 4] = [1.570_312_5, 0.000_483_989_72, -1.629_814_5e-7, 6.077_100_6e-11];
    const FAR: Self = 4e6;
    const TANH_ONE: Self = 10.0;
    const FARTHEST: f64 = 1_048_576.0;

    #[inline(always)]
    fn compiled(entry: &Entry) -> Code<Self> {
        Code(entry.single)
    }
    #[inline(always)]
    fn upper(self) -> Self {
        f32::from_bits(self.to_bits() & 0xffff_f000)
    }
    #[inline(always)]
    fn flip(self, by: Self) -> Self {
        f32::from_bits(self.to_bits() ^ (by.to_bits() & (1 << 31)))
    }
    #[inline(always)]
    fn scaled(self, t: Self) -> Self {
        f32::from_bits(self.to_bits().wrapping_add(t.to_bits() << 23))
    }
    #[inline(always)]
    fn sign_of_odd(t: Self) -> Self {
        f32::from_bits((t.to_bits() << 31) | 1.0f32.to_bits())
    }
    #[inline(always)]
    fn quadrant(sin: Self, cos: Self, t: Self, u: Self) -> Self {
        let quarters = t.to_bits().wrapping_add(u.to_bits());
        let value = if quarters & 1 == 0 { sin } else { cos };
        f32::from_bits(value.to_bits() ^ ((quarters & 2) << 30))
    }
    #[inline(always)]
    fn log_split(self) -> (Self, Self) {
        let (exponent, mantissa) = split(if self > f32::MIN_POSITIVE { self } else { f32::MIN_POSITIVE });
        (exponent, mantissa - 1.0)
    }
    #[inline(always)]
    fn log1p_split(self) -> (Self, Self) {
        let x = if self > -1.0 { self } else { 0.0 };
        let (exponent, _) = split(1.0 + x);
        // The exponent in its place, to be taken from those of x and 1.
        let place = (1.0 + x).to_bits().wrapping_sub(ROOT_HALF) & !MANTISSA;
        let part = f32::from_bits(x.to_bits().wrapping_sub(place));
        let one = f32::from_bits(1.0f32.to_bits().wrapping_sub(place));
        // Beside so large an x the 1 is nothing, and its scale would underflow.
        let one = if x > 1e10 { 0.0 } else { one };
        (exponent, part + (one - 1.0))
    }
    /// Error 2^-28.9.
    #[inline(always)]
    fn exp2_part<I: Isa>(f: Self) -> Self {
        let p = Real::mul_add::<I>(0.000_153_533_2, f, 0.001_339_892_6);
        let p = Real::mul_add::<I>(p, f, 0.009_618_438);
        let p = Real::mul_add::<I>(p, f, 0.055_503_324);
        let p = Real::mul_add::<I>(p, f, 0.240_226_48);
        let p = Real::mul_add::<I>(p, f, std::f32::consts::LN_2);
        Real::mul_add::<I>(p, f, 1.0)
    }
    /// Error 2^-32.0.
    #[inline(always)]
    fn expm1_part<I: Isa>(r: Self) -> Self {
        let p = Real::mul_add::<I>(0.000_198_458_82, r, 0.001_394_066_8);
        let p = Real::mul_add::<I>(p, r, 0.008_333_39);
        let p = Real::mul_add::<I>(p, r, 0.041_666_36);
        let p = Real::mul_add::<I>(p, r, 0.166_666_66);
        let p = Real::mul_add::<I>(p, r, 0.5);
        Real::mul_add::<I>(p, r * r, r)
    }
    /// Error 2^-30.3.
    #[inline(always)]
    fn ln_part<I: Isa>(k: Self, f: Self) -> Self {
        let z = f * f;
        let p = Real::mul_add::<I>(0.067_466_415, f, -0.116_756_52);
        let p = Real::mul_add::<I>(p, f, 0.118_881_62);
        let p = Real::mul_add::<I>(p, f, -0.124_055_89);
        let p = Real::mul_add::<I>(p, f, 0.142_195_52);
        let p = Real::mul_add::<I>(p, f, -0.166_679_96);
        let p = Real::mul_add::<I>(p, f, 0.200_021_19);
        let p = Real::mul_add::<I>(p, f, -0.250_000_1);
        let p = Real::mul_add::<I>(p, f, 0.333_333_13);
        let rest = Real::mul_add::<I>(f * z, p, k * Self::LN_2.1);
        let rest = Real::mul_add::<I>(z, -0.5, rest);
        Real::mul_add::<I>(k, Self::LN_2.0, f + rest)
    }
    /// Error 2^-28.0.
    #[inline(always)]
    fn sin_part<I: Isa>(z: Self) -> Self {
        let p = Real::mul_add::<I>(-0.000_195_146_32, z, 0.008_332_156);
        Real::mul_add::<I>(p, z, -0.166_666_55)
    }
    /// Error 2^-33.0.
    #[inline(always)]
    fn cos_part<I: Isa>(z: Self) -> Self {
        let p = Real::mul_add::<I>(2.443_241_3e-5, z, -0.001_388_731);
        Real::mul_add::<I>(p, z, 0.041_666_646)
    }
    /// Error 2^-27.6.
    #[inline(always)]
    fn asin_part<I: Isa>(z: Self) -> Self {
        let p = Real::mul_add::<I>(0.042_218_57, z, 0.024_147_6);
        let p = Real::mul_add::<I>(p, z, 0.045_477_1);
        let p = Real::mul_add::<I>(p, z, 0.074_952_416);
        Real::mul_add::<I>(p, z, 0.166_667_54)
    }
    /// Error 2^-36.8.
    #[inline(always)]
    fn atanh_part<I: Isa>(z: Self) -> Self {
        let p = Real::mul_add::<I>(0.117_092_88, z, 0.142_735_67);
        Real::mul_add::<I>(p, z, 0.200_000_76)
    }
}

/// The bits of a number below its exponent.
const MANTISSA: u32 = 0x007f_ffff;

/// The bits of √½.
const ROOT_HALF: u32 = 0x3f35_04f3;

/// x = 2^k·m with m between √½ and √2: k and m, for a normal x.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    let bits = x.to_bits().wrapping_sub(ROOT_HALF);
    ((bits.cast_signed() >> 23) as f32, f32::from_bits((bits & MANTISSA) + ROOT_HALF))
}
