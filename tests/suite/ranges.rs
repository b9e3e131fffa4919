//! Enclosures hold what they enclose: random programs, whole boxes and single points.

use marlo::eval::{Batch, evaluate};
use marlo_verify::interval::Interval;
use marlo_verify::range::{Bounds, Model};
use quickcheck::TestResult;

use crate::gradient::batch as random_batch;
use crate::programs::{Allow, drawn, program};

/// The value of a leaf, by its name, for a sample and one of its other classes.
fn leaf(name: &str, loss: &marlo::loss::Loss, batch: &Batch<f64>, row: usize, class: usize) -> Option<f64> {
    let graph = &loss.graph;
    if let Some(at) = graph.params.iter().position(|p| p.name == name) {
        return Some(batch.params[at]);
    }
    match name {
        "B" => return Some(batch.rows as f64),
        "C" => return Some(batch.classes as f64),
        _ => {}
    }
    let (input, index) = name.strip_suffix(']')?.split_once('[')?;
    let at = graph.inputs.iter().position(|i| i.name == input)?;
    let label = batch.labels[row];
    let class = if index == "y" { label } else { class };
    Some(match at {
        0 => batch.matrix[row * batch.classes + class],
        _ if index == "i" => batch.vectors[at - 1][row],
        _ => batch.vectors[at - 1][class],
    })
}

fn holds(range: Interval, x: f64) -> bool {
    let slack = 1e-9 * x.abs().max(1.0);
    range.lo - slack <= x && x <= range.hi + slack
}

#[test]
fn random_programs_stay_in_their_enclosures() {
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        let loss = program(&bytes, Allow::All);
        let batch = random_batch(&loss, seed, 2, 4);
        let gradient = loss.gradient();
        let graph = &gradient.loss.graph;
        // The gradient at ±1 is a limit; drawn cosines are inside.
        let roots = [gradient.loss.row, gradient.loss.total, gradient.target, gradient.other];
        let values = evaluate(graph, &roots, &batch);
        let model = Model::new(graph, &roots, &[]);
        let Some(whole) = model.enclose(&model.whole()) else {
            return TestResult::error("the whole box is empty");
        };
        for row in 0..batch.rows {
            for class in (0..batch.classes).filter(|&class| class != batch.labels[row]) {
                let point = |l: &marlo_verify::range::Leaf| {
                    leaf(&model.name(l.id), &loss, &batch, row, class).map(Interval::point)
                };
                let leaves: Option<Vec<Interval>> = model.leaves.iter().map(point).collect();
                let Some(leaves) = leaves else { return TestResult::error("a leaf without a name") };
                let here = model.enclose(&Bounds { leaves, taken: Vec::new() });
                let Some(here) = here else { return TestResult::error("a point is empty") };
                for (found, &root) in values.iter().zip(&model.roots) {
                    let x = match found.len() {
                        1 => found[0],
                        n if n == batch.rows => found[row],
                        _ => found[row * batch.classes + class],
                    };
                    for (what, at) in [("whole", whole.at(root)), ("point", here.at(root))] {
                        if x.is_finite() && !holds(at.range, x) {
                            return TestResult::error(format!(
                                "{what}: {x} outside {} of {root}\n{}",
                                at.range,
                                graph.print(&[("row", roots[0]), ("y", roots[2]), ("k", roots[3])])
                            ));
                        }
                        if at.defined && x.is_nan() {
                            return TestResult::error(format!("{what}: NaN, though defined"));
                        }
                    }
                }
            }
        }
        TestResult::passed()
    }
    drawn(60, 23, 1500).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}

/// What is proved of a random program holds wherever it is tried.
#[test]
fn proved_claims_hold_on_random_programs() {
    use marlo::lang::ast;
    use marlo::lang::{Claim, ClaimName, Span};
    use marlo_verify::claims::{Effort, decide};
    use marlo_verify::verdict::Verdict;

    const CLAIMS: [ClaimName; 4] =
        [ClaimName::Finite, ClaimName::PullsTarget, ClaimName::PushesOthers, ClaimName::Nonnegative];
    fn property(bytes: Vec<u8>, seed: u64) -> TestResult {
        let loss = program(&bytes, Allow::All);
        let effort = Effort { boxes: 60, cases: 20 };
        for name in CLAIMS {
            let span = Span::default();
            let word = ast::Name { text: String::new(), span };
            let source = ast::Claim { name: word, arguments: Vec::new(), span };
            let verdict = decide(&loss, &Claim { name, arguments: Vec::new(), source }, effort);
            if !matches!(verdict, Verdict::Proved { .. }) {
                continue;
            }
            let batch = random_batch(&loss, seed, 12, 5);
            let gradient = loss.row_gradient();
            let roots = [gradient.loss.row, gradient.target, gradient.other];
            let found = evaluate(&gradient.loss.graph, &roots, &batch);
            let largest = found.iter().flatten().fold(1.0_f64, |m, x| m.max(x.abs()));
            let broken = match name {
                ClaimName::Finite => found.iter().flatten().any(|x| !x.is_finite()),
                ClaimName::PullsTarget => found[1].iter().any(|&x| x > 1e-9 * largest),
                ClaimName::PushesOthers => found[2].iter().any(|&x| x < -1e-9 * largest),
                _ => found[0].iter().any(|&x| x < -1e-9 * largest),
            };
            if broken {
                let text = loss.graph.print(&[("row", loss.row)]);
                return TestResult::error(format!("{name:?} {verdict}: {found:?}\n{text}"));
            }
        }
        TestResult::passed()
    }
    drawn(40, 29, 500).quickcheck(property as fn(Vec<u8>, u64) -> TestResult);
}
