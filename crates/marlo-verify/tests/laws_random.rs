//! Random programs: the verifier must not contradict the simplifier, the evaluator or itself, nor blow up.

use marlo_ir::graph::{Axis, Graph, Id, Input, Param};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Loss;
use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;
use marlo_verify::laws::sample;
use marlo_verify::laws::{LawVerdict, Limits, Sameness, Sampled, decide_losses, equal};
use quickcheck::{Arbitrary, Gen};

/// A short time for the e-graph: it mostly looks for proofs that do not exist here.
const QUICK: Limits = Limits { nodes: 1_000, rounds: 5, milliseconds: 60 };

/// Writes random expressions over cos, s from 1 to 8 and t from 0 to 2.
struct Writer<'g> {
    gen_: &'g mut Gen,
    graph: Graph,
}

impl Writer<'_> {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::arbitrary(self.gen_) % from.len()]
    }

    fn leaf(&mut self, cell: bool) -> Id {
        let number = self.pick(&[0.0, 1.0, 2.0, -1.0, 0.5, 0.25]);
        match self.pick(&[0, 1, 1, 2, 2, 3]) {
            0 => self.graph.number(number),
            1 => self.graph.add(Op::Param(u32::arbitrary(self.gen_) % 2), &[]),
            2 if cell => self.graph.add(Op::Input(0, At::Other), &[]),
            _ => self.graph.add(Op::Input(0, At::Target), &[]),
        }
    }

    fn angle(&mut self, cell: bool) -> Id {
        let c = self.graph.add(Op::Input(0, if cell { At::Other } else { At::Target }), &[]);
        let theta = self.graph.add(Op::Acos, &[c]);
        let times = self.pick(&[1.0, 2.0, 0.5]);
        let times = self.graph.number(times);
        let scaled = self.graph.add(Op::Mul, &[times, theta]);
        let t = self.graph.add(Op::Param(1), &[]);
        self.graph.add(Op::Add, &[scaled, t])
    }

    fn expression(&mut self, depth: usize, cell: bool) -> Id {
        if depth == 0 {
            return self.leaf(cell);
        }
        let x = self.expression(depth - 1, cell);
        match self.pick(&[0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
            0 => {
                let y = self.expression(depth - 1, cell);
                let op = self.pick(&[Op::Add, Op::Sub, Op::Mul, Op::Add, Op::Min, Op::Max]);
                self.graph.add(op, &[x, y])
            }
            1 => {
                let op =
                    self.pick(&[Op::Neg, Op::Sigmoid, Op::Softplus, Op::Tanh, Op::Relu, Op::Abs, Op::Detach]);
                self.graph.add(op, &[x])
            }
            2 => {
                let angle = self.angle(cell);
                let op = self.pick(&[Op::Cos, Op::Sin]);
                self.graph.add(op, &[angle])
            }
            3 => {
                let (a, b) = (self.leaf(cell), self.leaf(cell));
                let op = self.pick(&[Op::Lt, Op::Le]);
                let mask = self.graph.add(op, &[a, b]);
                let y = self.expression(depth - 1, cell);
                self.graph.add(Op::Select, &[mask, x, y])
            }
            4 => {
                let soft = self.graph.add(Op::Tanh, &[x]);
                self.graph.add(Op::Exp, &[soft])
            }
            5 => {
                let below = self.graph.add(Op::Param(0), &[]);
                self.graph.add(Op::Div, &[x, below])
            }
            6 => {
                let power = self.pick(&[2.0, 3.0, 1.0, 0.0]);
                let power = self.graph.number(power);
                self.graph.add(Op::Pow, &[x, power])
            }
            7 => {
                let above = self.graph.add(Op::Softplus, &[x]);
                let op = self.pick(&[Op::Ln, Op::Sqrt, Op::Log1p]);
                self.graph.add(op, &[above])
            }
            _ if cell => x,
            8 => {
                let inside = self.expression(depth - 1, true);
                let k = self.graph.add(Op::Input(0, At::Other), &[]);
                let inside = self.graph.add(Op::Add, &[inside, k]);
                let op = self.pick(&[Op::SumK, Op::LseK, Op::MaxK]);
                self.graph.add(op, &[inside])
            }
            _ => {
                let inside = self.graph.add(Op::Input(0, At::Target), &[]);
                let inside = self.graph.add(Op::Mul, &[inside, x]);
                let op = self.pick(&[Op::MeanI, Op::SumI]);
                self.graph.add(op, &[inside])
            }
        }
    }
}

fn declarations() -> Graph {
    let mut graph = Graph::default();
    graph.inputs.push(Input::new("cos", Kind::Cosine, Axis::Matrix));
    for (name, low, high) in [("s", 1.0, 8.0), ("t", 0.0, 2.0)] {
        graph.params.push(Param {
            default: Some((low + high) / 2.0),
            low,
            high,
            ..Param::new(name, Kind::Real)
        });
    }
    graph
}

fn program(seed: u64, depth: usize) -> Loss {
    let mut gen_ = Gen::from_size_and_seed(seed as usize % 7 + 1, seed);
    let mut writer = Writer { gen_: &mut gen_, graph: declarations() };
    let row = writer.expression(depth, false);
    finish(writer.graph, row)
}

