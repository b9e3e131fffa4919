//! Runs shaders through wgpu.

use std::ops::Range;

use marlo_ir::eval::{Batch, interleave};
use marlo_ir::graph::{Axis, Id};
use marlo_ir::loss::Wrt;
use marlo_ir::schedule::RowProgram;

use crate::emit::{Shader, WORKGROUP};
use crate::gpu::{Gpu, GpuError};
use crate::pipeline::Compiled;

/// The most loop iterations an invocation may make: software drivers of the llvmpipe family silently end all loops of
/// an invocation after 65,535 in total.
const MOST_ITERATIONS: usize = 60_000;

/// The most workgroups in one dispatch.
const MOST_GROUPS: usize = 65_535;

/// Loss and gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Each sample's own loss, (B,).
    pub loss: Vec<f32>,
    /// The loss of the batch, summed up in f64.
    pub mean_loss: f64,
    /// ∂(loss of the batch)/∂(matrix), (B, C), row by row; with K centres (B, C, K).
    pub gradient: Vec<f32>,
    /// The further derivatives of the program, but for those by further centres, which belong to the matrix: (B,) by an
    /// input of the samples, (C,) by one of the classes, one number by a hyperparameter. Summed up in f64.
    pub partials: Vec<(Wrt, Vec<f64>)>,
    /// The next value of each state, in the order of [`marlo_ir::loss::Loss::updates`].
    pub states: Vec<f64>,
}

/// A loss, compiled for a device.
#[derive(Debug)]
pub struct Kernel<'g> {
    gpu: &'g Gpu,
    program: RowProgram,
    compiled: Compiled,
}

/// A derivative of each cell, as the chunks give it.
enum Cells {
    /// By a matrix: as it is.
    Matrix(Vec<f32>),
    /// By an input of the classes: the sums over the rows.
    Classes(Vec<f64>),
}

/// The buffers of one run, in the order of the bindings.
struct Buffers {
    /// How many numbers of a matrix or a derivative stand before those of the next one.
    cells: usize,
    params: wgpu::Buffer,
    matrix: wgpu::Buffer,
    labels: wgpu::Buffer,
    losses: wgpu::Buffer,
    gradients: wgpu::Buffer,
    between: Vec<wgpu::Buffer>,
    vectors: Vec<wgpu::Buffer>,
}

impl Buffers {
    fn all(&self) -> Vec<&wgpu::Buffer> {
        let first = [&self.params, &self.matrix, &self.labels, &self.losses, &self.gradients];
        first.into_iter().chain(&self.between).chain(&self.vectors).collect()
    }
}

impl<'g> Kernel<'g> {
    /// Compiles a program.
    ///
    /// # Errors
    /// When the device refuses the shader.
    pub fn new(gpu: &'g Gpu, program: &RowProgram) -> Result<Self, GpuError> {
        let compiled = Compiled::new(gpu, program, WORKGROUP)?;
        Ok(Kernel { gpu, program: program.clone(), compiled })
    }

    /// The shader.
    pub fn shader(&self) -> &Shader {
        &self.compiled.shader
    }

    /// Runs the loss on a batch of any size within the device's memory: rows are worked through in chunks that fit a
    /// binding and a dispatch. Hyperparameters are those of the batch; nothing is compiled anew for other ones.
    ///
    /// # Errors
    /// When a row does not fit the device, memory runs out, or the device is lost.
    pub fn run(&self, batch: &Batch<f32>) -> Result<Outcome, GpuError> {
        let wider;
        let compiled = match self.workgroup_for(batch)? {
            WORKGROUP => &self.compiled,
            more => {
                wider = Compiled::new(self.gpu, &self.program, more)?;
                &wider
            }
        };
        let chunk = self.rows_in_a_chunk(batch)?;
        let buffers = self.buffers(compiled, batch, chunk)?;
        let starts: Vec<usize> = (0..batch.rows).step_by(chunk).collect();
        let mut cells = self.nothing_yet(batch);
        let mut loaded = None;
        for (pass, pipeline) in compiled.shader.passes.iter().zip(&compiled.pipelines) {
            if pass.once {
                self.dispatch(compiled, pipeline, &buffers, batch, (0, 1))?;
                continue;
            }
            for &start in &starts {
                let rows = chunk.min(batch.rows - start);
                if pass.reads_matrix && loaded != Some(start) {
                    self.load(&buffers, batch, start..start + rows);
                    loaded = Some(start);
                }
                self.dispatch(compiled, pipeline, &buffers, batch, (start, rows))?;
                if pass.writes_gradient {
                    self.collect(&buffers, batch.classes, rows, &mut cells)?;
                }
            }
        }
        self.finish(compiled, &buffers, batch, cells)
    }

