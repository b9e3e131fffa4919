//! What the functions in f32 and f64 don't share: constants, polynomials and the handling of bits.

use super::Isa;
use crate::compiled::{Code, Entry};

/// The constants and the innermost steps of one precision.
pub trait Parts: Sized {
    /// 0
    const ZERO: Self;
    /// 1/2
    const HALF: Self;
    /// 1
    const ONE: Self;
    /// 2
    const TWO: Self;
    /// The least finite number.
    const LEAST: Self;
    /// +∞
    const INFINITY: Self;
    /// 1.5·2²³ or 1.5·2⁵²: added to it, a number up to a quarter of its size is rounded to a whole one, which is then the
    /// last bits of the sum.
    const MAGIC: Self;
    /// The least whole power of two that [`Parts::scaled`] reaches from 2^f with |f| ≤ 1/2 without a denormal number.
    const LEAST_POWER: Self;
    /// The greatest such power without an overflow.
    const GREATEST_POWER: Self;
    /// log₂ e in two parts.
    const LOG2_E: (Self, Self);
    /// ln 2 in two parts, of which the first times an exponent is exact.
    const LN_2: (Self, Self);
    /// 1/3 in two parts.
    const THIRD: (Self, Self);
    /// √2 − 1
    const SPLIT: Self;
    /// What stands for ln 0.
    const LN_0: Self;
    /// 2/π
    const QUARTERS: Self;
    /// π/2 in full parts.
    const QUARTER_FUSED: [Self; 3];
    /// π/2 in parts of which the first, times some thousands, are exact.
    const QUARTER_PLAIN: [Self; 4];
    /// The largest angle that is reduced; what is beyond counts as 0, and so does a factor of an angle.
    const FAR: Self;
    /// The nearest number to 1 below it.
    const INSIDE: Self;
    /// An argument from which on tanh is 1.
    const TANH_ONE: Self;
    /// The largest exponent, as a power of two, that has digits behind the point.
    const FARTHEST: f64;

    /// The loop of this precision among those of a compiled sweep.
    fn compiled(entry: &Entry) -> Code<Self>;
    /// The number without the lower half of its digits.
    fn upper(self) -> Self;
    /// The number with its sign turned where that of `by` is minus.
    fn flip(self, by: Self) -> Self;
    /// x·2^n for t = [`Parts::MAGIC`] + n, by adding to the exponent.
    fn scaled(self, t: Self) -> Self;
    /// −1 where the whole number n of t = [`Parts::MAGIC`] + n is odd, else 1.
    fn sign_of_odd(t: Self) -> Self;
    /// sin(r + (n + ahead)·π/2) from sin r and cos r, for t = [`Parts::MAGIC`] + n and u = [`Parts::MAGIC`] + ahead.
    fn quadrant(sin: Self, cos: Self, t: Self, u: Self) -> Self;
    /// x = 2^k·(1 + f) with 1 + f between √½ and √2: k and f. The smallest normal number stands for what is below it.
    fn log_split(self) -> (Self, Self);
    /// 1 + x = 2^k·(1 + f) likewise, with f of full precision.
    fn log1p_split(self) -> (Self, Self);
    /// 2^f for |f| ≤ 1/2
    fn exp2_part<I: Isa>(f: Self) -> Self;
    /// eʳ − 1 for |r| ≤ ln(2)/2
    fn expm1_part<I: Isa>(r: Self) -> Self;
    /// k·ln 2 + ln(1 + f) for 1 + f between √½ and √2
    fn ln_part<I: Isa>(k: Self, f: Self) -> Self;
    /// (sin r)/r − 1 over r² for |r| ≤ π/4, from z = r²
    fn sin_part<I: Isa>(z: Self) -> Self;
    /// cos r − 1 + r²/2 over r⁴ for |r| ≤ π/4, from z = r²
    fn cos_part<I: Isa>(z: Self) -> Self;
    /// (asin x)/x − 1 over x² for |x| ≤ 1/2, from z = x²
    fn asin_part<I: Isa>(z: Self) -> Self;
    /// (atanh x)/x − 1 − x²/3 over x⁴ for |x| ≤ 3 − 2√2, from z = x²
    fn atanh_part<I: Isa>(z: Self) -> Self;
}
