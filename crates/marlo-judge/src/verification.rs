//! The protocol of LFW's view 2 and its successors: accuracy over folds, the threshold chosen on the others.
//!
//! In: the scores of each fold's pairs, as **cosines**. Out: a [`Verification`]. Two programs that everybody
//! cites define that accuracy differently; the same embeddings get two numbers, so a number needs its
//! [`Protocol`]'s name.
//!
//! | | [`Protocol::Insightface`] | [`Protocol::FacexZoo`] |
//! |---|---|---|
//! | score | squared distance 2 − 2 cos, in f64 | cosine, rounded to f32 |
//! | thresholds | 0, 0.01, …, 3.99 | 1,000: min + k·(max − min)/1000 of the other folds' scores, k = 1 … 1000 |
//! | chosen by | accuracy, the first of equals | TPR − FPR, the first of equals |
//! | right | distance < threshold for the same person, else ≥ | cosine > threshold, else <; equal is wrong for both |
//! | spread reported | standard deviation, ddof 0 | standard error: deviation with ddof 1 over √folds |
//!
//! Sources: `arcface_torch/eval/verification.py` of insightface (`calculate_roc`), `lfw_evaluator.py` of
//! FaceX-Zoo. LFW itself asks for mean and standard error.

use crate::error::JudgeError;
use crate::roc::{Trial, check};

/// Whose definition of accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// insightface: squared distances, 400 fixed thresholds, the most accurate one.
    Insightface,
    /// FaceX-Zoo: cosines, 1,000 thresholds between the scores, the greatest TPR − FPR.
    FacexZoo,
}

impl Protocol {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Insightface => "insightface",
            Protocol::FacexZoo => "facex-zoo",
        }
    }
}

/// Accuracy over folds.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// By which definition.
    pub protocol: Protocol,
    /// The accuracy on each fold.
    pub accuracies: Vec<f64>,
    /// The threshold for each fold, chosen on the others: a squared distance or a cosine, as the protocol has it.
    pub thresholds: Vec<f64>,
    /// The mean of the accuracies.
    pub mean: f64,
    /// Their standard deviation with ddof 0: what insightface prints after "+-".
    pub std_population: f64,
    /// Their standard deviation with ddof 1.
    pub std_sample: f64,
    /// The standard error of the mean, `std_sample` / √folds: what LFW asks for and FaceX-Zoo prints.
    pub standard_error: f64,
}

/// Judges folds of cosines.
///
/// # Errors
/// [`JudgeError`]: fewer than two folds, an empty fold, a score that is not finite, and where the folds besides
/// one hold pairs of one kind only.
pub fn verify(protocol: Protocol, folds: &[Vec<Trial>]) -> Result<Verification, JudgeError> {
    check(&folds.concat())?;
    if folds.len() < 2 {
        return Err(JudgeError::Folds { found: folds.len() });
    }
    if let Some(fold) = folds.iter().position(Vec::is_empty) {
        return Err(JudgeError::EmptyFold { fold: fold + 1 });
    }
    let (mut accuracies, mut thresholds) = (Vec::new(), Vec::new());
    for (held_out, fold) in folds.iter().enumerate() {
        let others = folds.iter().enumerate().filter(|&(other, _)| other != held_out);
        let others = Split::new(protocol, others.flat_map(|(_, trials)| trials));
        if others.genuine.is_empty() || others.impostors.is_empty() {
            return Err(JudgeError::OneClass {
                genuine: others.genuine.len() as u64,
                impostors: others.impostors.len() as u64,
                place: format!(" outside of fold {}", held_out + 1),
            });
        }
        let threshold = others.choose(protocol);
        let right = Split::new(protocol, fold).right(protocol, threshold);
        accuracies.push(right as f64 / fold.len() as f64);
        thresholds.push(threshold);
    }
    Ok(summary(protocol, accuracies, thresholds))
}

