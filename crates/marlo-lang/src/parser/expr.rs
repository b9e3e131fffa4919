//! Expressions, by precedence climbing.

use super::{MAX_DEPTH, Parse, Parser};
use crate::ast::*;
use crate::check::is_function;
use crate::token::{Keyword, TokenKind};
use crate::{Diagnostic, Span};

/// An expression and the depth of its tree.
pub(super) struct Deep {
    pub(super) expr: Expr,
    depth: usize,
}

impl Deep {
    fn leaf(span: Span, kind: ExprKind) -> Self {
        Self { expr: Expr { span, kind }, depth: 1 }
    }
}

impl Parser<'_> {
    /// A whole expression.
    pub(super) fn expression(&mut self) -> Parse<Deep> {
        self.operation(binding::IF)
    }

    /// Operators that bind at least as tightly as `least`, and their operands.
    fn operation(&mut self, least: u8) -> Parse<Deep> {
        self.deeper(|parser| {
            let mut left = parser.operand(least)?;
            let mut compared = false;
            while let Some(operator) = parser.binary_operator() {
                if operator.binding() < least {
                    break;
                }
                let operator_span = parser.bump().span;
                let right = parser.operation(match operator {
                    BinaryOperator::Power => binding::NEGATION,
                    _ => operator.binding() + 1,
                })?;
                if compared && operator.is_comparison() {
                    return parser.chain(&left, operator_span, &right);
                }
                compared = operator.is_comparison();
                left = parser.binary(operator, operator_span, left, right)?;
            }
            Ok(left)
        })
    }

    fn chain<T>(&mut self, left: &Deep, operator: Span, right: &Deep) -> Parse<T> {
        let middle = match &left.expr.kind {
            ExprKind::Binary { right, .. } => self.text(right.span),
            _ => "",
        };
        let error = Diagnostic::error("chain", operator, "comparisons cannot be chained")
            .label("the second comparison")
            .also(left.expr.span.to(right.expr.span), "this would compare a truth value with a number")
            .fix(Span::point(left.expr.span.end), format!(" and {middle}"));
        self.fail(error)
    }

    fn binary(
        &mut self,
        operator: BinaryOperator,
        operator_span: Span,
        left: Deep,
        right: Deep,
    ) -> Parse<Deep> {
        let depth = 1 + left.depth.max(right.depth);
        let span = left.expr.span.to(right.expr.span);
        if depth > MAX_DEPTH {
            return self.too_deep(operator_span);
        }
        let (left, right) = (Box::new(left.expr), Box::new(right.expr));
        Ok(Deep {
            expr: Expr { span, kind: ExprKind::Binary { operator, operator_span, left, right } },
            depth,
        })
    }

    /// The operator here, if the expression goes on with one.
    fn binary_operator(&mut self) -> Option<BinaryOperator> {
        use BinaryOperator as Op;
        let operator = match self.kind() {
            TokenKind::Keyword(Keyword::Or) => Op::Or,
            TokenKind::Keyword(Keyword::And) => Op::And,
            TokenKind::EqualEqual => Op::Equal,
            TokenKind::NotEqual => Op::NotEqual,
            TokenKind::Less => Op::Less,
            TokenKind::LessEqual => Op::LessEqual,
            TokenKind::Greater => Op::Greater,
            TokenKind::GreaterEqual => Op::GreaterEqual,
            TokenKind::Plus => Op::Add,
            TokenKind::Minus if self.same_line() => Op::Subtract,
            TokenKind::Star => Op::Multiply,
            TokenKind::Slash => Op::Divide,
            TokenKind::Caret => Op::Power,
            TokenKind::Equal if self.same_line() => {
                let span = self.span();
                self.report(
                    Diagnostic::error("equals", span, "`=` gives a name its value; it does not compare")
                        .label("write `==` to compare")
                        .fix(span, "=="),
                );
                // Read on as if it were right, once.
                self.tokens[self.at].kind = TokenKind::EqualEqual;
                Op::Equal
            }
            _ => return None,
        };
        Some(operator)
    }

    /// What stands before, between and behind the operators.
    fn operand(&mut self, least: u8) -> Parse<Deep> {
        let start = self.span();
        match self.kind() {
            TokenKind::Minus => {
                self.bump();
                let operand = self.operation(binding::POWER)?;
                self.unary(UnaryOperator::Negate, start, operand)
            }
            TokenKind::Tilde => {
                // Read on as if it were right.
                self.foreign_not(start);
                self.operand(least)
            }
            TokenKind::Keyword(Keyword::Not) => {
                self.bump();
                let operand = self.operation(binding::NOT)?;
                let found = self.unary(UnaryOperator::Not, start, operand)?;
                self.needs_parentheses("`not`", least > binding::NOT, found.expr.span);
                Ok(found)
            }
            TokenKind::Keyword(Keyword::If) => {
                let found = self.conditional()?;
                self.needs_parentheses("`if`", least > binding::IF, found.expr.span);
                Ok(found)
            }
            TokenKind::Plus => {
                let error = Diagnostic::error("syntax", start, "a `+` stands between two values")
                    .label("there is no value on its left");
                self.fail(error)
            }
            _ => self.postfix(),
        }
    }

    fn foreign_not(&mut self, span: Span) {
        self.report(Diagnostic::error("syntax", span, "`~` is written `not`").fix(span, "not "));
        self.tokens[self.at].kind = TokenKind::Keyword(Keyword::Not);
    }

    fn unary(&mut self, operator: UnaryOperator, start: Span, operand: Deep) -> Parse<Deep> {
        let depth = operand.depth + 1;
        if depth > MAX_DEPTH {
            return self.too_deep(start);
        }
        let span = start.to(operand.expr.span);
        Ok(Deep {
            expr: Expr { span, kind: ExprKind::Unary { operator, operand: Box::new(operand.expr) } },
            depth,
        })
    }

    fn needs_parentheses(&mut self, what: &str, wrong: bool, span: Span) {
        if wrong {
            let text = self.text(span);
            self.report(
                Diagnostic::error(
                    "parentheses",
                    span,
                    format!("{what} inside an operation needs parentheses"),
                )
                .fix(span, format!("({text})")),
            );
        }
    }

    fn conditional(&mut self) -> Parse<Deep> {
        let start = self.bump().span;
        let condition = self.expression()?;
        let then_span = self.branch(Keyword::Then, start)?;
        let then = self.expression()?;
        let else_span = self.branch(Keyword::Else, start)?;
        let otherwise = self.expression()?;
        let depth = 1 + condition.depth.max(then.depth).max(otherwise.depth);
        if depth > MAX_DEPTH {
            return self.too_deep(start);
        }
        let span = start.to(otherwise.expr.span);
        let kind = ExprKind::If {
            condition: Box::new(condition.expr),
            then_span,
            then: Box::new(then.expr),
            else_span,
            otherwise: Box::new(otherwise.expr),
        };
        Ok(Deep { expr: Expr { span, kind }, depth })
    }

    /// `then` or `else` of the `if` at `start`.
    fn branch(&mut self, keyword: Keyword, start: Span) -> Parse<Span> {
        if self.is_keyword(keyword) {
            return Ok(self.bump().span);
        }
        let text = keyword.text();
        let end = Span::point(self.previous_end());
        let found = match self.same_line() {
            true => self.found(),
            false => "the end of the line".into(),
        };
        let error = Diagnostic::error("no-branch", end, format!("this `if` has no `{text}`"))
            .label(format!("expected `{text}`, found {found}"))
            .also(start, "the `if`");
        let error = match keyword {
            Keyword::Else => error.help("an `if` is a value, so it needs one for both cases"),
            _ => error.help("an `if` is written `if condition then value else value`"),
        };
        self.fail(error)
    }

    /// A value and what hangs on it: `.name`, `.name(arguments)`.
    fn postfix(&mut self) -> Parse<Deep> {
        let mut base = self.atom()?;
        while self.same_line() {
            base = match self.kind() {
                TokenKind::Dot => self.member(base)?,
                TokenKind::OpenBracket | TokenKind::OpenParen => return self.nothing_hangs_here(),
                _ => break,
            };
        }
        Ok(base)
    }

    /// `.name` or `.name(arguments)` behind its base. Apart, so that little stands on the stack while the base is read.
    fn member(&mut self, base: Deep) -> Parse<Deep> {
        self.bump();
        let field = self.name("the name of a `let` or function of that loss")?;
        let index = self.index()?;
        let mut depth = base.depth;
        let open = if self.same_line() { self.eat(&TokenKind::OpenParen) } else { None };
        let arguments = match open {
            Some(open) => Some(self.arguments(open, &mut depth)?.0),
            None => None,
        };
        if depth >= MAX_DEPTH {
            return self.too_deep(field.span);
        }
        let span = base.expr.span.to(Span::point(self.previous_end()));
        let kind = ExprKind::Field { base: Box::new(base.expr), field, index, arguments };
        Ok(Deep { expr: Expr { span, kind }, depth: depth + 1 })
    }

    fn nothing_hangs_here<T>(&mut self) -> Parse<T> {
        let error = match self.kind() {
            TokenKind::OpenBracket => Diagnostic::error("index", self.span(), "only a name carries an index")
                .help("give the value a name with `let`; its shape is known then"),
            _ => Diagnostic::error("syntax", self.span(), "only a name can be called")
                .help("a product is written with `*`")
                .fix(Span::new(self.previous_end(), self.span().start), " * "),
        };
        self.fail(error)
    }

    fn atom(&mut self) -> Parse<Deep> {
        let span = self.span();
        match self.kind().clone() {
            TokenKind::Number(value) => {
                self.bump();
                let text = self.text(span).to_owned();
                Ok(Deep::leaf(span, ExprKind::Number { text, value }))
            }
            TokenKind::Name => self.name_or_call(),
            TokenKind::Keyword(_) if self.is_misused() => {
                self.bump();
                Ok(Deep::leaf(span, ExprKind::Error))
            }
            TokenKind::OpenParen => {
                self.bump();
                let (mut inner, span) =
                    self.bracketed(span, &TokenKind::CloseParen, |parser| parser.expression())?;
                inner.expr.span = span;
                Ok(inner)
            }
            _ => {
                let error = self.no_expression();
                self.fail(error)
            }
        }
    }

    fn no_expression(&self) -> Diagnostic {
        let error = self.unexpected("an expression");
        match self.kind() {
            TokenKind::Keyword(keyword) if !self.token().starts_line => {
                error.label(format!("`{}` is a keyword, it cannot be a name", keyword.text()))
            }
            TokenKind::OpenBracket => error.help("an index follows a name: `cos[k]`"),
            TokenKind::OpenBrace => error.help("grouping is done with `(` and `)`"),
            _ => error,
        }
    }

    fn name_or_call(&mut self) -> Parse<Deep> {
        let name = self.name("a name")?;
        let index = self.index()?;
        let open = match self.same_line() {
            true => self.eat(&TokenKind::OpenParen),
            false => None,
        };
        let Some(open) = open else {
            self.not_applied(&name, index.as_ref())?;
            let span = name.span.to(Span::point(self.previous_end()));
            return Ok(Deep::leaf(span, ExprKind::Name { name, index }));
        };
        let mut depth = 0;
        let (arguments, span) = self.arguments(open, &mut depth)?;
        if depth >= MAX_DEPTH {
            return self.too_deep(name.span);
        }
        let span = name.span.to(span);
        let kind = ExprKind::Call { callee: name, index, arguments };
        Ok(Deep { expr: Expr { span, kind }, depth: depth + 1 })
    }

    /// `cos theta[y]`: papers leave out the parentheses.
    fn not_applied(&mut self, name: &Name, index: Option<&Name>) -> Parse<()> {
        let applied = matches!(self.kind(), TokenKind::Number(_) | TokenKind::Name) && self.same_line();
        let applied = applied && !self.is_total();
        if !applied || !is_function(&name.text, index.map(|index| index.text.as_str())) {
            return Ok(());
        }
        let function = self.text(Span::new(name.span.start, self.previous_end()));
        let message = format!("the arguments of `{function}` stand in parentheses");
        let error = Diagnostic::error("syntax", self.span(), message)
            .label("expected `(`")
            .help(format!("write `{function}(…)`"));
        self.fail(error)
    }

    /// What stands between the brackets of a call, and the brackets; `depth` becomes that of the deepest one.
    fn arguments(&mut self, open: Span, depth: &mut usize) -> Parse<(Vec<Argument>, Span)> {
        self.bracketed(open, &TokenKind::CloseParen, |parser| {
            parser.list(&TokenKind::CloseParen, |parser| parser.argument(depth))
        })
    }

    fn argument(&mut self, depth: &mut usize) -> Parse<Argument> {
        let named = matches!(self.kind(), TokenKind::Name | TokenKind::Keyword(_));
        let name = match self.ahead(1) {
            TokenKind::Colon if named => {
                let name = self.name("the name of an argument")?;
                self.bump();
                Some(name)
            }
            TokenKind::Equal if named => {
                let name = self.name("the name of an argument")?;
                let span = self.bump().span;
                self.report(
                    Diagnostic::error("equals", span, "a named argument is written with `:`")
                        .label("write `:` to name the argument, `==` to compare")
                        .fix(Span::new(name.span.end, span.end), ":"),
                );
                Some(name)
            }
            _ => None,
        };
        let value = self.expression()?;
        *depth = (*depth).max(value.depth);
        Ok(Argument { name, value: value.expr })
    }

    /// `k`, or `k, r` where a class has several centres, as one name.
    fn index_names(&mut self) -> Parse<Name> {
        let class = self.name("an index")?;
        if self.eat(&TokenKind::Comma).is_none() {
            return Ok(class);
        }
        let centre = self.name("the index of a centre, `r`")?;
        Ok(Name { text: format!("{}, {}", class.text, centre.text), span: class.span.to(centre.span) })
    }

    /// `[k]`, if there is one.
    pub(super) fn index(&mut self) -> Parse<Option<Name>> {
        if !self.same_line() {
            return Ok(None);
        }
        let Some(open) = self.eat(&TokenKind::OpenBracket) else { return Ok(None) };
        let (name, _) = self.bracketed(open, &TokenKind::CloseBracket, |parser| {
            if !matches!(parser.kind(), TokenKind::Name) {
                let error = parser
                    .unexpected("an index")
                    .help("an index is `y` (the label), `k` (the other classes) or `i` (the samples)");
                return parser.fail(error);
            }
            parser.index_names()
        })?;
        Ok(Some(name))
    }
}
