//! Functions of the angle θ of a cosine, as dfdx operations. Derivatives that are singular at ±1 are taken at the nearest
//! cosine inside, values are exact there.

use dfdx::prelude::*;
use marlo_ir::eval::{Scalar, apply};
use marlo_ir::op::Op;
use marlo_ir::shape;

use crate::lower::{Lowering, Value};
use crate::operation::{Partial, record};
use crate::{DfdxError, Element};

impl<E: Element> Lowering<'_, E>
where
    Cpu: Device<E>,
{
    /// cos(aθ + b), sin(aθ + b) or sin(aθ + b)/sin θ of arguments a, b and cos θ: the first by the addition theorem and a
    /// recurrence where a is a small whole number, else recorded.
    pub(crate) fn angle(
        &mut self,
        op: Op,
        shape: shape::Shape,
        args: Vec<Value<E>>,
    ) -> Result<Value<E>, DfdxError> {
        let whole = if let Value::Number(a) = &args[0] { a.small_whole() } else { None };
        let unturned = matches!(&args[1], Value::Number(b) if *b == 0.0);
        let args = self.broadcast(args, shape)?;
        macro_rules! all {
            ($shape:ident) => {
                if let [Value::$shape(a), Value::$shape(b), Value::$shape(c)] = args.as_slice() {
                    return Ok(Value::$shape(match (op, whole) {
                        (Op::CosAngle, Some(n)) if unturned => self.recurrence(n, c, true)?,
                        (Op::CosAngle, Some(n)) => self.turned_by_whole(n, b, c)?,
                        _ => self.turned(op, [a, b, c])?,
                    }));
                }
            };
        }
        all!(Scalar);
        all!(Row);
        all!(Cell);
        unreachable!("all are broadcast to one shape")
    }

    /// cos(nθ)·cos b − sin(nθ)·sin b.
    fn turned_by_whole<S: Shape>(
        &mut self,
        n: u32,
        b: &Tensor<S, E, Cpu>,
        c: &Tensor<S, E, Cpu>,
    ) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        let cosine = self.recurrence(n, c, true)?;
        let sine = self.exact_sine(c)?;
        let ratio = self.recurrence(n, c, false)?;
        let sine = self.on_tape(&sine, |s| Ok(s.try_mul(ratio)?))?;
        let (cos_b, sin_b) = (self.on_tape(b, |b| Ok(b.try_cos()?))?, self.on_tape(b, |b| Ok(b.try_sin()?))?);
        let first = self.on_tape(&cosine, |x| Ok(x.try_mul(cos_b)?))?;
        let second = self.on_tape(&sine, |x| Ok(x.try_mul(sin_b)?))?;
        self.on_tape(&first, |x| Ok(x.try_sub(second)?))
    }

    /// 1/sin θ.
    pub(crate) fn csc<S: Shape>(&mut self, c: &Tensor<S, E, Cpu>) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        let inside = self.nudge(c)?;
        let sine = self.sine(&inside)?;
        self.on_tape(&sine, |s| Ok(s.try_recip()?))
    }

    /// The cosine moved to the nearest one inside ±1.
    fn nudge<S: Shape>(&mut self, c: &Tensor<S, E, Cpu>) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        let resolution = self.batch.resolution;
        let moves = c.as_vec().into_iter().map(|c| c.inside(resolution) - c).collect();
        let by = self.constant(moves, *c.shape())?;
        self.on_tape(c, |c| Ok(c.try_add(by)?))
    }

    /// √((1 − c)(1 + c)) of a cosine inside ±1.
    fn sine<S: Shape>(&mut self, c: &Tensor<S, E, Cpu>) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        let one = <E as Scalar>::from_f64(1.0);
        let above = self.on_tape(c, |c| Ok(c.try_add(one)?))?;
        let below = self.on_tape(c, |c| Ok(c.try_negate()?.try_add(one)?))?;
        self.on_tape(&above, |a| Ok(a.try_mul(below)?.try_sqrt()?))
    }

    /// sin θ: its derivative is taken inside ±1, its value is exact there too.
    fn exact_sine<S: Shape>(&mut self, c: &Tensor<S, E, Cpu>) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        let inside = self.nudge(c)?;
        let sine = self.sine(&inside)?;
        let (values, nudged) = (c.as_vec(), inside.as_vec());
        let moved: Vec<bool> = values.iter().zip(&nudged).map(|(c, inside)| c != inside).collect();
        if !moved.contains(&true) {
            return Ok(sine);
        }
        // Where the cosine was moved: a line through the exact value whose slope is −c over the sine inside.
        let slopes: Vec<E> = values.iter().zip(&nudged).map(|(&c, inside)| -c / inside.sin_acos()).collect();
        let offsets = values.iter().zip(&slopes).map(|(&c, &slope)| c.sin_acos() - slope * c).collect();
        let (slopes, offsets) = (self.constant(slopes, *c.shape())?, self.constant(offsets, *c.shape())?);
        let line = self.on_tape(c, |c| Ok(c.try_mul(slopes)?.try_add(offsets)?))?;
        let moved = self.device.try_tensor_from_vec(moved, *c.shape())?;
        self.on_tape(&line, |line| Ok(moved.try_choose(line, sine)?))
    }

    /// Chebyshev's recurrence: cos(nθ) from 1 and c, sin(nθ)/sin θ from 0 and 1.
    fn recurrence<S: Shape>(
        &mut self,
        n: u32,
        c: &Tensor<S, E, Cpu>,
        cosine: bool,
    ) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        let count = c.shape().num_elements();
        let [zero, one, two] = [0.0, 1.0, 2.0].map(<E as Scalar>::from_f64);
        let mut before = self.constant(vec![if cosine { one } else { zero }; count], *c.shape())?;
        if n == 0 {
            return Ok(before);
        }
        let mut now = match cosine {
            // The same values under an id of their own.
            true => self.on_tape(c, |c| Ok(c.try_add(zero)?))?,
            false => self.constant(vec![one; count], *c.shape())?,
        };
        for _ in 1..n {
            let last = before;
            let next = self.on_tape(&now, |x| Ok(x.try_mul(c.clone())?.try_mul(two)?.try_sub(last)?))?;
            before = std::mem::replace(&mut now, next);
        }
        Ok(now)
    }

    /// Any a, which may vary; dfdx has no acos, so value and derivatives are given.
    fn turned<S: Shape>(
        &mut self,
        op: Op,
        [a, b, c]: [&Tensor<S, E, Cpu>; 3],
    ) -> Result<Tensor<S, E, Cpu>, DfdxError> {
        let resolution = self.batch.resolution;
        let (mut values, mut by_a, mut by_b, mut by_c) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for ((a, b), c) in a.as_vec().into_iter().zip(b.as_vec()).zip(c.as_vec()) {
            let of = |op| apply(op, &[a, b, c], resolution);
            let csc = apply(Op::Csc, &[c], resolution);
            let (cosine, sine, ratio) = (of(Op::CosAngle), of(Op::SinAngle), of(Op::SinRatio));
            let (value, slope_b, slope_c) = match op {
                Op::CosAngle => (cosine, -sine, a * ratio),
                Op::SinAngle => (sine, cosine, -a * cosine * csc),
                _ => (ratio, cosine * csc, (c * ratio - a * cosine) * csc * csc),
            };
            values.push(value);
            by_a.push(Scalar::acos(c) * slope_b);
            by_b.push(slope_b);
            by_c.push(slope_c);
        }
        let partials = [(a, by_a), (b, by_b), (c, by_c)].map(|(by, slopes)| Partial { by, slopes });
        record(&mut self.tape, *c.shape(), values, partials.into())
    }
}
