//! Training: it learns, it goes on from a checkpoint as if nothing had been, and it refuses what doesn't fit.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use marlo_data::{ImageSet, glyphs};
use marlo_ir::loss::Loss;
use marlo_train::{Data, Event, Fall, Model, Plan, Rate, TrainError, Trainer};

fn loss(name: &str) -> Loss {
    marlo_specs::compile(name).expect("it ships").loss
}

/// Six of the shipped kanji.
fn data() -> Data {
    let all = glyphs::sample().expect("they ship");
    let few: Vec<usize> = (0..all.len()).filter(|&image| all.labels()[image] < 6).collect();
    let images: ImageSet = all.select(&few).expect("each class has images");
    Data { images: Arc::new(images), hash: "six".into() }
}

fn plan() -> Plan {
    Plan {
        epochs: 4,
        batch: 20,
        rate: Rate { base: 0.05, fall: Fall::Cosine, warm_up: 0.1 },
        width: 4,
        embedding: 8,
        flip: true,
        ..Plan::default()
    }
}

fn finish(trainer: &mut Trainer) {
    let stopped = trainer.run(|_, _| Ok(ControlFlow::<()>::Continue(()))).expect("it trains");
    assert_eq!(stopped, None);
}

#[test]
fn losses_of_every_kind_learn() {
    // With nothing further, with norms, with states and norms, with a mask, with draws, with class counts, with centres.
    for name in
        ["arcface", "magface", "adaface", "mv_am_adaptive", "elasticface_arc", "ldam", "subcentre_arcface"]
    {
        let mut trainer =
            Trainer::new(&loss(name), &[], data(), Plan { epochs: 12, ..plan() }).expect("it fits");
        finish(&mut trainer);
        let (first, last) = (&trainer.history()[0], &trainer.history()[11]);
        assert!(last.loss < 0.8 * first.loss, "{name}: {} to {}", first.loss, last.loss);
        assert!(last.nearer < 0.6 * first.nearer, "{name}: {first:?} to {last:?}");
        assert_eq!(last.masked.is_some(), name == "mv_am_adaptive", "{name}");
    }
}

#[test]
fn the_same_seed_gives_the_same_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, seed: u64| {
        let path = folder.path().join(name);
        let mut trainer =
            Trainer::new(&loss("arcface"), &[], data(), Plan { epochs: 2, seed, ..plan() }).expect("it fits");
        finish(&mut trainer);
        trainer.save(&path).expect("it is written");
        std::fs::read(path).expect("it is read")
    };
    assert!(file("a", 1) == file("b", 1));
    assert!(file("a", 1) != file("c", 2));
}

/// Stops after every step, and goes on in a new trainer from the file.
#[test]
fn an_interrupted_training_ends_as_an_unbroken_one() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["arcface", "adaface", "curricularface"] {
        let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
        let loss = loss(name);
        let mut trainer = Trainer::new(&loss, &[], data(), plan()).expect("it fits");
        finish(&mut trainer);
        trainer.save(&whole).expect("it is written");
        let mut trainer = Trainer::new(&loss, &[], data(), plan()).expect("it fits");
        loop {
            let stopped = trainer.run(|_, event| {
                Ok(match event {
                    Event::Step(_) => ControlFlow::Break(()),
                    Event::Epoch(_) => ControlFlow::Continue(()),
                })
            });
            trainer.save(&broken).expect("it is written");
            if stopped.expect("it trains").is_none() {
                break;
            }
            trainer = Trainer::resume(&broken, &loss, &[], data()).expect("it goes on");
        }
        assert_eq!(trainer.history().len(), 4);
        assert!(
            std::fs::read(&whole).expect("it is there") == std::fs::read(&broken).expect("it is there"),
            "{name}"
        );
    }
}

