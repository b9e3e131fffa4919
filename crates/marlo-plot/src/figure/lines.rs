//! Figures of curves over one angle.

use std::collections::BTreeSet;

use super::{remark, settings};
use crate::label::Label;
use crate::probe::{Place, Probe, Quantity, Reading};
use crate::scale::{Axis, short};
use crate::trace::{Seen, Traced, trace};
use crate::{Chart, Content, Curve, Options, PlotError};

/// Points along an axis: more than a figure has pixels.
const POINTS: usize = 1441;
/// The greatest p for which the axis of weights has room: near 1 the weight of a loss that does not fade has no bound.
const SETTLED: f64 = 0.98;

/// The target logit against θ_y.
pub(super) fn target(probes: &[Probe], options: &Options) -> Result<Content, PlotError> {
    let held = options.at.unwrap_or(90.0).to_radians().cos();
    let place = |cosine| Place { own: cosine, other: held };
    logits(probes, options, Quantity::Target, "y", place, "target logit", "f")
}

/// The logit of another class against θ_k.
pub(super) fn other(probes: &[Probe], options: &Options) -> Result<Content, PlotError> {
    let held = options.at.unwrap_or(60.0).to_radians().cos();
    let place = |cosine| Place { own: held, other: cosine };
    logits(probes, options, Quantity::Other, "k", place, "logit of class k", "loss")
}

fn logits(
    probes: &[Probe],
    options: &Options,
    quantity: Quantity,
    index: &str,
    place: impl Fn(f64) -> Place,
    what: &str,
    none: &str,
) -> Result<Content, PlotError> {
    let x = Axis::angle(options.unit, options.range.unwrap_or(options.unit.range()), index);
    let mut curves = Vec::new();
    for probe in probes {
        let unit = probe.scale(quantity).filter(|_| !options.logits).map_or(1.0, |scale| scale.1);
        let look = |at: &[f64]| {
            let places: Vec<Place> = at.iter().map(|x| place(options.unit.cosine(*x))).collect();
            let values = probe.values(quantity, &places)?;
            let decisions = probe.decisions(quantity, &places)?;
            let see = |((x, value), decisions): ((&f64, f64), Vec<bool>)| Seen {
                point: (*x, value / unit),
                decisions,
            };
            Ok(at.iter().zip(values).zip(decisions).map(see).collect())
        };
        let mut traced = found(probe, trace(&x.grid(POINTS), look)?)?;
        if quantity == Quantity::Target {
            traced.borders.clear();
        }
        let degrees = if x.degrees { "°" } else { "" };
        let border = |at: &f64| Label::math(&format!("border at {} = {}{degrees}", name(&x), short(*at)));
        let mut detail = vec![settings(probe), remark(probe.reading(quantity))];
        detail.extend(traced.borders.iter().take(2).map(border));
        curves.push(curve(probe, Label::join(detail, ", "), traced));
    }
    let readings: Vec<Reading> = probes.iter().map(|probe| probe.reading(quantity)).collect();
    let label = if readings.iter().all(|r| matches!(r, Reading::Named | Reading::Loss)) {
        Label::plain(if readings.contains(&Reading::Loss) { "loss" } else { none })
    } else {
        Label::plain(format!("{what}{}", divided(probes, options, quantity)))
    };
    let y = Axis::around(label, curves.iter().flat_map(points).map(|point| point.1));
    Ok(Content::Chart(Chart { x, y, square: false, curves }))
}

/// What the axis says of the scale: its name where all have one of that name.
fn divided(probes: &[Probe], options: &Options, quantity: Quantity) -> String {
    let scales = probes.iter().map(|probe| probe.scale(quantity).map(|scale| scale.0));
    let names: BTreeSet<Option<&str>> = scales.filter(|_| !options.logits).collect();
    match names.into_iter().collect::<Vec<_>>()[..] {
        [] | [None] => String::new(),
        [Some(name)] => format!(" / {name}"),
        _ => " / scale".to_owned(),
    }
}

/// The gradient by the target logit, relative to 1 − p, against p.
pub(super) fn weight(probes: &[Probe], options: &Options) -> Result<Content, PlotError> {
    let held = options.at.unwrap_or(90.0).to_radians().cos();
    let angles = Axis::angle(options.unit, options.range.unwrap_or(options.unit.range()), "y");
    let mut curves = Vec::new();
    for probe in probes {
        let look = |at: &[f64]| {
            let place = |x: &f64| Place { own: options.unit.cosine(*x), other: held };
            let places: Vec<Place> = at.iter().map(place).collect();
            let odds = probe.values(Quantity::PlainOdds, &places)?;
            let slope = probe.values(Quantity::Slope, &places)?;
            let decisions = probe.decisions(Quantity::Slope, &places)?;
            let see = |((odds, slope), decisions): ((f64, f64), Vec<bool>)| Seen {
                point: (share(-odds), slope / share(odds)),
                decisions,
            };
            Ok(odds.into_iter().zip(slope).zip(decisions).map(see).collect())
        };
        let mut traced = found(probe, trace(&angles.grid(2 * POINTS), look)?)?;
        traced.borders.clear();
        let remark = match probe.reading(Quantity::Target) {
            Reading::Softmax => Label::default(),
            Reading::Sigmoid => remark(Reading::Sigmoid),
            Reading::Named | Reading::Loss => Label::plain("a = scale·cos θ, as it has no logit"),
        };
        curves.push(curve(probe, Label::join(vec![settings(probe), remark], ", "), traced));
    }
    let x = Axis { label: Label::plain("p"), low: 0.0, high: 1.0, degrees: false };
    let label = Label::plain("weight: −∂L/∂a / (1 − p)");
    let shown = curves.iter().flat_map(points).filter(|point| point.0 <= SETTLED).map(|point| point.1);
    let y = Axis::around(label, shown.chain([0.0, 1.0]));
    Ok(Content::Chart(Chart { x, y, square: false, curves }))
}

/// The probability of log odds, with all digits in both tails.
fn share(odds: f64) -> f64 {
    if odds < 0.0 { odds.exp() / (1.0 + odds.exp()) } else { 1.0 / (1.0 + (-odds).exp()) }
}

fn found(probe: &Probe, traced: Traced) -> Result<Traced, PlotError> {
    if traced.pieces.is_empty() {
        return Err(PlotError::NotFinite { loss: probe.name().to_owned() });
    }
    Ok(traced)
}

fn curve(probe: &Probe, detail: Label, traced: Traced) -> Curve {
    let Traced { pieces, borders } = traced;
    Curve { name: probe.name().to_owned(), detail, pieces, borders, region: Vec::new() }
}

fn points(curve: &Curve) -> impl Iterator<Item = (f64, f64)> + '_ {
    curve.pieces.iter().flatten().copied()
}

/// The angle or cosine of an axis: θ_k, without its unit.
fn name(axis: &Axis) -> String {
    let label = axis.label.to_string();
    label.strip_suffix(" in degrees").unwrap_or(&label).to_owned()
}
