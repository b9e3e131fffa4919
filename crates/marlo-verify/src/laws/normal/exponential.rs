//! Exponentials, logarithms and powers.

use marlo_ir::graph::Id;
use marlo_ir::op::Op;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use super::atom::{Atom, Value};
use super::poly::{Monomial, Poly};
use super::{Normaliser, Result, Stuck, negated};
use crate::laws::exact;

/// The greatest power that is multiplied out.
const MOST: i64 = 64;

impl Normaliser<'_> {
    /// eˣ, each summand on its own.
    pub(super) fn exp(&mut self, x: &Value) -> Result<Value> {
        if self.has_masks(std::slice::from_ref(x)) {
            let cases = self.by_cases(std::slice::from_ref(x), &mut |s, args| s.exp(&args[0]))?;
            return match cases {
                Some(value) => Ok(value),
                None => self.call(Op::Exp, std::slice::from_ref(x)),
            };
        }
        let mut result = Value::whole(1);
        for (m, q) in &x.num.0 {
            let factor = match m.single().map(|a| self.table[a].atom.clone()) {
                Some(Atom::Ln(p)) if x.den.is_one() => self.power_of_poly(&p, q)?,
                _ => {
                    let one = Poly::term(BigRational::one(), m.clone());
                    let atom = self.intern(Atom::Exp(Value { num: one, den: x.den.clone() }))?;
                    Value::poly(Poly::term(BigRational::one(), Monomial::power(atom, q.clone())))
                }
            };
            result = self.mul(&result, &factor)?;
        }
        Ok(result)
    }

    /// pᵉ of a polynomial above 0.
    fn power_of_poly(&mut self, p: &Poly, e: &BigRational) -> Result<Value> {
        match exact::small(e, MOST) {
            Some(n) => self.whole_power(&Value::poly(p.clone()), n),
            None => self.root_of_poly(p, e),
        }
    }

    /// ln of a node; products are taken apart before they are multiplied out.
    pub(super) fn ln_of_node(&mut self, id: Id) -> Result<Value> {
        if let Some(known) = self.logs.get(&id) {
            return Ok(known.clone());
        }
        let args = self.graph.args(id).to_vec();
        let positive = args.iter().all(|&a| self.range(a).positive());
        let result = match self.graph.op(id) {
            Op::Exp => self.value(args[0])?,
            Op::Detach => self.ln_of_node(args[0])?,
            Op::Mul if positive => {
                let (x, y) = (self.ln_of_node(args[0])?, self.ln_of_node(args[1])?);
                self.add(&x, &y)?
            }
            Op::Div if positive => {
                let (x, y) = (self.ln_of_node(args[0])?, self.ln_of_node(args[1])?);
                self.add(&x, &negated(&y))?
            }
            Op::Sqrt if positive => {
                let x = self.ln_of_node(args[0])?;
                self.mul(&x, &Value::number(exact::decimal(0.5)))?
            }
            Op::Pow if self.range(args[0]).positive() => {
                let x = self.ln_of_node(args[0])?;
                let exponent = self.value(args[1])?;
                self.mul(&exponent, &x)?
            }
            Op::Sigmoid => {
                let x = self.value(args[0])?;
                negated(&self.softplus(&negated(&x))?)
            }
            _ => {
                let x = self.value(id)?;
                self.ln(&x)?
            }
        };
        self.logs.insert(id, result.clone());
        Ok(result)
    }

    /// ln(1 + eˣ)
    pub(super) fn softplus(&mut self, x: &Value) -> Result<Value> {
        let exp = self.exp(x)?;
        let sum = self.add(&exp, &Value::whole(1))?;
        self.ln(&sum)
    }

    /// ln x, for x above 0.
    pub(super) fn ln(&mut self, x: &Value) -> Result<Value> {
        if self.has_masks(std::slice::from_ref(x)) {
            let cases = self.by_cases(std::slice::from_ref(x), &mut |s, args| s.ln(&args[0]))?;
            return match cases {
                Some(value) => Ok(value),
                None => self.call(Op::Ln, std::slice::from_ref(x)),
            };
        }
        let (num, den) = if x.den.is_one() || self.range_of_poly(&x.den).positive() {
            (x.num.clone(), x.den.clone())
        } else if self.range_of_poly(&x.den).negative() {
            (x.num.clone().negated(), x.den.clone().negated())
        } else {
            return self.call(Op::Ln, std::slice::from_ref(x));
        };
        let (num, den) = (self.ln_of_poly(&num)?, self.ln_of_poly(&den)?);
        self.add(&num, &negated(&den))
    }

    /// The positive part of the greatest term, and the polynomial divided by it and its coefficient's size.
    pub(super) fn without_lead(&mut self, p: &Poly) -> Result<(Monomial, BigRational, Poly)> {
        let Some((lead, q)) = p.leading() else { return Err(Stuck::Undefined) };
        let (lead, _) = lead.split(|a| self.table[a].range.positive());
        let size = q.abs();
        let rest = p.scaled(&lead.inverse(), &size.recip());
        let rest = self.reduce(rest)?;
        Ok((lead, size, rest))
    }

    fn ln_of_poly(&mut self, p: &Poly) -> Result<Value> {
        let (lead, size, rest) = self.without_lead(p)?;
        let mut result = self.ln_of_number(&size)?;
        for (atom, e) in &lead.0 {
            let ln = match self.table[*atom].atom.clone() {
                Atom::Exp(x) => x,
                Atom::Base(p) => self.ln_of_poly(&p)?,
                _ => self.atom(Atom::Ln(Poly::atom(*atom)))?,
            };
            let part = self.mul(&ln, &Value::number(e.clone()))?;
            result = self.add(&result, &part)?;
        }
        if !rest.is_one() {
            let atom = self.atom(Atom::Ln(rest))?;
            result = self.add(&result, &atom)?;
        }
        Ok(result)
    }

    fn ln_of_number(&mut self, q: &BigRational) -> Result<Value> {
        let mut result = Value::whole(0);
        for (prime, e) in factors(q) {
            let atom = self.atom(Atom::Ln(Poly::number(BigRational::from(prime))))?;
            let part = self.mul(&atom, &Value::whole(e))?;
            result = self.add(&result, &part)?;
        }
        Ok(result)
    }

    /// xᵉ of a value of at least 0, for a fraction e.
    pub(super) fn root(&mut self, x: &Value, e: &BigRational) -> Result<Value> {
        if self.has_masks(std::slice::from_ref(x)) {
            let exponent = e.clone();
            let cases = self.by_cases(std::slice::from_ref(x), &mut |s, args| s.root(&args[0], &exponent))?;
            if let Some(value) = cases {
                return Ok(value);
            }
        } else if x.den.is_one() {
            return self.root_of_poly(&x.num, e);
        } else if self.range_of_poly(&x.den).positive() {
            let (num, den) = (self.root_of_poly(&x.num, e)?, self.root_of_poly(&x.den, e)?);
            return self.div(&num, &den);
        }
        self.call(Op::Pow, &[x.clone(), Value::number(e.clone())])
    }

    fn root_of_poly(&mut self, p: &Poly, e: &BigRational) -> Result<Value> {
        if p.is_zero() {
            return if e.is_positive() { Ok(Value::whole(0)) } else { Err(Stuck::Undefined) };
        }
        if let Some((m, q)) = p.single()
            && q.is_positive()
            && m.0.iter().all(|(a, _)| self.table[*a].range.nonnegative() && !self.table[*a].is_discrete())
        {
            let monomial = Poly::term(BigRational::one(), m.raised(e));
            let number = self.power_of_number(q, e)?;
            return Ok(Value::poly(self.times(&monomial, &number)?));
        }
        let (lead, size, rest) = self.without_lead(p)?;
        let number = self.power_of_number(&size, e)?;
        let mut monomial = lead.raised(e);
        if !rest.is_one() {
            monomial = monomial.times(&Monomial::power(self.intern(Atom::Base(rest))?, e.clone()));
        }
        Ok(Value::poly(self.times(&Poly::term(BigRational::one(), monomial), &number)?))
    }

    fn power_of_number(&mut self, q: &BigRational, e: &BigRational) -> Result<Poly> {
        if exact::small(&e.floor(), MOST).is_none() {
            return Err(Stuck::TooLarge);
        }
        let mut monomial = Monomial::default();
        for (prime, k) in factors(q) {
            let atom = self.intern(Atom::Base(Poly::number(BigRational::from(prime))))?;
            monomial = monomial.times(&Monomial::power(atom, e * BigRational::from(BigInt::from(k))));
        }
        self.reduce(Poly::term(BigRational::one(), monomial))
    }

    /// A node to a power.
    pub(super) fn pow(&mut self, base: Id, exponent: &Value) -> Result<Value> {
        if self.has_masks(std::slice::from_ref(exponent)) {
            let cases =
                self.by_cases(std::slice::from_ref(exponent), &mut |s, args| s.pow(base, &args[0]))?;
            if let Some(value) = cases {
                return Ok(value);
            }
        }
        let x = self.value(base)?;
        let range = self.range(base);
        match exponent.constant() {
            Some(e) => {
                if let Some(n) = exact::small(&e, MOST) {
                    return self.whole_power(&x, n);
                }
                if range.nonnegative() && !e.is_integer() {
                    return self.root(&x, &e);
                }
            }
            None if x.constant().is_some_and(|q| q.is_one()) => return Ok(x),
            None if x.constant().is_some_and(|q| (-q).is_one()) => return self.parity(exponent),
            None => {}
        }
        if range.positive() {
            let ln = self.ln_of_node(base)?;
            let product = self.mul(exponent, &ln)?;
            return self.exp(&product);
        }
        self.call(Op::Pow, &[x, exponent.clone()])
    }

    /// (−1)ˣ
    pub(super) fn parity(&mut self, x: &Value) -> Result<Value> {
        if self.has_masks(std::slice::from_ref(x)) {
            let cases = self.by_cases(std::slice::from_ref(x), &mut |s, args| s.parity(&args[0]))?;
            if let Some(value) = cases {
                return Ok(value);
            }
        }
        match x.constant() {
            Some(q) if q.is_integer() => {
                let even = (q / BigRational::from(BigInt::from(2))).is_integer();
                Ok(Value::whole(if even { 1 } else { -1 }))
            }
            _ => self.call(Op::Parity, std::slice::from_ref(x)),
        }
    }
}

/// The primes of a fraction above 0 with their powers; what is left of a long number counts as one prime.
fn factors(q: &BigRational) -> Vec<(BigInt, i64)> {
    let mut found: Vec<(BigInt, i64)> = Vec::new();
    for (number, sign) in [(q.numer(), 1), (q.denom(), -1)] {
        let mut rest = number.abs();
        let mut divisor = 2_u32;
        while divisor < 1000 && !rest.is_one() && !rest.is_zero() {
            let prime = BigInt::from(divisor);
            let mut times = 0;
            while (&rest % &prime).is_zero() && !rest.is_zero() {
                rest /= &prime;
                times += sign;
            }
            if times != 0 {
                found.push((prime, times));
            }
            divisor += if divisor == 2 { 1 } else { 2 };
            // What has no divisor up to its root is a prime.
            if rest.to_u64().is_some_and(|r| r < u64::from(divisor) * u64::from(divisor)) {
                break;
            }
        }
        if rest > BigInt::one() {
            found.push((rest, sign));
        }
    }
    found
}
