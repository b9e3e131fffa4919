//! What the graph's builder refuses, with its place and in words.

use marlo_ir::build::TypeError;

use super::Checker;
use crate::ast::Name;
use crate::{Diagnostic, Span};

/// A name that the same frame has already.
pub(super) fn duplicate(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate", name.span, format!("`{}` is given twice", name.text))
        .label("the second time")
        .also(first, "the first time")
        .help("a name gets its value once; choose another one")
}

impl Checker<'_, '_> {
    /// Reports an error about the expression at `whole` with arguments at `arguments`.
    pub(super) fn type_error(&mut self, error: TypeError, whole: Span, arguments: &[Span]) {
        let place = |at: usize| arguments.get(at).copied().unwrap_or(whole);
        let (code, span) = match &error {
            TypeError::Kinds { .. } => ("kind", whole),
            TypeError::Argument { place: at, .. } => ("kind", place(*at)),
            TypeError::NothingOverClasses { function, .. } => {
                ("shape", place(usize::from(*function == "softmax")))
            }
            TypeError::NotARow { .. } | TypeError::Target { .. } => ("shape", place(0)),
            TypeError::NotAScalar { .. } => ("shape", place(1)),
            TypeError::NotALoss { .. } => ("shape", whole),
            TypeError::Mixed => ("mixed", whole),
            TypeError::Duplicate { .. } => ("duplicate", whole),
        };
        let mut diagnostic = Diagnostic::error(code, span, error.to_string());
        if let (TypeError::Kinds { left, right, .. }, [first, .., last]) = (&error, arguments) {
            diagnostic = diagnostic.also(*first, format!("{left}")).also(*last, format!("{right}"));
        }
        if let (TypeError::Mixed, Some((name, first))) = (&error, self.matrix) {
            diagnostic = diagnostic.also(first, format!("`{name}` is read here"));
        }
        if let Some(hint) = error.hint() {
            diagnostic = diagnostic.help(hint);
        }
        self.report(diagnostic);
    }
}
