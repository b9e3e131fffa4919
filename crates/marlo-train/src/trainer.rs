//! Training: batches through the network and the head, and both moved by stochastic gradient descent.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use dfdx::optim::{Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::*;
use dfdx::tensor::Gradients;
use marlo_data::ImageSet;
use marlo_data::augment::Augment;
use marlo_data::loader::{Batch, Loader, Options};
use marlo_dfdx::{MarginHead, RuntimeSgd, Watched};
use marlo_ir::graph::{Axis as Along, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Loss;
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::network::{Network, Size, Trained};
use crate::plan::Plan;
use crate::rate::Fall;
use crate::saved::{self, About, Tensors, Values};

/// Angles and masks are watched at every so manieth step.
const WATCH: usize = 8;

/// The data of a training.
#[derive(Clone, Debug)]
pub struct Data {
    /// The images.
    pub images: Arc<ImageSet>,
    /// Their hash, which a checkpoint keeps.
    pub hash: String,
}

/// A model in training.
#[derive(Debug)]
pub struct Trainer {
    plan: Plan,
    given: Vec<(String, f64)>,
    data: Data,
    loader: Loader,
    network: Network,
    head: MarginHead<usize, usize, f32>,
    sgd: RuntimeSgd<f32>,
    epoch: u64,
    step: usize,
    sums: Sums,
    history: Vec<Epoch>,
}

/// What an epoch sums up.
#[derive(Copy, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    steps: u64,
    loss: f64,
    gradient: f64,
    shortened: u64,
    watched: u64,
    target: f64,
    others: f64,
    nearer: f64,
    masked: Option<f64>,
}

/// What was seen in an epoch: means over its steps; angles and shares over every eighth of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The loss.
    pub loss: f64,
    /// The learning rate of its last step.
    pub rate: f64,
    /// The length of the gradient over all trained values, before it is shortened.
    pub gradient: f64,
    /// Steps whose gradient was shortened.
    pub shortened: u64,
    /// The angle between an embedding and its class vector, in degrees.
    pub target_angle: f64,
    /// The angle to all other class vectors, in degrees.
    pub other_angle: f64,
    /// The share of other classes that are nearer than the own one.
    pub nearer: f64,
    /// The share of other classes that the loss's mask picks, where it has one.
    pub masked: Option<f64>,
}

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step is done.
    Step(Step),
    /// An epoch is complete.
    Epoch(&'a Epoch),
}

/// A step.
#[derive(Copy, Clone, Debug)]
pub struct Step {
    /// Steps that are done, over all epochs.
    pub done: u64,
    /// All steps.
    pub of: u64,
    /// The loss of the batch.
    pub loss: f64,
    /// The learning rate.
    pub rate: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

impl Trainer {
    /// A fresh model for a loss; `given` sets hyperparameters over their defaults.
    ///
    /// # Errors
    /// When the plan, the images or the hyperparameters don't fit, or the loss reads a value a class that images don't tell.
    pub fn new(loss: &Loss, given: &[(String, f64)], data: Data, plan: Plan) -> Result<Trainer, TrainError> {
        check(&plan)?;
        let images = &data.images;
        let size = Size {
            height: images.height(),
            width_of_image: images.width(),
            width: plan.width,
            embedding: plan.embedding,
        };
        let network = Network::new(size, plan.seed)?;
        let rows = images.class_names().len() * loss.graph.centres();
        let mut head = MarginHead::new(loss, given, (rows, plan.embedding), plan.seed ^ 0x4ead)?;
        head.share = plan.share;
        for input in
            loss.graph.inputs.iter().filter(|input| input.axis == Along::Classes && input.drawn.is_none())
        {
            head.set_input(&input.name, of_classes(input, images)?)?;
        }
        let augment = (plan.flip || plan.shift > 0).then_some(Augment {
            seed: plan.seed,
            flip: plan.flip,
            shift: plan.shift,
        });
        // A batch of one image has no variance to be normalised by.
        if images.len() < 2 {
            return Err(TrainError::Plan { name: "images".into(), wanted: "at least 2".into() });
        }
        let drop_last = images.len() > plan.batch && images.len() % plan.batch == 1;
        let options =
            Options { batch: plan.batch, seed: plan.seed, drop_last, augment, ..Options::default() };
        let loader = Loader::new(Arc::clone(images), options)?;
        let config = SgdConfig {
            lr: plan.rate.base,
            momentum: (plan.momentum > 0.0).then_some(Momentum::Classic(plan.momentum)),
            weight_decay: (plan.weight_decay > 0.0).then_some(WeightDecay::L2(plan.weight_decay)),
        };
        Ok(Trainer {
            given: given.to_vec(),
            data,
            loader,
            network,
            head,
            sgd: RuntimeSgd::new(config),
            epoch: 0,
            step: 0,
            sums: Sums::default(),
            history: Vec::new(),
            plan,
        })
    }

