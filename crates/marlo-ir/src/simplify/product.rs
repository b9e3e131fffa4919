//! Products: a number times powers of distinct bases.

use super::Simplifier;
use crate::graph::Id;
use crate::op::Op;
use crate::shape::Shape;

/// Is 1/x a number that f32 holds exactly?
fn whole_reciprocal(x: f64) -> bool {
    x != 0.0 && f64::from((1.0 / x) as f32) == 1.0 / x && 1.0 / (1.0 / x) == x
}

/// coefficient · Π base^exponent, each base once.
#[derive(Clone, Debug, Default)]
pub(super) struct Product {
    pub(super) coefficient: f64,
    pub(super) factors: Vec<(Id, Id)>,
}

impl Simplifier {
    /// The product of powers with literal exponents ±1, ±2, …
    pub(super) fn product(&mut self, powers: &[(Id, f64)]) -> Id {
        let mut product = Product { coefficient: 1.0, factors: Vec::new() };
        for &(base, exponent) in powers {
            self.multiply_in(&mut product, base, exponent);
        }
        self.build_product(product)
    }

    /// A node read as a product.
    pub(super) fn as_product(&mut self, id: Id) -> Product {
        let mut product = Product { coefficient: 1.0, factors: Vec::new() };
        self.multiply_in(&mut product, id, 1.0);
        product
    }

    fn multiply_in(&mut self, product: &mut Product, id: Id, exponent: f64) {
        let args = self.g.args(id).to_vec();
        match self.g.op(id) {
            // 1/π stays a division: it is read better and rounds once less. What overflows stays as it is written.
            Op::Const(n)
                if (exponent > 0.0 || whole_reciprocal(n.get()))
                    && (product.coefficient * n.get().powf(exponent)).is_finite() =>
            {
                product.coefficient *= n.get().powf(exponent);
            }
            Op::Neg if exponent.fract() == 0.0 => {
                product.coefficient *= (-1.0_f64).powf(exponent);
                self.multiply_in(product, args[0], exponent);
            }
            Op::Mul => {
                self.multiply_in(product, args[0], exponent);
                self.multiply_in(product, args[1], exponent);
            }
            Op::Div => {
                self.multiply_in(product, args[0], exponent);
                self.multiply_in(product, args[1], -exponent);
            }
            Op::Pow => {
                let scale = self.number(exponent);
                let scaled = self.apply(Op::Mul, &[args[1], scale]);
                self.factor_in(product, args[0], scaled);
            }
            _ => {
                let exponent = self.number(exponent);
                self.factor_in(product, id, exponent);
            }
        }
    }

    pub(super) fn factor_in(&mut self, product: &mut Product, base: Id, exponent: Id) {
        match product.factors.iter().position(|f| f.0 == base) {
            Some(at) => {
                let total = self.apply(Op::Add, &[product.factors[at].1, exponent]);
                if self.g.constant(total) == Some(0.0) {
                    product.factors.remove(at);
                } else {
                    product.factors[at].1 = total;
                }
            }
            None => product.factors.push((base, exponent)),
        }
    }

    /// The node of a product: number first, then numerator over denominator. A masked factor masks the whole.
    pub(super) fn build_product(&mut self, mut product: Product) -> Id {
        if product.coefficient == 0.0 {
            return self.number(0.0);
        }
        if let Some((mask, inside, on)) = self.take_gate(&mut product) {
            self.multiply_in(&mut product, inside, 1.0);
            let rest = self.build_product(product);
            let zero = self.number(0.0);
            return if on { self.select(mask, rest, zero) } else { self.select(mask, zero, rest) };
        }
        product.factors.sort_by_key(|f| self.rank(f.0));
        let mut above: Option<Id> = None;
        let mut below: Option<Id> = None;
        for (base, exponent) in product.factors {
            let negative = self.g.constant(exponent).is_some_and(|e| e < 0.0);
            let exponent = match self.g.constant(exponent) {
                Some(e) if negative => self.number(-e),
                _ => exponent,
            };
            let power = match self.g.constant(exponent) {
                Some(1.0) => base,
                _ => self.g.add(Op::Pow, &[base, exponent]),
            };
            let side = if negative { &mut below } else { &mut above };
            *side = Some(match *side {
                Some(before) => self.g.add(Op::Mul, &[before, power]),
                None => power,
            });
        }
        let c = product.coefficient;
        match (above, below) {
            (None, None) => self.number(c),
            (Some(above), None) => self.scaled(c, above),
            (Some(above), Some(below)) => {
                let ratio = self.g.add(Op::Div, &[above, below]);
                self.scaled(c, ratio)
            }
            (None, Some(below)) => {
                let size = self.number(c.abs());
                let ratio = self.g.add(Op::Div, &[size, below]);
                self.scaled(c.signum(), ratio)
            }
        }
    }

