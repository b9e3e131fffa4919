//! The numbers that figures show are those of the formulas, and every loss has every figure.

use std::fmt::Write as _;

use crate::common::{all, chart, draw, shipped, strips, subject, value, written};
use marlo_plot::{Figure, Options, PlotError, Theme, Unit, plot};

const FIGURES: [Figure; 6] =
    [Figure::Target, Figure::Other, Figure::Loss, Figure::Gradient, Figure::Boundary, Figure::Weight];

fn points(plot: &marlo_plot::Plot, curve: usize) -> impl Iterator<Item = (f64, f64)> + '_ {
    chart(plot).curves[curve].pieces.iter().flatten().copied()
}

#[test]
fn the_target_logit_is_the_papers() {
    let options = Options::default();
    let figure = plot(
        &[
            subject(shipped("arcface"), &[("s", 64.0), ("m", 0.4)]),
            subject(shipped("cosface"), &[]),
            subject(shipped("softmax"), &[]),
        ],
        &options,
    )
    .expect("they can be drawn");
    let mut count = 0;
    for (theta, logit) in points(&figure, 0) {
        assert!((logit - (theta.to_radians() + 0.4).cos()).abs() < 1e-12, "{theta} {logit}");
        count += 1;
    }
    assert!(count > 1000);
    assert!(points(&figure, 1).all(|(theta, logit)| (logit - theta.to_radians().cos() + 0.35).abs() < 1e-12));
    assert!(points(&figure, 2).all(|(theta, logit)| (logit - theta.to_radians().cos()).abs() < 1e-12));
    let logits = Options { logits: true, ..options };
    let figure = plot(&[subject(shipped("cosface"), &[])], &logits).expect("it can be drawn");
    assert!(
        points(&figure, 0).all(|(x, logit)| (logit - 64.0 * (x.to_radians().cos() - 0.35)).abs() < 1e-10)
    );
    assert_eq!(chart(&figure).y.label.to_string(), "target logit");
}

#[test]
fn the_border_of_a_mask_is_found() {
    for (name, margin) in [("mv_arc_adaptive", 0.5f64), ("sv_arc", 0.5), ("sv_softmax", 0.0)] {
        let figure = draw(shipped(name), Figure::Other);
        let curve = &chart(&figure).curves[0];
        let [border] = curve.borders[..] else { panic!("{name}: {:?}", curve.borders) };
        assert!((border - (60f64.to_radians() + margin).to_degrees()).abs() < 1e-9, "{name} {border}");
        assert_eq!(curve.pieces.len(), 2, "{name}");
        assert!(curve.detail.to_string().contains("border at θ_k = "));
    }
    let figure = draw(shipped("arcface"), Figure::Other);
    assert!(chart(&figure).curves[0].borders.is_empty());
    // MV's logit behind the border: cos θ_k + t·(cos θ_k + 1).
    let figure = draw(shipped("mv_arc_adaptive"), Figure::Other);
    let hard = &chart(&figure).curves[0].pieces[0];
    assert!(hard.iter().all(|(x, logit)| {
        let cosine = x.to_radians().cos();
        (logit - cosine - 0.2 * (cosine + 1.0)).abs() < 1e-12
    }));
}

#[test]
fn the_boundary_is_where_the_logits_are_equal() {
    let options = Options { figure: Figure::Boundary, unit: Unit::Cosine, ..Options::default() };
    let figure = plot(&[subject(shipped("cosface"), &[])], &options).expect("it can be drawn");
    let curve = &chart(&figure).curves[0];
    assert_eq!(curve.pieces.len(), 2);
    assert!(curve.pieces[0].iter().all(|(x, y)| (x - 0.35 - y).abs() < 1e-9));
    assert!(curve.pieces[1].iter().all(|(x, y)| (y - 0.35 - x).abs() < 1e-9));
    assert!(!curve.region.is_empty());
    assert!(curve.region.iter().flatten().all(|(x, y)| (x - y).abs() < 0.35 + 1e-6));
    let degrees = Options { unit: Unit::Degrees, ..options };
    let figure = plot(&[subject(shipped("arcface"), &[])], &degrees).expect("it can be drawn");
    let on_line = |(x, y): &(f64, f64)| {
        let sum = x + 0.5f64.to_degrees();
        (sum.min(360.0 - sum) - y).abs() < 1e-5
    };
    assert!(chart(&figure).curves[0].pieces[0].iter().all(on_line));
    let figure = draw(shipped("normface"), Figure::Boundary);
    assert!(chart(&figure).curves[0].region.is_empty());
}

