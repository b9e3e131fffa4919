//! Why a judgement is refused.

use crate::embeddings::EmbeddingsError;

/// Why embeddings or scores cannot be judged by what was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JudgeError {
    /// There is nothing to judge.
    #[error("no {what} to judge; give at least one")]
    Empty {
        /// What there is none of.
        what: &'static str,
    },
    /// A score is infinite or NaN.
    #[error("score {index} is {value}; scores must be finite")]
    NotFinite {
        /// Its place, from 0.
        index: usize,
        /// The score.
        value: f64,
    },
    /// All scores belong to pairs of the same person, or all to pairs of different people.
    #[error("{genuine} genuine and {impostors} impostor scores{place}; both kinds are needed")]
    OneClass {
        /// The pairs of one person.
        genuine: u64,
        /// The pairs of two people.
        impostors: u64,
        /// Where, as words that follow "scores".
        place: String,
    },
    /// There are too few folds to choose a threshold on others.
    #[error("{found} fold(s); a threshold is chosen on the other folds, so at least two are needed")]
    Folds {
        /// The folds there are.
        found: usize,
    },
    /// A fold is empty.
    #[error("fold {fold} holds no pairs; give each fold at least one")]
    EmptyFold {
        /// The fold, from 1.
        fold: usize,
    },
    /// A rate below what the scores can resolve.
    #[error(
        "a rate of {target:e} needs {needed} impostors (ten expected false accepts), and there are {found}; \
         ask for a rate of at least 10/{found}, or judge more"
    )]
    Unresolved {
        /// The rate asked for.
        target: f64,
        /// The impostor scores it needs.
        needed: u64,
        /// The impostor scores there are.
        found: u64,
    },
    /// A rate that is none.
    #[error("{value} is no rate; give a number above 0 and at most 1")]
    Rate {
        /// What was given.
        value: f64,
    },
    /// A rank that is none.
    #[error("rank {rank} cannot be judged; ranks run from 1 to {most}")]
    Rank {
        /// What was given.
        rank: usize,
        /// The greatest rank.
        most: usize,
    },
    /// There is not one label a row.
    #[error("{labels} labels for {embeddings} embeddings; give one label a row")]
    Labels {
        /// The labels.
        labels: usize,
        /// The rows.
        embeddings: usize,
    },
    /// A probe has no mate in the gallery, or several where one is needed.
    #[error("probe {probe} (label {label}) has {found} mates in the gallery; {wanted}")]
    Mates {
        /// The probe's row, from 0.
        probe: usize,
        /// Its label.
        label: i64,
        /// Its mates.
        found: usize,
        /// How many there should be, and what to do.
        wanted: &'static str,
    },
    /// Embeddings are of no shape that can be compared.
    #[error(transparent)]
    Embeddings(#[from] EmbeddingsError),
}
