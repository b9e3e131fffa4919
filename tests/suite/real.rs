//! Every shipped loss on real cosines, all backends compared: the glyphs that ship with marlo, and photographs of faces,
//! which are not in the repository.

use std::path::Path;

use marlo::agree::compare;
use marlo::data::array::Array;
use marlo::data::embed::{Options, embed};
use marlo::data::{folder, glyphs};
use marlo::eval::settings;
use marlo::{sample, specs};

use crate::agreement::gpu;

fn all_agree(cosines: &Array<f32>, labels: &[i64]) {
    let classes = cosines.shape[1];
    for spec in specs::ALL {
        let loss = specs::compile(spec.name).expect("shipped specs compile").loss;
        let params = settings(&loss, &[], marlo::setting::Moment::start(classes))
            .expect("every hyperparameter has a default");
        let narrow = sample::batch(&loss, classes, &cosines.data, labels, params, 1);
        let narrow = narrow.expect("cosines are cosines");
        let found = compare(&loss, &narrow, &narrow.convert(), gpu()).expect("every backend runs");
        assert!(found.agrees(), "{}: {found:#?}", spec.name);
        // What rounding decides must stay the exception.
        assert!(found.on_border * 10 < labels.len(), "{}: {} rows on a border", spec.name, found.on_border);
        assert_eq!(found.backends.len(), if gpu().is_some() { 6 } else { 5 });
    }
}

#[test]
fn glyphs_of_kanji() {
    let sample = glyphs::cosines().expect("the sample ships with marlo");
    all_agree(&sample.cosines, &sample.labels);
}

#[test]
fn photographs_of_faces() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/faces");
    if !path.is_dir() {
        eprintln!("skipped: no faces at {}", path.display());
        return;
    }
    let read = folder::read(&path).expect("a folder an identity");
    let embedding = embed(&read.images, Options::default()).expect("enough images");
    all_agree(&embedding.cosines, &embedding.labels);
}
