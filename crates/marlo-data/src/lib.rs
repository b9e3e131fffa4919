//! **Real inputs** for losses of the softmax family: cosines and labels to evaluate a loss on, and
//! **sets of images, their splits and batches** to train with.
//!
//! | from | by | to |
//! |---|---|---|
//! | `.npy`, `.npz` files | [`array`](mod@array) | [`Array`](array::Array), labels |
//! | whatever a path holds: the lines below, or arrays of images | [`dataset`] | [`Dataset`]: an [`ImageSet`], [`Findings`], a sum of it all |
//! | one folder a person, or a class | [`folder`] | [`ImageSet`] |
//! | idx files, as of MNIST and Fashion-MNIST | [`idx`] | [`ImageSet`] |
//! | 64 kanji in 16 typefaces, in the crate | [`glyphs`] | [`ImageSet`] |
//! | thousands of kanji, drawn from [`fonts`] of [Debian's packages](debian) | [`glyphs::benchmark`] | [`ImageSet`] |
//! | an [`ImageSet`] | [`split`] | images to train with and to test with, nothing on both sides |
//! | an [`ImageSet`] | [`loader`], [`augment`] | batches, shuffled, moved at random, normalised |
//! | an [`ImageSet`] | [`embed`] | embeddings, class means, **cosines**, labels |
//!
//! Images are **grey**, one byte a pixel, and a set's are of one size: colours are turned to grey, other sizes
//! to that of the first image, and [`Findings`] says so. All that is random is a function of a seed.
//!
//! The embedding is a baseline: grey pixels and [principal components](pca), with nothing
//! learned. It gives cosines with the shape that real ones have (a few confusable classes, many
//! easy ones, a long tail), not a good recogniser. Neither face detection, alignment, networks nor training are
//! here.
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
//!
//! // A quarter of the characters never seen in training; the rest in batches, moved by up to two pixels.
//! use marlo_data::{augment::Augment, loader::{Loader, Options}, split::{self, OnOverlap, Unseen}};
//! let unseen = Unseen::Share { share: 0.25, seed: 1 };
//! let split = split::open_set(&marlo_data::glyphs::sample()?, &unseen, OnOverlap::Refuse)?;
//! let augment = Some(Augment { seed: 1, flip: false, shift: 2 });
//! let loader = Loader::new(split.train.into(), Options { batch: 32, seed: 1, augment, ..Options::default() })?;
//! let first = loader.start_at(0, 0)?.next().transpose()?;
//! assert_eq!(first.map(|batch| batch.pixels.len()), Some(32 * 24 * 24));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod array;
mod atomic;
pub mod augment;
pub mod dataset;
pub mod debian;
pub mod decode;
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
