//! The page docs/discrepancies.md: where published codes differ from their papers, and by how much.

use std::fmt::Write as _;

use super::chain::{Sum, chained};
use super::evaluate::{Evaluation, compiled};
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
        let evaluation = Evaluation::new(&compiled(&run.program), run, case);
        let found = evaluation.run().ok()?;
        let values = |sums: Vec<Sum>| sums.into_iter().map(|sum| sum.value).collect::<Vec<f64>>();
        let mut chained = chained(&evaluation, &found.gradient, run, &case.inputs);
        chained.add_lengths(&evaluation, run, &case.inputs);
        case.inputs.labels = labels;
        let gradients = vec![("dx", values(chained.dx)), ("dW", values(chained.dw))];
        Some(Side { loss: found.mean_loss, gradients })
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

/// The whole page.
pub(super) fn page(oracle: &Oracle, table: &Table) -> String {
    let (mut run, mut read) = (String::new(), String::new());
    let (mut measured, mut unmeasured) = (0, 0);
    let mut entries: Vec<(&String, &Discrepancy)> = table.discrepancies.iter().collect();
    entries.sort_by_key(|(key, found)| (found.loss.to_lowercase(), (*key).clone()));
    for (key, found) in entries {
        let place = source(oracle, key, found, &table.variants);
        let cells = [&found.loss, &found.paper, &found.code, &place].map(|text| text.replace('|', "\\|"));
        let start = format!("| {} |", cells.join(" | "));
        let note = found.note.clone().unwrap_or_default();
        match measure(oracle, key, found, &table.variants) {
            Some(effects) => {
                measured += 1;
                let (loss, gradient) = (effects.loss.text(), effects.gradient.text());
                let _ = writeln!(run, "{start} {loss} | {gradient} | {note} |");
            }
            None => {
                unmeasured += 1;
                let _ = writeln!(read, "{start} {note} |");
            }
        }
    }
    format!(
        "# Where published codes differ from their papers\n\n\
         A spec here follows the paper. Each line of the first table is a place where a published code does otherwise, or where two\n\
         codes do different things and no paper decides. The effect is measured: the paper's program, run by marlo in f64, against the\n\
         numbers that the code gave on the same inputs (or, where a line names two settings, one program against the other): |Δ loss|\n\
         and ‖Δ gradient‖, by x or by W, whichever is more, each relative to the larger of both sides, so that 1 means that nothing is\n\
         left of one of them and 2 that they point in opposite directions. The first number is the greatest over three random batches,\n\
         the second, where it is greater, that over all cases, with the case; - is less than 1e-11. Entries where the code gives NaN or\n\
         an infinity are left out. The cases: `rand0` to `rand2`, `easy` and `hard`\n\
         (each sample near its own class, near another), `exact` (cosines of 0 and ±1), `ties`, `c2` and `c1` (two classes, one), `onelabel`,\n\
         `b1` (one sample), `norms` (|x| from 5e-4 to 180); `seq0` to `seq4` are steps that carry a state.\n\n\
         Written by `MARLO_UPDATE_DOCS=1 cargo test -p marlo-tests oracle`, and kept equal by that test, from `tests/oracle/*.toml`. The\n\
         code's own forms are programs in `tests/oracle/programs`, and agree with the codes' numbers to 1e-10, and to a\n\
         few 1e-6 where a code itself keeps no more digits (P2SGrad, z-loss).\n\n\
         ## Measured\n\n{measured} places.\n\n\
         | loss | paper | code | where | loss differs by | gradient differs by | |\n|---|---|---|---|---|---|---|\n{run}\n\
         ## Read, not run\n\n{unmeasured} places, in code that could not be run here or that changes nothing in a single step.\n\n\
         | loss | paper | code | where | |\n|---|---|---|---|---|\n{read}"
    )
}
