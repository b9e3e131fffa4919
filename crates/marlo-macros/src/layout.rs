//! Rust tokens, back as the lines of text that they were.

use proc_macro::{Delimiter, Spacing, Span, TokenStream, TokenTree};

/// The text of tokens, each at the line and the column that it has in its file, and where in the text each begins.
///
/// A macro that writes a program mixes tokens of its own with those that it was given, which stand on other lines.
/// The longest run of tokens in the order of a file are the program's own, and only they end lines: the others,
/// the macro's arguments, follow the token before them.
pub(crate) fn lay_out(tokens: TokenStream) -> (String, Vec<(usize, Span)>) {
    let mut flat = Vec::new();
    flatten(tokens, &mut flat);
    let lines: Vec<usize> = flat.iter().map(|token| token.span.start().line()).collect();
    let own = longest_in_order(&lines);
    let mut layout =
        Layout { text: String::new(), line: 1, column: Some(1), joint: false, places: Vec::new() };
    for (token, own) in flat.iter().zip(own) {
        layout.put(token, own);
    }
    (layout.text, layout.places)
}

struct Token {
    text: String,
    span: Span,
    /// Whether the next token belongs to the same operator.
    joint: bool,
}

fn flatten(tokens: TokenStream, flat: &mut Vec<Token>) {
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
                    Delimiter::None => ("", ""),
                };
                let bracket = |text: &str, span| Token { text: text.into(), span, joint: false };
                if !open.is_empty() {
                    flat.push(bracket(open, group.span_open()));
                }
                flatten(group.stream(), flat);
                if !close.is_empty() {
                    flat.push(bracket(close, group.span_close()));
                }
            }
            other => {
                let joint = matches!(&other, TokenTree::Punct(p) if p.spacing() == Spacing::Joint);
                flat.push(Token { text: other.to_string(), span: other.span(), joint });
            }
        }
    }
}

/// Which numbers make the longest sequence that never falls.
fn longest_in_order(numbers: &[usize]) -> Vec<bool> {
    // `ends[n]` is where the sequence of n + 1 numbers that ends lowest ends.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    for (at, &number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|&end| numbers[end] <= number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut chosen = vec![false; numbers.len()];
    let mut last = ends.last().copied();
    while let Some(at) = last {
        chosen[at] = true;
        last = before[at];
    }
    chosen
}

struct Layout {
    text: String,
    /// The line that the text ends in, from 1.
    line: usize,
    /// The column that the text ends at, from 1; none after a token that stands elsewhere.
    column: Option<usize>,
    joint: bool,
    places: Vec<(usize, Span)>,
}

impl Layout {
    fn put(&mut self, token: &Token, own: bool) {
        let start = token.span.start();
        if own && start.line() > self.line {
            self.text += &"\n".repeat(start.line() - self.line);
            (self.line, self.column) = (start.line(), Some(1));
        }
        let blanks = match self.column {
            _ if self.joint => 0,
            Some(column) if own => start.column().checked_sub(column).unwrap_or(1),
            _ => 1,
        };
        self.text += &" ".repeat(blanks);
        self.places.push((self.text.len(), token.span));
        self.text += &token.text;
        self.column = own.then(|| start.column() + token.text.chars().count());
        self.joint = token.joint;
    }
}
