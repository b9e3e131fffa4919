//! The report on a loss: every line says what was shown, and how.

use std::fmt::Write as _;

use marlo_ir::loss::Loss;
use marlo_lang::ast::ExprKind;
use marlo_lang::{Compiled, Law};
use serde_json::{Value, json};

use crate::accuracy::{Accuracy, Measure, accuracy};
use crate::border::{Border, borders};
use crate::gradient::{self, Pair, Witness};
use crate::laws::{self, Gradients, LawVerdict, Limits, Step};
use crate::verdict::Verdict;
use crate::{cases, claims};

/// How much is done.
#[derive(Copy, Clone, Debug)]
pub struct Effort {
    /// For gradients and backends.
    pub gradient: gradient::Effort,
    /// For the claims.
    pub claims: claims::Effort,
    /// For the proofs of laws.
    pub laws: Limits,
    /// Cases in which digits are counted.
    pub accuracy: usize,
}

impl Default for Effort {
    fn default() -> Self {
        Effort {
            gradient: gradient::Effort::default(),
            claims: claims::Effort::default(),
            laws: Limits::default(),
            accuracy: 240,
        }
    }
}

/// What a line is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The derived gradient and its oracles, and the other backends.
    Gradient,
    /// A `prove` line.
    Claim,
    /// What holds of a state without being claimed.
    State,
    /// A `law` line.
    Law,
}

impl Subject {
    /// Its heading.
    pub fn heading(self) -> &'static str {
        match self {
            Subject::Gradient => "gradient and backends",
            Subject::Claim => "claims",
            Subject::State => "states",
            Subject::Law => "laws",
        }
    }
}

/// A line of the report.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it is about.
    pub subject: Subject,
    /// The claim, as it was written.
    pub claim: String,
    /// How it stands.
    pub verdict: Verdict,
    /// The steps of a proof by rewriting, replayed.
    pub steps: Vec<Step>,
}

/// All that was found of a loss.
#[derive(Clone, Debug)]
pub struct Report {
    /// The loss's name.
    pub loss: String,
    /// What a user calls it on the command line.
    pub name: String,
    program: Loss,
    /// What is claimed of it, and how that stands.
    pub lines: Vec<Line>,
    /// The digits that each backend keeps.
    pub accuracy: Vec<Accuracy>,
    /// Where masks, branches and floors decide.
    pub borders: Vec<Border>,
}

/// Verifies a program; `source` is its text, `name` what a user calls it on the command line.
pub fn verify(
    compiled: &Compiled,
    source: &str,
    name: &str,
    witnesses: &[Witness<'_>],
    effort: &Effort,
) -> Report {
    let loss = &compiled.loss;
    let text = |span: marlo_lang::Span| {
        let text = source.get(span.start..span.end).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(").replace(", )", ")")
    };
    let plain = |subject, claim: String, verdict| Line { subject, claim, verdict, steps: Vec::new() };
    let mut lines = Vec::new();
    for pair in gradient::check(loss, witnesses, &effort.gradient).pairs {
        lines.push(plain(Subject::Gradient, pair.name.clone(), of_pair(loss, name, &pair)));
    }
    for claim in &compiled.claims {
        let verdict = claims::decide(loss, claim, effort.claims);
        lines.push(plain(Subject::Claim, text(claim.source.span), renamed(verdict, loss, name)));
    }
    for (claim, verdict) in claims::states(loss, effort.claims) {
        lines.push(plain(Subject::State, claim, renamed(verdict, loss, name)));
    }
    for law in &compiled.laws {
        let found = laws::decide_losses(&law.left, &law.right, effort.laws);
        let (verdict, steps) = of_law(loss, name, law, found);
        lines.push(Line { subject: Subject::Law, claim: text(law.source.span), verdict, steps });
    }
    Report {
        loss: loss.name.clone(),
        name: name.to_owned(),
        program: loss.clone(),
        lines,
        accuracy: accuracy(loss, witnesses, effort.accuracy, effort.gradient.seed),
        borders: borders(loss).into_iter().map(|border| called(border, loss, name)).collect(),
    }
}

/// A border whose command has the name that the user gave the loss.
fn called(mut border: Border, loss: &Loss, name: &str) -> Border {
    if let Some(jump) = &mut border.jump {
        jump.replay = command(&jump.replay, loss, name);
    }
    border
}

fn command(replay: &str, loss: &Loss, name: &str) -> String {
    replay.replacen(&format!("marlo eval {} ", loss.name), &format!("marlo eval {name} "), 1)
}

