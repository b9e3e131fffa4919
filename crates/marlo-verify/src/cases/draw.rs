//! Drawing cases, stratum by stratum.

use marlo_ir::graph::{Axis, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Loss;
use quickcheck::Gen;

use super::{Case, Stratum, input_range, param_range};
use crate::decisions::Decisions;
use crate::domain;

/// The 256 bytes: `Gen` draws evenly from a slice alone.
const BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut at = 0;
    while at < 256 {
        bytes[at] = at as u8;
        at += 1;
    }
    bytes
};

/// The cosines next to ±1.
const INSIDE: f64 = 1.0 - f64::EPSILON / 2.0;

/// A number in [0, 1), with 56 random bits.
fn unit(g: &mut Gen) -> f64 {
    (0..7).fold(0.0, |x, _| (x + f64::from(g.choose(&BYTES).copied().unwrap_or(0))) / 256.0)
}

/// A number between two.
fn between(g: &mut Gen, low: f64, high: f64) -> f64 {
    (low + (high - low) * unit(g)).clamp(low, high)
}

/// True in that share of all draws.
fn chance(g: &mut Gen, share: f64) -> bool {
    unit(g) < share
}

/// A whole number from `low` to `high`.
fn whole(g: &mut Gen, low: usize, high: usize) -> usize {
    low + (unit(g) * (high - low + 1) as f64) as usize
}

/// Either sign.
fn signed(g: &mut Gen, x: f64) -> f64 {
    if chance(g, 0.5) { x } else { -x }
}

/// Where the cases of a loss come from.
#[derive(Debug)]
pub struct Source<'a> {
    loss: &'a Loss,
    decisions: Decisions,
    cosines: bool,
    coupled: bool,
}

/// `count` cases of a loss: each of its strata in turn, so that each gets its share. Equal seeds give equal cases.
pub fn cases(loss: &Loss, count: usize, seed: u64) -> Vec<Case> {
    let source = Source::of(loss);
    let mut g = Gen::from_size_and_seed(100, seed);
    let strata = source.strata();
    (0..count).map(|at| source.draw(strata[at % strata.len()], &mut g)).collect()
}

impl Case {
    /// A case of any of the loss's strata. To draw more than one make a [`Source`] once, or use [`cases`].
    pub fn draw(loss: &Loss, g: &mut Gen) -> Case {
        let source = Source::of(loss);
        let stratum = g.choose(&source.strata()).copied().unwrap_or(Stratum::Random);
        source.draw(stratum, g)
    }
}

impl<'a> Source<'a> {
    /// Prepares a loss.
    pub fn of(loss: &'a Loss) -> Self {
        let normal = loss.normalised();
        let decisions = Decisions::of(&normal.graph, &[normal.row, normal.total]);
        Source { loss, decisions, cosines: domain::reads_cosines(&loss.graph), coupled: loss.couples_rows() }
    }

    /// The strata that the loss has: borders where it decides anything, settings where it has hyperparameters.
    pub fn strata(&self) -> Vec<Stratum> {
        let has = |stratum: &Stratum| match stratum {
            Stratum::Ends | Stratum::Inside => self.cosines,
            Stratum::Large => !self.cosines,
            Stratum::Border => !self.decisions.is_empty(),
            Stratum::Least | Stratum::Greatest => !self.loss.graph.params.is_empty(),
            _ => true,
        };
        Stratum::ALL.into_iter().filter(has).collect()
    }

    /// A case of a stratum. Where no border can be found from ten random batches, the case is a random one.
    pub fn draw(&self, stratum: Stratum, g: &mut Gen) -> Case {
        if stratum == Stratum::Border {
            for _ in 0..10 {
                let mut case = self.plain(g);
                if self.to_border(&mut case, g) {
                    return Case { stratum, ..case };
                }
            }
        }
        let mut case = if stratum == Stratum::TwoClasses { self.sized(g, 2) } else { self.plain(g) };
        if stratum != Stratum::Border {
            case.stratum = stratum;
        }
        match stratum {
            Stratum::Ends => self.replace(&mut case, g, |g| signed(g, 1.0)),
            Stratum::Inside => self.replace(&mut case, g, just_inside),
            Stratum::Large => self.replace(&mut case, g, |g| {
                let near = between(g, -2.0, 2.0);
                let size = if chance(g, 0.5) { 30.0 } else { 1e4 };
                signed(g, size) + near
            }),
            Stratum::Ties => self.tie(&mut case, g),
            Stratum::Easy => self.sides(&mut case, g, (0.5, 0.98), (-0.98, 0.1)),
            Stratum::Hard => self.sides(&mut case, g, (-0.98, 0.1), (0.5, 0.98)),
            Stratum::Saturated => self.saturate(&mut case, g),
            Stratum::Tails => self.spread(&mut case, g),
            Stratum::Least => self.settings(&mut case, g, |range| range.0),
            Stratum::Greatest => self.settings(&mut case, g, |range| range.1),
            _ => {}
        }
        case
    }

