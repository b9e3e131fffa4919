//! What goes beyond one sample and one step: batch statistics, states, several centres, drawn inputs.

use super::kinds::{Cosine, Real};
use super::shapes::{Cell, Row, Scalar, ShapeType};
use super::{Define, Distribution, Expr};
use crate::build::{Builder, TypeError};
use crate::graph::{Axis, Id, Input, Param};
use crate::kind::types::{Fits, KindType};
use crate::op::{At, Op};
use crate::setting::Draw;

impl Define {
    /// C, the number of classes.
    pub fn classes(&self) -> Expr<'_, Real, Scalar> {
        self.expr(|b| Ok(b.graph.add(Op::Classes, &[])))
    }

    /// B, the number of samples.
    pub fn batch(&self) -> Expr<'_, Real, Scalar> {
        self.expr(|b| Ok(b.graph.add(Op::BatchSize, &[])))
    }

    /// A state: its value after this step, which `next` makes of the one before. No derivative passes it.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn state<'g, K: KindType, L: Fits<Real>>(
        &'g self,
        name: &str,
        start: f64,
        range: std::ops::RangeInclusive<f64>,
        next: impl FnOnce(Expr<'g, K, Scalar>) -> Expr<'g, L, Scalar>,
    ) -> Expr<'g, L, Scalar> {
        let (low, high) = range.into_inner();
        let param = Param { default: Some(start), state: true, low, high, ..Param::new(name, K::KIND) };
        let before = self.expr(|b| b.param(param));
        let after = next(before).id;
        self.expr(|b| {
            let next = b.update(before.id, after)?;
            b.name(&format!("{name}_next"), next);
            Ok(next)
        })
    }

    /// An input with one value a sample that is drawn anew for each batch where it is not given, in a range.
    pub fn drawn_input<K: KindType>(
        &self,
        name: &str,
        draw: Draw,
        range: std::ops::RangeInclusive<f64>,
    ) -> Expr<'_, K, Row> {
        let (low, high) = range.into_inner();
        let input = Input { drawn: Some(draw), low, high, ..Input::new(name, K::KIND, Axis::Rows) };
        self.expr(|b| b.declare(input).map(|i| b.read(i, At::Row)))
    }

    /// Declares that each class has so many centres.
    pub fn centres(&self, count: u32) {
        self.builder.borrow_mut().set_centres(count);
    }

    /// The cosine to a centre of the label's class, to be reduced over the centres.
    pub fn cos_target_of_centres(&self) -> Expr<'_, Cosine, Row> {
        self.expr(|b| b.cos_of_centres(At::Target))
    }

    /// The cosine to a centre of another class, to be reduced over the centres.
    pub fn cos_other_of_centres(&self) -> Expr<'_, Cosine, Cell> {
        self.expr(|b| b.cos_of_centres(At::Other))
    }
}

impl<'g, K: KindType, S: ShapeType> Expr<'g, K, S> {
    /// The maximum over the centres of a class; of equal ones the first.
    ///
    /// # Panics
    /// When the value does not vary with the centre.
    pub fn max_over_centres(self) -> Expr<'g, K, S> {
        self.define.expr(|b| b.over_centres("max[r]", self.id, &|b, x, y| b.apply(Op::Max, &[x, y])))
    }

    /// Σ over the centres of a class.
    ///
    /// # Panics
    /// When the value does not vary with the centre.
    pub fn sum_over_centres(self) -> Expr<'g, K, S> {
        self.define.expr(|b| b.over_centres("sum[r]", self.id, &|b, x, y| b.apply(Op::Add, &[x, y])))
    }
}

impl<'g, K: Fits<Real>> Expr<'g, K, Row> {
    fn of_batch<L, T>(self, make: impl FnOnce(&mut Builder, Id) -> Result<Id, TypeError>) -> Expr<'g, L, T> {
        self.define.expr(|b| make(b, self.id))
    }

    /// The standard deviation over the batch; 0 for a single sample.
    pub fn deviation_over_batch(self) -> Expr<'g, Real, Scalar> {
        self.of_batch(|b, x| b.deviation(x))
    }

    /// The value of the batch that ⌊q·(B − 1)⌋ values come before.
    pub fn quantile_of_batch(self, q: f64) -> Expr<'g, K, Scalar> {
        self.of_batch(|b, x| {
            let q = b.number(q);
            b.quantile(x, q)
        })
    }

    /// The values in the order of another: the sample with the least of it gets the least of these.
    pub fn matched_by<L: Fits<Real>>(self, by: Expr<'g, L, Row>) -> Expr<'g, K, Row> {
        self.of_batch(|b, x| b.matched(x, by.id))
    }
}

/// −ln p at another class.
pub fn ce_other(p: Distribution<'_>) -> Expr<'_, Real, Cell> {
    p.define.expr(|b| Ok(b.ce_other(p.inner)))
}
