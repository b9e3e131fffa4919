//! Laws and proofs: what a program promises about itself.

use std::rc::Rc;

use marlo_ir::build::{Builder, TypeError};
use marlo_ir::graph::Id;
use marlo_ir::kind::Kind;
use marlo_ir::loss::{Loss, Update};
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;

use super::header::{self, empty_range};
use super::library::Loaded;
use super::scope::{Scope, Sort, Value};
use super::{Checker, builtin};
use crate::ast::{self, Expr, ExprKind, Name, Parameter, Promise, Statement};
use crate::{Diagnostic, Span, suggest};

/// Two losses that must be equal. Both have the same parameters and inputs and
/// the nodes of `left.graph` are the first ones of `right.graph`.
#[derive(Debug, Clone)]
pub struct Law {
    /// The law as it was written.
    pub source: ast::Law,
    /// The loss with the law's parameters fixed; as it is where the law fixes none.
    pub left: Loss,
    /// What it must be equal to.
    pub right: Loss,
}

/// Something that is to be proved.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What is claimed.
    pub name: ClaimName,
    /// About what, as nodes of the loss's graph.
    pub arguments: Vec<ClaimArgument>,
    /// The claim as it was written.
    pub source: ast::Claim,
}

/// A value in a claim.
#[derive(Debug, Clone, Copy)]
pub struct ClaimArgument {
    /// The value.
    pub value: Id,
    /// Where it runs: two values for the whole batch.
    pub range: Option<(Id, Id)>,
}

/// The claims that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimName {
    /// `finite`: loss and gradient are finite on the whole domain.
    Finite,
    /// `bounded(e, low, high)`: the value stays between two others.
    Bounded,
    /// `pulls_target`: the loss falls when the target's cosine rises.
    PullsTarget,
    /// `pushes_others`: the loss rises with each other cosine.
    PushesOthers,
    /// `decreasing(e, x in low..high)`.
    Decreasing,
    /// `increasing(e, x in low..high)`.
    Increasing,
    /// `nonnegative`, of the loss, or `nonnegative(e)`.
    Nonnegative,
}

impl ClaimName {
    /// Every claim, with its spelling and how it is written.
    pub const ALL: [(ClaimName, &'static str, &'static str); 7] = [
        (ClaimName::Finite, "finite", "finite"),
        (ClaimName::Bounded, "bounded", "bounded(e, low, high)"),
        (ClaimName::PullsTarget, "pulls_target", "pulls_target"),
        (ClaimName::PushesOthers, "pushes_others", "pushes_others"),
        (ClaimName::Decreasing, "decreasing", "decreasing(e, x in low..high)"),
        (ClaimName::Increasing, "increasing", "increasing(e, x in low..high)"),
        (ClaimName::Nonnegative, "nonnegative", "nonnegative` or `nonnegative(e)"),
    ];

    /// May a claim have so many arguments?
    fn takes(self, number: usize) -> bool {
        match self {
            Self::Finite | Self::PullsTarget | Self::PushesOthers => number == 0,
            Self::Bounded => number == 3,
            Self::Decreasing | Self::Increasing => number == 2,
            Self::Nonnegative => number <= 1,
        }
    }
}

impl Checker<'_, '_> {
    /// The claims of the program; `scope` is that of the loss's body.
    pub(super) fn claims(&mut self, file: &ast::File, scope: Scope) -> Vec<Claim> {
        let mut claims = Vec::new();
        for promise in &file.claims {
            let Promise::Prove(prove) = promise else { continue };
            for claim in &prove.claims {
                let before = self.builder.clone();
                claims.extend(self.claim(claim, scope));
                self.leave_the_program(claim, before);
            }
        }
        claims
    }

    /// A claim speaks of the program and adds nothing to it but values: no state, schedule, input or centre.
    fn leave_the_program(&mut self, claim: &ast::Claim, before: Builder) {
        let declared = |builder: &Builder| {
            let graph = &builder.graph;
            (graph.params.len(), graph.inputs.len(), builder.centres, builder.updates.len())
        };
        if declared(&before) != declared(&self.builder) {
            let message = "a claim adds no state, schedule, input or centre to the loss";
            let error = Diagnostic::error("claim", claim.span, message);
            self.report(error.label("what it calls brings one of its own"));
            self.builder = before;
        }
    }

