//! Mistakes that a person would make, made on purpose: a check of the verifier itself.
//!
//! Each mutant is a program with one mistake in the loss (its promises stay as they were). One that `verify` does not
//! refute is a survivor, and says what the program's promises don't cover.

use std::collections::HashMap;

use marlo_ir::graph::{Graph, Id};
use marlo_lang::ast::{
    Argument, BinaryOperator as B, Block, Expr, ExprKind, File, Name, Statement, UnaryOperator,
};
use marlo_lang::{Span, print};

/// A program with a mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutant {
    /// The mistake, in words.
    pub mistake: String,
    /// The program.
    pub source: String,
}

/// Every program with one mistake in the loss's body or its functions.
pub fn mutants(file: &File) -> Vec<Mutant> {
    let mut found = Vec::new();
    let mut keep = |mistake: String, file: File| found.push(Mutant { mistake, source: print(&file) });
    if let Some(loss) = &file.loss {
        for (mistake, body) in block(&loss.body) {
            let mut changed = file.clone();
            if let Some(loss) = &mut changed.loss {
                loss.body = body;
            }
            keep(mistake, changed);
        }
    }
    for (at, function) in file.functions.iter().enumerate() {
        for (mistake, body) in block(&function.body) {
            let mut changed = file.clone();
            changed.functions[at].body = body;
            keep(mistake, changed);
        }
    }
    found
}

/// The roots with one node in place of another, as further nodes of the graph.
pub fn replaced(graph: &mut Graph, roots: &[Id], from: Id, to: Id) -> Vec<Id> {
    crate::claims::replace(graph, roots, &HashMap::from([(from, to)]))
}

type Changed<T> = Vec<(String, T)>;

fn block(from: &Block) -> Changed<Block> {
    let mut found = Vec::new();
    for (at, statement) in from.statements.iter().enumerate() {
        let mut keep = |mistake: String, statement: Statement| {
            let mut changed = from.clone();
            changed.statements[at] = statement;
            found.push((mistake, changed));
        };
        match statement {
            Statement::Let(one) => {
                let name = &one.name.text;
                let mut values = expr(&one.value);
                values.push((format!("`{name}` detached"), call("detach", vec![one.value.clone()])));
                for (mistake, value) in values {
                    let mut changed = one.clone();
                    changed.value = value;
                    keep(format!("in `{name}`: {mistake}"), Statement::Let(changed));
                }
            }
            Statement::State(one) => {
                for (mistake, next) in expr(&one.next) {
                    let mut changed = one.clone();
                    changed.next = next;
                    keep(format!("in `{}`: {mistake}", one.name.text), Statement::State(changed));
                }
            }
            Statement::Function(one) => {
                for (mistake, body) in block(&one.body) {
                    let mut changed = one.clone();
                    changed.body = body;
                    keep(format!("in `{}`: {mistake}", one.name.text), Statement::Function(changed));
                }
            }
        }
    }
    for (mistake, value) in expr(&from.value) {
        let mut changed = from.clone();
        changed.value = value;
        found.push((mistake, changed));
    }
    found
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let arguments = arguments.into_iter().map(|value| Argument { name: None, value }).collect();
    let callee = Name { text: name.to_owned(), span: Span::default() };
    Expr { span: Span::default(), kind: ExprKind::Call { callee, index: None, arguments } }
}

/// One mistake anywhere in an expression.
fn expr(from: &Expr) -> Changed<Expr> {
    let mut found = here(from);
    let mut inside = |part: &Expr, put: &dyn Fn(&mut ExprKind, Expr)| {
        for (mistake, part) in expr(part) {
            let mut changed = from.clone();
            put(&mut changed.kind, part);
            found.push((mistake, changed));
        }
    };
    match &from.kind {
        ExprKind::Call { arguments, .. } => {
            for (at, argument) in arguments.iter().enumerate() {
                inside(&argument.value, &|kind, part| {
                    if let ExprKind::Call { arguments, .. } = kind {
                        arguments[at].value = part;
                    }
                });
            }
        }
        ExprKind::Field { base, arguments, .. } => {
            inside(base, &|kind, part| {
                if let ExprKind::Field { base, .. } = kind {
                    **base = part;
                }
            });
            for (at, argument) in arguments.iter().flatten().enumerate() {
                inside(&argument.value, &|kind, part| {
                    if let ExprKind::Field { arguments: Some(arguments), .. } = kind {
                        arguments[at].value = part;
                    }
                });
            }
        }
        ExprKind::Unary { operand, .. } => inside(operand, &|kind, part| {
            if let ExprKind::Unary { operand, .. } = kind {
                **operand = part;
            }
        }),
        ExprKind::Binary { left, right, .. } => {
            inside(left, &|kind, part| {
                if let ExprKind::Binary { left, .. } = kind {
                    **left = part;
                }
            });
            inside(right, &|kind, part| {
                if let ExprKind::Binary { right, .. } = kind {
                    **right = part;
                }
            });
        }
        ExprKind::If { condition, then, otherwise, .. } => {
            inside(condition, &|kind, part| {
                if let ExprKind::If { condition, .. } = kind {
                    **condition = part;
                }
            });
            inside(then, &|kind, part| {
                if let ExprKind::If { then, .. } = kind {
                    **then = part;
                }
            });
            inside(otherwise, &|kind, part| {
                if let ExprKind::If { otherwise, .. } = kind {
                    **otherwise = part;
                }
            });
        }
        ExprKind::Number { .. } | ExprKind::Name { .. } | ExprKind::Error => {}
    }
    found
}