    /// Writes the rows of each matrix, one matrix after another.
    fn load(&self, buffers: &Buffers, batch: &Batch<f32>, rows: Range<usize>) {
        let inputs = &self.program.graph().inputs[1..];
        let further = inputs.iter().zip(&batch.vectors).filter(|(input, _)| input.axis == Axis::Matrix);
        let matrices = [&batch.matrix].into_iter().chain(further.map(|(_, matrix)| matrix));
        for (number, matrix) in matrices.enumerate() {
            let cells = &matrix[rows.start * batch.classes..rows.end * batch.classes];
            let place = 4 * (number * buffers.cells) as u64;
            self.gpu.queue.write_buffer(&buffers.matrix, place, bytemuck::cast_slice(cells));
        }
    }

    /// The inputs of the derivatives that a sweep writes beside the first, in order.
    fn by_cells(&self) -> impl Iterator<Item = Wrt> {
        let gradient = &self.program.gradient;
        gradient.partials.iter().map(|partial| partial.by).filter(|by| gradient.has_cells(*by))
    }

    /// What an input varies with; `None` for a hyperparameter.
    fn axis(&self, by: Wrt) -> Option<Axis> {
        match by {
            Wrt::Input(at) => Some(self.program.graph().inputs[at as usize].axis),
            Wrt::Param(_) => None,
        }
    }

    fn nothing_yet(&self, batch: &Batch<f32>) -> Vec<Cells> {
        let matrix = || Cells::Matrix(Vec::with_capacity(batch.matrix.len()));
        let further = self.by_cells().map(|by| match self.axis(by) {
            Some(Axis::Matrix) => matrix(),
            _ => Cells::Classes(vec![0.0; batch.classes]),
        });
        [matrix()].into_iter().chain(further).collect()
    }

    /// Reads back the derivatives of each cell of a chunk.
    fn collect(
        &self,
        buffers: &Buffers,
        classes: usize,
        rows: usize,
        cells: &mut [Cells],
    ) -> Result<(), GpuError> {
        let count = (cells.len() - 1) * buffers.cells + rows * classes;
        let values = self.gpu.read(&buffers.gradients, count)?;
        for (number, found) in cells.iter_mut().enumerate() {
            let values = &values[number * buffers.cells..][..rows * classes];
            match found {
                Cells::Matrix(all) => all.extend(values),
                Cells::Classes(sums) => {
                    for (at, value) in values.iter().enumerate() {
                        sums[at % classes] += f64::from(*value);
                    }
                }
            }
        }
        Ok(())
    }

    /// What the host works out in f64 from what the rows left behind: the loss of the batch, derivatives by inputs of the
    /// samples and by hyperparameters, the next values of states.
    fn finish(
        &self,
        compiled: &Compiled,
        buffers: &Buffers,
        batch: &Batch<f32>,
        cells: Vec<Cells>,
    ) -> Result<Outcome, GpuError> {
        let loss = self.gpu.read(&buffers.losses, batch.rows)?;
        let slots = &compiled.shader.kept;
        let kept = match buffers.between.first() {
            Some(buffer) if !slots.is_empty() => self.gpu.read(buffer, slots.len() * batch.rows)?,
            _ => Vec::new(),
        };
        let widen = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let mut stored: Vec<(Id, Vec<f64>)> = vec![(self.program.gradient.loss.row, widen(&loss))];
        stored.extend(slots.iter().zip(kept.chunks(batch.rows)).map(|(&id, values)| (id, widen(values))));
        let row = |id: Id| stored.iter().find(|s| s.0 == id).map(|s| s.1.as_slice());

        let gradient = &self.program.gradient;
        let of_rows = gradient.partials.iter().filter(|partial| !gradient.has_cells(partial.by));
        let mut roots = vec![gradient.loss.total];
        roots.extend(of_rows.map(|partial| partial.target));
        roots.extend(gradient.loss.updates.iter().map(|update| update.next));
        let found = self.program.values_from(&roots, &batch.params, (batch.rows, batch.classes), &row);
        let mut found = found.into_iter();
        let mean_loss = found.next().map_or(f64::NAN, |total| total[0]);
        let (mut slabs, mut sums) = (Vec::new(), Vec::new());
        for cells in cells {
            match cells {
                Cells::Matrix(slab) => slabs.push(slab),
                Cells::Classes(sum) => sums.push(sum),
            }
        }
        let mut sums = sums.into_iter();
        let mut partials = Vec::new();
        for by in gradient.partials.iter().map(|partial| partial.by) {
            let values = match self.axis(by) {
                Some(Axis::Matrix) => continue,
                Some(Axis::Classes) => sums.next(),
                // The same for all samples is given once.
                Some(Axis::Rows) => found.next().map(|values| match values.as_slice() {
                    [one] => vec![*one; batch.rows],
                    _ => values,
                }),
                None => found.next(),
            };
            partials.push((by, values.unwrap_or_default()));
        }
        let states = found.map(|next| next[0]).collect();
        Ok(Outcome { loss, mean_loss, gradient: interleave(slabs), partials, states })
    }

