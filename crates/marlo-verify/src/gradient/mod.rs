//! Is the gradient the derivative of the loss?
//!
//! The derived gradient is held against two oracles that know nothing of its formula, dual numbers and differences, both
//! with 256 bits over the program as it was written; any other gradient is held against the same oracle, and any
//! other backend against the reference. A tolerance is the rounding error that a [tracked](crate::tracked) evaluation of
//! the derived formula carries at that very entry, times a small factor: it is as tight where terms are small as where they
//! are large, and as wide as f64 makes it where they cancel.

mod pair;

use marlo_ir::eval::{Batch, Outcome, Scalar, on_border};
use marlo_ir::loss::{Loss, Wrt};

use crate::big::{Big, Precision};
use crate::cases::{Case, Stratum, cases};
use crate::domain;
use crate::oracle::{Slot, Subject, group_sizes};
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

/// What a backend gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Each sample's loss, (B,).
    pub loss: Vec<f64>,
    /// The gradient by the matrix, (B, C), or (B, C, K) for K centres a class.
    pub gradient: Vec<f64>,
    /// Further derivatives, as in [`Outcome::partials`]: those that it has.
    pub partials: Vec<(Wrt, Vec<f64>)>,
    /// The next value of each state; empty where it gives none.
    pub states: Vec<f64>,
}

impl From<(Vec<f64>, Vec<f64>)> for Found {
    fn from((loss, gradient): (Vec<f64>, Vec<f64>)) -> Self {
        Found { loss, gradient, ..Found::default() }
    }
}

impl<S: Scalar> From<Outcome<S>> for Found {
    fn from(found: Outcome<S>) -> Self {
        let wide = |values: Vec<S>| values.into_iter().map(S::to_f64).collect::<Vec<f64>>();
        let partials = found.partials.into_iter().map(|(by, values)| (by, wide(values))).collect();
        Found { loss: wide(found.loss), gradient: wide(found.gradient), partials, states: wide(found.states) }
    }
}

/// What a backend gives, or why it gives nothing.
pub type Numbers = Result<Found, String>;

/// A claimed gradient: (B, C) for a batch, or (B, C, K), or why there is none.
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

/// A derivative by something else than a matrix may hold ln(1 - p), which 256 bits don't tell from 0 for a p below 1e-77:
/// below this they are no oracle for it.
const LEAST_FURTHER: f64 = 1e-65;

