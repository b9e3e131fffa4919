//! Tokens in, a [`File`] and everything that is wrong with it out.
//!
//! Written by hand: recursive descent for items ([`item`]) and blocks
//! ([`block`]), precedence climbing for expressions ([`expr`]). After an error
//! the parser goes on at the next line that can begin a statement, so one run
//! reports several mistakes. The depth of the tree is limited, which bounds
//! the stack that this and every later pass needs.

mod block;
mod expr;
mod item;

use crate::ast::{File, Name};
use crate::lexer::lex;
use crate::token::{Comment, CommentKind, Keyword, Token, TokenKind};
use crate::{Diagnostic, Span, suggest};

/// The deepest tree that is accepted.
pub(crate) const MAX_DEPTH: usize = 128;

/// After this many errors the rest of the file is not worth reading.
const MAX_ERRORS: usize = 50;

/// Reads a program. The file holds what could be understood; it is complete
/// when none of the diagnostics is an error.
///
/// ```
/// let (file, diagnostics) = marlo_lang::parse("loss plain(s: Scale = 64) { s * cos[y] }");
/// assert!(diagnostics.is_empty());
/// assert_eq!(file.loss.unwrap().name.text, "plain");
/// ```
#[must_use]
pub fn parse(source: &str) -> (File, Vec<Diagnostic>) {
    let parsed = parse_with_comments(source);
    (parsed.file, parsed.diagnostics)
}

/// A program with what only the formatter needs.
pub(crate) struct Parsed {
    pub(crate) file: File,
    pub(crate) comments: Vec<Comment>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

pub(crate) fn parse_with_comments(source: &str) -> Parsed {
    let lexed = lex(source);
    let mut parser = Parser {
        source,
        tokens: lexed.tokens,
        comments: lexed.comments,
        diagnostics: lexed.diagnostics,
        at: 0,
        brackets: 0,
        depth: 0,
        seen_loss: false,
        misused: Vec::new(),
    };
    let file = parser.file();
    parser.unattached_docs();
    let Parser { comments, mut diagnostics, .. } = parser;
    diagnostics.sort_by_key(|found| found.primary.span.start);
    diagnostics.truncate(MAX_ERRORS);
    Parsed { file, comments, diagnostics }
}

/// A part of the program could not be read; it has been reported.
#[derive(Debug)]
struct Failed;

type Parse<T> = Result<T, Failed>;

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
    diagnostics: Vec<Diagnostic>,
    /// Index of the next token.
    at: usize,
    /// How many `(` and `[` are open; inside them line breaks are blanks.
    brackets: usize,
    /// How deep the recursion is.
    depth: usize,
    /// Has a `loss` begun, however it went?
    seen_loss: bool,
    /// Keywords that were given as names; where they are read as such, that is no news.
    misused: Vec<Keyword>,
}

impl<'a> Parser<'a> {
    // ----- looking -----

    fn token(&self) -> &Token {
        // The last token is `End` and is never passed.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    /// The kind of the token `ahead` places on.
    fn ahead(&self, ahead: usize) -> &TokenKind {
        self.tokens.get(self.at + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn is(&self, kind: &TokenKind) -> bool {
        self.kind() == kind
    }

    fn is_keyword(&self, keyword: Keyword) -> bool {
        *self.kind() == TokenKind::Keyword(keyword)
    }

    /// Is the next token a keyword that was given as a name, and read as one?
    fn is_misused(&self) -> bool {
        matches!(self.kind(), TokenKind::Keyword(keyword) if self.misused.contains(keyword))
            && *self.ahead(1) != TokenKind::Name
    }

    /// Does the next token stand on the same line, as far as lines matter here?
    fn same_line(&self) -> bool {
        self.brackets > 0 || !self.token().starts_line
    }

    fn span(&self) -> Span {
        self.token().span
    }

    /// Where the previous token ends: the place of something that is missing.
    fn previous_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |index| self.tokens[index].span.end)
    }

    fn text(&self, span: Span) -> &'a str {
        span.text(self.source)
    }

    /// How a message names the next token.
    fn found(&self) -> String {
        self.kind().describe(self.text(self.span()))
    }

    // ----- moving -----

