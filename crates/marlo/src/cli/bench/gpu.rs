//! Losses and heads on a GPU.

use marlo::bench::gpu;
use marlo::bench::inputs::{Cosines, Embeddings};
use marlo::wgsl::Gpu;
use marlo::wgsl::bench::Effort as Rounds;

use super::{Bench, BenchError, CliError, Effort, Measurement, Theirs, Workload};

impl Bench<'_> {
    /// Steps on buffers that stay on the device, and a copy by the same device in the same run.
    pub(super) fn on_gpu(&mut self) -> Result<(), CliError> {
        let gpu = Gpu::new(self.args.adapter.as_deref()).map_err(BenchError::Gpu)?;
        self.device = gpu.adapter().to_owned();
        self.context.insert("adapter".into(), self.device.clone().into());
        let (mut found, size) = (
            Vec::new(),
            match self.args.workload {
                Workload::Rows => {
                    let (rows, classes) =
                        self.args.size.map_or((512, 86_876), |size| (size.rows, size.classes));
                    vec![rows, classes]
                }
                Workload::Head => {
                    let (rows, classes, width) = self.head_size();
                    vec![rows, classes, width]
                }
            },
        );
        let effort = self.effort();
        let copy = timed(effort, |rounds| gpu::copy(&gpu, (size[0], size[1]), rounds))?;
        match size[..] {
            [rows, classes, width] => {
                let embeddings = Embeddings::draw(rows, classes, width, self.args.seed, self.args.targets());
                for loss in &self.losses {
                    let seed = self.args.seed;
                    found.push(timed(effort, |rounds| gpu::head(&gpu, loss, &embeddings, seed, rounds))?);
                }
            }
            _ => {
                let cosines = Cosines::draw(size[0], size[1], self.args.seed);
                for loss in &self.losses {
                    let measure = |rounds| gpu::rows(&gpu, loss, &cosines, self.args.seed, rounds);
                    found.push(timed(effort, measure)?);
                }
            }
        }
        self.tell(&size, &[copy], &found, &Theirs::default())
    }
}

/// The most rounds that steps are timed in, each with one wait for the device at its end.
const ROUNDS: usize = 5;

/// The most steps of a round: more are only waited for.
const STEPS: usize = 10_000;

/// Measures with so many steps, or with as many as fill the time: a step of a software driver may take a second, one of a GPU
/// far less than a millisecond, so one is timed first.
fn timed(
    effort: Effort,
    measure: impl Fn(Rounds) -> Result<Measurement, BenchError>,
) -> Result<Measurement, BenchError> {
    let rounds = match effort {
        Effort::Repetitions(steps) => {
            let rounds = steps.clamp(1, ROUNDS);
            Rounds { rounds, steps: steps.div_ceil(rounds) }
        }
        Effort::Budget(budget) => {
            let step = measure(Rounds { rounds: 1, steps: 1 })?.median;
            let steps = budget.as_secs_f64() / (ROUNDS as f64 * step);
            Rounds { rounds: ROUNDS, steps: (steps as usize).clamp(1, STEPS) }
        }
    };
    let found = measure(rounds)?;
    Ok(Measurement { repetitions: rounds.rounds * rounds.steps, ..found })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use marlo::bench::Work;

    use super::*;

    #[test]
    fn steps_are_as_many_as_asked_for_or_fill_the_time() {
        let counts = |effort| {
            let last = Cell::new((0, 0));
            let measure = |rounds: Rounds| {
                last.set((rounds.rounds, rounds.steps));
                Ok(Measurement::of("x", Work::default(), vec![0.01; rounds.rounds]))
            };
            (timed(effort, measure).expect("nothing fails").repetitions, last.get())
        };
        assert_eq!(counts(Effort::Repetitions(1)), (1, (1, 1)));
        assert_eq!(counts(Effort::Repetitions(12)), (15, (5, 3)));
        assert_eq!(counts(Effort::Budget(Duration::from_secs(2))), (200, (5, 40)));
        assert_eq!(counts(Effort::Budget(Duration::from_millis(1))), (5, (5, 1)));
        assert_eq!(counts(Effort::Budget(Duration::from_secs(100_000))), (50_000, (5, STEPS)));
    }
}
