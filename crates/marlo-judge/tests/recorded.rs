//! What scikit-learn, SciPy and the published evaluators gave for the same inputs; `record.py` wrote it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

use marlo_judge::identification::{Ties, cmc, ijb_1n, leave_one_out, megaface, open_set};
use marlo_judge::verification::contiguous_folds;
use marlo_judge::{
    Confidence, Embeddings, Labelled, Protocol, Roc, Trial, Verification, all_pairs, verify, wilson,
};
use serde_json::Value;

const CONFIDENCE: Confidence = Confidence::NinetyFive;

fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/recorded/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// Infinity is recorded as null.
fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::INFINITY)
}

fn floats(value: &Value) -> Vec<f64> {
    list(value).iter().map(float).collect()
}

fn labels(value: &Value) -> Vec<i64> {
    list(value).iter().map(|label| label.as_i64().unwrap()).collect()
}

#[track_caller]
fn close(ours: f64, theirs: f64, what: &str) {
    assert!(ours == theirs || (ours - theirs).abs() < 1e-12, "{what}: {ours} instead of {theirs}");
}

#[track_caller]
fn all_close(ours: &[f64], theirs: &[f64], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}: {ours:?} instead of {theirs:?}");
    ours.iter().zip(theirs).for_each(|(&a, &b)| close(a, b, what));
}

fn trials(scores: &Value, same: &Value) -> Vec<Trial> {
    let same = list(same).iter().map(|same| same.as_bool().unwrap());
    floats(scores).into_iter().zip(same).map(|(score, same)| Trial { score, same }).collect()
}

#[test]
fn curves_are_those_of_scikit_learn() {
    for case in list(&recorded("roc.json")) {
        let name = case["name"].as_str().unwrap();
        let roc = Roc::new(&trials(&case["scores"], &case["same"])).unwrap();
        for (roc, theirs) in [(&roc, &case["full"]), (&roc.without_intermediate(), &case["drop"])] {
            let [fpr, tpr, thresholds] = [0, 1, 2].map(|k| floats(&theirs[k]));
            all_close(&roc.points().iter().map(|&p| roc.far(p)).collect::<Vec<_>>(), &fpr, name);
            all_close(&roc.points().iter().map(|&p| roc.tar(p)).collect::<Vec<_>>(), &tpr, name);
            all_close(&roc.points().iter().map(|&p| p.threshold).collect::<Vec<_>>(), &thresholds, name);
        }
        close(roc.auc(), float(&case["auc"]), name);
        close(roc.eer(), float(&case["eer"]), name);
        for theirs in list(&case["at_most"]) {
            let ours = roc.tar_at_far(float(&theirs[0]), CONFIDENCE).unwrap();
            close(ours.tar, float(&theirs[1]), name);
            close(ours.far, float(&theirs[2]), name);
        }
        for theirs in list(&case["nearest"]) {
            let ours = roc.tar_at_nearest_far(float(&theirs[0]), CONFIDENCE).unwrap();
            close(ours.tar, float(&theirs[1]), name);
            close(ours.far, float(&theirs[2]), name);
        }
    }
}

#[test]
fn intervals_are_those_of_scipy() {
    for case in list(&recorded("wilson.json")) {
        let confidence = [Confidence::Ninety, Confidence::NinetyFive, Confidence::NinetyNine]
            .into_iter()
            .find(|confidence| confidence.level() == float(&case["level"]))
            .unwrap();
        let ours = wilson(case["hits"].as_u64().unwrap(), case["trials"].as_u64().unwrap(), confidence);
        all_close(&[ours.low, ours.high], &floats(&case["interval"]), &case.to_string());
    }
}

#[test]
fn accuracies_are_those_of_both_evaluators() {
    for case in list(&recorded("verification.json")) {
        let (trials, name) = (trials(&case["cosines"], &case["same"]), case["name"].as_str().unwrap());
        let folds = contiguous_folds(trials.len(), case["folds"].as_u64().unwrap() as usize);
        let folds: Vec<_> = folds.map(|range| trials[range].to_vec()).collect();
        let spread = |protocol| -> fn(&Verification) -> f64 {
            match protocol {
                Protocol::Insightface => |ours| ours.std_population,
                Protocol::FacexZoo => |ours| ours.standard_error,
            }
        };
        for (protocol, key) in [(Protocol::Insightface, "insightface"), (Protocol::FacexZoo, "facexzoo")] {
            let Some(theirs) = case.get(key) else {
                continue;
            };
            let ours = verify(protocol, &folds).unwrap();
            all_close(&ours.thresholds, &floats(&theirs["thresholds"]), name);
            all_close(&ours.accuracies, &floats(&theirs["accuracies"]), name);
            close(ours.mean, float(&theirs["mean"]), name);
            close(spread(protocol)(&ours), float(&theirs["spread"]), name);
        }
    }
}

struct Recorded(Value);

impl Recorded {
    fn rows(&self, key: &str) -> Embeddings {
        let rows = list(&self.0[key]).iter().flat_map(floats).map(|number| number as f32);
        Embeddings::new(rows.collect(), self.0["dim"].as_u64().unwrap() as usize).unwrap()
    }

    /// Ranks with ties against the mate, and in its favour.
    fn ranks(&self, value: &Value) -> [Vec<u64>; 2] {
        [0, 1].map(|ties| list(value).iter().map(|ranks| ranks[ties].as_u64().unwrap()).collect())
    }
}

const TIES: [Ties; 2] = [Ties::Against, Ties::InFavour];

