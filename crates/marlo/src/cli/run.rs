//! `marlo run`: the whole way of one loss: its type, gradient, shader, and all backends on real input.

use marlo::formula::{self, Style};
use marlo::schedule::RowProgram;
use marlo::wgsl;

use super::error::CliError;
use super::input::{Input, InputArgs};
use super::{check, eval, print, spec};

/// Arguments of `marlo run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Path to a .loss file, or the name of a shipped loss
    spec: String,
    #[command(flatten)]
    input: InputArgs,
    /// The GPU adapter, by a part of its name
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let (_, compiled) = spec::compile(&args.spec)?;
    print(&format!("-- type\n{}\n", check::describe(&compiled)))?;
    print(&format!("-- gradient\n{}\n", formula::gradient(&compiled.loss, Style::Text)))?;
    let shader = wgsl::emit(&RowProgram::of(&compiled.loss));
    wgsl::compile(&shader, wgsl::Target::Wgsl)?;
    print(&format!("-- shader (WGSL, valid)\n{}\n", shader.source))?;
    print("-- backends\n")?;
    eval::all(&compiled.loss, &Input::read(&args.input)?, args.adapter.as_deref())
}
