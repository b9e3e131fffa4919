//! The backends in f32 against the numbers of an implementation.
//!
//! How far a backend may be off follows from what f32 does to a logit (see "Digits" in docs/verification.md, where the
//! same is measured loss by loss). A logit z is held as z·(1 + ε) with |ε| ≤ 2⁻²⁴ for each operation that made it, and
//! exp(LSE − z) takes twice that absolute error, Z·2⁻²³ for logits up to Z, as a relative one. The formulas here make a logit in
//! up to eight operations (a margin by the addition theorem, a product with s, a weight's logarithm, the shift by
//! the greatest), which gives 16·Z·2⁻²⁴: for s = 64 and margins up to 1 it is 1.2e-4. That much of a sample's largest derivative,
//! and of max(1, loss), is granted to each; Z is the largest logit of the case.
//!
//! The published numbers are those of inputs in f64. What the rounding of these inputs to f32 does to the exact result is
//! no backend's fault, so it is measured with the reference, which has no rounding of its own to speak of (0.5 ulp of f32), and
//! granted beside. Samples where rounding decides a mask or a rank are left out.

use marlo::Backend;
use marlo::eval::{Batch, Scalar, evaluate, on_border};
use marlo::graph::Graph;
use marlo::kind::Kind;
use marlo::schedule::RowProgram;
use marlo::wgsl::Kernel;

use super::chain::Sum;
use super::compare::{Parts, Tally, What, allowed, compared, each_case, pairs};
use super::evaluate::{Evaluation, Found, compiled};
use super::numbers::{Case, Oracle};
use super::table::{Place, Variant};

/// How near the two sides of a comparison may be for f32 to tell them apart: as in `marlo::agree`.
const BORDER: f64 = 2e-5;

/// Below that an exponential is 0 in a shader.
const FLUSHED: f64 = 1e-30;

/// Compares every number of an implementation with each backend.
pub(super) fn variant(oracle: &Oracle, variant: &Variant, tally: &mut Tally) {
    let single = variant.differs.iter().find_map(|d| if let Place::Single(f) = d { Some(*f) } else { None });
    let loses = single.unwrap_or(1.0);
    if loses.is_infinite() {
        return;
    }
    let gpu = crate::agreement::gpu();
    let loss = compiled(&variant.run.program);
    let kernel = gpu.map(|gpu| Kernel::new(gpu, &RowProgram::of(&loss)).expect("the shader compiles"));
    each_case(oracle, variant, tally, &mut |evaluation, case, tally| {
        let at = format!("{} {} ({})", variant.oracle, case.name, variant.run.program);
        let exact = match Exact::of(evaluation, loses) {
            Ok(exact) => exact,
            Err(error) => return tally.failure(format!("exact {at}"), error),
        };
        let single = |backend: Backend| {
            let found = backend.run(&loss, &exact.narrow).map_err(|error| error.to_string())?;
            Ok((found.mean_loss, found.gradient))
        };
        let mut found =
            [Backend::Reference, Backend::Dfdx, Backend::Native].map(|b| (b.name(), single(b))).to_vec();
        if let Some(kernel) = &kernel {
            let outcome = kernel.run(&exact.narrow).map_err(|error| error.to_string());
            found.push(("wgpu", outcome.map(|found| (found.mean_loss, found.gradient))));
        }
        for (name, outcome) in found {
            let place = format!("{name} {at}");
            match outcome {
                Ok((loss, gradient)) => {
                    let found = exact.beside(evaluation, loss, &gradient);
                    held(&place, variant, evaluation, &exact, &found, case, tally);
                }
                Err(error) => tally.failure(place, error),
            }
        }
    });
}

/// What is known of a case without any backend.
struct Exact {
    /// Its inputs in f32.
    narrow: Batch<f32>,
    /// Samples where rounding decides.
    unsure: Vec<bool>,
    /// How far the mean of the losses may be off.
    loss: f64,
    /// How far each derivative may be off.
    gradient: Vec<f64>,
    /// By further inputs, of the reference.
    partials: Vec<(String, Vec<f64>)>,
}

impl Exact {
    fn of(evaluation: &Evaluation, loses: f64) -> Result<Exact, String> {
        let (loss, batch) = (&evaluation.loss, &evaluation.batch);
        let mut narrow: Batch<f32> = batch.convert();
        narrow.resolution = <f32 as Scalar>::RESOLUTION;
        let seen: Batch<f64> = narrow.convert();
        let before = evaluation.run()?;
        let after = evaluation.on(&seen)?;
        let limit = loses * 16.0 * largest_logit(&loss.graph, batch) * 2.0_f64.powi(-24);
        let moved = |a: &f64, b: &f64| (a - b).abs();
        let columns = batch.classes * loss.graph.centres();
        let scale = |row: usize| {
            after.gradient[row * columns..][..columns].iter().fold(FLUSHED, |m, g| m.max(g.abs()))
        };
        let granted = |(at, (a, b)): (usize, (&f64, &f64))| moved(a, b) + limit * scale(at / columns);
        let pairs = before.gradient.iter().zip(&after.gradient).enumerate();
        Ok(Exact {
            loss: moved(&before.loss, &after.loss) + limit * after.loss.abs().max(1.0),
            gradient: pairs.map(granted).collect(),
            partials: before.partials,
            unsure: on_border(loss, &seen, BORDER),
            narrow,
        })
    }

    /// What a backend gave; derivatives by further inputs are the reference's.
    fn beside(&self, evaluation: &Evaluation, loss: f64, gradient: &[f32]) -> Found {
        Found {
            loss: evaluation.times([loss])[0],
            gradient: evaluation.times(gradient.iter().map(|&g| f64::from(g))),
            partials: self.partials.clone(),
            states: vec![],
        }
    }
}

/// The largest of the values that the program calls logits, and at least 1.
fn largest_logit(graph: &Graph, batch: &Batch<f64>) -> f64 {
    let logits: Vec<_> = graph.ids().filter(|id| graph.node(*id).kind == Kind::Logit).collect();
    let values = evaluate(graph, &logits, batch);
    let finite = values.iter().flatten().map(|z| z.abs()).filter(|z| *z < 1e29);
    finite.fold(1.0, f64::max)
}

/// Holds one backend's outcome to the published numbers.
fn held(
    place: &str,
    variant: &Variant,
    evaluation: &Evaluation,
    exact: &Exact,
    found: &Found,
    case: &mut Case<'_>,
    tally: &mut Tally,
) {
    // The same chain over what is granted: every term of it counts in full.
    let gradient = exact.gradient.clone();
    let granted = Found { loss: exact.loss, gradient, partials: vec![], states: vec![] };
    let granted = pairs(variant, evaluation, &granted, Parts::Matrix, case);
    for pair in &pairs(variant, evaluation, found, Parts::All, case) {
        let Some(granted) = granted.iter().find(|granted| granted.name == pair.name) else { continue };
        let sure = |at: usize| match pair.per_sample {
            Some(count) => !exact.unsure[at / count],
            None => !exact.unsure.contains(&true),
        };
        for at in compared(variant, case, pair).filter(|at| sure(*at)) {
            let narrow = allowance(pair.what, &granted.ours[at]);
            tally.hold(place, pair, at, narrow + allowed(variant, pair, at) + FLUSHED);
        }
    }
}

/// Of a number itself it is what stands there; of a sum, what its terms add up to.
fn allowance(what: What, granted: &Sum) -> f64 {
    if what == What::Chained { granted.size } else { granted.value.abs() }
}
