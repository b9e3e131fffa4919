//! Any loss as dfdx tensor operations, differentiated by dfdx.
//!
//! One tape is threaded through; values themselves are kept without one, which dfdx allows because gradients are
//! collected by a tensor's id. A cell value is a (B, C) tensor whose column at the label is filled and never read: the
//! reductions choose it away, and dfdx's choice sends nothing back into it.

use std::collections::HashMap;

use dfdx::prelude::*;
use marlo_ir::eval::{
    Batch, NO_CLASS, Scalar, apply, evaluate, hardest, interleave, kept_rows, picked, ranks,
};
use marlo_ir::graph::{Graph, Id};
use marlo_ir::loss::{Loss, Wrt};
use marlo_ir::op::Op;
use marlo_ir::shape;
use marlo_ir::simplify;

use crate::leaves::Leaves;
use crate::{DfdxError, Element, Outcome};

pub(crate) type Rows = (usize,);
pub(crate) type Cells = (usize, usize);

/// A value while lowering.
#[derive(Clone)]
pub(crate) enum Value<E: Element> {
    /// Known at lowering time: hyperparameters, B, C, and what follows from them alone, in f64 whatever the precision.
    Number(f64),
    Scalar(Tensor<(), E, Cpu>),
    Row(Tensor<Rows, E, Cpu>),
    Cell(Tensor<Cells, E, Cpu>),
}

/// Loss, gradient and the [usual](Loss::usual) derivatives of a batch, by dfdx alone.
///
/// # Errors
/// When dfdx can't make a tensor.
pub fn autodiff<E: Element>(loss: &Loss, batch: &Batch<E>) -> Result<Outcome<E>, DfdxError>
where
    Cpu: Device<E>,
{
    autodiff_by(loss, batch, &loss.usual())
}

/// Loss and gradient of a batch, and its derivatives by the inputs and hyperparameters that are asked for, by dfdx alone.
/// Further centres belong to the gradient, whether they are asked for or not.
///
/// # Errors
/// When dfdx can't make a tensor.
pub fn autodiff_by<E: Element>(loss: &Loss, batch: &Batch<E>, wrt: &[Wrt]) -> Result<Outcome<E>, DfdxError>
where
    Cpu: Device<E>,
{
    let normal = loss.normalised();
    let mut roots = vec![normal.row, normal.total];
    roots.extend(normal.updates.iter().map(|update| update.next));
    let (graph, map) = simplify::lower_top(&normal.graph, &roots);
    let roots: Vec<Id> = roots.into_iter().map(|id| map[id.index()].unwrap_or(id)).collect();
    let (row, total) = (roots[0], roots[1]);
    let mut lowering = Lowering::new(&graph, batch, wrt)?;
    let needed = graph.reachable(&roots);
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let value = lowering.lower(id)?;
        lowering.values.insert(id, value);
    }
    let per_row = match &lowering.values[&row] {
        Value::Number(x) => vec![<E as Scalar>::from_f64(*x); batch.rows],
        Value::Scalar(t) => vec![t.as_vec()[0]; batch.rows],
        Value::Row(t) => t.as_vec(),
        Value::Cell(_) => Vec::new(),
    };
    let mean_loss = lowering.scalar(total);
    let states = roots[2..].iter().map(|&next| lowering.scalar(next)).collect();
    let mut gradients = match lowering.values[&total].clone() {
        Value::Scalar(t) => t.put_tape(lowering.tape).try_backward()?,
        // A number depends on nothing.
        _ => Gradients::leaky(),
    };
    let slabs = lowering.leaves.by_matrices(&mut gradients)?;
    let partials = lowering.leaves.partials(&mut gradients)?;
    Ok(Outcome { loss: per_row, mean_loss, gradient: interleave(slabs), partials, states })
}

/// The greatest values of an LSE, and ln of the sums relative to them.
#[derive(Clone)]
pub(crate) struct Ends<E: Element> {
    pub(crate) max: Vec<E>,
    pub(crate) rest: Tensor<Rows, E, Cpu>,
}