    fn claim(&mut self, claim: &ast::Claim, scope: Scope) -> Option<Claim> {
        let text = claim.name.text.as_str();
        let Some((name, _, usage)) = ClaimName::ALL.into_iter().find(|(_, known, _)| *known == text) else {
            let known = ClaimName::ALL.map(|(_, known, _)| known);
            let error =
                Diagnostic::error("unknown-name", claim.name.span, format!("there is no claim `{text}`"));
            self.report(match suggest::nearest(text, known) {
                Some(near) => error.label(format!("did you mean `{near}`?")).fix(claim.name.span, near),
                None => error.help(format!("the claims are {}", known.join(", "))),
            });
            return None;
        };
        if !name.takes(claim.arguments.len()) {
            self.report(
                Diagnostic::error("arguments", claim.span, format!("`{text}` does not take these arguments"))
                    .label(format!("it is written `{usage}`")),
            );
            return None;
        }
        let arguments = match name {
            ClaimName::Decreasing | ClaimName::Increasing => self.monotone(claim, usage, scope)?,
            _ => self.plain_claim(claim, name, scope)?,
        };
        Some(Claim { name, arguments, source: claim.clone() })
    }

    fn plain_claim(
        &mut self,
        claim: &ast::Claim,
        name: ClaimName,
        scope: Scope,
    ) -> Option<Vec<ClaimArgument>> {
        let mut arguments = Vec::new();
        for (place, argument) in claim.arguments.iter().enumerate() {
            if let Some(range) = &argument.range {
                let message = format!("`{}` has no range", claim.name.text);
                self.report(Diagnostic::error("arguments", range.span(), message));
                return None;
            }
            let value = match name == ClaimName::Bounded && place > 0 {
                true => self.bound(&argument.value, scope)?,
                false => self.claimed(&argument.value, scope)?,
            };
            arguments.push(ClaimArgument { value, range: None });
        }
        if let ([_, low, high], [_, from, to]) = (arguments.as_slice(), claim.arguments.as_slice()) {
            self.not_empty(low.value, high.value, from.value.span.to(to.value.span))?;
        }
        Some(arguments)
    }

    /// The value that a claim is about.
    fn claimed(&mut self, expr: &Expr, scope: Scope) -> Option<Id> {
        let value = self.eval(expr, scope);
        let id = self.expect_number(&value, expr.span)?;
        self.no_mask(id, expr.span)
    }

    fn no_mask(&mut self, id: Id, span: Span) -> Option<Id> {
        if self.builder.varies_with_centre(id) {
            self.type_error(TypeError::Centre, span, &[]);
            return None;
        }
        if self.builder.graph.node(id).kind != Kind::Mask {
            return Some(id);
        }
        self.report(Diagnostic::error("kind", span, "a claim is about a number, and this is a mask"));
        None
    }

    /// Do the bounds leave any value between them, as far as that is known?
    fn not_empty(&mut self, low: Id, high: Id, span: Span) -> Option<()> {
        let graph = &self.builder.graph;
        match (graph.constant(low), graph.constant(high)) {
            (Some(low), Some(high)) if low > high => {
                self.report(empty_range(low, high, span));
                None
            }
            _ => Some(()),
        }
    }

    /// `decreasing(f, x in low..high)`
    fn monotone(&mut self, claim: &ast::Claim, usage: &str, scope: Scope) -> Option<Vec<ClaimArgument>> {
        let [of, by] = claim.arguments.as_slice() else { return None };
        let (None, Some(range)) = (&of.range, &by.range) else {
            self.report(
                Diagnostic::error("arguments", claim.span, "the variable has a range, and only it")
                    .label(format!("it is written `{usage}`")),
            );
            return None;
        };
        let [variable] = self.numbers([&by.value], scope)?;
        if !self.is_variable(variable) {
            self.report(
                Diagnostic::error("kind", by.value.span, "this is no variable")
                    .help("a value rises or falls by `cos[y]`, `cos[k]`, `theta[y]`, `theta[k]`, an input, or a parameter that no schedule reads"),
            );
            return None;
        }
        let low = self.bound(&range.low, scope)?;
        let high = self.bound(range.high.as_ref()?, scope)?;
        self.not_empty(low, high, range.span())?;
        let value = match self.eval(&of.value, scope) {
            Value::Function(number) => match self.functions[number].ast.parameters.len() {
                1 => self.run_function(number, &[Value::Number(variable)], Some(of.value.span)),
                parameters => {
                    let name = &self.functions[number].ast.name.text;
                    let message =
                        format!("a claim is about a function of one value, and `{name}` has {parameters}");
                    self.poison(
                        Diagnostic::error("arguments", of.value.span, message)
                            .help("call it, with the variable as one of its arguments"),
                    )
                }
            },
            other => other,
        };
        let value = self.expect_number(&value, of.value.span)?;
        let value = self.no_mask(value, of.value.span)?;
        let range = Some((low, high));
        Some(vec![ClaimArgument { value, range: None }, ClaimArgument { value: variable, range }])
    }

