//! Blocks: `let`s and functions, then the value.

use super::{Parse, Parser};
use crate::ast::*;
use crate::token::{Keyword, TokenKind};
use crate::{Diagnostic, Span};

impl Parser<'_> {
    /// `{ statements value }`; `of` says whose block it is.
    pub(super) fn block(&mut self, of: &str) -> Parse<Block> {
        self.deeper(|parser| parser.block_inside(of))
    }

    fn block_inside(&mut self, of: &str) -> Parse<Block> {
        let open = self.expect(&TokenKind::OpenBrace, "`{`")?;
        let brackets = std::mem::take(&mut self.brackets);
        let mut statements = Vec::new();
        let mut value: Option<Expr> = None;
        let mut failed = false;
        loop {
            let ends = match self.kind() {
                TokenKind::CloseBrace => break,
                TokenKind::End => true,
                // Within a line such a keyword is meant as a name.
                TokenKind::Keyword(Keyword::Use | Keyword::Loss | Keyword::Law | Keyword::Prove) => {
                    self.token().starts_line && !self.is_misused()
                }
                _ => false,
            };
            if ends {
                self.brackets = brackets;
                let error = self.unclosed(open, &TokenKind::CloseBrace);
                return self.fail(error);
            }
            if let Some(stray) = value.take() {
                self.stray(&stray, open);
            }
            let from = self.at;
            match self.statement() {
                Ok(Line::Statement(statement)) => statements.push(statement),
                Ok(Line::Value(found)) => value = Some(found),
                Err(_) => {
                    failed = true;
                    self.synchronise(from);
                }
            }
        }
        self.brackets = brackets;
        let close = self.bump().span;
        let value = value.unwrap_or_else(|| {
            if !failed {
                self.no_value(of, close, statements.last());
            }
            Expr::error(close)
        });
        Ok(Block { statements, value, span: open.to(close) })
    }

    /// `value` is not the last line of its block; the next line begins here.
    fn stray(&mut self, value: &Expr, open: Span) {
        if value.kind == ExprKind::Error {
            return;
        }
        let error = Diagnostic::error("stray-value", value.span, "this value goes nowhere")
            .label("only the last line of a block is its value")
            .also(open, "the block");
        let negated = matches!(value.kind, ExprKind::Unary { operator: UnaryOperator::Negate, .. });
        self.report(match self.kind() {
            _ if negated => error.help(
                "a line that begins with `-` does not continue the line before; end that line with the `-`",
            ),
            TokenKind::OpenParen => {
                error.help("a line that begins with `(` does not continue the line before; put the `(` there")
            }
            _ => error.help("give it a name with `let`, or remove it"),
        });
    }

    fn no_value(&mut self, of: &str, close: Span, last: Option<&Statement>) {
        let error = Diagnostic::error("no-value", close, format!("{of} has no value"))
            .label("expected an expression before the `}`");
        let error = match last {
            Some(Statement::Let(last)) => error.help(format!(
                "the last `let` only gives a name; add a line `{}` if that is the value",
                last.name.text
            )),
            _ => error,
        };
        self.report(error);
    }

    fn statement(&mut self) -> Parse<Line> {
        match self.kind() {
            TokenKind::Keyword(Keyword::Let) => {
                let start = self.bump().span;
                self.let_behind(start)
            }
            TokenKind::Keyword(Keyword::Fn) => Ok(Line::Statement(Statement::Function(self.function()?))),
            TokenKind::Keyword(Keyword::State) => {
                Ok(Line::Statement(Statement::State(Box::new(self.state()?))))
            }
            TokenKind::Name if self.misses_let() => {
                let start = self.span();
                let name = self.text(start);
                self.report(
                    Diagnostic::error("syntax", start, format!("`{name}` is given a value without `let`"))
                        .fix(Span::point(start.start), "let ")
                        .help("a name gets its value once; nothing is assigned later"),
                );
                self.let_behind(start)
            }
            TokenKind::Name if *self.ahead(1) == TokenKind::Name && self.meant_let() => {
                let keyword = self.meant_keyword(&[Keyword::Let, Keyword::Fn]).unwrap_or(Keyword::Let);
                self.misspelt(keyword);
                if keyword == Keyword::Fn {
                    return Ok(Line::Statement(Statement::Function(self.function()?)));
                }
                let start = self.bump().span;
                self.let_behind(start)
            }
            kind if kind.starts_expression() || self.is_misused() => {
                let value = self.expression()?.expr;
                self.end_of_line()?;
                Ok(Line::Value(value))
            }
            TokenKind::Keyword(Keyword::Then | Keyword::Else | Keyword::And | Keyword::Or)
            | TokenKind::Dot => {
                let error =
                    self.unexpected("a `let`, or the value of the block").label("what does this belong to?");
                self.fail(error)
            }
            TokenKind::CloseParen | TokenKind::CloseBracket => {
                let span = self.span();
                let text = self.text(span);
                let error = Diagnostic::error("unopened", span, format!("this `{text}` closes nothing"))
                    .fix(span, "");
                self.fail(error)
            }
            _ => {
                let error = self.unexpected("a `let`, or the value of the block");
                self.fail(error)
            }
        }
    }

    /// `state t: Kind = start in low..high then next`
    fn state(&mut self) -> Parse<State> {
        let docs = self.docs();
        let begin = self.bump().span;
        let name = self.name("the name of the state")?;
        let kind = match self.eat(&TokenKind::Colon) {
            Some(_) => Some(self.name("a kind")?),
            None => None,
        };
        if self.eat(&TokenKind::Equal).is_none() {
            let error = self
                .unexpected("`=` and the value before the first step")
                .help("for example `state t: Real = 0 then 0.99 * t + 0.01 * mean[i](cos[y])`");
            return self.fail(error);
        }
        let start = self.value_of(&format!("the start of `{}`", name.text))?;
        let range = self.optional_range()?;
        if !self.is_keyword(Keyword::Then) {
            let error = self
                .unexpected("`then` and the value after a step")
                .help("for example `state t: Real = 0 then 0.99 * t + 0.01 * mean[i](cos[y])`");
            return self.fail(error);
        }
        self.bump();
        let next = self.value_of(&format!("the next value of `{}`", name.text))?;
        self.end_of_line()?;
        let span = begin.to(next.span);
        Ok(State { docs, name, kind, start, range, next, span })
    }

    /// `NAME =` or `NAME[i] =`, where `let` was forgotten.
    fn misses_let(&self) -> bool {
        *self.ahead(1) == TokenKind::Equal
            || (*self.ahead(1) == TokenKind::OpenBracket && *self.ahead(4) == TokenKind::Equal)
    }

    /// Two names in a row: the first is a misspelt `let` or `fn`.
    fn meant_let(&self) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|next| !next.starts_line)
            && matches!(self.ahead(2), TokenKind::Equal | TokenKind::OpenParen | TokenKind::OpenBracket)
    }

    fn let_behind(&mut self, start: Span) -> Parse<Line> {
        let name = self.name("a name")?;
        let index = self.index()?;
        if self.eat(&TokenKind::Equal).is_none() {
            let error = match self.kind() {
                TokenKind::EqualEqual => {
                    let span = self.bump().span;
                    Diagnostic::error("equals", span, "a `let` gives a value with `=`").fix(span, "=")
                }
                TokenKind::Colon => {
                    self.unexpected("`=`").help("a `let` has no kind; it is known from the value")
                }
                _ if self.token().starts_line || self.is(&TokenKind::CloseBrace) => {
                    let at = Span::point(self.previous_end());
                    Diagnostic::error("no-value", at, format!("`let {}` has no value", name.text))
                        .label("expected `=` and an expression")
                }
                _ => self.unexpected("`=` and a value"),
            };
            if error.code != "equals" {
                return self.fail(error);
            }
            self.report(error);
        }
        let value = self.value_of(&format!("`let {}`", name.text))?;
        self.end_of_line()?;
        let span = start.to(value.span);
        Ok(Line::Statement(Statement::Let(Let { name, index, value, span })))
    }
}

/// A line of a block.
enum Line {
    Statement(Statement),
    Value(Expr),
}
