//! Expressions, run on symbols.

use marlo_ir::graph::Id;
use marlo_ir::op::{At, Op};
use marlo_ir::shape::Shape;

use super::builtin::{Alias, Centres};
use super::places::{Place, places};
use super::scope::{Scope, Value};
use super::{Call, Checker, MAX_DEPTH, MAX_STEPS, builtin};
use crate::ast::{BinaryOperator, Expr, ExprKind, Name, UnaryOperator};
use crate::{Diagnostic, Span, suggest};

impl Checker<'_, '_> {
    /// The value of an expression.
    pub(super) fn eval(&mut self, expr: &Expr, scope: Scope) -> Value {
        self.steps += 1;
        if self.depth >= MAX_DEPTH || self.steps > MAX_STEPS {
            return self.too_large(expr.span);
        }
        self.depth += 1;
        let value = self.eval_kind(expr, scope);
        self.depth -= 1;
        value
    }

    /// Is there room for one more call? Otherwise that is reported.
    pub(super) fn deep_enough(&mut self, span: Span) -> bool {
        let enough = self.depth < MAX_DEPTH && self.steps <= MAX_STEPS;
        if !enough {
            self.too_large(span);
        }
        enough
    }

    fn too_large(&mut self, span: Span) -> Value {
        if !std::mem::replace(&mut self.exhausted, true) {
            let message = match self.depth >= MAX_DEPTH {
                true => "the calls here are nested too deeply",
                false => "the program is too large once its functions are written out",
            };
            self.report(Diagnostic::error("too-deep", span, message));
        }
        Value::Poison
    }

    fn eval_kind(&mut self, expr: &Expr, scope: Scope) -> Value {
        match &expr.kind {
            ExprKind::Number { value, .. } => Value::Number(self.builder.number(*value)),
            ExprKind::Name { name, index } => self.name(name, index.as_ref(), scope),
            ExprKind::Call { callee, index, arguments } => {
                self.call(callee, index.as_ref(), arguments, expr.span, scope)
            }
            ExprKind::Field { base, field, index, arguments } => {
                let value = self.eval(base, scope);
                if let Some(arguments) = arguments {
                    return self.call_member(value, field, index.as_ref(), arguments, expr.span, scope);
                }
                let value = self.field(value, field, base.span);
                self.indexed(field, index.as_ref(), value)
            }
            ExprKind::Unary { operator, operand } => self.unary(*operator, operand, expr.span, scope),
            ExprKind::Binary { operator, left, right, .. } => {
                self.binary(*operator, [left, right], expr.span, scope)
            }
            ExprKind::If { condition, then, otherwise, .. } => {
                let parts = [condition, then, otherwise];
                match self.numbers(parts.map(|part| &**part), scope) {
                    Some(ids) => self.apply(Op::Select, &ids, expr.span, &parts.map(|part| part.span)),
                    None => Value::Poison,
                }
            }
            ExprKind::Error => Value::Poison,
        }
    }

    fn unary(&mut self, operator: UnaryOperator, operand: &Expr, span: Span, scope: Scope) -> Value {
        if let (UnaryOperator::Negate, ExprKind::Number { value, .. }) = (operator, &operand.kind) {
            return Value::Number(self.builder.number(-value));
        }
        let op = match operator {
            UnaryOperator::Negate => Op::Neg,
            UnaryOperator::Not => Op::Not,
        };
        match self.numbers([operand], scope) {
            Some(ids) => self.apply(op, &ids, span, &[operand.span]),
            None => Value::Poison,
        }
    }

    fn binary(&mut self, operator: BinaryOperator, operands: [&Expr; 2], span: Span, scope: Scope) -> Value {
        let Some([left, right]) = self.numbers(operands, scope) else { return Value::Poison };
        let [first, second] = operands.map(|operand| operand.span);
        let (op, swapped) = match operator {
            BinaryOperator::Or => (Op::Or, false),
            BinaryOperator::And => (Op::And, false),
            BinaryOperator::Equal | BinaryOperator::NotEqual => (Op::Eq, false),
            BinaryOperator::Less => (Op::Lt, false),
            BinaryOperator::LessEqual => (Op::Le, false),
            BinaryOperator::Greater => (Op::Lt, true),
            BinaryOperator::GreaterEqual => (Op::Le, true),
            BinaryOperator::Add => (Op::Add, false),
            BinaryOperator::Subtract => (Op::Sub, false),
            BinaryOperator::Multiply => (Op::Mul, false),
            BinaryOperator::Divide => (Op::Div, false),
            BinaryOperator::Power => (Op::Pow, false),
        };
        let (ids, spans) = match swapped {
            true => ([right, left], [second, first]),
            false => ([left, right], [first, second]),
        };
        match self.apply(op, &ids, span, &spans) {
            Value::Number(id) if operator == BinaryOperator::NotEqual => {
                self.apply(Op::Not, &[id], span, &[span])
            }
            value => value,
        }
    }

