//! Typed combinators: losses written in Rust. A wrong kind or shape does not compile.
//!
//! ```
//! use marlo_ir::typed::{self, kinds};
//!
//! let loss = typed::define("arcface", |l| {
//!     let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
//!     let m = l.param::<kinds::Angle>("m", 0.5, 0.0..=1.57);
//!     let f = l.name("f", (l.theta_target() + m).cos());
//!     typed::ce(typed::softmax(s * f, s * l.cos_other()))
//! });
//! assert_eq!(loss.name, "arcface");
//! ```
//!
//! Adding an angle to a cosine is a type error:
//!
//! ```compile_fail
//! use marlo_ir::typed::{self, kinds};
//!
//! typed::define("wrong", |l| {
//!     let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
//!     let m = l.param::<kinds::Angle>("m", 0.5, 0.0..=1.57);
//!     typed::ce(typed::softmax(s * (l.cos_target() + m), s * l.cos_other()))
//! });
//! ```

mod batch;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops;

use crate::build::{self, Builder};
use crate::graph::{Axis, Id, Param};
use crate::kind::types::{AddKind, DivKind, Fits, KindType, MulKind};
use crate::loss::Loss;
use crate::op::{At, Op};

pub use batch::ce_other;

pub use crate::kind::marks as kinds;
pub use crate::shape::marks as shapes;

use kinds::{Angle, Cosine, Logit, Mask, Number, Prob, Real};
use shapes::{Cell, Join, Row, Scalar, ShapeType};

/// A loss while it is being written.
#[derive(Debug, Default)]
pub struct Define {
    builder: RefCell<Builder>,
}

/// An expression of a kind and a shape.
#[derive(Debug)]
pub struct Expr<'g, K, S> {
    define: &'g Define,
    id: Id,
    types: PhantomData<(K, S)>,
}

impl<K, S> Clone for Expr<'_, K, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, S> Copy for Expr<'_, K, S> {}

/// p of a softmax.
#[derive(Copy, Clone, Debug)]
pub struct Distribution<'g> {
    define: &'g Define,
    inner: build::Distribution,
}

/// What a loss may end with, and the target of a softmax be: one value a sample, or one for the batch.
#[diagnostic::on_unimplemented(
    message = "one value a sample is wanted here, and this has the shape {Self}",
    note = "reduce over the classes first: `sum_over_classes`, `mean_over_classes`, `max_over_classes`, `lse_over_classes`"
)]
pub trait LossShape: ShapeType {}
impl LossShape for Row {}
impl LossShape for Scalar {}

/// Writes a loss.
///
/// # Panics
/// When a name is declared twice, when cosines and raw logits are read in one loss, or when more than 256 operations are
/// built on top of each other: the mistakes that types don't catch. Text that a user gives goes through `marlo-lang`, which reports them.
pub fn define<K: Fits<Real>, S: LossShape>(
    name: &str,
    body: impl for<'g> FnOnce(&'g Define) -> Expr<'g, K, S>,
) -> Loss {
    let define = Define::default();
    let value = body(&define).id;
    match define.builder.into_inner().finish(name, value) {
        Ok(loss) => loss,
        Err(error) => panic!("{name}: {error}"),
    }
}

