//! `marlo train`: a network and a head, trained with any loss.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use marlo::loss::Loss;
use marlo::recognition::{self, Faces, Source, faces};
use marlo::train::{Epoch, Event, Fall, Plan, Rate, TrainError, Trainer};
use serde_json::json;

use super::compare::command;
use super::error::CliError;
use super::{print, say, spec};

/// What is trained on, and how.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Training {
    /// Images: a folder with one folder an identity, idx files, images.npy with labels.npy, or a file of glyphs [default: the
    /// glyphs that ship with marlo, 64 kanji in 16 typefaces]
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<PathBuf>,
    /// The share of identities that training never sees, for `marlo test`; a source with a part for testing keeps its own
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(crate) unseen: f64,
    /// Decides the unseen identities, apart from --seed, so that models of several seeds can be compared
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) split_seed: u64,
    /// Let identities and images be both trained and tested on
    #[arg(long)]
    pub(crate) allow_overlap: bool,
    /// How often each image is seen
    #[arg(long, value_name = "N", default_value_t = Plan::default().epochs)]
    pub(crate) epochs: u64,
    /// The images of a step
    #[arg(long, value_name = "B", default_value_t = Plan::default().batch)]
    pub(crate) batch: usize,
    /// The highest learning rate
    #[arg(long, value_name = "RATE", default_value_t = Plan::default().rate.base)]
    pub(crate) rate: f64,
    /// The rate falls to a tenth at these shares of the way [default: 0.5,0.75,0.9]
    #[arg(long, value_name = "SHARE,..", value_delimiter = ',', conflicts_with = "cosine")]
    pub(crate) fall: Vec<f64>,
    /// The rate falls along half a cosine instead
    #[arg(long)]
    pub(crate) cosine: bool,
    /// The share of the way over which the rate rises first
    #[arg(long, value_name = "SHARE", default_value_t = Plan::default().rate.warm_up)]
    pub(crate) warm_up: f64,
    /// The momentum of stochastic gradient descent
    #[arg(long, value_name = "M", default_value_t = Plan::default().momentum)]
    pub(crate) momentum: f64,
    /// The L2 penalty on all weights
    #[arg(long, value_name = "W", default_value_t = Plan::default().weight_decay)]
    pub(crate) weight_decay: f64,
    /// Longer gradients are shortened to this length
    #[arg(long, value_name = "L", default_value_t = Plan::default().longest_gradient)]
    pub(crate) longest_gradient: f64,
    /// Mirror images at random
    #[arg(long)]
    pub(crate) flip: bool,
    /// Shift images at random, by so many pixels at most
    #[arg(long, value_name = "PIXELS", default_value_t = Plan::default().shift)]
    pub(crate) shift: u16,
    /// Channels of the network's first convolution
    #[arg(long, value_name = "N", default_value_t = Plan::default().width)]
    pub(crate) width: usize,
    /// The length of an embedding
    #[arg(long, value_name = "D", default_value_t = Plan::default().embedding)]
    pub(crate) embedding: usize,
    /// The share of classes that takes part in a step (Partial FC)
    #[arg(long, value_name = "SHARE", default_value_t = Plan::default().share)]
    pub(crate) share: f64,
}

/// Arguments of `marlo train`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "One line of JSON an epoch goes to standard output. --out is written after each epoch and when \
    Ctrl-C is pressed, whole or not at all; with --resume training goes on from it, and ends as it would have without the \
    interruption.\n\n    marlo train mv_arc_adaptive --out mv.safetensors\n    marlo test mv.safetensors"
)]
pub(crate) struct Args {
    /// The loss: a .loss file, or the name of a shipped one
    spec: String,
    /// Where the model goes
    #[arg(long, value_name = "MODEL", default_value = "model.safetensors")]
    out: PathBuf,
    /// Go on from --out, where it exists
    #[arg(long)]
    resume: bool,
    /// Begin anew where --out exists
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    /// Set a hyperparameter
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_number)]
    pub(crate) set: Vec<(String, f64)>,
    /// Decides weights, order, motions and draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    training: Training,
}

impl Training {
    /// The plan, for a seed.
    pub(crate) fn plan(&self, seed: u64) -> Plan {
        let fall = match (self.cosine, self.fall.is_empty()) {
            (true, _) => Fall::Cosine,
            (false, true) => Rate::default().fall,
            (false, false) => Fall::Steps(self.fall.clone()),
        };
        Plan {
            epochs: self.epochs,
            batch: self.batch,
            rate: Rate { base: self.rate, fall, warm_up: self.warm_up },
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            longest_gradient: self.longest_gradient,
            seed,
            flip: self.flip,
            shift: self.shift,
            width: self.width,
            embedding: self.embedding,
            share: self.share,
        }
    }

