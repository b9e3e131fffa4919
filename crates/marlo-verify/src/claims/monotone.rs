//! `decreasing(e, x in low..high)` and `increasing(..)`: e never rises, or never falls, while x runs through the range.
//!
//! Between the borders of masks and floors the derivative by x has a sign; at each border, which x crosses in one
//! direction, the step has it too.

use std::collections::HashMap;

use marlo_ir::derivative::differentiate;
use marlo_ir::graph::{Axis, Graph, Id, Input};
use marlo_ir::loss::Loss;
use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;
use marlo_ir::simplify::{simplify, without_detach};
use marlo_lang::{Claim, ClaimName};

use super::{Effort, Sign, boxes, by_intervals, place, refute};
use crate::domain;
use crate::range::Model;
use crate::range::search::{Outcome, prove};
use crate::verdict::Verdict;

/// What runs, from where to where.
struct Run {
    graph: Graph,
    value: Id,
    /// The node that is differentiated by: an input or hyperparameter.
    leaf: Id,
    /// The node that runs: the leaf, or its angle.
    x: Id,
    low: Id,
    high: Id,
    /// The declared range of a hyperparameter that was made an input.
    bounds: Option<(Id, Id)>,
    /// The sign of the derivative by the leaf that is claimed.
    sign: Sign,
}

pub(super) fn decide(loss: &Loss, claim: &Claim, effort: Effort) -> Verdict {
    if let Some(found) = refute::monotone(loss, claim, effort) {
        return found;
    }
    let Some(run) = run(loss, claim) else {
        return Verdict::Unknown { why: "x moves other classes or samples than the value's own".into() };
    };
    let mut count = 0;
    match slope(&run, run.value, effort) {
        Ok(boxes) => count += boxes,
        Err(why) => return Verdict::Unknown { why },
    }
    match steps(&run, effort) {
        Ok((steps, more)) => {
            count += more;
            let how = match steps {
                0 => format!("sign of the derivative, {}", boxes(count)),
                1 => format!("sign of the derivative and 1 step, {}", boxes(count)),
                n => format!("sign of the derivative and {n} steps, {}", boxes(count)),
            };
            Verdict::Proved { how }
        }
        Err(why) => Verdict::Unknown { why },
    }
}

/// The claim with x as an input of the value's own shape, so that the derivative is not summed over samples or classes.
fn run(loss: &Loss, claim: &Claim) -> Option<Run> {
    let [of, by] = claim.arguments.as_slice() else { return None };
    let (low, high) = by.range?;
    // The claim is about the value, so a stop-gradient does not hide anything from the derivative.
    let nodes = [of.value, by.value, low, high];
    let (mut graph, map) = without_detach(&loss.graph, &nodes);
    let [of, by, low, high] = nodes.map(|id| map[id.index()].unwrap_or(id));
    let leaf = match graph.op(by) {
        Op::Acos => graph.args(by)[0],
        _ => by,
    };
    let falls = claim.name == ClaimName::Decreasing;
    let turned = leaf != by;
    let sign = if falls == turned { Sign::NotBelow } else { Sign::NotAbove };
    let shape = graph.shape(of);
    let mut at = [of, leaf, by, low, high];
    // A derivative is that of the sum over what the value varies with; where one x moves more than its own value, that is
    // another number.
    let moves =
        |op: Op| op.is_batch() || op == Op::KeptI || (shape == Shape::Cell && op.is_class_reduction());
    if graph.depends(of, moves) {
        return None;
    }
    let mut bounds = None;
    if graph.shape(leaf) < shape {
        if let Op::Param(p) = graph.op(leaf) {
            let param = &graph.params[p as usize];
            bounds = Some((param.low, param.high));
        }
        let (axis, place) = match shape {
            Shape::Cell => (Axis::Classes, At::Other),
            _ => (Axis::Rows, At::Row),
        };
        let kind = graph.node(leaf).kind;
        let name = graph.leaf(leaf)?;
        let input = Input::new(&name, kind, axis);
        let (low, high) = match graph.op(leaf) {
            Op::Input(i, _) => domain::of_input(&graph.inputs[i as usize]),
            _ => (input.low, input.high),
        };
        graph.inputs.push(Input { low, high, ..input });
        let input = graph.inputs.len() as u32 - 1;
        let fresh = graph.add(Op::Input(input, place), &[]);
        let fresh = replace(&mut graph, &at, &HashMap::from([(leaf, fresh)]));
        at.copy_from_slice(&fresh);
    }
    let [value, leaf, x, low, high] = at;
    let bounds = bounds.map(|(low, high)| (graph.number(low), graph.number(high)));
    Some(Run { graph, value, leaf, x, low, high, bounds, sign })
}

