//! A graph prepared for enclosure, and its evaluation on a box.

use std::collections::HashMap;

use marlo_ir::graph::{Graph, Id};
use marlo_ir::kind::Kind;
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;
use marlo_ir::simplify::simplify;

use super::fact::{Difference, Fact, derive};
use super::raise::Raise;
use super::{CLASSES, FAR, shape, transfer};
use crate::domain;
use crate::interval::Interval;

/// What is known of a node.
#[derive(Copy, Clone, Debug, PartialEq)]
pub struct Value {
    /// Encloses the value. A mask is 1, 0, or anything between.
    pub range: Interval,
    /// Encloses the value in half turns (over π), where it is an angle: there multiples of π are exact.
    pub turns: Option<Interval>,
    /// Is it sure to be a number, not NaN?
    pub defined: bool,
}

impl Value {
    pub(super) fn of(range: Interval) -> Self {
        Value { range, turns: None, defined: true }
    }
}

/// A variable of the box.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its node.
    pub id: Id,
    /// Its declared range.
    pub range: Interval,
}

/// A part of the box that is looked at: the leaves' ranges, and decisions that are taken as given.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// The range of each leaf, in the order of [`Model::leaves`].
    pub leaves: Vec<Interval>,
    /// Masks and floors of the sample and class in focus whose value is assumed.
    pub taken: Vec<(Id, f64)>,
}

/// A graph with what is known of its nodes' relations.
pub struct Model {
    pub(super) graph: Graph,
    order: Vec<Id>,
    /// The variables of the box.
    pub leaves: Vec<Leaf>,
    /// The nodes that are asked for.
    pub roots: Vec<Id>,
    /// Masks and floors that the roots depend on in the row in focus.
    pub decisions: Vec<Id>,
    angles: HashMap<Id, Id>,
    facts: Vec<Fact>,
    /// Ranges that hold for nodes from the start.
    clamps: Vec<(Id, Id, Id)>,
    /// What was learnt of terms for every class and sample.
    known: HashMap<Id, Value>,
}

/// The four views of a batch; see [`super`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum View {
    Focus,
    Cell,
    OtherRow,
    OtherCell,
}

impl Model {
    /// Prepares roots of a graph in normal form. `between` says that nodes lie between two others: (low, x, high).
    pub fn new(graph: &Graph, roots: &[Id], between: &[(Id, Id, Id)]) -> Model {
        let mut all = roots.to_vec();
        all.extend(between.iter().flat_map(|b| [b.0, b.1, b.2]));
        let (simple, all) = written_out(graph, &all);
        let mut raise = Raise::new(&simple);
        let map = raise.copy(&simple, &all);
        let all: Vec<Id> = all.iter().map(|&id| map[id.index()].unwrap_or(id)).collect();
        let (roots, rest) = all.split_at(roots.len());
        let roots = roots.to_vec();
        let clamps: Vec<(Id, Id, Id)> = rest.chunks(3).map(|b| (b[0], b[1], b[2])).collect();
        let facts = facts(&mut raise, &roots, &clamps);
        let Raise { graph, angles } = raise;
        let mut wanted = roots.clone();
        wanted.extend(clamps.iter().flat_map(|c| [c.0, c.1, c.2]));
        wanted.extend(facts.iter().flat_map(|f| [f.upper, f.lower]).flatten());
        wanted.extend(angles.iter().map(|a| a.1));
        let needed = graph.reachable(&wanted);
        let order: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
        let leaves = order.iter().filter_map(|&id| Some(Leaf { id, range: declared(&graph, id)? })).collect();
        let seen = graph.reachable(&roots);
        let decides = |id: &Id| matches!(graph.op(*id), Op::Lt | Op::Le | Op::Eq | Op::Floor | Op::InTopI);
        let decisions = order.iter().copied().filter(|id| seen[id.index()]).filter(decides).collect();
        let angles = angles.into_iter().collect();
        let known = HashMap::new();
        let mut model = Model { graph, order, leaves, roots, decisions, angles, facts, clamps, known };
        model.learn();
        model
    }

