//! Every rule of the table, on random numbers and on ranges; and rules that are wrong, which the same tests must catch.

use marlo_ir::eval::{Batch, evaluate};
use marlo_ir::graph::{Axis, Graph, Id, Input, Param};
use marlo_ir::kind::Kind;
use marlo_ir::op::{At, Op};

use super::pattern::Bindings;
use super::points::Random;
use super::range::Range;
use super::replay::write;
use super::rules::{self, Need, Row, Rule};
use super::term::{Head, TermId, Terms};
use super::tracked::Tracked;

const ROWS: usize = 2;
const CLASSES: usize = 3;
const TRIALS: usize = 400;

/// Values that rules like to be wrong at.
const HARD: [f64; 9] = [0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.25, -3.0];

/// Declares leaves for variables and remembers their values.
struct Trial {
    graph: Graph,
    batch: Batch<Tracked>,
    random: Random,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let mut graph = Graph::default();
        graph.inputs.push(Input::new("logit", Kind::Logit, Axis::Matrix));
        let batch = Batch {
            rows: ROWS,
            classes: CLASSES,
            matrix: vec![Tracked::default(); ROWS * CLASSES],
            labels: vec![0, 2],
            vectors: vec![],
            params: vec![],
            resolution: f64::EPSILON / 2.0,
        };
        Trial { graph, batch, random: Random(seed) }
    }

    fn value(&mut self, needs: &[Need]) -> f64 {
        loop {
            let value = match self.random.below(2) {
                0 => HARD[self.random.below(HARD.len())],
                _ => self.random.between(-3.0, 3.0),
            };
            let point = Range::point(value);
            if needs.iter().all(|n| n.holds(point, marlo_ir::shape::Shape::Scalar)) {
                return value;
            }
        }
    }

    /// A leaf that fulfils the conditions: a hyperparameter with a range around its value, or an input.
    fn leaf(&mut self, needs: &[Need], axis: Option<Axis>) -> Head {
        let Some(axis) = axis else {
            let value = self.value(needs);
            let (mut low, mut high) = (value - self.random.unit(), value + self.random.unit());
            for need in needs {
                match need {
                    Need::Positive | Need::Nonzero if value > 0.0 => low = low.max(value / 2.0),
                    Need::Nonzero => high = high.min(value / 2.0),
                    Need::Nonnegative => low = low.max(0.0),
                    Need::Cosine => (low, high) = (low.max(-1.0), high.min(1.0)),
                    Need::Angle => (low, high) = (low.max(0.0), high.min(3.0_f64.max(value))),
                    _ => {}
                }
            }
            let name = format!("p{}", self.graph.params.len());
            self.graph.params.push(Param { low, high, ..Param::new(&name, Kind::Real) });
            self.batch.params.push(value);
            return Head::Op(Op::Param(self.graph.params.len() as u32 - 1));
        };
        let count = if axis == Axis::Rows { ROWS } else { CLASSES };
        let values = (0..count).map(|_| Tracked { value: self.value(needs), error: 0.0 }).collect();
        self.batch.vectors.push(values);
        let name = format!("v{}", self.graph.inputs.len());
        self.graph.inputs.push(Input::new(&name, Kind::Real, axis));
        let at = if axis == Axis::Rows { At::Row } else { At::Other };
        Head::Op(Op::Input(self.graph.inputs.len() as u32 - 1, at))
    }

    fn bind(&mut self, terms: &mut Terms, rule: &Rule, row: &Row) -> Bindings {
        let mut bound = Bindings::new();
        let (over_classes, over_batch) = (row.left.contains("[k]"), row.left.contains("[i]"));
        for variable in rule.left.variables() {
            let needs: Vec<Need> = rule.needs.iter().filter(|n| n.1 == variable).map(|n| n.0).collect();
            let axis = match () {
                () if needs.contains(&Need::OneForAll) => None,
                () if needs.contains(&Need::OneForAllClasses) => {
                    (self.random.below(2) == 0).then_some(Axis::Rows)
                }
                () if over_classes => Some(Axis::Classes),
                () if over_batch => Some(Axis::Rows),
                () => None,
            };
            // Two variables may be equal.
            if needs.is_empty()
                && variable != "?m"
                && self.random.below(5) == 0
                && let Some(other) = bound.iter().find(|(name, _)| **name != "?m").map(|b| *b.1)
            {
                bound.insert(variable, other);
                continue;
            }
            let first = self.leaf(&needs, axis);
            let mut term = terms.add(first, vec![]);
            if variable == "?m" {
                let other = self.leaf(&[], axis);
                let other = terms.add(other, vec![]);
                term = terms.add(Head::Op(Op::Lt), vec![term, other]);
            }
            bound.insert(variable, term);
        }
        bound
    }
}

/// Tries a rule; says where it is wrong.
fn sound(row: &Row) -> Result<(), String> {
    let rule = row.read().ok_or("it can't be read")?;
    let mut evidence = 0;
    for seed in 0..TRIALS {
        let mut trial = Trial::new(seed as u64 * 7919);
        let mut terms = Terms::default();
        let bound = trial.bind(&mut terms, &rule, row);
        let side =
            |p: &super::pattern::Pattern, terms: &mut Terms| p.instance(terms, &bound).ok_or("free variable");
        let (left, right) = (side(&rule.left, &mut terms)?, side(&rule.right, &mut terms)?);
        evidence += usize::from(values(&trial, &terms, left, right)?);
        ranges(&trial, &terms, left, right)?;
    }
    if evidence < TRIALS / 4 { Err(format!("only {evidence} trials say anything")) } else { Ok(()) }
}

