//! Images for training and images for testing, and the proof that they are not the same.
//!
//! | protocol | what is tested | by |
//! |---|---|---|
//! | open set | identities that were never seen | [`open_set`], [`given`](fn@given) |
//! | closed set | other images of the identities seen | [`closed_set`], [`given`](fn@given) |
//!
//! An identity on both sides makes an open-set result too good, and so does an image on both sides in either
//! protocol. Both are looked for, identities by name, images by their pixels, and are an error unless
//! [`OnOverlap::Allow`] says that they are known; [`without`] takes the identities of an overlap list out.
//!
//! ```
//! use marlo_data::split::{self, OnOverlap, Unseen};
//!
//! let glyphs = marlo_data::glyphs::sample()?;
//! let split = split::open_set(&glyphs, &Unseen::Share { share: 0.25, seed: 1 }, OnOverlap::Refuse)?;
//! assert_eq!((split.train.class_names().len(), split.test.class_names().len()), (48, 16));
//!
//! let split = split::closed_set(&glyphs, 4, 1, OnOverlap::Refuse)?;
//! assert_eq!((split.train.len(), split.test.len()), (64 * 12, 64 * 4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{HashMap, HashSet};

use crate::seeded::{Purpose, Stream};
use crate::{ImageSet, ImageSetError};

/// A split, with what the two sides have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The images to train with.
    pub train: ImageSet,
    /// The images to test with; [`ImageSet::labels_among`] finds their classes among those of `train`.
    pub test: ImageSet,
    /// What is on both sides and should not be: empty unless it was allowed.
    pub overlap: Overlap,
}

/// The identities that are tested and never seen in training.
#[derive(Clone, Debug, PartialEq)]
pub enum Unseen {
    /// A share of all identities, drawn at random; rounded to a whole number.
    Share {
        /// The share, between 0 and 1.
        share: f64,
        /// Decides which.
        seed: u64,
    },
    /// Those of the given names.
    Names(Vec<String>),
}

/// What a test is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Identities that training has not seen: none may be on both sides.
    OpenSet,
    /// The identities that training has seen: no image may be on both sides.
    ClosedSet,
}

/// What to do where the two sides have something in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOverlap {
    /// Stop with [`SplitError::Overlap`].
    #[default]
    Refuse,
    /// Go on, and report it in [`Split::overlap`].
    Allow,
}

/// What is on both sides of a split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Identities of the same name, in the order of the test set; always empty for a closed set.
    pub names: Vec<String>,
    /// Images with the same pixels: the number of one for training and of one for testing.
    pub images: Vec<(usize, usize)>,
}

impl Overlap {
    /// Whether nothing is on both sides.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.images.is_empty()
    }
}

/// Why images could not be split.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// Fewer than two identities on a side.
    #[error(
        "{train} identities to train with and {test} to test with; each needs two: change the share or the names"
    )]
    TooFewIdentities {
        /// The identities to train with.
        train: usize,
        /// The identities to test with.
        test: usize,
    },
    /// A share that is none.
    #[error("a share of {share}; give one between 0 and 1")]
    Share {
        /// The share.
        share: f64,
    },
    /// Names that no identity has.
    #[error("no identity named {}; names are those of the folders, or of the labels", quoted(names))]
    NoSuchName {
        /// The names.
        names: Vec<String>,
    },
    /// Identities with too few images for a closed-set split.
    #[error(
        "identities with fewer than {needed} images, so that none would be left for training: {}; hold out fewer, or \
         leave them out",
        quoted(names)
    )]
    TooFewImages {
        /// The images that each needs.
        needed: usize,
        /// The identities.
        names: Vec<String>,
    },
    /// Something is on both sides.
    #[error(
        "training and testing share {} identity(ies){}{} and {} equal image(s); remove them, or allow the overlap",
        overlap.names.len(), if overlap.names.is_empty() { "" } else { ": " }, quoted(&overlap.names),
        overlap.images.len()
    )]
    Overlap {
        /// What it is.
        overlap: Overlap,
    },
    /// Identities that are tested but not trained, in a closed set.
    #[error("a closed set is tested on identities that it was trained with, but not with {}", quoted(names))]
    Untrained {
        /// The identities.
        names: Vec<String>,
    },
    /// Images of two sizes.
    #[error("images of {} x {} to train with, of {} x {} to test with; make them one size", train.0, train.1, test.0, test.1)]
    Sizes {
        /// Width and height of the images to train with.
        train: (usize, usize),
        /// Width and height of the images to test with.
        test: (usize, usize),
    },
    /// Nothing is left.
    #[error(transparent)]
    Set(#[from] ImageSetError),
}

/// The first few names, in quotes.
fn quoted(names: &[String]) -> String {
    let few: Vec<String> = names.iter().take(5).map(|name| format!("{name:?}")).collect();
    few.join(", ") + if names.len() > few.len() { ", .." } else { "" }
}

/// Splits by identity: those unseen to one side, all others to the other.
///
/// # Errors
/// [`SplitError`]: a share outside 0 to 1, a name that no identity has, fewer than two identities on a side,
/// or equal images on both sides.
pub fn open_set(images: &ImageSet, unseen: &Unseen, on_overlap: OnOverlap) -> Result<Split, SplitError> {
    let names = images.class_names();
    let mut is_unseen = vec![false; names.len()];
    match unseen {
        Unseen::Share { share, .. } if !(0.0..=1.0).contains(share) => {
            return Err(SplitError::Share { share: *share });
        }
        Unseen::Share { share, seed } => {
            let count = (share * names.len() as f64).round() as usize;
            let order = Stream::new(*seed, Purpose::Split, 0, 0).order(names.len());
            order.into_iter().take(count).for_each(|class| is_unseen[class] = true);
        }
        Unseen::Names(wanted) => is_unseen = flags(images, wanted)?,
    }
    let unseen: Vec<bool> = images.classes().map(|class| is_unseen[class]).collect();
    let (test, train): (Vec<usize>, Vec<usize>) = (0..images.len()).partition(|&image| unseen[image]);
    given(images.select(&train)?, images.select(&test)?, Protocol::OpenSet, on_overlap)
}

