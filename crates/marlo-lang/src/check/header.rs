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
        if found.is_none() && name.text == Kind::Mask.name() {
            let error = Diagnostic::error("unknown-kind", name.span, "a parameter is a number, not a mask");
            self.report(error.help("declare a number and compare it: `mask(x > 0.5)`"));
        } else if found.is_none() {
            let names: Vec<&str> = Kind::DECLARABLE.iter().map(|kind| kind.name()).collect();
            let error =
                Diagnostic::error("unknown-kind", name.span, format!("there is no kind `{}`", name.text))
                    .help(format!("the kinds are {}", names.join(", ")));
            let number = |text: &str| {
                let text = text.to_lowercase();
                matches!(text.as_str(), "number" | "float" | "double" | "int" | "f32" | "f64")
            };
            let near = suggest::nearest(&name.text, names);
            self.report(match near.or(number(&name.text).then_some(Kind::Real.name())) {
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
        let default = parameter.default.as_ref().map(|value| (value.span, "default"));
        let range = parameter.range.as_ref().map(|range| (range.span(), "range"));
        for (span, what) in default.into_iter().chain(range) {
            let message = format!("the input `{}` has no {what}", parameter.name.text);
            self.report(
                Diagnostic::error("input", span, message)
                    .help(format!("it is data, given with each batch; only a hyperparameter has a {what}")),
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
                    self.report(empty_range(low, high, range.span()));
                    return Value::Poison;
                }
            }
        }
        if let (Some(Some(value)), Some(expr)) = (default, &parameter.default) {
            self.check_range(name, value, low, high, expr.span);
        }
        known.insert(name.clone(), default.flatten());
        let Some(kind) = kind else { return Value::Poison };
        let param = Param { default: default.flatten(), low, high, ..Param::new(name, kind) };
        match self.builder.param(param) {
            Ok(id) => Value::Number(id),
            // The name is taken: that is reported where it is defined.
            Err(_) => Value::Poison,
        }
    }

    /// Reports a value of a parameter that is out of its range.
    pub(super) fn check_range(&mut self, name: &str, value: f64, low: f64, high: f64, span: crate::Span) {
        if value < low || value > high {
            self.report(Diagnostic::error("range", span, out_of_range(name, value)).label(range(low, high)));
        }
    }
}

/// The kind of a function's parameter: a mask may be one, too.
pub(super) fn function_kind(name: &str) -> Option<Kind> {
    Kind::from_name(name).or((name == Kind::Mask.name()).then_some(Kind::Mask))
}

pub(super) fn out_of_range(name: &str, value: f64) -> String {
    format!("{} is out of the range of `{name}`", spell(value))
}

/// A range in words; a bound that is not finite is none.
pub(super) fn range(low: f64, high: f64) -> String {
    match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("the range is {}..{}", spell(low), spell(high)),
        (true, false) => format!("the range is {}..", spell(low)),
        _ => format!("the range is at most {}", spell(high)),
    }
}

pub(super) fn empty_range(low: f64, high: f64, span: crate::Span) -> Diagnostic {
    let message = format!("the range {}..{} is empty", spell(low), spell(high));
    Diagnostic::error("range", span, message).label("the lower bound comes first")
}

/// A number as a user would write it: simple fractions of pi as such.
fn spell(value: f64) -> String {
    use std::f64::consts::PI;
    let plain = format!("{value}");
    let fraction = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0].into_iter().find_map(|below| {
        let above = (value / PI * below).round();
        ((1.0..16.0).contains(&above) && above * PI / below == value).then_some((above, below))
    });
    let huge = plain.len() > 20;
    match fraction {
        Some((above, below)) => {
            let above = if above == 1.0 { String::new() } else { format!("{above}*") };
            let below = if below == 1.0 { String::new() } else { format!("/{below}") };
            format!("{above}pi{below}")
        }
        None if huge => format!("{value:e}"),
        None => plain,
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
