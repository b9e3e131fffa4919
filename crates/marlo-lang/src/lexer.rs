//! Source text in, tokens and comments out.
//!
//! The lexer never stops: what it does not know is reported, with what was
//! probably meant, and passed over or read as that.

use crate::token::{Comment, CommentKind, Keyword, Token, TokenKind};
use crate::{Diagnostic, Span};

/// What the lexer found.
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Splits the source into tokens; the last one is always [`TokenKind::End`].
pub(crate) fn lex(source: &str) -> Lexed {
    let mut lexer = Lexer { source, at: 0, starts_line: true, found: Lexed::empty() };
    while lexer.at < source.len() {
        lexer.step();
    }
    lexer.token(TokenKind::End, source.len());
    lexer.found
}

impl Lexed {
    fn empty() -> Self {
        Self { tokens: Vec::new(), comments: Vec::new(), diagnostics: Vec::new() }
    }
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    starts_line: bool,
    found: Lexed,
}

/// May a name begin with this letter?
fn starts_name(letter: char) -> bool {
    letter == '_' || letter.is_alphabetic()
}

/// May a name go on with this letter? Superscripts are left out: `x²` would
/// look like a square and be a name.
fn continues_name(letter: char) -> bool {
    letter == '_' || (letter.is_alphanumeric() && superscript(letter).is_none())
}

