//! Losses and gradients that published implementations gave on the same inputs, in f64.
//!
//! The files stand outside the repository (`../shared/oracle`: a folder an implementation, named and dated in its
//! `index.json`); where they are absent the test says so and skips. Where a code differs from its paper the table says
//! which of the two the spec follows, and why; where it can be said in the language, the code's own form is a program here
//! and is compared too.

use std::path::{Path, PathBuf};

use marlo::data::array::{Array, Npz};
use marlo::eval::{Batch, settings};
use marlo::loss::Loss;
use marlo::{Backend, Outcome, specs};

/// The cases of every implementation: see the oracle's README.
const CASES: [&str; 12] =
    ["rand0", "rand1", "rand2", "easy", "hard", "exact", "ties", "c2", "c1", "onelabel", "b1", "norms"];

/// What is asked of the loss and of each derivative: 1e-10 of its size, beside the rounding of logits up to 2·64 in f64,
/// which a code that takes differences of logits and 1 − p carries into results near 0.
fn close(found: f64, published: f64) -> bool {
    (found - published).abs() <= 1e-10 * published.abs() + 1e-13
}

/// An implementation and the program that must agree with it.
struct Published {
    /// The implementation's folder.
    oracle: &'static str,
    /// The shipped spec, or the text of a program.
    program: &'static str,
    set: &'static [(&'static str, f64)],
    /// Where the two differ, and why the spec is as it is.
    differs: &'static [(Where, &'static str)],
}

/// The part of an implementation's results that a program does not have to agree with.
#[derive(Copy, Clone, PartialEq)]
enum Where {
    /// The case as a whole.
    Case(&'static str),
    /// The loss in a case.
    LossOf(&'static str),
    /// Entries where the code gives NaN or an infinity: there ours must be finite.
    NotFinite,
    /// Rows whose target is past θ = π − m, for that margin.
    Past(f64),
}

use Where::{Case, LossOf, NotFinite, Past};

const fn of(
    oracle: &'static str,
    program: &'static str,
    set: &'static [(&'static str, f64)],
    differs: &'static [(Where, &'static str)],
) -> Published {
    Published { oracle, program, set, differs }
}

const SINGULAR: (Where, &str) =
    (NotFinite, "the code divides by sin θ = 0; the spec takes 1/sin θ at the nearest cosine inside ±1");
const SHARD: (Where, &str) = (Case("b1"), "the code fails on a single sample");
const CLAMP: (Where, &str) =
    (Case("exact"), "the code moves cosines to ±(1 − 1e-7); the spec takes them as they are");