    fn plain(&self, g: &mut Gen) -> Case {
        let classes = whole(g, 2, 5);
        self.sized(g, classes)
    }

    /// A random case with that many classes.
    fn sized(&self, g: &mut Gen, classes: usize) -> Case {
        let rows = if self.coupled { whole(g, 2, 4) } else { whole(g, 1, 2) };
        let inputs = self.loss.graph.inputs.iter().skip(1);
        let vectors = inputs.map(|input| drawn(g, input, domain::length(input, rows, classes))).collect();
        let range = if self.cosines { (-1.0, 1.0) } else { (-8.0, 8.0) };
        Case {
            stratum: Stratum::Random,
            classes,
            matrix: (0..rows * classes).map(|_| between(g, range.0, range.1)).collect(),
            labels: (0..rows).map(|_| whole(g, 0, classes - 1)).collect(),
            vectors,
            params: self.params(g, classes),
        }
    }

    /// Each hyperparameter at its default, or anywhere in its range.
    fn params(&self, g: &mut Gen, classes: usize) -> Vec<f64> {
        let params = self.loss.graph.params.iter().zip(domain::defaults(&self.loss.graph, classes));
        params
            .map(|(param, start)| {
                let (low, high) = param_range(param, start);
                let drawn = between(g, low, high);
                let default = start.filter(|_| chance(g, 0.6));
                // A factor of an angle is a whole number in every paper.
                let drawn = if param.kind == Kind::Factor && chance(g, 0.7) {
                    drawn.round().clamp(low, high)
                } else {
                    drawn
                };
                default.unwrap_or(drawn)
            })
            .collect()
    }

    /// Replaces some entries, at least one.
    fn replace(&self, case: &mut Case, g: &mut Gen, draw: impl Fn(&mut Gen) -> f64) {
        let count = case.matrix.len();
        let matrices: Vec<usize> = domain::matrices(&self.loss.graph).collect();
        let sure = whole(g, 0, count * matrices.len() - 1);
        for (place, input) in matrices.into_iter().enumerate() {
            let Some(values) = case.values_mut(input) else { continue };
            for (at, entry) in values.iter_mut().enumerate() {
                if place * count + at == sure || chance(g, 0.4) {
                    *entry = draw(g);
                }
            }
        }
    }

    /// Goes through the rows of every matrix, with their labels.
    fn rows(&self, case: &mut Case, mut each: impl FnMut(&mut [f64], usize)) {
        let (classes, labels) = (case.classes, case.labels.clone());
        for input in domain::matrices(&self.loss.graph) {
            let Some(values) = case.values_mut(input) else { continue };
            values.chunks_mut(classes).zip(&labels).for_each(|(row, &label)| each(row, label));
        }
    }

    /// Draws targets and others each from a range of cosines; logits are ten times as large.
    fn sides(&self, case: &mut Case, g: &mut Gen, target: (f64, f64), others: (f64, f64)) {
        let scale = if self.cosines { 1.0 } else { 10.0 };
        self.rows(case, |row, label| {
            for (class, entry) in row.iter_mut().enumerate() {
                let range = if class == label { target } else { others };
                *entry = scale * between(g, range.0, range.1);
            }
        });
    }

    fn saturate(&self, case: &mut Case, g: &mut Gen) {
        let (near, far) = ((0.97, 1.0), (-1.0, -0.9));
        if chance(g, 0.6) {
            self.sides(case, g, near, far);
        } else {
            self.sides(case, g, far, near);
        }
        for (value, param) in case.params.iter_mut().zip(&self.loss.graph.params) {
            if param.kind == Kind::Scale {
                *value = param_range(param, param.default).1;
            }
        }
    }

    /// The others lie together, and the target at any distance above or below them.
    fn spread(&self, case: &mut Case, g: &mut Gen) {
        let scale = if self.cosines { 1.0 } else { 50.0 };
        self.rows(case, |row, label| {
            let level = between(g, -0.95, 0.0);
            for (class, entry) in row.iter_mut().enumerate() {
                let near = level + between(g, -0.04, 0.04);
                let lowest = if chance(g, 0.8) { level } else { -1.0 };
                let target = between(g, lowest, 1.0);
                *entry = scale * if class == label { target } else { near };
            }
        });
    }

    /// Puts hyperparameters to one end, at least one of them.
    fn settings(&self, case: &mut Case, g: &mut Gen, end: impl Fn((f64, f64)) -> f64) {
        let sure = whole(g, 0, case.params.len().saturating_sub(1));
        let starts = domain::defaults(&self.loss.graph, case.classes);
        let params = self.loss.graph.params.iter().zip(starts);
        for (at, (value, (param, start))) in case.params.iter_mut().zip(params).enumerate() {
            if at == sure || chance(g, 0.4) {
                *value = end(param_range(param, start));
            }
        }
    }