    fn is_variable(&self, id: Id) -> bool {
        let graph = &self.builder.graph;
        match graph.op(id) {
            Op::Input(..) => true,
            // What a schedule reads moves more than itself.
            Op::Param(index) => !graph.feeds_a_setting(index),
            Op::Acos => graph.args(id).iter().all(|&inner| matches!(graph.op(inner), Op::Input(..))),
            _ => false,
        }
    }

    /// One value for the whole batch, in a claim or a law.
    fn bound(&mut self, expr: &Expr, scope: Scope) -> Option<Id> {
        let [id] = self.numbers([expr], scope)?;
        let id = self.no_mask(id, expr.span)?;
        let shape = self.builder.graph.shape(id);
        if shape == Shape::Scalar {
            return Some(id);
        }
        self.report(Diagnostic::error(
            "shape",
            expr.span,
            format!("one value for the whole batch is wanted here, and this is {shape}"),
        ));
        None
    }

    // ----- laws -----

    /// The left sides of laws name hyperparameters.
    pub(super) fn check_law_names(&mut self, file: &ast::File, loss: &ast::Loss) {
        let known: Vec<&str> = loss
            .parameters
            .iter()
            .filter(|one| one.index.is_none() && one.kind.text != "Count")
            .map(|one| one.name.text.as_str())
            .collect();
        for law in laws_of(file) {
            for (place, (name, _)) in law.given.iter().enumerate() {
                if let Some((first, _)) = law.given[..place].iter().find(|(other, _)| other.text == name.text)
                {
                    self.report(super::error::duplicate(name, first.span));
                }
                if known.contains(&name.text.as_str()) {
                    continue;
                }
                let message = format!("`{}` is no parameter of `{}`", name.text, loss.name.text);
                let error = Diagnostic::error("unknown-name", name.span, message);
                self.report(match suggest::nearest(&name.text, known.iter().copied()) {
                    Some(near) => error.label(format!("did you mean `{near}`?")).fix(name.span, near),
                    None if known.is_empty() => error,
                    None => error.help(format!("its parameters are {}", known.join(", "))),
                });
            }
        }
    }

    /// Both sides of every law, each law in a graph of its own.
    pub(super) fn laws(&mut self, file: &Rc<ast::File>, loss: &ast::Loss, scope: Scope) -> Vec<Law> {
        let mut plain = (**file).clone();
        plain.claims.clear();
        self.loads.adopt(&loss.name.text, Rc::new(plain));
        let mut laws = Vec::new();
        for law in laws_of(file) {
            let mut checker = Checker::new(&mut *self.loads);
            checker.in_law = true;
            let result = checker.law(file, loss, law);
            let found = std::mem::take(&mut checker.diagnostics);
            // What only a law uses, is used.
            for name in called(&law.equals) {
                self.scopes.find(scope, &name.text);
            }
            let from = law.span.start;
            self.diagnostics.extend(found.into_iter().filter(|found| found.primary.span.start >= from));
            laws.extend(result);
        }
        laws
    }

