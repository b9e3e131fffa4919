//! Splits, augmentation and batches: what must hold for any set, seed and size.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

use std::collections::HashSet;
use std::sync::Arc;

use marlo_data::ImageSet;
use marlo_data::augment::{Augment, Motion};
use marlo_data::loader::{Batch, Loader, LoaderError, Options, normalise};
use marlo_data::split::{self, OnOverlap, Protocol, SplitError, Unseen};
use quickcheck::{QuickCheck, TestResult};

/// So many images of each class, no two of them equal: the pixels count them.
fn set(counts: &[usize]) -> ImageSet {
    let labels: Vec<i64> =
        counts.iter().enumerate().flat_map(|(class, &count)| vec![class as i64; count]).collect();
    let pixels = (0..labels.len() as u16).flat_map(|image| [image.to_be_bytes(), [7, 9]].concat()).collect();
    let names = (0..counts.len()).map(|class| format!("p{class}")).collect();
    ImageSet::new(2, 2, pixels, labels, names).unwrap()
}

/// The number that `set` gave an image.
fn number(image: &[u8]) -> u16 {
    u16::from_be_bytes([image[0], image[1]])
}

/// Each image's number with the name of its class.
fn content(images: &ImageSet) -> Vec<(u16, &str)> {
    let names = images.labels().iter().map(|&label| images.class_names()[label as usize].as_str());
    images.images().map(number).zip(names).collect()
}

fn counts(raw: &[u8], least: usize) -> Vec<usize> {
    raw.iter().take(40).map(|&count| usize::from(count) % 6 + least).collect()
}

/// Both sides together are the whole set, each image once with its name.
fn is_partition(whole: &ImageSet, split: &split::Split) -> bool {
    let mut both = [content(&split.train), content(&split.test)].concat();
    both.sort_unstable();
    both == content(whole)
}

#[test]
fn open_set_splits_are_disjoint_and_whole() {
    fn property(raw: Vec<u8>, share: u8, seed: u64) -> TestResult {
        let images = set(&counts(&raw, 1));
        let classes = images.class_names().len();
        let unseen = Unseen::Share { share: f64::from(share) / 255.0, seed };
        let expected = (f64::from(share) / 255.0 * classes as f64).round() as usize;
        let split = match split::open_set(&images, &unseen, OnOverlap::Refuse) {
            Ok(split) => split,
            Err(SplitError::TooFewIdentities { train, test }) => {
                return TestResult::from_bool(
                    (train, test) == (classes - expected, expected) && train.min(test) < 2,
                );
            }
            Err(_) => return TestResult::failed(),
        };
        let names: HashSet<_> = split.train.class_names().iter().collect();
        let again = split::open_set(&images, &unseen, OnOverlap::Refuse).unwrap();
        TestResult::from_bool(
            split.test.class_names().len() == expected
                && split.test.class_names().iter().all(|name| !names.contains(name))
                && is_partition(&images, &split)
                && split == again,
        )
    }
    QuickCheck::new().quickcheck(property as fn(Vec<u8>, u8, u64) -> TestResult);
}

#[test]
fn closed_set_splits_hold_out_the_same_number_of_each() {
    fn property(raw: Vec<u8>, held_out: u8, seed: u64) -> TestResult {
        let held_out = usize::from(held_out) % 3 + 1;
        let images = set(&counts(&raw, held_out + 1));
        if images.class_names().len() < 2 {
            return TestResult::discard();
        }
        let split = split::closed_set(&images, held_out, seed, OnOverlap::Refuse).unwrap();
        let left: Vec<_> = images.counts().iter().map(|count| count - held_out).collect();
        TestResult::from_bool(
            split.test.counts().iter().all(|&count| count == held_out)
                && split.train.counts() == left
                && split.train.class_names() == split.test.class_names()
                && is_partition(&images, &split),
        )
    }
    QuickCheck::new().quickcheck(property as fn(Vec<u8>, u8, u64) -> TestResult);
}

#[test]
fn seeds_decide_splits() {
    let images = set(&[4; 30]);
    let open = |seed| {
        let split = split::open_set(&images, &Unseen::Share { share: 0.5, seed }, OnOverlap::Refuse).unwrap();
        split.test.class_names().to_vec()
    };
    assert_ne!(open(1), open(2));
    let closed = |seed| split::closed_set(&images, 2, seed, OnOverlap::Refuse).unwrap().test;
    assert_ne!(closed(1), closed(2));
}

