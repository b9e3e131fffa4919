//! Masks, as numbers that are 0 or 1, and what chooses between values.

use marlo_ir::op::Op;
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use super::atom::{Atom, Relation, Value};
use super::poly::{AtomId, Monomial, Poly};
use super::{Normaliser, Result, Stuck, negated};

/// How many masks a function's argument may hold to be split into cases.
const MOST_MASKS: usize = 4;

/// A function of values, applied in each case of their masks.
pub(super) type Case<'f, 'g> = dyn FnMut(&mut Normaliser<'g>, &[Value]) -> Result<Value> + 'f;

impl<'g> Normaliser<'g> {
    fn masks(&self, values: &[Value]) -> Vec<AtomId> {
        let atoms = values.iter().flat_map(|v| v.num.atoms().into_iter().chain(v.den.atoms()));
        let mut masks: Vec<AtomId> = atoms.filter(|a| self.table[*a].is_mask()).collect();
        masks.sort_unstable();
        masks.dedup();
        masks
    }

    /// Does a mask stand in one of the values?
    pub(super) fn has_masks(&self, values: &[Value]) -> bool {
        !self.masks(values).is_empty()
    }

    /// Σ over the cases: the masks' product times the function of what the values are then. `None`: too many cases.
    pub(super) fn by_cases(&mut self, args: &[Value], f: &mut Case<'_, 'g>) -> Result<Option<Value>> {
        let masks = self.masks(args);
        if masks.len() > MOST_MASKS {
            return Ok(None);
        }
        let mut sum = Value::whole(0);
        for case in 0..1_usize << masks.len() {
            let mut guard = Poly::one();
            let mut here = args.to_vec();
            for (place, &mask) in masks.iter().enumerate() {
                let on = case >> place & 1 == 1;
                let atom = Poly::atom(mask);
                let factor = if on { atom } else { Poly::one().plus(&atom.negated()) };
                guard = self.times(&guard, &factor)?;
                for value in &mut here {
                    *value = self.settle(value, mask, on)?;
                }
            }
            if guard.is_zero() {
                continue;
            }
            let value = f(self, &here)?;
            let part = self.mul(&Value::poly(guard), &value)?;
            sum = self.add(&sum, &part)?;
        }
        Ok(Some(sum))
    }

    /// The value where a mask is on or off.
    fn settle(&mut self, value: &Value, mask: AtomId, on: bool) -> Result<Value> {
        let (num, den) = (self.settle_poly(&value.num, mask, on)?, self.settle_poly(&value.den, mask, on)?);
        self.tidy(num, den)
    }

    fn settle_poly(&mut self, poly: &Poly, mask: AtomId, on: bool) -> Result<Poly> {
        let mut out = Poly::default();
        for (m, q) in &poly.0 {
            let (with, mut without) = m.split(|a| a == mask);
            if !with.is_one() && !on {
                continue;
            }
            let mut factor = Poly::one();
            if let (true, Relation::MaskSolved(x, solution)) = (on, self.table[mask].relation.clone()) {
                let times = m.exponent(x);
                if let Some(n @ 1..) = crate::laws::exact::small(&times, 16) {
                    without = without.times(&Monomial::power(x, -times));
                    for _ in 0..n {
                        factor = self.times(&factor, &solution)?;
                    }
                }
            }
            out = out.plus(&factor.scaled(&without, q));
        }
        self.reduce(out)
    }

    /// x with p = 0 solved for it: (x, the rest), where p is linear in an atom.
    pub(super) fn solved(&self, p: &Poly) -> Option<(AtomId, Poly)> {
        let (x, q) = p.0.iter().rev().find_map(|(m, q)| Some((m.single()?, q)))?;
        let appears = p.0.keys().filter(|m| !m.exponent(x).is_zero()).count();
        if appears != 1 || self.table[x].is_discrete() {
            return None;
        }
        let mut rest = p.clone();
        rest.push(Monomial::power(x, BigRational::one()), -q.clone());
        Some((x, rest.scaled(&Monomial::default(), &-q.recip())))
    }

    /// What chooses, and masks.
    pub(super) fn choice(&mut self, op: Op, args: &[Value]) -> Result<Value> {
        match (op, args) {
            (Op::Select, [m, x, y]) => {
                let more = self.add(x, &negated(y))?;
                let part = self.mul(m, &more)?;
                self.add(y, &part)
            }
            (Op::Not, [m]) => self.add(&Value::whole(1), &negated(m)),
            (Op::And, [m, n]) => self.mul(m, n),
            (Op::Or, [m, n]) => {
                let both = self.mul(m, n)?;
                let sum = self.add(m, n)?;
                self.add(&sum, &negated(&both))
            }
            (Op::Lt, [x, y]) => {
                let more = self.add(y, &negated(x))?;
                self.is_positive(&more)
            }
            (Op::Le, [x, y]) => {
                let more = self.add(x, &negated(y))?;
                let above = self.is_positive(&more)?;
                self.add(&Value::whole(1), &negated(&above))
            }
            (Op::Eq, [x, y]) => {
                let more = self.add(x, &negated(y))?;
                self.is_zero(&more)
            }
            (Op::Relu, [x]) => self.positive_part(x),
            (Op::Abs, [x]) => {
                let part = self.positive_part(x)?;
                let twice = self.add(&part, &part)?;
                self.add(&twice, &negated(x))
            }
            (Op::Max, [x, y]) => {
                let more = self.add(x, &negated(y))?;
                let part = self.positive_part(&more)?;
                self.add(y, &part)
            }
            (Op::Min, [x, y]) => {
                let more = self.add(x, &negated(y))?;
                let part = self.positive_part(&more)?;
                self.add(x, &negated(&part))
            }
            (Op::Floor, [x]) => self.floor(x),
            _ => self.call(op, args),
        }
    }

    /// max(x, 0)
    fn positive_part(&mut self, x: &Value) -> Result<Value> {
        // The sign is settled so that x and −x make the same mask.
        if x.num.leads_negative() {
            let opposite = self.positive_part(&negated(x))?;
            return self.add(x, &opposite);
        }
        let mask = self.is_positive(x)?;
        self.mul(&mask, x)
    }

    /// The numerator that decides the sign of a value, without what is positive in it.
    fn sign_of(&mut self, x: &Value) -> Result<Poly> {
        let den = self.range_of_poly(&x.den);
        let num = if den.positive() {
            x.num.clone()
        } else if den.negative() {
            x.num.clone().negated()
        } else {
            self.times(&x.num, &x.den)?
        };
        Ok(self.without_lead(&num)?.2)
    }

    /// Is x above 0?
    fn is_positive(&mut self, x: &Value) -> Result<Value> {
        let range = self.range_of(x);
        if self.is_singular(x) {
            return Err(Stuck::Singular);
        }
        if x.num.is_zero() || range.hi <= 0.0 {
            return Ok(Value::whole(0));
        }
        if range.positive() {
            return Ok(Value::whole(1));
        }
        if self.has_masks(std::slice::from_ref(x)) {
            let cases = self.by_cases(std::slice::from_ref(x), &mut |s, args| s.is_positive(&args[0]))?;
            return cases.ok_or(Stuck::TooLarge);
        }
        if let Some(q) = x.constant() {
            return Ok(Value::whole(i64::from(q.is_positive())));
        }
        let sign = self.sign_of(x)?;
        if !sign.leads_negative() {
            return self.atom(Atom::Positive(sign));
        }
        let opposite = sign.negated();
        let zero = self.is_zero(&Value::poly(opposite.clone()))?;
        let above = self.atom(Atom::Positive(opposite))?;
        let others = self.add(&above, &zero)?;
        self.add(&Value::whole(1), &negated(&others))
    }

    /// Is x 0?
    pub(super) fn is_zero(&mut self, x: &Value) -> Result<Value> {
        if x.num.is_zero() {
            return Ok(Value::whole(1));
        }
        if self.is_singular(x) {
            return Err(Stuck::Singular);
        }
        if self.range_of(x).nonzero || x.constant().is_some() {
            return Ok(Value::whole(0));
        }
        if self.has_masks(std::slice::from_ref(x)) {
            let cases = self.by_cases(std::slice::from_ref(x), &mut |s, args| s.is_zero(&args[0]))?;
            return cases.ok_or(Stuck::TooLarge);
        }
        let mut sign = self.without_lead(&x.num)?.2;
        if sign.leads_negative() {
            sign = sign.negated();
        }
        self.atom(Atom::Zero(sign))
    }

    fn floor(&mut self, x: &Value) -> Result<Value> {
        if let Some(q) = x.constant() {
            return Ok(Value::number(q.floor()));
        }
        if self.has_masks(std::slice::from_ref(x)) {
            let cases = self.by_cases(std::slice::from_ref(x), &mut |s, args| s.floor(&args[0]))?;
            if let Some(value) = cases {
                return Ok(value);
            }
        }
        let range = self.range_of(x);
        if range.lo.floor() == range.hi.floor() && range.lo.abs() < 1e15 {
            return Ok(Value::whole(range.lo.floor() as i64));
        }
        if let Some(c) = self.whole_turn(x) {
            // θ/π reaches 1 at cos θ = −1 and nowhere else.
            let at_end = self.add(&c, &Value::whole(1))?;
            return self.is_zero(&at_end);
        }
        self.call(Op::Floor, std::slice::from_ref(x))
    }

    /// The cosine c where x is acos(c)/π.
    fn whole_turn(&self, x: &Value) -> Option<Value> {
        let (m, q) = x.num.single().filter(|_| x.den.is_one())?;
        let [(a, e), (b, f)] = m.0.as_slice() else { return None };
        let one = BigRational::one();
        let angle = |atom: AtomId| match &self.table[atom].atom {
            Atom::Call(Op::Acos, args) => Some(args[0].clone()),
            _ => None,
        };
        let pi = |atom: AtomId| self.table[atom].atom == Atom::Pi;
        let c = if *e == one && *f == -one.clone() && pi(*b) {
            angle(*a)
        } else if *f == one && *e == -one.clone() && pi(*a) {
            angle(*b)
        } else {
            None
        }?;
        (q.is_one() && self.range_of(&c).within(-1.0, 1.0)).then_some(c)
    }
}
