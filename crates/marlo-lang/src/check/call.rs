//! Calls of built-in functions and of the program's own.

use std::rc::Rc;

use marlo_ir::build::TypeError;
use marlo_ir::graph::Id;
use marlo_ir::kind::Kind;
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;

use super::builtin::{self, Action, Builtin};
use super::error::{a, kind_hint};
use super::header::function_kind;
use super::scope::{Scope, Sort, Value};
use super::{Call, Checker};
use crate::ast::{Argument, ExprKind, Name};
use crate::{Diagnostic, Span, suggest};

impl Checker<'_, '_> {
    /// `callee[index](arguments)`
    pub(super) fn call(
        &mut self,
        callee: &Name,
        index: Option<&Name>,
        arguments: &[Argument],
        span: Span,
        scope: Scope,
    ) -> Value {
        let text = callee.text.as_str();
        let Some(value) = self.scopes.find(scope, text) else {
            if builtin::named(text).next().is_some() {
                return self.call_builtin(callee, index, arguments, span, scope);
            }
            return self.unknown_function(callee, arguments, scope);
        };
        if let (Value::Function(_) | Value::Loss(_), Some(index)) = (&value, index) {
            self.look_at(arguments, scope);
            return self.poison(
                Diagnostic::error("index", index.span, format!("the call of `{text}` has no index"))
                    .help("only reductions such as `sum`, `mean`, `max` and `top` are called with one")
                    .fix(Span::new(callee.span.end, index.span.end + 1), ""),
            );
        }
        match value {
            Value::Function(number) => self.call_function(number, arguments, span, scope),
            Value::Loss(name) => self.call_loss(&name, arguments, span, scope),
            Value::Poison => {
                self.look_at(arguments, scope);
                Value::Poison
            }
            other => {
                self.look_at(arguments, scope);
                let what = other.describe();
                self.poison(
                    Diagnostic::error("kind", callee.span, format!("`{text}` is {what}, not a function"))
                        .help("a product is written with `*`"),
                )
            }
        }
    }

    /// Reports what is wrong with arguments of a call that is wrong itself; gives their values.
    pub(super) fn look_at(&mut self, arguments: &[Argument], scope: Scope) -> Vec<Value> {
        arguments.iter().map(|argument| self.eval(&argument.value, scope)).collect()
    }

    fn unknown_function(&mut self, callee: &Name, arguments: &[Argument], scope: Scope) -> Value {
        let text = callee.text.as_str();
        if matches!(text, "theta" | "θ" | "logit") {
            return self.called_matrix(callee, arguments, scope);
        }
        self.look_at(arguments, scope);
        if self.is_full() {
            return Value::Poison;
        }
        if builtin::VALUES.contains(&text) {
            return self.poison(
                Diagnostic::error("kind", callee.span, format!("`{text}` is a value, not a function"))
                    .help("a product is written with `*`"),
            );
        }
        let error = Diagnostic::error("unknown-name", callee.span, format!("there is no function `{text}`"));
        let mut known = self.scopes.visible(scope);
        known.extend(builtin::BUILTINS.iter().map(|builtin| builtin.name));
        let near = suggest::nearest(text, known).map(str::to_owned);
        let alias = builtin::alias(text);
        let error = match (&near, alias) {
            (None, None) => self.suggest_loss(error, callee),
            _ => error,
        };
        self.unknown(error, callee, near, alias)
    }

    /// `theta(y)`, where `theta[y]` is meant.
    fn called_matrix(&mut self, callee: &Name, arguments: &[Argument], scope: Scope) -> Value {
        let text = callee.text.as_str();
        let error = Diagnostic::error("kind", callee.span, format!("`{text}` is no function"))
            .help(format!("it is read with an index: `{text}[y]`, `{text}[k]`"));
        if let [Argument { name: None, value }] = arguments
            && let ExprKind::Name { name, index: None } = &value.kind
            && matches!(name.text.as_str(), "y" | "k")
        {
            let call = Span::new(callee.span.end, value.span.end + 1);
            return self.poison(error.fix(call, format!("[{}]", name.text)));
        }
        self.look_at(arguments, scope);
        self.poison(error)
    }

