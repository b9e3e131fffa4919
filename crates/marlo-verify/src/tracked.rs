//! Running error analysis: an f64 evaluation that knows how far off it may be.
//!
//! Each operation adds its own rounding to what its arguments carry, so the error scales with the terms of a result and
//! not with the result: where terms cancel the tolerance stays as wide as rounding makes it. The model is that of
//! Wilkinson's running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.3).

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign};

use marlo_ir::eval::Scalar;
use num_traits::{Num, One, Zero};

/// Half an ulp of 1: the relative error of one rounding.
const UNIT: f64 = f64::EPSILON / 2.0;
/// Half the smallest denormal number's spacing can be lost besides; counted whole, for it can't be halved.
const TINY: f64 = f64::from_bits(1);
/// The relative error of the library's functions: within 1 ulp, so 2 units.
const LIBRARY: f64 = 2.0 * UNIT;

/// An f64 with a bound on its distance from what exact arithmetic would give.
///
/// Inputs and literals are exact. An order is that of the values: the bound holds for the branch that was taken. It is of
/// first order with the second where a function bends, and infinite where no bound is known.
///
/// Equal are equal values, but for one: what came out as 0 and may be something else is not the exact 0, lest a dual
/// number take such a slope for none.
#[derive(Copy, Clone, Debug, Default)]
pub struct Tracked {
    /// The value, the same bits as in f64.
    pub value: f64,
    /// The bound: absolute, not negative.
    pub error: f64,
}

impl Tracked {
    /// An exact number.
    pub fn exact(value: f64) -> Self {
        Tracked { value, error: 0.0 }
    }

    /// Is it an infinity that isn't an overflow: ln 0, and what follows from it?
    fn is_endless(self) -> bool {
        self.value.is_infinite() && self.error == 0.0
    }

    /// A result whose arguments' errors make up `carried`, rounded by `units` times itself.
    fn rounded(value: f64, carried: f64, units: f64) -> Self {
        let error = carried + units * value.abs() + TINY;
        Tracked { value, error: if error.is_nan() { f64::INFINITY } else { error } }
    }

    /// A function of one exact argument where the derivative's size is at most `slope` all over the error's reach.
    fn function(self, value: f64, slope: f64) -> Self {
        Tracked::rounded(value, times(slope, self.error), LIBRARY)
    }

    /// The relative error that e^error makes.
    fn growth(self) -> f64 {
        self.error.exp_m1()
    }

    /// |x| less its error, not below 0.
    fn least(self) -> f64 {
        (self.value.abs() - self.error).max(0.0)
    }
}

/// What an error becomes when it is multiplied: exact stays exact, but no factor makes an unknown error known, not even 0,
/// which may be a number that f64 doesn't hold.
fn times(factor: f64, error: f64) -> f64 {
    if error == 0.0 { 0.0 } else { factor * error }
}

impl PartialEq for Tracked {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value && (self.value != 0.0 || (self.error == 0.0) == (other.error == 0.0))
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
        Tracked { value: -self.value, ..self }
    }
}

impl Add for Tracked {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (value, carried) = (self.value + other.value, self.error + other.error);
        // 0 takes no rounding, so a sum that starts from it stays exact.
        if self.value == 0.0 || other.value == 0.0 {
            return Tracked { value, error: carried };
        }
        if (self.is_endless() || other.is_endless()) && value.is_infinite() && carried.is_finite() {
            return Tracked::exact(value);
        }
        Tracked::rounded(value, carried, UNIT)
    }
}

impl Sub for Tracked {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Tracked {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let value = self.value * other.value;
        let one = |x: Tracked| x.error == 0.0 && x.value.abs() == 1.0;
        let nothing = |x: Tracked| x.error == 0.0 && x.value == 0.0;
        if (nothing(self) || nothing(other)) && value == 0.0 {
            return Tracked::exact(value);
        }
        let sure = |x: Tracked| x.value.abs() > x.error;
        if self.is_endless() && sure(other) || other.is_endless() && sure(self) {
            return Tracked::exact(value);
        }
        if one(self) || one(other) {
            return Tracked { value, error: self.error + other.error };
        }
        let both = if self.error == 0.0 { 0.0 } else { times(self.error, other.error) };
        let carried = times(self.value.abs(), other.error) + times(other.value.abs(), self.error) + both;
        Tracked::rounded(value, carried, UNIT)
    }
}

impl Div for Tracked {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        if self.value == 0.0 && self.error == 0.0 || other.error == 0.0 && other.value.abs() == 1.0 {
            return Tracked { value, error: self.error };
        }
        let carried = (self.error + times(value.abs(), other.error)) / other.least();
        Tracked::rounded(value, carried, UNIT)
    }
}