/// Both floors of the code: in the denominator, and on p.
const FLOORED_SV: &str = "loss floored(s: Scale = 32, t: Factor = 1.2) {
    let h = indicator(cos[k] > cos[y], exp(s * (t - 1) * (cos[k] + 1)))
    let target = exp(s * cos[y])
    let p = target / (target + sum[k](h * exp(s * cos[k])) + 1e-9)
    -ln(p + 1e-9)
}";
/// The code's loss stops at −ln 1e-30, its gradient does not.
const CAPPED_AM: &str = "use cosface
loss capped(s: Scale = 64, m: Cosine = 0.4) {
    let whole = ce(cosface(s, m).p)
    whole + detach(min(whole, -ln(1e-30)) - whole)
}";
const CAPPED_ARC: &str = "use arcface_straight_through
loss capped(s: Scale = 64, m: Angle = 0.5) {
    let whole = ce(arcface_straight_through(s, m).p)
    whole + detach(min(whole, -ln(1e-30)) - whole)
}";
/// The code keeps cosines 1e-5 away from ±1 and the angle within 1e-5..3.14159, and holds the difference constant.
const STRAIGHT_CLIPPED_ARC: &str = "fn inside(c) = clamp(c, 1e-5 - 1, 1 - 1e-5)
loss clipped(s: Scale = 64, m: Angle = 0.5) {
    let f = cos[y] + detach(cos(clamp(acos(inside(cos[y])) + m, 1e-5, 3.14159)) - cos[y])
    ce(softmax(s * f, s * (cos[k] + detach(inside(cos[k]) - cos[k]))))
}";
/// The code keeps cosines 1e-5 away from ±1 and holds ψ − cos θ constant.
const STRAIGHT_SPHEREFACE: &str = "fn inside(c) = clamp(c, 1e-5 - 1, 1 - 1e-5)
loss straight(s: Scale = 64, m: Factor = 3) {
    let angle = acos(inside(cos[y]))
    let n = floor(m * angle / pi)
    let f = cos[y] + detach((-1)^n * cos(m * angle) - 2 * n - cos[y])
    ce(softmax(s * f, s * (cos[k] + detach(inside(cos[k]) - cos[k]))))
}";
const HARDEST_AM: &str = "use cosface
loss hardest(s: Scale = 32, m: Cosine = 0.35, share: Real = 0.75) { top[i](cosface(s, m), share) }";
const HARDEST_ARC: &str = "use arcface
loss hardest(s: Scale = 32, m: Angle = 0.5, share: Real = 0.75) { top[i](arcface(s, m), share) }";
/// Every cosine and angle stays 1e-4 away from its ends; no gradient comes from past them.
const CLIPPED_ARC: &str = "fn inside(c) = clamp(c, 1e-4 - 1, 1 - 1e-4)
loss clipped(s: Scale = 64, m: Angle = 0.5) {
    let f = cos(clamp(acos(inside(cos[y])) + m, 1e-4, pi - 1e-4))
    ce(softmax(s * f, s * inside(cos[k])))
}";
/// Past θ = π − m the code goes on as cos θ, which jumps up.
const RISING_ARC: &str = "loss rising(s: Scale = 32, m: Angle = 0.35) {
    let f = if cos[y] > cos(pi - m) then cos(theta[y] + m) else cos[y]
    ce(softmax(s * f, s * cos[k]))
}";
const EASY_AM: &str = "loss easy(s: Scale = 32, m: Cosine = 0.35) {
    let f = if cos[y] > 0 then cos[y] - m else cos[y]
    ce(softmax(s * f, s * cos[k]))
}";
const EASY_MV_ARC: &str = "use arcface
use arcface_easy
loss easy(s: Scale = 32, m: Angle = 0.5, t: Weight = 0.2) {
    let I = mask(cos[k] > arcface(s, m).f)
    let h = indicator(I, exp(s * t * (cos[k] + 1)))
    ce(softmax(s * arcface_easy(s, m).f, s * cos[k], weight: h))
}";
const FOCAL_LOGITS: &str = "loss plain(gamma: Weight = 2) { focal(softmax(logit[y], logit[k]), gamma) }";
const FOCAL_DETACHED: &str = "loss held(gamma: Weight = 2) {
    let p = softmax(logit[y], logit[k])
    detach((1 - p[y])^gamma) * ce(p)
}";

