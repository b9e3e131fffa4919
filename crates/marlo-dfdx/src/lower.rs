//! Any loss as dfdx tensor operations, differentiated by dfdx.
//!
//! One tape is threaded through; values themselves are kept without one, which dfdx allows because gradients are
//! collected by a tensor's id. A cell value is a (B, C) tensor whose column at the label is filled and never read: the
//! reductions choose it away, and dfdx's choice sends nothing back into it.

use std::collections::HashMap;

use dfdx::prelude::*;
use marlo_ir::eval::{Batch, NO_CLASS, Scalar, apply, evaluate, hardest, kept_rows};
use marlo_ir::graph::{Graph, Id};
use marlo_ir::loss::Loss;
use marlo_ir::op::{At, Op};
use marlo_ir::shape;
use marlo_ir::simplify;

use crate::operation::{Partial, record};
use crate::{DfdxError, Element, Outcome};

type Rows = (usize,);
type Cells = (usize, usize);

/// A value while lowering.
#[derive(Clone)]
pub(crate) enum Value<E: Element> {
    /// Known at lowering time: hyperparameters, B, C.
    Number(E),
    Scalar(Tensor<(), E, Cpu>),
    Row(Tensor<Rows, E, Cpu>),
    Cell(Tensor<Cells, E, Cpu>),
}

/// Loss and gradient of a batch, by dfdx alone.
///
/// # Errors
/// When dfdx can't make a tensor.
pub fn autodiff<E: Element>(loss: &Loss, batch: &Batch<E>) -> Result<Outcome<E>, DfdxError>
where
    Cpu: Device<E>,
{
    let normal = loss.normalised();
    let (graph, map) = simplify::lower_top(&normal.graph, &[normal.row, normal.total]);
    let [row, total] = [normal.row, normal.total].map(|id| map[id.index()].unwrap_or(id));
    let mut lowering = Lowering::new(&graph, batch)?;
    let needed = graph.reachable(&[row, total]);
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let value = lowering.lower(id)?;
        lowering.values.insert(id, value);
    }
    let per_row = match &lowering.values[&row] {
        Value::Number(x) => vec![*x; batch.rows],
        Value::Scalar(t) => vec![t.as_vec()[0]; batch.rows],
        Value::Row(t) => t.as_vec(),
        Value::Cell(_) => Vec::new(),
    };
    let reached = graph.depends(total, |op| matches!(op, Op::Input(0, _)));
    let (mean_loss, gradient) = match lowering.values[&total].clone() {
        Value::Scalar(t) if !reached => (t.as_vec()[0], vec![E::default(); batch.matrix.len()]),
        Value::Scalar(t) => {
            let value = t.as_vec()[0];
            let gradients = t.put_tape(lowering.tape).try_backward()?;
            (value, gradients.get(&lowering.matrix).as_vec())
        }
        Value::Number(x) => (x, vec![E::default(); batch.matrix.len()]),
        Value::Row(_) | Value::Cell(_) => (E::default(), Vec::new()),
    };
    Ok(Outcome { loss: per_row, mean_loss, gradient })
}

/// One function on a tensor of any shape.
macro_rules! each {
    ($self:ident, $value:expr, |$x:ident| $body:expr) => {
        match $value {
            Value::Number(_) => unreachable!("numbers are folded before"),
            Value::Scalar($x) => Value::Scalar($body),
            Value::Row($x) => Value::Row($body),
            Value::Cell($x) => Value::Cell($body),
        }
    };
}

/// One function on two values, broadcast to the same shape.
macro_rules! both {
    ($self:ident, $a:expr, $b:expr, |$x:ident, $y:ident| $body:expr) => {
        match ($a, $b) {
            (Value::Scalar($x), Value::Scalar($y)) => Value::Scalar($body),
            (Value::Row($x), Value::Row($y)) => Value::Row($body),
            (Value::Cell($x), Value::Cell($y)) => Value::Cell($body),
            _ => unreachable!("both are broadcast to one shape"),
        }
    };
}