    /// A model that goes on from a checkpoint, as if it had never stopped.
    ///
    /// # Errors
    /// When the file can't be read, or is one of another loss, other settings or other data.
    pub fn resume(
        path: &Path,
        loss: &Loss,
        given: &[(String, f64)],
        data: Data,
    ) -> Result<Trainer, TrainError> {
        let (about, mut tensors) = saved::read(path)?;
        let other = |what: &str, wanted: String, found: String| {
            Err(TrainError::Other { path: path.into(), what: what.into(), wanted, found })
        };
        if about.program != program(loss) {
            return other("loss", loss.name.clone(), about.loss);
        }
        if sorted(&about.given) != sorted(given) {
            return other("hyperparameters", format!("{given:?}"), format!("{:?}", about.given));
        }
        if about.data != data.hash {
            return other("data", data.hash, about.data);
        }
        let identities = data.images.class_names();
        if about.classes != identities {
            let first = |names: &[String]| {
                format!("{} from `{}` on", names.len(), names.first().map_or("", |name| name))
            };
            return other("identities", first(identities), first(&about.classes));
        }
        let mut trainer = Trainer::new(loss, given, data, about.plan)?;
        trainer.network.take(path, &mut tensors)?;
        let count = trainer.head.weight.shape().num_elements();
        let weight = tensors.single(path, "head.weight", count)?;
        trainer.head.weight.copy_from(&weight);
        let Trainer { network, head, sgd, .. } = &mut trainer;
        network.each_named(|name, trained| {
            let velocity = match trained {
                Trained::Matrix(matrix) => sgd.velocity(matrix)?,
                Trained::Vector(vector) => sgd.velocity(vector)?,
            };
            *velocity = tensors.single(path, &format!("velocity.{name}"), velocity.len())?;
            Ok(())
        })?;
        *sgd.velocity(&head.weight)? = tensors.single(path, "velocity.head.weight", count)?;
        head.progress_mut().set_step(about.head_step);
        head.progress_mut().set_states(&about.states).map_err(marlo_dfdx::DfdxError::from)?;
        (trainer.epoch, trainer.step, trainer.sums) = (about.epoch, about.step, about.sums);
        trainer.history = about.history;
        Ok(trainer)
    }

    /// Writes a checkpoint, which is a model, too; whole or not at all.
    ///
    /// # Errors
    /// When the file can't be written, or the last step has made a value infinite: the file from before stays.
    pub fn save(&mut self, path: &Path) -> Result<(), TrainError> {
        let about = self.about();
        let is_finite = self.head.weight.as_vec().iter().all(|x| x.is_finite()) && self.network.is_finite();
        if !is_finite || about.states.iter().any(|state| !state.1.is_finite()) {
            return Err(self.diverged(self.sgd.config.lr));
        }
        let mut tensors = Tensors::default();
        self.network.put(&mut tensors);
        let (rows, dim) = *self.head.weight.shape();
        tensors.put("head.weight", vec![rows, dim], Values::Single(self.head.weight.as_vec()));
        let Trainer { network, head, sgd, .. } = self;
        let velocity = sgd.velocity(&head.weight)?.clone();
        tensors.put("velocity.head.weight", vec![rows, dim], Values::Single(velocity));
        network.each_named(|name, trained| {
            let velocity = match trained {
                Trained::Matrix(matrix) => sgd.velocity(matrix)?,
                Trained::Vector(vector) => sgd.velocity(vector)?,
            };
            tensors.put(format!("velocity.{name}"), vec![velocity.len()], Values::Single(velocity.clone()));
            Ok(())
        })?;
        saved::write(path, &about, &tensors)
    }

