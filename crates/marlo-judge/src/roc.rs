//! The ROC curve, and what is read from it: AUC, EER, TAR at a FAR.
//!
//! In: scores of genuine pairs (of one person) and of impostor pairs (of two). A pair is accepted where its
//! score is at or above a threshold. Out: a [`Roc`], the counts of accepted pairs at each threshold, which is
//! scikit-learn's `roc_curve` before division.

use crate::error::JudgeError;
use crate::interval::{Confidence, Interval, wilson};

/// A score with what it should have been: same person or not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// The similarity; greater is more alike.
    pub score: f64,
    /// Whether both images show one person.
    pub same: bool,
}

/// The pairs that a threshold accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Scores at or above it are accepted; infinite at the first point, which accepts nothing.
    pub threshold: f64,
    /// Accepted impostor pairs.
    pub false_accepts: u64,
    /// Accepted genuine pairs.
    pub true_accepts: u64,
}

/// A ROC curve: points of falling threshold, from nothing accepted to all.
#[derive(Clone, Debug, PartialEq)]
pub struct Roc {
    points: Vec<Point>,
}

/// A point of operation: the true-accept rate at a false-accept rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TarAtFar {
    /// The false-accept rate that was asked for.
    pub target: f64,
    /// The threshold; infinite where only accepting nothing meets the target.
    pub threshold: f64,
    /// The false-accept rate at that threshold.
    pub far: f64,
    /// The true-accept rate.
    pub tar: f64,
    /// Wilson's interval for `tar`.
    pub tar_interval: Interval,
    /// Wilson's interval for `far`.
    pub far_interval: Interval,
}

impl Roc {
    /// The curve of scores. Equal scores are one step; every distinct score is a point
    /// (`drop_intermediate=False`).
    ///
    /// # Errors
    /// [`JudgeError`]: no scores, a score that is not finite, scores of one kind only.
    pub fn new(trials: &[Trial]) -> Result<Self, JudgeError> {
        check(trials)?;
        let mut sorted = trials.to_vec();
        sorted.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
        let mut at = Point::NOTHING;
        let mut points = vec![at];
        for step in sorted.chunk_by(|a, b| a.score == b.score) {
            let genuine = step.iter().filter(|trial| trial.same).count() as u64;
            at = Point {
                threshold: step[0].score,
                false_accepts: at.false_accepts + step.len() as u64 - genuine,
                true_accepts: at.true_accepts + genuine,
            };
            points.push(at);
        }
        Ok(Roc { points })
    }

    /// The curve through points of rising counts, each kind reaching above 0.
    pub(crate) fn from_points(points: Vec<Point>) -> Self {
        debug_assert!(points.first() == Some(&Point::NOTHING));
        Roc { points }
    }

    /// The curve without points between two equal steps, as scikit-learn drops them (`drop_intermediate=True`):
    /// the first two points and the last always stay, and so do points on a line between unequal steps.
    pub fn without_intermediate(&self) -> Self {
        let step = |a: Point, b: Point| (b.false_accepts - a.false_accepts, b.true_accepts - a.true_accepts);
        let kept = self.points.iter().enumerate().filter(|&(i, &point)| match self.points.get(i + 1) {
            Some(&next) if i > 1 => step(self.points[i - 1], point) != step(point, next),
            _ => true,
        });
        Roc { points: kept.map(|(_, &point)| point).collect() }
    }

    /// The points, by falling threshold.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The number of genuine pairs.
    pub fn genuine(&self) -> u64 {
        self.points.last().map_or(0, |point| point.true_accepts)
    }

    /// The number of impostor pairs.
    pub fn impostors(&self) -> u64 {
        self.points.last().map_or(0, |point| point.false_accepts)
    }

    /// The false-accept rate of a point.
    pub fn far(&self, point: Point) -> f64 {
        point.false_accepts as f64 / self.impostors() as f64
    }

    /// The true-accept rate of a point.
    pub fn tar(&self, point: Point) -> f64 {
        point.true_accepts as f64 / self.genuine() as f64
    }

    /// The area under the curve by trapezoids, which is the probability that a genuine score is above an
    /// impostor's, ties counting half.
    pub fn auc(&self) -> f64 {
        // In whole numbers, so that no digit is lost however many pairs there are.
        let twice = self.points.windows(2).map(|pair| {
            let width = pair[1].false_accepts - pair[0].false_accepts;
            u128::from(width) * (u128::from(pair[0].true_accepts) + u128::from(pair[1].true_accepts))
        });
        twice.sum::<u128>() as f64 / 2.0 / (self.genuine() as f64 * self.impostors() as f64)
    }