#[rustfmt::skip]
const TABLE: &[Published] = &[
    of("softmax_ce__torch", "softmax", &[], &[]),
    of("softmaxloss__opensphere", "softmax", &[], &[]),
    of("normface_s1__torch_ref", "normface", &[("s", 1.0)], &[]),
    of("normface_s30__torch_ref", "normface", &[("s", 30.0)], &[]),
    of("normface_s64__torch_ref", "normface", &[("s", 64.0)], &[]),
    of("normsoftmax__pml_T0.05", "normface", &[("s", 20.0)], &[]),
    of("cocoloss__opensphere_s30", "normface", &[("s", 30.0)], &[]),
    of("fc__xiaobo_s32", "normface", &[("s", 32.0)], &[]),

    of("am__facexzoo_m0.35_s32", "cosface", &[("s", 32.0), ("m", 0.35)], &[]),
    of("am__xiaobo_m0.35_s32", "cosface", &[("s", 32.0), ("m", 0.35)], &[]),
    // Without the margin at negative cosines: the code's default, not the paper's form.
    of("am__xiaobo_m0.35_s32_easy", EASY_AM, &[], &[]),
    of("cos__tface_m0.4_s64", "cosface", &[("s", 64.0), ("m", 0.4)], &[]),
    of("cos__insightface", "cosface", &[("s", 64.0), ("m", 0.4)], &[]),
    // The code's loss stops at 69.08, −ln 1e-30; cosface and arcface_straight_through follow the formula.
    of("cos__insightface_PartialFC_V2", CAPPED_AM, &[], &[SHARD]),
    of("cos__pml_m0.35_s64", "cosface", &[("s", 64.0), ("m", 0.35)], &[]),
    of("cos__elastic_repo", "cosface", &[("s", 64.0), ("m", 0.35)], &[(NotFinite, "the code takes acos of every cosine")]),
    of("cosface__4uiiurz1_s30", "cosface", &[("s", 30.0), ("m", 0.35)], &[]),
    of("cosface__opensphere_s64_m0.35", "cosface", &[("s", 64.0), ("m", 0.35)], &[]),
    of("combined__insightface_1_0_0.4", "cosface", &[("s", 64.0), ("m", 0.4)], &[]),
    // The code leaves m1 and m2 out where m3 > 0; combined_margin follows the paper's equation 4 and uses all three.
    of("combined__insightface_1_0.3_0.2", "cosface", &[("s", 64.0), ("m", 0.2)], &[]),
    of("combined__insightface_0.9_0.4_0.15", "cosface", &[("s", 64.0), ("m", 0.15)], &[]),

    of("arc__xiaobo_m0.5_s32", "arcface", &[("s", 32.0)], &[SINGULAR]),
    of("arc__elastic_repo_inplace_acos", "arcface", &[("s", 64.0)], &[SINGULAR]),
    of("arcface__4uiiurz1_s30", "arcface", &[("s", 30.0)], &[CLAMP]),
    of("arc__xiaobo_m0.5_s32_easy", "arcface_easy", &[("s", 32.0)], &[SINGULAR]),
    of("arc__tface_m0.5_s64_easy", "arcface_easy", &[("s", 64.0)], &[SINGULAR]),
    of("arc__evolve_m0.5_s64_easy", "arcface_easy", &[("s", 64.0)], &[SINGULAR]),
    of("arc__tface_m0.5_s64", "arcface_fallback", &[("s", 64.0)], &[SINGULAR]),
    of("arc__curricular_repo_m0.5_s64", "arcface_fallback", &[("s", 64.0)], &[SINGULAR]),
    of("arc__evolve_m0.5_s64", "arcface_fallback", &[("s", 64.0)], &[SINGULAR]),
    of("arc__ronghuaiyang_m0.5_s30", "arcface_fallback", &[("s", 30.0)], &[SINGULAR]),
    of("arc__facexzoo_m0.5_am_msinm_s64", "arcface_fallback", &[("s", 64.0)], &[SINGULAR]),
    // The code's margin is in degrees, 28.6; a spec's angle is in radians.
    of("arc__pml_m28.6deg_s64", "arcface_fallback", &[("s", 64.0), ("m", 28.6 * std::f64::consts::PI / 180.0)], &[SINGULAR]),
    of("arc__facexzoo_default", RISING_ARC, &[], &[SINGULAR]),
    of("arc__adaface_repo_eps1e-4", CLIPPED_ARC, &[], &[]),
    of("arc__insightface_ArcFace", "arcface_straight_through", &[("s", 64.0)], &[]),
    of("arc__insightface_PartialFC_V2", CAPPED_ARC, &[], &[SHARD]),
    of("combined__insightface_1_0.5_0", "arcface_straight_through", &[("s", 64.0)], &[]),
    of("arcface__opensphere_s64_m0.5", STRAIGHT_CLIPPED_ARC, &[], &[]),
    of("sphereface__4uiiurz1_s30", "combined_margin", &[("s", 30.0), ("m1", 1.35), ("m2", 0.0), ("m3", 0.0)], &[CLAMP]),
    of("arc__xiaobo_m0.5_s32", "combined_margin", &[("s", 32.0), ("m2", 0.5), ("m3", 0.0)], &[SINGULAR]),
    of("combined__cavaface_m2_0.3_m3_0.2", "combined_margin", &[("s", 64.0), ("m2", 0.3), ("m3", 0.2)],
        &[SINGULAR, (Past(0.3), "the code goes on as cos θ − m2·sin m2 and forgets m3; the paper has one formula")]),
    // sphereface has the true derivative, as the paper has it.
    of("sphereface__opensphere_s64_m3", STRAIGHT_SPHEREFACE, &[], &[]),
    of("sphereface__opensphere_s30_m1.7", STRAIGHT_SPHEREFACE, &[("s", 30.0), ("m", 1.7)], &[]),

    of("focal_g2_fc__xiaobo_m0.0_s32", "focal", &[], &[]),
    of("focal_g2_am__xiaobo_m0.35_s32", "focal_am", &[], &[]),
    of("focal_g2_arc__xiaobo_m0.5_s32", "focal_arc", &[], &[SINGULAR]),
    of("focal_g2__kaidic", FOCAL_LOGITS, &[], &[]),
    of("focal_g0.5__kaidic", FOCAL_LOGITS, &[("gamma", 0.5)],
        &[(NotFinite, "the code has 0^(γ−1) where p rounds to 1; the spec keeps 1 − p")]),
    // The code holds the weight constant; focal follows the paper, which differentiates it.
    of("focal_g2__activepassive_detached", FOCAL_DETACHED, &[], &[]),
    of("ohem_0.75_fc__xiaobo_m0.0_s32", "ohem_share", &[("s", 32.0), ("share", 0.75)],
        &[(Case("b1"), "the code keeps no sample at all; the spec keeps at least one")]),
    of("ohem_0.75_am__xiaobo_m0.35_s32", HARDEST_AM, &[],
        &[(Case("b1"), "the code keeps no sample at all; the spec keeps at least one")]),
    of("ohem_0.75_arc__xiaobo_m0.5_s32", HARDEST_ARC, &[],
        &[SINGULAR, (Case("b1"), "the code keeps no sample at all; the spec keeps at least one")]),

    of("svsoftmax__xiaobo_MVAM_m0_t0.0_s32", "sv_softmax", &[("t", 1.0)], &[]),
    of("svsoftmax__xiaobo_MVAM_m0_t0.2_s32", "sv_softmax", &[("t", 1.2)], &[]),
    // The code takes −ln(p + 1e-9), which ends at 20.72 and stops the gradient of the hardest samples; sv_softmax
    // follows the paper.
    of("svsoftmax__comratvlad_t1.0_s32", FLOORED_SV, &[("t", 1.0)], &[]),
    of("svsoftmax__comratvlad_t1.2_s32", FLOORED_SV, &[], &[]),
    of("svam__comratvlad_t1.0_m0.35_s32", "sv_am", &[("t", 1.0)], &[]),
    of("svam__comratvlad_t1.2_m0.35_s32", "sv_am", &[], &[]),
    // SV-X is MV-X adaptive with t_SV = 1 + t_MV.
    of("mvam_adaptive__xiaobo_m0.35_t0.2_s32", "sv_am", &[("t", 1.2)], &[]),
    of("mvarc_adaptive__xiaobo_m0.5_t0.2_s32", "sv_arc", &[("t", 1.2)], &[SINGULAR]),
    of("mvam_adaptive__xiaobo_m0.35_t0.0_s32", "mv_am_adaptive", &[("t", 0.0)], &[]),
    of("mvam_adaptive__xiaobo_m0.35_t0.2_s32", "mv_am_adaptive", &[], &[]),
    of("svx_mvam__cavaface", "mv_am_adaptive", &[], &[]),
    of("mvarc_adaptive__xiaobo_m0.5_t0.0_s32", "mv_arc_adaptive", &[("t", 0.0)], &[SINGULAR]),
    of("mvarc_adaptive__xiaobo_m0.5_t0.2_s32", "mv_arc_adaptive", &[], &[SINGULAR]),
    // The code's default leaves the margin out at negative cosines, but not in the mask: not the paper's form.
    of("mvarc_adaptive__xiaobo_m0.5_easy", EASY_MV_ARC, &[], &[SINGULAR]),
    of("mvam_fixed__xiaobo_m0.35_t0.0_s32", "mv_am_fixed", &[("t", 0.0)], &[]),
    of("mvam_fixed__xiaobo_m0.35_t0.2_s32", "mv_am_fixed", &[], &[]),
    of("mvarc_fixed__xiaobo_m0.5_t0.0_s32", "mv_arc_fixed", &[("t", 0.0)], &[SINGULAR]),
    of("mvarc_fixed__xiaobo_m0.5_t0.2_s32", "mv_arc_fixed", &[], &[SINGULAR]),
];

