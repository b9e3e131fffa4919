//! Layout: a document with possible line breaks in, lines of text out.
//!
//! The usual scheme of Oppen and Wadler: a [`Doc::Group`] stands on one line if
//! it fits, else all of its [`Doc::Line`]s break. Comments run to the end of
//! their line, so a group with a comment in it never fits.

/// The longest line the formatter writes, if it can.
const WIDTH: usize = 100;
const INDENT: usize = 4;

/// A piece of layout.
#[derive(Debug, Clone)]
pub(super) enum Doc {
    Text(String),
    /// A blank, or a line break where the group is broken.
    Line,
    /// Nothing, or a line break where the group is broken.
    SoftLine,
    /// Always a line break.
    HardLine,
    /// A line break and an empty line.
    EmptyLine,
    /// This text where the group is broken, nothing elsewhere.
    IfBroken(&'static str),
    Concat(Vec<Doc>),
    Nest(Box<Doc>),
    Group {
        content: Box<Doc>,
        broken: bool,
    },
    /// A comment; after it the line is over.
    Comment {
        text: String,
        own_line: bool,
    },
    /// What follows is put below its like on the lines above and below.
    Align(Mark),
}

/// What is put below what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The arrows of laws.
    Arrow,
    /// Comments behind statements.
    Comment,
}

impl Doc {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn nothing() -> Self {
        Self::Concat(Vec::new())
    }

    pub(super) fn nest(self) -> Self {
        Self::Nest(Box::new(self))
    }

    pub(super) fn group(self) -> Self {
        let broken = self.must_break();
        Self::Group { content: Box::new(self), broken }
    }

    /// Is there something in it that ends a line in any case?
    pub(super) fn must_break(&self) -> bool {
        match self {
            Self::HardLine | Self::EmptyLine | Self::Comment { .. } => true,
            Self::Concat(docs) => docs.iter().any(Self::must_break),
            Self::Nest(doc) => doc.must_break(),
            Self::Group { broken, .. } => *broken,
            _ => false,
        }
    }

    /// The text of the document.
    pub(super) fn render(&self) -> String {
        let mut writer = Writer { lines: vec![OutLine::default()], indent: 0, after_comment: false };
        // (indentation, is the group broken, what to write), the next one last
        let mut rest = vec![(0, true, self)];
        while let Some((indent, broken, doc)) = rest.pop() {
            match doc {
                Self::Text(text) => writer.text(indent, text),
                Self::Line | Self::SoftLine if broken || writer.after_comment => writer.newline(indent),
                Self::Line => writer.text(indent, " "),
                Self::SoftLine => {}
                Self::HardLine => writer.newline(indent),
                Self::EmptyLine => writer.empty_line(indent),
                Self::IfBroken(text) => {
                    if broken {
                        writer.text(indent, text);
                    }
                }
                Self::Concat(docs) => rest.extend(docs.iter().rev().map(|doc| (indent, broken, doc))),
                Self::Nest(doc) => rest.push((indent + INDENT, broken, doc)),
                Self::Group { content, broken: must } => {
                    let room = WIDTH.saturating_sub(writer.column(indent));
                    let broken = *must || !fits(room, content, &rest);
                    rest.push((indent, broken, content));
                }
                Self::Comment { text, own_line } => writer.comment(indent, text, *own_line),
                Self::Align(mark) => writer.mark(*mark),
            }
        }
        writer.finish()
    }
}

/// Does the document, and what follows it up to the next possible break, fit
/// into `room` columns?
fn fits(room: usize, doc: &Doc, rest: &[(usize, bool, &Doc)]) -> bool {
    let mut left = room;
    let mut outer = rest.iter().rev();
    let mut stack = vec![(false, doc)];
    loop {
        let (broken, doc) = match stack.pop() {
            Some(next) => next,
            None => match outer.next() {
                Some((_, broken, doc)) => (*broken, *doc),
                None => return true,
            },
        };
        let width = match doc {
            Doc::Text(text) => text.chars().count(),
            Doc::Line | Doc::SoftLine if broken => return true,
            Doc::HardLine | Doc::EmptyLine | Doc::Comment { .. } => return true,
            Doc::Line => 1,
            Doc::IfBroken(text) if broken => text.chars().count(),
            Doc::SoftLine | Doc::IfBroken(_) | Doc::Align(_) => 0,
            Doc::Concat(docs) => {
                stack.extend(docs.iter().rev().map(|doc| (broken, doc)));
                0
            }
            Doc::Nest(doc) => {
                stack.push((broken, doc));
                0
            }
            Doc::Group { content, broken } => {
                stack.push((*broken, content));
                0
            }
        };
        if width > left {
            return false;
        }
        left -= width;
    }
}

