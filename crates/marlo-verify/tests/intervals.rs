//! Intervals against 256 bits: what is enclosed is inside, and exact results stay exact.

use marlo_ir::eval::Scalar;
use marlo_verify::big::Big;
use marlo_verify::interval::Interval;
use quickcheck::{Gen, QuickCheck, TestResult};

type Function = (&'static str, fn(Interval) -> Interval, fn(Big) -> Big, f64, f64);

/// Functions with the range that they are tried on.
const FUNCTIONS: [Function; 13] = [
    ("exp", Interval::exp, Big::exp, -300.0, 300.0),
    ("ln", Interval::ln, Big::ln, 1e-300, 1e9),
    ("log1p", Interval::log1p, Big::log1p, -0.999_999, 1e6),
    ("expm1", Interval::expm1, Big::expm1, -40.0, 40.0),
    ("sqrt", Interval::sqrt, Big::sqrt, 0.0, 1e12),
    ("tanh", Interval::tanh, Big::tanh, -30.0, 30.0),
    ("sigmoid", Interval::sigmoid, Big::sigmoid, -600.0, 600.0),
    ("softplus", Interval::softplus, Big::softplus, -600.0, 600.0),
    ("acos", Interval::acos, Big::acos, -1.0, 1.0),
    ("sin", Interval::sin, Big::sin, -50.0, 50.0),
    ("cos", Interval::cos, Big::cos, -50.0, 50.0),
    ("sin of half turns", Interval::sin_turns, |t| (t * Big::pi()).sin(), -4.0, 4.0),
    ("cos of half turns", Interval::cos_turns, |t| (t * Big::pi()).cos(), -4.0, 4.0),
];

/// A number of a range: anywhere, near its ends, near 0, or round.
fn pick(low: f64, high: f64, bits: u64) -> f64 {
    let share = (bits >> 12) as f64 / (1_u64 << 52) as f64;
    let at = low + (high - low) * share;
    let x = match bits % 5 {
        0 | 1 => at,
        2 => at * (-40.0 * share).exp(),
        3 => (at * 2.0).round() / 2.0,
        _ => low + (high - low) * (-60.0 * share).exp(),
    };
    x.clamp(low, high)
}

/// Inside, up to what 256 bits round: sin(4π) is 4e-77 there.
fn inside(range: Interval, x: Big) -> bool {
    let slack = Big::from_f64(1e-74);
    Big::from_f64(range.lo) <= x + slack && x <= Big::from_f64(range.hi) + slack
}

#[test]
fn functions_enclose_their_values() {
    fn property(which: u8, a: u64, b: u64, c: u64) -> TestResult {
        let (name, interval, exact, low, high) = FUNCTIONS[usize::from(which) % FUNCTIONS.len()];
        let mut ends = [pick(low, high, a), pick(low, high, b)];
        ends.sort_by(f64::total_cmp);
        let wide = interval(Interval::new(ends[0], ends[1]));
        for x in [ends[0], ends[1], pick(ends[0], ends[1], c)] {
            let value = exact(Big::from_f64(x));
            for (what, range) in [("wide", wide), ("point", interval(Interval::point(x)))] {
                if !inside(range, value) {
                    return TestResult::error(format!("{name} of {x}, {what}: {value} outside {range}"));
                }
            }
            // A point's enclosure is a few units wide, not more; near a zero of a wave that is reached by reduction.
            let range = interval(Interval::point(x));
            let near = 2e-15 * range.lo.abs().max(range.hi.abs()) + 1e-300;
            let wave = name.starts_with("sin") || name.starts_with("cos");
            if range.width() > near.max(if wave { 2e-15 } else { 0.0 }) {
                return TestResult::error(format!("{name} of {x}: {range} is wide"));
            }
        }
        TestResult::passed()
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(100, 5))
        .tests(3000)
        .quickcheck(property as fn(u8, u64, u64, u64) -> TestResult);
}

#[test]
fn arithmetic_encloses_its_results() {
    fn property(a: u64, b: u64, c: u64, d: u64) -> TestResult {
        let range = |x: u64, y: u64| {
            let mut ends = [pick(-1e3, 1e3, x), pick(-1e3, 1e3, y)];
            ends.sort_by(f64::total_cmp);
            Interval::new(ends[0], ends[1])
        };
        let (x, y) = (range(a, b), range(c, d));
        for p in [x.lo, x.hi, x.mid()] {
            for q in [y.lo, y.hi, y.mid()] {
                let (s, t) = (Big::from_f64(p), Big::from_f64(q));
                let results = [
                    ("+", x + y, s + t),
                    ("-", x - y, s - t),
                    ("*", x * y, s * t),
                    ("/", x.over(y), if q == 0.0 { s } else { s / t }),
                    ("^3", x.whole_power(3), s * s * s),
                    ("^2", x.square(), s * s),
                ];
                for (name, range, value) in results {
                    if (name != "/" || q != 0.0) && !inside(range, value) {
                        return TestResult::error(format!("{x} {name} {y}: {value} outside {range}"));
                    }
                }
            }
        }
        TestResult::passed()
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(100, 6))
        .tests(3000)
        .quickcheck(property as fn(u64, u64, u64, u64) -> TestResult);
}

#[test]
fn what_is_exact_stays_exact() {
    let p = Interval::point;
    assert_eq!(p(1.0) - p(1.0), p(0.0));
    assert_eq!(p(0.5) * p(0.25) + p(0.125), p(0.25));
    assert_eq!(p(1.0).over(p(4.0)), p(0.25));
    assert_eq!(p(9.0).sqrt(), p(3.0));
    assert_eq!(p(0.0).exp(), p(1.0));
    assert_eq!(p(1.0).ln(), p(0.0));
    for (turns, sine, cosine) in
        [(0.0, 0.0, 1.0), (0.5, 1.0, 0.0), (1.0, 0.0, -1.0), (1.5, -1.0, 0.0), (-2.0, 0.0, 1.0)]
    {
        assert_eq!(p(turns).sin_turns(), p(sine));
        assert_eq!(p(turns).cos_turns(), p(cosine));
    }
    // The sign between two zeros is known to the last bit.
    assert!(Interval::new(0.0, 1.0).sin_turns().lo >= 0.0);
    assert!(Interval::new(0.0, std::f64::consts::PI).sin().lo >= 0.0);
    assert!(Interval::new(-0.5, 0.5).cos_turns().lo >= 0.0);
    assert_eq!(p(0.0).acos_turns(), p(0.5));
    // Products of positive numbers stay positive however small, infinite ends make no NaN.
    assert!((p(1e-200) * p(1e-200)).lo >= 0.0);
    assert_eq!(Interval::ALL * p(0.0), p(0.0));
    assert_eq!(Interval::new(0.0, f64::INFINITY) - Interval::new(0.0, f64::INFINITY), Interval::ALL);
}
