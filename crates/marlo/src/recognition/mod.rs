//! Recognition, from images to a verdict: what `marlo train`, `marlo test` and `marlo compare` do.
//!
//! [`faces`] opens images and splits them into identities to train with and identities that training never sees;
//! [`judge`](mod@judge) has the protocols. Training itself is [`crate::train`], the protocols are [`crate::judging`].

pub mod compare;
pub mod faces;
pub mod judge;
pub mod page;
pub mod summary;

pub use faces::{Faces, Source, open};
pub use judge::{Judged, judge};
