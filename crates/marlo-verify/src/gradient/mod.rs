//! Is the gradient the derivative of the loss?
//!
//! The derived gradient is held against two oracles that know nothing of its formula, dual numbers and differences, both
//! with 256 bits over the program as it was written; any other gradient is held against the same oracle, and any
//! other backend against the reference. A tolerance is the rounding error that a [tracked](crate::tracked) evaluation of
//! the derived formula carries at that very entry, times a small factor: it is as tight where terms are small as where they
//! are large, and as wide as f64 makes it where they cancel.

mod pair;

use marlo_ir::eval::{Batch, Outcome, Scalar, on_border};
use marlo_ir::loss::Loss;

use crate::big::{Big, Precision};
use crate::cases::{Case, Stratum, cases};
use crate::oracle::{Subject, largest};
use crate::tracked::Tracked;

pub use pair::{Counterexample, Pair, Place};
use pair::{Entry, Judgement};

/// How much is done.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Effort {
    /// Cases drawn for each comparison.
    pub cases: usize,
    /// Of those, how many are differentiated by differences too, which is dear.
    pub differences: usize,
    /// The first random state.
    pub seed: u64,
    /// The factor on the tracked error of f64. The bound itself holds for the operations of the derived formula; another
    /// formula for the same number rounds differently, and may be off by a few times as much.
    pub slack: f64,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { cases: 260, differences: 26, seed: 1, slack: 4.0 }
    }
}

/// Loss (B,) and gradient (B, C) as a backend gives them, or why it gives none.
pub type Numbers = Result<(Vec<f64>, Vec<f64>), String>;

/// A claimed gradient: (B, C) for a batch, or why there is none.
pub type Claim<'a> = &'a dyn Fn(&Batch<f64>) -> Result<Vec<f64>, String>;

/// Another backend, held against the reference.
#[derive(Copy, Clone)]
pub struct Witness<'a> {
    /// Its name in a report.
    pub name: &'a str,
    /// What it computes in. It is given inputs of that precision, and its rows on the [border](on_border) of a mask are
    /// left out.
    pub precision: Precision,
    /// How far it may be off: of a gradient relative to the largest entry of its row, of a loss to max(1, loss).
    pub limit: f64,
    /// Runs it on a batch.
    pub run: &'a dyn Fn(&Loss, &Batch<f64>) -> Numbers,
}

/// What was found of a loss's gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How many cases were drawn in each stratum.
    pub strata: Vec<(Stratum, usize)>,
    /// The comparisons: the derived loss and gradient with their oracles, then the witnesses.
    pub pairs: Vec<Pair>,
}

impl Report {
    /// Does every comparison hold?
    pub fn holds(&self) -> bool {
        self.pairs.iter().all(Pair::holds)
    }
}

/// How far apart f32 numbers must be for it to tell which is greater: a few units in the last place of logits.
const BORDER_F32: f64 = 2e-5;
/// How large the terms beside a singular one may be: |a·tan b| for an angle aθ + b, and some.
const BESIDE: f64 = 64.0;
/// Below this an f32 exponential may have been flushed to 0.
const FLUSHED: f64 = 1e-30;
/// What the two oracles may differ by, relative to the largest entry of the row.
const ORACLES: f64 = 1e-18;

