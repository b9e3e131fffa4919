//! Losses compared: each trained with several seeds under one plan, and judged on the same unseen identities.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use marlo_data::ImageSet;
use marlo_data::loader::normalise;
use marlo_data::split::SplitError;
use marlo_ir::loss::Loss;
use marlo_train::{Data, Epoch, Event, Plan, TrainError, Trainer};

use super::faces::Faces;
use super::judge::{Judged, JudgedError, embeddings, judge};
use marlo_judge::Report;

/// Degrees of an angle, in whole ones.
pub const DEGREES: usize = 180;
/// Ranks of the curve of identification.
const RANKS: usize = 20;
/// Identities in the picture of two-dimensional embeddings, at most.
const IN_PICTURE: usize = 6;

/// A loss that takes part.
#[derive(Clone, Debug)]
pub struct Entrant {
    /// The loss.
    pub loss: Loss,
    /// Hyperparameters that are set.
    pub given: Vec<(String, f64)>,
}

/// One training and its verdict.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What was seen in each epoch.
    pub history: Vec<Epoch>,
    /// The verdict, without its curve.
    pub report: Report,
    /// What could not be judged.
    pub refused: Vec<String>,
    /// The curve of all pairs, thinned: false and true accept rates.
    pub roc: Vec<(f64, f64)>,
    /// The share of images whose own identity is among the first 1, 2, 3.. found.
    pub cmc: Vec<f64>,
    /// Angles of training images, as the trained network sees them, to the class vectors.
    pub angles: Angles,
    /// Seconds of training.
    pub seconds: f64,
}

/// Shares of angles, by whole degrees.
#[derive(Clone, Debug, PartialEq)]
pub struct Angles {
    /// To the own class vector.
    pub target: Vec<f64>,
    /// To all others.
    pub others: Vec<f64>,
}

/// A loss with all its runs.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// The loss and its settings.
    pub entrant: Entrant,
    /// One a seed that came to its end.
    pub runs: Vec<Run>,
    /// Why the others did not.
    pub failed: Vec<String>,
    /// Embeddings of length two: for each identity its images' places. None where that training failed.
    pub picture: Vec<Vec<(f64, f64)>>,
}

/// Why a comparison ended.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// Training.
    #[error("{loss}, seed {seed}: {source}")]
    Train {
        /// The loss.
        loss: String,
        /// The seed.
        seed: u64,
        /// What went wrong.
        source: Box<TrainError>,
    },
    /// Judging.
    #[error("{loss}, seed {seed}: {source}")]
    Judge {
        /// The loss.
        loss: String,
        /// The seed.
        seed: u64,
        /// What went wrong.
        source: Box<JudgedError>,
    },
    /// The picture's identities.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// It was asked to stop.
    #[error("stopped")]
    Stopped,
}

/// How far a comparison is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The loss that is trained.
    pub loss: String,
    /// Its seed; none for the picture.
    pub seed: Option<u64>,
    /// Steps that are done in all trainings, and all of them.
    pub steps: (u64, u64),
}

