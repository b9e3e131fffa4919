//! A comparison as one page of HTML: no file beside it, no script, nothing from the network.

use marlo_ir::formula::{Formulas, Style};
use marlo_plot::{Axis, Chart, Content, Curve, Label, Plot, Theme};

use super::compare::{Contestant, Run};
use super::summary::{Mean, means};

/// What stands at the head of the page.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The command that makes the page.
    pub command: String,
    /// Names and values: the data and their hash, the plan, the seeds, the machine, the time it took.
    pub table: Vec<(String, String)>,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;margin:1rem 0;font-size:.9rem;display:block;overflow-x:auto}\
    th,td{padding:.3rem .7rem;border-bottom:1px solid #8884;text-align:right;white-space:nowrap}\
    th:first-child,td:first-child{text-align:left}td.best{font-weight:600}\
    pre{overflow-x:auto;background:#8881;padding:.7rem}svg{max-width:100%;height:auto}\
    math{display:block;margin:.4rem 0}figure{margin:1.5rem 0}:root{color-scheme:light dark}";

/// The page.
pub fn html(facts: &Facts, contestants: &[Contestant]) -> String {
    let mut body = String::from("<h1>Losses compared</h1>\n");
    body += &format!("<pre>{}</pre>\n<table>\n", escape(&facts.command));
    for (name, value) in &facts.table {
        body += &format!("<tr><td>{}</td><td>{}</td></tr>\n", escape(name), escape(value));
    }
    body += "</table>\n<h2>Results</h2>\n";
    body += &table(contestants);
    body += "<p>Means over seeds, with the half width of their 95 % interval (Student's t). The best mean of a column is bold; where \
             intervals overlap, that says little. Intervals of rates count pairs as independent, which they are not: they are too \
             narrow. ROC, CMC and angles are those of the first seed, learning curves means over all.</p>\n";
    for refused in contestants.iter().find_map(|one| one.runs.first()).iter().flat_map(|run| &run.refused) {
        body += &format!("<p>Not reported: {}.</p>\n", escape(refused));
    }
    for failed in contestants.iter().flat_map(|one| &one.failed) {
        body += &format!("<p>Failed: {}.</p>\n", escape(failed));
    }
    for (id, title, axes, of) in FIGURES {
        let plot = chart(title, axes, contestants, of);
        body += &format!("<figure id=\"{id}\">{}</figure>\n", plot.svg(Theme::Auto));
    }
    body += "<h2>Embeddings in the plane</h2>\n<p>The network trained once more, with embeddings of length two, on a few identities: \
             each colour is one.</p>\n";
    for (at, one) in contestants.iter().enumerate() {
        body += &format!("<figure id=\"plane-{at}\">{}</figure>\n", picture(one).svg(Theme::Auto));
    }
    body += "<h2>Formulas</h2>\n";
    for one in contestants {
        let math = Formulas::of(&one.entrant.loss).print(Style::MathMl);
        body += &format!("<h3>{}</h3>\n<div class=\"formulas\">{math}</div>\n", escape(&name(one)));
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Losses compared</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// A loss with its settings.
pub fn name(one: &Contestant) -> String {
    let set: Vec<String> =
        one.entrant.given.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    match set.is_empty() {
        true => one.entrant.loss.name.clone(),
        false => format!("{} ({})", one.entrant.loss.name, set.join(", ")),
    }
}

fn table(contestants: &[Contestant]) -> String {
    let rows: Vec<_> = contestants.iter().map(|one| means(&one.runs)).collect();
    // A loss whose trainings all failed has no measures.
    let Some(first) = rows.iter().find(|row| !row.is_empty()) else { return String::new() };
    let mut text = String::from("<table id=\"results\">\n<tr><th>loss</th>");
    for (measure, _) in first {
        text += &format!("<th>{}</th>", escape(&measure.name));
    }
    text += "</tr>\n";
    for (one, row) in contestants.iter().zip(&rows) {
        text += &format!("<tr><td>{}</td>", escape(&name(one)));
        for (at, (measure, mean)) in row.iter().enumerate() {
            let others = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.1.mean);
            let is_best = match measure.more_is_better {
                Some(true) => others.fold(f64::MIN, f64::max) == mean.mean,
                Some(false) => others.fold(f64::MAX, f64::min) == mean.mean,
                None => false,
            };
            let class = if is_best { " class=\"best\"" } else { "" };
            text += &format!("<td{class}>{}</td>", escape(&measure.show(*mean)));
        }
        text += "</tr>\n";
    }
    text + "</table>\n"
}

/// What a figure shows of a contestant.
type Shown = fn(&Contestant) -> Vec<(f64, f64)>;

/// Each figure's name, title, axes and curves.
const FIGURES: [(&str, &str, (&str, &str), Shown); 8] = [
    ("roc", "ROC, all pairs", ("log₁₀ of the false accept rate", "true accept rate"), roc),
    ("cmc", "CMC, each image among all others", ("rank", "share found"), cmc),
    ("loss", "Learning curve", ("epoch", "loss, relative to the first epoch"), |one| {
        by_epoch(one, |epoch, first| epoch.loss / first.loss)
    }),
    ("angle", "Angle to the own class vector", ("epoch", "degrees"), |one| {
        by_epoch(one, |epoch, _| epoch.target_angle)
    }),
    ("nearer", "Other classes that are nearer than the own one", ("epoch", "share"), |one| {
        by_epoch(one, |epoch, _| epoch.nearer)
    }),
    ("masked", "Classes that the mask picks", ("epoch", "share"), |one| {
        by_epoch(one, |epoch, _| epoch.masked.unwrap_or(f64::NAN))
    }),
    ("target", "Angles of training images to their class vector", ("degrees", "share"), |one| {
        by_degree(one, |run| &run.angles.target)
    }),
    ("others", "Angles of training images to other class vectors", ("degrees", "share"), |one| {
        by_degree(one, |run| &run.angles.others)
    }),
];

fn chart(title: &str, (x, y): (&str, &str), contestants: &[Contestant], of: Shown) -> Plot {
    let finite = |one: &Contestant| -> Vec<(f64, f64)> {
        of(one).into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
    };
    // One without points keeps its place, so that a loss has the same colour in all figures.
    let curves: Vec<Curve> = contestants.iter().map(|one| curve(name(one), vec![finite(one)])).collect();
    let points = || curves.iter().flat_map(|curve| curve.pieces.iter().flatten().copied());
    let none = points().next().is_none();
    let notes = if none { vec![Label::plain("no loss here has any")] } else { Vec::new() };
    let axis = |label: &str, of: fn((f64, f64)) -> f64| Axis::around(Label::plain(label), points().map(of));
    let (x, y) = (axis(x, |point| point.0), axis(y, |point| point.1));
    Plot { title: Label::plain(title), notes, content: Content::Chart(Chart { x, y, square: false, curves }) }
}

fn curve(name: String, pieces: Vec<Vec<(f64, f64)>>) -> Curve {
    Curve { name, detail: Label::plain(""), pieces, borders: Vec::new(), region: Vec::new() }
}

/// The curve of the first seed, over the logarithm of the false accept rate.
fn roc(one: &Contestant) -> Vec<(f64, f64)> {
    let first = one.runs.first().map_or(&[][..], |run| &run.roc);
    first.iter().map(|&(far, tar)| (far.log10(), tar)).collect()
}

fn cmc(one: &Contestant) -> Vec<(f64, f64)> {
    let first = one.runs.first().map_or(&[][..], |run| &run.cmc);
    first.iter().zip(1..).map(|(rate, rank)| (f64::from(rank), *rate)).collect()
}

/// Means over seeds, for each epoch.
fn by_epoch(
    one: &Contestant,
    of: impl Fn(&marlo_train::Epoch, &marlo_train::Epoch) -> f64,
) -> Vec<(f64, f64)> {
    let epochs = one.runs.first().map_or(0, |run| run.history.len());
    (0..epochs)
        .filter_map(|at| {
            let values =
                one.runs.iter().filter_map(|run| Some(of(run.history.get(at)?, run.history.first()?)));
            Mean::of(&values.collect::<Vec<f64>>()).map(|mean| ((at + 1) as f64, mean.mean))
        })
        .collect()
}

fn by_degree(one: &Contestant, of: fn(&Run) -> &Vec<f64>) -> Vec<(f64, f64)> {
    let first = one.runs.first().map_or(&[][..], |run| of(run));
    first.iter().enumerate().map(|(degree, share)| (degree as f64 + 0.5, *share)).collect()
}

/// Embeddings of length two: a point is a short line.
fn picture(one: &Contestant) -> Plot {
    let size = one.picture.iter().flatten().fold(1e-6, |size: f64, (x, y)| size.max(x.abs()).max(y.abs()));
    let dot = 0.008 * size;
    let curves = one.picture.iter().enumerate().map(|(at, places)| {
        let pieces = places.iter().map(|&(x, y)| vec![(x - dot, y), (x + dot, y)]).collect();
        curve(format!("identity {}", at + 1), pieces)
    });
    let axis = |label: &str| Axis::around(Label::plain(label), [-size, size].into_iter());
    let chart =
        Chart { x: axis("first value"), y: axis("second value"), square: true, curves: curves.collect() };
    Plot { title: Label::plain(name(one)), notes: Vec::new(), content: Content::Chart(chart) }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
