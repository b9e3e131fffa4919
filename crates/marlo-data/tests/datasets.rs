//! Sets of images from files and folders: what is recognised, what is told, what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use common::TempDir;
use flate2::{Compression, write::GzEncoder};
use image::{GrayImage, Luma, Rgb, RgbImage};
use marlo_data::array::{Array, write_npy};
use marlo_data::dataset::{self, DatasetError};
use marlo_data::glyphs::GlyphFile;
use marlo_data::idx::{self, IdxError};

const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

fn idx_bytes(shape: &[u32], numbers: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|length| bytes.extend(length.to_be_bytes()));
    bytes.extend(numbers);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Images of 2 rows of 3 pixels that count upwards, one a label.
fn pair(labels: &[u8], from: u8) -> [Vec<u8>; 2] {
    let count = labels.len() as u32;
    let pixels: Vec<u8> = (0..6 * labels.len()).map(|pixel| from.wrapping_add(pixel as u8)).collect();
    [idx_bytes(&[count, 2, 3], &pixels), idx_bytes(&[count], labels)]
}

fn write_pair(folder: &Path, names: [&str; 2], contents: &[Vec<u8>; 2]) {
    names.iter().zip(contents).for_each(|(name, content)| fs::write(folder.join(name), content).unwrap());
}

fn grey(value: u8) -> GrayImage {
    GrayImage::from_fn(3, 2, |x, y| Luma([value + 3 * y as u8 + x as u8]))
}

#[test]
fn idx_files_plain_and_packed() {
    let dir = TempDir::new();
    write_pair(dir.path(), TRAIN, &pair(&[7, 2, 7, 9], 0));
    let found = dataset::open(dir.path()).unwrap();
    assert_eq!(found.images.labels(), [1, 0, 1, 2]);
    assert_eq!(found.images.class_names(), ["2", "7", "9"]);
    assert_eq!((found.images.width(), found.images.height()), (3, 2));
    assert_eq!(found.images.image(1).unwrap(), [6, 7, 8, 9, 10, 11]);
    assert!(found.test.is_none());
    assert_eq!(found.findings().single, ["2", "9"]);

    // Packed, with a part for testing: the same images, another sum.
    let packed = TempDir::new();
    let gz = |names: [&str; 2]| names.map(|name| format!("{name}.gz"));
    for (names, content) in [(gz(TRAIN), pair(&[7, 2, 7, 9], 0)), (gz(TEST), pair(&[2, 2], 50))] {
        names.iter().zip(content).for_each(|(name, content)| {
            fs::write(packed.join(name), gzip(&content)).unwrap();
        });
    }
    let both = dataset::open(packed.path()).unwrap();
    assert_eq!(both.images, found.images);
    let test = both.test.unwrap();
    assert_eq!(test.labels_among(both.images.class_names()), [Some(0), Some(0)]);
    assert_ne!(both.hash, found.hash);

    let names: Vec<String> = (b'a'..=b'j').map(|letter| char::from(letter).to_string()).collect();
    let named = idx::read_named(dir.join(TRAIN[0]), dir.join(TRAIN[1]), &names).unwrap();
    assert_eq!(named.class_names(), ["c", "h", "j"]);
    let error = idx::read_named(dir.join(TRAIN[0]), dir.join(TRAIN[1]), &names[..9]).unwrap_err();
    assert!(matches!(error, IdxError::Name { label: 9, names: 9, .. }), "{error}");
}

#[test]
fn damaged_idx_files_are_errors() {
    let [images, labels] = pair(&[0, 1], 0);
    let cut = |bytes: &[u8], by: usize| bytes[..bytes.len() - by].to_vec();
    let longer = [&images[..], &[0]].concat();
    let huge = idx_bytes(&[u32::MAX, u32::MAX, 2], &[]);
    let large = idx_bytes(&[u32::MAX, 1000, 1000], &[]);
    let mut wrong_sum = gzip(&images);
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    let cases: [(&[u8], &[u8], &str); 13] = [
        (b"", &labels, "its header: "),
        (b"\x89PNG....", &labels, "it starts with [89, 50, 4e]"),
        (&idx_bytes(&[2], &[0, 1]), &labels, "1 dimensions, 3 expected"),
        (&images[..10], &labels, "its header: "),
        (&cut(&images, 1), &labels, "[2, 2, 3] numbers of one byte, but it ends before"),
        (&gzip(&cut(&images, 1)), &labels, "but it ends before"),
        (&cut(&gzip(&images), 9), &labels, "but it ends before"),
        (&wrong_sum, &labels, "but unpacking says"),
        (&longer, &labels, "but it goes on after them"),
        (&huge, &labels, if usize::BITS == 64 { "more than memory" } else { "" }),
        (&gzip(&large), &labels, "but it ends before"),
        (&images, &idx_bytes(&[3], &[0, 1, 0]), "3 labels, but 2 images"),
        (&idx_bytes(&[2, 0, 3], &[]), &labels, "0 pixels given for 2 images"),
    ];
    for (images, labels, message) in cases {
        let dir = TempDir::new();
        write_pair(dir.path(), TRAIN, &[images.to_vec(), labels.to_vec()]);
        let error = dataset::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(message), "{message}: {error}");
        assert!(error.contains("train-"), "names the file: {error}");
    }
}