    /// Moves one entry of a matrix, or of another input whose values have no sum, to a place where a decision flips, on
    /// either side or exactly on it; false where none flips along it.
    fn to_border(&self, case: &mut Case, g: &mut Gen) -> bool {
        let inputs = &self.loss.graph.inputs;
        let moves = |input: &usize| *input == 0 || inputs[*input].sum.is_none();
        let counts = (0..inputs.len())
            .filter(moves)
            .map(|input| (input, domain::length(&inputs[input], case.rows(), case.classes)));
        let counts: Vec<(usize, usize)> = counts.collect();
        let mut at = whole(g, 0, counts.iter().map(|c| c.1).sum::<usize>() - 1);
        let Some(&(input, _)) = counts.iter().find(|(_, count)| {
            let here = at < *count;
            at -= if here { 0 } else { *count };
            here
        }) else {
            return false;
        };
        let (least, most) = match inputs[input].axis {
            Axis::Matrix if self.cosines => (-1.0, 1.0),
            Axis::Matrix => (-30.0, 30.0),
            _ => input_range(&inputs[input]),
        };
        let set = |case: &mut Case, x: f64| {
            if let Some(entry) = case.values_mut(input).and_then(|values| values.get_mut(at)) {
                *entry = x;
            }
        };
        let outcomes = |x: f64| {
            let mut moved = case.clone();
            set(&mut moved, x);
            let sites = moved.batch(self.loss).map(|batch| self.decisions.sites(&batch)).unwrap_or_default();
            sites.iter().map(|site| site.outcome()).collect::<Vec<_>>()
        };
        let Some([low, high]) = flip(g, (least, most), outcomes) else { return false };
        // A side may be the border itself, where the two sides of a comparison are equal: then the next one is beyond.
        let around = [low, high, low.next_down(), high.next_up()];
        let Some(&entry) = g.choose(&around) else { return false };
        // Rounding may leave the decision itself in doubt there, so half the cases stand a little further off.
        let away = if chance(g, 0.5) { 10.0_f64.powi(-(whole(g, 3, 15) as i32)) } else { 0.0 };
        let size = (most - least) / 2.0;
        set(case, (entry + size * signed(g, away)).clamp(least, most));
        true
    }

    /// Gives one other class, or all, the value of the target; or ties all the others. With several centres a class some
    /// rows are the same for all.
    fn tie(&self, case: &mut Case, g: &mut Gen) {
        let classes = case.classes;
        self.rows(case, |row, label| {
            let target = row[label];
            match whole(g, 0, 2) {
                0 => row.fill(target),
                1 => row[(label + 1) % classes] = target,
                _ => {
                    let other = row[(label + 1) % classes];
                    row.fill(other);
                    row[label] = target;
                }
            }
        });
        for input in domain::matrices(&self.loss.graph).skip(1) {
            let (first, same) = (case.matrix.clone(), chance(g, 0.5));
            if let Some(values) = case.values_mut(input).filter(|_| same) {
                values.clone_from(&first);
            }
        }
    }
}

/// Values of an input, inside of its range; norms more of them small.
fn drawn(g: &mut Gen, input: &Input, count: usize) -> Vec<f64> {
    let (low, high) = input_range(input);
    let inside = |g: &mut Gen| {
        let place = between(g, 0.02, 0.98);
        let place = if input.kind == Kind::Norm { place * place } else { place };
        low + (high - low) * place
    };
    let mut values: Vec<f64> = (0..count).map(|_| inside(g)).collect();
    domain::add_up(input, &mut values);
    values
}

/// Two neighbours, or nearly so, between which what is decided changes.
fn flip<T: PartialEq>(
    g: &mut Gen,
    (least, most): (f64, f64),
    decided: impl Fn(f64) -> T,
) -> Option<[f64; 2]> {
    let steps = 20;
    let first = between(g, 0.0, 1.0);
    let place = |step: f64| least + (most - least) * (step + first).min(20.0) / f64::from(steps);
    let points: Vec<(f64, T)> =
        (0..=steps).map(|step| place(f64::from(step))).map(|x| (x, decided(x))).collect();
    let flips: Vec<usize> = (1..points.len()).filter(|&i| points[i].1 != points[i - 1].1).collect();
    let at = *g.choose(&flips)?;
    let (mut low, mut high) = (points[at - 1].0, points[at].0);
    let before = &points[at - 1].1;
    while let Some(middle) = halfway(low, high) {
        if decided(middle) == *before { low = middle } else { high = middle }
    }
    Some([low, high])
}

/// A number strictly between two; none between neighbours, nor where they are too near for a cosine or logit to tell.
fn halfway(low: f64, high: f64) -> Option<f64> {
    let middle = low / 2.0 + high / 2.0;
    (low < middle && middle < high && high - low > 1e-18).then_some(middle)
}

/// ±(1 − δ) for the smallest δ or a power of ten.
fn just_inside(g: &mut Gen) -> f64 {
    let power = whole(g, 1, 15) as i32;
    let near = if chance(g, 0.3) { INSIDE } else { 1.0 - 10.0_f64.powi(-power) };
    signed(g, near)
}
