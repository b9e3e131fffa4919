//! Sums: a number plus multiples of distinct terms, with what all terms share taken before the bracket.

use super::Simplifier;
use super::product::Product;
use crate::graph::Id;
use crate::op::Op;

/// constant + Σ coefficient · term, each term once.
#[derive(Clone, Debug, Default)]
struct Sum {
    constant: f64,
    terms: Vec<(f64, Id)>,
}

impl Simplifier {
    /// Σ coefficient · value.
    pub(super) fn sum(&mut self, parts: &[(f64, Id)]) -> Id {
        let mut sum = Sum::default();
        for &(coefficient, id) in parts {
            self.add_in(&mut sum, coefficient, id);
        }
        sum.terms.retain(|t| t.0 != 0.0);
        self.merge_selects(&mut sum);
        self.opposite_sigmoid(&mut sum);
        sum.terms.retain(|t| t.0 != 0.0);
        if let Some(id) = self.common_factor(&sum) {
            return id;
        }
        self.build_sum(sum)
    }

    fn add_in(&mut self, sum: &mut Sum, coefficient: f64, id: Id) {
        let args = self.g.args(id).to_vec();
        match self.g.op(id) {
            // What overflows stays as it is written.
            Op::Const(n) if (sum.constant + coefficient * n.get()).is_finite() => {
                sum.constant += coefficient * n.get();
            }
            Op::Neg => self.add_in(sum, -coefficient, args[0]),
            Op::Add => {
                self.add_in(sum, coefficient, args[0]);
                self.add_in(sum, coefficient, args[1]);
            }
            Op::Sub => {
                self.add_in(sum, coefficient, args[0]);
                self.add_in(sum, -coefficient, args[1]);
            }
            Op::Mul if self.g.constant(args[0]).is_some_and(|c| (coefficient * c).is_finite()) => {
                let c = self.g.constant(args[0]).unwrap_or(1.0);
                self.add_in(sum, coefficient * c, args[1]);
            }
            _ => match sum.terms.iter_mut().find(|t| t.1 == id && (t.0 + coefficient).is_finite()) {
                Some(term) => term.0 += coefficient,
                None => sum.terms.push((coefficient, id)),
            },
        }
    }

    /// Values chosen by one mask are added branch by branch.
    fn merge_selects(&mut self, sum: &mut Sum) {
        let mut at = 0;
        while at < sum.terms.len() {
            let (c, id) = sum.terms[at];
            let partner = (at + 1..sum.terms.len()).find(|&other| {
                let (a, b) = (id, sum.terms[other].1);
                self.g.op(a) == Op::Select
                    && self.g.op(b) == Op::Select
                    && self.g.args(a)[0] == self.g.args(b)[0]
            });
            let Some(other) = partner else {
                at += 1;
                continue;
            };
            let (d, twin) = sum.terms.remove(other);
            sum.terms.remove(at);
            let [a, b] = [self.g.args(id).to_vec(), self.g.args(twin).to_vec()];
            let on = self.sum(&[(c, a[1]), (d, b[1])]);
            let off = self.sum(&[(c, a[2]), (d, b[2])]);
            let merged = self.select(a[0], on, off);
            self.add_in(sum, 1.0, merged);
            at = 0;
        }
    }

    /// c − c·σ(x) is c·σ(−x), with no digit lost where σ(x) is near 1.
    fn opposite_sigmoid(&mut self, sum: &mut Sum) {
        let constant = sum.constant;
        let found =
            sum.terms.iter().position(|&(c, id)| c == -constant && c != 0.0 && self.g.op(id) == Op::Sigmoid);
        if let Some(at) = found {
            let (_, id) = sum.terms.remove(at);
            let inside = self.g.args(id)[0];
            let opposite = self.sum(&[(-1.0, inside)]);
            let rest = self.apply(Op::Sigmoid, &[opposite]);
            sum.constant = 0.0;
            self.add_in(sum, constant, rest);
        }
    }

