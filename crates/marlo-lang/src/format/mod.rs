//! The one way to lay a program out.
//!
//! Four blanks a level, at most one empty line in a row, only the parentheses
//! that are needed, long lists one item a line. Comments stay where they
//! stand: [`printer::Printer`] walks the tree in the order of the source and,
//! at every place where a line may end, first writes the comments that stood
//! before it.

mod doc;
mod expr;
mod printer;

use crate::Diagnostic;
use crate::ast::File;
use crate::parser::parse_with_comments;
use printer::Printer;

/// Lays the program out anew; formatting twice changes nothing more.
///
/// # Errors
///
/// What is wrong with a program that cannot be read.
///
/// ```
/// let text = marlo_lang::format("loss plain(s:Scale=64){ (s*cos[y]) }").unwrap();
/// assert_eq!(text, "loss plain(s: Scale = 64) {\n    s * cos[y]\n}\n");
/// ```
pub fn format(source: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = parse_with_comments(source);
    if parsed.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(parsed.diagnostics);
    }
    Ok(Printer::with_source(source, &parsed.comments).file(&parsed.file).render())
}

/// The text of one expression, on a line.
pub(crate) fn print_expression(expr: &crate::ast::Expr) -> String {
    let text = Printer::without_source().value(expr).render();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A parameter as it stands in a header, on a line.
pub(crate) fn print_parameter(parameter: &crate::ast::Parameter) -> String {
    let bare = crate::ast::Parameter { docs: Vec::new(), ..parameter.clone() };
    let text = Printer::without_source().parameter(&bare).render();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text of a program that has none yet: docs are written, spans are not
/// looked at.
#[must_use]
pub fn print(file: &File) -> String {
    Printer::without_source().file(file).render()
}