    /// Terms of reductions that are only defined, or only finite, case by case: every class and every sample is one that
    /// could be in focus, so what holds there in all cases of its masks holds for each.
    fn learn(&mut self) {
        let reduces = |op: Op| op.is_class_reduction() || op.is_batch();
        let nodes: Vec<Id> = self.order.iter().copied().filter(|&id| reduces(self.graph.op(id))).collect();
        // With ranges on what is in focus, it is no longer like every other.
        for node in nodes.into_iter().filter(|_| self.clamps.is_empty()) {
            let term = self.graph.args(node)[0];
            let Some(found) = self.enclose(&self.whole()) else { return };
            let batch = self.graph.op(node).is_batch();
            let view = if batch { View::OtherRow } else { View::OtherCell };
            let plain = found.get(&self.graph, term, view);
            if plain.defined && plain.range.is_finite() {
                continue;
            }
            if let Some(value) = super::search::by_cases(self, term) {
                self.known.insert(term, value);
            }
        }
    }

    /// The name of a leaf, as in `cos[y]`.
    pub fn name(&self, id: Id) -> String {
        self.graph.leaf(id).unwrap_or_default()
    }

    /// What a leaf reads.
    pub(crate) fn op(&self, id: Id) -> Op {
        self.graph.op(id)
    }

    /// The whole box.
    pub fn whole(&self) -> Bounds {
        Bounds { leaves: self.leaves.iter().map(|leaf| leaf.range).collect(), taken: Vec::new() }
    }

    /// Encloses every node on a part of the box; `None` where no inputs are left: what was taken contradicts itself.
    pub fn enclose(&self, bounds: &Bounds) -> Option<Enclosure> {
        let mut state = Enclosure {
            focus: vec![Value::of(Interval::ALL); self.graph.len()],
            cell: vec![Value::of(Interval::ALL); self.graph.len()],
            other_row: vec![Value::of(Interval::ALL); self.graph.len()],
            other_cell: vec![Value::of(Interval::ALL); self.graph.len()],
            clamp: HashMap::new(),
            turns: HashMap::new(),
            others: self.others(bounds),
        };
        let narrows = !bounds.taken.is_empty() || !self.facts.is_empty() || !self.clamps.is_empty();
        for pass in 0..if narrows { 4 } else { 1 } {
            self.pass(bounds, &mut state)?;
            if !narrows || (!self.narrow(bounds, &mut state)? && pass > 0) {
                break;
            }
        }
        Some(state)
    }

    /// The number of other classes, max(C − 1, 1), where a box says something of C.
    fn others(&self, bounds: &Bounds) -> Interval {
        let at = self.leaves.iter().position(|leaf| self.graph.op(leaf.id) == Op::Classes);
        let one = Interval::point(1.0);
        at.map_or(Interval::new(1.0, CLASSES), |at| (bounds.leaves[at] - one).max(one))
    }

    fn pass(&self, bounds: &Bounds, state: &mut Enclosure) -> Option<()> {
        for &id in &self.order {
            let shape = self.graph.shape(id);
            let mut value = match self.leaves.iter().position(|leaf| leaf.id == id) {
                Some(at) => self.leaf(id, bounds.leaves[at]),
                None => self.value(state, id, View::Focus),
            };
            if let Some(&(_, taken)) = bounds.taken.iter().find(|t| t.0 == id) {
                value.range = value.range.meet(Interval::point(taken))?;
            }
            if let Some(&clamp) = state.clamp.get(&id) {
                value.range = value.range.meet(clamp)?;
            }
            if let (Some(&clamp), Some(turns)) = (state.turns.get(&id), value.turns) {
                let turns = turns.meet(clamp)?;
                value.turns = Some(turns);
                value.range = value.range.within(turns * Interval::PI);
            }
            state.focus[id.index()] = value;
            let learnt = |value: Value| match self.known.get(&id) {
                Some(known) => Value {
                    range: value.range.within(known.range),
                    defined: value.defined || known.defined,
                    ..value
                },
                None => value,
            };
            let anywhere = || declared(&self.graph, id).map(|range| self.leaf(id, range));
            match shape {
                Shape::Scalar => {}
                Shape::Row => {
                    state.other_row[id.index()] =
                        anywhere().unwrap_or_else(|| learnt(self.value(state, id, View::OtherRow)));
                }
                Shape::Cell => {
                    state.cell[id.index()] =
                        anywhere().unwrap_or_else(|| learnt(self.value(state, id, View::Cell)));
                    state.other_cell[id.index()] =
                        anywhere().unwrap_or_else(|| learnt(self.value(state, id, View::OtherCell)));
                }
            }
        }
        Some(())
    }

