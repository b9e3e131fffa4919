//! The glyph benchmark: the kanji of level 1 of JIS X 0208 in many typefaces, a set of real images with
//! thousands of classes that anyone may draw from free fonts.
//!
//! In: font files, from [`fonts`](crate::fonts) for example. Out: a [`GlyphFile`] of 32 × 32 images with the
//! typefaces that were kept, and why the others were not. [`dataset::open`](crate::dataset::open) reads the
//! file that [`Benchmark::write`] makes.
//!
//! A benchmark is only as hard as its images differ, so these are dropped:
//!
//! * a typeface that lacks more than 5 % of the characters, or draws them blank; characters that a kept
//!   typeface lacks;
//! * a typeface that shares outlines with one before it (in the order of the files): 1 % of its images
//!   equal, or the mean cosine of their pixels above 0.95, as between two weights of one design;
//! * characters that, after this, still have two equal images anywhere.
//!
//! So no two images are equal. What the fonts of [`fonts::PACKAGES`](crate::fonts::PACKAGES) give is said
//! there.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{Face, FaceError, GlyphError, GlyphFile, jis_level_1};
use crate::atomic;

/// The width and height of an image, in pixels.
const SIDE: u8 = 32;

/// The share of the characters that a typeface must have.
const COVERAGE: f64 = 0.95;

/// The share of equal images from which two typefaces share their outlines.
const MOST_EQUAL: f64 = 0.01;

/// The mean cosine of two typefaces' pixels above which they are one design.
const MOST_ALIKE: f64 = 0.95;

/// The cosine is taken over each sixteenth character.
const SAMPLED: usize = 16;

/// No collection has more faces.
const MOST_FACES: u32 = 64;

/// The benchmark, and what did not go into it.
#[derive(Debug)]
pub struct Benchmark {
    /// The images.
    pub glyphs: GlyphFile,
    /// The faces and files that were dropped, in the order of the files.
    pub dropped: Vec<Dropped>,
    /// The characters that a kept typeface lacks or draws blank.
    pub lacking: Vec<char>,
    /// The characters that were dropped because two of the images would be equal.
    pub equal: Vec<char>,
}

/// A face, or a file, that was not kept.
#[derive(Debug)]
pub struct Dropped {
    /// The file.
    pub file: PathBuf,
    /// The face's name; the file's where it has none that can be read.
    pub face: String,
    /// Why.
    pub reason: Reason,
}

/// Why a face was dropped; as text, the end of a sentence that starts with its name.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The file is no font that can be read.
    #[error(transparent)]
    Unreadable(FaceError),
    /// It has too few of the characters.
    #[error("draws {drawn} of {wanted} characters")]
    TooFew {
        /// The characters it draws.
        drawn: usize,
        /// The characters there are.
        wanted: usize,
    },
    /// Its images are, in part, those of another.
    #[error("has the outlines of {other}: {equal} equal images")]
    Equal {
        /// The name of the face that was kept.
        other: String,
        /// The number of equal images.
        equal: usize,
    },
    /// Its images are nearly those of another.
    #[error("is nearly {other}: their pixels have a mean cosine of {cosine:.3}")]
    Alike {
        /// The name of the face that was kept.
        other: String,
        /// The mean cosine, over a sixteenth of the characters.
        cosine: f64,
    },
}

/// Why there is no benchmark.
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// Too few typefaces or characters are left.
    #[error(
        "{typefaces} typeface(s) and {characters} character(s) are left of {files} font file(s){}; at least two of \
         each are needed: give more Japanese fonts",
        dropped.first().map(|d| format!(" (the first dropped: {} {})", d.face, d.reason)).unwrap_or_default()
    )]
    TooFew {
        /// The files given.
        files: usize,
        /// The typefaces kept.
        typefaces: usize,
        /// The characters that all of them have.
        characters: usize,
        /// What was dropped.
        dropped: Vec<Dropped>,
    },
    /// The images do not fit the file's format.
    #[error(transparent)]
    Glyphs(#[from] GlyphError),
    /// The file cannot be written.
    #[error("{}: {source}; give a place that can be written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// How far the drawing has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The files that are done.
    pub done: usize,
    /// The files there are.
    pub files: usize,
    /// The file that was done last.
    pub file: &'a Path,
    /// The typefaces kept so far.
    pub kept: usize,
}

