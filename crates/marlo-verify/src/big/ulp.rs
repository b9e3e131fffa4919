//! Errors in units of the last place.

use num_traits::Zero;

use super::{Big, Form};

/// The format whose last place is the unit.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// IEEE single precision: 24 bits.
    F32,
    /// IEEE double precision: 53 bits.
    F64,
}

impl Precision {
    /// Its name: `f32` or `f64`.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        }
    }

    /// The bits of a mantissa.
    pub fn bits(self) -> i32 {
        match self {
            Precision::F32 => 24,
            Precision::F64 => 53,
        }
    }

    /// The exponents of the smallest and of the largest normal number.
    pub fn exponents(self) -> (i32, i32) {
        match self {
            Precision::F32 => (-126, 127),
            Precision::F64 => (-1022, 1023),
        }
    }

    /// The largest finite number.
    pub fn largest(self) -> f64 {
        match self {
            Precision::F32 => f64::from(f32::MAX),
            Precision::F64 => f64::MAX,
        }
    }

    /// The nearest number of this precision.
    pub fn round(self, value: f64) -> f64 {
        match self {
            Precision::F32 => f64::from(value as f32),
            Precision::F64 => value,
        }
    }

    /// The power of two of the last place of a number of that exponent.
    pub(super) fn unit(self, exponent: i32) -> i32 {
        exponent.max(self.exponents().0).saturating_sub(self.bits() - 1)
    }
}

impl Big {
    /// |computed − exact| in units of the last place of `self`, the exact value, at a precision.
    ///
    /// The unit is never less than the smallest normal number, so that a device which flushes denormal numbers to zero is
    /// off by less than 1, and so that no one is charged for terms that were denormal. Where the exact value rounds to an
    /// infinity, that infinity is off by 0; any other number that isn't finite is infinitely far off.
    pub fn ulps(self, computed: f64, precision: Precision) -> f64 {
        if self.form == Form::Nan {
            return if computed.is_nan() { 0.0 } else { f64::INFINITY };
        }
        if !computed.is_finite() || !self.is_finite() {
            return if self.round(precision) == computed { 0.0 } else { f64::INFINITY };
        }
        self.units(Big::from_double(computed) - self, precision)
    }

    /// The size of a finite error in units of the last place of `self`, as [`Big::ulps`] counts them.
    pub fn units(self, error: Big, precision: Precision) -> f64 {
        if error.is_zero() {
            return 0.0;
        }
        let smallest = precision.exponents().0;
        let unit = self.log2().map_or(smallest, |exponent| precision.unit(exponent).max(smallest));
        (error.abs() / Big::power_of_two(unit)).round(Precision::F64)
    }
}
