//! **Real inputs** for losses of the softmax family: cosines and labels that come from
//! arrays on disk, from folders of images, or from the sample that ships with the crate.
//!
//! A loss sees a matrix of cosines (one row a sample, one column a class) and one label a row.
//! This crate makes such pairs, and no more than that:
//!
//! | from | by | to |
//! |---|---|---|
//! | `.npy`, `.npz` files | [`array`](mod@array) | [`Array`](array::Array), labels |
//! | one folder a person, or a class | [`folder`] | [`ImageSet`] |
//! | 64 kanji in 16 typefaces, in the crate | [`glyphs`] | [`ImageSet`] |
//! | an [`ImageSet`] | [`embed`] | embeddings, class means, **cosines**, labels |
//!
//! The embedding is a baseline: grey pixels and [principal components](pca), with nothing
//! learned. It gives cosines with the shape that real ones have (a few confusable classes, many
//! easy ones, a long tail), not a good recogniser. Neither face detection, alignment, networks nor
//! data augmentation are here.
//!
//! # A tour
//!
//! ```
//! use marlo_data::{array, glyphs};
//!
//! // 1024 images of 64 characters, embedded and compared with each class mean.
//! let glyphs = glyphs::cosines()?;
//! assert_eq!(glyphs.cosines.shape, [1024, 64]);
//! assert_eq!(glyphs.labels.len(), 1024);
//!
//! // How many images are nearest to their own class?
//! let nearest = |row: &[f32]| (0..64).max_by(|&a, &b| row[a].total_cmp(&row[b]));
//! let right = glyphs.cosines.rows().zip(&glyphs.labels).filter(|(row, y)| nearest(row) == Some(**y as usize));
//! assert!(right.count() > 512);
//!
//! // Written for, and read back from, NumPy.
//! let folder = std::env::temp_dir().join("marlo-data-tour");
//! glyphs.save(&folder)?;
//! let array::Real::F32(cosines) = array::read_real(folder.join("cosines.npy"))? else { unreachable!() };
//! assert_eq!(cosines, glyphs.cosines);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod array;
mod atomic;
pub mod augment;
pub mod dataset;
pub mod debian;
mod eigen;
pub mod embed;
mod findings;
pub mod folder;
pub mod fonts;
pub mod glyphs;
mod gz;
pub mod idx;
mod images;
pub mod loader;
pub mod pca;
mod seeded;
pub mod split;

pub use atomic::write_atomically;
pub use dataset::Dataset;
pub use embed::Embedding;
pub use findings::Findings;
pub use images::{ImageSet, ImageSetError};
