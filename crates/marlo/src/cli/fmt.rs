//! `marlo fmt`: formats files in place.

use super::error::CliError;
use super::print;

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
        let source = if path == "-" {
            std::io::read_to_string(std::io::stdin())
        } else {
            std::fs::read_to_string(path)
        };
        let source = source.map_err(|error| CliError::Input(format!("cannot read `{path}`: {error}")))?;
        let formatted = match marlo::lang::format(&source) {
            Ok(formatted) => formatted,
            Err(diagnostics) => {
                CliError::Program { path: path.clone(), source, diagnostics }.report();
                wrong = true;
                continue;
            }
        };
        if args.check {
            if formatted != source {
                anstream::eprintln!("{path}: not formatted (run `marlo fmt {path}`)");
                wrong = true;
            }
        } else if path == "-" {
            print(&formatted)?;
        } else if formatted != source {
            marlo::data::write_atomically(path, formatted.as_bytes())
                .map_err(|error| CliError::Input(format!("cannot write `{path}`: {error}")))?;
        }
    }
    if wrong { Err(CliError::Said) } else { Ok(()) }
}