    /// An operation of the graph, with its errors reported.
    pub(super) fn apply(&mut self, op: Op, arguments: &[Id], span: Span, spans: &[Span]) -> Value {
        let result = self.builder.apply(op, arguments);
        self.checked(result, span, spans)
    }

    pub(super) fn checked(
        &mut self,
        result: Result<Id, marlo_ir::build::TypeError>,
        span: Span,
        spans: &[Span],
    ) -> Value {
        match result {
            Ok(id) => Value::Number(id),
            Err(error) => {
                self.type_error(error, span, spans);
                Value::Poison
            }
        }
    }

    /// The values of several expressions, if all of them are numbers or masks.
    /// Each is looked at, so that each is reported.
    pub(super) fn numbers<const N: usize>(&mut self, exprs: [&Expr; N], scope: Scope) -> Option<[Id; N]> {
        let found = exprs.map(|expr| {
            let value = self.eval(expr, scope);
            self.expect_number(&value, expr.span)
        });
        match found.iter().all(Option::is_some) {
            true => Some(found.map(|id| id.unwrap_or_else(|| self.builder.number(0.0)))),
            false => None,
        }
    }

    /// The node of a value; what is no number or mask is reported.
    pub(super) fn expect_number(&mut self, value: &Value, span: Span) -> Option<Id> {
        let help = match value {
            Value::Number(id) | Value::State { after: id, .. } => return Some(*id),
            Value::Poison => return None,
            Value::Record(record) => return self.record_value(*record),
            Value::Distribution(_) => "take its cross entropy with `ce(…)`, or read it: `p[y]`, `p[k]`",
            Value::Function(_) => "call it: a function stands with its arguments",
            Value::Loss(_) => "call it with its parameters, as in `arcface(s, m)`",
            Value::Input { by_class: true, .. } => "read it at a class: `[y]` or `[k]`",
            Value::Input { .. } => "read it at the sample: `[i]`",
        };
        let message = format!("a number is wanted here, and this is {}", value.describe());
        self.report(Diagnostic::error("kind", span, message).help(help));
        None
    }

    // ----- names -----

    fn name(&mut self, name: &Name, index: Option<&Name>, scope: Scope) -> Value {
        if let Some(value) = self.scopes.find(scope, &name.text) {
            return self.indexed(name, index, value);
        }
        match name.text.as_str() {
            "pi" | "π" => {
                let pi = Value::Number(self.builder.number(std::f64::consts::PI));
                self.indexed(name, index, pi)
            }
            "cos" | "theta" | "θ" | "logit" => self.matrix(name, index),
            "classes" | "batch" => {
                let op = if name.text == "classes" { Op::Classes } else { Op::BatchSize };
                let size = Value::Number(self.builder.graph.add(op, &[]));
                self.indexed(name, index, size)
            }
            "step" => self.step(name),
            _ => self.unknown_name(name, scope),
        }
    }

    /// `cos[y]`, `theta[k]` and the like.
    fn matrix(&mut self, name: &Name, index: Option<&Name>) -> Value {
        let text = name.text.as_str();
        let centre = index.is_some_and(|index| index.text.ends_with(", r"));
        let at = match index.map(|index| index.text.trim_end_matches(", r")) {
            Some("y") => At::Target,
            Some("k") => At::Other,
            Some(other) => {
                let span = index.map_or(name.span, |index| index.span);
                let error = Diagnostic::error("index", span, format!("`{text}` has no index `{other}`"))
                    .label("`y` is the label, `k` the other classes");
                return self.poison(match other {
                    "i" => {
                        error.help("the sample is understood: write `[y]` for its own class").fix(span, "y")
                    }
                    _ => error,
                });
            }
            None => {
                let error = Diagnostic::error("index", name.span, format!("`{text}` of which class?"))
                    .label("an index is missing")
                    .help(format!("`{text}[y]` is at the label, `{text}[k]` at the other classes"));
                return self.poison(error);
            }
        };
        if let (Some(index), true) = (index, centre != (self.builder.centres > 0)) {
            return self.wrong_centre(name, index, centre);
        }
        let result = match text {
            "cos" if centre => self.builder.cos_of_centres(at),
            "logit" if centre => self.builder.logit_of_centres(at),
            "cos" => self.builder.cos(at),
            "logit" => self.builder.logit(at),
            _ if centre => {
                let cos = self.builder.cos_of_centres(at);
                cos.map(|cos| self.builder.graph.add(Op::Acos, &[cos]))
            }
            _ => self.builder.theta(at),
        };
        let span = index.map_or(name.span, |index| Span::new(name.span.start, index.span.end + 1));
        if result.is_ok() && self.matrix.is_none() {
            let place = self.foreign().map_or(span, |(_, call)| call);
            self.matrix = Some((if text == "logit" { "logit" } else { "cos" }, place));
        }
        if result.is_err() && std::mem::replace(&mut self.mixed, true) {
            return Value::Poison;
        }
        self.checked(result, span, &[])
    }