#[test]
fn a_model_embeds_each_image_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let mut trainer = Trainer::new(&loss("arcface"), &[], data(), plan()).expect("it fits");
    finish(&mut trainer);
    trainer.save(&path).expect("it is written");
    let model = Model::open(&path).expect("it is read");
    assert_eq!(
        (model.about.loss.as_str(), model.about.classes.len(), model.weight.len()),
        ("arcface", 6, 48)
    );
    let images = data().images;
    let pixels: Vec<f32> = images.pixels().iter().map(|&x| marlo_data::loader::normalise(x)).collect();
    let all = model.embed(&pixels).expect("they fit");
    assert_eq!(all, trainer.network().embed(&pixels).expect("they fit"));
    let size = images.width() * images.height();
    for at in [0, 7, images.len() - 1] {
        // The product of matrices rounds by their sizes.
        let alone = model.embed(&pixels[at * size..][..size]).expect("it fits");
        assert!(alone.iter().zip(&all[at * 8..][..8]).all(|(a, b)| (a - b).abs() < 1e-5), "{alone:?}");
    }
    let error = model.embed(&pixels[1..]).expect_err("not whole").to_string();
    assert!(error.ends_with("are no whole number of images of 24 × 24"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let arcface = loss("arcface");
    let new = |plan: Plan| Trainer::new(&arcface, &[], data(), plan).expect_err("it doesn't fit").to_string();
    assert_eq!(new(Plan { epochs: 0, ..plan() }), "the epochs must be from 1 to 1000000");
    assert_eq!(new(Plan { batch: 1, ..plan() }), "the batch must be at least 2");
    assert_eq!(new(Plan { momentum: f64::NAN, ..plan() }), "the momentum must be from 0 to below 1");
    assert_eq!(
        new(Plan { rate: Rate { base: 0.0, ..Rate::default() }, ..plan() }),
        "the rate must be above 0"
    );
    assert!(new(Plan { embedding: 0, ..plan() }).contains("none of them may be 0"));
    assert!(new(Plan { width: usize::MAX, ..plan() }).contains("below 2^28 values"));
    assert!(
        new(Plan { rate: Rate { fall: Fall::Steps(vec![f64::INFINITY]), ..Rate::default() }, ..plan() })
            .starts_with("the falls of the rate")
    );
    let error =
        Trainer::new(&arcface, &[("q".into(), 1.0)], data(), plan()).expect_err("no such").to_string();
    assert!(error.contains("`q`"), "{error}");
    let error = Trainer::new(&loss("adaptiveface"), &[], data(), plan()).expect_err("margins").to_string();
    assert!(error.starts_with("the loss reads `"), "{error}");
    // Checkpoints of something else.
    let mut trainer = Trainer::new(&arcface, &[], data(), Plan { epochs: 1, ..plan() }).expect("it fits");
    finish(&mut trainer);
    trainer.save(&path).expect("it is written");
    let resume = |path: &Path, loss: &Loss, given: &[(String, f64)], data: Data| {
        Trainer::resume(path, loss, given, data).expect_err("it doesn't fit").to_string()
    };
    assert!(
        resume(&path, &loss("cosface"), &[], data()).contains("with other loss: arcface instead of cosface")
    );
    assert!(resume(&path, &arcface, &[("m".into(), 0.3)], data()).contains("with other hyperparameters: []"));
    let other = Data { hash: "seven".into(), ..data() };
    assert!(resume(&path, &arcface, &[], other).contains("with other data: six instead of seven"));
    let mut changed = loss("arcface");
    changed.graph.params[0].default = Some(48.0);
    assert!(resume(&path, &changed, &[], data()).contains("with other loss"));
    // Files that are none, or damaged.
    let none = folder.path().join("none");
    assert!(matches!(Model::open(&none), Err(TrainError::Read { .. })));
    std::fs::write(&none, "nothing of the kind").expect("it is written");
    assert!(matches!(Model::open(&none), Err(TrainError::NoModel { .. })));
    let bytes = std::fs::read(&path).expect("it is there");
    std::fs::write(&none, &bytes[..bytes.len() - 5]).expect("it is written");
    assert!(Model::open(&none).is_err());
    // Sizes that the tensors don't have, in a header of the same length.
    let find = |what: &[u8]| bytes.windows(what.len()).position(|part| part == what).expect("it is there");
    for (what, with) in
        [(&b"embedding\\\":8"[..], &b"embedding\\\":9"[..]), (b"height\\\":24", b"height\\\":99")]
    {
        let mut damaged = bytes.clone();
        let from = bytes.windows(what.len()).rposition(|part| part == what).expect("it is there");
        damaged[from..from + with.len()].copy_from_slice(with);
        std::fs::write(&none, &damaged).expect("it is written");
        assert!(matches!(Model::open(&none), Err(TrainError::Tensor { .. })), "{}", find(what));
    }
    // A place that can't be written keeps what is there.
    assert!(matches!(trainer.save(&folder.path().join("no/where")), Err(TrainError::Write { .. })));
    // Too large a rate.
    let wild =
        Plan { rate: Rate { base: 1e30, warm_up: 0.0, ..Rate::default() }, longest_gradient: 1e30, ..plan() };
    let mut trainer = Trainer::new(&arcface, &[], data(), wild).expect("it fits");
    let error = trainer.run(|_, _| Ok(ControlFlow::<()>::Continue(()))).expect_err("it diverges").to_string();
    assert!(error.starts_with("training diverged in epoch 1"), "{error}");
}

/// dfdx's device keeps the buffers of a step for the next one: no step may add to them.
#[cfg(target_os = "linux")]
#[test]
fn steps_do_not_pile_up_memory() {
    let resident = || -> usize {
        let text = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
        let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
        pages.expect("the second number") * 4096
    };
    let long = Plan { epochs: 60, width: 8, ..plan() };
    let mut trainer = Trainer::new(&loss("arcface"), &[], data(), long).expect("it fits");
    let (mut first, mut last) = (0, 0);
    let done = trainer.run(|trainer, event| {
        if let Event::Epoch(_) = event {
            last = resident();
            first = if trainer.history().len() == 5 { last } else { first };
        }
        Ok(ControlFlow::<()>::Continue(()))
    });
    assert_eq!(done.expect("it trains"), None);
    // Other tests of this process run beside it; 55 epochs without reuse would be some 300 MB.
    assert!(last < first + (100 << 20), "{first} to {last} bytes");
}
