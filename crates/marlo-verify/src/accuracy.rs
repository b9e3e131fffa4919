//! How many digits a backend keeps: the error of losses and gradients in units of the last place.
//!
//! The exact values are the derived formula's with 256 bits, on the inputs that the backend sees, rounded to its
//! precision: what is measured is the backend's own rounding, over a sample that goes down the tails, where 1 − p and
//! the loss are 1e-30 and less.

use std::collections::BTreeMap;

use marlo_ir::eval::{Batch, Outcome, Scalar};
use marlo_ir::loss::Loss;
use num_traits::Zero;
use quickcheck::Gen;

use crate::big::{Big, Precision};
use crate::cases::{Case, Source, Stratum};
use crate::gradient::{Found, Numbers, Witness, counted};
use crate::oracle::Subject;

/// How accurate a backend is.
#[derive(Clone, Debug, PartialEq)]
pub struct Accuracy {
    /// The backend.
    pub backend: String,
    /// What it computes in.
    pub precision: Precision,
    /// How many cases were drawn in each stratum.
    pub strata: Vec<(Stratum, usize)>,
    /// Rows measured.
    pub rows: usize,
    /// Rows left out because rounding decides a mask, floor or rank there.
    pub on_border: usize,
    /// Rows where the backend gave no finite number though the exact one fits its precision, or gave nothing at all.
    pub not_finite: usize,
    /// Why the backend gave nothing at all, when it first did so.
    pub refused: Option<String>,
    /// Of the loss, in ulp of the loss.
    pub loss: Measure,
    /// Of each entry of the gradient, in ulp of that entry. Where terms of an entry cancel, that is as large as may be.
    pub gradient: Measure,
    /// Of each entry of the gradient, in ulp of the largest entry of its row.
    pub row: Measure,
    /// Entries that are exactly 0 and that the backend gives as another number.
    pub wrong_zeros: usize,
    /// The worst by the size of the loss, from small to large.
    pub decades: Vec<Decade>,
}

/// The errors of one quantity, in units of the last place of the backend's precision: see [`Big::ulps`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measure {
    /// Numbers measured.
    pub count: usize,
    /// The error that half of them don't exceed.
    pub median: f64,
    /// The largest error.
    pub worst: Option<Worst>,
}

/// Where an error is largest.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// The error.
    pub ulps: f64,
    /// The inputs, before they are rounded to the backend's precision.
    pub case: Case,
    /// The row.
    pub row: usize,
    /// The class of a gradient's entry; `None` for a loss, or for the derivative by an input of the row.
    pub class: Option<usize>,
    /// The exact value, rounded to f64.
    pub exact: f64,
    /// What the backend gave.
    pub found: f64,
}

/// The largest errors of rows whose loss lies between 10^power and 10^(power + 1).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decade {
    /// The power of ten.
    pub power: i32,
    /// Rows measured.
    pub rows: usize,
    /// The largest error of a loss, in its ulp.
    pub loss: f64,
    /// The largest error of a gradient's entry, in ulp of the largest entry of its row.
    pub gradient: f64,
}

