//! Principal components, the baseline embedding, and the shipped glyphs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod common;

use std::collections::HashSet;
use std::fs;

use common::TempDir;
use marlo_data::array::{Real, read_labels, read_real};
use marlo_data::embed::{EmbedError, Means, Options, embed};
use marlo_data::glyphs::{self, GlyphFile};
use marlo_data::pca::{Pca, PcaError};
use marlo_data::{ImageSet, ImageSetError};
use nalgebra::DMatrix;

/// Numbers without a pattern, the same each time.
fn samples(rows: usize, columns: usize) -> DMatrix<f64> {
    let mut state = 1u64;
    DMatrix::from_fn(rows, columns, |_, column| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        5.0 + (state >> 40) as f64 / 16777216.0 / (column + 1) as f64
    })
}

#[test]
fn all_components_reconstruct_the_samples() {
    for (n, d) in [(7, 20), (20, 7), (8, 8), (2, 5), (150, 3), (3, 150)] {
        let samples = samples(n, d);
        let pca = Pca::fit(&samples, (n - 1).min(d)).unwrap();
        let coordinates = pca.project(&samples).unwrap();
        assert!((pca.reconstruct(&coordinates).unwrap() - &samples).amax() < 1e-10, "{n} x {d}");

        let k = pca.variances.len();
        let products = pca.directions.transpose() * &pca.directions;
        assert!((products - DMatrix::identity(k, k)).amax() < 1e-7, "{n} x {d}: orthonormal");
        for (column, variance) in coordinates.column_iter().zip(&pca.variances) {
            let found = column.norm_squared() / (n - 1) as f64;
            assert!((found - variance).abs() < 1e-10 * pca.variances[0], "{n} x {d}: {found} {variance}");
        }
        assert!(pca.variances.is_sorted_by(|a, b| a >= b));
    }
}

#[test]
fn the_two_ways_to_the_components_agree() {
    // 12 samples of 12 numbers, once as they are (covariance), once with a thirteenth that is constant
    // (products between samples).
    let tall = samples(12, 12);
    let wide = tall.clone().insert_column(12, 1.0);
    let (a, b) = (Pca::fit(&tall, 5).unwrap(), Pca::fit(&wide, 5).unwrap());
    assert!((&a.directions - b.directions.rows(0, 12)).amax() < 1e-9);
}

#[test]
fn bad_samples_are_errors() {
    let mut bad = samples(4, 3);
    assert!(matches!(Pca::fit(&bad, 0), Err(PcaError::Directions { asked: 0, most: 3 })));
    assert!(matches!(Pca::fit(&bad, 4), Err(PcaError::Directions { asked: 4, most: 3 })));
    assert!(matches!(Pca::fit(&samples(1, 3), 1), Err(PcaError::TooFew { .. })));
    assert!(matches!(Pca::fit(&DMatrix::from_element(4, 3, 0.1), 1), Err(PcaError::AllEqual { .. })));
    assert!(Pca::fit(&bad, 2).unwrap().project(&samples(2, 4)).is_err());
    bad[(2, 1)] = f64::NAN;
    assert!(matches!(Pca::fit(&bad, 1), Err(PcaError::NotFinite { sample: 2, place: 1, .. })));
}

#[test]
fn image_sets_are_checked() {
    let set = |pixels, labels, names: &[&str]| {
        ImageSet::new(2, 1, vec![0; pixels], labels, names.iter().map(|&name| name.into()).collect())
    };
    assert!(set(4, vec![0, 1], &["a", "b"]).is_ok());
    assert!(matches!(set(3, vec![0, 1], &["a", "b"]), Err(ImageSetError::Pixels { .. })));
    assert!(matches!(set(4, vec![0, 2], &["a", "b"]), Err(ImageSetError::Label { image: 1, label: 2, .. })));
    assert!(matches!(set(4, vec![0, -1], &["a", "b"]), Err(ImageSetError::Label { .. })));
    assert!(matches!(set(4, vec![0, 0], &["a", "b"]), Err(ImageSetError::EmptyClass { .. })));
}

/// Three classes of 2, 2 and 1 images of 2 × 2 pixels.
fn small() -> ImageSet {
    let pixels = vec![255, 0, 0, 0, 200, 20, 0, 0, 0, 0, 255, 10, 9, 0, 180, 0, 0, 90, 0, 255];
    ImageSet::new(2, 2, pixels, vec![0, 0, 1, 1, 2], vec!["a".into(), "b".into(), "c".into()]).unwrap()
}

