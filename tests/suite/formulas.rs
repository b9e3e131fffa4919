//! Snapshots of every formula and of the IR. `cargo insta review` shows what a change did to them.

use marlo::formula::{Style, gradient};
use marlo::schedule::RowProgram;
use marlo::specs;

fn each(suffix: &str, print: impl Fn(&marlo::loss::Loss) -> String) {
    for spec in specs::ALL {
        let loss = specs::compile(spec.name).expect("shipped specs compile").loss;
        insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(format!("{}.{suffix}", spec.name), print(&loss));
        });
    }
}

#[test]
fn text() {
    each("formula", |loss| gradient(loss, Style::Text));
}

#[test]
fn latex() {
    each("latex", |loss| gradient(loss, Style::Latex));
}

#[test]
fn ir() {
    each("ir", |loss| {
        let derived = loss.gradient();
        let roots = derived.all_roots();
        let roots: Vec<_> = roots.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        format!("{}\n{}", derived.loss.graph.print(&roots), RowProgram::of(loss).print())
    });
}

#[test]
fn mathml() {
    for name in ["mv_arc_adaptive", "sphereface", "focal", "arcface_easy", "ohem_share"] {
        let loss = specs::compile(name).expect("shipped specs compile").loss;
        insta::with_settings!({snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(format!("{name}.mathml"), gradient(&loss, Style::MathMl));
        });
    }
}

/// What a program calls by one name is one thing in its formula, too.
#[test]
fn statistics_over_the_batch() {
    let text = "loss t(s: Scale = 8, q: Prob = 0.3, sigma: Real = 1) {
        let a = quantile[i](cos[y], q)
        let b = max[i](cos[y]) + min[i](cos[y]) + median[i](cos[y])
        let c = std[i](cos[y])
        let d = lse[i](s * cos[y])
        let e = match[i](cos[y], -theta[y])
        let f = max(cos[k], a, 0.3)
        mean[i](ce(softmax(s * cos[y] * (a + b + c), s * f)) + e + sigmoid(sigma * cos[y])) + d
    }";
    let loss = marlo::compile(text, &specs::Shipped::default()).expect("it compiles").loss;
    let text = gradient(&loss, Style::Text);
    for line in [
        "a = quantile_i(cos θ_y, q)",
        "c = std_{i} cos θ_y",
        "d = LSE_{i} s·cos θ_y",
        "e = match_i(cos θ_y, -θ_y)",
        "f_k = max(cos θ_k, a, 0.3)",
    ] {
        assert!(text.lines().any(|found| found.trim() == line), "{line}\n{text}");
    }
    for part in ["(min_{i} cos θ_y)", "(max_{i} cos θ_y)", "(median_{i} cos θ_y)"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // The hyperparameter has the letter σ.
    assert!(text.contains("sigmoid(σ·cos θ_y)") && !text.contains("σ("), "{text}");
    let latex = gradient(&loss, Style::Latex);
    assert!(latex.contains(r"\operatorname{sigmoid}\left(\sigma\, \cos \theta_{y}\right)"), "{latex}");

    let lines = |name| gradient(&specs::compile(name).expect("shipped specs compile").loss, Style::Text);
    assert!(lines("ohem_share").contains("[rank_i(ln p_y) < max(1, ⌊share·B⌋)]"));
    assert!(lines("label_smoothing").contains("Σ_{k≠y} (-ln p_k)"));
    assert!(lines("subcentre_arcface").contains("c = max(cos θ_{y,1}, cos θ_{y,2}, cos θ_{y,3})"));
}

/// The gradients of SV and MV as the papers write them.
#[test]
fn papers() {
    let lines = |name| gradient(&specs::compile(name).expect("shipped specs compile").loss, Style::Text);
    assert!(lines("mv_arc_adaptive").contains("∂L/∂cos θ_k = s·p_k·(1 + t·I_k)\n"));
    assert!(lines("mv_am_adaptive").contains("∂L/∂cos θ_k = s·p_k·(1 + t·I_k)\n"));
    assert!(lines("mv_arc_fixed").contains("∂L/∂cos θ_k = s·p_k\n"));
    assert!(lines("sv_softmax").contains("∂L/∂cos θ_k = s·p_k·(1 + (t - 1)·I_k)\n"));
    assert!(lines("sv_softmax").contains("∂L/∂cos θ_y = -s·(1 - p_y)\n"));
    assert!(lines("arcface").contains("∂L/∂cos θ_y = -s·(1 - p_y)·sin(θ_y + m)/sin θ_y\n"));
}
