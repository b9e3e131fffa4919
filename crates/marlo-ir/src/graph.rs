//! The graph: typed, hash-consed, immutable nodes in an arena.
//!
//! Equal expressions are one node, and an argument always stands before the node that uses it, so a walk in order of
//! [`Id`] is an evaluation order. Kinds are inferred here without complaint; [`crate::build`] is where mistakes are errors.

use std::collections::HashMap;
use std::fmt;

use crate::kind::{self, Kind};
use crate::op::{At, Number, Op, Rule};
use crate::setting::{Draw, Setting};
use crate::shape::Shape;

/// A node of a [`Graph`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u32);

impl Id {
    /// The node's place in the arena.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// An operation with its arguments and type.
#[derive(Copy, Clone, Debug)]
pub struct Node {
    /// What is done.
    pub op: Op,
    args: [Id; 3],
    /// What the value varies with.
    pub shape: Shape,
    /// What the value means.
    pub kind: Kind,
    /// How deep the expression is; 0 for a leaf.
    pub depth: u32,
    /// A hash of the whole expression that does not depend on the order in which nodes were made.
    pub key: u64,
}

impl Node {
    /// The arguments.
    pub fn args(&self) -> &[Id] {
        &self.args[..self.op.entry().arity]
    }
}

/// A hyperparameter. It may be changed at run time without recompiling anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name, as in the paper.
    pub name: String,
    /// What it means.
    pub kind: Kind,
    /// The value used when none is given.
    pub default: Option<f64>,
    /// In place of a default: how it follows from the step, the number of classes and earlier hyperparameters.
    pub setting: Option<Setting>,
    /// Is it a state: carried from step to step by [`crate::loss::Loss::updates`]?
    pub state: bool,
    /// The smallest allowed value.
    pub low: f64,
    /// The largest allowed value.
    pub high: f64,
}

impl Param {
    /// A hyperparameter without a default, in the range of its kind.
    pub fn new(name: &str, kind: Kind) -> Param {
        let (low, high) = kind.range();
        Param { name: name.to_owned(), kind, default: None, setting: None, state: false, low, high }
    }
}

/// What an input varies with.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// One value a sample and class, (B, C).
    Matrix,
    /// One value a sample, (B,).
    Rows,
    /// One value a class, (C,).
    Classes,
}

/// An input: the matrix, or a further vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name; the matrix is `cos` or `logit`.
    pub name: String,
    /// What it means.
    pub kind: Kind,
    /// What it varies with.
    pub axis: Axis,
    /// The smallest allowed value.
    pub low: f64,
    /// The largest allowed value.
    pub high: f64,
    /// What the values of all samples or classes must add up to.
    pub sum: Option<f64>,
    /// The distribution that it is drawn from where it is not given.
    pub drawn: Option<Draw>,
    /// Which of the centres of each class a matrix is for, from 0; further inputs have 0.
    pub centre: u32,
}

impl Input {
    /// An input in the range of its kind.
    pub fn new(name: &str, kind: Kind, axis: Axis) -> Input {
        let (low, high) = kind.range();
        Input { name: name.to_owned(), kind, axis, low, high, sum: None, drawn: None, centre: 0 }
    }
}

/// Nodes, and the declarations that their leaves refer to.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    known: HashMap<(Op, [Id; 3]), Id>,
    /// The hyperparameters, in the order of the header.
    pub params: Vec<Param>,
    /// The inputs; the matrix is the first.
    pub inputs: Vec<Input>,
}

const NONE: Id = Id(u32::MAX);

impl Graph {
    /// An empty graph with the same declarations.
    pub fn like(&self) -> Graph {
        Graph { params: self.params.clone(), inputs: self.inputs.clone(), ..Graph::default() }
    }

    /// K, the number of centres of each class: the matrix is (B, C, K) where it is above 1.
    pub fn centres(&self) -> usize {
        self.inputs.iter().filter(|input| input.axis == Axis::Matrix).count().max(1)
    }

