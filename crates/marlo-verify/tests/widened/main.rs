//! States, settings, drawn inputs, several centres a class, ranks, and derivatives by more than the matrix.

mod oracles;

use std::sync::Arc;

use marlo_ir::build::{Builder, Distribution};
use marlo_ir::eval::{Batch, evaluate, outcome};
use marlo_ir::graph::{Axis, Graph, Id, Input, Param};
use marlo_ir::kind::Kind;
use marlo_ir::loss::{Loss, Wrt};
use marlo_ir::op::{At, Op};
use marlo_ir::setting::{Draw, Setting};
use marlo_ir::shape::Shape;
use marlo_lang::{Claim, ClaimArgument, ClaimName, ast};
use marlo_verify::big::Precision;
use marlo_verify::cases::cases;
use marlo_verify::claims::{self, Effort, decide};
use marlo_verify::domain;
use marlo_verify::gradient::{self, Found, Numbers, Witness, check};
use marlo_verify::laws::{LawVerdict, Limits, decide_losses};
use marlo_verify::range::Model;
use marlo_verify::report;
use marlo_verify::verdict::Verdict;

/// A builder whose mistakes are mistakes of the test.
struct Build(Builder);

impl Build {
    fn new() -> Self {
        Build(Builder::new())
    }

    fn op(&mut self, op: Op, args: &[Id]) -> Id {
        self.0.apply(op, args).expect("the operation fits")
    }

    fn number(&mut self, x: f64) -> Id {
        self.0.number(x)
    }

    fn param(&mut self, name: &str, kind: Kind, default: f64, (low, high): (f64, f64)) -> Id {
        let param = Param { default: Some(default), low, high, ..Param::new(name, kind) };
        self.0.param(param).expect("a new name")
    }

    fn state(&mut self, name: &str, start: f64, (low, high): (f64, f64)) -> Id {
        let param = Param { default: Some(start), state: true, low, high, ..Param::new(name, Kind::Real) };
        self.0.param(param).expect("a new name")
    }

    fn input(&mut self, input: Input, at: At) -> Id {
        let index = self.0.declare(input).expect("declared alike");
        self.0.read(index, at)
    }

    fn scale(&mut self) -> Id {
        self.param("s", Kind::Scale, 32.0, (1.0, 128.0))
    }

    fn cos(&mut self, at: At, centre: u32) -> Id {
        let first = self.0.cos(at).expect("cosines");
        if centre == 0 {
            return first;
        }
        let name = format!("cos_{}", centre + 1);
        self.input(Input { centre, ..Input::new(&name, Kind::Cosine, Axis::Matrix) }, at)
    }

    /// softmax(s·target, s·other)
    fn softmax(&mut self, s: Id, target: Id, other: Id) -> Distribution {
        let [a, b] = [target, other].map(|x| self.op(Op::Mul, &[s, x]));
        self.0.softmax(a, b, None).expect("logits")
    }

    fn ce(&mut self, s: Id, target: Id, other: Id) -> Id {
        let p = self.softmax(s, target, other);
        self.0.ce(p)
    }

    fn finish(self, value: Id) -> Loss {
        self.0.finish("built", value).expect("a loss")
    }
}

fn claim(name: ClaimName, values: &[Id]) -> Claim {
    let arguments = values.iter().map(|&value| ClaimArgument { value, range: None }).collect();
    let span = marlo_lang::Span::default();
    let source = ast::Claim { name: ast::Name { text: String::new(), span }, arguments: Vec::new(), span };
    Claim { name, arguments, source }
}

fn verdict(loss: &Loss, name: ClaimName, values: &[Id]) -> Verdict {
    decide(loss, &claim(name, values), Effort::default())
}

fn proved(loss: &Loss, name: ClaimName, values: &[Id]) {
    let found = verdict(loss, name, values);
    assert!(matches!(found, Verdict::Proved { .. }), "{name:?}: {found}");
}

/// Refuted; gives the reason with the command.
fn refuted(loss: &Loss, name: ClaimName, values: &[Id]) -> String {
    let found = verdict(loss, name, values);
    assert!(found.is_refuted(), "{name:?}: {found}");
    found.to_string()
}

