//! A trained model: images in, embeddings out.

use std::path::Path;

use crate::TrainError;
use crate::network::Network;
use crate::saved::{self, About};

/// A model as a file holds it.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it is and how it was trained.
    pub about: About,
    /// The network.
    pub network: Network,
    /// The class weights, (C·K, d), row by row.
    pub weight: Vec<f32>,
}

impl Model {
    /// Reads a model, or the checkpoint of one that is still in training.
    ///
    /// # Errors
    /// When the file can't be read, or is no model.
    pub fn open(path: impl AsRef<Path>) -> Result<Model, TrainError> {
        let path = path.as_ref();
        let (about, mut tensors) = saved::read(path)?;
        let mut network = Network::zeros(about.size)?;
        network.take(path, &mut tensors)?;
        let rows = tensors.count("head.weight");
        let weight = tensors.single(path, "head.weight", rows)?;
        if weight.is_empty() || !weight.len().is_multiple_of(about.size.embedding) {
            return Err(TrainError::Tensor { path: path.into(), name: "head.weight".into(), count: rows });
        }
        Ok(Model { about, network, weight })
    }

    /// Embeddings (N, d) of pixels (N, H, W) from −1 to 1, as [`marlo_data::loader::normalise`] makes them.
    ///
    /// # Errors
    /// When they are no whole number of images of the network's size.
    pub fn embed(&self, pixels: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.network.embed(pixels)
    }
}