#[test]
fn cosines_are_those_of_their_definition() {
    for means in [Means::LeaveOneOut, Means::All] {
        let found = embed(&small(), Options { dim: Some(3), means }).unwrap();
        let unit = |row: &[f64]| {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter().map(|x| x / length).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<f64>> = found
            .embeddings
            .rows()
            .map(|row| unit(&row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()))
            .collect();
        for (image, cosines) in found.cosines.rows().enumerate() {
            for (class, &cosine) in cosines.iter().enumerate() {
                let mut members: Vec<usize> = (0..5).filter(|&i| found.labels[i] == class as i64).collect();
                if means == Means::LeaveOneOut && members.len() > 1 {
                    members.retain(|&member| member != image);
                }
                let sum: Vec<f64> = (0..3).map(|k| members.iter().map(|&i| rows[i][k]).sum()).collect();
                let expected: f64 = unit(&sum).iter().zip(&rows[image]).map(|(a, b)| a * b).sum();
                assert!((f64::from(cosine) - expected).abs() < 1e-6, "{means:?} {image} {class}");
            }
        }
        // The only image of its class is compared with itself.
        assert!((found.cosines.data[14] - 1.0).abs() < 1e-6);
    }
}

#[test]
fn dimensions_that_cannot_be_are_errors() {
    assert_eq!(embed(&small(), Options::default()).unwrap().embeddings.shape, [5, 4]);
    let error = embed(&small(), Options { dim: Some(5), ..Options::default() }).unwrap_err();
    assert!(matches!(error, EmbedError::Pca(PcaError::Directions { asked: 5, most: 4 })));
}

#[test]
fn saved_files_hold_the_embedding() {
    let dir = TempDir::new();
    let embedding = embed(&small(), Options::default()).unwrap();
    let out = dir.join("a/b");
    embedding.save(&out).unwrap();
    embedding.save(&out).unwrap();
    assert_eq!(read_real(out.join("embeddings.npy")).unwrap(), Real::F32(embedding.embeddings));
    assert_eq!(read_real(out.join("class_means.npy")).unwrap(), Real::F32(embedding.class_means));
    assert_eq!(read_real(out.join("cosines.npy")).unwrap(), Real::F32(embedding.cosines));
    assert_eq!(read_labels(out.join("labels.npy")).unwrap(), [0, 0, 1, 1, 2]);
    assert_eq!(fs::read_to_string(out.join("classes.txt")).unwrap(), "a\nb\nc\n");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 5);
}

#[test]
fn glyphs_are_whole_and_distinct() {
    let file = glyphs::file().unwrap();
    assert_eq!((file.characters.len(), file.typefaces.len(), file.side), (64, 16, 24));
    let images: Vec<&[u8]> = file.pixels.chunks_exact(24 * 24).collect();
    assert_eq!(images.iter().collect::<HashSet<_>>().len(), 1024, "no two images are equal");
    for image in &images {
        let inked = image.iter().filter(|&&ink| ink > 0).count();
        assert!((20..500).contains(&inked), "neither blank nor full: {inked} inked pixels");
        // The middle of the inked rows and columns is that of the image.
        let rows: Vec<usize> = (0..24).filter(|y| image[y * 24..][..24].iter().any(|&ink| ink > 0)).collect();
        let columns: Vec<usize> = (0..24).filter(|x| (0..24).any(|y| image[y * 24 + x] > 0)).collect();
        for lines in [rows, columns] {
            let middle = lines[0] + lines[lines.len() - 1];
            assert!(middle.abs_diff(23) <= 2, "centred: {lines:?}");
        }
    }
    // No two typefaces draw the characters nearly alike.
    let by_typeface: Vec<Vec<f64>> = file
        .pixels
        .chunks_exact(64 * 576)
        .map(|all| all.iter().map(|&ink| f64::from(ink)).collect())
        .collect();
    let all = DMatrix::from_fn(16, 64 * 576, |typeface, pixel| by_typeface[typeface][pixel]);
    let products = &all * all.transpose();
    for a in 0..16 {
        for b in 0..a {
            let cosine = products[(a, b)] / (products[(a, a)] * products[(b, b)]).sqrt();
            assert!(cosine < 0.95, "{} and {}: {cosine}", file.typefaces[a], file.typefaces[b]);
        }
    }

    let set = glyphs::sample().unwrap();
    assert_eq!(set.class_names(), file.characters);
    for (at, (image, &label)) in set.images().zip(set.labels()).enumerate() {
        assert_eq!(label as usize, at / 16);
        let stored = images[at % 16 * 64 + at / 16];
        assert!(image.iter().zip(stored).all(|(&grey, &ink)| grey == 17 * ink));
    }
    assert_eq!(GlyphFile::decode(&file.encode().unwrap()).unwrap(), file);
}

#[test]
fn damaged_glyph_files_are_errors() {
    let small = GlyphFile {
        characters: vec!["人".into(), "入".into()],
        typefaces: vec!["A".into()],
        side: 2,
        pixels: vec![0, 1, 2, 3, 12, 13, 14, 15],
    };
    let good = small.encode().unwrap();
    assert_eq!(GlyphFile::decode(&good).unwrap(), small);
    for length in 0..good.len() {
        assert!(GlyphFile::decode(&good[..length]).is_err(), "cut to {length} bytes");
    }
    assert!(GlyphFile { pixels: vec![16; 8], ..small.clone() }.encode().is_err());
    assert!(GlyphFile { pixels: vec![0; 7], ..small.clone() }.encode().is_err());
    assert!(GlyphFile { side: 3, ..small.clone() }.encode().is_err());
    assert!(GlyphFile { side: 4, ..small }.to_images().is_err());
}

#[test]
fn glyph_cosines_are_the_same_each_time_and_of_use() {
    let start = std::time::Instant::now();
    let found = glyphs::cosines().unwrap();
    eprintln!("glyph cosines in {:?}", start.elapsed());
    assert_eq!(found.cosines.shape, [1024, 64]);
    assert_eq!(found.embeddings.shape, [1024, 64]);
    assert!(found.cosines.data.iter().all(|cosine| cosine.abs() <= 1.0 + 1e-6));
    assert_eq!(glyphs::cosines().unwrap(), found);

    let rows = found.cosines.rows().zip(&found.labels);
    let right = rows.filter(|(row, label)| row.iter().all(|&other| other <= row[**label as usize])).count();
    eprintln!("glyphs nearest to their own character's mean, themselves left out: {right} of 1024");
    assert!((650..1024).contains(&right), "{right}");
}
