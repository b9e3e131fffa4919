//! The functions in f64.

use super::{Isa, Real};
use crate::compiled::Entry;
use crate::tile::Compiled;

impl Real for f64 {
    const LEAST: Self = f64::MIN;

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
        (z * high + z * low - shift).exp2()
    }
    #[inline(always)]
    fn exp<I: Isa>(self) -> Self {
        f64::exp(self)
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
        { let e = f64::exp(-f64::abs(self)); (if self < 0.0 { e } else { 1.0 }) / (1.0 + e) }
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