    pub(super) fn scaled(&mut self, coefficient: f64, id: Id) -> Id {
        if coefficient == 1.0 {
            id
        } else if coefficient == -1.0 {
            self.g.add(Op::Neg, &[id])
        } else {
            let c = self.number(coefficient);
            self.g.add(Op::Mul, &[c, id])
        }
    }

    /// Takes a factor out that is a value where a mask is on (or off) and 0 elsewhere.
    fn take_gate(&mut self, product: &mut Product) -> Option<(Id, Id, bool)> {
        let at = product.factors.iter().position(|&(base, exponent)| {
            self.g.constant(exponent) == Some(1.0) && self.gate(base).is_some()
        })?;
        let (base, _) = product.factors.remove(at);
        self.gate(base)
    }

    /// `Select(mask, x, 0)` as (mask, x, true) and `Select(mask, 0, x)` as (mask, x, false).
    pub(super) fn gate(&self, id: Id) -> Option<(Id, Id, bool)> {
        let args = self.g.args(id);
        if self.g.op(id) != Op::Select {
            None
        } else if self.g.constant(args[2]) == Some(0.0) {
            Some((args[0], args[1], true))
        } else if self.g.constant(args[1]) == Some(0.0) {
            Some((args[0], args[2], false))
        } else {
            None
        }
    }

    /// xʸ
    pub(super) fn power(&mut self, base: Id, exponent: Id) -> Id {
        match (self.g.op(base), self.g.constant(base), self.g.constant(exponent)) {
            (_, _, Some(0.0)) => return self.number(1.0),
            (_, _, Some(1.0)) => return base,
            (_, Some(1.0), _) => return base,
            (_, Some(-1.0), _) if self.g.is_whole(exponent) => return self.g.add(Op::Parity, &[exponent]),
            (_, _, Some(0.5)) => return self.apply(Op::Sqrt, &[base]),
            (Op::Exp, _, _) => {
                let inside = self.g.args(base)[0];
                let scaled = self.apply(Op::Mul, &[exponent, inside]);
                return self.apply(Op::Exp, &[scaled]);
            }
            _ => {}
        }
        match self.g.constant(exponent) {
            Some(e) if e.fract() == 0.0 && e.abs() <= 64.0 => self.product(&[(base, e)]),
            _ => self.g.add(Op::Pow, &[base, exponent]),
        }
    }

    /// Σ over classes: what does not vary with the class goes before the sum.
    pub(super) fn sum_over_classes(&mut self, id: Id) -> Id {
        let product = self.as_product(id);
        if self.g.shape(id) != Shape::Cell {
            // Once for each other class.
            let classes = self.apply(Op::Classes, &[]);
            let one = self.number(1.0);
            let others = self.apply(Op::Sub, &[classes, one]);
            return self.apply(Op::Mul, &[others, id]);
        }
        if self.gate(id).is_some() {
            return self.g.add(Op::SumK, &[id]);
        }
        let (inside, mut outside): (Vec<_>, Vec<_>) = product
            .factors
            .iter()
            .partition(|&&(base, exponent)| self.g.shape(base).join(self.g.shape(exponent)) == Shape::Cell);
        let inside = self.build_product(Product { coefficient: 1.0, factors: inside });
        let one = self.number(1.0);
        outside.push((self.g.add(Op::SumK, &[inside]), one));
        self.build_product(Product { coefficient: product.coefficient, factors: outside })
    }
}
