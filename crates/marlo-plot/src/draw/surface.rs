//! Draws surfaces as filled contours, side by side, with the scale of their colours.

use super::{Drawn, LABEL_SIZE, RIM, TICK_SIZE, wrapped};
use crate::contour::region;
use crate::label::Label;
use crate::scale::{decimals, number};
use crate::svg::{Anchor, Canvas, polyline};
use crate::theme::heat;
use crate::{Panel, Strip, font};

/// Between two panels.
const GAP: f64 = 36.0;
/// From a panel to the next one's loss below it.
const BELOW: f64 = 62.0;
/// The name of a loss above its panel, and its hyperparameters.
const NAME_SIZE: f64 = 13.0;
const DETAIL_SIZE: f64 = 11.5;
/// From a line of them to the next.
const LINE: f64 = 1.3 * DETAIL_SIZE;

/// The width of a panel where so many are side by side.
fn side(panels: usize) -> f64 {
    match panels {
        0 | 1 => 360.0,
        2 => 280.0,
        _ => 220.0,
    }
}

pub(super) fn draw(canvas: &mut Canvas, strips: &[Strip], top: f64) -> Drawn {
    let across = strips.iter().map(|strip| strip.panels.len()).max().unwrap_or(1);
    let side = side(across);
    let mut y = top;
    let mut right = 0.0;
    let left = RIM + LABEL_SIZE + 12.0 + font::width(&Label::plain("−180°"), TICK_SIZE) + 7.0;
    for strip in strips {
        let lines = strip.panels.iter().map(|panel| details(panel, side).len()).max().unwrap_or(0);
        y += NAME_SIZE + lines as f64 * LINE + 8.0;
        for (at, panel) in strip.panels.iter().enumerate() {
            let x = left + at as f64 * (side + GAP);
            surface(canvas, panel, &strip.levels, (x, y), side);
            frame(canvas, panel, (x, y), side, at == 0);
        }
        let end = left + strip.panels.len() as f64 * (side + GAP) - GAP;
        right = bar(canvas, strip, (end + 18.0, y), side).max(right);
        y += side + BELOW;
    }
    Drawn { bottom: y - BELOW + 46.0, right, left }
}

/// The colour of each level, the lowest first: one more than there are levels.
fn colours(levels: usize) -> Vec<String> {
    (0..=levels).map(|at| heat(if levels == 0 { 0.5 } else { at as f64 / levels as f64 })).collect()
}

fn surface(canvas: &mut Canvas, panel: &Panel, levels: &[f64], (left, top): (f64, f64), side: f64) {
    let colours = colours(levels.len());
    canvas.rect((left, top), (side, side), &format!("fill=\"{}\"", colours[0]));
    let step = (side / (panel.field.size.0 - 1) as f64, side / (panel.field.size.1 - 1) as f64);
    let place = |(i, j): (f64, f64)| (left + i * step.0, top + side - j * step.1);
    for (level, colour) in levels.iter().zip(&colours[1..]) {
        let outlines = region(&panel.field, *level);
        let data = outlines.iter().map(|o| polyline(o.iter().map(|c| place(c.place())), true));
        let data: String = data.collect();
        if !data.is_empty() {
            canvas.path(&data, "surface", &format!("fill=\"{colour}\" fill-rule=\"evenodd\""));
        }
    }
}

/// The axes of a panel, with its loss above them.
fn frame(canvas: &mut Canvas, panel: &Panel, (left, top): (f64, f64), side: f64, is_first: bool) {
    let thin = "class=\"frame\" stroke-width=\"1\"";
    let bottom = top + side;
    for (tick, text) in panel.x.ticks((side / 62.0) as usize) {
        let x = left + panel.x.share(tick) * side;
        canvas.line((x, bottom), (x, bottom + 4.0), "frame", "");
        canvas.text((x, bottom + 17.0), &Label::plain(text), TICK_SIZE, "soft", Anchor::Middle);
    }
    for (tick, text) in panel.y.ticks((side / 52.0) as usize) {
        let y = bottom - panel.y.share(tick) * side;
        canvas.line((left - 4.0, y), (left, y), "frame", "");
        if is_first {
            canvas.text((left - 8.0, y + 4.2), &Label::plain(text), TICK_SIZE, "soft", Anchor::End);
        }
    }
    canvas.rect((left, top), (side, side), thin);
    canvas.text((left + side / 2.0, bottom + 36.0), &panel.x.label, LABEL_SIZE, "ink", Anchor::Middle);
    if is_first {
        canvas.upright((RIM + LABEL_SIZE - 3.0, top + side / 2.0), &panel.y.label, LABEL_SIZE, "ink");
    }
    let fitted = |label: &Label, size: f64| size * (side / font::width(label, size).max(1.0)).min(1.0);
    let name = Label::plain(&panel.name);
    let mut above = top - 8.0;
    for line in details(panel, side).iter().rev() {
        canvas.text((left, above), line, fitted(line, DETAIL_SIZE), "soft", Anchor::Start);
        above -= LINE;
    }
    canvas.text((left, above - 1.0), &name, fitted(&name, NAME_SIZE), "ink", Anchor::Start);
}

/// The hyperparameters of a panel's loss in lines that are not wider than it.
fn details(panel: &Panel, side: f64) -> Vec<Label> {
    let lines = wrapped(&panel.detail, ", ", side, DETAIL_SIZE);
    lines.into_iter().filter(|line| !line.is_empty()).collect()
}

/// The scale of the colours; gives where it ends on the right.
fn bar(canvas: &mut Canvas, strip: &Strip, (left, top): (f64, f64), height: f64) -> f64 {
    let width = 15.0;
    let colours = colours(strip.levels.len());
    let block = height / colours.len() as f64;
    for (at, colour) in colours.iter().enumerate() {
        let y = top + height - (at + 1) as f64 * block;
        canvas.rect((left, y), (width, block), &format!("fill=\"{colour}\""));
    }
    let step = match strip.levels[..] {
        [first, second, ..] => second - first,
        [only] => only.abs(),
        [] => 1.0,
    };
    let digits = decimals(step);
    let mut widest: f64 = 0.0;
    for (at, level) in strip.levels.iter().enumerate() {
        let y = top + height - (at + 1) as f64 * block;
        canvas.line((left + width, y), (left + width + 4.0, y), "frame", "");
        let text = Label::plain(number(*level, digits));
        canvas.text((left + width + 8.0, y + 4.2), &text, TICK_SIZE, "soft", Anchor::Start);
        widest = widest.max(font::width(&text, TICK_SIZE));
    }
    // A point above stands for what is higher still.
    if let Some(colour) = colours.last().filter(|_| strip.goes_on) {
        let corners = [(left, top), (left + width / 2.0, top - width), (left + width, top)];
        let point = polyline(corners.into_iter(), false);
        canvas.path(&point, "frame", &format!("fill=\"{colour}\" stroke-width=\"1\""));
    }
    canvas.rect((left, top), (width, height), "class=\"frame\" stroke-width=\"1\"");
    let x = left + width + 8.0 + widest + 8.0 + LABEL_SIZE;
    canvas.upright((x, top + height / 2.0), &strip.label, LABEL_SIZE, "ink");
    x + 4.0
}
