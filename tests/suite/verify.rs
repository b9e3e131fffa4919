//! Every shipped spec keeps its promises, and docs/claims.md says how that was shown.

use std::fmt::Write as _;
use std::path::Path;

use marlo::specs::{self, Shipped};
use marlo::verify::{Effort, Question, Report, Subject, equivalent, table, verify};
use marlo_verify::accuracy::Accuracy;
use marlo_verify::big::Precision;
use marlo_verify::verdict::Verdict;

use crate::agreement::gpu;
use crate::docs::kept;

fn effort() -> Effort {
    let mut effort = Effort { accuracy: 104, ..Effort::default() };
    effort.gradient.cases = 52;
    effort.gradient.differences = 13;
    // What the e-graph finds must not depend on how busy the machine is.
    effort.laws.milliseconds = 60_000;
    effort
}

/// The largest errors of loss and gradient among some reports, and where that of the loss is. A loss that may cross 0 has no
/// relative precision there, so only those that are proved not to count.
fn worst(
    reports: &[Report],
    backend: &str,
    precision: Precision,
    among: &dyn Fn(&str) -> bool,
) -> (f64, f64, String) {
    let mut all = (0.0, 0.0, String::new());
    for report in reports.iter().filter(|report| among(&report.loss)) {
        let positive = report.lines.iter().any(|line| line.claim == "nonnegative");
        let this = |found: &&Accuracy| found.backend == backend && found.precision == precision;
        for found in report.accuracy.iter().filter(this) {
            let ulps = |m: &marlo_verify::accuracy::Measure| m.worst.as_ref().map_or(0.0, |w| w.ulps);
            if positive && ulps(&found.loss) > all.0 {
                (all.0, all.2) = (ulps(&found.loss), report.loss.clone());
            }
            all.1 = f64::max(all.1, ulps(&found.row));
        }
    }
    all
}

#[test]
fn every_spec_keeps_its_promises() {
    let gpu = gpu();
    let reports: Vec<Report> = specs::ALL
        .iter()
        .map(|spec| {
            let compiled = specs::compile(spec.name).expect("shipped specs compile");
            verify(&compiled, spec.source, spec.name, gpu, &effort())
        })
        .collect();
    for report in &reports {
        for line in &report.lines {
            let fine = match (&line.verdict, line.subject) {
                // A law that is checked where it was proved shows in docs/claims.md.
                (Verdict::Proved { .. }, _) => true,
                (Verdict::Checked { .. }, Subject::Gradient | Subject::Law) => true,
                _ => false,
            };
            assert!(fine, "{}: {}: {}", report.loss, line.claim, line.verdict);
        }
    }
    // The goal: 16 units of f32 everywhere, tails included.
    let (loss, gradient, at) = worst(&reports, "reference", Precision::F32, &|_| true);
    assert!(loss <= 0.51 && gradient <= 0.51, "{loss} and {gradient} ulp, {at}");
    // A logit of up to 2·s carries up to s ulp of f64 into the exponential, and combined_margin's angle more; so do raw logits,
    // norms and sizes, which are drawn up to 1e4 and more.
    let bounded = |name: &str| {
        let loss = specs::compile(name).expect("shipped specs compile").loss;
        loss.graph.inputs.len() == 1 && loss.graph.inputs[0].name == "cos"
    };
    let (loss, gradient, at) = worst(&reports, "reference", Precision::F64, &bounded);
    assert!(loss <= 1200.0 && gradient <= 1200.0, "{loss} and {gradient} ulp, {at}");
    let (loss, gradient, at) = worst(&reports, "reference", Precision::F64, &|name| !bounded(name));
    assert!(loss <= 1e5 && gradient <= 1e5, "{loss} and {gradient} ulp, {at}");
    if gpu.is_some() {
        kept("claims.md", &page(&reports));
    }
}

fn page(reports: &[Report]) -> String {
    let mut out = String::from(
        "# What is shown of each loss\n\nWritten by `MARLO_UPDATE_DOCS=1 cargo test -p marlo-tests verify`, and kept equal by that test; `marlo verify --all` ends\n\
         with the same table. [verification.md](verification.md) says what each word means. An empty cell is a claim that the\n\
         loss does not make: ArcFace without a fallback does not pull the target past θ = π - m.\n\n",
    );
    out += &table(reports);
    out += "\n## Borders\n\n";
    for report in reports {
        for border in &report.borders {
            let jump = match &border.jump {
                Some(jump) if jump.is_continuous() => "continuous".to_owned(),
                Some(jump) => format!("the loss jumps by up to {:.4} at the places tried", jump.loss),
                None => "not met".to_owned(),
            };
            let step =
                border.step.as_ref().map_or(String::new(), |(of, step)| format!("; {of} steps by {step}"));
            let _ = writeln!(out, "- {}, where {}: {jump}{step}", report.loss, border.place);
        }
    }
    out
}

/// A wrong program is refuted, with a counterexample that `marlo eval` takes.
#[test]
fn a_wrong_spec_is_refuted() {
    let text = "loss wrong(s: Scale = 64 in 1..128, m: Angle = 0.5 in 0..pi/2) {
    let f = sin(theta[y] + m)
    ce(softmax(s * f, s * cos[k]))
}
law m = 0 => normface(s)
prove finite, pulls_target, pushes_others, nonnegative(f)
";
    let compiled = marlo::compile(text, &Shipped::default()).expect("it is right");
    let report = verify(&compiled, text, "wrong.loss", None, &effort());
    let said =
        |claim: &str| report.lines.iter().find(|line| line.claim == claim).map(|line| line.verdict.clone());
    assert!(report.is_refuted());
    for claim in ["law m = 0 => normface(s)", "pulls_target"] {
        match said(claim) {
            Some(Verdict::Refuted { replay: Some(replay), .. }) => {
                assert!(replay.starts_with("marlo eval wrong.loss --row="), "{replay}");
            }
            other => panic!("{claim}: {other:?}"),
        }
    }
    assert!(matches!(said("finite"), Some(Verdict::Proved { .. })));
    let json = report.json();
    assert_eq!(json["refuted"], true);
    assert_eq!(json["lines"].as_array().map(Vec::len), Some(report.lines.len()));
}

#[test]
fn losses_are_compared_ad_hoc() {
    let source = |name: &str| specs::find(name).expect("it ships").source;
    let say = |a: &str, b: &str, when: &str| {
        let question = Question { source: source(a), name: a, equals: b, when };
        let found = equivalent(&question, &Shipped::default());
        found.map(|found| found.0.word()).map_err(|(_, errors)| errors.len())
    };
    assert_eq!(say("mv_arc_adaptive", "arcface(s, m)", "t = 0"), Ok("proved"));
    assert_eq!(say("sv_am", "mv_am_adaptive(s, m, t - 1)", ""), Ok("proved"));
    assert_eq!(say("mv_arc_adaptive", "arcface(s, m)", ""), Ok("REFUTED"));
    // Equal in value, another gradient.
    assert_eq!(say("arcface_straight_through", "arcface(s, m)", ""), Ok("REFUTED"));
    assert_eq!(say("arcface", "normface(q)", ""), Err(1));
}

/// What the documentation names is there.
#[test]
fn the_page_on_verification_names_what_there_is() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verification.md"));
    let page = page.expect("docs/verification.md");
    let words =
        ["proved", "checked", "refuted", "unknown", "finite", "pulls_target", "2³²", "MARLO_FUZZ_SECONDS"];
    for word in words.into_iter().chain(["stays in its range", "every centre"]) {
        assert!(page.contains(word), "{word}");
    }
}