#[test]
fn cosines_are_those_of_numpy() {
    let recorded = Recorded(recorded("identification.json"));
    let x = recorded.rows("x");
    for (i, row) in list(&recorded.0["cosines"]).iter().enumerate() {
        all_close(&(0..6).map(|j| x.cosine(i, j)).collect::<Vec<_>>(), &floats(row), "cosine");
    }
}

#[test]
fn ranks_are_those_of_a_plain_count() {
    let recorded = Recorded(recorded("identification.json"));
    let at = &recorded.0;
    let (gallery, probes, distractors) =
        (recorded.rows("gallery"), recorded.rows("probes"), recorded.rows("distractors"));
    let (gallery_labels, probe_labels) = (labels(&at["gallery_labels"]), labels(&at["probe_labels"]));
    let gallery = Labelled::new(&gallery, &gallery_labels).unwrap();
    let probes = Labelled::new(&probes, &probe_labels).unwrap();
    for (k, ties) in TIES.into_iter().enumerate() {
        let ours = cmc(probes, gallery, None, ties).unwrap();
        assert_eq!(ours.ranks, recorded.ranks(&at["cmc"])[k]);
        let ours = cmc(probes, gallery, Some(&distractors), ties).unwrap();
        assert_eq!(ours.ranks, recorded.ranks(&at["cmc_distractors"])[k]);
    }
    let (x1, y1) = (recorded.rows("x1"), labels(&at["y1"]));
    let x1 = Labelled::new(&x1, &y1).unwrap();
    for (k, ties) in TIES.into_iter().enumerate() {
        let (ours, theirs) = (leave_one_out(x1, ties).unwrap(), &at["leave_one_out"]);
        assert_eq!(ours.ranks, recorded.ranks(&theirs["ranks"])[k]);
        assert_eq!(ours.without_mate as u64, theirs["without_mate"].as_u64().unwrap());
    }
}

#[test]
fn several_images_a_person_in_the_gallery() {
    let recorded = Recorded(recorded("identification.json"));
    let (x, y) = (recorded.rows("x"), labels(&recorded.0["y"]));
    let half: Vec<f32> = (0..x.len()).step_by(2).flat_map(|i| x.row(i).to_vec()).collect();
    let (half, labels) =
        (Embeddings::new(half, x.dim()).unwrap(), y.iter().copied().step_by(2).collect::<Vec<_>>());
    for (k, ties) in TIES.into_iter().enumerate() {
        let ours = cmc(Labelled::new(&x, &y).unwrap(), Labelled::new(&half, &labels).unwrap(), None, ties);
        assert_eq!(ours.unwrap().ranks, recorded.ranks(&recorded.0["cmc_several"])[k]);
    }
}

#[test]
fn megaface_is_that_of_facex_zoo() {
    let recorded = Recorded(recorded("identification.json"));
    let (x1, y1, distractors) =
        (recorded.rows("x1"), labels(&recorded.0["y1"]), recorded.rows("distractors"));
    let ours = megaface(Labelled::new(&x1, &y1).unwrap(), &distractors).unwrap();
    all_close(&ours.curve(12), &floats(&recorded.0["megaface"]), "megaface");
    assert_eq!((ours.ranks.len(), ours.without_mate), (12 * 4 * 3, 3));
}

#[test]
fn open_sets() {
    let recorded = Recorded(recorded("identification.json"));
    let at = &recorded.0;
    let (gallery, gallery_labels) = (recorded.rows("gallery"), labels(&at["gallery_labels"]));
    let gallery = Labelled::new(&gallery, &gallery_labels).unwrap();
    let (probes, probe_labels) = (recorded.rows("open_probes"), labels(&at["open_labels"]));
    let set = open_set(Labelled::new(&probes, &probe_labels).unwrap(), gallery).unwrap();
    for theirs in list(&at["open_set"]) {
        let rank = theirs[0].as_u64().unwrap_or(u64::MAX);
        let ours = set.tpir_at_fpir(float(&theirs[1]), rank, CONFIDENCE).unwrap();
        close(ours.tpir, float(&theirs[2]), &theirs.to_string());
        assert!(ours.fpir <= ours.target);
    }
    let (probes, probe_labels) = (recorded.rows("probes"), labels(&at["probe_labels"]));
    let theirs = list(&at["ijb_1n"]);
    let rates: Vec<f64> = theirs.iter().map(|at| float(&at[0])).collect();
    let ours = ijb_1n(Labelled::new(&probes, &probe_labels).unwrap(), gallery, &rates).unwrap();
    assert_eq!(ours.cmc.ranks, recorded.ranks(&at["cmc"])[0]);
    for (ours, theirs) in ours.rates.iter().zip(theirs) {
        assert!((ours.1 - float(&theirs[1])).abs() < 1e-6, "{ours:?} instead of {theirs}");
        close(ours.2, float(&theirs[2]), "ijb_1n");
    }
}

#[test]
fn the_curve_of_all_pairs() {
    let recorded = Recorded(recorded("identification.json"));
    let (x, y, theirs) = (recorded.rows("x"), labels(&recorded.0["y"]), &recorded.0["all_pairs"]);
    let ours = all_pairs::roc(Labelled::new(&x, &y).unwrap()).unwrap();
    close(ours.auc(), float(&theirs["auc"]), "auc");
    close(ours.eer(), float(&theirs["eer"]), "eer");
    assert_eq!((ours.genuine(), ours.impostors()), (12 * 6, 48 * 47 / 2 - 12 * 6));
}
