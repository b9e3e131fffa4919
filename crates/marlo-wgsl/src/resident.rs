//! A batch that stays on the device: buffers of the caller in, passes in one submission, nothing read back unasked.

use std::sync::Arc;

use marlo_ir::graph::{Axis, Input};
use marlo_ir::schedule::RowProgram;

use crate::emit::{Over, Pass, Shader};
use crate::gpu::{Gpu, GpuError, count};
use crate::outcome::{Cells, Outcome};
use crate::pipeline::Compiled;

/// The arrays of a batch, in storage buffers of the kernel's device ([`Gpu::device`]) that are at least as large as said.
/// A step looks at no number: an input that is not finite, or a label that is no class, gives a wrong result (never an access
/// outside of the buffers). [`Resident::check`] finds them, for whom it is worth the time.
#[derive(Clone, Debug)]
pub struct Arrays {
    /// Cosines or logits, (B, C) f32, row by row; with K centres a class (K, B, C), a matrix for each.
    pub matrix: wgpu::Buffer,
    /// The class of each row, (B,) u32, each below C.
    pub labels: wgpu::Buffer,
    /// Each sample's own loss, (B,) f32; written.
    pub losses: wgpu::Buffer,
    /// The derivatives of each cell, (outputs, B, C) f32, see [`Shader::outputs`]; written. `None`: the gradient overwrites
    /// the matrix.
    pub gradients: Option<wgpu::Buffer>,
    /// The further inputs that are no matrices, in the order of the loss: (B,) f32 or (C,) f32 each.
    pub vectors: Vec<wgpu::Buffer>,
}

/// How much of a batch there is on the device.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Extent {
    /// B.
    pub(crate) rows: usize,
    /// C.
    pub(crate) classes: usize,
    /// The rows of the matrix that are there at a time.
    pub(crate) chunk: usize,
    /// The workgroups that share a row.
    pub(crate) parts: usize,
    /// The classes of each of them.
    pub(crate) span: usize,
}

/// A kernel bound to buffers: [`step`](Self::step) runs the loss on what stands in them.
///
/// A step writes the uniforms if a hyperparameter changed, and submits one command buffer with all passes. No buffer and
/// no bind group is made, and nothing comes back to the host before it is [asked for](Self::outcome).
#[derive(Debug)]
pub struct Resident<'g> {
    gpu: &'g Gpu,
    program: Arc<RowProgram>,
    compiled: Arc<Compiled>,
    pub(crate) extent: Extent,
    arrays: Arrays,
    params: wgpu::Buffer,
    /// `kept` and `batch` of the shader, if it has them, and `partials`.
    between: Vec<wgpu::Buffer>,
    group: wgpu::BindGroup,
    /// The hyperparameters whose uniforms the device has, and the uniforms.
    set: Option<(Vec<f64>, Vec<u32>)>,
}