    fn leaf(&self, id: Id, range: Interval) -> Value {
        let turns = (self.graph.node(id).kind == Kind::Angle).then(|| transfer::turns_of(range));
        Value { range, turns, defined: true }
    }

    fn value(&self, state: &Enclosure, id: Id, view: View) -> Value {
        let ids = self.graph.args(id);
        let op = self.graph.op(id);
        if op.is_class_reduction() {
            let of = if matches!(view, View::Focus | View::Cell) { View::Cell } else { View::OtherCell };
            let term = state.get(&self.graph, ids[0], of);
            if op == Op::SumK && shape::counts_tied(&self.graph, ids[0]) {
                return Value { range: Interval::new(1.0, state.others.hi), ..term };
            }
            return transfer::over_classes(op, term, state.others);
        }
        if op.is_batch() || op == Op::KeptI {
            return self.over_batch(state, id);
        }
        let mut args = [Value::of(Interval::ALL); 3];
        for (slot, &arg) in args.iter_mut().zip(ids) {
            *slot = state.get(&self.graph, arg, view);
        }
        match op {
            Op::Others => Value::of(state.others),
            Op::Div if self.graph.op(ids[0]) == Op::SumK && self.graph.op(ids[1]) == Op::Others => {
                // A mean lies where its terms lie.
                let of = if matches!(view, View::Focus | View::Cell) { View::Cell } else { View::OtherCell };
                state.get(&self.graph, self.graph.args(ids[0])[0], of)
            }
            Op::Div
                if self.graph.op(ids[0]) == Op::SumI && shape::counts_rows(&self.graph, ids[1]).is_some() =>
            {
                let sum = state.get(&self.graph, self.graph.args(ids[0])[0], View::OtherRow);
                let factor = shape::counts_rows(&self.graph, ids[1]).unwrap_or(Interval::UNIT);
                Value { range: sum.range * factor, turns: None, ..sum }
            }
            Op::Div
                if self.graph.constant(ids[1]) == Some(std::f64::consts::PI) && args[0].turns.is_some() =>
            {
                Value { range: args[0].turns.unwrap_or(args[0].range), turns: None, ..args[0] }
            }
            Op::Add => self.sum(state, id, view, &args),
            Op::Mul if shape::same_sign(&self.graph, ids[0], ids[1]) => {
                let product = transfer::apply(op, &args[..2]);
                Value { range: product.range.within(Interval::new(0.0, f64::INFINITY)), ..product }
            }
            Op::Mul if ids[0] == ids[1] => Value { range: args[0].range.square(), turns: None, ..args[0] },
            Op::Sub if ids[0] == ids[1] && args[0].range.is_finite() => {
                Value { range: Interval::point(0.0), ..args[0] }
            }
            Op::SinRatio => {
                let angle = self.angles.get(&id).map(|&x| state.get(&self.graph, x, view));
                transfer::sin_ratio(&args, angle)
            }
            op => transfer::apply(op, &args[..ids.len()]),
        }
    }

    /// A sum; a mixture of two values lies between them.
    fn sum(&self, state: &Enclosure, id: Id, view: View, args: &[Value; 3]) -> Value {
        let sum = transfer::apply(Op::Add, &args[..2]);
        let Some(parts) = shape::mixture(&self.graph, id) else { return sum };
        let [share, x, y] = parts.map(|part| state.get(&self.graph, part, view));
        let both = x.range.hull(y.range);
        let between = Interval::UNIT.covers(share.range) && both.is_finite();
        Value { range: if between { sum.range.within(both) } else { sum.range }, ..sum }
    }