/// Shipped specs that no implementation in the table covers, and why.
const NOT_COVERED: [(&str, &str); 4] = [
    ("ohem", "no published code at hand selects by a threshold on p"),
    ("ohem_am", "no published code at hand selects by a threshold on p"),
    ("ohem_arc", "no published code at hand selects by a threshold on p"),
    ("sphereface", "compared sample by sample below: the code's scale is each feature's norm"),
];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/oracle");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: no oracle at {}", folder.display());
    None
}

/// The inputs of a case.
struct Inputs {
    x: Array<f64>,
    w: Array<f64>,
    cos: Array<f64>,
    labels: Vec<i64>,
}

impl Inputs {
    fn read(folder: &Path, case: &str) -> Inputs {
        let mut file = Npz::open(folder.join(format!("inputs/{case}.npz"))).expect("the oracle is whole");
        let mut get = |name| file.get::<f64>(name).expect("the oracle is whole");
        let (x, w, cos) = (get("x"), get("W"), get("cos"));
        Inputs { x, w, cos, labels: file.get::<i64>("y").expect("the oracle is whole").data }
    }

    fn classes(&self) -> usize {
        self.cos.shape[1]
    }

    /// x·Wᵀ
    fn logits(&self) -> Vec<f64> {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        self.x.rows().flat_map(|x| self.w.rows().map(move |w| dot(x, w))).collect()
    }

