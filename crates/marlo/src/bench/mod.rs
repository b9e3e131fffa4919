//! Measuring: something that takes steps in, how long one takes out, beside the limits of the machine.
//!
//! Whoever has something to measure gives a [`Contender`]: a name, the [`Work`] of a step, and the step. [`interleave`]
//! times several of them in turn, so that whatever else the machine does hits all alike. What was timed elsewhere (a GPU's
//! queue, another process) is a [`Measurement`] at once. [`table`] holds measurements against the [`limits`].

pub mod gpu;
pub mod head;
pub mod inputs;
pub mod limits;
pub mod memory;
pub mod peers;
pub mod rows;
pub mod scaling;
pub mod table;

use std::time::{Duration, Instant};

use marlo_ir::eval::{InputError, SettingError};
use marlo_native::NativeError;
use marlo_wgsl::GpuError;

pub use limits::Limits;

/// What a step has to do at the least.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Cells: entries of the matrices of cosines or logits. Each needs an exponential.
    pub cells: u64,
    /// Bytes that are read once or written once.
    pub bytes: u64,
    /// Multiplications and additions of products of matrices; 0 where there are none.
    pub flops: u64,
}

impl Work {
    /// That of a head with one centre a class: embeddings (B, D) and class vectors (C, D) read once, the gradients of both
    /// written once, and three products of matrices.
    pub fn of_head(rows: usize, classes: usize, width: usize) -> Work {
        let (rows, classes, width) = (rows as u64, classes as u64, width as u64);
        Work { cells: rows * classes, bytes: 8 * (rows + classes) * width, flops: 6 * rows * classes * width }
    }
}

/// What was found for one contender.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// What was measured.
    pub name: String,
    /// What a step does at the least.
    pub work: Work,
    /// Seconds a step, the median.
    pub median: f64,
    /// Seconds a step, the least.
    pub fastest: f64,
    /// How many steps were timed.
    pub repetitions: usize,
    /// The most memory above the inputs, in bytes, where it is known.
    pub memory: Option<u64>,
}

impl Measurement {
    /// How many times as long as another one it took, by the medians; none where that is no number.
    pub fn relative_to(&self, other: &Measurement) -> Option<f64> {
        Some(self.median / other.median).filter(|ratio| ratio.is_finite())
    }

    /// That of times in seconds.
    pub fn of(name: &str, work: Work, mut seconds: Vec<f64>) -> Measurement {
        seconds.sort_by(f64::total_cmp);
        let at = |place: usize| seconds.get(place).copied().unwrap_or(f64::NAN);
        let (median, fastest, repetitions) = (at(seconds.len() / 2), at(0), seconds.len());
        Measurement { name: name.to_owned(), work, median, fastest, repetitions, memory: None }
    }

    /// Cells a second, by the median.
    pub fn cells_per_second(&self) -> f64 {
        self.work.cells as f64 / self.median
    }

    /// Bytes a second, by the median: only those that have to be moved count.
    pub fn bytes_per_second(&self) -> f64 {
        self.work.bytes as f64 / self.median
    }

    /// Multiplications and additions a second, by the median.
    pub fn flops_per_second(&self) -> f64 {
        self.work.flops as f64 / self.median
    }
}

/// Something that takes steps, and the times of those it took.
pub struct Contender<'a> {
    name: String,
    work: Work,
    memory: Option<u64>,
    step: Box<dyn FnMut() -> Result<(), BenchError> + 'a>,
    seconds: Vec<f64>,
}

impl std::fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contender")
            .field("name", &self.name)
            .field("work", &self.work)
            .finish_non_exhaustive()
    }
}

impl<'a> Contender<'a> {
    /// One with no times yet.
    pub fn new(
        name: impl Into<String>,
        work: Work,
        step: impl FnMut() -> Result<(), BenchError> + 'a,
    ) -> Contender<'a> {
        Contender { name: name.into(), work, memory: None, step: Box::new(step), seconds: Vec::new() }
    }

    /// The same with its memory above the inputs, in bytes.
    #[must_use]
    pub fn with_memory(self, memory: Option<u64>) -> Contender<'a> {
        Contender { memory, ..self }
    }

    /// Takes a step, and gives back how long it took.
    fn time(&mut self) -> Result<Duration, BenchError> {
        let start = Instant::now();
        (self.step)()?;
        Ok(start.elapsed())
    }

    /// Times steps until so much time is gone or so many are done, at least one. A first one that is short is not counted:
    /// it brings its data back to the caches, where the contender before had its own.
    fn turn(&mut self, effort: Effort, rounds: usize) -> Result<(), BenchError> {
        let start = Instant::now();
        let first = self.time()?;
        if first > LONG && !self.seconds.is_empty() {
            self.seconds.push(first.as_secs_f64());
        }
        for done in 1.. {
            let took = self.time()?;
            self.seconds.push(took.as_secs_f64());
            let enough = match effort {
                Effort::Budget(budget) => start.elapsed() >= budget / rounds as u32,
                Effort::Repetitions(wanted) => done >= wanted.div_ceil(rounds),
            };
            if enough {
                break;
            }
        }
        Ok(())
    }

    /// What its times say.
    pub fn measurement(&self) -> Measurement {
        let found = Measurement::of(&self.name, self.work, self.seconds.clone());
        Measurement { memory: self.memory, ..found }
    }
}