impl Rem for Tracked {
    type Output = Self;
    fn rem(self, other: Self) -> Self {
        Tracked { value: self.value % other.value, error: self.error + other.error }
    }
}

macro_rules! assign {
    ($($trait:ident $method:ident $op:tt;)*) => {$(
        impl $trait for Tracked {
            fn $method(&mut self, other: Self) { *self = *self $op other; }
        }
    )*};
}
assign! { AddAssign add_assign +; SubAssign sub_assign -; MulAssign mul_assign *; DivAssign div_assign /; RemAssign rem_assign %; }

impl Zero for Tracked {
    fn zero() -> Self {
        Tracked::exact(0.0)
    }
    fn is_zero(&self) -> bool {
        *self == Tracked::zero()
    }
}

impl One for Tracked {
    fn one() -> Self {
        Tracked::exact(1.0)
    }
}

impl Num for Tracked {
    type FromStrRadixErr = <f64 as Num>::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        f64::from_str_radix(text, radix).map(Tracked::exact)
    }
}

impl Scalar for Tracked {
    const RESOLUTION: f64 = <f64 as Scalar>::RESOLUTION;

    fn from_f64(value: f64) -> Self {
        Tracked::exact(value)
    }

    fn to_f64(self) -> f64 {
        self.value
    }

    fn exp(self) -> Self {
        let value = self.value.exp();
        if self.is_endless() {
            return Tracked::exact(value);
        }
        Tracked::rounded(value, times(value, self.growth()), LIBRARY)
    }

    fn ln(self) -> Self {
        if self == Tracked::zero() {
            return Tracked::exact(f64::NEG_INFINITY);
        }
        self.function(self.value.ln(), 1.0 / self.least())
    }

    fn log1p(self) -> Self {
        let sum = Tracked { value: 1.0 + self.value, ..self };
        self.function(self.value.ln_1p(), 1.0 / sum.least())
    }

    fn expm1(self) -> Self {
        let carried = times(self.value.exp(), self.growth());
        Tracked::rounded(self.value.exp_m1(), carried, LIBRARY)
    }

    fn sqrt(self) -> Self {
        let value = self.value.sqrt();
        // |√x − √y| is at most |x − y|/(√x + √y), and at most √|x − y|.
        let carried = times(1.0 / (value + self.least().sqrt()), self.error).min(self.error.sqrt());
        Tracked::rounded(value, carried, UNIT)
    }

    fn sin(self) -> Self {
        self.function(self.value.sin(), (self.value.cos().abs() + self.error).min(1.0))
    }

    fn cos(self) -> Self {
        self.function(self.value.cos(), (self.value.sin().abs() + self.error).min(1.0))
    }

    fn tanh(self) -> Self {
        let value = self.value.tanh();
        let slope = self.value.cosh().powi(-2) * (1.0 + (2.0 * self.error).exp_m1());
        self.function(value, slope.min(1.0))
    }

    fn acos(self) -> Self {
        let value = Scalar::acos(self.value);
        let least = (1.0 - self.value.abs() - self.error).max(0.0);
        let sine = (least * (2.0 - least)).sqrt();
        // Near ±1 the angle moves as the root of the cosine: by π/√2 times at most.
        let carried = times(1.0 / sine, self.error).min(2.3 * self.error.sqrt());
        Tracked::rounded(value, carried, LIBRARY)
    }

    fn floor(self) -> Self {
        Tracked::exact(self.value.floor())
    }

    fn pow(self, exponent: Self) -> Self {
        let value = self.value.powf(exponent.value);
        let least = self.least();
        // Relative errors add up: |y|·δ of the base, and ln x of the exponent.
        let base = if exponent.value >= 1.0 {
            let most = (self.value.abs() + self.error).powf(exponent.value - 1.0);
            times(exponent.value * most, self.error)
        } else {
            times(exponent.value.abs() * least.powf(exponent.value - 1.0), self.error)
        };
        // 0 to a positive power is 0 for all exponents around.
        let logarithm = if value == 0.0 { 0.0 } else { self.value.abs().ln().abs() };
        let power = times(value.abs() * logarithm, exponent.error);
        Tracked::rounded(value, base + power, LIBRARY)
    }

    fn detach(self) -> Self {
        self
    }

    fn sigmoid(self) -> Self {
        let value = Scalar::sigmoid(self.value);
        let slope = value * Scalar::sigmoid(-self.value);
        // The logarithm of the slope changes by at most 1 for each 1.
        Tracked::rounded(value, times(slope, self.growth()), 2.0 * LIBRARY)
    }

