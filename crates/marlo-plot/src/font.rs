//! The font that ships with the crate: it measures labels, and draws those of a PNG as outlines, so that a PNG looks the
//! same on every machine and no font has to be found.

use std::fmt::Write as _;
use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

use crate::label::Label;

static FACE: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(include_bytes!("../font/Inter-figures.ttf"), 0).ok());

/// The size of a subscript, relative to its text.
pub(crate) const SUB_SIZE: f64 = 0.72;
/// How far a subscript stands below its text, relative to its text's size.
pub(crate) const SUB_DROP: f64 = 0.2;

/// How wide a label is.
pub(crate) fn width(label: &Label, size: f64) -> f64 {
    let Some(face) = &*FACE else { return 0.0 };
    let advance = |size: f64, c: char| {
        f64::from(face.glyph_hor_advance(glyph(face, c)).unwrap_or(0)) * size / f64::from(face.units_per_em())
    };
    let pieces = label.pieces.iter().map(|piece| {
        let size = if piece.is_sub { SUB_SIZE * size } else { size };
        piece.text.chars().map(|c| advance(size, c)).sum::<f64>()
    });
    pieces.sum()
}

/// The outlines of a label whose baseline begins at a place, as the data of a path.
pub(crate) fn outlines(label: &Label, place: (f64, f64), size: f64) -> String {
    let mut pen = Pen { path: String::new(), x: place.0, y: 0.0, scale: 0.0 };
    let Some(face) = &*FACE else { return pen.path };
    for piece in &label.pieces {
        let (size, drop) = if piece.is_sub { (SUB_SIZE * size, SUB_DROP * size) } else { (size, 0.0) };
        pen.scale = size / f64::from(face.units_per_em());
        pen.y = place.1 + drop;
        for c in piece.text.chars() {
            let id = glyph(face, c);
            face.outline_glyph(id, &mut pen);
            pen.x += f64::from(face.glyph_hor_advance(id).unwrap_or(0)) * pen.scale;
        }
    }
    pen.path
}

/// A letter that the font has not is its box.
fn glyph(face: &Face<'_>, c: char) -> GlyphId {
    face.glyph_index(c).unwrap_or(GlyphId(0))
}

/// Writes a glyph's outline where the pen stands.
struct Pen {
    path: String,
    x: f64,
    y: f64,
    scale: f64,
}

impl Pen {
    fn put(&mut self, command: char, points: &[(f32, f32)]) {
        self.path.push(command);
        for (x, y) in points {
            let (x, y) = (self.x + f64::from(*x) * self.scale, self.y - f64::from(*y) * self.scale);
            let _ = write!(self.path, "{x:.3} {y:.3} ");
        }
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.put('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.put('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.put('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.put('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.path.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_what_figures_write() {
        let face = FACE.as_ref().expect("the font that ships can be read");
        for c in "θ∂°−·|/= abcxyzABCXYZ0123456789σγψτλμπ≤≥√×".chars() {
            assert!(face.glyph_index(c).is_some(), "{c}");
        }
        assert!(width(&Label::math("θ_y"), 12.0) < width(&Label::plain("θy"), 12.0));
        assert!(outlines(&Label::plain("L"), (0.0, 0.0), 12.0).starts_with('M'));
    }
}