/// Checks the derived gradient of a loss against its oracles, and each witness against the reference.
pub fn check(loss: &Loss, witnesses: &[Witness<'_>], effort: &Effort) -> Report {
    let subject = Subject::of(loss);
    let drawn = cases(loss, effort.cases, effort.seed);
    // Every stratum has its share of the dear ones.
    let some = &drawn[..effort.differences.min(drawn.len())];
    let pair = |name: &str, cases: &[Case], judge: &dyn Fn(&Case) -> Option<Judgement>| {
        Pair::judge(loss, name, cases, judge)
    };
    let mut pairs = vec![
        pair("loss, f64 and 256 bits", &drawn, &|case| subject.loss_value(case, effort.slack)),
        pair("gradient and dual numbers, 256 bits", &drawn, &|case| {
            subject.claimed(case, effort.slack, &|batch| Ok(subject.derived::<f64>(batch).gradient))
        }),
        pair("gradient and dual numbers, f64", &drawn, &|case| subject.both_rounded(case, effort.slack)),
        pair("dual numbers and differences, 256 bits", some, &|case| subject.oracles(case)),
    ];
    for witness in witnesses {
        let name = format!("{} in {} and the reference", witness.name, witness.precision.name());
        pairs.push(pair(&name, &drawn, &|case| subject.witnessed(case, witness)));
    }
    Report { strata: counted(&drawn), pairs }
}

/// Checks any gradient of a loss, (B, C) for a batch, against dual numbers of 256 bits.
pub fn check_derivative(loss: &Loss, gradient: Claim<'_>, cases: &[Case], slack: f64) -> Pair {
    let subject = Subject::of(loss);
    Pair::judge(loss, "gradient and dual numbers, 256 bits", cases, &|case| {
        subject.claimed(case, slack, gradient)
    })
}

/// How many cases each stratum has.
pub(crate) fn counted(cases: &[Case]) -> Vec<(Stratum, usize)> {
    let count = |stratum: Stratum| cases.iter().filter(|case| case.stratum == stratum).count();
    Stratum::ALL.into_iter().map(|s| (s, count(s))).filter(|s| s.1 > 0).collect()
}

/// |a − b| of a rounded and an exact number.
fn distance(found: f64, exact: Big) -> f64 {
    if found.is_finite() { (Big::from_f64(found) - exact).abs().to_f64() } else { f64::NAN }
}

impl Subject<'_> {
    /// The derived f64 loss against the program as it was written.
    fn loss_value(&self, case: &Case, slack: f64) -> Option<Judgement> {
        let batch = case.batch(self.loss).ok()?;
        let found = self.derived::<Tracked>(&batch).loss;
        let exact = self.written::<Big>(&batch);
        let doubt = self.in_doubt(&batch);
        let entry = |row: usize| Entry {
            row,
            class: None,
            expected: exact[row].to_f64(),
            found: found[row].value,
            off: distance(found[row].value, exact[row]),
            allowed: slack * found[row].error,
            size: exact[row].to_f64().abs().max(1.0),
        };
        let entries = (0..batch.rows).filter(|row| !doubt[*row]).map(entry).collect();
        Some(Judgement { entries, on_border: count(&doubt), error: None })
    }

    /// A gradient against dual numbers of 256 bits.
    fn claimed(&self, case: &Case, slack: f64, gradient: Claim<'_>) -> Option<Judgement> {
        let batch = case.batch(self.loss).ok()?;
        let found = match checked(gradient(&batch), batch.matrix.len()) {
            Ok(found) => found,
            Err(error) => return Some(Judgement { error: Some(error), ..Judgement::default() }),
        };
        let bound = self.derived::<Tracked>(&batch).gradient;
        let exact = self.by_dual::<Big>(&batch);
        let convention = self.convention(&batch, &bound);
        Some(self.gradient_entries(&batch, &exact, |at| {
            (found[at], distance(found[at], exact[at]), slack * bound[at].error + convention[at])
        }))
    }

    /// What a derivative at cos = ±1 may differ by. Where it is singular it is what the language says, 1/sin θ at the
    /// nearest cosine inside, and the terms beside the singular one are what a formula makes them; where it is finite,
    /// nothing. The singular part is found by its dependence on how near the nearest cosine is.
    fn convention(&self, batch: &Batch<f64>, found: &[Tracked]) -> Vec<f64> {
        if !batch.matrix.iter().any(|x| x.abs() == 1.0) {
            return vec![0.0; found.len()];
        }
        let farther = Batch { resolution: 4.0 * batch.resolution, ..batch.clone() };
        let moved = self.derived::<f64>(&farther).gradient;
        let nearest_angle = (2.0 * batch.resolution).sqrt();
        let singular = |(a, b): (&Tracked, f64)| BESIDE * nearest_angle * 2.0 * (a.value - b).abs();
        found.iter().zip(moved).map(singular).collect()
    }

    /// The derived gradient against dual numbers, both in f64.
    fn both_rounded(&self, case: &Case, slack: f64) -> Option<Judgement> {
        let batch = case.batch(self.loss).ok()?;
        let found = self.derived::<Tracked>(&batch).gradient;
        let dual = self.by_dual::<Tracked>(&batch);
        let exact: Vec<Big> = dual.iter().map(|d| Big::from_f64(d.value)).collect();
        let convention = self.convention(&batch, &found);
        Some(self.gradient_entries(&batch, &exact, |at| {
            let allowed = slack * (found[at].error + dual[at].error) + convention[at];
            (found[at].value, (found[at].value - dual[at].value).abs(), allowed)
        }))
    }

    /// Dual numbers against differences, both with 256 bits. What has no difference counts as unbounded.
    fn oracles(&self, case: &Case) -> Option<Judgement> {
        let batch = case.batch(self.loss).ok()?;
        let dual = self.by_dual::<Big>(&batch);
        let differences = self.by_difference(&batch);
        let sizes = largest(&rounded(&dual), batch.classes);
        Some(self.gradient_entries(&batch, &dual, |at| match differences[at] {
            Some(found) => {
                let off = (found - dual[at]).abs().to_f64();
                (found.to_f64(), off, ORACLES * sizes[at / batch.classes].max(1e-17))
            }
            None => (f64::NAN, f64::NAN, f64::INFINITY),
        }))
    }

    /// The entries of all rows that are not in doubt; `judge` gives what was found, how far it is off, and what is allowed.
    fn gradient_entries(
        &self,
        batch: &Batch<f64>,
        exact: &[Big],
        judge: impl Fn(usize) -> (f64, f64, f64),
    ) -> Judgement {
        let doubt = self.in_doubt(batch);
        let expected = rounded(exact);
        let sizes = largest(&expected, batch.classes);
        let entry = |at: usize| {
            let (found, off, allowed) = judge(at);
            let (row, class) = (at / batch.classes, at % batch.classes);
            let size = sizes[row].max(f64::MIN_POSITIVE);
            // Where a rule of differentiation divides 0 by 0, dual numbers are no oracle.
            let allowed = if expected[at].is_nan() { f64::INFINITY } else { allowed };
            Entry { row, class: Some(class), expected: expected[at], found, off, allowed, size }
        };
        let entries = (0..exact.len()).filter(|at| !doubt[at / batch.classes]).map(entry).collect();
        Judgement { entries, on_border: count(&doubt), error: None }
    }

    /// A backend against the reference on the inputs that it sees.
    fn witnessed(&self, case: &Case, witness: &Witness<'_>) -> Option<Judgement> {
        let batch = case.batch_in(self.loss, witness.precision).ok()?;
        let reference = self.derived::<f64>(&batch);
        let unsure = self.unsure(&batch, witness.precision);
        let known = |row: &usize| !unsure[*row] && finite(&reference, *row, batch.classes);
        let rows: Vec<usize> = (0..batch.rows).filter(known).collect();
        let on_border = count(&unsure);
        if rows.is_empty() {
            return Some(Judgement { on_border, ..Judgement::default() });
        }
        let found = (witness.run)(self.loss, &batch).and_then(|(loss, gradient)| {
            Ok((checked(Ok(loss), batch.rows)?, checked(Ok(gradient), batch.matrix.len())?))
        });
        let (loss, gradient) = match found {
            Ok(found) => found,
            Err(error) => return Some(Judgement { error: Some(error), on_border, ..Judgement::default() }),
        };
        let flushed = if witness.precision == Precision::F32 { FLUSHED } else { 0.0 };
        let entry = |row: usize, class: Option<usize>, expected: f64, found: f64, size: f64| {
            let (off, allowed) = ((found - expected).abs(), (witness.limit * size).max(flushed));
            Entry { row, class, expected, found, off, allowed, size }
        };
        // What f32 flushes to zero is not wrong: e^-87 times a scale and the slope of an angle.
        let least = if witness.precision == Precision::F32 { 1e-30 } else { 1e-300 };
        let sizes = largest(&reference.gradient, batch.classes);
        let mut entries = Vec::new();
        for row in rows {
            let size = reference.loss[row].abs().max(1.0);
            entries.push(entry(row, None, reference.loss[row], loss[row], size));
            for class in 0..batch.classes {
                let (at, size) = (row * batch.classes + class, sizes[row].max(least));
                entries.push(entry(row, Some(class), reference.gradient[at], gradient[at], size));
            }
        }
        Some(Judgement { entries, on_border, error: None })
    }

    /// Which rows a precision may decide the other way; all, where one row's gradient depends on the others.
    pub(crate) fn unsure(&self, batch: &Batch<f64>, precision: Precision) -> Vec<bool> {
        if precision == Precision::F64 {
            return self.in_doubt(batch);
        }
        let mut rows = on_border(self.loss, batch, BORDER_F32);
        if self.count_in_doubt(batch, BORDER_F32) {
            rows.fill(true);
        }
        if self.loss.couples_rows() && rows.contains(&true) {
            rows.fill(true);
        }
        rows
    }
}

fn count(rows: &[bool]) -> usize {
    rows.iter().filter(|row| **row).count()
}

fn rounded(exact: &[Big]) -> Vec<f64> {
    exact.iter().map(|x| x.to_f64()).collect()
}

/// Are the loss and the gradient of a row finite?
fn finite(outcome: &Outcome<f64>, row: usize, classes: usize) -> bool {
    let gradient = &outcome.gradient[row * classes..(row + 1) * classes];
    outcome.loss[row].is_finite() && gradient.iter().all(|x| x.is_finite())
}

/// As many numbers as were asked for.
fn checked(found: Result<Vec<f64>, String>, wanted: usize) -> Result<Vec<f64>, String> {
    let found = found?;
    if found.len() == wanted { Ok(found) } else { Err(format!("{} numbers, not {wanted}", found.len())) }
}

#[cfg(test)]
mod tests;
