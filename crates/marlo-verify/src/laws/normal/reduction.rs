//! Reductions over classes and over the batch.

use marlo_ir::op::Op;
use marlo_ir::shape::Shape;
use num_rational::BigRational;
use num_traits::{One, Signed};

use super::atom::{Atom, Value};
use super::poly::{Monomial, Poly};
use super::{Normaliser, Result, negated};

impl Normaliser<'_> {
    /// A reduction.
    pub(super) fn reduction(&mut self, op: Op, args: &[Value]) -> Result<Value> {
        let at_least_one = |v: &Value| v.constant().is_some_and(|q| q >= BigRational::one());
        match (op, args) {
            (Op::SumK, [x]) => {
                let count = self.atom(Atom::Others)?;
                self.linear(Op::SumK, x, Shape::Cell, &count)
            }
            (Op::LseK, [x]) => {
                let exp = self.exp(x)?;
                let sum = self.reduction(Op::SumK, &[exp])?;
                self.ln(&sum)
            }
            (Op::MaxK, [x]) => self.maximum(x),
            (Op::MeanI, [x]) => self.linear(Op::MeanI, x, Shape::Row, &Value::whole(1)),
            (Op::SumI, [x]) => {
                let mean = self.reduction(Op::MeanI, std::slice::from_ref(x))?;
                let rows = self.atom(Atom::BatchSize)?;
                self.mul(&rows, &mean)
            }
            (Op::TopI, [x, share]) if at_least_one(share) => {
                self.reduction(Op::MeanI, std::slice::from_ref(x))
            }
            (Op::TopI, [x, _]) if self.shape_of(x) == Shape::Scalar => Ok(x.clone()),
            (Op::KeptI, [share]) if at_least_one(share) => self.atom(Atom::BatchSize),
            _ => self.call(op, args),
        }
    }

    /// A linear reduction of what varies with a shape; of 1 it makes `count`.
    fn linear(&mut self, op: Op, x: &Value, shape: Shape, count: &Value) -> Result<Value> {
        let varies = |s: &Self, m: &Monomial| m.split(|a| s.table[a].shape >= shape);
        let below = self.shape_of(&Value { num: Poly::one(), den: x.den.clone() });
        let (inner, outer) =
            if below >= shape { (x.den.clone(), Poly::one()) } else { (Poly::one(), x.den.clone()) };
        let mut sum = Value::whole(0);
        for (m, q) in &x.num.0 {
            let (inside, outside) = varies(self, m);
            let part = if inside.is_one() && inner.is_one() {
                count.clone()
            } else {
                let body = Value { num: Poly::term(BigRational::one(), inside), den: inner.clone() };
                self.call(op, &[body])?
            };
            let part = self.mul(&Value::poly(Poly::term(q.clone(), outside)), &part)?;
            sum = self.add(&sum, &part)?;
        }
        self.div(&sum, &Value::poly(outer))
    }

    /// The maximum: what does not vary with the class goes before it, as a summand or as a positive factor.
    fn maximum(&mut self, x: &Value) -> Result<Value> {
        if x.as_poly().is_none() || self.has_masks(std::slice::from_ref(x)) {
            return self.call(Op::MaxK, std::slice::from_ref(x));
        }
        let cell = |s: &Self, m: &Monomial| m.0.iter().any(|(a, _)| s.table[*a].shape == Shape::Cell);
        let (mut inside, mut outside) = (Poly::default(), Poly::default());
        for (m, q) in &x.num.0 {
            if cell(self, m) { inside.push(m.clone(), q.clone()) } else { outside.push(m.clone(), q.clone()) }
        }
        let Some((lead, q)) = inside.leading() else { return Ok(x.clone()) };
        let (factor, _) = lead.split(|a| self.table[a].shape < Shape::Cell && self.table[a].range.positive());
        let size = q.abs();
        let body = inside.scaled(&factor.inverse(), &size.recip());
        let greatest = self.call(Op::MaxK, &[Value::poly(body)])?;
        let scaled = self.mul(&greatest, &Value::poly(Poly::term(size, factor)))?;
        self.add(&scaled, &negated(&Value::poly(outside.negated())))
    }
}
