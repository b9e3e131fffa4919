//! Programs without their places, to compare what they say.

use crate::Span;
use crate::ast::*;

impl File {
    /// The same program with every span set to zero.
    #[must_use]
    pub fn without_spans(mut self) -> Self {
        for used in &mut self.uses {
            used.span = Span::default();
            name(&mut used.name);
        }
        self.functions.iter_mut().for_each(function);
        if let Some(loss) = &mut self.loss {
            loss.span = Span::default();
            loss.parameters_span = Span::default();
            name(&mut loss.name);
            loss.parameters.iter_mut().for_each(parameter);
            block(&mut loss.body);
        }
        self.claims.iter_mut().for_each(promise);
        self
    }
}

fn name(name: &mut Name) {
    name.span = Span::default();
}

fn names<'a>(items: impl IntoIterator<Item = &'a mut Name>) {
    items.into_iter().for_each(name);
}

fn function(function: &mut Function) {
    function.span = Span::default();
    function.parameters_span = Span::default();
    name(&mut function.name);
    for parameter in &mut function.parameters {
        name(&mut parameter.name);
        names(&mut parameter.kind);
    }
    block(&mut function.body);
}

fn parameter(parameter: &mut Parameter) {
    parameter.span = Span::default();
    name(&mut parameter.name);
    name(&mut parameter.kind);
    names(&mut parameter.index);
    parameter.default.iter_mut().for_each(expr);
    parameter.drawn.iter_mut().for_each(expr);
    parameter.range.iter_mut().for_each(range);
    parameter.sum.iter_mut().for_each(expr);
}

fn range(range: &mut Range) {
    expr(&mut range.low);
    range.high.iter_mut().for_each(expr);
}

fn block(block: &mut Block) {
    block.span = Span::default();
    for statement in &mut block.statements {
        match statement {
            Statement::Let(binding) => {
                binding.span = Span::default();
                name(&mut binding.name);
                names(&mut binding.index);
                expr(&mut binding.value);
            }
            Statement::Function(inner) => function(inner),
            Statement::State(state) => {
                state.span = Span::default();
                name(&mut state.name);
                names(&mut state.kind);
                expr(&mut state.start);
                state.range.iter_mut().for_each(range);
                expr(&mut state.next);
            }
        }
    }
    expr(&mut block.value);
}

fn promise(promise: &mut Promise) {
    match promise {
        Promise::Law(law) => {
            law.span = Span::default();
            for (parameter, value) in &mut law.given {
                name(parameter);
                expr(value);
            }
            expr(&mut law.equals);
        }
        Promise::Prove(prove) => {
            prove.span = Span::default();
            for claim in &mut prove.claims {
                claim.span = Span::default();
                name(&mut claim.name);
                for argument in &mut claim.arguments {
                    expr(&mut argument.value);
                    argument.range.iter_mut().for_each(range);
                }
            }
        }
    }
}

fn arguments(arguments: &mut Vec<Argument>) {
    for argument in arguments {
        names(&mut argument.name);
        expr(&mut argument.value);
    }
}

fn expr(node: &mut Expr) {
    node.span = Span::default();
    match &mut node.kind {
        ExprKind::Number { .. } | ExprKind::Error => {}
        ExprKind::Name { name: inner, index } => {
            name(inner);
            names(index);
        }
        ExprKind::Call { callee, index, arguments } => {
            name(callee);
            names(index);
            self::arguments(arguments);
        }
        ExprKind::Field { base, field, index, arguments } => {
            expr(base);
            name(field);
            names(index);
            arguments.iter_mut().for_each(self::arguments);
        }
        ExprKind::Unary { operand, .. } => expr(operand),
        ExprKind::Binary { operator_span, left, right, .. } => {
            *operator_span = Span::default();
            expr(left);
            expr(right);
        }
        ExprKind::If { condition, then_span, then, else_span, otherwise } => {
            *then_span = Span::default();
            *else_span = Span::default();
            expr(condition);
            expr(then);
            expr(otherwise);
        }
    }
}
