//! Dual numbers: a value with its derivative along one direction. An oracle for the symbolic derivative.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign};

use num_traits::{Num, One, Zero};

use super::scalar::Scalar;

/// A value and its derivative.
#[derive(Copy, Clone, Debug, Default)]
pub struct Dual<S> {
    /// The value.
    pub value: S,
    /// The derivative.
    pub slope: S,
}

impl<S: Scalar> Dual<S> {
    /// A value with a derivative.
    pub fn new(value: S, slope: S) -> Self {
        Dual { value, slope }
    }

    fn chain(self, value: S, derivative: S) -> Self {
        // 0·∞ is not asked for: where nothing flows in, nothing flows out.
        let slope = if self.slope == S::zero() { S::zero() } else { derivative * self.slope };
        Dual { value, slope }
    }
}

impl<S: Scalar> PartialEq for Dual<S> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<S: Scalar> PartialOrd for Dual<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<S: Scalar> Neg for Dual<S> {
    type Output = Self;
    fn neg(self) -> Self {
        Dual::new(-self.value, -self.slope)
    }
}

impl<S: Scalar> Add for Dual<S> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Dual::new(self.value + other.value, self.slope + other.slope)
    }
}

impl<S: Scalar> Sub for Dual<S> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Dual::new(self.value - other.value, self.slope - other.slope)
    }
}

impl<S: Scalar> Mul for Dual<S> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Dual::new(self.value * other.value, self.slope * other.value + self.value * other.slope)
    }
}

impl<S: Scalar> Div for Dual<S> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Dual::new(value, (self.slope - value * other.slope) / other.value)
    }
}

impl<S: Scalar> Rem for Dual<S> {
    type Output = Self;
    fn rem(self, other: Self) -> Self {
        Dual::new(self.value % other.value, self.slope)
    }
}

macro_rules! assign {
    ($($trait:ident $method:ident $op:tt;)*) => {$(
        impl<S: Scalar> $trait for Dual<S> {
            fn $method(&mut self, other: Self) { *self = *self $op other; }
        }
    )*};
}
assign! { AddAssign add_assign +; SubAssign sub_assign -; MulAssign mul_assign *; DivAssign div_assign /; RemAssign rem_assign %; }

impl<S: Scalar> Zero for Dual<S> {
    fn zero() -> Self {
        Dual::new(S::zero(), S::zero())
    }
    fn is_zero(&self) -> bool {
        self.value.is_zero()
    }
}

impl<S: Scalar> One for Dual<S> {
    fn one() -> Self {
        Dual::new(S::one(), S::zero())
    }
}

impl<S: Scalar> Num for Dual<S> {
    type FromStrRadixErr = S::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        S::from_str_radix(text, radix).map(|value| Dual::new(value, S::zero()))
    }
}

impl<S: Scalar> Scalar for Dual<S> {
    const RESOLUTION: f64 = S::RESOLUTION;

    fn from_f64(value: f64) -> Self {
        Dual::new(S::from_f64(value), S::zero())
    }
    fn to_f64(self) -> f64 {
        self.value.to_f64()
    }
    fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e)
    }
    fn ln(self) -> Self {
        self.chain(self.value.ln(), S::one() / self.value)
    }
    fn log1p(self) -> Self {
        self.chain(self.value.log1p(), S::one() / (S::one() + self.value))
    }
    fn expm1(self) -> Self {
        self.chain(self.value.expm1(), self.value.exp())
    }
    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, S::one() / (root + root))
    }
    fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }
    fn cos(self) -> Self {
        self.chain(self.value.cos(), -self.value.sin())
    }
    fn tanh(self) -> Self {
        // 1 − tanh² x = 4·σ(2x)·σ(−2x), which keeps its digits where tanh is near ±1.
        let two = S::one() + S::one();
        let twice = two * self.value;
        self.chain(self.value.tanh(), two * two * twice.sigmoid() * (-twice).sigmoid())
    }
    fn acos(self) -> Self {
        self.chain(self.value.acos(), -S::one() / self.value.inside(S::RESOLUTION).sin_acos())
    }
    fn floor(self) -> Self {
        Dual::new(self.value.floor(), S::zero())
    }
    fn pow(self, exponent: Self) -> Self {
        let value = self.value.pow(exponent.value);
        let base = self.chain(value, exponent.value * self.value.pow(exponent.value - S::one()));
        let power = exponent.chain(value, value * self.value.ln());
        Dual::new(value, base.slope + power.slope)
    }
    fn detach(self) -> Self {
        Dual::new(self.value, S::zero())
    }
    fn sigmoid(self) -> Self {
        let p = self.value.sigmoid();
        self.chain(p, p * (-self.value).sigmoid())
    }
    fn softplus(self) -> Self {
        self.chain(self.value.softplus(), self.value.sigmoid())
    }
    fn sin_acos(self) -> Self {
        let inside = self.value.inside(S::RESOLUTION);
        self.chain(self.value.sin_acos(), -self.value / inside.sin_acos())
    }
    fn inside(self, resolution: f64) -> Self {
        Dual::new(self.value.inside(resolution), self.slope)
    }
    fn cos_multiple(self, a: Self) -> Self {
        let value = self.value.cos_multiple(a.value);
        let by_c = self.chain(value, a.value * self.value.sin_ratio(a.value, S::RESOLUTION));
        let by_a = a.chain(value, -self.value.acos() * self.value.sin_multiple(a.value));
        Dual::new(value, by_c.slope + by_a.slope)
    }
    fn sin_multiple(self, a: Self) -> Self {
        let value = self.value.sin_multiple(a.value);
        let csc = S::one() / self.value.inside(S::RESOLUTION).sin_acos();
        let by_c = self.chain(value, -a.value * self.value.cos_multiple(a.value) * csc);
        let by_a = a.chain(value, self.value.acos() * self.value.cos_multiple(a.value));
        Dual::new(value, by_c.slope + by_a.slope)
    }
    fn sin_ratio(self, a: Self, resolution: f64) -> Self {
        let value = self.value.sin_ratio(a.value, resolution);
        let csc = S::one() / self.value.inside(S::RESOLUTION).sin_acos();
        let by_c = (self.value * value - a.value * self.value.cos_multiple(a.value)) * csc * csc;
        let by_a = self.value.acos() * self.value.cos_multiple(a.value) * csc;
        Dual::new(value, self.chain(value, by_c).slope + a.chain(value, by_a).slope)
    }
}