    /// `cos[k, r]` where no centres are declared, or `cos[k]` where they are.
    fn wrong_centre(&mut self, name: &Name, index: &Name, centre: bool) -> Value {
        let text = name.text.as_str();
        self.poison(match centre {
            true => Diagnostic::error("index", index.span, "each class has one centre")
                .label("`r` runs over the centres of a class")
                .help("declare them in the header, as in `centres: Count = 3`"),
            false => {
                let at = &index.text;
                Diagnostic::error(
                    "index",
                    index.span,
                    format!("`{text}[{at}]` to which centre of the class?"),
                )
                .help(format!("reduce over them, as in `max[r]({text}[{at}, r])`"))
                .fix(index.span, format!("{at}, r"))
            }
        })
    }

    /// `max[r](x)` and its like, one centre after the other.
    pub(super) fn over_centres(&mut self, over: Centres, x: Id, span: Span, spans: &[Span]) -> Value {
        let function = match over {
            Centres::Max => "max[r]",
            Centres::Min => "min[r]",
            Centres::Sum => "sum[r]",
            Centres::Mean => "mean[r]",
            Centres::Lse => "lse[r]",
        };
        let builder = &mut self.builder;
        let count = builder.number(f64::from(builder.centres.max(1)));
        let result = match over {
            Centres::Max => builder.over_centres(function, x, &|b, x, y| b.apply(Op::Max, &[x, y])),
            Centres::Min => builder.over_centres(function, x, &|b, x, y| b.apply(Op::Min, &[x, y])),
            Centres::Sum => builder.over_centres(function, x, &|b, x, y| b.apply(Op::Add, &[x, y])),
            Centres::Mean => builder
                .over_centres(function, x, &|b, x, y| b.apply(Op::Add, &[x, y]))
                .and_then(|sum| builder.apply(Op::Div, &[sum, count])),
            // ln(eˣ + eʸ) = x + ln(1 + e^(y − x)), exact in both tails.
            Centres::Lse => builder.over_centres(function, x, &|b, x, y| {
                let less = b.apply(Op::Sub, &[y, x])?;
                let more = b.apply(Op::Softplus, &[less])?;
                b.apply(Op::Add, &[x, more])
            }),
        };
        self.checked(result, span, spans)
    }

    /// A value that was written with an index, perhaps.
    pub(super) fn indexed(&mut self, name: &Name, index: Option<&Name>, value: Value) -> Value {
        let Some(index) = index else { return value };
        if !matches!(index.text.as_str(), "y" | "k" | "i") {
            let error = Diagnostic::error("index", index.span, format!("there is no index `{}`", index.text))
                .help("`y` is the label, `k` the other classes, `i` the sample");
            return self.poison(error);
        }
        match (&value, index.text.as_str()) {
            (Value::Poison, _) => Value::Poison,
            (Value::Input { index: input, by_class }, at) => {
                self.read_input(name, index, *input, *by_class, at)
            }
            (Value::Distribution(p), "y") => Value::Number(p.target),
            (Value::Distribution(p), "k") => Value::Number(p.other),
            (Value::Number(_) | Value::Record(_) | Value::State { .. }, _) => {
                match self.expect_number(&value, name.span) {
                    Some(id) if self.annotation_holds(name, index, id) => Value::Number(id),
                    _ => Value::Poison,
                }
            }
            _ => {
                let text = &name.text;
                let message = format!("`{text}` is {}, it has no index `{}`", value.describe(), index.text);
                let error = Diagnostic::error("index", index.span, message);
                self.poison(match value {
                    Value::Distribution(_) => error
                        .help(format!("`{text}[y]` is that of the label, `{text}[k]` that of another class"))
                        .fix(index.span, "y"),
                    _ => error,
                })
            }
        }
    }

