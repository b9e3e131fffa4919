//! Adding a loss is adding a file: one that nobody has published is written here and goes the whole way, through every
//! command, without any other change.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A margin that follows how well the batch does, sub-centres, an input of each class and noise: every general means at once.
const TEXT: &str = "\
//! A new loss: the margin grows with the median cosine of what came before, and rare classes get more of it.

use label_smoothing
use sv_softmax

/// The margin of a class that makes up such a share of the data.
fn margin(m: Angle, share: Prob) = m * (2 - share)

loss pacemaker(
    s: Scale = ramp(16, 64, 10000) in 1..128,
    m: Angle = 0.3 in 0..0.5,
    e: Prob = 0.05,
    sigma: Angle = 0.01 in 0..0.05,
    share[k]: Prob total 1,
    noise[i]: Real ~ normal(0, 1) in -8..8,
    centres: Count = 2,
) {
    let c = max[r](cos[y, r])
    state pace: Real = 0 in -1..1 then clamp(0.1 * median[i](c) + 0.9 * pace, -1, 1)
    let grown = margin(m, share[y]) * (1 + pace) / 2
    let f = cos(acos(c) + grown + sigma * noise[i])
    let p = softmax(s * f, s * max[r](cos[k, r]))
    label_smoothing.smooth(p, e)
}

law e = 0, m = 0, sigma = 0 => ce(softmax(s * max[r](cos[y, r]), s * max[r](cos[k, r])))
law e = 0                   => ce(
    softmax(
        s * cos(min[r](theta[y, r]) + margin(m, share[y]) * (1 + pace) / 2 + sigma * noise[i]),
        s * max[r](cos[k, r]),
    ),
)
prove finite
prove bounded(grown, 0, 1)
";

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("growth");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn marlo(line: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_marlo"))
        .args(line.split_whitespace())
        .current_dir(folder())
        .output()
        .expect("the program starts");
    let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "marlo {line}\n{out}{err}");
    out
}

#[test]
fn a_new_loss_goes_the_whole_way() {
    std::fs::write(folder().join("pacemaker.loss"), TEXT).expect("the target folder can be written");
    let _ = std::fs::remove_file(folder().join("states.json"));
    assert!(marlo("check pacemaker.loss").contains("state pace: Real = 0 in -1..1"));
    marlo("fmt pacemaker.loss");
    assert!(marlo("derive pacemaker.loss").contains("∂L/∂cos θ_{y,2}"));
    assert!(marlo("compile pacemaker.loss --target wgsl").contains("fn rows("));
    for backend in ["reference", "dfdx", "wgpu"] {
        let line = format!("eval pacemaker.loss --backend {backend} --grad s,share --seed 3 --step 500");
        let found: serde_json::Value = serde_json::from_str(&marlo(&line)).expect("a JSON summary");
        assert_eq!(found["settings"]["s"], 18.4, "{backend}");
    }
    marlo("run pacemaker.loss");
    marlo("agree pacemaker.loss");
    marlo("verify pacemaker.loss");
    for figure in ["target", "other", "loss", "gradient", "boundary", "weight"] {
        marlo(&format!("plot pacemaker.loss arcface --figure {figure} -o {figure}.svg -o {figure}.png"));
    }
}

/// Each step goes on from where the last one left, and the file says how far that is.
#[test]
fn states_go_on_from_step_to_step() {
    std::fs::write(folder().join("steps.loss"), TEXT.replace("pacemaker", "steps"))
        .expect("it can be written");
    let states = folder().join("steps.json");
    let _ = std::fs::remove_file(&states);
    let step = || {
        marlo("eval steps.loss --state steps.json");
        let text = std::fs::read_to_string(&states).expect("the states were written");
        let json: serde_json::Value = serde_json::from_str(&text).expect("they are JSON");
        (json["step"].as_u64().expect("a number"), json["states"]["pace"].as_f64().expect("a number"))
    };
    let (first, one) = step();
    let (second, two) = step();
    assert_eq!((first, second), (1, 2));
    assert!((two - (one + 0.9 * one)).abs() < 1e-7, "{one} and {two}: the same batch twice");
}