#[derive(Default)]
struct OutLine {
    text: String,
    marks: Vec<(Mark, usize)>,
}

struct Writer {
    lines: Vec<OutLine>,
    /// Of the current line.
    indent: usize,
    after_comment: bool,
}

impl Writer {
    fn line(&mut self) -> &mut OutLine {
        if self.lines.is_empty() {
            self.lines.push(OutLine::default());
        }
        let last = self.lines.len() - 1;
        &mut self.lines[last]
    }

    fn column(&mut self, indent: usize) -> usize {
        match self.line().text.chars().count() {
            0 => self.indent,
            _ if self.after_comment => indent,
            column => column,
        }
    }

    fn text(&mut self, indent: usize, text: &str) {
        if self.after_comment {
            self.newline(indent);
        }
        let blanks = self.indent;
        let line = self.line();
        if line.text.is_empty() {
            let text = text.trim_start();
            if !text.is_empty() {
                line.text.push_str(&" ".repeat(blanks));
                line.text.push_str(text);
            }
        } else {
            line.text.push_str(text);
        }
    }

    fn newline(&mut self, indent: usize) {
        self.after_comment = false;
        self.indent = indent;
        let line = self.line();
        line.text.truncate(line.text.trim_end().len());
        if !line.text.is_empty() {
            self.lines.push(OutLine::default());
        }
    }

    fn empty_line(&mut self, indent: usize) {
        self.newline(indent);
        self.lines.push(OutLine::default());
    }

    fn comment(&mut self, indent: usize, text: &str, own_line: bool) {
        if own_line || self.after_comment {
            self.newline(indent);
        }
        let blanks = self.indent;
        let line = self.line();
        line.text.truncate(line.text.trim_end().len());
        if line.text.is_empty() {
            line.text.push_str(&" ".repeat(blanks));
        } else {
            line.text.push(' ');
            let at = line.text.len();
            if line.marks.iter().any(|(mark, _)| *mark == Mark::Comment) {
                line.marks.retain(|(mark, _)| *mark != Mark::Comment);
                line.marks.push((Mark::Comment, at));
            }
        }
        line.text.push_str(text);
        self.after_comment = true;
    }

    fn mark(&mut self, mark: Mark) {
        let line = self.line();
        let at = line.text.len();
        line.marks.push((mark, at));
    }

    fn finish(mut self) -> String {
        align(&mut self.lines, Mark::Arrow);
        align(&mut self.lines, Mark::Comment);
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(line.text.trim_end());
            text.push('\n');
        }
        let end = text.trim_end().len();
        text.truncate(end);
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }
}

/// Brings the marks of neighbouring lines to the same column.
fn align(lines: &mut [OutLine], mark: Mark) {
    let column = |line: &OutLine| {
        let (_, at) = line.marks.iter().find(|(found, _)| *found == mark)?;
        Some(line.text.get(..*at)?.chars().count())
    };
    let mut start = 0;
    while start < lines.len() {
        let run: Vec<usize> = lines[start..].iter().map_while(column).collect();
        let widest = run.iter().copied().max().unwrap_or(0);
        for (line, column) in lines[start..].iter_mut().zip(&run) {
            pad(line, mark, widest - column);
        }
        start += run.len().max(1);
    }
}

fn pad(line: &mut OutLine, mark: Mark, blanks: usize) {
    let Some(&(_, at)) = line.marks.iter().find(|(found, _)| *found == mark) else { return };
    line.text.insert_str(at, &" ".repeat(blanks));
    for (_, place) in line.marks.iter_mut().filter(|(_, place)| *place >= at) {
        *place += blanks;
    }
}