    /// An operation over the batch. Every sample is seen as another one, the one in focus too.
    fn over_batch(&self, state: &Enclosure, id: Id) -> Value {
        let op = self.graph.op(id);
        let first = self.graph.args(id)[0];
        let term = || state.get(&self.graph, first, View::OtherRow);
        match shape::single(&self.graph, op, first) {
            // Of all rows at most one has the rank: its value, or 0 where none has it.
            Some((chosen, sure)) => {
                let value = state.get(&self.graph, chosen, View::OtherRow);
                let zero = Interval::point(0.0);
                let range = if sure { value.range } else { value.range.hull(zero) };
                Value { range, turns: None, ..value }
            }
            None => {
                let value = transfer::over_batch(op, term);
                let least = self.least_sum(op, first);
                Value { range: value.range.within(Interval::new(least, f64::INFINITY)), ..value }
            }
        }
    }

    /// What Σ exp over the batch is not below where some sample's exponent is known: that of the greatest, less the greatest.
    fn least_sum(&self, op: Op, term: Id) -> f64 {
        let met = |fact: &&Fact| fact.met && self.graph.args(term).first() == Some(&fact.x);
        let exponents = self.facts.iter().filter(met).filter_map(|fact| self.graph.constant(fact.upper?));
        match (op, self.graph.op(term)) {
            (Op::SumI, Op::Exp) => {
                exponents.map(|x| Interval::point(x).exp().lo).fold(f64::NEG_INFINITY, f64::max)
            }
            _ => f64::NEG_INFINITY,
        }
    }

    /// What decisions and facts say about other nodes; true when anything became narrower.
    fn narrow(&self, bounds: &Bounds, state: &mut Enclosure) -> Option<bool> {
        let mut changed = false;
        for &(id, taken) in &bounds.taken {
            let args = self.graph.args(id).to_vec();
            match (self.graph.op(id), taken != 0.0) {
                (Op::Lt | Op::Le, true) => changed |= state.order(args[0], args[1])?,
                (Op::Lt | Op::Le, false) => changed |= state.order(args[1], args[0])?,
                (Op::Eq, true) => {
                    changed |= state.order(args[0], args[1])?;
                    changed |= state.order(args[1], args[0])?;
                }
                (Op::Floor, _) => {
                    let whole = Interval::new(taken, taken + 1.0);
                    changed |= state.clamp(args[0], whole)?;
                }
                _ => {}
            }
        }
        for &(low, x, high) in &self.clamps {
            changed |= state.order(low, x)?;
            changed |= state.order(x, high)?;
        }
        for &id in &self.order {
            if let (Op::Acos, Some(&turns)) = (self.graph.op(id), state.turns.get(&id)) {
                changed |= state.clamp(self.graph.args(id)[0], turns.cos_turns())?;
            }
            let Some(&clamp) = state.clamp.get(&id) else { continue };
            let args = self.graph.args(id);
            match self.graph.op(id) {
                Op::Div if self.graph.constant(args[1]) == Some(std::f64::consts::PI) => {
                    changed |= state.clamp_turns(args[0], clamp)?;
                }
                Op::Neg => changed |= state.clamp(args[0], -clamp)?,
                _ => {}
            }
        }
        for fact in &self.facts {
            let holds = match fact.when {
                None => true,
                Some((mask, on)) => {
                    state.focus[mask.index()].range == Interval::point(if on { 1.0 } else { 0.0 })
                }
            };
            for (bound, above) in [(fact.upper, true), (fact.lower, false)] {
                let Some(bound) = bound.filter(|_| holds) else { continue };
                let bound = state.focus[bound.index()];
                let side = |i: Interval| match above {
                    true => Interval::new(f64::NEG_INFINITY, i.hi),
                    false => Interval::new(i.lo, f64::INFINITY),
                };
                changed |= state.clamp(fact.x, side(bound.range))?;
                if let Some(turns) = bound.turns {
                    changed |= state.clamp_turns(fact.x, side(turns))?;
                }
            }
        }
        Some(changed)
    }
}

