//! The numbers that the reference evaluator runs on.

use num_traits::{Float, NumAssign};

/// ln Σ exp over no classes at all: a finite stand-in for −∞, so that no backend ever multiplies 0 by ∞.
/// With it a loss over a single class is exactly 0, and so is its gradient.
pub const NO_CLASS: f64 = -1e30;

/// A number that a program can be evaluated with.
///
/// Comparisons look at the value alone, so that a dual number takes the branch its value takes.
pub trait Scalar: NumAssign + std::ops::Neg<Output = Self> + PartialOrd + Copy + std::fmt::Debug {
    /// The distance from 1 to the next smaller number of this precision: how close a cosine can come to 1 without
    /// being 1. There a derivative that is singular at cos = ±1 is taken instead.
    const RESOLUTION: f64;

    /// The number nearest to an f64.
    fn from_f64(value: f64) -> Self;
    /// The f64 nearest to the value.
    fn to_f64(self) -> f64;
    /// eˣ
    fn exp(self) -> Self;
    /// ln x
    fn ln(self) -> Self;
    /// ln(1 + x)
    fn log1p(self) -> Self;
    /// eˣ − 1
    fn expm1(self) -> Self;
    /// √x
    fn sqrt(self) -> Self;
    /// sin x
    fn sin(self) -> Self;
    /// cos x
    fn cos(self) -> Self;
    /// tanh x
    fn tanh(self) -> Self;
    /// The angle of a cosine in [−1, 1].
    fn acos(self) -> Self;
    /// ⌊x⌋
    fn floor(self) -> Self;
    /// xʸ
    fn pow(self, exponent: Self) -> Self;
    /// The value without its derivative.
    fn detach(self) -> Self;

    /// 1/(1 + e⁻ˣ) with full relative precision in both tails.
    fn sigmoid(self) -> Self {
        if self < Self::zero() {
            let e = self.exp();
            e / (Self::one() + e)
        } else {
            Self::one() / (Self::one() + (-self).exp())
        }
    }

    /// ln(1 + eˣ) with full relative precision in both tails.
    fn softplus(self) -> Self {
        if self < Self::zero() { self.exp().log1p() } else { self + (-self).exp().log1p() }
    }

    /// sin θ for the angle θ of this cosine: √((1 − c)(1 + c)), 0 where rounding put the cosine past ±1.
    ///
    /// Its derivative −c/sin θ is singular at ±1 and is taken at the nearest representable cosine inside.
    fn sin_acos(self) -> Self {
        let square = (Self::one() - self) * (Self::one() + self);
        if square > Self::zero() { square.sqrt() } else { Self::zero() }
    }

    /// The cosine, moved to the nearest one inside, ±(1 − resolution), when it stands at or past ±1.
    fn inside(self, resolution: f64) -> Self {
        let edge = Self::from_f64(1.0 - resolution);
        if self > edge {
            edge
        } else if self < -edge {
            -edge
        } else {
            self
        }
    }

    /// The number as one of 0, 1, …, 16, where it is: for those cos(aθ) and the like are polynomials.
    fn small_whole(self) -> Option<u32> {
        let value = self.to_f64();
        (value.fract() == 0.0 && (0.0..=16.0).contains(&value)).then_some(value as u32)
    }

    /// cos(aθ) for the angle θ of this cosine; by recurrence where a is a small whole number.
    fn cos_multiple(self, a: Self) -> Self {
        match a.small_whole() {
            Some(n) => {
                let (mut before, mut now) = (Self::one(), self);
                for _ in 1..n {
                    (before, now) = (now, self * now + self * now - before);
                }
                if n == 0 { Self::one() } else { now }
            }
            None => (a * self.acos()).cos(),
        }
    }

    /// sin(aθ)/sin θ for the angle θ of this cosine; by recurrence where a is a small whole number, else at ±1
    /// taken at the nearest cosine inside, ±(1 − resolution).
    fn sin_ratio(self, a: Self, resolution: f64) -> Self {
        match a.small_whole() {
            Some(n) => {
                let (mut before, mut now) = (Self::zero(), Self::one());
                for _ in 1..n {
                    (before, now) = (now, self * now + self * now - before);
                }
                if n == 0 { Self::zero() } else { now }
            }
            None => {
                let c = self.inside(resolution);
                (a * c.acos()).sin() / c.sin_acos()
            }
        }
    }

    /// sin(aθ) for the angle θ of this cosine.
    fn sin_multiple(self, a: Self) -> Self {
        match a.small_whole() {
            Some(_) => self.sin_ratio(a, Self::RESOLUTION) * self.sin_acos(),
            None => (a * self.acos()).sin(),
        }
    }
}

macro_rules! float {
    ($($float:ty)*) => {$(
        impl Scalar for $float {
            const RESOLUTION: f64 = <$float>::EPSILON as f64 / 2.0;

            fn from_f64(value: f64) -> Self { value as $float }
            fn to_f64(self) -> f64 { f64::from(self) }
            fn exp(self) -> Self { Float::exp(self) }
            fn ln(self) -> Self { Float::ln(self) }
            fn log1p(self) -> Self { Float::ln_1p(self) }
            fn expm1(self) -> Self { Float::exp_m1(self) }
            fn sqrt(self) -> Self { Float::sqrt(self) }
            fn sin(self) -> Self { Float::sin(self) }
            fn cos(self) -> Self { Float::cos(self) }
            fn tanh(self) -> Self { Float::tanh(self) }
            fn acos(self) -> Self { Float::acos(self.clamp(-1.0, 1.0)) }
            fn floor(self) -> Self { Float::floor(self) }
            fn pow(self, exponent: Self) -> Self { Float::powf(self, exponent) }
            fn detach(self) -> Self { self }
        }
    )*};
}
float!(f32 f64);
