//! Closed-set identification: the rank of each probe's mate in the gallery.

use rayon::prelude::*;

use crate::embeddings::Embeddings;
use crate::error::JudgeError;
use crate::labelled::{Labelled, comparable};
use crate::products::blocks;

/// Where a mate stands among other people's images that have the same score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ties {
    /// Behind them, so that a recogniser which gives everybody one score knows nobody.
    #[default]
    Against,
    /// Before them, as MegaFace counts.
    InFavour,
}

/// Ranks of mates, which give the cumulative match characteristic.
#[derive(Clone, Debug, PartialEq)]
pub struct Cmc {
    /// The rank of each search's best mate, from 1: one more than the images of other people before it.
    pub ranks: Vec<u64>,
    /// Probes that were not searched for, because they have no mate.
    pub without_mate: usize,
}

impl Cmc {
    /// The share of searches whose mate is among the first `rank` (CMC at `rank`); rank 1 is the accuracy.
    /// Not a number where there were no searches, which the functions here refuse.
    pub fn rate(&self, rank: usize) -> f64 {
        let hits = self.ranks.iter().filter(|&&of| of <= rank as u64).count();
        hits as f64 / self.ranks.len() as f64
    }

    /// The rates at ranks 1 to `most`.
    pub fn curve(&self, most: usize) -> Vec<f64> {
        let mut sorted = self.ranks.clone();
        sorted.sort_unstable();
        let hits = |rank: usize| sorted.partition_point(|&of| of <= rank as u64);
        (1..=most).map(|rank| hits(rank) as f64 / sorted.len() as f64).collect()
    }
}

/// Searches the gallery, and distractors that are nobody's mate, for each probe. Where the gallery holds several
/// images of a person, the best mate counts, and each image of others counts for itself.
///
/// # Errors
/// [`JudgeError::Mates`] where a probe has no mate; [`JudgeError::Embeddings`] where dimensions differ.
pub fn cmc(
    probes: Labelled<'_>,
    gallery: Labelled<'_>,
    distractors: Option<&Embeddings>,
    ties: Ties,
) -> Result<Cmc, JudgeError> {
    comparable(probes.embeddings(), gallery.embeddings())?;
    let search = Search { probes, gallery, itself: false, ties };
    let best = search.best_mates();
    if let Some(probe) = best.iter().position(|&score| score == NO_MATE) {
        let wanted = "in a closed set each needs at least one; leave the probe out, or judge an open set";
        return Err(JudgeError::Mates { probe, label: probes.labels()[probe], found: 0, wanted });
    }
    let mut ranks = search.ranks(&best);
    if let Some(distractors) = distractors {
        comparable(probes.embeddings(), distractors)?;
        let more = before(probes.embeddings(), distractors, &best, ties, |_, _| true);
        ranks.iter_mut().zip(more).for_each(|(rank, more)| *rank += more);
    }
    Ok(Cmc { ranks, without_mate: 0 })
}

/// Searches the set itself, less the row in question, for each row. Rows without a mate are counted and left
/// out.
///
/// # Errors
/// [`JudgeError::Empty`] where no row has a mate.
pub fn leave_one_out(set: Labelled<'_>, ties: Ties) -> Result<Cmc, JudgeError> {
    let search = Search { probes: set, gallery: set, itself: true, ties };
    let best = search.best_mates();
    let ranks = search.ranks(&best).into_iter().zip(&best);
    let ranks: Vec<u64> = ranks.filter(|&(_, &best)| best != NO_MATE).map(|(rank, _)| rank).collect();
    if ranks.is_empty() {
        return Err(JudgeError::Empty { what: "rows with another of their label" });
    }
    Ok(Cmc { without_mate: best.len() - ranks.len(), ranks })
}

/// The score of a mate that is not there; all scores are above it.
pub(super) const NO_MATE: f32 = f32::NEG_INFINITY;

/// Probes and where they are looked for.
#[derive(Clone, Copy)]
pub(super) struct Search<'a> {
    pub(super) probes: Labelled<'a>,
    pub(super) gallery: Labelled<'a>,
    /// Whether both are one set, so that a row is not compared with itself.
    pub(super) itself: bool,
    pub(super) ties: Ties,
}

impl Search<'_> {
    /// The score of each probe's best mate, or [`NO_MATE`].
    pub(super) fn best_mates(self) -> Vec<f32> {
        let (labels, others) = (self.probes.labels(), self.gallery.labels());
        blocks(
            self.probes.embeddings(),
            self.gallery.embeddings(),
            self.probes.meets(self.gallery),
            |rows| vec![NO_MATE; rows.len()],
            |best, block| {
                for ((row, scores), best) in block.rows().zip(best) {
                    for (column, &score) in block.right.clone().zip(scores) {
                        if labels[row] == others[column] && !(self.itself && row == column) {
                            *best = best.max(score);
                        }
                    }
                }
            },
        )
        .flatten()
        .collect()
    }

    /// The rank of each probe's best mate.
    pub(super) fn ranks(self, best: &[f32]) -> Vec<u64> {
        let (labels, others) = (self.probes.labels(), self.gallery.labels());
        let stranger = |row: usize, column: usize| labels[row] != others[column];
        let before = before(self.probes.embeddings(), self.gallery.embeddings(), best, self.ties, stranger);
        before.into_iter().map(|before| before + 1).collect()
    }
}

/// For each probe, how many of those `others` that count stand before its best mate.
fn before(
    probes: &Embeddings,
    others: &Embeddings,
    best: &[f32],
    ties: Ties,
    counts: impl Fn(usize, usize) -> bool + Sync + Send,
) -> Vec<u64> {
    let is_before = |score: f32, mate: f32| match ties {
        Ties::Against => score >= mate,
        Ties::InFavour => score > mate,
    };
    blocks(
        probes,
        others,
        |_, _| true,
        |rows| vec![0; rows.len()],
        |before: &mut Vec<u64>, block| {
            for ((row, scores), before) in block.rows().zip(before) {
                let strangers = block.right.clone().zip(scores);
                let found =
                    strangers.filter(|&(column, &score)| is_before(score, best[row]) && counts(row, column));
                *before += found.count() as u64;
            }
        },
    )
    .flatten()
    .collect()
}