#[test]
fn incomplete_and_ambiguous_folders_are_errors() {
    let dir = TempDir::new();
    let [images, labels] = pair(&[0, 1], 0);
    fs::write(dir.join(TRAIN[0]), &images).unwrap();
    let error = dataset::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("it has train-images-idx3-ubyte, but no train-labels-idx1-ubyte"), "{error}");
    write_pair(dir.path(), ["a-images-idx3-ubyte", "a-labels-idx1-ubyte"], &[images, labels]);
    assert!(matches!(dataset::open(dir.path()), Err(DatasetError::Ambiguous { .. })));

    let arrays = TempDir::new();
    write_npy(arrays.join("images.npy"), &Array::new([2, 2, 3], vec![1u8; 12]).unwrap()).unwrap();
    assert!(matches!(dataset::open(arrays.path()), Err(DatasetError::Incomplete { .. })));

    assert!(matches!(dataset::open(dir.join("missing")), Err(DatasetError::Io { .. })));
    assert!(matches!(dataset::open(dir.join(TRAIN[0])), Err(DatasetError::UnknownFile { .. })));
    assert!(matches!(dataset::open(TempDir::new().path()), Err(DatasetError::Folder(_))));
}

#[test]
fn arrays_are_read_with_and_without_names() {
    let dir = TempDir::new();
    let write = |name: &str, shape: &[usize], data: Vec<u8>| {
        write_npy(dir.join(name), &Array::new(shape, data).unwrap()).unwrap();
    };
    let labels = |labels: &[i64]| {
        write_npy(dir.join("labels.npy"), &Array::new([labels.len()], labels.to_vec()).unwrap()).unwrap();
    };
    write("images.npy", &[3, 2, 3], (0..18).collect());
    labels(&[5, 1, 5]);
    let found = dataset::open(dir.path()).unwrap();
    assert_eq!(found.images.class_names(), ["1", "5"]);
    assert_eq!(found.images.labels(), [1, 0, 1]);
    assert_eq!(found.images.pixels(), (0..18).collect::<Vec<u8>>());

    fs::write(dir.join("classes.txt"), "zero\none\ntwo\nthree\nfour\nfive\n").unwrap();
    assert_eq!(dataset::open(dir.path()).unwrap().images.class_names(), ["one", "five"]);
    fs::write(dir.join("classes.txt"), "zero\none\n").unwrap();
    assert!(matches!(dataset::open(dir.path()), Err(DatasetError::NoName { label: 5, .. })));
    fs::remove_file(dir.join("classes.txt")).unwrap();

    labels(&[5, 1]);
    assert!(matches!(dataset::open(dir.path()), Err(DatasetError::Set { .. })));
    write("images.npy", &[3, 6], (0..18).collect());
    let error = dataset::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("three dimensions"), "{error}");
    write_npy(dir.join("images.npy"), &Array::new([1, 1, 1], vec![0.5f32]).unwrap()).unwrap();
    let error = dataset::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("float32 found, uint8 expected"), "{error}");
}

