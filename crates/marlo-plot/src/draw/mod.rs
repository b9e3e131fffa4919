//! Draws a figure: SVG text, and PNG from the same drawing.

mod chart;
mod surface;

use resvg::{tiny_skia, usvg};

use crate::label::Label;
use crate::svg::{Anchor, Canvas, escape, short};
use crate::theme::{Theme, css};
use crate::{Content, Plot, PlotError, font};

const TITLE_SIZE: f64 = 16.0;
const LABEL_SIZE: f64 = 13.5;
const TICK_SIZE: f64 = 12.0;
const NOTE_SIZE: f64 = 11.5;
/// The blank rim of a figure.
const RIM: f64 = 16.0;

/// The pixels across a PNG that are allowed.
pub(crate) const PIXELS: std::ops::RangeInclusive<u32> = 64..=8192;

/// A part of a figure that has been drawn: where it ends below, and on the right, and where its axes begin on the left.
struct Drawn {
    bottom: f64,
    right: f64,
    left: f64,
}

impl Plot {
    /// The figure as SVG without a background. With [`Theme::Auto`] it follows what the reader's system prefers.
    pub fn svg(&self, theme: Theme) -> String {
        self.draw(theme, false).0
    }

    /// The figure as an opaque PNG, so many pixels wide (from 64 to 8192); [`Theme::Auto`] is on white.
    ///
    /// # Errors
    /// When the width is out of its range, or there is no memory for the picture.
    pub fn png(&self, theme: Theme, width: u32) -> Result<Vec<u8>, PlotError> {
        let (low, high) = (f64::from(*PIXELS.start()), f64::from(*PIXELS.end()));
        if !PIXELS.contains(&width) {
            let value = f64::from(width);
            return Err(PlotError::Option { what: "the width of a PNG in pixels", value, low, high });
        }
        let theme = if theme == Theme::Auto { Theme::Light } else { theme };
        let (svg, size) = self.draw(theme, true);
        let fail = |error: &dyn std::fmt::Display| PlotError::Png(error.to_string());
        let tree = usvg::Tree::from_str(&svg, &usvg::Options::default()).map_err(|e| fail(&e))?;
        let scale = f64::from(width) / size.0;
        let height = (scale * size.1).round() as u32;
        let mut pixels =
            tiny_skia::Pixmap::new(width, height).ok_or_else(|| fail(&"the picture is too large"))?;
        let scale = tiny_skia::Transform::from_scale(scale as f32, scale as f32);
        resvg::render(&tree, scale, &mut pixels.as_mut());
        pixels.encode_png().map_err(|e| fail(&e))
    }

    /// The drawing and its size; for a picture texts are outlines and the page has its colour.
    fn draw(&self, theme: Theme, is_picture: bool) -> (String, (f64, f64)) {
        let mut canvas = Canvas::new(is_picture);
        let top = RIM + TITLE_SIZE;
        let drawn = match &self.content {
            Content::Chart(chart) => chart::draw(&mut canvas, chart, top + 14.0),
            Content::Surfaces(strips) => surface::draw(&mut canvas, strips, top + 14.0),
        };
        canvas.text((drawn.left, top), &self.title, TITLE_SIZE, "ink", Anchor::Start);
        let widest = [font::width(&self.title, TITLE_SIZE), 360.0].into_iter().fold(0.0, f64::max);
        let width = (drawn.right + RIM).max(drawn.left + widest + RIM).ceil();
        let mut y = drawn.bottom;
        for line in
            self.notes.iter().flat_map(|note| wrapped(note, " · ", width - drawn.left - RIM, NOTE_SIZE))
        {
            y += 1.45 * NOTE_SIZE;
            canvas.text((drawn.left, y), &line, NOTE_SIZE, "soft", Anchor::Start);
        }
        let height = (y + RIM).ceil();
        let (w, h) = (short(width), short(height));
        let page = if is_picture {
            format!("<rect class=\"page\" width=\"{w}\" height=\"{h}\"/>\n")
        } else {
            String::new()
        };
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"marlo-plot\" role=\"img\" viewBox=\"0 0 {w} {h}\" \
             width=\"{w}\" height=\"{h}\" xml:space=\"preserve\" fill=\"none\" stroke-linejoin=\"round\" \
             font-family=\"Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif\">\n\
             <title>{}</title>\n<desc>{}</desc>\n<style>\n{}</style>\n{page}{}</svg>\n",
            escape(&self.title.to_string()),
            escape(&self.description()),
            css(theme),
            canvas.body(),
        );
        (svg, (width, height))
    }

    /// What a reader who does not see the figure is told.
    fn description(&self) -> String {
        let mut parts: Vec<String> = match &self.content {
            Content::Chart(chart) => {
                let of = |curve: &crate::Curve| format!("{}: {}", curve.name, curve.detail);
                let axes = format!("{} against {}", chart.y.label, chart.x.label);
                std::iter::once(axes).chain(chart.curves.iter().map(of)).collect()
            }
            Content::Surfaces(strips) => strips
                .iter()
                .flat_map(|strip| {
                    strip.panels.iter().map(|p| format!("{} of {}: {}", strip.label, p.name, p.detail))
                })
                .collect(),
        };
        parts.extend(self.notes.iter().map(Label::to_string));
        parts.join("; ")
    }
}

/// A text in lines that are not wider; it is broken at what stands between its parts.
fn wrapped(text: &Label, between: &str, width: f64, size: f64) -> Vec<Label> {
    let mut lines: Vec<Label> = Vec::new();
    for part in text.pieces.split(|piece| piece.text == between) {
        let part = Label { pieces: part.to_vec() };
        match lines.last_mut() {
            Some(line) => {
                let longer = Label::join(vec![line.clone(), part.clone()], between);
                if font::width(&longer, size) <= width {
                    *line = longer;
                } else {
                    lines.push(part);
                }
            }
            None => lines.push(part),
        }
    }
    lines
}
