//! Numbers that know how far rounding may have taken them: what tells a false law from a rounded true one.
//!
//! Unlike in [`crate::tracked`] a literal is rounded, too: a law means the decimal that was written, and π.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign};

use marlo_ir::eval::Scalar;
use num_traits::{Num, One, Zero};

/// A value and a bound of its error, to first order.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Tracked {
    /// The value.
    pub(crate) value: f64,
    /// How far off it may be.
    pub(crate) error: f64,
}

/// What one operation may add, relative to its result.
const UNIT: f64 = 4.0 * f64::EPSILON;

/// Error bounds are of first order: a difference must be this many times greater.
const MARGIN: f64 = 8.0;

impl Tracked {
    fn slack(self, other: Self) -> f64 {
        MARGIN * (self.error + other.error)
    }

    /// Is a comparison of the two without meaning, as one of them is undefined or off by too much?
    pub(crate) fn says_nothing(self, other: Self) -> bool {
        let (gap, slack) = (self.value - other.value, self.slack(other));
        !gap.is_finite() || !slack.is_finite() || slack > 1e-2 * (1.0 + self.value.abs())
    }

    /// May both be roundings of one number?
    pub(crate) fn agrees(self, other: Self) -> bool {
        self.says_nothing(other) || (self.value - other.value).abs() <= self.slack(other)
    }

    /// A result: its own rounding comes on top of what its arguments bring in.
    fn of(value: f64, carried: f64) -> Self {
        // 0·∞: where nothing is off, nothing is carried.
        let carried = if carried.is_nan() { f64::INFINITY } else { carried };
        Tracked { value, error: carried + UNIT * value.abs() }
    }

    /// A function with this slope.
    fn chain(self, value: f64, slope: f64) -> Self {
        Tracked::of(value, if self.error == 0.0 { 0.0 } else { self.error * slope.abs() })
    }
}

impl PartialEq for Tracked {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialOrd for Tracked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl Neg for Tracked {
    type Output = Self;
    fn neg(self) -> Self {
        Tracked { value: -self.value, error: self.error }
    }
}

impl Add for Tracked {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Tracked::of(self.value + other.value, self.error + other.error)
    }
}

impl Sub for Tracked {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Tracked::of(self.value - other.value, self.error + other.error)
    }
}

impl Mul for Tracked {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let part = |error: f64, by: f64| if error == 0.0 || by == 0.0 { 0.0 } else { error * by.abs() };
        let carried =
            part(self.error, other.value) + part(other.error, self.value) + part(self.error, other.error);
        Tracked::of(self.value * other.value, carried)
    }
}

impl Div for Tracked {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        let part = if other.error == 0.0 { 0.0 } else { other.error * value.abs() };
        Tracked::of(value, (self.error + part) / (other.value.abs() - other.error).max(0.0))
    }
}

impl Rem for Tracked {
    type Output = Self;
    fn rem(self, other: Self) -> Self {
        Tracked::of(self.value % other.value, f64::INFINITY)
    }
}

macro_rules! assign {
    ($($trait:ident $method:ident $op:tt;)*) => {$(
        impl $trait for Tracked {
            fn $method(&mut self, other: Self) { *self = *self $op other; }
        }
    )*};
}
assign! {
    AddAssign add_assign +; SubAssign sub_assign -; MulAssign mul_assign *; DivAssign div_assign /;
    RemAssign rem_assign %;
}

impl Zero for Tracked {
    fn zero() -> Self {
        Tracked::default()
    }
    fn is_zero(&self) -> bool {
        self.value == 0.0
    }
}

impl One for Tracked {
    fn one() -> Self {
        Tracked { value: 1.0, error: 0.0 }
    }
}

impl Num for Tracked {
    type FromStrRadixErr = <f64 as Num>::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(Tracked::from_f64)
    }
}

impl Scalar for Tracked {
    const RESOLUTION: f64 = f64::RESOLUTION;

    fn from_f64(value: f64) -> Self {
        // Whole numbers and cosines are given; other literals stand for decimals.
        let exact = (value * 1024.0).fract() == 0.0;
        Tracked { value, error: if exact { 0.0 } else { f64::EPSILON * value.abs() } }
    }
    fn to_f64(self) -> f64 {
        self.value
    }
    fn exp(self) -> Self {
        let value = self.value.exp();
        // A large error does not grow linearly.
        self.chain(value, value * if self.error > 1e-3 { (2.0 * self.error).exp() } else { 1.01 })
    }
    fn ln(self) -> Self {
        self.chain(self.value.ln(), 1.0 / (self.value - self.error).max(0.0))
    }
    fn log1p(self) -> Self {
        self.chain(self.value.ln_1p(), 1.0 / (1.0 + self.value - self.error).max(0.0))
    }
    fn expm1(self) -> Self {
        self.chain(self.value.exp_m1(), self.value.exp())
    }
    fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        // √(x + e) − √x is at most √e, and e/2√x where that is less.
        let carried = self.error.sqrt().min(self.error / value.max(f64::MIN_POSITIVE));
        Tracked::of(value, carried)
    }
    fn sin(self) -> Self {
        self.chain(self.value.sin(), 1.0)
    }
    fn cos(self) -> Self {
        self.chain(self.value.cos(), 1.0)
    }
    fn tanh(self) -> Self {
        self.chain(self.value.tanh(), 1.0)
    }
    fn acos(self) -> Self {
        let value = self.value.clamp(-1.0, 1.0).acos();
        let sine = ((1.0 - self.value) * (1.0 + self.value)).max(0.0).sqrt();
        Tracked::of(value, (2.0 * self.error).sqrt().min(2.0 * self.error / sine.max(f64::MIN_POSITIVE)))
    }
    fn floor(self) -> Self {
        let near = (self.value - self.value.round()).abs() <= self.error;
        Tracked { value: self.value.floor(), error: if near { f64::INFINITY } else { 0.0 } }
    }
    fn pow(self, exponent: Self) -> Self {
        let value = self.value.powf(exponent.value);
        let part = |error: f64, slope: f64| if error == 0.0 { 0.0 } else { error * slope.abs() };
        let by_base = part(self.error, exponent.value * value / self.value);
        Tracked::of(value, by_base + part(exponent.error, value * self.value.ln()))
    }
    fn detach(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancellation_is_known() {
        let x = Tracked::from_f64(0.1);
        let rest = (x + Tracked::from_f64(1e6)) - Tracked::from_f64(1e6) - x;
        assert!(rest.value.abs() <= rest.error && rest.error < 1e-8);
    }

    #[test]
    fn a_border_is_no_evidence() {
        let third = Tracked::one() / Tracked::from_f64(3.0);
        assert!((third * Tracked::from_f64(3.0)).floor().error.is_infinite());
        assert_eq!(Tracked::from_f64(2.5).floor().error, 0.0);
    }
}
