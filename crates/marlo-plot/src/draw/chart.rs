//! Draws lines over two axes, with a legend below them.

use super::{Drawn, LABEL_SIZE, RIM, TICK_SIZE};
use crate::label::Label;
use crate::scale::Axis;
use crate::svg::{Anchor, BETWEEN, Canvas, polyline};
use crate::theme::{area_class, dashes, line_class};
use crate::{Chart, Curve, font};

/// The size of the part inside the axes.
const WIDE: (f64, f64) = (620.0, 370.0);
const SQUARE: (f64, f64) = (430.0, 430.0);
/// The length of a line in the legend, and what it stands apart from its text.
const SAMPLE: (f64, f64) = (40.0, 9.0);
const LEGEND_SIZE: f64 = 12.5;

/// Where values stand on the page.
struct Frame<'a> {
    x: &'a Axis,
    y: &'a Axis,
    left: f64,
    top: f64,
    size: (f64, f64),
}

impl Frame<'_> {
    fn at(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.left + self.x.share(x) * self.size.0, self.top + (1.0 - self.y.share(y)) * self.size.1)
    }

    fn bottom(&self) -> f64 {
        self.top + self.size.1
    }

    fn right(&self) -> f64 {
        self.left + self.size.0
    }
}

/// How many ticks there is room for, across and up; as many both ways where the axes are alike.
fn ticks_wanted(size: (f64, f64)) -> (usize, usize) {
    let across = (size.0 / 70.0) as usize;
    (across, if size.0 == size.1 { across } else { (size.1 / 52.0) as usize })
}

