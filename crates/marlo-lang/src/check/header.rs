//! The header of a loss: hyperparameters and inputs.

use std::collections::HashMap;

use marlo_ir::graph::{Axis, Input, Param};
use marlo_ir::kind::Kind;
use marlo_ir::setting::Draw;

use super::Checker;
use super::scope::{Scope, Sort, Value};
use super::setting::{NO_INPUT, is_constant, of_the_batch, reads_indexed};
use crate::ast::{Expr, ExprKind, Loss, Name, Parameter, Range};
use crate::{Diagnostic, Span, suggest};

/// The hyperparameters that stand before something, with their defaults: none where there is no default, or where the host
/// works it out.
pub(super) type Defaults = HashMap<String, Option<f64>>;

impl Checker<'_, '_> {
    /// Declares the parameters of the program's loss.
    pub(super) fn header(&mut self, loss: &Loss, outer: Scope) -> Scope {
        let scope = self.scopes.inside(Some(outer));
        let mut known = Defaults::new();
        for parameter in &loss.parameters {
            let value = match &parameter.index {
                None if parameter.kind.text == "Count" => self.count(parameter, &known),
                Some(index) => {
                    let kind = self.kind(&parameter.kind);
                    self.input(parameter, index, kind)
                }
                None => {
                    let kind = self.kind(&parameter.kind);
                    self.hyperparameter(parameter, kind, scope, &mut known)
                }
            };
            self.define(scope, &parameter.name, value, Sort::Parameter);
            if parameter.kind.text == "Count" {
                // It is used where the matrix is read at a centre.
                self.scopes.find(scope, &parameter.name.text);
            }
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
        if let Some(default) = &parameter.default {
            let message = format!("the input `{}` has no default", parameter.name.text);
            self.report(
                Diagnostic::error("input", default.span, message)
                    .help("it is data, given with each batch; only a hyperparameter has a default, and noise is drawn: `~ normal(0, 1)`"),
            );
        }
        let known = Defaults::new();
        let range = match &parameter.range {
            Some(range) => self.constant_range(range, &known),
            None => Some(kind.map_or((f64::NEG_INFINITY, f64::INFINITY), Kind::range)),
        };
        let drawn = parameter.drawn.as_ref().map(|drawn| self.drawn(drawn, &known));
        let sum = parameter.sum.as_ref().map(|sum| self.constant(sum, &known));
        let (Some(kind), Some((low, high))) = (kind, range) else { return Value::Poison };
        let (Some(drawn), Some(sum)) = (settled(drawn), settled(sum)) else { return Value::Poison };
        let input = Input { low, high, drawn, sum, ..Input::new(&parameter.name.text, kind, axis) };
        match self.builder.declare(input) {
            Ok(index) => Value::Input { index, by_class },
            // The name is taken: that is reported where it is defined.
            Err(_) => Value::Poison,
        }
    }

    /// `normal(mean, deviation)` or `uniform(low, high)`
    fn drawn(&mut self, drawn: &Expr, known: &Defaults) -> Option<Draw> {
        let error = |span, message: String| {
            Diagnostic::error("distribution", span, message).help(
                "the distributions are `normal(mean, deviation)` and `uniform(low, high)`, of constants",
            )
        };
        let (callee, arguments) = match &drawn.kind {
            ExprKind::Call { callee, index: None, arguments } => (callee, arguments.as_slice()),
            ExprKind::Error => return None,
            _ => {
                self.report(error(drawn.span, "this is no distribution".into()));
                return None;
            }
        };
        let [first, second] = arguments else {
            self.report(error(drawn.span, format!("`{}` takes two numbers", callee.text)));
            return None;
        };
        let (a, b) = (self.constant(&first.value, known)?, self.constant(&second.value, known)?);
        match callee.text.as_str() {
            "normal" if b >= 0.0 => Some(Draw::Normal(a, b)),
            "normal" => {
                self.report(error(second.value.span, "a standard deviation is not negative".into()));
                None
            }
            "uniform" if a <= b => Some(Draw::Uniform(a, b)),
            "uniform" => {
                self.report(empty_range(a, b, first.value.span.to(second.value.span)));
                None
            }
            other => {
                self.report(error(callee.span, format!("there is no distribution `{other}`")));
                None
            }
        }
    }

    /// `centres: Count = 3`: how many centres each class has, a number that is fixed while compiling.
    fn count(&mut self, parameter: &Parameter, known: &Defaults) -> Value {
        let name = &parameter.name;
        if name.text != "centres" {
            let error =
                Diagnostic::error("kind", parameter.kind.span, format!("`{}` is no Count", name.text));
            return self.poison(
                error.help("the only count is that of the centres of a class: `centres: Count = 3`"),
            );
        }
        if let Some(range) = &parameter.range {
            let error = Diagnostic::error("range", range.span(), "the number of centres has no range");
            self.report(error.label("it is fixed when the loss is compiled"));
        }
        let Some(default) = &parameter.default else {
            let error = Diagnostic::error("constant", name.span, "how many centres does a class have?");
            return self.poison(error.fix(Span::point(parameter.kind.span.end), " = 3"));
        };
        match self.constant(default, known) {
            Some(count) => self.set_centres(count, default.span),
            None => Value::Poison,
        }
    }

    /// Each class has that many centres.
    pub(super) fn set_centres(&mut self, count: f64, span: Span) -> Value {
        if count.fract() != 0.0 || !(1.0..=MOST_CENTRES).contains(&count) {
            let message = format!("the number of centres is a whole number from 1 to {MOST_CENTRES}");
            return self.poison(Diagnostic::error("range", span, message));
        }
        let before = self.builder.centres;
        if before > 0 && f64::from(before) != count {
            let message = format!("each class has {before} centres here, and this loss wants {count}");
            return self.poison(Diagnostic::error("centres", span, message));
        }
        if let (0, Some((name, read))) = (before, self.matrix) {
            let message = "a loss over several centres a class, where the matrix was read without";
            let error =
                Diagnostic::error("centres", span, message).also(read, format!("`{name}` is read here"));
            return self
                .poison(error.help(format!("declare `centres: Count = {count}` and read `{name}[.., r]`")));
        }
        self.builder.set_centres(count as u32);
        Value::Number(self.builder.number(count))
    }

    fn hyperparameter(
        &mut self,
        parameter: &Parameter,
        kind: Option<Kind>,
        scope: Scope,
        known: &mut Defaults,
    ) -> Value {
        let name = &parameter.name.text;
        for (what, part) in [("distribution", &parameter.drawn), ("total", &parameter.sum)] {
            if let Some(part) = part {
                let message = format!("the hyperparameter `{name}` has no {what}");
                let error = Diagnostic::error("input", part.span, message);
                self.report(error.help(format!(
                    "only an input has one: `{name}[i]`, one value a sample, or `{name}[k]`, one a class"
                )));
            }
        }
        let (mut default, mut setting) = (None, None);
        match &parameter.default {
            Some(value) if let Some(read) = reads_indexed(value) => {
                self.report(of_the_batch(read.span).help(NO_INPUT));
                default = Some(None);
            }
            Some(value) if is_constant(value, known) => default = Some(self.constant(value, known)),
            Some(value) => setting = self.setting(value, scope),
            None => {}
        }
        let (low, high) = match &parameter.range {
            Some(range) => match self.constant_range(range, known) {
                Some(range) => range,
                None => return Value::Poison,
            },
            None => natural_range(kind),
        };
        if let (Some(Some(value)), Some(expr)) = (default, &parameter.default) {
            self.check_range(name, value, low, high, expr.span);
        }
        known.insert(name.clone(), default.flatten());
        let Some(kind) = kind else { return Value::Poison };
        let param = Param { default: default.flatten(), setting, low, high, ..Param::new(name, kind) };
        match self.builder.param(param) {
            Ok(id) => Value::Number(id),
            // The name is taken: that is reported where it is defined.
            Err(_) => Value::Poison,
        }
    }

    /// `low..high` of constants, checked not to be empty.
    pub(super) fn constant_range(&mut self, range: &Range, known: &Defaults) -> Option<(f64, f64)> {
        let low = self.constant(&range.low, known)?;
        let high = match &range.high {
            Some(high) => self.constant(high, known)?,
            None => f64::INFINITY,
        };
        if low > high {
            self.report(empty_range(low, high, range.span()));
            return None;
        }
        Some((low, high))
    }

    /// Reports a value of a parameter that is out of its range.
    pub(super) fn check_range(&mut self, name: &str, value: f64, low: f64, high: f64, span: crate::Span) {
        if value < low || value > high {
            self.report(Diagnostic::error("range", span, out_of_range(name, value)).label(range(low, high)));
        }
    }
}

/// The most centres a class may have: each is written out in the program.
const MOST_CENTRES: f64 = 32.0;

/// What may be left out, and what went wrong, told apart.
fn settled<T>(found: Option<Option<T>>) -> Option<Option<T>> {
    match found {
        None => Some(None),
        Some(Some(value)) => Some(Some(value)),
        Some(None) => None,
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
    kind.map_or((f64::NEG_INFINITY, f64::INFINITY), Kind::range)
}