    /// Is an unknown function a loss of the library, or nearly one?
    fn suggest_loss(&self, error: Diagnostic, callee: &Name) -> Diagnostic {
        let text = callee.text.as_str();
        if self.is_foreign() {
            return error;
        }
        let own = self.units.first().and_then(|unit| unit.file.loss.as_ref());
        if own.is_some_and(|loss| loss.name.text == text) {
            return error.label("a loss cannot call itself");
        }
        let usable =
            |name: &str| format!("there is a loss of that name: add the line `use {name}` at the top");
        if self.loads.library.source(text).is_some() {
            return error.help(usable(text));
        }
        let names = self.loads.library.names();
        match suggest::nearest(text, names.iter().map(String::as_str)) {
            Some(near) if self.in_law => {
                error.label(format!("did you mean `{near}`?")).fix(callee.span, near)
            }
            Some(near) => error.label(format!("did you mean the loss `{near}`?")).help(usable(near)),
            None => error,
        }
    }

    // ----- functions of the program -----

    fn call_function(&mut self, number: usize, arguments: &[Argument], span: Span, scope: Scope) -> Value {
        let ast = Rc::clone(&self.functions[number].ast);
        let names: Vec<&str> = ast.parameters.iter().map(|parameter| parameter.name.text.as_str()).collect();
        let Some(bound) = self.bind(&ast.name.text, &names, 0, arguments, span) else {
            self.look_at(arguments, scope);
            self.functions[number].called = true;
            return Value::Poison;
        };
        let mut values = Vec::new();
        for (parameter, argument) in ast.parameters.iter().zip(bound) {
            let Some(argument) = argument else { continue };
            let mut value = self.eval(&argument.value, scope);
            let kind = parameter.kind.as_ref().and_then(|kind| function_kind(&kind.text));
            if let (Some(kind), Value::Number(id)) = (kind, &value)
                && !self.fits(*id, kind, &ast.name.text, &parameter.name, argument.value.span)
            {
                value = Value::Poison;
            }
            values.push(value);
        }
        self.run_function(number, &values, Some(span))
    }

    /// Is the node of the kind that a parameter wants?
    pub(super) fn fits(&mut self, id: Id, wanted: Kind, callee: &str, parameter: &Name, span: Span) -> bool {
        let found = self.builder.graph.node(id).kind;
        let fits = found.fits(wanted);
        if !fits {
            let (text, wanted) = (&parameter.text, a(wanted));
            let message = format!("`{text}` of `{callee}` is {wanted}, and this is {}", a(found));
            let error = Diagnostic::error("kind", span, message);
            self.report(match kind_hint(&wanted, found) {
                Some(hint) => error.help(hint),
                None => error,
            });
        }
        fits
    }

    /// Runs the body of a function. `span`: where it is called, if it is.
    pub(super) fn run_function(&mut self, number: usize, values: &[Value], span: Option<Span>) -> Value {
        let function = self.functions[number].clone();
        let running = |call: &Call| matches!(call, Call::Function(other, _) if *other == number);
        if self.calls.iter().any(running) {
            let name = &function.ast.name;
            let error = Diagnostic::error(
                "cycle",
                span.unwrap_or(name.span),
                format!("`{}` calls itself", name.text),
            )
            .also(name.span, "this function")
            .help("functions are written out where they are called, so there is no recursion");
            return self.poison(error);
        }
        self.functions[number].called = true;
        let scope = self.scopes.inside(Some(function.scope));
        let place = span.unwrap_or(function.ast.name.span);
        self.calls.push(Call::Function(number, span));
        for (parameter, value) in function.ast.parameters.iter().zip(values) {
            // Two parameters of one name are reported where the function stands.
            let watched = !function.foreign && !parameter.name.text.starts_with('_');
            let _ = self.scopes.define(scope, &parameter.name, value.clone(), Sort::Argument, watched);
        }
        let value = match self.deep_enough(place) {
            true => self.block(&function.ast.body, scope, false).1,
            false => Value::Poison,
        };
        self.calls.pop();
        value
    }

    // ----- built-in functions -----

