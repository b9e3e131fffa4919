//! Defaults that are no constants: schedules in `step`, starts in `classes`.

use std::sync::Arc;

use marlo_ir::build::Builder;
use marlo_ir::graph::{Id, Param};
use marlo_ir::kind::Kind;
use marlo_ir::op::Op;
use marlo_ir::setting::Setting;
use marlo_ir::shape::Shape;

use super::Checker;
use super::builtin;
use super::header::Defaults;
use super::scope::{Scope, Sort, Value};
use crate::ast::{BinaryOperator, Expr, ExprKind, Name, UnaryOperator};
use crate::format::print_expression;
use crate::{Diagnostic, Span};

/// A default while it is worked out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// The step, as a value of the graph on the side.
    step: Id,
    /// The steps for which it is defined so far.
    steps: (u64, u64),
}

impl Checker<'_, '_> {
    /// An expression that the host works out: the default of a hyperparameter, or the start of a state. It reads what
    /// `scope` knows, `classes`, and `step`.
    pub(super) fn setting(&mut self, value: &Expr, scope: Scope) -> Option<Setting> {
        // On the side: the program itself has no step.
        let aside = self.builder.clone();
        let program = std::mem::replace(&mut self.builder, aside);
        let inner = self.scopes.inside(Some(scope));
        // No program can give a hyperparameter that name.
        let Ok(step) = self.builder.param(Param::new(Setting::STEP, Kind::Real)) else {
            self.builder = program;
            return None;
        };
        let outer = self.schedule.replace(Schedule { step, steps: (0, u64::MAX) });
        let name = Name { text: Setting::STEP.to_owned(), span: Span::default() };
        // It is one of the language's, which may be hidden here.
        let _ = self.scopes.define(inner, &name, Value::Number(step), Sort::Argument, false);
        let found = self.eval(value, inner);
        let id = self.expect_number(&found, value.span).and_then(|id| self.host_value(id, value.span));
        let aside = std::mem::replace(&mut self.builder, program);
        let steps = std::mem::replace(&mut self.schedule, outer)?.steps;
        let (graph, value_id) = aside.graph.alone(id?);
        let setting =
            Setting { text: print_expression(value), graph: Arc::new(graph), value: value_id, steps };
        if steps.0 > steps.1 {
            let message = "these schedules have no step in common";
            self.report(Diagnostic::error("schedule", value.span, message));
            return None;
        }
        Some(setting)
    }

    /// Is it one number that no batch is needed for?
    fn host_value(&mut self, id: Id, span: Span) -> Option<Id> {
        let graph = &self.builder.graph;
        let batch = graph.depends(id, |op| op.is_batch() || matches!(op, Op::Input(..) | Op::BatchSize));
        let input = graph.depends(id, |op| matches!(op, Op::Input(..)));
        if batch || graph.shape(id) != Shape::Scalar {
            self.report(of_the_batch(span).help(if input { NO_INPUT } else { MADE_OF }));
            return None;
        }
        if graph.node(id).kind == Kind::Mask {
            let message = "a default is a number, and this is a mask";
            self.report(Diagnostic::error("constant", span, message).help(MADE_OF));
            return None;
        }
        Some(id)
    }

    /// `step`, outside of a default.
    pub(super) fn step(&mut self, name: &Name) -> Value {
        let error = Diagnostic::error("unknown-name", name.span, "`step` is known in defaults only");
        self.poison(
            error.help("give the schedule to a hyperparameter: `lambda: Real = max(5, 1500 / (1 + 0.1 * step)) in 5..1500`"),
        )
    }

