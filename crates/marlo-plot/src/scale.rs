//! Axes: what they run through, where their ticks stand, and how numbers are written.

use crate::label::Label;

/// What an angle is measured in on an axis.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Degrees, from 0 to 180.
    #[default]
    Degrees,
    /// The angle's cosine, from −1 to 1.
    Cosine,
}

impl Unit {
    /// The whole axis.
    pub fn range(self) -> (f64, f64) {
        match self {
            Unit::Degrees => (0.0, 180.0),
            Unit::Cosine => (-1.0, 1.0),
        }
    }

    /// The cosine at a place of the axis.
    pub fn cosine(self, x: f64) -> f64 {
        match self {
            Unit::Degrees => x.to_radians().cos(),
            Unit::Cosine => x,
        }
    }

    /// The axis's label for the angle of that index.
    pub(crate) fn label(self, index: &str) -> Label {
        match self {
            Unit::Degrees => Label::math(&format!("θ_{index} in degrees")),
            Unit::Cosine => Label::math(&format!("cos θ_{index}")),
        }
    }
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it means.
    pub label: Label,
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
    /// Is it of degrees?
    pub degrees: bool,
}

impl Axis {
    /// The axis of an angle.
    pub(crate) fn angle(unit: Unit, range: (f64, f64), index: &str) -> Axis {
        Axis { label: unit.label(index), low: range.0, high: range.1, degrees: unit == Unit::Degrees }
    }

    /// An axis with room for all the values, beginning and ending a little beyond them.
    pub fn around(label: Label, values: impl Iterator<Item = f64>) -> Axis {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        // Not so flat that rounding becomes a mountain range.
        let room = (0.04 * (high - low)).max(1e-3 * high.abs().max(low.abs()).max(1.0));
        Axis { label, low: low - room, high: high + room, degrees: false }
    }

    /// How far along the axis a value stands, from 0 to 1.
    pub(crate) fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    /// The value at a share of the axis.
    pub(crate) fn value(&self, share: f64) -> f64 {
        self.low + share * (self.high - self.low)
    }

    /// An even grid of values, both ends included.
    pub(crate) fn grid(&self, count: usize) -> Vec<f64> {
        let last = (count - 1) as f64;
        // The end itself, not what rounding makes of it: a cosine just past −1 is another place.
        (0..count).map(|at| if at + 1 == count { self.high } else { self.value(at as f64 / last) }).collect()
    }

    /// Its ticks, with their numbers; about `wanted` of them.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<(f64, String)> {
        let step = self.step(wanted);
        let sign = if self.degrees { "°" } else { "" };
        multiples(self.low, self.high, step)
            .into_iter()
            .map(|tick| (tick, number(tick, decimals(step)) + sign))
            .collect()
    }

    fn step(&self, wanted: usize) -> f64 {
        let rough = (self.high - self.low) / wanted.max(1) as f64;
        let of_circle = [5.0, 10.0, 15.0, 30.0, 45.0, 60.0, 90.0];
        match of_circle.into_iter().find(|step| *step >= 0.999 * rough) {
            Some(step) if self.degrees && rough > 2.0 => step,
            _ => nice(rough),
        }
    }
}

/// The next of 1, 2, 2.5, 5 times a power of ten that is not smaller.
pub(crate) fn nice(rough: f64) -> f64 {
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|f| f * power >= 0.999 * rough);
    factor.unwrap_or(10.0) * power
}

/// The multiples of the step in a range.
pub(crate) fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let slack = 1e-6 * step;
    let first = ((low - slack) / step).ceil();
    let count = ((high + slack) / step).floor() - first;
    if !(0.0..=1000.0).contains(&count) {
        return Vec::new();
    }
    (0..=count as usize).map(|at| (first + at as f64) * step + 0.0).collect()
}

/// The digits behind the point that tell multiples of the step apart.
pub(crate) fn decimals(step: f64) -> usize {
    (0..12).find(|&d| ((step * 10f64.powi(d)) - (step * 10f64.powi(d)).round()).abs() < 1e-6).unwrap_or(12)
        as usize
}

/// A number with so many digits behind the point and a true minus; very large and very small ones with a power of ten.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let text = if value != 0.0 && (value.abs() >= 1e6 || decimals > 6) {
        format!("{value:.2e}")
    } else {
        format!("{value:.decimals$}")
    };
    let is_zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    if is_zero { text.trim_start_matches('-').to_owned() } else { text.replace('-', "−") }
}

/// A number with four digits at most.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let whole = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&whole) {
        return format!("{value:.3e}").replace('-', "−");
    }
    let text = number(value, (3.0 - whole).max(0.0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(64.0, "64"), (0.5, "0.5"), (-1.25, "−1.25"), (1e-7, "1.000e−7"), (0.0, "0"), (88.6479, "88.65")]
        {
            assert_eq!(short(value), text);
        }
        assert_eq!(number(-0.0001, 2), "0.00");
    }

    #[test]
    fn ticks_are_round() {
        let axis = Axis::angle(Unit::Degrees, (0.0, 180.0), "y");
        let ticks: Vec<String> = axis.ticks(6).into_iter().map(|tick| tick.1).collect();
        assert_eq!(ticks, ["0°", "30°", "60°", "90°", "120°", "150°", "180°"]);
        let axis = Axis::angle(Unit::Cosine, (-1.0, 1.0), "y");
        let ticks: Vec<String> = axis.ticks(5).into_iter().map(|tick| tick.1).collect();
        assert_eq!(ticks, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
    }

    #[test]
    fn flat_values_have_an_axis() {
        let axis = Axis::around(Label::plain("x"), [2.0, 2.0].into_iter());
        assert!(axis.low < 2.0 && axis.high > 2.0);
        assert!(!axis.ticks(5).is_empty());
        let axis = Axis::around(Label::plain("x"), std::iter::empty());
        assert!(!axis.ticks(5).is_empty());
    }
}
