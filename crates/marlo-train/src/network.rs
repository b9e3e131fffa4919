//! The network Θ: images in, embeddings out.
//!
//! Convolutions of 3 × 3 pixels and stride 2, each with batch normalisation and a rectifier, halve the image until its
//! shorter side is at most 4 pixels; their channels double from [`Size::width`] up to eight times that. What is left is
//! multiplied to an embedding, which is normalised over the batch once more, as insightface's networks do. So the network
//! fits images of any size, and is small enough for a processor.

use std::path::Path;

use dfdx::prelude::*;
use dfdx::tensor::Gradients;
use marlo_dfdx::batch_norm::{Statistics, batch_norm, normalise};
use marlo_dfdx::conv::{Window, unfold};
use marlo_dfdx::tensor_of;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::saved::{Tensors, Values};

/// A matrix of the network.
pub type Matrix = Tensor<(usize, usize), f32, Cpu>;
/// A vector of the network.
pub type Vector = Tensor<(usize,), f32, Cpu>;
/// Rows on a tape.
pub type Taped = Tensor<(usize, usize), f32, Cpu, OwnedTape<f32, Cpu>>;
/// Images, (B, H, W, c).
pub type Images<T = NoneTape> = Tensor<(usize, usize, usize, usize), f32, Cpu, T>;

const WINDOW: Window = Window { side: 3, stride: 2, padding: 1 };

/// The share by which running statistics follow those of a batch.
const FOLLOW: f64 = 0.1;

/// The most values that the matrices of a network have.
pub const MOST: usize = 1 << 28;

/// Images that are embedded at once outside of training.
const CHUNK: usize = 64;

/// How large a network is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// The images' height, in pixels.
    pub height: usize,
    /// The images' width, in pixels.
    pub width_of_image: usize,
    /// Channels of the first convolution.
    pub width: usize,
    /// The length of an embedding.
    pub embedding: usize,
}

impl Size {
    /// The shape of each convolution's matrix, and at last of that to the embedding; none where there is nothing, or too much.
    fn shapes(self) -> Option<Vec<(usize, usize)>> {
        if [self.height, self.width_of_image, self.width, self.embedding].contains(&0) {
            return None;
        }
        let (mut height, mut width, mut before) = (self.height, self.width_of_image, 1_usize);
        let mut shapes = Vec::new();
        while height.min(width) > 4 || shapes.is_empty() {
            let after = self.width.checked_mul(1 << shapes.len().min(3))?;
            shapes.push((before.checked_mul(WINDOW.side * WINDOW.side)?, after));
            (height, width, before) = (height.div_ceil(2), width.div_ceil(2), after);
        }
        shapes.push((height.checked_mul(width)?.checked_mul(before)?, self.embedding));
        let values =
            shapes.iter().try_fold(0_usize, |sum, shape| sum.checked_add(shape.0.checked_mul(shape.1)?))?;
        (values <= MOST).then_some(shapes)
    }
}

/// Batch normalisation with its running statistics.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    pub(crate) gamma: Vector,
    pub(crate) beta: Vector,
    pub(crate) running: Statistics,
}

/// A matrix and the normalisation after it.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) weight: Matrix,
    pub(crate) norm: Norm,
}

/// The network.
#[derive(Clone, Debug)]
pub struct Network {
    size: Size,
    /// The convolutions, and at last the matrix to the embedding.
    pub(crate) layers: Vec<Layer>,
}

impl Drop for Network {
    /// dfdx frees no buffer that its device keeps unless it is told to.
    fn drop(&mut self) {
        if let Some(layer) = self.layers.first() {
            // Nobody can be told of a failure, and it would only waste memory.
            let _ = layer.weight.device().try_disable_cache();
        }
    }
}

