//! The cells of a sweep as a [`Sweep`].

use std::collections::HashMap;

use marlo_ir::graph::{Graph, Id};
use marlo_ir::kind::Kind;
use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;

use super::affine::{self, Affine, affine};
use super::{Pass, RowValue, Writes};
use crate::sweep::{Arg, Do, Instruction, Reduce, Sweep, Write};

/// What a sweep writes.
pub(super) enum Wanted<'a> {
    /// Nothing.
    Nothing,
    /// Values, one a derivative.
    Values(&'a [Id]),
    /// Factors of the cell and the exponential of an LSE, one a derivative. `None` for one that needs nothing kept.
    Kept(&'a [Kept]),
}

/// What is kept of a cell for a derivative.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Kept {
    /// The log-sum-exp whose exponential is kept.
    pub(super) lse: Id,
    /// A factor of the cell.
    pub(super) factor: Option<Id>,
}

/// Plans one sweep. Values of the row that it needs beyond those of the program are added to the graph.
pub(super) fn pass(graph: &mut Graph, reductions: &[Id], wanted: Wanted<'_>, number: usize) -> Pass {
    let products: Vec<(Id, Option<Product>)> = reductions
        .iter()
        .map(|&id| (id, term_of_lse(graph, id).and_then(|term| product(graph, term))))
        .collect();
    let term = |(id, product): &(Id, Option<Product>)| product.map_or(graph.args(*id)[0], |p| p.of_cell);
    let terms: Vec<Id> = products.iter().map(term).collect();
    let uses = uses(graph, &terms, &wanted);
    let mut build = Build {
        graph,
        uses,
        done: HashMap::new(),
        sweep: Sweep::default(),
        rows: Vec::new(),
        inputs: Vec::new(),
    };
    for (id, product) in products {
        let term = build.graph.args(id)[0];
        let reduce = match build.graph.op(id) {
            Op::LseK => build.lse(term, product),
            Op::MaxK => Reduce::Max(build.arg(term)),
            _ => Reduce::Sum(build.arg(term)),
        };
        build.sweep.reductions.push(reduce);
    }
    let writes = match &wanted {
        Wanted::Nothing => Vec::new(),
        Wanted::Values(ids) => ids.iter().map(|&id| Write::Value(build.arg(id))).collect(),
        Wanted::Kept(kept) => kept
            .iter()
            .map(|kept| Write::Kept {
                lse: reductions.iter().position(|id| *id == kept.lse).unwrap_or(0),
                factor: kept.factor.map(|id| build.arg(id)),
            })
            .collect(),
    };
    build.sweep.writes = writes;
    build.sweep.inputs = build.inputs.len();
    build.sweep.rows = build.rows.len();
    let writes = match wanted {
        Wanted::Nothing => Writes::Nothing,
        Wanted::Values(_) => Writes::Gradient,
        Wanted::Kept(_) => Writes::Kept,
    };
    let reductions = reductions.to_vec();
    Pass { sweep: build.sweep, rows: build.rows, inputs: build.inputs, reductions, writes, number }
}

struct Build<'a> {
    graph: &'a mut Graph,
    uses: HashMap<Id, usize>,
    done: HashMap<Id, Arg>,
    sweep: Sweep,
    rows: Vec<RowValue>,
    inputs: Vec<usize>,
}

