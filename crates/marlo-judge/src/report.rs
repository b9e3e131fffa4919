//! All results of one recogniser on one set, and their plain form as JSON.

use serde_json::{Map, Value, json};

use crate::identification::{Cmc, Ijb1n, TpirAtFpir};
use crate::interval::Interval;
use crate::roc::{Roc, TarAtFar};
use crate::verification::Verification;

/// Results, each where it was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What was judged, on what.
    pub name: String,
    /// Accuracies over folds.
    pub verification: Vec<Verification>,
    /// The curve of scores, in short.
    pub curve: Option<Curve>,
    /// Identification with a name each, such as `leave-one-out`, and the ranks to report.
    pub identification: Vec<(String, Cmc, Vec<usize>)>,
    /// Points of operation of an open set.
    pub open_set: Vec<TpirAtFpir>,
    /// insightface's 1:N evaluation.
    pub ijb_1n: Option<Ijb1n>,
}

/// A ROC curve in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The genuine pairs.
    pub genuine: u64,
    /// The impostor pairs.
    pub impostors: u64,
    /// The area under the curve.
    pub auc: f64,
    /// The equal error rate.
    pub eer: f64,
    /// Points of operation.
    pub tar_at_far: Vec<TarAtFar>,
}

impl Curve {
    /// The curve's numbers, with points of operation that were read from it.
    pub fn new(roc: &Roc, tar_at_far: Vec<TarAtFar>) -> Self {
        let (auc, eer) = (roc.auc(), roc.eer());
        Curve { genuine: roc.genuine(), impostors: roc.impostors(), auc, eer, tar_at_far }
    }
}

impl Report {
    /// The report as JSON: what was not asked for is left out, an infinite threshold is `null`.
    pub fn to_json(&self) -> Value {
        let mut json = Map::new();
        json.insert("name".into(), json!(self.name));
        let mut list = |key: &str, values: Vec<Value>| {
            if !values.is_empty() {
                json.insert(key.into(), values.into());
            }
        };
        list("verification", self.verification.iter().map(verification).collect());
        list("identification", self.identification.iter().map(identification).collect());
        list("open_set", self.open_set.iter().map(open_set).collect());
        if let Some(curve) = &self.curve {
            json.insert("curve".into(), curve_json(curve));
        }
        if let Some(of) = &self.ijb_1n {
            json.insert("ijb_1n".into(), ijb_1n(of));
        }
        Value::Object(json)
    }
}

fn verification(of: &Verification) -> Value {
    json!({
        "protocol": of.protocol.name(),
        "mean": of.mean,
        "std_ddof0": of.std_population,
        "std_ddof1": of.std_sample,
        "standard_error": of.standard_error,
        "accuracies": of.accuracies,
        "thresholds": of.thresholds,
    })
}

fn curve_json(of: &Curve) -> Value {
    let points = of.tar_at_far.iter().map(|at| {
        json!({
            "target": at.target,
            "threshold": at.threshold,
            "far": at.far,
            "tar": at.tar,
            "tar_interval": interval(at.tar_interval),
            "far_interval": interval(at.far_interval),
        })
    });
    json!({
        "genuine": of.genuine,
        "impostors": of.impostors,
        "auc": of.auc,
        "eer": of.eer,
        "tar_at_far": points.collect::<Vec<_>>(),
    })
}

fn identification((name, cmc, ranks): &(String, Cmc, Vec<usize>)) -> Value {
    json!({
        "name": name,
        "searches": cmc.ranks.len(),
        "without_mate": cmc.without_mate,
        "rates": rates(cmc, ranks),
    })
}

fn open_set(at: &TpirAtFpir) -> Value {
    json!({
        "target": at.target,
        "rank": (at.rank != u64::MAX).then_some(at.rank),
        "threshold": at.threshold,
        "fpir": at.fpir,
        "tpir": at.tpir,
        "tpir_interval": interval(at.tpir_interval),
    })
}

fn ijb_1n(of: &Ijb1n) -> Value {
    let points = of.rates.iter().map(|at| json!({"target": at.0, "threshold": at.1, "tpir": at.2}));
    json!({"rates": rates(&of.cmc, &[1, 5, 10]), "tpir_at_fpir": points.collect::<Vec<_>>()})
}

fn rates(cmc: &Cmc, ranks: &[usize]) -> Value {
    ranks.iter().map(|&rank| (rank.to_string(), json!(cmc.rate(rank)))).collect::<Map<_, _>>().into()
}

fn interval(of: Interval) -> Value {
    json!({"method": "wilson", "confidence": of.confidence.level(), "low": of.low, "high": of.high})
}
