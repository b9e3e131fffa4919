//! `marlo check`: the type of a loss.

use std::fmt::Write as _;

use marlo::graph::{Axis, Graph, Id};
use marlo::lang::Compiled;
use marlo::loss::Role;
use marlo::setting::Draw;

use super::error::CliError;
use super::{print, spec};

/// Arguments of `marlo check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Paths to .loss files, or names of shipped losses
    #[arg(required = true)]
    specs: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let mut wrong = false;
    for name in &args.specs {
        match spec::compile(name) {
            Ok((_, compiled)) => print(&describe(&compiled))?,
            Err(error) => {
                error.report();
                wrong = true;
            }
        }
    }
    if wrong { Err(CliError::Said) } else { Ok(()) }
}

/// The type of a loss: hyperparameters, inputs, named values, what it gives.
pub(crate) fn describe(compiled: &Compiled) -> String {
    let loss = &compiled.loss;
    let graph = &loss.graph;
    let mut out = format!("{}\n", loss.name);
    for param in &graph.params {
        let default = match (&param.setting, param.default) {
            (Some(setting), _) => format!(" = {}", setting.text),
            (None, default) => default.map_or(String::new(), |d| format!(" = {}", short(d))),
        };
        let what = match &param.setting {
            _ if param.state => "state",
            Some(setting) if setting.is_schedule() => "schedule",
            _ => "hyperparameter",
        };
        let range = range(param.low, param.high);
        let _ = writeln!(out, "  {what} {}: {}{default}{range}", param.name, param.kind);
    }
    let centres = graph.centres();
    for input in graph.inputs.iter().filter(|input| input.centre == 0) {
        let axis = match input.axis {
            Axis::Matrix if centres > 1 => format!("one a sample, class and centre, (B, C, {centres})"),
            Axis::Matrix => "one a sample and class, (B, C)".to_owned(),
            Axis::Rows => "one a sample, (B,)".to_owned(),
            Axis::Classes => "one a class, (C,)".to_owned(),
        };
        let drawn = match input.drawn {
            Some(Draw::Normal(mean, deviation)) => {
                format!(", drawn from normal({}, {})", short(mean), short(deviation))
            }
            Some(Draw::Uniform(low, high)) => {
                format!(", drawn from uniform({}, {})", short(low), short(high))
            }
            None => String::new(),
        };
        let natural = (input.low, input.high) == input.kind.range();
        let range = if natural { String::new() } else { range(input.low, input.high) };
        let sum = input.sum.map_or(String::new(), |sum| format!(", adding up to {}", short(sum)));
        let _ = writeln!(out, "  input {}: {}{range}, {axis}{sum}{drawn}", input.name, input.kind);
    }
    for named in loss.names.iter().filter(|n| n.role == Role::Let) {
        let _ = writeln!(out, "  let {}: {}", named.name, type_of(graph, named.id));
    }
    let coupled = if loss.couples_rows() { "; samples of a batch depend on each other" } else { "" };
    let _ = writeln!(
        out,
        "  gives {}, one a sample, and their loss for the batch{coupled}",
        type_of(graph, loss.row)
    );
    let _ = writeln!(
        out,
        "  laws {}, claims {} (`marlo verify` proves or refutes them)",
        compiled.laws.len(),
        compiled.claims.len()
    );
    out
}

fn type_of(graph: &Graph, id: Id) -> String {
    let node = graph.node(id);
    format!("{}{}", node.kind, node.shape.index())
}

fn range(low: f64, high: f64) -> String {
    match (low.is_finite(), high.is_finite()) {
        (false, false) => String::new(),
        (true, false) => format!(" in {}..", short(low)),
        _ => format!(" in {}..{}", short(low), short(high)),
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.parse() == Ok(value) { text.to_owned() } else { format!("{value:.6}") }
}
