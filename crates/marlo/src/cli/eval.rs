//! `marlo eval`: loss and gradient on cosines, by one backend or by all of them.

use std::path::PathBuf;
use std::time::Instant;

use marlo::agree::Distance;
use marlo::backend::{Backend, Outcome, Precision, on_gpu_by};
use marlo::data::array::{self, AnyArray, Array};
use marlo::loss::{Loss, Wrt};
use marlo::state::States;
use marlo::wgsl::Gpu;
use serde_json::{Map, Value, json};

use super::agree;
use super::error::CliError;
use super::input::{Input, InputArgs};
use super::{print, say, spec};

/// Arguments of `marlo eval`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --cosines or --row the shipped sample is used: 64 kanji in 16 typefaces, embedded by \
    grey pixels and PCA,\ncompared with class means. A loss over raw logits takes its logits from --cosines.\n\
    RESULT holds loss (B,), mean_loss () and dcos (B, C) or (B, C, K), the gradient of mean_loss, and d<name> of each\n\
    further gradient. A JSON summary is printed, with the states after this step; for few --row it holds the losses and\n\
    the gradient:\n  marlo eval arcface --row=0.3,-0.95 --label=0 --row=0.1,0.2 --label=1"
)]
pub(crate) struct Args {
    /// Path to a .loss file, or the name of a shipped loss
    spec: String,
    #[command(flatten)]
    input: InputArgs,
    /// What computes
    #[arg(long, value_enum, default_value = "reference")]
    backend: Choice,
    /// The GPU adapter, by a part of its name
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
    /// The precision; that of the cosines where none is given
    #[arg(long, value_enum)]
    dtype: Option<Dtype>,
    /// Give the gradient by these inputs and hyperparameters, too
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    grad: Vec<String>,
    /// Read states from this file where it is there, and write those after this step to it
    #[arg(long, value_name = "STATES.json")]
    state: Option<PathBuf>,
    /// Write the result to an .npz file
    #[arg(long, value_name = "RESULT.npz")]
    out: Option<PathBuf>,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Choice {
    Reference,
    Dfdx,
    Wgpu,
    Native,
    /// Every backend, with the differences; exit 1 when they disagree
    All,
}

#[derive(Copy, Clone, Debug, PartialEq, clap::ValueEnum)]
enum Dtype {
    F32,
    F64,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    refuse(args)?;
    let (_, compiled) = spec::compile(&args.spec)?;
    let loss = compiled.loss;
    let input = carry_on(Input::read(&args.input)?, args, &loss)?;
    input.say_stand_ins(&loss);
    let backend = match args.backend {
        Choice::All => return all(&loss, &input, args.adapter.as_deref()),
        Choice::Reference => Backend::Reference,
        Choice::Dfdx => Backend::Dfdx,
        Choice::Wgpu => Backend::Wgpu,
        Choice::Native => Backend::Native,
    };
    let wants_f64 = match args.dtype {
        Some(dtype) => dtype == Dtype::F64,
        None => input.is_f64() && backend != Backend::Wgpu,
    };
    if wants_f64 {
        one::<f64>(backend, &loss, &input, args, AnyArray::F64)
    } else {
        one::<f32>(backend, &loss, &input, args, AnyArray::F32)
    }
}

/// What makes no sense together, and files that can't be written: said before the work is done, not after.
fn refuse(args: &Args) -> Result<(), CliError> {
    let usage = |message: &str| Err(CliError::Usage(message.into()));
    if args.adapter.is_some() && !matches!(args.backend, Choice::Wgpu | Choice::All) {
        return usage("--adapter chooses a GPU: add --backend wgpu");
    }
    let alone = args.dtype.is_some() || args.out.is_some() || args.state.is_some() || !args.grad.is_empty();
    if args.backend == Choice::All && alone {
        return usage(
            "`--backend all` compares in every precision and writes no file: leave --dtype, --out, --state and --grad out",
        );
    }
    if args.backend == Choice::Wgpu && args.dtype == Some(Dtype::F64) {
        return usage("shaders compute in f32: use --dtype f32, or another backend for f64");
    }
    let Some(out) = &args.out else { return Ok(()) };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let (path, folder) = (out.display(), folder.display());
        return Err(CliError::Input(format!(
            "cannot write `{path}`: there is no folder `{folder}`; make it first"
        )));
    }
    let same = |file: &PathBuf| file.canonicalize().ok().is_some_and(|f| out.canonicalize().ok() == Some(f));
    if args.input.files().any(same) {
        return usage(&format!("--out {} is one of the inputs: name another file", out.display()));
    }
    Ok(())
}

/// The input with the states that an earlier step left in a file.
fn carry_on(input: Input, args: &Args, loss: &Loss) -> Result<Input, CliError> {
    let Some(path) = &args.state else { return Ok(input) };
    if loss.updates.is_empty() {
        let message = format!("`{}` carries nothing from step to step: leave --state out", loss.name);
        return Err(CliError::Usage(message));
    }
    if !path.exists() {
        return Ok(input);
    }
    let states = States::read(path, loss, input.classes(loss))?;
    Ok(input.with_states(&states))
}