/// Compares losses: `plan` makes the plan of a seed. `watch` is told of each step, and stops everything with `Break`.
///
/// A training that diverges, or a verdict that there can't be, fails alone: see [`Contestant::failed`]. Where `watch` breaks, what
/// is complete is given back.
///
/// # Errors
/// When there is no picture's worth of images.
pub fn compare(
    entrants: Vec<Entrant>,
    faces: &Faces,
    seeds: &[u64],
    plan: impl Fn(u64) -> Plan,
    mut watch: impl FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Vec<Contestant>, CompareError> {
    let picture = few(&faces.train.images)?;
    let all = entrants.len() as u64 * (seeds.len() as u64 + 1);
    let mut trained = 0;
    let mut contestants = Vec::new();
    for entrant in entrants {
        let (mut runs, mut failed, mut stopped) = (Vec::new(), Vec::new(), false);
        let name = entrant.loss.name.clone();
        for &seed in seeds {
            let mut step = |share: f64| {
                let steps = (((trained as f64 + share) * 1000.0) as u64, all * 1000);
                watch(&Progress { loss: name.clone(), seed: Some(seed), steps })
            };
            match run(&entrant, faces, plan(seed), &mut step) {
                Ok(run) => runs.push(run),
                Err(CompareError::Stopped) => {
                    stopped = true;
                    break;
                }
                Err(error) => failed.push(error.to_string()),
            }
            trained += 1;
        }
        let mut step = |share: f64| {
            let steps = (((trained as f64 + share) * 1000.0) as u64, all * 1000);
            watch(&Progress { loss: name.clone(), seed: None, steps })
        };
        let seed = seeds.first().copied().unwrap_or(0);
        let flat = Plan { embedding: 2, share: 1.0, ..plan(seed) };
        let places = match stopped {
            true => Err(CompareError::Stopped),
            false => places(&entrant, &picture, flat, &mut step),
        };
        trained += 1;
        stopped |= matches!(places, Err(CompareError::Stopped));
        let picture = places.unwrap_or_else(|error| {
            failed.push(format!("in the plane: {error}"));
            Vec::new()
        });
        contestants.push(Contestant { entrant, runs, failed, picture });
        if stopped {
            break;
        }
    }
    Ok(contestants)
}

/// Trains to the end.
fn train(
    entrant: &Entrant,
    data: Data,
    plan: Plan,
    step: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<Trainer, CompareError> {
    let seed = plan.seed;
    let wrong =
        |source| CompareError::Train { loss: entrant.loss.name.clone(), seed, source: Box::new(source) };
    let mut trainer = Trainer::new(&entrant.loss, &entrant.given, data, plan).map_err(wrong)?;
    let stopped = trainer.run(|_, event| {
        Ok(match event {
            Event::Step(at) => step(at.done as f64 / at.of as f64),
            Event::Epoch(_) => ControlFlow::Continue(()),
        })
    });
    match stopped.map_err(wrong)? {
        Some(()) => Err(CompareError::Stopped),
        None => Ok(trainer),
    }
}

fn run(
    entrant: &Entrant,
    faces: &Faces,
    plan: Plan,
    step: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<Run, CompareError> {
    let (seed, start) = (plan.seed, Instant::now());
    let trainer = train(entrant, faces.train.clone(), plan, step)?;
    let seconds = start.elapsed().as_secs_f64();
    let loss = entrant.loss.name.clone();
    let wrong = |source| CompareError::Judge { loss: loss.clone(), seed, source: Box::new(source) };
    let found = embeddings(trainer.network(), &faces.test, false).map_err(wrong)?;
    let judged = judge(&entrant.loss.name, &found, faces.test.labels()).map_err(wrong)?;
    let angles = angles(&trainer, &faces.train.images).map_err(|source| CompareError::Train {
        loss: entrant.loss.name.clone(),
        seed,
        source: Box::new(source),
    })?;
    let Judged { report, roc, cmc, refused } = judged;
    let rates = roc.points().iter().map(|&point| (roc.far(point), roc.tar(point)));
    let history = trainer.history().to_vec();
    let (roc, cmc) = (thinned(rates), cmc.curve(RANKS));
    Ok(Run { seed, history, report, refused, roc, cmc, angles, seconds })
}

/// The points of a curve that a picture shows: those further than a hundredth of a decade, or of the way up, from the last.
fn thinned(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for (far, tar) in points.filter(|point| point.0 > 0.0) {
        let is_far = |last: &(f64, f64)| (far / last.0).log10() > 0.01 || tar - last.1 > 0.01;
        if kept.last().is_none_or(is_far) {
            kept.push((far, tar));
        }
    }
    kept
}

/// Unit vectors of rows.
fn units(rows: &[f32], dim: usize) -> Vec<f32> {
    rows.chunks(dim)
        .flat_map(|row| {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            row.iter().map(move |x| x / norm)
        })
        .collect()
}

/// Angles of images to class vectors; of several centres the nearest counts.
fn angles(trainer: &Trainer, images: &ImageSet) -> Result<Angles, TrainError> {
    let dim = trainer.network().size().embedding;
    let pixels: Vec<f32> = images.pixels().iter().map(|&x| normalise(x)).collect();
    let rows = units(&trainer.network().embed(&pixels)?, dim);
    let head = trainer.head();
    let centres = head.loss().graph.centres();
    let vectors = units(&head.weight.as_vec(), dim);
    let (mut target, mut others) = (vec![0.0; DEGREES], vec![0.0; DEGREES]);
    for (row, &label) in rows.chunks(dim).zip(images.labels()) {
        for (class, vectors) in vectors.chunks(dim * centres).enumerate() {
            let cosine = |w: &[f32]| row.iter().zip(w).map(|(a, b)| a * b).sum::<f32>();
            let nearest = vectors.chunks(dim).map(cosine).fold(-1.0, f32::max);
            let degree = (nearest.clamp(-1.0, 1.0).acos().to_degrees() as usize).min(DEGREES - 1);
            let to = if class as i64 == label { &mut target } else { &mut others };
            to[degree] += 1.0;
        }
    }
    for shares in [&mut target, &mut others] {
        let all: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= all.max(1.0));
    }
    Ok(Angles { target, others })
}

/// The first few identities.
fn few(images: &ImageSet) -> Result<Arc<ImageSet>, SplitError> {
    let wanted: Vec<usize> =
        (0..images.len()).filter(|&at| images.labels()[at] < IN_PICTURE as i64).collect();
    Ok(Arc::new(images.select(&wanted)?))
}

/// Where images lie that are trained to embeddings of length two.
fn places(
    entrant: &Entrant,
    images: &Arc<ImageSet>,
    plan: Plan,
    step: &mut dyn FnMut(f64) -> ControlFlow<()>,
) -> Result<Vec<Vec<(f64, f64)>>, CompareError> {
    let seed = plan.seed;
    let data = Data { images: Arc::clone(images), hash: String::new() };
    let trainer = train(entrant, data, plan, step)?;
    let pixels: Vec<f32> = images.pixels().iter().map(|&x| normalise(x)).collect();
    let wrong =
        |source| CompareError::Train { loss: entrant.loss.name.clone(), seed, source: Box::new(source) };
    let found = trainer.network().embed(&pixels).map_err(wrong)?;
    let mut places = vec![Vec::new(); images.class_names().len()];
    for (place, &label) in found.chunks(2).zip(images.labels()) {
        places[label as usize].push((f64::from(place[0]), f64::from(place[1])));
    }
    Ok(places)
}