impl Network {
    /// A network with normal weights of variance 2/inputs (He et al., 2015) of that seed.
    ///
    /// # Errors
    /// When images, channels or embedding have no size, or the network would have more than [`MOST`] values.
    pub fn new(size: Size, seed: u64) -> Result<Network, TrainError> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        Network::of(size, |count, deviation| {
            let mut normal = || -> f32 { StandardNormal.sample(&mut random) };
            (0..count).map(|_| normal() * deviation).collect()
        })
    }

    /// A network of zeros.
    pub(crate) fn zeros(size: Size) -> Result<Network, TrainError> {
        Network::of(size, |count, _| vec![0.0; count])
    }

    /// A network with weights that are made from their number and deviation.
    fn of(size: Size, mut weights: impl FnMut(usize, f32) -> Vec<f32>) -> Result<Network, TrainError> {
        let shapes = size.shapes().ok_or(TrainError::Size { size })?;
        let device = Cpu::default();
        // Steps of the same shape need buffers of the same sizes again and again.
        device.try_enable_cache()?;
        let layers = shapes.into_iter().map(|(inputs, outputs)| {
            let weights = weights(inputs * outputs, (2.0 / inputs as f32).sqrt());
            Layer::new(&device, (inputs, outputs), weights)
        });
        Ok(Network { size, layers: layers.collect::<Result<_, TrainError>>()? })
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The number of trained values.
    pub fn values(&self) -> usize {
        let of = |layer: &Layer| layer.weight.shape().num_elements() + 2 * layer.weight.shape().1;
        self.layers.iter().map(of).sum()
    }

    /// Images (B, H, W, 1) as a tensor of the network's device.
    ///
    /// # Errors
    /// When they are no whole number of images of the network's size.
    pub fn images(&self, pixels: &[f32]) -> Result<Images, TrainError> {
        let Size { height, width_of_image: width, .. } = self.size;
        let count = pixels.len() / (height * width);
        if count * height * width != pixels.len() || count == 0 {
            return Err(TrainError::Pixels { found: pixels.len(), height, width });
        }
        let device = self.layers[0].weight.device();
        Ok(tensor_of(device, pixels, (count, height, width, 1))?)
    }

    /// Embeddings (B, d) on a tape, normalised by the batch's own statistics. [`follow`](Self::follow) these after the step.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn train(&self, images: Images) -> Result<(Taped, Vec<Statistics>), TrainError> {
        let mut found = Vec::new();
        let mut images = images.put_tape(OwnedTape::default());
        let (convolutions, last) = self.layers.split_at(self.layers.len() - 1);
        for layer in convolutions {
            let (batch, height, width, _) = *images.shape();
            let rows = unfold(images, WINDOW)?.try_matmul(layer.weight.clone())?;
            let (rows, statistics) = batch_norm(rows, &layer.norm.gamma, &layer.norm.beta)?;
            found.push(statistics);
            let shape = (batch, height.div_ceil(2), width.div_ceil(2), layer.weight.shape().1);
            images = rows.try_relu()?.try_reshape_like(&shape)?;
        }
        let flat = (images.shape().0, last[0].weight.shape().0);
        let rows = images.try_reshape_like(&flat)?.try_matmul(last[0].weight.clone())?;
        let (embeddings, statistics) = batch_norm(rows, &last[0].norm.gamma, &last[0].norm.beta)?;
        found.push(statistics);
        Ok((embeddings, found))
    }

    /// Lets the running statistics follow those of a batch.
    pub fn follow(&mut self, batch: &[Statistics]) {
        for (layer, batch) in self.layers.iter_mut().zip(batch) {
            layer.norm.running.follow(batch, FOLLOW);
        }
    }

    /// Embeddings (N, d) of pixels (N, H, W), normalised by the running statistics: an image's does not hang on the others.
    ///
    /// # Errors
    /// As [`images`](Self::images).
    pub fn embed(&self, pixels: &[f32]) -> Result<Vec<f32>, TrainError> {
        let wide = self.size.height * self.size.width_of_image;
        let mut embeddings = Vec::with_capacity(pixels.len() / wide * self.size.embedding);
        for chunk in pixels.chunks(CHUNK * wide) {
            let mut images = self.images(chunk)?;
            let (convolutions, last) = self.layers.split_at(self.layers.len() - 1);
            for layer in convolutions {
                let (batch, height, width, _) = *images.shape();
                let rows = layer.forward(unfold(images, WINDOW)?)?;
                let shape = (batch, height.div_ceil(2), width.div_ceil(2), layer.weight.shape().1);
                images = rows.try_relu()?.try_reshape_like(&shape)?;
            }
            let flat = (images.shape().0, last[0].weight.shape().0);
            embeddings.extend(last[0].forward(images.try_reshape_like(&flat)?)?.as_vec());
        }
        Ok(embeddings)
    }
}

