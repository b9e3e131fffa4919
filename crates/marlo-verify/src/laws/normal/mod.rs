//! The normal form: quotients of polynomials with exact coefficients over atoms (see `Atom`).
//!
//! Two values are equal when cross multiplication leaves nothing. Every rule here holds wherever the program is defined,
//! that is where the conditions of [`super::Condition`] hold; a rule that needs more asks for the ranges.

mod angle;
mod arithmetic;
pub(crate) mod atom;
mod exponential;
mod mask;
pub(crate) mod poly;
mod reduction;

use std::collections::HashMap;

use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;
use num_rational::BigRational;
use num_traits::{One, Signed as _};

use super::exact;
use super::facts;
use super::range::Range;
use atom::{Atom, Entry, Relation, Value};
use poly::{AtomId, Monomial, Poly};

/// Why there is no normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// The polynomials became too large.
    #[error("the normal form became too large")]
    TooLarge,
    /// A division by 0.
    #[error("a denominator is 0 everywhere")]
    Undefined,
    /// A sign that depends on a quotient which may be 0.
    #[error("the sign of a quotient is not known where its terms may be 0")]
    Singular,
}

/// What the normal form says of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sameness {
    /// They are equal wherever both are defined.
    Equal,
    /// Their normal forms differ. `complete`: everything in them is taken apart, so the values differ.
    Different {
        /// No opaque function is in them.
        complete: bool,
    },
    /// There is no normal form.
    Unknown(Stuck),
}

/// How many terms may be touched.
const FUEL: u64 = 150_000;
/// How many bits the numbers may have.
const MOST_BITS: u64 = 8_192;

/// Builds normal forms of the nodes of one graph.
pub(crate) struct Normaliser<'g> {
    graph: &'g Graph,
    ranges: Vec<Range>,
    table: Vec<Entry>,
    known: HashMap<Atom, AtomId>,
    values: Vec<Option<Value>>,
    /// ln of nodes, taken apart before they are multiplied out.
    logs: HashMap<Id, Value>,
    fuel: u64,
}

type Result<T, E = Stuck> = std::result::Result<T, E>;

impl<'g> Normaliser<'g> {
    /// Nothing is built yet.
    pub(crate) fn new(graph: &'g Graph) -> Self {
        Normaliser {
            graph,
            ranges: facts::of_graph(graph),
            table: Vec::new(),
            known: HashMap::new(),
            values: vec![None; graph.len()],
            logs: HashMap::new(),
            fuel: FUEL,
        }
    }

    /// Builds what the roots need.
    pub(crate) fn build(&mut self, roots: &[Id]) -> Result<()> {
        let needed = self.graph.reachable(roots);
        for id in self.graph.ids().filter(|id| needed[id.index()]) {
            if self.values[id.index()].is_none() {
                self.spend(1)?;
                let value = self.node(id)?;
                self.values[id.index()] = Some(value);
            }
        }
        Ok(())
    }

    /// Are two nodes equal?
    pub(crate) fn compare(&mut self, a: Id, b: Id) -> Sameness {
        let decided = self.build(&[a, b]).and_then(|()| {
            let (x, y) = (self.value(a)?, self.value(b)?);
            Ok((self.same(&x, &y)?, x, y))
        });
        match decided {
            Err(stuck) => Sameness::Unknown(stuck),
            Ok((true, ..)) => Sameness::Equal,
            Ok((false, x, y)) => {
                Sameness::Different { complete: self.transparent(&x) && self.transparent(&y) }
            }
        }
    }

    /// What is known of a built node: from its graph, and from its normal form.
    pub(crate) fn range(&self, id: Id) -> Range {
        let range = self.ranges[id.index()];
        match &self.values[id.index()] {
            Some(value) => range.meet(self.range_of(value)),
            None => range,
        }
    }

