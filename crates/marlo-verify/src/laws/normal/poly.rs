//! Polynomials with exact coefficients; exponents may be negative or fractions.
//!
//! Nothing here knows what an atom stands for. [`super::Normaliser::reduce`] applies their relations.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

/// An atom, by its place in the table of the [`super::Normaliser`].
pub(crate) type AtomId = usize;

/// Π atomᵉ, sorted by atom; no exponent is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Monomial(pub(crate) Vec<(AtomId, BigRational)>);

impl Ord for Monomial {
    /// Lexicographic by exponents, a missing one being 0: the order does not change when both sides are multiplied.
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let zero = BigRational::zero();
            let order = match (a.peek(), b.peek()) {
                (None, None) => return Ordering::Equal,
                (Some((_, e)), None) => e.cmp(&zero),
                (None, Some((_, e))) => zero.cmp(e),
                (Some((x, e)), Some((y, f))) => match x.cmp(y) {
                    Ordering::Less => e.cmp(&zero),
                    Ordering::Greater => zero.cmp(f),
                    Ordering::Equal => {
                        let order = e.cmp(f);
                        a.next();
                        b.next();
                        order
                    }
                },
            };
            if order != Ordering::Equal {
                return order;
            }
        }
    }
}

impl PartialOrd for Monomial {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Monomial {
    /// atomᵉ
    pub(crate) fn power(atom: AtomId, exponent: BigRational) -> Self {
        Monomial(if exponent.is_zero() { vec![] } else { vec![(atom, exponent)] })
    }

    /// Is it 1?
    pub(crate) fn is_one(&self) -> bool {
        self.0.is_empty()
    }

    /// The only atom, where it stands alone with exponent 1.
    pub(crate) fn single(&self) -> Option<AtomId> {
        match self.0.as_slice() {
            [(atom, e)] if e.is_one() => Some(*atom),
            _ => None,
        }
    }

    /// The product.
    pub(crate) fn times(&self, other: &Self) -> Self {
        let mut out: Vec<(AtomId, BigRational)> = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        loop {
            let from_a = match (a.peek(), b.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((x, _)), Some((y, _))) => x.cmp(y),
            };
            match from_a {
                Ordering::Less => out.extend(a.next().cloned()),
                Ordering::Greater => out.extend(b.next().cloned()),
                Ordering::Equal => {
                    if let (Some((atom, e)), Some((_, f))) = (a.next(), b.next()) {
                        let sum = e + f;
                        if !sum.is_zero() {
                            out.push((*atom, sum));
                        }
                    }
                }
            }
        }
        Monomial(out)
    }

    /// The power.
    pub(crate) fn raised(&self, exponent: &BigRational) -> Self {
        if exponent.is_zero() {
            return Monomial::default();
        }
        Monomial(self.0.iter().map(|(atom, e)| (*atom, e * exponent)).collect())
    }

    /// 1 over it.
    pub(crate) fn inverse(&self) -> Self {
        Monomial(self.0.iter().map(|(atom, e)| (*atom, -e)).collect())
    }

    /// The exponent of an atom.
    pub(crate) fn exponent(&self, atom: AtomId) -> BigRational {
        self.0.iter().find(|(a, _)| *a == atom).map_or_else(BigRational::zero, |(_, e)| e.clone())
    }

    /// The factors that pass the test, and the others.
    pub(crate) fn split(&self, test: impl Fn(AtomId) -> bool) -> (Self, Self) {
        let (a, b) = self.0.iter().cloned().partition(|(atom, _)| test(*atom));
        (Monomial(a), Monomial(b))
    }
}

/// Σ coefficient·monomial; no coefficient is 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Poly(pub(crate) BTreeMap<Monomial, BigRational>);

impl Poly {
    /// A number.
    pub(crate) fn number(q: BigRational) -> Self {
        Poly::term(q, Monomial::default())
    }

    /// 1
    pub(crate) fn one() -> Self {
        Poly::number(BigRational::one())
    }

    /// coefficient·monomial
    pub(crate) fn term(q: BigRational, monomial: Monomial) -> Self {
        let mut poly = Poly::default();
        poly.push(monomial, q);
        poly
    }