    fn about(&self) -> About {
        About {
            format: About::format(),
            loss: self.head.loss().name.clone(),
            program: program(self.head.loss()),
            given: self.given.clone(),
            plan: self.plan.clone(),
            size: self.network.size(),
            classes: self.data.images.class_names().to_vec(),
            data: self.data.hash.clone(),
            epoch: self.epoch,
            step: self.step,
            sums: self.sums,
            head_step: self.head.progress().step(),
            states: self.head.progress().states(),
            history: self.history.clone(),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The head.
    pub fn head(&self) -> &MarginHead<usize, usize, f32> {
        &self.head
    }

    /// What was seen in each epoch.
    pub fn history(&self) -> &[Epoch] {
        &self.history
    }

    /// Steps that are done, and all steps.
    pub fn steps(&self) -> (u64, u64) {
        let of = self.loader.steps() as u64;
        (self.epoch * of + self.step as u64, self.plan.epochs * of)
    }

    /// Trains until the plan is fulfilled, or `watch` breaks: what it breaks with is given back. It can go on after that.
    ///
    /// # Errors
    /// When training diverges, and those of `watch`.
    pub fn run<B>(
        &mut self,
        mut watch: impl FnMut(&mut Trainer, Event<'_>) -> Result<ControlFlow<B>, TrainError>,
    ) -> Result<Option<B>, TrainError> {
        if self.epoch >= self.plan.epochs {
            return Ok(None);
        }
        let batches = self.loader.start_at(self.epoch, self.step)?;
        for batch in batches {
            let step = self.step(batch?)?;
            let complete = self.step == self.loader.steps();
            if complete {
                self.complete(step.rate);
            }
            let after_step = watch(self, Event::Step(step))?;
            let epoch = self.history.last().filter(|_| complete).cloned();
            let after_epoch = match epoch {
                Some(epoch) => watch(self, Event::Epoch(&epoch))?,
                None => ControlFlow::Continue(()),
            };
            for flow in [after_step, after_epoch] {
                if let ControlFlow::Break(with) = flow {
                    return Ok(Some(with));
                }
            }
            if self.epoch >= self.plan.epochs {
                break;
            }
        }
        Ok(None)
    }

    /// One step of descent.
    fn step(&mut self, batch: Batch) -> Result<Step, TrainError> {
        let start = Instant::now();
        let (done, of) = self.steps();
        let rate = self.plan.rate.at(done, of);
        self.sgd.config.lr = rate;
        let labels: Vec<usize> = batch.labels.iter().map(|&label| label as usize).collect();
        let (embeddings, statistics) = self.network.train(self.network.images(&batch.pixels)?)?;
        if self.step.is_multiple_of(WATCH) {
            self.sums.watch(self.head.watch(&embeddings.as_vec(), &labels)?);
        }
        let loss = self.head.apply(embeddings, &labels).map_err(|source| match source {
            marlo_dfdx::DfdxError::Embedding { .. } | marlo_dfdx::DfdxError::NotFinite { .. } => {
                self.diverged(rate)
            }
            other => other.into(),
        })?;
        let value = f64::from(loss.array());
        if !value.is_finite() {
            return Err(self.diverged(rate));
        }
        let mut gradients = loss.try_backward()?;
        let length = self.guard(&mut gradients, rate)?;
        let Trainer { network, head, sgd, .. } = self;
        network.each_named(|_, trained| match trained {
            Trained::Matrix(matrix) => Ok(sgd.update(matrix, &mut gradients)?),
            Trained::Vector(vector) => Ok(sgd.update(vector, &mut gradients)?),
        })?;
        sgd.update(&mut head.weight, &mut gradients)?;
        head.progress_mut().advance();
        network.follow(&statistics);
        self.step += 1;
        self.sums.steps += 1;
        self.sums.loss += value;
        self.sums.gradient += length;
        self.sums.shortened += u64::from(length > self.plan.longest_gradient);
        Ok(Step { done: done + 1, of, loss: value, rate, seconds: start.elapsed().as_secs_f64() })
    }

    /// Shortens a gradient that is too long; gives its length before that.
    fn guard(&mut self, gradients: &mut Gradients<f32, Cpu>, rate: f64) -> Result<f64, TrainError> {
        let squares = |values: &[f32]| values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
        let mut sum = squares(gradients.get_or_alloc_mut(&self.head.weight)?);
        self.network.each_named(|_, trained| {
            sum += squares(trained.gradient(gradients)?);
            Ok(())
        })?;
        let length = sum.sqrt();
        if !length.is_finite() {
            return Err(self.diverged(rate));
        }
        if length > self.plan.longest_gradient {
            let scale = (self.plan.longest_gradient / length) as f32;
            let shorten = |values: &mut Vec<f32>| values.iter_mut().for_each(|x| *x *= scale);
            shorten(gradients.get_or_alloc_mut(&self.head.weight)?);
            self.network.each_named(|_, trained| {
                shorten(trained.gradient(gradients)?);
                Ok(())
            })?;
        }
        Ok(length)
    }

    fn diverged(&self, rate: f64) -> TrainError {
        TrainError::Diverged { epoch: self.epoch + 1, step: self.step + 1, rate }
    }

    fn complete(&mut self, rate: f64) {
        self.epoch += 1;
        self.step = 0;
        let sums = std::mem::take(&mut self.sums);
        let mean = |sum: f64| sum / sums.steps.max(1) as f64;
        let watched = |sum: f64| sum / sums.watched.max(1) as f64;
        self.history.push(Epoch {
            epoch: self.epoch,
            loss: mean(sums.loss),
            rate,
            gradient: mean(sums.gradient),
            shortened: sums.shortened,
            target_angle: watched(sums.target).to_degrees(),
            other_angle: watched(sums.others).to_degrees(),
            nearer: watched(sums.nearer),
            masked: sums.masked.map(watched),
        });
    }
}

impl Sums {
    fn watch(&mut self, seen: Watched) {
        self.watched += 1;
        self.target += seen.target;
        self.others += seen.others;
        self.nearer += seen.nearer;
        self.masked = seen.masked.map(|masked| self.masked.unwrap_or(0.0) + masked);
    }
}

/// What two losses have in common if they are the same: the printed program, its updates of states, and its hyperparameters
/// with their defaults and ranges.
fn program(loss: &Loss) -> String {
    let name = |param: u32| loss.graph.params[param as usize].name.as_str();
    let updates = loss.updates.iter().map(|update| (name(update.param), update.next));
    let roots: Vec<_> = std::iter::once(("loss", loss.total)).chain(updates).collect();
    let params = loss
        .graph
        .params
        .iter()
        .map(|p| format!("{} = {:?}, {:?}, {}..{}\n", p.name, p.default, p.setting, p.low, p.high));
    loss.graph.print(&roots) + &params.collect::<String>()
}

/// Settings in the order of their names.
fn sorted(given: &[(String, f64)]) -> Vec<(String, f64)> {
    let mut given = given.to_vec();
    given.sort_by(|a, b| a.0.cmp(&b.0));
    given
}

fn check(plan: &Plan) -> Result<(), TrainError> {
    let positive = |x: f64| x > 0.0 && x.is_finite();
    let share = |x: f64| (0.0..=1.0).contains(&x);
    let falls = match &plan.rate.fall {
        Fall::Steps(at) => at.as_slice(),
        Fall::Cosine => &[],
    };
    let wrong = [
        ("epochs", !(1..=1_000_000).contains(&plan.epochs), "from 1 to 1000000"),
        // A batch of one has no variance.
        ("batch", plan.batch < 2, "at least 2"),
        ("rate", !positive(plan.rate.base), "above 0"),
        ("falls of the rate", !falls.iter().all(|at| share(*at)), "between 0 and 1"),
        ("warm-up", !share(plan.rate.warm_up), "between 0 and 1"),
        ("momentum", !(share(plan.momentum) && plan.momentum < 1.0), "from 0 to below 1"),
        ("weight decay", !(plan.weight_decay >= 0.0 && plan.weight_decay.is_finite()), "0 or above"),
        ("longest gradient", !positive(plan.longest_gradient), "above 0"),
        ("share", !(share(plan.share) && plan.share > 0.0), "above 0, at most 1"),
    ];
    match wrong.iter().find(|(_, wrong, _)| *wrong) {
        Some((name, _, wanted)) => Err(TrainError::Plan { name: (*name).into(), wanted: (*wanted).into() }),
        None => Ok(()),
    }
}

/// The values of an input over classes that the labels tell: each class's share of the samples where it is a probability,
/// their number where it has no upper end.
fn of_classes(input: &Input, images: &ImageSet) -> Result<Vec<f32>, TrainError> {
    let mut counts = vec![0.0_f64; images.class_names().len()];
    for &label in images.labels() {
        counts[label as usize] += 1.0;
    }
    match input.kind {
        Kind::Prob => Ok(counts.into_iter().map(|count| (count / images.len() as f64) as f32).collect()),
        Kind::Real if input.high.is_infinite() => Ok(counts.into_iter().map(|count| count as f32).collect()),
        _ => Err(TrainError::Input { name: input.name.clone() }),
    }
}
