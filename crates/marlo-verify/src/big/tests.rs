use marlo_ir::eval::{Dual, Scalar};
use quickcheck::{Gen, QuickCheck, TestResult};

use super::*;

fn big(value: f64) -> Big {
    Big::from_f64(value)
}

fn decimal(text: &str) -> Big {
    Big::from_decimal(text).expect("a number")
}

/// |a − b| ≤ 10^−digits·|b|
fn near(a: Big, b: Big, digits: i32) -> bool {
    let size = if b.is_zero() { Big::one() } else { b.abs() };
    (a - b).abs() <= size * decimal(&format!("1e-{digits}"))
}

/// Checks a property at many numbers drawn from all of f64.
fn drawn(property: fn(f64, f64) -> TestResult) {
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(50, 3))
        .tests(300)
        .max_tests(20_000)
        .quickcheck(property as fn(f64, f64) -> TestResult);
}

/// A finite number within ±bound, whatever was drawn.
fn within(x: f64, bound: f64) -> Option<f64> {
    x.is_finite().then(|| (x % bound) * if x.to_bits() & 1 == 0 { 1.0 } else { 1e-3 })
}

#[test]
fn published_digits() {
    // The last rows are from mpmath 1.3 at 75 digits.
    let cases = [
        (big(1.0).exp(), "2.71828182845904523536028747135266249775724709369995957496696762772"),
        (Big::pi(), "3.14159265358979323846264338327950288419716939937510582097494459231"),
        (big(1.0).cos(), "0.540302305868139717400936607442976603732310420617922227670097255381"),
        (big(1.0).sin(), "0.841470984807896506652502321630298999622563060798371065672751709991"),
        (big(2.0).ln(), "0.693147180559945309417232121458176568075500134360255254120680009493"),
        (big(2.0).sqrt(), "1.41421356237309504880168872420969807856967187537694807317667973799"),
        (big(0.0).acos(), "1.57079632679489661923132169163975144209858469968755291048747229615"),
        (decimal("0.3").acos(), "1.26610367277949911125931873041222227514402466798077652309449434741"),
        (big(1.0).softplus(), "1.31326168751822283404899549496785564191528008567034837471906351484"),
        (big(-50.0).sigmoid(), "1.9287498479639177830169708089294104911565367534008363307081774129e-22"),
        (decimal("1e-50").log1p(), "9.99999999999999999999999999999999999999999999999995e-51"),
        (big(0.5).tanh(), "0.462117157260009758502318483643672548730289280330113038552731815838"),
        (big(1e22).sin(), "-0.852200849767188801772705893753029368261762150410043656256509326026"),
        (
            big(0.7).pow(decimal("-2.3")),
            "2.27130003694008515355166018127578835641245819877112800640082776884",
        ),
    ];
    for (found, digits) in cases {
        assert!(near(found, decimal(digits), 60), "{found:.62} is not {digits}");
    }
}

#[test]
fn the_ends_of_acos_are_exact() {
    assert_eq!(big(1.0).acos(), Big::ZERO);
    assert_eq!(big(-1.0).acos(), Big::pi());
    assert_eq!(big(1.5).acos(), Big::ZERO);
    assert_eq!(big(-1.5).acos(), Big::pi());
    // One ulp inside: θ = 2·asin(√(δ/2)) ≈ √(2δ)·(1 + δ/12 + 3δ²/160), to δ³.
    let delta = big(f64::EPSILON / 2.0);
    let series = Big::one() + delta / big(12.0) + delta * delta * big(3.0) / big(160.0);
    assert!(near((Big::one() - delta).acos(), (delta + delta).sqrt() * series, 47));
}

#[test]
fn functions_agree_with_f64() {
    fn property(x: f64, y: f64) -> TestResult {
        let (Some(x), Some(y)) = (within(x, 30.0), within(y, 1.0)) else { return TestResult::discard() };
        let functions: [(&str, Big, f64); 14] = [
            ("exp", big(x).exp(), x.exp()),
            ("ln", big(x.abs()).ln(), x.abs().ln()),
            ("log1p", big(y).log1p(), y.ln_1p()),
            ("expm1", big(x).expm1(), x.exp_m1()),
            ("sqrt", big(x.abs()).sqrt(), x.abs().sqrt()),
            ("sin", big(x).sin(), x.sin()),
            ("cos", big(x).cos(), x.cos()),
            ("tanh", big(x).tanh(), x.tanh()),
            ("acos", big(y).acos(), y.acos()),
            ("floor", big(x).floor(), x.floor()),
            ("pow", big(x.abs()).pow(big(y)), x.abs().powf(y)),
            ("square", big(x).pow(big(2.0)), x * x),
            ("product", big(x) * big(y), x * y),
            ("quotient", big(x) / big(y), x / y),
        ];
        for (name, exact, found) in functions {
            let off = exact.ulps(found, Precision::F64);
            if off > 1.5 && (exact.is_finite() || found.is_finite()) {
                return TestResult::error(format!(
                    "{name} at {x:e}, {y:e}: {exact} and {found:e}, {off} ulp"
                ));
            }
        }
        TestResult::passed()
    }
    drawn(property);
}

