//! Operations on single values, as dfdx operations.

use dfdx::prelude::*;
use marlo_ir::eval::{Scalar, apply};
use marlo_ir::graph::Id;
use marlo_ir::op::Op;

use crate::lower::{Lowering, Value};
use crate::operation::{Partial, record};
use crate::{DfdxError, Element};

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

impl<E: Element> Lowering<'_, E>
where
    Cpu: Device<E>,
{
    pub(crate) fn elementwise(&mut self, id: Id, op: Op, args: Vec<Value<E>>) -> Result<Value<E>, DfdxError> {
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
                        // 4·σ(2x)·σ(−2x); dfdx has 1 − tanh² x, which has no digits where tanh is near ±1.
                        Op::Tanh => {
                            let (two, twice) = (one + one, x + x);
                            two * two * twice.sigmoid() * (-twice).sigmoid()
                        }
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
}

/// Is a function finite at every value?
fn finite<E: Element>(x: &Value<E>, f: impl Fn(E) -> E) -> bool {
    let values = match x {
        Value::Number(x) => vec![<E as Scalar>::from_f64(*x)],
        Value::Scalar(t) => t.as_vec(),
        Value::Row(t) => t.as_vec(),
        Value::Cell(t) => t.as_vec(),
    };
    values.into_iter().all(|x| Scalar::to_f64(f(x)).is_finite())
}