fn superscript(letter: char) -> Option<char> {
    Some(match letter {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => char::from_u32(letter as u32 - '⁴' as u32 + '4' as u32)?,
        'ⁿ' => 'n',
        _ => return None,
    })
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Where the letters that satisfy `keep` end, from `from` on.
    fn run(&self, from: usize, keep: impl Fn(char) -> bool) -> usize {
        let rest = self.source.get(from..).unwrap_or_default();
        from + rest.find(|letter| !keep(letter)).unwrap_or(rest.len())
    }

    /// Ends a token at `end`.
    fn token(&mut self, kind: TokenKind, end: usize) {
        let span = Span::new(self.at, end);
        self.found.tokens.push(Token { kind, span, starts_line: self.starts_line });
        self.starts_line = false;
        self.at = end;
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(letter) = self.peek() else { return };
        if letter == '\n' {
            self.starts_line = true;
            self.at += 1;
        } else if letter.is_whitespace() || letter == '\u{feff}' {
            self.at += letter.len_utf8();
        } else if rest.starts_with("//") {
            self.comment();
        } else if letter.is_ascii_digit() {
            self.number();
        } else if letter == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            self.naked_point();
        } else if starts_name(letter) && superscript(letter).is_none() {
            let end = self.run(self.at, continues_name);
            let text = &self.source[self.at..end];
            let kind = Keyword::of(text).map_or(TokenKind::Name, TokenKind::Keyword);
            self.token(kind, end);
        } else if let Some((length, kind)) = operator(rest).filter(|_| !rest.starts_with("**")) {
            self.token(kind, self.at + length);
        } else {
            self.foreign(letter);
        }
    }

    fn comment(&mut self) {
        let end = self.run(self.at, |letter| letter != '\n');
        let text = self.source[self.at..end].trim_end();
        let kind = if text.starts_with("//!") {
            CommentKind::FileDoc
        } else if text.starts_with("///") && !text.starts_with("////") {
            CommentKind::Doc
        } else {
            CommentKind::Plain
        };
        let own_line = self.starts_line;
        let span = Span::new(self.at, self.at + text.len());
        self.found.comments.push(Comment { span, kind, own_line, attached: false });
        self.at = end;
    }

    /// `12`, `1.5`, `1e-3`; what hangs on behind (`1.2.3`, `2x`, `1_000`) is reported.
    fn number(&mut self) {
        let digits = |letter: char| letter.is_ascii_digit();
        let source = self.source;
        let next_is = |at: usize, test: &dyn Fn(char) -> bool| {
            source.get(at..).is_some_and(|rest| rest.starts_with(test))
        };
        let mut end = self.run(self.at, digits);
        if next_is(end, &|c| c == '.') && next_is(end + 1, &digits) {
            end = self.run(end + 1, digits);
        }
        if next_is(end, &|c| c == 'e' || c == 'E') {
            let sign = usize::from(next_is(end + 1, &|c| c == '+' || c == '-'));
            if next_is(end + 1 + sign, &digits) {
                end = self.run(end + 1 + sign, digits);
            }
        }
        let good = end;
        if next_is(end, &|c| c == '.') && next_is(end + 1, &digits) {
            end = self.run(end, |letter| letter.is_ascii_digit() || letter == '.');
            let span = Span::new(self.at, end);
            let text = span.text(source);
            self.report(
                Diagnostic::error("bad-number", span, format!("`{text}` is not a number"))
                    .label("one decimal point is enough"),
            );
        } else if next_is(end, &continues_name) {
            end = self.run(end, continues_name);
            self.number_and_letters(good, end);
        } else if next_is(end, &|c| c == '.') && !next_is(end + 1, &|c| c == '.' || starts_name(c)) {
            end += 1;
            let text = &source[self.at..good];
            self.report(
                Diagnostic::error(
                    "bad-number",
                    Span::new(self.at, end),
                    format!("`{text}.` is not a number"),
                )
                .label("a digit is missing behind the point")
                .fix(Span::new(self.at, end), format!("{text}.0")),
            );
        }
        let value: f64 = source[self.at..good].parse().unwrap_or(f64::NAN);
        if !value.is_finite() {
            let text = &source[self.at..good];
            self.report(
                Diagnostic::error(
                    "bad-number",
                    Span::new(self.at, good),
                    format!("`{text}` is too large for a number"),
                )
                .help("numbers are 64-bit floating point: at most about 1.8e308"),
            );
        }
        self.token(TokenKind::Number(if value.is_finite() { value } else { 0.0 }), end);
    }

    fn number_and_letters(&mut self, good: usize, end: usize) {
        let span = Span::new(self.at, end);
        let (number, letters) = (&self.source[self.at..good], &self.source[good..end]);
        let text = span.text(self.source);
        let error = Diagnostic::error("bad-number", span, format!("`{text}` is not a number"));
        let error = if letters.chars().all(|letter| letter == '_' || letter.is_ascii_digit()) {
            error.label("digits are not grouped").fix(span, text.replace('_', ""))
        } else if letters == "e" || letters == "E" {
            error.label("the exponent has no digits").fix(span, format!("{number}e0"))
        } else {
            error.label("a product is written with `*`").fix(span, format!("{number} * {letters}"))
        };
        self.report(error);
    }

    /// `.5`
    fn naked_point(&mut self) {
        let end = self.run(self.at + 1, |letter| letter.is_ascii_digit());
        let span = Span::new(self.at, end);
        let text = span.text(self.source);
        self.report(
            Diagnostic::error("bad-number", span, format!("`{text}` lacks the digit before the point"))
                .label("write a 0 first")
                .fix(span, format!("0{text}")),
        );
        let value = format!("0{text}").parse().unwrap_or(0.0);
        self.token(TokenKind::Number(value), end);
    }

    /// What other languages and papers write, and what nobody writes.
    fn foreign(&mut self, letter: char) {
        for (text, instead, kind) in FOREIGN {
            if self.rest().starts_with(text) {
                let span = Span::new(self.at, self.at + text.len());
                self.report(
                    Diagnostic::error("unknown-character", span, format!("`{text}` is not an operator here"))
                        .label(format!("write `{}`", instead.trim()))
                        .fix(span, *instead),
                );
                self.token(kind.clone(), span.end);
                return;
            }
        }
        let end = self.at + letter.len_utf8();
        let span = Span::new(self.at, end);
        if let Some(digit) = superscript(letter) {
            self.report(
                Diagnostic::error("unknown-character", span, format!("`{letter}` is not an operator here"))
                    .label("a power is written with `^`")
                    .fix(span, format!("^{digit}")),
            );
            self.token(TokenKind::Caret, self.at);
            match digit.to_digit(10) {
                Some(value) => self.token(TokenKind::Number(f64::from(value)), end),
                None => self.token(TokenKind::Name, end),
            }
        } else if letter == ';' {
            self.report(
                Diagnostic::error("unknown-character", span, "there are no semicolons")
                    .label("a line break ends a statement")
                    .fix(span, ""),
            );
            self.at = end;
            self.starts_line = true;
        } else {
            self.unknown(letter);
        }
    }

    fn unknown(&mut self, letter: char) {
        let known = |c: char| {
            c.is_whitespace() || c.is_ascii_digit() || starts_name(c) || "+-*/^=<>.,:()[]{};".contains(c)
        };
        let end = match is_invisible(letter) {
            true => self.at + letter.len_utf8(),
            false => self.run(self.at + letter.len_utf8(), |c| !known(c) && !is_invisible(c)),
        };
        let span = Span::new(self.at, end);
        let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let text: String = span.text(self.source).chars().map(visible).take(20).collect();
        let error = if is_invisible(letter) {
            let message = format!("the invisible character U+{:04X} means nothing here", letter as u32);
            Diagnostic::error("unknown-character", span, message).fix(span, "")
        } else {
            Diagnostic::error("unknown-character", span, format!("`{text}` means nothing here"))
        };
        self.report(match letter {
            '√' => error.label("write `sqrt(…)`"),
            '∑' => error.label("write `sum[k](…)`"),
            '∞' => error.label("there is no infinity; leave the bound out: `in 0..`"),
            '"' | '\'' | '`' => error.label("there are no strings; a name stands without quotes"),
            '%' => error.label("there is no remainder; write `0.01` for one percent"),
            '?' => error.label("write `if … then … else …`"),
            _ => error,
        });
        self.at = end;
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.found.diagnostics.push(diagnostic);
    }
}

