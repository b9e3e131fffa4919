//! One program at two points at once, with the decisions of the first.
//!
//! [`Shifted`] carries the value `here` and the value `there`, at a point nearby. Every comparison, floor and rank is
//! decided by `here`, so both follow one branch of the program, and a stop-gradient puts `there` back to `here`. A
//! difference of the two is then a difference along that branch: with 256 bits an oracle for the derivative that uses
//! no rule of differentiation, that works on the border of a mask, and that honours `detach`.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign};

use marlo_ir::eval::Scalar;
use num_traits::{Num, One, Zero};

use crate::big::Big;

/// The values of an expression at two points.
#[derive(Copy, Clone, Debug)]
pub struct Shifted<S> {
    /// At the point that decides.
    pub here: S,
    /// At the other point.
    pub there: S,
}

impl<S: Scalar> Shifted<S> {
    /// A number that differs between the points.
    pub fn new(here: S, there: S) -> Self {
        Shifted { here, there }
    }

    fn both(self, f: impl Fn(S) -> S) -> Self {
        Shifted::new(f(self.here), f(self.there))
    }
}

impl<S: Scalar> PartialEq for Shifted<S> {
    fn eq(&self, other: &Self) -> bool {
        self.here == other.here
    }
}

impl<S: Scalar> PartialOrd for Shifted<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.here.partial_cmp(&other.here)
    }
}

impl<S: Scalar> Neg for Shifted<S> {
    type Output = Self;
    fn neg(self) -> Self {
        self.both(|x| -x)
    }
}

macro_rules! operation {
    ($($trait:ident $method:ident $assign:ident $assign_method:ident $op:tt;)*) => {$(
        impl<S: Scalar> $trait for Shifted<S> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                Shifted::new(self.here $op other.here, self.there $op other.there)
            }
        }
        impl<S: Scalar> $assign for Shifted<S> {
            fn $assign_method(&mut self, other: Self) { *self = *self $op other; }
        }
    )*};
}
operation! {
    Add add AddAssign add_assign +;
    Sub sub SubAssign sub_assign -;
    Mul mul MulAssign mul_assign *;
    Div div DivAssign div_assign /;
    Rem rem RemAssign rem_assign %;
}

impl<S: Scalar> Zero for Shifted<S> {
    fn zero() -> Self {
        Shifted::new(S::zero(), S::zero())
    }
    fn is_zero(&self) -> bool {
        self.here.is_zero()
    }
}

impl<S: Scalar> One for Shifted<S> {
    fn one() -> Self {
        Shifted::new(S::one(), S::one())
    }
}

impl<S: Scalar> Num for Shifted<S> {
    type FromStrRadixErr = S::FromStrRadixErr;
    fn from_str_radix(text: &str, radix: u32) -> Result<Self, Self::FromStrRadixErr> {
        S::from_str_radix(text, radix).map(|x| Shifted::new(x, x))
    }
}

impl<S: Scalar> Scalar for Shifted<S> {
    const RESOLUTION: f64 = S::RESOLUTION;

    fn from_f64(value: f64) -> Self {
        Shifted::new(S::from_f64(value), S::from_f64(value))
    }
    fn to_f64(self) -> f64 {
        self.here.to_f64()
    }
    fn exp(self) -> Self {
        self.both(S::exp)
    }
    fn ln(self) -> Self {
        self.both(S::ln)
    }
    fn log1p(self) -> Self {
        self.both(S::log1p)
    }
    fn expm1(self) -> Self {
        self.both(S::expm1)
    }
    fn sqrt(self) -> Self {
        self.both(S::sqrt)
    }
    fn sin(self) -> Self {
        self.both(S::sin)
    }
    fn cos(self) -> Self {
        self.both(S::cos)
    }
    fn tanh(self) -> Self {
        self.both(S::tanh)
    }
    fn acos(self) -> Self {
        self.both(S::acos)
    }
    /// The step that `here` stands on, at both points.
    fn floor(self) -> Self {
        self.both(|_| self.here.floor())
    }
    fn pow(self, exponent: Self) -> Self {
        Shifted::new(self.here.pow(exponent.here), self.there.pow(exponent.there))
    }
    fn detach(self) -> Self {
        self.both(|_| self.here)
    }
    fn sigmoid(self) -> Self {
        self.both(S::sigmoid)
    }
    fn softplus(self) -> Self {
        self.both(S::softplus)
    }
    /// A factor that differs between the points is no whole number at the other one.
    fn small_whole(self) -> Option<u32> {
        if self.here == self.there { self.here.small_whole() } else { None }
    }
    /// Where `here` is moved, `there` moves along.
    fn inside(self, resolution: f64) -> Self {
        let here = self.here.inside(resolution);
        Shifted::new(here, here + (self.there - self.here))
    }
}