/// A command that evaluates the loss by the name that the user gave it.
fn renamed(verdict: Verdict, loss: &Loss, name: &str) -> Verdict {
    match verdict {
        Verdict::Refuted { why, replay } => {
            let replay = replay.map(|replay| command(&replay, loss, name));
            Verdict::Refuted { why, replay }
        }
        other => other,
    }
}

fn of_pair(loss: &Loss, name: &str, pair: &Pair) -> Verdict {
    let Some(failure) = &pair.failure else {
        let mut how = match pair.worst.as_ref().map(|worst| worst.deviation) {
            Some(worst) if worst > 0.0 => format!("largest difference {worst:.1e} of the row's largest"),
            _ => "no difference".to_owned(),
        };
        if pair.on_border > 0 {
            let _ = write!(how, "; left out: {} rows where rounding decides a mask", pair.on_border);
        }
        if pair.unbounded > 0 {
            let _ = write!(how, "; left out: {} numbers where the derivative is singular", pair.unbounded);
        }
        return match pair.entries {
            0 => Verdict::Unknown { why: "no number could be compared".into() },
            cases => Verdict::Checked { cases, of: "numbers", how },
        };
    };
    let why = match (&failure.place, &failure.error) {
        (Some(place), _) => {
            let what = place.what();
            let (expected, found) = (place.expected, place.found);
            format!(
                "{what} is {found:e} where {expected:e} is right (off by more than {:.1e})",
                failure.allowed
            )
        }
        (None, Some(error)) => error.clone(),
        (None, None) => "it gave no numbers".to_owned(),
    };
    let mut replay = failure.case.replay(loss, name);
    // The backend that was wrong, where one was compared.
    if let [backend @ ("dfdx" | "wgpu"), "in", precision, ..] =
        pair.name.split_whitespace().collect::<Vec<_>>().as_slice()
    {
        let _ = write!(replay, " --backend {backend} --dtype {precision}");
    }
    Verdict::Refuted { why, replay: Some(replay) }
}

/// The verdict on a law, with the steps of its proof. A law speaks of the gradient, too: a loss that is equal and is
/// trained otherwise is another loss.
pub fn of_law(loss: &Loss, name: &str, law: &Law, found: LawVerdict) -> (Verdict, Vec<Step>) {
    let differ = |found: &laws::Counterexample, what: &str| Verdict::Refuted {
        why: format!("{what}: {} is {} on the left and {} on the right", found.what, found.left, found.right),
        replay: Some(replay(loss, name, law, found)),
    };
    match found {
        LawVerdict::Proved { gradients: Gradients::Differ(at), .. }
        | LawVerdict::Checked { gradients: Gradients::Differ(at), .. } => {
            (differ(&at, "the losses are equal, their gradients are not"), Vec::new())
        }
        LawVerdict::Proved { normal_form, rewriting, .. } => {
            let steps = rewriting.unwrap_or_default();
            let how = match (normal_form, steps.len()) {
                (true, 0) => "normal form".to_owned(),
                (true, n) => format!("normal form; by rewriting, {n} steps replayed"),
                (false, n) => format!("by rewriting, {n} steps replayed"),
            };
            (Verdict::Proved { how }, steps)
        }
        LawVerdict::Checked { cases, why_not_proved, .. } => {
            let how = format!("not proved: {why_not_proved}");
            (Verdict::Checked { cases, of: "cases", how }, Vec::new())
        }
        LawVerdict::Refuted { counterexample } => (differ(&counterexample, "it does not hold"), Vec::new()),
        LawVerdict::Unknown { why } => (Verdict::Unknown { why }, Vec::new()),
    }
}

/// The left side of a law at a place, with the values that the law gives to hyperparameters.
fn replay(loss: &Loss, name: &str, law: &Law, found: &laws::Counterexample) -> String {
    let given = |name: &str| {
        let (_, value) = law.source.given.iter().find(|given| given.0.text == name)?;
        match &value.kind {
            ExprKind::Number { value, .. } => Some(*value),
            _ => None,
        }
    };
    let case = cases::Case {
        stratum: cases::Stratum::Random,
        classes: found.classes,
        matrix: found.matrix.clone(),
        labels: found.labels.iter().map(|&label| label as usize).collect(),
        vectors: found.vectors.iter().map(|vector| vector.1.clone()).collect(),
        params: found.params.iter().map(|param| given(&param.0).unwrap_or(param.1)).collect(),
    };
    case.replay(loss, name)
}

impl Report {
    /// Is anything refuted?
    pub fn is_refuted(&self) -> bool {
        self.lines.iter().any(|line| line.verdict.is_refuted())
    }

    /// How many lines have each verdict: proved, checked, refuted, unknown.
    pub fn count(&self) -> [usize; 4] {
        let mut count = [0; 4];
        for line in &self.lines {
            let at = match line.verdict {
                Verdict::Proved { .. } => 0,
                Verdict::Checked { .. } => 1,
                Verdict::Refuted { .. } => 2,
                Verdict::Unknown { .. } => 3,
            };
            count[at] += 1;
        }
        count
    }

