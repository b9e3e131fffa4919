//! Lists of pairs: which images are compared, in which folds, and whether they show one person.
//!
//! In: what [`formats`](crate::formats) reads. Out: a [`PairList`]; with embeddings, the scores of its folds for
//! [`verify`](crate::verify) and [`Roc`](crate::Roc).

use std::collections::{BTreeSet, HashMap};

use crate::embeddings::Embeddings;
use crate::roc::Trial;

/// Two images, by their places in [`PairList::images`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The first image.
    pub first: usize,
    /// The second image.
    pub second: usize,
    /// Whether both show one person.
    pub same: bool,
}

/// Pairs of images, in folds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairList {
    name: String,
    images: Vec<String>,
    folds: Vec<Vec<Pair>>,
}

/// Why a list of pairs does not fit to images.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PairsError {
    /// Images of the list are not there.
    #[error(
        "{list}: {count} of {total} images are absent, the first is {first}; embed them, or mend the names"
    )]
    Absent {
        /// The list's name.
        list: String,
        /// The first absent image.
        first: String,
        /// How many are absent.
        count: usize,
        /// How many the list names.
        total: usize,
    },
    /// There is not one embedding an image.
    #[error("{list}: {rows} embeddings for {images} images; give one an image, in the order of `images`")]
    Rows {
        /// The list's name.
        list: String,
        /// The embeddings.
        rows: usize,
        /// The images.
        images: usize,
    },
    /// A pair names an image that is not listed.
    #[error("{list}: fold {fold} names image {image} of {images}; images are counted from 0")]
    Image {
        /// The list's name.
        list: String,
        /// The fold, from 1.
        fold: usize,
        /// The image.
        image: usize,
        /// How many images there are.
        images: usize,
    },
    /// A list that its format cannot hold.
    #[error("{list}: {what}")]
    Unwritable {
        /// The list's name.
        list: String,
        /// Why, and what to do.
        what: String,
    },
}

/// A person who is in more than one fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The person, as the naming has it.
    pub identity: String,
    /// The folds, from 1.
    pub folds: Vec<usize>,
}

impl PairList {
    /// A list of `images` by name, and of pairs of their places.
    ///
    /// # Errors
    /// [`PairsError::Image`] where a pair names a place that is not there.
    pub fn new(
        name: impl Into<String>,
        images: Vec<String>,
        folds: Vec<Vec<Pair>>,
    ) -> Result<Self, PairsError> {
        let name = name.into();
        for (fold, pairs) in folds.iter().enumerate() {
            let mut named = pairs.iter().flat_map(|pair| [pair.first, pair.second]);
            if let Some(image) = named.find(|&image| image >= images.len()) {
                return Err(PairsError::Image { list: name, fold: fold + 1, image, images: images.len() });
            }
        }
        Ok(PairList { name, images, folds })
    }

    /// What the list is called: its file, or what the caller said.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The images' names, in the order of their first mention.
    pub fn images(&self) -> &[String] {
        &self.images
    }

    /// The pairs of each fold.
    pub fn folds(&self) -> &[Vec<Pair>] {
        &self.folds
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.folds.iter().map(Vec::len).sum()
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The scores of each fold: cosines of embeddings whose row `k` is image `k` of [`images`](Self::images).
    ///
    /// # Errors
    /// [`PairsError::Rows`] where there is not one row an image.
    pub fn trials(&self, embeddings: &Embeddings) -> Result<Vec<Vec<Trial>>, PairsError> {
        let (rows, images) = (embeddings.len(), self.images.len());
        if rows != images {
            return Err(PairsError::Rows { list: self.name.clone(), rows, images });
        }
        Ok(self.scores(embeddings, |image| image))
    }

    /// The scores of each fold, where `names` says which image each row is; there may be others.
    ///
    /// # Errors
    /// [`PairsError::Absent`] where images have no row.
    pub fn trials_by_name<S: AsRef<str>>(
        &self,
        embeddings: &Embeddings,
        names: &[S],
    ) -> Result<Vec<Vec<Trial>>, PairsError> {
        let names = names.get(..embeddings.len()).unwrap_or(names);
        let rows = self.rows(names)?;
        Ok(self.scores(embeddings, |image| rows[image]))
    }

    /// For each image, its place in `names`.
    ///
    /// # Errors
    /// [`PairsError::Absent`] where images are not among them.
    pub fn rows<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<usize>, PairsError> {
        let places: HashMap<&str, usize> =
            names.iter().enumerate().map(|(place, name)| (name.as_ref(), place)).collect();
        let mut absent = self.images.iter().filter(|name| !places.contains_key(name.as_str()));
        if let Some(first) = absent.next() {
            let (first, count) = (first.clone(), 1 + absent.count());
            return Err(PairsError::Absent {
                list: self.name.clone(),
                first,
                count,
                total: self.images.len(),
            });
        }
        Ok(self.images.iter().filter_map(|name| places.get(name.as_str()).copied()).collect())
    }

    fn scores(&self, embeddings: &Embeddings, row: impl Fn(usize) -> usize) -> Vec<Vec<Trial>> {
        let trial = |pair: &Pair| Trial {
            score: embeddings.cosine(row(pair.first), row(pair.second)),
            same: pair.same,
        };
        self.folds.iter().map(|fold| fold.iter().map(trial).collect()).collect()
    }

    /// The people who are in more than one fold, sorted. A threshold is chosen on the other folds, so a list with
    /// such people flatters; LFW's has none. `identity` says who is on an image, by its name: the formats have
    /// such functions.
    pub fn overlaps(&self, identity: impl Fn(&str) -> &str) -> Vec<Overlap> {
        let mut folds: HashMap<&str, BTreeSet<usize>> = HashMap::new();
        for (fold, pairs) in self.folds.iter().enumerate() {
            for image in pairs.iter().flat_map(|pair| [pair.first, pair.second]) {
                folds.entry(identity(&self.images[image])).or_default().insert(fold + 1);
            }
        }
        let several = folds.into_iter().filter(|(_, folds)| folds.len() > 1);
        let mut several: Vec<Overlap> = several
            .map(|(identity, folds)| Overlap {
                identity: identity.into(),
                folds: folds.into_iter().collect(),
            })
            .collect();
        several.sort_unstable_by(|a, b| a.identity.cmp(&b.identity));
        several
    }
}

/// A list in the making: names become places.
#[derive(Default)]
pub(crate) struct Names {
    images: Vec<String>,
    places: HashMap<String, usize>,
}

impl Names {
    /// The place of a name, a new one at its first mention.
    pub(crate) fn place(&mut self, name: String) -> usize {
        if let Some(&place) = self.places.get(&name) {
            return place;
        }
        self.images.push(name.clone());
        self.places.insert(name, self.images.len() - 1);
        self.images.len() - 1
    }

    pub(crate) fn pair(&mut self, first: String, second: String, same: bool) -> Pair {
        Pair { first: self.place(first), second: self.place(second), same }
    }

    pub(crate) fn list(self, name: String, folds: Vec<Vec<Pair>>) -> PairList {
        PairList { name, images: self.images, folds }
    }
}