#[test]
fn the_weight_is_the_papers() {
    let figure = draw(shipped("focal"), Figure::Weight);
    let mut seen = 0;
    for (p, weight) in points(&figure, 0).filter(|(p, _)| (0.01..0.99).contains(p)) {
        let q = 1.0 - p;
        let wanted = q * q - 2.0 * p * q * p.ln();
        assert!((weight - wanted).abs() < 1e-9, "{p}: {weight} {wanted}");
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
    for name in ["arcface", "cosface", "normface", "softmax", "sphereface"] {
        let figure = draw(shipped(name), Figure::Weight);
        assert!(points(&figure, 0).all(|(_, weight)| (weight - 1.0).abs() < 1e-9), "{name}");
    }
    let figure = draw(shipped("ohem"), Figure::Weight);
    let curve = &chart(&figure).curves[0];
    assert!(curve.pieces.iter().flatten().all(|(p, weight)| (weight - f64::from(*p < 0.9)).abs() < 1e-9));
    // MV at θ_k = 90°: the class is hard where p < 1/2, and counts e^(s·t) times.
    let figure = draw(shipped("mv_arc_adaptive"), Figure::Weight);
    for (p, weight) in points(&figure, 0).filter(|(p, _)| *p > 1e-6) {
        let h = if p < 0.5 - 1e-9 { (32.0f64 * 0.2).exp() } else { 1.0 };
        let wanted = h / (p + (1.0 - p) * h);
        assert!((weight - wanted).abs() < 1e-6 || (p - 0.5).abs() < 1e-6, "{p}: {weight} {wanted}");
    }
}

/// A loss that does not fade as p goes to 1 leaves the figure, and does not flatten it.
#[test]
fn a_weight_without_bound_leaves_the_figure() {
    for name in ["label_smoothing", "lm_softmax", "center_loss", "p2sgrad"] {
        let figure = plot(
            &[subject(shipped(name), &[]), subject(shipped("focal"), &[])],
            &Options { figure: Figure::Weight, classes: 10, ..Options::default() },
        )
        .expect("they can be drawn");
        let y = &chart(&figure).y;
        assert!(y.high - y.low < 1e4, "{name}: {} to {}", y.low, y.high);
        assert!(points(&figure, 0).any(|(_, weight)| !(y.low..=y.high).contains(&weight)), "{name}");
    }
}

/// A sample's norm is the scale of a loss that has no other.
#[test]
fn a_norm_is_a_scale() {
    let options = Options { figure: Figure::Other, ..Options::default() };
    let losses = ["sphereface_annealed", "sphereface"].map(|name| subject(shipped(name), &[]));
    let figure = plot(&losses[..1], &options).expect("it can be drawn");
    assert_eq!(chart(&figure).y.label.to_string(), "logit of class k / norm");
    let figure = plot(&losses, &options).expect("they can be drawn");
    assert_eq!(chart(&figure).y.label.to_string(), "logit of class k / scale");
    for at in [0, 1] {
        assert!(points(&figure, at).all(|(theta, logit)| (logit - theta.to_radians().cos()).abs() < 1e-12));
    }
}

#[test]
fn surfaces_are_loss_and_gradient() {
    let figure = draw(shipped("normface"), Figure::Loss);
    let panel = &strips(&figure)[0].panels[0];
    for (x, y) in [(0.0f64, 90.0f64), (90.0, 0.0), (180.0, 0.0), (45.0, 135.0)] {
        let u = 64.0 * (y.to_radians().cos() - x.to_radians().cos());
        let wanted = u.max(0.0) + (-u.abs()).exp().ln_1p();
        assert!((value(panel, x, y) - wanted).abs() < 1e-9, "{x} {y}");
    }
    let figure = draw(shipped("normface"), Figure::Gradient);
    let [own, other] = strips(&figure) else { panic!("two derivatives were expected") };
    assert!((value(&own.panels[0], 180.0, 0.0) - 64.0).abs() < 1e-9);
    assert!((value(&other.panels[0], 90.0, 90.0) - 32.0).abs() < 1e-9);
    assert!(own.levels.windows(2).all(|pair| pair[0] < pair[1]));
}

/// A loss over a batch is drawn for a batch of one.
#[test]
fn losses_over_a_batch_are_drawn() {
    let [ohem, plain] = ["ohem_share", "normface"].map(|name| {
        let options = Options { figure: Figure::Loss, ..Options::default() };
        let figure = plot(&[subject(shipped(name), &[("s", 32.0)])], &options).expect("it can be drawn");
        strips(&figure)[0].panels[0].field.clone()
    });
    assert_eq!(ohem, plain);
}

#[test]
fn what_is_no_softmax_is_read_and_said() {
    let binary = written(
        "loss binary(r: Scale = 40) { softplus(-(r * cos[y] - 2)) + sum[k](softplus(r * cos[k] + 2)) }",
    );
    let figure = draw(binary.clone(), Figure::Target);
    assert!(points(&figure, 0).all(|(x, y)| (y - x.to_radians().cos() + 0.05).abs() < 1e-12));
    assert_eq!(chart(&figure).y.label.to_string(), "target logit / r");
    let figure = draw(binary.clone(), Figure::Boundary);
    let wanted = 0.05f64.acos().to_degrees();
    assert!(chart(&figure).curves[0].pieces[0].iter().all(|(x, _)| (x - wanted).abs() < 1e-9));
    let figure = draw(binary, Figure::Weight);
    assert!(points(&figure, 0).all(|(_, weight)| (weight - 1.0).abs() < 1e-9));

    let named = written("loss named(m: Cosine = 0.2) { let f = cos[y] - m\n (f - 1)^2 }");
    let figure = draw(named, Figure::Target);
    assert_eq!(chart(&figure).y.label.to_string(), "f");
    assert!(points(&figure, 0).all(|(x, y)| (y - x.to_radians().cos() + 0.2).abs() < 1e-12));

    let bare = written("loss bare() { (1 - cos[y])^2 + sum[k](cos[k]^2) }");
    let figure = draw(bare.clone(), Figure::Target);
    assert_eq!(chart(&figure).y.label.to_string(), "loss");
    assert!(chart(&figure).curves[0].detail.to_string().contains("no logit"));
    let figure = draw(bare, Figure::Boundary);
    assert!(chart(&figure).curves[0].pieces[0].iter().all(|(x, y)| (x - y).abs() < 1e-5));

    let by_hand = written("loss by_hand(s: Scale = 8) { softplus(lse[k](s * cos[k]) - s * cos[y] + 2) }");
    let figure = draw(by_hand, Figure::Target);
    assert!(points(&figure, 0).all(|(x, y)| (y - x.to_radians().cos() + 0.25).abs() < 1e-12));
}

/// No figure fails, and nothing drawn is without a number.
#[test]
fn every_shipped_loss_has_every_figure() {
    has_every_figure(all("specs"));
}

/// Nor does one of losses that are published elsewhere or contrived.
#[test]
fn every_other_loss_has_every_figure() {
    has_every_figure(all("tests/programs"));
}

fn has_every_figure(losses: Vec<marlo_ir::loss::Loss>) {
    for loss in losses {
        for figure in FIGURES {
            let options = Options { figure, classes: 3, ..Options::default() };
            let plot = match plot(&[subject(loss.clone(), &missing(&loss))], &options) {
                Err(PlotError::NotFinite { .. }) => continue,
                other => other.unwrap_or_else(|error| panic!("{} {figure:?}: {error}", loss.name)),
            };
            let svg = plot.svg(Theme::Auto);
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{} {figure:?}", loss.name);
            roxmltree::Document::parse(&svg).expect("it is XML");
        }
    }
}

/// A value within its range for each hyperparameter that has no default.
fn missing(loss: &marlo_ir::loss::Loss) -> Vec<(&str, f64)> {
    let params = loss.graph.params.iter().filter(|param| param.default.is_none());
    params.map(|param| (param.name.as_str(), 1f64.clamp(param.low, param.high))).collect()
}

#[test]
fn inputs_that_nobody_gave_are_named() {
    let loss = written(
        "loss own(s: Scale = 64, norm[i]: Norm, prior[k]: Prob) {\n let f = s * min(norm[i] / 20, 1) * cos[y]\n \
         ce(softmax(f + ln(prior[y]), s * cos[k] + ln(prior[k]))) }",
    );
    let figure = draw(loss.clone(), Figure::Target);
    assert_eq!(figure.notes[0].to_string(), "not given, so taken: norm[i] = 20, prior[k] = 0.5");
    let inputs = vec![("norm".to_owned(), 10.0), ("prior".to_owned(), 0.25)];
    let options = Options { inputs, ..Options::default() };
    let figure = plot(&[subject(loss, &[])], &options).expect("it can be drawn");
    assert!(figure.notes.is_empty());
    assert!(
        points(&figure, 0).all(|(x, y)| (y - x.to_radians().cos() / 2.0 - 0.25f64.ln() / 64.0).abs() < 1e-12)
    );
}

#[test]
fn what_does_not_fit_is_said() {
    let say = |loss: &str, set: &[(&str, f64)], options: Options| {
        plot(&[subject(shipped(loss), set)], &options).expect_err("it can't be drawn").to_string()
    };
    let with = Options::default;
    assert_eq!(
        say("arcface", &[("m", 9.0)], with()),
        "arcface: `m` is 9, but its range is 0 to 1.5707963267948966"
    );
    assert_eq!(
        say("arcface", &[("q", 9.0)], with()),
        "arcface: `arcface` has no hyperparameter `q`; it has s, m"
    );
    let inputs = vec![("norm".to_owned(), 1.0)];
    assert_eq!(say("arcface", &[], Options { inputs, ..with() }), "none of these losses has an input `norm`");
    for (options, what) in [
        (Options { classes: 1, ..with() }, "the number of classes is 1"),
        (Options { at: Some(181.0), ..with() }, "the angle that is held, in degrees, is 181"),
        (Options { at: Some(f64::NAN), ..with() }, "the angle that is held, in degrees, is NaN"),
        (Options { range: Some((0.0, 200.0)), ..with() }, "the end of the axis is 200"),
        (Options { range: Some((90.0, 20.0)), ..with() }, "the axis would run from 90 to 20"),
        (Options { logit_scale: 0.0, ..with() }, "the scale of raw logits is 0"),
    ] {
        assert!(say("arcface", &[], options).starts_with(what), "{what}");
    }
    assert_eq!(plot(&[], &with()).expect_err("there is nothing"), PlotError::Nothing);
    let nowhere = written("loss nowhere() { ln(cos[y] - 2) }");
    let found = plot(&[subject(nowhere, &[])], &with()).expect_err("it is nowhere finite");
    assert_eq!(found.to_string(), "`nowhere` is not finite anywhere in this figure");
}

/// The data of small figures, so that a change of them is seen.
#[test]
fn data_of_small_figures() {
    let options = Options { range: Some((30.0, 90.0)), ..Options::default() };
    let losses = ["arcface", "mv_am_fixed"].map(|name| subject(shipped(name), &[]));
    let mut out = String::new();
    for figure in [Figure::Target, Figure::Other, Figure::Boundary, Figure::Weight] {
        let plot = plot(&losses, &Options { figure, ..options.clone() }).expect("they can be drawn");
        let chart = chart(&plot);
        let _ = writeln!(out, "{}: {} against {}", plot.title, chart.y.label, chart.x.label);
        for curve in &chart.curves {
            let _ = writeln!(out, "  {}: {}", curve.name, curve.detail);
            for piece in &curve.pieces {
                let step = (piece.len() / 4).max(1);
                let shown = piece.iter().step_by(step).map(|(x, y)| format!("({x:.6}, {y:.6})"));
                let _ = writeln!(out, "    {}", shown.collect::<Vec<_>>().join(" "));
            }
        }
    }
    insta::assert_snapshot!(out);
}
