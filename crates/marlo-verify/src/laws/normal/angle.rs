//! Sines and cosines.

use marlo_ir::op::Op;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed};

use super::atom::{Atom, Value};
use super::poly::{Monomial, Poly};
use super::{Normaliser, Result, negated};
use crate::laws::exact;

/// The greatest multiple of an angle, and the most summands, that are taken apart.
const MOST_TIMES: i64 = 16;
const MOST_SUMMANDS: usize = 5;

impl Normaliser<'_> {
    /// An operation on angles.
    pub(super) fn angle(&mut self, op: Op, args: &[Value]) -> Result<Value> {
        if self.has_masks(args) {
            return match self.by_cases(args, &mut |s, args| s.angle(op, args))? {
                Some(value) => Ok(value),
                None => self.call(op, args),
            };
        }
        // Past ±1 the operations do not agree on what an angle is.
        let cosine = args.last().filter(|_| !matches!(op, Op::Cos | Op::Sin | Op::Acos));
        if cosine.is_some_and(|c| !self.range_of(c).within(-1.0, 1.0)) {
            return self.call(op, args);
        }
        match (op, args) {
            (Op::Cos, [x]) => Ok(self.turn(x)?.0),
            (Op::Sin, [x]) => Ok(self.turn(x)?.1),
            (Op::Acos, [c]) => self.acos(c),
            (Op::Csc, [c]) => {
                let sine = self.sine_of(c)?;
                self.div(&Value::whole(1), &sine)
            }
            (Op::CosAngle | Op::SinAngle | Op::SinRatio, [a, b, c]) => {
                let theta = self.acos(c)?;
                let turned = self.mul(a, &theta)?;
                let turned = self.add(&turned, b)?;
                let (cosine, sine) = self.turn(&turned)?;
                match op {
                    Op::CosAngle => Ok(cosine),
                    Op::SinAngle => Ok(sine),
                    _ => {
                        let below = self.sine_of(c)?;
                        self.div(&sine, &below)
                    }
                }
            }
            _ => self.call(op, args),
        }
    }

    /// sin θ for the angle of a cosine: √((1 − c)(1 + c)).
    fn sine_of(&mut self, c: &Value) -> Result<Value> {
        let square = self.mul(c, c)?;
        let rest = self.add(&Value::whole(1), &negated(&square))?;
        self.root(&rest, &exact::decimal(0.5))
    }

    fn acos(&mut self, c: &Value) -> Result<Value> {
        if let Some(q) = c.constant() {
            let turns = match (exact::small(&q, 1), exact::small(&(&q + &q), 2)) {
                (Some(1), _) => Some((0, 1)),
                (Some(0), _) => Some((1, 2)),
                (Some(_), _) => Some((1, 1)),
                (None, Some(1)) => Some((1, 3)),
                (None, Some(-1)) => Some((2, 3)),
                _ => None,
            };
            if let Some((above, below)) = turns {
                let pi = self.intern(Atom::Pi)?;
                let q = BigRational::new(BigInt::from(above), BigInt::from(below));
                return Ok(Value::poly(Poly::term(q, Monomial::power(pi, BigRational::one()))));
            }
        }
        if let Some(atom) =
            c.num.single().filter(|_| c.den.is_one()).and_then(|(m, q)| m.single().filter(|_| q.is_one()))
            && let Atom::Cos(x) = self.table[atom].atom.clone()
            && self.range_of(&x).within(0.0, std::f64::consts::PI)
        {
            return Ok(x);
        }
        self.call(Op::Acos, std::slice::from_ref(c))
    }

    /// cos x and sin x.
    fn turn(&mut self, x: &Value) -> Result<(Value, Value)> {
        let mut sum = (Value::whole(1), Value::whole(0));
        if x.num.0.len() > MOST_SUMMANDS {
            return Ok((
                self.call(Op::Cos, std::slice::from_ref(x))?,
                self.call(Op::Sin, std::slice::from_ref(x))?,
            ));
        }
        for (m, q) in &x.num.0 {
            let one = self.turn_term(m, q, &x.den)?;
            sum = self.turn_further(&sum, &one)?;
        }
        Ok(sum)
    }

    /// The addition theorems.
    fn turn_further(&mut self, a: &(Value, Value), b: &(Value, Value)) -> Result<(Value, Value)> {
        let (cc, ss) = (self.mul(&a.0, &b.0)?, self.mul(&a.1, &b.1)?);
        let (sc, cs) = (self.mul(&a.1, &b.0)?, self.mul(&a.0, &b.1)?);
        Ok((self.add(&cc, &negated(&ss))?, self.add(&sc, &cs)?))
    }

    /// cos and sin of one summand.
    fn turn_term(&mut self, m: &Monomial, q: &BigRational, den: &Poly) -> Result<(Value, Value)> {
        let atom = m.single().filter(|_| den.is_one()).map(|a| self.table[a].atom.clone());
        if let Some(Atom::Pi) = atom {
            let half = BigRational::from(BigInt::from(2));
            let rest = q - (q / &half).floor() * &half;
            if let Some(quarters) = exact::small(&(&rest * &half), 3) {
                let (c, s) = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters as usize];
                return Ok((Value::whole(c), Value::whole(s)));
            }
            return self.turn_plain(m, &rest, den);
        }
        let times = exact::small(q, MOST_TIMES);
        let (base, times) = match (atom, times) {
            (Some(Atom::Call(Op::Acos, args)), Some(n)) if self.range_of(&args[0]).within(-1.0, 1.0) => {
                ((args[0].clone(), self.sine_of(&args[0])?), n)
            }
            (_, Some(n)) => (self.turn_plain(m, &BigRational::one(), den)?, n),
            (_, None) => (self.turn_plain(m, &q.abs(), den)?, if q.is_negative() { -1 } else { 1 }),
        };
        let mut sum = (Value::whole(1), Value::whole(0));
        for _ in 0..times.unsigned_abs() {
            sum = self.turn_further(&sum, &base)?;
        }
        if times < 0 {
            sum.1 = negated(&sum.1);
        }
        Ok(sum)
    }

    fn turn_plain(&mut self, m: &Monomial, q: &BigRational, den: &Poly) -> Result<(Value, Value)> {
        let x = Value { num: Poly::term(q.clone(), m.clone()), den: den.clone() };
        Ok((self.atom(Atom::Cos(x.clone()))?, self.atom(Atom::Sin(x))?))
    }
}
