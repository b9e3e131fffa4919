//! The functions that shaders call, each emitted only where it is used.
//!
//! WGSL's own functions may be far off (acos by 1.6e-4, exp by 62 units in the last place at 80), so the transcendental
//! ones are polynomials after Cephes (Moshier), built on +, −, × and sqrt alone. None returns NaN or an infinity.

/// A helper: its name, the helpers that it calls, its text.
struct Helper {
    name: &'static str,
    calls: &'static [&'static str],
    text: &'static str,
}

/// The most iterations of a recurrence for cos(aθ) and the like.
pub(crate) const MOST_TURNS: u32 = 16;

const HELPERS: &[Helper] = &[
    Helper {
        name: "exp_",
        calls: &[],
        text: "// e^x; 0 below the normal range, at most e^88.
fn exp_(x: f32) -> f32 {
    let y = clamp(x, -87.3, 88.0);
    let n = floor(y * 1.4426950408889634 + 0.5);
    let r = (y - n * 0.693359375) + n * 2.12194440e-4;
    let z = r * r;
    let p = ((((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r + 4.1665795894e-2) * r + 1.6666665459e-1) * r + 5.0000001201e-1;
    let scale = bitcast<f32>((i32(n) + 127) << 23u);
    return select((p * z + r + 1.0) * scale, 0.0, x < -87.3);
}",
    },
    Helper {
        name: "log1p_small_",
        calls: &[],
        text: "// ln(1 + x) for x between sqrt(1/2) - 1 and sqrt(2) - 1.
fn log1p_small_(x: f32) -> f32 {
    let z = x * x;
    let a = (((7.0376836292e-2 * x - 1.1514610310e-1) * x + 1.1676998740e-1) * x - 1.2420140846e-1) * x + 1.4249322787e-1;
    let p = (((a * x - 1.6668057665e-1) * x + 2.0000714765e-1) * x - 2.4999993993e-1) * x + 3.3333331174e-1;
    return x - 0.5 * z + x * z * p;
}",
    },
    Helper {
        name: "ln_",
        calls: &["log1p_small_"],
        text: "// ln x; -1e30 for 0, which leaves a class of weight 0 out, and at least the smallest normal number's above it.
fn ln_(x: f32) -> f32 {
    let bits = bitcast<u32>(max(x, 1.1754944e-38));
    var n = f32(i32(bits >> 23u) - 126);
    var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f000000u);
    if (m < 0.70710678) {
        m = m + m;
        n = n - 1.0;
    }
    let y = (log1p_small_(m - 1.0) - n * 2.12194440e-4) + n * 0.693359375;
    return select(y, -1e30, x == 0.0);
}",
    },
    Helper {
        name: "log1p_",
        calls: &["ln_", "log1p_small_"],
        text: "// ln(1 + x), exact for small x.
fn log1p_(x: f32) -> f32 {
    if (x > -0.29 && x < 0.41) {
        return log1p_small_(x);
    }
    return ln_(1.0 + x);
}",
    },
    Helper {
        name: "expm1_",
        calls: &["exp_"],
        text: "// e^x - 1, exact for small x.
fn expm1_(x: f32) -> f32 {
    if (abs(x) < 0.35) {
        let p = ((((1.9841270e-4 * x + 1.3888889e-3) * x + 8.3333333e-3) * x + 4.1666667e-2) * x + 1.6666667e-1) * x + 0.5;
        return x + x * x * p;
    }
    return exp_(x) - 1.0;
}",
    },
    Helper {
        name: "softplus_",
        calls: &["exp_", "log1p_"],
        text: "// ln(1 + e^x), exact in both tails.
fn softplus_(x: f32) -> f32 {
    return max(x, 0.0) + log1p_(exp_(-abs(x)));
}",
    },
    Helper {
        name: "sigmoid_",
        calls: &["exp_"],
        text: "// 1/(1 + e^-x), exact in both tails.
fn sigmoid_(x: f32) -> f32 {
    let e = exp_(-abs(x));
    return select(1.0, e, x < 0.0) / (1.0 + e);
}",
    },
    Helper {
        name: "tanh_",
        calls: &["exp_"],
        text: "// tanh x
fn tanh_(x: f32) -> f32 {
    if (abs(x) < 0.625) {
        let z = x * x;
        let p = (((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1) * z - 3.33332819422e-1;
        return p * z * x + x;
    }
    let t = 1.0 - 2.0 / (exp_(2.0 * min(abs(x), 40.0)) + 1.0);
    return select(t, -t, x < 0.0);
}",
    },
    Helper {
        name: "turn_",
        calls: &[],
        text: "// sin(angle + quarters * pi/2)
fn turn_(angle: f32, quarters: i32) -> f32 {
    // So far out a unit in the last place is more than a turn.
    let x = select(angle, 0.0, abs(angle) > 1e9);
    let n = floor(x * 0.6366197723675814 + 0.5);
    let r = ((x - n * 1.5703125) - n * 4.837512969970703125e-4) - n * 7.54978995489188216e-8;
    let z = r * r;
    let s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
    let c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
    let q = (i32(n) + quarters) & 3;
    let y = select(s, c, (q & 1) == 1);
    return select(y, -y, q >= 2);
}",
    },
    Helper { name: "sin_", calls: &["turn_"], text: "// sin x\nfn sin_(x: f32) -> f32 {\n    return turn_(x, 0);\n}" },
    Helper { name: "cos_", calls: &["turn_"], text: "// cos x\nfn cos_(x: f32) -> f32 {\n    return turn_(x, 1);\n}" },
    Helper {
        name: "acos_",
        calls: &[],
        text: "// The angle of a cosine; past 1 and -1 it counts as 1 and -1.
fn acos_(c: f32) -> f32 {
    let a = min(abs(c), 1.0);
    let far = a > 0.5;
    let z = select(a * a, 0.5 * (1.0 - a), far);
    let x = select(a, sqrt(z), far);
    let p = ((((4.2163199048e-2 * z + 2.4181311049e-2) * z + 4.5470025998e-2) * z + 7.4953002686e-2) * z + 1.6666752422e-1) * z * x + x;
    let angle = select(1.5707963267948966 - p, 2.0 * p, far);
    return select(angle, 3.141592653589793 - angle, c < 0.0);
}",
    },
    Helper {
        name: "sine_",
        calls: &[],
        text: "// sin of the angle of a cosine; 0 where rounding put the cosine past 1 or -1.
fn sine_(c: f32) -> f32 {
    return sqrt(max((1.0 - c) * (1.0 + c), 0.0));
}",
    },
    Helper {
        name: "csc_",
        calls: &["sine_"],
        text: "// 1/sin of the angle of a cosine; at 1 and -1 that of the nearest cosine inside.
fn csc_(c: f32) -> f32 {
    return 1.0 / sine_(clamp(c, -0.99999994, 0.99999994));
}",
    },
    Helper {
        name: "small_whole_",
        calls: &[],
        text: "// Is a one of 0, 1, ..., 16?
fn small_whole_(a: f32) -> bool {
    return a == floor(a) && a >= 0.0 && a <= 16.0;
}",
    },
    Helper {
        name: "cos_angle_",
        calls: &["small_whole_", "cos_", "acos_"],
        text: "// cos(a * theta) for the angle theta of a cosine; by recurrence where a is a small whole number.
fn cos_angle_(a: f32, c: f32) -> f32 {
    if (!small_whole_(a)) {
        return cos_(a * acos_(c));
    }
    var before = 1.0;
    var now = c;
    for (var n = 1.0; n < a; n += 1.0) {
        let next = 2.0 * c * now - before;
        before = now;
        now = next;
    }
    return select(now, 1.0, a == 0.0);
}",
    },
    Helper {
        name: "sin_ratio_",
        calls: &["small_whole_", "sin_", "acos_", "csc_"],
        text: "// sin(a * theta)/sin theta for the angle theta of a cosine; by recurrence where a is a small whole number,
// else at 1 and -1 that of the nearest cosine inside.
fn sin_ratio_(a: f32, c: f32) -> f32 {
    if (!small_whole_(a)) {
        return sin_(a * acos_(clamp(c, -0.99999994, 0.99999994))) * csc_(c);
    }
    var before = 0.0;
    var now = 1.0;
    for (var n = 1.0; n < a; n += 1.0) {
        let next = 2.0 * c * now - before;
        before = now;
        now = next;
    }
    return select(now, 0.0, a == 0.0);
}",
    },
    Helper {
        name: "sin_angle_",
        calls: &["small_whole_", "sin_", "acos_", "sin_ratio_", "sine_"],
        text: "// sin(a * theta) for the angle theta of a cosine.
fn sin_angle_(a: f32, c: f32) -> f32 {
    if (small_whole_(a)) {
        return sin_ratio_(a, c) * sine_(c);
    }
    return sin_(a * acos_(c));
}",
    },
    Helper {
        name: "parity_",
        calls: &[],
        text: "// (-1)^k for a whole number k.
fn parity_(k: f32) -> f32 {
    return 1.0 - 2.0 * (k - 2.0 * floor(0.5 * k));
}",
    },
    Helper {
        name: "pow_",
        calls: &["exp_", "ln_", "parity_"],
        text: "// x^y for x >= 0, or for a whole number y; 0^0 is 1.
fn pow_(x: f32, y: f32) -> f32 {
    let size = select(exp_(y * ln_(abs(x))), 0.0, x == 0.0);
    return select(select(size, size * parity_(y), x < 0.0), 1.0, y == 0.0);
}",
    },
    Helper {
        name: "kept_rows_",
        calls: &[],
        text: "// How many rows a share keeps, at least 1.
fn kept_rows_(share: f32) -> f32 {
    let rows = f32(params.rows);
    return clamp(floor(share * rows * 1.0000001), 1.0, rows);
}",
    },
    Helper {
        name: "whole_pow_",
        calls: &[],
        text: "// x^n for a whole number n > 0.
fn whole_pow_(x: f32, n: u32) -> f32 {
    var y = x;
    for (var i = 1u; i < n; i += 1u) {
        y = y * x;
    }
    return y;
}",
    },
];

/// The text of the helpers whose names occur in `body`, called ones first.
pub(crate) fn used_by(body: &str) -> String {
    let mut wanted: Vec<&str> = Vec::new();
    let mut add = |name: &'static str| add_with_calls(name, &mut wanted);
    for helper in HELPERS {
        if body.contains(&format!("{}(", helper.name)) {
            add(helper.name);
        }
    }
    let texts = wanted.iter().filter_map(|name| HELPERS.iter().find(|h| h.name == *name)).map(|h| h.text);
    texts.collect::<Vec<_>>().join("\n\n")
}

fn add_with_calls(name: &'static str, wanted: &mut Vec<&str>) {
    if wanted.contains(&name) {
        return;
    }
    for call in HELPERS.iter().filter(|h| h.name == name).flat_map(|h| h.calls) {
        add_with_calls(call, wanted);
    }
    wanted.push(name);
}