    fn read_input(&mut self, name: &Name, index: &Name, input: u32, by_class: bool, at: &str) -> Value {
        let at = match (by_class, at) {
            (true, "y") => At::Target,
            (true, "k") => At::Other,
            (false, "i" | "y") => At::Row,
            _ => {
                let text = &name.text;
                let (what, fix, help) = match by_class {
                    true => (
                        format!("`{text}` is one value a class: read it at `[y]` or `[k]`"),
                        "y",
                        format!("or declare `{text}[i]`, one value a sample"),
                    ),
                    false => (
                        format!("`{text}` is one value a sample: read it at `[i]`"),
                        "i",
                        format!("or declare `{text}[k]`, one value a class"),
                    ),
                };
                let error = Diagnostic::error("index", index.span, what);
                return self.poison(error.fix(index.span, fix).help(help));
            }
        };
        Value::Number(self.builder.read(input, at))
    }

    /// Checks `let f[y] = …`.
    pub(super) fn annotation(&mut self, name: &Name, index: &Name, value: &Value) {
        if !matches!(value, Value::Distribution(_)) {
            self.indexed(name, Some(index), value.clone());
        }
    }

    /// Does the index agree with the value's shape?
    fn annotation_holds(&mut self, name: &Name, index: &Name, id: Id) -> bool {
        let shape = self.builder.graph.shape(id);
        let wanted = if index.text == "k" { Shape::Cell } else { Shape::Row };
        if shape == wanted {
            return true;
        }
        let text = &name.text;
        let message = match shape {
            Shape::Scalar => format!("`{text}` is one value for the whole batch, it has no index"),
            Shape::Row => format!("`{text}` is one value a sample, its index is `[y]`"),
            Shape::Cell => format!("`{text}` varies with the class, its index is `[k]`"),
        };
        let error = Diagnostic::error("shape", index.span, message);
        self.report(match shape {
            Shape::Scalar => error.fix(Span::new(name.span.end, index.span.end + 1), ""),
            Shape::Row => error.fix(index.span, "y"),
            Shape::Cell => error
                .label(format!("`[{}]` asks for one value a sample", index.text))
                .help("reduce over the classes first: `sum[k](…)`, `mean[k](…)`, `max[k](…)`, `lse[k](…)`"),
        });
        false
    }

    fn unknown_name(&mut self, name: &Name, scope: Scope) -> Value {
        // The search for what was meant takes longest, and nobody would hear of it.
        if self.is_full() {
            return Value::Poison;
        }
        let text = name.text.as_str();
        if let Some(function) = builtin::named(text).next() {
            return self.poison(
                Diagnostic::error("kind", name.span, format!("`{text}` is a function"))
                    .label("its arguments are missing")
                    .help(format!("call it: `{}`", function.signature())),
            );
        }
        let mut known = self.scopes.visible(scope);
        known.extend(builtin::VALUES);
        let near = suggest::nearest(text, known).map(str::to_owned);
        let error = Diagnostic::error("unknown-name", name.span, format!("there is no `{text}`"));
        let error = match text {
            _ if near.is_some() => error,
            "y" | "k" | "i" => error.help(format!("an index stands in brackets: `cos[{text}]`")),
            "true" | "false" => error.help("a mask is a comparison, such as `cos[k] > f`"),
            "inf" | "infinity" | "nan" => error.help("numbers are finite"),
            _ if self.loads.library.source(text).is_some() && !self.is_foreign() => {
                error.help(format!("there is a loss of that name, which is called: `{text}(…)`"))
            }
            _ => error,
        };
        self.unknown(error, name, near, builtin::alias_of_value(text))
    }

    /// A place that gives the name which is not known here, the most telling one.
    fn elsewhere(&self, name: &Name) -> Option<Place> {
        if self.is_foreign() {
            return None;
        }
        let found = places(&self.units.first()?.file, &name.text);
        let covers = |place: &&Place| place.covers(name.span);
        found.iter().find(covers).or(found.first()).copied()
    }

    /// Completes the report of an unknown name: where it is given, what it is called here, or what is near.
    pub(super) fn unknown(
        &mut self,
        error: Diagnostic,
        name: &Name,
        near: Option<String>,
        alias: Option<Alias>,
    ) -> Value {
        let error = match (self.elsewhere(name), alias, near) {
            (Some(place), ..) if place.covers(name.span) => {
                error.label("not known yet").also(place.span, "it gets its value here")
            }
            (Some(place), ..) => {
                let error =
                    error.label("not known here").also(place.span, format!("known in {} only", place.of));
                match self.calls.last() {
                    Some(Call::Function(..)) => error.help("pass it to the function as an argument"),
                    _ => error,
                }
            }
            (None, Some(Alias::Called(alias)), _) => {
                error.label(format!("it is called `{alias}` here")).fix(name.span, alias)
            }
            (None, Some(Alias::Written(text)), _) => error.help(format!("write `{text}`")),
            (None, None, Some(near)) => error.label(format!("did you mean `{near}`?")).fix(name.span, near),
            (None, None, None) => error,
        };
        self.poison(error)
    }
}
