use marlo_ir::loss::Loss;
use marlo_lang::{Empty, compile};
use marlo_verify::laws::{Gradients, LawVerdict, Limits, Sameness, decide_losses, equal};

fn loss(header: &str, body: &str) -> Loss {
    let text = format!("loss a({header}) {{\n{body}\n}}\n");
    compile(&text, &Empty).unwrap_or_else(|e| panic!("{text}\n{e:#?}")).loss
}

const TRUE: &[(&str, &str, &str, &str)] = &[
    (
        "h-form",
        "s: Scale = 32 in 1..128, m: Cosine = 0.35 in 0..1, t: Weight = 0.2 in 0..1",
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nlet h = indicator(I, exp(s * t * (cos[k] + 1)))\nce(softmax(s * f, s * cos[k], weight: h))",
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nce(softmax(s * f, if I then s * ((t + 1) * cos[k] + t) else s * cos[k]))",
    ),
    (
        "fixed h-form",
        "s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2, t: Weight = 0.2 in 0..1",
        "let f = cos(theta[y] + m)\nlet I = mask(cos[k] > f)\nlet h = indicator(I, exp(s * t))\nce(softmax(s * f, s * cos[k], weight: h))",
        "let f = cos(theta[y] + m)\nlet I = mask(cos[k] > f)\nce(softmax(s * f, s * (cos[k] + (if I then t else 0))))",
    ),
    (
        "shift",
        "s: Scale = 32 in 1..128",
        "ce(softmax(s * cos[y], s * cos[k]))",
        "ce(softmax(s * (cos[y] + 1), s * (cos[k] + 1)))",
    ),
    (
        "shift by a row",
        "s: Scale = 32 in 1..128",
        "ce(softmax(s * cos[y], s * cos[k]))",
        "ce(softmax(0*cos[y], s * (cos[k] - cos[y])))",
    ),
    (
        "scaled weights",
        "s: Scale = 32 in 1..128",
        "ce(softmax(s * cos[y], s * cos[k], weight: exp(s)))",
        "ce(softmax(s * (cos[y] - 1), s * cos[k]))",
    ),
    (
        "angle addition",
        "s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2",
        "ce(softmax(s * cos(theta[y] + m), s * cos[k]))",
        "ce(softmax(s * (cos[y] * cos(m) - sqrt(1 - cos[y]^2) * sin(m)), s * cos[k]))",
    ),
    (
        "double angle",
        "s: Scale = 32 in 1..128",
        "ce(softmax(s * cos(2 * theta[y]), s * cos[k]))",
        "ce(softmax(s * (2 * cos[y]^2 - 1), s * cos[k]))",
    ),
    (
        "log of p",
        "s: Scale = 32 in 1..128",
        "let p = softmax(s * cos[y], s * cos[k])\nce(p)",
        "let p = softmax(s * cos[y], s * cos[k])\n-ln(p[y])",
    ),
    (
        "lse by hand",
        "s: Scale = 32 in 1..128",
        "ce(softmax(s * cos[y], s * cos[k]))",
        "ln(exp(s * cos[y]) + sum[k](exp(s * cos[k]))) - s * cos[y]",
    ),
    (
        "log1p",
        "s: Scale = 32 in 1..128",
        "ce(softmax(s * cos[y], s * cos[k]))",
        "log1p(sum[k](exp(s * (cos[k] - cos[y]))))",
    ),
    (
        "max",
        "s: Scale = 32 in 1..128",
        "relu(max[k](s * cos[k]) - s * cos[y])",
        "s * max(max[k](cos[k]) - cos[y], 0)",
    ),
    ("abs", "s: Scale = 32 in 1..128", "abs(s * cos[y] - 0.5)", "max(s * cos[y] - 0.5, 0.5 - s * cos[y])"),
    ("tanh", "s: Scale = 32 in 1..128", "tanh(s * cos[y])", "2 * sigmoid(2 * s * cos[y]) - 1"),
    ("softplus", "s: Scale = 32 in 1..128", "softplus(s * cos[y])", "softplus(-s * cos[y]) + s * cos[y]"),
    ("batch mean", "s: Scale = 32 in 1..128", "mean[i](s * cos[y])", "s * mean[i](cos[y])"),
    (
        "mean of classes",
        "s: Scale = 32 in 1..128",
        "mean[k](s * cos[k] + s * cos[y])",
        "s * mean[k](cos[k]) + s * cos[y]",
    ),
    (
        "focal expanded",
        "s: Scale = 32 in 1..128, gamma: Weight = 2 in 0..8",
        "focal(softmax(s * cos[y], s * cos[k]), gamma)",
        "let p = softmax(s * cos[y], s * cos[k])\npow(1 - p[y], gamma) * -ln(p[y])",
    ),
    ("masks", "s: Scale = 32 in 1..128", "if cos[y] > 0 then s * cos[y] else 0", "s * relu(cos[y])"),
    (
        "masks turned",
        "s: Scale = 32 in 1..128",
        "s * (if cos[y] > 0.5 then 1 else cos[y])",
        "s * (if s * cos[y] + 1 > s * (0.5 * cos[y]^0) + 1 then 1 else cos[y])",
    ),
    (
        "masks opposite",
        "s: Scale = 32 in 1..128",
        "if cos[y] > 0.5 then 1 else cos[y]",
        "if cos[y] <= 0.5 then cos[y] else 1",
    ),
];

