//! Losses that a program embeds: compiled, and equal to the interpreter and to the reference.

use marlo::eval::Batch;
use marlo::native::math::Real;
use marlo::native::{self, Embedded, Head, Kernel, Library, head};
use marlo::setting::Moment;
use marlo::{Backend, Outcome, eval};

static WRITTEN: Embedded = marlo::loss! {
    //! Comments may stand here, with an apostrophe of their author's too.

    use arcface

    /// The share of the mask.
    fn share(x, t) {
        t * exp(x) / (1 + exp(x)) // and here
    }

    loss written(s: Scale = 32 in 1..128, m: Angle = 0.3 in 0..pi/2, t: Weight = 0.4 in 0..1) {
        let f = arcface(s, m).f
        let I = mask(cos[k] > f - 0.3)
        let h = indicator(I, exp(share(s * (cos[k] - f + 0.3), t)))
        ce(softmax(s * f, s * cos[k], weight: h))
    }

    law t = 0 => arcface(s, m)
    prove finite
};

const QUOTED: Embedded = marlo::loss!(
    r"
    use arcface

    loss quoted(s: Scale = 32 in 1..128, m: Angle = 0.3 in 0..π/2, t: Weight = 0.4 in 0..1) {
        let f = arcface(s, m).f
        let I = mask(cos[k] ≥ f − 0.3)
        ce(softmax(s · f, s · cos[k], weight: indicator(I, exp(t · sin(θ[k])))))
    }
    "
);

const CLASSES: usize = 4100;

/// Random cosines, (B, C), with labels at the ends and between; targets are larger.
fn batch(loss: &marlo::loss::Loss, t: f64) -> Batch<f64> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let labels = [0, 2050, CLASSES as i64 - 1];
    let mut cosines: Vec<f64> = (0..labels.len() * CLASSES).map(|_| 0.8 * (next() - 0.5)).collect();
    for (row, &label) in labels.iter().enumerate() {
        cosines[row * CLASSES + label as usize] = 0.1 + 0.5 * next();
    }
    let settings = eval::settings(loss, &[("t".into(), t)], Moment::start(CLASSES)).expect("t is in range");
    Batch::new(loss, CLASSES, cosines, &labels, vec![], settings).expect("the batch is valid")
}

/// The greatest difference of two outcomes, of gradients relative to the largest entry.
fn off<A: Real, B: Real>(a: &Outcome<A>, b: &Outcome<B>) -> f64 {
    let greatest = a.gradient.iter().fold(0.0, |top: f64, g| top.max(g.to_f64().abs()));
    let gradients = a.gradient.iter().zip(&b.gradient);
    let gradients = gradients.map(|(a, b)| (a.to_f64() - b.to_f64()).abs() / greatest);
    gradients.fold((a.mean_loss - b.mean_loss).abs(), f64::max)
}

fn holds(embedded: &Embedded, name: &str) {
    let loss = embedded.loss();
    assert_eq!(loss.name, name);
    let (double, single) = (embedded.kernel::<f64>(), embedded.kernel::<f32>());
    assert!(double.is_compiled() && single.is_compiled(), "{name}: {:?}", double.sweeps());
    let interpreted = Kernel::<f64>::new(&embedded.program(), &Library::empty());
    assert!(!interpreted.is_compiled());
    // Hyperparameters are inputs of a run.
    let mut losses = Vec::new();
    for t in [0.1, 0.9] {
        let batch = batch(&loss, t);
        let exact = Backend::Reference.run(&loss, &batch).expect("the loss is finite");
        let found = native::run(&double, &loss, &batch).expect("the kernel runs");
        let by_interpreter = native::run(&interpreted, &loss, &batch).expect("the kernel runs");
        let narrow = native::run(&single, &loss, &batch.convert::<f32>()).expect("the kernel runs");
        let differences = [off(&exact, &found), off(&by_interpreter, &found), off(&exact, &narrow)];
        assert!(differences[0] < 1e-11 && differences[1] < 1e-13, "{name}, {t}: {differences:?}");
        assert!(differences[2] < 5e-5, "{name}, {t}: {differences:?}");
        losses.push(exact.mean_loss);
    }
    assert!(losses[0] < losses[1], "{name}: {losses:?}");
}

#[test]
fn a_loss_in_tokens_is_compiled() {
    holds(&WRITTEN, "written");
    assert!(WRITTEN.source().contains("\n    law t = 0 => arcface(s, m)\n"), "{}", WRITTEN.source());
}

#[test]
fn a_loss_in_a_string_is_compiled() {
    holds(&QUOTED, "quoted");
}

#[test]
fn a_loss_in_a_file_is_compiled() {
    let mine = marlo::include_loss!("embedded/mine.loss");
    holds(&mine, "mine");
    assert_eq!(mine.source(), include_str!("embedded/mine.loss"));
}

/// A program may itself be written by a macro.
macro_rules! cosine_margin {
    ($name:ident, $margin:literal) => {
        marlo::loss! {
            loss $name(s: Scale = 8, t: Weight = 0.5) {
                let f = cos[y] - $margin * t
                ce(softmax(s * f, s * cos[k]))
            }
        }
    };
}

/// Arguments of several tokens, at both ends of a line and with an operator of two letters.
macro_rules! masked {
    ($name:ident, $target:expr, $($mask:tt)*) => {
        marlo::loss! {
            loss $name(s: Scale = 8, t: Weight = 0.5) {
                let f = $target - 0.1 * t
                let I = mask($($mask)*)
                ce(softmax(s * f, s * cos[k], weight: indicator(I, 1 + t)))
            }
        }
    };
}

#[test]
fn arguments_of_a_macro_stay_in_their_statement() {
    let masked = masked!(masked, cos[y], cos[k] >= f - 0.2);
    holds(&masked, "masked");
    assert!(masked.source().contains("let f = cos [ y ] - 0.1 * t\n"), "{}", masked.source());
    assert!(masked.source().contains("let I = mask( cos [ k ] >= f - 0.2 )\n"), "{}", masked.source());
}

#[test]
fn a_loss_of_a_macro_is_compiled() {
    holds(&cosine_margin!(narrow, 0.1), "narrow");
    holds(&cosine_margin!(wide, 0.4), "wide");
}

#[test]
fn a_head_takes_an_embedded_loss() {
    let written = WRITTEN.loss();
    let build = |library: &Library| {
        Head::<f64>::builder(&written).classes(70).dim(3).library(library.clone()).build()
    };
    let number = |at: usize| ((at * 37 % 101) as f64 - 50.0) / 50.0;
    let (x, w): (Vec<f64>, Vec<f64>) = ((0..6).map(number).collect(), (6..216).map(number).collect());
    let run = |library: &Library| {
        let (mut loss, mut by_x, mut by_w) = ([0.0; 2], [0.0; 6], [0.0; 210]);
        let step = head::Step {
            x: &x,
            w: &w,
            labels: &[3, 69],
            vectors: &[],
            params: &[32.0, 0.3, 0.4],
            sampled: None,
        };
        let mut gradients = head::Gradients { loss: &mut loss, x: &mut by_x, w: &mut by_w };
        build(library).expect("it has a size").step(&step, &mut gradients).expect("it fits");
        loss.into_iter().chain(by_x).chain(by_w).collect::<Vec<f64>>()
    };
    let (compiled, interpreted) = (run(&WRITTEN.library()), run(&Library::empty()));
    for (a, b) in compiled.iter().zip(&interpreted) {
        assert!((a - b).abs() <= 1e-11 * a.abs().max(1.0), "{a} and {b}");
    }
}
