//! Values as expressions.

use marlo_ir::graph::{Graph, Id};
use marlo_ir::kind::Kind;
use marlo_ir::op::Op;

use super::Emitter;

/// The most operations of one expression inside each other: shader compilers bound the depth of a line.
const MOST_NESTED: usize = 32;

/// How tightly an expression holds together.
#[derive(Copy, Clone, PartialEq, PartialOrd)]
enum Bind {
    Logic,
    Compare,
    Sum,
    Product,
    Unary,
    Atom,
}

impl Emitter<'_> {
    pub(crate) fn is_mask(&self, id: Id) -> bool {
        self.graph.node(id).kind == Kind::Mask
    }

    /// Is a value an expression too deep for one line? Asked of each value of a step, arguments first.
    pub(crate) fn is_deep(&mut self, id: Id) -> bool {
        let written = self.graph.args(id).iter().filter(|a| !self.bound.contains_key(a));
        let nesting = 1 + written.filter_map(|a| self.nesting.get(a)).max().copied().unwrap_or(0);
        self.nesting.insert(id, nesting);
        nesting > MOST_NESTED
    }
    /// A value as an expression.
    pub(crate) fn expr(&self, id: Id) -> String {
        self.bind(id).0
    }

    fn bind(&self, id: Id) -> (String, Bind) {
        if let Some(name) = self.bound.get(&id) {
            return match self.pairs.contains(&id) {
                true => (format!("({name}.x + {name}.y)"), Bind::Atom),
                false => (name.clone(), Bind::Atom),
            };
        }
        if let Some((_, name)) = self.uniforms.iter().find(|u| u.0 == id) {
            return match self.is_mask(id) {
                true => (format!("params.{name} != 0.0"), Bind::Compare),
                false => (format!("params.{name}"), Bind::Atom),
            };
        }
        let args = self.graph.args(id);
        let op = self.graph.op(id);
        match op {
            Op::Const(n) => {
                let text = literal(n.get());
                let bind = if text.starts_with('-') { Bind::Unary } else { Bind::Atom };
                return (text, bind);
            }
            Op::SinAngle if self.graph.constant(args[0]) == Some(1.0) => {
                return (format!("sine_({})", self.expr(args[2])), Bind::Atom);
            }
            Op::Sub => {
                if let Some(difference) = self.difference(args[0], args[1]) {
                    return (difference, Bind::Sum);
                }
            }
            Op::Pow => {
                if let Some(n) = whole_exponent(self.graph, id) {
                    return (format!("whole_pow_({}, {n}u)", self.expr(args[0])), Bind::Atom);
                }
            }
            _ => {}
        }
        let (bind, left, right) = match op {
            Op::Add => (Bind::Sum, Bind::Sum, Bind::Sum),
            Op::Sub => (Bind::Sum, Bind::Sum, Bind::Product),
            Op::Mul => (Bind::Product, Bind::Product, Bind::Unary),
            Op::Div => (Bind::Product, Bind::Product, Bind::Unary),
            Op::Lt | Op::Le | Op::Eq => (Bind::Compare, Bind::Sum, Bind::Sum),
            Op::And | Op::Or => (Bind::Logic, Bind::Unary, Bind::Unary),
            Op::Neg | Op::Not => (Bind::Unary, Bind::Atom, Bind::Atom),
            // Inside the brackets of a call.
            _ => (Bind::Atom, Bind::Logic, Bind::Logic),
        };
        if op == Op::Detach {
            return self.bind(args[0]);
        }
        debug_assert!(!op.entry().wgsl.is_empty(), "{op:?} is no expression");
        let mut text = op.entry().wgsl.to_owned();
        for (place, &arg) in args.iter().enumerate() {
            let (inner, tight) = self.bind(arg);
            let least = if place == 0 { left } else { right };
            let inner = if tight < least { format!("({inner})") } else { inner };
            text = text.replace(&format!("${place}"), &inner);
        }
        (text, bind)
    }

    /// x − y where one of them is an LSE of two numbers.
    fn difference(&self, x: Id, y: Id) -> Option<String> {
        let pair = |id: Id| self.bound.get(&id).filter(|_| self.pairs.contains(&id));
        let operand = |id: Id, least: Bind| {
            let (text, tight) = self.bind(id);
            if tight < least { format!("({text})") } else { text }
        };
        match (pair(x), pair(y)) {
            (None, None) => None,
            (Some(x), None) => Some(format!("{x}.x - {} + {x}.y", operand(y, Bind::Product))),
            (None, Some(y)) => Some(format!("{} - {y}.x - {y}.y", operand(x, Bind::Sum))),
            (Some(x), Some(y)) => Some(format!("({x}.x - {y}.x) + ({x}.y - {y}.y)")),
        }
    }
}

/// The exponent of a power that is a loop over its factors.
pub(super) fn whole_exponent(graph: &Graph, power: Id) -> Option<u32> {
    let exponent = graph.constant(graph.args(power)[1])?;
    (exponent.fract() == 0.0 && (1.0..=64.0).contains(&exponent)).then_some(exponent as u32)
}

/// A literal; what f32 can't hold becomes its greatest finite number.
pub(crate) fn literal(value: f64) -> String {
    // A literal that is no number belongs to a program that is out of its domain everywhere.
    let narrow = if value.is_nan() { 0.0 } else { (value as f32).clamp(f32::MIN, f32::MAX) };
    format!("{narrow:?}")
}
