//! Folders of images: labels, sizes, and files that are no images.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod common;

use std::fs;
use std::path::Path;

use common::TempDir;
use image::{GrayImage, Luma, Rgb, RgbImage};
use marlo_data::embed::{Means, Options, embed};
use marlo_data::folder::{self, FolderError};

fn grey(value: u8) -> GrayImage {
    GrayImage::from_fn(6, 4, |x, y| Luma([value.wrapping_add((10 * y + x) as u8)]))
}

#[test]
fn identities_are_in_natural_order_and_bad_files_are_skipped() {
    let dir = TempDir::new();
    for identity in ["s1", "s2", "s10", "empty", "only-notes"] {
        fs::create_dir(dir.join(identity)).unwrap();
    }
    fs::create_dir(dir.join("s1/inner")).unwrap();
    grey(0).save(dir.join("s1/2.png")).unwrap();
    grey(50).save(dir.join("s1/10.pgm")).unwrap();
    // The name's ending does not matter.
    fs::copy(dir.join("s1/2.png"), dir.join("s1/11.jpg")).unwrap();
    RgbImage::from_pixel(12, 8, Rgb([200, 100, 0])).save(dir.join("s2/colour.jpg")).unwrap();
    fs::write(dir.join("s2/old.pgm"), b"P5\n# a comment\n6 4\n# another\n255\nabcdefghijklmnopqrstuvwx")
        .unwrap();
    grey(90).save(dir.join("s10/a.png")).unwrap();

    let png = fs::read(dir.join("s1/2.png")).unwrap();
    fs::write(dir.join("s10/cut.png"), &png[..png.len() / 2]).unwrap();
    fs::write(dir.join("s10/void.png"), b"").unwrap();
    fs::write(dir.join("s10/short.pgm"), b"P5\n6 4\n255\nabc").unwrap();
    fs::write(dir.join("only-notes/notes.txt"), b"anna, bela").unwrap();
    fs::write(dir.join("README"), b"faces").unwrap();

    let read = folder::read(dir.path()).unwrap();
    assert_eq!(read.images.class_names(), ["s1", "s2", "s10"]);
    assert_eq!(read.images.labels(), [0, 0, 0, 1, 1, 2]);
    let names: Vec<_> = read.files.iter().map(|file| file.strip_prefix(dir.path()).unwrap()).collect();
    let expected = ["s1/2.png", "s1/10.pgm", "s1/11.jpg", "s2/colour.jpg", "s2/old.pgm", "s10/a.png"];
    assert_eq!(names, expected.map(Path::new));
    assert_eq!((read.images.width(), read.images.height(), read.resized), (6, 4, 1));
    let images: Vec<_> = read.images.images().collect();
    assert_eq!(images[1], grey(50).as_raw());
    assert_eq!(images[4], b"abcdefghijklmnopqrstuvwx");

    let skipped: Vec<_> =
        read.skipped.iter().map(|s| (s.path.strip_prefix(dir.path()).unwrap(), s.reason.as_str())).collect();
    let paths: Vec<_> = skipped.iter().map(|(path, _)| path.to_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "README",
            "empty",
            "only-notes/notes.txt",
            "only-notes",
            "s1/inner",
            "s10/cut.png",
            "s10/short.pgm",
            "s10/void.png"
        ]
    );
    assert_eq!(skipped[1].1, "no readable image in it");
    assert_eq!(skipped[2].1, "not a PNG, JPEG or PGM image");

    let embedding = embed(&read.images, Options::default()).unwrap();
    assert_eq!(embedding.cosines.shape, [6, 3]);
}

#[test]
fn too_few_images_are_an_error() {
    let dir = TempDir::new();
    assert!(matches!(folder::read(dir.join("missing")), Err(FolderError::Io { .. })));
    assert!(matches!(folder::read(dir.path()), Err(FolderError::TooFew { images: 0, .. })));
    fs::create_dir(dir.join("anna")).unwrap();
    grey(0).save(dir.join("anna/1.png")).unwrap();
    fs::write(dir.join("anna/2.png"), b"oops").unwrap();
    let error = folder::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("1 readable image(s) in 1 identity folder(s), 1 skipped"), "{error}");
    assert!(error.contains("2.png: not a PNG, JPEG or PGM image"), "{error}");

    grey(0).save(dir.join("anna/3.png")).unwrap();
    let read = folder::read(dir.path()).unwrap();
    let error = embed(&read.images, Options::default()).unwrap_err().to_string();
    assert!(error.contains("all 2 samples are the same"), "{error}");
}

/// The ORL/AT&T faces, which are not in the repository.
#[test]
fn faces() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/faces");
    if !path.is_dir() {
        eprintln!("skipped: no faces at {}", path.display());
        return;
    }
    let read = folder::read(&path).unwrap();
    assert_eq!((read.images.len(), read.images.width(), read.images.height()), (400, 92, 112));
    assert_eq!((read.skipped.len(), read.resized), (0, 0));
    assert_eq!(read.images.class_names()[..3], ["s1", "s2", "s3"]);
    assert_eq!(read.images.labels().iter().filter(|&&label| label == 7).count(), 10);

    let embedding = embed(&read.images, Options::default()).unwrap();
    assert_eq!(embedding.embeddings.shape, [400, 64]);
    assert_eq!(embedding.class_means.shape, [40, 64]);
    assert_eq!(embedding.cosines.shape, [400, 40]);
    assert!(embedding.cosines.data.iter().all(|cosine| cosine.abs() <= 1.0 + 1e-6));
    let right = |embedding: &marlo_data::Embedding| {
        let rows = embedding.cosines.rows().zip(&embedding.labels);
        rows.filter(|(row, label)| row.iter().all(|&other| other <= row[**label as usize])).count()
    };
    let fair = right(&embedding);
    let biased = right(&embed(&read.images, Options { means: Means::All, ..Options::default() }).unwrap());
    eprintln!("faces nearest to their own person's mean: {fair} of 400 left out, {biased} of 400 held");
    assert!((320..=400).contains(&fair) && fair <= biased);
}
