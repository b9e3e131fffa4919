//! What each operation makes of enclosures.

use std::f64::consts::PI;

use marlo_ir::eval::NO_CLASS;
use marlo_ir::op::Op;

use super::CLASSES;
use super::model::Value;
use crate::interval::Interval;

/// An angle's range in half turns; the f64 nearest to a simple multiple of π stands for that multiple.
pub(super) fn turns_of(range: Interval) -> Interval {
    let end = |x: f64| {
        let t = x / PI;
        let simple = (t * 64.0).fract() == 0.0 && PI * t == x;
        if simple { Interval::point(t) } else { Interval::point(x).over(Interval::PI) }
    };
    Interval { lo: end(range.lo).lo, hi: end(range.hi).hi }
}

fn constant(x: f64) -> Value {
    let point = Interval::point(x);
    let turns = turns_of(point);
    if turns.is_point() && x != 0.0 {
        return Value { range: turns * Interval::PI, turns: Some(turns), defined: true };
    }
    Value { range: point, turns: (x == 0.0).then_some(turns), defined: true }
}

/// A value in half turns, also where it is no angle by itself.
fn turns(x: Value) -> Interval {
    x.turns.unwrap_or_else(|| turns_of(x.range))
}

/// The value of an elementwise operation.
pub(super) fn apply(op: Op, args: &[Value]) -> Value {
    let defined = args.iter().all(|a| a.defined);
    let mut value = match args {
        [] => match op {
            Op::Const(n) => constant(n.get()),
            Op::BatchSize => Value::of(Interval::new(1.0, CLASSES)),
            _ => Value::of(Interval::ALL),
        },
        [x] => unary(op, *x),
        [x, y] => binary(op, *x, *y),
        [mask, x, y] if op == Op::Select => select(*mask, *x, *y),
        _ => Value { range: Interval::ALL, turns: None, defined: false },
    };
    if op != Op::Select {
        value.defined &= defined;
    }
    value
}

fn unary(op: Op, x: Value) -> Value {
    let r = x.range;
    let always = Value::of;
    match op {
        Op::Neg => Value { range: -r, turns: x.turns.map(|t| -t), defined: true },
        Op::Detach => x,
        Op::Exp => always(r.exp()),
        Op::Ln => Value { range: r.ln(), turns: None, defined: r.lo >= 0.0 },
        Op::Log1p => Value { range: r.log1p(), turns: None, defined: r.lo >= -1.0 },
        Op::Expm1 => always(r.expm1()),
        Op::Sqrt => Value { range: r.sqrt(), turns: None, defined: r.lo >= 0.0 },
        Op::Sin | Op::Cos => {
            let (by_range, by_turns) = match op {
                Op::Sin => (r.sin(), x.turns.map(Interval::sin_turns)),
                _ => (r.cos(), x.turns.map(Interval::cos_turns)),
            };
            // An infinite angle has no sine.
            let range = by_turns.map_or(by_range, |t| t.within(by_range));
            Value { range, turns: None, defined: r.is_finite() }
        }
        Op::Tanh => always(r.tanh()),
        Op::Sigmoid => always(r.sigmoid()),
        Op::Softplus => always(r.softplus()),
        Op::Relu => always(r.max(Interval::point(0.0))),
        Op::Abs => always(r.abs()),
        Op::Floor => Value { range: r.floor(), turns: None, defined: r.is_finite() },
        Op::Parity => {
            let even = |k: f64| if k.rem_euclid(2.0) == 0.0 { 1.0 } else { -1.0 };
            let range = if r.is_point() { Interval::point(even(r.lo)) } else { Interval::new(-1.0, 1.0) };
            Value { range, turns: None, defined: r.is_finite() }
        }
        Op::Acos => Value { range: r.acos(), turns: Some(r.acos_turns()), defined: true },
        Op::Csc => always(csc(r)),
        Op::Not => always(Interval::point(1.0) - r),
        _ => Value { range: Interval::ALL, turns: None, defined: false },
    }
}

/// 1/sin θ of a cosine, which at ±1 is taken at the nearest f64 inside.
fn csc(c: Interval) -> Interval {
    let edge = 1.0 - f64::EPSILON / 2.0;
    let size = c.abs();
    let at = |c: f64| {
        let c = Interval::point(c.min(edge));
        let one = Interval::point(1.0);
        one.over(((one - c) * (one + c)).sqrt())
    };
    Interval { lo: at(size.lo).lo.max(1.0), hi: at(size.hi).hi }
}

/// May both be infinite of signs that cancel?
fn cancels(x: Interval, y: Interval) -> bool {
    (x.hi == f64::INFINITY && y.lo == f64::NEG_INFINITY)
        || (x.lo == f64::NEG_INFINITY && y.hi == f64::INFINITY)
}

