//! The elementary functions against exact values: their bounds in units in the last place, in scalar and vector form.

// Code compiled for instructions that the machine may lack is unsafe to call.
#![allow(unsafe_code)]

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use marlo_ir::eval::Scalar;
use marlo_native::math::{Fused, Plain, Real};
use marlo_verify::big::{Big, Precision};
use quickcheck::quickcheck;

/// A function on slices of arguments, as code for one set of instructions.
type Form<R> = (&'static str, fn(&[R], &[R]) -> Vec<R>);

/// The loop that is to become vector code.
#[inline(always)]
fn map<R: Real>(x: &[R], y: &[R], f: impl Fn(R, R) -> R) -> Vec<R> {
    const WIDTH: usize = 32;
    let mut out = vec![R::default(); x.len()];
    for ((x, y), out) in x.chunks(WIDTH).zip(y.chunks(WIDTH)).zip(out.chunks_mut(WIDTH)) {
        let (mut a, mut b, mut c) = ([R::default(); WIDTH], [R::default(); WIDTH], [R::default(); WIDTH]);
        a[..x.len()].copy_from_slice(x);
        b[..y.len()].copy_from_slice(y);
        for j in 0..WIDTH {
            c[j] = f(a[j], b[j]);
        }
        out.copy_from_slice(&c[..out.len()]);
    }
    out
}

/// The forms of an expression in x, y and the instructions `I` that this machine can run.
macro_rules! forms {
    ($real:ty, |$x:pat_param, $y:pat_param| $value:expr) => {{
        fn plain(x: &[$real], y: &[$real]) -> Vec<$real> {
            #[allow(dead_code)]
            type I = Plain;
            map(
                x,
                y,
                #[inline(always)]
                |$x: $real, $y: $real| $value,
            )
        }
        fn fused(x: &[$real], y: &[$real]) -> Vec<$real> {
            #[allow(dead_code)]
            type I = Fused;
            x.iter().zip(y).map(|(&$x, &$y)| $value).collect()
        }
        #[cfg_attr(not(target_arch = "x86_64"), allow(unused_mut))]
        let mut forms: Vec<Form<$real>> = vec![("plain", plain), ("fused", fused)];
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,fma")]
            fn avx2(x: &[$real], y: &[$real]) -> Vec<$real> {
                #[allow(dead_code)]
                type I = Fused;
                map(
                    x,
                    y,
                    #[inline(always)]
                    |$x: $real, $y: $real| $value,
                )
            }
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
            fn avx512(x: &[$real], y: &[$real]) -> Vec<$real> {
                #[allow(dead_code)]
                type I = Fused;
                map(
                    x,
                    y,
                    #[inline(always)]
                    |$x: $real, $y: $real| $value,
                )
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                // SAFETY: the instructions are there.
                forms.push(("avx2", |x, y| unsafe { avx2(x, y) }));
                let more = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
                if more && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq") {
                    // SAFETY: the instructions are there.
                    forms.push(("avx512", |x, y| unsafe { avx512(x, y) }));
                }
            }
        }
        forms
    }};
}

/// Numbers without a pattern, from 0 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
    /// A number between two; in half of the cases brought nearer to 0.
    fn between(&mut self, (low, high): (f64, f64)) -> f64 {
        let x = low + (high - low) * self.next();
        if self.next() < 0.5 { x } else { x * (-20.0 * self.next()).exp2() }
    }
}

