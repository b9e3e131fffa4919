//! A face of a font file, and a character drawn in it.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ab_glyph::{Font, FontVec, GlyphId, PxScale, point};

/// The em in an image, as a share of the image's side: the rest is a margin.
const EM_SHARE: f32 = 20.0 / 24.0;

/// The darkest ink.
const INK: f32 = 15.0;

/// A face of a font file.
#[derive(Debug)]
pub struct Face {
    name: String,
    font: FontVec,
}

/// Why a face could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FaceError {
    /// The file cannot be read.
    #[error("{}: {source}; give a .ttf, .otf or .ttc file that can be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are no font, or have no such face.
    #[error("{}: no outline font, or no face {index} in it; give a .ttf, .otf or .ttc file", path.display())]
    NoFont {
        /// The file.
        path: PathBuf,
        /// The face, counted from 0.
        index: u32,
    },
}

impl Face {
    /// Reads face `index` of a font file: 0, but for collections (`.ttc`).
    ///
    /// # Errors
    /// [`FaceError`]: the file cannot be read, is no TrueType or OpenType font, or has no such face.
    pub fn read(path: impl AsRef<Path>, index: u32) -> Result<Self, FaceError> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|source| FaceError::Io { path: path.into(), source })?;
        let font = guarded(|| FontVec::try_from_vec_and_index(bytes, index).ok())
            .ok_or_else(|| FaceError::NoFont { path: path.into(), index })?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = if index == 0 { stem.into_owned() } else { format!("{stem}#{index}") };
        Ok(Self { name, font })
    }

    /// The file's name without its ending, and `#` with the number of the face where that is not 0.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A character as `side × side` pixels from 0 (no ink) to 15, row by row; nothing where the font
    /// does not have it, draws nothing, or is damaged there.
    ///
    /// The em is 20/24 of the side, smaller where the ink would not fit; the middle of the outline is
    /// in the middle of the image; coverage is rounded to 16 greys.
    pub fn draw(&self, character: char, side: u8) -> Option<Vec<u8>> {
        guarded(|| self.draw_whole(character, side))
    }

    fn draw_whole(&self, character: char, side: u8) -> Option<Vec<u8>> {
        let (font, id) = (&self.font, self.font.glyph_id(character));
        if id == GlyphId(0) {
            return None;
        }
        let bounds = font.outline(id)?.bounds;
        let extent = bounds.width().abs().max(bounds.height().abs());
        let length = f32::from(side);
        let pixels_per_unit = (length * EM_SHARE / font.units_per_em()?).min(length / extent);

        let middle = length / 2.0;
        let position = point(
            middle - (bounds.min.x + bounds.max.x) / 2.0 * pixels_per_unit,
            // Font units count upwards, pixels downwards.
            middle + (bounds.min.y + bounds.max.y) / 2.0 * pixels_per_unit,
        );
        let scale = PxScale::from(pixels_per_unit * font.height_unscaled());
        let glyph = font.outline_glyph(id.with_scale_and_position(scale, position))?;
        let corner = glyph.px_bounds().min;
        let side = usize::from(side);
        let mut image = vec![0; side * side];
        glyph.draw(|x, y, coverage| {
            let (x, y) = (x as i64 + corner.x as i64, y as i64 + corner.y as i64);
            let inside = 0..side as i64;
            if inside.contains(&x) && inside.contains(&y) {
                image[y as usize * side + x as usize] = (coverage.clamp(0.0, 1.0) * INK).round() as u8;
            }
        });
        image.iter().any(|&ink| ink > 0).then_some(image)
    }
}

/// Runs what parses a font. The parser asserts, in debug builds, what damaged fonts do not keep; that is
/// no reason to stop the program.
fn guarded<T>(parse: impl FnOnce() -> Option<T>) -> Option<T> {
    // Nothing that a panic leaves half done is used afterwards: fonts are only read.
    catch_unwind(AssertUnwindSafe(parse)).ok().flatten()
}