fn angle(op: Op, x: Value, y: Value) -> Option<Interval> {
    if x.turns.is_none() && y.turns.is_none() {
        return None;
    }
    Some(match op {
        Op::Add => turns(x) + turns(y),
        Op::Sub => turns(x) - turns(y),
        Op::Mul => match (x.turns, y.turns) {
            (Some(t), None) => t * y.range,
            (None, Some(t)) => x.range * t,
            _ => turns(x) * y.range,
        },
        Op::Div => turns(x).over(y.range),
        Op::Min => turns(x).min(turns(y)),
        Op::Max => turns(x).max(turns(y)),
        _ => return None,
    })
}

fn binary(op: Op, x: Value, y: Value) -> Value {
    let (a, b) = (x.range, y.range);
    let zero = |i: Interval| i.contains(0.0);
    let mask = |yes: bool, no: bool| {
        Value::of(if yes {
            Interval::point(1.0)
        } else if no {
            Interval::point(0.0)
        } else {
            Interval::UNIT
        })
    };
    let (range, defined) = match op {
        Op::Add => (a + b, !cancels(a, b)),
        Op::Sub => (a - b, !cancels(a, -b)),
        Op::Mul => (a * b, (b.is_finite() || !zero(a)) && (a.is_finite() || !zero(b))),
        Op::Div => (a.over(b), !(zero(b) || !b.is_finite() && !a.is_finite())),
        Op::Pow => {
            // Greater powers are taken of what is not negative alone.
            let whole = b.is_point() && b.lo.fract() == 0.0 && b.lo.abs() <= 64.0;
            (a.pow(b), (whole && (b.lo >= 0.0 || !zero(a))) || a.lo > 0.0 || (a.lo >= 0.0 && b.lo >= 0.0))
        }
        Op::Min => (a.min(b), true),
        Op::Max => (a.max(b), true),
        Op::Lt => return mask(a.hi < b.lo, a.lo >= b.hi),
        Op::Le => return mask(a.hi <= b.lo, a.lo > b.hi),
        Op::Eq => return mask(a.is_point() && a == b, a.meet(b).is_none()),
        Op::And => (a.min(b), true),
        Op::Or => (a.max(b), true),
        _ => (Interval::ALL, false),
    };
    let turns = angle(op, x, y);
    let range = turns.map_or(range, |t| range.within(t * Interval::PI));
    Value { range, turns, defined }
}

fn select(mask: Value, x: Value, y: Value) -> Value {
    let chosen = if mask.range == Interval::point(1.0) {
        x
    } else if mask.range == Interval::point(0.0) {
        y
    } else {
        Value {
            range: x.range.hull(y.range),
            turns: x.turns.zip(y.turns).map(|(s, t)| s.hull(t)),
            defined: x.defined && y.defined,
        }
    };
    Value { defined: chosen.defined && mask.defined, ..chosen }
}

/// sin(aθ + b)/sin θ for the cosine c, with what is known of the angle aθ + b.
///
/// At c = ±1 it is taken at the nearest f64 inside, or is its limit there: both lie in the closed enclosure.
pub(super) fn sin_ratio(args: &[Value; 3], angle: Option<Value>) -> Value {
    let [a, b, c] = args;
    let defined = args.iter().all(|x| x.defined) && a.range.is_finite() && b.range.is_finite();
    let csc = csc(c.range);
    let sine = angle.map_or(Interval::new(-1.0, 1.0), |x| unary(Op::Sin, x).range);
    let mut range = sine * csc;
    if a.range == Interval::point(1.0) {
        // cos b + sin b · cot θ
        let parts = b.range.cos() + b.range.sin() * c.range * csc;
        range = range.within(parts);
    }
    Value { range, turns: None, defined }
}

/// A reduction over n terms that lie in a range, for every whole n in `count`.
pub(super) fn over_classes(op: Op, term: Value, count: Interval) -> Value {
    let Interval { lo, hi } = term.range;
    let range = match op {
        // Terms that are all −∞ (weights of 0) count as no class.
        Op::LseK => {
            let most = Interval::point(count.hi).ln().hi;
            let low = if lo == f64::NEG_INFINITY { NO_CLASS } else { lo };
            Interval { lo: low, hi: (Interval::point(hi.max(low)) + Interval::point(most)).hi }
        }
        Op::SumK => term.range * count,
        _ => term.range,
    };
    let infinite = op == Op::SumK && cancels(term.range, term.range) || hi == f64::INFINITY && op == Op::LseK;
    Value { range, turns: None, defined: term.defined && !infinite }
}

/// An operation over the batch, for every number of samples from 1 to [`CLASSES`].
pub(super) fn over_batch(op: Op, term: impl Fn() -> Value) -> Value {
    match op {
        Op::KeptI => Value::of(Interval::new(1.0, CLASSES)),
        Op::InTopI => Value { range: Interval::UNIT, ..term() },
        Op::RankI => Value { range: Interval::new(0.0, CLASSES), turns: None, ..term() },
        Op::SumI => Value { turns: None, ..over_classes(Op::SumK, term(), Interval::new(1.0, CLASSES)) },
        // A mean, and the value of one of the samples, lie where all lie.
        _ => Value { turns: None, ..term() },
    }
}