pub(crate) struct Lowering<'a, E: Element> {
    pub(crate) graph: &'a Graph,
    pub(crate) batch: &'a Batch<E>,
    /// The hyperparameters and sizes of the batch, without its inputs.
    sizes: Batch<f64>,
    pub(crate) device: Cpu,
    pub(crate) leaves: Leaves<E>,
    pub(crate) tape: OwnedTape<E, Cpu>,
    pub(crate) labels: Tensor<Rows, usize, Cpu>,
    /// True where a class is not the row's label.
    others: Tensor<Cells, bool, Cpu>,
    values: HashMap<Id, Value<E>>,
    pub(crate) ends: HashMap<Id, Ends<E>>,
}

impl<'a, E: Element> Lowering<'a, E>
where
    Cpu: Device<E>,
{
    fn new(graph: &'a Graph, batch: &'a Batch<E>, wrt: &[Wrt]) -> Result<Self, DfdxError> {
        let device = Cpu::default();
        let shape = (batch.rows, batch.classes);
        let leaves = Leaves::new(&device, graph, batch, wrt)?;
        let sizes = Batch {
            rows: batch.rows,
            classes: batch.classes,
            matrix: Vec::new(),
            labels: batch.labels.clone(),
            vectors: Vec::new(),
            params: batch.params.clone(),
            resolution: batch.resolution,
        };
        let labels = device.try_tensor_from_vec(batch.labels.clone(), (batch.rows,))?;
        let others = batch.labels.iter().flat_map(|&y| (0..batch.classes).map(move |k| k != y)).collect();
        let others = device.try_tensor_from_vec(others, shape)?;
        Ok(Lowering {
            graph,
            batch,
            sizes,
            device,
            leaves,
            // A leaky one: only the gradients of leaves are read in the end, and nothing may be freed before.
            tape: OwnedTape::default(),
            labels,
            others,
            values: HashMap::new(),
            ends: HashMap::new(),
        })
    }

    /// Runs a dfdx operation on the tape.
    pub(crate) fn on_tape<S: Shape, T: Shape>(
        &mut self,
        x: &Tensor<S, E, Cpu>,
        f: impl FnOnce(
            Tensor<S, E, Cpu, OwnedTape<E, Cpu>>,
        ) -> Result<Tensor<T, E, Cpu, OwnedTape<E, Cpu>>, DfdxError>,
    ) -> Result<Tensor<T, E, Cpu>, DfdxError> {
        let tape = std::mem::take(&mut self.tape);
        let (y, tape) = f(x.clone().put_tape(tape))?.split_tape();
        self.tape = tape;
        Ok(y)
    }

    /// The same values under an id of their own: dfdx forbids a tensor on both sides of one operation.
    pub(crate) fn copy<S: Shape>(&mut self, x: &Tensor<S, E, Cpu>) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        self.on_tape(x, |x| Ok(x.try_add(E::default())?))
    }

    /// A constant: a tensor that no gradient leaves.
    pub(crate) fn constant<S: Shape>(
        &self,
        values: Vec<E>,
        shape: S,
    ) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        Ok(self.device.try_tensor_from_vec(values, shape)?)
    }

    fn lower(&mut self, id: Id) -> Result<Value<E>, DfdxError> {
        let (batch, op) = (self.batch, self.graph.op(id));
        if let Op::Param(at) = op
            && let Some(leaf) = self.leaves.traced(Wrt::Param(at))
        {
            return Ok(leaf);
        }
        let args: Vec<Value<E>> = self.graph.args(id).iter().map(|a| self.values[a].clone()).collect();
        let numbers: Option<Vec<f64>> =
            args.iter().map(|a| if let Value::Number(x) = a { Some(*x) } else { None }).collect();
        if self.graph.shape(id) == shape::Shape::Scalar && !op.is_batch() {
            if op == Op::KeptI {
                let kept = kept_rows(self.number(self.graph.args(id)[0]), batch.rows);
                return Ok(Value::Number(kept as f64));
            }
            // Sizes and hyperparameters: what the reference says of them.
            if args.is_empty() {
                return Ok(Value::Number(evaluate(self.graph, &[id], &self.sizes)[0][0]));
            }
            if let Some(numbers) = numbers {
                return Ok(Value::Number(apply(op, &numbers, batch.resolution)));
            }
        }
        match op {
            Op::Input(i, at) => self.input(i, at),
            Op::SumK | Op::MaxK | Op::LseK => {
                let cells = self.cells(&args[0])?;
                self.over_classes(id, op, &cells).map(Value::Row)
            }
            Op::SumI | Op::MeanI | Op::InTopI | Op::RankI | Op::PickI => self.over_batch(id, op, &args),
            _ => self.elementwise(id, op, args),
        }
    }

    /// The cells with the label's column filled; nothing flows back from there.
    pub(crate) fn without_target(
        &mut self,
        x: &Tensor<Cells, E, Cpu>,
        fill: f64,
    ) -> Result<Tensor<Cells, E, Cpu>, DfdxError> {
        let filled =
            self.constant(vec![<E as Scalar>::from_f64(fill); x.shape().num_elements()], *x.shape())?;
        let others = self.others.clone();
        self.on_tape(x, |x| Ok(others.try_choose(x, filled)?))
    }

    /// Does the label's column hold something else than that?
    pub(crate) fn filled(&self, x: &Tensor<Cells, E, Cpu>, with: f64) -> bool {
        let classes = self.batch.classes;
        let values = x.as_vec();
        let mut labels = self.batch.labels.iter().enumerate();
        labels.any(|(row, &label)| Scalar::to_f64(values[row * classes + label]) != with)
    }

    fn over_classes(
        &mut self,
        id: Id,
        op: Op,
        x: &Tensor<Cells, E, Cpu>,
    ) -> Result<Tensor<Rows, E, Cpu>, DfdxError> {
        let (rows, classes) = *x.shape();
        if op == Op::SumK {
            let x = self.without_target(x, 0.0)?;
            return self.on_tape(&x, |x| Ok(x.try_sum::<Rows, Axis<1>>()?));
        }
        let x = self.without_target(x, NO_CLASS)?;
        let values = x.as_vec();
        let greatest = |row: usize| {
            values[row * classes..(row + 1) * classes]
                .iter()
                .copied()
                .fold(<E as Scalar>::from_f64(NO_CLASS), |m, v| if v > m { v } else { m })
        };
        let max: Vec<E> = (0..rows).map(greatest).collect();
        if op == Op::MaxK {
            // Ties share the derivative, which dfdx's own maximum does not do.
            let mut weights = Vec::with_capacity(values.len());
            for (row, top) in max.iter().enumerate() {
                let line = &values[row * classes..(row + 1) * classes];
                let ties = <E as Scalar>::from_f64(line.iter().filter(|v| *v == top).count() as f64);
                let one = <E as Scalar>::from_f64(1.0);
                weights.extend(line.iter().map(|v| if v == top { one / ties } else { E::default() }));
            }
            let weights = self.constant(weights, *x.shape())?;
            return self.on_tape(&x, |x| Ok(x.try_mul(weights)?.try_sum::<Rows, Axis<1>>()?));
        }
        let spread =
            self.constant(max.iter().flat_map(|&m| std::iter::repeat_n(m, classes)).collect(), *x.shape())?;
        let rest =
            self.on_tape(&x, |x| Ok(x.try_sub(spread)?.try_exp()?.try_sum::<Rows, Axis<1>>()?.try_ln()?))?;
        self.ends.insert(id, Ends { max: max.clone(), rest: rest.clone() });
        let max = self.constant(max, (rows,))?;
        self.on_tape(&rest, |rest| Ok(rest.try_add(max)?))
    }

    fn over_batch(&mut self, id: Id, op: Op, args: &[Value<E>]) -> Result<Value<E>, DfdxError> {
        let x = self.rows(&args[0])?;
        let rows = self.batch.rows;
        Ok(match op {
            Op::SumI => Value::Scalar(self.on_tape(&x, |x| Ok(x.try_sum::<(), Axis<0>>()?))?),
            Op::MeanI => Value::Scalar(self.on_tape(&x, |x| {
                Ok(x.try_sum::<(), Axis<0>>()?.try_div(<E as Scalar>::from_f64(rows as f64))?)
            })?),
            // Ranked and picked outside dfdx: constants.
            Op::RankI => {
                let ranks = ranks(&x.as_vec()).into_iter().map(|rank| <E as Scalar>::from_f64(rank as f64));
                Value::Row(self.constant(ranks.collect(), *x.shape())?)
            }
            Op::PickI => {
                let [own, wanted] = [self.rows(&args[1])?, self.rows(&args[2])?].map(|row| row.as_vec());
                Value::Row(self.constant(picked(&x.as_vec(), &own, &wanted), *x.shape())?)
            }
            _ => Value::Row(self.hardest(id, &x)?),
        })
    }

    /// 1 for the rows among the hardest: ranked outside dfdx, as a constant.
    fn hardest(&self, id: Id, x: &Tensor<Rows, E, Cpu>) -> Result<Tensor<Rows, E, Cpu>, DfdxError> {
        let count = self.number(self.graph.args(id)[1]) as usize;
        let one = |hard| <E as Scalar>::from_f64(if hard { 1.0 } else { 0.0 });
        self.constant(hardest(&x.as_vec(), count).into_iter().map(one).collect(), *x.shape())
    }

    /// A value of the whole batch.
    fn number(&self, id: Id) -> f64 {
        match &self.values[&id] {
            Value::Number(x) => *x,
            Value::Scalar(t) => Scalar::to_f64(t.as_vec()[0]),
            Value::Row(_) | Value::Cell(_) => unreachable!("a row or cell is no value of the whole batch"),
        }
    }

    fn scalar(&self, id: Id) -> E {
        <E as Scalar>::from_f64(self.number(id))
    }

    /// A value as one a row.
    pub(crate) fn rows(&mut self, x: &Value<E>) -> Result<Tensor<Rows, E, Cpu>, DfdxError> {
        let shape = (self.batch.rows,);
        match x {
            Value::Number(x) => self.constant(vec![<E as Scalar>::from_f64(*x); self.batch.rows], shape),
            Value::Scalar(t) => {
                let zeros = self.constant(vec![E::default(); self.batch.rows], shape)?;
                self.on_tape(t, |t| Ok(t.try_broadcast_like::<Rows, Axis<0>>(&shape)?.try_add(zeros)?))
            }
            Value::Row(t) => Ok(t.clone()),
            Value::Cell(_) => unreachable!("a cell is no row"),
        }
    }

    /// A value as one a cell.
    fn cells(&mut self, x: &Value<E>) -> Result<Tensor<Cells, E, Cpu>, DfdxError> {
        let shape = (self.batch.rows, self.batch.classes);
        let length = shape.0 * shape.1;
        match x {
            Value::Number(x) => self.constant(vec![<E as Scalar>::from_f64(*x); length], shape),
            Value::Cell(t) => Ok(t.clone()),
            Value::Scalar(_) | Value::Row(_) => {
                let row = self.rows(x)?;
                let zeros = self.constant(vec![E::default(); length], shape)?;
                self.on_tape(&row, |t| Ok(t.try_broadcast_like::<Cells, Axis<1>>(&shape)?.try_add(zeros)?))
            }
        }
    }

    /// Values at one shape, that of the widest.
    pub(crate) fn broadcast(
        &mut self,
        args: Vec<Value<E>>,
        to: shape::Shape,
    ) -> Result<Vec<Value<E>>, DfdxError> {
        args.into_iter()
            .map(|arg| {
                Ok(match (to, arg) {
                    (shape::Shape::Cell, arg) => Value::Cell(self.cells(&arg)?),
                    (shape::Shape::Row, arg) => Value::Row(self.rows(&arg)?),
                    (shape::Shape::Scalar, Value::Number(x)) => {
                        Value::Scalar(self.constant(vec![<E as Scalar>::from_f64(x)], ())?)
                    }
                    (shape::Shape::Scalar, arg) => arg,
                })
            })
            .collect()
    }
}
