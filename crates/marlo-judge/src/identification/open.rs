//! Open-set identification as NIST defines it: some probes have no mate, and should find nobody.

use rayon::prelude::*;

use super::closed::{NO_MATE, Search, Ties};
use crate::error::JudgeError;
use crate::interval::{Confidence, Interval, wilson};
use crate::labelled::{Labelled, comparable};
use crate::products::blocks;
use crate::roc::resolves;

/// The scores that decide an open-set search.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenSet {
    /// The best mate's score of each mated probe, and its rank among the gallery's images of others.
    pub mated: Vec<(f64, u64)>,
    /// The greatest score of each probe without a mate, falling.
    pub non_mated: Vec<f64>,
}

/// A point of operation: the true-positive identification rate at a false-positive identification rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TpirAtFpir {
    /// The false-positive identification rate that was asked for.
    pub target: f64,
    /// The greatest rank at which a mate counts as found.
    pub rank: u64,
    /// The threshold; infinite where only finding nobody meets the target.
    pub threshold: f64,
    /// The share of probes without a mate whose greatest score reaches the threshold.
    pub fpir: f64,
    /// The share of probes with a mate that they find: its score reaches the threshold and its rank is good.
    pub tpir: f64,
    /// Wilson's interval for `tpir`.
    pub tpir_interval: Interval,
}

/// Searches the gallery for each probe. Those without a mate there are the non-mated probes; ties of rank count
/// against the mate.
///
/// # Errors
/// [`JudgeError::OneClass`] where all probes have a mate, or none has; [`JudgeError::Embeddings`] where
/// dimensions differ.
pub fn open_set(probes: Labelled<'_>, gallery: Labelled<'_>) -> Result<OpenSet, JudgeError> {
    comparable(probes.embeddings(), gallery.embeddings())?;
    let search = Search { probes, gallery, itself: false, ties: Ties::Against };
    let best = search.best_mates();
    let ranks = search.ranks(&best);
    let greatest: Vec<f32> = blocks(
        probes.embeddings(),
        gallery.embeddings(),
        |rows, _| best[rows.clone()].contains(&NO_MATE),
        |rows| vec![NO_MATE; rows.len()],
        |greatest, block| {
            for ((_, scores), greatest) in block.rows().zip(greatest) {
                *greatest = scores.iter().copied().fold(*greatest, f32::max);
            }
        },
    )
    .flatten()
    .collect();
    let (mut mated, mut non_mated) = (Vec::new(), Vec::new());
    for ((best, rank), greatest) in best.into_iter().zip(ranks).zip(greatest) {
        if best == NO_MATE {
            non_mated.push(f64::from(greatest));
        } else {
            mated.push((f64::from(best), rank));
        }
    }
    if mated.is_empty() || non_mated.is_empty() {
        return Err(JudgeError::OneClass {
            genuine: mated.len() as u64,
            impostors: non_mated.len() as u64,
            place: " of probes".into(),
        });
    }
    non_mated.sort_unstable_by(|a, b| b.total_cmp(a));
    Ok(OpenSet { mated, non_mated })
}

impl OpenSet {
    /// The greatest true-positive identification rate of all thresholds whose false-positive identification rate
    /// is at most `target`; a mate counts where it is among the first `rank`. NIST's "identification" has
    /// `rank` 1; `u64::MAX` asks for the score alone.
    ///
    /// # Errors
    /// [`JudgeError::Unresolved`] where fewer than ten false positives are expected at `target`;
    /// [`JudgeError::Rate`] where it is no rate.
    pub fn tpir_at_fpir(
        &self,
        target: f64,
        rank: u64,
        confidence: Confidence,
    ) -> Result<TpirAtFpir, JudgeError> {
        let probes = self.non_mated.len();
        resolves(target, probes as u64)?;
        let fpir = |threshold: f64| {
            self.non_mated.partition_point(|&score| score >= threshold) as f64 / probes as f64
        };
        let mut found: Vec<f64> =
            self.mated.iter().filter(|&&(_, of)| of <= rank).map(|&(score, _)| score).collect();
        found.sort_unstable_by(|a, b| b.total_cmp(a));
        // A lower threshold only lets more probes of both kinds pass; the mates' scores are where more are found.
        let hits = found.partition_point(|&score| fpir(score) <= target);
        let threshold = hits.checked_sub(1).map_or(f64::INFINITY, |last| found[last]);
        let all = self.mated.len() as u64;
        Ok(TpirAtFpir {
            target,
            rank,
            threshold,
            fpir: fpir(threshold),
            tpir: hits as f64 / all as f64,
            tpir_interval: wilson(hits as u64, all, confidence),
        })
    }
}
