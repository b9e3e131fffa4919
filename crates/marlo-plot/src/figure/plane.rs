//! Figures over both angles: the decision boundary, and surfaces.

use super::settings;
use crate::contour::{Crossing, lines, region};
use crate::label::Label;
use crate::probe::{Place, Probe, Quantity, Reading};
use crate::scale::{Axis, multiples, nice};
use crate::{Chart, Content, Curve, Field, Figure, Options, Panel, PlotError, Strip};

/// The nodes of a boundary's grid: not as many in both directions, so that the diagonal passes between them.
const BOUNDARY: (usize, usize) = (121, 128);
/// The nodes of a surface's grid.
const SURFACE: usize = 141;
/// Steps of a bisection between two nodes.
const HALVINGS: usize = 50;
/// The most panels side by side.
const ACROSS: usize = 3;
/// The most colours.
const COLOURS: f64 = 14.0;
/// The share of the values that the colours tell apart, where the rest is far above.
const SHOWN: f64 = 0.95;

/// The places over the (x, y) plane.
fn grid(x: &Axis, y: &Axis, size: (usize, usize)) -> Vec<(f64, f64)> {
    let across = x.grid(size.0);
    y.grid(size.1).into_iter().flat_map(|y| across.iter().map(move |x| (*x, y)).collect::<Vec<_>>()).collect()
}

/// Where a sample of class 1 or of class 2 has p = 1/2, and the margin between.
pub(super) fn boundary(probes: &[Probe], options: &Options) -> Result<Content, PlotError> {
    let range = options.range.unwrap_or(options.unit.range());
    let (x, y) = (Axis::angle(options.unit, range, "1"), Axis::angle(options.unit, range, "2"));
    let mut curves = Vec::new();
    for probe in probes {
        // The odds against class 1 of its own sample; those of class 2 are the same with the classes exchanged.
        let odds = |places: &[(f64, f64)]| {
            let cosine = |x: f64| options.unit.cosine(x);
            let place = |(x, y): &(f64, f64)| Place { own: cosine(*x), other: cosine(*y) };
            probe.values(Quantity::Odds, &places.iter().map(place).collect::<Vec<_>>())
        };
        let neither = |places: &[(f64, f64)]| {
            let turned: Vec<(f64, f64)> = places.iter().map(|(x, y)| (*y, *x)).collect();
            let both = odds(places)?.into_iter().zip(odds(&turned)?);
            Ok(both.map(|(first, second)| first.min(second)).collect())
        };
        let mut pieces = outline(&x, &y, 0.0, odds, lines)?;
        let mirrored = pieces.iter().map(|piece| piece.iter().map(|(x, y)| (*y, *x)).collect());
        pieces.extend(mirrored.collect::<Vec<_>>());
        // A little above 0, since odds that are equal up to rounding are no margin.
        let region = outline(&x, &y, 1e-9, neither, region)?;
        let how = match probe.reading(Quantity::Odds) {
            _ if pieces.is_empty() => Label::plain("none here"),
            Reading::Softmax => Label::default(),
            Reading::Sigmoid => Label::plain("p of its sigmoid"),
            Reading::Named | Reading::Loss => Label::plain("where both labels cost the same, as it has no p"),
        };
        let detail = Label::join(vec![settings(probe), how], ", ");
        curves.push(Curve { name: probe.name().to_owned(), detail, pieces, borders: Vec::new(), region });
    }
    Ok(Content::Chart(Chart { x, y, square: true, curves }))
}

