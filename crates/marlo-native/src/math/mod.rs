//! Elementary functions for loops that the compiler turns into vector code: scalar, without branches or calls.
//!
//! A function of std is a call, and a loop with a call stays scalar. These are polynomials over +, −, ×, ÷, √, comparisons
//! and shifts of bits, so a loop over them becomes AVX-512, AVX2 or NEON code by itself when it is compiled for one of
//! these. Each states its bound in units in the last place (ulp), which holds in f32 and f64, with and without fused
//! multiply-adds, and which tests measure. A finite number never gives NaN; a NaN need not come out as one.
//!
//! What both precisions share is in `derived`, on the constants and polynomials that `single` and `double` bring.

mod derived;
mod double;
mod parts;
mod single;

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use parts::Parts;

/// What the instructions that code is compiled for can do.
pub trait Isa: Copy + Send + Sync + 'static {
    /// Is there an instruction for a·b + c with one rounding? Without one, it is a call, and a·b + c is rounded twice.
    const FUSED: bool;
}

/// Instructions with a fused multiply-add.
#[derive(Copy, Clone, Debug)]
pub struct Fused;

impl Isa for Fused {
    const FUSED: bool = true;
}

/// Instructions without one.
#[derive(Copy, Clone, Debug)]
pub struct Plain;

impl Isa for Plain {
    const FUSED: bool = false;
}

/// f32 or f64, with the functions that cells are made of.
pub trait Real:
    Parts
    + Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// The number nearest to an f64; what f32 can't hold becomes its greatest finite number.
    fn from_f64(value: f64) -> Self;
    /// The number nearest to an f64, for a result: what f32 can't hold is infinite, and so can't be taken for a number.
    fn rounded(value: f64) -> Self;
    /// The same number in f64.
    fn to_f64(self) -> f64;

    /// a·b + c, in one rounding where that is an instruction.
    fn mul_add<I: Isa>(self, b: Self, c: Self) -> Self;
    /// 2^(z·(high + low) − shift) for a whole `shift`: the exponential of a product whose second factor is known to more
    /// digits than this precision holds. Within 1.5 ulp (1.2 with fused multiply-adds).
    ///
    /// It is 0 below 2^−125.5 in f32 and 2^−1021.5 in f64, and +∞ above 2^127.5 and 2^1023.5, however large the product is,
    /// and for an infinite z. The shift is at most 2²⁰ in size; what hangs on it alone is computed once in a loop.
    fn exp2_scaled<I: Isa>(z: Self, high: Self, low: Self, shift: Self) -> Self;
    /// eˣ, as [`Real::exp2_scaled`]: within 1.5 ulp, 0 for x < −86.99 in f32 and −708.05 in f64, +∞ for x > 88.37 and 709.43.
    fn exp<I: Isa>(self) -> Self;
    /// ln x, within 1 ulp. It is −10³⁰ for 0, which leaves a class of weight 0 out, and below 0. A denormal number counts as
    /// the least normal one.
    fn ln<I: Isa>(self) -> Self;
    /// ln(1 + x), within 1.5 ulp; −10³⁰ for −1 and below.
    fn log1p<I: Isa>(self) -> Self;
    /// eˣ − 1, within 1.5 ulp; +∞ where [`Real::exp`] is.
    fn expm1<I: Isa>(self) -> Self;
    /// √x, 0 for x < 0
    fn sqrt(self) -> Self;
    /// sin x, within 2 ulp for |x| ≤ 100. Up to 8000 the absolute error is below 2·10⁻⁷ in f32; angles beyond 4·10⁶ in f32
    /// and 10⁹ in f64 count as 0.
    fn sin<I: Isa>(self) -> Self;
    /// cos x, as exact as [`Real::sin`] and with the same limits.
    fn cos<I: Isa>(self) -> Self;
    /// tanh x, within 2.5 ulp.
    fn tanh<I: Isa>(self) -> Self;
    /// σ(x), within 2.5 ulp in both tails, as far as [`Real::exp`] isn't 0.
    fn sigmoid<I: Isa>(self) -> Self;
    /// ln(1 + eˣ), within 2 ulp in both tails, as far as [`Real::exp`] isn't 0.
    fn softplus<I: Isa>(self) -> Self;
    /// max(x, 0)
    fn relu(self) -> Self;
    /// |x|
    fn abs(self) -> Self;
    /// The greatest whole number not above x.
    fn floor(self) -> Self;
    /// (−1)ᵏ for a whole number k, of at most 2²² in size in f32 and 2⁵¹ in f64.
    fn parity(self) -> Self;
    /// The angle of a cosine, within 1.5 ulp; past ±1 it counts as ±1.
    fn acos<I: Isa>(self) -> Self;
    /// sin of the angle of a cosine: √((1 − c)(1 + c)), within 1.5 ulp; 0 past ±1.
    fn sin_acos(self) -> Self;
    /// 1/sin of the angle of a cosine, within 2.5 ulp; at and past ±1 that of the nearest cosine inside.
    fn csc(self) -> Self;
    /// xʸ, for x ≥ 0 or a whole number y; 0⁰ = 1, and 0ʸ = 0 for y > 10⁻³⁵. Within 2 ulp, however large the power, and 0 and +∞ as far out as
    /// [`Real::exp2_scaled`]. A denormal x counts as the least normal number, and where y isn't whole, x < 0 gives ±|x|ʸ.
    fn pow<I: Isa>(self, y: Self) -> Self;
    /// cos(aθ) for the angle θ of a cosine, within (1 + |a|) ulp of 1. For |a| beyond 4·10⁶ in f32 and 10⁹ in f64, a counts as 0.
    fn cos_angle<I: Isa>(a: Self, cosine: Self) -> Self;
    /// sin(aθ) for the angle θ of a cosine, as exact as [`Real::cos_angle`] and with the same limits. For a whole a it keeps
    /// its digits where it nears 0 at ±1.
    fn sin_angle<I: Isa>(a: Self, cosine: Self) -> Self;
    /// sin(aθ)/sin θ for the angle θ of a cosine; at and past ±1 that of the nearest cosine inside. Within 2·(1 + |a|) ulp of
    /// 1, and where a isn't whole, as many over sin θ.
    fn sin_ratio<I: Isa>(a: Self, cosine: Self) -> Self;
    /// min(x, y)
    fn min(self, other: Self) -> Self;
    /// max(x, y)
    fn max(self, other: Self) -> Self;
}
