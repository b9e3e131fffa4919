//! The pages of the zoo: each shipped loss with its text, its formula and gradient, and its plots, a page a family.
//!
//! `MARLO_UPDATE_DOCS=1 cargo test -p marlo-tests zoo` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use marlo::formula::{self, Style};
use marlo::specs::{self, Spec};
use marlo_plot::{Figure, Options, Subject, Theme, plot};

use crate::docs::kept;

/// The families in the order of the page, with what they have in common, and losses that the family's overview overlays.
const FAMILIES: [(&str, &str, &[&str]); 9] = [
    ("plain", "No margin, no mining: softmax and what is around it.", &["normface", "softcap", "z_loss"]),
    (
        "margin",
        "A margin on the target: the sample is pulled to its class.",
        &["normface", "cosface", "arcface", "arcface_fallback", "sphereface", "combined_margin"],
    ),
    ("mining", "Hard samples or hard classes weigh more.", &["normface", "focal", "ohem", "npcface"]),
    ("naive", "Mining over the logits of a margin.", &["cosface", "focal_am", "arcface", "focal_arc"]),
    (
        "sv",
        "Support vectors: a mask picks the mis-classified class vectors, a weight pushes them away.",
        &["normface", "sv_softmax", "sv_am", "sv_arc"],
    ),
    (
        "mv",
        "Mis-classified vectors over any margin, with a fixed, adaptive or learnt weight.",
        &["arcface", "mv_arc_fixed", "mv_arc_adaptive", "curricularface"],
    ),
    (
        "longtail",
        "Classes of very different sizes: their counts or priors are inputs.",
        &["balanced_softmax"],
    ),
    ("robust", "Losses that noisy labels disturb less.", &["softmax", "generalised_ce", "mae", "poly1"]),
    (
        "pairs",
        "Sums over the classes without a softmax, and distances.",
        &["circle", "uniface", "sphereface2"],
    ),
];

/// Published losses that are not in the zoo, and why.
const LEFT_OUT: [(&str, &str); 5] = [
    (
        "Normalised cross entropy and normalised focal loss (Ma et al., ICML 2020)",
        "they can be written (`tests/oracle/programs`), but with two classes their gradient is a difference of nearly equal \
         numbers, which f32 backends can't give; they do not ship until they can",
    ),
    (
        "KappaFace (Oinar et al., 2021)",
        "its margins follow a concentration of each class's embeddings, a state of each class; the caller has to carry it, as the \
         input `margin[k]` of a loss such as adaptiveface",
    ),
    ("NPT-Loss", "neither its paper nor a code of its authors was at hand to hold it against"),
    (
        "LDAM's deferred re-weighting (Cao et al., NeurIPS 2019)",
        "it is a plan of training: from some step on each sample is weighed by its class, which an input `weight[k]` of a loss does",
    ),
    (
        "SphereFace's official backward pass (Caffe)",
        "it is no derivative of any loss: it leaves the margin out for the class weights and rescales the embedding's part",
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/zoo")
}

/// The figures of one loss: its logits and its gradient, and its weight where a figure of it says something.
const FIGURES: [(Figure, &str); 3] =
    [(Figure::Target, "target"), (Figure::Other, "other"), (Figure::Weight, "weight")];

fn figure(losses: &[&str], figure: Figure) -> String {
    let subject = |name: &&str| Subject {
        loss: specs::compile(name).expect("shipped specs compile").loss,
        set: vec![],
    };
    let subjects: Vec<Subject> = losses.iter().map(subject).collect();
    let options = Options { figure, classes: 10, ..Options::default() };
    let plot = plot(&subjects, &options).unwrap_or_else(|error| panic!("{losses:?}: {error}"));
    plot.svg(Theme::Auto)
}

fn entry(spec: &Spec) -> String {
    let loss = specs::compile(spec.name).expect("shipped specs compile").loss;
    let mut out = format!("## {}\n\n", spec.name);
    for (_, what) in FIGURES {
        let _ = writeln!(out, "![{}: {what}](plots/{}-{what}.svg)", spec.name, spec.name);
    }
    let _ = write!(out, "\n```loss\n{}```\n\n", spec.source);
    let _ = write!(out, "```text\n{}\n```\n\n", formula::gradient(&loss, Style::Text).trim_end());
    out
}

fn page(family: &str, words: &str) -> String {
    let mut out = format!(
        "# {family}\n\n{words} Plots, formulas and gradients are written by `MARLO_UPDATE_DOCS=1 cargo test -p marlo-tests \
         zoo`.\n\n![the family's target logits](plots/{family}.svg)\n\n"
    );
    for spec in specs::ALL.iter().filter(|spec| spec.family == family) {
        out += &entry(spec);
    }
    out.trim_end().to_owned() + "\n"
}

fn index() -> String {
    let mut out = format!(
        "# The zoo\n\n{} published losses, each a file in `specs/`: its text says the paper, the defaults, and what published code does \
         differently ([discrepancies](../discrepancies.md) has the sizes). `marlo plot NAME` draws any of them.\n\n",
        specs::ALL.len()
    );
    for (family, words, _) in FAMILIES {
        let _ = write!(out, "## [{family}]({family}.md)\n\n{words}\n\n");
        for spec in specs::ALL.iter().filter(|spec| spec.family == family) {
            let _ = writeln!(out, "- [{0}]({family}.md#{0}): {1}", spec.name, spec.summary());
        }
        out += "\n";
    }
    out += "## Not here\n\n";
    for (name, why) in LEFT_OUT {
        let _ = writeln!(out, "- {name}: {why}.");
    }
    out
}

#[test]
fn pages_of_the_zoo() {
    let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.0).collect();
    let used: BTreeSet<&str> = specs::ALL.iter().map(|spec| spec.family).collect();
    assert_eq!(known, used, "each folder of specs/ has its words here");
    kept("zoo/README.md", &index());
    for (family, words, _) in FAMILIES {
        kept(&format!("zoo/{family}.md"), &page(family, words));
    }
}

#[test]
fn plots_of_the_zoo() {
    let mut wanted = BTreeSet::new();
    let mut keep = |name: String, svg: String| {
        kept(&format!("zoo/plots/{name}.svg"), &svg);
        wanted.insert(format!("{name}.svg"));
    };
    for (family, _, overlaid) in FAMILIES {
        keep(family.to_owned(), figure(overlaid, Figure::Target));
    }
    for spec in specs::ALL {
        for (kind, what) in FIGURES {
            keep(format!("{}-{what}", spec.name), figure(&[spec.name], kind));
        }
    }
    let there: BTreeSet<String> = std::fs::read_dir(folder().join("plots"))
        .expect("docs/zoo/plots can be read")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(there, wanted, "a plot of a loss that is gone");
}