    /// For people; proofs are cut after so many steps.
    pub fn text(&self, steps: usize) -> String {
        let mut out = format!("{}\n", self.loss);
        for subject in [Subject::Gradient, Subject::Claim, Subject::State, Subject::Law] {
            let lines: Vec<&Line> = self.lines.iter().filter(|line| line.subject == subject).collect();
            if lines.is_empty() {
                continue;
            }
            let _ = writeln!(out, "  {}", subject.heading());
            for line in lines {
                let _ =
                    writeln!(out, "    {:<8} {}: {}", line.verdict.word(), line.claim, line.verdict.detail());
                if let Verdict::Refuted { replay: Some(replay), .. } = &line.verdict {
                    let _ = writeln!(out, "             {replay}");
                }
                if !line.steps.is_empty() && steps > 0 {
                    indent(&mut out, &laws::print(&line.steps, steps), "             ");
                }
            }
        }
        if self.lines.iter().all(|line| matches!(line.subject, Subject::Gradient | Subject::State)) {
            let _ = writeln!(out, "  no promises: a `prove` or `law` line states one");
        }
        let _ = writeln!(out, "  error against 256 bits, in units of the last place");
        for found in &self.accuracy {
            let _ = writeln!(out, "    {}", accuracy_line(found));
            if let Some(worst) = &found.loss.worst {
                let _ = writeln!(out, "             {}", worst.case.replay(&self.program, &self.name));
            }
        }
        if !self.borders.is_empty() {
            let _ = writeln!(out, "  borders");
            self.borders.iter().for_each(|border| indent(&mut out, &border.to_string(), "    "));
        }
        out
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let lines: Vec<Value> = self.lines.iter().map(line_json).collect();
        let accuracy: Vec<Value> = self.accuracy.iter().map(accuracy_json).collect();
        let borders: Vec<Value> = self.borders.iter().map(Border::json).collect();
        json!({
            "loss": self.loss, "refuted": self.is_refuted(), "lines": lines, "accuracy": accuracy, "borders": borders,
        })
    }
}

fn indent(out: &mut String, text: &str, by: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "{by}{line}");
    }
}

fn line_json(line: &Line) -> Value {
    let mut value = line.verdict.json();
    if let Value::Object(map) = &mut value {
        map.insert("subject".into(), line.subject.heading().into());
        map.insert("claim".into(), line.claim.clone().into());
        if !line.steps.is_empty() {
            let steps = laws::print(&line.steps, usize::MAX);
            map.insert("proof".into(), steps.lines().map(str::to_owned).collect::<Vec<_>>().into());
        }
    }
    value
}

fn worst(measure: &Measure) -> f64 {
    measure.worst.as_ref().map_or(0.0, |worst| worst.ulps)
}

/// A number of units in the last place.
pub(crate) fn ulps(x: f64) -> String {
    if x < 1000.0 { format!("{x:.1}") } else { format!("{x:.1e}") }
}

fn accuracy_line(found: &Accuracy) -> String {
    let mut line = format!("{} {}: ", found.backend, found.precision.name());
    if let Some(why) = &found.refused {
        let _ = write!(line, "{why}");
        return line;
    }
    let _ = write!(
        line,
        "loss {} (median {}), gradient {} of the row's largest entry (median {}); {} rows",
        ulps(worst(&found.loss)),
        ulps(found.loss.median),
        ulps(worst(&found.row)),
        ulps(found.row.median),
        found.rows
    );
    if let Some(at) = &found.loss.worst {
        let _ = write!(line, ", the worst loss {:.3e} ({})", at.exact, at.case.stratum.name());
    }
    if found.not_finite > 0 {
        let _ = write!(line, ", {} not finite", found.not_finite);
    }
    line
}

fn accuracy_json(found: &Accuracy) -> Value {
    let decades: Vec<Value> = found
        .decades
        .iter()
        .map(|d| json!({ "power": d.power, "rows": d.rows, "loss": d.loss, "gradient": d.gradient }))
        .collect();
    let measure = |m: &Measure| json!({ "count": m.count, "median": m.median, "worst": worst(m) });
    json!({
        "backend": found.backend, "precision": found.precision.name(), "rows": found.rows,
        "on_border": found.on_border, "not_finite": found.not_finite, "refused": found.refused,
        "loss": measure(&found.loss), "gradient": measure(&found.gradient), "gradient_of_row": measure(&found.row),
        "wrong_zeros": found.wrong_zeros, "decades": decades,
    })
}
