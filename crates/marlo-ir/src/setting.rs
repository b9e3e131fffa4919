//! Values that the host works out before a batch runs: schedules of hyperparameters, starts of states, drawn inputs.
//!
//! A backend sees a hyperparameter as a number; where that number comes from is settled here, once a step.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::Distribution as _;

use crate::eval::{Batch, Scalar, evaluate};
use crate::graph::{Graph, Id};
use crate::op::Op;

/// When and for what hyperparameters are worked out.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The number of steps made before this one.
    pub step: u64,
    /// C, the number of classes.
    pub classes: usize,
}

impl Moment {
    /// Before the first step, with that many classes.
    pub fn start(classes: usize) -> Moment {
        Moment { step: 0, classes }
    }
}

/// How a hyperparameter follows from the step, the number of classes and earlier hyperparameters.
#[derive(Clone)]
pub struct Setting {
    /// The expression as it was written.
    pub text: String,
    /// The graph that computes it, over hyperparameters; one of them may be [`Setting::STEP`].
    pub graph: Arc<Graph>,
    /// The value in that graph.
    pub value: Id,
    /// The steps for which it is defined, both ends included.
    pub steps: (u64, u64),
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setting")
            .field("text", &self.text)
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}

/// Equal settings work out the same: a text alone may read hyperparameters that are not the same ones.
impl PartialEq for Setting {
    fn eq(&self, other: &Setting) -> bool {
        let printed = |setting: &Setting| setting.graph.print(&[("", setting.value)]);
        self.text == other.text && self.steps == other.steps && printed(self) == printed(other)
    }
}

impl Setting {
    /// The name of the step in the graph of a setting.
    pub const STEP: &'static str = "step";

    /// Does it change from step to step?
    pub fn is_schedule(&self) -> bool {
        self.reads(Setting::STEP)
    }

    /// Does it read the hyperparameter of that name?
    pub fn reads(&self, name: &str) -> bool {
        let named = |index: u32| self.graph.params[index as usize].name == name;
        self.graph.depends(self.value, |op| matches!(op, Op::Param(index) if named(index)))
    }

    /// The value at a moment; `known` gives the hyperparameters that it reads. `None` outside of its steps, or where
    /// something that it reads is not known.
    pub fn at(&self, moment: Moment, known: &dyn Fn(&str) -> Option<f64>) -> Option<f64> {
        if !(self.steps.0..=self.steps.1).contains(&moment.step) {
            return None;
        }
        let value = |name: &str| match name {
            Setting::STEP => Some(moment.step as f64),
            _ if self.reads(name) => known(name),
            _ => Some(0.0),
        };
        let params =
            self.graph.params.iter().map(|param| value(&param.name)).collect::<Option<Vec<f64>>>()?;
        let batch = Batch {
            rows: 1,
            classes: moment.classes,
            matrix: Vec::new(),
            labels: vec![0],
            vectors: Vec::new(),
            params,
            resolution: f64::RESOLUTION,
        };
        Some(evaluate(&self.graph, &[self.value], &batch)[0][0])
    }
}

/// The distribution of an input that is drawn anew for each batch.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Draw {
    /// Gauss, by mean and standard deviation.
    Normal(f64, f64),
    /// Uniform from the first to the second.
    Uniform(f64, f64),
}

impl Draw {
    /// That many values. A seed and a stream (the step, the number of the input) always give the same ones, and the first
    /// values do not depend on how many are asked for.
    pub fn values(self, count: usize, seed: u64, stream: u64) -> Vec<f64> {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        match self {
            Draw::Normal(mean, deviation) => (rand_distr::StandardNormal.sample_iter(generator).take(count))
                .map(|x: f64| mean + deviation * x)
                .collect(),
            Draw::Uniform(low, high) => (rand_distr::Standard.sample_iter(generator).take(count))
                .map(|x: f64| low + (high - low) * x)
                .collect(),
        }
    }
}

/// The inputs of a loss that are drawn and not given: each with its values for a batch of that many samples. What falls outside
/// of the input's range counts as its end.
pub fn draw<S: Scalar>(
    graph: &Graph,
    rows: usize,
    classes: usize,
    seed: u64,
    step: u64,
    given: &[(String, Vec<S>)],
) -> Vec<(String, Vec<S>)> {
    let missing = |name: &str| given.iter().all(|one| one.0 != name);
    let drawn = graph.inputs.iter().zip(0_u64..).filter(|(input, _)| missing(&input.name));
    drawn
        .filter_map(|(input, number)| {
            let count = if input.axis == crate::graph::Axis::Rows { rows } else { classes };
            let values = input.drawn?.values(count, seed, step.wrapping_mul(256).wrapping_add(number));
            let within = values.into_iter().map(|x| S::from_f64(x.clamp(input.low, input.high)));
            Some((input.name.clone(), within.collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_their_distribution_and_are_repeatable() {
        let values = Draw::Normal(0.5, 0.0125).values(20_000, 7, 1);
        let mean = values.iter().sum::<f64>() / 20_000.0;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!((mean - 0.5).abs() < 5e-4 && (variance.sqrt() / 0.0125 - 1.0).abs() < 0.03);
        assert_eq!(values[..10], Draw::Normal(0.5, 0.0125).values(10, 7, 1));
        assert_ne!(values[..10], Draw::Normal(0.5, 0.0125).values(10, 7, 2));
        let flat = Draw::Uniform(-1.0, 3.0).values(20_000, 1, 0);
        assert!(flat.iter().all(|x| (-1.0..3.0).contains(x)));
        assert!((flat.iter().sum::<f64>() / 20_000.0 - 1.0).abs() < 0.03);
    }
}
