//! The functions that are the same in f32 and f64, over what [`Parts`](super::parts::Parts) brings.

use super::{Isa, Real};

/// a·b − c, where that is small, to about one rounding of the result.
#[inline(always)]
fn product_minus<R: Real, I: Isa>(a: R, b: R, c: R) -> R {
    if I::FUSED {
        return a.mul_add::<I>(b, -c);
    }
    // Halves, whose products are exact.
    let (a_upper, b_upper) = (a.upper(), b.upper());
    let (a_lower, b_lower) = (a - a_upper, b - b_upper);
    (a_upper * b_upper - c) + (a_upper * b_lower + (a_lower * b_upper + a_lower * b_lower))
}

/// a·b as a rounded product and its error.
#[inline(always)]
fn product<R: Real, I: Isa>(a: R, b: R) -> (R, R) {
    let high = a * b;
    (high, product_minus::<R, I>(a, b, high))
}

/// a + b as a rounded sum and its error, for |a| ≥ |b| or a = 0.
#[inline(always)]
fn sum<R: Real>(a: R, b: R) -> (R, R) {
    let high = a + b;
    (high, b - (high - a))
}

/// [`Real::exp2_scaled`] where the power isn't too large, and the sum that holds the power; `magic` is `MAGIC` − shift.
#[inline(always)]
fn exp2_below<R: Real, I: Isa>(z: R, high: R, low: R, magic: R) -> (R, R) {
    let t = z.mul_add::<I>(high, magic);
    let f = z.mul_add::<I>(low, product_minus::<R, I>(z, high, t - magic));
    let scaled = R::exp2_part::<I>(f).scaled(t);
    // t grows with z even where it is too large to hold a whole number in its last bits.
    (if t < R::MAGIC + R::LEAST_POWER { R::ZERO } else { scaled }, t)
}

/// [`Real::exp2_scaled`]
#[inline(always)]
pub(super) fn exp2_scaled<R: Real, I: Isa>(z: R, high: R, low: R, shift: R) -> R {
    // The sum with the shift doesn't hang on z, so a loop computes it once.
    let (value, t) = exp2_below::<R, I>(z, high, low, R::MAGIC - shift);
    if t > R::MAGIC + R::GREATEST_POWER { R::INFINITY } else { value }
}

/// e⁻|ˣ|
#[inline(always)]
fn exp_below<R: Real, I: Isa>(x: R) -> R {
    exp2_below::<R, I>(-Real::abs(x), R::LOG2_E.0, R::LOG2_E.1, R::MAGIC).0
}

/// eˣ − 1 for an x that isn't large, and the sum that holds the exponent of eˣ.
#[inline(always)]
fn expm1_near<R: Real, I: Isa>(x: R) -> (R, R) {
    let t = x.mul_add::<I>(R::LOG2_E.0, R::MAGIC);
    let n = R::MAGIC - t;
    let r = n.mul_add::<I>(R::LN_2.1, n.mul_add::<I>(R::LN_2.0, x));
    let scale = R::ONE.scaled(t);
    (scale.mul_add::<I>(R::expm1_part::<I>(r), scale - R::ONE), t)
}

/// [`Real::expm1`]
#[inline(always)]
pub(super) fn expm1<R: Real, I: Isa>(x: R) -> R {
    let (near, t) = expm1_near::<R, I>(x);
    let near = if t < R::MAGIC + R::LEAST_POWER { -R::ONE } else { near };
    if t > R::MAGIC + R::GREATEST_POWER { R::INFINITY } else { near }
}

/// [`Real::tanh`]
#[inline(always)]
pub(super) fn tanh<R: Real, I: Isa>(x: R) -> R {
    let size = Real::min(Real::abs(x), R::TANH_ONE);
    let (e, _) = expm1_near::<R, I>(size + size);
    (e / (e + R::TWO)).flip(x)
}

/// [`Real::sigmoid`]
#[inline(always)]
pub(super) fn sigmoid<R: Real, I: Isa>(x: R) -> R {
    let e = exp_below::<R, I>(x);
    (if x < R::ZERO { e } else { R::ONE }) / (R::ONE + e)
}

/// [`Real::softplus`]
#[inline(always)]
pub(super) fn softplus<R: Real, I: Isa>(x: R) -> R {
    let e = exp_below::<R, I>(x);
    // 1 + e = 2(1 + f) keeps f in the polynomial's range.
    let upper = e > R::SPLIT;
    let f = if upper { R::HALF.mul_add::<I>(e, -R::HALF) } else { e };
    let k = if upper { R::ONE } else { R::ZERO };
    Real::relu(x) + R::ln_part::<I>(k, f)
}

/// [`Real::ln`]
#[inline(always)]
pub(super) fn ln<R: Real, I: Isa>(x: R) -> R {
    let (k, f) = x.log_split();
    let value = R::ln_part::<I>(k, f);
    if x <= R::ZERO { R::LN_0 } else { value }
}