/// A graph with its angles written out and in normal form again: some cancel then, as in π − m + m.
pub(crate) fn written_out(graph: &Graph, nodes: &[Id]) -> (Graph, Vec<Id>) {
    let mut raise = Raise::new(graph);
    let map = raise.copy(graph, nodes);
    let nodes: Vec<Id> = nodes.iter().map(|&id| map[id.index()].unwrap_or(id)).collect();
    let (simple, map) = simplify(&raise.graph, &nodes);
    let nodes = nodes.iter().map(|&id| map[id.index()].unwrap_or(id)).collect();
    (simple, nodes)
}

/// The enclosures of every node on a part of the box.
pub struct Enclosure {
    focus: Vec<Value>,
    cell: Vec<Value>,
    other_row: Vec<Value>,
    other_cell: Vec<Value>,
    clamp: HashMap<Id, Interval>,
    turns: HashMap<Id, Interval>,
    /// The number of other classes.
    others: Interval,
}

impl Enclosure {
    /// What is known of a node, at the sample and class in focus.
    pub fn at(&self, id: Id) -> Value {
        self.focus[id.index()]
    }

    fn get(&self, graph: &Graph, id: Id, view: View) -> Value {
        let from = match (graph.shape(id), view) {
            (Shape::Scalar, _) | (_, View::Focus) | (Shape::Row, View::Cell) => &self.focus,
            (Shape::Row, View::OtherRow | View::OtherCell) => &self.other_row,
            (Shape::Cell, View::Cell) => &self.cell,
            (Shape::Cell, View::OtherRow | View::OtherCell) => &self.other_cell,
        };
        from[id.index()]
    }

    /// Narrows a node; `None` where nothing is left.
    fn clamp(&mut self, id: Id, to: Interval) -> Option<bool> {
        let before = self.focus[id.index()].range;
        let after = before.meet(to)?;
        if after == before {
            return Some(false);
        }
        let known = self.clamp.get(&id).copied().unwrap_or(Interval::ALL);
        self.clamp.insert(id, known.meet(after)?);
        Some(true)
    }

    fn clamp_turns(&mut self, id: Id, to: Interval) -> Option<bool> {
        let Some(before) = self.focus[id.index()].turns else { return Some(false) };
        let after = before.meet(to)?;
        if after == before {
            return Some(false);
        }
        let known = self.turns.get(&id).copied().unwrap_or(Interval::ALL);
        self.turns.insert(id, known.meet(after)?);
        Some(true)
    }

    /// a ≤ b
    fn order(&mut self, a: Id, b: Id) -> Option<bool> {
        let (x, y) = (self.focus[a.index()], self.focus[b.index()]);
        let mut changed = self.clamp(a, Interval::new(f64::NEG_INFINITY, y.range.hi))?;
        changed |= self.clamp(b, Interval::new(x.range.lo, f64::INFINITY))?;
        if let (Some(s), Some(t)) = (x.turns, y.turns) {
            changed |= self.clamp_turns(a, Interval::new(f64::NEG_INFINITY, t.hi))?;
            changed |= self.clamp_turns(b, Interval::new(s.lo, f64::INFINITY))?;
        }
        Some(changed)
    }
}

/// The declared range of a leaf that varies.
fn declared(graph: &Graph, id: Id) -> Option<Interval> {
    let far = |lo: f64, hi: f64| Interval::new(lo.max(-FAR), hi.min(FAR));
    Some(match graph.op(id) {
        Op::Param(p) => {
            let param = &graph.params[p as usize];
            far(param.low, param.high)
        }
        Op::Input(i, _) => {
            let (low, high) = domain::of_input(&graph.inputs[i as usize]);
            far(low, high)
        }
        Op::Classes => Interval::new(1.0, CLASSES),
        _ => return None,
    })
}

