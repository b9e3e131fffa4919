//! Terms: raw expressions with exact literals, each once. What the e-graph rewrites and the replay checks.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::{At, Op, Rule};
use marlo_ir::shape::Shape;
use num_rational::BigRational;
use num_traits::{One, Signed};

use super::exact;
use super::facts;
use super::range::Range;

/// What stands at the top of a term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Head {
    /// An exact literal.
    Number(BigRational),
    /// π
    Pi,
    /// An operation or another leaf; never a literal.
    Op(Op),
}

impl Head {
    /// A place in some order, the same on every run.
    fn key(&self) -> (u8, &'static str, u32, u8) {
        match self {
            Head::Number(_) => (0, "", 0, 0),
            Head::Pi => (1, "", 0, 0),
            Head::Op(op) => {
                let (a, b) = match op {
                    Op::Param(p) => (*p, 0),
                    Op::Input(i, at) => (*i, *at as u8),
                    _ => (0, 0),
                };
                (2, op.entry().name, a, b)
            }
        }
    }

    /// The shape that follows from the arguments'.
    pub(crate) fn shape(&self, args: impl Iterator<Item = Shape>) -> Shape {
        let Head::Op(op) = self else { return Shape::Scalar };
        match (op, op.entry().rule) {
            (Op::Input(_, At::Other), _) => Shape::Cell,
            (_, Rule::Fixed(shape)) => shape,
            (_, Rule::Join) => args.fold(Shape::Scalar, Shape::join),
            (_, Rule::OverClasses | Rule::WithinBatch) => Shape::Row,
            (_, Rule::OverBatch) => Shape::Scalar,
        }
    }

    /// The range that follows from the arguments'; the graph has the declarations.
    pub(crate) fn range(&self, graph: &Graph, args: &[Range]) -> Range {
        match self {
            Head::Number(q) => match exact::small(q, 1 << 50) {
                Some(n) => Range::point(n as f64),
                None => {
                    let near = exact::nearest(q);
                    Range::new(near.next_down(), near.next_up())
                }
            },
            Head::Pi => Range::new(std::f64::consts::PI, std::f64::consts::PI.next_up()),
            Head::Op(op) if args.is_empty() => facts::leaf(graph, *op),
            Head::Op(op) => facts::of(*op, args),
        }
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Head::Number(a), Head::Number(b)) => a.cmp(b),
            _ => self.key().cmp(&other.key()),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Head::Number(q) => write!(f, "{q}"),
            Head::Pi => f.write_str("pi"),
            Head::Op(op) => f.write_str(op.entry().name),
        }
    }
}

/// A term, by its place in [`Terms`].
pub(crate) type TermId = usize;

/// Terms, each once; arguments stand before what uses them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    nodes: Vec<(Head, Vec<TermId>)>,
    known: HashMap<(Head, Vec<TermId>), TermId>,
}

