//! Expressions as layout.

use super::doc::Doc;
use super::printer::{Printer, index};
use crate::ast::*;

impl Printer<'_> {
    /// The value of a `let`, a block, a function, a law.
    pub(super) fn value(&mut self, value: &Expr) -> Doc {
        let comments = self.pending(value.span.start);
        let nested = comments.must_break();
        let doc = Doc::Concat(vec![comments, self.region(value, binding::IF)]);
        if nested { doc.nest() } else { doc }
    }

    /// An expression that may be broken over lines. Outside of brackets a line
    /// must not begin with `-`, so there it gets parentheses when it is broken.
    pub(super) fn region(&mut self, value: &Expr, least: u8) -> Doc {
        if self.brackets > 0 || value.binding() < least || !has_minus(value) {
            return self.expr(value, least).group();
        }
        self.brackets += 1;
        self.aligned = true;
        let inner = self.expr(value, least);
        self.brackets -= 1;
        Doc::Concat(vec![
            Doc::IfBroken("("),
            Doc::Concat(vec![Doc::SoftLine, inner]).nest(),
            Doc::SoftLine,
            Doc::IfBroken(")"),
        ])
        .group()
    }

    /// The expression, in parentheses if it binds less tightly than `least`.
    fn expr(&mut self, value: &Expr, least: u8) -> Doc {
        let aligned = std::mem::take(&mut self.aligned);
        if value.binding() < least {
            return self.parenthesised(value);
        }
        match &value.kind {
            ExprKind::Number { text, .. } => self.leaf(value, text.clone()),
            ExprKind::Name { name, index: at } => {
                self.leaf(value, format!("{}{}", name.text, index(at.as_ref())))
            }
            ExprKind::Call { callee, index: at, arguments } => {
                let comments = self.pending(value.span.start);
                let open = format!("{}{}(", callee.text, index(at.as_ref()));
                let list = self.arguments(open, arguments, value.span.end);
                Doc::Concat(vec![comments, list])
            }
            ExprKind::Field { base, field, index: at, arguments } => {
                let number = matches!(base.kind, ExprKind::Number { .. });
                let base = match number {
                    true => self.parenthesised(base),
                    false => self.expr(base, binding::ATOM),
                };
                let field = format!(".{}{}", field.text, index(at.as_ref()));
                match arguments {
                    Some(arguments) => {
                        let list = self.arguments(format!("{field}("), arguments, value.span.end);
                        Doc::Concat(vec![base, list])
                    }
                    None => Doc::Concat(vec![base, Doc::Text(field)]),
                }
            }
            ExprKind::Unary { operator, operand } => {
                let comments = self.pending(value.span.start);
                let (text, least) = match operator {
                    UnaryOperator::Negate => ("-", binding::POWER),
                    UnaryOperator::Not => ("not ", binding::NOT),
                };
                let operand = self.expr(operand, least);
                Doc::Concat(vec![comments, Doc::text(text), operand])
            }
            ExprKind::Binary { operator: BinaryOperator::Power, left, right, .. } => {
                let left = self.expr(left, binding::ATOM);
                let right = self.expr(right, binding::NEGATION);
                Doc::Concat(vec![left, Doc::text("^"), right])
            }
            ExprKind::Binary { operator, .. } => {
                let mut docs = Vec::new();
                self.chain(value, operator.binding(), aligned, &mut docs);
                Doc::Concat(docs).group()
            }
            ExprKind::If { .. } => self.conditional(value),
            ExprKind::Error => Doc::nothing(),
        }
    }

    fn arguments(&mut self, open: String, arguments: &[Argument], end: usize) -> Doc {
        let arguments = arguments.iter().map(|argument| {
            let start = argument.name.as_ref().map_or(argument.value.span, |name| name.span).start;
            (start, move |printer: &mut Self| {
                let name = argument.name.as_ref().map_or(String::new(), |name| format!("{}: ", name.text));
                Doc::Concat(vec![Doc::Text(name), printer.region(&argument.value, binding::IF)])
            })
        });
        self.list(open, arguments, end)
    }

    fn leaf(&mut self, value: &Expr, text: String) -> Doc {
        let comments = self.pending(value.span.start);
        Doc::Concat(vec![comments, Doc::Text(text)])
    }

    fn parenthesised(&mut self, value: &Expr) -> Doc {
        let comments = self.pending(value.span.start);
        let tight = std::mem::replace(&mut self.tight, false);
        self.brackets += 1;
        self.aligned = true;
        let inner = self.expr(value, binding::IF);
        let late = self.pending(value.span.end);
        self.brackets -= 1;
        self.tight = tight;
        let inner = Doc::Concat(vec![Doc::text("("), Doc::SoftLine, inner, late]).nest();
        Doc::Concat(vec![comments, inner, Doc::SoftLine, Doc::text(")")]).group()
    }

    /// Operators of one level, left to right: `a + b - c`. When broken, the
    /// operands stand below the first one (`aligned`) or one level further in.
    fn chain(&mut self, value: &Expr, level: u8, aligned: bool, docs: &mut Vec<Doc>) {
        let ExprKind::Binary { operator, operator_span, left, right } = &value.kind else {
            docs.push(self.expr(value, level));
            return;
        };
        if operator.binding() != level {
            docs.push(self.expr(value, level));
            return;
        }
        if operator.is_comparison() {
            docs.push(self.expr(left, level + 1));
        } else {
            self.chain(left, level, aligned, docs);
        }
        let comments = self.pending(operator_span.start);
        let right = |printer: &mut Self| printer.expr(right, level + 1);
        let link = if self.tight && level == binding::PRODUCT {
            vec![comments, Doc::text(operator.text()), right(self)]
        } else {
            vec![comments, Doc::Line, Doc::text(format!("{} ", operator.text())), right(self)]
        };
        docs.push(if aligned { Doc::Concat(link) } else { Doc::Concat(link).nest() });
    }

    /// `if c then a else if d then b else e`, a line a case if it is long.
    fn conditional(&mut self, value: &Expr) -> Doc {
        let mut cases = Vec::new();
        let mut head = vec![self.pending(value.span.start), Doc::text("if ")];
        let mut value = value;
        while let ExprKind::If { condition, then_span, then, else_span, otherwise } = &value.kind {
            head.push(self.region(condition, binding::IF));
            let comments = self.pending(then_span.start);
            let apart = comments.must_break();
            let then = Doc::Concat(vec![comments, Doc::text(" then "), self.region(then, binding::IF)]);
            head.push(if apart { then.nest() } else { then });
            let case = Doc::Concat(std::mem::take(&mut head));
            cases.push(if cases.is_empty() { case } else { case.nest() });
            head.extend([self.pending(else_span.start), Doc::Line, Doc::text("else ")]);
            head.push(self.pending(otherwise.span.start));
            if matches!(otherwise.kind, ExprKind::If { .. }) {
                head.push(Doc::text("if "));
            }
            value = otherwise;
        }
        head.push(self.region(value, binding::IF));
        cases.push(Doc::Concat(head).nest());
        Doc::Concat(cases).group()
    }
}

/// Would a broken line begin with `-`? That is, is there a difference outside
/// of all brackets?
fn has_minus(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Binary { operator, left, right, .. } => {
            let least = operator.binding();
            *operator == BinaryOperator::Subtract
                || (left.binding() >= least && has_minus(left))
                || (right.binding() > least && has_minus(right))
        }
        ExprKind::Unary { operator: UnaryOperator::Not, operand } => has_minus(operand),
        _ => false,
    }
}