    /// Does the default of another hyperparameter or state read this one? Then a derivative by it alone is not all of it.
    pub fn feeds_a_setting(&self, param: u32) -> bool {
        let name = &self.params[param as usize].name;
        self.params.iter().filter_map(|param| param.setting.as_ref()).any(|setting| setting.reads(name))
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Is it without nodes?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every node, arguments first.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = Id> + use<> {
        (0..self.nodes.len() as u32).map(Id)
    }

    /// The node.
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.index()]
    }

    /// The node's operation.
    pub fn op(&self, id: Id) -> Op {
        self.nodes[id.index()].op
    }

    /// The node's shape.
    pub fn shape(&self, id: Id) -> Shape {
        self.nodes[id.index()].shape
    }

    /// The node's arguments.
    pub fn args(&self, id: Id) -> &[Id] {
        self.nodes[id.index()].args()
    }

    /// The value of a literal.
    pub fn constant(&self, id: Id) -> Option<f64> {
        match self.op(id) {
            Op::Const(number) => Some(number.get()),
            _ => None,
        }
    }

    /// A literal.
    pub fn number(&mut self, value: f64) -> Id {
        self.add(Op::Const(Number::new(value)), &[])
    }

    /// The node for an operation on arguments: the existing one, or a new one.
    ///
    /// # Panics
    /// When the number of arguments is not the operation's; that is a mistake in marlo, not in a program.
    pub fn add(&mut self, op: Op, args: &[Id]) -> Id {
        let entry = op.entry();
        assert_eq!(entry.arity, args.len(), "{} takes {} arguments", entry.name, entry.arity);
        let mut slots = [NONE; 3];
        slots[..args.len()].copy_from_slice(args);
        if let Some(&id) = self.known.get(&(op, slots)) {
            return id;
        }
        let shape = match entry.rule {
            Rule::Fixed(shape) => shape,
            Rule::Join => args.iter().fold(Shape::Scalar, |s, &a| s.join(self.shape(a))),
            Rule::OverClasses | Rule::WithinBatch => Shape::Row,
            Rule::OverBatch => Shape::Scalar,
        };
        let kind = self.infer(op, args);
        let key = self.key(op, args);
        let depth = args.iter().map(|&a| self.node(a).depth + 1).max().unwrap_or(0);
        let id = Id(self.nodes.len() as u32);
        self.nodes.push(Node { op, args: slots, shape, kind, depth, key });
        self.known.insert((op, slots), id);
        id
    }

    fn infer(&self, op: Op, args: &[Id]) -> Kind {
        let kind = |i: usize| self.node(args[i]).kind;
        match op {
            Op::Const(_) => Kind::Number,
            Op::Param(p) => self.params[p as usize].kind,
            Op::Input(i, _) => self.inputs[i as usize].kind,
            Op::Neg | Op::Detach | Op::Abs | Op::SumK | Op::MaxK => kind(0),
            Op::SumI | Op::MeanI | Op::TopI | Op::PickI => kind(0),
            Op::Add | Op::Sub | Op::Min | Op::Max => kind::add(kind(0), kind(1)).unwrap_or(Kind::Real),
            Op::Select if kind(1) == Kind::Mask && kind(2) == Kind::Mask => Kind::Mask,
            Op::Select => kind::add(kind(1), kind(2)).unwrap_or(Kind::Real),
            Op::Mul => kind::mul(kind(0), kind(1)).unwrap_or(Kind::Real),
            Op::Div => kind::div(kind(0), kind(1)).unwrap_or(Kind::Real),
            Op::Cos | Op::CosAngle => Kind::Cosine,
            Op::Acos => Kind::Angle,
            Op::Sigmoid => Kind::Prob,
            Op::LseK => Kind::Logit,
            Op::Lt | Op::Le | Op::Eq | Op::And | Op::Or | Op::Not | Op::InTopI => Kind::Mask,
            _ => Kind::Real,
        }
    }

    fn key(&self, op: Op, args: &[Id]) -> u64 {
        let mut key = 0xcbf2_9ce4_8422_2325_u64;
        let mut eat = |word: u64| {
            key = (key ^ word).wrapping_mul(0x0100_0000_01b3);
            key ^= key >> 29;
        };
        for byte in op.entry().name.bytes() {
            eat(u64::from(byte));
        }
        match op {
            Op::Const(n) => eat(n.get().to_bits()),
            Op::Param(p) => eat(u64::from(p)),
            Op::Input(i, at) => {
                eat(u64::from(i));
                eat(at as u64);
            }
            _ => {}
        }
        for &a in args {
            eat(self.node(a).key);
        }
        key
    }

    /// Which nodes the roots need, arguments included.
    pub fn reachable(&self, roots: &[Id]) -> Vec<bool> {
        let mut needed = vec![false; self.len()];
        for root in roots {
            needed[root.index()] = true;
        }
        for id in self.ids().rev() {
            if needed[id.index()] {
                for a in self.args(id) {
                    needed[a.index()] = true;
                }
            }
        }
        needed
    }

    /// A graph of what one value needs alone, with the same declarations, and the value in it.
    pub fn alone(&self, root: Id) -> (Graph, Id) {
        let needed = self.reachable(&[root]);
        let mut graph = self.like();
        let mut map: HashMap<Id, Id> = HashMap::new();
        for id in self.ids().filter(|id| needed[id.index()]) {
            let args: Vec<Id> = self.args(id).iter().map(|a| map[a]).collect();
            map.insert(id, graph.add(self.op(id), &args));
        }
        (graph, map[&root])
    }

    /// Does the value depend on any node for which the test holds?
    pub fn depends(&self, root: Id, test: impl Fn(Op) -> bool) -> bool {
        let needed = self.reachable(&[root]);
        self.ids().any(|id| needed[id.index()] && test(self.op(id)))
    }

    /// Is the value a whole number wherever it is defined, as far as can be told? Such numbers are compared exactly.
    pub fn is_whole(&self, id: Id) -> bool {
        self.is_whole_within(id, 10)
    }

    fn is_whole_within(&self, id: Id, depth: u32) -> bool {
        match self.op(id) {
            Op::Floor | Op::Parity | Op::RankI | Op::BatchSize | Op::Classes => true,
            Op::Const(n) => n.get().fract() == 0.0,
            Op::Add | Op::Sub | Op::Mul | Op::Neg | Op::Min | Op::Max => {
                depth > 0 && self.args(id).iter().all(|&a| self.is_whole_within(a, depth - 1))
            }
            _ => false,
        }
    }

    /// For each node, how many times the whole batch must have been seen before it can be evaluated.
    pub fn phases(&self) -> Vec<usize> {
        let mut phases = vec![0; self.len()];
        for id in self.ids() {
            let after = |&a: &Id| phases[a.index()] + usize::from(self.op(a).is_batch());
            phases[id.index()] = self.args(id).iter().map(after).max().unwrap_or(0);
        }
        phases
    }

    /// The name of a leaf: `s`, `cos[y]`, `0.5`; `None` for an operation.
    pub fn leaf(&self, id: Id) -> Option<String> {
        Some(match self.op(id) {
            Op::Const(n) => format!("{}", n.get()),
            Op::Param(p) => self.params[p as usize].name.clone(),
            Op::Input(i, at) => {
                let index = match at {
                    At::Target => "y",
                    At::Other => "k",
                    At::Row => "i",
                };
                format!("{}[{index}]", self.inputs[i as usize].name)
            }
            Op::BatchSize => "B".into(),
            Op::Classes => "C".into(),
            Op::Others => "(C-1)".into(),
            _ => return None,
        })
    }

    /// Prints the nodes that the named roots need, one a line, in an order that depends on the expressions alone.
    ///
    /// Two graphs print alike exactly when the roots mean the same expressions: the test of the two front ends.
    pub fn print(&self, roots: &[(&str, Id)]) -> String {
        let mut names: HashMap<Id, String> = HashMap::new();
        let mut out = String::new();
        for &(name, root) in roots {
            let mut stack = vec![(root, false)];
            while let Some((id, ready)) = stack.pop() {
                if names.contains_key(&id) {
                    continue;
                }
                if let Some(leaf) = self.leaf(id) {
                    names.insert(id, leaf);
                } else if ready {
                    let node = self.node(id);
                    let args: Vec<&str> = node.args().iter().map(|a| names[a].as_str()).collect();
                    let fresh = format!("%{}", names.values().filter(|n| n.starts_with('%')).count());
                    let call = format!("{fresh} = {}({})", node.op.entry().name, args.join(", "));
                    out += &format!("{call:<44} : {}{}\n", node.kind, node.shape.index());
                    names.insert(id, fresh);
                } else {
                    stack.push((id, true));
                    stack.extend(self.args(id).iter().rev().map(|&a| (a, false)));
                }
            }
            out += &format!("{name} = {}\n", names[&root]);
        }
        out
    }
}
