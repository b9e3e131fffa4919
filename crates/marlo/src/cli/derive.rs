//! `marlo derive`: the loss and its gradient as formulas.

use marlo::formula::{Formulas, Style};

use super::error::CliError;
use super::{print, spec};

/// Arguments of `marlo derive`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Path to a .loss file, or the name of a shipped loss
    spec: String,
    /// Give the derivatives of the batch's loss by these inputs and hyperparameters, too
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    grad: Vec<String>,
    /// The notation
    #[arg(long, value_enum, default_value = "text")]
    style: Notation,
}

#[derive(Copy, Clone, Debug, clap::ValueEnum)]
enum Notation {
    Text,
    Latex,
    Mathml,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let (_, compiled) = spec::compile(&args.spec)?;
    let style = match args.style {
        Notation::Text => Style::Text,
        Notation::Latex => Style::Latex,
        Notation::Mathml => Style::MathMl,
    };
    let wrt = spec::wrt(&compiled.loss, &args.grad)?;
    print(&Formulas::by(&compiled.loss, &wrt).print(style))
}