/// A step that takes longer has left nothing in the caches that the next could use.
const LONG: Duration = Duration::from_millis(100);

/// The most rounds in which contenders take turns.
const ROUNDS: usize = 8;

/// How much is measured.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Effort {
    /// So long for each contender.
    Budget(Duration),
    /// About so many steps of each contender.
    Repetitions(usize),
}

impl Effort {
    fn rounds(self) -> usize {
        match self {
            Effort::Budget(_) => ROUNDS,
            Effort::Repetitions(wanted) => wanted.clamp(1, ROUNDS),
        }
    }

    /// A share of it.
    #[must_use]
    pub fn part(self, of: usize) -> Effort {
        match self {
            Effort::Budget(budget) => Effort::Budget(budget / of.max(1) as u32),
            Effort::Repetitions(wanted) => Effort::Repetitions(wanted.div_ceil(of.max(1))),
        }
    }
}

/// Times contenders in turn. May be called again: times are added to those of before.
///
/// # Errors
/// When a step fails.
pub fn interleave(contenders: &mut [Contender<'_>], effort: Effort) -> Result<(), BenchError> {
    let rounds = effort.rounds();
    let start = Instant::now();
    for round in 0..rounds {
        for contender in contenders.iter_mut() {
            contender.turn(effort, rounds)?;
        }
        // Steps that are long for the budget get fewer rounds.
        let Effort::Budget(budget) = effort else { continue };
        if round >= 2 && start.elapsed() > budget * contenders.len() as u32 * 2 {
            break;
        }
    }
    Ok(())
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// From a native kernel.
    #[error("native: {0}")]
    Native(#[from] NativeError),
    /// From a GPU.
    #[error("wgpu: {0}")]
    Gpu(#[from] GpuError),
    /// Cosines that do not fit a loss.
    #[error(transparent)]
    Inputs(#[from] InputError),
    /// A head of a loss with several centres.
    #[error("`{loss}` has {centres} centres a class: a head is measured with one; measure its rows")]
    Centres {
        /// The loss.
        loss: String,
        /// Its centres.
        centres: usize,
    },
    /// A hyperparameter that has no value.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// An input without a stand-in.
    #[error("`{loss}` reads the input `{input}`, which there is no stand-in for")]
    Input {
        /// The loss.
        loss: String,
        /// The input.
        input: String,
    },
    /// The threads can't be had.
    #[error("{threads} threads can't be started: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system says.
        reason: String,
    },
    /// Files for the peers can't be written.
    #[error("cannot write `{path}`, which the peers read: {reason}")]
    Files {
        /// The file or folder.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// Python does not start.
    #[error(
        "the peers are Python programs, but `{python}` does not start: {reason}; name another one with --python or \
         MARLO_PYTHON, or leave --peers out"
    )]
    Python {
        /// The program.
        python: String,
        /// What the system says.
        reason: String,
    },
    /// The peers' program does not say which there are.
    #[error("`{program}` does not list its peers: {reason}")]
    Peers {
        /// The program.
        program: String,
        /// What it says instead.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_rates() {
        let work = Work { cells: 8, bytes: 64, flops: 16 };
        let found = Measurement::of("x", work, vec![4.0, 1.0, 2.0]);
        assert_eq!((found.median, found.fastest, found.repetitions), (2.0, 1.0, 3));
        let rates = (found.cells_per_second(), found.bytes_per_second(), found.flops_per_second());
        assert_eq!(rates, (4.0, 32.0, 8.0));
        assert_eq!(Work::of_head(2, 3, 5), Work { cells: 6, bytes: 200, flops: 180 });
        let none = Measurement::of("none", work, vec![]);
        assert!(none.median.is_nan());
        assert_eq!((found.relative_to(&found), found.relative_to(&none)), (Some(1.0), None));
    }

    #[test]
    fn contenders_take_turns() {
        let order = std::cell::RefCell::new(Vec::new());
        let step = |name| {
            let order = &order;
            move || {
                order.borrow_mut().push(name);
                Ok(())
            }
        };
        let mut both = [
            Contender::new("a", Work::default(), step('a')),
            Contender::new("b", Work::default(), step('b')),
        ];
        interleave(&mut both, Effort::Repetitions(16)).expect("nothing fails");
        assert_eq!(both[0].measurement().repetitions, 16);
        let order: String = order.borrow().iter().collect();
        assert_eq!(order, "aaabbb".repeat(8), "of three steps the first is not counted");
    }

    #[test]
    fn a_step_that_fails_ends_it() {
        let fail = || Err(BenchError::Native(NativeError::Empty { rows: 0, classes: 0 }));
        let mut one = [Contender::new("a", Work::default(), fail)];
        assert!(interleave(&mut one, Effort::Repetitions(1)).is_err());
    }
}
