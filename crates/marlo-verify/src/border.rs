//! Borders: where a mask, a branch or a floor decides, and by how much loss and gradient jump there.

use std::collections::HashMap;

use marlo_ir::eval::{Batch, evaluate};
use marlo_ir::formula;
use marlo_ir::graph::{Axis, Graph, Id};
use marlo_ir::loss::{Loss, Named, Role};
use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;
use marlo_ir::simplify::simplify;
use serde_json::{Value, json};

use crate::claims::{probe, replace, replay};
use crate::domain;

/// A border of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Border {
    /// What is equal, or whole, on it.
    pub place: String,
    /// By how much a value of the program steps there: the value, and the step as a formula, from off to on.
    pub step: Option<(String, String)>,
    /// What a step does to the loss of a sample, where that has a formula.
    pub effect: Option<String>,
    /// Where it was measured; nothing where no inputs were found on it.
    pub jump: Option<Jump>,
}

/// A border as it was measured, between two neighbouring numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Jump {
    /// How many places on the border were measured.
    pub places: usize,
    /// The largest change of a sample's loss.
    pub loss: f64,
    /// The losses on the two sides there.
    pub sides: (f64, f64),
    /// The largest change of an entry of the gradient, in multiples of the largest entry of that row.
    pub gradient: f64,
    /// A command that shows one side of it, where the loss jumps most.
    pub replay: String,
}

impl Jump {
    /// Does the loss go through without a step, as far as f64 can tell?
    pub fn is_continuous(&self) -> bool {
        self.loss <= 1e-9 * self.sides.0.abs().max(1.0)
    }
}

impl Border {
    /// As JSON.
    pub fn json(&self) -> Value {
        let jump = self.jump.as_ref().map(|jump| {
            json!({
                "places": jump.places, "loss": jump.loss, "from": jump.sides.0, "to": jump.sides.1,
                "gradient": jump.gradient, "replay": jump.replay,
            })
        });
        let step = self.step.as_ref().map(|(of, step)| json!({ "of": of, "step": step }));
        json!({ "place": self.place, "step": step, "effect": self.effect, "jump": jump })
    }
}

impl std::fmt::Display for Border {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.place)?;
        match &self.jump {
            None => write!(f, ": not met by any input that was tried")?,
            Some(jump) if jump.is_continuous() && jump.gradient < 1e-6 => {
                write!(f, ": loss and gradient are continuous")?;
            }
            Some(jump) if jump.is_continuous() => {
                let gradient = jump.gradient;
                write!(f, ": the loss is continuous, its gradient jumps by up to {gradient:.3} of its size")?;
            }
            Some(jump) => write!(
                f,
                ": the loss jumps by up to {:.6} (from {:.6} to {:.6}), its gradient by up to {:.3} of its size",
                jump.loss, jump.sides.0, jump.sides.1, jump.gradient
            )?,
        }
        if let Some(jump) = &self.jump {
            write!(f, "; {} places", jump.places)?;
        }
        if let Some((of, step)) = &self.step {
            write!(f, "\n    {of} steps by {step} where it comes on")?;
        }
        if let Some(effect) = &self.effect {
            write!(f, "\n    {effect}")?;
        }
        match &self.jump {
            Some(jump) if !jump.is_continuous() => write!(f, "\n    {}", jump.replay),
            _ => Ok(()),
        }
    }
}

/// Every border of a loss.
pub fn borders(loss: &Loss) -> Vec<Border> {
    let normal = loss.normalised();
    let needed = normal.graph.reachable(&[normal.row, normal.total]);
    let decides = |op: Op| matches!(op, Op::Lt | Op::Le | Op::Eq | Op::Floor);
    // What hyperparameters alone decide is no border of the inputs.
    let varies = |id: &Id| needed[id.index()] && normal.graph.shape(*id) != Shape::Scalar;
    let found = normal.graph.ids().filter(|id| varies(id) && decides(normal.graph.op(*id)));
    found.map(|decision| border(&normal, decision)).collect()
}

fn border(normal: &Loss, decision: Id) -> Border {
    let args = normal.graph.args(decision);
    let text = |id: Id| formula::value(normal, id);
    let place = match normal.graph.op(decision) {
        Op::Floor => format!("{} whole", text(args[0])),
        // The greater side first, as a mask is written.
        _ => format!("{} = {}", text(args[1]), text(args[0])),
    };
    let (step, effect) = step(normal, decision);
    Border { place, step, effect, jump: measure(normal, decision) }
}

