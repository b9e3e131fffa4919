//! `marlo equiv`: are two losses equal, and their gradients?

use std::path::Path;

use marlo::lang::{Compiled, Library, parse, print as printed};
use marlo::verify::{Question, equivalent, proof};
use serde_json::json;

use super::error::CliError;
use super::{print, spec};

/// Arguments of `marlo equiv`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A loss by name is called with the hyperparameters of A that it has, too (same name and kind); the rest\n\
    has its defaults. Exit 0 when they are equal (proved, or checked by numbers), 1 when they are not.\n\
    Examples: marlo equiv mv_arc_adaptive arcface --when t=0\n          marlo equiv sv_am 'mv_am_adaptive(s, m, t - 1)'"
)]
pub(crate) struct Args {
    /// The first loss: a path to a .loss file, or the name of a shipped one
    a: String,
    /// The second: the same, or an expression of the first one's hyperparameters, as on the right of a `law`
    b: String,
    /// Hyperparameters of the first that are fixed, as on the left of a `law`
    #[arg(long, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = parse_given)]
    when: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Steps of the proof that are printed
    #[arg(long, value_name = "N", default_value_t = 20)]
    steps: usize,
}

fn parse_given(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, value)) if !value.trim().is_empty() && !text.contains('\n') => {
            Ok(format!("{} = {}", name.trim(), value.trim()))
        }
        _ => Err("expected NAME=VALUE, as in t=0".into()),
    }
}

/// The library of the first loss, and the second under a name of its own.
struct Two<'a> {
    first: &'a dyn Library,
    second: Option<(String, String, &'a dyn Library)>,
}

impl Library for Two<'_> {
    fn source(&self, name: &str) -> Option<String> {
        match &self.second {
            Some((second, text, _)) if second == name => Some(text.clone()),
            Some((.., beside)) => self.first.source(name).or_else(|| beside.source(name)),
            None => self.first.source(name),
        }
    }
    fn names(&self) -> Vec<String> {
        self.first.names()
    }
}

/// The second loss as it is called, and as it is shown.
struct Second {
    equals: String,
    shown: String,
    library: Option<(String, String)>,
}

fn second(
    args: &Args,
    first: (&spec::Source, &Compiled),
) -> Result<(Second, Option<spec::Source>), CliError> {
    let b = args.b.as_str();
    let is_path = Path::new(b).is_file() || Path::new(b).extension().is_some_and(|e| e == "loss");
    let is_name =
        b.chars().all(|c| c.is_alphanumeric() || c == '_') && !b.starts_with(|c: char| c.is_ascii_digit());
    if !is_path && !is_name {
        if b.contains('\n') {
            return Err(CliError::Usage("an expression is one line".into()));
        }
        return Ok((Second { equals: b.to_owned(), shown: b.to_owned(), library: None }, None));
    }
    let (source, other) = spec::compile(b)?;
    let [ours, theirs] = [first.1, &other].map(|compiled| &compiled.loss.graph);
    let [x, y] = [ours, theirs].map(|graph| graph.inputs[0].name.as_str());
    if x != y {
        let what = |x: &str| if x == "cos" { "cosines" } else { "raw logits" };
        return Err(CliError::Input(format!(
            "`{}` reads {} and `{}` {}: they cannot be compared",
            first.1.loss.name,
            what(x),
            other.loss.name,
            what(y)
        )));
    }
    let used = other.file.uses.iter().map(|one| one.name.text.as_str());
    for name in used {
        let [here, there] = [&first.0.library, &source.library].map(|library| library.source(name));
        if here.is_some() && here != there {
            return Err(CliError::Input(format!(
                "`{name}` is one loss beside {} and another beside {}: put both into one folder",
                first.0.path, source.path
            )));
        }
    }
    let shared = theirs.params.iter().filter(|theirs| !theirs.state).filter(|theirs| {
        ours.params.iter().any(|param| param.name == theirs.name && param.kind == theirs.kind && !param.state)
    });
    let given: Vec<String> = shared.map(|param| format!("{0}: {0}", param.name)).collect();
    // Under a name of its own, so that two losses of one name, or one that a function hides, can be compared.
    let private = format!("second_{}", other.loss.name);
    let (mut file, _) = parse(&source.text);
    file.claims.clear();
    if let Some(loss) = &mut file.loss {
        loss.name.text = private.clone();
    }
    let given = given.join(", ");
    let found = Second {
        equals: format!("{private}({given})"),
        shown: format!("{}({given})", other.loss.name),
        library: Some((private, printed(&file))),
    };
    Ok((found, Some(source)))
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let (first, compiled) = spec::compile(&args.a)?;
    let (second, source) = second(args, (&first, &compiled))?;
    let library = Two {
        first: &first.library,
        second: second
            .library
            .as_ref()
            .zip(source.as_ref())
            .map(|((name, text), source)| (name.clone(), text.clone(), &source.library as &dyn Library)),
    };
    let when = args.when.join(", ");
    let question = Question { source: &first.text, name: &args.a, equals: &second.equals, when: &when };
    let (verdict, steps) = equivalent(&question, &library).map_err(|(source, diagnostics)| {
        CliError::Program { path: format!("{} and the question", first.path), source, diagnostics }
    })?;
    if args.json {
        let mut value = verdict.json();
        value["left"] = compiled.loss.name.clone().into();
        value["right"] = second.shown.into();
        value["when"] = json!(args.when);
        if !steps.is_empty() {
            value["proof"] = proof(&steps, usize::MAX).lines().collect::<Vec<_>>().into();
        }
        print(&format!("{value:#}\n"))?;
    } else {
        let given = if when.is_empty() { String::new() } else { format!("where {when}: ") };
        print(&format!("{given}{} = {}\n  {verdict}\n", compiled.loss.name, second.shown))?;
        if !steps.is_empty() {
            print(&proof(&steps, args.steps))?;
        }
    }
    if verdict.is_refuted() { Err(CliError::Said) } else { Ok(()) }
}
