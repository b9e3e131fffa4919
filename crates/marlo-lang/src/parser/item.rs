//! `use`, `fn`, `loss`, `law` and `prove`.

use super::expr::Deep;
use super::{Parse, Parser};
use crate::ast::*;
use crate::token::{Keyword, TokenKind};
use crate::{Diagnostic, Span};

/// The keywords an item begins with.
const ITEMS: [Keyword; 5] = [Keyword::Use, Keyword::Fn, Keyword::Loss, Keyword::Law, Keyword::Prove];

impl Parser<'_> {
    /// The whole file.
    pub(super) fn file(&mut self) -> File {
        let mut file = File { docs: self.file_docs(), ..File::default() };
        while !self.is(&TokenKind::End) {
            let from = self.at;
            if self.item(&mut file).is_err() {
                self.skip_to_item(from);
            }
        }
        if file.loss.is_none() && self.diagnostics.iter().all(|found| !found.is_error()) {
            let end = Span::point(self.previous_end());
            self.report(
                Diagnostic::error("no-loss", end, "the file has no `loss`")
                    .help("a program looks like this: `loss plain(s: Scale = 64) { ce(softmax(s * cos[y], s * cos[k])) }`"),
            );
        }
        file
    }

    fn item(&mut self, file: &mut File) -> Parse<()> {
        let keyword = match self.kind() {
            TokenKind::Keyword(keyword) => Some(*keyword),
            TokenKind::Name => {
                let meant = self.meant_keyword(&ITEMS);
                meant.inspect(|&keyword| self.misspelt(keyword))
            }
            _ => None,
        };
        match keyword {
            Some(Keyword::Use) => self.use_item(file),
            Some(Keyword::Fn) => {
                let function = self.function()?;
                self.order(file.loss.is_some(), function.span, "a function stands before the loss");
                file.functions.push(function);
                Ok(())
            }
            Some(Keyword::Loss) => self.loss_item(file),
            Some(Keyword::Law) => {
                let law = self.law()?;
                self.order(!self.seen_loss, law.span, "a law stands after the loss");
                file.claims.push(Promise::Law(law));
                Ok(())
            }
            Some(Keyword::Prove) => {
                let prove = self.prove()?;
                self.order(!self.seen_loss, prove.span, "a proof stands after the loss");
                file.claims.push(Promise::Prove(prove));
                Ok(())
            }
            Some(keyword @ (Keyword::Let | Keyword::State)) => {
                let message = format!("a `{}` outside of the loss", keyword.text());
                let error = Diagnostic::error("syntax", self.span(), message)
                    .label("move it between the braces of the loss");
                self.fail(error)
            }
            _ => {
                let error = match self.kind() {
                    TokenKind::CloseBrace => {
                        let span = self.bump().span;
                        Diagnostic::error("unopened", span, "this `}` closes nothing").fix(span, "")
                    }
                    _ => self.unexpected("`use`, `fn`, `loss`, `law` or `prove`"),
                };
                self.fail(error)
            }
        }
    }

    fn order(&mut self, wrong: bool, span: Span, rule: &str) {
        if wrong {
            self.report(
                Diagnostic::error("order", span, rule)
                    .help("a file is: `use` lines, functions, the loss, then laws and proofs"),
            );
        }
    }

    /// After an error between items: the next line that begins one.
    fn skip_to_item(&mut self, from: usize) {
        self.brackets = 0;
        if self.at == from {
            self.bump();
        }
        loop {
            let token = self.token();
            let inner = matches!(token.kind, TokenKind::Keyword(Keyword::Let | Keyword::State));
            let item = token.kind.starts_item() && !inner;
            if token.kind == TokenKind::End || (token.starts_line && item) {
                return;
            }
            self.bump();
        }
    }

    fn use_item(&mut self, file: &mut File) -> Parse<()> {
        let start = self.bump().span;
        let name = self.name("the name of a loss")?;
        self.end_of_line()?;
        let late = file.loss.is_some() || !file.functions.is_empty();
        let span = start.to(name.span);
        self.order(late, span, "`use` lines come first");
        file.uses.push(Use { name, span });
        Ok(())
    }

    pub(super) fn function(&mut self) -> Parse<Function> {
        let docs = self.docs();
        let start = self.bump().span;
        let name = self.name("the name of the function")?;
        let open = self.expect(&TokenKind::OpenParen, "`(`")?;
        let (parameters, parameters_span) = self.bracketed(open, &TokenKind::CloseParen, |parser| {
            parser.list(&TokenKind::CloseParen, Self::function_parameter)
        })?;
        let short = self.eat(&TokenKind::Equal).is_some();
        let body = if short {
            let value = self.value_of(&format!("`fn {}`", name.text))?;
            self.end_of_line()?;
            Block { statements: Vec::new(), span: value.span, value }
        } else if self.is(&TokenKind::OpenBrace) {
            self.block("the function")?
        } else {
            let error = self.unexpected("`=` and an expression, or `{`");
            return self.fail(error);
        };
        let span = start.to(body.span);
        Ok(Function { docs, name, parameters, parameters_span, body, short, span })
    }

    fn function_parameter(&mut self) -> Parse<FunctionParameter> {
        let name = self.name("the name of a parameter")?;
        let kind = match self.eat(&TokenKind::Colon) {
            Some(_) => Some(self.name("a kind")?),
            None => None,
        };
        Ok(FunctionParameter { name, kind })
    }

    fn loss_item(&mut self, file: &mut File) -> Parse<()> {
        let docs = self.docs();
        let start = self.bump().span;
        self.seen_loss = true;
        let name = self.name("the name of the loss")?;
        let (parameters, parameters_span) = match self.eat(&TokenKind::OpenParen) {
            Some(open) => {
                let list = |parser: &mut Self| parser.list(&TokenKind::CloseParen, Self::parameter);
                self.bracketed(open, &TokenKind::CloseParen, list)?
            }
            None => {
                let at = Span::point(self.previous_end());
                let error = self.unexpected("`(` and the parameters of the loss").fix(at, "()");
                if !self.is(&TokenKind::OpenBrace) {
                    return self.fail(error);
                }
                self.report(error);
                (Vec::new(), at)
            }
        };
        let body = self.block("the loss")?;
        let loss = Loss { docs, name, parameters, parameters_span, span: start.to(body.span), body };
        if let Some(first) = &file.loss {
            self.report(
                Diagnostic::error("order", loss.name.span, "a second loss in the same file")
                    .also(first.name.span, "the first one")
                    .help("write it to a file of its own; `use` makes one loss known to another"),
            );
        } else {
            file.loss = Some(loss);
        }
        Ok(())
    }

    fn parameter(&mut self) -> Parse<Parameter> {
        let docs = self.docs();
        let name = self.name("the name of a parameter")?;
        let index = self.index()?;
        if self.eat(&TokenKind::Colon).is_none() {
            let example = match &index {
                Some(index) if self.is(&TokenKind::Tilde) => {
                    format!("{}[{}]: Real ~ normal(0, 1)", name.text, index.text)
                }
                Some(index) => format!("{}[{}]: Real", name.text, index.text),
                None => "s: Scale = 64 in 1..128".to_owned(),
            };
            let error = self.unexpected(&format!("`:` and the kind of `{}`", name.text));
            return self.fail(error.help(format!("for example `{example}`")));
        }
        let kind = self.name("a kind, such as `Scale` or `Angle`")?;
        let default = match self.eat(&TokenKind::Equal) {
            Some(_) => Some(self.value_of(&format!("the default of `{}`", name.text))?),
            None => None,
        };
        let drawn = match self.eat(&TokenKind::Tilde) {
            Some(_) => Some(self.value_of(&format!("the distribution of `{}`", name.text))?),
            None => None,
        };
        let range = self.optional_range()?;
        let sum = match self.is_total() {
            true => {
                self.bump();
                Some(self.value_of(&format!("the total of `{}`", name.text))?)
            }
            false => None,
        };
        let end = Span::point(self.previous_end());
        let span = name.span.to(end);
        Ok(Parameter { docs, name, index, kind, default, drawn, range, sum, span })
    }

    /// Does `total 1` stand here?
    pub(super) fn is_total(&self) -> bool {
        self.is(&TokenKind::Name) && self.text(self.span()) == "total"
    }

    /// `in low..high`, if it is there
    pub(super) fn optional_range(&mut self) -> Parse<Option<Range>> {
        match self.is_keyword(Keyword::In) {
            true => Ok(Some(self.range()?)),
            false => Ok(None),
        }
    }

    /// `in low..high` or `in low..`
    fn range(&mut self) -> Parse<Range> {
        self.bump();
        let low = self.expression()?.expr;
        self.expect(&TokenKind::DotDot, "`..` and the upper bound")?;
        let high = match self.kind().starts_expression()
            && !(self.is_total() && self.ahead(1).starts_expression())
        {
            true => Some(self.expression()?.expr),
            false => None,
        };
        Ok(Range { low, high })
    }

    /// A range with both bounds: `in low..high`
    fn bounded_range(&mut self) -> Parse<Range> {
        let range = self.range()?;
        if range.high.is_none() {
            let error = self.unexpected("the upper bound").help("a claim is proved on a bounded range");
            return self.fail(error);
        }
        Ok(range)
    }

    fn law(&mut self) -> Parse<Law> {
        let start = self.bump().span;
        let mut given = Vec::new();
        if !self.is(&TokenKind::FatArrow) {
            given.push(self.given("a parameter and its value, such as `t = 0`, or `=>`")?);
            while self.eat(&TokenKind::Comma).is_some() {
                given.push(self.given("a parameter and its value, such as `t = 0`")?);
            }
        }
        self.expect(&TokenKind::FatArrow, "`=>` and what the loss is then")?;
        let equals = self.value_of("the law")?;
        self.end_of_line()?;
        Ok(Law { given, span: start.to(equals.span), equals })
    }

    /// `t = 0`, of a law.
    fn given(&mut self, expected: &str) -> Parse<(Name, Expr)> {
        let name = self.name(expected)?;
        if let Some(span) = self.eat(&TokenKind::EqualEqual) {
            self.report(Diagnostic::error("equals", span, "a law fixes a parameter with `=`").fix(span, "="));
        } else {
            self.expect(&TokenKind::Equal, "`=` and a value")?;
        }
        Ok((name, self.value_of("the parameter")?))
    }

    fn prove(&mut self) -> Parse<Prove> {
        let start = self.bump().span;
        let mut claims = vec![self.claim()?];
        while self.eat(&TokenKind::Comma).is_some() {
            claims.push(self.claim()?);
        }
        self.end_of_line()?;
        let end = Span::point(self.previous_end());
        Ok(Prove { claims, span: start.to(end) })
    }

    fn claim(&mut self) -> Parse<Claim> {
        let name = self.name("a claim, such as `finite`")?;
        let open = if self.same_line() { self.eat(&TokenKind::OpenParen) } else { None };
        let Some(open) = open else {
            return Ok(Claim { span: name.span, name, arguments: Vec::new() });
        };
        let list = |parser: &mut Self| parser.list(&TokenKind::CloseParen, Self::claim_argument);
        let (arguments, span) = self.bracketed(open, &TokenKind::CloseParen, list)?;
        Ok(Claim { span: name.span.to(span), name, arguments })
    }

    fn claim_argument(&mut self) -> Parse<ClaimArgument> {
        let value = self.expression()?.expr;
        let range = match self.is_keyword(Keyword::In) {
            true => Some(self.bounded_range()?),
            false => None,
        };
        Ok(ClaimArgument { value, range })
    }

    /// The expression behind a `=` or `=>`; `whose` is for the message when
    /// there is none.
    pub(super) fn value_of(&mut self, whose: &str) -> Parse<Expr> {
        if !self.kind().starts_expression() && self.token().starts_line {
            let at = Span::point(self.previous_end());
            let error = Diagnostic::error("no-value", at, format!("{whose} has no value"))
                .label("an expression is missing here");
            return self.fail(error);
        }
        let Deep { expr, .. } = self.expression()?;
        Ok(expr)
    }
}