#[test]
fn folders_tell_what_they_found() {
    let dir = TempDir::new();
    for (identity, images) in [("anna", 3), ("bela", 1), ("empty", 0)] {
        fs::create_dir(dir.join(identity)).unwrap();
        for image in 0..images {
            grey(10 * image).save(dir.join(identity).join(format!("{image}.png"))).unwrap();
        }
    }
    fs::write(dir.join("anna/damaged.png"), b"\x89PNG\r\n\x1a\nno more").unwrap();
    fs::write(dir.join("notes.txt"), b"anna, bela").unwrap();
    RgbImage::from_pixel(6, 4, Rgb([200, 100, 0])).save(dir.join("anna/big.png")).unwrap();

    let found = dataset::open(dir.path()).unwrap();
    assert_eq!((found.images.len(), found.resized, found.coloured), (5, 1, 1));
    let findings = found.findings();
    assert_eq!(findings.unreadable.len(), 1);
    assert!(findings.unreadable[0].path.ends_with("anna/damaged.png"));
    assert!(findings.empty[0].path.ends_with("empty"));
    assert!(findings.stray[0].path.ends_with("notes.txt"));
    assert_eq!(findings.single, ["bela"]);
    let sizes: Vec<_> = findings.sizes.iter().map(|s| (s.width, s.height, s.images)).collect();
    assert_eq!(sizes, [(3, 2, 4), (6, 4, 1)]);
    let report = findings.to_string();
    assert_eq!(report.lines().count(), 6, "{report}");
    assert!(report.contains("1 identity(ies) with a single image: bela\n"), "{report}");
    assert!(report.contains("4 of 3 x 2, 1 of 6 x 4\n"), "{report}");
    // The same each time, whatever the threads did.
    assert_eq!(dataset::open(dir.path()).unwrap().hash, found.hash);
}

#[test]
fn two_folders_are_two_parts_and_identities_may_be_called_train() {
    let dir = TempDir::new();
    for (file, value) in [("train/anna/1", 0), ("train/bela/1", 10), ("test/carl/1", 20), ("test/dora/1", 30)]
    {
        let path = dir.join(&format!("{file}.png"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        grey(value).save(path).unwrap();
    }
    let found = dataset::open(dir.path()).unwrap();
    assert_eq!(found.images.class_names(), ["anna", "bela"]);
    assert_eq!(found.test.as_ref().unwrap().class_names(), ["carl", "dora"]);

    RgbImage::from_pixel(6, 4, Rgb([200, 100, 0])).save(dir.join("test/carl/0.png")).unwrap();
    assert!(matches!(dataset::open(dir.path()), Err(DatasetError::Sizes { .. })));

    let dir = TempDir::new();
    for identity in ["train", "test"] {
        fs::create_dir(dir.join(identity)).unwrap();
        grey(1).save(dir.join(identity).join("1.png")).unwrap();
    }
    let found = dataset::open(dir.path()).unwrap();
    assert_eq!(found.images.class_names(), ["test", "train"]);
    assert!(found.test.is_none());
}

#[test]
fn large_glyph_files_round_trip() {
    let dir = TempDir::new();
    let file = GlyphFile {
        characters: (0..300).map(|at| format!("c{at}")).collect(),
        typefaces: vec!["A".into(), "B".into()],
        side: 2,
        pixels: (0..2400).map(|at| (at % 16) as u8).collect(),
    };
    let bytes = file.encode().unwrap();
    assert_eq!(GlyphFile::decode(&bytes).unwrap(), file);
    for length in (0..bytes.len()).step_by(7) {
        assert!(GlyphFile::decode(&bytes[..length]).is_err(), "cut to {length} bytes");
    }
    let path = dir.join("glyphs.bin.gz");
    fs::write(&path, &bytes).unwrap();
    let found = dataset::open(&path).unwrap();
    assert_eq!((found.images.len(), found.images.class_names().len()), (600, 300));
    assert!(found.source.contains("300 characters in 2 typefaces"), "{}", found.source);

    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(dataset::open(&path), Err(DatasetError::Glyphs { .. })));
    // A header that promises 65535 x 65535 images of 254 x 254.
    let mut header = b"glyphs 2\xff\xff\xff\xff\xfe".to_vec();
    header.extend(vec![0; 2 * 65535]);
    assert!(GlyphFile::decode(&gzip(&header)).is_err());
    assert!(GlyphFile { characters: vec![String::new(); 65536], ..file }.encode().is_err());
}

/// Fashion-MNIST from Debian's package, where it is installed.
#[test]
fn fashion_mnist() {
    let path = Path::new("/usr/share/datasets/fashion-mnist");
    if !path.is_dir() {
        eprintln!("skipped: no {}; apt-get install dataset-fashion-mnist", path.display());
        return;
    }
    let found = dataset::open(path).unwrap();
    assert_eq!((found.images.len(), found.images.width(), found.images.height()), (60_000, 28, 28));
    assert_eq!(found.images.counts(), [6000; 10]);
    assert_eq!(found.test.unwrap().counts(), [1000; 10]);
}
