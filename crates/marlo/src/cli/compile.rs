//! `marlo compile`: a loss to a shader, or its IR.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use marlo::schedule::RowProgram;
use marlo::wgsl;

use super::error::CliError;
use super::{print, spec};

/// Arguments of `marlo compile`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Path to a .loss file, or the name of a shipped loss
    spec: String,
    /// What to compile to
    #[arg(long, value_enum, default_value = "wgsl")]
    target: Target,
    /// Compile the derivatives by these inputs and hyperparameters, too
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    grad: Vec<String>,
    /// Write to a file instead of standard output
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Target {
    Wgsl,
    Spirv,
    Msl,
    Hlsl,
    Glsl,
    /// The gradient's graph and the row program
    Ir,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let (_, compiled) = spec::compile(&args.spec)?;
    let mut wrt = compiled.loss.usual();
    wrt.extend(spec::wrt(&compiled.loss, &args.grad)?);
    let program = RowProgram::by(&compiled.loss, &wrt);
    let target = match args.target {
        Target::Ir => {
            let gradient = compiled.loss.gradient_by(&wrt);
            let roots = gradient.all_roots();
            let roots: Vec<_> = roots.iter().map(|(name, id)| (name.as_str(), *id)).collect();
            let text = format!("{}\n{}", gradient.loss.graph.print(&roots), program.print());
            return write(args, text.as_bytes());
        }
        Target::Wgsl => wgsl::Target::Wgsl,
        Target::Spirv => wgsl::Target::Spirv,
        Target::Msl => wgsl::Target::Msl,
        Target::Hlsl => wgsl::Target::Hlsl,
        Target::Glsl => wgsl::Target::Glsl,
    };
    match wgsl::compile(&wgsl::emit(&program), target)? {
        wgsl::Output::Text(text) => write(args, text.as_bytes()),
        wgsl::Output::Binary(bytes) => {
            if args.out.is_none() && std::io::stdout().is_terminal() {
                return Err(CliError::Usage(
                    "SPIR-V is binary: give --out FILE, or send it through a pipe".into(),
                ));
            }
            write(args, &bytes)
        }
    }
}

fn write(args: &Args, bytes: &[u8]) -> Result<(), CliError> {
    match (&args.out, std::str::from_utf8(bytes)) {
        (Some(path), _) => marlo::data::write_atomically(path, bytes)
            .map_err(|error| CliError::Input(format!("cannot write `{}`: {error}", path.display()))),
        (None, Ok(text)) => print(text),
        (None, Err(_)) => match std::io::stdout().write_all(bytes) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CliError::Input(format!("cannot write to standard output: {error}")))
            }
            _ => Ok(()),
        },
    }
}
