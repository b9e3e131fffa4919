//! The page docs/discrepancies.md: where published codes differ from their papers, and by how much.

use std::fmt::Write as _;

use super::chain::{Sum, chained};
use super::evaluate::{Evaluation, States, compiled};
use super::numbers::{CASES, Case, Oracle};
use super::table::{Discrepancy, Run, Table, Variant};

/// Differences below that are rounding.
const NOTHING: f64 = 1e-11;

/// A difference relative to the larger of both sides.
#[derive(Clone, Default)]
struct Effect {
    /// The greatest over the random batches.
    random: f64,
    /// The greatest over all cases.
    size: f64,
    /// The case of that.
    place: String,
}

impl Effect {
    fn see(&mut self, size: f64, place: &str) {
        if place.starts_with("rand") {
            self.random = self.random.max(size);
        }
        if size > self.size {
            self.size = size;
            place.clone_into(&mut self.place);
        }
    }

    fn text(&self) -> String {
        match self.place.as_str() {
            _ if self.size < NOTHING => "-".to_owned(),
            place if place.starts_with("rand") => rounded(self.size),
            _ if rounded(self.random) == rounded(self.size) => rounded(self.size),
            place => format!("{}; {} in `{place}`", rounded(self.random), rounded(self.size)),
        }
    }
}

/// Two significant digits, one of a size that is small.
fn rounded(size: f64) -> String {
    if size < NOTHING {
        return "-".to_owned();
    }
    if size < 0.00095 {
        return format!("{size:.0e}");
    }
    let decimals = (1.0 - size.log10().floor()).max(0.0) as usize;
    format!("{size:.decimals$}")
}

/// How far two sides are apart.
#[derive(Clone, Default)]
struct Effects {
    loss: Effect,
    gradient: Effect,
}

/// The numbers of one side: the loss, then gradients by name.
struct Side {
    loss: f64,
    gradients: Vec<(&'static str, Vec<f64>)>,
}

impl Side {
    /// A program on a case.
    fn of(run: &Run, case: &mut Case<'_>) -> Option<Side> {
        let labels = case.inputs.labels.clone();
        let evaluation = Evaluation::new(&compiled(&run.program), run, States::Published, case);
        let found = evaluation.run().ok()?;
        let values = |sums: Vec<Sum>| sums.into_iter().map(|sum| sum.value).collect::<Vec<f64>>();
        let mut chained = chained(&evaluation, &found.gradient, run, &case.inputs);
        chained.add_lengths(&found, run, &case.inputs);
        case.inputs.labels = labels;
        let gradients = vec![("dx", values(chained.dx)), ("dW", values(chained.dw))];
        Some(Side { loss: found.loss, gradients })
    }

