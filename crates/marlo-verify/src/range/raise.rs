//! Angles as angles: cos(aθ + b) becomes a cosine of a sum again, so that what is known of the sum is known here.

use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::Op;

use super::model;

/// A copy of nodes into another graph, angles written out.
pub(super) struct Raise {
    /// Where copies go.
    pub(super) graph: Graph,
    /// Of each sin(aθ + b)/sin θ its angle aθ + b.
    pub(super) angles: Vec<(Id, Id)>,
}

impl Raise {
    pub(super) fn new(like: &Graph) -> Self {
        Raise { graph: like.like(), angles: Vec::new() }
    }

    /// Copies what the roots need; the map goes from old nodes to new.
    pub(super) fn copy(&mut self, from: &Graph, roots: &[Id]) -> Vec<Option<Id>> {
        let needed = from.reachable(roots);
        let mut map: Vec<Option<Id>> = vec![None; from.len()];
        for id in from.ids().filter(|id| needed[id.index()]) {
            let args: Vec<Id> = from.args(id).iter().filter_map(|a| map[a.index()]).collect();
            map[id.index()] = Some(self.node(from.op(id), &args));
        }
        map
    }

    fn node(&mut self, op: Op, args: &[Id]) -> Id {
        match op {
            Op::CosAngle => {
                let x = self.angle(args);
                self.wave(Op::Cos, x)
            }
            Op::SinAngle => {
                let x = self.angle(args);
                self.wave(Op::Sin, x)
            }
            Op::SinRatio => {
                let x = self.angle(args);
                let id = self.graph.add(op, args);
                if !self.angles.contains(&(id, x)) {
                    self.angles.push((id, x));
                }
                id
            }
            Op::Cos | Op::Sin => self.wave(op, args[0]),
            // acos(cos x) is x where x is sure to lie in [0, π].
            Op::Acos if matches!(self.graph.op(args[0]), Op::Cos | Op::Neg) => {
                model::angle_of(self, args[0]).unwrap_or_else(|| self.graph.add(op, args))
            }
            Op::Select => match self.truth(args[0]) {
                Some(on) => args[if on { 1 } else { 2 }],
                None => self.graph.add(op, args),
            },
            _ => self.graph.add(op, args),
        }
    }

    /// The outcome of a comparison of two numbers.
    fn truth(&self, mask: Id) -> Option<bool> {
        let args = self.graph.args(mask);
        match self.graph.op(mask) {
            Op::Lt => Some(self.graph.constant(args[0])? < self.graph.constant(args[1])?),
            Op::Le => Some(self.graph.constant(args[0])? <= self.graph.constant(args[1])?),
            _ => None,
        }
    }

    /// a·θ + b
    fn angle(&mut self, args: &[Id]) -> Id {
        let theta = self.node(Op::Acos, &[args[2]]);
        let scaled = match self.graph.constant(args[0]) {
            Some(1.0) => theta,
            _ => self.graph.add(Op::Mul, &[args[0], theta]),
        };
        match self.graph.constant(args[1]) {
            Some(0.0) => scaled,
            _ => self.graph.add(Op::Add, &[scaled, args[1]]),
        }
    }

    /// sin or cos; π ± x is folded to x, so that equal terms are seen to be equal.
    fn wave(&mut self, op: Op, x: Id) -> Id {
        let args = self.graph.args(x).to_vec();
        let half_turn = |raise: &Self, id: Id| raise.graph.constant(id) == Some(std::f64::consts::PI);
        let (inside, flips) = match self.graph.op(x) {
            Op::Sub if half_turn(self, args[0]) => (args[1], op == Op::Cos),
            Op::Add if half_turn(self, args[0]) => (args[1], true),
            Op::Add if half_turn(self, args[1]) => (args[0], true),
            _ => return self.graph.add(op, &[x]),
        };
        let wave = self.wave(op, inside);
        if flips { self.graph.add(Op::Neg, &[wave]) } else { wave }
    }
}