    /// What every term shares goes before the bracket: s·a + s·b = s·(a + b).
    ///
    /// A term that a mask switches off shares too, as long as another term computes the same factor anyway: then a
    /// factor that is not finite makes the sum not finite with or without the bracket.
    fn common_factor(&mut self, sum: &Sum) -> Option<Id> {
        if sum.terms.len() < 2 || sum.constant != 0.0 {
            return None;
        }
        let mut products: Vec<(Product, Option<(Id, bool)>)> = Vec::new();
        for &(c, id) in &sum.terms {
            let (inside, gate) = match self.gate(id) {
                Some((mask, inside, on)) => (inside, Some((mask, on))),
                None => (id, None),
            };
            let mut product = self.as_product(inside);
            product.coefficient *= c;
            if !product.coefficient.is_finite() {
                return None;
            }
            products.push((product, gate));
        }
        if products.iter().all(|p| p.1.is_some()) {
            return None;
        }
        let mut shared: Vec<(Id, Id)> = Vec::new();
        for &(base, _) in &products[0].0.factors.clone() {
            shared.extend(self.least_power(base, &products).map(|exponent| (base, exponent)));
        }
        let negative = products.iter().all(|p| p.0.coefficient < 0.0);
        if shared.is_empty() && !negative {
            return None;
        }
        let sign = if negative { -1.0 } else { 1.0 };
        for &(base, exponent) in &shared {
            let less = self.apply(Op::Neg, &[exponent]);
            products.iter_mut().for_each(|p| self.factor_in(&mut p.0, base, less));
            // Exponents that overflow don't cancel, and what is not less would be shared without end.
            if products.iter().all(|p| p.0.factors.iter().any(|f| f.0 == base)) {
                return None;
            }
        }
        let mut terms = Vec::new();
        for (mut product, gate) in products {
            product.coefficient *= sign;
            let mut id = self.build_product(product);
            if let Some((mask, on)) = gate {
                let zero = self.number(0.0);
                id = if on { self.select(mask, id, zero) } else { self.select(mask, zero, id) };
            }
            terms.push((1.0, id));
        }
        let bracket = self.sum(&terms);
        let mut product = self.as_product(bracket);
        product.coefficient *= sign;
        for (base, exponent) in shared {
            self.factor_in(&mut product, base, exponent);
        }
        Some(self.build_product(product))
    }

    /// The least power of a base that every product holds, where its exponents differ by numbers only.
    fn least_power(&mut self, base: Id, products: &[(Product, Option<(Id, bool)>)]) -> Option<Id> {
        let mut least: Option<Id> = None;
        for (product, _) in products {
            let exponent = product.factors.iter().find(|f| f.0 == base)?.1;
            let Some(before) = least else {
                least = Some(exponent);
                continue;
            };
            let difference = self.apply(Op::Sub, &[exponent, before]);
            if self.g.constant(difference)? < 0.0 {
                least = Some(exponent);
            }
        }
        least
    }

    /// A positive number stands first, a negative one last; terms with a minus sign follow those without.
    fn build_sum(&mut self, mut sum: Sum) -> Id {
        sum.terms.sort_by_key(|t| self.rank(t.1));
        let (plus, minus): (Vec<_>, Vec<_>) = sum.terms.into_iter().partition(|t| t.0 > 0.0);
        let leads = sum.constant > 0.0 || (sum.constant < 0.0 && plus.is_empty());
        let mut total = leads.then(|| self.number(sum.constant));
        for (c, id) in plus {
            let term = self.scaled(c, id);
            total = Some(match total {
                Some(before) => self.g.add(Op::Add, &[before, term]),
                None => term,
            });
        }
        for (c, id) in minus {
            total = Some(match total {
                Some(before) => {
                    let term = self.scaled(-c, id);
                    self.g.add(Op::Sub, &[before, term])
                }
                None => self.scaled(c, id),
            });
        }
        match total {
            None => self.number(sum.constant),
            Some(total) if sum.constant < 0.0 && !leads => {
                let c = self.number(-sum.constant);
                self.g.add(Op::Sub, &[total, c])
            }
            Some(total) => total,
        }
    }
}
