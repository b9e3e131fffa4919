//! The command line: arguments in, exit code out. 0 is success, 1 bad input or disagreement, 2 wrong usage.

mod agree;
mod bench;
mod check;
mod compare;
mod compile;
mod data;
mod derive;
mod embed;
mod equiv;
mod error;
mod eval;
mod fmt;
mod help;
mod input;
mod list;
mod plot;
mod run;
mod spec;
mod test;
mod train;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;

/// A compiler for classification losses of the softmax family.
#[derive(Debug, Parser)]
#[command(name = "marlo", version, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = help::after_help())]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a loss and print its type
    Check(check::Args),
    /// Format .loss files
    Fmt(fmt::Args),
    /// Print the loss and its gradient as formulas
    Derive(derive::Args),
    /// Compile a loss to a shader or print its IR
    Compile(compile::Args),
    /// Evaluate loss and gradient on cosines
    Eval(eval::Args),
    /// Go the whole way: type, gradient, shader, and agreement of all backends
    Run(run::Args),
    /// Compare all backends on one loss or on all shipped ones
    Agree(agree::Args),
    /// Measure losses against the limits of the machine and against other implementations
    Bench(bench::Args),
    /// Prove what can be proved of a loss, and refute or check the rest
    Verify(verify::Args),
    /// Are two losses equal?
    Equiv(equiv::Args),
    /// Draw losses: target logit, surfaces, decision boundary, weight of samples
    Plot(plot::Args),
    /// List the shipped losses
    List,
    /// Train a recognition model with a loss
    Train(train::Args),
    /// Judge a model on identities that it has not seen
    Test(test::Args),
    /// Train several losses under one plan, and show how they did
    Compare(compare::Args),
    /// Make or fetch benchmarks
    Data(data::Args),
    /// Turn a folder of images into embeddings and cosines
    Embed(embed::Args),
    /// Explain a command or a topic
    Help(help::Args),
}

pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            // Nothing is left to be told to whoever closed the stream.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = match args.command {
        Command::Check(args) => check::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Derive(args) => derive::run(&args),
        Command::Compile(args) => compile::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Agree(args) => agree::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Equiv(args) => equiv::run(&args),
        Command::Plot(args) => plot::run(&args),
        Command::List => list::run(),
        Command::Train(args) => train::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Embed(args) => embed::run(&args),
        Command::Help(args) => help::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            ExitCode::from(error.code())
        }
    }
}

/// Prints to standard output; a closed pipe (`marlo … | head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    use std::io::Write as _;
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::Input(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a line to standard error. Nobody can be told that this failed.
pub(crate) fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(anstream::stderr(), "{text}");
}