/// Everything that is known to be ordered, applied to every argument of a function that cares.
fn facts(raise: &mut Raise, roots: &[Id], between: &[(Id, Id, Id)]) -> Vec<Fact> {
    let mut differences: Vec<Difference> = Vec::new();
    let mut known = |greater, less, when| differences.push(Difference { greater, less, when, met: false });
    for &(low, x, high) in between {
        known(x, low, None);
        known(high, x, None);
    }
    let graph = &raise.graph;
    let count = |wanted: Op| graph.ids().find(|&id| graph.op(id) == wanted);
    if let (Some(classes), Some(others)) = (count(Op::Classes), count(Op::Others)) {
        known(classes, others, None);
    }
    let mut angles: Vec<(Id, Id, Id)> = Vec::new();
    for id in graph.ids() {
        let args = graph.args(id);
        match graph.op(id) {
            Op::LseK | Op::MaxK => known(id, args[0], None),
            Op::Lt | Op::Le => {
                known(args[1], args[0], Some((id, true)));
                known(args[0], args[1], Some((id, false)));
                angles.push((id, args[0], args[1]));
            }
            _ => {}
        }
    }
    for id in graph.ids() {
        if let Some(less) = shape::greatest_of(graph, id) {
            differences.push(Difference { greater: id, less, when: None, met: true });
        }
    }
    // Cosines are ordered the other way than their angles in [0, π].
    for (mask, a, b) in angles {
        if let (Some(x), Some(y)) = (angle_of(raise, a), angle_of(raise, b)) {
            differences.push(Difference { greater: x, less: y, when: Some((mask, true)), met: false });
            differences.push(Difference { greater: y, less: x, when: Some((mask, false)), met: false });
        }
    }
    let graph = &raise.graph;
    let mut about: Vec<Id> = graph
        .ids()
        .filter(|&id| matches!(graph.op(id), Op::Exp | Op::Softplus | Op::Sigmoid | Op::Cos | Op::Sin))
        .map(|id| graph.args(id)[0])
        .chain(raise.angles.iter().map(|a| a.1))
        .chain(roots.iter().copied())
        .filter(|&x| graph.leaf(x).is_none() && graph.node(x).depth < 24)
        .collect();
    about.sort();
    about.dedup();
    let mut facts = Vec::new();
    if about.len() * differences.len() <= 400 {
        for &x in &about {
            facts.extend(differences.iter().filter_map(|&difference| derive(raise, x, difference)));
        }
    }
    facts
}

/// The angle in [0, π] of what is written as a cosine: θ of a leaf, or x of cos x where x is sure to lie there.
pub(super) fn angle_of(raise: &mut Raise, id: Id) -> Option<Id> {
    let graph = &raise.graph;
    match graph.op(id) {
        Op::Input(i, _) if domain::is_cosine(&graph.inputs[i as usize]) => {
            Some(raise.graph.add(Op::Acos, &[id]))
        }
        // cos(π − x) has been folded to −cos x.
        Op::Neg if graph.op(graph.args(id)[0]) == Op::Cos => {
            let x = graph.args(graph.args(id)[0])[0];
            let pi = raise.graph.number(std::f64::consts::PI);
            let x = raise.graph.add(Op::Sub, &[pi, x]);
            is_angle(&raise.graph, x).then_some(x)
        }
        Op::Cos => {
            let x = graph.args(id)[0];
            is_angle(graph, x).then_some(x)
        }
        _ => None,
    }
}

/// Does it lie in [0, π] for all inputs?
fn is_angle(graph: &Graph, x: Id) -> bool {
    let needed = graph.reachable(&[x]);
    let order: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
    if order.iter().any(|&id| graph.op(id).is_batch() || graph.op(id).is_class_reduction()) {
        return false;
    }
    let leaves = order.iter().filter_map(|&id| Some(Leaf { id, range: declared(graph, id)? })).collect();
    let model = Model {
        graph: graph.clone(),
        order,
        leaves,
        roots: vec![x],
        decisions: Vec::new(),
        angles: HashMap::new(),
        facts: Vec::new(),
        clamps: Vec::new(),
        known: HashMap::new(),
    };
    let found = model.enclose(&model.whole()).map(|state| state.at(x));
    found.and_then(|value| value.turns).is_some_and(|turns| Interval::UNIT.covers(turns))
}
