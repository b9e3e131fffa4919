//! Items and statements as layout.

use super::doc::{Doc, Mark};
use crate::ast::*;
use crate::token::{Comment, CommentKind};

/// Turns a tree into layout, with the comments of its source.
pub(super) struct Printer<'a> {
    /// None for a tree that was never text.
    source: Option<&'a str>,
    /// The comments that are not written yet.
    comments: &'a [Comment],
    /// How many brackets are open in what is being written; inside them a
    /// line may break anywhere.
    pub(super) brackets: usize,
    /// Are products written without blanks, as in `0..pi/2`?
    pub(super) tight: bool,
    /// Do the operands of the next expression stand below one another when
    /// they are broken? So they do in parentheses of their own.
    pub(super) aligned: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn with_source(source: &'a str, comments: &'a [Comment]) -> Self {
        Self { source: Some(source), comments, brackets: 0, tight: false, aligned: false }
    }

    pub(super) fn without_source() -> Self {
        Self { source: None, comments: &[], brackets: 0, tight: false, aligned: false }
    }

    // ----- comments -----

    fn next_comment(&mut self, before: usize) -> Option<&'a Comment> {
        let (first, rest) = self.comments.split_first()?;
        if first.span.start >= before {
            return None;
        }
        self.comments = rest;
        Some(first)
    }

    fn comment(&self, comment: &Comment) -> Doc {
        let text = comment.span.text(self.source.unwrap_or_default());
        let text = match comment.kind {
            CommentKind::Plain => text.to_owned(),
            _ if comment.attached => text.to_owned(),
            _ => format!("// {}", text.get(3..).unwrap_or_default().trim_start()).trim_end().to_owned(),
        };
        Doc::Comment { text, own_line: comment.own_line }
    }

    /// The comments that stand before `at` and are not written yet.
    pub(super) fn pending(&mut self, at: usize) -> Doc {
        let mut docs = Vec::new();
        while let Some(comment) = self.next_comment(at) {
            docs.push(self.comment(comment));
        }
        Doc::Concat(docs)
    }

    fn is_blank_before(&self, at: usize) -> bool {
        let before = self.source.and_then(|source| source.get(..at)).unwrap_or_default();
        let blank = &before[before.trim_end().len()..];
        blank.matches('\n').count() >= 2
    }

    /// What stands between two statements: comments behind the first, comments
    /// of their own, an empty line where there was one.
    fn gap(&mut self, at: usize, first: bool) -> Vec<Doc> {
        let mut docs = Vec::new();
        let mut first = first;
        while let Some(comment) = self.next_comment(at) {
            if comment.own_line {
                docs.push(self.separator(comment.span.start, first));
            } else if !first {
                docs.push(Doc::Align(Mark::Comment));
            }
            docs.push(self.comment(comment));
            first = first && !comment.own_line;
        }
        docs.push(self.separator(at, first));
        docs
    }

    fn separator(&self, at: usize, first: bool) -> Doc {
        match !first && self.is_blank_before(at) {
            true => Doc::EmptyLine,
            false => Doc::HardLine,
        }
    }

    /// Docs of a tree without a source; otherwise they are among the comments.
    fn docs(&self, mark: &str, docs: &[String]) -> Doc {
        if self.source.is_some() {
            return Doc::nothing();
        }
        let line = |text: &String| Doc::Comment {
            text: format!("{mark} {text}").trim_end().to_owned(),
            own_line: true,
        };
        Doc::Concat(docs.iter().map(line).collect())
    }

    // ----- items -----

    pub(super) fn file(mut self, file: &File) -> Doc {
        let mut docs = vec![self.docs("//!", &file.docs)];
        let mut first = true;
        for used in &file.uses {
            self.item(&mut docs, used.span.start, &mut first, false, |_| {
                Doc::text(format!("use {}", used.name.text))
            });
        }
        for function in &file.functions {
            self.item(&mut docs, function.span.start, &mut first, true, |printer| printer.function(function));
        }
        if let Some(loss) = &file.loss {
            self.item(&mut docs, loss.span.start, &mut first, true, |printer| printer.loss(loss));
        }
        let mut early = true;
        for promise in &file.claims {
            let start = match promise {
                Promise::Law(law) => law.span.start,
                Promise::Prove(prove) => prove.span.start,
            };
            self.item(&mut docs, start, &mut first, early, |printer| match promise {
                Promise::Law(law) => printer.law(law),
                Promise::Prove(prove) => printer.prove(prove),
            });
            early = false;
        }
        docs.extend(self.gap(usize::MAX, first));
        Doc::Concat(docs)
    }

    /// One item of the file; `apart` asks for an empty line above it when
    /// there is no source to say so.
    fn item(
        &mut self,
        docs: &mut Vec<Doc>,
        start: usize,
        first: &mut bool,
        apart: bool,
        print: impl FnOnce(&mut Self) -> Doc,
    ) {
        docs.extend(self.gap(start, *first));
        if self.source.is_none() && apart && !*first {
            docs.push(Doc::EmptyLine);
        }
        docs.push(print(self));
        *first = false;
    }

    fn function(&mut self, function: &Function) -> Doc {
        let docs = self.docs("///", &function.docs);
        let open = format!("fn {}(", function.name.text);
        let parameters = function.parameters.iter().map(|parameter| {
            (parameter.name.span.start, move |_: &mut Self| {
                Doc::text(match &parameter.kind {
                    Some(kind) => format!("{}: {}", parameter.name.text, kind.text),
                    None => parameter.name.text.clone(),
                })
            })
        });
        let head = self.list(open, parameters, function.parameters_span.end);
        let body = match function.short {
            true => Doc::Concat(vec![Doc::text(" = "), self.value(&function.body.value)]),
            false => Doc::Concat(vec![Doc::text(" "), self.block(&function.body)]),
        };
        Doc::Concat(vec![docs, Doc::HardLine, head, body])
    }

    fn loss(&mut self, loss: &Loss) -> Doc {
        let docs = self.docs("///", &loss.docs);
        let open = format!("loss {}(", loss.name.text);
        let parameters = loss
            .parameters
            .iter()
            .map(|parameter| (parameter.span.start, move |printer: &mut Self| printer.parameter(parameter)));
        let head = self.list(open, parameters, loss.parameters_span.end);
        let late = self.pending(loss.body.span.start);
        let body = self.block(&loss.body);
        Doc::Concat(vec![docs, Doc::HardLine, head, late, Doc::text(" "), body])
    }

    pub(super) fn parameter(&mut self, parameter: &Parameter) -> Doc {
        let mut docs = vec![self.docs("///", &parameter.docs)];
        if !parameter.docs.is_empty() {
            docs.push(Doc::HardLine);
        }
        let index = index(parameter.index.as_ref());
        docs.push(Doc::text(format!("{}{index}: {}", parameter.name.text, parameter.kind.text)));
        if let Some(default) = &parameter.default {
            docs.push(Doc::text(" = "));
            docs.push(self.constant(default));
        }
        if let Some(drawn) = &parameter.drawn {
            docs.push(Doc::text(" ~ "));
            docs.push(self.constant(drawn));
        }
        if let Some(range) = &parameter.range {
            docs.push(self.range(range));
        }
        if let Some(sum) = &parameter.sum {
            docs.push(Doc::text(" total "));
            docs.push(self.constant(sum));
        }
        Doc::Concat(docs)
    }

    fn state(&mut self, state: &State) -> Doc {
        let above = Doc::Concat(vec![self.docs("///", &state.docs), Doc::HardLine]);
        let mut docs = Vec::new();
        let kind = state.kind.as_ref().map_or_else(String::new, |kind| format!(": {}", kind.text));
        docs.push(Doc::text(format!("state {}{kind} = ", state.name.text)));
        docs.push(self.constant(&state.start));
        if let Some(range) = &state.range {
            docs.push(self.range(range));
        }
        let late = self.pending(state.next.span.start);
        let next = vec![late, Doc::Line, Doc::text("then "), self.value(&state.next)];
        docs.push(Doc::Concat(next).nest());
        Doc::Concat(vec![above, Doc::Concat(docs).group()])
    }

    fn range(&mut self, range: &Range) -> Doc {
        let low = self.constant(&range.low);
        let high = range.high.as_ref().map_or_else(Doc::nothing, |high| self.constant(high));
        Doc::Concat(vec![Doc::text(" in "), low, Doc::text(".."), high])
    }

    /// A value of the kind that stands in a header: products are tight.
    fn constant(&mut self, value: &Expr) -> Doc {
        self.tight = true;
        let doc = self.region(value, binding::OR);
        self.tight = false;
        doc
    }

    fn block(&mut self, block: &Block) -> Doc {
        let mut docs = Vec::new();
        let mut first = true;
        for statement in &block.statements {
            let start = match statement {
                Statement::Let(binding) => binding.span.start,
                Statement::Function(function) => function.span.start,
                Statement::State(state) => state.span.start,
            };
            docs.extend(self.gap(start, first));
            docs.push(match statement {
                Statement::Let(binding) => self.binding(binding),
                Statement::Function(function) => self.function(function),
                Statement::State(state) => self.state(state),
            });
            first = false;
        }
        docs.extend(self.gap(block.value.span.start, first));
        docs.push(self.value(&block.value));
        let mut tail = self.gap(block.span.end, false);
        // The line break before the brace belongs to the outer level, and no
        // empty line stands there.
        tail.pop();
        docs.extend(tail);
        Doc::Concat(vec![Doc::text("{"), Doc::Concat(docs).nest(), Doc::HardLine, Doc::text("}")])
    }

    fn binding(&mut self, binding: &Let) -> Doc {
        let head = format!("let {}{} = ", binding.name.text, index(binding.index.as_ref()));
        let value = self.value(&binding.value);
        Doc::Concat(vec![Doc::text(head), value])
    }

    fn law(&mut self, law: &Law) -> Doc {
        let mut docs = vec![Doc::text("law")];
        for (number, (name, value)) in law.given.iter().enumerate() {
            if number > 0 {
                docs.push(Doc::text(","));
                docs.push(self.pending(name.span.start));
            }
            docs.push(if number > 0 { Doc::Line } else { Doc::text(" ") });
            docs.push(Doc::text(format!("{} = ", name.text)));
            docs.push(self.constant(value));
        }
        let given = Doc::Concat(docs).nest().group();
        let equals = self.value(&law.equals);
        Doc::Concat(vec![given, Doc::text(" "), Doc::Align(Mark::Arrow), Doc::text("=> "), equals])
    }

    fn prove(&mut self, prove: &Prove) -> Doc {
        let mut docs = vec![Doc::text("prove ")];
        for (number, claim) in prove.claims.iter().enumerate() {
            let before = match number {
                0 => Doc::nothing(),
                _ => Doc::Concat(vec![Doc::text(","), self.pending(claim.span.start), Doc::Line]),
            };
            let claim = Doc::Concat(vec![before, self.claim(claim)]);
            docs.push(if number > 0 { claim.nest() } else { claim });
        }
        Doc::Concat(docs).group()
    }

    fn claim(&mut self, claim: &Claim) -> Doc {
        if claim.arguments.is_empty() {
            return Doc::text(claim.name.text.clone());
        }
        let arguments = claim.arguments.iter().map(|argument| {
            (argument.value.span.start, move |printer: &mut Self| {
                let value = printer.region(&argument.value, binding::IF);
                let range = argument.range.as_ref().map_or_else(Doc::nothing, |range| printer.range(range));
                Doc::Concat(vec![value, range])
            })
        });
        self.list(format!("{}(", claim.name.text), arguments, claim.span.end)
    }

    /// `open`, the items with commas, `)`; an item a line if there are too many.
    /// Each item comes with the place where it begins; `end` is that of the
    /// bracket, or any later place before the next comment that is not inside.
    pub(super) fn list<F: FnOnce(&mut Self) -> Doc>(
        &mut self,
        open: String,
        items: impl Iterator<Item = (usize, F)>,
        end: usize,
    ) -> Doc {
        let tight = std::mem::replace(&mut self.tight, false);
        self.brackets += 1;
        let mut inner = Vec::new();
        for (number, (start, print)) in items.enumerate() {
            if number > 0 {
                inner.push(Doc::text(","));
            }
            inner.push(self.pending(start));
            inner.push(if number > 0 { Doc::Line } else { Doc::SoftLine });
            inner.push(print(self));
        }
        if !inner.is_empty() {
            inner.push(Doc::IfBroken(","));
        }
        inner.push(self.pending(end));
        self.brackets -= 1;
        self.tight = tight;
        Doc::Concat(vec![Doc::Text(open), Doc::Concat(inner).nest(), Doc::SoftLine, Doc::text(")")]).group()
    }
}

/// `[k]`, or nothing.
pub(super) fn index(index: Option<&Name>) -> String {
    index.map_or_else(String::new, |index| format!("[{}]", index.text))
}
