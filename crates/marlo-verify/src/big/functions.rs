//! The functions of [`Big`].

use std::cell::RefCell;
use std::collections::HashMap;

use astro_float_num::{BigFloat, Consts, RoundingMode};
use marlo_ir::eval::Scalar;
use num_traits::One;

use super::{BITS, Big, Form, Precision, WORKING, computed};

/// Where |x| < 2^−128, three terms of a series have all 256 bits.
const TINY: i32 = -128;
/// 1 + x is exact with so many bits for every x that isn't tiny.
const WIDE: usize = WORKING + 128;

/// The functions that are dear.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
enum Name {
    Exp,
    Ln,
    Log1p,
    Expm1,
    Sin,
    Cos,
    Tanh,
    Acos,
}

/// A function and its argument: the sign, the exponent and the digits.
type Call = (Name, bool, i32, [u64; 4]);

/// How many values are remembered at once, at some 80 bytes.
const MOST_KNOWN: usize = 1 << 13;

thread_local! {
    static KNOWN: RefCell<HashMap<Call, Big>> = RefCell::new(HashMap::new());
}

impl Big {
    /// A function of a finite number that astro-float has, with [`WORKING`] bits.
    fn function(self, name: Name, f: impl FnOnce(&BigFloat, usize, &mut Consts) -> BigFloat) -> Big {
        self.remembered(name, || computed(|consts| f(&self.to_float(), WORKING, consts)))
    }

    /// A function of a finite number, computed once: the derivatives of a program by each of its inputs share most of
    /// their arguments.
    fn remembered(self, name: Name, f: impl FnOnce() -> Big) -> Big {
        let key = (name, self.negative, self.exponent, self.words);
        if let Some(found) = KNOWN.with_borrow(|known| known.get(&key).copied()) {
            return found;
        }
        let found = f();
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= MOST_KNOWN {
                known.clear();
            }
            known.insert(key, found);
        });
        found
    }

    fn is_tiny(self) -> bool {
        self.exponent < TINY
    }

    fn whole(value: u32) -> Big {
        Big::from_double(f64::from(value))
    }

    /// x^n by multiplication.
    fn power(self, n: u32) -> Big {
        Big::from_float(self.to_float().powi(n as usize, WORKING, RoundingMode::None))
    }
}

const ROUND: RoundingMode = RoundingMode::None;

impl Scalar for Big {
    /// That of f64: inputs are f64, and so is the meaning of a cosine that stands at ±1.
    const RESOLUTION: f64 = f64::EPSILON / 2.0;

    fn from_f64(value: f64) -> Self {
        Big::from_double(value)
    }

    fn to_f64(self) -> f64 {
        self.round(Precision::F64)
    }

    fn exp(self) -> Self {
        match self.form {
            Form::Nan => self,
            Form::Infinite if self.negative => Big::ZERO,
            Form::Infinite => self,
            Form::Zero => Big::one(),
            // astro-float holds neither; e^(2³²) and its inverse are past every exponent.
            Form::Finite if self.exponent > 32 => {
                if self.negative {
                    Big::ZERO
                } else {
                    Big::infinite(false)
                }
            }
            Form::Finite => self.function(Name::Exp, |x, bits, consts| x.exp(bits, ROUND, consts)),
        }
    }

    fn ln(self) -> Self {
        match self.form {
            Form::Zero => Big::infinite(true),
            _ if self.form == Form::Nan || self.negative => Big::NAN,
            Form::Infinite => self,
            _ => self.function(Name::Ln, |x, bits, consts| x.ln(bits, ROUND, consts)),
        }
    }

    fn log1p(self) -> Self {
        match self.form {
            Form::Zero => self,
            Form::Finite if self.is_tiny() => {
                self * (Big::one() - self * (Big::one() / Big::whole(2) - self / Big::whole(3)))
            }
            Form::Finite if self > -Big::one() => self.function(Name::Log1p, |x, _, consts| {
                x.add(&Big::one().to_float(), WIDE, RoundingMode::ToEven).ln(WIDE, ROUND, consts)
            }),
            _ => (self + Big::one()).ln(),
        }
    }

    fn expm1(self) -> Self {
        match self.form {
            Form::Zero => self,
            Form::Finite if self.is_tiny() => {
                self * (Big::one() + self * (Big::one() / Big::whole(2) + self / Big::whole(6)))
            }
            Form::Finite if self.exponent <= 32 => self.function(Name::Expm1, |x, _, consts| {
                x.exp(WIDE, ROUND, consts).sub(&Big::one().to_float(), WIDE, RoundingMode::ToEven)
            }),
            _ => self.exp() - Big::one(),
        }
    }

    fn sqrt(self) -> Self {
        match self.form {
            Form::Zero | Form::Nan => self,
            _ if self.negative => Big::NAN,
            Form::Infinite => self,
            Form::Finite => Big::from_float(self.to_float().sqrt(BITS, RoundingMode::ToEven)),
        }
    }

    fn sin(self) -> Self {
        match self.form {
            Form::Zero => self,
            Form::Finite => self.function(Name::Sin, |x, bits, consts| x.sin(bits, ROUND, consts)),
            _ => Big::NAN,
        }
    }

    fn cos(self) -> Self {
        match self.form {
            Form::Zero => Big::one(),
            Form::Finite => self.function(Name::Cos, |x, bits, consts| x.cos(bits, ROUND, consts)),
            _ => Big::NAN,
        }
    }

    fn tanh(self) -> Self {
        match self.form {
            Form::Zero | Form::Nan => self,
            // 1 − tanh x = 2/(e^2x + 1) is below the last place from |x| = 2^8 on.
            _ if self.form == Form::Infinite || self.exponent > 9 => {
                if self.negative {
                    -Big::one()
                } else {
                    Big::one()
                }
            }
            _ => self.function(Name::Tanh, |x, bits, consts| x.tanh(bits, ROUND, consts)),
        }
    }

    fn acos(self) -> Self {
        if self.form == Form::Nan {
            return self;
        }
        if self >= Big::one() {
            return Big::ZERO;
        }
        if self <= -Big::one() {
            return Big::pi();
        }
        self.function(Name::Acos, |x, bits, consts| x.acos(bits, ROUND, consts))
    }

    fn floor(self) -> Self {
        match self.form {
            Form::Finite => Big::from_float(self.to_float().floor()),
            _ => self,
        }
    }

    /// As `f64::powf`: x⁰ = 1, a negative base takes whole exponents alone, 0 to a negative power is infinite.
    fn pow(self, exponent: Self) -> Self {
        let whole = exponent.floor() == exponent;
        if exponent.form == Form::Zero || self == Big::one() {
            return Big::one();
        }
        if self.form == Form::Nan || exponent.form == Form::Nan {
            return Big::NAN;
        }
        if self.form == Form::Zero {
            return if exponent.negative { Big::infinite(false) } else { Big::ZERO };
        }
        if self.negative && !whole {
            return Big::NAN;
        }
        let size = exponent.abs();
        if whole && size <= Big::whole(64) {
            let power = self.power(size.to_f64() as u32);
            return if exponent.negative { Big::one() / power } else { power };
        }
        computed(|consts| self.to_float().pow(&exponent.to_float(), WORKING, ROUND, consts))
    }

    fn detach(self) -> Self {
        self
    }
}