    /// The gradient by x of logits with that gradient.
    fn chained(&self, gradient: &[f64]) -> Vec<f64> {
        let width = self.x.shape[1];
        let mut out = Vec::new();
        for row in gradient.chunks(self.classes()) {
            let column = |at: usize| row.iter().zip(self.w.rows()).map(|(g, w)| g * w[at]).sum::<f64>();
            out.extend((0..width).map(column));
        }
        out
    }
}

fn compiled(program: &str) -> Loss {
    let result = match program.contains('{') {
        true => marlo::compile(program, &specs::Shipped::default()),
        false => specs::compile(program),
    };
    result.unwrap_or_else(|found| panic!("{program}: {found:?}")).loss
}

fn run(loss: &Loss, inputs: &Inputs, params: Vec<f64>) -> Outcome<f64> {
    let raw = loss.graph.inputs[0].name == "logit";
    let matrix = if raw { inputs.logits() } else { inputs.cos.data.clone() };
    let batch =
        Batch::new(loss, inputs.classes(), matrix, &inputs.labels, vec![], params).expect("valid inputs");
    Backend::Reference.run(loss, &batch).expect("loss and gradient are finite")
}

fn compare(folder: &Path, published: &Published, mistakes: &mut Vec<String>) -> usize {
    let loss = compiled(published.program);
    let given: Vec<(String, f64)> = published.set.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect();
    let params =
        settings(&loss, &given, marlo::setting::Moment::start(10)).expect("the settings are in range");
    let mut file = Npz::open(folder.join(published.oracle).join("data.npz")).expect("the oracle is whole");
    let differs = |place: Where| published.differs.iter().any(|d| d.0 == place);
    let mut compared = 0;
    for case in CASES {
        if differs(Case(case)) {
            continue;
        }
        let inputs = Inputs::read(folder, case);
        let found = run(&loss, &inputs, params.clone());
        let mut get =
            |name: &str| file.get::<f64>(&format!("{case}.{name}")).expect("the oracle is whole").data;
        let past = published.differs.iter().find_map(|d| if let Past(m) = d.0 { Some(m) } else { None });
        let within: Vec<bool> = (inputs.cos.rows().zip(&inputs.labels))
            .map(|(row, &y)| past.is_none_or(|m| row[y as usize] > (std::f64::consts::PI - m).cos()))
            .collect();
        let total = get("loss")[0];
        if !differs(LossOf(case)) && within.iter().all(|w| *w) {
            compared += 1;
            if !close(found.mean_loss, total) {
                mistakes.push(format!(
                    "{} {case}: loss {:e}, published {total:e}",
                    published.oracle, found.mean_loss
                ));
            }
        }
        let raw = loss.graph.inputs[0].name == "logit";
        let (ours, theirs) = match raw {
            true => (inputs.chained(&found.gradient), get("dx")),
            false => (found.gradient, get("dcos")),
        };
        let width = ours.len() / within.len();
        for (at, (&a, &b)) in ours.iter().zip(&theirs).enumerate().filter(|(at, _)| within[at / width]) {
            if !b.is_finite() && differs(NotFinite) {
                assert!(a.is_finite());
                continue;
            }
            compared += 1;
            if !close(a, b) {
                mistakes.push(format!("{} {case} entry {at}: {a:e}, published {b:e}", published.oracle));
            }
        }
    }
    compared
}

