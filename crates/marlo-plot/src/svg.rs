//! Writes SVG: a few shapes, with numbers as short as can be seen.

use std::fmt::Write as _;

use crate::font::{self, SUB_DROP, SUB_SIZE};
use crate::label::Label;

/// Which point of a text its place is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Between two texts of a line.
pub(crate) const BETWEEN: f64 = 8.0;

/// A drawing in the making.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
    /// Are texts drawn as outlines?
    outlined: bool,
}

impl Canvas {
    /// An empty drawing.
    pub(crate) fn new(outlined: bool) -> Self {
        Canvas { body: String::new(), outlined }
    }

    /// What has been drawn.
    pub(crate) fn body(self) -> String {
        self.body
    }

    /// A line.
    pub(crate) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str, more: &str) {
        self.path(&format!("{}{}", point('M', from), point('L', to)), class, more);
    }

    /// A rectangle from its upper left corner.
    pub(crate) fn rect(&mut self, at: (f64, f64), size: (f64, f64), more: &str) {
        let [x, y, width, height] = [at.0, at.1, size.0, size.1].map(short);
        let _ = writeln!(self.body, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" {more}/>"#);
    }

    /// A path that is not filled unless its class or an attribute says so.
    pub(crate) fn path(&mut self, data: &str, class: &str, more: &str) {
        let space = if more.is_empty() { "" } else { " " };
        let _ = writeln!(self.body, r#"<path class="{class}" d="{data}"{space}{more}/>"#);
    }

    /// A text on its baseline.
    pub(crate) fn text(&mut self, at: (f64, f64), label: &Label, size: f64, class: &str, anchor: Anchor) {
        let width = font::width(label, size);
        let (attribute, x) = match anchor {
            Anchor::Start => ("", at.0),
            Anchor::Middle => (r#" text-anchor="middle""#, at.0 - width / 2.0),
            Anchor::End => (r#" text-anchor="end""#, at.0 - width),
        };
        if self.outlined {
            return self.path(&font::outlines(label, (x, at.1), size), class, "");
        }
        self.open(at, size, &format!(r#" class="{class}"{attribute}"#));
        self.pieces(label, size);
        self.body.push_str("</text>\n");
    }

    /// Texts one after another on a baseline, each in its class. The reader's font says where the next one begins.
    pub(crate) fn texts(&mut self, at: (f64, f64), labels: &[(&Label, &str)], size: f64) {
        if self.outlined {
            let mut x = at.0;
            for (label, class) in labels {
                self.path(&font::outlines(label, (x, at.1), size), class, "");
                x += font::width(label, size) + BETWEEN;
            }
            return;
        }
        self.open(at, size, "");
        for (number, (label, class)) in labels.iter().enumerate() {
            let dx = if number > 0 { format!(r#" dx="{}""#, short(BETWEEN)) } else { String::new() };
            let _ = write!(self.body, r#"<tspan class="{class}"{dx}>"#);
            self.pieces(label, size);
            self.body.push_str("</tspan>");
        }
        self.body.push_str("</text>\n");
    }

    fn open(&mut self, at: (f64, f64), size: f64, more: &str) {
        let (x, y, size) = (short(at.0), short(at.1), short(size));
        let _ = write!(self.body, r#"<text x="{x}" y="{y}" font-size="{size}"{more}>"#);
    }

    /// The pieces of a label; after a subscript the text goes back up to its line.
    fn pieces(&mut self, label: &Label, size: f64) {
        let (drop, small) = (short(SUB_DROP * size), short(SUB_SIZE * size));
        let mut is_low = false;
        for piece in &label.pieces {
            let text = escape(&piece.text);
            let _ = match (is_low, piece.is_sub) {
                (false, false) => write!(self.body, "{text}"),
                (true, false) => write!(self.body, r#"<tspan dy="-{drop}">{text}</tspan>"#),
                (false, true) => {
                    write!(self.body, r#"<tspan dy="{drop}" font-size="{small}">{text}</tspan>"#)
                }
                (true, true) => write!(self.body, r#"<tspan font-size="{small}">{text}</tspan>"#),
            };
            is_low = piece.is_sub;
        }
    }

    /// A text that reads upwards, centred.
    pub(crate) fn upright(&mut self, at: (f64, f64), label: &Label, size: f64, class: &str) {
        let (x, y) = (short(at.0), short(at.1));
        let _ = writeln!(self.body, r#"<g transform="translate({x} {y}) rotate(-90)">"#);
        self.text((0.0, 0.0), label, size, class, Anchor::Middle);
        self.body.push_str("</g>\n");
    }
}

/// The data of a path through points, without those that can't be told from the line between their neighbours.
pub(crate) fn polyline(points: impl Iterator<Item = (f64, f64)>, is_closed: bool) -> String {
    let points = simplified(&points.collect::<Vec<_>>());
    let mut data = String::new();
    for (at, place) in points.into_iter().enumerate() {
        data += &point(if at == 0 { 'M' } else { 'L' }, place);
    }
    if is_closed {
        data.push('Z');
    }
    data
}

/// How far from the true line the drawn one may pass.
const TOLERANCE: f64 = 0.03;

/// Douglas and Peucker's: of a run of points the one farthest from the line between the ends is kept, until none is far.
fn simplified(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept = vec![false; points.len()];
    for end in [kept.len().checked_sub(1), (!points.is_empty()).then_some(0)].into_iter().flatten() {
        kept[end] = true;
    }
    let mut runs = vec![(0, points.len().saturating_sub(1))];
    while let Some((first, last)) = runs.pop() {
        let distance = |at: usize| distance(points[at], points[first], points[last]);
        let farthest = (first + 1..last).max_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        if let Some(at) = farthest.filter(|at| distance(*at) > TOLERANCE) {
            kept[at] = true;
            runs.extend([(first, at), (at, last)]);
        }
    }
    points.iter().zip(kept).filter(|point| point.1).map(|point| *point.0).collect()
}

/// How far a point is from the line between two.
fn distance(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let square = dx * dx + dy * dy;
    let along = if square > 0.0 { ((p.0 - a.0) * dx + (p.1 - a.1) * dy) / square } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (p.0 - a.0 - along * dx).hypot(p.1 - a.1 - along * dy)
}

fn point(command: char, place: (f64, f64)) -> String {
    format!("{command}{} {}", short(place.0), short(place.1))
}

/// A length with two digits behind the point, at most.
pub(crate) fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.to_owned() }
}

/// A text that stands in XML; characters that XML can't hold at all are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_what_can_be_seen() {
        let straight = (0..100).map(|x| (f64::from(x), 0.001 * f64::from(x % 2)));
        assert_eq!(polyline(straight, false), "M0 0L99 0");
        let corner = [(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)].into_iter();
        assert_eq!(polyline(corner, true), "M0 0L5 0L5 5Z");
        assert_eq!(polyline(std::iter::empty(), false), "");
        assert_eq!(polyline(std::iter::once((1.0, 2.0)), false), "M1 2");
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(escape("a<b & \"c\"\u{0}"), "a&lt;b &amp; &quot;c&quot;");
        assert_eq!(short(-0.001), "0");
    }
}