    /// What a built node varies with, as far as its normal form says.
    pub(crate) fn shape(&self, id: Id) -> Shape {
        let shape = self.graph.shape(id);
        self.values[id.index()].as_ref().map_or(shape, |value| shape.min(self.shape_of(value)))
    }

    fn value(&self, id: Id) -> Result<Value> {
        self.values[id.index()].clone().ok_or(Stuck::Undefined)
    }

    fn transparent(&self, value: &Value) -> bool {
        let mut rest = vec![value.clone()];
        let mut seen = vec![false; self.table.len()];
        while let Some(value) = rest.pop() {
            for atom in value.num.atoms().into_iter().chain(value.den.atoms()) {
                if std::mem::replace(&mut seen[atom], true) {
                    continue;
                }
                match &self.table[atom].atom {
                    Atom::Pi | Atom::Param(_) | Atom::Input(..) | Atom::BatchSize | Atom::Others => {}
                    Atom::Exp(x) | Atom::Cos(x) | Atom::Sin(x) => rest.push(x.clone()),
                    Atom::Base(_) | Atom::Ln(_) | Atom::Positive(_) | Atom::Zero(_) => return false,
                    Atom::Call(Op::SumK | Op::MeanI | Op::Acos, args) => rest.extend(args.iter().cloned()),
                    Atom::Call(..) => return false,
                }
            }
        }
        true
    }

    // ----- atoms -----

    /// The atom's place in the table: that of an equal one, or a new one.
    fn intern(&mut self, atom: Atom) -> Result<AtomId> {
        if let Some(&id) = self.known.get(&atom) {
            return Ok(id);
        }
        if let Some(id) = self.find_equal(&atom)? {
            self.known.insert(atom, id);
            return Ok(id);
        }
        self.spend(16)?;
        let relation = self.relation(&atom)?;
        let entry =
            Entry { range: self.range_of_atom(&atom), shape: self.shape_of_atom(&atom), relation, atom };
        let id = self.table.len();
        self.known.insert(entry.atom.clone(), id);
        self.table.push(entry);
        Ok(id)
    }

    /// An atom as a value.
    fn atom(&mut self, atom: Atom) -> Result<Value> {
        Ok(Value::poly(Poly::atom(self.intern(atom)?)))
    }

