//! Literals as the exact numbers that their writer meant.

use std::f64::consts::PI;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};

/// The decimal that was written: the shortest one that rounds to this f64, so that 0.1 is one tenth.
pub(crate) fn decimal(value: f64) -> BigRational {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = format!("{whole}{fraction}").parse::<BigInt>().unwrap_or_default();
    let exponent = exponent.parse::<i64>().unwrap_or(0) - fraction.len() as i64;
    let power = Pow::pow(BigInt::from(10), exponent.unsigned_abs());
    if exponent < 0 { BigRational::new(number, power) } else { BigRational::from(number * power) }
}

/// q where the number is q·π for a simple fraction q: the language's `pi` and what was folded from it.
pub(crate) fn multiple_of_pi(value: f64) -> Option<BigRational> {
    (1..=12_i64).find_map(|below| {
        let above = (value.abs() / PI * below as f64).round();
        if !(1.0..=48.0).contains(&above)
            || (above / below as f64 * PI - value.abs()).abs() > value.abs() * 4e-16
        {
            return None;
        }
        let q = BigRational::new(BigInt::from(above as i64), BigInt::from(below));
        Some(if value < 0.0 { -q } else { q })
    })
}

/// The f64 nearest to a fraction.
pub(crate) fn nearest(q: &BigRational) -> f64 {
    // The division of num-rational overflows to NaN where both parts are very long.
    match q.to_f64() {
        Some(value) if value.is_finite() => value,
        _ if q.is_zero() => 0.0,
        _ if q.abs() > BigRational::one() => f64::INFINITY.copysign(if q.is_negative() { -1.0 } else { 1.0 }),
        _ => 0.0,
    }
}

/// The fraction as a small whole number.
pub(crate) fn small(q: &BigRational, limit: i64) -> Option<i64> {
    let n = q.is_integer().then(|| q.to_integer().to_i64()).flatten()?;
    (n.abs() <= limit).then_some(n)
}

/// How many bits the fraction takes.
pub(crate) fn bits(q: &BigRational) -> u64 {
    q.numer().bits() + q.denom().bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_as_they_were_written() {
        let q = |a: i64, b: i64| BigRational::new(a.into(), b.into());
        assert_eq!(decimal(1.2) - decimal(1.0), decimal(0.2));
        assert_eq!(decimal(-0.35), q(-7, 20));
        assert_eq!(decimal(64.0), q(64, 1));
        assert_eq!(decimal(1e-3), q(1, 1000));
        assert_eq!(decimal(1.5e3), q(1500, 1));
    }

    #[test]
    fn multiples_of_pi_are_found() {
        assert_eq!(multiple_of_pi(PI / 2.0), Some(BigRational::new(1.into(), 2.into())));
        assert_eq!(multiple_of_pi(-2.0 * PI), Some(BigRational::from(BigInt::from(-2))));
        assert_eq!(multiple_of_pi(1.57), None);
        assert_eq!(multiple_of_pi(0.5), None);
        assert_eq!(multiple_of_pi(0.0), None);
    }
}