    /// `anneal(from, to, steps, start)` and `ramp(..)`: a line over the steps.
    pub(super) fn anneal(&mut self, hold: bool, numbers: &[Id], span: Span, spans: &[Span]) -> Value {
        let name = if hold { "ramp" } else { "anneal" };
        let Some(Schedule { step, steps: known }) = self.schedule else {
            let error = Diagnostic::error("kind", span, format!("`{name}` is a schedule"));
            return self.poison(error.help(format!(
                "it stands as the default of a hyperparameter: `s: Scale = {name}(16, 64, 10000)`"
            )));
        };
        let mut whole = Vec::new();
        for (place, &id) in numbers.iter().enumerate().skip(2) {
            let number = self.builder.graph.constant(id);
            match number.filter(|n| n.fract() == 0.0 && (0.0..=9e15).contains(n) && (place == 3 || *n >= 1.0))
            {
                Some(number) => whole.push(number),
                None => {
                    let what = if place == 2 { "the number of steps, at least 1" } else { "a step" };
                    let message = format!("`{name}` takes a whole number here: {what}");
                    return self.poison(Diagnostic::error("schedule", spans[place], message));
                }
            }
        }
        let (steps, start) = (whole[0], whole.get(1).copied().unwrap_or(0.0));
        if !hold {
            let (first, last) = (start as u64, (start + steps) as u64);
            self.schedule = Some(Schedule { step, steps: (known.0.max(first), known.1.min(last)) });
        }
        let result = line(&mut self.builder, (numbers[0], numbers[1]), step, (start, steps), hold);
        self.checked(result, span, spans)
    }
}

/// from + (to − from)·(step − start)/steps, held at both ends where wanted.
fn line(
    builder: &mut Builder,
    (from, to): (Id, Id),
    step: Id,
    (start, steps): (f64, f64),
    hold: bool,
) -> Result<Id, marlo_ir::build::TypeError> {
    let [start, steps, zero, one] = [start, steps, 0.0, 1.0].map(|n| builder.number(n));
    let made = builder.apply(Op::Sub, &[step, start])?;
    let mut share = builder.apply(Op::Div, &[made, steps])?;
    if hold {
        share = builder.clamp(share, zero, one)?;
    }
    let rise = builder.apply(Op::Sub, &[to, from])?;
    let part = builder.apply(Op::Mul, &[rise, share])?;
    builder.apply(Op::Add, &[from, part])
}

const MADE_OF: &str =
    "a default is made of numbers, earlier hyperparameters, `classes`, `step` and functions of them";
pub(super) const NO_INPUT: &str = "a default reads no input; compute with it in the body";

/// A default that is no number of its own.
pub(super) fn of_the_batch(span: Span) -> Diagnostic {
    Diagnostic::error("constant", span, "a default does not depend on the batch")
}

/// The first value in a formula that is read at an index: `norm[i]`, `cos[y]`.
pub(super) fn reads_indexed(value: &Expr) -> Option<&Expr> {
    match &value.kind {
        ExprKind::Name { index: Some(_), .. } => Some(value),
        ExprKind::Unary { operand, .. } => reads_indexed(operand),
        ExprKind::Binary { left, right, .. } => reads_indexed(left).or_else(|| reads_indexed(right)),
        _ => None,
    }
}

/// Is it made of numbers, `pi`, names of parameters and `+ - * / ^` alone? Then it is worked out while compiling. `known` are
/// the defaults of parameters, nothing where there is no constant one.
pub(super) fn is_constant(value: &Expr, known: &Defaults) -> bool {
    match &value.kind {
        ExprKind::Number { .. } | ExprKind::Error => true,
        ExprKind::Name { name, index } => {
            let language = builtin::is_builtin(&name.text) && !matches!(name.text.as_str(), "pi" | "π");
            let worked_out = known.get(&name.text).is_some_and(Option::is_none);
            index.is_some() || !(language || worked_out)
        }
        ExprKind::Unary { operator: UnaryOperator::Negate, operand } => is_constant(operand, known),
        ExprKind::Binary { operator, left, right, .. } => {
            use BinaryOperator::{Add, Divide, Multiply, Power, Subtract};
            matches!(operator, Add | Subtract | Multiply | Divide | Power)
                && is_constant(left, known)
                && is_constant(right, known)
        }
        _ => false,
    }
}
