//! The functions in f64.

use super::{Isa, Real};
use crate::compiled::Entry;
use crate::tile::Compiled;

/// 1.5·2⁵²: a number of at most 2⁵¹ in size, added to this, is rounded to a whole one, which the last bits of the sum hold.
const MAGIC: f64 = 6_755_399_441_055_744.0;
/// log₂ e in two parts.
const LOG2_E: (f64, f64) = (1.442_695_040_888_963_4, 2.035_527_374_093_103_3e-17);

/// a·b − c, where that is small, to a rounding of the result.
#[inline(always)]
fn product_minus<I: Isa>(a: f64, b: f64, c: f64) -> f64 {
    if I::FUSED {
        return Real::mul_add::<I>(a, b, -c);
    }
    // Halves of 26 bits, whose products are exact.
    let upper = |x: f64| f64::from_bits(x.to_bits() & 0xffff_ffff_f800_0000);
    let (a_upper, b_upper) = (upper(a), upper(b));
    let (a_lower, b_lower) = (a - a_upper, b - b_upper);
    (a_upper * b_upper - c) + a_upper * b_lower + a_lower * b_upper + a_lower * b_lower
}

/// 2^f for |f| ≤ 1/2: minimax of relative error 2^-58.0 with 2⁰ = 1, by Remez's algorithm.
#[inline(always)]
fn exp2_part<I: Isa>(f: f64) -> f64 {
    let p = Real::mul_add::<I>(4.434_762_597_533_023e-10, f, 7.073_798_307_429_924e-9);
    let p = Real::mul_add::<I>(p, f, 1.017_819_975_406_771_8e-7);
    let p = Real::mul_add::<I>(p, f, 1.321_543_520_013_916_2e-6);
    let p = Real::mul_add::<I>(p, f, 1.525_273_349_237_999e-5);
    let p = Real::mul_add::<I>(p, f, 1.540_353_045_726_455e-4);
    let p = Real::mul_add::<I>(p, f, 1.333_355_814_677_573e-3);
    let p = Real::mul_add::<I>(p, f, 9.618_129_107_594_011e-3);
    let p = Real::mul_add::<I>(p, f, 5.550_410_866_482_008e-2);
    let p = Real::mul_add::<I>(p, f, 0.240_226_506_959_101_3);
    let p = Real::mul_add::<I>(p, f, 0.693_147_180_559_945_3);
    Real::mul_add::<I>(p, f, 1.0)
}

impl Real for f64 {
    const LEAST: Self = f64::MIN;
    const LOG2_E: Self = LOG2_E.0;
    const LOG2_E_LOW: Self = LOG2_E.1;

    #[inline(always)]
    fn compiled(entry: &Entry) -> Compiled<Self> {
        entry.double
    }


    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn mul_add<I: Isa>(self, b: Self, c: Self) -> Self {
        if I::FUSED { f64::mul_add(self, b, c) } else { self * b + c }
    }
    #[inline(always)]
    fn exp2_scaled<I: Isa>(z: Self, high: Self, low: Self, shift: Self) -> Self {
        // Both hang on the shift alone, so a loop computes them once.
        let magic = MAGIC - shift;
        let t = Real::mul_add::<I>(z, high, magic);
        let n = t - magic;
        let f = Real::mul_add::<I>(z, low, product_minus::<I>(z, high, n));
        let p = exp2_part::<I>(f);
        let scaled = f64::from_bits(p.to_bits().wrapping_add(t.to_bits() << 52));
        // t grows with z even where it is too large to hold a whole number in its last bits.
        let scaled = if t < MAGIC - 1021.0 { 0.0 } else { scaled };
        if t > MAGIC + 1023.0 { f64::INFINITY } else { scaled }
    }
    #[inline(always)]
    fn exp<I: Isa>(self) -> Self {
        Self::exp2_scaled::<I>(self, LOG2_E.0, LOG2_E.1, 0.0)
    }
    #[inline(always)]
    fn ln<I: Isa>(self) -> Self {
        if self == 0.0 { -1e30 } else { f64::ln(self) }
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
        f64::sqrt(f64::max(self, 0.0))
    }
    #[inline(always)]
    fn sin<I: Isa>(self) -> Self {
        f64::sin(self)
    }
    #[inline(always)]
    fn cos<I: Isa>(self) -> Self {
        f64::cos(self)
    }
    #[inline(always)]
    fn tanh<I: Isa>(self) -> Self {
        f64::tanh(self)
    }
    #[inline(always)]
    fn sigmoid<I: Isa>(self) -> Self {
        {
            let e = f64::exp(-f64::abs(self));
            (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
        }
    }
    #[inline(always)]
    fn softplus<I: Isa>(self) -> Self {
        f64::max(self, 0.0) + f64::exp(-f64::abs(self)).ln_1p()
    }
    #[inline(always)]
    fn relu(self) -> Self {
        if self > 0.0 { self } else { 0.0 }
    }
    #[inline(always)]
    fn abs(self) -> Self {
        f64::abs(self)
    }
    #[inline(always)]
    fn floor(self) -> Self {
        f64::floor(self)
    }
    #[inline(always)]
    fn parity(self) -> Self {
        1.0 - 2.0 * (self - 2.0 * f64::floor(0.5 * self))
    }
    #[inline(always)]
    fn acos<I: Isa>(self) -> Self {
        f64::acos(self.clamp(-1.0, 1.0))
    }
    #[inline(always)]
    fn sin_acos(self) -> Self {
        Real::sqrt((1.0 - self) * (1.0 + self))
    }
    #[inline(always)]
    fn csc(self) -> Self {
        1.0 / Real::sin_acos(self.clamp(-1.0 + f64::EPSILON / 2.0, 1.0 - f64::EPSILON / 2.0))
    }
    #[inline(always)]
    fn pow<I: Isa>(self, y: Self) -> Self {
        self.powf(y)
    }
    #[inline(always)]
    fn cos_angle<I: Isa>(a: Self, cosine: Self) -> Self {
        f64::cos(a * Real::acos::<I>(cosine))
    }
    #[inline(always)]
    fn sin_angle<I: Isa>(a: Self, cosine: Self) -> Self {
        f64::sin(a * Real::acos::<I>(cosine))
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
