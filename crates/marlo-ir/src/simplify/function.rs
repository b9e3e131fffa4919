//! Functions, masks, and angles.

use super::{FAR, Simplifier};
use crate::graph::Id;
use crate::op::Op;

impl Simplifier {
    /// The normal form of a function of arguments in normal form.
    pub(super) fn function(&mut self, op: Op, args: &[Id]) -> Id {
        let simpler = match op {
            Op::Ln => self.ln(args[0]),
            Op::Exp => self.exp(args[0]),
            Op::Log1p => self.log1p(args[0]),
            Op::Cos | Op::Sin => self.angle(op, args[0]),
            Op::CosAngle | Op::SinAngle => self.plain_angle(op, args),
            Op::Not if self.g.op(args[0]) == Op::Not => Some(self.g.args(args[0])[0]),
            Op::Detach if self.g.constant(args[0]).is_some() => Some(args[0]),
            Op::Min | Op::Max | Op::And | Op::Or if args[0] == args[1] => Some(args[0]),
            _ => None,
        };
        simpler.unwrap_or_else(|| self.g.add(op, args))
    }

    fn ln(&mut self, x: Id) -> Option<Id> {
        let args = self.g.args(x).to_vec();
        match self.g.op(x) {
            Op::Exp => Some(args[0]),
            // ln of an indicator: ln h folds into the logits.
            Op::Select
                if args[1..].iter().any(|&a| self.g.op(a) == Op::Exp || self.g.constant(a) == Some(1.0)) =>
            {
                let on = self.apply(Op::Ln, &[args[1]]);
                let off = self.apply(Op::Ln, &[args[2]]);
                Some(self.select(args[0], on, off))
            }
            Op::Sigmoid => {
                let opposite = self.sum(&[(-1.0, args[0])]);
                let softplus = self.apply(Op::Softplus, &[opposite]);
                Some(self.sum(&[(-1.0, softplus)]))
            }
            Op::Add if self.g.constant(args[0]) == Some(1.0) => Some(self.apply(Op::Log1p, &[args[1]])),
            Op::Pow if self.positive(args[0]) => {
                let ln = self.apply(Op::Ln, &[args[0]]);
                Some(self.apply(Op::Mul, &[args[1], ln]))
            }
            Op::Mul | Op::Div if args.iter().all(|&a| self.positive(a)) => {
                let [a, b] = [self.apply(Op::Ln, &[args[0]]), self.apply(Op::Ln, &[args[1]])];
                let sign = if self.g.op(x) == Op::Mul { 1.0 } else { -1.0 };
                Some(self.sum(&[(1.0, a), (sign, b)]))
            }
            _ => None,
        }
    }

    fn exp(&mut self, x: Id) -> Option<Id> {
        let args = self.g.args(x).to_vec();
        match self.g.op(x) {
            Op::Ln if self.positive(args[0]) => Some(args[0]),
            Op::Neg if self.g.op(args[0]) == Op::Softplus => {
                let inside = self.g.args(args[0])[0];
                let opposite = self.sum(&[(-1.0, inside)]);
                Some(self.apply(Op::Sigmoid, &[opposite]))
            }
            _ => None,
        }
    }

    fn log1p(&mut self, x: Id) -> Option<Id> {
        (self.g.op(x) == Op::Exp).then(|| {
            let inside = self.g.args(x)[0];
            self.apply(Op::Softplus, &[inside])
        })
    }

    /// Is the value above 0 for any arguments, as far as can be told?
    fn positive(&self, id: Id) -> bool {
        self.positive_within(id, FAR)
    }

    fn positive_within(&self, id: Id, depth: u32) -> bool {
        let args = self.g.args(id);
        let all = |args: &[Id]| depth > 0 && args.iter().all(|&a| self.positive_within(a, depth - 1));
        match self.g.op(id) {
            Op::Const(n) => n.get() > 0.0,
            Op::Param(p) => self.g.params[p as usize].low > 0.0,
            Op::Exp | Op::Sigmoid | Op::Softplus | Op::BatchSize | Op::Classes => true,
            Op::Others | Op::KeptI => true,
            Op::Select => all(&args[1..]),
            Op::Mul | Op::Div | Op::Add => all(args),
            Op::Pow => all(&args[..1]),
            _ => false,
        }
    }

    /// x where the mask is on, else y.
    pub(super) fn select(&mut self, mask: Id, x: Id, y: Id) -> Id {
        if x == y {
            return x;
        }
        if self.g.op(mask) == Op::Not {
            let inside = self.g.args(mask)[0];
            return self.select(inside, y, x);
        }
        let under = |s: &Self, id: Id, place: usize| {
            if s.g.op(id) == Op::Select && s.g.args(id)[0] == mask { s.g.args(id)[place] } else { id }
        };
        let (x, y) = (under(self, x, 1), under(self, y, 2));
        if x == y {
            return x;
        }
        if let (Some((gate, a, on)), Some((other, b, too))) = (self.gate(x), self.gate(y))
            && (gate, on) == (other, too)
        {
            let inside = self.select(mask, a, b);
            let zero = self.number(0.0);
            return if on { self.select(gate, inside, zero) } else { self.select(gate, zero, inside) };
        }
        // What both branches share is computed in either case, so it stands before the choice.
        let (mut a, mut b) = (self.as_product(x), self.as_product(y));
        let shared: Vec<(Id, Id)> = a.factors.iter().copied().filter(|f| b.factors.contains(f)).collect();
        let sign = if a.coefficient < 0.0 && b.coefficient < 0.0 { -1.0 } else { 1.0 };
        if (shared.is_empty() && sign == 1.0) || a.coefficient == 0.0 || b.coefficient == 0.0 {
            return self.g.add(Op::Select, &[mask, x, y]);
        }
        for product in [&mut a, &mut b] {
            product.factors.retain(|f| !shared.contains(f));
            product.coefficient *= sign;
        }
        let (x, y) = (self.build_product(a), self.build_product(b));
        let chosen = self.select(mask, x, y);
        let mut product = self.as_product(chosen);
        product.coefficient *= sign;
        for (base, exponent) in shared {
            self.factor_in(&mut product, base, exponent);
        }
        self.build_product(product)
    }

