//! The 1:N evaluation of IJB as insightface's `ijb_1n.py` computes it.

use rayon::prelude::*;

use super::closed::Search;
use super::{Cmc, Ties};
use crate::error::JudgeError;
use crate::labelled::{Labelled, comparable};
use crate::products::blocks;

/// What `ijb_1n.py` prints.
#[derive(Clone, Debug, PartialEq)]
pub struct Ijb1n {
    /// The ranks, for its top 1, 5 and 10. Ties count against the mate; the script leaves them to NumPy's sort.
    pub cmc: Cmc,
    /// For each rate that was asked for: the rate, the threshold, and the share of probes whose mate's score is
    /// above the threshold.
    pub rates: Vec<(f64, f64, f64)>,
}

/// Searches the gallery for each probe, every one of which has exactly one mate there. The threshold of a rate
/// is the ⌈probes · rate⌉-th greatest of *all* scores between different people, not of each probe's greatest
/// as in [`open_set`](super::open_set): one probe may take many of those places. No probe is without a mate, so
/// the rate is not NIST's FPIR. The script asks for 0.01 and 0.1.
///
/// # Errors
/// [`JudgeError::Mates`] where a probe has no mate or several; [`JudgeError::Rate`] where a rate is none, or
/// there are not as many scores; [`JudgeError::Embeddings`] where dimensions differ.
pub fn ijb_1n(probes: Labelled<'_>, gallery: Labelled<'_>, rates: &[f64]) -> Result<Ijb1n, JudgeError> {
    comparable(probes.embeddings(), gallery.embeddings())?;
    let (labels, others) = (probes.labels(), gallery.labels());
    one_mate_each(labels, others)?;
    let (scores, all) = (labels.len() * (others.len() - 1), labels.len() as f64);
    let mut places = Vec::new();
    for &value in rates {
        let place = (all * value).ceil() as usize;
        if !(value > 0.0 && value <= 1.0) || place > scores {
            return Err(JudgeError::Rate { value });
        }
        places.push(place);
    }
    let search = Search { probes, gallery, itself: false, ties: Ties::Against };
    let mates = search.best_mates();
    let cmc = Cmc { ranks: search.ranks(&mates), without_mate: 0 };

    let most = places.iter().copied().max().unwrap_or(0);
    let greatest = blocks(
        probes.embeddings(),
        gallery.embeddings(),
        |_, _| true,
        |_| Vec::new(),
        |greatest, block| {
            for (row, scores) in block.rows() {
                let impostors =
                    block.right.clone().zip(scores).filter(|&(column, _)| labels[row] != others[column]);
                greatest.extend(impostors.map(|(_, &score)| score));
            }
            keep_greatest(greatest, most);
        },
    );
    let mut greatest = greatest.reduce(Vec::new, |mut a, b| {
        a.extend(b);
        keep_greatest(&mut a, most);
        a
    });
    greatest.sort_unstable_by(|a, b| b.total_cmp(a));
    let above = |threshold: f32| mates.iter().filter(|&&mate| mate > threshold).count() as f64 / all;
    let rates = rates.iter().zip(places);
    let rates = rates.filter_map(|(&rate, place)| Some((rate, *greatest.get(place.checked_sub(1)?)?)));
    let rates = rates.map(|(rate, threshold)| (rate, f64::from(threshold), above(threshold))).collect();
    Ok(Ijb1n { cmc, rates })
}

fn one_mate_each(labels: &[i64], others: &[i64]) -> Result<(), JudgeError> {
    let mut counts = std::collections::HashMap::new();
    others.iter().for_each(|label| *counts.entry(label).or_insert(0) += 1);
    for (probe, label) in labels.iter().enumerate() {
        let found = counts.get(label).copied().unwrap_or(0);
        if found != 1 {
            let wanted =
                "each needs exactly one; leave the probe out, or merge the gallery's rows of a person";
            return Err(JudgeError::Mates { probe, label: *label, found, wanted });
        }
    }
    Ok(())
}

/// Leaves the `most` greatest, in no order.
fn keep_greatest(scores: &mut Vec<f32>, most: usize) {
    if most < scores.len() {
        scores.select_nth_unstable_by(most, |a, b| b.total_cmp(a));
        scores.truncate(most);
    }
}
