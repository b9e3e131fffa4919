//! Losses and heads on a GPU.

use marlo::bench::gpu;
use marlo::bench::inputs::{Cosines, Embeddings};
use marlo::wgsl::Gpu;
use marlo::wgsl::bench::Effort as Rounds;

use super::{Bench, BenchError, CliError, Effort, Workload, say};

impl Bench<'_> {
    /// Steps on buffers that stay on the device, and a copy by the same device in the same run.
    pub(super) fn on_gpu(&self) -> Result<(), CliError> {
        let gpu = Gpu::new(self.args.adapter.as_deref()).map_err(BenchError::Gpu)?;
        say(&format!("adapter: {}", gpu.adapter()));
        let effort = match self.effort() {
            Effort::Repetitions(steps) => Rounds { rounds: 5, steps: steps.div_ceil(5) },
            // A step of a software driver may take a second, one of a GPU far less than a millisecond.
            Effort::Budget(budget) => {
                Rounds { rounds: 5, steps: (budget.as_secs_f64() * 4.0).ceil() as usize }
            }
        };
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
        let copy = gpu::copy(&gpu, (size[0], size[1]), effort)?;
        match size[..] {
            [rows, classes, width] => {
                let embeddings = Embeddings::draw(rows, classes, width, self.args.seed);
                for loss in &self.losses {
                    found.push(gpu::head(&gpu, loss, &embeddings, self.args.seed, effort)?);
                }
            }
            _ => {
                let cosines = Cosines::draw(size[0], size[1], self.args.seed);
                for loss in &self.losses {
                    found.push(gpu::rows(&gpu, loss, &cosines, self.args.seed, effort)?);
                }
            }
        }
        self.tell(&size, &[copy], &found, &[])
    }
}
