//! MegaFace, challenge 1: a probe's one mate among the distractors.

use rayon::prelude::*;

use super::closed::Cmc;
use crate::embeddings::Embeddings;
use crate::error::JudgeError;
use crate::labelled::{Labelled, comparable};
use crate::products::blocks;

/// For each person with M photographs, each in turn joins the distractors as the only mate, and the M − 1 others
/// are the probes: M(M − 1) searches a person. A mate is found at rank N where its score is at least the N-th
/// greatest of the probe's scores with the distractors: ties are in its favour.
///
/// Source: `megaface_evaluator.py` of FaceX-Zoo, which states that it equals the official program. Lists of
/// photographs to leave out or replace ("cleaning") are the caller's affair; a result should say which was used.
///
/// # Errors
/// [`JudgeError::Empty`] where no person has two photographs; [`JudgeError::Embeddings`] where dimensions differ.
pub fn megaface(probes: Labelled<'_>, distractors: &Embeddings) -> Result<Cmc, JudgeError> {
    let (embeddings, labels) = (probes.embeddings(), probes.labels());
    comparable(embeddings, distractors)?;
    let mates: Vec<Vec<f32>> = blocks(
        embeddings,
        embeddings,
        probes.meets(probes),
        |rows| vec![Vec::new(); rows.len()],
        |mates: &mut Vec<Vec<f32>>, block| {
            for ((row, scores), mates) in block.rows().zip(mates) {
                let others = block.right.clone().zip(scores);
                let of_one = others.filter(|&(column, _)| labels[row] == labels[column] && row != column);
                mates.extend(of_one.map(|(_, &score)| score));
            }
        },
    )
    .flatten()
    .map(|mut mates: Vec<f32>| {
        mates.sort_unstable_by(|a, b| b.total_cmp(a));
        mates
    })
    .collect();
    if mates.iter().all(Vec::is_empty) {
        return Err(JudgeError::Empty { what: "people with two photographs" });
    }
    let ranks: Vec<Vec<u64>> = blocks(
        embeddings,
        distractors,
        |_, _| true,
        |rows| mates[rows].iter().map(|mates| vec![0; mates.len() + 1]).collect(),
        |above: &mut Vec<Vec<u64>>, block| {
            for ((row, scores), above) in block.rows().zip(above) {
                for &score in scores {
                    // Mates fall: the distractor is above all from here on.
                    above[mates[row].partition_point(|&mate| mate >= score)] += 1;
                }
            }
        },
    )
    .flatten()
    .map(|above: Vec<u64>| {
        let mut rank = 1;
        let mates = above.len() - 1;
        let ranks = above.into_iter().take(mates).map(|more| {
            rank += more;
            rank
        });
        ranks.collect()
    })
    .collect();
    let without_mate = mates.iter().filter(|mates| mates.is_empty()).count();
    Ok(Cmc { ranks: ranks.concat(), without_mate })
}