    /// Opens the images, and says what is doubtful about them.
    pub(crate) fn faces(&self) -> Result<Faces, CliError> {
        let faces = recognition::open(&Source {
            path: self.data.clone(),
            unseen: self.unseen,
            seed: self.split_seed,
            allow_overlap: self.allow_overlap,
        })?;
        report(&faces);
        Ok(faces)
    }
}

/// Says what is doubtful about images.
pub(crate) fn report(faces: &faces::Faces) {
    if !faces.findings.is_empty() {
        say(&format!("warning: {}", faces.findings.to_string().trim_end()));
    }
    if !faces.overlap.is_empty() {
        let (names, images) = (faces.overlap.names.len(), faces.overlap.images.len());
        say(&format!("warning: {names} identities and {images} images are both trained and tested on"));
    }
}

/// A name and a number.
pub(crate) fn parse_number(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE, as in m=0.3")?;
    let value: f64 = value.trim().parse().map_err(|_| format!("`{value}` is no number"))?;
    Ok((name.trim().to_owned(), value))
}

/// Set when Ctrl-C was pressed.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Lets Ctrl-C end the training after the step, not the program at once.
pub(crate) fn catch_interrupts() {
    // Where there can be no handler, the program ends as it would without one.
    let _ = ctrlc::set_handler(|| STOPPED.store(true, Ordering::SeqCst));
}

/// Was Ctrl-C pressed?
pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let (_, compiled) = spec::compile(&args.spec)?;
    if args.out.exists() && !args.resume && !args.force {
        let out = args.out.display();
        return Err(CliError::Input(format!(
            "{out} exists: go on from it with --resume, or begin anew with --force"
        )));
    }
    let faces = args.training.faces()?;
    let mut trainer = trainer(args, &compiled.loss, &faces)?;
    let images = &faces.train.images;
    say(&format!(
        "{}: {} images of {} identities, {} for testing; a network of {} values; {}",
        faces.source,
        images.len(),
        images.class_names().len(),
        faces.test.class_names().len(),
        trainer.network().values(),
        compiled.loss.name
    ));
    match follow(&mut trainer, &args.out)? {
        Some(()) => {
            let goes_on = if args.resume { "" } else { " --resume" };
            Err(CliError::Input(format!("stopped; go on with: {}{goes_on}", command())))
        }
        None => {
            let out = args.out.display();
            say(&format!("{out}; judge it with: marlo test {out}"));
            Ok(())
        }
    }
}

/// A model to begin with, or the one that was begun.
fn trainer(args: &Args, loss: &Loss, faces: &Faces) -> Result<Trainer, CliError> {
    let plan = args.training.plan(args.seed);
    if !(args.resume && args.out.exists()) {
        return Ok(Trainer::new(loss, &args.set, faces.train.clone(), plan)?);
    }
    let trainer = Trainer::resume(&args.out, loss, &args.set, faces.train.clone())?;
    if *trainer.plan() != plan {
        say("note: the plan is that of the checkpoint; options that differ from it have no effect");
    }
    Ok(trainer)
}

/// Trains, with a bar, lines of JSON and checkpoints. Gives something where it was stopped.
fn follow(trainer: &mut Trainer, out: &Path) -> Result<Option<()>, CliError> {
    catch_interrupts();
    let bar = bar(trainer);
    let stopped = trainer.run(|trainer, event| match event {
        Event::Step(step) => {
            bar.set_position(step.done);
            bar.set_message(format!("loss {:.3}  rate {:.2e}", step.loss, step.rate));
            if is_stopped() {
                trainer.save(out)?;
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        }
        Event::Epoch(epoch) => {
            trainer.save(out)?;
            let printed = bar.suspend(|| print(&format!("{}\n", line(epoch))));
            printed.map_err(|error| TrainError::Watch(error.message()))?;
            Ok(ControlFlow::Continue(()))
        }
    });
    bar.finish_and_clear();
    Ok(stopped?)
}

/// A bar with loss, rate and the time that is left.
fn bar(trainer: &Trainer) -> ProgressBar {
    let (done, of) = trainer.steps();
    let bar = ProgressBar::new(of).with_position(done);
    // The template is a constant.
    if let Ok(style) =
        ProgressStyle::with_template("{bar:30} {pos}/{len} steps  {msg}  {per_sec}  {eta} left")
    {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar
}

/// An epoch as a line of JSON.
pub(crate) fn line(epoch: &Epoch) -> String {
    json!({
        "epoch": epoch.epoch,
        "loss": epoch.loss,
        "rate": epoch.rate,
        "gradient": epoch.gradient,
        "shortened": epoch.shortened,
        "target_angle": epoch.target_angle,
        "other_angle": epoch.other_angle,
        "nearer": epoch.nearer,
        "masked": epoch.masked,
    })
    .to_string()
}