pub(super) fn draw(canvas: &mut Canvas, chart: &Chart, top: f64) -> Drawn {
    let size = if chart.square { SQUARE } else { WIDE };
    let ticks = chart.y.ticks(ticks_wanted(size).1);
    let widest = ticks.iter().map(|tick| font::width(&Label::plain(&tick.1), TICK_SIZE)).fold(0.0, f64::max);
    let left = (RIM + LABEL_SIZE + 12.0 + widest + 7.0).round();
    let frame = Frame { x: &chart.x, y: &chart.y, left, top, size };
    axes(canvas, &frame, &ticks);
    if chart.square {
        let ends = [frame.x.low.max(frame.y.low), frame.x.high.min(frame.y.high)];
        let [from, to] = ends.map(|end| frame.at((end, end)));
        canvas.line(from, to, "guide", r#"stroke-width="1""#);
    }
    for (at, curve) in chart.curves.iter().enumerate() {
        let outlines = curve.region.iter().map(|o| polyline(o.iter().map(|p| frame.at(*p)), true));
        let data: String = outlines.collect();
        if !data.is_empty() {
            canvas.path(&data, &area_class(at), r#"fill-opacity="0.1" fill-rule="evenodd""#);
        }
        for border in &curve.borders {
            let [low, high] = [frame.y.low, frame.y.high].map(|y| frame.at((*border, y)));
            canvas.line(
                low,
                high,
                &line_class(at),
                r#"stroke-width="1" stroke-opacity="0.75" stroke-dasharray="1.5 3""#,
            );
        }
    }
    for (at, curve) in chart.curves.iter().enumerate() {
        let shown = curve.pieces.iter().flat_map(|piece| within(piece, (frame.y.low, frame.y.high)));
        let pieces = shown.map(|piece| polyline(piece.into_iter().map(|p| frame.at(p)), false));
        canvas.path(&pieces.collect::<String>(), &line_class(at), &stroke(at));
    }
    legend(canvas, &frame, &chart.curves)
}

/// The parts of a piece between two heights, cut where it crosses them.
fn within(piece: &[(f64, f64)], (low, high): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    for ends in piece.windows(2) {
        let [from, to] = [ends[0], ends[1]];
        let rise = to.1 - from.1;
        let share = |height: f64| if rise == 0.0 { 0.0 } else { (height - from.1) / rise };
        let at = |share: f64| (from.0 + share * (to.0 - from.0), (from.1 + share * rise).clamp(low, high));
        let crossed = [share(low), share(high)];
        let first = crossed[0].min(crossed[1]).max(0.0);
        let last = if rise == 0.0 { 1.0 } else { crossed[0].max(crossed[1]).min(1.0) };
        let is_inside = rise != 0.0 || (low..=high).contains(&from.1);
        if !is_inside || first > last {
            continue;
        }
        let start = if first == 0.0 { from } else { at(first) };
        let end = if last == 1.0 { to } else { at(last) };
        match parts.last_mut() {
            Some(part) if first == 0.0 && part.last() == Some(&start) => part.push(end),
            _ => parts.push(vec![start, end]),
        }
    }
    parts
}

fn stroke(at: usize) -> String {
    let dashes = dashes(at);
    let dashes = if dashes.is_empty() { String::new() } else { format!(r#" stroke-dasharray="{dashes}""#) };
    format!(r#"stroke-width="2"{dashes}"#)
}

fn axes(canvas: &mut Canvas, frame: &Frame<'_>, ticks: &[(f64, String)]) {
    let thin = r#"stroke-width="1""#;
    for (tick, text) in ticks {
        let (_, y) = frame.at((frame.x.low, *tick));
        let class = if *tick == 0.0 { "guide" } else { "grid" };
        canvas.line((frame.left, y), (frame.right(), y), class, thin);
        canvas.text((frame.left - 7.0, y + 4.2), &Label::plain(text), TICK_SIZE, "soft", Anchor::End);
    }
    for (tick, text) in frame.x.ticks(ticks_wanted(frame.size).0) {
        let (x, _) = frame.at((tick, frame.y.low));
        canvas.line((x, frame.top), (x, frame.bottom()), "grid", thin);
        canvas.text((x, frame.bottom() + 17.0), &Label::plain(text), TICK_SIZE, "soft", Anchor::Middle);
    }
    let corner = (frame.left, frame.bottom());
    canvas.line((frame.left, frame.top), corner, "frame", thin);
    canvas.line(corner, (frame.right(), frame.bottom()), "frame", thin);
    let middle = (frame.left + frame.size.0 / 2.0, frame.top + frame.size.1 / 2.0);
    canvas.text((middle.0, frame.bottom() + 38.0), &frame.x.label, LABEL_SIZE, "ink", Anchor::Middle);
    canvas.upright((RIM + LABEL_SIZE - 3.0, middle.1), &frame.y.label, LABEL_SIZE, "ink");
}

/// The legend, in as many columns as there is room for.
fn legend(canvas: &mut Canvas, frame: &Frame<'_>, curves: &[Curve]) -> Drawn {
    let name = |curve: &Curve| Label::plain(&curve.name);
    let indent = SAMPLE.0 + SAMPLE.1;
    let width = |curve: &Curve| {
        indent + font::width(&name(curve), LEGEND_SIZE) + BETWEEN + font::width(&curve.detail, LEGEND_SIZE)
    };
    // Another font may be wider than the one that measures.
    let widest = 1.06 * curves.iter().map(width).fold(0.0, f64::max);
    let columns = (((frame.size.0 + 24.0) / (widest + 24.0)) as usize).clamp(1, curves.len().max(1));
    let rows = curves.len().div_ceil(columns);
    let mut y = frame.bottom() + 46.0;
    for row in 0..rows {
        y += 19.0;
        for column in 0..columns {
            let Some((at, curve)) = curves.iter().enumerate().nth(column * rows + row) else { continue };
            let x = frame.left + column as f64 * (frame.size.0 + 24.0) / columns as f64;
            canvas.line((x, y - 4.0), (x + SAMPLE.0, y - 4.0), &line_class(at), &stroke(at));
            let texts = [(&name(curve), "ink"), (&curve.detail, "soft")];
            canvas.texts((x + indent, y), &texts, LEGEND_SIZE);
        }
    }
    Drawn { bottom: y + 6.0, right: frame.right().max(frame.left + widest), left: frame.left }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn curves_end_at_the_frame() {
        let piece = [(0.0, 0.5), (1.0, 0.5), (2.0, 2.5), (3.0, 1e27), (4.0, -1e27), (5.0, 0.25)];
        let parts = within(&piece, (0.0, 1.0));
        assert_eq!(parts[0], [(0.0, 0.5), (1.0, 0.5), (1.25, 1.0)]);
        assert!((parts[1][0].0 - 3.5).abs() < 1e-12 && parts[1].len() == 2);
        assert_eq!(parts[2].last(), Some(&(5.0, 0.25)));
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().flatten().all(|(_, y)| (0.0..=1.0).contains(y)));
        assert!(within(&[(0.0, 2.0), (1.0, 2.0)], (0.0, 1.0)).is_empty());
    }
}
