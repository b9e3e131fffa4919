//! A model's embeddings of unseen identities, judged by all protocols that they allow.

use marlo_judge::identification::{Cmc, Ties, leave_one_out, open_set};
use marlo_judge::pairs::{Pair, PairList, PairsError};
use marlo_judge::report::Curve;
use marlo_judge::{
    Confidence, Embeddings, EmbeddingsError, JudgeError, Labelled, Protocol, Report, Roc, all_pairs, verify,
};
use marlo_train::{Model, Network, TrainError};

use marlo_data::ImageSet;
use marlo_data::loader::normalise;

/// False accept rates that are reported where there are pairs enough.
pub const FARS: [f64; 6] = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6];
/// False positive identification rates likewise.
const FPIRS: [f64; 2] = [1e-1, 1e-2];
/// Ranks that are reported.
const RANKS: [usize; 3] = [1, 5, 10];
/// Folds of the verification protocol.
const FOLDS: usize = 10;
/// Pairs of each kind a fold, at most, as LFW has them.
const PAIRS: usize = 300;

/// A verdict.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The numbers.
    pub report: Report,
    /// The curve of all pairs.
    pub roc: Roc,
    /// Each image among all others.
    pub cmc: Cmc,
    /// What could not be judged, and why.
    pub refused: Vec<String>,
}

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum JudgedError {
    /// The network.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The embeddings.
    #[error(transparent)]
    Embeddings(#[from] EmbeddingsError),
    /// The protocols.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// A list of pairs.
    #[error(transparent)]
    Pairs(#[from] PairsError),
}

/// Embeddings of images: each is that of the image plus that of its mirror image where `flip` says so.
///
/// # Errors
/// When the images are not of the network's size, or an embedding is no number.
pub fn embeddings(network: &Network, images: &ImageSet, flip: bool) -> Result<Embeddings, JudgedError> {
    let dim = network.size().embedding;
    let of = |pixels: Vec<f32>| -> Result<Embeddings, JudgedError> {
        Ok(Embeddings::new(network.embed(&pixels)?, dim)?)
    };
    let plain = of(images.pixels().iter().map(|&x| normalise(x)).collect())?;
    if !flip {
        return Ok(plain);
    }
    let rows = images.pixels().chunks_exact(images.width());
    let mirrored = of(rows.flat_map(|row| row.iter().rev().map(|&x| normalise(x))).collect())?;
    Ok(Embeddings::with_flips(&plain, &mirrored)?)
}

/// Judges embeddings of labelled images: all pairs, ten folds of pairs, identification, an open set. What the images don't
/// allow is refused with its reason.
///
/// # Errors
/// When there are no pairs of one kind.
pub fn judge(name: &str, embeddings: &Embeddings, labels: &[i64]) -> Result<Judged, JudgedError> {
    let set = Labelled::new(embeddings, labels)?;
    let mut refused = Vec::new();
    let roc = all_pairs::roc(set)?;
    let mut points = Vec::new();
    for far in FARS {
        match roc.tar_at_far(far, Confidence::NinetyFive) {
            Ok(point) => points.push(point),
            Err(error) => refused.push(format!("TAR at FAR {far:e}: {error}")),
        }
    }
    let mut verification = Vec::new();
    match folds(labels) {
        Some(list) => {
            let trials = list?.trials(embeddings)?;
            for protocol in [Protocol::Insightface, Protocol::FacexZoo] {
                verification.push(verify(protocol, &trials)?);
            }
        }
        None => refused.push(format!("{FOLDS} folds: too few identities with two images each")),
    }
    let cmc = leave_one_out(set, Ties::Against)?;
    let mut points_of_open_set = Vec::new();
    match gallery(embeddings, labels) {
        Some([(gallery, gallery_labels), (probes, probe_labels)]) => {
            let (gallery, probes) = (gallery?, probes?);
            let set =
                open_set(Labelled::new(&probes, &probe_labels)?, Labelled::new(&gallery, &gallery_labels)?)?;
            for fpir in FPIRS {
                match set.tpir_at_fpir(fpir, 1, Confidence::NinetyFive) {
                    Ok(point) => points_of_open_set.push(point),
                    Err(error) => refused.push(format!("TPIR at FPIR {fpir:e}: {error}")),
                }
            }
        }
        None => refused.push("an open set: too few identities".into()),
    }
    let most = embeddings.len().saturating_sub(1);
    let ranks = RANKS.into_iter().filter(|rank| *rank <= most).collect();
    let report = Report {
        name: name.into(),
        verification,
        curve: Some(Curve::new(&roc, points)),
        identification: vec![("leave-one-out".into(), cmc.clone(), ranks)],
        open_set: points_of_open_set,
        ijb_1n: None,
    };
    Ok(Judged { report, roc, cmc, refused })
}

/// Judges a model on images.
///
/// # Errors
/// As [`embeddings`] and [`judge`].
pub fn judge_model(model: &Model, images: &ImageSet, flip: bool) -> Result<Judged, JudgedError> {
    judge(&model.about.loss, &embeddings(&model.network, images, flip)?, images.labels())
}

/// Images by their labels, in order.
fn by_label(labels: &[i64]) -> Vec<Vec<usize>> {
    let mut of: std::collections::BTreeMap<i64, Vec<usize>> = std::collections::BTreeMap::new();
    for (image, &label) in labels.iter().enumerate() {
        of.entry(label).or_default().push(image);
    }
    of.into_values().collect()
}

/// Ten folds of as many genuine as impostor pairs, no identity in two folds; none where a fold would have no pair of a kind.
///
/// Pairs are taken in an order that has nothing to do with the images': those at the same distance in it make a pair.
pub fn folds(labels: &[i64]) -> Option<Result<PairList, PairsError>> {
    let people: Vec<Vec<usize>> = by_label(labels).into_iter().filter(|images| images.len() > 1).collect();
    if people.len() < 2 * FOLDS {
        return None;
    }
    let folds = (0..FOLDS).map(|fold| {
        let people: Vec<&Vec<usize>> = people.iter().skip(fold).step_by(FOLDS).collect();
        let mut genuine = Vec::new();
        for distance in 1.. {
            let before = genuine.len();
            for images in people.iter().filter(|images| images.len() > distance) {
                genuine.extend((distance..images.len()).map(|at| (images[at - distance], images[at])));
            }
            if genuine.len() == before || genuine.len() >= PAIRS {
                break;
            }
        }
        let mut impostors = Vec::new();
        'all: for turn in 0.. {
            let before = impostors.len();
            for (one, images) in people.iter().enumerate() {
                let other = people[(one + 1 + turn % (people.len() - 1)) % people.len()];
                let round = turn / (people.len() - 1);
                if round < images.len().min(other.len()) {
                    impostors.push((images[round], other[(round + one) % other.len()]));
                }
                if impostors.len() >= PAIRS {
                    break 'all;
                }
            }
            if impostors.len() == before {
                break;
            }
        }
        let count = genuine.len().min(impostors.len()).min(PAIRS);
        let pair = |same| move |&(first, second): &(usize, usize)| Pair { first, second, same };
        let genuine = genuine[..count].iter().map(pair(true));
        genuine.chain(impostors[..count].iter().map(pair(false))).collect()
    });
    let names = (0..labels.len()).map(|image| image.to_string()).collect();
    Some(PairList::new("ten folds", names, folds.collect()))
}

type Side = (Result<Embeddings, EmbeddingsError>, Vec<i64>);

/// The first image of every second identity is known; all other images search, half of them for somebody who is not there.
fn gallery(embeddings: &Embeddings, labels: &[i64]) -> Option<[Side; 2]> {
    let people = by_label(labels);
    if people.len() < 4 {
        return None;
    }
    let known: Vec<usize> = people.iter().step_by(2).filter_map(|images| images.first().copied()).collect();
    let probes: Vec<usize> = (0..labels.len()).filter(|image| !known.contains(image)).collect();
    let side = |images: &[usize]| {
        let rows = images.iter().flat_map(|&image| embeddings.row(image).to_vec()).collect();
        (Embeddings::new(rows, embeddings.dim()), images.iter().map(|&image| labels[image]).collect())
    };
    Some([side(&known), side(&probes)])
}
