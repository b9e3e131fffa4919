//! Calls of other losses: `arcface(s, m)`, `arcface(s, m).f`.

use marlo_ir::graph::{Axis, Id, Param};
use marlo_ir::op::Op;

use super::header::{Defaults, natural_range};
use super::scope::{Scope, Sort, Value};
use super::setting::is_constant;
use super::{Call, Checker};
use crate::ast::{Argument, Expr, Loss, Name, Parameter, Statement};
use crate::format::print_parameter;
use crate::{Diagnostic, Span, suggest};
use marlo_ir::kind::Kind;

/// The call of a loss. Its body runs as far as somebody wants to know.
#[derive(Debug)]
pub(super) struct Record {
    name: String,
    span: Span,
    unit: usize,
    scope: Scope,
    /// The next statement to run.
    next: usize,
    /// Its value, once somebody wanted it; none if that went wrong.
    value: Option<Option<Id>>,
}

impl Checker<'_, '_> {
    /// `arcface(s, m)`: binds the parameters.
    pub(super) fn call_loss(
        &mut self,
        name: &str,
        arguments: &[Argument],
        span: Span,
        scope: Scope,
    ) -> Value {
        let Some(unit) = self.unit_of(name, span) else {
            self.look_at(arguments, scope);
            return Value::Poison;
        };
        let file = std::rc::Rc::clone(&self.units[unit].file);
        let Some(loss) = &file.loss else { return Value::Poison };
        // By position come the hyperparameters; inputs are given by name or found.
        let mut parameters: Vec<&Parameter> =
            loss.parameters.iter().filter(|one| one.index.is_none()).collect();
        let numbers = parameters.len();
        parameters.extend(loss.parameters.iter().filter(|one| one.index.is_some()));
        let names: Vec<&str> = parameters.iter().map(|one| one.name.text.as_str()).collect();
        let positions = arguments.iter().filter(|argument| argument.name.is_none()).count();
        if let Some(extra) = arguments.get(numbers).filter(|_| positions > numbers) {
            let message = match numbers {
                0 => format!("`{name}` has no parameters"),
                1 => format!("`{name}` has one parameter"),
                _ => format!("`{name}` has {numbers} parameters"),
            };
            self.look_at(arguments, scope);
            let error = Diagnostic::error("arguments", extra.value.span, message).label("one too many");
            let error = match &names[..numbers] {
                [] => error,
                [only] => error.help(format!("it is {only}")),
                known => error.help(format!("they are {}", known.join(", "))),
            };
            return self.poison(match numbers == names.len() {
                true => error,
                false => error.help("inputs are given by name"),
            });
        }
        let Some(bound) = self.bind(name, &names, names.len(), arguments, span) else {
            self.look_at(arguments, scope);
            return Value::Poison;
        };
        let header = self.scopes.inside(Some(self.units[unit].scope));
        let mut given: Vec<(&Parameter, Option<(Value, Span)>)> = Vec::new();
        for (parameter, argument) in parameters.iter().zip(bound) {
            given.push((parameter, argument.map(|one| (self.eval(&one.value, scope), one.value.span))));
        }
        for (parameter, argument) in given {
            let value = match (argument, &parameter.index) {
                (Some(argument), None) => self.given_number(name, parameter, argument, loss),
                (Some(argument), Some(_)) => self.given_input(name, parameter, argument),
                (None, None) => self.default_number(name, parameter, header, span),
                (None, Some(_)) => self.shared_input(name, parameter, span, scope),
            };
            self.calls.push(Call::Loss(name.to_owned(), span));
            self.define(header, &parameter.name, value, Sort::Parameter);
            self.calls.pop();
        }
        let scope = self.scopes.inside(Some(header));
        self.records.push(Record { name: name.to_owned(), span, unit, scope, next: 0, value: None });
        Value::Record(self.records.len() - 1)
    }

    /// The file of a loss, with its functions and uses made known.
    pub(super) fn unit_of(&mut self, name: &str, span: Span) -> Option<usize> {
        if let Some(&unit) = self.known_units.get(name) {
            return Some(unit);
        }
        let file = self.loads.file(name)?;
        self.calls.push(Call::Loss(name.to_owned(), span));
        let unit = self.unit(file);
        self.calls.pop();
        self.known_units.insert(name.to_owned(), unit);
        Some(unit)
    }