/// A tensor that is trained.
pub(crate) enum Trained<'a> {
    Matrix(&'a mut Matrix),
    Vector(&'a mut Vector),
}

impl Trained<'_> {
    /// The gradient, in the tensor's layout.
    pub(crate) fn gradient<'g>(
        &self,
        gradients: &'g mut Gradients<f32, Cpu>,
    ) -> Result<&'g mut Vec<f32>, TrainError> {
        Ok(match self {
            Trained::Matrix(matrix) => gradients.get_or_alloc_mut(*matrix)?,
            Trained::Vector(vector) => gradients.get_or_alloc_mut(*vector)?,
        })
    }
}

impl Layer {
    fn new(device: &Cpu, (inputs, outputs): (usize, usize), weights: Vec<f32>) -> Result<Layer, TrainError> {
        Ok(Layer {
            weight: device.try_tensor_from_vec(weights, (inputs, outputs))?,
            norm: Norm {
                gamma: device.try_tensor_from_vec(vec![1.0; outputs], (outputs,))?,
                beta: device.try_tensor_from_vec(vec![0.0; outputs], (outputs,))?,
                running: Statistics::start(outputs),
            },
        })
    }

    /// Outside of training.
    fn forward(&self, rows: Matrix) -> Result<Matrix, TrainError> {
        let rows = rows.try_matmul(self.weight.clone())?;
        Ok(normalise(rows, &self.norm.gamma, &self.norm.beta, &self.norm.running)?)
    }
}

/// The network's part of a file.
impl Network {
    /// Calls `work` with each trained tensor and its name.
    pub(crate) fn each_named(
        &mut self,
        mut work: impl FnMut(&str, Trained<'_>) -> Result<(), TrainError>,
    ) -> Result<(), TrainError> {
        for (at, layer) in self.layers.iter_mut().enumerate() {
            work(&format!("layers.{at}.weight"), Trained::Matrix(&mut layer.weight))?;
            work(&format!("layers.{at}.gamma"), Trained::Vector(&mut layer.norm.gamma))?;
            work(&format!("layers.{at}.beta"), Trained::Vector(&mut layer.norm.beta))?;
        }
        Ok(())
    }

    /// Are all its values finite?
    pub(crate) fn is_finite(&self) -> bool {
        self.layers.iter().all(|layer| {
            let Norm { gamma, beta, running } = &layer.norm;
            let single = [layer.weight.as_vec(), gamma.as_vec(), beta.as_vec()];
            let double = [&running.mean, &running.variance];
            single.iter().flatten().all(|x| x.is_finite())
                && double.into_iter().flatten().all(|x| x.is_finite())
        })
    }

    /// Puts its tensors among others.
    pub(crate) fn put(&self, tensors: &mut Tensors) {
        for (at, layer) in self.layers.iter().enumerate() {
            let (rows, columns) = *layer.weight.shape();
            let Norm { gamma, beta, running } = &layer.norm;
            tensors.put(
                format!("layers.{at}.weight"),
                vec![rows, columns],
                Values::Single(layer.weight.as_vec()),
            );
            for (name, vector) in [("gamma", gamma), ("beta", beta)] {
                tensors.put(format!("layers.{at}.{name}"), vec![columns], Values::Single(vector.as_vec()));
            }
            for (name, values) in [("mean", &running.mean), ("variance", &running.variance)] {
                tensors.put(format!("layers.{at}.{name}"), vec![columns], Values::Double(values.clone()));
            }
        }
    }

    /// Takes its tensors out of those of a file.
    pub(crate) fn take(&mut self, path: &Path, tensors: &mut Tensors) -> Result<(), TrainError> {
        for (at, layer) in self.layers.iter_mut().enumerate() {
            let (rows, columns) = *layer.weight.shape();
            layer.weight.copy_from(&tensors.single(path, &format!("layers.{at}.weight"), rows * columns)?);
            layer.norm.gamma.copy_from(&tensors.single(path, &format!("layers.{at}.gamma"), columns)?);
            layer.norm.beta.copy_from(&tensors.single(path, &format!("layers.{at}.beta"), columns)?);
            layer.norm.running.mean = tensors.double(path, &format!("layers.{at}.mean"), columns)?;
            layer.norm.running.variance = tensors.double(path, &format!("layers.{at}.variance"), columns)?;
        }
        Ok(())
    }
}
