//! Ranges: outward rounded intervals, with what rounding would lose: that a value is never 0.
//!
//! e⁻¹⁰⁰⁰ rounds to 0, so an interval alone can't say that an exponential is positive.

use crate::interval::Interval;

/// All that is known of a value: it lies between two ends, and perhaps it is never 0.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Range {
    /// Not below this.
    pub(crate) lo: f64,
    /// Not above this.
    pub(crate) hi: f64,
    /// It is never 0.
    pub(crate) nonzero: bool,
}

impl From<Interval> for Range {
    fn from(interval: Interval) -> Self {
        Range::new(interval.lo, interval.hi)
    }
}

impl Range {
    /// Any number.
    pub(crate) const ANY: Range = Range { lo: f64::NEG_INFINITY, hi: f64::INFINITY, nonzero: false };
    /// A truth value.
    pub(crate) const MASK: Range = Range { lo: 0.0, hi: 1.0, nonzero: false };
    /// A cosine.
    pub(crate) const COSINE: Range = Range { lo: -1.0, hi: 1.0, nonzero: false };
    /// At least 0.
    pub(crate) const NONNEGATIVE: Range = Range { lo: 0.0, hi: f64::INFINITY, nonzero: false };

    /// Between two numbers.
    pub(crate) fn new(lo: f64, hi: f64) -> Range {
        if lo.is_nan() || hi.is_nan() || lo > hi {
            return Range::ANY;
        }
        Range { lo, hi, nonzero: lo > 0.0 || hi < 0.0 }
    }

    /// One number.
    pub(crate) fn point(value: f64) -> Range {
        Range::new(value, value)
    }

    fn interval(self) -> Interval {
        Interval::new(self.lo, self.hi)
    }

    /// A function of the interval.
    pub(crate) fn map(self, f: impl Fn(Interval) -> Interval) -> Range {
        f(self.interval()).into()
    }

    /// The same, and never 0 if that holds.
    pub(crate) fn nonzero_if(mut self, nonzero: bool) -> Range {
        self.nonzero |= nonzero;
        self
    }

    /// Above 0.
    pub(crate) fn positive(self) -> bool {
        self.lo >= 0.0 && self.nonzero
    }

    /// Below 0.
    pub(crate) fn negative(self) -> bool {
        self.hi <= 0.0 && self.nonzero
    }

    /// At least 0.
    pub(crate) fn nonnegative(self) -> bool {
        self.lo >= 0.0
    }

    /// Does it lie between two numbers?
    pub(crate) fn within(self, lo: f64, hi: f64) -> bool {
        self.lo >= lo && self.hi <= hi
    }

    /// Have two ranges no value in common?
    pub(crate) fn disjoint(self, other: Range) -> bool {
        let zero = |r: Range| r.lo == 0.0 && r.hi == 0.0;
        self.lo > other.hi
            || other.lo > self.hi
            || (zero(self) && other.nonzero)
            || (zero(other) && self.nonzero)
    }

    /// What both say.
    pub(crate) fn meet(self, other: Range) -> Range {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        if lo > hi {
            return self;
        }
        Range::new(lo, hi).nonzero_if(self.nonzero || other.nonzero)
    }

    /// What either allows.
    pub(crate) fn join(self, other: Range) -> Range {
        let nonzero = self.nonzero && other.nonzero;
        Range { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi), nonzero }
    }

    /// −x
    pub(crate) fn neg(self) -> Range {
        Range { lo: -self.hi, hi: -self.lo, nonzero: self.nonzero }
    }

    /// x + y
    pub(crate) fn add(self, other: Range) -> Range {
        let one_sign = (self.lo >= 0.0 && other.lo >= 0.0) || (self.hi <= 0.0 && other.hi <= 0.0);
        Range::from(self.interval() + other.interval())
            .nonzero_if(one_sign && (self.nonzero || other.nonzero))
    }

    /// x − y
    pub(crate) fn sub(self, other: Range) -> Range {
        self.add(other.neg())
    }

    /// x·y
    pub(crate) fn mul(self, other: Range) -> Range {
        Range::from(self.interval() * other.interval()).signed(self, other)
    }

    /// Underflow must not cost the sign of a product or quotient.
    fn signed(self, a: Range, b: Range) -> Range {
        let mut result = self.nonzero_if(a.nonzero && b.nonzero);
        let known = |r: Range| r.lo >= 0.0 || r.hi <= 0.0;
        if known(a) && known(b) {
            if (a.lo >= 0.0) == (b.lo >= 0.0) {
                result.lo = result.lo.max(0.0);
            } else {
                result.hi = result.hi.min(0.0);
            }
        }
        result
    }

    /// x/y
    pub(crate) fn div(self, other: Range) -> Range {
        Range::from(self.interval().over(other.interval())).signed(self, other)
    }

    /// xⁿ
    pub(crate) fn whole_power(self, n: i32) -> Range {
        let power = self.map(|x| x.whole_power(n));
        let even = n % 2 == 0 || self.lo >= 0.0;
        Range { lo: if even { power.lo.max(0.0) } else { power.lo }, ..power }
            .nonzero_if(self.nonzero || n == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_is_never_zero() {
        let exp = |lo, hi| Range::new(lo, hi).map(Interval::exp).nonzero_if(true);
        assert!(exp(-1e5, 0.0).positive());
        assert!(exp(-1e5, 0.0).mul(Range::new(1e-300, 1.0)).positive());
        assert!(Range::point(1.0).div(exp(-1e5, 1e5)).positive());
    }

    #[test]
    fn what_excludes_each_other_is_disjoint() {
        assert!(Range::point(0.0).disjoint(Range::NONNEGATIVE.nonzero_if(true)));
        assert!(!Range::point(0.0).disjoint(Range::NONNEGATIVE));
        assert!(Range::new(0.0, 1.0).disjoint(Range::new(1.5, 2.0)));
    }
}