/// The greatest values of an LSE, and ln of the sums relative to them.
#[derive(Clone)]
struct Ends<E: Element> {
    max: Vec<E>,
    rest: Tensor<Rows, E, Cpu>,
}

pub(crate) struct Lowering<'a, E: Element> {
    graph: &'a Graph,
    pub(crate) batch: &'a Batch<E>,
    pub(crate) device: Cpu,
    matrix: Tensor<Cells, E, Cpu>,
    pub(crate) tape: OwnedTape<E, Cpu>,
    labels: Tensor<Rows, usize, Cpu>,
    /// True where a class is not the row's label.
    others: Tensor<Cells, bool, Cpu>,
    values: HashMap<Id, Value<E>>,
    ends: HashMap<Id, Ends<E>>,
}

impl<'a, E: Element> Lowering<'a, E>
where
    Cpu: Device<E>,
{
    fn new(graph: &'a Graph, batch: &'a Batch<E>) -> Result<Self, DfdxError> {
        let device = Cpu::default();
        let shape = (batch.rows, batch.classes);
        let matrix = device.try_tensor_from_vec(batch.matrix.clone(), shape)?;
        // Only the matrix's gradient is read in the end, and nothing else may be freed before.
        let (matrix, tape) = matrix.leaky_trace().split_tape();
        let labels = device.try_tensor_from_vec(batch.labels.clone(), (batch.rows,))?;
        let others = batch.labels.iter().flat_map(|&y| (0..batch.classes).map(move |k| k != y)).collect();
        let others = device.try_tensor_from_vec(others, shape)?;
        Ok(Lowering {
            graph,
            batch,
            device,
            matrix,
            tape,
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
    fn copy<S: Shape>(&mut self, x: &Tensor<S, E, Cpu>) -> Result<Tensor<S, E, Cpu>, DfdxError> {
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
        let args: Vec<Value<E>> = self.graph.args(id).iter().map(|a| self.values[a].clone()).collect();
        let numbers: Option<Vec<E>> =
            args.iter().map(|a| if let Value::Number(x) = a { Some(*x) } else { None }).collect();
        if self.graph.shape(id) == shape::Shape::Scalar && !op.is_batch() {
            if op == Op::KeptI {
                let kept = kept_rows(self.number(self.graph.args(id)[0]), batch.rows);
                return Ok(Value::Number(<E as Scalar>::from_f64(kept as f64)));
            }
            // Sizes and hyperparameters: what the reference says of them.
            if args.is_empty() {
                return Ok(Value::Number(evaluate(self.graph, &[id], batch)[0][0]));
            }
            if let Some(numbers) = numbers {
                return Ok(Value::Number(apply(op, &numbers, batch.resolution)));
            }
        }
        match op {
            Op::Input(0, At::Target) => {
                let labels = self.labels.clone();
                let matrix = self.matrix.clone();
                Ok(Value::Row(self.on_tape(&matrix, |x| Ok(x.try_select(labels)?))?))
            }
            Op::Input(0, _) => {
                let matrix = self.matrix.clone();
                self.without_target(&matrix, 0.5).map(Value::Cell)
            }
            Op::Input(i, at) => self.vector(i as usize - 1, at),
            Op::SumK | Op::MaxK | Op::LseK => {
                let cells = self.cells(&args[0])?;
                self.over_classes(id, op, &cells).map(Value::Row)
            }
            Op::SumI | Op::MeanI | Op::InTopI => self.over_batch(id, op, &args[0]),
            _ => self.elementwise(id, op, args),
        }
    }

    fn vector(&self, input: usize, at: At) -> Result<Value<E>, DfdxError> {
        let (batch, values) = (self.batch, &self.batch.vectors[input]);
        Ok(match at {
            At::Row => Value::Row(self.constant(values.clone(), (batch.rows,))?),
            At::Target => {
                Value::Row(self.constant(batch.labels.iter().map(|&y| values[y]).collect(), (batch.rows,))?)
            }
            At::Other => {
                let all = (0..batch.rows).flat_map(|_| values.iter().copied()).collect();
                Value::Cell(self.constant(all, (batch.rows, batch.classes))?)
            }
        })
    }

    /// The cells with the label's column filled; nothing flows back from there.
    fn without_target(
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
    fn filled(&self, x: &Tensor<Cells, E, Cpu>, with: f64) -> bool {
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

    /// x − y where one of them is an LSE: from its greatest value and what is to be added to that, for in one number a
    /// large first swallows the second.
    fn difference(&mut self, id: Id, args: &[Value<E>]) -> Result<Option<Value<E>>, DfdxError> {
        let (ids, shape) = (self.graph.args(id), self.graph.shape(id));
        let (other, minus, ends) = match [0, 1].map(|at| self.ends.get(&ids[at]).cloned()) {
            [Some(a), Some(b)] => {
                let less = a.max.iter().zip(&b.max).map(|(a, b)| *a - *b).collect();
                let less = self.constant(less, (self.batch.rows,))?;
                let rest = self.on_tape(&a.rest, |x| Ok(x.try_sub(b.rest)?.try_add(less)?))?;
                return Ok(Some(Value::Row(rest)));
            }
            [Some(ends), None] => (&args[1], true, ends),
            [None, Some(ends)] => (&args[0], false, ends),
            _ => return Ok(None),
        };
        let max = Value::Row(self.constant(ends.max, (self.batch.rows,))?);
        let parts = self.broadcast(vec![other.clone(), max, Value::Row(ends.rest)], shape)?;
        macro_rules! at {
            ($shape:ident) => {
                if let [Value::$shape(x), Value::$shape(max), Value::$shape(rest)] = parts.as_slice() {
                    return Ok(Some(Value::$shape(self.on_tape(x, |x| {
                        let less = x.try_sub(max.clone())?;
                        Ok(match minus {
                            true => less.try_negate()?.try_add(rest.clone())?,
                            false => less.try_sub(rest.clone())?,
                        })
                    })?)));
                }
            };
        }
        at!(Row);
        at!(Cell);
        Ok(None)
    }

    fn over_batch(&mut self, id: Id, op: Op, x: &Value<E>) -> Result<Value<E>, DfdxError> {
        let x = self.rows(x)?;
        let rows = self.batch.rows;
        Ok(match op {
            Op::SumI => Value::Scalar(self.on_tape(&x, |x| Ok(x.try_sum::<(), Axis<0>>()?))?),
            Op::MeanI => Value::Scalar(self.on_tape(&x, |x| {
                Ok(x.try_sum::<(), Axis<0>>()?.try_div(<E as Scalar>::from_f64(rows as f64))?)
            })?),
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
            Value::Number(x) => Scalar::to_f64(*x),
            Value::Scalar(t) => Scalar::to_f64(t.as_vec()[0]),
            Value::Row(_) | Value::Cell(_) => unreachable!("a row or cell is no value of the whole batch"),
        }
    }

    /// A value as one a row.
    fn rows(&mut self, x: &Value<E>) -> Result<Tensor<Rows, E, Cpu>, DfdxError> {
        let shape = (self.batch.rows,);
        match x {
            Value::Number(x) => self.constant(vec![*x; self.batch.rows], shape),
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
            Value::Number(x) => self.constant(vec![*x; length], shape),
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
                    (shape::Shape::Scalar, Value::Number(x)) => Value::Scalar(self.constant(vec![x], ())?),
                    (shape::Shape::Scalar, arg) => arg,
                })
            })
            .collect()
    }

    fn elementwise(&mut self, id: Id, op: Op, args: Vec<Value<E>>) -> Result<Value<E>, DfdxError> {
        if matches!(op, Op::CosAngle | Op::SinAngle | Op::SinRatio) {
            return self.angle(op, self.graph.shape(id), args);
        }
        if op == Op::Sub
            && let Some(difference) = self.difference(id, &args)?
        {
            return Ok(difference);
        }
        let mut args = self.broadcast(args, self.graph.shape(id))?;
        if args.len() >= 2 && self.graph.args(id)[0] == self.graph.args(id)[1] {
            args[1] = each!(self, &args[1], |x| self.copy(x)?);
        }
        match args.as_slice() {
            [x] => self.unary(op, x),
            [x, y] => self.binary(op, x, y),
            [mask, x, y] => self.choose(mask, x, y),
            _ => unreachable!("leaves are lowered before"),
        }
    }

    fn unary(&mut self, op: Op, x: &Value<E>) -> Result<Value<E>, DfdxError> {
        Ok(match op {
            Op::Neg => each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_negate()?))?),
            // Nobody reads the label's column, but an overflow there would be met by dfdx.
            Op::Exp if matches!(x, Value::Cell(t) if self.filled(t, 0.0)) => {
                let Value::Cell(t) = x else { unreachable!("just matched") };
                let inside = self.without_target(t, 0.0)?;
                self.unary(op, &Value::Cell(inside))?
            }
            Op::Exp if finite(x, Scalar::exp) => each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_exp()?))?),
            Op::Sqrt if finite(x, |x: E| <E as Scalar>::from_f64(1.0) / Scalar::sqrt(x)) => {
                each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_sqrt()?))?)
            }
            Op::Ln if finite(x, |x: E| <E as Scalar>::from_f64(1.0) / x) => {
                each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_ln()?))?)
            }
            Op::Sin => each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_sin()?))?),
            Op::Cos => each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_cos()?))?),
            Op::Tanh => each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_tanh()?))?),
            Op::Relu => each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_relu()?))?),
            Op::Abs => each!(self, x, |x| self.on_tape(x, |x| Ok(x.try_abs()?))?),
            Op::Csc => each!(self, x, |x| self.csc(x)?),
            // Without a derivative: a constant of the same values.
            Op::Floor | Op::Parity | Op::Not | Op::Detach => {
                let resolution = self.batch.resolution;
                each!(self, x, |x| {
                    let values = x.as_vec().into_iter().map(|x| apply(op, &[x], resolution)).collect();
                    self.constant(values, *x.shape())?
                })
            }
            // Functions that dfdx lacks, or has without the digits of the tails; and those whose derivative is infinite
            // somewhere, in a branch that is off or for a class of weight 0: there dfdx would ask for 0·∞.
            _ => {
                let derivative = |x: E| -> E {
                    let one = <E as Scalar>::from_f64(1.0);
                    match op {
                        Op::Exp => Scalar::exp(x),
                        Op::Sqrt => one / (Scalar::sqrt(x) + Scalar::sqrt(x)),
                        Op::Ln => one / x,
                        Op::Log1p => one / (one + x),
                        Op::Expm1 => Scalar::exp(x),
                        Op::Sigmoid => x.sigmoid() * (-x).sigmoid(),
                        Op::Softplus => x.sigmoid(),
                        _ => -one / x.inside(self.batch.resolution).sin_acos(),
                    }
                };
                each!(self, x, |x| {
                    let values = x.as_vec();
                    let slopes = values.iter().map(|&x| derivative(x)).collect();
                    let values = values.into_iter().map(|x| apply(op, &[x], self.batch.resolution)).collect();
                    record(&mut self.tape, *x.shape(), values, vec![Partial { by: x, slopes }])?
                })
            }
        })
    }

    fn binary(&mut self, op: Op, x: &Value<E>, y: &Value<E>) -> Result<Value<E>, DfdxError> {
        Ok(both!(self, x, y, |x, y| match op {
            Op::Add => self.on_tape(x, |x| Ok(x.try_add(y.clone())?))?,
            Op::Sub => self.on_tape(x, |x| Ok(x.try_sub(y.clone())?))?,
            Op::Mul => self.on_tape(x, |x| Ok(x.try_mul(y.clone())?))?,
            Op::Div if y.as_vec().iter().all(|y| *y != E::default()) => {
                self.on_tape(x, |x| Ok(x.try_div(y.clone())?))?
            }
            Op::Div => {
                let values: Vec<E> = x.as_vec().into_iter().zip(y.as_vec()).map(|(x, y)| x / y).collect();
                let by_x = y.as_vec().into_iter().map(|y| <E as Scalar>::from_f64(1.0) / y).collect();
                let by_y = values.iter().zip(y.as_vec()).map(|(v, y)| -*v / y).collect();
                let partials = vec![Partial { by: x, slopes: by_x }, Partial { by: y, slopes: by_y }];
                record(&mut self.tape, *x.shape(), values, partials)?
            }
            Op::Min | Op::Max => {
                // A tie follows the first, where dfdx would halve.
                let first = |(x, y): (E, E)| if op == Op::Min { x <= y } else { y <= x };
                let mask = x.as_vec().into_iter().zip(y.as_vec()).map(first).collect();
                let mask = self.device.try_tensor_from_vec(mask, *x.shape())?;
                self.on_tape(x, |x| Ok(mask.try_choose(x, y.clone())?))?
            }
            Op::Pow => self.pow(x, y)?,
            // Comparisons and masks: constants.
            _ => {
                let pairs = x.as_vec().into_iter().zip(y.as_vec());
                let values = pairs.map(|(x, y)| apply(op, &[x, y], self.batch.resolution)).collect();
                self.constant(values, *x.shape())?
            }
        }))
    }

    /// xʸ with both derivatives; dfdx has only literal exponents.
    fn pow<S: Shape>(
        &mut self,
        x: &Tensor<S, E, Cpu>,
        y: &Tensor<S, E, Cpu>,
    ) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        let one = <E as Scalar>::from_f64(1.0);
        let pairs: Vec<(E, E)> = x.as_vec().into_iter().zip(y.as_vec()).collect();
        let values: Vec<E> = pairs.iter().map(|&(x, y)| Scalar::pow(x, y)).collect();
        let by_x = pairs
            .iter()
            .map(|&(x, y)| if y == E::default() { y } else { y * Scalar::pow(x, y - one) })
            .collect();
        let by_y = pairs
            .iter()
            .zip(&values)
            .map(|(&(x, _), &v)| if v == E::default() { v } else { v * Scalar::ln(x) })
            .collect();
        record(
            &mut self.tape,
            *x.shape(),
            values,
            vec![Partial { by: x, slopes: by_x }, Partial { by: y, slopes: by_y }],
        )
    }

    fn choose(&mut self, mask: &Value<E>, x: &Value<E>, y: &Value<E>) -> Result<Value<E>, DfdxError> {
        let on: Vec<bool> = match mask {
            Value::Scalar(t) => t.as_vec(),
            Value::Row(t) => t.as_vec(),
            Value::Cell(t) => t.as_vec(),
            Value::Number(_) => unreachable!("numbers are broadcast before"),
        }
        .into_iter()
        .map(|m| m != E::default())
        .collect();
        Ok(both!(self, x, y, |x, y| {
            let mask = self.device.try_tensor_from_vec(on, *x.shape())?;
            let y = self.copy(y)?;
            self.on_tape(x, |x| Ok(mask.try_choose(x, y)?))?
        }))
    }
}

/// Is a function finite at every value?
fn finite<E: Element>(x: &Value<E>, f: impl Fn(E) -> E) -> bool {
    let values = match x {
        Value::Number(x) => vec![*x],
        Value::Scalar(t) => t.as_vec(),
        Value::Row(t) => t.as_vec(),
        Value::Cell(t) => t.as_vec(),
    };
    values.into_iter().all(|x| Scalar::to_f64(f(x)).is_finite())
}
