//! Images to train with, and images to test with.

use std::path::PathBuf;
use std::sync::Arc;

use marlo_data::dataset::{self, Dataset, DatasetError};
use marlo_data::split::{self, OnOverlap, Overlap, SplitError, Unseen};
use marlo_data::{Findings, ImageSet};
use marlo_train::Data;

/// Where images come from and how they are divided.
#[derive(Clone, Debug)]
pub struct Source {
    /// A folder or a file, see [`dataset::open`]; `None`: the glyphs that ship with marlo.
    pub path: Option<PathBuf>,
    /// The share of identities that training never sees, where the source has no part for testing of its own.
    pub unseen: f64,
    /// Decides which identities these are.
    pub seed: u64,
    /// Whether an identity or an image may be on both sides.
    pub allow_overlap: bool,
}

impl Default for Source {
    /// The glyphs that ship, half of them unseen.
    fn default() -> Self {
        Source { path: None, unseen: 0.5, seed: 0, allow_overlap: false }
    }
}

/// Images on both sides.
#[derive(Clone, Debug)]
pub struct Faces {
    /// To train with.
    pub train: Data,
    /// To test with.
    pub test: ImageSet,
    /// Where they come from, in words.
    pub source: String,
    /// What is doubtful about them.
    pub findings: Findings,
    /// What both sides have in common, where that is allowed.
    pub overlap: Overlap,
}

/// Why there are no images to train and test with.
#[derive(Debug, thiserror::Error)]
pub enum FacesError {
    /// They can't be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// They can't be divided.
    #[error(transparent)]
    Split(#[from] SplitError),
}

/// Opens images, without dividing them.
///
/// # Errors
/// When they can't be read.
pub fn dataset(path: Option<&PathBuf>) -> Result<Dataset, DatasetError> {
    match path {
        Some(path) => dataset::open(path),
        None => dataset::shipped(),
    }
}

/// Opens images and divides them.
///
/// # Errors
/// When they can't be read, when a side has fewer than two identities, or when the sides have something in common that is
/// not allowed.
pub fn open(source: &Source) -> Result<Faces, FacesError> {
    let found = dataset(source.path.as_ref())?;
    let findings = found.findings();
    let on_overlap = if source.allow_overlap { OnOverlap::Allow } else { OnOverlap::Refuse };
    let split = match found.test {
        Some(test) => split::given(found.images, test, split::Protocol::OpenSet, on_overlap)?,
        None => {
            let unseen = Unseen::Share { share: source.unseen, seed: source.seed };
            split::open_set(&found.images, &unseen, on_overlap)?
        }
    };
    Ok(Faces {
        train: Data { images: Arc::new(split.train), hash: found.hash },
        test: split.test,
        source: found.source,
        findings,
        overlap: split.overlap,
    })
}
