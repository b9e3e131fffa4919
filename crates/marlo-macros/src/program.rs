//! The text of a program, from a string, from tokens, from a file.

use std::path::{Path, PathBuf};

use proc_macro::{Span, TokenStream};

use crate::layout;

/// A program before it is compiled.
pub(crate) struct Program {
    /// Its text, with as many lines before it as the Rust file has, so that the lines of both have the same numbers.
    pub(crate) text: String,
    /// What messages call the file that it stands in.
    pub(crate) path: String,
    /// An expression of its text.
    pub(crate) source: String,
    /// The folder whose losses it may use, beside the shipped ones.
    pub(crate) folder: Option<PathBuf>,
    /// Where in the text the tokens of the Rust file begin.
    pub(crate) places: Vec<(usize, Span)>,
}

impl Program {
    /// A program in a string literal.
    pub(crate) fn of_string(text: &str, span: Span) -> Program {
        Program {
            text: "\n".repeat(span.line().saturating_sub(1)) + text,
            path: span.file(),
            source: format!("{text:?}"),
            folder: None,
            places: vec![(0, span)],
        }
    }

    /// A program in Rust tokens. Their places tell the lines, which end the language's statements.
    pub(crate) fn of_tokens(tokens: TokenStream) -> Program {
        let (text, places) = layout::lay_out(tokens);
        Program {
            path: places.first().map_or_else(Span::call_site, |place| place.1).file(),
            source: format!("{:?}", text.trim_start_matches('\n')),
            folder: None,
            text,
            places,
        }
    }

    /// A program in a file of its own.
    ///
    /// # Errors
    /// When it can't be read.
    pub(crate) fn of_file(path: &str, span: Span) -> Result<Program, String> {
        let from = span.local_file().and_then(|file| file.parent().map(Path::to_path_buf));
        // Some editors, and a compiler that maps paths to others, have no file.
        let from = from.or_else(|| std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from));
        let path = from.unwrap_or_default().join(path);
        let wrong = |error| format!("`{}` can't be read: {error}", path.display());
        let text = std::fs::read_to_string(&path).map_err(wrong)?;
        Ok(Program {
            source: include(&path).map_err(wrong)?,
            folder: path.parent().map(Path::to_path_buf),
            path: path.display().to_string(),
            text,
            places: vec![(0, span)],
        })
    }
}

/// An expression of a file's text. The Rust compiler then knows that the program is made of that file.
pub(crate) fn include(path: &Path) -> std::io::Result<String> {
    Ok(format!("::core::include_str!({:?})", path.canonicalize()?))
}
