//! The text of a program, from a string, from tokens, from a file.

use std::path::{Path, PathBuf};

use proc_macro::{Delimiter, Span, TokenStream, TokenTree};

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
        let mut layout = Layout { text: String::new(), line: 1, column: 1, places: Vec::new() };
        layout.all(tokens);
        let Layout { text, places, .. } = layout;
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

/// Puts tokens where they stand in their file.
struct Layout {
    text: String,
    /// Where the text ends, in lines and letters from 1.
    line: usize,
    column: usize,
    places: Vec<(usize, Span)>,
}

impl Layout {
    fn all(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                // Rust makes `#![doc = ".."]` of a `//!` line. No program has a `#` of its own.
                TokenTree::Punct(sharp) if sharp.as_char() == '#' => {
                    tokens.next_if(|next| matches!(next, TokenTree::Punct(p) if p.as_char() == '!'));
                    tokens.next_if(|next| matches!(next, TokenTree::Group(_)));
                }
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::None => {
                            self.all(group.stream());
                            continue;
                        }
                    };
                    self.token(open, group.span_open());
                    self.all(group.stream());
                    self.token(close, group.span_close());
                }
                other => self.token(&other.to_string(), other.span()),
            }
        }
    }

    fn token(&mut self, text: &str, span: Span) {
        let start = span.start();
        if start.line() > self.line {
            self.text += &"\n".repeat(start.line() - self.line);
            self.column = 1;
        } else if start.line() < self.line {
            // A token of another macro, which stands elsewhere.
            self.text.push('\n');
            self.column = 1;
        }
        if start.column() < self.column {
            self.text.push(' ');
        }
        self.text += &" ".repeat(start.column().saturating_sub(self.column));
        self.places.push((self.text.len(), span));
        self.text += text;
        self.line = start.line();
        self.column = start.column() + text.chars().count();
    }
}
