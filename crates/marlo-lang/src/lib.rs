//! The `.loss` language.

pub mod ast;
mod ast_spans;
mod check;
pub mod diagnostic;
mod format;
mod lexer;
mod parser;
pub mod render;
mod span;
pub mod suggest;
mod token;

pub use check::{Claim, ClaimArgument, ClaimName, Compiled, Empty, Law, Library, compile};
pub use diagnostic::{Diagnostic, Severity};
pub use format::{format, print};
pub use parser::parse;
pub use span::Span;
