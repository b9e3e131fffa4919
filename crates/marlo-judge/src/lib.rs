//! **Judges embeddings** of a recogniser by the protocols that papers publish their numbers by.
//!
//! A model gives each image a row of numbers. Whether these rows tell people apart is measured in two ways, and
//! for both this crate has the published definitions, by name where they differ:
//!
//! | question | in | by | to |
//! |---|---|---|---|
//! | do two images show one person? | a [`PairList`], read by [`formats`] | [`verify`] | accuracy over folds, [`Verification`] |
//! | the same, at a false-accept rate | scores of pairs | [`Roc`] | AUC, EER, [`TarAtFar`] |
//! | the same, for all pairs of a set | [`Labelled`] embeddings | [`all_pairs::roc`] | [`Roc`], exact for billions |
//! | who of a gallery is it? | [`Labelled`] probes and gallery | [`identification`] | ranks, rates |
//! | all of it | | [`report`] | JSON |
//!
//! A number that the data cannot carry is refused: a true-accept rate at a false-accept rate of 1e-6 needs ten
//! million impostor pairs. What is reported comes with Wilson's interval.
//!
//! Neither networks, images, detection, alignment nor training are here: packed images are handed out as they
//! are, and embeddings come from elsewhere. Scores are always cosines.
//!
//! # A tour
//!
//! ```
//! use marlo_judge::formats::lfw;
//! use marlo_judge::identification::{Ties, leave_one_out};
//! use marlo_judge::{Confidence, Embeddings, JudgeError, Labelled, Protocol, Roc, all_pairs, verify};
//!
//! // Two folds of one pair of one person and one of two, as LFW lists them.
//! let list = "2\t1\nAnna\t1\t2\nAnna\t1\tBela\t1\nCara\t1\t2\nCara\t2\tDora\t1\n";
//! let list = lfw::parse("pairs.txt", list)?;
//! assert_eq!(list.images()[0], "Anna/Anna_0001.jpg");
//! assert!(list.overlaps(lfw::identity).is_empty());
//!
//! // One embedding an image, of any length: Anna twice, Bela, Cara twice, Dora.
//! let rows = vec![1.0, 0.1, 3.0, 0.0, 0.0, 1.0, -1.0, 0.1, -3.0, 0.0, 0.3, -1.0];
//! let embeddings = Embeddings::new(rows, 2)?;
//! let folds = list.trials(&embeddings)?;
//! let lfw = verify(Protocol::Insightface, &folds)?;
//! assert_eq!((lfw.mean, lfw.standard_error), (1.0, 0.0));
//!
//! // Four scores are far too few for a rate of 1 in 1,000.
//! let roc = Roc::new(&folds.concat())?;
//! assert_eq!((roc.auc(), roc.eer()), (1.0, 0.0));
//! let refused = roc.tar_at_far(1e-3, Confidence::NinetyFive);
//! assert!(matches!(refused, Err(JudgeError::Unresolved { needed: 10_000, found: 2, .. })));
//!
//! // All fifteen pairs, and each image against all others.
//! let set = Labelled::new(&embeddings, &[0, 0, 1, 2, 2, 3])?;
//! assert_eq!(all_pairs::roc(set)?.impostors(), 13);
//! let ranks = leave_one_out(set, Ties::Against)?;
//! assert_eq!((ranks.rate(1), ranks.without_mate), (1.0, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod all_pairs;
mod embeddings;
mod error;
pub mod formats;
pub mod identification;
mod interval;
mod labelled;
pub mod pairs;
mod products;
pub mod report;
pub mod roc;
pub mod verification;

pub use embeddings::{Embeddings, EmbeddingsError};
pub use error::JudgeError;
pub use formats::FormatError;
pub use interval::{Confidence, Interval, wilson};
pub use labelled::Labelled;
pub use pairs::{Overlap, Pair, PairList, PairsError};
pub use report::Report;
pub use roc::{Point, Roc, TarAtFar, Trial};
pub use verification::{Protocol, Verification, verify};
