//! Elementary functions for loops that the compiler turns into vector code: scalar, without branches or calls.
//!
//! A function of std is a call, and a loop with a call stays scalar. These are polynomials over +, −, ×, ÷, √, comparisons
//! and shifts of bits, so a loop over them becomes AVX-512, AVX2 or NEON code by itself when it is compiled for one of
//! these (see [`crate::isa`]). Each states its bound in units in the last place, and a test measures it.

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
    /// The same number in f64.
    fn to_f64(self) -> f64;

    /// a·b + c, in one rounding where that is an instruction.
    fn mul_add<I: Isa>(self, b: Self, c: Self) -> Self;
    /// 2^(z·(high + low) − shift) for a whole `shift`: the exponential of a product whose first factor is known to more
    /// digits than this precision holds. 0 where it would be below the normal range (less than 2^−125 in f32), +∞ or the
    /// greatest finite number where it would be above; never NaN for a z that is not NaN.
    fn exp2_scaled<I: Isa>(z: Self, high: Self, low: Self, shift: Self) -> Self;
    /// eˣ, 0 below the normal range.
    fn exp<I: Isa>(self) -> Self;
    /// ln x; −10³⁰ for 0, which leaves a class of weight 0 out.
    fn ln<I: Isa>(self) -> Self;
    /// ln(1 + x)
    fn log1p<I: Isa>(self) -> Self;
    /// eˣ − 1
    fn expm1<I: Isa>(self) -> Self;
    /// √x, 0 for x < 0
    fn sqrt(self) -> Self;
    /// sin x
    fn sin<I: Isa>(self) -> Self;
    /// cos x
    fn cos<I: Isa>(self) -> Self;
    /// tanh x
    fn tanh<I: Isa>(self) -> Self;
    /// σ(x), exact in both tails
    fn sigmoid<I: Isa>(self) -> Self;
    /// ln(1 + eˣ), exact in both tails
    fn softplus<I: Isa>(self) -> Self;
    /// max(x, 0)
    fn relu(self) -> Self;
    /// |x|
    fn abs(self) -> Self;
    /// The greatest whole number not above x.
    fn floor(self) -> Self;
    /// (−1)ᵏ for a whole number k.
    fn parity(self) -> Self;
    /// The angle of a cosine; past ±1 it counts as ±1.
    fn acos<I: Isa>(self) -> Self;
    /// sin of the angle of a cosine: √((1 − c)(1 + c)), 0 past ±1.
    fn sin_acos(self) -> Self;
    /// 1/sin of the angle of a cosine; at ±1 that of the nearest cosine inside.
    fn csc(self) -> Self;
    /// xʸ, for x ≥ 0 or a whole number y; 0⁰ = 1.
    fn pow<I: Isa>(self, y: Self) -> Self;
    /// cos(aθ) for the angle θ of a cosine.
    fn cos_angle<I: Isa>(a: Self, cosine: Self) -> Self;
    /// sin(aθ) for the angle θ of a cosine.
    fn sin_angle<I: Isa>(a: Self, cosine: Self) -> Self;
    /// sin(aθ)/sin θ for the angle θ of a cosine; at ±1 that of the nearest cosine inside.
    fn sin_ratio<I: Isa>(a: Self, cosine: Self) -> Self;
    /// min(x, y)
    fn min(self, other: Self) -> Self;
    /// max(x, y)
    fn max(self, other: Self) -> Self;
}
