//! The `.loss` language: the text of a loss in, a typed [`marlo_ir::loss::Loss`] out, or messages that help.
//!
//! The stages, in the order of the data:
//!
//! 1. The lexer splits the text into tokens and comments. It never stops; what it does not know is reported.
//! 2. [`parse`](parse()) reads the tokens into an [`ast::File`], plain data with byte [`Span`]s. After a
//!    mistake it goes on at the next line, so that one run finds several.
//! 3. [`compile`] runs the program once on symbols: functions, and the losses of a [`Library`], are written
//!    out where they are called, and each step is checked for kinds and shapes. [`Compiled`] holds the graph,
//!    the laws and claims, and warnings.
//! 4. A mistake is a [`Diagnostic`], as data: a place, a reason, perhaps an edit that mends it.
//!    [`render`](mod@render) draws it; nothing else here draws anything.
//!
//! Beside them, [`format`](format()) lays a text out anew, comments included, and [`print`](print()) writes a
//! tree that has no text.
//!
//! Depth and size are bounded at every stage, so any text is answered. The crate evaluates and derives
//! nothing, that is for `marlo-ir`; it knows no loss by name; and it reads no files, a [`Library`] does.
//!
//! ```
//! use marlo_lang::{Empty, compile, render};
//!
//! let source = "\
//! loss arcface(s: Scale = 64 in 1..128, m: Angle = 0.5 in 0..pi/2) {
//!     let f = cos(theta[y] + m)
//!     ce(softmax(s * f, s * cos[k]))
//! }
//! ";
//! let compiled = compile(source, &Empty).expect("it is right");
//! assert_eq!(compiled.loss.graph.params[1].name, "m");
//!
//! let wrong = source.replace("theta[y] + m", "cos[y] + m");
//! let found = compile(&wrong, &Empty).expect_err("a cosine and an angle have no sum");
//! let text = render::render_all(&found, "arcface.loss", &wrong, render::Style::Plain);
//! assert!(text.contains("a Cosine and an Angle can't be added"));
//! assert!(text.contains("arcface.loss:2:17"));
//! ```

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
