//! The file that glyphs are stored in.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::embed::EmbedError;
use crate::gz::{self, Content};
use crate::{ImageSet, ImageSetError};

/// The first bytes of a glyph file, before compression, where its numbers fit bytes.
const SMALL: &[u8; 8] = b"glyphs 1";

/// The same where they do not.
const LARGE: &[u8; 8] = b"glyphs 2";

/// Characters × typefaces, one small image each, as stored in a `.bin.gz` file.
///
/// The file is a gzip stream of: the 8 bytes `glyphs 1`; the numbers of characters and of typefaces and
/// the side of an image in pixels (one byte each); for each character, then for each typeface, its name
/// in UTF-8 after its length in bytes (one byte); then the images, by typeface and within a typeface by
/// character (neighbours that compress well), two pixels a byte, the left one in the upper half, row by
/// row. Where a number does not fit a byte, it starts with `glyphs 2` and both numbers have two bytes, the
/// lower one first.
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
    #[error("not a glyph file: {0}; render it again")]
    Format(&'static str),
    /// The bytes end early, or their gzip stream is damaged.
    #[error("a damaged glyph file: {0}; render it again")]
    Damaged(#[from] std::io::Error),
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
    /// [`GlyphError::Damaged`] or [`GlyphError::Format`] where the bytes are damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, GlyphError> {
        let mut content = gz::unpack(bytes);
        let [characters, typefaces] = match &content.array()? {
            SMALL => content.array::<2>()?.map(usize::from),
            LARGE => [content.array()?, content.array()?].map(|count| usize::from(u16::from_le_bytes(count))),
            _ => return Err(GlyphError::Format("it does not start with 'glyphs 1' or 'glyphs 2'")),
        };
        let side = usize::from(content.array::<1>()?[0]);
        if !side.is_multiple_of(2) {
            return Err(GlyphError::Format("its images have an odd side"));
        }
        let characters = names(characters, &mut content)?;
        let typefaces = names(typefaces, &mut content)?;
        // Counts below 2^16 and a side below 2^8: the product is below 2^48.
        let packed = content.bytes(characters.len() * typefaces.len() * side * side / 2)?;
        if !content.is_at_end()? {
            return Err(GlyphError::Format("it goes on after its images"));
        }
        let pixels = packed.iter().flat_map(|&two| [two >> 4, two & 15]).collect();
        Ok(Self { characters, typefaces, side, pixels })
    }

    /// Whether bytes start as a glyph file does.
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        gz::unpack(bytes).array().is_ok_and(|magic| [SMALL, LARGE].contains(&&magic))
    }

    /// The bytes of the glyph file.
    ///
    /// # Errors
    /// [`GlyphError::Format`] where a count, a name or the side does not fit the format, the pixels do
    /// not fill the images, or a pixel is above 15.
    pub fn encode(&self) -> Result<Vec<u8>, GlyphError> {
        let byte =
            |n: usize| u8::try_from(n).map_err(|_| GlyphError::Format("a name or the side is above 255"));
        let counts = [self.characters.len(), self.typefaces.len()];
        let mut content = Vec::with_capacity(self.pixels.len() / 2);
        if let [Ok(characters), Ok(typefaces)] = counts.map(u8::try_from) {
            content.extend(SMALL);
            content.extend([characters, typefaces]);
        } else {
            content.extend(LARGE);
            for count in counts {
                let count = u16::try_from(count);
                content
                    .extend(count.map_err(|_| GlyphError::Format("a count is above 65535"))?.to_le_bytes());
            }
        }
        content.push(byte(self.side)?);
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

/// Takes `count` names off the front of the content.
fn names(count: usize, content: &mut Content<'_>) -> Result<Vec<String>, GlyphError> {
    let name = |_| {
        let [length] = content.array()?;
        let name = content.bytes(usize::from(length))?;
        String::from_utf8(name).map_err(|_| GlyphError::Format("a name is not UTF-8"))
    };
    (0..count).map(name).collect()
}