/// The derivative of a node by x has the sign between borders; gives the number of boxes.
fn slope(run: &Run, of: Id, effort: Effort) -> Result<usize, String> {
    let mut graph = run.graph.clone();
    let by = differentiate(&mut graph, of, &[run.leaf])[0];
    let (low, high) = run.bounds.unwrap_or((run.low, run.high));
    let leaf = if run.bounds.is_some() { run.leaf } else { run.x };
    let (simple, map) = simplify(&graph, &[by, run.low, run.x, run.high, low, leaf, high]);
    let at = |id: Id| map[id.index()].unwrap_or(id);
    let between = [(at(run.low), at(run.x), at(run.high)), (at(low), at(leaf), at(high))];
    let (model, outcome) = by_intervals(&simple, at(by), run.sign, &between, effort);
    holds(&model, outcome, "the sign of the derivative is")
}

fn holds(model: &Model, outcome: Outcome, what: &str) -> Result<usize, String> {
    match outcome {
        Outcome::Holds { boxes } => Ok(boxes),
        Outcome::Fails { at } | Outcome::Open { at, .. } => {
            Err(format!("{what} open at {}", place(model, &at)))
        }
    }
}

/// A border that the leaf crosses as it rises: the decision's outcome before and after, and what is equal there.
struct Border {
    before: Outcomes,
    after: Outcomes,
    equal: (Id, Id),
}

/// What a decision comes to.
#[derive(Copy, Clone)]
enum Outcomes {
    Mask(bool),
    Floor(f64),
}

impl Outcomes {
    fn node(self, graph: &mut Graph) -> Id {
        match self {
            Outcomes::Floor(n) => graph.number(n),
            Outcomes::Mask(on) => {
                let ends = if on { [0.0, 1.0] } else { [1.0, 0.0] };
                let ends = ends.map(|end| graph.number(end));
                graph.add(Op::Lt, &ends)
            }
        }
    }
}

fn decides(op: Op) -> bool {
    matches!(op, Op::Lt | Op::Le | Op::Eq | Op::Floor | Op::InTopI)
}

/// Every step of the value goes the claimed way; gives their number and that of the boxes.
fn steps(run: &Run, effort: Effort) -> Result<(usize, usize), String> {
    let needed = run.graph.reachable(&[run.value]);
    let depends = |id: Id| run.graph.reachable(&[id])[run.leaf.index()];
    let decisions: Vec<Id> = run
        .graph
        .ids()
        .filter(|&id| needed[id.index()] && decides(run.graph.op(id)) && depends(id))
        .collect();
    let (mut steps, mut count) = (0, 0);
    for (at, &decision) in decisions.iter().enumerate() {
        for &other in &decisions[..at] {
            count += apart(run, decision, other, effort)?;
        }
        if run.graph.shape(decision) == Shape::Cell && in_reduction(&run.graph, run.value, decision) {
            return Err("a mask of each class inside a reduction over them".into());
        }
        let args = run.graph.args(decision).to_vec();
        if args.iter().any(|&arg| run.graph.depends(arg, |op| decides(op) || op == Op::Select)) {
            return Err("a border that depends on another border".into());
        }
        let mut run = Run { graph: run.graph.clone(), ..*run };
        let crossing = match run.graph.op(decision) {
            Op::Lt | Op::Le => run.graph.add(Op::Sub, &[args[1], args[0]]),
            Op::Floor => args[0],
            _ => return Err("an equality or a rank that depends on x".into()),
        };
        let (rises, more) = direction(&mut run, crossing, effort)?;
        count += more;
        for border in borders(&mut run, decision, rises)? {
            count += step(&run, decision, &border, effort)?;
            steps += 1;
        }
    }
    Ok((steps, count))
}

/// Is a node part of the terms of a reduction over classes?
fn in_reduction(graph: &Graph, root: Id, node: Id) -> bool {
    let needed = graph.reachable(&[root]);
    let reductions = graph.ids().filter(|id| needed[id.index()] && graph.op(*id).is_class_reduction());
    reductions.into_iter().any(|id| graph.reachable(&[id])[node.index()])
}

/// Two decisions are nowhere on their borders together: a step of one alone is all that happens there.
fn apart(run: &Run, one: Id, other: Id, effort: Effort) -> Result<usize, String> {
    let [a, b] = [one, other].map(|id| run.graph.args(id).to_vec());
    let masks = [one, other].iter().all(|&id| matches!(run.graph.op(id), Op::Lt | Op::Le));
    if !masks {
        return Err("two borders that x may cross at once".into());
    }
    let nodes = [run.low, run.x, run.high, a[0], a[1], b[0], b[1]];
    let (simple, map) = simplify(&run.graph, &nodes);
    let [low, x, high, a, b, c, d] = nodes.map(|id| map[id.index()].unwrap_or(id));
    let model = Model::new(&simple, &[x], &[(low, x, high), (a, b, a), (c, d, c)]);
    // Nothing holds on a box but that it is empty.
    match prove(&model, &|_| 1.0, &|_| false, &|_| false, effort.boxes) {
        Outcome::Holds { boxes } => Ok(boxes),
        _ => Err("two borders that x may cross at once".into()),
    }
}