#[test]
fn published_implementations() {
    let Some(folder) = folder() else { return };
    let mut mistakes = Vec::new();
    let compared: usize = TABLE.iter().map(|published| compare(&folder, published, &mut mistakes)).sum();
    assert!(mistakes.is_empty(), "{} of {compared}:\n{}", mistakes.len(), mistakes.join("\n"));
    eprintln!("{compared} numbers of {} implementations agree", TABLE.len());
}

/// SphereFace as PML has it: the scale is the norm of each feature, so each sample is evaluated with its own s.
#[test]
fn sphereface_with_the_norm_as_its_scale() {
    let Some(folder) = folder() else { return };
    let loss = compiled("sphereface");
    let mut file = Npz::open(folder.join("sphereface__pml_m4/data.npz")).expect("the oracle is whole");
    for case in CASES {
        let inputs = Inputs::read(&folder, case);
        let (classes, count) = (inputs.classes(), inputs.labels.len());
        let published = file.get::<f64>(&format!("{case}.dcos")).expect("the oracle is whole");
        let mut total = 0.0;
        for (row, x) in inputs.x.rows().enumerate() {
            let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
            let matrix = inputs.cos.data[row * classes..(row + 1) * classes].to_vec();
            let batch =
                Batch::new(&loss, classes, matrix, &inputs.labels[row..=row], vec![], vec![norm, 4.0])
                    .expect("valid inputs");
            let found = Backend::Reference.run(&loss, &batch).expect("loss and gradient are finite");
            total += found.mean_loss / count as f64;
            for (class, (ours, theirs)) in
                found.gradient.iter().zip(&published.data[row * classes..]).enumerate()
            {
                let ours = ours / count as f64;
                // At θ = π the code starts a piece that the paper does not have, and pushes the target the wrong way.
                let turned =
                    class as i64 == inputs.labels[row] && inputs.cos.data[row * classes + class] == -1.0;
                let theirs = if turned { &-theirs } else { theirs };
                assert!(
                    close(ours, *theirs),
                    "{case} row {row} class {class}: {ours:e}, published {theirs:e}"
                );
            }
        }
        let theirs = file.get::<f64>(&format!("{case}.loss")).expect("the oracle is whole").data[0];
        assert!(close(total, theirs), "{case}: loss {total:e}, published {theirs:e}");
    }
}

#[test]
fn every_spec_is_covered_or_said_not_to_be() {
    for spec in specs::ALL {
        let covered = TABLE.iter().any(|published| published.program == spec.name);
        let said = NOT_COVERED.iter().any(|(name, _)| *name == spec.name);
        assert!(covered != said, "{} is {}", spec.name, if covered { "both" } else { "neither" });
    }
}