    /// Arguments over a denominator may be equal and not look alike.
    fn find_equal(&mut self, atom: &Atom) -> Result<Option<AtomId>> {
        let wanted: Vec<Value> = quotients(atom).into_iter().cloned().collect();
        if wanted.iter().all(|v| v.den.is_one()) {
            return Ok(None);
        }
        for id in 0..self.table.len() {
            let other = &self.table[id].atom;
            let alike = match (atom, other) {
                (Atom::Call(op, _), Atom::Call(other, _)) => op == other,
                (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
            };
            let found: Vec<Value> = quotients(other).into_iter().cloned().collect();
            if !alike || found.len() != wanted.len() {
                continue;
            }
            let mut same = true;
            for (a, b) in wanted.iter().zip(&found) {
                same = same && self.same(a, b)?;
            }
            if same {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn relation(&mut self, atom: &Atom) -> Result<Relation> {
        Ok(match atom {
            Atom::Positive(_) | Atom::Call(Op::InTopI, _) => Relation::Mask,
            Atom::Zero(p) => self.solved(p).map_or(Relation::Mask, |(x, p)| Relation::MaskSolved(x, p)),
            Atom::Base(p) => Relation::Base(p.clone()),
            Atom::Sin(x) => Relation::Sine(self.intern(Atom::Cos(x.clone()))?),
            Atom::Call(Op::Parity, _) => Relation::Sign,
            _ => Relation::Free,
        })
    }

    fn range_of_atom(&self, atom: &Atom) -> Range {
        match atom {
            Atom::Pi => Range::new(std::f64::consts::PI, std::f64::consts::PI.next_up()),
            Atom::Param(p) => facts::leaf(self.graph, Op::Param(*p)),
            Atom::Input(i, at) => facts::leaf(self.graph, Op::Input(*i, *at)),
            Atom::BatchSize | Atom::Others => Range::new(1.0, f64::INFINITY),
            Atom::Exp(x) => facts::of(Op::Exp, &[self.range_of(x)]),
            Atom::Base(p) => {
                // The atom stands for the polynomial, which is not below 0 where a root of it is taken.
                self.range_of_poly(p).meet(Range::NONNEGATIVE)
            }
            Atom::Cos(x) => facts::of(Op::Cos, &[self.range_of(x)]),
            Atom::Sin(x) => facts::of(Op::Sin, &[self.range_of(x)]),
            Atom::Ln(p) => facts::of(Op::Ln, &[self.range_of_poly(p)]),
            Atom::Positive(_) | Atom::Zero(_) => Range::MASK,
            Atom::Call(op, args) => {
                let args: Vec<Range> = args.iter().map(|a| self.range_of(a)).collect();
                facts::of(*op, &args)
            }
        }
    }

    fn shape_of_atom(&self, atom: &Atom) -> Shape {
        let joined = |p: &Poly| p.atoms().iter().fold(Shape::Scalar, |s, a| s.join(self.table[*a].shape));
        match atom {
            Atom::Input(_, At::Other) => Shape::Cell,
            Atom::Input(..) => Shape::Row,
            Atom::Pi | Atom::Param(_) | Atom::BatchSize | Atom::Others => Shape::Scalar,
            Atom::Base(p) | Atom::Ln(p) | Atom::Positive(p) | Atom::Zero(p) => joined(p),
            Atom::Exp(x) | Atom::Cos(x) | Atom::Sin(x) => self.shape_of(x),
            Atom::Call(op, args) => match op.entry().rule {
                marlo_ir::op::Rule::OverClasses | marlo_ir::op::Rule::WithinBatch => Shape::Row,
                marlo_ir::op::Rule::OverBatch => Shape::Scalar,
                _ => args.iter().fold(Shape::Scalar, |s, x| s.join(self.shape_of(x))),
            },
        }
    }

    fn shape_of(&self, value: &Value) -> Shape {
        let atoms = value.num.atoms().into_iter().chain(value.den.atoms());
        atoms.fold(Shape::Scalar, |s, a| s.join(self.table[a].shape))
    }

    /// Does a form divide by an atom that may be 0? x/(x + 1) is 1/(1 + 1/x) there, which says nothing of x = 0.
    fn is_singular(&self, value: &Value) -> bool {
        let divides = |poly: &Poly| {
            let mut powers = poly.0.keys().flat_map(|monomial| &monomial.0);
            powers.any(|(atom, e)| e.is_negative() && !self.table[*atom].range.nonzero)
        };
        divides(&value.num) || divides(&value.den)
    }

    fn range_of_monomial(&self, monomial: &Monomial) -> Range {
        monomial.0.iter().fold(Range::point(1.0), |range, (atom, e)| {
            let exponent = match exact::small(e, 64) {
                Some(n) => Range::point(n as f64),
                None => Range::new(exact::nearest(e).next_down(), exact::nearest(e).next_up()),
            };
            range.mul(facts::power(self.table[*atom].range, exponent))
        })
    }

    fn range_of_poly(&self, poly: &Poly) -> Range {
        poly.0.iter().fold(Range::point(0.0), |sum, (m, q)| {
            sum.add(coefficient_range(q).mul(self.range_of_monomial(m)))
        })
    }

    fn range_of(&self, value: &Value) -> Range {
        if self.is_singular(value) {
            return Range::ANY;
        }
        let num = self.range_of_poly(&value.num);
        if value.den.is_one() { num } else { num.div(self.range_of_poly(&value.den)) }
    }

    // ----- nodes -----

    fn node(&mut self, id: Id) -> Result<Value> {
        let op = self.graph.op(id);
        let ids = self.graph.args(id).to_vec();
        let mut args = Vec::with_capacity(ids.len());
        for id in &ids {
            args.push(self.value(*id)?);
        }
        match (op, args.as_slice()) {
            (Op::Const(n), _) => self.literal(n.get()),
            (Op::Param(p), _) => self.atom(Atom::Param(p)),
            (Op::Input(i, at), _) => self.atom(Atom::Input(i, at)),
            (Op::BatchSize, _) => self.atom(Atom::BatchSize),
            (Op::Others, _) => self.atom(Atom::Others),
            // A law speaks of two classes or more.
            (Op::Classes, _) => {
                let others = self.atom(Atom::Others)?;
                self.add(&others, &Value::whole(1))
            }
            (Op::Neg, [x]) => Ok(negated(x)),
            (Op::Detach, [x]) => Ok(x.clone()),
            (Op::Add, [x, y]) => self.add(x, y),
            (Op::Sub, [x, y]) => self.add(x, &negated(y)),
            (Op::Mul, [x, y]) => self.mul(x, y),
            (Op::Div, [x, y]) => self.div(x, y),
            (Op::Exp, [x]) => self.exp(x),
            (Op::Expm1, [x]) => {
                let exp = self.exp(x)?;
                self.add(&exp, &Value::whole(-1))
            }
            (Op::Ln, _) => self.ln_of_node(ids[0]),
            (Op::Log1p, [x]) => {
                let sum = self.add(x, &Value::whole(1))?;
                self.ln(&sum)
            }
            (Op::Softplus, [x]) => self.softplus(x),
            (Op::Sigmoid, [x]) => {
                let below = self.exp(&negated(x))?;
                let below = self.add(&below, &Value::whole(1))?;
                self.div(&Value::whole(1), &below)
            }
            (Op::Tanh, [x]) => {
                let twice = self.add(x, x)?;
                let exp = self.exp(&twice)?;
                let (above, below) = (self.add(&exp, &Value::whole(-1))?, self.add(&exp, &Value::whole(1))?);
                self.div(&above, &below)
            }
            (Op::Sqrt, [x]) => self.root(x, &exact::decimal(0.5)),
            (Op::Pow, [_, exponent]) => self.pow(ids[0], exponent),
            (Op::Parity, [x]) => self.parity(x),
            (Op::Sin | Op::Cos | Op::Acos | Op::Csc | Op::CosAngle | Op::SinAngle | Op::SinRatio, _) => {
                self.angle(op, &args)
            }
            (op, _) if op.is_class_reduction() || op.is_batch() || op == Op::KeptI => {
                self.reduction(op, &args)
            }
            (op, _) => self.choice(op, &args),
        }
    }

    fn literal(&mut self, value: f64) -> Result<Value> {
        match exact::multiple_of_pi(value) {
            Some(q) => {
                let pi = self.intern(Atom::Pi)?;
                Ok(Value::poly(Poly::term(q, Monomial::power(pi, BigRational::one()))))
            }
            None => Ok(Value::number(exact::decimal(value))),
        }
    }

    /// A function of which nothing is known.
    fn call(&mut self, op: Op, args: &[Value]) -> Result<Value> {
        self.atom(Atom::Call(op, args.to_vec()))
    }
}

/// −x
fn negated(x: &Value) -> Value {
    Value { num: x.num.clone().negated(), den: x.den.clone() }
}

fn coefficient_range(q: &BigRational) -> Range {
    match exact::small(q, 1 << 50) {
        Some(n) => Range::point(n as f64),
        None => Range::new(exact::nearest(q).next_down(), exact::nearest(q).next_up()),
    }
}

/// The arguments of an atom that are quotients.
fn quotients(atom: &Atom) -> Vec<&Value> {
    match atom {
        Atom::Exp(x) | Atom::Cos(x) | Atom::Sin(x) => vec![x],
        Atom::Call(_, args) => args.iter().collect(),
        _ => vec![],
    }
}