fn node(trial: &Trial, terms: &Terms, term: TermId) -> (Graph, Id) {
    let mut graph = trial.graph.clone();
    let id = write(terms, term, &mut graph, &mut vec![None; terms.len()]);
    (graph, id)
}

/// Do both sides have the same values? Where one is undefined, the other must be.
fn values(trial: &Trial, terms: &Terms, left: TermId, right: TermId) -> Result<bool, String> {
    let of = |term| {
        let (graph, id) = node(trial, terms, term);
        evaluate(&graph, &[id], &trial.batch).remove(0)
    };
    let (a, b) = (of(left), of(right));
    let mut evidence = false;
    for at in 0..a.len().max(b.len()) {
        let (x, y) = (*a.get(at).unwrap_or(&a[0]), *b.get(at).unwrap_or(&b[0]));
        // In cells, the label's place holds no value.
        if a.len().max(b.len()) == ROWS * CLASSES && trial.batch.labels[at / CLASSES] == at % CLASSES {
            continue;
        }
        if x.value.is_finite() != y.value.is_finite() {
            return Err(format!("{} on one side, {} on the other", x.value, y.value));
        }
        evidence |= !x.says_nothing(y);
        if !x.agrees(y) {
            return Err(format!("{} ≠ {}", x.value, y.value));
        }
    }
    Ok(evidence)
}

/// The ranges of both sides must overlap and hold the values.
fn ranges(trial: &Trial, terms: &Terms, left: TermId, right: TermId) -> Result<(), String> {
    let ranges = terms.ranges(&trial.graph);
    let (a, b) = (ranges[left], ranges[right]);
    if a.disjoint(b) {
        return Err(format!("{a:?} and {b:?} have nothing in common"));
    }
    for term in [left, right] {
        let (graph, id) = node(trial, terms, term);
        let range = ranges[term];
        if graph.shape(id) != marlo_ir::shape::Shape::Scalar {
            continue;
        }
        for value in evaluate(&graph, &[id], &trial.batch).remove(0) {
            let slack = 8.0 * value.error;
            let inside = value.value >= range.lo - slack && value.value <= range.hi + slack;
            if value.value.is_finite() && slack.is_finite() && !inside {
                return Err(format!("{} is not in {range:?}", value.value));
            }
        }
    }
    Ok(())
}

#[test]
fn every_rule_of_the_table_is_sound() {
    for row in rules::TABLE {
        if let Err(why) = sound(row) {
            panic!("{}: {} => {}: {why}", row.name, row.left, row.right);
        }
    }
}

#[test]
fn wrong_rules_are_caught() {
    const WRONG: &[Row] = &[
        Row { name: "sqrt", left: "(sqrt (mul ?a ?a))", right: "?a", needs: &[] },
        Row { name: "a/a", left: "(div ?a ?a)", right: "1", needs: &[] },
        Row { name: "0/a", left: "(div 0 ?a)", right: "0", needs: &[] },
        Row { name: "ln ab", left: "(ln (mul ?a ?b))", right: "(add (ln ?a) (ln ?b))", needs: &[] },
        Row { name: "exp ln", left: "(exp (ln ?a))", right: "?a", needs: &[] },
        Row { name: "cos acos", left: "(cos (acos ?a))", right: "?a", needs: &[] },
        Row { name: "acos cos", left: "(acos (cos ?a))", right: "?a", needs: &[(Need::Nonnegative, "?a")] },
        Row { name: "sign", left: "(sub ?a ?b)", right: "(sub ?b ?a)", needs: &[] },
        Row { name: "choice", left: "(select ?m ?a ?b)", right: "?a", needs: &[] },
        Row { name: "lse", left: "(lse[k] (add ?b ?r))", right: "(add (lse[k] ?b) ?r)", needs: &[] },
        Row { name: "sum", left: "(sum[k] (mul ?r ?b))", right: "(mul ?r (sum[k] ?b))", needs: &[] },
        Row {
            name: "max",
            left: "(max[k] (mul ?r ?b))",
            right: "(mul ?r (max[k] ?b))",
            needs: &[(Need::OneForAllClasses, "?r")],
        },
        Row { name: "mean", left: "(mean[i] (mul ?r ?a))", right: "(mul ?r (mean[i] ?a))", needs: &[] },
        Row { name: "mean r", left: "(mean[i] ?a)", right: "?a", needs: &[] },
        Row { name: "floor", left: "(floor ?a)", right: "?a", needs: &[] },
        Row { name: "angle", left: "(cos_angle 1 0 ?c)", right: "(cos (acos ?c))", needs: &[] },
        Row { name: "mask", left: "(le ?a ?b)", right: "(lt ?a ?b)", needs: &[] },
        Row { name: "a^2", left: "(pow ?a 2)", right: "(mul 2 ?a)", needs: &[] },
    ];
    for row in WRONG {
        assert!(sound(row).is_err(), "{} passes", row.name);
    }
}