    /// More invocations a row where the classes, or the rows of a batch operation, are so many that one would loop too
    /// often.
    fn workgroup_for(&self, batch: &Batch<f32>) -> Result<u32, GpuError> {
        let shader = &self.compiled.shader;
        // An operation over the batch has a pass of its own, and that one loop over the rows.
        let couples = shader.passes.iter().any(|pass| !pass.reads_matrix);
        let work = (shader.loops as usize * batch.classes).max(if couples { batch.rows } else { 0 });
        let limits = &self.gpu.limits;
        let most = limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
        let mut workgroup = WORKGROUP;
        while work.div_ceil(workgroup as usize) > MOST_ITERATIONS {
            workgroup *= 2;
            if workgroup > most {
                let what = format!("a batch of {} rows and {} classes", batch.rows, batch.classes);
                let limit = format!("{most} invocations a row, each with {MOST_ITERATIONS} loop iterations");
                return Err(GpuError::TooLarge { what, limit });
            }
        }
        Ok(workgroup)
    }

    fn rows_in_a_chunk(&self, batch: &Batch<f32>) -> Result<usize, GpuError> {
        let limits = &self.gpu.limits;
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let shader = &self.compiled.shader;
        let arrays = shader.matrices.max(shader.outputs);
        let rows = most as usize / (4 * batch.classes * arrays);
        if rows == 0 {
            let times = if arrays == 1 { String::new() } else { format!(" times {arrays}") };
            let what = format!("a row of {} classes{times}", batch.classes);
            return Err(GpuError::TooLarge { what, limit: format!("{most} bytes a binding") });
        }
        Ok(rows.min(batch.rows).min(MOST_GROUPS))
    }

    fn buffers(&self, compiled: &Compiled, batch: &Batch<f32>, chunk: usize) -> Result<Buffers, GpuError> {
        let gpu = self.gpu;
        let storage = wgpu::BufferUsages::STORAGE;
        let labels: Vec<u32> = batch.labels.iter().map(|&l| l as u32).collect();
        let cells = chunk * batch.classes;
        let shader = &compiled.shader;
        let inputs = &self.program.graph().inputs[1..];
        let vectors = inputs.iter().zip(&batch.vectors).filter(|(input, _)| input.axis != Axis::Matrix);
        let between = if shader.kept.is_empty() && shader.batch.is_empty() {
            Vec::new()
        } else {
            vec![
                gpu.buffer(4 * shader.kept.len() * batch.rows, storage)?,
                gpu.buffer(4 * shader.batch.len(), storage)?,
            ]
        };
        Ok(Buffers {
            cells,
            params: gpu.buffer(4 * (4 + self.program.uniforms.len()), wgpu::BufferUsages::UNIFORM)?,
            matrix: gpu.buffer(4 * shader.matrices * cells, storage)?,
            labels: gpu.filled(bytemuck::cast_slice(&labels), storage)?,
            losses: gpu.buffer(4 * batch.rows, storage)?,
            gradients: gpu.buffer(4 * shader.outputs * cells, storage)?,
            between,
            vectors: vectors
                .map(|(_, vector)| gpu.filled(bytemuck::cast_slice(vector), storage))
                .collect::<Result<_, _>>()?,
        })
    }

    fn dispatch(
        &self,
        compiled: &Compiled,
        pipeline: &wgpu::ComputePipeline,
        buffers: &Buffers,
        batch: &Batch<f32>,
        (first, groups): (usize, usize),
    ) -> Result<(), GpuError> {
        let gpu = self.gpu;
        let mut words = vec![batch.rows as u32, batch.classes as u32, first as u32];
        let shader = &compiled.shader;
        words.extend((shader.matrices.max(shader.outputs) > 1).then_some(buffers.cells as u32));
        let uniforms = self.program.uniform_values(&batch.params, batch.rows, batch.classes);
        words.extend(uniforms.into_iter().map(|v| (v as f32).to_bits()));
        gpu.queue.write_buffer(&buffers.params, 0, bytemuck::cast_slice(&words));
        gpu.checked("a dispatch", || {
            let entries: Vec<wgpu::BindGroupEntry<'_>> = buffers
                .all()
                .into_iter()
                .zip(0..)
                .map(|(buffer, binding)| wgpu::BindGroupEntry {
                    binding,
                    resource: buffer.as_entire_binding(),
                })
                .collect();
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &compiled.layout,
                entries: &entries,
            });
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &group, &[]);
                pass.dispatch_workgroups(groups as u32, 1, 1);
            }
            gpu.queue.submit([encoder.finish()]);
        })
    }
}
