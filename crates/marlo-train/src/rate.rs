//! The learning rate of a step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the rate falls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fall {
    /// To a tenth at each of these shares of all steps, rising: the papers' way.
    Steps(Vec<f64>),
    /// Along half a cosine, to 0 at the end (Loshchilov and Hutter, 2017).
    Cosine,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The highest rate.
    pub base: f64,
    /// How it falls.
    pub fall: Fall,
    /// The share of all steps over which it rises from 0, in a straight line.
    pub warm_up: f64,
}

impl Default for Rate {
    /// 0.1, to a tenth after half and three quarters and nine tenths of the steps, with a rise over the first twentieth.
    fn default() -> Self {
        Rate { base: 0.1, fall: Fall::Steps(vec![0.5, 0.75, 0.9]), warm_up: 0.05 }
    }
}

impl Rate {
    /// The rate of a step, from 0, of so many.
    pub fn at(&self, step: u64, steps: u64) -> f64 {
        let share = step as f64 / steps.max(1) as f64;
        let rise = match self.warm_up > 0.0 {
            // The first step has a rate, too.
            true => ((step + 1) as f64 / (self.warm_up * steps as f64).max(1.0)).min(1.0),
            false => 1.0,
        };
        let fall = match &self.fall {
            Fall::Steps(at) => 0.1_f64.powi(at.iter().filter(|at| share >= **at).count() as i32),
            Fall::Cosine => 0.5 * (1.0 + (PI * share).cos()),
        };
        self.base * rise * fall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_and_fall() {
        let rate = Rate { base: 0.2, ..Rate::default() };
        let near = |step, wanted: f64| assert!((rate.at(step, 100) - wanted).abs() < 1e-12, "{step}");
        near(0, 0.2 / 5.0);
        near(4, 0.2);
        near(49, 0.2);
        near(50, 0.02);
        near(75, 0.002);
        near(99, 0.0002);
        let cosine = Rate { base: 0.2, fall: Fall::Cosine, warm_up: 0.0 };
        assert_eq!(cosine.at(0, 100), 0.2);
        assert!((cosine.at(50, 100) - 0.1).abs() < 1e-12);
        assert!(cosine.at(99, 100) < 1e-3);
    }
}
