//! Kanji as classes, typefaces as their images: the sample that ships with the crate, 64 kanji in 16
//! typefaces, and the [`benchmark`], thousands of kanji in the typefaces of the system's fonts.
//!
//! Each character is a class and each typeface one image of it: real, human-made variation within a
//! class (print, pen, brush, outline), the sample small enough to ship (24 × 24 pixels of 16 greys). The typefaces
//! are openly licensed; `fixtures/README.md` names them, and `examples/render_glyphs.rs` draws it
//! anew from the fonts.
//!
//! ```
//! let glyphs = marlo_data::glyphs::sample()?;
//! assert_eq!((glyphs.len(), glyphs.width(), glyphs.height()), (1024, 24, 24));
//! assert_eq!(glyphs.class_names()[0], "人");
//! # Ok::<(), marlo_data::glyphs::GlyphError>(())
//! ```

pub mod benchmark;
mod face;
mod file;
mod jis;

use crate::ImageSet;
use crate::embed::{self, Embedding};

pub use face::{Face, FaceError};
pub use file::{GlyphError, GlyphFile};
pub use jis::jis_level_1;

static SAMPLE: &[u8] = include_bytes!("../../fixtures/glyphs64x16.bin.gz");

/// The shipped sample: 1024 white-on-black images, 64 classes in the order of their stroke counts.
///
/// Images are grouped by class, within a class in the order of the [typefaces](GlyphFile::typefaces).
///
/// # Errors
/// [`GlyphError`], which cannot happen unless the crate was built with a damaged fixture.
pub fn sample() -> Result<ImageSet, GlyphError> {
    file()?.to_images()
}

/// The shipped sample, [embedded](crate::embed) with the default options.
///
/// # Errors
/// As for [`sample`].
pub fn cosines() -> Result<Embedding, GlyphError> {
    Ok(embed::embed(&sample()?, embed::Options::default())?)
}

/// The shipped sample as it is stored, with the names of its typefaces.
///
/// # Errors
/// As for [`sample`].
pub fn file() -> Result<GlyphFile, GlyphError> {
    GlyphFile::decode(SAMPLE)
}