    fn call_builtin(
        &mut self,
        callee: &Name,
        index: Option<&Name>,
        arguments: &[Argument],
        span: Span,
        scope: Scope,
    ) -> Value {
        let wanted = index.map(|index| index.text.as_str());
        let Some(builtin) = builtin::named(&callee.text).find(|builtin| builtin.index == wanted) else {
            let values = self.look_at(arguments, scope);
            let row = match values.first() {
                Some(Value::Number(id)) => self.builder.graph.shape(*id) == Shape::Row,
                _ => false,
            };
            let error = no_such_index(callee, index, row);
            return self.poison(error);
        };
        if let Action::Fold(op) = builtin.action
            && arguments.len() > 2
            && arguments.iter().all(|argument| argument.name.is_none())
        {
            return self.fold(op, arguments, span, scope);
        }
        if let (Action::Fold(_), [only]) = (builtin.action, arguments)
            && let Some(reduction) = builtin::named(builtin.name).find(|other| other.index.is_some())
        {
            let value = self.eval(&only.value, scope);
            let message = format!("`{}` compares two values, and this is one", builtin.name);
            let error = Diagnostic::error("arguments", span, message)
                .help(format!("`{}` is the one over the other classes", reduction.signature()));
            return self.poison(match value {
                Value::Number(id) if self.builder.graph.shape(id) != Shape::Cell => error,
                _ => error.fix(callee.span, reduction.spelling()),
            });
        }
        let Some(bound) =
            self.bind(&builtin.spelling(), builtin.arguments, builtin.optional, arguments, span)
        else {
            self.look_at(arguments, scope);
            return Value::Poison;
        };
        let bound: Vec<&Argument> = bound.into_iter().flatten().collect();
        let values: Vec<(Value, Span)> =
            bound.iter().map(|argument| (self.eval(&argument.value, scope), argument.value.span)).collect();
        self.act(builtin, &values, span)
    }

    /// `min(a, b, c)`
    fn fold(&mut self, op: Op, arguments: &[Argument], span: Span, scope: Scope) -> Value {
        let mut result: Option<(Value, Span)> = None;
        for argument in arguments {
            let value = self.eval(&argument.value, scope);
            let next = (value, argument.value.span);
            result = Some(match result {
                None => next,
                Some(so_far) => (
                    self.act_on_numbers(&[so_far, next], |checker, ids, spans| {
                        checker.apply(op, ids, span, spans)
                    }),
                    span,
                ),
            });
        }
        result.map_or(Value::Poison, |(value, _)| value)
    }

    /// Runs `act` when all values are numbers or masks.
    fn act_on_numbers(
        &mut self,
        values: &[(Value, Span)],
        act: impl FnOnce(&mut Self, &[Id], &[Span]) -> Value,
    ) -> Value {
        let ids: Vec<Option<Id>> =
            values.iter().map(|(value, span)| self.expect_number(value, *span)).collect();
        let spans: Vec<Span> = values.iter().map(|(_, span)| *span).collect();
        match ids.into_iter().collect::<Option<Vec<Id>>>() {
            Some(ids) => act(self, &ids, &spans),
            None => Value::Poison,
        }
    }

    fn act(&mut self, builtin: &Builtin, values: &[(Value, Span)], span: Span) -> Value {
        match builtin.action {
            Action::Ce | Action::Focal => return self.cross_entropy(builtin, values, span),
            Action::CeOfOthers => return self.ce_of_others(values),
            Action::Previous => return self.previous(values),
            Action::Softmax => {
                let whole = values.iter().find(|(value, _)| matches!(value, Value::Distribution(_)));
                if let Some((_, place)) = whole {
                    let message = "`softmax` takes logits, and this is a softmax already";
                    return self.poison(
                        Diagnostic::error("kind", *place, message)
                            .help("give it what goes into the exponent: `s * cos[..]`"),
                    );
                }
            }
            _ => {}
        }
        self.act_on_numbers(values, |checker, ids, spans| match (builtin.action, ids) {
            (Action::Apply(op) | Action::Fold(op), ids) => checker.apply(op, ids, span, spans),
            (Action::MeanOfClasses, [x]) => {
                let result = checker.builder.mean_over_classes(*x);
                checker.checked(result, span, spans)
            }
            (Action::Clamp, [x, low, high]) => checker.clamp([*x, *low, *high], span, spans),
            (Action::Mask, [condition]) => checker.mask(*condition, spans[0]),
            (Action::OverCentres(over), [x]) => checker.over_centres(over, *x, span, spans),
            (Action::Anneal { hold }, numbers) => checker.anneal(hold, numbers, span, spans),
            (Action::Quantile(_) | Action::Deviation | Action::Match | Action::LseOfBatch, ids) => {
                checker.of_batch(builtin.action, ids, span, spans)
            }
            (Action::Indicator, [mask, weight]) => {
                let found = checker.builder.graph.node(*weight).kind;
                let result = match found {
                    Kind::Mask => {
                        let wanted = "a number as its weight";
                        Err(TypeError::Argument { function: "indicator", place: 1, wanted, found })
                    }
                    _ => checker.builder.indicator(*mask, *weight),
                };
                checker.checked(result, span, spans)
            }
            (Action::Softmax, [target, others, weight @ ..]) => {
                match checker.builder.softmax(*target, *others, weight.first().copied()) {
                    Ok(p) => {
                        checker.distributions.insert(p.target, p);
                        Value::Distribution(p)
                    }
                    Err(error) => {
                        checker.type_error(error, span, spans);
                        Value::Poison
                    }
                }
            }
            _ => Value::Poison,
        })
    }