/// [`Real::log1p`]
#[inline(always)]
pub(super) fn log1p<R: Real, I: Isa>(x: R) -> R {
    let (k, f) = x.log1p_split();
    let value = R::ln_part::<I>(k, f);
    if x <= -R::ONE { R::LN_0 } else { value }
}

/// sin(x + n·π/2) for u = `MAGIC` + n
#[inline(always)]
pub(super) fn turn<R: Real, I: Isa>(x: R, u: R) -> R {
    let x = if Real::abs(x) > R::FAR { R::ZERO } else { x };
    let t = x.mul_add::<I>(R::QUARTERS, R::MAGIC);
    let n = R::MAGIC - t;
    let r = if I::FUSED {
        let [a, b, c] = R::QUARTER_FUSED;
        n.mul_add::<I>(c, n.mul_add::<I>(b, n.mul_add::<I>(a, x)))
    } else {
        let [a, b, c, d] = R::QUARTER_PLAIN;
        (((x + n * a) + n * b) + n * c) + n * d
    };
    let z = r * r;
    let sin = (r * z).mul_add::<I>(R::sin_part::<I>(z), r);
    let cos = (z * z).mul_add::<I>(R::cos_part::<I>(z), z.mul_add::<I>(-R::HALF, R::ONE));
    R::quadrant(sin, cos, t, u)
}

/// The angle of a cosine as m·π/2 + rest for m of 0, 1 and 2. The rest is small, and relatively exact, near −1, 0 and 1.
#[inline(always)]
fn angle<R: Real, I: Isa>(cosine: R) -> (R, R) {
    let size = Real::min(Real::abs(cosine), R::ONE);
    let far = size > R::HALF;
    let z = if far { R::HALF.mul_add::<I>(-size, R::HALF) } else { size * size };
    let root = Real::sqrt(z);
    let x = if far { root } else { size };
    let asin = (x * z).mul_add::<I>(R::asin_part::<I>(z), x);
    let rest = if far { asin + asin } else { -asin };
    let end = if cosine < R::ZERO { R::TWO } else { R::ZERO };
    (if far { end } else { R::ONE }, rest.flip(cosine))
}

/// [`Real::acos`]
#[inline(always)]
pub(super) fn acos<R: Real, I: Isa>(cosine: R) -> R {
    let (m, rest) = angle::<R, I>(cosine);
    m.mul_add::<I>(R::QUARTER_FUSED[0], m.mul_add::<I>(R::QUARTER_FUSED[1], rest))
}

/// sin(aθ + n·π/2) for the angle θ of a cosine and u = `MAGIC` + n. The quarter turns of aθ are counted apart, so
/// that for a whole a the result near 0 at the ends is as exact as the angle's distance from them.
#[inline(always)]
pub(super) fn turn_angle<R: Real, I: Isa>(a: R, cosine: R, u: R) -> R {
    let a = if Real::abs(a) > R::FAR { R::ZERO } else { a };
    let (m, rest) = angle::<R, I>(cosine);
    let quarters = a * m;
    // u holds a few whole numbers only, so the sum holds theirs and the new one.
    let t = quarters + u;
    let part = quarters - (t - u);
    turn::<R, I>(part.mul_add::<I>(R::QUARTER_FUSED[0], a * rest), t)
}

/// The nearest cosine inside (−1, 1).
#[inline(always)]
fn inside<R: Real>(cosine: R) -> R {
    Real::max(Real::min(cosine, R::INSIDE), -R::INSIDE)
}

/// [`Real::sin_acos`]
#[inline(always)]
pub(super) fn sin_acos<R: Real>(cosine: R) -> R {
    Real::sqrt((R::ONE - cosine) * (R::ONE + cosine))
}

/// [`Real::csc`]
#[inline(always)]
pub(super) fn csc<R: Real>(cosine: R) -> R {
    R::ONE / sin_acos(inside(cosine))
}

/// [`Real::sin_ratio`]
#[inline(always)]
pub(super) fn sin_ratio<R: Real, I: Isa>(a: R, cosine: R) -> R {
    let cosine = inside(cosine);
    turn_angle::<R, I>(a, cosine, R::MAGIC) / sin_acos(cosine)
}