    fn softplus(self) -> Self {
        let slope = (Scalar::sigmoid(self.value) * self.error.exp()).min(1.0);
        let carried = times(slope, self.error);
        Tracked::rounded(Scalar::softplus(self.value), carried, 2.0 * LIBRARY)
    }
}

#[cfg(test)]
mod tests {
    use marlo_ir::eval::Dual;
    use quickcheck::{Gen, QuickCheck, TestResult};

    use super::*;
    use crate::big::Big;

    /// A value by every function and operation from two cosines, some of them with cancellation.
    fn values<S: Scalar>(x: f64, y: f64) -> Vec<S> {
        let (x, y) = (S::from_f64(x), S::from_f64(y));
        let n = |value: f64| S::from_f64(value);
        let theta = x.acos();
        let u = n(64.0) * (y - (theta + n(0.5)).cos());
        vec![
            x + y,
            (x * y - n(0.3)) * (x - y),
            u,
            u.exp(),
            u.softplus(),
            u.sigmoid() * (-u).sigmoid(),
            u.tanh(),
            (n(1.0) + u.exp()).ln(),
            u.exp().log1p(),
            (x * y).expm1() / (x - y * n(1.1)),
            (x * x + y * y).sqrt(),
            x.sin_acos(),
            (n(0.9) * x + n(0.1) * y).acos(),
            x.cos_multiple(n(4.0)),
            x.sin_multiple(n(1.7)),
            (x * x).pow(n(1.3)),
            (x * x + n(0.1)).pow(y),
            (n(2.0) - n(2.0) * x).sqrt() * theta.sin(),
        ]
    }

    fn drawn(property: fn(i16, i16, u8) -> TestResult) {
        let property = property as fn(i16, i16, u8) -> TestResult;
        QuickCheck::new().rng(Gen::from_size_and_seed(50, 5)).tests(150).quickcheck(property);
    }

    /// Two cosines, at times near ±1 or near each other.
    fn cosines(x: i16, y: i16, near: u8) -> (f64, f64) {
        let [x, y] = [x, y].map(|c| f64::from(c) / 32769.0);
        match near % 4 {
            0 => (x, y),
            1 => (1.0 - y.abs() * 1e-9, y),
            2 => (-1.0 + y.abs() * 1e-12, y),
            _ => (x, (x + y * 1e-10).clamp(-1.0, 1.0)),
        }
    }

    #[test]
    fn the_error_bounds_the_distance_from_the_exact_value() {
        fn property(x: i16, y: i16, near: u8) -> TestResult {
            let (x, y) = cosines(x, y, near);
            let exact = values::<Big>(x, y);
            for (at, (found, exact)) in values::<Tracked>(x, y).into_iter().zip(exact).enumerate() {
                let off = (Big::from_f64(found.value) - exact).to_f64().abs();
                if off > found.error && found.value.is_finite() {
                    return TestResult::error(format!("{at} at {x:e}, {y:e}: {found:?} is off by {off:e}"));
                }
            }
            TestResult::passed()
        }
        drawn(property);
    }

    #[test]
    fn the_error_is_that_of_rounding() {
        // Away from singular places a bound is of use only if it is near to what rounding does.
        for (at, found) in values::<Tracked>(0.3, -0.6).into_iter().enumerate() {
            // ln(1 + e^u) is near 0, but carries the rounding of 1 + e^u.
            let size = if at == 7 { 1.0 } else { found.value.abs() };
            assert!(found.error < 2e-13 * size, "{at}: {found:?}");
        }
    }

    #[test]
    fn values_are_those_of_f64() {
        fn property(x: i16, y: i16, near: u8) -> TestResult {
            let (x, y) = cosines(x, y, near);
            let same = |(a, b): (Tracked, f64)| a.value.to_bits() == b.to_bits() || a.value == b;
            TestResult::from_bool(values::<Tracked>(x, y).into_iter().zip(values::<f64>(x, y)).all(same))
        }
        drawn(property);
    }

    #[test]
    fn dual_numbers_run_over_it() {
        let dual = |x: f64| Dual::new(Tracked::exact(x), Tracked::exact(1.0));
        let angle = dual(0.3).acos() + Dual::from_f64(0.5);
        let slope = angle.cos().slope;
        let x = Dual::new(Big::from_f64(0.3), Big::one());
        let exact = (x.acos() + Dual::from_f64(0.5)).cos().slope;
        let off = (Big::from_f64(slope.value) - exact).to_f64().abs();
        assert!(off <= slope.error && slope.error < 1e-14, "{slope:?}, off by {off:e}");
    }
}