#[test]
fn identities_hold_to_seventy_digits() {
    fn property(x: f64, y: f64) -> TestResult {
        let (Some(x), Some(y)) = (within(x, 30.0), within(y, 1.0)) else { return TestResult::discard() };
        let (x, y) = (big(x), big(y));
        if x.is_zero() || y.is_zero() {
            return TestResult::discard();
        }
        let (sine, cosine) = (x.sin(), x.cos());
        let half = y / big(2.0);
        let holds = [
            near(sine * sine + cosine * cosine, Big::one(), 74),
            near(x.abs().ln().exp(), x.abs(), 73),
            near((x.exp()).ln(), x, 70) || x.abs() < big(1e-3),
            near(y.acos().cos(), y, 70) || y.abs() < big(1e-3),
            near(y.log1p().expm1(), y, 74) || y + Big::one() <= Big::zero(),
            near(half.tanh(), y.expm1() / (y.expm1() + big(2.0)), 74),
            near(x.sigmoid() + (-x).sigmoid(), Big::one(), 74),
            near(x.softplus() - (-x).softplus(), x, 65),
            near(x.abs().sqrt().pow(big(2.0)), x.abs(), 74),
            near(x.abs().pow(y), (y * x.abs().ln()).exp(), 72),
            near(y.sin_acos(), y.acos().sin(), 70),
        ];
        match holds.iter().position(|h| !h) {
            Some(at) => TestResult::error(format!("identity {at} at {x}, {y}")),
            None => TestResult::passed(),
        }
    }
    drawn(property);
}

#[test]
fn tails_keep_their_digits() {
    for power in [-10, -40, -120, -128, -129, -130, -200, -400, -5000] {
        let x = Big::power_of_two(power) * big(0.75);
        for x in [x, -x] {
            // Both functions from their series, as far as f terms are of any weight.
            let series = |sign: f64| {
                let mut sum = Big::zero();
                for n in (1..60).rev() {
                    let factor = if sign < 0.0 { big(f64::from(n)) } else { factorial(n) };
                    let sign = if sign < 0.0 && n % 2 == 0 { -Big::one() } else { Big::one() };
                    sum = sum * x + sign / factor;
                }
                sum * x
            };
            assert!(near(x.log1p(), series(-1.0), 74), "log1p 2^{power}");
            assert!(near(x.expm1(), series(1.0), 74), "expm1 2^{power}");
        }
    }
    let far = big(-600.0);
    assert!(near(far.softplus(), far.exp(), 74));
    assert!(near(far.sigmoid(), far.exp(), 74));
    assert!(near((-far).softplus() + far, far.exp(), 0), "cancellation is the caller's");
}

fn factorial(n: i32) -> Big {
    (1..=n).fold(Big::one(), |product, k| product * big(f64::from(k)))
}

#[test]
fn conversions_are_exact_or_rounded_once() {
    fn property(x: f64, y: f64) -> TestResult {
        let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
        let sum = big(x) + big(y);
        let narrow = big(x).round(Precision::F32);
        TestResult::from_bool(
            same(big(x).to_f64(), x)
                && same(narrow, f64::from(x as f32))
                && (same(sum.to_f64(), x + y) || !x.is_finite() || !y.is_finite()),
        )
    }
    drawn(property);
    let smallest = f64::from_bits(1);
    for (given, rounded) in [
        (big(smallest) / big(2.0), 0.0),
        (big(smallest) * big(0.75), smallest),
        (big(smallest) * big(1.5), 2.0 * smallest),
        (big(smallest) * big(2.5), 2.0 * smallest),
        (big(f64::MIN_POSITIVE) - big(smallest) / big(4.0), f64::MIN_POSITIVE),
        (big(f64::MAX) * (Big::one() + Big::power_of_two(-55)), f64::MAX),
        (big(f64::MAX) * (Big::one() + Big::power_of_two(-53)), f64::INFINITY),
        (Big::one() + Big::power_of_two(-53), 1.0),
        (Big::one() + Big::power_of_two(-53) + Big::power_of_two(-200), 1.0 + f64::EPSILON),
        (Big::power_of_two(-2_000_000), 0.0),
        (Big::power_of_two(2_000_000), f64::INFINITY),
    ] {
        assert_eq!(given.to_f64(), rounded, "{given}");
        assert_eq!((-given).to_f64(), -rounded, "{given}");
    }
}