/// Splits each identity's images: `held_out` of each, drawn at random by the seed, are for testing.
///
/// # Errors
/// [`SplitError`]: an identity with no more than `held_out` images (see [`at_least`]), nothing held out, fewer
/// than two identities, or equal images on both sides.
pub fn closed_set(
    images: &ImageSet,
    held_out: usize,
    seed: u64,
    on_overlap: OnOverlap,
) -> Result<Split, SplitError> {
    let needed = held_out.saturating_add(1);
    let short = images.counts().into_iter().zip(images.class_names()).filter(|(count, _)| *count < needed);
    let names: Vec<String> = short.map(|(_, name)| name.clone()).collect();
    if !names.is_empty() {
        return Err(SplitError::TooFewImages { needed, names });
    }
    let mut members = vec![Vec::new(); images.class_names().len()];
    images.classes().enumerate().for_each(|(image, class)| members[class].push(image));
    let mut test = HashSet::new();
    for (class, members) in members.iter().enumerate() {
        let order = Stream::new(seed, Purpose::HeldOut, class as u64, 0).order(members.len());
        test.extend(order.into_iter().take(held_out).map(|place| members[place]));
    }
    let (test, train): (Vec<usize>, Vec<usize>) = (0..images.len()).partition(|image| test.contains(image));
    given(images.select(&train)?, images.select(&test)?, Protocol::ClosedSet, on_overlap)
}

/// Two sets that are a split already, such as [`Dataset::images`](crate::Dataset::images) and
/// [`Dataset::test`](crate::Dataset::test), checked.
///
/// # Errors
/// [`SplitError`]: images of two sizes, fewer than two identities on a side, something on both sides that
/// should not be, or, for a closed set, identities that training has not seen.
pub fn given(
    train: ImageSet,
    test: ImageSet,
    protocol: Protocol,
    on_overlap: OnOverlap,
) -> Result<Split, SplitError> {
    let size = |images: &ImageSet| (images.width(), images.height());
    if size(&train) != size(&test) && !train.is_empty() && !test.is_empty() {
        return Err(SplitError::Sizes { train: size(&train), test: size(&test) });
    }
    let identities = |images: &ImageSet| images.class_names().len();
    if identities(&train) < 2 || identities(&test) < 2 {
        return Err(SplitError::TooFewIdentities { train: identities(&train), test: identities(&test) });
    }
    let trained: HashSet<&String> = train.class_names().iter().collect();
    let (shared, untrained): (Vec<&String>, Vec<&String>) =
        test.class_names().iter().partition(|name| trained.contains(name));
    let owned = |names: Vec<&String>| names.into_iter().cloned().collect();
    let names = match protocol {
        Protocol::OpenSet => owned(shared),
        Protocol::ClosedSet if untrained.is_empty() => Vec::new(),
        Protocol::ClosedSet => return Err(SplitError::Untrained { names: owned(untrained) }),
    };
    let overlap = Overlap { names, images: equal_images(&train, &test) };
    if !overlap.is_empty() && on_overlap == OnOverlap::Refuse {
        return Err(SplitError::Overlap { overlap });
    }
    Ok(Split { train, test, overlap })
}

/// The images without the identities of the given names: those of a published overlap list, for example.
/// Names that no identity has are passed over, as such lists hold many.
///
/// # Errors
/// [`SplitError::TooFewIdentities`] where fewer than two identities are left.
pub fn without(images: &ImageSet, names: &[String]) -> Result<ImageSet, SplitError> {
    let out: HashSet<&String> = names.iter().collect();
    keep(images, |class| !out.contains(&images.class_names()[class]))
}

/// The images of the identities that have at least so many.
///
/// # Errors
/// [`SplitError::TooFewIdentities`] where fewer than two identities are left.
pub fn at_least(images: &ImageSet, count: usize) -> Result<ImageSet, SplitError> {
    let counts = images.counts();
    keep(images, |class| counts[class] >= count)
}

fn keep(images: &ImageSet, wanted: impl Fn(usize) -> bool) -> Result<ImageSet, SplitError> {
    let kept: Vec<usize> =
        images.classes().enumerate().filter(|&(_, class)| wanted(class)).map(|(image, _)| image).collect();
    let kept = images.select(&kept)?;
    match kept.class_names().len() {
        train @ 0..=1 => Err(SplitError::TooFewIdentities { train, test: 0 }),
        _ => Ok(kept),
    }
}

/// For each identity, whether it is one of the named.
fn flags(images: &ImageSet, names: &[String]) -> Result<Vec<bool>, SplitError> {
    let known: HashSet<&String> = images.class_names().iter().collect();
    let unknown: Vec<String> = names.iter().filter(|name| !known.contains(name)).cloned().collect();
    if !unknown.is_empty() {
        return Err(SplitError::NoSuchName { names: unknown });
    }
    let wanted: HashSet<&String> = names.iter().collect();
    Ok(images.class_names().iter().map(|name| wanted.contains(name)).collect())
}

/// The images for testing that are, pixel for pixel, one for training.
fn equal_images(train: &ImageSet, test: &ImageSet) -> Vec<(usize, usize)> {
    let places: HashMap<&[u8], usize> = train.images().zip(0..).collect();
    test.images().enumerate().filter_map(|(at, image)| Some((*places.get(image)?, at))).collect()
}
