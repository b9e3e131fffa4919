//! What can be said of a claim, and no more than was shown.

use std::fmt;

use serde_json::{Value, json};

/// How a claim stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It holds for all inputs that it speaks of.
    Proved {
        /// By what argument.
        how: String,
    },
    /// It held in every case that was tried.
    Checked {
        /// How many.
        cases: usize,
        /// Of what: cases, or numbers.
        of: &'static str,
        /// What was tried.
        how: String,
    },
    /// It does not hold.
    Refuted {
        /// What was found in place of it.
        why: String,
        /// A command that shows it.
        replay: Option<String>,
    },
    /// Neither could be shown.
    Unknown {
        /// What is missing.
        why: String,
    },
}

impl Verdict {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Proved { .. } => "proved",
            Verdict::Checked { .. } => "checked",
            Verdict::Refuted { .. } => "REFUTED",
            Verdict::Unknown { .. } => "unknown",
        }
    }

    /// Does the claim fail?
    pub fn is_refuted(&self) -> bool {
        matches!(self, Verdict::Refuted { .. })
    }

    /// The argument, the count or the reason.
    pub fn detail(&self) -> String {
        match self {
            Verdict::Proved { how } => how.clone(),
            Verdict::Checked { cases, of, how } => format!("{cases} {of}, {how}"),
            Verdict::Refuted { why, .. } | Verdict::Unknown { why } => why.clone(),
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let word = self.word().to_lowercase();
        match self {
            Verdict::Proved { how } => json!({ "verdict": word, "how": how }),
            Verdict::Checked { cases, of, how } => {
                json!({ "verdict": word, "how": how, "count": cases, "of": of })
            }
            Verdict::Refuted { why, replay } => json!({ "verdict": word, "why": why, "replay": replay }),
            Verdict::Unknown { why } => json!({ "verdict": word, "why": why }),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word(), self.detail())?;
        match self {
            Verdict::Refuted { replay: Some(replay), .. } => write!(f, "\n    {replay}"),
            _ => Ok(()),
        }
    }
}
