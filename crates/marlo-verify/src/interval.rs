//! Intervals of reals, rounded outward: whatever is computed lies inside what is returned.
//!
//! Sums, products, quotients and roots are widened only where the machine's result is not exact, so 1 − 1 is 0. Elementary
//! functions come from the `libm` crate (the same bits on every machine) and are widened by [`ULPS`] units in the last
//! place: a measured bound, not a proved one; the tests hold it against 256 bits.

use std::f64::consts::PI;
use std::ops::{Add, Mul, Neg, Sub};

/// How far outward an elementary function is rounded, in units in the last place. The worst error measured is 0.86.
pub const ULPS: u32 = 2;
/// The same for tanh, whose worst error measured is 2.02.
const ULPS_TANH: u32 = 4;
/// The next f64 above π: π lies between `PI` and this.
const PI_ABOVE: f64 = 3.141_592_653_589_793_6;

/// All reals between two ends, both included; an end may be infinite. Never empty, never NaN.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub lo: f64,
    /// The upper end.
    pub hi: f64,
}

fn down(x: f64, ulps: u32) -> f64 {
    (0..ulps).fold(x, |x, _| x.next_down())
}

fn up(x: f64, ulps: u32) -> f64 {
    (0..ulps).fold(x, |x, _| x.next_up())
}

/// A lower bound of a + b.
fn add_down(a: f64, b: f64) -> f64 {
    let sum = a + b;
    if sum.is_nan() {
        return f64::NEG_INFINITY;
    }
    if sum == f64::INFINITY && a.is_finite() && b.is_finite() {
        return f64::MAX;
    }
    let (x, y) = if a.abs() >= b.abs() { (a, b) } else { (b, a) };
    if sum.is_finite() && y - (sum - x) < 0.0 { sum.next_down() } else { sum }
}

/// A lower bound of a·b; 0·∞ is 0, since an end that is infinite is not itself a value.
fn mul_down(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 {
        return 0.0;
    }
    let product = a * b;
    if product == f64::INFINITY && a.is_finite() && b.is_finite() {
        return f64::MAX;
    }
    let exact = product.is_infinite() || (product.abs() > 1e-250 && a.mul_add(b, -product) >= 0.0);
    let low = if exact { product } else { product.next_down() };
    // A product of positive numbers stays above 0 however small it is.
    if (a > 0.0) == (b > 0.0) { low.max(0.0) } else { low }
}

/// A lower bound of a/b for b > 0.
fn div_down(a: f64, b: f64) -> f64 {
    if a == 0.0 || b.is_infinite() {
        // Only asked for with a ≥ 0 there: the lower end of a numerator that is not negative.
        return 0.0;
    }
    let quotient = a / b;
    if quotient == f64::INFINITY && a.is_finite() {
        return f64::MAX;
    }
    // The sign of a − quotient·b over b says on which side of the quotient the exact one lies.
    let rest = (-quotient).mul_add(b, a) / b;
    let exact = quotient.is_infinite() || (quotient.abs() > 1e-250 && a.abs() > 1e-250 && rest >= 0.0);
    let low = if exact { quotient } else { quotient.next_down() };
    if a > 0.0 { low.max(0.0) } else { low }
}

impl Interval {
    /// Every real.
    pub const ALL: Interval = Interval { lo: f64::NEG_INFINITY, hi: f64::INFINITY };
    /// π
    pub const PI: Interval = Interval { lo: PI, hi: PI_ABOVE };
    /// From 0 to 1.
    pub const UNIT: Interval = Interval { lo: 0.0, hi: 1.0 };

    /// From `lo` to `hi`; every real where that is no interval.
    pub fn new(lo: f64, hi: f64) -> Self {
        if lo <= hi { Interval { lo: lo + 0.0, hi: hi + 0.0 } } else { Interval::ALL }
    }

    /// A single number.
    pub fn point(x: f64) -> Self {
        Interval::new(x, x)
    }