impl Define {
    fn expr<K, S>(&self, make: impl FnOnce(&mut Builder) -> Result<Id, build::TypeError>) -> Expr<'_, K, S> {
        let id = match make(&mut self.builder.borrow_mut()) {
            Ok(id) => id,
            Err(error) => panic!("{error}"),
        };
        Expr { define: self, id, types: PhantomData }
    }

    fn op<K, S>(&self, op: Op, args: &[Id]) -> Expr<'_, K, S> {
        self.expr(|b| b.apply(op, args))
    }

    /// Declares a hyperparameter with its default and range.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn param<K: KindType>(
        &self,
        name: &str,
        default: f64,
        range: ops::RangeInclusive<f64>,
    ) -> Expr<'_, K, Scalar> {
        let (low, high) = range.into_inner();
        let param = Param { default: Some(default), low, high, ..Param::new(name, K::KIND) };
        self.expr(|b| b.param(param))
    }

    /// cos θ at the label.
    pub fn cos_target(&self) -> Expr<'_, Cosine, Row> {
        self.expr(|b| b.cos(At::Target))
    }

    /// cos θ at another class.
    pub fn cos_other(&self) -> Expr<'_, Cosine, Cell> {
        self.expr(|b| b.cos(At::Other))
    }

    /// θ at the label.
    pub fn theta_target(&self) -> Expr<'_, Angle, Row> {
        self.expr(|b| b.theta(At::Target))
    }

    /// θ at another class.
    pub fn theta_other(&self) -> Expr<'_, Angle, Cell> {
        self.expr(|b| b.theta(At::Other))
    }

    /// The raw logit at the label.
    pub fn logit_target(&self) -> Expr<'_, Logit, Row> {
        self.expr(|b| b.logit(At::Target))
    }

    /// The raw logit at another class.
    pub fn logit_other(&self) -> Expr<'_, Logit, Cell> {
        self.expr(|b| b.logit(At::Other))
    }

    /// An input with one value a sample, (B,).
    pub fn row_input<K: KindType>(&self, name: &str) -> Expr<'_, K, Row> {
        self.expr(|b| b.input(name, K::KIND, Axis::Rows).map(|i| b.read(i, At::Row)))
    }

    /// An input with one value a class, (C,), read at the label and at another class.
    pub fn class_input<K: KindType>(&self, name: &str) -> (Expr<'_, K, Row>, Expr<'_, K, Cell>) {
        let read = |at| move |b: &mut Builder| b.input(name, K::KIND, Axis::Classes).map(|i| b.read(i, at));
        (self.expr(read(At::Target)), self.expr(read(At::Other)))
    }

    /// A literal.
    pub fn number(&self, value: f64) -> Expr<'_, Number, Scalar> {
        self.expr(|b| Ok(b.number(value)))
    }

    /// Gives a value its name in formulas and shaders, as a `let` does.
    pub fn name<'g, K, S>(&'g self, name: &str, value: Expr<'g, K, S>) -> Expr<'g, K, S> {
        self.builder.borrow_mut().name(name, value.id);
        value
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $kinds:ident $op:ident;)*) => {$(
        impl<'g, K: $kinds<L>, L: KindType, S: Join<T>, T: ShapeType> ops::$trait<Expr<'g, L, T>> for Expr<'g, K, S> {
            type Output = Expr<'g, K::Output, S::Output>;
            fn $method(self, other: Expr<'g, L, T>) -> Self::Output {
                self.define.op(Op::$op, &[self.id, other.id])
            }
        }
        impl<'g, K: $kinds<Number>, S> ops::$trait<f64> for Expr<'g, K, S> {
            type Output = Expr<'g, K::Output, S>;
            fn $method(self, other: f64) -> Self::Output {
                let other = self.define.number(other).id;
                self.define.op(Op::$op, &[self.id, other])
            }
        }
        impl<'g, K: KindType, S> ops::$trait<Expr<'g, K, S>> for f64 where Number: $kinds<K> {
            type Output = Expr<'g, <Number as $kinds<K>>::Output, S>;
            fn $method(self, other: Expr<'g, K, S>) -> Self::Output {
                let number = other.define.number(self).id;
                other.define.op(Op::$op, &[number, other.id])
            }
        }
    )*};
}

operators! {
    Add add AddKind Add;
    Sub sub AddKind Sub;
    Mul mul MulKind Mul;
    Div div DivKind Div;
}

impl<'g, K: Fits<K>, S> ops::Neg for Expr<'g, K, S> {
    type Output = Self;
    fn neg(self) -> Self {
        self.define.op(Op::Neg, &[self.id])
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident: $wanted:ident => $out:ty, $op:ident;)*) => {
        impl<'g, K, S> Expr<'g, K, S> {$(
            $(#[$doc])*
            pub fn $name(self) -> Expr<'g, $out, S> where K: Fits<kinds::$wanted> {
                self.define.op(Op::$op, &[self.id])
            }
        )*}
    };
}

functions! {
    /// eˣ
    exp: Real => Real, Exp;
    /// ln x
    ln: Real => Real, Ln;
    /// ln(1 + x)
    log1p: Real => Real, Log1p;
    /// eˣ − 1
    expm1: Real => Real, Expm1;
    /// √x
    sqrt: Real => Real, Sqrt;
    /// sin of an angle
    sin: Angle => Real, Sin;
    /// cos of an angle
    cos: Angle => Cosine, Cos;
    /// The angle of a cosine
    acos: Cosine => Angle, Acos;
    /// tanh x
    tanh: Real => Real, Tanh;
    /// 1/(1 + e⁻ˣ)
    sigmoid: Real => Prob, Sigmoid;
    /// ln(1 + eˣ)
    softplus: Real => Real, Softplus;
    /// max(x, 0)
    relu: Real => Real, Relu;
    /// |x|
    abs: Real => K, Abs;
    /// ⌊x⌋
    floor: Real => Real, Floor;
    /// x, with derivative 0: the stop-gradient
    detach: Real => K, Detach;
}

