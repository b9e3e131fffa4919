//! The plain form of results.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

use marlo_judge::identification::{Ties, ijb_1n, leave_one_out, open_set};
use marlo_judge::report::Curve;
use marlo_judge::{Confidence, Embeddings, Labelled, Protocol, Report, Roc, Trial, verify};
use serde_json::json;

#[test]
fn everything_asked_for_is_there_and_nothing_else() {
    assert_eq!(Report { name: "empty".into(), ..Report::default() }.to_json(), json!({"name": "empty"}));

    let trial = |score, same| Trial { score, same };
    let fold = vec![trial(0.9, true), trial(0.1, false)];
    let folds = [fold.clone(), fold];
    // Ten impostors above all genuine scores: only accepting nothing keeps to a rate of 0.5.
    let scores: Vec<Trial> = (0..20).map(|_| trial(0.9, false)).chain([trial(0.1, true)]).collect();
    let roc = Roc::new(&scores).unwrap();
    let at = roc.tar_at_far(0.5, Confidence::Ninety).unwrap();

    let rows: Vec<f32> = (0..12).flat_map(|k| [1.0, k as f32]).collect();
    let embeddings = Embeddings::new(rows, 2).unwrap();
    let labels: Vec<i64> = (0..12).map(|k: i64| (k - 10).max(0)).collect();
    let set = Labelled::new(&embeddings, &labels).unwrap();
    let two = Embeddings::new(vec![1.0, 11.0, 1.0, 10.5], 2).unwrap();
    let gallery = Labelled::new(&two, &[1, 2]).unwrap();
    let probe = Labelled::new(&two, &[1, 2]).unwrap();
    let open = open_set(set, gallery).unwrap();
    let report = Report {
        name: "all".into(),
        verification: vec![verify(Protocol::Insightface, &folds).unwrap()],
        curve: Some(Curve::new(&roc, vec![at])),
        identification: vec![("loo".into(), leave_one_out(set, Ties::Against).unwrap(), vec![1, 12])],
        open_set: vec![open.tpir_at_fpir(1.0, u64::MAX, Confidence::NinetyFive).unwrap()],
        ijb_1n: Some(ijb_1n(probe, gallery, &[0.5]).unwrap()),
    };
    let json = report.to_json();
    assert_eq!(json["verification"][0]["protocol"], "insightface");
    assert_eq!(json["verification"][0]["mean"], 1.0);
    assert_eq!((&json["curve"]["genuine"], &json["curve"]["impostors"]), (&json!(1), &json!(20)));
    let point = &json["curve"]["tar_at_far"][0];
    assert_eq!((&point["tar"], &point["threshold"]), (&json!(0.0), &json!(null)));
    assert_eq!(point["tar_interval"]["method"], "wilson");
    assert_eq!(point["tar_interval"]["confidence"], 0.9);
    let found = &json["identification"][0];
    assert_eq!(
        (&found["name"], &found["searches"], &found["without_mate"]),
        (&json!("loo"), &json!(11), &json!(1))
    );
    assert_eq!(found["rates"]["12"], 1.0);
    assert_eq!((&json["open_set"][0]["rank"], &json["open_set"][0]["tpir"]), (&json!(null), &json!(1.0)));
    assert_eq!(json["ijb_1n"]["rates"]["1"], 1.0);
    assert_eq!(json["ijb_1n"]["tpir_at_fpir"][0]["target"], 0.5);
    assert!(serde_json::from_str::<serde_json::Value>(&json.to_string()).is_ok());
}