    /// As two steps, so that a message points to the bound that does not fit.
    fn clamp(&mut self, [x, low, high]: [Id; 3], span: Span, spans: &[Span]) -> Value {
        match self.apply(Op::Max, &[x, low], span, &[spans[0], spans[1]]) {
            Value::Number(above) => self.apply(Op::Min, &[above, high], span, &[spans[0], spans[2]]),
            other => other,
        }
    }

    /// A statistic of the batch.
    fn of_batch(&mut self, action: Action, ids: &[Id], span: Span, spans: &[Span]) -> Value {
        let builder = &mut self.builder;
        let result = match (action, ids) {
            (Action::Quantile(Some(q)), [x]) => {
                let q = builder.number(q);
                builder.quantile(*x, q)
            }
            (Action::Quantile(_), [x, q]) => builder.quantile(*x, *q),
            (Action::Match, [x, by]) => builder.matched(*x, *by),
            (Action::LseOfBatch, [x]) => builder.lse_over_batch(*x),
            _ => builder.deviation(ids[0]),
        };
        self.checked(result, span, spans)
    }

    /// `ce[k](p)`
    fn ce_of_others(&mut self, values: &[(Value, Span)]) -> Value {
        match values {
            [(Value::Distribution(p), _)] => Value::Number(self.builder.ce_other(*p)),
            [(Value::Poison, _)] => Value::Poison,
            [(_, span)] => self.poison(
                Diagnostic::error("kind", *span, "`ce[k]` takes a whole softmax")
                    .help("give it what `softmax(..)` gives; of a plain probability it is `-ln(p)`"),
            ),
            _ => Value::Poison,
        }
    }

    /// `name.function(arguments)`: a function of another loss's file.
    pub(super) fn call_member(
        &mut self,
        base: Value,
        callee: &Name,
        index: Option<&Name>,
        arguments: &[Argument],
        span: Span,
        scope: Scope,
    ) -> Value {
        let poison = matches!(base, Value::Poison);
        let found = match (&base, index) {
            (Value::Poison, _) => None,
            (_, Some(index)) => {
                self.report(Diagnostic::error("index", index.span, "a call of a function has no index"));
                None
            }
            (Value::Loss(name), None) => self.member_of_loss(name, callee, span),
            (Value::Record(_), None) => Some(self.field(base.clone(), callee, span)),
            _ => {
                let message = format!("{} has no functions", base.describe());
                let error = Diagnostic::error("kind", callee.span, message);
                self.report(error.help(
                    "a function of another loss is called by that loss's name: `sv_softmax.weight(..)`",
                ));
                None
            }
        };
        match found {
            Some(Value::Function(number)) => self.call_function(number, arguments, span, scope),
            Some(Value::Poison) | None => {
                self.look_at(arguments, scope);
                Value::Poison
            }
            Some(_) if poison => Value::Poison,
            Some(other) => {
                self.look_at(arguments, scope);
                let message = format!("`{}` is {}, not a function", callee.text, other.describe());
                self.poison(Diagnostic::error("kind", callee.span, message))
            }
        }
    }

    fn member_of_loss(&mut self, loss: &str, callee: &Name, span: Span) -> Option<Value> {
        let unit = self.unit_of(loss, span)?;
        if let Some(value @ Value::Function(_)) = self.scopes.own(self.units[unit].scope, &callee.text) {
            return Some(value);
        }
        let file = Rc::clone(&self.units[unit].file);
        let known = file.functions.iter().map(|function| function.name.text.as_str());
        let message = format!("`{loss}` has no function `{}`", callee.text);
        let error = Diagnostic::error("unknown-name", callee.span, message);
        self.report(match suggest::nearest(&callee.text, known.clone()) {
            Some(near) => error.label(format!("did you mean `{near}`?")).fix(callee.span, near),
            None if file.functions.is_empty() => error.help("its file gives no functions"),
            None => error.help(format!("it has {}", known.collect::<Vec<_>>().join(", "))),
        });
        None
    }

