//! The ROC curve of *all* pairs of a labelled set, exact, however many they are.
//!
//! In: embeddings with labels. Out: a [`Roc`] with the corners of the curve that sorting all n(n − 1)/2 scores
//! would give. The genuine scores are few (each person's photographs among themselves) and are all kept,
//! sorted. The impostor scores may be billions; of them only the number equal to each genuine score is kept,
//! and the number and the least of those between two neighbours. Between two genuine scores a curve runs
//! level, so nothing is lost: AUC, EER, and the true-accept rate at any false-accept rate are exact.
//!
//! The scores are cosines in f32. Memory beside the embeddings: 4 bytes a genuine pair, and 20 bytes a distinct
//! genuine score and thread. Time: the products of all pairs once, and of blocks that hold genuine pairs twice.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::JudgeError;
use crate::labelled::Labelled;
use crate::products::{Block, blocks};
use crate::roc::{Point, Roc};

/// The curve of all pairs of two different rows.
///
/// # Errors
/// [`JudgeError::OneClass`] where no two rows share a label or all do.
pub fn roc(set: Labelled<'_>) -> Result<Roc, JudgeError> {
    let (embeddings, labels, n) = (set.embeddings(), set.labels(), set.labels().len() as u64);
    let meets = set.meets(set);
    let mut genuine: Vec<f32> = blocks(
        embeddings,
        embeddings,
        |rows, columns| rows.start <= columns.start && meets(rows, columns),
        |_| Vec::new(),
        |found, block| pairs(labels, &block, |same, score| found.extend(same.then_some(score))),
    )
    .flatten()
    .collect();
    let (all, mates) = (n * (n - 1) / 2, genuine.len() as u64);
    if mates == 0 || mates == all {
        return Err(JudgeError::OneClass { genuine: mates, impostors: all - mates, place: String::new() });
    }
    genuine.par_sort_unstable_by(|a, b| b.total_cmp(a));
    let steps = Steps::new(&genuine);

    // One tally a thread: a range of rows takes one that lies idle, and lays it back.
    let idle = Mutex::new(Vec::new());
    let tallies = || idle.lock().unwrap_or_else(PoisonError::into_inner);
    blocks(
        embeddings,
        embeddings,
        |rows, columns| rows.start <= columns.start,
        |_| tallies().pop().unwrap_or_else(|| Tally::new(steps.scores.len())),
        |tally, block| {
            pairs(labels, &block, |same, score| {
                if !same {
                    tally.add(&steps, score);
                }
            });
        },
    )
    .for_each(|tally| tallies().push(tally));
    let tallies = idle.into_inner().unwrap_or_else(PoisonError::into_inner);
    let tally = tallies.into_iter().reduce(Tally::merge).unwrap_or_else(|| Tally::new(steps.scores.len()));
    Ok(Roc::from_points(tally.points(&steps)))
}

/// Hands each pair of a block, of two different rows, once: whether it is genuine, and its score.
fn pairs(labels: &[i64], block: &Block<'_>, mut take: impl FnMut(bool, f32)) {
    for (row, scores) in block.rows() {
        for (column, &score) in block.right.clone().zip(scores) {
            if row < column {
                take(labels[row] == labels[column], score);
            }
        }
    }
}

/// The distinct genuine scores, falling, with how many there are of each.
struct Steps {
    scores: Vec<f32>,
    counts: Vec<u64>,
    /// For each of `BINS` equal parts of [−1, 1], from above: how many scores lie before it. A score is then
    /// found among the few of its part.
    starts: Vec<usize>,
}

const BINS: usize = 1 << 16;

/// The part of a score: whole numbers that never rise where scores rise.
fn bin(score: f32) -> usize {
    (((1.0 - score) * (BINS / 2) as f32) as usize).min(BINS - 1)
}

impl Steps {
    fn new(falling: &[f32]) -> Self {
        let (scores, counts): (Vec<f32>, _) =
            falling.chunk_by(|a, b| a == b).map(|equal| (equal[0], equal.len() as u64)).unzip();
        let starts = (0..=BINS).map(|part| scores.partition_point(|&score| bin(score) < part)).collect();
        Steps { scores, counts, starts }
    }

    /// How many distinct genuine scores are above `score`, and whether one equals it.
    fn above(&self, score: f32) -> (usize, bool) {
        let (start, end) = (self.starts[bin(score)], self.starts[bin(score) + 1]);
        let above = start + self.scores[start..end].partition_point(|&genuine| genuine > score);
        (above, above < end && self.scores[above] == score)
    }
}

/// Impostor scores, counted between and at the genuine ones.
struct Tally {
    /// Those below k genuine scores and above the others.
    between: Vec<u64>,
    /// The least of them.
    least: Vec<f32>,
    /// Those equal to a genuine score.
    equal: Vec<u64>,
}

impl Tally {
    fn new(steps: usize) -> Self {
        Tally { between: vec![0; steps + 1], least: vec![f32::INFINITY; steps + 1], equal: vec![0; steps] }
    }

    fn add(&mut self, steps: &Steps, score: f32) {
        let (above, equal) = steps.above(score);
        if equal {
            self.equal[above] += 1;
        } else {
            self.between[above] += 1;
            self.least[above] = self.least[above].min(score);
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.between.iter_mut().zip(other.between).for_each(|(a, b)| *a += b);
        self.least.iter_mut().zip(other.least).for_each(|(a, b)| *a = a.min(b));
        self.equal.iter_mut().zip(other.equal).for_each(|(a, b)| *a += b);
        self
    }

    fn points(&self, steps: &Steps) -> Vec<Point> {
        let mut at = Point::NOTHING;
        let mut points = vec![at];
        for (k, (&between, &least)) in self.between.iter().zip(&self.least).enumerate() {
            if between > 0 {
                at.false_accepts += between;
                at.threshold = f64::from(least);
                points.push(at);
            }
            if let (Some(&score), Some(&genuine), Some(&equal)) =
                (steps.scores.get(k), steps.counts.get(k), self.equal.get(k))
            {
                at.false_accepts += equal;
                at.true_accepts += genuine;
                at.threshold = f64::from(score);
                points.push(at);
            }
        }
        points
    }
}