/// The step of the value that a mask chooses, and what that does to the loss.
fn step(normal: &Loss, mask: Id) -> (Option<(String, String)>, Option<String>) {
    let graph = &normal.graph;
    if graph.op(mask) == Op::Floor {
        return (None, None);
    }
    let depends = |id: Id| graph.reachable(&[id])[mask.index()];
    let needed = graph.reachable(&[normal.row]);
    let reductions: Vec<Id> =
        graph.ids().filter(|id| needed[id.index()] && graph.op(*id) == Op::LseK && depends(*id)).collect();
    if let (Shape::Cell, [lse]) = (graph.shape(mask), reductions.as_slice()) {
        let logit = graph.args(*lse)[0];
        let Some(step) = difference(normal, logit, mask) else { return (None, None) };
        // L = softplus(LSE − a): one more Δ in b_k multiplies the odds of class k.
        let plain = graph.op(normal.row) == Op::Softplus
            && graph.op(graph.args(normal.row)[0]) == Op::Sub
            && graph.args(graph.args(normal.row)[0])[0] == *lse
            && !depends(graph.args(graph.args(normal.row)[0])[1]);
        let effect = plain.then(|| {
            format!("so the loss jumps by ln(1 + p_k·(e^({step}) - 1)) for the p_k before, by the formula of a softmax")
        });
        return (Some(("the logit of class k".into(), step)), effect);
    }
    let named =
        normal.names.iter().find(|n| n.role == Role::Let && graph.op(n.id) == Op::Select && depends(n.id));
    let step = named.and_then(|n: &Named| Some((n.name.clone(), difference(normal, n.id, mask)?)));
    (step, None)
}

/// The value with the mask on, less the value with it off, as a formula.
fn difference(normal: &Loss, value: Id, mask: Id) -> Option<String> {
    let mut loss = normal.clone();
    let graph: &mut Graph = &mut loss.graph;
    let mut side = |ends: [f64; 2]| {
        let ends = ends.map(|end| graph.number(end));
        let truth = graph.add(Op::Lt, &ends);
        let replaced = replace(graph, &[value], &HashMap::from([(mask, truth)]))[0];
        resolve(graph, replaced)
    };
    let (on, off) = (side([0.0, 1.0]), side([1.0, 0.0]));
    let step = graph.add(Op::Sub, &[on, off]);
    let (simple, map) = simplify(graph, &[step]);
    let step = map[step.index()]?;
    let names = Vec::new();
    let shown =
        Loss { graph: simple, names, row: step, total: step, name: loss.name.clone(), updates: Vec::new() };
    Some(formula::value(&shown, step))
}

/// Choices whose mask compares two numbers, made.
fn resolve(graph: &mut Graph, root: Id) -> Id {
    let mut known = HashMap::new();
    let needed = graph.reachable(&[root]);
    let order: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
    for id in order {
        let args = graph.args(id).to_vec();
        if graph.op(id) != Op::Select || graph.op(args[0]) != Op::Lt {
            continue;
        }
        let ends = [0, 1].map(|at| graph.constant(graph.args(args[0])[at]));
        if let [Some(a), Some(b)] = ends {
            known.insert(id, if a < b { args[1] } else { args[2] });
        }
    }
    replace(graph, &[root], &known)[0]
}