    fn mask(&mut self, condition: Id, span: Span) -> Value {
        let kind = self.builder.graph.node(condition).kind;
        if kind == Kind::Mask {
            return Value::Number(condition);
        }
        self.poison(
            Diagnostic::error("kind", span, format!("`mask` takes a comparison, and this is {}", a(kind)))
                .help("for example `mask(cos[k] > f)`"),
        )
    }

    /// `ce(p)` and `focal(p, gamma)`, of a softmax or of a plain probability.
    fn cross_entropy(&mut self, builtin: &Builtin, values: &[(Value, Span)], span: Span) -> Value {
        let [(p, place), rest @ ..] = values else { return Value::Poison };
        let gamma = match rest.first() {
            Some((value, place)) => match self.expect_number(value, *place) {
                Some(id) => Some(id),
                None => return Value::Poison,
            },
            None => None,
        };
        let known = match p {
            Value::Distribution(p) => Some(*p),
            Value::Number(id) => self.distributions.get(id).copied(),
            _ => None,
        };
        if let Some(p) = known {
            let result = match gamma {
                Some(gamma) => self.builder.focal(p, gamma),
                None => Ok(self.builder.ce(p)),
            };
            let spans: Vec<Span> = values.iter().map(|(_, span)| *span).collect();
            return self.checked(result, span, &spans);
        }
        let Some(p) = self.expect_number(p, *place) else { return Value::Poison };
        let kind = self.builder.graph.node(p).kind;
        if !kind.fits(Kind::Prob) {
            return self.poison(
                Diagnostic::error(
                    "kind",
                    *place,
                    format!("`{}` takes a probability, and this is {}", builtin.name, a(kind)),
                )
                .help("`softmax(target, others)` and `sigmoid(x)` give probabilities"),
            );
        }
        self.plain_cross_entropy(p, gamma, span)
    }

    /// −ln p, times (1 − p)^γ.
    fn plain_cross_entropy(&mut self, p: Id, gamma: Option<Id>, span: Span) -> Value {
        let Value::Number(ln) = self.apply(Op::Ln, &[p], span, &[]) else { return Value::Poison };
        let loss = self.apply(Op::Neg, &[ln], span, &[]);
        let (Some(gamma), Value::Number(loss)) = (gamma, &loss) else { return loss };
        let loss = *loss;
        let one = self.builder.number(1.0);
        let Value::Number(rest) = self.apply(Op::Sub, &[one, p], span, &[]) else { return Value::Poison };
        let Value::Number(weight) = self.apply(Op::Pow, &[rest, gamma], span, &[]) else {
            return Value::Poison;
        };
        self.apply(Op::Mul, &[weight, loss], span, &[])
    }
}

/// `sum(x)`, `exp[k](x)`, `lse[i](x)`; `row`: is x one value a sample?
fn no_such_index(callee: &Name, index: Option<&Name>, row: bool) -> Diagnostic {
    let text = &callee.text;
    let known: Vec<&str> = builtin::named(text).filter_map(|builtin| builtin.index).collect();
    let end = Span::point(callee.span.end);
    match (index, known.as_slice()) {
        (None, _) => {
            let meant = if row && known.contains(&"i") { "i" } else { known.first().copied().unwrap_or("k") };
            let over = |index: &str| match index {
                "i" => format!("`{text}[i]` is over the batch"),
                "r" => format!("`{text}[r]` is over the centres of a class"),
                _ => format!("`{text}[k]` is over the other classes"),
            };
            let over: Vec<String> = known.iter().map(|index| over(index)).collect();
            Diagnostic::error("index", callee.span, format!("`{text}` over what?"))
                .help(over.join(", "))
                .fix(end, format!("[{meant}]"))
        }
        (Some(index), []) => {
            Diagnostic::error("index", index.span, format!("`{text}` is called without an index"))
                .fix(Span::new(end.start, index.span.end + 1), "")
        }
        (Some(index), [only]) => {
            Diagnostic::error("index", index.span, format!("there is no `{text}[{}]`", index.text))
                .help(format!("there is only `{text}[{only}]`"))
        }
        (Some(index), _) => {
            let known: Vec<String> = known.iter().map(|index| format!("`{text}[{index}]`")).collect();
            Diagnostic::error("index", index.span, format!("there is no `{text}[{}]`", index.text))
                .help(format!("there are {}", known.join(" and ")))
        }
    }
}
