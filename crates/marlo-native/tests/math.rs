//! The elementary functions against exact values: their bounds in units in the last place, in scalar and vector form.

// Code compiled for instructions that the machine may lack is unsafe to call.
#![allow(unsafe_code)]

use marlo_native::math::{Fused, Plain, Real};

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
            type I = Plain;
            map(
                x,
                y,
                #[inline(always)]
                |$x: $real, $y: $real| $value,
            )
        }
        fn fused(x: &[$real], y: &[$real]) -> Vec<$real> {
            type I = Fused;
            let _ = <I as marlo_native::math::Isa>::FUSED;
            x.iter().zip(y).map(|(&$x, &$y)| $value).collect()
        }
        #[allow(unused_mut)]
        let mut forms: Vec<Form<$real>> = vec![("plain", plain), ("fused", fused)];
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,fma")]
            fn avx2(x: &[$real], y: &[$real]) -> Vec<$real> {
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

/// Random numbers of a range, and some others.
fn range32(range: (f64, f64), more: &[f32]) -> Vec<f32> {
    let mut random = Random(more.len() as u64);
    (0..60_000).map(|_| random.between(range) as f32).chain(more.iter().copied()).collect()
}

#[test]
fn exp() {
    let x = range32((-86.99, 88.37), &[0.0, -0.0, 1e-40]);
    check32("exp", forms!(f32, |x, _| Real::exp::<I>(x)), &x, &x, |x, _| x.exp(), 1.5);
}

#[test]
fn exp2_scaled() {
    const HIGH: f32 = 92.332_48;
    const LOW: f32 = 1.234e-6;
    let x = range32((-1.0, 1.0), &[0.0, -0.0, 1e-40]);
    let exact = |z, _| f64::exp2(z * (f64::from(HIGH) + f64::from(LOW)) - 5.0);
    check32(
        "exp2",
        forms!(f32, |z, _| <f32 as Real>::exp2_scaled::<I>(z, HIGH, LOW, 5.0)),
        &x,
        &x,
        exact,
        1.5,
    );
    for (form, f) in forms!(f32, |z, high| <f32 as Real>::exp2_scaled::<I>(z, high, 0.0, 92.0)) {
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
        let got = f(&z, &high);
        let expected = z.map(|z| if z > 0.0 { f32::INFINITY } else { 0.0 });
        assert_eq!(got, expected, "{form}");
    }
}