/// The mistakes that can be made at the root of an expression: one match, an arm a construct.
fn here(from: &Expr) -> Changed<Expr> {
    let with = |kind: ExprKind| Expr { span: from.span, kind };
    match &from.kind {
        ExprKind::Binary { operator, operator_span, left, right } => {
            let as_other = |operator: B| {
                with(ExprKind::Binary {
                    operator,
                    operator_span: *operator_span,
                    left: left.clone(),
                    right: right.clone(),
                })
            };
            match operator {
                B::Add => {
                    let mut found = vec![("+ became -".to_owned(), as_other(B::Subtract))];
                    found.extend(left_out(left, right, "term"));
                    found
                }
                B::Subtract => {
                    vec![
                        ("- became +".to_owned(), as_other(B::Add)),
                        ("a term left out".to_owned(), (**left).clone()),
                    ]
                }
                B::Multiply => left_out(left, right, "factor"),
                B::Divide => vec![("the divisor left out".to_owned(), (**left).clone())],
                B::Less => vec![("mask inverted".to_owned(), as_other(B::GreaterEqual))],
                B::LessEqual => vec![("mask inverted".to_owned(), as_other(B::Greater))],
                B::Greater => vec![("mask inverted".to_owned(), as_other(B::LessEqual))],
                B::GreaterEqual => vec![("mask inverted".to_owned(), as_other(B::Less))],
                B::Power => vec![("the exponent left out".to_owned(), (**left).clone())],
                _ => Vec::new(),
            }
        }
        ExprKind::Unary { operator: UnaryOperator::Negate, operand } => {
            vec![("a sign left out".to_owned(), (**operand).clone())]
        }
        ExprKind::If { condition, then_span, then, else_span, otherwise } => {
            vec![(
                "branches swapped".to_owned(),
                with(ExprKind::If {
                    condition: condition.clone(),
                    then_span: *then_span,
                    then: otherwise.clone(),
                    else_span: *else_span,
                    otherwise: then.clone(),
                }),
            )]
        }
        ExprKind::Name { name, index: Some(index) } => {
            let other = match index.text.as_str() {
                "y" => "k",
                "k" => "y",
                _ => return Vec::new(),
            };
            let index = Name { text: other.to_owned(), span: index.span };
            let mistake =
                format!("{0}[{other}] for {0}[{1}]", name.text, if other == "y" { "k" } else { "y" });
            vec![(mistake, with(ExprKind::Name { name: name.clone(), index: Some(index) }))]
        }
        ExprKind::Name { name, index: None } => {
            let two = with(ExprKind::Number { text: "2".to_owned(), value: 2.0 });
            let twice = ExprKind::Binary {
                operator: B::Multiply,
                operator_span: from.span,
                left: Box::new(two),
                right: Box::new(from.clone()),
            };
            vec![(format!("2 * {0} for {0}", name.text), with(twice))]
        }
        ExprKind::Call { callee, index, arguments } => {
            let other = match callee.text.as_str() {
                "cos" => "sin",
                "sin" => "cos",
                "exp" => "expm1",
                "max" => "min",
                "min" => "max",
                "floor" => "abs",
                _ => return Vec::new(),
            };
            let mistake = format!("{other} for {}", callee.text);
            let callee = Name { text: other.to_owned(), span: callee.span };
            vec![(
                mistake,
                with(ExprKind::Call { callee, index: index.clone(), arguments: arguments.clone() }),
            )]
        }
        ExprKind::Number { value, .. } if *value != 0.0 => {
            let value = value * 2.0;
            vec![(
                format!("{value} for {}", value / 2.0),
                with(ExprKind::Number { text: value.to_string(), value }),
            )]
        }
        _ => Vec::new(),
    }
}

fn left_out(left: &Expr, right: &Expr, what: &str) -> Changed<Expr> {
    vec![
        (format!("the first {what} left out"), right.clone()),
        (format!("the last {what} left out"), left.clone()),
    ]
}