#[test]
fn splits_by_name_and_mistakes_in_them() {
    let images = set(&[2, 3, 1, 2]);
    let names = |names: &[&str]| Unseen::Names(names.iter().map(|&name| name.into()).collect());
    let split = split::open_set(&images, &names(&["p3", "p1"]), OnOverlap::Refuse).unwrap();
    assert_eq!(split.test.class_names(), ["p1", "p3"]);
    assert_eq!(split.train.class_names(), ["p0", "p2"]);
    assert_eq!(split.train.labels(), [0, 0, 1]);

    let error = split::open_set(&images, &names(&["p1", "q", "p3"]), OnOverlap::Refuse).unwrap_err();
    assert!(error.to_string().contains("no identity named \"q\";"), "{error}");
    for share in [-0.1, 1.1, f64::NAN] {
        let unseen = Unseen::Share { share, seed: 0 };
        assert!(matches!(
            split::open_set(&images, &unseen, OnOverlap::Refuse),
            Err(SplitError::Share { .. })
        ));
    }
    let error = split::closed_set(&images, 2, 0, OnOverlap::Refuse).unwrap_err();
    assert!(
        matches!(&error, SplitError::TooFewImages { needed: 3, names } if names == &["p0", "p2", "p3"]),
        "{error}"
    );
    assert!(split::closed_set(&images, usize::MAX, 0, OnOverlap::Refuse).is_err());
    assert!(split::closed_set(&images, 0, 0, OnOverlap::Refuse).is_err());

    assert_eq!(split::at_least(&images, 2).unwrap().class_names(), ["p0", "p1", "p3"]);
    assert!(split::at_least(&images, 3).is_err());
    let listed = ["p0", "never heard of"].map(String::from);
    assert_eq!(split::without(&images, &listed).unwrap().class_names(), ["p1", "p2", "p3"]);
}

#[test]
fn overlaps_are_found_and_may_be_allowed() {
    let images = set(&[2, 2, 2, 2]);
    let (train, test) = (images.select(&[0, 1, 2]).unwrap(), images.select(&[3, 4, 5]).unwrap());
    let error = split::given(train.clone(), test.clone(), Protocol::OpenSet, OnOverlap::Refuse).unwrap_err();
    assert!(error.to_string().contains("share 1 identity(ies): \"p1\" and 0 equal image(s)"), "{error}");
    let allowed = split::given(train.clone(), test, Protocol::OpenSet, OnOverlap::Allow).unwrap();
    assert_eq!((allowed.overlap.names, allowed.overlap.images), (vec!["p1".to_owned()], vec![]));

    // The same picture under another name.
    let renamed = |indices: &[usize]| {
        let picked = images.select(indices).unwrap();
        let names = picked.class_names().iter().map(|name| format!("other {name}")).collect();
        ImageSet::new(2, 2, picked.pixels().to_vec(), picked.labels().to_vec(), names).unwrap()
    };
    let test = renamed(&[1, 4, 6]);
    match split::given(train.clone(), test, Protocol::OpenSet, OnOverlap::Refuse).unwrap_err() {
        SplitError::Overlap { overlap } => {
            assert_eq!((overlap.names, overlap.images), (vec![], vec![(1, 0)]));
        }
        error => panic!("{error}"),
    }

    let closed = |test| split::given(train.clone(), test, Protocol::ClosedSet, OnOverlap::Refuse);
    assert!(closed(set(&[1, 1])).is_err(), "the first image is the same");
    assert!(
        matches!(closed(images.select(&[3, 4]).unwrap()), Err(SplitError::Untrained { names }) if names == ["p2"])
    );
    let small = ImageSet::new(1, 1, vec![0, 1], vec![0, 1], vec!["p0".into(), "p1".into()]).unwrap();
    assert!(matches!(closed(small), Err(SplitError::Sizes { .. })));
}

#[test]
fn selecting_keeps_images_and_names() {
    let images = set(&[2, 3, 1]);
    let picked = images.select(&[5, 0, 0]).unwrap();
    assert_eq!(content(&picked), [(5, "p2"), (0, "p0"), (0, "p0")]);
    assert_eq!(picked.labels_among(images.class_names()), [Some(2), Some(0), Some(0)]);
    assert_eq!(images.labels_among(picked.class_names())[2..], [None, None, None, Some(1)]);
    assert!(images.select(&[6]).is_err());
    assert!(images.image(usize::MAX).is_none());
}

#[test]
fn motions_take_each_pixel_from_where_they_say() {
    fn property(width: u8, height: u8, flip: bool, right: i8, down: i8, seed: u8) -> bool {
        let (width, height) = (usize::from(width) % 9 + 1, usize::from(height) % 9 + 1);
        let image: Vec<u8> =
            (0..width * height).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect();
        let motion = Motion { flip, right: right.into(), down: down.into() };
        let moved = motion.apply(&image, width);
        // In two steps: mirrored, then each pixel looked up, with the edge for what is outside.
        let mirrored: Vec<u8> = image
            .chunks_exact(width)
            .flat_map(|row| if flip { row.iter().rev().copied().collect() } else { row.to_vec() })
            .collect();
        let inside = |at: i32, length: usize| at.max(0).min(length as i32 - 1) as usize;
        (0..width * height).all(|at| {
            let (x, y) = ((at % width) as i32, (at / width) as i32);
            let from = inside(y - i32::from(down), height) * width + inside(x - i32::from(right), width);
            moved[at] == mirrored[from]
        })
    }
    QuickCheck::new().quickcheck(property as fn(u8, u8, bool, i8, i8, u8) -> bool);
    let far = Motion { flip: true, right: i32::MIN, down: i32::MAX };
    assert_eq!(far.apply(&[1, 2, 3, 4], 2), [1; 4]);
    assert_eq!(far.apply(&[1, 2, 3], 0), [1, 1, 1]);
    assert!(far.apply(&[], 3).is_empty());
}