/// Sub-centre CosFace: the nearest of three centres counts.
fn centres() -> Loss {
    let mut b = Build::new();
    let s = b.scale();
    let m = b.param("m", Kind::Cosine, 0.35, (0.0, 1.0));
    let [y, k] = [At::Target, At::Other].map(|at| {
        let [first, second, third] = [0, 1, 2].map(|r| b.cos(at, r));
        let most = b.op(Op::Max, &[first, second]);
        b.op(Op::Max, &[most, third])
    });
    let target = b.op(Op::Sub, &[y, m]);
    let loss = b.ce(s, target, k);
    b.finish(loss)
}

/// CurricularFace in short: a state that follows the mean cosine of the target.
fn curricular(range: (f64, f64)) -> Loss {
    let mut b = Build::new();
    let s = b.scale();
    let t = b.state("t", 0.0, range);
    let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
    let m = b.number(0.25);
    let f = b.op(Op::Sub, &[y, m]);
    let hard = b.op(Op::Lt, &[f, k]);
    let sum = b.op(Op::Add, &[t, k]);
    let harder = b.op(Op::Mul, &[k, sum]);
    let other = b.op(Op::Select, &[hard, harder, k]);
    let mean = b.op(Op::MeanI, &[y]);
    let next = follow(&mut b, t, mean, 0.01);
    b.0.update(t, next).expect("one for the batch");
    let loss = b.ce(s, f, other);
    b.finish(loss)
}

/// (1 − a)·t + a·x
fn follow(b: &mut Build, t: Id, x: Id, a: f64) -> Id {
    let [rest, part] = [1.0 - a, a].map(|x| b.number(x));
    let [kept, moved] = [(rest, t), (part, x)].map(|(a, x)| b.op(Op::Mul, &[a, x]));
    b.op(Op::Add, &[kept, moved])
}

/// AdaFace in short: a margin by the norm among those of the batch, whose mean and deviation are states.
fn by_norm() -> Loss {
    let mut b = Build::new();
    let s = b.scale();
    let [mean, deviation] =
        [("mu", 20.0), ("sigma", 100.0)].map(|(name, start)| b.state(name, start, (0.0, f64::INFINITY)));
    let norm = Input { low: 0.001, high: 100.0, ..Input::new("norm", Kind::Norm, Axis::Rows) };
    let norm = b.input(norm, At::Row);
    let held = b.op(Op::Detach, &[norm]);
    let [small, low, high] = [1e-3, -1.0, 1.0].map(|x| b.number(x));
    let spread = b.op(Op::Add, &[deviation, small]);
    let off = b.op(Op::Sub, &[held, mean]);
    let place = b.op(Op::Div, &[off, spread]);
    let place = b.0.clamp(place, low, high).expect("numbers");
    let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
    let share = b.number(0.3);
    let margin = b.op(Op::Mul, &[share, place]);
    let target = b.op(Op::Sub, &[y, margin]);
    let now = b.op(Op::MeanI, &[held]);
    let next = follow(&mut b, mean, now, 0.01);
    b.0.update(mean, next).expect("one for the batch");
    let now = b.0.deviation(held).expect("a row");
    let next = follow(&mut b, deviation, now, 0.01);
    b.0.update(deviation, next).expect("one for the batch");
    let ce = b.ce(s, target, k);
    let weight = b.number(1e-3);
    let penalty = b.op(Op::Mul, &[weight, norm]);
    let loss = b.op(Op::Add, &[ce, penalty]);
    b.finish(loss)
}