    fn bump(&mut self) -> Token {
        let token = self.token().clone();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn eat(&mut self, kind: &TokenKind) -> Option<Span> {
        self.is(kind).then(|| self.bump().span)
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < 4 * MAX_ERRORS {
            self.diagnostics.push(diagnostic);
        }
    }

    fn fail<T>(&mut self, diagnostic: Diagnostic) -> Parse<T> {
        self.report(diagnostic);
        Err(Failed)
    }

    /// `expected`, in words, is not what stands here.
    fn unexpected(&self, expected: &str) -> Diagnostic {
        let found = self.found();
        Diagnostic::error("syntax", self.found_span(), format!("expected {expected}, found {found}"))
    }

    /// As [`Self::unexpected`], where the end of the line comes too early.
    fn unexpected_in_line(&self, expected: &str) -> Diagnostic {
        let token = self.token();
        if self.at == 0 || self.same_line() || token.kind == TokenKind::End {
            return self.unexpected(expected);
        }
        let end = Span::point(self.previous_end());
        Diagnostic::error("syntax", end, format!("expected {expected}, found the end of the line"))
    }

    /// The next token's place; the end of the previous one at the end of the file.
    fn found_span(&self) -> Span {
        match self.kind() {
            TokenKind::End => Span::point(self.previous_end()),
            _ => self.span(),
        }
    }

    fn expect(&mut self, kind: &TokenKind, expected: &str) -> Parse<Span> {
        match self.eat(kind) {
            Some(span) => Ok(span),
            None => {
                let error = self.unexpected_in_line(expected);
                self.fail(error)
            }
        }
    }

    /// A name; `what` says whose name it is.
    fn name(&mut self, what: &str) -> Parse<Name> {
        let span = self.span();
        let text = self.text(span).to_owned();
        match self.kind() {
            TokenKind::Name => {
                self.bump();
                Ok(Name { text, span })
            }
            &TokenKind::Keyword(keyword) if self.same_line() => {
                self.misused.push(keyword);
                let error =
                    Diagnostic::error("keyword", span, format!("`{text}` is a keyword, it cannot be a name"))
                        .label(format!("expected {what}"))
                        .fix(span, format!("{text}_"));
                self.report(error);
                self.bump();
                Ok(Name { text, span })
            }
            _ => {
                let error = self.unexpected_in_line(what);
                self.fail(error)
            }
        }
    }

    /// Runs `parse` inside brackets that began at `open` and must end with `close`.
    fn bracketed<T>(
        &mut self,
        open: Span,
        close: &TokenKind,
        parse: impl FnOnce(&mut Self) -> Parse<T>,
    ) -> Parse<(T, Span)> {
        self.brackets += 1;
        let result = parse(self);
        let value = match result {
            Ok(value) => value,
            Err(failed) => {
                self.brackets -= 1;
                return Err(failed);
            }
        };
        let closed = self.eat(close);
        self.brackets -= 1;
        match closed {
            Some(span) => Ok((value, open.to(span))),
            None => {
                let error = self.unclosed(open, close);
                self.fail(error)
            }
        }
    }

    fn unclosed(&self, open: Span, close: &TokenKind) -> Diagnostic {
        let opened = self.text(open);
        let closing = match close {
            TokenKind::CloseParen => ")",
            TokenKind::CloseBracket => "]",
            _ => "}",
        };
        let next = self.token();
        if next.kind == TokenKind::Comma {
            return self
                .unexpected(&format!("`{closing}`"))
                .also(open, format!("this `{opened}` is still open"))
                .help("only a call has a list of values; there are no pairs");
        }
        let missing = next.starts_line || !next.kind.starts_expression();
        if missing {
            let end = self.previous_end();
            return Diagnostic::error("unclosed", open, format!("this `{opened}` is never closed"))
                .label("opened here")
                .also(Span::point(end), format!("`{closing}` is missing here"))
                .fix(Span::point(end), if closing == "}" { "\n}" } else { closing });
        }
        let error = self
            .unexpected(&format!("an operator, `,` or `{closing}`"))
            .also(open, format!("this `{opened}` is still open"));
        if next.kind.starts_expression() { error.help("a product is written with `*`") } else { error }
    }

    /// A list in brackets, `,` between its items and perhaps behind the last.
    fn list<T>(&mut self, close: &TokenKind, mut item: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let mut items = Vec::new();
        while !self.is(close) {
            items.push(item(self)?);
            if self.eat(&TokenKind::Comma).is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// One level deeper, if that is allowed.
    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= MAX_DEPTH {
            return self.too_deep(self.found_span());
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn too_deep<T>(&mut self, span: Span) -> Parse<T> {
        let error = Diagnostic::error("too-deep", span, "this is nested too deeply")
            .label(format!("more than {MAX_DEPTH} levels"))
            .help("give parts of it a name with `let`");
        self.fail(error)
    }

    // ----- recovering -----

    /// Skips to the next line that may begin a statement or an item, or to a `}`.
    fn synchronise(&mut self, from: usize) {
        self.brackets = 0;
        let (mut open, mut braces) = (0usize, 0usize);
        loop {
            let token = self.token();
            let (starts_line, kind) = (token.starts_line, &token.kind);
            match kind {
                TokenKind::CloseBrace if braces > 0 => braces -= 1,
                TokenKind::OpenBrace => braces += 1,
                TokenKind::End | TokenKind::CloseBrace => return,
                _ if self.at > from && starts_line && kind.starts_item() => return,
                _ if self.at > from && starts_line && open == 0 && !kind.continues_line() => return,
                TokenKind::OpenParen | TokenKind::OpenBracket => open += 1,
                TokenKind::CloseParen | TokenKind::CloseBracket => open = open.saturating_sub(1),
                _ => {}
            }
            self.bump();
        }
    }

    /// A statement must end where its line ends.
    fn end_of_line(&mut self) -> Parse<()> {
        let token = self.token();
        let ends = token.starts_line
            || token.kind.starts_item()
            || matches!(token.kind, TokenKind::End | TokenKind::CloseBrace);
        if ends {
            return Ok(());
        }
        let error = match token.kind {
            TokenKind::CloseParen | TokenKind::CloseBracket => {
                let text = self.text(token.span);
                Diagnostic::error("unopened", token.span, format!("this `{text}` closes nothing"))
                    .fix(token.span, "")
            }
            _ => {
                let error = self.unexpected("an operator or the end of the line");
                if token.kind.starts_expression() {
                    error.help("a product is written with `*`")
                } else {
                    error
                }
            }
        };
        self.fail(error)
    }

    /// The keyword that a name was probably meant to be.
    fn meant_keyword(&self, among: &[Keyword]) -> Option<Keyword> {
        let text = self.text(self.span());
        let nearest = suggest::nearest(text, among.iter().map(|keyword| keyword.text()))?;
        Keyword::of(nearest)
    }

    /// Reports that the name here should be the keyword.
    fn misspelt(&mut self, keyword: Keyword) {
        let span = self.span();
        let text = self.text(span);
        let error = Diagnostic::error("syntax", span, format!("unknown keyword `{text}`"))
            .label(format!("did you mean `{}`?", keyword.text()))
            .fix(span, keyword.text());
        self.report(error);
    }

    // ----- docs -----

    /// The `///` lines right above the next token.
    fn docs(&mut self) -> Vec<String> {
        let (from, to) = (self.previous_end(), self.span().start);
        let first = self.comments.partition_point(|comment| comment.span.start < from);
        let source = self.source;
        self.comments[first..]
            .iter_mut()
            .take_while(|comment| comment.span.start < to)
            .filter(|comment| comment.kind == CommentKind::Doc && comment.own_line)
            .map(|comment| {
                comment.attached = true;
                doc_text(comment.span.text(source))
            })
            .collect()
    }

    /// The `//!` lines at the top of the file.
    fn file_docs(&mut self) -> Vec<String> {
        let to = self.span().start;
        let source = self.source;
        self.comments
            .iter_mut()
            .take_while(|comment| comment.span.start < to)
            .filter(|comment| comment.kind == CommentKind::FileDoc)
            .map(|comment| {
                comment.attached = true;
                doc_text(comment.span.text(source))
            })
            .collect()
    }

    fn unattached_docs(&mut self) {
        let warnings: Vec<Diagnostic> = self
            .comments
            .iter()
            .filter(|comment| comment.kind != CommentKind::Plain && !comment.attached)
            .map(|comment| {
                let mark = Span::new(comment.span.start, comment.span.start + 3);
                let place = match comment.kind {
                    CommentKind::FileDoc => "`//!` belongs at the top of the file",
                    _ => "`///` belongs on a line above a `loss`, a `fn` or a parameter",
                };
                Diagnostic::warning("stray-doc", comment.span, "this documents nothing")
                    .label(place)
                    .fix(mark, "//")
            })
            .collect();
        for warning in warnings {
            self.report(warning);
        }
    }
}

/// A doc line without its mark and the blank behind it.
fn doc_text(comment: &str) -> String {
    let text = comment.get(3..).unwrap_or_default();
    text.strip_prefix(' ').unwrap_or(text).to_owned()
}
