//! The functions in f32.

use super::{Isa, Real};
use crate::compiled::Entry;
use crate::tile::Compiled;

impl Real for f32 {
    const LEAST: Self = f32::MIN;

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
        (z * high + z * low - shift).exp2()
    }
    #[inline(always)]
    fn exp<I: Isa>(self) -> Self {
        f32::exp(self)
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
        { let e = f32::exp(-f32::abs(self)); (if self < 0.0 { e } else { 1.0 }) / (1.0 + e) }
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