/// Control letters, and those that only steer how others are drawn.
fn is_invisible(letter: char) -> bool {
    let steers =
        ['\u{ad}'..='\u{ad}', '\u{200b}'..='\u{200f}', '\u{202a}'..='\u{202e}', '\u{2060}'..='\u{206f}'];
    letter.is_control() || steers.iter().any(|range| range.contains(&letter))
}

const FOREIGN: &[(&str, &str, TokenKind)] = &[
    ("**", "^", TokenKind::Caret),
    ("&&", "and", TokenKind::Keyword(Keyword::And)),
    ("||", "or", TokenKind::Keyword(Keyword::Or)),
    ("&", "and", TokenKind::Keyword(Keyword::And)),
    ("|", "or", TokenKind::Keyword(Keyword::Or)),
    ("∧", "and", TokenKind::Keyword(Keyword::And)),
    ("∨", "or", TokenKind::Keyword(Keyword::Or)),
    ("!", "not ", TokenKind::Keyword(Keyword::Not)),
    ("¬", "not ", TokenKind::Keyword(Keyword::Not)),
    ("÷", "/", TokenKind::Slash),
    ("∕", "/", TokenKind::Slash),
    ("…", "..", TokenKind::DotDot),
    ("⇒", "=>", TokenKind::FatArrow),
    ("→", "=>", TokenKind::FatArrow),
];

/// The operator that the text begins with, and its length. Longest first.
fn operator(rest: &str) -> Option<(usize, TokenKind)> {
    use TokenKind::*;
    const OPERATORS: &[(&str, TokenKind)] = &[
        ("==", EqualEqual),
        ("!=", NotEqual),
        ("≠", NotEqual),
        ("<=", LessEqual),
        ("≤", LessEqual),
        (">=", GreaterEqual),
        ("≥", GreaterEqual),
        ("=>", FatArrow),
        ("..", DotDot),
        ("<", Less),
        (">", Greater),
        ("=", Equal),
        ("+", Plus),
        ("-", Minus),
        ("−", Minus),
        ("*", Star),
        ("·", Star),
        ("⋅", Star),
        ("×", Star),
        ("/", Slash),
        ("^", Caret),
        (".", Dot),
        (",", Comma),
        (":", Colon),
        ("~", Tilde),
        ("(", OpenParen),
        (")", CloseParen),
        ("[", OpenBracket),
        ("]", CloseBracket),
        ("{", OpenBrace),
        ("}", CloseBrace),
    ];
    let (text, kind) = OPERATORS.iter().find(|(text, _)| rest.starts_with(text))?;
    Some((text.len(), kind.clone()))
}
