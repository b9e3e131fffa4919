//! Identification: who of the gallery is it?
//!
//! In: probes and a gallery, as [`Labelled`](crate::Labelled) embeddings. A gallery row is a *mate* of a probe
//! where their labels are equal. Scores are cosines in f32. Each protocol is a file:
//!
//! | protocol | by | to |
//! |---|---|---|
//! | closed set: every probe has a mate | [`cmc`] | [`Cmc`] |
//! | each row against all others | [`leave_one_out`] | [`Cmc`] |
//! | MegaFace challenge 1: one mate among the distractors | [`megaface`] | [`Cmc`] |
//! | open set, by each probe's greatest score (NIST) | [`open_set`] | [`OpenSet`] |
//! | open set, by all impostor scores (insightface) | [`ijb_1n`] | [`Ijb1n`] |

mod closed;
mod ijb;
mod megaface;
mod open;

pub use closed::{Cmc, Ties, cmc, leave_one_out};
pub use ijb::{Ijb1n, ijb_1n};
pub use megaface::megaface;
pub use open::{OpenSet, TpirAtFpir, open_set};
