//! Wilson's interval for a rate: which true rates are plausible, given hits and trials.
//!
//! The interval takes trials as independent. Pairs that share images are not, so for scores of all pairs of
//! a set it is a lower bound of the real uncertainty; only new people would tell more.

/// How sure an interval is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confidence {
    /// 90 %.
    Ninety,
    /// 95 %.
    #[default]
    NinetyFive,
    /// 99 %.
    NinetyNine,
}

impl Confidence {
    /// The share of intervals that hold the true rate.
    pub fn level(self) -> f64 {
        match self {
            Confidence::Ninety => 0.90,
            Confidence::NinetyFive => 0.95,
            Confidence::NinetyNine => 0.99,
        }
    }

    /// The two-sided quantile of the standard normal distribution.
    fn quantile(self) -> f64 {
        match self {
            Confidence::Ninety => 1.6448536269514722,
            Confidence::NinetyFive => 1.959963984540054,
            Confidence::NinetyNine => 2.5758293035489004,
        }
    }
}

/// A range of plausible rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The least plausible rate.
    pub low: f64,
    /// The greatest.
    pub high: f64,
    /// How sure that is.
    pub confidence: Confidence,
}

/// Wilson's score interval, without continuity correction (E. B. Wilson 1927), of `hits` in `trials`; 0 to 1
/// where there are no trials.
pub fn wilson(hits: u64, trials: u64, confidence: Confidence) -> Interval {
    if trials == 0 {
        return Interval { low: 0.0, high: 1.0, confidence };
    }
    let (k, n, z) = (hits.min(trials) as f64, trials as f64, confidence.quantile());
    let centre = k + z * z / 2.0;
    let half = z * (k * (n - k) / n + z * z / 4.0).sqrt();
    let scale = 1.0 / (n + z * z);
    // At the ends the two terms cancel exactly; rounding shall not say otherwise.
    let low = if hits == 0 { 0.0 } else { ((centre - half) * scale).max(0.0) };
    let high = if hits >= trials { 1.0 } else { ((centre + half) * scale).min(1.0) };
    Interval { low, high, confidence }
}