    /// An atom.
    pub(crate) fn atom(atom: AtomId) -> Self {
        Poly::term(BigRational::one(), Monomial::power(atom, BigRational::one()))
    }

    /// Adds a term.
    pub(crate) fn push(&mut self, monomial: Monomial, q: BigRational) {
        if q.is_zero() {
            return;
        }
        match self.0.entry(monomial) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(q);
            }
            std::collections::btree_map::Entry::Occupied(mut taken) => {
                *taken.get_mut() += q;
                if taken.get().is_zero() {
                    taken.remove();
                }
            }
        }
    }

    /// Is it 0?
    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The number that it is.
    pub(crate) fn constant(&self) -> Option<BigRational> {
        match self.single() {
            Some((m, q)) if m.is_one() => Some(q.clone()),
            _ if self.is_zero() => Some(BigRational::zero()),
            _ => None,
        }
    }

    /// Is it 1?
    pub(crate) fn is_one(&self) -> bool {
        self.single().is_some_and(|(m, q)| m.is_one() && q.is_one())
    }

    /// The only term.
    pub(crate) fn single(&self) -> Option<(&Monomial, &BigRational)> {
        if self.0.len() == 1 { self.0.iter().next() } else { None }
    }

    /// The greatest term.
    pub(crate) fn leading(&self) -> Option<(&Monomial, &BigRational)> {
        self.0.iter().next_back()
    }

    /// The sum.
    pub(crate) fn plus(mut self, other: &Poly) -> Self {
        for (m, q) in &other.0 {
            self.push(m.clone(), q.clone());
        }
        self
    }

    /// The opposite.
    pub(crate) fn negated(mut self) -> Self {
        for q in self.0.values_mut() {
            *q = -q.clone();
        }
        self
    }

    /// Every term times one term.
    pub(crate) fn scaled(&self, monomial: &Monomial, by: &BigRational) -> Self {
        Poly(self.0.iter().map(|(m, q)| (m.times(monomial), q * by)).collect())
    }

    /// The atoms in it, each once, in order.
    pub(crate) fn atoms(&self) -> Vec<AtomId> {
        let mut atoms: Vec<AtomId> = self.0.keys().flat_map(|m| m.0.iter().map(|(a, _)| *a)).collect();
        atoms.sort_unstable();
        atoms.dedup();
        atoms
    }

    /// λ where this is λ times the other.
    pub(crate) fn ratio_to(&self, other: &Poly) -> Option<BigRational> {
        let ((m, p), (n, q)) = (self.leading()?, other.leading()?);
        if self.0.len() != other.0.len() || m != n {
            return None;
        }
        let ratio = p / q;
        let alike = |((m, p), (n, q)): ((&Monomial, &BigRational), (&Monomial, &BigRational))| {
            m == n && *p == q * &ratio
        };
        self.0.iter().zip(&other.0).all(alike).then_some(ratio)
    }

    /// Is the leading coefficient below 0?
    pub(crate) fn leads_negative(&self) -> bool {
        self.leading().is_some_and(|(_, q)| q.is_negative())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(n: i64) -> BigRational {
        BigRational::from(num_bigint::BigInt::from(n))
    }

    #[test]
    fn the_order_does_not_change_under_multiplication() {
        let m = |e: &[(usize, i64)]| Monomial(e.iter().map(|&(a, e)| (a, q(e))).collect());
        let some =
            [m(&[]), m(&[(0, 1)]), m(&[(0, -1), (2, 3)]), m(&[(1, 2)]), m(&[(2, -1)]), m(&[(0, 1), (1, -1)])];
        for place in 0..some.len().pow(3) {
            let pick = |step: usize| &some[place / step % some.len()];
            let (a, b, c) = (pick(1), pick(some.len()), pick(some.len().pow(2)));
            assert_eq!(a.cmp(b), a.times(c).cmp(&b.times(c)));
            assert_eq!(a.times(b).times(&b.inverse()), *a);
        }
    }

    #[test]
    fn terms_that_cancel_are_gone() {
        let x = Poly::atom(3);
        assert!(x.clone().plus(&x.clone().negated()).is_zero());
        assert_eq!(x.scaled(&Monomial::default(), &q(2)).ratio_to(&x), Some(q(2)));
    }
}