    fn given_number(
        &mut self,
        callee: &str,
        parameter: &Parameter,
        argument: (Value, Span),
        loss: &Loss,
    ) -> Value {
        let (value, span) = argument;
        let Some(id) = self.expect_number(&value, span) else { return Value::Poison };
        if parameter.kind.text == "Count" {
            return match self.builder.graph.constant(id) {
                Some(count) => self.set_centres(count, span),
                None => {
                    self.poison(Diagnostic::error("constant", span, "the number of centres is a literal"))
                }
            };
        }
        let kind = Kind::from_name(&parameter.kind.text);
        if let Some(kind) = kind
            && !self.fits(id, kind, callee, &parameter.name, span)
        {
            return Value::Poison;
        }
        if let Some(number) = self.builder.graph.constant(id) {
            let (low, high) = self.range_of(parameter, loss, kind);
            self.check_range(&parameter.name.text, number, low, high, span);
        }
        Value::Number(id)
    }

    /// The range of a parameter of another loss, whose header is known to be right.
    fn range_of(&mut self, parameter: &Parameter, loss: &Loss, kind: Option<Kind>) -> (f64, f64) {
        let Some(range) = &parameter.range else { return natural_range(kind) };
        let mut known = Defaults::new();
        for earlier in loss.parameters.iter().take_while(|earlier| *earlier != parameter) {
            let constant = earlier.default.as_ref().filter(|value| is_constant(value, &known));
            let default = constant.and_then(|value| self.constant(value, &known));
            known.insert(earlier.name.text.clone(), default);
        }
        let low = self.constant(&range.low, &known).unwrap_or(f64::NEG_INFINITY);
        let high = range.high.as_ref().and_then(|high| self.constant(high, &known)).unwrap_or(f64::INFINITY);
        (low, high)
    }

    fn default_number(&mut self, callee: &str, parameter: &Parameter, header: Scope, span: Span) -> Value {
        let Some(default) = &parameter.default else {
            let message = format!("`{callee}` lacks its parameter `{}`", parameter.name.text);
            return self.poison(Diagnostic::error("arguments", span, message).label("it has no default"));
        };
        if parameter.kind.text == "Count" {
            return match self.constant(default, &Defaults::new()) {
                Some(count) => self.set_centres(count, span),
                None => Value::Poison,
            };
        }
        let known = Defaults::new();
        self.calls.push(Call::Loss(callee.to_owned(), span));
        let value = match is_constant(default, &known) {
            true => self.eval(default, header),
            false => self.inherited(parameter, default, header, span),
        };
        self.calls.pop();
        value
    }

    /// A hyperparameter of another loss whose default the host works out becomes one of this program.
    fn inherited(&mut self, parameter: &Parameter, default: &Expr, header: Scope, span: Span) -> Value {
        let name = &parameter.name.text;
        let Some(kind) = Kind::from_name(&parameter.kind.text) else { return Value::Poison };
        let known = Defaults::new();
        let (low, high) = match &parameter.range {
            Some(range) => match self.constant_range(range, &known) {
                Some(range) => range,
                None => return Value::Poison,
            },
            None => natural_range(Some(kind)),
        };
        let setting = self.setting(default, header);
        if setting.is_none() {
            return Value::Poison;
        }
        let param = Param { setting, low, high, ..Param::new(name, kind) };
        if let Some(index) = self.builder.graph.params.iter().position(|known| *known == param) {
            return Value::Number(self.builder.graph.add(Op::Param(index as u32), &[]));
        }
        match self.builder.param(param) {
            Ok(id) => Value::Number(id),
            Err(_) => self.poison(
                Diagnostic::error("arguments", span, format!("`{name}` follows a schedule of its own there"))
                    .help(format!("give it a value in the call, `{name}: {name}`, or rename yours")),
            ),
        }
    }

    fn given_input(&mut self, callee: &str, parameter: &Parameter, argument: (Value, Span)) -> Value {
        let (value, span) = argument;
        let wants_class = parameter.index.as_ref().is_some_and(|index| index.text == "k");
        match value {
            Value::Poison => Value::Poison,
            Value::Input { by_class, .. } if by_class == wants_class => value,
            Value::Number(id) if !wants_class => {
                let row = self.builder.graph.shape(id) == marlo_ir::shape::Shape::Row;
                match row {
                    true => value,
                    false => self.poison(Diagnostic::error(
                        "shape",
                        span,
                        format!("`{}` of `{callee}` is one value a sample", parameter.name.text),
                    )),
                }
            }
            _ => {
                let what = if wants_class { "one value a class, [k]" } else { "one value a sample, [i]" };
                let name = &parameter.name.text;
                self.poison(
                    Diagnostic::error("shape", span, format!("`{name}` of `{callee}` is {what}"))
                        .help("give it an input of the header by its bare name"),
                )
            }
        }
    }