/// Draws the benchmark from font files. The result depends on their order: of two typefaces that are
/// alike the first is kept. `progress` is called after each file.
///
/// # Errors
/// [`BenchmarkError::TooFew`] where fewer than two typefaces or two characters are left. A file that
/// cannot be read is no error: it is in [`Benchmark::dropped`].
pub fn render(
    fonts: &[PathBuf],
    mut progress: impl FnMut(Progress<'_>),
) -> Result<Benchmark, BenchmarkError> {
    let characters = jis_level_1();
    let (mut kept, mut dropped) = (Vec::<Drawn>::new(), Vec::new());
    let mut done = 0;
    // A few files at a time, as what a file draws takes megabytes.
    for files in fonts.chunks(rayon::current_num_threads()) {
        let drawn: Vec<_> = files.par_iter().map(|file| draw(file, &characters)).collect();
        for (file, faces) in files.iter().zip(drawn) {
            match faces {
                Ok(faces) => faces.into_iter().for_each(|face| match face.judge(&kept) {
                    Ok(()) => kept.push(face),
                    Err(reason) => dropped.push(Dropped { file: file.clone(), face: face.name, reason }),
                }),
                Err(error) => dropped.push(Dropped {
                    file: file.clone(),
                    face: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    reason: Reason::Unreadable(error),
                }),
            }
            done += 1;
            progress(Progress { done, files: fonts.len(), file, kept: kept.len() });
        }
    }
    let (glyphs, lacking, equal) = assemble(&characters, &kept);
    if glyphs.typefaces.len() < 2 || glyphs.characters.len() < 2 {
        return Err(BenchmarkError::TooFew {
            files: fonts.len(),
            typefaces: glyphs.typefaces.len(),
            characters: glyphs.characters.len(),
            dropped,
        });
    }
    Ok(Benchmark { glyphs, dropped, lacking, equal })
}

impl Benchmark {
    /// Writes the images and the names of characters and typefaces to one file, atomically.
    ///
    /// # Errors
    /// [`BenchmarkError::Io`] where the file cannot be written, [`BenchmarkError::Glyphs`] where a name is
    /// longer than 255 bytes.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), BenchmarkError> {
        let path = path.as_ref();
        atomic::write_atomically(path, &self.glyphs.encode()?)
            .map_err(|source| BenchmarkError::Io { path: path.into(), source })
    }
}

/// A face's images of all characters; nothing where it lacks one.
struct Drawn {
    name: String,
    images: Vec<Option<Vec<u8>>>,
}

/// Every face of a file.
fn draw(file: &Path, characters: &[char]) -> Result<Vec<Drawn>, FaceError> {
    let mut faces = vec![Face::read(file, 0)?];
    // The first number that fails is the number of faces.
    faces.extend((1..MOST_FACES).map_while(|index| Face::read(file, index).ok()));
    let draw = |face: &Face| Drawn {
        name: face.name().to_owned(),
        images: characters.iter().map(|&character| face.draw(character, SIDE)).collect(),
    };
    Ok(faces.iter().map(draw).collect())
}

impl Drawn {
    /// Whether the face may be kept beside the others.
    fn judge(&self, kept: &[Self]) -> Result<(), Reason> {
        let (drawn, wanted) = (self.images.iter().flatten().count(), self.images.len());
        if (drawn as f64) < COVERAGE * wanted as f64 {
            return Err(Reason::TooFew { drawn, wanted });
        }
        // Of the faces that it resembles, the first.
        kept.par_iter().map(|other| self.compare(other)).find_first(Result::is_err).unwrap_or(Ok(()))
    }

