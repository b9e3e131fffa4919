//! Sums, products and quotients, and when two of them are equal.

use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use super::atom::{Atom, Relation, Value};
use super::poly::{AtomId, Monomial, Poly};
use super::{MOST_BITS, Normaliser, Result, Stuck};
use crate::laws::exact;

impl Normaliser<'_> {
    /// Pays for work.
    pub(super) fn spend(&mut self, work: usize) -> Result<()> {
        self.fuel = self.fuel.checked_sub(work as u64).ok_or(Stuck::TooLarge)?;
        Ok(())
    }

    /// The product, reduced.
    pub(super) fn times(&mut self, a: &Poly, b: &Poly) -> Result<Poly> {
        self.spend(a.0.len() * b.0.len() + 1)?;
        let mut out = Poly::default();
        for (m, p) in &a.0 {
            for (n, q) in &b.0 {
                let product = p * q;
                if exact::bits(&product) > MOST_BITS {
                    return Err(Stuck::TooLarge);
                }
                out.push(m.times(n), product);
            }
        }
        self.reduce(out)
    }

    /// Applies the relations of atoms until none fits.
    pub(super) fn reduce(&mut self, poly: Poly) -> Result<Poly> {
        if poly.0.keys().all(|m| self.step(m).is_none()) {
            return Ok(poly);
        }
        let mut out = Poly::default();
        let mut rest: Vec<(Monomial, BigRational)> = poly.0.into_iter().collect();
        while let Some((monomial, q)) = rest.pop() {
            self.spend(1)?;
            match self.step(&monomial) {
                None => out.push(monomial, q),
                Some((kept, factor)) => {
                    self.spend(factor.0.len())?;
                    rest.extend(factor.0.into_iter().map(|(m, p)| (m.times(&kept), p * &q)));
                }
            }
        }
        Ok(out)
    }

    /// The monomial as another one times a polynomial, where a relation fits.
    fn step(&self, monomial: &Monomial) -> Option<(Monomial, Poly)> {
        let without = |atom: AtomId, e: BigRational| monomial.times(&Monomial::power(atom, -e));
        let one = BigRational::one();
        let two = &one + &one;
        for (atom, e) in &monomial.0 {
            match &self.table[*atom].relation {
                Relation::Free => {}
                Relation::Mask | Relation::MaskSolved(..) if *e > one => {
                    return Some((without(*atom, e - &one), Poly::one()));
                }
                Relation::Mask | Relation::MaskSolved(..) => {
                    if let Relation::MaskSolved(x, solution) = &self.table[*atom].relation {
                        let power = monomial.exponent(*x);
                        if power >= one && power.is_integer() {
                            return Some((without(*x, one), solution.clone()));
                        }
                    }
                    // Nothing is both 0 and above 0.
                    let Atom::Zero(p) = &self.table[*atom].atom else { continue };
                    let above = self.known.get(&Atom::Positive(p.clone()));
                    if above.is_some_and(|a| !monomial.exponent(*a).is_zero()) {
                        return Some((Monomial::default(), Poly::default()));
                    }
                }
                Relation::Base(p) => {
                    let number = p.constant();
                    let floor = e.floor();
                    if floor.is_positive() {
                        return Some((without(*atom, one), p.clone()));
                    }
                    if let (Some(q), true) = (number, floor.is_negative()) {
                        return Some((without(*atom, -one), Poly::number(q.recip())));
                    }
                }
                Relation::Sine(cosine) if *e >= two => {
                    let square = Poly::term(-one, Monomial::power(*cosine, two.clone()));
                    return Some((without(*atom, two), Poly::one().plus(&square)));
                }
                Relation::Sine(_) => {}
                Relation::Sign if e.is_integer() && (*e >= two || e.is_negative()) => {
                    let even = (e / &two).is_integer();
                    let target = if even { BigRational::zero() } else { one };
                    return Some((without(*atom, e - target), Poly::one()));
                }
                Relation::Sign => {}
            }
        }
        None
    }

    /// x + y
    pub(super) fn add(&mut self, x: &Value, y: &Value) -> Result<Value> {
        self.spend(1 + x.num.0.len() + y.num.0.len())?;
        if x.den == y.den {
            return self.tidy(x.num.clone().plus(&y.num), x.den.clone());
        }
        if let Some(more) = self.divide(&y.den, &x.den)? {
            let num = self.times(&x.num, &more)?.plus(&y.num);
            return self.tidy(num, y.den.clone());
        }
        if let Some(more) = self.divide(&x.den, &y.den)? {
            let num = self.times(&y.num, &more)?.plus(&x.num);
            return self.tidy(num, x.den.clone());
        }
        let num = self.times(&x.num, &y.den)?.plus(&self.times(&y.num, &x.den)?);
        let den = self.times(&x.den, &y.den)?;
        self.tidy(num, den)
    }

    /// x·y
    pub(super) fn mul(&mut self, x: &Value, y: &Value) -> Result<Value> {
        // What cancels crosswise is not multiplied out first.
        let (mut x, mut y) = (x.clone(), y.clone());
        for (a, b) in [(&mut x.num, &mut y.den), (&mut y.num, &mut x.den)] {
            if !b.is_one()
                && let Some(q) = self.divide(a, b)?
            {
                (*a, *b) = (q, Poly::one());
            }
        }
        let num = self.times(&x.num, &y.num)?;
        let den = self.times(&x.den, &y.den)?;
        self.tidy(num, den)
    }

    /// x/y
    pub(super) fn div(&mut self, x: &Value, y: &Value) -> Result<Value> {
        if y.num.is_zero() {
            return Err(Stuck::Undefined);
        }
        let over = Value { num: y.den.clone(), den: y.num.clone() };
        self.mul(x, &over)
    }

    /// xⁿ
    pub(super) fn whole_power(&mut self, x: &Value, n: i64) -> Result<Value> {
        if let (Some((m, q)), true) = (x.num.single(), x.den.is_one())
            && !m.0.iter().any(|(a, _)| self.table[*a].is_discrete())
        {
            if exact::bits(q) * n.unsigned_abs() > MOST_BITS {
                return Err(Stuck::TooLarge);
            }
            let power = BigRational::from(num_bigint::BigInt::from(n));
            let poly = Poly::term(num_traits::Pow::pow(q.clone(), n as i32), m.raised(&power));
            return Ok(Value::poly(self.reduce(poly)?));
        }
        let mut result = Value::whole(1);
        for _ in 0..n.unsigned_abs() {
            result = self.mul(&result, x)?;
        }
        if n < 0 { self.div(&Value::whole(1), &result) } else { Ok(result) }
    }

    /// The quotient in its usual form.
    pub(super) fn tidy(&mut self, num: Poly, den: Poly) -> Result<Value> {
        if den.is_zero() {
            return Err(Stuck::Undefined);
        }
        if num.is_zero() || den.is_one() {
            return Ok(Value::poly(num));
        }
        if let Some(q) = self.divide(&num, &den)? {
            return Ok(Value::poly(q));
        }
        let (num, den) = match self.divide(&den, &num)? {
            Some(q) => (Poly::one(), q),
            None => (num, den),
        };
        let Some((lead, q)) = den.leading() else { return Err(Stuck::Undefined) };
        let (_, lead) = lead.split(|a| self.table[a].is_discrete());
        let (by, q) = (lead.inverse(), q.recip());
        self.spend(num.0.len() + den.0.len())?;
        let num = self.reduce(num.scaled(&by, &q))?;
        let den = self.reduce(den.scaled(&by, &q))?;
        Ok(Value { num, den })
    }

    /// num/den where it leaves no rest.
    pub(super) fn divide(&mut self, num: &Poly, den: &Poly) -> Result<Option<Poly>> {
        let Some((lead, q)) = den.leading() else { return Ok(None) };
        let discrete = |m: &Monomial| m.0.iter().any(|(a, _)| self.table[*a].is_discrete());
        if den.0.keys().any(discrete) {
            return Ok(None);
        }
        if den.0.len() == 1 {
            let (by, q) = (lead.inverse(), q.recip());
            return Ok(Some(self.reduce(num.scaled(&by, &q))?));
        }
        if let Some(ratio) = num.ratio_to(den) {
            return Ok(Some(Poly::number(ratio)));
        }
        let mut rest = num.clone();
        let mut quotient = Poly::default();
        for _ in 0..=num.0.len() {
            let Some((m, p)) = rest.leading() else { return Ok(Some(quotient)) };
            let (m, p) = (m.times(&lead.inverse()), p / q);
            self.spend(den.0.len() + 1)?;
            rest = rest.plus(&den.scaled(&m, &-p.clone()));
            quotient.push(m, p);
        }
        Ok(None)
    }

    /// Are two values equal? Cross multiplication must leave nothing.
    pub(super) fn same(&mut self, x: &Value, y: &Value) -> Result<bool> {
        if x == y {
            return Ok(true);
        }
        let left = self.times(&x.num, &y.den)?;
        let right = self.times(&y.num, &x.den)?;
        let mut rest = left.plus(&right.negated());
        // 1/sin and 1/√ hide that sin² and √² are known: the least power becomes 0.
        for atom in rest.atoms() {
            if !matches!(self.table[atom].relation, Relation::Sine(_) | Relation::Base(_)) {
                continue;
            }
            let least = rest.0.keys().map(|m| m.exponent(atom)).min().unwrap_or_else(BigRational::zero);
            if least.is_negative() {
                let more = Monomial::power(atom, -least.floor());
                rest = self.reduce(rest.scaled(&more, &BigRational::one()))?;
            }
        }
        Ok(rest.is_zero())
    }
}
