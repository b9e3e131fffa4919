//! Any margin with any re-weighting and any mining, each taken from another file in one line.
//!
//! Every combination is compared with its formula written out here by hand, in plain sums over the classes, and its
//! gradient with dual numbers, with dfdx and with the native kernels.

use marlo::eval::{Batch, on_border};
use marlo::loss::Loss;
use marlo::{Backend, compile, specs};

use crate::gradient::{batch, by_dual};

/// s of every combination.
const S: f64 = 8.0;

/// A part of a loss: how the language writes it, and its formula.
struct Part<F> {
    used: &'static str,
    text: &'static str,
    formula: F,
}

const fn part<F>(used: &'static str, text: &'static str, formula: F) -> Part<F> {
    Part { used, text, formula }
}

/// The target's cosine with a margin, from the target's cosine.
type Margin = fn(f64) -> f64;
/// The logit of another class, from its cosine and the target's with its margin.
type Guide = fn(f64, f64) -> f64;

const MARGINS: [Part<Margin>; 6] = [
    part("", "cos[y]", |c| c),
    part("cosface", "cosface(s, 0.35).f", |c| c - 0.35),
    part("arcface", "arcface(s, 0.5).f", |c| (c.acos() + 0.5).cos()),
    part("arcface_fallback", "arcface_fallback(s, 1.2).f", |c| {
        if c.acos() + 1.2 < std::f64::consts::PI { (c.acos() + 1.2).cos() } else { c - 1.2 * 1.2_f64.sin() }
    }),
    part("sphereface", "sphereface(s, 4).psi", |c| {
        let piece = (4.0 * c.acos() / std::f64::consts::PI).floor();
        (-1.0_f64).powf(piece) * (4.0 * c.acos()).cos() - 2.0 * piece
    }),
    part("combined_margin", "combined_margin(s, 0.9, 0.4, 0.15).f", |c| (0.9 * c.acos() + 0.4).cos() - 0.15),
];

const GUIDES: [Part<Guide>; 4] = [
    part("", "softmax(s * f, s * cos[k])", |c, _| S * c),
    part(
        "sv_softmax",
        "sv_softmax.guided(f, s, 1.2)",
        |c, f| if c > f { S * (1.2 * c + 0.2) } else { S * c },
    ),
    part("mv_am_adaptive", "mv_am_adaptive.guided(f, s, 0.3)", |c, f| {
        if c > f { S * (1.3 * c + 0.3) } else { S * c }
    }),
    part("mv_am_fixed", "mv_am_fixed.guided(f, s, 0.3)", |c, f| if c > f { S * (c + 0.3) } else { S * c }),
];

/// The loss of a sample, from the logit of its class and those of all.
type OfSample = fn(f64, &[f64]) -> f64;

fn ce(logit: f64, all: &[f64]) -> f64 {
    all.iter().map(|z| (z - logit).exp()).sum::<f64>().ln()
}

const MININGS: [Part<OfSample>; 4] = [
    part("", "ce(p)", ce),
    part("", "focal(p, 2)", |z, all| (1.0 - (-ce(z, all)).exp()).powi(2) * ce(z, all)),
    part("label_smoothing", "label_smoothing.smooth(p, 0.1)", |z, all| {
        0.9 * ce(z, all) + 0.1 * all.iter().map(|other| ce(*other, all)).sum::<f64>() / all.len() as f64
    }),
    part("", "ce(p) + 0.5 * (1 - p[y])", |z, all| ce(z, all) + 0.5 * (1.0 - (-ce(z, all)).exp())),
];

fn program(margin: &str, guide: &str, mining: &str, used: [&str; 3]) -> Loss {
    let uses: String =
        used.iter().filter(|name| !name.is_empty()).map(|name| format!("use {name}\n")).collect();
    let text = format!(
        "{uses}\nloss combined(s: Scale = {S} in 1..128) {{\n    let f = {margin}\n    let p = {guide}\n    {mining}\n}}\n"
    );
    let compiled = compile(&text, &specs::Shipped::default());
    compiled.unwrap_or_else(|found| panic!("{text}\n{:?}", found[0])).loss
}