#[test]
fn motions_cover_all_that_is_asked_for_and_no_more() {
    let augment = Augment { seed: 3, flip: true, shift: 2 };
    let seen: HashSet<_> = (0..2000)
        .map(|image| augment.motion(image as u64 % 3, image))
        .map(|motion| (motion.flip, motion.right, motion.down))
        .collect();
    assert_eq!(seen.len(), 2 * 5 * 5);
    assert!(seen.iter().all(|(_, right, down)| right.abs() <= 2 && down.abs() <= 2));
    let none = Augment { seed: 3, ..Augment::default() };
    assert!((0..100).all(|image| none.motion(0, image) == Motion::default()));
}

fn batches(loader: &Loader, epoch: u64, step: usize, count: usize) -> Vec<Batch> {
    loader.start_at(epoch, step).unwrap().take(count).map(Result::unwrap).collect()
}

#[test]
fn an_epoch_holds_every_image_once_and_any_step_can_be_started_at() {
    fn property(raw: Vec<u8>, batch: u8, seed: u64, drop_last: bool, shuffle: bool) -> TestResult {
        let images = Arc::new(set(&counts(&raw, 1)));
        let (count, batch) = (images.len(), usize::from(batch) % 7 + 1);
        let augment = Some(Augment { seed, flip: true, shift: 1 });
        let options = Options { batch, seed, drop_last, shuffle, augment, ahead: 1 };
        let loader = match Loader::new(Arc::clone(&images), options) {
            Ok(loader) => loader,
            Err(LoaderError::Batch { .. }) => {
                return TestResult::from_bool(count == 0 || drop_last && batch > count);
            }
            Err(_) => return TestResult::failed(),
        };
        let steps = loader.steps();
        let all = batches(&loader, 5, 0, 2 * steps);
        let mut seen: Vec<usize> = all[..steps].iter().flat_map(|batch| batch.images.clone()).collect();
        let ordered = seen == loader.order(5)[..seen.len()];
        seen.sort_unstable();
        seen.dedup();
        let expected = if drop_last { count / batch * batch } else { count };
        let start = seed as usize % steps;
        let resumed = batches(&loader, 5, start, 2 * steps - start);
        TestResult::from_bool(
            ordered
                && seen.len() == expected
                && resumed == all[start..]
                && all[..steps - 1].iter().all(|b| b.images.len() == batch)
                && all
                    .iter()
                    .enumerate()
                    .all(|(at, b)| (b.epoch, b.step) == (5 + (at / steps) as u64, at % steps)),
        )
    }
    QuickCheck::new().tests(60).quickcheck(property as fn(Vec<u8>, u8, u64, bool, bool) -> TestResult);
}

#[test]
fn batches_hold_the_normalised_pixels_of_their_images() {
    let images = Arc::new(set(&[3, 4]));
    let options = Options { batch: 3, seed: 9, ..Options::default() };
    let loader = Loader::new(Arc::clone(&images), options).unwrap();
    for batch in batches(&loader, 0, 0, 6) {
        let labels: Vec<i64> = batch.images.iter().map(|&image| images.labels()[image]).collect();
        assert_eq!(batch.labels, labels);
        let greys = batch.images.iter().flat_map(|&image| images.image(image).unwrap());
        assert_eq!(batch.pixels, greys.map(|&grey| normalise(grey)).collect::<Vec<_>>());
    }
    assert_eq!((normalise(0), normalise(255)), (-1.0, 1.0));
    assert!((normalise(51) + 0.6).abs() < 1e-6);

    let orders: HashSet<_> = (0..20).map(|epoch| loader.order(epoch)).collect();
    assert!(orders.len() > 15, "each epoch has its own order");
    let still = Loader::new(images, Options { shuffle: false, ahead: usize::MAX, ..options }).unwrap();
    assert_eq!(batches(&still, 3, 2, 1)[0].images, [6]);
}

#[test]
fn loaders_refuse_what_would_give_nothing() {
    let images = Arc::new(set(&[1, 1]));
    let options = |batch, drop_last| Options { batch, drop_last, ..Options::default() };
    assert!(Loader::new(Arc::clone(&images), options(0, false)).is_err());
    assert!(Loader::new(Arc::clone(&images), options(3, true)).is_err());
    let loader = Loader::new(images, options(usize::MAX, false)).unwrap();
    assert_eq!(loader.steps(), 1);
    let error = loader.start_at(0, 1).unwrap_err().to_string();
    assert!(error.contains("step 1 of an epoch of 1 steps"), "{error}");
}