#[test]
fn specials_go_through() {
    let infinity = big(f64::INFINITY);
    assert_eq!(big(1e12).exp(), infinity);
    assert_eq!(big(-1e12).exp(), Big::ZERO);
    assert_eq!(infinity.ln(), infinity);
    assert_eq!(Big::ZERO.ln(), -infinity);
    assert_eq!(big(-1.0).log1p(), -infinity);
    assert_eq!(Big::one() / Big::ZERO, infinity);
    assert_eq!((-infinity).exp(), Big::ZERO);
    assert_eq!((-infinity).softplus(), Big::ZERO);
    assert_eq!(infinity.tanh(), Big::one());
    assert_eq!(Big::ZERO.pow(Big::ZERO), Big::one());
    assert_eq!(Big::ZERO.pow(big(-1.0)), infinity);
    assert_eq!(big(-2.0).pow(big(3.0)), big(-8.0));
    assert_eq!(big(4.0).pow(big(0.5)), big(2.0));
    for nothing in [big(-1.0).ln(), big(-1.0).sqrt(), Big::ZERO / Big::ZERO, infinity - infinity] {
        assert!(nothing.to_f64().is_nan());
        assert!(nothing.partial_cmp(&nothing).is_none());
    }
    assert!(Big::from_decimal("1.2.3").is_err());
    assert_eq!(Big::from_str_radix("-101", 2), Ok(big(-5.0)));
}

#[test]
fn units_of_the_last_place() {
    use Precision::{F32, F64};
    assert_eq!(big(1.0).ulps(1.0 + f64::EPSILON, F64), 1.0);
    assert_eq!(big(1.0).ulps(1.0 - f64::EPSILON / 2.0, F64), 0.5);
    assert_eq!(big(3.0).ulps(3.0 + f64::from(f32::EPSILON), F32), 0.5);
    assert_eq!(Big::ZERO.ulps(0.0, F64), 0.0);
    assert!(big(1e-310).ulps(0.0, F64) < 1.0);
    assert!(big(1e-40).ulps(0.0, F32) < 1.0);
    assert!(big(1e-30).ulps(0.0, F32) > 1e6);
    assert_eq!(big(1.0).ulps(f64::NAN, F64), f64::INFINITY);
    assert_eq!(big(1e40).ulps(f64::INFINITY, F32), 0.0);
}

#[test]
fn dual_numbers_run_over_it() {
    let x = Dual::new(big(0.3), Big::one());
    let slope = (x.acos().cos() * x.exp()).softplus().slope;
    let (y, e) = (big(0.3), big(0.3).exp());
    let expected = (y * e).sigmoid() * (e + y * e);
    assert!(near(slope, expected, 70), "{slope} is not {expected}");
}

#[test]
fn display_shows_forty_digits() {
    assert_eq!(format!("{}", big(0.5)), "5e-1");
    assert_eq!(format!("{:.6}", Big::pi()), "3.14159");
    assert_eq!(format!("{:.5}", -big(1.5e10)), "-1.5e10");
    assert_eq!(format!("{}", Big::ZERO), "0");
}

#[test]
#[ignore = "prints timings"]
fn timings() {
    let time = |name: &str, f: &dyn Fn(Big) -> Big| {
        let start = std::time::Instant::now();
        for i in 0..1000 {
            std::hint::black_box(f(big(0.1 + f64::from(i) / 1130.0)));
        }
        eprintln!("{name:8} {:7.2} us", start.elapsed().as_secs_f64() * 1e3);
    };
    time("add", &|x| x + big(0.3));
    time("mul", &|x| x * big(0.3));
    time("div", &|x| x / big(0.3));
    time("exp", &|x| x.exp());
    time("exp -60", &|x| (x - big(60.0)).exp());
    time("ln", &|x| x.ln());
    time("log1p", &|x| x.log1p());
    time("sin", &|x| x.sin());
    time("cos", &|x| x.cos());
    time("acos", &|x| x.acos());
    time("sqrt", &|x| x.sqrt());
    time("pow", &|x| x.pow(big(2.3)));
    time("powi", &|x| x.pow(big(3.0)));
    time("tanh", &|x| x.tanh());
}