/// The bounds of `folds` folds of `pairs` pairs in their order, as scikit-learn's `KFold` without shuffling
/// makes them: the first `pairs % folds` hold one more.
pub fn contiguous_folds(pairs: usize, folds: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let (size, longer) = (pairs.checked_div(folds).unwrap_or(0), pairs.checked_rem(folds).unwrap_or(0));
    let start = move |fold: usize| fold * size + fold.min(longer);
    (0..folds).map(move |fold| start(fold)..start(fold + 1))
}

/// Scores of both kinds, rising: squared distances or cosines, as the protocol compares.
struct Split {
    genuine: Vec<f64>,
    impostors: Vec<f64>,
}

impl Split {
    fn new<'a>(protocol: Protocol, trials: impl IntoIterator<Item = &'a Trial>) -> Self {
        let (mut genuine, mut impostors) = (Vec::new(), Vec::new());
        for trial in trials {
            let score = match protocol {
                Protocol::Insightface => 2.0 - 2.0 * trial.score,
                Protocol::FacexZoo => f64::from(trial.score as f32),
            };
            if trial.same { &mut genuine } else { &mut impostors }.push(score);
        }
        genuine.sort_unstable_by(f64::total_cmp);
        impostors.sort_unstable_by(f64::total_cmp);
        Split { genuine, impostors }
    }

    /// The pairs that a threshold decides rightly.
    fn right(&self, protocol: Protocol, threshold: f64) -> usize {
        match protocol {
            Protocol::Insightface => {
                below(&self.genuine, threshold) + self.impostors.len() - below(&self.impostors, threshold)
            }
            Protocol::FacexZoo => above(&self.genuine, threshold) + below(&self.impostors, threshold),
        }
    }

    /// The threshold that is best by the protocol's own measure, the first of equals.
    fn choose(&self, protocol: Protocol) -> f64 {
        match protocol {
            Protocol::Insightface => first_best((0..400).map(|k| f64::from(k) * 0.01), |threshold| {
                self.right(protocol, threshold) as f64
            }),
            Protocol::FacexZoo => first_best(self.between(), |threshold| {
                above(&self.genuine, threshold) as f64 / self.genuine.len() as f64
                    - above(&self.impostors, threshold) as f64 / self.impostors.len() as f64
            }),
        }
    }

    /// FaceX-Zoo's thresholds. Its step is an f32, as its scores are.
    fn between(&self) -> impl Iterator<Item = f64> {
        let ends = |pick: fn(&[f64]) -> Option<&f64>| [pick(&self.genuine), pick(&self.impostors)];
        let least = ends(<[f64]>::first).into_iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let most = ends(<[f64]>::last).into_iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
        let step = f64::from((most as f32 - least as f32) / 1000.0);
        (1..=1000).map(move |k| least + step * f64::from(k))
    }
}

fn below(sorted: &[f64], threshold: f64) -> usize {
    sorted.partition_point(|&score| score < threshold)
}

fn above(sorted: &[f64], threshold: f64) -> usize {
    sorted.len() - sorted.partition_point(|&score| score <= threshold)
}

fn first_best(thresholds: impl Iterator<Item = f64>, worth: impl Fn(f64) -> f64) -> f64 {
    let worths = thresholds.map(|threshold| (threshold, worth(threshold)));
    worths
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map_or(0.0, |(threshold, _)| threshold)
}

fn summary(protocol: Protocol, accuracies: Vec<f64>, thresholds: Vec<f64>) -> Verification {
    let folds = accuracies.len() as f64;
    let mean = accuracies.iter().sum::<f64>() / folds;
    let squares: f64 = accuracies.iter().map(|accuracy| (accuracy - mean).powi(2)).sum();
    let std_sample = (squares / (folds - 1.0)).sqrt();
    Verification {
        protocol,
        mean,
        std_population: (squares / folds).sqrt(),
        std_sample,
        standard_error: std_sample / folds.sqrt(),
        accuracies,
        thresholds,
    }
}