fn finish(mut graph: Graph, row: Id) -> Loss {
    let row = if graph.shape(row) == Shape::Row {
        row
    } else {
        let c = graph.add(Op::Input(0, At::Target), &[]);
        graph.add(Op::Add, &[row, c])
    };
    let total = graph.add(Op::MeanI, &[row]);
    Loss { name: "random".into(), graph, row, total, names: vec![], updates: vec![] }
}

#[test]
fn the_simplifier_changes_no_value() {
    let (mut proved, mut unknown, mut differ) = (0, 0, 0);
    for seed in 0..90 {
        let raw = program(seed, 5);
        match decide_losses(&raw, &raw.normalised(), QUICK) {
            LawVerdict::Proved { normal_form: true, .. } => proved += 1,
            LawVerdict::Proved { .. } | LawVerdict::Unknown { .. } => unknown += 1,
            LawVerdict::Checked { why_not_proved, .. } => {
                println!("{seed}: {why_not_proved}\n{}", raw.graph.print(&[("row", raw.row)]));
                differ += 1;
            }
            LawVerdict::Refuted { counterexample } => {
                panic!("{seed}: {counterexample:?}\n{}", raw.graph.print(&[("row", raw.row)]));
            }
        }
    }
    println!("{proved} proved, {unknown} unknown, {differ} only checked");
    assert!(proved > 80, "{proved} proved, {unknown} unknown, {differ} only checked");
}

#[test]
fn what_is_proved_is_not_refuted_by_numbers() {
    let (mut equal_pairs, mut different) = (0, 0);
    for seed in 0..160_u64 {
        // One literal, operation or leaf is another one.
        let left = program(seed, 4);
        let mut right = left.clone();
        let ids: Vec<Id> = left.graph.ids().collect();
        let mut graph = left.graph.like();
        let needed = left.graph.reachable(&[left.row]);
        let places: Vec<usize> = (0..ids.len())
            .filter(|p| needed[*p] && other(left.graph.op(ids[*p])) != left.graph.op(ids[*p]))
            .collect();
        let Some(&target) = places.get(seed as usize * 31 % places.len().max(1)) else { continue };
        let mut map: Vec<Option<Id>> = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            let args: Vec<Id> = left.graph.args(*id).iter().filter_map(|a| map[a.index()]).collect();
            let op = if place == target { other(left.graph.op(*id)) } else { left.graph.op(*id) };
            map.push(Some(graph.add(op, &args)));
        }
        let at = |id: Id| map[id.index()].unwrap_or(id);
        (right.row, right.total, right.graph) = (at(left.row), at(left.total), graph);
        let mut joined = right.graph.clone();
        let mut back: Vec<Id> = Vec::new();
        for id in &ids {
            let args: Vec<Id> = left.graph.args(*id).iter().map(|a| back[a.index()]).collect();
            back.push(joined.add(left.graph.op(*id), &args));
        }
        let found = equal(&joined, back[left.total.index()], right.total, QUICK);
        let shown = found.normal_form == Sameness::Equal || found.rewriting.is_ok();
        let defined = found.side_conditions.iter().all(|c| c.holds);
        match sample::values(&left, &right) {
            Sampled::Differ(at) => {
                different += 1;
                assert!(!shown || !defined, "{seed}: {at:?}\n{}", left.graph.print(&[("row", left.row)]));
            }
            Sampled::Agree { .. } => equal_pairs += usize::from(shown),
        }
    }
    println!("{different} different, {equal_pairs} equal");
    assert!(different > 60 && equal_pairs > 10, "{different} different, {equal_pairs} equal");
}

/// An operation of the same shape that is mostly another one.
fn other(op: Op) -> Op {
    match op {
        Op::Add => Op::Sub,
        Op::Sub => Op::Add,
        Op::Mul => Op::Max,
        Op::Min => Op::Max,
        Op::Max => Op::Min,
        Op::Lt => Op::Le,
        Op::Le => Op::Lt,
        Op::Cos => Op::Sin,
        Op::Sigmoid => Op::Tanh,
        Op::Param(p) => Op::Param(1 - p),
        Op::SumK => Op::LseK,
        Op::LseK => Op::MaxK,
        Op::Neg => Op::Detach,
        Op::Relu => Op::Abs,
        op => op,
    }
}

#[test]
fn large_programs_get_an_answer() {
    // A tower of sums and products, and one whose tree is exponentially large.
    for op in [Op::Add, Op::Mul, Op::Max] {
        let mut graph = declarations();
        let mut x = graph.add(Op::Input(0, At::Target), &[]);
        let s = graph.add(Op::Param(0), &[]);
        for step in 0..120 {
            let other = if step % 3 == 0 { s } else { x };
            let soft = graph.add(Op::Sigmoid, &[x]);
            x = graph.add(op, &[soft, other]);
        }
        let loss = finish(graph, x);
        let verdict = decide_losses(&loss, &loss.normalised(), Limits::default());
        assert!(!matches!(verdict, LawVerdict::Refuted { .. }), "{verdict:?}");
    }
}
