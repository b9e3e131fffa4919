//! Numbers of 256 bits: the exact side of every comparison with rounding.
//!
//! [`Big`] is a [`marlo_ir::eval::Scalar`], so the one reference evaluator runs in it, and dual numbers over it
//! give derivatives to some 75 digits. It is a plain copyable value; each operation goes through `astro-float`.

mod convert;
mod functions;
mod ulp;

use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Rem, RemAssign, Sub, SubAssign};

use astro_float_num::{BigFloat, Consts, INF_NEG, INF_POS, NAN, RoundingMode, Sign};
use num_traits::{Num, One, Zero};

pub use convert::ParseBigError;
pub use ulp::Precision;

/// The bits of a mantissa.
const BITS: usize = 256;
/// Functions are computed to more bits than are kept, so that exact results come out exact.
const WORKING: usize = BITS + 64;

thread_local! {
    /// The constants (π, ln 2, …) that astro-float has computed so far.
    static CONSTS: RefCell<Option<Consts>> = RefCell::new(Consts::new().ok());
}

/// A binary floating-point number with 256 bits and an exponent of 32; there is one zero, without a sign.
///
/// Every operation is right to within an ulp of 256 bits. What overflows is infinite, what has no value is NaN, and both
/// go through operations as in f64.
#[derive(Copy, Clone)]
pub struct Big {
    form: Form,
    negative: bool,
    exponent: i32,
    words: [u64; 4],
}

/// What a number is. Only a finite one that isn't zero has digits: 0.words · 2^exponent, the highest bit set.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Form {
    Zero,
    Finite,
    Infinite,
    Nan,
}

impl Big {
    const ZERO: Big = Big { form: Form::Zero, negative: false, exponent: 0, words: [0; 4] };
    const NAN: Big = Big { form: Form::Nan, ..Big::ZERO };

    fn infinite(negative: bool) -> Big {
        Big { form: Form::Infinite, negative, ..Big::ZERO }
    }

    /// The circle's constant.
    pub fn pi() -> Big {
        computed(|consts| consts.pi(WORKING, RoundingMode::None))
    }

    /// 2^power, for a power within ±2³⁰.
    pub fn power_of_two(power: i32) -> Big {
        Big { exponent: power + 1, ..Big::one() }
    }

    /// |x|
    pub fn abs(self) -> Big {
        Big { negative: false, ..self }
    }

    /// Is it neither infinite nor NaN?
    pub fn is_finite(self) -> bool {
        matches!(self.form, Form::Zero | Form::Finite)
    }

    /// The exponent e with 2^e ≤ |x| < 2^(e + 1), of a finite number that isn't 0.
    fn log2(self) -> Option<i32> {
        (self.form == Form::Finite).then(|| self.exponent - 1)
    }

    fn to_float(self) -> BigFloat {
        let sign = if self.negative { Sign::Neg } else { Sign::Pos };
        match self.form {
            Form::Zero => BigFloat::new(BITS),
            Form::Finite => BigFloat::from_words(&self.words, sign, self.exponent),
            Form::Infinite if self.negative => INF_NEG,
            Form::Infinite => INF_POS,
            Form::Nan => NAN,
        }
    }

    fn from_float(mut float: BigFloat) -> Big {
        if float.is_nan() || float.set_precision(BITS, RoundingMode::ToEven).is_err() {
            return Big::NAN;
        }
        if float.is_inf() {
            return Big::infinite(float.is_negative());
        }
        let Some((digits, bits, sign, exponent, _)) = float.as_raw_parts() else { return Big::NAN };
        // Below 2^(−2³¹) digits would be lost one by one; such a number counts as 0.
        if bits < digits.len() * 64 || digits.len() > 4 || float.is_zero() {
            return Big::ZERO;
        }
        let mut words = [0; 4];
        words[4 - digits.len()..].copy_from_slice(digits);
        Big { form: Form::Finite, negative: sign == Sign::Neg, exponent, words }
    }