    /// The smallest interval around both.
    pub fn hull(self, other: Self) -> Self {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// What both share.
    pub fn meet(self, other: Self) -> Option<Self> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Interval { lo, hi })
    }

    /// What both share; where rounding left nothing, this one.
    pub fn within(self, other: Self) -> Self {
        self.meet(other).unwrap_or(self)
    }

    /// Does it hold the number?
    pub fn contains(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Is the other one inside?
    pub fn covers(self, other: Self) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// Is it one number?
    pub fn is_point(self) -> bool {
        self.lo == self.hi
    }

    /// Are both ends finite?
    pub fn is_finite(self) -> bool {
        self.lo.is_finite() && self.hi.is_finite()
    }

    /// Its length.
    pub fn width(self) -> f64 {
        self.hi - self.lo
    }

    /// A number inside, near the middle.
    pub fn mid(self) -> f64 {
        match (self.lo.is_finite(), self.hi.is_finite()) {
            (true, true) => (self.lo / 2.0 + self.hi / 2.0).clamp(self.lo, self.hi),
            (true, false) => self.lo.abs().mul_add(1.0, self.lo) + 1.0,
            (false, true) => self.hi - self.hi.abs() - 1.0,
            (false, false) => 0.0,
        }
    }

    /// Widened by so many units in the last place.
    fn widened(lo: f64, hi: f64, ulps: u32) -> Self {
        Interval { lo: down(lo, ulps), hi: up(hi, ulps) }
    }

    /// Quotient. Every real where the divisor may be 0, unless it only touches it.
    pub fn over(self, other: Self) -> Self {
        if other.lo < 0.0 && other.hi > 0.0 || other == Interval::point(0.0) {
            return Interval::ALL;
        }
        if other.hi <= 0.0 {
            return (-self).over(-other);
        }
        if other.lo == 0.0 {
            let lo = if self.lo >= 0.0 { div_down(self.lo, other.hi) } else { f64::NEG_INFINITY };
            let hi = if self.hi <= 0.0 { -div_down(-self.hi, other.hi) } else { f64::INFINITY };
            return Interval { lo, hi };
        }
        let lo = div_down(self.lo, if self.lo >= 0.0 { other.hi } else { other.lo });
        let hi = -div_down(-self.hi, if self.hi >= 0.0 { other.lo } else { other.hi });
        Interval { lo, hi }
    }

    /// x², never negative.
    pub fn square(self) -> Self {
        let (lo, hi) = (self.abs().lo, self.abs().hi);
        Interval { lo: mul_down(lo, lo), hi: -mul_down(-hi, hi) }
    }

    /// |x|
    pub fn abs(self) -> Self {
        if self.lo >= 0.0 {
            self
        } else if self.hi <= 0.0 {
            -self
        } else {
            Interval { lo: 0.0, hi: self.hi.max(-self.lo) }
        }
    }

    /// The smaller of two.
    pub fn min(self, other: Self) -> Self {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.min(other.hi) }
    }

    /// The greater of two.
    pub fn max(self, other: Self) -> Self {
        Interval { lo: self.lo.max(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The greatest whole number not above.
    pub fn floor(self) -> Self {
        Interval { lo: self.lo.floor(), hi: self.hi.floor() }
    }

    /// eˣ
    pub fn exp(self) -> Self {
        let end = |x: f64, ulps: i32| match x {
            0.0 => 1.0,
            _ if ulps < 0 => down(libm::exp(x), ULPS),
            _ => up(libm::exp(x), ULPS),
        };
        let lo = if self.lo == f64::INFINITY { f64::MAX } else { end(self.lo, -1) };
        Interval { lo: lo.max(0.0), hi: end(self.hi, 1) }
    }

    /// ln x; the part below 0 is left out.
    pub fn ln(self) -> Self {
        let lo = if self.lo == 1.0 { 0.0 } else { down(libm::log(self.lo.max(0.0)), ULPS) };
        let hi = if self.hi == 1.0 { 0.0 } else { up(libm::log(self.hi.max(0.0)), ULPS) };
        Interval::new(lo, hi)
    }

    /// ln(1 + x); the part below −1 is left out.
    pub fn log1p(self) -> Self {
        let zero = |x: f64, y: f64| if x == 0.0 { 0.0 } else { y };
        let lo = zero(self.lo, down(libm::log1p(self.lo.max(-1.0)), ULPS));
        let hi = zero(self.hi, up(libm::log1p(self.hi.max(-1.0)), ULPS));
        Interval::new(lo, hi)
    }

    /// eˣ − 1
    pub fn expm1(self) -> Self {
        let zero = |x: f64, y: f64| if x == 0.0 { 0.0 } else { y };
        let lo = if self.lo == f64::INFINITY { f64::MAX } else { down(libm::expm1(self.lo), ULPS) };
        Interval { lo: zero(self.lo, lo.max(-1.0)), hi: zero(self.hi, up(libm::expm1(self.hi), ULPS)) }
    }

    /// √x; the part below 0 is left out.
    pub fn sqrt(self) -> Self {
        let root = |x: f64, above: bool| {
            let x = x.max(0.0);
            let root = x.sqrt();
            let rest = (-root).mul_add(root, x);
            match above {
                _ if !root.is_finite() || (rest == 0.0 && (x == 0.0 || x > 1e-250)) => root,
                true => root.next_up(),
                false => root.next_down().max(0.0),
            }
        };
        Interval::new(root(self.lo, false), root(self.hi, true))
    }

    /// tanh x, of the sign of x.
    pub fn tanh(self) -> Self {
        let end = |x: f64, above: bool| match above {
            _ if x == 0.0 => 0.0,
            true if x < 0.0 => up(libm::tanh(x), ULPS_TANH).min(0.0),
            true => up(libm::tanh(x), ULPS_TANH).min(1.0),
            false if x > 0.0 => down(libm::tanh(x), ULPS_TANH).max(0.0),
            false => down(libm::tanh(x), ULPS_TANH).max(-1.0),
        };
        Interval { lo: end(self.lo, false), hi: end(self.hi, true) }
    }

    /// 1/(1 + e⁻ˣ)
    pub fn sigmoid(self) -> Self {
        let one = Interval::point(1.0);
        let end = |x: f64| {
            let x = Interval::point(x);
            if x.lo < 0.0 { x.exp().over(one + x.exp()) } else { one.over(one + (-x).exp()) }
        };
        Interval { lo: end(self.lo).lo.max(0.0), hi: end(self.hi).hi.min(1.0) }
    }

    /// ln(1 + eˣ)
    pub fn softplus(self) -> Self {
        let end = |x: f64| {
            let x = Interval::point(x);
            if x.lo < 0.0 { x.exp().log1p() } else { x + (-x).exp().log1p() }
        };
        let hi = if self.hi == f64::INFINITY { f64::INFINITY } else { end(self.hi).hi };
        let lo = if self.lo == f64::NEG_INFINITY { 0.0 } else { end(self.lo).lo.max(0.0) };
        Interval { lo, hi }
    }

    /// The angle of a cosine; what lies past ±1 counts as ±1.
    pub fn acos(self) -> Self {
        let end = |c: f64, above: bool| match c.clamp(-1.0, 1.0) {
            1.0 => 0.0,
            -1.0 if above => PI_ABOVE,
            -1.0 => PI,
            c if above => up(libm::acos(c), ULPS),
            c => down(libm::acos(c), ULPS),
        };
        Interval { lo: end(self.hi, false), hi: end(self.lo, true) }
    }

    /// The angle of a cosine in half turns, from 0 to 1; exact at −1, 0 and 1.
    pub fn acos_turns(self) -> Self {
        let end = |c: f64| match c.clamp(-1.0, 1.0) {
            1.0 => Interval::point(0.0),
            0.0 => Interval::point(0.5),
            -1.0 => Interval::point(1.0),
            c => {
                let side = if c > 0.0 { Interval::new(0.0, 0.5) } else { Interval::new(0.5, 1.0) };
                Interval::point(c).acos().over(Interval::PI).within(side)
            }
        };
        Interval { lo: end(self.hi).lo, hi: end(self.lo).hi }
    }

    /// sin x
    pub fn sin(self) -> Self {
        let ends = |x: f64| {
            if x == 0.0 { Interval::point(0.0) } else { Interval::widened(libm::sin(x), libm::sin(x), ULPS) }
        };
        self.wave(self.over(Interval::PI), ends, 0.5)
    }

    /// cos x
    pub fn cos(self) -> Self {
        let ends = |x: f64| {
            if x == 0.0 { Interval::point(1.0) } else { Interval::widened(libm::cos(x), libm::cos(x), ULPS) }
        };
        self.wave(self.over(Interval::PI), ends, 0.0)
    }

    /// sin(πt): exact at every half turn and quarter turn.
    pub fn sin_turns(self) -> Self {
        self.wave(self, sin_half_turns, 0.5)
    }

    /// cos(πt)
    pub fn cos_turns(self) -> Self {
        self.wave(self, cos_half_turns, 0.0)
    }

    /// A wave of period two half turns with extremes of ±1 at every whole number plus `phase`, between which it is
    /// monotone; `at` encloses its value at an end and `turns` is the argument in half turns.
    fn wave(self, turns: Interval, at: impl Fn(f64) -> Interval, phase: f64) -> Self {
        let full = Interval::new(-1.0, 1.0);
        // Beyond that, arguments are too coarse to be reduced; no angle of a loss comes near.
        if !self.is_finite() || turns.lo.abs().max(turns.hi.abs()) > 1e6 || turns.width() >= 2.0 {
            return full;
        }
        let mut hull = at(self.lo).hull(at(self.hi));
        let first = (turns.lo - phase).ceil();
        for k in 0..=2 {
            let extreme = first + f64::from(k) + phase;
            if extreme <= turns.hi {
                let sign = if (first + f64::from(k)).rem_euclid(2.0) == 0.0 { 1.0 } else { -1.0 };
                hull = hull.hull(Interval::point(sign));
            }
        }
        // Between two zeros the sign is known. They are half-integers or integers, so these comparisons are exact.
        let offset = 0.5 - phase;
        let zero = (turns.lo - offset).floor();
        let zero = if turns.lo < zero + offset { zero - 1.0 } else { zero };
        if turns.hi <= zero + 1.0 + offset {
            let side = match (zero + 1.0 - 2.0 * phase).rem_euclid(2.0) == 0.0 {
                true => Interval::new(0.0, 1.0),
                false => Interval::new(-1.0, 0.0),
            };
            hull = hull.within(side);
        }
        hull.within(full)
    }

    /// xⁿ for a whole number n.
    pub fn whole_power(self, n: i32) -> Self {
        if n < 0 {
            return Interval::point(1.0).over(self.whole_power(-n));
        }
        if n % 2 == 0 && n > 0 {
            let half = self.whole_power(n / 2);
            return if n == 2 { self.square() } else { half.square() };
        }
        // An odd power rises, so its ends are those of the argument.
        let end = |x: f64| (0..n).fold(Interval::point(1.0), |power, _| power * Interval::point(x));
        Interval { lo: end(self.lo).lo, hi: end(self.hi).hi }
    }

    /// xʸ for x ≥ 0, the part below left out; whole exponents that are one number take any x.
    pub fn pow(self, exponent: Self) -> Self {
        if exponent.is_point() && exponent.lo.fract() == 0.0 && exponent.lo.abs() <= 64.0 {
            return self.whole_power(exponent.lo as i32);
        }
        let base = self.max(Interval::point(0.0));
        let corner = |x: f64, y: f64| match (x, y) {
            (_, 0.0) | (1.0, _) => Interval::point(1.0),
            (0.0, y) if y > 0.0 => Interval::point(0.0),
            (0.0, _) => Interval::new(f64::MAX, f64::INFINITY),
            _ => (Interval::point(y) * Interval::point(x).ln()).exp(),
        };
        // Monotone in each argument, so the extremes are at corners.
        let ends =
            [(base.lo, exponent.lo), (base.lo, exponent.hi), (base.hi, exponent.lo), (base.hi, exponent.hi)];
        ends.into_iter().map(|(x, y)| corner(x, y)).reduce(Interval::hull).unwrap_or(Interval::ALL)
    }
}

/// sin(πt) at one number.
fn sin_half_turns(t: f64) -> Interval {
    let t = t % 2.0;
    // Folded to [−1/2, 1/2]; each step is exact.
    let r = if t > 0.5 && t <= 1.5 {
        1.0 - t
    } else if t > 1.5 {
        t - 2.0
    } else if (-1.5..-0.5).contains(&t) {
        -1.0 - t
    } else if t < -1.5 {
        t + 2.0
    } else {
        t
    };
    near_zero(r)
}

/// cos(πt) at one number.
fn cos_half_turns(t: f64) -> Interval {
    let r = (t % 2.0).abs();
    let r = if r > 1.0 { 2.0 - r } else { r };
    if r == 0.0 || r == 1.0 {
        return Interval::point(1.0 - 2.0 * r);
    }
    if (0.25..=1.0).contains(&r) {
        // cos(πr) = sin(π(1/2 − r)), and 1/2 − r is exact there.
        return near_zero(0.5 - r);
    }
    let x = PI * r;
    Interval::widened(libm::cos(x), libm::cos(x), 2 + ULPS)
}

/// sin(πr) for |r| ≤ 1/2 (or a little beyond): the product's rounding is no more than the function's own.
fn near_zero(r: f64) -> Interval {
    if r == 0.0 {
        return Interval::point(0.0);
    }
    if r.abs() == 0.5 {
        return Interval::point(2.0 * r);
    }
    let y = libm::sin(PI * r);
    Interval::widened(y, y, 2 + ULPS).within(if r > 0.0 { Interval::UNIT } else { Interval::new(-1.0, 0.0) })
}

impl Neg for Interval {
    type Output = Self;
    fn neg(self) -> Self {
        Interval { lo: 0.0 - self.hi, hi: 0.0 - self.lo }
    }
}

impl Add for Interval {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Interval { lo: add_down(self.lo, other.lo), hi: -add_down(-self.hi, -other.hi) + 0.0 }
    }
}

impl Sub for Interval {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Interval {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let (a, b) = (self, other);
        let corners = [(a.lo, b.lo), (a.lo, b.hi), (a.hi, b.lo), (a.hi, b.hi)];
        let lo = corners.map(|(x, y)| mul_down(x, y)).into_iter().fold(f64::INFINITY, f64::min);
        let hi = corners.map(|(x, y)| -mul_down(-x, y)).into_iter().fold(f64::NEG_INFINITY, f64::max);
        Interval::new(lo, hi)
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Short, and so that a reader sees the size.
        let end = |x: f64| match x.abs() {
            0.0 => "0".to_owned(),
            1e-4..1e6 => format!("{x:.6}").trim_end_matches('0').trim_end_matches('.').to_owned(),
            _ => format!("{x:.3e}"),
        };
        write!(f, "[{}, {}]", end(self.lo), end(self.hi))
    }
}