/// Measures the reference evaluator in f64, then each witness, on `count` cases drawn from a seed.
pub fn accuracy(loss: &Loss, witnesses: &[Witness<'_>], count: usize, seed: u64) -> Vec<Accuracy> {
    let subject = Subject::by(loss, &loss.usual());
    let sample = sample(loss, count, seed);
    let reference = |_: &Loss, batch: &Batch<f64>| -> Numbers { Ok(subject.derived::<f64>(batch).into()) };
    let reference = Witness { name: "reference", precision: Precision::F64, limit: 0.0, run: &reference };
    std::iter::once(&reference).chain(witnesses).map(|witness| measure(&subject, witness, &sample)).collect()
}

/// Half the cases from all strata in turn, half from the tails.
fn sample(loss: &Loss, count: usize, seed: u64) -> Vec<Case> {
    let source = Source::of(loss);
    let strata = source.strata();
    let mut g = Gen::from_size_and_seed(100, seed);
    let stratum = |at: usize| if at % 2 == 1 { Stratum::Tails } else { strata[at / 2 % strata.len()] };
    (0..count).map(|at| source.draw(stratum(at), &mut g)).collect()
}

fn measure(subject: &Subject<'_>, witness: &Witness<'_>, sample: &[Case]) -> Accuracy {
    let mut tally = Tally::default();
    for case in sample {
        let Ok(batch) = case.batch_in(subject.loss, witness.precision) else { continue };
        let unsure = subject.unsure(&batch, witness.precision);
        tally.on_border += unsure.iter().filter(|row| **row).count();
        let sure: Vec<usize> = (0..batch.rows).filter(|row| !unsure[*row]).collect();
        if sure.is_empty() {
            continue;
        }
        let exact = subject.derived::<Big>(&batch);
        match (witness.run)(subject.loss, &batch) {
            Ok(found) if found.loss.len() == batch.rows && found.gradient.len() == exact.gradient.len() => {
                sure.iter().for_each(|&row| tally.row(case, row, &exact, &found, witness.precision));
            }
            Ok(_) => tally.refuse(sure.len(), "as many numbers as were asked for are not there".to_owned()),
            Err(error) => tally.refuse(sure.len(), error),
        }
    }
    Accuracy {
        backend: witness.name.to_owned(),
        precision: witness.precision,
        strata: counted(sample),
        rows: tally.loss.errors.len(),
        on_border: tally.on_border,
        not_finite: tally.not_finite,
        refused: tally.refused,
        loss: tally.loss.measure(),
        gradient: tally.gradient.measure(),
        row: tally.largest.measure(),
        wrong_zeros: tally.wrong_zeros,
        decades: tally.decades.into_values().collect(),
    }
}

/// The measures of one backend as they grow.
#[derive(Default)]
struct Tally {
    on_border: usize,
    not_finite: usize,
    refused: Option<String>,
    loss: Errors,
    gradient: Errors,
    largest: Errors,
    wrong_zeros: usize,
    decades: BTreeMap<i32, Decade>,
}

#[derive(Default)]
struct Errors {
    errors: Vec<f64>,
    worst: Option<Worst>,
}

impl Tally {
    fn refuse(&mut self, rows: usize, why: String) {
        self.not_finite += rows;
        self.refused.get_or_insert(why);
    }

    fn row(&mut self, case: &Case, row: usize, exact: &Outcome<Big>, found: &Found, precision: Precision) {
        let width = exact.gradient.len() / case.rows();
        let centres = width / case.classes.max(1);
        let line = row * width..(row + 1) * width;
        // The derivatives by what belongs to the row, such as its norm, stand behind those by the matrix.
        let further = exact.partials.iter().filter_map(|(by, exact)| {
            let given = &found.partials.iter().find(|partial| partial.0 == *by)?.1;
            Some((*exact.get(row)?, *given.get(row)?))
        });
        let (mut entries, mut given) = (exact.gradient[line.clone()].to_vec(), found.gradient[line].to_vec());
        for (exact, found) in further {
            entries.push(exact);
            given.push(found);
        }
        let (loss, loss_found) = (exact.loss[row], found.loss[row]);
        let lost = |exact: Big, found: f64| exact.round(precision).is_finite() && !found.is_finite();
        if !loss.is_finite() || entries.iter().any(|g| !g.is_finite()) {
            return;
        }
        if lost(loss, loss_found) || entries.iter().zip(&given).any(|(g, &x)| lost(*g, x)) {
            self.not_finite += 1;
            return;
        }
        let off = loss.ulps(loss_found, precision);
        let at = |ulps: f64, class: Option<usize>, exact: Big, found: f64| Worst {
            ulps,
            case: case.clone(),
            row,
            class,
            exact: exact.to_f64(),
            found,
        };
        self.loss.add(off, || at(off, None, loss, loss_found));
        let greatest = entries.iter().map(|g| g.abs()).fold(Big::zero(), |a, b| if b > a { b } else { a });
        let mut worst = 0.0_f64;
        for (place, (&exact, &found)) in entries.iter().zip(&given).enumerate() {
            let class = (place < width).then(|| place / centres);
            self.wrong_zeros += usize::from(exact.is_zero() && found != 0.0);
            let own = exact.ulps(found, precision);
            self.gradient.add(own, || at(own, class, exact, found));
            // The same error in the unit of the largest entry.
            let shared = greatest.units(Big::from_f64(found) - exact, precision);
            worst = worst.max(shared);
            self.largest.add(shared, || at(shared, class, exact, found));
        }
        if let Some(power) = decade(loss) {
            let decade = self.decades.entry(power).or_insert(Decade { power, ..Decade::default() });
            decade.rows += 1;
            decade.loss = decade.loss.max(off);
            decade.gradient = decade.gradient.max(worst);
        }
    }
}

/// ⌊log₁₀ loss⌋ of a positive loss, however small.
fn decade(loss: Big) -> Option<i32> {
    (loss > Big::zero()).then(|| (loss.ln().to_f64() / std::f64::consts::LN_10).floor() as i32)
}

impl Errors {
    fn add(&mut self, ulps: f64, place: impl FnOnce() -> Worst) {
        self.errors.push(ulps);
        if self.worst.as_ref().is_none_or(|worst| ulps > worst.ulps) {
            self.worst = Some(place());
        }
    }

    fn measure(mut self) -> Measure {
        self.errors.sort_by(f64::total_cmp);
        let median = self.errors.get(self.errors.len() / 2).copied().unwrap_or_default();
        Measure { count: self.errors.len(), median, worst: self.worst }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARC: &str = "loss arc(s: Scale = 64 in 1..128, m: Angle = 0.5 in 0..pi/2) {
        ce(softmax(s * cos(theta[y] + m), s * cos[k]))
    }";

    fn compile(text: &str) -> Loss {
        marlo_lang::compile(text, &marlo_lang::Empty).expect("the program is right").loss
    }

    /// The exact numbers, rounded and then changed.
    fn exact<'a>(
        subject: &'a Subject<'a>,
        precision: Precision,
        change: impl Fn(f64) -> f64 + 'a,
    ) -> impl Fn(&Loss, &Batch<f64>) -> Numbers + 'a {
        move |_, batch| {
            let found = subject.derived::<Big>(batch);
            let rounded = |values: Vec<Big>| values.iter().map(|x| change(x.round(precision))).collect();
            Ok((rounded(found.loss), rounded(found.gradient)).into())
        }
    }

    #[test]
    fn the_reference_keeps_its_digits_down_the_tails() {
        let loss = compile(ARC);
        let found = accuracy(&loss, &[], 200, 1).remove(0);
        assert_eq!((found.backend.as_str(), found.not_finite, found.wrong_zeros), ("reference", 0, 0));
        assert!(found.rows > 200 && found.loss.count == found.rows, "{found:#?}");
        assert!(found.loss.median < 8.0 && found.row.median < 4.0, "{:?}", found.loss);
        // A loss of e^−u carries the rounding of u: |u|/2 ulp and a little.
        let worst = found.loss.worst.expect("rows were measured").ulps;
        assert!((1.0..400.0).contains(&worst), "{worst}");
        let powers: Vec<i32> = found.decades.iter().map(|d| d.power).collect();
        assert!(powers.is_sorted());
        let reached = (-30..2).filter(|power| powers.contains(power)).count();
        assert!(reached > 26 && powers[0] < -60, "{powers:?}");
    }

    #[test]
    fn errors_are_measured_in_the_last_place() {
        let loss = compile(ARC);
        let subject = Subject::of(&loss);
        let right = exact(&subject, Precision::F32, |x| x);
        let off = exact(&subject, Precision::F32, |x| x * (1.0 + 8.0 * f64::from(f32::EPSILON)));
        let witness = |name, run| Witness { name, precision: Precision::F32, limit: 0.0, run };
        let found = accuracy(&loss, &[witness("right", &right as &_), witness("off", &off)], 100, 2);
        let worst = |m: &Measure| m.worst.as_ref().map_or(0.0, |w| w.ulps);
        for measure in [&found[1].loss, &found[1].gradient, &found[1].row] {
            assert!(worst(measure) <= 0.5, "{measure:?}");
        }
        for measure in [&found[2].loss, &found[2].gradient, &found[2].row] {
            assert!((15.0..17.0).contains(&worst(measure)), "{measure:?}");
            assert!(measure.median < 16.5);
        }
        assert!(found[2].gradient.median > 7.0);
    }

    #[test]
    fn zeros_and_losses_of_numbers_are_told() {
        let loss = compile("loss r() { relu(cos[y] - 0.5) + ln(cos[y] + 2) }");
        let subject = Subject::of(&loss);
        let shaken = exact(&subject, Precision::F64, |x| if x == 0.0 { 1e-9 } else { x });
        let broken = exact(&subject, Precision::F64, |x| if x > 0.9 { f64::NAN } else { x });
        let refuses = |_: &Loss, _: &Batch<f64>| -> Numbers { Err("no adapter".to_owned()) };
        let witness = |name, run| Witness { name, precision: Precision::F64, limit: 0.0, run };
        let all =
            [witness("shaken", &shaken as &_), witness("broken", &broken), witness("refuses", &refuses)];
        let found = accuracy(&loss, &all, 60, 3);
        assert_eq!(found[0].wrong_zeros, 0);
        assert!(found[1].wrong_zeros > 20);
        assert!(found[2].not_finite > 5 && found[2].rows > 5);
        assert_eq!((found[3].refused.as_deref(), found[3].rows), (Some("no adapter"), 0));
    }
}