/// Does what decides rise with the leaf, or fall? It must do one of the two.
fn direction(run: &mut Run, crossing: Id, effort: Effort) -> Result<(bool, usize), String> {
    let claimed = run.sign;
    for (sign, rises) in [(Sign::NotBelow, true), (Sign::NotAbove, false)] {
        run.sign = sign;
        let found = slope(run, crossing, effort);
        run.sign = claimed;
        if let Ok(count) = found {
            return Ok((rises, count));
        }
    }
    Err("a border that x may cross more than once".into())
}

fn borders(run: &mut Run, decision: Id, rises: bool) -> Result<Vec<Border>, String> {
    let args = run.graph.args(decision).to_vec();
    if run.graph.op(decision) != Op::Floor {
        let (before, after) = (Outcomes::Mask(!rises), Outcomes::Mask(rises));
        return Ok(vec![Border { before, after, equal: (args[0], args[1]) }]);
    }
    let model = Model::new(&run.graph, &args, &[]);
    let range = model.enclose(&model.whole()).map(|found| found.at(model.roots[0]).range);
    let Some(range) = range.filter(|range| range.width() <= 32.0) else {
        return Err("a floor with too many steps".into());
    };
    let steps = range.lo.floor() as i64 + 1..=range.hi.floor() as i64;
    let border = |n: i64| {
        let [below, here] = [n - 1, n].map(|n| Outcomes::Floor(n as f64));
        let (before, after) = if rises { (below, here) } else { (here, below) };
        Border { before, after, equal: (args[0], run.graph.number(n as f64)) }
    };
    Ok(steps.map(border).collect())
}

/// The value's step at a border has the claimed sign; gives the number of boxes.
fn step(run: &Run, decision: Id, border: &Border, effort: Effort) -> Result<usize, String> {
    let mut graph = run.graph.clone();
    let side = |graph: &mut Graph, outcome: Outcomes| {
        let node = outcome.node(graph);
        replace(graph, &[run.value], &HashMap::from([(decision, node)]))[0]
    };
    let [before, after] = [border.before, border.after].map(|outcome| side(&mut graph, outcome));
    let step = graph.add(Op::Sub, &[after, before]);
    let mut nodes = vec![step, run.low, run.x, run.high, border.equal.0, border.equal.1];
    if let Some(solved) = solve(&mut graph, run.leaf, border.equal) {
        nodes = replace(&mut graph, &nodes, &HashMap::from([(run.leaf, solved)]));
    }
    let (simple, map) = simplify(&graph, &nodes);
    let at = |place: usize| map[nodes[place].index()].unwrap_or(nodes[place]);
    let between = [(at(1), at(2), at(3)), (at(4), at(5), at(4))];
    let (model, outcome) = by_intervals(&simple, at(0), run.sign, &between, effort);
    holds(&model, outcome, "the step at a border is")
}

/// The leaf where two nodes are equal, if one of them is the leaf or its angle.
fn solve(graph: &mut Graph, leaf: Id, (a, b): (Id, Id)) -> Option<Id> {
    for (one, other) in [(a, b), (b, a)] {
        if graph.reachable(&[other])[leaf.index()] || graph.shape(other) > graph.shape(leaf) {
            continue;
        }
        if one == leaf {
            return Some(other);
        }
        if graph.op(one) == Op::Acos && graph.args(one)[0] == leaf {
            return Some(graph.add(Op::Cos, &[other]));
        }
    }
    None
}

/// The roots with nodes in place of others, as further nodes of the graph.
pub(crate) fn replace(graph: &mut Graph, roots: &[Id], with: &HashMap<Id, Id>) -> Vec<Id> {
    let needed = graph.reachable(roots);
    let order: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
    let mut map: HashMap<Id, Id> = HashMap::new();
    for id in order {
        let fresh = match with.get(&id) {
            Some(&other) => other,
            None => {
                let args: Vec<Id> =
                    graph.args(id).iter().map(|a| map.get(a).copied().unwrap_or(*a)).collect();
                graph.add(graph.op(id), &args)
            }
        };
        map.insert(id, fresh);
    }
    roots.iter().map(|root| map.get(root).copied().unwrap_or(*root)).collect()
}
