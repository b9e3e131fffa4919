//! Heads of native kernels.

use marlo::bench::head::{HeadCase, buffers};
use marlo::bench::inputs::Embeddings;
use marlo::bench::limits;
use marlo_native::head::Builder;
use marlo_native::isa::Instructions;

use super::{Bench, CliError, Ours, say};

impl Bench<'_> {
    /// Heads in the fast mode, and where wanted in the low-memory mode and with gradient filtering.
    pub(super) fn head(&self) -> Result<(), CliError> {
        let (rows, classes, width) = self.head_size();
        let others = self.others()?;
        let embeddings = Embeddings::draw(rows, classes, width, self.args.seed, self.args.targets());
        if let Some(others) = &others {
            others.folder.put("embeddings", &[rows, width], &embeddings.embeddings)?;
            others.folder.put("weights", &[classes, width], &embeddings.weights)?;
            others.folder.put_labels(&embeddings.labels)?;
        }
        let mut cases = Vec::new();
        for loss in &self.losses {
            let case = |change: &dyn Fn(Builder<f32>) -> Builder<f32>| {
                HeadCase::new(loss, &embeddings, self.args.seed, change)
            };
            cases.push((loss.name.clone(), case(&|builder| builder)?));
            if self.args.low_memory {
                cases.push((format!("{}, low memory", loss.name), case(&Builder::low_memory)?));
            }
            if let Some(error) = self.args.filter {
                let name = format!("{}, filter {error}", loss.name);
                cases.push((name, case(&|builder| builder.filter(error))?));
            }
        }
        self.machine()?;
        let mut memory = Vec::new();
        for (_, case) in &mut cases {
            memory.push(case.memory()?);
        }
        let buffers = buffers(&embeddings);
        let mut ours: Vec<Ours> = Vec::new();
        for (name, case) in &mut cases {
            let value = case.step(&buffers)?;
            if case.filtered.tiles > 0 {
                let (left_out, error) = (case.filtered, case.filtered.error);
                say(&format!(
                    "{name}: {} of {} tiles left out, error at most {error:.2e}",
                    left_out.tiles, left_out.of
                ));
            }
            ours.push(Ours { loss: case.name.clone(), line: name.clone(), work: case.work(), value });
        }
        let flops = ours[0].work.flops;
        let mut contenders = vec![limits::multiply_adds(Instructions::detect(), flops)];
        contenders.extend(
            cases
                .iter_mut()
                .zip(&memory)
                .map(|((name, case), memory)| case.contender(name.clone(), &buffers).with_memory(*memory)),
        );
        self.measure(&[rows, classes, width], 1, &mut contenders, &ours, others.as_ref())
    }

    /// B, C and D.
    pub(super) fn head_size(&self) -> (usize, usize, usize) {
        match self.args.size {
            Some(size) => (size.rows, size.classes, size.width.unwrap_or(512)),
            None => (128, 86_876, 512),
        }
    }
}
