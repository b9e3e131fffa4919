//! States: values that are carried from step to step.

use marlo_ir::graph::{Id, Param};
use marlo_ir::kind::Kind;
use marlo_ir::op::Op;

use super::Checker;
use super::header::Defaults;
use super::scope::{Scope, Sort, Value};
use super::setting::is_constant;
use crate::ast::{State, Statement};
use crate::{Diagnostic, Span};

impl Checker<'_, '_> {
    /// `state t: Real = 0 then next`: declares the state, and how it goes on.
    pub(super) fn state(&mut self, state: &State, scope: Scope, named: bool) -> Value {
        let outside = matches!(self.calls.last(), Some(super::Call::Function(..)));
        if outside {
            let error = Diagnostic::error("state", state.name.span, "a function has no state");
            return self.poison(error.help("declare it in the loss, and pass its value to the function"));
        }
        let Some(before) = self.declare_state(state, scope) else {
            let inner = self.scopes.inside(Some(scope));
            let _ = self.scopes.define(inner, &state.name, Value::Poison, Sort::Argument, false);
            self.eval(&state.next, inner);
            return Value::Poison;
        };
        let inner = self.scopes.inside(Some(scope));
        // Within its own next value the name is the value before.
        let own = Value::State { before, after: before };
        let _ = self.scopes.define(inner, &state.name, own, Sort::Argument, false);
        let next = self.eval(&state.next, inner);
        let Some(next) = self.expect_number(&next, state.next.span) else { return Value::Poison };
        let kind = self.builder.graph.node(before).kind;
        if !self.fits(next, kind, "state", &state.name, state.next.span) {
            return Value::Poison;
        }
        match self.builder.update(before, next) {
            Ok(after) => {
                let name = format!("{}_next", state.name.text);
                if named && !self.gives_name(&name) {
                    self.builder.name(&name, after);
                }
                Value::State { before, after }
            }
            Err(error) => {
                self.type_error(error, state.next.span, &[state.next.span, state.next.span]);
                Value::Poison
            }
        }
    }

    /// Does the program's loss give that name to a value of its own?
    fn gives_name(&self, name: &str) -> bool {
        let loss = self.units.first().and_then(|unit| unit.file.loss.as_ref());
        loss.is_some_and(|loss| {
            loss.body.statements.iter().any(|one| matches!(one, Statement::Let(own) if own.name.text == name))
        })
    }

    fn declare_state(&mut self, state: &State, scope: Scope) -> Option<Id> {
        let name = &state.name.text;
        let kind = match &state.kind {
            Some(kind) => self.kind(kind)?,
            None => Kind::Real,
        };
        let none = Defaults::new();
        let (low, high) = match &state.range {
            Some(range) => self.constant_range(range, &none)?,
            None => kind.range(),
        };
        let mut param = Param { low, high, state: true, ..Param::new(name, kind) };
        // A start may read hyperparameters; then the host works it out.
        let params = self.builder.graph.params.iter().map(|param| (param.name.clone(), None));
        if is_constant(&state.start, &params.collect()) {
            let start = self.constant(&state.start, &none)?;
            self.check_range(name, start, low, high, state.start.span);
            param.default = Some(start);
        } else {
            param.setting = Some(self.setting(&state.start, scope)?);
            if param.setting.as_ref().is_some_and(marlo_ir::setting::Setting::is_schedule) {
                let error = Diagnostic::error("state", state.start.span, "a state starts once");
                self.report(error.help("only the default of a hyperparameter reads `step`"));
                return None;
            }
        }
        // A loss that is called twice, or on both sides of a law, has its state once.
        if let Some(index) = self.builder.graph.params.iter().position(|known| *known == param) {
            return Some(self.builder.graph.add(Op::Param(index as u32), &[]));
        }
        if self.is_foreign() && self.builder.graph.params.iter().any(|known| known.name == *name) {
            // A state of another loss makes way for a name of this program.
            param.name = format!("{}_{name}", self.foreign().map_or("", |loss| loss.0));
            if let Some(index) = self.builder.graph.params.iter().position(|known| *known == param) {
                return Some(self.builder.graph.add(Op::Param(index as u32), &[]));
            }
        }
        match self.builder.param(param) {
            Ok(id) => Some(id),
            Err(_) => {
                let message = format!("a hyperparameter or state `{name}` is there already");
                self.report(Diagnostic::error("duplicate", state.name.span, message));
                None
            }
        }
    }

    /// `previous(t)`: a state before this step.
    pub(super) fn previous(&mut self, values: &[(Value, Span)]) -> Value {
        match values {
            [(Value::State { before, .. }, _)] => Value::Number(*before),
            [(Value::Poison, _)] => Value::Poison,
            [(other, span)] => {
                let message = format!("`previous` takes a state, and this is {}", other.describe());
                self.poison(
                    Diagnostic::error("kind", *span, message).help("declare it: `state t = 0 then ..`"),
                )
            }
            _ => Value::Poison,
        }
    }
}
