//! `marlo fmt`: formats files in place.

use super::error::CliError;
use super::{print, say};

/// Arguments of `marlo fmt`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The .loss files; `-` reads standard input and prints the result
    #[arg(required = true)]
    files: Vec<String>,
    /// Change nothing; exit 1 when a file is not formatted
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let mut wrong = false;
    for path in &args.files {
        if let Err(error) = format(path, args.check) {
            error.report();
            wrong = true;
        }
    }
    if wrong { Err(CliError::Said) } else { Ok(()) }
}

fn format(path: &str, check: bool) -> Result<(), CliError> {
    let read = match path {
        "-" => std::io::read_to_string(std::io::stdin()),
        _ => std::fs::read_to_string(path),
    };
    let source = read.map_err(|error| CliError::Input(format!("cannot read `{path}`: {error}")))?;
    let formatted = match marlo::lang::format(&source) {
        Ok(formatted) => formatted,
        Err(diagnostics) => return Err(CliError::Program { path: path.to_owned(), source, diagnostics }),
    };
    match (check, path) {
        (true, _) if formatted != source => {
            say(&format!("{path}: not formatted (run `marlo fmt {path}`)"));
            Err(CliError::Said)
        }
        (false, "-") => print(&formatted),
        (false, _) if formatted != source => marlo::data::write_atomically(path, formatted.as_bytes())
            .map_err(|error| CliError::Input(format!("cannot write `{path}`: {error}"))),
        _ => Ok(()),
    }
}
