//! Constants in a header: numbers, pi and parameters before them.

use super::Checker;
use super::header::Defaults;
use crate::Diagnostic;
use crate::ast::{BinaryOperator, Expr, ExprKind, UnaryOperator};

impl Checker<'_, '_> {
    /// The value of a constant; `known` are the defaults of earlier parameters.
    pub(super) fn constant(&mut self, value: &Expr, known: &Defaults) -> Option<f64> {
        let refuse = |message: String| {
            Diagnostic::error("constant", value.span, message)
                .help("a constant is made of numbers, `pi`, `+ - * / ^` and earlier parameters")
        };
        let result = match &value.kind {
            ExprKind::Number { value, .. } => *value,
            ExprKind::Name { name, index: None } => match (name.text.as_str(), known.get(&name.text)) {
                ("pi" | "π", _) => std::f64::consts::PI,
                (_, Some(Some(number))) => *number,
                (text, Some(None)) => {
                    self.report(refuse(format!("`{text}` has no default, so this is no constant")));
                    return None;
                }
                (text, None) => {
                    self.report(refuse(format!("`{text}` is no constant")));
                    return None;
                }
            },
            ExprKind::Unary { operator: UnaryOperator::Negate, operand } => -self.constant(operand, known)?,
            ExprKind::Binary { operator, left, right, .. } => {
                let (left, right) = (self.constant(left, known)?, self.constant(right, known)?);
                match operator {
                    BinaryOperator::Add => left + right,
                    BinaryOperator::Subtract => left - right,
                    BinaryOperator::Multiply => left * right,
                    BinaryOperator::Divide => left / right,
                    BinaryOperator::Power => left.powf(right),
                    _ => {
                        self.report(refuse("this is a truth value, not a number".into()));
                        return None;
                    }
                }
            }
            ExprKind::Error => return None,
            _ => {
                self.report(refuse("this is no constant".into()));
                return None;
            }
        };
        if !result.is_finite() {
            self.report(Diagnostic::error("constant", value.span, "this constant is not finite"));
            return None;
        }
        Some(result)
    }
}