    /// What was published of a case.
    fn published(case: &mut Case<'_>) -> Side {
        let gradients = ["dx", "dW"].map(|name| (name, case.wanted(name))).to_vec();
        Side { loss: case.wanted("loss")[0], gradients }
    }
}

impl Effects {
    /// Takes in one case; entries that are not finite on either side are left out.
    fn see(&mut self, paper: &Side, code: &Side, case: &str) {
        let larger = paper.loss.abs().max(code.loss.abs());
        if larger > 0.0 && code.loss.is_finite() {
            self.loss.see((paper.loss - code.loss).abs() / larger, case);
        }
        for (name, ours) in &paper.gradients {
            let Some((_, theirs)) = code.gradients.iter().find(|g| g.0 == *name) else { continue };
            let pairs = ours.iter().zip(theirs).filter(|(a, b)| a.is_finite() && b.is_finite());
            let norm = |of: &dyn Fn(f64, f64) -> f64| {
                pairs.clone().map(|(a, b)| of(*a, *b).powi(2)).sum::<f64>().sqrt()
            };
            let larger = norm(&|a, _| a).max(norm(&|_, b| b));
            // A gradient that has all but vanished is rounding.
            if larger > 1e-12 {
                self.gradient.see(norm(&|a, b| a - b) / larger, case);
            }
        }
    }
}

/// Measures one of the table's disagreements; `None` where there is nothing to run.
fn measure(oracle: &Oracle, key: &str, found: &Discrepancy, variants: &[Variant]) -> Option<Effects> {
    let mut effects = Effects::default();
    let asked = |case: &str| found.cases.is_empty() || found.cases.iter().any(|c| c == case);
    if let Some((left, right)) = &found.sides {
        let mut results = oracle.results("softmax_ce__torch");
        for name in CASES.into_iter().filter(|case| asked(case)) {
            let Some(mut case) = results.case(name) else { continue };
            let sides = Side::of(left, &mut case).zip(Side::of(right, &mut case));
            sides.into_iter().for_each(|(left, right)| effects.see(&left, &right, name));
        }
        return Some(effects);
    }
    let against = found.against.as_ref()?;
    for variant in variants.iter().filter(|v| v.discrepancies.iter().any(|d| d == key)) {
        let mut results = oracle.results(&variant.oracle);
        for name in results.cases().iter().filter(|case| asked(case)) {
            let Some(mut case) = results.case(name) else { continue };
            let published = Side::published(&mut case);
            if let Some(paper) = Side::of(against, &mut case) {
                effects.see(&paper, &published, name);
            }
        }
    }
    Some(effects)
}

/// Where the code is.
fn source(oracle: &Oracle, key: &str, found: &Discrepancy, variants: &[Variant]) -> String {
    let named = variants.iter().filter(|v| v.discrepancies.iter().any(|d| d == key));
    let mut sources: Vec<String> = found.source.clone().into_iter().collect();
    for source in named.map(|v| oracle.source(&v.oracle)) {
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources.join("; ")
}

/// The groups of the page, in its order: the key in the table, the heading, and a word on what a reader should know.
const GROUPS: [(&str, &str, &str); 8] = [
    (
        "gradient",
        "The gradient is not the derivative of the loss",
        "The loss is that of the paper, or nearly so; training goes elsewhere. Here such a form is a program with `detach`.",
    ),
    (
        "fallback",
        "Easy margins, fallbacks, pieces",
        "Papers give one formula for all angles. Codes change it at negative cosines (easy margin) or where θ + m passes π, and \
         most of these changes are steps. Fallbacks act at large angles alone, and in these cases in `exact` alone, where codes \
         that divide by sin θ = 0 have no gradient to compare.",
    ),
    ("formula", "Another formula", "What is computed is another loss than the name says."),
    (
        "default",
        "Defaults and units",
        "The same formula with another number in it; two programs or settings, one against the other.",
    ),
    ("mean", "Factors, and means over the batch", "What a sum is divided by, or what is averaged first."),
    (
        "clamp",
        "Clamps, floors and precision",
        "A bound that is to save a number from infinity ends the gradient, too.",
    ),
    ("state", "States, schedules, draws", "What is carried from step to step, and what is drawn for each."),
    (
        "failure",
        "Where codes fail",
        "Inputs that are allowed and give NaN, an infinity or an exception there. The specs give finite numbers.",
    ),
];

/// The group of what was read and could not be run.
const READ: &str = "read";

/// A line of the page.
fn line(oracle: &Oracle, key: &str, found: &Discrepancy, variants: &[Variant]) -> String {
    let place = source(oracle, key, found, variants);
    let code = match &found.note {
        Some(note) => format!("{}. {note}", found.code),
        None => found.code.clone(),
    };
    let cells = [&found.loss, &found.paper, &code].map(|text| text.replace('|', "\\|"));
    let effects = measure(oracle, key, found, variants);
    let sizes = effects.map(|e| format!(" {} | {} |", e.loss.text(), e.gradient.text())).unwrap_or_default();
    format!("| {} |{sizes} {place} |\n", cells.join(" | "))
}

/// The lines of a group, by loss.
fn lines(oracle: &Oracle, table: &Table, group: &str) -> String {
    let mut entries: Vec<_> = table.discrepancies.iter().filter(|(_, found)| found.group == group).collect();
    entries.sort_by_key(|(key, found)| (found.loss.to_lowercase(), (*key).clone()));
    entries.into_iter().map(|(key, found)| line(oracle, key, found, &table.variants)).collect()
}

/// The whole page.
pub(super) fn page(oracle: &Oracle, table: &Table) -> String {
    for (key, found) in &table.discrepancies {
        let known = found.group == READ || GROUPS.iter().any(|group| group.0 == found.group);
        assert!(known, "{key}: no group `{}`", found.group);
        let bare = [READ, "failure"].contains(&found.group.as_str());
        assert!(found.measured() != bare, "{key}: measured, or in a group without numbers, and not both");
    }
    let measured = table.discrepancies.values().filter(|found| found.measured()).count();
    let mut text = format!(
        "# Where published codes differ from their papers\n\n\
         A spec here follows the paper. Each line below is a place where a published code does otherwise, or where two codes do different\n\
         things and no paper decides. {measured} of them are measured: the paper's program, run by marlo in f64, against the numbers that the code\n\
         gave on the same inputs, or where a line names two settings one program against the other.\n\n\
         **Δ loss** and **Δ gradient** are |Δ loss| and ‖Δ gradient‖, by x or by W, whichever is more, each relative to the larger of both\n\
         sides: 0.01 is one per cent, 1 means that nothing is left of one of them, and 2 that they point in opposite directions. The first\n\
         number is the greatest over three random batches, the second, where it is greater, that over all cases, with the case; - is less\n\
         than 1e-11. Entries where the code gives NaN or an infinity are left out. The cases are `rand0` to `rand2`, `easy` and `hard`\n\
         (each sample near its own class, near another), `exact` (cosines of 0 and ±1), `ties`, `c2` and `c1` (two classes, one),\n\
         `onelabel`, `b1` (one sample), `norms` (|x| from 5e-4 to 180), and `seq0` to `seq4`, steps that carry a state.\n\n\
         `MARLO_UPDATE_DOCS=1 cargo test -p marlo-tests oracle` writes this page from `tests/oracle/*.toml`, and the test keeps it equal. A\n\
         code's own form is a program in `tests/oracle/programs`, where it is no spec, and agrees with the code's numbers to 1e-10, or to a\n\
         few 1e-6 where a code itself keeps no more digits (P2SGrad, z-loss).\n"
    );
    for (key, heading, about) in GROUPS {
        let lines = lines(oracle, table, key);
        let (sizes, rule) =
            if key == "failure" { ("", "") } else { (" Δ loss | Δ gradient |", "---|---|") };
        let _ = write!(
            text,
            "\n## {heading}\n\n{about}\n\n| loss | paper | code |{sizes} where |\n|---|---|---|{rule}---|\n{lines}"
        );
    }
    let read = lines(oracle, table, READ);
    let _ = write!(
        text,
        "\n## Read, not run\n\nCode that could not be run here, or that changes nothing in a single step.\n\n\
         | loss | paper | code | where |\n|---|---|---|---|\n{read}"
    );
    text
}
