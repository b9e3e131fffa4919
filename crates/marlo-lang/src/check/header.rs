//! The header of a loss: hyperparameters and inputs.

use std::collections::HashMap;

use marlo_ir::graph::{Axis, Param};
use marlo_ir::kind::Kind;

use super::Checker;
use super::scope::{Scope, Sort, Value};
use crate::ast::{Loss, Name, Parameter};
use crate::{Diagnostic, suggest};

impl Checker<'_, '_> {
    /// Declares the parameters of the program's loss.
    pub(super) fn header(&mut self, loss: &Loss, outer: Scope) -> Scope {
        let scope = self.scopes.inside(Some(outer));
        let mut known = HashMap::new();
        for parameter in &loss.parameters {
            let kind = self.kind(&parameter.kind);
            let value = match &parameter.index {
                Some(index) => self.input(parameter, index, kind),
                None => self.hyperparameter(parameter, kind, &mut known),
            };
            self.define(scope, &parameter.name, value, Sort::Parameter);
        }
        scope
    }

    /// The kind of that name.
    pub(super) fn kind(&mut self, name: &Name) -> Option<Kind> {
        let found = Kind::from_name(&name.text);
        if found.is_none() {
            let names: Vec<&str> = Kind::DECLARABLE.iter().map(|kind| kind.name()).collect();
            let error =
                Diagnostic::error("unknown-kind", name.span, format!("there is no kind `{}`", name.text))
                    .help(format!("the kinds are {}", names.join(", ")));
            self.report(match suggest::nearest(&name.text, names) {
                Some(near) => error.label(format!("did you mean `{near}`?")).fix(name.span, near),
                None => error,
            });
        }
        found
    }

    fn input(&mut self, parameter: &Parameter, index: &Name, kind: Option<Kind>) -> Value {
        let (axis, by_class) = match index.text.as_str() {
            "i" => (Axis::Rows, false),
            "k" => (Axis::Classes, true),
            other => {
                return self.poison(
                    Diagnostic::error("index", index.span, format!("an input has no index `{other}`"))
                        .help("`[i]` is one value a sample, `[k]` one value a class"),
                );
            }
        };
        if let Some(value) = parameter.default.as_ref().or(parameter.range.as_ref().map(|range| &range.low)) {
            let name = &parameter.name.text;
            self.report(
                Diagnostic::error(
                    "input",
                    value.span,
                    format!("the input `{name}` has no default and no range"),
                )
                .help("it is data, given with each batch; only a parameter without an index has a default"),
            );
        }
        let Some(kind) = kind else { return Value::Poison };
        match self.builder.input(&parameter.name.text, kind, axis) {
            Ok(index) => Value::Input { index, by_class },
            // The name is taken: that is reported where it is defined.
            Err(_) => Value::Poison,
        }
    }

    fn hyperparameter(
        &mut self,
        parameter: &Parameter,
        kind: Option<Kind>,
        known: &mut HashMap<String, Option<f64>>,
    ) -> Value {
        let name = &parameter.name.text;
        let default = parameter.default.as_ref().map(|value| self.constant(value, known));
        let (mut low, mut high) = natural_range(kind);
        if let Some(range) = &parameter.range {
            low = self.constant(&range.low, known).unwrap_or(low);
            high = f64::INFINITY;
            if let Some(bound) = &range.high {
                high = self.constant(bound, known).unwrap_or(high);
                if low > high {
                    let span = range.low.span.to(bound.span);
                    self.report(
                        Diagnostic::error("range", span, format!("the range {low}..{high} is empty"))
                            .label("the lower bound comes first"),
                    );
                    return Value::Poison;
                }
            }
        }
        if let (Some(Some(value)), Some(expr)) = (default, &parameter.default) {
            self.check_range(name, value, low, high, expr.span);
        }
        known.insert(name.clone(), default.flatten());
        let Some(kind) = kind else { return Value::Poison };
        let param = Param { name: name.clone(), kind, default: default.flatten(), low, high };
        match self.builder.param(param) {
            Ok(id) => Value::Number(id),
            // The name is taken: that is reported where it is defined.
            Err(_) => Value::Poison,
        }
    }

    /// Reports a value of a parameter that is out of its range.
    pub(super) fn check_range(&mut self, name: &str, value: f64, low: f64, high: f64, span: crate::Span) {
        if value < low || value > high {
            let range = match (low.is_finite(), high.is_finite()) {
                (true, true) => format!("{low}..{high}"),
                (true, false) => format!("{low}.."),
                _ => format!("at most {high}"),
            };
            self.report(
                Diagnostic::error("range", span, format!("{value} is out of the range of `{name}`"))
                    .label(format!("the range is {range}")),
            );
        }
    }
}

/// The range of a parameter whose header gives none.
pub(super) fn natural_range(kind: Option<Kind>) -> (f64, f64) {
    match kind {
        Some(Kind::Prob) => (0.0, 1.0),
        Some(Kind::Scale | Kind::Norm) => (0.0, f64::INFINITY),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    }
}
