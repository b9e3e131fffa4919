//! What the atoms of a polynomial stand for, and what holds of each.

use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;
use num_rational::BigRational;

use super::poly::{AtomId, Poly};
use crate::laws::range::Range;

/// num/den. The denominator is never 0 where the program is defined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Value {
    /// The numerator.
    pub(crate) num: Poly,
    /// The denominator: 1, or more than one term.
    pub(crate) den: Poly,
}

impl Value {
    /// A polynomial.
    pub(crate) fn poly(num: Poly) -> Self {
        Value { num, den: Poly::one() }
    }

    /// A number.
    pub(crate) fn number(q: BigRational) -> Self {
        Value::poly(Poly::number(q))
    }

    /// A small whole number.
    pub(crate) fn whole(n: i64) -> Self {
        Value::number(BigRational::from(num_bigint::BigInt::from(n)))
    }

    /// The number that it is.
    pub(crate) fn constant(&self) -> Option<BigRational> {
        if self.den.is_one() { self.num.constant() } else { None }
    }

    /// The polynomial that it is.
    pub(crate) fn as_poly(&self) -> Option<&Poly> {
        self.den.is_one().then_some(&self.num)
    }
}

/// A value that is not taken apart further.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Atom {
    /// π
    Pi,
    /// A hyperparameter.
    Param(u32),
    /// An input.
    Input(u32, At),
    /// B
    BatchSize,
    /// C − 1
    Others,
    /// e^x, where x is one term with coefficient 1 over a denominator.
    Exp(Value),
    /// A polynomial ≥ 0 of which a broken power is taken.
    Base(Poly),
    /// cos x, where x is one term with a coefficient above 0.
    Cos(Value),
    /// sin x, alike.
    Sin(Value),
    /// ln of a polynomial, whose leading term is 1 as far as it is positive.
    Ln(Poly),
    /// 1 where the polynomial is above 0, else 0; its leading coefficient is 1.
    Positive(Poly),
    /// 1 where the polynomial is 0, else 0; its leading coefficient is 1.
    Zero(Poly),
    /// Any other function, by its arguments: comparing those is all that is known of it.
    Call(Op, Vec<Value>),
}

/// What powers of an atom come to.
#[derive(Clone, Debug)]
pub(crate) enum Relation {
    /// No relation.
    Free,
    /// m² = m
    Mask,
    /// m² = m, and m·x = m·solution: the mask is on only where x is that.
    MaskSolved(AtomId, Poly),
    /// The polynomial of [`Atom::Base`]: whole powers are powers of it.
    Base(Poly),
    /// sin² = 1 − cos², with the cosine of the same argument.
    Sine(AtomId),
    /// x² = 1
    Sign,
}

/// An atom with what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) atom: Atom,
    pub(crate) range: Range,
    pub(crate) shape: Shape,
    pub(crate) relation: Relation,
}

impl Entry {
    /// Is it 0 or 1, or ±1, so that it can't stand in a denominator by itself?
    pub(crate) fn is_discrete(&self) -> bool {
        matches!(self.relation, Relation::Mask | Relation::MaskSolved(..) | Relation::Sign)
    }

    /// Is it a mask?
    pub(crate) fn is_mask(&self) -> bool {
        matches!(self.relation, Relation::Mask | Relation::MaskSolved(..))
    }
}