/// The outlines of {value ≥ level}, with each point of them found by bisection.
fn outline(
    x: &Axis,
    y: &Axis,
    level: f64,
    value: impl Fn(&[(f64, f64)]) -> Result<Vec<f64>, PlotError>,
    follow: impl Fn(&Field, f64) -> Vec<Vec<Crossing>>,
) -> Result<Vec<Vec<(f64, f64)>>, PlotError> {
    let nodes = grid(x, y, BOUNDARY);
    let field = Field { size: BOUNDARY, values: value(&nodes)? };
    let found = follow(&field, level);
    let node = |(i, j): (usize, usize)| nodes[j * BOUNDARY.0 + i];
    let ends = found.iter().flatten();
    let mut ends: Vec<_> = ends.map(|c| (node(c.inside), node(c.outside.unwrap_or(c.inside)))).collect();
    for _ in 0..HALVINGS {
        let middle = |((a, b), (c, d)): &((f64, f64), (f64, f64))| ((a + c) / 2.0, (b + d) / 2.0);
        let middles: Vec<(f64, f64)> = ends.iter().map(middle).collect();
        for ((end, middle), value) in ends.iter_mut().zip(&middles).zip(value(&middles)?) {
            *(if value >= level { &mut end.0 } else { &mut end.1 }) = *middle;
        }
    }
    let mut points = ends.into_iter().map(|end| end.0);
    Ok(found.iter().map(|line| points.by_ref().take(line.len()).collect()).collect())
}

/// The loss, or the two derivatives, over (θ_y, θ_k).
pub(super) fn surfaces(probes: &[Probe], options: &Options) -> Result<Content, PlotError> {
    let range = options.range.unwrap_or(options.unit.range());
    let (x, y) = (Axis::angle(options.unit, range, "y"), Axis::angle(options.unit, range, "k"));
    let cosine = |x: f64| options.unit.cosine(x);
    let places: Vec<Place> = grid(&x, &y, (SURFACE, SURFACE))
        .into_iter()
        .map(|(x, y)| Place { own: cosine(x), other: cosine(y) })
        .collect();
    let quantities: &[(Quantity, Label)] = &match options.figure {
        Figure::Loss => vec![(Quantity::Loss, Label::plain("L"))],
        _ => vec![
            (Quantity::ByTarget, Label::math("|∂L/∂cos θ_y|")),
            (Quantity::ByOther, Label::math("∂L/∂cos θ_k")),
        ],
    };
    let mut rows = Vec::new();
    for (quantity, label) in quantities {
        let mut panels = Vec::new();
        for probe in probes {
            let mut values = probe.values(*quantity, &places)?;
            if *quantity == Quantity::ByTarget {
                values.iter_mut().for_each(|value| *value = value.abs());
            }
            if !values.iter().any(|value| value.is_finite()) {
                return Err(PlotError::NotFinite { loss: probe.name().to_owned() });
            }
            let field = Field { size: (SURFACE, SURFACE), values };
            let (name, detail) = (probe.name().to_owned(), settings(probe));
            panels.push(Panel { name, detail, x: x.clone(), y: y.clone(), field });
        }
        let (levels, goes_on) = levels(&panels);
        rows.push((label, levels, goes_on, panels));
    }
    let mut strips = Vec::new();
    for first in (0..probes.len()).step_by(ACROSS) {
        for (label, levels, goes_on, panels) in &rows {
            let panels = panels.iter().skip(first).take(ACROSS).cloned().collect();
            strips.push(Strip { label: (*label).clone(), levels: levels.clone(), goes_on: *goes_on, panels });
        }
    }
    Ok(Content::Surfaces(strips))
}

/// Round numbers through what the surfaces show, but for their highest peaks: a derivative that is singular at ±1 would
/// leave one colour for all the rest. Says too whether there are such peaks.
fn levels(panels: &[Panel]) -> (Vec<f64>, bool) {
    let values = panels.iter().flat_map(|panel| &panel.field.values);
    let mut sorted: Vec<f64> = values.copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(low), Some(top)) = (sorted.first(), sorted.last()) else { return (Vec::new(), false) };
    let most = sorted[((sorted.len() - 1) as f64 * SHOWN) as usize];
    let is_peaked = top - low > 1.5 * (most - low);
    // Where all the rest is one value, the peak is what there is to see.
    let is_flat = most - low <= 1e-8 * (top - low);
    let high = if is_peaked && !is_flat { most } else { *top };
    let size = high.abs().max(low.abs());
    if high - low <= 1e-9 * size {
        return (Vec::new(), false);
    }
    let step = nice((high - low) / COLOURS);
    let inside = |level: &f64| *level > low + 1e-6 * step && *level < top - 1e-6 * step;
    let levels: Vec<f64> = multiples(*low, high, step).into_iter().filter(inside).collect();
    let goes_on = levels.last().is_some_and(|last| *top > last + 1.001 * step);
    (levels, goes_on)
}
