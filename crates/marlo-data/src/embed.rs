//! The baseline embedding: from images to cosines, with nothing learned.
//!
//! In: an [`ImageSet`]. Out: an [`Embedding`], by these steps:
//!
//! 1. each image becomes a row of its grey pixels, 0 (black) to 1 (white);
//! 2. the mean image is subtracted, and the coordinates along the first `dim`
//!    [principal components](crate::pca) are the **embedding** of the image;
//! 3. embeddings are scaled to length 1; the mean of a class's is its **class mean**;
//! 4. the **cosine** between each image's embedding and each class mean (itself scaled to length 1)
//!    goes to the matrix that a loss reads.
//!
//! An embedding or a class mean that is exactly zero has no direction: its cosines are 0. Cosines are
//! rounded to `f32` and not clamped, so that rounding may carry one past ±1 by about 1e-7, as happens in
//! training.
//!
//! # An image and the mean that holds it
//!
//! A class mean holds a share of each of its own images, which draws an image's cosine with its own
//! class upwards: with two images a class, to about 0.7 even where they have nothing in common. By default,
//! therefore, an image is compared with the mean of the *other* images of its class
//! ([`Means::LeaveOneOut`]); all other entries are the plain ones. A class of one image has no others:
//! its image is compared with itself, at cosine 1. [`Means::All`] gives the plain mean everywhere, which
//! is what a head's weights, fitted to all the images, come near to in training.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use crate::array::{Array, ArrayError, write_npy};
use crate::pca::{Pca, PcaError};
use crate::{ImageSet, atomic};

/// The number of dimensions where none is asked for and there are images enough.
const DEFAULT_DIM: usize = 64;

/// How to embed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The number of principal components to keep; `None` for 64, or fewer where the images are few or
    /// small.
    pub dim: Option<usize>,
    /// The mean of its own class that an image is compared with.
    pub means: Means,
}

/// The mean of its own class that an image is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Means {
    /// The mean of the other images of the class, so that no image is compared with itself.
    #[default]
    LeaveOneOut,
    /// The mean of all images of the class.
    All,
}

/// Images as a loss sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// The coordinates of each image along the principal components, not normalised (n × dim).
    pub embeddings: Array<f32>,
    /// The mean of each class's embeddings of length 1, not normalised again (classes × dim); its length
    /// tells how much the class agrees with itself.
    pub class_means: Array<f32>,
    /// The cosine of each image with each class mean (n × classes); may pass ±1 by rounding.
    pub cosines: Array<f32>,
    /// The class of each image, from 0 (n).
    pub labels: Vec<i64>,
    /// The name of each class.
    pub class_names: Vec<String>,
}

/// Why images could not be embedded or an embedding not saved.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The images have no principal components.
    #[error("cannot embed the images: {0}")]
    Pca(#[from] PcaError),
    /// An array could not be written.
    #[error("cannot save the embedding: {0}")]
    Array(#[from] ArrayError),
    /// The folder or the list of classes could not be written.
    #[error("cannot save the embedding: {}: {source}", path.display())]
    Io {
        /// The folder or the file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Embeds images and compares them with the class means.
///
/// Images that differ in fewer directions than asked for give fewer dimensions.
///
/// # Errors
/// [`EmbedError::Pca`]: fewer than two images, more dimensions asked for than there can be, or images
/// that are all the same.
pub fn embed(images: &ImageSet, options: Options) -> Result<Embedding, EmbedError> {
    let (n, d) = (images.len(), images.width() * images.height());
    let pixels = DMatrix::from_row_iterator(n, d, images.pixels().iter().map(|&p| f64::from(p) / 255.0));
    let dim = options.dim.unwrap_or(DEFAULT_DIM.min(n.saturating_sub(1)).min(d));
    let embeddings = Pca::fit(&pixels, dim)?.project(&pixels)?;

    let mut unit = embeddings.clone();
    normalise_rows(&mut unit);
    // The set's labels are classes, by its construction.
    let labels: Vec<usize> = images.labels().iter().map(|&label| label as usize).collect();
    let (means, counts) = class_means(&unit, &labels, images.class_names().len());
    let mut unit_means = means.clone();
    normalise_rows(&mut unit_means);

    let mut cosines = &unit * unit_means.transpose();
    if options.means == Means::LeaveOneOut {
        leave_one_out(&mut cosines, &unit, &means, &labels, &counts);
    }
    Ok(Embedding {
        embeddings: to_array(&embeddings),
        class_means: to_array(&means),
        cosines: to_array(&cosines),
        labels: images.labels().to_vec(),
        class_names: images.class_names().to_vec(),
    })
}

impl Embedding {
    /// Writes `embeddings.npy`, `class_means.npy`, `cosines.npy` (`float32`), `labels.npy` (`int64`) and
    /// `classes.txt` (a name a line, line breaks in a name turned to spaces) into `folder`, made where
    /// it is missing. Each file appears whole; files already there are replaced.
    ///
    /// # Errors
    /// [`EmbedError`]: the folder cannot be made or a file not written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), EmbedError> {
        let folder = folder.as_ref();
        let io = |path: &Path, source| EmbedError::Io { path: path.into(), source };
        fs::create_dir_all(folder).map_err(|error| io(folder, error))?;
        write_npy(folder.join("embeddings.npy"), &self.embeddings)?;
        write_npy(folder.join("class_means.npy"), &self.class_means)?;
        write_npy(folder.join("cosines.npy"), &self.cosines)?;
        write_npy(folder.join("labels.npy"), &Array::new([self.labels.len()], self.labels.clone())?)?;
        let classes: String =
            self.class_names.iter().map(|name| name.replace(['\n', '\r'], " ") + "\n").collect();
        let path = folder.join("classes.txt");
        atomic::write_atomically(&path, classes.as_bytes()).map_err(|error| io(&path, error))
    }
}

/// The mean row of each class, and the number of rows in each.
fn class_means(rows: &DMatrix<f64>, labels: &[usize], classes: usize) -> (DMatrix<f64>, Vec<usize>) {
    let mut counts = vec![0usize; classes];
    labels.iter().for_each(|&label| counts[label] += 1);
    let mut average = DMatrix::zeros(classes, rows.nrows());
    for (image, &label) in labels.iter().enumerate() {
        average[(label, image)] = 1.0 / counts[label] as f64;
    }
    (average * rows, counts)
}

/// Compares each row with the mean of the others of its class.
fn leave_one_out(
    cosines: &mut DMatrix<f64>,
    unit: &DMatrix<f64>,
    means: &DMatrix<f64>,
    labels: &[usize],
    counts: &[usize],
) {
    for (image, &label) in labels.iter().enumerate() {
        if counts[label] > 1 {
            let own = unit.row(image);
            // Times the class's count: a scale, which the cosine does not see.
            let others = means.row(label) * counts[label] as f64 - own;
            let length = others.norm();
            cosines[(image, label)] = if length > 0.0 { own.dot(&others) / length } else { 0.0 };
        }
    }
}

/// Scales each row to length 1; a row of zeros stays.
fn normalise_rows(matrix: &mut DMatrix<f64>) {
    for mut row in matrix.row_iter_mut() {
        let length = row.norm();
        if length > 0.0 {
            row /= length;
        }
    }
}

fn to_array(matrix: &DMatrix<f64>) -> Array<f32> {
    let data = matrix.transpose().iter().map(|&x| x as f32).collect();
    Array { shape: vec![matrix.nrows(), matrix.ncols()], data }
}