    /// cos or sin of an expression that is linear in one angle θ = acos c: cos(a·θ + b).
    fn angle(&mut self, op: Op, x: Id) -> Option<Id> {
        let (a, b, theta) = self.linear_in_angle(x, FAR)?;
        let cosine = self.g.args(theta)[0];
        let op = if op == Op::Cos { Op::CosAngle } else { Op::SinAngle };
        Some(self.apply(op, &[a, b, cosine]))
    }

    /// (a, b, θ) with x = a·θ + b, where θ is the only angle of a cosine in x.
    fn linear_in_angle(&mut self, x: Id, depth: u32) -> Option<(Id, Id, Id)> {
        let depth = depth.checked_sub(1)?;
        let args = self.g.args(x).to_vec();
        let zero = self.number(0.0);
        match self.g.op(x) {
            Op::Acos => Some((self.number(1.0), zero, x)),
            Op::Neg => {
                let (a, b, theta) = self.linear_in_angle(args[0], depth)?;
                Some((self.sum(&[(-1.0, a)]), self.sum(&[(-1.0, b)]), theta))
            }
            Op::Add | Op::Sub => {
                let sign = if self.g.op(x) == Op::Add { 1.0 } else { -1.0 };
                match (self.linear_in_angle(args[0], depth), self.linear_in_angle(args[1], depth)) {
                    (Some((a, b, theta)), None) => Some((a, self.sum(&[(1.0, b), (sign, args[1])]), theta)),
                    (None, Some((a, b, theta))) => {
                        Some((self.sum(&[(sign, a)]), self.sum(&[(1.0, args[0]), (sign, b)]), theta))
                    }
                    _ => None,
                }
            }
            Op::Mul => {
                let (linear, factor) =
                    match (self.linear_in_angle(args[0], depth), self.linear_in_angle(args[1], depth)) {
                        (Some(linear), None) => (linear, args[1]),
                        (None, Some(linear)) => (linear, args[0]),
                        _ => return None,
                    };
                let (a, b, theta) = linear;
                Some((
                    self.product(&[(a, 1.0), (factor, 1.0)]),
                    self.product(&[(b, 1.0), (factor, 1.0)]),
                    theta,
                ))
            }
            Op::Div => {
                let (a, b, theta) = self.linear_in_angle(args[0], depth)?;
                Some((
                    self.product(&[(a, 1.0), (args[1], -1.0)]),
                    self.product(&[(b, 1.0), (args[1], -1.0)]),
                    theta,
                ))
            }
            _ => None,
        }
    }

    fn plain_angle(&mut self, op: Op, args: &[Id]) -> Option<Id> {
        let [a, b] = [self.g.constant(args[0]), self.g.constant(args[1])];
        match (op, a, b) {
            (Op::CosAngle, Some(1.0), Some(0.0)) => Some(args[2]),
            (Op::CosAngle, Some(0.0), _) => Some(self.apply(Op::Cos, &[args[1]])),
            (Op::SinAngle, Some(0.0), _) => Some(self.apply(Op::Sin, &[args[1]])),
            _ => None,
        }
    }

    /// Σ over the kept rows / their number (see [`super::lower`]).
    pub(super) fn expand_top(&mut self, x: Id, share: Id) -> Id {
        let zero = self.number(0.0);
        let count = self.apply(Op::KeptI, &[share]);
        let hard = self.apply(Op::InTopI, &[x, count]);
        let kept = self.select(hard, x, zero);
        let sum = self.apply(Op::SumI, &[kept]);
        self.apply(Op::Div, &[sum, count])
    }

    /// The addition theorems, down to what a backend computes (see [`super::lower`]).
    pub(super) fn expand_angle(&mut self, op: Op, args: &[Id]) -> Id {
        let [a, b, c] = [args[0], args[1], args[2]];
        let zero = self.number(0.0);
        if self.g.constant(b) == Some(0.0) {
            return match (op, self.g.constant(a)) {
                (Op::CosAngle, Some(1.0)) => c,
                (Op::SinRatio, Some(1.0)) => self.number(1.0),
                _ => self.g.add(op, &[a, zero, c]),
            };
        }
        let (cos_b, sin_b) = (self.apply(Op::Cos, &[b]), self.apply(Op::Sin, &[b]));
        let cosine = self.expand_angle(Op::CosAngle, &[a, zero, c]);
        let (first, second, sign) = match op {
            Op::CosAngle => {
                let sine = self.expand_angle(Op::SinAngle, &[a, zero, c]);
                (cosine, sine, -1.0)
            }
            Op::SinAngle => {
                let sine = self.expand_angle(Op::SinAngle, &[a, zero, c]);
                (sine, cosine, 1.0)
            }
            _ => {
                let ratio = self.expand_angle(Op::SinRatio, &[a, zero, c]);
                let csc = self.apply(Op::Csc, &[c]);
                (ratio, self.product(&[(cosine, 1.0), (csc, 1.0)]), 1.0)
            }
        };
        let first = self.product(&[(first, 1.0), (cos_b, 1.0)]);
        let second = self.product(&[(second, 1.0), (sin_b, 1.0)]);
        self.sum(&[(1.0, first), (sign, second)])
    }
}
