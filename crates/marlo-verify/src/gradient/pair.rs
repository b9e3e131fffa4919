//! One number against another, over many cases: what was compared, how far apart, and the smallest failure.

use marlo_ir::loss::Loss;

use crate::cases::{Case, Stratum, shrunk};

/// What a comparison of two sources found.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// What is compared with what, in words.
    pub name: String,
    /// Numbers compared.
    pub entries: usize,
    /// Rows left out because rounding decides a mask, floor or rank there.
    pub on_border: usize,
    /// Numbers left out because no error bound is known there (f64 overflows, a term is singular), or no oracle is.
    pub unbounded: usize,
    /// The largest deviation relative to the largest entry of its row, and where.
    pub worst: Option<Place>,
    /// The largest share of its tolerance that a deviation used; above 1 is a failure.
    pub used: f64,
    /// The failure, made small.
    pub failure: Option<Counterexample>,
}

/// Where two sources differ, and by how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The hard place that the case was drawn for.
    pub stratum: Stratum,
    /// What it is, in words, where row and class don't say it: a derivative by something else than the matrix, a state.
    pub of: Option<String>,
    /// The row; 0 for what has none.
    pub row: usize,
    /// The class of a gradient's entry; `None` for a loss.
    pub class: Option<usize>,
    /// What it should be.
    pub expected: f64,
    /// What it is.
    pub found: f64,
    /// |found − expected|, relative to the largest entry of the row.
    pub deviation: f64,
}

impl Place {
    /// What stands there, in words.
    pub fn what(&self) -> String {
        match (&self.of, self.class) {
            (Some(of), _) => of.clone(),
            (None, Some(class)) => format!("the gradient at row {}, class {class}", self.row),
            (None, None) => format!("the loss at row {}", self.row),
        }
    }
}

/// A case on which a claim fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Counterexample {
    /// The inputs.
    pub case: Case,
    /// Where they differ; `None` when the source gave no numbers at all.
    pub place: Option<Place>,
    /// |found − expected| that would have been allowed.
    pub allowed: f64,
    /// What the source said instead of giving numbers.
    pub error: Option<String>,
}

/// A number to be judged.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) of: Option<String>,
    pub(super) row: usize,
    pub(super) class: Option<usize>,
    pub(super) expected: f64,
    pub(super) found: f64,
    /// |found − expected|, taken before either was rounded to f64.
    pub(super) off: f64,
    pub(super) allowed: f64,
    /// What the deviation is relative to.
    pub(super) size: f64,
}

/// Everything that a case has to judge.
#[derive(Clone, Debug, Default)]
pub(super) struct Judgement {
    pub(super) entries: Vec<Entry>,
    pub(super) on_border: usize,
    pub(super) error: Option<String>,
}

impl Entry {
    fn fails(&self) -> bool {
        // Nothing may hide behind NaN.
        self.allowed.is_finite() && (self.off.is_nan() || self.off > self.allowed)
    }

    fn place(&self, stratum: Stratum) -> Place {
        Place {
            stratum,
            of: self.of.clone(),
            row: self.row,
            class: self.class,
            expected: self.expected,
            found: self.found,
            // Beside nothing but underflow there is no size to compare with.
            deviation: if self.off == 0.0 || self.size < 1e-250 { 0.0 } else { self.off / self.size },
        }
    }
}

impl Judgement {
    /// The entry that is furthest past its tolerance.
    fn failure(&self) -> Option<&Entry> {
        let past = |entry: &&Entry| {
            let share = entry.off / entry.allowed;
            if share.is_nan() { f64::INFINITY } else { share }
        };
        self.entries.iter().filter(|e| e.fails()).max_by(|a, b| past(a).total_cmp(&past(b)))
    }

    fn fails(&self) -> bool {
        self.error.is_some() || self.failure().is_some()
    }
}

impl Pair {
    /// Does the claim hold on every case?
    pub fn holds(&self) -> bool {
        self.failure.is_none()
    }

    /// Judges cases until one fails, and makes that one small. A case that doesn't fit the loss (`None`) is passed over.
    pub(super) fn judge(
        loss: &Loss,
        name: &str,
        cases: &[Case],
        judge: &dyn Fn(&Case) -> Option<Judgement>,
    ) -> Pair {
        let mut pair = Pair {
            name: name.to_owned(),
            entries: 0,
            on_border: 0,
            unbounded: 0,
            worst: None,
            used: 0.0,
            failure: None,
        };
        for case in cases {
            let Some(judged) = judge(case) else { continue };
            pair.on_border += judged.on_border;
            for entry in &judged.entries {
                pair.count(entry, case.stratum);
            }
            if judged.fails() {
                let fails = |case: &Case| judge(case).is_some_and(|judged| judged.fails());
                let small = shrunk(loss, case, &fails);
                let judged = judge(&small).unwrap_or(judged);
                pair.failure = Some(Counterexample {
                    place: judged.failure().map(|entry| entry.place(small.stratum)),
                    allowed: judged.failure().map_or(0.0, |entry| entry.allowed),
                    error: judged.error,
                    case: small,
                });
                break;
            }
        }
        pair
    }

    fn count(&mut self, entry: &Entry, stratum: Stratum) {
        if !entry.allowed.is_finite() {
            self.unbounded += 1;
            return;
        }
        self.entries += 1;
        if entry.off > 0.0 {
            self.used = self.used.max(entry.off / entry.allowed);
        }
        let place = entry.place(stratum);
        if self.worst.as_ref().is_none_or(|worst| place.deviation > worst.deviation) {
            self.worst = Some(place);
        }
    }
}