impl<'g> Resident<'g> {
    pub(crate) fn new(
        gpu: &'g Gpu,
        program: &Arc<RowProgram>,
        compiled: &Arc<Compiled>,
        extent: Extent,
        arrays: Arrays,
    ) -> Result<Self, GpuError> {
        let shader = &compiled.shader;
        check(gpu, program, shader, extent, &arrays)?;
        let mut between = Vec::new();
        if !shader.kept.is_empty() || !shader.batch.is_empty() {
            between.push(gpu.array(count("the values of rows", &[shader.kept.len(), extent.rows])?)?);
            between.push(gpu.array(shader.batch.len())?);
        }
        if shader.partials > 0 {
            let sizes = [shader.partials, extent.rows, extent.parts];
            between.push(gpu.array(count("the values of parts", &sizes)?)?);
        }
        let words = 6 + program.uniforms.len();
        let params = gpu.buffer(size_of::<u32>() as u64 * words as u64, wgpu::BufferUsages::UNIFORM)?;
        let group = gpu.checked("a bind group", || {
            let first = [&params, &arrays.matrix, &arrays.labels, &arrays.losses];
            let all = first.into_iter().chain(&arrays.gradients).chain(&between).chain(&arrays.vectors);
            let entries: Vec<wgpu::BindGroupEntry<'_>> = all
                .zip(0..)
                .map(|(buffer, binding)| wgpu::BindGroupEntry {
                    binding,
                    resource: buffer.as_entire_binding(),
                })
                .collect();
            gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &compiled.layout,
                entries: &entries,
            })
        })?;
        let (program, compiled) = (Arc::clone(program), Arc::clone(compiled));
        Ok(Resident { gpu, program, compiled, extent, arrays, params, between, group, set: None })
    }

    /// The device.
    pub(crate) fn gpu(&self) -> &'g Gpu {
        self.gpu
    }

    /// The shader that it runs.
    pub fn shader(&self) -> &Shader {
        &self.compiled.shader
    }

    /// How many workgroups share a row.
    pub fn parts(&self) -> usize {
        self.extent.parts
    }

    /// The buffers that it is bound to.
    pub fn arrays(&self) -> &Arrays {
        &self.arrays
    }

    /// The row values that passes leave behind, (slots, B) f32; see [`Shader::kept`].
    pub fn kept(&self) -> Option<&wgpu::Buffer> {
        self.between.first().filter(|_| !self.shader().kept.is_empty())
    }

    /// Sets the hyperparameters of the steps that are submitted from now on, in the order of the header. Their ranges are not
    /// looked at.
    ///
    /// # Errors
    /// When there are not as many as the loss has, or one is not finite in f32.
    pub fn set(&mut self, params: &[f64]) -> Result<(), GpuError> {
        if self.set.as_ref().is_some_and(|(known, _)| known == params) {
            return Ok(());
        }
        let known = &self.program.graph().params;
        if params.len() != known.len() {
            return Err(GpuError::Argument {
                what: "the list of hyperparameters".into(),
                found: params.len().to_string(),
                wanted: known.len().to_string(),
            });
        }
        if let Some(index) = params.iter().position(|&value| !(value as f32).is_finite()) {
            return Err(GpuError::Input {
                what: format!("the hyperparameter `{}`", known[index].name),
                index,
                value: params[index],
                wanted: "it must be finite in f32".into(),
            });
        }
        let Extent { rows, classes, .. } = self.extent;
        let uniforms = self.program.uniform_values(params, rows, classes);
        self.set = Some((params.to_vec(), uniforms.into_iter().map(|v| (v as f32).to_bits()).collect()));
        self.start_at(0);
        Ok(())
    }

    /// Writes the uniforms, for passes whose first workgroup works on that row.
    pub(crate) fn start_at(&self, first: usize) {
        let Extent { rows, classes, chunk, parts, span } = self.extent;
        let shader = self.shader();
        let mut words = vec![rows as u32, classes as u32, first as u32];
        words.extend((shader.matrices.max(shader.outputs) > 1).then_some((chunk * classes) as u32));
        if shader.form.split {
            words.extend([parts as u32, span as u32]);
        }
        words.extend(self.set.iter().flat_map(|(_, uniforms)| uniforms));
        self.gpu.queue.write_buffer(&self.params, 0, bytemuck::cast_slice(&words));
    }

    /// Records all passes, to be submitted by the caller together with commands before and after. The hyperparameters are
    /// those that are [set](Self::set) when it is submitted.
    ///
    /// # Errors
    /// When none were set yet.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) -> Result<(), GpuError> {
        self.ready()?;
        self.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        Ok(())
    }

    /// Are the hyperparameters set?
    pub(crate) fn ready(&self) -> Result<(), GpuError> {
        if self.set.is_some() { Ok(()) } else { Err(GpuError::NotSet) }
    }

    pub(crate) fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        for number in 0..self.shader().passes.len() {
            self.dispatch(pass, number, self.extent.rows);
        }
    }

    /// One of the passes over so many rows.
    pub(crate) fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>, number: usize, rows: usize) {
        let Pass { over, .. } = self.shader().passes[number];
        let (x, y) = match over {
            Over::Batch => (1, 1),
            Over::Rows => (rows, 1),
            Over::Parts => (rows, self.extent.parts),
        };
        pass.set_pipeline(&self.compiled.pipelines[number]);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x as u32, y as u32, 1);
    }

    /// Submits a step: all passes, with these hyperparameters. It does not wait; see [`Gpu::wait`].
    ///
    /// # Errors
    /// As [`set`](Self::set), or when the device refuses.
    pub fn step(&mut self, params: &[f64]) -> Result<(), GpuError> {
        self.set(params)?;
        self.gpu.submit("a step", |encoder| {
            self.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        })
    }

    /// Reads the inputs back and checks that they are finite, that labels are classes, and that further inputs are in their
    /// ranges. It is meant for a first step, or for when a loss looks wrong: it takes far longer than a step. Where the
    /// gradient overwrites the matrix, the matrix must have been written since the last step.
    ///
    /// # Errors
    /// When an input is not valid: it says which, and where. Else as [`losses`](Self::losses).
    pub fn check(&self) -> Result<(), GpuError> {
        let Extent { rows, classes, .. } = self.extent;
        let cells = self.shader().matrices * rows * classes;
        self.gpu.all_classes(&self.arrays.labels, rows, classes)?;
        self.gpu.all_finite("the matrix", &self.arrays.matrix, cells)?;
        self.check_vectors(|_| true)
    }

    /// Checks those further inputs that are no matrices and that `wanted` names.
    pub(crate) fn check_vectors(&self, wanted: impl Fn(&Input) -> bool) -> Result<(), GpuError> {
        let Extent { rows, classes, .. } = self.extent;
        for (input, vector) in further(&self.program).zip(&self.arrays.vectors) {
            if wanted(input) {
                let numbers = if input.axis == Axis::Rows { rows } else { classes };
                self.gpu.in_range(input, vector, numbers)?;
            }
        }
        Ok(())
    }

    /// Reads the losses of the last step back, (B,), waiting for it.
    ///
    /// # Errors
    /// When memory runs out or the device is lost.
    pub fn losses(&self) -> Result<Vec<f32>, GpuError> {
        self.gpu.read(&self.arrays.losses, self.extent.rows)
    }

    /// Reads back what the last step made, but for derivatives of each cell, waiting for it: in the outcome the gradient is
    /// empty, and so are derivatives by inputs of the classes.
    ///
    /// # Errors
    /// As [`outcome`](Self::outcome).
    pub fn summary(&self) -> Result<Outcome, GpuError> {
        self.outcome_with(Vec::new())
    }

    /// Reads everything of the last step back, waiting for it: the losses, the gradient, and what the host sums up of the
    /// rest.
    ///
    /// # Errors
    /// When there was no step, memory runs out, or the device is lost.
    pub fn outcome(&self) -> Result<Outcome, GpuError> {
        let Extent { rows, classes, .. } = self.extent;
        let mut cells = Cells::none(&self.program, rows, classes);
        self.collect(rows, &mut cells)?;
        self.outcome_with(cells)
    }

    /// Reads back the derivatives of each cell of the rows that are there.
    pub(crate) fn collect(&self, rows: usize, cells: &mut [Cells]) -> Result<(), GpuError> {
        let Extent { chunk, classes, .. } = self.extent;
        let count = (cells.len() - 1) * chunk * classes + rows * classes;
        let gradients = self.arrays.gradients.as_ref().unwrap_or(&self.arrays.matrix);
        let values: Vec<f32> = self.gpu.read(gradients, count)?;
        for (number, found) in cells.iter_mut().enumerate() {
            found.add(&values[number * chunk * classes..][..rows * classes], classes);
        }
        Ok(())
    }

    /// The outcome with derivatives of each cell that were read back before.
    pub(crate) fn outcome_with(&self, cells: Vec<Cells>) -> Result<Outcome, GpuError> {
        let Some((params, _)) = &self.set else {
            let (what, wanted) = ("the batch".into(), "at least 1".into());
            return Err(GpuError::Argument { what, found: "0 steps behind it".into(), wanted });
        };
        let slots = &self.shader().kept;
        let kept = match self.kept() {
            Some(buffer) => self.gpu.read(buffer, slots.len() * self.extent.rows)?,
            None => Vec::new(),
        };
        let loss = self.losses()?;
        Ok(Outcome::new(&self.program, params, self.extent.classes, loss, (slots, &kept), cells))
    }
}

