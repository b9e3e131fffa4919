//! Branch and bound: boxes are split until a claim holds on each of them.

use std::collections::VecDeque;

use marlo_ir::graph::Id;
use marlo_ir::op::Op;

use super::model::{Bounds, Enclosure, Model, Value};
use crate::interval::Interval;

/// What was found.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The claim holds everywhere: so many boxes were enough.
    Holds {
        /// Boxes looked at.
        boxes: usize,
    },
    /// The claim fails on a whole box.
    Fails {
        /// The leaves there.
        at: Vec<Interval>,
    },
    /// The limit was reached.
    Open {
        /// Boxes looked at.
        boxes: usize,
        /// The leaves where it was given up.
        at: Vec<Interval>,
    },
}

/// How far a claim is from holding on a box: 0 or less where it holds, ∞ where nothing is known.
pub type Distance<'a> = &'a dyn Fn(&Enclosure) -> f64;
/// Does the claim fail for every input of a box?
pub type Failure<'a> = &'a dyn Fn(&Enclosure) -> bool;

/// Does the claim hold on a box for a reason of its own?
pub type Reason<'a> = &'a dyn Fn(&Bounds) -> bool;

/// Looks through the whole box.
pub fn prove(model: &Model, distance: Distance, fails: Failure, reason: Reason, limit: usize) -> Outcome {
    let mut queue = VecDeque::from([model.whole()]);
    let mut boxes = 0;
    while let Some(bounds) = queue.pop_front() {
        boxes += 1;
        let Some(found) = model.enclose(&bounds) else { continue };
        if distance(&found) <= 0.0 {
            continue;
        }
        if reason(&bounds) {
            continue;
        }
        // What was taken may hold nowhere in the box; only an undivided one fails for sure.
        if bounds.taken.is_empty() && fails(&found) {
            return Outcome::Fails { at: bounds.leaves };
        }
        let parts = decide(model, &bounds, &found).or_else(|| halve(model, &bounds, distance));
        match parts {
            Some(parts) if boxes + queue.len() < limit => queue.extend(parts),
            _ => return Outcome::Open { boxes, at: bounds.leaves },
        }
    }
    Outcome::Holds { boxes }
}

/// The cases of the first mask or floor that is open here.
fn decide(model: &Model, bounds: &Bounds, found: &Enclosure) -> Option<Vec<Bounds>> {
    let open = |id: &&Id| {
        let range = found.at(**id).range;
        !range.is_point() && range.width() <= 16.0 && bounds.taken.iter().all(|t| t.0 != **id)
    };
    if bounds.taken.len() >= 8 {
        return None;
    }
    let &id = model.decisions.iter().find(open)?;
    let range = found.at(id).range;
    let cases: Vec<f64> = match model.graph.op(id) {
        Op::Floor => (range.lo as i64..=range.hi as i64).map(|n| n as f64).collect(),
        _ => vec![1.0, 0.0],
    };
    let case = |value: f64| {
        let mut taken = bounds.taken.clone();
        taken.push((id, value));
        Bounds { leaves: bounds.leaves.clone(), taken }
    };
    Some(cases.into_iter().map(case).collect())
}

/// What a node is on the whole box, put together from the cases of masks and floors.
pub(super) fn by_cases(model: &Model, id: Id) -> Option<Value> {
    let mut queue = vec![model.whole()];
    let mut hull: Option<Value> = None;
    let mut cases = 0;
    while let Some(bounds) = queue.pop() {
        cases += 1;
        let Some(found) = model.enclose(&bounds) else { continue };
        let value = found.at(id);
        let good = value.defined && value.range.is_finite();
        match decide(model, &bounds, &found).filter(|_| !good && cases < 64) {
            Some(parts) => queue.extend(parts),
            None => {
                hull = Some(hull.map_or(value, |hull| Value {
                    range: hull.range.hull(value.range),
                    turns: None,
                    defined: hull.defined && value.defined,
                }));
            }
        }
    }
    hull
}

/// The two halves by the leaf that helps most.
fn halve(model: &Model, bounds: &Bounds, distance: Distance) -> Option<Vec<Bounds>> {
    let mut best: Option<(f64, f64, Vec<Bounds>)> = None;
    for (at, leaf) in model.leaves.iter().enumerate() {
        let here = bounds.leaves[at];
        let share = here.width() / leaf.range.width();
        if here.is_point() || share.is_nan() || share < 1e-12 {
            continue;
        }
        let middle = middle(here);
        if !(here.lo < middle && middle < here.hi) {
            continue;
        }
        let half = |part: Interval| {
            let mut half = bounds.clone();
            half.leaves[at] = part;
            half
        };
        let halves = vec![half(Interval::new(here.lo, middle)), half(Interval::new(middle, here.hi))];
        let of = |half: &Bounds| model.enclose(half).map_or(0.0, |found| distance(&found).max(0.0));
        let left: f64 = halves.iter().map(of).sum();
        let better = best.as_ref().is_none_or(|(found, wide, _)| {
            left < *found * 0.999
                || (left <= *found * 1.001 && share > *wide)
                || (left == *found && share > *wide)
        });
        if better {
            best = Some((left, share, halves));
        }
    }
    best.map(|b| b.2)
}

/// Where a range is cut: cosines and the like at the middle angle, wide ranges at the middle magnitude.
fn middle(range: Interval) -> f64 {
    if range.lo >= -1.0 && range.hi <= 1.0 {
        let angle = (range.lo.acos() + range.hi.acos()) / 2.0;
        let cut = angle.cos();
        // 0 and other round numbers are where programs decide; hit them exactly.
        return if range.contains(0.0) && range.lo < -1e-3 && range.hi > 1e-3 { 0.0 } else { cut };
    }
    if range.lo > 0.0 && range.hi / range.lo > 100.0 {
        return (range.lo * range.hi).sqrt();
    }
    range.mid()
}