/// Every kind of further input, and a setting.
fn drawn(low: f64) -> Loss {
    let mut b = Build::new();
    let mut formula = Graph::default();
    let classes = formula.add(Op::Classes, &[]);
    let value = formula.add(Op::Ln, &[classes]);
    let setting = Setting { text: "ln(C)".into(), graph: Arc::new(formula), value, steps: (0, u64::MAX) };
    let scale = Param { setting: Some(setting), low: 0.1, high: 64.0, ..Param::new("s", Kind::Scale) };
    let s = b.0.param(scale).expect("a new name");
    let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
    let prior = Input { low, sum: Some(1.0), ..Input::new("prior", Kind::Prob, Axis::Classes) };
    let margin =
        Input { drawn: Some(Draw::Normal(0.35, 0.05)), ..Input::new("margin", Kind::Cosine, Axis::Rows) };
    let [mine, theirs] = [At::Target, At::Other].map(|at| b.input(prior.clone(), at));
    let margin = b.input(margin, At::Row);
    let target = b.op(Op::Sub, &[y, margin]);
    let [a, c] = [target, k].map(|x| b.op(Op::Mul, &[s, x]));
    let [a, c] = [(a, mine), (c, theirs)].map(|(x, p)| {
        let ln = b.op(Op::Ln, &[p]);
        b.op(Op::Add, &[x, ln])
    });
    let p = b.0.softmax(a, c, None).expect("logits");
    let loss = b.0.ce(p);
    b.finish(loss)
}

/// Ranks, quantiles, deviations and matched values, with nodes to claim of.
fn ranked() -> (Loss, [Id; 4]) {
    let mut b = Build::new();
    let s = b.scale();
    let q = b.param("q", Kind::Real, 0.5, (0.0, 1.0));
    let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
    let drawn = Input { low: 0.0, high: 0.5, ..Input::new("margin", Kind::Cosine, Axis::Rows) };
    let margin = b.input(drawn, At::Row);
    let matched = b.0.matched(margin, y).expect("rows");
    let middle = b.0.quantile(y, q).expect("a row");
    let deviation = b.0.deviation(y).expect("a row");
    let rank = b.op(Op::RankI, &[y]);
    let target = b.op(Op::Sub, &[y, matched]);
    let ce = b.ce(s, target, k);
    let off = b.op(Op::Sub, &[y, middle]);
    let size = b.op(Op::Mul, &[off, off]);
    let sum = b.op(Op::Add, &[ce, size]);
    let loss = b.op(Op::Add, &[sum, deviation]);
    (b.finish(loss), [matched, middle, deviation, rank])
}

