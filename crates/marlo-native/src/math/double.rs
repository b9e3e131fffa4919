//! The parts of the functions in f64.
//!
//! The polynomials are minimax for the relative error of the function that they are part of, by Remez's algorithm in 200
//! bits, and rounded to f64; the error before that is stated with each.

use super::derived::{self, real};
use super::parts::Parts;
use super::{Isa, Real};
use crate::compiled::{Code, Entry};

real!(f64);

impl Parts for f64 {
    const ZERO: Self = 0.0;
    const HALF: Self = 0.5;
    const ONE: Self = 1.0;
    const TWO: Self = 2.0;
    const LEAST: Self = f64::MIN;
    const INFINITY: Self = f64::INFINITY;
    const LN_0: Self = -1e30;
    const INSIDE: Self = 1.0 - f64::EPSILON / 2.0;
    const MAGIC: Self = 6_755_399_441_055_744.0;
    const LEAST_POWER: Self = -1021.0;
    const GREATEST_POWER: Self = 1023.0;
    const LOG2_E: (Self, Self) = (std::f64::consts::LOG2_E, 2.035_527_374_093_103_3e-17);
    const LN_2: (Self, Self) = (0.693_147_180_560_117_7, -1.723_944_452_561_483_5e-13);
    const THIRD: (Self, Self) = (1.0 / 3.0, 1.850_371_707_708_594e-17);
    const SPLIT: Self = std::f64::consts::SQRT_2 - 1.0;
    const QUARTERS: Self = std::f64::consts::FRAC_2_PI;
    const QUARTER_FUSED: [Self; 3] =
        [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17, -1.497_384_904_859_169_8e-33];
    const QUARTER_PLAIN: [Self; 4] = [
        1.570_796_326_734_125_6,
        6.077_100_506_303_966e-11,
        2.022_266_248_711_166_5e-21,
        8.478_427_660_368_9e-32,
    ];
    const FAR: Self = 1e9;
    const TANH_ONE: Self = 20.0;
    const FARTHEST: f64 = 281_474_976_710_656.0;

