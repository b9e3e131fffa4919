//! `marlo equiv`: are two losses equal, and their gradients?

use marlo::lang::Library;
use marlo::verify::equivalent;

use super::error::CliError;
use super::{print, spec};

/// Arguments of `marlo equiv`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A loss by name is called with the hyperparameters of A that it has, too (same name and kind); the rest\nhas its defaults.\n\
    Examples: marlo equiv mv_arc_adaptive arcface --when t=0\n          marlo equiv sv_am 'mv_am_adaptive(s, m, t - 1)'"
)]
pub(crate) struct Args {
    /// The first loss: a path to a .loss file, or the name of a shipped one
    a: String,
    /// The second: the same, or an expression of the first one's hyperparameters, as on the right of a `law`
    b: String,
    /// Hyperparameters of the first that are fixed, as on the left of a `law`
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',')]
    when: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Steps of the proof that are printed
    #[arg(long, value_name = "N", default_value_t = 20)]
    steps: usize,
}

/// The library of the first loss, and the second by its name.
struct Two<'a> {
    first: &'a spec::Source,
    second: Option<(String, &'a spec::Source)>,
}

impl Library for Two<'_> {
    fn source(&self, name: &str) -> Option<String> {
        match &self.second {
            Some((second, source)) if second == name => Some(source.text.clone()),
            _ => self.first.library.source(name),
        }
    }
    fn names(&self) -> Vec<String> {
        self.first.library.names()
    }
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let (first, compiled) = spec::compile(&args.a)?;
    let is_name = !args.b.contains(['(', ' ']);
    let loaded = if is_name { Some(spec::compile(&args.b)?) } else { None };
    let (equals, second) = match &loaded {
        None => (args.b.clone(), None),
        Some((source, other)) => {
            let name = other.loss.name.clone();
            if name == compiled.loss.name && source.text != first.text {
                return Err(CliError::Input(format!(
                    "both losses are called `{name}`: give one of them another name"
                )));
            }
            let ours = &compiled.loss.graph.params;
            let shared = other.loss.graph.params.iter().filter(|theirs| {
                ours.iter().any(|param| param.name == theirs.name && param.kind == theirs.kind)
            });
            let given: Vec<String> = shared.map(|param| format!("{0}: {0}", param.name)).collect();
            (format!("{name}({})", given.join(", ")), Some((name, source)))
        }
    };
    let library = Two { first: &first, second };
    let when = args.when.iter().map(|one| one.replacen('=', " = ", 1)).collect::<Vec<_>>().join(", ");
    let (verdict, steps) =
        equivalent(&first.text, &args.a, &equals, &when, &library).map_err(|(source, diagnostics)| {
            CliError::Program { path: format!("{} and the law", first.path), source, diagnostics }
        })?;
    let given = if when.is_empty() { String::new() } else { format!("where {when}: ") };
    let law = format!("{given}{} = {equals}", compiled.loss.name);
    if args.json {
        let mut value = verdict.json();
        value["law"] = law.into();
        print(&format!("{value:#}\n"))?;
    } else {
        print(&format!("{law}\n  {verdict}\n"))?;
        if !steps.is_empty() {
            print(&marlo::verify::proof(&steps, args.steps))?;
        }
    }
    if verdict.is_refuted() { Err(CliError::Said) } else { Ok(()) }
}