    fn compare(&self, other: &Self) -> Result<(), Reason> {
        let pairs: Vec<_> = self
            .images
            .iter()
            .zip(&other.images)
            .filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)))
            .collect();
        let equal = pairs.iter().filter(|(a, b)| a == b).count();
        if equal as f64 >= MOST_EQUAL * pairs.len() as f64 {
            return Err(Reason::Equal { other: other.name.clone(), equal });
        }
        let cosines: Vec<f64> = pairs.iter().step_by(SAMPLED).map(|(a, b)| cosine(a, b)).collect();
        let cosine = cosines.iter().sum::<f64>() / cosines.len() as f64;
        if cosine > MOST_ALIKE {
            return Err(Reason::Alike { other: other.name.clone(), cosine });
        }
        Ok(())
    }
}

/// The cosine of two images, neither of them blank.
fn cosine(a: &[u8], b: &[u8]) -> f64 {
    let product = |a: &[u8], b: &[u8]| -> f64 {
        f64::from(a.iter().zip(b).map(|(&a, &b)| u32::from(a) * u32::from(b)).sum::<u32>())
    };
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// The images of the characters that all kept faces have and no two draw alike; the characters that some
/// lack; those with equal images.
fn assemble(characters: &[char], kept: &[Drawn]) -> (GlyphFile, Vec<char>, Vec<char>) {
    let everywhere = |place: &usize| kept.iter().all(|face| face.images[*place].is_some());
    let (complete, lacking): (Vec<usize>, Vec<usize>) = (0..characters.len()).partition(everywhere);

    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut twin = vec![false; characters.len()];
    for &place in &complete {
        for image in kept.iter().filter_map(|face| face.images[place].as_deref()) {
            if let Some(other) = places.insert(image, place) {
                (twin[place], twin[other]) = (true, true);
            }
        }
    }
    let (equal, good): (Vec<usize>, Vec<usize>) = complete.iter().partition(|&&place| twin[place]);
    let pixels = kept
        .iter()
        .flat_map(|face| good.iter().filter_map(|&place| face.images[place].as_deref()))
        .flatten()
        .copied()
        .collect();
    let named = |places: Vec<usize>| places.into_iter().map(|place| characters[place]).collect();
    let glyphs = GlyphFile {
        characters: good.iter().map(|&place| characters[place].into()).collect(),
        typefaces: kept.iter().map(|face| face.name.clone()).collect(),
        side: SIDE.into(),
        pixels,
    };
    (glyphs, named(lacking), named(equal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(name: &str, images: &[Option<&[u8]>]) -> Drawn {
        Drawn { name: name.into(), images: images.iter().map(|image| image.map(<[u8]>::to_vec)).collect() }
    }

    #[test]
    fn characters_with_equal_images_or_missing_in_one_face_are_left_out() {
        let a = face("a", &[Some(&[1, 0]), Some(&[2, 0]), None, Some(&[4, 0]), Some(&[6, 0])]);
        let b = face("b", &[Some(&[1, 0]), Some(&[3, 0]), Some(&[5, 0]), Some(&[0, 4]), Some(&[3, 0])]);
        let (glyphs, lacking, equal) = assemble(&['一', '二', '三', '四', '五'], &[a, b]);
        assert_eq!(glyphs.characters, ["四"]);
        assert_eq!(glyphs.pixels, [4, 0, 0, 4]);
        assert_eq!((lacking, equal), (vec!['三'], vec!['一', '二', '五']));
    }

    #[test]
    fn faces_are_dropped_for_a_reason() {
        let kept = [face("kept", &[Some(&[1, 0, 0]), Some(&[0, 9, 1])])];
        let judge = |images: &[Option<&[u8]>]| face("new", images).judge(&kept).map_err(|r| r.to_string());
        assert_eq!(judge(&[Some(&[0, 1, 0]), Some(&[1, 0, 0])]), Ok(()));
        assert_eq!(judge(&[None, Some(&[1, 0, 0])]), Err("draws 1 of 2 characters".into()));
        let equal = "has the outlines of kept: 1 equal images";
        assert_eq!(judge(&[Some(&[0, 1, 0]), Some(&[0, 9, 1])]), Err(equal.into()));
        let alike = judge(&[Some(&[2, 0, 0]), Some(&[0, 9, 2])]).expect_err("nearly the same");
        assert!(alike.contains("nearly kept"), "{alike}");
    }
}