type Joined<S, T> = <S as Join<T>>::Output;

impl<'g, K: KindType, S: ShapeType> Expr<'g, K, S> {
    /// xʸ
    pub fn pow<L: Fits<Real>, T: ShapeType>(self, exponent: Expr<'g, L, T>) -> Expr<'g, Real, Joined<S, T>>
    where
        K: Fits<Real>,
        S: Join<T>,
    {
        self.define.op(Op::Pow, &[self.id, exponent.id])
    }

    /// min(x, y)
    pub fn min<L: KindType, T: ShapeType>(self, other: Expr<'g, L, T>) -> Expr<'g, K::Output, Joined<S, T>>
    where
        K: AddKind<L>,
        S: Join<T>,
    {
        self.define.op(Op::Min, &[self.id, other.id])
    }

    /// max(x, y)
    pub fn max<L: KindType, T: ShapeType>(self, other: Expr<'g, L, T>) -> Expr<'g, K::Output, Joined<S, T>>
    where
        K: AddKind<L>,
        S: Join<T>,
    {
        self.define.op(Op::Max, &[self.id, other.id])
    }

    /// The value kept between two bounds; derivative 1 at both of them.
    pub fn clamp<L: KindType, H: KindType>(
        self,
        low: Expr<'g, L, Scalar>,
        high: Expr<'g, H, Scalar>,
    ) -> Expr<'g, <K::Output as AddKind<H>>::Output, S>
    where
        K: AddKind<L>,
        K::Output: AddKind<H>,
    {
        self.define.expr(|b| b.clamp(self.id, low.id, high.id))
    }

    /// x = y
    pub fn eq<L: KindType, T: ShapeType>(self, other: Expr<'g, L, T>) -> Expr<'g, Mask, Joined<S, T>>
    where
        K: AddKind<L>,
        S: Join<T>,
    {
        self.define.op(Op::Eq, &[self.id, other.id])
    }

    /// x < y
    pub fn lt<L: KindType, T: ShapeType>(self, other: Expr<'g, L, T>) -> Expr<'g, Mask, Joined<S, T>>
    where
        K: AddKind<L>,
        S: Join<T>,
    {
        self.define.op(Op::Lt, &[self.id, other.id])
    }

    /// x > y
    pub fn gt<L: KindType, T: ShapeType>(self, other: Expr<'g, L, T>) -> Expr<'g, Mask, Joined<S, T>>
    where
        K: AddKind<L>,
        S: Join<T>,
    {
        self.define.op(Op::Lt, &[other.id, self.id])
    }

    /// x ≤ y
    pub fn le<L: KindType, T: ShapeType>(self, other: Expr<'g, L, T>) -> Expr<'g, Mask, Joined<S, T>>
    where
        K: AddKind<L>,
        S: Join<T>,
    {
        self.define.op(Op::Le, &[self.id, other.id])
    }

    /// x ≥ y
    pub fn ge<L: KindType, T: ShapeType>(self, other: Expr<'g, L, T>) -> Expr<'g, Mask, Joined<S, T>>
    where
        K: AddKind<L>,
        S: Join<T>,
    {
        self.define.op(Op::Le, &[other.id, self.id])
    }
}

impl<'g, S: ShapeType> Expr<'g, Mask, S> {
    /// Both masks.
    pub fn and<T: ShapeType>(self, other: Expr<'g, Mask, T>) -> Expr<'g, Mask, Joined<S, T>>
    where
        S: Join<T>,
    {
        self.define.op(Op::And, &[self.id, other.id])
    }

    /// Either mask.
    pub fn or<T: ShapeType>(self, other: Expr<'g, Mask, T>) -> Expr<'g, Mask, Joined<S, T>>
    where
        S: Join<T>,
    {
        self.define.op(Op::Or, &[self.id, other.id])
    }
}

impl<S: ShapeType> ops::Not for Expr<'_, Mask, S> {
    type Output = Self;
    fn not(self) -> Self {
        self.define.op(Op::Not, &[self.id])
    }
}

impl<'g, K: KindType> Expr<'g, K, Cell> {
    /// Σ over the other classes.
    pub fn sum_over_classes(self) -> Expr<'g, K, Row> {
        self.define.op(Op::SumK, &[self.id])
    }

    /// The mean over the other classes.
    pub fn mean_over_classes(self) -> Expr<'g, Real, Row> {
        self.define.expr(|b| b.mean_over_classes(self.id))
    }

    /// The maximum over the other classes.
    pub fn max_over_classes(self) -> Expr<'g, K, Row> {
        self.define.op(Op::MaxK, &[self.id])
    }

    /// ln Σ exp over the other classes.
    pub fn lse_over_classes(self) -> Expr<'g, Logit, Row>
    where
        K: Fits<Logit>,
    {
        self.define.op(Op::LseK, &[self.id])
    }
}

impl<'g, K: KindType> Expr<'g, K, Row> {
    /// The mean over the batch.
    pub fn mean_over_batch(self) -> Expr<'g, K, Scalar> {
        self.define.op(Op::MeanI, &[self.id])
    }

    /// Σ over the batch.
    pub fn sum_over_batch(self) -> Expr<'g, K, Scalar> {
        self.define.op(Op::SumI, &[self.id])
    }

    /// The mean of the hardest share of the batch.
    pub fn top_of_batch<L: Fits<Real>>(self, share: Expr<'g, L, Scalar>) -> Expr<'g, K, Scalar> {
        self.define.op(Op::TopI, &[self.id, share.id])
    }
}

/// x where the mask is on, else y.
pub fn select<'g, K, L, S, T, U>(
    mask: Expr<'g, Mask, S>,
    x: Expr<'g, K, T>,
    y: Expr<'g, L, U>,
) -> Expr<'g, K::Output, Joined<S, Joined<T, U>>>
where
    K: AddKind<L>,
    L: KindType,
    T: Join<U>,
    U: ShapeType,
    S: Join<Joined<T, U>>,
{
    mask.define.op(Op::Select, &[mask.id, x.id, y.id])
}

/// The weight where the mask is on, 1 elsewhere: h in the papers.
pub fn indicator<'g, K, S, T>(mask: Expr<'g, Mask, S>, weight: Expr<'g, K, T>) -> Expr<'g, Real, Joined<S, T>>
where
    K: Fits<Real>,
    T: ShapeType,
    S: Join<T>,
{
    mask.define.expr(|b| b.indicator(mask.id, weight.id))
}

/// e^target against Σ e^others over the other classes.
pub fn softmax<'g, K, L, S>(target: Expr<'g, K, S>, others: Expr<'g, L, Cell>) -> Distribution<'g>
where
    K: Fits<Logit>,
    L: Fits<Logit>,
    S: LossShape,
{
    distribution(target.define, target.id, others.id, None)
}

/// e^target against Σ h·e^others over the other classes.
pub fn softmax_weighted<'g, K, L, S, W, T>(
    target: Expr<'g, K, S>,
    others: Expr<'g, L, Cell>,
    weight: Expr<'g, W, T>,
) -> Distribution<'g>
where
    K: Fits<Logit>,
    L: Fits<Logit>,
    S: LossShape,
    W: Fits<Real>,
{
    distribution(target.define, target.id, others.id, Some(weight.id))
}

fn distribution(define: &Define, target: Id, others: Id, weight: Option<Id>) -> Distribution<'_> {
    match define.builder.borrow_mut().softmax(target, others, weight) {
        Ok(inner) => Distribution { define, inner },
        Err(error) => panic!("{error}"),
    }
}

impl<'g> Distribution<'g> {
    /// p at the label.
    pub fn target(self) -> Expr<'g, Prob, Row> {
        Expr { define: self.define, id: self.inner.target, types: PhantomData }
    }

    /// p at another class.
    pub fn other(self) -> Expr<'g, Prob, Cell> {
        Expr { define: self.define, id: self.inner.other, types: PhantomData }
    }
}

/// −ln p at the label.
pub fn ce(p: Distribution<'_>) -> Expr<'_, Real, Row> {
    p.define.expr(|b| Ok(b.ce(p.inner)))
}

/// (1 − p)^γ·ce(p) at the label.
pub fn focal<'g, K: Fits<Real>>(p: Distribution<'g>, gamma: Expr<'g, K, Scalar>) -> Expr<'g, Real, Row> {
    p.define.expr(|b| b.focal(p.inner, gamma.id))
}
