//! Embeddings with the person, or class, of each row.

use std::collections::HashSet;
use std::ops::Range;

use crate::embeddings::{Embeddings, EmbeddingsError};
use crate::error::JudgeError;

/// Embeddings with one label a row.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    embeddings: &'a Embeddings,
    labels: &'a [i64],
}

impl<'a> Labelled<'a> {
    /// Pairs rows with labels.
    ///
    /// # Errors
    /// [`JudgeError::Labels`] where there is not one label a row.
    pub fn new(embeddings: &'a Embeddings, labels: &'a [i64]) -> Result<Self, JudgeError> {
        if embeddings.len() != labels.len() {
            return Err(JudgeError::Labels { labels: labels.len(), embeddings: embeddings.len() });
        }
        Ok(Labelled { embeddings, labels })
    }

    /// The embeddings.
    pub fn embeddings(self) -> &'a Embeddings {
        self.embeddings
    }

    /// The label of each row.
    pub fn labels(self) -> &'a [i64] {
        self.labels
    }

    /// Whether rows of this set and rows of another have a label in common.
    pub(crate) fn meets<'b>(
        self,
        other: Labelled<'b>,
    ) -> impl Fn(&Range<usize>, &Range<usize>) -> bool + Sync {
        move |rows, columns| {
            let labels: HashSet<i64> = self.labels[rows.clone()].iter().copied().collect();
            other.labels[columns.clone()].iter().any(|label| labels.contains(label))
        }
    }
}

/// Refuses to compare embeddings of different dimensions.
pub(crate) fn comparable(left: &Embeddings, right: &Embeddings) -> Result<(), JudgeError> {
    if left.dim() == right.dim() {
        return Ok(());
    }
    let shape = |of: &Embeddings| (of.len(), of.dim());
    Err(EmbeddingsError::Differ { left: shape(left), right: shape(right) }.into())
}