impl Build<'_> {
    fn arg(&mut self, id: Id) -> Arg {
        if let Some(arg) = self.done.get(&id) {
            return *arg;
        }
        let arg = match self.graph.op(id) {
            Op::Const(number) => Arg::Const(number),
            _ if self.graph.shape(id) != Shape::Cell => Arg::Row(self.row(RowValue::Node(id))),
            Op::Input(at, At::Other) => {
                self.inputs.push(at as usize);
                Arg::Input(self.inputs.len() - 1)
            }
            Op::Detach => self.arg(self.graph.args(id)[0]),
            op => self.instruction(op, id),
        };
        self.done.insert(id, arg);
        arg
    }

    fn instruction(&mut self, op: Op, id: Id) -> Arg {
        let uses = &self.uses;
        let shared = |id: Id| uses.get(&id).is_some_and(|count| *count > 1);
        if let Some(affine) = affine(self.graph, id, &shared)
            && affine.saves(self.graph, id)
        {
            return self.affine(affine);
        }
        if let Some(exponential) = self.exponential(op, id) {
            return exponential;
        }
        let args = self.graph.args(id).to_vec();
        if op == Op::Pow && self.graph.constant(args[1]) == Some(2.0) {
            let base = self.arg(args[0]);
            return self.push(Instruction {
                what: Do::Apply(Op::Mul),
                args: vec![base, base],
                is_mask: false,
            });
        }
        if let Some(select) = self.over_a_choice(op, &args) {
            return self.arg(select);
        }
        let product = |id: &Id| {
            self.graph.op(*id) == Op::Mul
                && self.graph.shape(*id) == Shape::Cell
                && self.uses.get(id) == Some(&1)
        };
        let fused = (op == Op::Add).then(|| args.iter().position(product)).flatten();
        let (what, args) = match fused {
            Some(place) => {
                let factors = self.graph.args(args[place]);
                (Do::MulAdd, vec![factors[0], factors[1], args[1 - place]])
            }
            None => (Do::Apply(op), args),
        };
        let mut args: Vec<Arg> = args.into_iter().map(|arg| self.arg(arg)).collect();
        if let (Op::Csc | Op::SinRatio, Some(cosine)) = (op, args.last_mut()) {
            *cosine = self.inside(*cosine);
        }
        let is_mask = self.graph.node(id).kind == Kind::Mask;
        self.push(Instruction { what, args, is_mask })
    }

    /// exp(b − LSE), from the two parts of the log-sum-exp: as one number of this precision it would lack digits.
    fn exponential(&mut self, op: Op, id: Id) -> Option<Arg> {
        let difference = *self.graph.args(id).first()?;
        let (term, lse) = match self.graph.args(difference) {
            [term, lse] if op == Op::Exp && self.graph.op(difference) == Op::Sub => (*term, *lse),
            _ => return None,
        };
        if self.graph.op(lse) != Op::LseK || self.graph.shape(term) != Shape::Cell {
            return None;
        }
        let product = product(self.graph, term);
        let mut args = vec![self.arg(product.map_or(term, |product| product.of_cell))];
        if let Some(product) = product {
            args.push(Arg::Row(self.row(RowValue::Binary(product.of_row))));
        }
        args.push(Arg::Row(self.row(RowValue::Shift(lse))));
        let what = Do::Exponential { scaled: product.is_some() };
        let exponential = self.push(Instruction { what, args, is_mask: false });
        let share = Arg::Row(self.row(RowValue::Share(lse)));
        Some(self.push(Instruction {
            what: Do::Apply(Op::Mul),
            args: vec![share, exponential],
            is_mask: false,
        }))
    }

    /// At ±1, 1/sin θ is taken at the nearest cosine inside; which that is the batch says.
    fn inside(&mut self, cosine: Arg) -> Arg {
        let limit = Arg::Row(self.row(RowValue::Inside));
        self.push(Instruction { what: Do::Inside, args: vec![cosine, limit], is_mask: false })
    }

    /// An instruction, or the earlier one that is the same.
    fn push(&mut self, instruction: Instruction) -> Arg {
        let body = &mut self.sweep.body;
        Arg::Value(body.iter().position(|before| *before == instruction).unwrap_or_else(|| {
            body.push(instruction);
            body.len() - 1
        }))
    }

    /// A·x + B.
    fn affine(&mut self, affine: Affine) -> Arg {
        let input = self.arg(affine.of);
        let (slope, offset) = (self.arg(affine.slope), self.arg(affine.offset));
        let is = |arg: Arg, value: f64| matches!(arg, Arg::Const(number) if number.get() == value);
        let (what, args) = match () {
            () if is(slope, 1.0) && is(offset, 0.0) => return input,
            () if is(offset, 0.0) => (Do::Apply(Op::Mul), vec![slope, input]),
            () if is(slope, 1.0) => (Do::Apply(Op::Add), vec![offset, input]),
            () if is(slope, -1.0) => (Do::Apply(Op::Sub), vec![offset, input]),
            () => (Do::MulAdd, vec![slope, input, offset]),
        };
        self.push(Instruction { what, args, is_mask: false })
    }

    /// A sum, difference or product with a choice by a mask is a choice between two of them, where that saves
    /// instructions: both sides are of the row, or A·x + B.
    fn over_a_choice(&mut self, op: Op, args: &[Id]) -> Option<Id> {
        if !matches!(op, Op::Add | Op::Sub | Op::Mul) {
            return None;
        }
        let is_choice = |id: &Id| {
            self.graph.op(*id) == Op::Select
                && self.graph.shape(self.graph.args(*id)[0]) == Shape::Cell
                && self.uses.get(id) == Some(&1)
        };
        let place = args.iter().position(is_choice)?;
        let choice = self.graph.args(args[place]).to_vec();
        let other = args[1 - place];
        let mut sides = [other; 2];
        for (side, chosen) in sides.iter_mut().zip(&choice[1..]) {
            let pair = if place == 0 { [*chosen, other] } else { [other, *chosen] };
            let is_row = |id: &Id| self.graph.shape(*id) != Shape::Cell;
            *side = if pair.iter().all(is_row) {
                affine::of_rows(self.graph, op, pair[0], pair[1])
            } else if op == Op::Mul {
                return None;
            } else if self.graph.constant(*chosen) == Some(0.0) && (op == Op::Add || place == 1) {
                affine(self.graph, other, &|_| false)?.of_input(self.graph)?;
                other
            } else {
                affine::sum(self.graph, op, (pair[0], pair[1]), &|_| false)?.of_input(self.graph)?;
                self.graph.add(op, &pair)
            };
        }
        Some(self.graph.add(Op::Select, &[choice[0], sides[0], sides[1]]))
    }

    /// The place of a value of the row.
    fn row(&mut self, wanted: RowValue) -> usize {
        self.rows.iter().position(|row| *row == wanted).unwrap_or_else(|| {
            self.rows.push(wanted);
            self.rows.len() - 1
        })
    }

    /// ln Σ exp of a product by a value of the row takes that in two parts, so that the exponent is right to the last
    /// digit whatever its size.
    fn lse(&mut self, term: Id, product: Option<Product>) -> Reduce {
        match product {
            None => Reduce::Lse { exponent: self.arg(term), scale: None },
            Some(product) => {
                let scale = Some(self.row(RowValue::Binary(product.of_row)));
                Reduce::Lse { exponent: self.arg(product.of_cell), scale }
            }
        }
    }
}