/// The largest step of [`slopes`], as a power of two.
const WIDEST: i32 = -80;
/// How much finer each step is than the one before.
const FINER: usize = 10;
/// The finest step: 256 bits less those that a difference of it has left.
const NARROWEST: i32 = -150;

/// The derivatives at 0 of functions along one branch, by central differences of 256 bits: f gets a step and gives
/// their values at the step. Steps are 2⁻⁸⁰, 2⁻⁹⁰, … until two of them agree to `tolerance`, relative to the slope or
/// absolutely below `smallest`; `None` where no two do, or where a value isn't finite.
pub fn slopes(f: impl Fn(Big) -> Vec<Big>, tolerance: f64, smallest: f64) -> Vec<Option<Big>> {
    let central = |power: i32| -> Vec<Big> {
        let step = Big::power_of_two(power);
        f(step).into_iter().zip(f(-step)).map(|(up, down)| (up - down) / (step + step)).collect()
    };
    let agree = |a: Big, b: Big| {
        let size = a.abs().to_f64();
        (a - b).abs().to_f64() <= (tolerance * size).max(smallest) && size.is_finite()
    };
    let mut before = central(WIDEST);
    let mut found = vec![None; before.len()];
    for power in (NARROWEST..=WIDEST).rev().step_by(FINER).skip(1) {
        let now = central(power);
        for ((found, now), before) in found.iter_mut().zip(&now).zip(&before) {
            if found.is_none() && agree(*now, *before) {
                *found = Some(*now);
            }
        }
        if found.iter().all(Option::is_some) {
            break;
        }
        before = now;
    }
    found
}

#[cfg(test)]
mod tests {
    use marlo_ir::eval::Dual;

    use super::*;

    fn at(x: f64, f: impl Fn(Shifted<Big>) -> Shifted<Big>) -> Option<Big> {
        let x = Big::from_f64(x);
        one(|step| f(Shifted::new(x, x + step)).there)
    }

    fn one(f: impl Fn(Big) -> Big) -> Option<Big> {
        slopes(|step| vec![f(step)], 1e-25, 1e-40).remove(0)
    }

    fn dual(x: f64, f: impl Fn(Dual<Big>) -> Dual<Big>) -> Big {
        f(Dual::new(Big::from_f64(x), Big::one())).slope
    }

    macro_rules! agrees {
        ($x:expr, $f:expr) => {{
            let (difference, dual) = (at($x, $f).expect("two steps agree"), dual($x, $f));
            let off = (difference - dual).abs().to_f64();
            assert!(off <= 1e-25 * dual.abs().to_f64() + 1e-40, "{difference} is not {dual}");
        }};
    }

    #[test]
    fn differences_are_derivatives() {
        agrees!(0.3, |x| (x.acos() + Scalar::from_f64(0.5)).cos());
        agrees!(0.7, |x| (x.exp() * x.ln()).tanh() / (x.sqrt() + x.sin()));
        agrees!(0.7, |x| x.softplus().log1p() - x.sigmoid().expm1() * x.pow(Scalar::from_f64(2.5)));
        agrees!(1.0 - 1e-12, |x| x.cos_multiple(Scalar::from_f64(4.0)) * x.sin_acos());
        agrees!(1.0 - f64::EPSILON / 2.0, |x| x.acos());
    }

    #[test]
    fn decisions_are_those_of_the_first_point() {
        // On the border of max(x, 0), of a floor, and of a maximum that is exactly tied.
        assert_eq!(at(0.0, |x| if x > Shifted::zero() { x } else { Shifted::zero() }), Some(Big::zero()));
        assert_eq!(at(2.0, |x| x.floor() * x), Some(Big::from_f64(2.0)));
        assert_eq!(at(0.5, |x| x.detach() * x), Some(Big::from_f64(0.5)));
    }

    #[test]
    fn a_function_without_a_slope_has_none() {
        assert_eq!(one(|step| step.abs().sqrt() * step / step.abs()), None);
        assert_eq!(one(|step| step.ln()), None);
    }
}
