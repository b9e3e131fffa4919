//! A program against the numbers of an implementation, in f64: by the reference, and by the native kernels.

use std::collections::BTreeMap;
use std::fmt;

use super::chain::{Sum, chained};
use super::evaluate::{Evaluation, Found, States, compiled};
use super::numbers::{Case, Oracle};
use super::table::{Place, Variant};

/// What is asked of each number: 1e-10 of its size.
const RELATIVE: f64 = 1e-10;

/// And beside it the rounding of logits up to 2·64 in f64, which a code that takes differences of logits and 1 − p carries
/// into results near 0. A derivative by x or W is a sum over such results, so it is granted what that does to it, and as much of its
/// terms' sizes: where they cancel, it is their rounding that is left.
const ABSOLUTE: f64 = 1e-13;

/// What was compared, and what failed.
#[derive(Default)]
pub(super) struct Tally {
    losses: usize,
    gradients: usize,
    chained: usize,
    steps: usize,
    /// How much of what it may be off one of those that agree is off at most.
    nearest: f64,
    /// What did not agree, by what was compared.
    mistakes: BTreeMap<String, Mistakes>,
}

/// Numbers of one comparison that are too far off.
#[derive(Default)]
struct Mistakes {
    count: usize,
    /// How far the worst is off, in units of what is allowed.
    excess: f64,
    /// The worst, in words.
    worst: String,
}

impl Tally {
    /// Fails if anything did.
    pub(super) fn report(&self) {
        let line = |(place, found): (&String, &Mistakes)| {
            format!(
                "{place}: {} off, the worst {:.1} times what is allowed: {}",
                found.count, found.excess, found.worst
            )
        };
        let lines: Vec<String> = self.mistakes.iter().map(line).collect();
        assert!(lines.is_empty(), "mistakes among {self}:\n{}", lines.join("\n"));
    }

    fn count(&mut self, what: What) {
        match what {
            What::Loss => self.losses += 1,
            What::Gradient => self.gradients += 1,
            What::Chained => self.chained += 1,
            What::Step => self.steps += 1,
        }
    }

    /// Notes a failure that is no number.
    pub(super) fn failure(&mut self, place: String, error: impl fmt::Display) {
        self.mistakes.insert(place, Mistakes { count: 1, excess: f64::INFINITY, worst: error.to_string() });
    }

    /// Holds a number to one that was published.
    pub(super) fn hold(&mut self, place: &str, pair: &Pair, at: usize, allowed: f64) {
        let (ours, theirs) = (pair.ours[at].value, pair.theirs[at]);
        self.count(pair.what);
        let off = (ours - theirs).abs();
        if off <= allowed {
            self.nearest = if off > 0.0 { self.nearest.max(off / allowed) } else { self.nearest };
            return;
        }
        let found = self.mistakes.entry(format!("{place} {}", pair.name)).or_default();
        found.count += 1;
        let excess = if off.is_finite() { off / allowed } else { f64::INFINITY };
        if excess >= found.excess {
            found.excess = excess;
            found.worst = format!("at {at} {ours:e}, published {theirs:e}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.losses + self.gradients + self.chained + self.steps;
        write!(
            f,
            "{all} numbers: {} losses, {} derivatives by cosines, logits and inputs, {} by x and W, {} states and schedules; \
             the nearest to its limit at {:.2}",
            self.losses, self.gradients, self.chained, self.steps, self.nearest
        )
    }
}

/// A kind of number.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum What {
    /// A loss.
    Loss,
    /// By a cosine or an input.
    Gradient,
    /// By an entry of x or W.
    Chained,
    /// What a step leaves or a schedule gives.
    Step,
}

/// Numbers of ours beside those that were published.
pub(super) struct Pair {
    /// Their name.
    pub(super) name: String,
    /// Their kind.
    pub(super) what: What,
    /// Ours.
    pub(super) ours: Vec<Sum>,
    /// Published.
    pub(super) theirs: Vec<f64>,
    /// How many of them belong to each sample; `None` where samples are summed.
    pub(super) per_sample: Option<usize>,
}

/// What goes into a comparison.
#[derive(Copy, Clone, PartialEq)]
pub(super) enum Parts {
    /// Derivatives by the matrix and by further inputs.
    All,
    /// Derivatives by the matrix.
    Matrix,
}

/// All that a case can be compared in.
pub(super) fn pairs(
    variant: &Variant,
    evaluation: &Evaluation,
    found: &Found,
    parts: Parts,
    case: &mut Case<'_>,
) -> Vec<Pair> {
    let terms = |values: &[f64]| values.iter().map(|&value| Sum::single(value)).collect::<Vec<_>>();
    let mut chained = chained(evaluation, &found.gradient, &variant.run, &case.inputs);
    let (columns, width) = (case.inputs.weights(), case.inputs.x.shape[1]);
    let matrix = if evaluation.raw { "dz" } else { "dcos" };
    let mut candidates = vec![
        ("loss".to_owned(), What::Loss, terms(&[found.loss]), None),
        (matrix.to_owned(), What::Gradient, terms(&found.gradient), Some(columns)),
    ];
    if parts == Parts::All {
        chained.add_lengths(found, &variant.run, &case.inputs);
        for (input, published) in &variant.gradients {
            candidates.push((published.clone(), What::Gradient, terms(found.partial(input)), None));
        }
        for (state, published) in variant.run.state.iter().filter(|_| !found.states.is_empty()) {
            let ours = terms(&[found.state(state)]);
            candidates.push((format!("{published}_after"), What::Step, ours, None));
        }
        for (name, published) in &variant.schedules {
            candidates.push((published.clone(), What::Step, terms(&[evaluation.setting(name)]), None));
        }
    }
    candidates.push(("dx".to_owned(), What::Chained, chained.dx, Some(width)));
    candidates.push(("dW".to_owned(), What::Chained, chained.dw, None));
    let pair = |(name, what, ours, per_sample): (String, What, Vec<Sum>, Option<usize>)| {
        if variant.differs.contains(&Place::Numbers(name.clone())) {
            return None;
        }
        let theirs = case.numbers(&name)?;
        assert_eq!(ours.len(), theirs.len(), "{} {} {name}", case.of, case.name);
        Some(Pair { name, what, ours, theirs, per_sample })
    };
    candidates.into_iter().filter_map(pair).collect()
}

/// Which entries of a pair are held against the program.
pub(super) fn compared<'a>(
    variant: &'a Variant,
    case: &Case<'_>,
    pair: &'a Pair,
) -> impl Iterator<Item = usize> + use<'a> {
    let differs = |place: &Place| variant.differs.contains(place);
    let loss_differs = pair.what == What::Loss && differs(&Place::Loss(case.name.clone()));
    let infinite = differs(&Place::NotFinite);
    let stated = move |number: f64| loss_differs || infinite && !number.is_finite();
    (0..pair.ours.len()).filter(move |&at| !stated(pair.theirs[at]))
}