/// Checks the derived gradient of a loss against its oracles, and each witness against the reference.
pub fn check(loss: &Loss, witnesses: &[Witness<'_>], effort: &Effort) -> Report {
    let subject = Subject::by(loss, &domain::everything(loss));
    let drawn = cases(loss, effort.cases, effort.seed);
    // Every stratum has its share of the dear ones.
    let some = &drawn[..effort.differences.min(drawn.len())];
    let pair = |name: &str, cases: &[Case], judge: &dyn Fn(&Case) -> Option<Judgement>| {
        Pair::judge(loss, name, cases, judge)
    };
    let mut pairs = vec![
        pair("loss, f64 and 256 bits", &drawn, &|case| subject.loss_value(case, effort.slack)),
        pair("gradient and dual numbers, 256 bits", &drawn, &|case| {
            subject.claimed(case, effort.slack, &|batch| Ok(Subject::flat(&subject.derived::<f64>(batch))))
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

/// Checks any gradient of a loss by its matrix against dual numbers of 256 bits.
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
    /// The derived f64 loss and next states against the program as it was written.
    fn loss_value(&self, case: &Case, slack: f64) -> Option<Judgement> {
        let batch = case.batch(self.loss).ok()?;
        let found = self.derived::<Tracked>(&batch);
        let (exact, states) = self.written::<Big>(&batch);
        let doubt = self.in_doubt(&batch);
        let entry = |of: Option<String>, row: usize, exact: Big, found: Tracked| Entry {
            of,
            row,
            class: None,
            expected: exact.to_f64(),
            found: found.value,
            off: distance(found.value, exact),
            allowed: slack * found.error,
            size: exact.to_f64().abs().max(1.0),
        };
        let rows = (0..batch.rows).filter(|row| !doubt[*row]);
        let mut entries: Vec<Entry> = rows.map(|row| entry(None, row, exact[row], found.loss[row])).collect();
        // A state is one for the batch: where any row is in doubt, so is it.
        let sure = !doubt.contains(&true);
        for (at, (&exact, &found)) in states.iter().zip(&found.states).enumerate().filter(|_| sure) {
            entries.push(entry(Some(self.next_of(at)), 0, exact, found));
        }
        Some(Judgement { entries, on_border: count(&doubt), error: None })
    }

    /// The next value of a state, in words.
    fn next_of(&self, update: usize) -> String {
        let state = self.loss.updates.get(update).map(|u| &self.loss.graph.params[u.param as usize].name);
        format!("the next {}", state.map_or("state", String::as_str))
    }

    /// A gradient, or all derivatives, against dual numbers of 256 bits.
    fn claimed(&self, case: &Case, slack: f64, gradient: Claim<'_>) -> Option<Judgement> {
        let batch = case.batch(self.loss).ok()?;
        let bound = Subject::flat(&self.derived::<Tracked>(&batch));
        let found = match checked(gradient(&batch), bound.len()) {
            Ok(found) => found,
            Err(error) => return Some(Judgement { error: Some(error), ..Judgement::default() }),
        };
        let exact = self.by_dual::<Big>(&batch);
        let convention = self.convention(&batch, &bound);
        let floor = |slot: &Slot| if slot.class.is_some() { 0.0 } else { LEAST_FURTHER };
        Some(self.gradient_entries(&batch, &exact, |at, slot, _| {
            let allowed = slack * bound[at].error + convention[at] + floor(slot);
            (found[at], distance(found[at], exact[at]), allowed)
        }))
    }

    /// What a derivative at cos = ±1 may differ by. Where it is singular it is what the language says, 1/sin θ at the
    /// nearest cosine inside, and the terms beside the singular one are what a formula makes them; where it is finite,
    /// nothing. The singular part is found by its dependence on how near the nearest cosine is.
    fn convention(&self, batch: &Batch<f64>, found: &[Tracked]) -> Vec<f64> {
        if !self.at_end(batch) {
            return vec![0.0; found.len()];
        }
        let farther = Batch { resolution: 4.0 * batch.resolution, ..batch.clone() };
        let moved = Subject::flat(&self.derived::<f64>(&farther));
        let nearest_angle = (2.0 * batch.resolution).sqrt();
        let singular = |(a, b): (&Tracked, f64)| BESIDE * nearest_angle * 2.0 * (a.value - b).abs();
        found.iter().zip(moved).map(singular).collect()
    }

    /// The derived gradient against dual numbers, both in f64.
    fn both_rounded(&self, case: &Case, slack: f64) -> Option<Judgement> {
        let batch = case.batch(self.loss).ok()?;
        let found = Subject::flat(&self.derived::<Tracked>(&batch));
        let dual = self.by_dual::<Tracked>(&batch);
        let exact: Vec<Big> = dual.iter().map(|d| Big::from_f64(d.value)).collect();
        let convention = self.convention(&batch, &found);
        Some(self.gradient_entries(&batch, &exact, |at, _, _| {
            let allowed = slack * (found[at].error + dual[at].error) + convention[at];
            (found[at].value, (found[at].value - dual[at].value).abs(), allowed)
        }))
    }

    /// Dual numbers against differences, both with 256 bits. What has no difference counts as unbounded.
    fn oracles(&self, case: &Case) -> Option<Judgement> {
        let batch = case.batch(self.loss).ok()?;
        let dual = self.by_dual::<Big>(&batch);
        let differences = self.by_difference(&batch);
        Some(self.gradient_entries(&batch, &dual, |at, _, size| match differences[at] {
            Some(found) => {
                let off = (found - dual[at]).abs().to_f64();
                (found.to_f64(), off, ORACLES * size.max(1e-17))
            }
            None => (f64::NAN, f64::NAN, f64::INFINITY),
        }))
    }

    /// The entries that are not in doubt: those of rows that are not, and what is summed over the batch where none is.
    /// `judge` gets the place, what it is and the largest size beside it, and gives what was found, how far it is off, and what is
    /// allowed.
    fn gradient_entries(
        &self,
        batch: &Batch<f64>,
        exact: &[Big],
        judge: impl Fn(usize, &Slot, f64) -> (f64, f64, f64),
    ) -> Judgement {
        let doubt = self.in_doubt(batch);
        let expected = rounded(exact);
        let slots = self.slots(batch);
        let sizes = group_sizes(&slots, &expected);
        let sure = |slot: &Slot| slot.row.map_or(!doubt.contains(&true), |row| !doubt[row]);
        let entry = |(at, slot): (usize, &Slot)| {
            let (found, off, allowed) = judge(at, slot, sizes[at]);
            let size = sizes[at].max(f64::MIN_POSITIVE);
            // Where a rule of differentiation divides 0 by 0, dual numbers are no oracle.
            let allowed = if expected[at].is_nan() { f64::INFINITY } else { allowed };
            let (of, row, class) = (slot.of.clone(), slot.row.unwrap_or_default(), slot.class);
            Entry { of, row, class, expected: expected[at], found, off, allowed, size }
        };
        let entries = slots.iter().enumerate().filter(|(_, slot)| sure(slot)).map(entry).collect();
        Judgement { entries, on_border: count(&doubt), error: None }
    }

    /// A backend against the reference on the inputs that it sees.
    fn witnessed(&self, case: &Case, witness: &Witness<'_>) -> Option<Judgement> {
        let batch = case.batch_in(self.loss, witness.precision).ok()?;
        let reference = Found::from(self.derived::<f64>(&batch));
        let unsure = self.unsure(&batch, witness.precision);
        let width = reference.gradient.len() / batch.rows;
        let line = |row: usize| row * width..(row + 1) * width;
        let known = |row: &usize| {
            let numbers = reference.gradient[line(*row)].iter().chain(Some(&reference.loss[*row]));
            !unsure[*row] && numbers.into_iter().all(|x| x.is_finite())
        };
        let rows: Vec<usize> = (0..batch.rows).filter(known).collect();
        let on_border = count(&unsure);
        if rows.is_empty() {
            return Some(Judgement { on_border, ..Judgement::default() });
        }
        let found = (witness.run)(self.loss, &batch).and_then(|found| {
            let loss = checked(Ok(found.loss), batch.rows)?;
            let gradient = checked(Ok(found.gradient), reference.gradient.len())?;
            Ok(Found { loss, gradient, ..found })
        });
        let found = match found {
            Ok(found) => found,
            Err(error) => return Some(Judgement { error: Some(error), on_border, ..Judgement::default() }),
        };
        // What f32 flushes to zero is not wrong: e^-87 times a scale and the slope of an angle.
        let (flushed, least) = match witness.precision {
            Precision::F32 => (FLUSHED, FLUSHED),
            Precision::F64 => (0.0, 1e-300),
        };
        let slots = self.slots(&batch);
        let limit = witness.limit * reach(self.loss, &batch);
        let entry = |slot: Slot, (expected, found): (f64, f64), size: f64| {
            let (off, allowed) = ((found - expected).abs(), (limit * size).max(flushed));
            let (of, row, class) = (slot.of, slot.row.unwrap_or_default(), slot.class);
            Entry { of, row, class, expected, found, off, allowed, size }
        };
        let mut entries = Vec::new();
        for &row in &rows {
            let size = reference.loss[row].abs().max(1.0);
            entries.push(entry(Slot::of_row(row), (reference.loss[row], found.loss[row]), size));
            let largest = reference.gradient[line(row)].iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            for at in line(row) {
                let pair = (reference.gradient[at], found.gradient[at]);
                entries.push(entry(slots[at].clone(), pair, largest.max(least)));
            }
        }
        if rows.len() == batch.rows {
            for (slot, pair, size) in self.further(&reference, &found, &slots) {
                // Where all terms underflow there is nothing to compare.
                entries.push(entry(slot, pair, size.max(least.max(1e-250))));
            }
        }
        Some(Judgement { entries, on_border, error: None })
    }

    /// The further derivatives and the states that a backend gives, each with the reference's number first and its size.
    fn further(&self, reference: &Found, found: &Found, slots: &[Slot]) -> Vec<(Slot, (f64, f64), f64)> {
        let mut numbers = Vec::new();
        let mut start = reference.gradient.len();
        for (by, right) in &reference.partials {
            let given = found.partials.iter().find(|partial| partial.0 == *by);
            // By a hyperparameter it is a sum of terms of the gradient's or the loss's size, which may cancel.
            let terms = reference.gradient.iter().chain(&reference.loss).filter(|x| x.is_finite());
            let size = right.iter().chain(terms).fold(0.0, |m: f64, x| m.max(x.abs()));
            for (at, &right) in right.iter().enumerate().filter(|(_, right)| right.is_finite()) {
                // A number that is missing is none.
                let Some((_, given)) = given else { continue };
                let given = given.get(at).copied().unwrap_or(f64::NAN);
                numbers.push((slots[start + at].clone(), (right, given), size));
            }
            start += right.len();
        }
        for (at, (&right, &given)) in reference.states.iter().zip(&found.states).enumerate() {
            let slot = Slot::named(self.next_of(at));
            numbers.push((slot, (right, given), right.abs().max(1.0)));
        }
        numbers
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

/// As many numbers as were asked for.
fn checked(found: Result<Vec<f64>, String>, wanted: usize) -> Result<Vec<f64>, String> {
    let found = found?;
    if found.len() == wanted { Ok(found) } else { Err(format!("{} numbers, not {wanted}", found.len())) }
}

#[cfg(test)]
mod tests;

/// How many times as large as those of cosines at s = 128 the logits of a batch are: rounding an input of that size moves a
/// loss so much more. 1 for cosines.
pub fn reach(loss: &Loss, batch: &Batch<f64>) -> f64 {
    if crate::domain::reads_cosines(&loss.graph) {
        return 1.0;
    }
    batch.matrix.iter().fold(1.0, |reach: f64, logit| reach.max(logit.abs() / 256.0))
}
