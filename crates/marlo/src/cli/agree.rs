//! `marlo agree`: every backend against the f64 reference on the same inputs.

use std::fmt::Write as _;

use marlo::agree::{Comparison, compare};
use marlo::loss::Loss;
use marlo::specs;
use marlo::wgsl::{Gpu, GpuError};

use super::error::CliError;
use super::input::{Input, InputArgs};
use super::{print, say, spec};

/// Arguments of `marlo agree`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints, for each loss and backend, the largest difference from the reference in f64: of a loss \
    relative to max(1, loss),\nof a gradient relative to the largest entry of its row. Rows where rounding decides a mask \
    or a rank (within 2e-5 of its\nborder, 1e-6 for cosines) are left out in f32, and counted. Exit 1 when a backend is further off than its limit.\n\
    Without --cosines or --row the shipped sample is used."
)]
pub(crate) struct Args {
    /// Paths to .loss files, or names of shipped losses; all shipped losses where none is given
    specs: Vec<String>,
    #[command(flatten)]
    input: InputArgs,
    /// The GPU adapter, by a part of its name
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let shipped = || specs::ALL.iter().map(|spec| spec.name.to_owned()).collect();
    let names: Vec<String> = if args.specs.is_empty() { shipped() } else { args.specs.clone() };
    let input = Input::read(&args.input)?;
    // What is wrong with any of them is said before the first one runs.
    let mut losses = Vec::new();
    for name in &names {
        losses.push(spec::compile(name)?.1.loss);
    }
    let input_of = input.of_many(&losses)?;
    for loss in &losses {
        input_of(loss).batch::<f64>(loss)?;
    }
    let gpu = open(args.adapter.as_deref())?;
    print(&format!("{}\n", input.describe()))?;
    print(&format!("wgpu: {}\n\n", gpu.as_ref().map_or("no adapter, skipped", |gpu| gpu.adapter())))?;
    let (mut disagree, mut on_border) = (Vec::new(), 0);
    for (number, loss) in losses.iter().enumerate() {
        let found = on_input(loss, &input_of(loss), gpu.as_ref().ok())?;
        if number == 0 {
            let mut head = format!("{:<26}{:>12}", "loss", "mean loss");
            for backend in &found.backends {
                let _ = write!(head, "{:>15}", backend.name);
            }
            print(&format!("{head}\n"))?;
        }
        let mut line = format!("{:<26}{:>12.6}", loss.name, found.mean_loss);
        for backend in &found.backends {
            let mark = if backend.agrees() { "" } else { "!" };
            let _ = write!(line, "{:>15}", format!("{mark}{:.1e}", backend.loss.max(backend.gradient)));
        }
        print(&format!("{line}\n"))?;
        on_border += found.on_border;
        if !found.compared() {
            say(&format!("warning: `{}` was not compared in f32: {NOT_COMPARED}", loss.name));
        }
        if !found.agrees() {
            disagree.push(loss.name.as_str());
        }
    }
    if on_border > 0 {
        print(&format!(
            "\n{on_border} rows stand where rounding decides a mask or a rank; f32 is not compared there\n"
        ))?;
    }
    if disagree.is_empty() {
        return print(&format!("\nall backends agree on {} losses\n", names.len()));
    }
    Err(CliError::Input(format!("the backends disagree on {}", disagree.join(", "))))
}

/// Why a comparison says nothing.
pub(crate) const NOT_COMPARED: &str =
    "in every row rounding decides a mask or a rank (with very many classes one is always near its border)";

/// The GPU, or, said on standard error, why there is none; one that was asked for by name must be there.
pub(crate) fn open(adapter: Option<&str>) -> Result<Result<Gpu, GpuError>, CliError> {
    match Gpu::new(adapter) {
        Ok(gpu) => Ok(Ok(gpu)),
        Err(error @ GpuError::NoAdapter { .. }) => {
            say(&format!("note: {error}"));
            Ok(Err(error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Every backend on the input.
pub(crate) fn on_input(loss: &Loss, input: &Input, gpu: Option<&Gpu>) -> Result<Comparison, CliError> {
    Ok(compare(loss, &input.batch(loss)?, &input.batch(loss)?, gpu)?)
}