impl Terms {
    /// The term for a head on arguments: an equal one, or a new one.
    pub(crate) fn add(&mut self, head: Head, args: Vec<TermId>) -> TermId {
        let key = (head, args);
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        self.nodes.push(key.clone());
        self.known.insert(key, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// A literal.
    pub(crate) fn number(&mut self, q: BigRational) -> TermId {
        self.add(Head::Number(q), vec![])
    }

    /// What stands at the top.
    pub(crate) fn head(&self, id: TermId) -> &Head {
        &self.nodes[id].0
    }

    /// The arguments.
    pub(crate) fn args(&self, id: TermId) -> &[TermId] {
        &self.nodes[id].1
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The terms of nodes. Literals become exact, a multiple of π a product.
    pub(crate) fn read(&mut self, graph: &Graph, roots: &[Id]) -> Vec<TermId> {
        let needed = graph.reachable(roots);
        let mut map: HashMap<Id, TermId> = HashMap::new();
        for id in graph.ids().filter(|id| needed[id.index()]) {
            let args: Vec<TermId> = graph.args(id).iter().map(|a| map[a]).collect();
            let term = match graph.op(id) {
                Op::Const(n) => self.literal(n.get()),
                op => self.add(Head::Op(op), args),
            };
            map.insert(id, term);
        }
        roots.iter().map(|root| map[root]).collect()
    }

    fn literal(&mut self, value: f64) -> TermId {
        let Some(q) = exact::multiple_of_pi(value) else { return self.number(exact::decimal(value)) };
        let pi = self.add(Head::Pi, vec![]);
        if q.is_one() {
            return pi;
        }
        let factor = self.number(q);
        self.add(Head::Op(Op::Mul), vec![factor, pi])
    }

    /// How many nodes each term has when it is written out as a tree.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = Vec::with_capacity(self.nodes.len());
        for (_, args) in &self.nodes {
            sizes.push(args.iter().fold(1, |sum, a| sum.saturating_add(sizes[*a])));
        }
        sizes
    }

    /// The range of each term.
    pub(crate) fn ranges(&self, graph: &Graph) -> Vec<Range> {
        let mut ranges: Vec<Range> = Vec::with_capacity(self.nodes.len());
        for (head, args) in &self.nodes {
            let inside: Vec<Range> = args.iter().map(|a| ranges[*a]).collect();
            ranges.push(match (head, args.as_slice()) {
                (Head::Op(Op::Mul), [x, y]) if x == y => inside[0].whole_power(2),
                _ => head.range(graph, &inside),
            });
        }
        ranges
    }

    /// What each term varies with.
    pub(crate) fn shapes(&self) -> Vec<Shape> {
        let mut shapes: Vec<Shape> = Vec::with_capacity(self.nodes.len());
        for (head, args) in &self.nodes {
            let shape = head.shape(args.iter().map(|a| shapes[*a]));
            shapes.push(shape);
        }
        shapes
    }

    /// The term as one line of text, cut where it is long.
    pub(crate) fn text(&self, graph: &Graph, id: TermId) -> String {
        let mut out = String::new();
        self.write(graph, id, 0, 0, &mut out);
        out
    }

    fn write(&self, graph: &Graph, id: TermId, binds: u8, depth: usize, out: &mut String) {
        if out.len() > LONGEST || depth > DEEPEST {
            if !out.ends_with('…') {
                out.push('…');
            }
            return;
        }
        let (head, args) = &self.nodes[id];
        let infix = match head {
            Head::Op(op) => infix(*op),
            _ => None,
        };
        match (head, infix, args.as_slice()) {
            (_, Some((sign, bind, right)), [x, y]) => {
                let open = bind < binds;
                out.push_str(if open { "(" } else { "" });
                self.write(graph, *x, bind, depth + 1, out);
                out.push_str(sign);
                self.write(graph, *y, right, depth + 1, out);
                out.push_str(if open { ")" } else { "" });
            }
            (Head::Op(Op::Neg), _, [x]) => {
                let open = binds > 3;
                out.push_str(if open { "(-" } else { "-" });
                self.write(graph, *x, 5, depth + 1, out);
                out.push_str(if open { ")" } else { "" });
            }
            (Head::Op(Op::Select), _, [m, x, y]) => {
                out.push_str("(if ");
                self.write(graph, *m, 0, depth + 1, out);
                out.push_str(" then ");
                self.write(graph, *x, 0, depth + 1, out);
                out.push_str(" else ");
                self.write(graph, *y, 0, depth + 1, out);
                out.push(')');
            }
            (Head::Op(op), _, []) => out.push_str(&leaf(graph, *op)),
            (Head::Number(q), _, _) => {
                let open = binds > 4 && (!q.is_integer() || q.is_negative());
                out.push_str(&if open { format!("({q})") } else { q.to_string() });
            }
            (head, _, args) => {
                out.push_str(&head.to_string());
                for (place, arg) in args.iter().enumerate() {
                    out.push_str(if place == 0 { "(" } else { ", " });
                    self.write(graph, *arg, 0, depth + 1, out);
                }
                out.push_str(if args.is_empty() { "" } else { ")" });
            }
        }
    }
}

/// Text beyond this many bytes, and expressions beyond this depth, are cut.
const LONGEST: usize = 400;
const DEEPEST: usize = 80;

/// The sign between two operands, how tightly it binds, and how tightly the right operand must.
fn infix(op: Op) -> Option<(&'static str, u8, u8)> {
    Some(match op {
        Op::Or => (" or ", 1, 1),
        Op::And => (" and ", 1, 1),
        Op::Lt => (" < ", 2, 3),
        Op::Le => (" <= ", 2, 3),
        Op::Eq => (" = ", 2, 3),
        Op::Add => (" + ", 3, 4),
        Op::Sub => (" - ", 3, 4),
        Op::Mul => ("·", 4, 5),
        Op::Div => ("/", 4, 5),
        Op::Pow => ("^", 6, 6),
        _ => return None,
    })
}

fn leaf(graph: &Graph, op: Op) -> String {
    match op {
        Op::Param(p) => graph.params.get(p as usize).map_or_else(|| format!("param{p}"), |p| p.name.clone()),
        Op::Input(i, at) => {
            let name = graph.inputs.get(i as usize).map_or_else(|| format!("input{i}"), |i| i.name.clone());
            let index = match at {
                At::Target => "y",
                At::Other => "k",
                At::Row => "i",
            };
            format!("{name}[{index}]")
        }
        op => op.entry().name.into(),
    }
}
