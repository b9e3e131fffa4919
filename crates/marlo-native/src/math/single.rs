//! The functions in f32.

use super::{Isa, Real};
use crate::compiled::Entry;
use crate::tile::Compiled;

/// 1.5·2²³: a number of at most 2²² in size, added to this, is rounded to a whole one, which the last bits of the sum hold.
const MAGIC: f32 = 12_582_912.0;
/// log₂ e in two parts.
const LOG2_E: (f32, f32) = (1.442_695, 1.925_963_0e-8);

/// a·b − c, where that is small, to a rounding of the result.
#[inline(always)]
fn product_minus<I: Isa>(a: f32, b: f32, c: f32) -> f32 {
    if I::FUSED {
        return Real::mul_add::<I>(a, b, -c);
    }
    // Halves of 12 bits, whose products are exact.
    let upper = |x: f32| f32::from_bits(x.to_bits() & 0xffff_f000);
    let (a_upper, b_upper) = (upper(a), upper(b));
    (a_upper * b_upper - c) + a_upper * (b - b_upper) + (a - a_upper) * b
}

/// 2^f for |f| ≤ 1/2: minimax of relative error 2^-28.9 with 2⁰ = 1, by Remez's algorithm.
#[inline(always)]
fn exp2_part<I: Isa>(f: f32) -> f32 {
    let p = Real::mul_add::<I>(1.535_332e-4, f, 1.339_892_6e-3);
    let p = Real::mul_add::<I>(p, f, 9.618_438e-3);
    let p = Real::mul_add::<I>(p, f, 5.550_332_4e-2);
    let p = Real::mul_add::<I>(p, f, 0.240_226_48);
    let p = Real::mul_add::<I>(p, f, 0.693_147_2);
    Real::mul_add::<I>(p, f, 1.0)
}

impl Real for f32 {
    const LEAST: Self = f32::MIN;
    const LOG2_E: Self = LOG2_E.0;
    const LOG2_E_LOW: Self = LOG2_E.1;

    #[inline(always)]
    fn compiled(entry: &Entry) -> Compiled<Self> {
        entry.single
    }


    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn mul_add<I: Isa>(self, b: Self, c: Self) -> Self {
        if I::FUSED { f32::mul_add(self, b, c) } else { self * b + c }
    }
    #[inline(always)]
    fn exp2_scaled<I: Isa>(z: Self, high: Self, low: Self, shift: Self) -> Self {
        // Both hang on the shift alone, so a loop computes them once.
        let magic = MAGIC - shift;
        let t = Real::mul_add::<I>(z, high, magic);
        let n = t - magic;
        let f = Real::mul_add::<I>(z, low, product_minus::<I>(z, high, n));
        let p = exp2_part::<I>(f);
        let scaled = f32::from_bits(p.to_bits().wrapping_add(t.to_bits() << 23));
        // t grows with z even where it is too large to hold a whole number in its last bits.
        let scaled = if t < MAGIC - 125.0 { 0.0 } else { scaled };
        if t > MAGIC + 127.0 { f32::INFINITY } else { scaled }
    }
    #[inline(always)]
    fn exp<I: Isa>(self) -> Self {
        Self::exp2_scaled::<I>(self, LOG2_E.0, LOG2_E.1, 0.0)
    }
    #[inline(always)]
    fn ln<I: Isa>(self) -> Self {
        if self == 0.0 { -1e30 } else { f32::ln(self) }
    }
    #[inline(always)]
    fn log1p<I: Isa>(self) -> Self {
        self.ln_1p()
    }
    #[inline(always)]
    fn expm1<I: Isa>(self) -> Self {
        self.exp_m1()
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        f32::sqrt(f32::max(self, 0.0))
    }
    #[inline(always)]
    fn sin<I: Isa>(self) -> Self {
        f32::sin(self)
    }
    #[inline(always)]
    fn cos<I: Isa>(self) -> Self {
        f32::cos(self)
    }
    #[inline(always)]
    fn tanh<I: Isa>(self) -> Self {
        f32::tanh(self)
    }
    #[inline(always)]
    fn sigmoid<I: Isa>(self) -> Self {
        {
            let e = f32::exp(-f32::abs(self));
            (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
        }
    }
    #[inline(always)]
    fn softplus<I: Isa>(self) -> Self {
        f32::max(self, 0.0) + f32::exp(-f32::abs(self)).ln_1p()
    }
    #[inline(always)]
    fn relu(self) -> Self {
        if self > 0.0 { self } else { 0.0 }
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f32::abs(self)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f32::floor(self)
    }
    #[inline(always)]
    fn parity(self) -> Self {
        1.0 - 2.0 * (self - 2.0 * f32::floor(0.5 * self))
    }
    #[inline(always)]
    fn acos<I: Isa>(self) -> Self {
        f32::acos(self.clamp(-1.0, 1.0))
    }
    #[inline(always)]
    fn sin_acos(self) -> Self {
        Real::sqrt((1.0 - self) * (1.0 + self))
    }
    #[inline(always)]
    fn csc(self) -> Self {
        1.0 / Real::sin_acos(self.clamp(-1.0 + f32::EPSILON / 2.0, 1.0 - f32::EPSILON / 2.0))
    }
    #[inline(always)]
    fn pow<I: Isa>(self, y: Self) -> Self {
        self.powf(y)
    }
    #[inline(always)]
    fn cos_angle<I: Isa>(a: Self, cosine: Self) -> Self {
        f32::cos(a * Real::acos::<I>(cosine))
    }
    #[inline(always)]
    fn sin_angle<I: Isa>(a: Self, cosine: Self) -> Self {
        f32::sin(a * Real::acos::<I>(cosine))
    }
    #[inline(always)]
    fn sin_ratio<I: Isa>(a: Self, cosine: Self) -> Self {
        <Self as Real>::sin_angle::<I>(a, cosine) * Real::csc(cosine)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self <= other { self } else { other }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other <= self { self } else { other }
    }
}
