//! Training of **recognition models**: a convolutional network Θ and a head W, moved together by stochastic gradient
//! descent with any loss.
//!
//! | | |
//! |---|---|
//! | [`Plan`] | epochs, batch, [learning rate](rate), momentum, seed |
//! | [`network`] | a network that fits the images |
//! | [`Trainer`] | the steps, what is seen in each epoch, checkpoints that go on as if nothing had been |
//! | [`Model`] | what a file holds: images in, embeddings out |
//!
//! The crate refuses to read images (that is `marlo-data`), to judge a model (`marlo-judge`), and to know a loss by name.

pub mod model;
pub mod network;
pub mod plan;
pub mod rate;
mod saved;
pub mod trainer;

use std::path::PathBuf;

use dfdx::tensor::CpuError;
use marlo_data::loader::LoaderError;
use marlo_dfdx::DfdxError;
use safetensors::SafeTensorError;

pub use model::Model;
pub use network::{Network, Size};
pub use plan::Plan;
pub use rate::{Fall, Rate};
pub use saved::About;
pub use trainer::{Data, Epoch, Event, Step, Trainer};

/// Why training stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A value of the plan that can't be.
    #[error("the {name} must be {wanted}")]
    Plan {
        /// The value.
        name: String,
        /// What it must be.
        wanted: String,
    },
    /// A network of no size.
    #[error("a network for {}×{} pixels, {} channels wide, to embeddings of {}: none of them may be 0, and the whole must stay below 2^28 values",
        .size.height, .size.width_of_image, .size.width, .size.embedding)]
    Size {
        /// The size.
        size: Size,
    },
    /// Pixels that make no images.
    #[error("{found} pixels are no whole number of images of {height} × {width}")]
    Pixels {
        /// The number of pixels.
        found: usize,
        /// The network's height.
        height: usize,
        /// The network's width.
        width: usize,
    },
    /// An input of the loss that images don't tell.
    #[error(
        "the loss reads `{name}`, a value of each class that images and labels don't tell: it can't be trained by this program"
    )]
    Input {
        /// The input.
        name: String,
    },
    /// Numbers became too large, or none.
    #[error(
        "training diverged in epoch {epoch}, step {step}, at the rate {rate:.3}: try a smaller rate, or a longer warm-up"
    )]
    Diverged {
        /// The epoch, from 1.
        epoch: u64,
        /// The step, from 1.
        step: usize,
        /// The learning rate.
        rate: f64,
    },
    /// The head or a tensor.
    #[error(transparent)]
    Dfdx(#[from] DfdxError),
    /// The batches.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// A file that can't be read.
    #[error("{}: {source}; give a model that `marlo train` has written", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that can't be written.
    #[error("{}: {source}; the file that was there before is as it was", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is no model.
    #[error("{}: no model of marlo: give a file that `marlo train` has written", .path.display())]
    NoModel {
        /// The file.
        path: PathBuf,
    },
    /// A file of another version.
    #[error("{}: format {found}, but this program knows {known}: train the model anew, or use the program that wrote it", .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The format known.
        known: u32,
    },
    /// A file whose description is broken.
    #[error("{}: {source}", .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A tensor that is missing or has another size.
    #[error("{}: the tensor `{name}` is missing or has not {count} values: the file is damaged", .path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The values that it should have.
        count: usize,
    },
    /// A checkpoint of another training.
    #[error("{}: a checkpoint of another training, with other {what}: {found} instead of {wanted}; begin anew, or with another file", .path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What is different.
        what: String,
        /// What is wanted.
        wanted: String,
        /// What it has.
        found: String,
    },
    /// What watches the training can't go on.
    #[error("{0}")]
    Watch(String),
    /// Tensors that make no file.
    #[error("the model can't be written: {0}")]
    Tensors(#[from] SafeTensorError),
}

impl From<CpuError> for TrainError {
    fn from(error: CpuError) -> Self {
        TrainError::Dfdx(error.into())
    }
}