/// Walks one cosine, or one value of another input, over its range and looks at both sides of each change of the decision.
fn measure(normal: &Loss, decision: Id) -> Option<Jump> {
    let graph = &normal.graph;
    if graph.depends(decision, Op::is_batch) {
        return None;
    }
    let gradient = normal.row_gradient();
    let mut roots = vec![gradient.loss.row, gradient.target, gradient.other];
    roots.extend(gradient.partials.iter().flat_map(|partial| [partial.target, partial.other]));
    let mut best: Option<Jump> = None;
    for base in [[0.3, 0.1, -0.2], [0.7, 0.5, 0.6], [-0.2, 0.4, 0.1], [-0.7, -0.9, 0.2], [0.95, 0.2, 0.9]] {
        for entry in entries(graph, decision) {
            let Some(mut batch) = probe(normal, &base) else { continue };
            for (low, high) in crossings(graph, decision, &mut batch, &entry) {
                let [left, right] = [low, high].map(|x| {
                    entry.set(&mut batch, x);
                    (evaluate(&gradient.loss.graph, &roots, &batch), batch.clone())
                });
                let jump = compare(normal, &left, &right);
                let places = best.as_ref().map_or(0, |b| b.places) + 1;
                let loss = best.as_ref().map_or(-1.0, |b| b.loss);
                let steepest = best.as_ref().map_or(0.0, |b| b.gradient).max(jump.gradient);
                let kept = if jump.loss > loss { Some(jump) } else { best.take() };
                best = kept.map(|kept| Jump { places, gradient: steepest, ..kept });
            }
        }
    }
    best
}

/// A number of a batch of one row, and the range that it is walked over.
struct Entry {
    input: usize,
    place: usize,
    range: (f64, f64),
}

impl Entry {
    fn set(&self, batch: &mut Batch<f64>, x: f64) {
        let values = if self.input == 0 { &mut batch.matrix } else { &mut batch.vectors[self.input - 1] };
        if let Some(value) = values.get_mut(self.place) {
            *value = x;
        }
    }
}

/// The numbers that a decision reads: of a matrix or vector over classes that of the label, 0, and that of the next class.
/// Values that must add up to something are not moved alone.
fn entries(graph: &Graph, decision: Id) -> Vec<Entry> {
    let any_class = reads_any_class(graph, decision);
    let mut found = Vec::new();
    for (input, declared) in graph.inputs.iter().enumerate().filter(|(_, declared)| declared.sum.is_none()) {
        let (low, high) = domain::of_input(declared);
        let wide = if declared.axis == Axis::Matrix { 20.0 } else { 256.0 };
        let range = (low.max(-wide), high.min(wide));
        for (place, at) in [(0, At::Target), (0, At::Row), (1, At::Other)] {
            let reads = graph.depends(decision, |op| op == Op::Input(input as u32, at));
            let others = any_class && declared.axis == Axis::Matrix && at != At::Row;
            if (reads || others) && range.0 < range.1 {
                found.push(Entry { input, place, range });
            }
        }
    }
    found
}

fn reads_any_class(graph: &Graph, decision: Id) -> bool {
    graph.depends(decision, Op::is_class_reduction)
}

type Side = (Vec<Vec<f64>>, Batch<f64>);

fn compare(normal: &Loss, left: &Side, right: &Side) -> Jump {
    let largest = |side: &Side| side.0[1..].iter().flatten().map(|g| g.abs()).fold(1e-300, f64::max);
    let scale = largest(left).max(largest(right));
    let pairs = left.0[1..].iter().flatten().zip(right.0[1..].iter().flatten());
    let gradient = pairs.map(|(a, b)| (a - b).abs() / scale).fold(0.0, f64::max);
    let sides = (left.0[0][0], right.0[0][0]);
    Jump { places: 1, loss: (sides.0 - sides.1).abs(), sides, gradient, replay: replay(normal, &right.1) }
}

/// Neighbouring numbers for one entry between which the decision changes.
fn crossings(graph: &Graph, decision: Id, batch: &mut Batch<f64>, entry: &Entry) -> Vec<(f64, f64)> {
    let mut decided = |x: f64| {
        entry.set(batch, x);
        let found = evaluate(graph, &[decision], batch).remove(0);
        // At the focus: the second class of the only row.
        found[if found.len() > 1 { 1 } else { 0 }]
    };
    let mut found = Vec::new();
    let (least, most) = entry.range;
    let place = |step: i32| {
        if step == 64 { most } else { least + (most - least) * (f64::from(step) / 64.0) }
    };
    for step in 0..64 {
        let (mut low, mut high) = (place(step), place(step + 1));
        let (before, after) = (decided(low), decided(high));
        if before == after {
            continue;
        }
        while low.next_up() < high {
            let middle = low + (high - low) / 2.0;
            let middle = if middle > low && middle < high { middle } else { low.next_up() };
            if decided(middle) == before { low = middle } else { high = middle }
        }
        found.push((low, high));
    }
    found
}