    /// An input that was not given: the caller's own input of that name.
    fn shared_input(&mut self, callee: &str, parameter: &Parameter, span: Span, scope: Scope) -> Value {
        let by_class = parameter.index.as_ref().is_some_and(|index| index.text == "k");
        let axis = if by_class { Axis::Classes } else { Axis::Rows };
        let name = &parameter.name.text;
        match self.scopes.find(scope, name) {
            Some(value @ Value::Input { by_class: found, .. }) if found == by_class => return value,
            // The caller is another loss, which was given a value for its input.
            Some(value @ Value::Number(_)) if self.is_foreign() && !by_class => return value,
            _ => {}
        }
        // A function outside of the loss does not see the header.
        let inputs = &self.builder.graph.inputs;
        match inputs.iter().position(|input| input.name == *name && input.axis == axis) {
            Some(index) => Value::Input { index: index as u32, by_class },
            None => {
                let index = if by_class { "k" } else { "i" };
                let declaration = print_parameter(parameter);
                self.poison(
                    Diagnostic::error(
                        "arguments",
                        span,
                        format!("`{callee}` reads the input `{name}[{index}]`"),
                    )
                    .help(format!("declare `{declaration}` in the header, or pass another input by name")),
                )
            }
        }
    }

    /// `record.field`
    pub(super) fn field(&mut self, base: Value, field: &Name, span: Span) -> Value {
        let record = match base {
            Value::Record(record) => record,
            Value::Poison => return Value::Poison,
            Value::Loss(name) => {
                let error = Diagnostic::error("kind", span, format!("`{name}` is not called"))
                    .help(format!("give it its parameters first: `{name}(…).{}`", field.text));
                return self.poison(error);
            }
            other => {
                let error =
                    Diagnostic::error("kind", field.span, format!("{} has no parts", other.describe()))
                        .help("`.f` reads the `let f` of another loss, as in `arcface(s, m).f`");
                return self.poison(error);
            }
        };
        loop {
            if let Some(value) = self.scopes.own(self.records[record].scope, &field.text) {
                return value;
            }
            if !self.run_statement(record) {
                return self.no_field(record, field);
            }
        }
    }

    fn no_field(&mut self, record: usize, field: &Name) -> Value {
        let name = &self.records[record].name;
        let known = self.scopes.visible(self.records[record].scope);
        let own: Vec<&str> = known
            .into_iter()
            .filter(|known| self.scopes.own(self.records[record].scope, known).is_some())
            .collect();
        let error =
            Diagnostic::error("unknown-name", field.span, format!("`{name}` has no `let {}`", field.text));
        let error = match suggest::nearest(&field.text, own.iter().copied()) {
            Some(near) => error.label(format!("did you mean `{near}`?")).fix(field.span, near),
            None if own.is_empty() => error.help(format!("`{name}` gives no names at all")),
            None => error.help(format!("it has {}", own.join(", "))),
        };
        self.poison(error)
    }

    /// Runs the next statement of a called loss, if there is one.
    fn run_statement(&mut self, record: usize) -> bool {
        let Record { name, span, unit, scope, next, .. } = &self.records[record];
        let (name, span, scope, next) = (name.clone(), *span, *scope, *next);
        let file = std::rc::Rc::clone(&self.units[*unit].file);
        let statement: Option<&Statement> =
            file.loss.as_ref().and_then(|loss| loss.body.statements.get(next));
        let Some(statement) = statement else { return false };
        self.records[record].next += 1;
        self.calls.push(Call::Loss(name, span));
        if self.deep_enough(span) {
            self.statement(statement, scope, false);
        }
        self.calls.pop();
        true
    }

    /// The value of a called loss.
    pub(super) fn record_value(&mut self, record: usize) -> Option<Id> {
        if let Some(value) = self.records[record].value {
            return value;
        }
        while self.run_statement(record) {}
        let Record { name, span, unit, scope, .. } = &self.records[record];
        let (name, span, scope) = (name.clone(), *span, *scope);
        let file = std::rc::Rc::clone(&self.units[*unit].file);
        let loss = file.loss.as_ref()?;
        self.calls.push(Call::Loss(name, span));
        let id = match self.deep_enough(span) {
            true => {
                let value = self.eval(&loss.body.value, scope);
                self.expect_number(&value, loss.body.value.span)
            }
            false => None,
        };
        self.calls.pop();
        self.records[record].value = Some(id);
        id
    }
}