/// [`Real::pow`]
#[inline(always)]
pub(super) fn pow<R: Real, I: Isa>(x: R, y: R) -> R {
    let size = Real::abs(x);
    // The error of a logarithm is multiplied by y, so log₂|x| = k + 2·log₂(e)·atanh(s) is carried in two parts.
    let (k, f) = size.log_split();
    // s = f/(2 + f)
    let below = R::TWO + f;
    let below_low = f - (below - R::TWO);
    let inverse = R::ONE / below;
    let s = f * inverse;
    let s_low = -inverse * s.mul_add::<I>(below_low, product_minus::<R, I>(s, below, f));
    let (z, z_low) = product::<R, I>(s, s);
    let z_low = (s + s).mul_add::<I>(s_low, z_low);
    // w = atanh(s)/s − 1
    let (w, w_low) = product::<R, I>(z, R::THIRD.0);
    let w_low = w_low + z.mul_add::<I>(R::THIRD.1, z_low * R::THIRD.0);
    let (w, w_low) = sum(w, (z * z).mul_add::<I>(R::atanh_part::<I>(z), w_low));
    // g = s·2·log₂ e
    let scale = (R::TWO * R::LOG2_E.0, R::TWO * R::LOG2_E.1);
    let (g, g_low) = product::<R, I>(s, scale.0);
    let g_low = s.mul_add::<I>(scale.1, s_low.mul_add::<I>(scale.0, g_low));
    let (h, h_low) = product::<R, I>(g, w);
    let h_low = g.mul_add::<I>(w_low, g_low.mul_add::<I>(w, h_low));
    let (high, rest) = sum(k, g);
    let (high, more) = sum(high, h);
    let (high, low) = sum(high, (rest + more) + (g_low + h_low));
    // A power of 0 is one of next to nothing, except that 0·∞ must not come about.
    let high = if size == R::ZERO { R::LEAST } else { high };
    let value = exp2_scaled::<R, I>(y, high, low, R::ZERO);
    let signed = value.flip(R::sign_of_odd(y + R::MAGIC));
    if x < R::ZERO { signed } else { value }
}

/// Makes a float a [`Real`].
macro_rules! real {
    ($float:ident) => {
        impl Real for $float {
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value.clamp(f64::from($float::MIN), f64::from($float::MAX)) as $float
            }
            #[inline(always)]
            fn rounded(value: f64) -> Self {
                value as $float
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn mul_add<I: Isa>(self, b: Self, c: Self) -> Self {
                if I::FUSED { $float::mul_add(self, b, c) } else { self * b + c }
            }
            #[inline(always)]
            fn exp2_scaled<I: Isa>(z: Self, high: Self, low: Self, shift: Self) -> Self {
                derived::exp2_scaled::<Self, I>(z, high, low, shift)
            }
            #[inline(always)]
            fn exp<I: Isa>(self) -> Self {
                derived::exp2_scaled::<Self, I>(self, Self::LOG2_E.0, Self::LOG2_E.1, 0.0)
            }
            #[inline(always)]
            fn ln<I: Isa>(self) -> Self {
                derived::ln::<Self, I>(self)
            }
            #[inline(always)]
            fn log1p<I: Isa>(self) -> Self {
                derived::log1p::<Self, I>(self)
            }
            #[inline(always)]
            fn expm1<I: Isa>(self) -> Self {
                derived::expm1::<Self, I>(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $float::sqrt(if self > 0.0 { self } else { 0.0 })
            }
            #[inline(always)]
            fn sin<I: Isa>(self) -> Self {
                derived::turn::<Self, I>(self, Self::MAGIC)
            }
            #[inline(always)]
            fn cos<I: Isa>(self) -> Self {
                derived::turn::<Self, I>(self, Self::MAGIC + 1.0)
            }
            #[inline(always)]
            fn tanh<I: Isa>(self) -> Self {
                derived::tanh::<Self, I>(self)
            }
            #[inline(always)]
            fn sigmoid<I: Isa>(self) -> Self {
                derived::sigmoid::<Self, I>(self)
            }
            #[inline(always)]
            fn softplus<I: Isa>(self) -> Self {
                derived::softplus::<Self, I>(self)
            }
            #[inline(always)]
            fn relu(self) -> Self {
                if self > 0.0 { self } else { 0.0 }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $float::abs(self)
            }
            #[inline(always)]
            fn floor(self) -> Self {
                $float::floor(self)
            }
            #[inline(always)]
            fn parity(self) -> Self {
                Self::sign_of_odd(self + Self::MAGIC)
            }
            #[inline(always)]
            fn acos<I: Isa>(self) -> Self {
                derived::acos::<Self, I>(self)
            }
            #[inline(always)]
            fn sin_acos(self) -> Self {
                derived::sin_acos(self)
            }
            #[inline(always)]
            fn csc(self) -> Self {
                derived::csc(self)
            }
            #[inline(always)]
            fn pow<I: Isa>(self, y: Self) -> Self {
                derived::pow::<Self, I>(self, y)
            }
            #[inline(always)]
            fn cos_angle<I: Isa>(a: Self, cosine: Self) -> Self {
                derived::turn_angle::<Self, I>(a, cosine, Self::MAGIC + 1.0)
            }
            #[inline(always)]
            fn sin_angle<I: Isa>(a: Self, cosine: Self) -> Self {
                derived::turn_angle::<Self, I>(a, cosine, Self::MAGIC)
            }
            #[inline(always)]
            fn sin_ratio<I: Isa>(a: Self, cosine: Self) -> Self {
                derived::sin_ratio::<Self, I>(a, cosine)
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                if self <= other { self } else { other }
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                if other <= self { self } else { other }
            }
        }
    };
}
pub(super) use real;
