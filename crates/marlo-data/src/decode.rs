//! Encoded images, each decoded to grey at a wanted size: what a list of pairs names, or a file of packed images holds.
//!
//! Here one damaged image is an error, for a published list can't be judged without it.

use std::borrow::Cow;
use std::io;

use image::ImageReader;
use image::imageops::FilterType;
use rayon::prelude::*;

/// Images of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The pixels, one image after the other, row by row.
    pub pixels: Vec<u8>,
    /// How many had another size and were resized.
    pub resized: usize,
}

/// An image that can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct DecodeError {
    /// What the image is called.
    pub name: String,
    /// Why, in words.
    pub reason: String,
}

/// Decodes `count` images of (width, height) pixels, on all threads: `bytes` gives what stands in the file of one, `name` what
/// it is called in an error.
///
/// # Errors
/// [`DecodeError`]: the first image that can't be read, or is no PNG, JPEG or PGM.
pub fn decode<'a>(
    count: usize,
    (width, height): (u32, u32),
    bytes: impl Fn(usize) -> io::Result<Cow<'a, [u8]>> + Sync,
    name: impl Fn(usize) -> String + Sync,
) -> Result<Decoded, DecodeError> {
    let one = |at: usize| -> Result<(Vec<u8>, bool), DecodeError> {
        let wrong = |reason: String| DecodeError { name: name(at), reason };
        let bytes = bytes(at).map_err(|error| wrong(error.to_string()))?;
        let reader = ImageReader::new(io::Cursor::new(&bytes[..]))
            .with_guessed_format()
            .map_err(|error| wrong(error.to_string()))?;
        if reader.format().is_none() {
            return Err(wrong("not a PNG, JPEG or PGM image".into()));
        }
        let grey = reader.decode().map_err(|error| wrong(error.to_string()))?.into_luma8();
        Ok(match (grey.width(), grey.height()) == (width, height) {
            true => (grey.into_raw(), false),
            false => (image::imageops::resize(&grey, width, height, FilterType::Triangle).into_raw(), true),
        })
    };
    let images = (0..count).into_par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let resized = images.iter().filter(|image| image.1).count();
    Ok(Decoded { pixels: images.into_iter().flat_map(|image| image.0).collect(), resized })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_in_order_and_at_one_size() {
        let files: [&[u8]; 3] = [b"P5 2 1 255\n\x01\x02", b"P5 1 1 255\n\x09", b"P5 2 1 255\n\x03"];
        let of = |count| decode(count, (2, 1), |at| Ok(Cow::Borrowed(files[at])), |at| format!("image {at}"));
        assert_eq!(of(2), Ok(Decoded { pixels: vec![1, 2, 9, 9], resized: 1 }));
        // The third is cut off.
        assert_eq!(of(3).expect_err("it is damaged").name, "image 2");
        let none = decode(1, (2, 1), |_| Ok(Cow::Borrowed(&b"text"[..])), |_| "a".into());
        assert_eq!(none.expect_err("no image").to_string(), "a: not a PNG, JPEG or PGM image");
    }
}