/// |got − exact| in units in the last place of the exact value, at least that of the smallest normal number.
fn ulps32(got: f32, exact: f64) -> f64 {
    if exact.abs() > f64::from(f32::MAX) && got.is_infinite() {
        return 0.0;
    }
    let exponent = ((exact.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    (f64::from(got) - exact).abs() / f64::from(exponent.max(-126) - 23).exp2()
}

/// Prints and bounds the greatest error of each form on pairs of numbers.
fn check32(
    name: &str,
    forms: Vec<Form<f32>>,
    x: &[f32],
    y: &[f32],
    exact: impl Fn(f64, f64) -> f64,
    bound: f64,
) {
    let exact: Vec<f64> = x.iter().zip(y).map(|(&x, &y)| exact(f64::from(x), f64::from(y))).collect();
    for (form, f) in forms {
        let mut worst = (0.0, 0);
        for (at, (got, exact)) in f(x, y).into_iter().zip(&exact).enumerate() {
            let error = ulps32(got, *exact);
            if error.is_nan() || error > worst.0 {
                worst = (error, at);
            }
        }
        let (x, y, exact) = (x[worst.1], y[worst.1], exact[worst.1]);
        println!("{name} f32 {form}: {:.3} ulp at {x:e} {y:e}", worst.0);
        assert!(worst.0 <= bound, "{name} {form}: {} ulp at {x:e} {y:e}, exactly {exact:e}", worst.0);
    }
}

/// Numbers at which something changes, in either sign.
fn edges32() -> Vec<f32> {
    let near_one = [1.0 - f32::EPSILON / 2.0, 1.0, 1.0 + f32::EPSILON, 0.5, 2.0, FRAC_1_SQRT_2, SQRT_2];
    let small = [0.0, 1e-45, 1e-40, f32::MIN_POSITIVE, 1e-30, 1e-8, 6e-8, 1e-4];
    let large = [
        3.0,
        10.0,
        86.9,
        87.0,
        88.0,
        88.37,
        89.0,
        1e4,
        8_388_607.0,
        16_777_217.0,
        1e10,
        1e20,
        1e30,
        f32::MAX,
    ];
    let size = near_one.into_iter().chain(small).chain(large);
    size.flat_map(|x| [x, -x]).collect()
}

/// Random numbers of a range, and those edges that lie in it.
fn range32(range: (f64, f64)) -> Vec<f32> {
    let mut random = Random(range.0.to_bits());
    let edges = edges32().into_iter().filter(|&x| range.0 <= f64::from(x) && f64::from(x) <= range.1);
    (0..60_000).map(|_| random.between(range) as f32).chain(edges).collect()
}

/// [`check32`] of a function of one number on a range.
fn check32_on(name: &str, forms: Vec<Form<f32>>, range: (f64, f64), exact: impl Fn(f64) -> f64, bound: f64) {
    let x = range32(range);
    check32(name, forms, &x, &x, |x, _| exact(x), bound);
}

#[test]
fn exp() {
    check32_on("exp", forms!(f32, |x, _| Real::exp::<I>(x)), (-86.98, 88.37), f64::exp, 1.5);
}

#[test]
fn exp2_scaled() {
    const HIGH: f32 = 92.332_48;
    const LOW: f32 = 1.234e-6;
    let exact = |z| f64::exp2(z * (f64::from(HIGH) + f64::from(LOW)) - 5.0);
    let forms = forms!(f32, |z, _| <f32 as Real>::exp2_scaled::<I>(z, HIGH, LOW, 5.0));
    check32_on("exp2_scaled", forms, (-1.0, 1.0), exact, 1.5);
}

#[test]
fn exp2_scaled_far_out() {
    for (form, f) in forms!(f32, |z, high| <f32 as Real>::exp2_scaled::<I>(z, high, 1e-9, 92.0)) {
        let z = [
            -1e30,
            -1e30,
            f32::MIN,
            -1e7,
            -5e6,
            -4e6,
            f32::NEG_INFINITY,
            1e30,
            f32::MAX,
            4e6,
            5e6,
            f32::INFINITY,
        ];
        let high = [92.0, 1.0, 64.0, 1.0, 1.0, 1.0, 92.0, 92.0, 64.0, 1.0, 1.0, 92.0];
        assert_eq!(f(&z, &high), z.map(|z| if z > 0.0 { f32::INFINITY } else { 0.0 }), "{form}");
    }
    for (form, f) in forms!(f64, |z, high| <f64 as Real>::exp2_scaled::<I>(z, high, 1e-17, 92.0)) {
        let z = [-1e30, -1e30, f64::MIN, -1e16, f64::NEG_INFINITY, 1e30, f64::MAX, 1e16, f64::INFINITY];
        let high = [92.0, 1.0, 64.0, 1.0, 92.0, 92.0, 64.0, 1.0, 92.0];
        assert_eq!(f(&z, &high), z.map(|z| if z > 0.0 { f64::INFINITY } else { 0.0 }), "{form}");
    }
}

#[test]
fn ln() {
    let forms = || forms!(f32, |x, _| Real::ln::<I>(x));
    check32_on("ln near 1", forms(), (0.5, 2.0), f64::ln, 1.0);
    check32_on("ln", forms(), (f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX)), f64::ln, 1.0);
    for (form, f) in forms() {
        let least = f32::MIN_POSITIVE.ln();
        assert_eq!(f(&[0.0, -0.0, -1.0, 1e-45, 1.0], &[0.0; 5]), [-1e30, -1e30, -1e30, least, 0.0], "{form}");
    }
}

#[test]
fn log1p() {
    let forms = || forms!(f32, |x, _| Real::log1p::<I>(x));
    check32_on("log1p near 0", forms(), (-1.0 + 6e-8, 2.0), f64::ln_1p, 1.5);
    check32_on("log1p", forms(), (-0.5, f64::from(f32::MAX)), f64::ln_1p, 1.5);
    for (form, f) in forms() {
        assert_eq!(f(&[-1.0, -2.0, f32::MIN, 0.0], &[0.0; 4]), [-1e30, -1e30, -1e30, 0.0], "{form}");
    }
}

#[test]
fn expm1() {
    check32_on("expm1", forms!(f32, |x, _| Real::expm1::<I>(x)), (-1e4, 88.37), f64::exp_m1, 1.5);
    check32_on("expm1 near 0", forms!(f32, |x, _| Real::expm1::<I>(x)), (-20.0, 2.0), f64::exp_m1, 1.5);
}

#[test]
fn sine_and_cosine() {
    check32_on("sin", forms!(f32, |x, _| Real::sin::<I>(x)), (-100.0, 100.0), f64::sin, 2.0);
    check32_on("cos", forms!(f32, |x, _| Real::cos::<I>(x)), (-100.0, 100.0), f64::cos, 2.0);
    for (form, f) in forms!(f32, |x, _| Real::sin::<I>(x)) {
        let x = range32((-8000.0, 8000.0));
        let worst = x
            .iter()
            .zip(f(&x, &x))
            .map(|(&x, y)| (f64::from(x).sin() - f64::from(y)).abs())
            .fold(0.0, f64::max);
        println!("sin to 8000 f32 {form}: {worst:e}");
        assert!(worst < 2e-7, "{form}");
    }
}

#[test]
fn tanh() {
    check32_on("tanh", forms!(f32, |x, _| Real::tanh::<I>(x)), (-20.0, 20.0), f64::tanh, 2.5);
    check32_on("tanh near 0", forms!(f32, |x, _| Real::tanh::<I>(x)), (-1.0, 1.0), f64::tanh, 2.5);
}

#[test]
fn sigmoid() {
    let exact = |x: f64| 1.0 / (1.0 + (-x).exp());
    check32_on("sigmoid", forms!(f32, |x, _| Real::sigmoid::<I>(x)), (-86.98, 100.0), exact, 2.5);
}

#[test]
fn softplus() {
    let exact = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    check32_on("softplus", forms!(f32, |x, _| Real::softplus::<I>(x)), (-86.98, 100.0), exact, 2.0);
    check32_on("softplus near 0", forms!(f32, |x, _| Real::softplus::<I>(x)), (-3.0, 3.0), exact, 2.0);
}

#[test]
fn acos() {
    // The cosines next to ±1 lie densest in floats of 1 − c.
    let mut random = Random(3);
    let ends = (0..60_000).map(|_| (1.0 - random.between((0.0, 0.5))) as f32).flat_map(|c| [c, -c]);
    let x: Vec<f32> = range32((-1.0, 1.0)).into_iter().chain(ends).collect();
    check32("acos", forms!(f32, |x, _| Real::acos::<I>(x)), &x, &x, |x, _| x.acos(), 1.5);
    let inside = |c: f64| c.clamp(-1.0 + f64::from(f32::EPSILON) / 2.0, 1.0 - f64::from(f32::EPSILON) / 2.0);
    let sine = |c: f64| ((1.0 - c) * (1.0 + c)).max(0.0).sqrt();
    check32("sin_acos", forms!(f32, |x, _| Real::sin_acos(x)), &x, &x, |x, _| sine(x), 1.5);
    check32("csc", forms!(f32, |x, _| Real::csc(x)), &x, &x, |x, _| 1.0 / sine(inside(x)), 2.5);
    for (form, f) in forms!(f32, |x, _| Real::acos::<I>(x)) {
        assert_eq!(
            f(&[1.0, 1.5, -1.0, -9.0], &[0.0; 4]),
            [0.0, 0.0, f32::acos(-1.0), f32::acos(-1.0)],
            "{form}"
        );
    }
}

#[test]
fn pow() {
    let mut random = Random(4);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    while x.len() < 60_000 {
        let base = if random.next() < 0.5 {
            random.between((0.0, 4.0))
        } else {
            (-126.0 + 250.0 * random.next()).exp2()
        };
        let base = base as f32;
        let exponent = ((random.next() * 2.0 - 1.0) * 87.0 / f64::from(base).ln()) as f32;
        if exponent.is_finite() && base > 1e-38 {
            // A whole exponent takes a negative base.
            let whole = (random.next() * 9.0).round() as f32 - 4.0;
            let both = [(base, exponent), (-base, whole)];
            for (base, exponent) in
                both.into_iter().filter(|(x, y)| f64::from(x.abs()).ln().abs() * f64::from(y.abs()) < 87.0)
            {
                x.push(base);
                y.push(exponent);
            }
        }
    }
    let forms = || forms!(f32, |x, y| Real::pow::<I>(x, y));
    check32("pow", forms(), &x, &y, f64::powf, 2.0);
    for (form, f) in forms() {
        let got = f(
            &[0.0, 0.0, 0.0, 1.0, -1.0, -1.0, -2.0, 3.0, 1e38, 1e-45, -0.0],
            &[0.0, 1e-30, 2.5, 1e30, 3.0, 4.0, -1.0, 0.0, 2.0, 1.0, 3.0],
        );
        assert_eq!(got, [1.0, 0.0, 0.0, 1.0, -1.0, 1.0, -0.5, 1.0, f32::INFINITY, 0.0, 0.0], "{form}");
    }
}

/// Cosines dense at the ends, each with a factor, whole in half of the cases.
fn multiples() -> (Vec<f32>, Vec<f32>) {
    let mut random = Random(5);
    let pair = |_| {
        let c = 1.0 - random.between((0.0, 2.0));
        let c = if random.next() < 0.5 { c } else { -c };
        let a = 8.0 * random.next() - 1.0;
        ((if random.next() < 0.5 { a.round() } else { a }) as f32, c as f32)
    };
    (0..60_000)
        .map(pair)
        .chain([0.0, 1.0, 2.0, 2.5].into_iter().flat_map(|a| [(a, 1.0), (a, -1.0), (a, 0.0)]))
        .unzip()
}

/// Bounds |got − exact| by units of 2⁻²⁴ of a size that may hang on the numbers.
fn check_units(name: &str, forms: Vec<Form<f32>>, exact: impl Fn(f64, f64) -> (f64, f64), bound: f64) {
    let (a, c) = multiples();
    for (form, f) in forms {
        let mut worst = (0.0, 0);
        for (at, got) in f(&a, &c).into_iter().enumerate() {
            let (exact, size) = exact(f64::from(a[at]), f64::from(c[at]));
            let error = (f64::from(got) - exact).abs() / size * 24f64.exp2();
            if error.is_nan() || error > worst.0 {
                worst = (error, at);
            }
        }
        println!("{name} f32 {form}: {:.3} units at a = {:e}, c = {:e}", worst.0, a[worst.1], c[worst.1]);
        assert!(
            worst.0 <= bound,
            "{name} {form}: {} units at a = {:e}, c = {:e}",
            worst.0,
            a[worst.1],
            c[worst.1]
        );
    }
}

#[test]
fn multiples_of_angles() {
    // The angle's rounding is multiplied by a; the result's counts once.
    let size = |a: f64| 1.0 + a.abs();
    let cos = |a: f64, c: f64| ((a * c.acos()).cos(), size(a));
    let sin = |a: f64, c: f64| ((a * c.acos()).sin(), size(a));
    check_units("cos_angle", forms!(f32, |a, c| <f32 as Real>::cos_angle::<I>(a, c)), cos, 2.0);
    check_units("sin_angle", forms!(f32, |a, c| <f32 as Real>::sin_angle::<I>(a, c)), sin, 2.0);
    let ratio = |a: f64, c: f64| {
        let c = c.clamp(-1.0 + f64::from(f32::EPSILON) / 2.0, 1.0 - f64::from(f32::EPSILON) / 2.0);
        let sine = ((1.0 - c) * (1.0 + c)).sqrt();
        // A multiple that isn't whole leaves at −1 the sine of a part of a turn, over next to nothing.
        ((a * c.acos()).sin() / sine, size(a) / if a.fract() == 0.0 { 1.0 } else { sine })
    };
    check_units("sin_ratio", forms!(f32, |a, c| <f32 as Real>::sin_ratio::<I>(a, c)), ratio, 4.0);
}

#[test]
fn whole_numbers() {
    for k in -40..40 {
        let expected = if k % 2 == 0 { 1.0 } else { -1.0 };
        assert_eq!(Real::parity(k as f32), expected as f32);
        assert_eq!(Real::parity(f64::from(k)), expected);
    }
}

/// Every function at finite numbers gives a number.
#[test]
fn never_nan() {
    macro_rules! all {
        ($real:ty, $edges:expr) => {
            let edges: Vec<$real> = $edges;
            let (x, y): (Vec<$real>, Vec<$real>) =
                edges.iter().flat_map(|&x| edges.iter().map(move |&y| (x, y))).unzip();
            let forms = [
                ("exp", forms!($real, |x, _| Real::exp::<I>(x))),
                ("exp2_scaled", forms!($real, |x, y| <$real as Real>::exp2_scaled::<I>(x, y, 1e-8, 3.0))),
                ("ln", forms!($real, |x, _| Real::ln::<I>(x))),
                ("log1p", forms!($real, |x, _| Real::log1p::<I>(x))),
                ("expm1", forms!($real, |x, _| Real::expm1::<I>(x))),
                ("sin", forms!($real, |x, _| Real::sin::<I>(x))),
                ("cos", forms!($real, |x, _| Real::cos::<I>(x))),
                ("tanh", forms!($real, |x, _| Real::tanh::<I>(x))),
                ("sigmoid", forms!($real, |x, _| Real::sigmoid::<I>(x))),
                ("softplus", forms!($real, |x, _| Real::softplus::<I>(x))),
                ("acos", forms!($real, |x, _| Real::acos::<I>(x))),
                ("sqrt", forms!($real, |x, _| Real::sqrt(x))),
                ("sin_acos", forms!($real, |x, _| Real::sin_acos(x))),
                ("csc", forms!($real, |x, _| Real::csc(x))),
                ("parity", forms!($real, |x, _| Real::parity(x))),
                ("pow", forms!($real, |x, y| Real::pow::<I>(x, y))),
                ("cos_angle", forms!($real, |a, c| <$real as Real>::cos_angle::<I>(a, c))),
                ("sin_angle", forms!($real, |a, c| <$real as Real>::sin_angle::<I>(a, c))),
                ("sin_ratio", forms!($real, |a, c| <$real as Real>::sin_ratio::<I>(a, c))),
            ];
            for (name, forms) in forms {
                for (form, f) in forms {
                    for ((x, y), got) in x.iter().zip(&y).zip(f(&x, &y)) {
                        assert!(!got.is_nan(), "{name} {form}: NaN at {x:e}, {y:e}");
                    }
                }
            }
        };
    }
    all!(f32, edges32());
    let doubles =
        [1e-320, f64::MIN_POSITIVE, 708.0, 710.0, 4.5e15, 1e16, 1e300, f64::MAX, 1.0 - f64::EPSILON / 2.0];
    all!(
        f64,
        edges32().into_iter().map(f64::from).chain(doubles.into_iter().flat_map(|x| [x, -x])).collect()
    );
}

/// Prints and bounds the greatest error in f64 of each form on pairs of numbers, against 256 bits.
fn check64(
    name: &str,
    forms: Vec<Form<f64>>,
    x: &[f64],
    y: &[f64],
    exact: impl Fn(Big, Big) -> Big,
    bound: f64,
) {
    let big = Big::from_double;
    let exact: Vec<Big> = x.iter().zip(y).map(|(&x, &y)| exact(big(x), big(y))).collect();
    for (form, f) in forms {
        let mut worst = (0.0, 0);
        for (at, (got, exact)) in f(x, y).into_iter().zip(&exact).enumerate() {
            let error = exact.ulps(got, Precision::F64);
            if error.is_nan() || error > worst.0 {
                worst = (error, at);
            }
        }
        let (x, y) = (x[worst.1], y[worst.1]);
        println!("{name} f64 {form}: {:.3} ulp at {x:e} {y:e}", worst.0);
        assert!(worst.0 <= bound, "{name} {form}: {} ulp at {x:e} {y:e}", worst.0);
    }
}

/// Random doubles of a range, and those edges that lie in it.
fn range64(range: (f64, f64), count: usize) -> Vec<f64> {
    let mut random = Random(range.1.to_bits());
    let edges = edges32().into_iter().map(f64::from).filter(|&x| range.0 <= x && x <= range.1);
    (0..count).map(|_| random.between(range)).chain(edges).collect()
}

/// [`check64`] of a function of one number on a range.
fn check64_on(name: &str, forms: Vec<Form<f64>>, range: (f64, f64), exact: impl Fn(Big) -> Big, bound: f64) {
    let x = range64(range, 2000);
    check64(name, forms, &x, &x, |x, _| exact(x), bound);
}

#[test]
fn doubles() {
    let two = Big::from_double(2.0);
    check64_on("exp", forms!(f64, |x, _| Real::exp::<I>(x)), (-707.7, 709.4), Scalar::exp, 1.5);
    let ln = || forms!(f64, |x, _| Real::ln::<I>(x));
    check64_on("ln near 1", ln(), (0.5, 2.0), Scalar::ln, 1.0);
    check64_on("ln", ln(), (f64::MIN_POSITIVE, f64::MAX), Scalar::ln, 1.0);
    let log1p = || forms!(f64, |x, _| Real::log1p::<I>(x));
    check64_on("log1p near 0", log1p(), (-1.0 + 1e-16, 2.0), Scalar::log1p, 1.5);
    check64_on("log1p", log1p(), (-0.5, f64::MAX), Scalar::log1p, 1.5);
    let expm1 = || forms!(f64, |x, _| Real::expm1::<I>(x));
    check64_on("expm1", expm1(), (-1e4, 709.4), Scalar::expm1, 1.5);
    check64_on("expm1 near 0", expm1(), (-40.0, 2.0), Scalar::expm1, 1.5);
    check64_on("sin", forms!(f64, |x, _| Real::sin::<I>(x)), (-100.0, 100.0), Scalar::sin, 2.0);
    check64_on("cos", forms!(f64, |x, _| Real::cos::<I>(x)), (-100.0, 100.0), Scalar::cos, 2.0);
    let tanh = || forms!(f64, |x, _| Real::tanh::<I>(x));
    check64_on("tanh", tanh(), (-30.0, 30.0), Scalar::tanh, 2.5);
    check64_on("tanh near 0", tanh(), (-1.0, 1.0), Scalar::tanh, 2.5);
    check64_on("sigmoid", forms!(f64, |x, _| Real::sigmoid::<I>(x)), (-707.7, 100.0), Scalar::sigmoid, 2.5);
    let softplus = || forms!(f64, |x, _| Real::softplus::<I>(x));
    check64_on("softplus", softplus(), (-707.7, 100.0), Scalar::softplus, 2.0);
    check64_on("softplus near 0", softplus(), (-3.0, 3.0), Scalar::softplus, 2.0);
    let acos = || forms!(f64, |x, _| Real::acos::<I>(x));
    check64_on("acos", acos(), (-1.0, 1.0), Scalar::acos, 1.5);
    let near_one: Vec<f64> = range64((0.0, 0.5), 2000).into_iter().map(|x| 1.0 - x).collect();
    check64("acos near 1", acos(), &near_one, &near_one, |c, _| c.acos(), 1.5);
    check64(
        "sin_acos",
        forms!(f64, |x, _| Real::sin_acos(x)),
        &near_one,
        &near_one,
        |c, _| c.sin_acos(),
        2.0,
    );
    let exact = move |z: Big, _| (two.ln() * (z * Big::from_double(92.332_48) - Big::from_double(5.0))).exp();
    let x = range64((-7.0, 7.0), 2000);
    check64(
        "exp2_scaled",
        forms!(f64, |z, _| <f64 as Real>::exp2_scaled::<I>(z, 92.332_48, 0.0, 5.0)),
        &x,
        &x,
        exact,
        1.5,
    );
    let mut random = Random(6);
    let pair = |_| {
        let base: f64 = if random.next() < 0.5 {
            random.between((0.0, 4.0))
        } else {
            (-1022.0 + 2044.0 * random.next()).exp2()
        };
        (base, (random.next() * 2.0 - 1.0) * 707.0 / base.ln().abs().max(1e-3))
    };
    let (x, y): (Vec<f64>, Vec<f64>) = (0..2500).map(pair).unzip();
    check64("pow", forms!(f64, |x, y| Real::pow::<I>(x, y)), &x, &y, |x, y| (y * x.ln()).exp(), 2.0);
    for (form, f) in forms!(f64, |x, y| Real::pow::<I>(x, y)) {
        let got = f(
            &[0.0, 0.0, 0.0, 1.0, -1.0, -1.0, -2.0, 3.0, 0.25],
            &[0.0, 1e-30, 2.5, 1e300, 3.0, 4.0, -1.0, 0.0, 0.5],
        );
        assert_eq!(got, [1.0, 0.0, 0.0, 1.0, -1.0, 1.0, -0.5, 1.0, 0.5], "{form}");
    }
    let (a, c) = multiples();
    let doubled = |x: Vec<f32>| x.into_iter().take(2000).map(f64::from).collect::<Vec<f64>>();
    let (a, c) = (doubled(a), doubled(c));
    // In units of the angle's rounding, which is multiplied by a.
    for (form, f) in forms!(f64, |a, c| <f64 as Real>::sin_ratio::<I>(a, c)) {
        let mut worst = 0.0;
        for ((&a, &c), got) in a.iter().zip(&c).zip(f(&a, &c)) {
            let edge = 1.0 - f64::EPSILON / 2.0;
            let cosine = Big::from_double(c.clamp(-edge, edge));
            let sine = cosine.sin_acos();
            let exact = (Big::from_double(a) * cosine.acos()).sin() / sine;
            let size = (1.0 + a.abs()) / if a.fract() == 0.0 { 1.0 } else { sine.to_f64() };
            let error = (Big::from_double(got) - exact).abs().to_f64() / size * 53f64.exp2();
            worst = f64::max(worst, error);
            assert!(error <= 4.0, "sin_ratio {form}: {error} units at a = {a:e}, c = {c:e}");
        }
        println!("sin_ratio f64 {form}: {worst:.3} units");
    }
}

quickcheck! {
    /// The laws that the polynomials' pieces must keep where they meet.
    fn symmetries(x: i32, scale: u8) -> bool {
        let x = x as f32 * (-f32::from(scale % 48)).exp2();
        let c = x.sin();
        let near = |a: f32, b: f32| (a - b).abs() <= 4e-7 * (1.0 + b.abs());
        Real::tanh::<Plain>(-x) == -Real::tanh::<Plain>(x)
            && Real::sin::<Plain>(-x) == -Real::sin::<Plain>(x)
            && Real::cos::<Plain>(-x) == Real::cos::<Plain>(x)
            && near(Real::sigmoid::<Plain>(x) + Real::sigmoid::<Plain>(-x), 1.0)
            && near(Real::softplus::<Plain>(x) - Real::softplus::<Plain>(-x), x)
            && near(Real::acos::<Plain>(c) + Real::acos::<Plain>(-c), std::f32::consts::PI)
    }

    /// Powers multiply as their exponents add, and a whole one is a product.
    fn powers(x: u16, y: i8, z: i8) -> bool {
        let (x, y, z) = (f64::from(x) / 1024.0 + 1e-3, f64::from(y) / 16.0, f64::from(z) / 16.0);
        let (a, b) = (Real::pow::<Plain>(x, y) * Real::pow::<Plain>(x, z), Real::pow::<Plain>(x, y + z));
        let (cube, product) = (Real::pow::<Plain>(-x, 3.0), -x * x * x);
        (a - b).abs() <= 1e-15 * b && (cube - product).abs() <= 1e-15 * product.abs()
    }

    /// The exponential never falls by more than its error.
    fn rises(x: i16, by: u16) -> bool {
        let (x, by) = (f32::from(x) / 400.0, f32::from(by) / 1e6);
        Real::exp::<Plain>(x + by) >= Real::exp::<Plain>(x) * (1.0 - 4e-7)
    }

    /// For whole factors the ratio of sines is the polynomial of the recurrence, up to the ends.
    fn ratio_of_sines(n: u8, c: i16) -> bool {
        let (n, c) = (n % 9, (f64::from(c) / 32768.0).clamp(-1.0, 1.0));
        let (mut before, mut now) = (0.0, 1.0);
        for _ in 1..n {
            (before, now) = (now, 2.0 * c * now - before);
        }
        let expected = if n == 0 { 0.0 } else { now };
        (<f64 as Real>::sin_ratio::<Plain>(f64::from(n), c) - expected).abs() <= 1e-13
    }
}