/// How far a number in f64 may be off.
pub(super) fn allowed(variant: &Variant, pair: &Pair, at: usize) -> f64 {
    let stated = variant.differs.iter().find_map(|d| if let Place::Digits(e) = d { Some(*e) } else { None });
    let relative = stated.unwrap_or(RELATIVE);
    let absolute = ABSOLUTE * (relative / RELATIVE);
    let ours = pair.ours[at];
    relative * pair.theirs[at].abs() + absolute * (ours.slope + ours.size)
}

/// The cases of an implementation that its program must agree in. A sequence begins with the program's own start of
/// each state, and goes on with what the program made of it.
pub(super) fn each_case(
    oracle: &Oracle,
    variant: &Variant,
    tally: &mut Tally,
    compare: &mut dyn FnMut(&Evaluation, &mut Case<'_>, &mut Tally),
) {
    let loss = compiled(&variant.run.program);
    let mut results = oracle.results(&variant.oracle);
    let mut carried = vec![];
    for name in results.cases() {
        let differs = variant.differs.contains(&Place::Case(name.clone()));
        match results.case(&name) {
            _ if differs => {}
            None => tally.failure(format!("{} {name}", variant.oracle), "the code failed; say so"),
            Some(mut case) => {
                let states = if case.in_sequence() { States::Are(&carried) } else { States::Published };
                let evaluation = Evaluation::new(&loss, &variant.run, states, &mut case);
                compare(&evaluation, &mut case, tally);
                if case.in_sequence() {
                    carried = evaluation.run().map_or(vec![], |found| found.states);
                }
            }
        }
    }
}

/// A step of a published sequence begins with the state that the step before it left.
pub(super) fn sequence(oracle: &Oracle, variant: &Variant) {
    let mut results = oracle.results(&variant.oracle);
    for (_, published) in &variant.run.state {
        let mut left: Option<Vec<f64>> = None;
        for name in results.cases() {
            let Some(mut case) = results.case(&name).filter(Case::in_sequence) else { continue };
            let before = case.wanted(&format!("{published}_before"));
            assert!(left.is_none_or(|left| left == before), "{} {name}: {published}", variant.oracle);
            left = Some(case.wanted(&format!("{published}_after")));
        }
    }
}

/// Compares every number of an implementation.
pub(super) fn variant(oracle: &Oracle, variant: &Variant, tally: &mut Tally) {
    let mut infinite = false;
    each_case(oracle, variant, tally, &mut |evaluation, case, tally| {
        infinite |= held(variant, evaluation, case, tally);
    });
    if !infinite && variant.differs.contains(&Place::NotFinite) {
        tally.failure(
            variant.oracle.clone(),
            "all its numbers are finite: a difference is stated that is none",
        );
    }
    agreeing(oracle, variant, tally);
}

/// A case that is left out must be one that does not agree.
fn agreeing(oracle: &Oracle, variant: &Variant, tally: &mut Tally) {
    let loss = compiled(&variant.run.program);
    let mut results = oracle.results(&variant.oracle);
    for place in &variant.differs {
        let Place::Case(name) = place else { continue };
        let Some(mut case) = results.case(name) else { continue };
        if case.wanted("loss")[0].is_nan() {
            continue;
        }
        let evaluation = Evaluation::new(&loss, &variant.run, States::Published, &mut case);
        let mut apart = Tally::default();
        held(variant, &evaluation, &mut case, &mut apart);
        if apart.mistakes.is_empty() {
            tally.failure(format!("{} {name}", variant.oracle), "left out, but the two agree");
        }
    }
}

/// Holds the numbers of one case; were some of those that were published infinite?
fn held(variant: &Variant, evaluation: &Evaluation, case: &mut Case<'_>, tally: &mut Tally) -> bool {
    let mut infinite = false;
    let place = format!("{} {} ({})", variant.oracle, case.name, variant.run.program);
    let found = match evaluation.run() {
        Ok(found) => found,
        Err(error) => {
            tally.failure(place, error);
            return false;
        }
    };
    evaluation.check_by_dual_numbers(&found);
    let native = evaluation.by_native();
    for (by, found) in [("", &found), ("native ", &native)] {
        let place = format!("{by}{place}");
        for pair in pairs(variant, evaluation, found, Parts::All, case) {
            assert!(pair.ours.iter().all(|sum| sum.value.is_finite()), "{place}: {}", pair.name);
            infinite |= pair.theirs.iter().any(|number| !number.is_finite());
            for at in compared(variant, case, &pair) {
                tally.hold(&place, &pair, at, allowed(variant, &pair, at));
            }
        }
    }
    infinite
}