#[test]
fn every_centre_is_spoken_of() {
    let loss = centres();
    for name in [ClaimName::Finite, ClaimName::PullsTarget, ClaimName::PushesOthers, ClaimName::Nonnegative] {
        proved(&loss, name, &[]);
    }
    // The first centre pulls and the second is pushed away.
    for (at, name) in [(At::Target, ClaimName::PullsTarget), (At::Other, ClaimName::PushesOthers)] {
        let mut b = Build::new();
        let s = b.scale();
        let [mut y, mut k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
        let second = b.cos(at, 1);
        let third = b.number(0.25);
        let part = b.op(Op::Mul, &[third, second]);
        let changed = if at == At::Target { &mut y } else { &mut k };
        *changed = b.op(Op::Sub, &[*changed, part]);
        let loss = b.ce(s, y, k);
        let why = refuted(&b.finish(loss), name, &[]);
        assert!(why.contains("by cos_2["), "{why}");
        // A row of two classes with two centres each has four cosines.
        let row = why.split("--row=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a command");
        assert_eq!(row.split(',').count() % 4, 0, "{why}");
    }
}

/// The margin on the angle to the nearest of three centres, past π with a fallback or without one.
#[test]
fn the_nearest_centre_counts_as_one_cosine() {
    let arc = |fallback: bool| {
        let mut b = Build::new();
        let s = b.scale();
        let m = b.param("m", Kind::Angle, 0.5, (0.0, std::f64::consts::FRAC_PI_2));
        let [y, k] = [At::Target, At::Other].map(|at| {
            let [first, second, third] = [0, 1, 2].map(|r| b.cos(at, r));
            let most = b.op(Op::Max, &[first, second]);
            b.op(Op::Max, &[most, third])
        });
        let theta = b.op(Op::Acos, &[y]);
        let turned = b.op(Op::Add, &[theta, m]);
        let mut f = b.op(Op::Cos, &[turned]);
        if fallback {
            let pi = b.number(std::f64::consts::PI);
            let end = b.op(Op::Sub, &[pi, m]);
            let (end, sine) = (b.op(Op::Cos, &[end]), b.op(Op::Sin, &[m]));
            let on = b.op(Op::Lt, &[end, y]);
            let less = b.op(Op::Mul, &[m, sine]);
            let other = b.op(Op::Sub, &[y, less]);
            f = b.op(Op::Select, &[on, f, other]);
        }
        let loss = b.ce(s, f, k);
        b.finish(loss)
    };
    proved(&arc(true), ClaimName::PullsTarget, &[]);
    proved(&arc(true), ClaimName::PushesOthers, &[]);
    refuted(&arc(false), ClaimName::PullsTarget, &[]);
}

#[test]
fn a_centre_is_monotone() {
    let mut b = Build::new();
    let s = b.scale();
    let [y, second, k] = [(At::Target, 0), (At::Target, 1), (At::Other, 0)].map(|(at, r)| b.cos(at, r));
    let most = b.op(Op::Max, &[y, second]);
    let [low, high] = [-1.0, 1.0].map(|x| b.number(x));
    let loss = b.ce(s, most, k);
    let loss = b.finish(loss);
    let run = |name| {
        let mut claim = claim(name, &[most, second]);
        claim.arguments[1].range = Some((low, high));
        decide(&loss, &claim, Effort::default())
    };
    assert!(matches!(run(ClaimName::Increasing), Verdict::Proved { .. }), "{}", run(ClaimName::Increasing));
    assert!(run(ClaimName::Decreasing).is_refuted());
}

#[test]
fn states_stay_in_their_ranges_or_not() {
    let all = |loss: &Loss| claims::states(loss, Effort::default());
    let found = all(&curricular((-1.0, 1.0)));
    assert_eq!(found[0].0, "state t stays in its range");
    assert!(matches!(found[0].1, Verdict::Proved { .. }), "{}", found[0].1);
    let found = all(&curricular((0.0, 1.0)));
    assert!(found[0].1.is_refuted() && found[0].1.to_string().contains("marlo eval"), "{}", found[0].1);
    assert!(all(&curricular((f64::NEG_INFINITY, f64::INFINITY))).is_empty());
    for (name, verdict) in all(&by_norm()) {
        assert!(matches!(verdict, Verdict::Proved { .. }), "{name}: {verdict}");
    }
}

/// A state that follows by a hyperparameter; one that may overshoot, as its share passes 1.
#[test]
fn a_mixture_lies_between_its_parts() {
    for (most, stays) in [(1.0, true), (1.5, false)] {
        let mut b = Build::new();
        let s = b.scale();
        let share = b.param("momentum", Kind::Real, 0.01, (0.0, most));
        let t = b.state("t", 0.0, (-1.0, 1.0));
        let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
        let (mean, one) = (b.op(Op::MeanI, &[y]), b.number(1.0));
        let rest = b.op(Op::Sub, &[one, share]);
        let [kept, moved] = [(rest, t), (share, mean)].map(|(a, x)| b.op(Op::Mul, &[a, x]));
        let next = b.op(Op::Add, &[moved, kept]);
        b.0.update(t, next).expect("one for the batch");
        let loss = b.ce(s, y, k);
        let found = claims::states(&b.finish(loss), Effort::default()).remove(0).1;
        let proved = matches!(found, Verdict::Proved { .. });
        assert!(proved == stays && found.is_refuted() != stays, "{found}");
    }
}

#[test]
fn finite_speaks_of_states_and_norms() {
    proved(&curricular((-1.0, 1.0)), ClaimName::Finite, &[]);
    proved(&by_norm(), ClaimName::Finite, &[]);
    proved(&by_norm(), ClaimName::PullsTarget, &[]);
    proved(&by_norm(), ClaimName::PushesOthers, &[]);
    // A next value that is none: the logarithm of a mean cosine.
    let mut b = Build::new();
    let (s, t) = (b.scale(), b.state("t", 0.5, (0.0, 1.0)));
    let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
    let mean = b.op(Op::MeanI, &[y]);
    let next = b.op(Op::Ln, &[mean]);
    b.0.update(t, next).expect("one for the batch");
    let loss = b.ce(s, y, k);
    let why = refuted(&b.finish(loss), ClaimName::Finite, &[]);
    assert!(why.contains("next t"), "{why}");
    // A loss that is finite, with a derivative by the norm that is not.
    let mut b = Build::new();
    let s = b.scale();
    let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
    let norm = b.input(Input::new("norm", Kind::Norm, Axis::Rows), At::Row);
    let root = b.op(Op::Sqrt, &[norm]);
    let ce = b.ce(s, y, k);
    let loss = b.op(Op::Add, &[ce, root]);
    let why = refuted(&b.finish(loss), ClaimName::Finite, &[]);
    assert!(why.contains("dnorm[i]"), "{why}");
}

#[test]
fn inputs_have_ranges_and_sums() {
    proved(&drawn(1e-6), ClaimName::Finite, &[]);
    proved(&drawn(1e-6), ClaimName::PullsTarget, &[]);
    refuted(&drawn(0.0), ClaimName::Finite, &[]);
    let loss = drawn(0.05);
    for case in cases(&loss, 130, 3) {
        let batch = case.batch(&loss).unwrap_or_else(|error| panic!("{error}: {case:?}"));
        assert!((batch.vectors[0].iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(batch.vectors[0].iter().all(|x| *x >= 0.05 - 1e-12));
    }
    let scales: Vec<f64> = cases(&loss, 60, 4).iter().map(|case| case.params[0]).collect();
    assert!(scales.contains(&3.0_f64.ln()) && scales.iter().any(|s| *s > 5.0), "{scales:?}");
}

#[test]
fn ranks_have_ranges() {
    let (loss, [matched, middle, deviation, rank]) = ranked();
    let mut loss = loss;
    let ends = |loss: &mut Loss, low: f64, high: f64| [low, high].map(|x| loss.graph.number(x));
    for (value, low, high) in
        [(matched, 0.0, 0.5), (middle, -1.0, 1.0), (deviation, 0.0, 3.0), (rank, 0.0, 1e10)]
    {
        let [low, high] = ends(&mut loss, low, high);
        proved(&loss, ClaimName::Bounded, &[value, low, high]);
    }
    for (value, low, high) in
        [(matched, 0.0, 0.4), (middle, -0.5, 1.0), (deviation, 0.0, 1.2), (rank, 0.0, 0.5)]
    {
        let [low, high] = ends(&mut loss, low, high);
        refuted(&loss, ClaimName::Bounded, &[value, low, high]);
    }
    // A quantile beyond all samples is 0: no sample has that rank.
    let mut b = Build::new();
    let [y, two] = [b.cos(At::Target, 0), b.number(2.0)];
    let none = b.0.quantile(y, two).expect("a row");
    let shifted = b.op(Op::Add, &[y, two]);
    let far = b.0.quantile(shifted, two).expect("a row");
    let mut loss = b.finish(y);
    let [low, high] = ends(&mut loss, -1.0, 1.0);
    proved(&loss, ClaimName::Bounded, &[none, low, high]);
    let [low, high] = ends(&mut loss, 1.0, 3.0);
    refuted(&loss, ClaimName::Bounded, &[far, low, high]);
}

/// ln Σ exp over the batch, less the greatest of which no exponential overflows.
#[test]
fn the_greatest_of_a_batch_is_not_below_any() {
    let lse = |q: f64| {
        let mut b = Build::new();
        let [y, share] = [b.0.logit(At::Target).expect("logits"), b.number(q)];
        let most = b.0.quantile(y, share).expect("a row");
        let held = b.op(Op::Detach, &[most]);
        let less = b.op(Op::Sub, &[y, held]);
        let power = b.op(Op::Exp, &[less]);
        let sum = b.op(Op::SumI, &[power]);
        let ln = b.op(Op::Ln, &[sum]);
        let loss = b.op(Op::Add, &[most, ln]);
        b.finish(loss)
    };
    let found = verdict(&lse(0.5), ClaimName::Finite, &[]);
    assert!(found.is_refuted(), "{found}");
    proved(&lse(1.0), ClaimName::Finite, &[]);
}

#[test]
fn what_is_not_understood_is_unknown() {
    // The derivative through the deviation is bounded, which intervals don't see.
    let (mut loss, [matched, middle, deviation, _]) = ranked();
    let found = verdict(&loss, ClaimName::Finite, &[]);
    assert!(matches!(found, Verdict::Unknown { .. }), "{found}");
    // The deviation of cosines is at most √2, and a quantile of few samples is any of them.
    let [zero, low, high] = [0.0, -1.0, 1.5].map(|x| loss.graph.number(x));
    let found = verdict(&loss, ClaimName::Bounded, &[deviation, zero, high]);
    assert!(matches!(found, Verdict::Unknown { .. }), "{found}");
    assert!(!matches!(verdict(&loss, ClaimName::Bounded, &[middle, low, zero]), Verdict::Proved { .. }));
    // A rank moves with other samples.
    let mut run = claim(ClaimName::Increasing, &[matched, middle]);
    let margin = loss.graph.add(Op::Input(1, At::Row), &[]);
    run.arguments[1] = ClaimArgument { value: margin, range: Some((zero, high)) };
    assert!(!matches!(decide(&loss, &run, Effort::default()), Verdict::Proved { .. }));
}

/// A hyperparameter that is called C is not the number of classes.
#[test]
fn names_may_be_alike() {
    let mut b = Build::new();
    let s = b.param("C", Kind::Scale, 2.0, (1.0, 4.0));
    let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
    let classes = b.0.graph.add(Op::Classes, &[]);
    let five = b.number(5.0);
    let less = b.op(Op::Sub, &[five, s]);
    let loss = b.ce(s, y, k);
    let mut loss = b.finish(loss);
    proved(&loss, ClaimName::Nonnegative, &[less]);
    let less = loss.graph.add(Op::Sub, &[s, classes]);
    refuted(&loss, ClaimName::Nonnegative, &[less]);
    let [one, most] = [1.0, 1e5].map(|x| loss.graph.number(x));
    let sum = loss.graph.add(Op::Add, &[s, classes]);
    assert!(!matches!(verdict(&loss, ClaimName::Bounded, &[sum, one, most]), Verdict::Proved { .. }));
}

#[test]
fn the_report_has_a_line_for_each_state() {
    let text = "loss plain(s: Scale = 32 in 1..128) { ce(softmax(s * cos[y], s * cos[k])) }";
    let mut compiled = marlo_lang::compile(text, &marlo_lang::Empty).expect("it is right");
    compiled.loss = curricular((0.0, 1.0));
    let mut effort = report::Effort { accuracy: 8, ..report::Effort::default() };
    (effort.gradient.cases, effort.gradient.differences) = (13, 1);
    let report = report::verify(&compiled, text, "plain.loss", &[], &effort);
    let line = report.lines.iter().find(|line| line.subject == report::Subject::State).expect("a line");
    assert_eq!((line.claim.as_str(), line.verdict.is_refuted()), ("state t stays in its range", true));
    assert!(report.text(0).contains("REFUTED  state t stays in its range"), "{}", report.text(0));
}

#[test]
fn the_number_of_classes_has_a_range() {
    let mut b = Build::new();
    let s = b.scale();
    let [y, k] = [At::Target, At::Other].map(|at| b.cos(at, 0));
    let classes = b.0.graph.add(Op::Classes, &[]);
    let others = b.0.graph.add(Op::Others, &[]);
    let ln = b.op(Op::Ln, &[classes]);
    let lse = {
        let scaled = b.op(Op::Mul, &[s, k]);
        b.op(Op::LseK, &[scaled])
    };
    let ce = b.ce(s, y, k);
    let loss = b.op(Op::Add, &[ce, ln]);
    let mut loss = b.finish(loss);
    proved(&loss, ClaimName::Finite, &[]);
    let [low, high, two] = [0.0, 23.0, 1.5].map(|x| loss.graph.number(x));
    proved(&loss, ClaimName::Bounded, &[ln, low, high]);
    refuted(&loss, ClaimName::Bounded, &[ln, low, two]);
    let less = loss.graph.add(Op::Sub, &[classes, others]);
    proved(&loss, ClaimName::Nonnegative, &[less]);
    let more = loss.graph.add(Op::Sub, &[others, classes]);
    refuted(&loss, ClaimName::Nonnegative, &[more]);
    refuted(&loss, ClaimName::Bounded, &[less, low, low]);
    refuted(&loss, ClaimName::Nonnegative, &[lse]);
}

const SMALL: gradient::Effort = gradient::Effort { cases: 52, differences: 13, seed: 3, slack: 4.0 };