    #[inline(always)]
    fn compiled(entry: &Entry) -> Code<Self> {
        Code(entry.double)
    }
    #[inline(always)]
    fn upper(self) -> Self {
        f64::from_bits(self.to_bits() & 0xffff_ffff_f800_0000)
    }
    #[inline(always)]
    fn flip(self, by: Self) -> Self {
        f64::from_bits(self.to_bits() ^ (by.to_bits() & (1 << 63)))
    }
    #[inline(always)]
    fn scaled(self, t: Self) -> Self {
        f64::from_bits(self.to_bits().wrapping_add(t.to_bits() << 52))
    }
    #[inline(always)]
    fn sign_of_odd(t: Self) -> Self {
        f64::from_bits((t.to_bits() << 63) | 1.0f64.to_bits())
    }
    #[inline(always)]
    fn quadrant(sin: Self, cos: Self, t: Self, u: Self) -> Self {
        let quarters = t.to_bits().wrapping_add(u.to_bits());
        let value = if quarters & 1 == 0 { sin } else { cos };
        f64::from_bits(value.to_bits() ^ ((quarters & 2) << 62))
    }
    #[inline(always)]
    fn log_split(self) -> (Self, Self) {
        let (exponent, mantissa) = split(if self > f64::MIN_POSITIVE { self } else { f64::MIN_POSITIVE });
        (exponent, mantissa - 1.0)
    }
    #[inline(always)]
    fn log1p_split(self) -> (Self, Self) {
        let x = if self > -1.0 { self } else { 0.0 };
        let (exponent, _) = split(1.0 + x);
        // The exponent in its place, to be taken from those of x and 1.
        let place = (1.0 + x).to_bits().wrapping_sub(ROOT_HALF) & !MANTISSA;
        let part = f64::from_bits(x.to_bits().wrapping_sub(place));
        let one = f64::from_bits(1.0f64.to_bits().wrapping_sub(place));
        // Beside so large an x the 1 is nothing, and its scale would underflow.
        let one = if x > 1e18 { 0.0 } else { one };
        (exponent, part + (one - 1.0))
    }
    /// Error 2^-58.0.
    #[inline(always)]
    fn exp2_part<I: Isa>(f: Self) -> Self {
        let p = Real::mul_add::<I>(4.434_762_597_533_023e-10, f, 7.073_798_307_429_924e-9);
        let p = Real::mul_add::<I>(p, f, 1.017_819_975_406_771_8e-7);
        let p = Real::mul_add::<I>(p, f, 1.321_543_520_013_916_2e-6);
        let p = Real::mul_add::<I>(p, f, 1.525_273_349_237_998_9e-5);
        let p = Real::mul_add::<I>(p, f, 0.000_154_035_304_572_645_5);
        let p = Real::mul_add::<I>(p, f, 0.001_333_355_814_677_573);
        let p = Real::mul_add::<I>(p, f, 0.009_618_129_107_594_011);
        let p = Real::mul_add::<I>(p, f, 0.055_504_108_664_820_08);
        let p = Real::mul_add::<I>(p, f, 0.240_226_506_959_101_3);
        let p = Real::mul_add::<I>(p, f, std::f64::consts::LN_2);
        Real::mul_add::<I>(p, f, 1.0)
    }
    /// Error 2^-61.7.
    #[inline(always)]
    fn expm1_part<I: Isa>(r: Self) -> Self {
        let p = Real::mul_add::<I>(2.087_532_930_228_937_7e-9, r, 2.510_902_448_782_17e-8);
        let p = Real::mul_add::<I>(p, r, 2.755_740_277_488_048e-7);
        let p = Real::mul_add::<I>(p, r, 2.755_724_425_412_153_7e-6);
        let p = Real::mul_add::<I>(p, r, 2.480_158_717_223_004_6e-5);
        let p = Real::mul_add::<I>(p, r, 0.000_198_412_698_860_735_15);
        let p = Real::mul_add::<I>(p, r, 0.001_388_888_888_896_260_6);
        let p = Real::mul_add::<I>(p, r, 0.008_333_333_333_321_653);
        let p = Real::mul_add::<I>(p, r, 0.041_666_666_666_666_505);
        let p = Real::mul_add::<I>(p, r, 0.166_666_666_666_666_77);
        let p = Real::mul_add::<I>(p, r, 0.5);
        Real::mul_add::<I>(p, r * r, r)
    }
    /// By 2·atanh(f/(2 + f)), put together as in fdlibm's `log`. Error 2^-59.5.
    #[inline(always)]
    fn ln_part<I: Isa>(k: Self, f: Self) -> Self {
        let s = f / (2.0 + f);
        let z = s * s;
        let half = 0.5 * f * f;
        let p = Real::mul_add::<I>(0.147_959_496_229_013_83, z, 0.153_140_505_608_682_95);
        let p = Real::mul_add::<I>(p, z, 0.181_835_643_257_289_26);
        let p = Real::mul_add::<I>(p, z, 0.222_221_985_731_932_41);
        let p = Real::mul_add::<I>(p, z, 0.285_714_287_423_875_2);
        let p = Real::mul_add::<I>(p, z, 0.399_999_999_994_146_8);
        let p = Real::mul_add::<I>(p, z, 0.666_666_666_666_673_4);
        let rest = Real::mul_add::<I>(p, z, half);
        let rest = Real::mul_add::<I>(s, rest, k * Self::LN_2.1);
        Real::mul_add::<I>(k, Self::LN_2.0, f - (half - rest))
    }
    /// Error 2^-57.9.
    #[inline(always)]
    fn sin_part<I: Isa>(z: Self) -> Self {
        let p = Real::mul_add::<I>(1.589_590_472_870_452e-10, z, -2.505_074_230_760_829e-8);
        let p = Real::mul_add::<I>(p, z, 2.755_731_358_761_663_2e-6);
        let p = Real::mul_add::<I>(p, z, -0.000_198_412_698_294_954_84);
        let p = Real::mul_add::<I>(p, z, 0.008_333_333_333_322_005);
        Real::mul_add::<I>(p, z, -0.166_666_666_666_666_3)
    }
    /// Error 2^-63.9.
    #[inline(always)]
    fn cos_part<I: Isa>(z: Self) -> Self {
        let p = Real::mul_add::<I>(-1.135_831_046_700_579_4e-11, z, 2.087_569_657_211_986e-9);
        let p = Real::mul_add::<I>(p, z, -2.755_731_414_861_994e-7);
        let p = Real::mul_add::<I>(p, z, 2.480_158_728_874_817_3e-5);
        let p = Real::mul_add::<I>(p, z, -0.001_388_888_888_887_289_5);
        Real::mul_add::<I>(p, z, 0.041_666_666_666_666_595)
    }
    /// Error 2^-55.9.
    #[inline(always)]
    fn asin_part<I: Isa>(z: Self) -> Self {
        let p = Real::mul_add::<I>(0.031_958_959_723_594_436, z, -0.016_294_069_332_751_78);
        let p = Real::mul_add::<I>(p, z, 0.019_573_907_029_731_92);
        let p = Real::mul_add::<I>(p, z, 0.006_510_851_252_332_005);
        let p = Real::mul_add::<I>(p, z, 0.012_173_280_374_943_12);
        let p = Real::mul_add::<I>(p, z, 0.013_884_598_175_752_102);
        let p = Real::mul_add::<I>(p, z, 0.017_359_771_156_707_383);
        let p = Real::mul_add::<I>(p, z, 0.022_371_753_518_219_028);
        let p = Real::mul_add::<I>(p, z, 0.030_381_959_331_554_027);
        let p = Real::mul_add::<I>(p, z, 0.044_642_856_823_472_896);
        let p = Real::mul_add::<I>(p, z, 0.075_000_000_003_430_59);
        Real::mul_add::<I>(p, z, 0.166_666_666_666_653_83)
    }
    /// Error 2^-66.3.
    #[inline(always)]
    fn atanh_part<I: Isa>(z: Self) -> Self {
        let p = Real::mul_add::<I>(0.065_981_079_644_717, z, 0.066_284_146_168_854_75);
        let p = Real::mul_add::<I>(p, z, 0.076_933_784_347_718_65);
        let p = Real::mul_add::<I>(p, z, 0.090_908_921_881_888_69);
        let p = Real::mul_add::<I>(p, z, 0.111_111_112_599_135_09);
        let p = Real::mul_add::<I>(p, z, 0.142_857_142_850_500_25);
        Real::mul_add::<I>(p, z, 0.200_000_000_000_011_28)
    }
}

/// The bits of a number below its exponent.
const MANTISSA: u64 = 0x000f_ffff_ffff_ffff;

/// The bits of √½.
const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;

/// x = 2^k·m with m between √½ and √2: k and m, for a normal x.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    // 2⁵² + 1023, and 2⁵², whose last bits are free for a whole number.
    const BASE: f64 = 4_503_599_627_371_519.0;
    const WHOLE: u64 = 0x4330_0000_0000_0000;
    let bits = x.to_bits().wrapping_add(1f64.to_bits() - ROOT_HALF);
    (f64::from_bits((bits >> 52) | WHOLE) - BASE, f64::from_bits((bits & MANTISSA) + ROOT_HALF))
}
