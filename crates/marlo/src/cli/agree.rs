//! `marlo agree`: every backend against the f64 reference on the same inputs.

use std::fmt::Write as _;

use marlo::backend::{Backend, BackendError, Outcome, Precision, on_gpu};
use marlo::eval::Batch;
use marlo::loss::Loss;
use marlo::specs;
use marlo::wgsl::{Gpu, GpuError};
use serde_json::{Map, Value, json};

use super::error::CliError;
use super::input::{Input, InputArgs};
use super::{print, spec};

/// Arguments of `marlo agree`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints, for each loss and backend, the largest difference from the reference in f64: of a loss \
    relative to max(1, loss),\nof a gradient relative to the largest entry of its row. Exit 1 when a backend is further off \
    than its limit.\nWithout --cosines and --labels the shipped sample is used."
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
        let loss = spec::compile(name)?.1.loss;
        input.batch::<f64>(&loss)?;
        losses.push(loss);
    }
    let gpu = open(args.adapter.as_deref())?;
    print(&format!("{}\n", input.describe()))?;
    print(&format!("wgpu: {}\n\n", gpu.as_ref().map_or("no adapter, skipped", |gpu| gpu.adapter())))?;
    let mut disagree = Vec::new();
    for (number, loss) in losses.iter().enumerate() {
        let found = compare(loss, &input, gpu.as_ref().ok())?;
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
        if !found.agrees() {
            disagree.push(loss.name.as_str());
        }
    }
    if disagree.is_empty() {
        return print(&format!("\nall backends agree on {} losses\n", names.len()));
    }
    Err(CliError::Input(format!("the backends disagree on {}", disagree.join(", "))))
}

/// The GPU, or, said on standard error, why there is none; one that was asked for by name must be there.
pub(crate) fn open(adapter: Option<&str>) -> Result<Result<Gpu, GpuError>, CliError> {
    match Gpu::new(adapter) {
        Ok(gpu) => Ok(Ok(gpu)),
        Err(error @ GpuError::NoAdapter { .. }) if adapter.is_none() => {
            anstream::eprintln!("note: {error}");
            Ok(Err(error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Every backend's distance from the reference.
pub(crate) struct Comparison {
    pub(crate) mean_loss: f64,
    pub(crate) largest_gradient: f64,
    pub(crate) backends: Vec<Distance>,
}

/// The largest differences of a backend from the f64 reference.
pub(crate) struct Distance {
    name: &'static str,
    /// Of a sample's loss and of the batch's, relative to max(1, loss).
    loss: f64,
    /// Of a gradient, relative to the largest entry of its row.
    gradient: f64,
    limit: f64,
}

/// How far a backend may be off. f32 logits up to 2·s = 256 carry an error of 256·2⁻²⁴ ≈ 1.5e-5 into the exponential.
const LIMIT_F32: f64 = 2e-4;
/// The same for f64, where the error is 256·2⁻⁵³ ≈ 3e-14 and derivatives near cos = ±1 amplify it.
const LIMIT_F64: f64 = 1e-9;

impl Distance {
    fn agrees(&self) -> bool {
        self.loss <= self.limit && self.gradient <= self.limit
    }
}

impl Comparison {
    /// Is every backend within its limit?
    pub(crate) fn agrees(&self) -> bool {
        self.backends.iter().all(Distance::agrees)
    }

    /// As an object, a backend a key.
    pub(crate) fn json(&self) -> Map<String, Value> {
        let entry = |b: &Distance| {
            let value = json!({"loss_difference": b.loss, "gradient_difference": b.gradient, "limit": b.limit, "agrees": b.agrees()});
            (b.name.to_owned(), value)
        };
        self.backends.iter().map(entry).collect()
    }
}

/// Runs every backend; the GPU only where there is one.
pub(crate) fn compare(loss: &Loss, input: &Input, gpu: Option<&Gpu>) -> Result<Comparison, CliError> {
    let narrow = input.batch::<f32>(loss)?;
    let wide = input.batch::<f64>(loss)?;
    let exact = Backend::Reference.run(loss, &wide)?;
    // Backends in f32 see rounded cosines, so they are held to the reference on those.
    let rounded = Backend::Reference.run(loss, &narrow.convert::<f64>())?;
    let single = |name, found: Result<Outcome<f32>, BackendError>| -> Result<Distance, CliError> {
        Ok(distance(name, &rounded, &found?, &narrow, LIMIT_F32))
    };
    let double = Backend::Dfdx.run(loss, &wide)?;
    let mut backends = vec![
        distance("dfdx f64", &exact, &double, &wide, LIMIT_F64),
        single("dfdx f32", Backend::Dfdx.run(loss, &narrow))?,
        single("reference f32", Backend::Reference.run(loss, &narrow))?,
    ];
    if let Some(gpu) = gpu {
        backends.push(single("wgpu f32", on_gpu(gpu, loss, &narrow))?);
    }
    Ok(Comparison { mean_loss: exact.mean_loss, largest_gradient: largest(&exact.gradient), backends })
}

fn distance<S: Precision>(
    name: &'static str,
    exact: &Outcome<f64>,
    found: &Outcome<S>,
    batch: &Batch<S>,
    limit: f64,
) -> Distance {
    let relative = |a: f64, b: f64| (a - b).abs() / a.abs().max(1.0);
    let losses = exact.loss.iter().zip(&found.loss).map(|(a, b)| relative(*a, b.to_f64()));
    let loss = losses.fold(relative(exact.mean_loss, found.mean_loss), f64::max);
    let rows = exact.gradient.chunks(batch.classes).zip(found.gradient.chunks(batch.classes));
    let gradient = rows
        .map(|(a, b)| {
            // Below what f32 can hold, a gradient that is flushed to zero is not wrong.
            let scale = a.iter().fold(1e-30_f64, |m, x| m.max(x.abs()));
            a.iter().zip(b).map(|(x, y)| (x - y.to_f64()).abs() / scale).fold(0.0, f64::max)
        })
        .fold(0.0, f64::max);
    Distance { name, loss, gradient, limit }
}

/// The largest entry, without its sign.
pub(crate) fn largest<S: Precision>(values: &[S]) -> f64 {
    values.iter().map(|v| v.to_f64().abs()).fold(0.0, f64::max)
}