#[test]
fn true_laws() {
    for (name, header, a, b) in TRUE {
        let start = std::time::Instant::now();
        let (a, b) = (loss(header, a), loss(header, b));
        let v = decide_losses(&a, &b, Limits::default());
        let text = match &v {
            LawVerdict::Proved { gradients: Gradients::Agree { .. }, rewriting, .. } => {
                format!("PROVED {:?}", rewriting.as_ref().map(|s| s.len()))
            }
            v => format!("{v:?}"),
        };
        println!("{name:20} {:6.1} {text}", start.elapsed().as_secs_f64() * 1e3);
    }
}

const FALSE: &[(&str, &str, &str, &str)] = &[
    (
        "h-form without t+1",
        "s: Scale = 32 in 1..128, m: Cosine = 0.35 in 0..1, t: Weight = 0.2 in 0..1",
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nlet h = indicator(I, exp(s * t * (cos[k] + 1)))\nce(softmax(s * f, s * cos[k], weight: h))",
        "let f = cos[y] - m\nlet I = mask(cos[k] > f)\nce(softmax(s * f, if I then s * (t * cos[k] + t) else s * cos[k]))",
    ),
    (
        "sign",
        "s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2",
        "ce(softmax(s * cos(theta[y] + m), s * cos[k]))",
        "ce(softmax(s * (cos[y] * cos(m) + sqrt(1 - cos[y]^2) * sin(m)), s * cos[k]))",
    ),
    (
        "sin for cos",
        "s: Scale = 32 in 1..128, m: Angle = 0.5 in 0..pi/2",
        "ce(softmax(s * cos(theta[y] + m), s * cos[k]))",
        "ce(softmax(s * sin(theta[y] + m), s * cos[k]))",
    ),
    (
        "a thousandth",
        "s: Scale = 32 in 1..128, m: Cosine = 0.35 in 0..1",
        "ce(softmax(s * (cos[y] - m), s * cos[k]))",
        "ce(softmax(s * (cos[y] - (m + 1e-3)), s * cos[k]))",
    ),
    (
        "triple",
        "s: Scale = 32 in 1..128",
        "ce(softmax(s * cos(3 * theta[y]), s * cos[k]))",
        "ce(softmax(s * (4 * cos[y]^3 - 2 * cos[y]), s * cos[k]))",
    ),
];

#[test]
fn false_laws() {
    for (name, header, a, b) in FALSE {
        let start = std::time::Instant::now();
        let (a, b) = (loss(header, a), loss(header, b));
        let v = decide_losses(&a, &b, Limits::default());
        println!("{name:20} {:6.1} {v:?}", start.elapsed().as_secs_f64() * 1e3);
    }
}

#[test]
fn gradient() {
    let l = loss("s: Scale = 32 in 1..128", "let p = softmax(s * cos[y], s * cos[k])\nce(p)");
    let mut g = l.row_gradient();
    let (t, o) = (g.target, g.other);
    let graph = &mut g.loss.graph;
    let p = l.names.iter().map(|n| (n.role, n.name.clone())).collect::<Vec<_>>();
    println!("{p:?}");
    let _ = (t, o);
}
