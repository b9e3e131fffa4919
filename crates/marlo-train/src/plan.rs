//! How a model is trained.

use serde::{Deserialize, Serialize};

use crate::rate::Rate;

/// The plan of a training. Its defaults suit some thousands of small images on two cores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// How often each image is seen.
    pub epochs: u64,
    /// The images of a step.
    pub batch: usize,
    /// The learning rate.
    pub rate: Rate,
    /// The momentum of stochastic gradient descent.
    pub momentum: f64,
    /// The L2 penalty on all trained values.
    pub weight_decay: f64,
    /// Gradients that are longer, over all trained values, are shortened to this.
    pub longest_gradient: f64,
    /// Decides weights, orders, motions, draws.
    pub seed: u64,
    /// Whether images are mirrored, every second time.
    pub flip: bool,
    /// The most pixels that images are shifted by.
    pub shift: u16,
    /// Channels of the first convolution.
    pub width: usize,
    /// The length of an embedding.
    pub embedding: usize,
    /// The share of all classes that takes part in a step.
    pub share: f64,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            epochs: 30,
            batch: 64,
            rate: Rate::default(),
            momentum: 0.9,
            weight_decay: 5e-4,
            longest_gradient: 5.0,
            seed: 0,
            flip: false,
            shift: 2,
            width: 16,
            embedding: 64,
            share: 1.0,
        }
    }
}
