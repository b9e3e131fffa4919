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