/// The mean loss by the formulas.
fn by_hand(batch: &Batch<f64>, margin: Margin, guide: Guide, mining: OfSample) -> f64 {
    let rows = batch.matrix.chunks(batch.classes).zip(&batch.labels);
    let of_sample = |(row, &label): (&[f64], &usize)| {
        let f = margin(row[label]);
        let logit = |(class, &c): (usize, &f64)| if class == label { S * f } else { guide(c, f) };
        let all: Vec<f64> = row.iter().enumerate().map(logit).collect();
        mining(all[label], &all)
    };
    rows.map(of_sample).sum::<f64>() / batch.rows as f64
}

#[test]
fn every_margin_with_every_guide_and_every_mining() {
    let mut compared = 0;
    for margin in &MARGINS {
        for guide in &GUIDES {
            for mining in &MININGS {
                let used = [margin.used, guide.used, mining.used];
                let loss = program(margin.text, guide.text, mining.text, used);
                let place = format!("{}, {}, {}", margin.text, guide.text, mining.text);
                for seed in 1..3 {
                    compared += compare(&loss, &place, seed, (margin.formula, guide.formula, mining.formula));
                }
            }
        }
    }
    assert!(compared > 6 * 4 * 4 * 2 * 20, "only {compared} numbers were compared");
}

type Formulas = (Margin, Guide, OfSample);

fn compare(loss: &Loss, place: &str, seed: u64, formulas: Formulas) -> usize {
    let batch = batch(loss, seed, 5, 7);
    if on_border(loss, &batch, 1e-9).contains(&true) {
        return 0;
    }
    let found = Backend::Reference.run(loss, &batch).expect("loss and gradient are finite");
    let wanted = by_hand(&batch, formulas.0, formulas.1, formulas.2);
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-11 * b.abs().max(1.0);
    assert!(close(found.mean_loss, wanted), "{place}: {} by marlo, {wanted} by hand", found.mean_loss);
    let dfdx = Backend::Dfdx.run(loss, &batch).expect("dfdx has every operation");
    let native = Backend::Native.run(loss, &batch).expect("the kernels have every operation");
    assert!(close(native.mean_loss, wanted), "{place}: {} by native, {wanted} by hand", native.mean_loss);
    for (at, ours) in found.gradient.iter().enumerate() {
        let dual = by_dual(loss, &batch, at);
        assert!(close(*ours, dual), "{place}, entry {at}: {ours} derived, {dual} by dual numbers");
        assert!(
            close(*ours, dfdx.gradient[at]),
            "{place}, entry {at}: {ours}, {} by dfdx",
            dfdx.gradient[at]
        );
        assert!(
            close(*ours, native.gradient[at]),
            "{place}, entry {at}: {ours}, {} by native",
            native.gradient[at]
        );
    }
    2 + 3 * found.gradient.len()
}

/// The mean of the hardest half over any margin: the batch's loss in one line.
#[test]
fn hard_mining_over_any_margin() {
    for margin in &MARGINS {
        let loss =
            program(margin.text, GUIDES[1].text, "top[i](ce(p), 0.5)", [margin.used, "sv_softmax", ""]);
        let batch = batch(&loss, 9, 6, 5);
        let found = Backend::Reference.run(&loss, &batch).expect("loss and gradient are finite");
        let mut each: Vec<f64> = found.loss.clone();
        each.sort_by(|a, b| b.total_cmp(a));
        let wanted = each[..3].iter().sum::<f64>() / 3.0;
        assert!(
            (found.mean_loss - wanted).abs() < 1e-12,
            "{}: {} and {wanted}",
            margin.text,
            found.mean_loss
        );
    }
}
