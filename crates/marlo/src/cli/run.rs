//! `marlo run`: the whole way of one loss: its type, gradient, shader, and all backends on real input.

use marlo::formula::{self, Style};
use marlo::schedule::RowProgram;
use marlo::wgsl;

use super::error::CliError;
use super::{check, eval, print, spec};

/// Arguments of `marlo run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    input: eval::InputArgs,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let (_, compiled) = spec::compile(&args.input.spec)?;
    print(&format!("-- type\n{}\n", check::describe(&compiled)))?;
    print(&format!("-- gradient\n{}\n", formula::gradient(&compiled.loss, Style::Text)))?;
    let shader = wgsl::emit(&RowProgram::of(&compiled.loss));
    wgsl::compile(&shader, wgsl::Target::Wgsl)?;
    print(&format!("-- shader (WGSL, valid)\n{}\n", shader.source))?;
    print("-- backends\n")?;
    eval::all(&compiled.loss, &args.input)
}
