//! Draws a [`Diagnostic`] for people: the line, a caret, the reason, the edit.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};

use crate::Span;
use crate::diagnostic::{Diagnostic, Severity};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// With ANSI colours, for a terminal.
    Styled,
}

/// Draws one diagnostic about `source`, which is called `path`.
///
/// ```
/// use marlo_lang::{parse, render};
/// let source = "loss f() { cos[y] ; }";
/// let (_, found) = parse(source);
/// let text = render::render(&found[0], "f.loss", source, render::Style::Plain);
/// assert!(text.contains("there are no semicolons"));
/// ```
#[must_use]
pub fn render(diagnostic: &Diagnostic, path: &str, source: &str, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut snippet = Snippet::source(source).path(path);
    let label = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    snippet = snippet.annotation(
        AnnotationKind::Primary
            .span(fit(diagnostic.primary.span, source))
            .label(label(&diagnostic.primary.text)),
    );
    for secondary in &diagnostic.secondary {
        snippet = snippet.annotation(
            AnnotationKind::Context.span(fit(secondary.span, source)).label(label(&secondary.text)),
        );
    }
    let mut main = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code).element(snippet);
    for help in &diagnostic.help {
        main = main.element(Level::HELP.message(help.as_str()));
    }
    let mut report: Vec<Group<'_>> = vec![main];
    if let Some(fix) = &diagnostic.fix {
        report.push(
            Level::HELP.secondary_title("try this").element(
                Snippet::source(source)
                    .path(path)
                    .patch(Patch::new(fit(fix.span, source), fix.replacement.as_str())),
            ),
        );
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Styled => Renderer::styled(),
    };
    renderer.render(&report).to_string()
}

/// Draws all of them, an empty line between each two.
#[must_use]
pub fn render_all(diagnostics: &[Diagnostic], path: &str, source: &str, style: Style) -> String {
    let drawn: Vec<String> = diagnostics.iter().map(|found| render(found, path, source, style)).collect();
    drawn.join("\n\n")
}

/// The span as a range that lies in the source, between letters.
fn fit(span: Span, source: &str) -> Range<usize> {
    let place = |at: usize| source.floor_char_boundary(at.min(source.len()));
    let start = place(span.start);
    start..place(span.end).max(start)
}
