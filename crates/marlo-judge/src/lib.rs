//! judge
pub mod all_pairs;
pub mod embeddings;
mod error;
pub mod identification;
mod interval;
mod labelled;
mod products;
pub mod roc;
pub mod verification;

pub use embeddings::{Embeddings, EmbeddingsError};
pub use error::JudgeError;
pub use interval::{Confidence, Interval, wilson};
pub use labelled::Labelled;
pub use roc::{Roc, TarAtFar, Trial};
pub use verification::{Protocol, Verification, verify};