/// A value of a cell as one of the row times one of the cell.
#[derive(Copy, Clone)]
struct Product {
    of_row: Id,
    of_cell: Id,
}

/// The term of a reduction that is a log-sum-exp.
fn term_of_lse(graph: &Graph, reduction: Id) -> Option<Id> {
    (graph.op(reduction) == Op::LseK).then(|| graph.args(reduction)[0])
}

/// An exponent as a product, with all factors of the row in one.
fn product(graph: &mut Graph, term: Id) -> Option<Product> {
    let (mut of_row, mut of_cell) = (None, None);
    let mut open = vec![(term, false)];
    while let Some((id, divides)) = open.pop() {
        let args = graph.args(id).to_vec();
        let is_cell = graph.shape(id) == Shape::Cell;
        match graph.op(id) {
            Op::Mul if is_cell && !divides => open.extend([(args[1], false), (args[0], false)]),
            Op::Div if is_cell && !divides && graph.shape(args[1]) != Shape::Cell => {
                open.extend([(args[1], true), (args[0], false)]);
            }
            _ => {
                let place = if is_cell { &mut of_cell } else { &mut of_row };
                let one = graph.number(1.0);
                let op = if divides { Op::Div } else { Op::Mul };
                *place = Some(match *place {
                    None if divides => graph.add(Op::Div, &[one, id]),
                    None => id,
                    Some(before) => graph.add(op, &[before, id]),
                });
            }
        }
    }
    Some(Product { of_row: of_row?, of_cell: of_cell? })
}

/// How often each value of a cell is read by what the sweep computes.
fn uses(graph: &Graph, terms: &[Id], wanted: &Wanted<'_>) -> HashMap<Id, usize> {
    let mut uses = HashMap::new();
    let mut open = terms.to_vec();
    match wanted {
        Wanted::Nothing => {}
        Wanted::Values(ids) => open.extend(*ids),
        Wanted::Kept(kept) => open.extend(kept.iter().filter_map(|kept| kept.factor)),
    }
    while let Some(id) = open.pop() {
        let count = uses.entry(id).or_insert(0);
        *count += 1;
        if *count == 1 && graph.shape(id) == Shape::Cell {
            open.extend(graph.args(id));
        }
    }
    uses
}
