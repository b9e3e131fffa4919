//! Between [`Big`], f64 and decimal text.

use std::fmt;

use astro_float_num::{Radix, RoundingMode};

use super::{BITS, Big, Form, Precision, computed};

/// Text that is no number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no number of radix {radix}; the radix is one of 2, 8, 10 and 16")]
pub struct ParseBigError {
    text: String,
    radix: u32,
}

pub(super) fn parse(text: &str, radix: u32) -> Result<Big, ParseBigError> {
    let error = || ParseBigError { text: text.to_owned(), radix };
    let base = match radix {
        2 => Radix::Bin,
        8 => Radix::Oct,
        10 => Radix::Dec,
        16 => Radix::Hex,
        _ => return Err(error()),
    };
    // astro-float stops at the first character that it can't read.
    let digits = text.trim().trim_start_matches(['+', '-']);
    let whole = digits.chars().all(|c| c == '.' || c.is_digit(radix)) && digits.matches('.').count() < 2;
    if !(whole && !digits.is_empty() || radix == 10 && digits.parse::<f64>().is_ok()) {
        return Err(error());
    }
    let value = computed(|consts| {
        astro_float_num::BigFloat::parse(text.trim(), base, BITS + 64, RoundingMode::ToEven, consts)
    });
    if value.form == Form::Nan { Err(error()) } else { Ok(value) }
}

impl Big {
    /// The number that a decimal such as `-1.5e-30` stands for, to 256 bits.
    ///
    /// # Errors
    /// When the text is no decimal number.
    pub fn from_decimal(text: &str) -> Result<Big, ParseBigError> {
        parse(text, 10)
    }

    /// Exactly the value of an f64.
    pub fn from_double(value: f64) -> Big {
        if value.is_nan() {
            return Big::NAN;
        }
        let negative = value.is_sign_negative();
        if value.is_infinite() {
            return Big::infinite(negative);
        }
        let bits = value.to_bits();
        let (biased, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
        // value = digits · 2^(power)
        let (digits, power) =
            if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
        if digits == 0 {
            return Big::ZERO;
        }
        let shift = digits.leading_zeros();
        let words = [0, 0, 0, digits << shift];
        Big { form: Form::Finite, negative, exponent: power + 64 - shift as i32, words }
    }

    /// The nearest number of a precision, as an f64; ties go to the even one, and denormal numbers are rounded once.
    pub fn round(self, precision: Precision) -> f64 {
        let sign = if self.negative { -1.0 } else { 1.0 };
        match self.form {
            Form::Zero => 0.0,
            Form::Nan => f64::NAN,
            Form::Infinite => sign * f64::INFINITY,
            Form::Finite => sign * self.round_size(precision),
        }
    }

    fn round_size(self, precision: Precision) -> f64 {
        // The number is digits · 2^unit with as many bits as there is room for.
        let unit = precision.unit(self.exponent - 1);
        let kept = self.exponent.saturating_sub(unit);
        if kept < 0 {
            return 0.0;
        }
        let top = if kept == 0 { 0 } else { self.words[3] >> (64 - kept) };
        let rest = if kept == 0 { self.words[3] } else { self.words[3] << kept };
        let below = self.words[..3].iter().any(|&w| w != 0);
        let half = 1 << 63;
        let up = rest > half || rest == half && (below || top & 1 == 1);
        let digits = top + u64::from(up);
        if self.exponent > precision.exponents().1 + 1 {
            return f64::INFINITY;
        }
        let value = libm::ldexp(digits as f64, unit);
        if value > precision.largest() { f64::INFINITY } else { value }
    }
}

impl fmt::Display for Big {
    /// 40 digits, or as many as the formatter's precision says (`{:.20}`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        match self.form {
            Form::Zero => return f.write_str("0"),
            Form::Infinite => return write!(f, "{sign}inf"),
            Form::Nan => return f.write_str("NaN"),
            Form::Finite => {}
        }
        let wanted = f.precision().unwrap_or(40).max(1);
        let mut text = String::new();
        computed(|consts| {
            text = self.abs().to_float().format(Radix::Dec, RoundingMode::ToEven, consts).unwrap_or_default();
            self.to_float()
        });
        // astro-float writes one digit, a point, all digits and an exponent: cut to what is wanted.
        let (digits, power) = text.split_once('e').unwrap_or((&text, ""));
        let digits: String = digits.chars().filter(char::is_ascii_digit).take(wanted).collect();
        let (first, rest) = digits.split_at(digits.len().min(1));
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        let power = power.trim_start_matches('+');
        let power = if power.is_empty() || power == "0" { String::new() } else { format!("e{power}") };
        write!(f, "{sign}{first}{point}{rest}{power}")
    }
}