    fn compare_size(&self, other: &Big) -> Ordering {
        let rank = |x: &Big| match x.form {
            Form::Zero => 0,
            Form::Finite => 1,
            Form::Infinite | Form::Nan => 2,
        };
        let key = |x: &Big| (rank(x), x.exponent, x.words[3], x.words[2], x.words[1], x.words[0]);
        key(self).cmp(&key(other))
    }
}

/// What astro-float computes with its constants.
fn computed(f: impl FnOnce(&mut Consts) -> BigFloat) -> Big {
    CONSTS.with_borrow_mut(|consts| consts.as_mut().map_or(Big::NAN, |c| Big::from_float(f(c))))
}

impl fmt::Debug for Big {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Big {
    fn eq(&self, other: &Big) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Big {
    fn partial_cmp(&self, other: &Big) -> Option<Ordering> {
        if self.form == Form::Nan || other.form == Form::Nan {
            return None;
        }
        Some(match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_size(other),
            (true, true) => other.compare_size(self),
        })
    }
}

impl Neg for Big {
    type Output = Big;
    fn neg(self) -> Big {
        Big { negative: self.form != Form::Zero && !self.negative, ..self }
    }
}

impl Add for Big {
    type Output = Big;
    fn add(self, other: Big) -> Big {
        match (self.form, other.form) {
            (Form::Zero, _) => other,
            (_, Form::Zero) => self,
            _ => Big::from_float(self.to_float().add(&other.to_float(), BITS, RoundingMode::ToEven)),
        }
    }
}

impl Sub for Big {
    type Output = Big;
    fn sub(self, other: Big) -> Big {
        self + -other
    }
}

impl Mul for Big {
    type Output = Big;
    fn mul(self, other: Big) -> Big {
        let finite = self.is_finite() && other.is_finite();
        if finite && (self.form == Form::Zero || other.form == Form::Zero) {
            return Big::ZERO;
        }
        Big::from_float(self.to_float().mul(&other.to_float(), BITS, RoundingMode::ToEven))
    }
}

impl Div for Big {
    type Output = Big;
    fn div(self, other: Big) -> Big {
        match (self.form, other.form) {
            (Form::Nan, _) | (_, Form::Nan) | (Form::Zero, Form::Zero) => Big::NAN,
            (Form::Zero, _) => Big::ZERO,
            (_, Form::Zero) => Big::infinite(self.negative),
            (Form::Finite, Form::Infinite) => Big::ZERO,
            _ => Big::from_float(self.to_float().div(&other.to_float(), BITS, RoundingMode::ToEven)),
        }
    }
}

impl Rem for Big {
    type Output = Big;
    fn rem(self, other: Big) -> Big {
        Big::from_float(self.to_float().rem(&other.to_float()))
    }
}

macro_rules! assign {
    ($($trait:ident $method:ident $op:tt;)*) => {$(
        impl $trait for Big {
            fn $method(&mut self, other: Big) { *self = *self $op other; }
        }
    )*};
}
assign! { AddAssign add_assign +; SubAssign sub_assign -; MulAssign mul_assign *; DivAssign div_assign /; RemAssign rem_assign %; }

impl Zero for Big {
    fn zero() -> Big {
        Big::ZERO
    }
    fn is_zero(&self) -> bool {
        self.form == Form::Zero
    }
}

impl One for Big {
    fn one() -> Big {
        Big { form: Form::Finite, negative: false, exponent: 1, words: [0, 0, 0, 1 << 63] }
    }
}

impl Num for Big {
    type FromStrRadixErr = ParseBigError;

    /// Reads a number of radix 2, 8, 10 or 16.
    fn from_str_radix(text: &str, radix: u32) -> Result<Big, ParseBigError> {
        convert::parse(text, radix)
    }
}

#[cfg(test)]
mod tests;