fn one<S: Precision>(
    backend: Backend,
    loss: &Loss,
    input: &Input,
    args: &Args,
    array: impl Fn(Array<S>) -> AnyArray,
) -> Result<(), CliError> {
    let batch = input.batch::<S>(loss)?;
    let mut wrt = loss.usual();
    wrt.extend(spec::wrt(loss, &args.grad)?);
    let mut summary = input.summary(loss, &batch);
    summary.insert("backend".into(), backend.name().into());
    let start = Instant::now();
    let outcome = if backend == Backend::Wgpu {
        let gpu = Gpu::new(args.adapter.as_deref())?;
        summary.insert("adapter".into(), gpu.adapter().into());
        on_gpu_by(&gpu, loss, &batch, &wrt)?
    } else {
        backend.run_by(loss, &batch, &wrt)?
    };
    let seconds = start.elapsed().as_secs_f64();
    summary.insert("dtype".into(), if S::RESOLUTION > 1e-10 { "f32" } else { "f64" }.into());
    summary.insert("mean_loss".into(), outcome.mean_loss.into());
    summary.insert("largest_gradient".into(), outcome.largest_gradient().into());
    summary.insert("seconds".into(), seconds.into());
    if input.is_typed() {
        show(&mut summary, loss, &outcome, batch.classes);
    }
    show_states(&mut summary, loss, &outcome);
    if let Some(path) = &args.state {
        let states = States::after(loss, batch.classes, input.step(), &outcome.states);
        states.write(path)?;
    }
    if let Some(path) = &args.out {
        let mut shape = vec![batch.rows, batch.classes];
        shape.extend(Some(loss.graph.centres()).filter(|&centres| centres > 1));
        let named: Vec<(String, Vec<S>)> = outcome
            .partials
            .iter()
            .map(|(by, values)| (format!("d{}", name_of(loss, *by)), values.clone()))
            .collect();
        let mut entries = vec![
            ("loss", array(Array::new([batch.rows], outcome.loss)?)),
            ("mean_loss", array(Array::new(Vec::new(), vec![S::from_f64(outcome.mean_loss)])?)),
            ("dcos", array(Array::new(shape, outcome.gradient)?)),
        ];
        for (name, values) in &named {
            entries.push((name, array(Array::new([values.len()], values.clone())?)));
        }
        array::write_npz(path, &entries)?;
        summary.insert("out".into(), path.display().to_string().into());
    }
    print(&format!("{:#}\n", Value::Object(summary)))
}

fn name_of(loss: &Loss, by: Wrt) -> &str {
    match by {
        Wrt::Input(at) => &loss.graph.inputs[at as usize].name,
        Wrt::Param(at) => &loss.graph.params[at as usize].name,
    }
}

/// Adds each sample's loss and, row by row, the gradient of the mean loss.
fn show<S: Precision>(summary: &mut Map<String, Value>, loss: &Loss, outcome: &Outcome<S>, classes: usize) {
    let numbers = |values: &[S]| values.iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
    let partial = |(by, values): &(Wrt, Vec<S>)| (name_of(loss, *by).to_owned(), numbers(values).into());
    if !outcome.partials.is_empty() {
        let partials: Map<String, Value> = outcome.partials.iter().map(partial).collect();
        summary.insert("gradient_by".into(), partials.into());
    }
    let rows = outcome.gradient.chunks(classes * loss.graph.centres()).map(numbers);
    summary.insert("losses".into(), numbers(&outcome.loss).into());
    summary.insert("gradient".into(), rows.collect::<Vec<_>>().into());
}

/// Adds the states after this step, where the loss has some.
fn show_states<S: Precision>(summary: &mut Map<String, Value>, loss: &Loss, outcome: &Outcome<S>) {
    let name = |param: u32| loss.graph.params[param as usize].name.clone();
    let values = loss.updates.iter().zip(&outcome.states);
    let values: Map<String, Value> =
        values.map(|(update, value)| (name(update.param), (*value).into())).collect();
    if !values.is_empty() {
        summary.insert("states".into(), values.into());
    }
}

/// Runs every backend and prints how far each is from the reference in f64.
pub(crate) fn all(loss: &Loss, input: &Input, adapter: Option<&str>) -> Result<(), CliError> {
    let batch = input.batch::<f64>(loss)?;
    let gpu = agree::open(adapter)?;
    let found = agree::on_input(loss, input, gpu.as_ref().ok())?;
    let entry = |b: &Distance| {
        let differences = json!({"loss_difference": b.loss, "gradient_difference": b.gradient, "limit": b.limit, "agrees": b.agrees()});
        (b.name.to_owned(), differences)
    };
    let mut backends: Map<String, Value> = found.backends.iter().map(entry).collect();
    let mut summary = input.summary(loss, &batch);
    summary.insert("mean_loss".into(), found.mean_loss.into());
    summary.insert("largest_gradient".into(), found.largest_gradient.into());
    if input.is_typed() || !loss.updates.is_empty() {
        let outcome = Backend::Reference.run(loss, &batch)?;
        if input.is_typed() {
            show(&mut summary, loss, &outcome, batch.classes);
        }
        show_states(&mut summary, loss, &outcome);
    }
    match &gpu {
        Ok(gpu) => summary.insert("adapter".into(), gpu.adapter().into()),
        Err(error) => backends.insert("wgpu f32".into(), json!({"skipped": error.to_string()})),
    };
    summary.insert("backends".into(), backends.into());
    if !found.compared() {
        say(&format!("warning: nothing was compared in f32: {}", agree::NOT_COMPARED));
    }
    summary.insert("rows_on_a_border".into(), found.on_border.into());
    summary.insert("agree".into(), found.agrees().into());
    print(&format!("{:#}\n", Value::Object(summary)))?;
    if found.agrees() {
        return Ok(());
    }
    Err(CliError::Input(format!("the backends disagree on `{}`", loss.name)))
}