    fn law(&mut self, file: &Rc<ast::File>, loss: &ast::Loss, law: &ast::Law) -> Option<Law> {
        let unit = self.unit(Rc::clone(file));
        let outer = self.units[unit].scope;
        let header = self.header(loss, outer);
        let fixed = self.scopes.inside(Some(outer));
        for parameter in &loss.parameters {
            let given = law.given.iter().find(|(name, _)| name.text == parameter.name.text);
            let value = match given {
                Some((_, value)) => self.given_in_law(loss, parameter, value, header),
                None => self.scopes.own(header, &parameter.name.text)?,
            };
            self.define(fixed, &parameter.name, value, Sort::Parameter);
        }
        let (inner, left) = self.block(&loss.body, fixed, true);
        let left = self.expect_number(&left, law.span);
        // Each side has its own way to go on with its states.
        let updates = std::mem::take(&mut self.builder.updates);
        // A law may name any loss of the library without `use`.
        let right = self.scopes.inside(Some(fixed));
        self.share_states(loss, inner, right);
        for name in called(&law.equals) {
            let text = name.text.as_str();
            if self.scopes.find(right, text).is_some() || builtin::is_builtin(text) {
                continue;
            }
            let value = if text == loss.name.text {
                Value::Loss(text.into())
            } else if self.loads.library.source(text).is_none() {
                continue;
            } else if self.load(name) == Loaded::Good {
                Value::Loss(text.into())
            } else {
                Value::Poison
            };
            self.define(right, name, value, Sort::Use);
        }
        let value = self.eval(&law.equals, right);
        let right = self.expect_number(&value, law.equals.span)?;
        let (true, Some(left), false) = (self.is_loss(right, law.equals.span), left, self.failed()) else {
            return None;
        };
        let name = &loss.name.text;
        // A right side that brings no states of its own has those of the loss.
        let own = std::mem::take(&mut self.builder.updates);
        let of = |updates: &[Update]| Builder { updates: updates.to_vec(), ..self.builder.clone() };
        let after = if own.is_empty() { of(&updates) } else { of(&own) };
        let (left, right) = (of(&updates).finish(name, left), after.finish(name, right));
        match (left, right) {
            (Ok(left), Ok(right)) => Some(Law { source: law.clone(), left, right }),
            (Err(error), _) => {
                self.type_error(error, law.span, &[]);
                None
            }
            (_, Err(error)) => {
                self.type_error(error, law.equals.span, &[]);
                None
            }
        }
    }

    /// The right side of a law knows the loss's states, as they are after the step.
    fn share_states(&mut self, loss: &ast::Loss, inner: Scope, right: Scope) {
        for statement in &loss.body.statements {
            if let Statement::State(state) = statement
                && let Some(value) = self.scopes.own(inner, &state.name.text)
            {
                let _ = self.scopes.define(right, &state.name, value, Sort::Let, false);
            }
        }
    }

    /// The value that a law gives to a parameter.
    fn given_in_law(
        &mut self,
        loss: &ast::Loss,
        parameter: &Parameter,
        given: &Expr,
        header: Scope,
    ) -> Value {
        let Some(id) = self.bound(given, header) else { return Value::Poison };
        let name = &parameter.name;
        let kind = Kind::from_name(&parameter.kind.text);
        if kind.is_some_and(|kind| !self.fits(id, kind, &loss.name.text, name, given.span)) {
            return Value::Poison;
        }
        self.check_given(&name.text, id, given.span);
        Value::Number(id)
    }

    /// Warns when a law fixes a parameter at a value that it cannot have.
    fn check_given(&mut self, name: &str, id: Id, span: Span) {
        let Some(number) = self.builder.graph.constant(id) else { return };
        let Some(param) = self.builder.graph.params.iter().find(|param| param.name == name) else { return };
        if number < param.low || number > param.high {
            let label = header::range(param.low, param.high);
            let message = header::out_of_range(name, number);
            self.report(Diagnostic::warning("range", span, message).label(label));
        }
    }
}

fn laws_of(file: &ast::File) -> impl Iterator<Item = &ast::Law> {
    file.claims.iter().filter_map(|promise| match promise {
        Promise::Law(law) => Some(law),
        Promise::Prove(_) => None,
    })
}

/// The names of everything that is called in an expression.
fn called(expr: &Expr) -> Vec<&Name> {
    let mut names: Vec<&Name> = Vec::new();
    let mut rest = vec![expr];
    while let Some(expr) = rest.pop() {
        match &expr.kind {
            ExprKind::Call { callee, arguments, .. } => {
                if names.iter().all(|name| name.text != callee.text) {
                    names.push(callee);
                }
                rest.extend(arguments.iter().map(|argument| &argument.value));
            }
            ExprKind::Field { base, arguments, .. } => {
                // `sv_softmax.weight(..)` names a loss without calling it.
                if let (ExprKind::Name { name, .. }, Some(_)) = (&base.kind, arguments)
                    && names.iter().all(|known| known.text != name.text)
                {
                    names.push(name);
                }
                rest.push(base);
                rest.extend(arguments.iter().flatten().map(|argument| &argument.value));
            }
            ExprKind::Unary { operand, .. } => rest.push(operand),
            ExprKind::Binary { left, right, .. } => rest.extend([&**left, &**right]),
            ExprKind::If { condition, then, otherwise, .. } => {
                rest.extend([&**condition, &**then, &**otherwise])
            }
            ExprKind::Number { .. } | ExprKind::Name { .. } | ExprKind::Error => {}
        }
    }
    names
}