/// The further inputs that are no matrices.
pub(crate) fn further(program: &RowProgram) -> impl Iterator<Item = &Input> {
    program.graph().inputs[1..].iter().filter(|input| input.axis != Axis::Matrix)
}

/// Are the buffers large enough, and of use to a shader?
fn check(
    gpu: &Gpu,
    program: &RowProgram,
    shader: &Shader,
    extent: Extent,
    arrays: &Arrays,
) -> Result<(), GpuError> {
    let Extent { rows, classes, chunk, .. } = extent;
    let matrices = count("the matrix", &[shader.matrices, chunk, classes])?;
    let outputs = count("the gradient", &[shader.outputs, chunk, classes])?;
    let mut wanted = vec![
        ("the matrix".to_owned(), &arrays.matrix, matrices),
        ("the array of labels".to_owned(), &arrays.labels, rows),
        ("the array of losses".to_owned(), &arrays.losses, rows),
    ];
    wanted.extend(arrays.gradients.iter().map(|buffer| ("the gradient".to_owned(), buffer, outputs)));
    let known = further(program).count();
    if known != arrays.vectors.len() {
        return Err(GpuError::Argument {
            what: "the list of further inputs".into(),
            found: format!("{} buffers", arrays.vectors.len()),
            wanted: known.to_string(),
        });
    }
    wanted.extend(further(program).zip(&arrays.vectors).map(|(input, buffer)| {
        let numbers = if input.axis == Axis::Rows { rows } else { classes };
        (format!("the input `{}`", input.name), buffer, numbers)
    }));
    for (what, buffer, numbers) in wanted {
        fits(gpu, &what, buffer, numbers)?;
    }
    Ok(())
}

/// Can a buffer be bound as a storage array of so many numbers?
pub(crate) fn fits(gpu: &Gpu, what: &str, buffer: &wgpu::Buffer, numbers: usize) -> Result<(), GpuError> {
    let (bytes, most) = (4 * numbers as u64, gpu.limits.max_storage_buffer_binding_size);
    if bytes > most {
        return Err(GpuError::TooLarge {
            what: format!("{what} with {bytes} bytes"),
            limit: format!("{most} bytes a binding"),
        });
    }
    let argument = |found, wanted| Err(GpuError::Argument { what: what.to_owned(), found, wanted });
    if !buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
        return argument(format!("a buffer of usage {:?}", buffer.usage()), "the usage STORAGE".into());
    }
    if buffer.size() < bytes {
        return argument(format!("{} bytes", buffer.size()), bytes.to_string());
    }
    Ok(())
}
