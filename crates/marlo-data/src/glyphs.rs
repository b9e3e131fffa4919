//! The sample that ships with the crate: 64 kanji, each in 16 typefaces.
//!
//! Each character is a class and each typeface one image of it: real, human-made variation within a
//! class (print, pen, brush, outline), small enough to ship (24 × 24 pixels of 16 greys). The typefaces
//! are openly licensed; `fixtures/README.md` names them, and `examples/render_glyphs.rs` draws the
//! sample anew from the fonts.
//!
//! ```
//! let glyphs = marlo_data::glyphs::sample()?;
//! assert_eq!((glyphs.len(), glyphs.width(), glyphs.height()), (1024, 24, 24));
//! assert_eq!(glyphs.class_names()[0], "人");
//! # Ok::<(), marlo_data::glyphs::GlyphError>(())
//! ```

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::embed::{self, EmbedError, Embedding};
use crate::{ImageSet, ImageSetError};

static SAMPLE: &[u8] = include_bytes!("../fixtures/glyphs64x16.bin.gz");

/// The first bytes of a glyph file, before compression.
const MAGIC: &[u8; 8] = b"glyphs 1";

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

/// Characters × typefaces, one small image each, as stored in a `.bin.gz` file.
///
/// The file is a gzip stream of: the 8 bytes `glyphs 1`; the numbers of characters and of typefaces and
/// the side of an image in pixels (one byte each); for each character, then for each typeface, its name
/// in UTF-8 after its length in bytes (one byte); then the images, by typeface and within a typeface by
/// character (neighbours that compress well), two pixels a byte, the left one in the upper half, row by
/// row.
#[derive(Clone, Debug, PartialEq)]
pub struct GlyphFile {
    /// The characters: the classes.
    pub characters: Vec<String>,
    /// The names of the typefaces.
    pub typefaces: Vec<String>,
    /// The width and height of an image, in pixels; even.
    pub side: usize,
    /// The pixels, 0 (no ink) to 15, by typeface, then character, then row.
    pub pixels: Vec<u8>,
}

/// Why glyphs could not be read, written or embedded.
#[derive(Debug, thiserror::Error)]
pub enum GlyphError {
    /// The bytes are no glyph file.
    #[error("not a glyph file: {0}; render it again with the example render_glyphs")]
    Format(&'static str),
    /// The gzip stream is damaged.
    #[error("a damaged glyph file: {0}; render it again with the example render_glyphs")]
    Gzip(#[from] std::io::Error),
    /// The images do not make a set.
    #[error(transparent)]
    Set(#[from] ImageSetError),
    /// The images could not be embedded.
    #[error(transparent)]
    Embed(#[from] EmbedError),
}

impl GlyphFile {
    /// Reads the bytes of a glyph file.
    ///
    /// # Errors
    /// [`GlyphError::Gzip`] or [`GlyphError::Format`] where the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, GlyphError> {
        let mut content = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut content)?;
        let rest =
            content.strip_prefix(MAGIC).ok_or(GlyphError::Format("it does not start with 'glyphs 1'"))?;
        let [characters, typefaces, side, rest @ ..] = rest else {
            return Err(GlyphError::Format("its header is cut short"));
        };
        let (characters, rest) = names(*characters, rest)?;
        let (typefaces, packed) = names(*typefaces, rest)?;
        let side = usize::from(*side);
        if packed.len() * 2 != characters.len() * typefaces.len() * side * side || side % 2 != 0 {
            return Err(GlyphError::Format("its pixels do not fill its images"));
        }
        let pixels = packed.iter().flat_map(|&two| [two >> 4, two & 15]).collect();
        Ok(Self { characters, typefaces, side, pixels })
    }

    /// The bytes of the glyph file.
    ///
    /// # Errors
    /// [`GlyphError::Format`] where a count, a name or the side does not fit the format, the pixels do
    /// not fill the images, or a pixel is above 15.
    pub fn encode(&self) -> Result<Vec<u8>, GlyphError> {
        let byte =
            |n: usize| u8::try_from(n).map_err(|_| GlyphError::Format("a count or a name is above 255"));
        let mut content = MAGIC.to_vec();
        content.extend([byte(self.characters.len())?, byte(self.typefaces.len())?, byte(self.side)?]);
        for name in self.characters.iter().chain(&self.typefaces) {
            content.push(byte(name.len())?);
            content.extend(name.as_bytes());
        }
        let images = self.characters.len() * self.typefaces.len();
        if self.pixels.len() != images * self.side * self.side || !self.side.is_multiple_of(2) {
            return Err(GlyphError::Format("its pixels do not fill its images"));
        }
        if self.pixels.iter().any(|&pixel| pixel > 15) {
            return Err(GlyphError::Format("a pixel is above 15"));
        }
        content.extend(self.pixels.chunks_exact(2).map(|two| two[0] << 4 | two[1]));
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content)?;
        Ok(encoder.finish()?)
    }

    /// The images by character, within a character by typeface, ink at 255 on 0.
    ///
    /// # Errors
    /// [`GlyphError::Set`] where the pixels do not fill the images.
    pub fn to_images(&self) -> Result<ImageSet, GlyphError> {
        let (size, count) = (self.side * self.side, self.characters.len());
        let mut pixels = Vec::with_capacity(self.pixels.len());
        let mut labels = Vec::with_capacity(count * self.typefaces.len());
        for character in 0..count {
            for typeface in 0..self.typefaces.len() {
                let start = (typeface * count + character) * size;
                let image = self.pixels.get(start..start + size).unwrap_or_default();
                pixels.extend(image.iter().map(|&ink| ink.saturating_mul(17)));
                labels.push(character as i64);
            }
        }
        Ok(ImageSet::new(self.side, self.side, pixels, labels, self.characters.clone())?)
    }
}

/// Takes `count` names off the front of `bytes`.
fn names(count: u8, mut bytes: &[u8]) -> Result<(Vec<String>, &[u8]), GlyphError> {
    let mut names = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let short = GlyphError::Format("its names are cut short");
        let (&length, rest) = bytes.split_first().ok_or(short)?;
        let (name, rest) = rest
            .split_at_checked(usize::from(length))
            .ok_or(GlyphError::Format("its names are cut short"))?;
        let name = std::str::from_utf8(name).map_err(|_| GlyphError::Format("a name is not UTF-8"))?;
        names.push(name.to_owned());
        bytes = rest;
    }
    Ok((names, bytes))
}