    /// The equal error rate: where the false-accept rate is the false-reject rate, on the curve with its
    /// points joined by lines.
    pub fn eer(&self) -> f64 {
        // The excess of false accepts over false rejects rises from −1 to 1 along the curve.
        let excess = |point: Point| self.far(point) - (1.0 - self.tar(point));
        let after = self.points.partition_point(|&point| excess(point) < 0.0);
        let (Some(&low), Some(&high)) = (self.points.get(after.saturating_sub(1)), self.points.get(after))
        else {
            return 1.0;
        };
        let share = -excess(low) / (excess(high) - excess(low));
        self.far(low) + share * (self.far(high) - self.far(low))
    }

    /// The true-accept rate at a false-accept rate, read with caution: the greatest of all thresholds whose
    /// false-accept rate is at most `target`.
    ///
    /// # Errors
    /// [`JudgeError::Unresolved`] where fewer than ten false accepts are expected at `target`;
    /// [`JudgeError::Rate`] where it is no rate.
    pub fn tar_at_far(&self, target: f64, confidence: Confidence) -> Result<TarAtFar, JudgeError> {
        resolves(target, self.impostors())?;
        let within = self.points.partition_point(|&point| self.far(point) <= target);
        let most = within.checked_sub(1).map_or(Point::NOTHING, |last| self.points[last]);
        // Among thresholds that accept as many genuine pairs, the highest: it accepts the fewest others.
        let first = self.points.partition_point(|point| point.true_accepts < most.true_accepts);
        Ok(self.operation(target, self.points.get(first).copied().unwrap_or(most), confidence))
    }

    /// The true-accept rate at the threshold whose false-accept rate is *nearest* to `target`, which
    /// insightface's evaluation of IJB reports. That rate may be above `target`. Among equally near points of the
    /// curve without its intermediate ones, the one with the greater true-accept rate counts.
    ///
    /// # Errors
    /// As [`tar_at_far`](Self::tar_at_far).
    pub fn tar_at_nearest_far(&self, target: f64, confidence: Confidence) -> Result<TarAtFar, JudgeError> {
        resolves(target, self.impostors())?;
        let corners = self.without_intermediate();
        let distance = |point: &Point| (self.far(*point) - target).abs();
        let nearest = corners.points.iter().rev().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        Ok(self.operation(target, nearest.copied().unwrap_or(Point::NOTHING), confidence))
    }

    fn operation(&self, target: f64, point: Point, confidence: Confidence) -> TarAtFar {
        TarAtFar {
            target,
            threshold: point.threshold,
            far: self.far(point),
            tar: self.tar(point),
            tar_interval: wilson(point.true_accepts, self.genuine(), confidence),
            far_interval: wilson(point.false_accepts, self.impostors(), confidence),
        }
    }
}

impl Point {
    /// Where every curve starts.
    pub(crate) const NOTHING: Point = Point { threshold: f64::INFINITY, false_accepts: 0, true_accepts: 0 };
}

/// Whether `impostors` scores resolve a false-accept rate: ten false accepts must be expected.
pub(crate) fn resolves(target: f64, impostors: u64) -> Result<(), JudgeError> {
    if !(target > 0.0 && target <= 1.0) {
        return Err(JudgeError::Rate { value: target });
    }
    if target < 10.0 / impostors as f64 {
        let needed = (10.0 / target).ceil() as u64;
        return Err(JudgeError::Unresolved { target, needed, found: impostors });
    }
    Ok(())
}

/// Refuses scores that are none and scores of one kind.
pub(crate) fn check(trials: &[Trial]) -> Result<(), JudgeError> {
    if trials.is_empty() {
        return Err(JudgeError::Empty { what: "scores" });
    }
    if let Some(index) = trials.iter().position(|trial| !trial.score.is_finite()) {
        return Err(JudgeError::NotFinite { index, value: trials[index].score });
    }
    let genuine = trials.iter().filter(|trial| trial.same).count() as u64;
    let impostors = trials.len() as u64 - genuine;
    if genuine == 0 || impostors == 0 {
        return Err(JudgeError::OneClass { genuine, impostors, place: String::new() });
    }
    Ok(())
}
