//! A model's embeddings of unseen identities, judged by all protocols that they allow.

use marlo_judge::identification::{Cmc, Ties, leave_one_out, open_set};
use marlo_judge::pairs::{Pair, PairList, PairsError};
use marlo_judge::report::Curve;
use marlo_judge::{
    Confidence, Embeddings, EmbeddingsError, JudgeError, Labelled, Protocol, Report, Roc, all_pairs, verify,
};
use marlo_train::{Model, Network, Size, TrainError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

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
    /// Images of another size than the network's.
    #[error("images of {height} × {width} pixels, but the network was trained with {} × {}", .size.height, .size.width_of_image)]
    Size {
        /// The images' height.
        height: usize,
        /// Their width.
        width: usize,
        /// The network's size.
        size: Size,
    },
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
    let size = network.size();
    let (height, width) = (images.height(), images.width());
    if (height, width) != (size.height, size.width_of_image) {
        return Err(JudgedError::Size { height, width, size });
    }
    of_pixels(network, images.pixels(), flip)
}

/// The same of grey pixels, image after image, that have the network's size.
///
/// # Errors
/// When they are no whole number of images, or an embedding is no number.
pub fn of_pixels(network: &Network, pixels: &[u8], flip: bool) -> Result<Embeddings, JudgedError> {
    let size = network.size();
    let of = |pixels: Vec<f32>| -> Result<Embeddings, JudgedError> {
        Ok(Embeddings::new(network.embed(&pixels)?, size.embedding)?)
    };
    let plain = of(pixels.iter().map(|&x| normalise(x)).collect())?;
    if !flip {
        return Ok(plain);
    }
    let rows = pixels.chunks_exact(size.width_of_image);
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
                match verify(protocol, &trials) {
                    Ok(found) => verification.push(found),
                    Err(error) => refused.push(format!("ten folds, {}: {error}", protocol.name())),
                }
            }
        }
        None => refused.push(format!("{FOLDS} folds: too few identities with two images each")),
    }
    let cmc = leave_one_out(set, Ties::Against)?;
    let mut points_of_open_set = Vec::new();
    match gallery(embeddings, labels) {
        Some([(gallery, gallery_labels), (probes, probe_labels)]) => {
            let (gallery, probes) = (gallery?, probes?);
            let (gallery, probes) =
                (Labelled::new(&gallery, &gallery_labels)?, Labelled::new(&probes, &probe_labels)?);
            let set = open_set(probes, gallery);
            for fpir in FPIRS {
                match set
                    .as_ref()
                    .map_err(JudgeError::clone)
                    .and_then(|set| set.tpir_at_fpir(fpir, 1, Confidence::NinetyFive))
                {
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

/// Ten folds of as many genuine as impostor pairs, no identity in two folds and no pair twice; none where a fold would have no
/// pair of a kind.
///
/// Images stand in an order drawn for each identity, always the same. Pairs are taken from all identities of a fold in turn,
/// so that each has a share.
pub fn folds(labels: &[i64]) -> Option<Result<PairList, PairsError>> {
    let mut people: Vec<Vec<usize>> =
        by_label(labels).into_iter().filter(|images| images.len() > 1).collect();
    if people.len() < 2 * FOLDS {
        return None;
    }
    for (at, images) in people.iter_mut().enumerate() {
        shuffle(images, &mut ChaCha8Rng::seed_from_u64(at as u64));
    }
    let folds = (0..FOLDS).map(|fold| {
        let people: Vec<&[usize]> = people.iter().skip(fold).step_by(FOLDS).map(Vec::as_slice).collect();
        let (genuine, impostors) = (genuine(&people), impostors(&people));
        let count = genuine.len().min(impostors.len());
        let pair = |same| move |&(first, second): &(usize, usize)| Pair { first, second, same };
        let genuine = genuine[..count].iter().map(pair(true));
        genuine.chain(impostors[..count].iter().map(pair(false))).collect()
    });
    let names = (0..labels.len()).map(|image| image.to_string()).collect();
    Some(PairList::new("ten folds", names, folds.collect()))
}

/// Fisher and Yates's shuffle.
fn shuffle(images: &mut [usize], random: &mut ChaCha8Rng) {
    for last in (1..images.len()).rev() {
        let other = (u64::from(random.next_u32()) * (last as u64 + 1)) >> 32;
        images.swap(last, other as usize);
    }
}

/// Pairs of one identity: one of each in turn, neighbours first.
fn genuine(people: &[&[usize]]) -> Vec<(usize, usize)> {
    let most = people.iter().map(|images| images.len()).max().unwrap_or(0);
    let starts =
        (1..most).flat_map(|distance| (0..most - distance).map(move |start| (start, start + distance)));
    let pairs = starts.flat_map(|(one, other)| {
        people
            .iter()
            .filter(move |images| other < images.len())
            .map(move |images| (images[one], images[other]))
    });
    pairs.take(PAIRS).collect()
}

/// Pairs of two identities: each with the next, then with the one after that, and so on, each time other images.
fn impostors(people: &[&[usize]]) -> Vec<(usize, usize)> {
    let count = people.len();
    let most = people.iter().map(|images| images.len()).max().unwrap_or(0);
    let turns = (0..most * most).flat_map(|turn| (1..count).map(move |distance| (turn, distance)));
    let pairs = turns.flat_map(|(turn, distance)| {
        // Of two people once, not from both sides.
        (0..count - distance).filter_map(move |one| {
            let (images, others) = (people[one], people[one + distance]);
            let place = (turn % images.len(), (turn + turn / images.len()) % others.len());
            (turn < images.len() * others.len()).then(|| (images[place.0], others[place.1]))
        })
    });
    let mut seen = std::collections::HashSet::new();
    pairs.filter(|pair| seen.insert(*pair)).take(PAIRS).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn folds_share_no_identity_and_repeat_no_pair() {
        // 40 identities of 2 to 12 images.
        let labels: Vec<i64> = (0..40).flat_map(|label| vec![label; 2 + (label as usize * 7) % 11]).collect();
        let list = folds(&labels).expect("there are enough").expect("they are images");
        let mut of_identity = vec![HashSet::new(); 40];
        for (fold, pairs) in list.folds().iter().enumerate() {
            let genuine: Vec<&Pair> = pairs.iter().filter(|pair| pair.same).collect();
            assert_eq!(2 * genuine.len(), pairs.len());
            let mut seen = HashSet::new();
            for pair in pairs {
                let (a, b) = (labels[pair.first], labels[pair.second]);
                assert_eq!(a == b, pair.same);
                assert!(
                    seen.insert((pair.first.min(pair.second), pair.first.max(pair.second))),
                    "{pair:?} twice"
                );
                of_identity[a as usize].insert(fold);
                of_identity[b as usize].insert(fold);
            }
            let people: HashSet<i64> = genuine.iter().map(|pair| labels[pair.first]).collect();
            assert_eq!(people.len(), 4, "each has its share");
        }
        assert!(of_identity.iter().all(|folds| folds.len() == 1));
        assert!(folds(&labels[..labels.len() / 4]).is_none());
    }

    #[test]
    fn what_cannot_be_judged_is_refused_with_its_reason() {
        // One image of each second identity: nobody who is known is looked for.
        let labels = [0, 1, 1, 2, 3, 3];
        let rows: Vec<f32> = (0..6).flat_map(|at| [1.0, at as f32]).collect();
        let embeddings = Embeddings::new(rows, 2).expect("they are numbers");
        let judged = judge("x", &embeddings, &labels).expect("there are pairs of both kinds");
        assert!(judged.refused.iter().any(|text| text.starts_with("TPIR at FPIR")), "{:?}", judged.refused);
        assert!(judged.refused.iter().any(|text| text.starts_with("10 folds")), "{:?}", judged.refused);
    }
}
