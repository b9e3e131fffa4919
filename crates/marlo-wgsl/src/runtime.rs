//! A loss compiled for a device.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use marlo_ir::eval::Batch;
use marlo_ir::graph::Axis;
use marlo_ir::schedule::RowProgram;

use crate::emit::{Form, Over, Shader, WORKGROUP, emit_with};
use crate::gpu::{Gpu, GpuError, count};
use crate::outcome::{Cells, Outcome};
use crate::pipeline::{Compiled, few_buffers};
use crate::resident::{Arrays, Extent, Resident};

/// The most loop iterations an invocation may make: software drivers of the llvmpipe family silently end all loops of
/// an invocation after 65,535 in total.
pub(crate) const MOST_ITERATIONS: usize = 60_000;

/// The most workgroups in one dimension of a dispatch.
pub(crate) const MOST_GROUPS: usize = 65_535;

/// The most workgroups that share a row.
const MOST_PARTS: usize = 256;

/// The most invocations of a workgroup. More, and a processor has room for one workgroup only, which waits at each barrier.
const MOST_INVOCATIONS: usize = 512;

/// A workgroup grows as long as each invocation has so many classes.
const LEAST_CLASSES: usize = 32;

/// A loss, compiled for a device: each [form](Form) once, when a batch first needs it.
///
/// [`bind`](Self::bind) ties it to arrays that are on the device already, to be worked on step after step;
/// [`run`](Self::run) takes a batch of the host there and its loss and gradient back.
#[derive(Debug)]
pub struct Kernel<'g> {
    gpu: &'g Gpu,
    program: Arc<RowProgram>,
    shader: Shader,
    /// The forms that batches needed so far.
    forms: Mutex<HashMap<Form, Arc<Compiled>>>,
}

impl<'g> Kernel<'g> {
    /// Writes the shader of a program. Which form of it is compiled, the sizes of a batch decide.
    ///
    /// # Errors
    /// When the shader has more storage buffers than the device allows in a stage.
    pub fn new(gpu: &'g Gpu, program: &RowProgram) -> Result<Self, GpuError> {
        let ahead = gpu.invocations() > WORKGROUP as usize;
        let form = Form { subgroups: gpu.has_subgroups(), ahead, ..Form::default() };
        let shader = emit_with(program, form);
        few_buffers(gpu, program, &shader)?;
        Ok(Kernel { gpu, program: Arc::new(program.clone()), shader, forms: Mutex::default() })
    }

    /// The shader that works a row through in one workgroup.
    pub fn shader(&self) -> &Shader {
        &self.shader
    }

    /// Can the gradient overwrite the matrix? See [`Form::allows_in_place`].
    pub fn allows_in_place(&self) -> bool {
        Form::allows_in_place(&self.program)
    }

    /// Binds the kernel to arrays of B = `rows` and C = `classes` on the device. Hyperparameters come with each
    /// [step](Resident::step).
    ///
    /// # Errors
    /// When there is no row or no class, the device refuses the shader, an array is too small or not a storage buffer, is
    /// larger than what the device can bind, the gradient can't overwrite the matrix as asked, or a batch of that size is
    /// more than the device can work through.
    pub fn bind(&self, rows: usize, classes: usize, arrays: Arrays) -> Result<Resident<'g>, GpuError> {
        let in_place = arrays.gradients.is_none();
        if in_place && !self.allows_in_place() {
            return Err(GpuError::Argument {
                what: format!("the loss `{}`", self.program.loss.name),
                found: "no buffer for its gradient".into(),
                wanted: "one that is not the matrix".into(),
            });
        }
        not_empty(rows, classes)?;
        if rows > MOST_GROUPS {
            return Err(GpuError::TooLarge {
                what: format!("a batch of {rows} rows"),
                limit: format!("{MOST_GROUPS} rows"),
            });
        }
        let (compiled, extent) = self.plan(rows, classes, rows, in_place)?;
        Resident::new(self.gpu, &self.program, &compiled, extent, arrays)
    }

    /// Takes a batch to the device and binds the kernel to it, with a buffer of its own for the gradient.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn place(&self, batch: &Batch<f32>) -> Result<Resident<'g>, GpuError> {
        self.check(batch)?;
        let arrays = self.upload(self.shader(), batch, batch.rows)?;
        let resident = self.bind(batch.rows, batch.classes, arrays)?;
        self.load(&resident, batch, 0..batch.rows);
        Ok(resident)
    }

    /// Runs the loss on a batch of any size within the device's memory: rows are worked through in chunks that fit a
    /// binding and a dispatch. Hyperparameters are those of the batch; nothing is compiled anew for other ones.
    ///
    /// # Errors
    /// When the batch is empty or its arrays are not of its sizes, a hyperparameter is not finite, the device refuses the
    /// shader, a row does not fit it, memory runs out, or it is lost.
    pub fn run(&self, batch: &Batch<f32>) -> Result<Outcome, GpuError> {
        self.check(batch)?;
        let chunk = self.rows_in_a_chunk(batch)?;
        let (compiled, extent) = self.plan(batch.rows, batch.classes, chunk, false)?;
        let arrays = self.upload(&compiled.shader, batch, chunk)?;
        let mut resident = Resident::new(self.gpu, &self.program, &compiled, extent, arrays)?;
        if chunk == batch.rows {
            self.load(&resident, batch, 0..batch.rows);
            resident.step(&batch.params)?;
            return resident.outcome();
        }
        resident.set(&batch.params)?;
        self.in_chunks(&resident, batch)
    }

    /// Works the rows through chunk by chunk: together those passes that read the matrix with none between them, for they
    /// look at nothing beyond their row.
    fn in_chunks(&self, resident: &Resident<'_>, batch: &Batch<f32>) -> Result<Outcome, GpuError> {
        let chunk = resident.extent.chunk;
        let mut cells = Cells::none(&self.program, batch.rows, batch.classes);
        let passes = &resident.shader().passes;
        let mut number = 0;
        for run in passes.chunk_by(|a, b| a.reads_matrix && b.reads_matrix) {
            let numbers = number..number + run.len();
            number = numbers.end;
            if run[0].over == Over::Batch {
                self.submit(resident, numbers, (0, 1))?;
                continue;
            }
            for start in (0..batch.rows).step_by(chunk) {
                let rows = chunk.min(batch.rows - start);
                if run[0].reads_matrix {
                    self.load(resident, batch, start..start + rows);
                }
                self.submit(resident, numbers.clone(), (start, rows))?;
                if run.iter().any(|pass| pass.writes_gradient) {
                    resident.collect(rows, &mut cells)?;
                }
            }
        }
        resident.outcome_with(cells)
    }

    fn submit(
        &self,
        resident: &Resident<'_>,
        numbers: Range<usize>,
        (first, rows): (usize, usize),
    ) -> Result<(), GpuError> {
        resident.start_at(first);
        self.gpu.submit("a dispatch", |encoder| {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            numbers.for_each(|number| resident.dispatch(&mut pass, number, rows));
        })
    }

    /// Do a batch's arrays have its sizes, and are its labels classes? A [`Batch`] that was changed by hand may not.
    fn check(&self, batch: &Batch<f32>) -> Result<(), GpuError> {
        not_empty(batch.rows, batch.classes)?;
        let cells = batch.rows.checked_mul(batch.classes);
        let argument = |what: String, found: usize, wanted: String| {
            Err(GpuError::Argument { what, found: found.to_string(), wanted })
        };
        let inputs = &self.program.graph().inputs;
        if batch.labels.len() != batch.rows {
            return argument("the array of labels".into(), batch.labels.len(), batch.rows.to_string());
        }
        if batch.vectors.len() + 1 != inputs.len() {
            let wanted = (inputs.len() - 1).to_string();
            return argument("the list of further inputs".into(), batch.vectors.len(), wanted);
        }
        for (input, values) in inputs.iter().zip([&batch.matrix].into_iter().chain(&batch.vectors)) {
            let (wanted, in_words) = match input.axis {
                Axis::Matrix => (cells, format!("{} × {}", batch.rows, batch.classes)),
                Axis::Rows => (Some(batch.rows), batch.rows.to_string()),
                Axis::Classes => (Some(batch.classes), batch.classes.to_string()),
            };
            if wanted != Some(values.len()) {
                return argument(format!("the input `{}`", input.name), values.len(), in_words);
            }
        }
        match batch.labels.iter().position(|&label| label >= batch.classes) {
            None => Ok(()),
            Some(index) => Err(GpuError::Input {
                what: "the label".into(),
                index,
                value: batch.labels[index] as f64,
                wanted: format!("the {} classes are numbered from 0 to {}", batch.classes, batch.classes - 1),
            }),
        }
    }

    /// Writes the rows of each matrix, one matrix after another.
    fn load(&self, resident: &Resident<'_>, batch: &Batch<f32>, rows: Range<usize>) {
        let inputs = &self.program.graph().inputs[1..];
        let further = inputs.iter().zip(&batch.vectors).filter(|(input, _)| input.axis == Axis::Matrix);
        let matrices = [&batch.matrix].into_iter().chain(further.map(|(_, matrix)| matrix));
        for (number, matrix) in matrices.enumerate() {
            let cells = &matrix[rows.start * batch.classes..rows.end * batch.classes];
            let place = 4 * (number * resident.extent.chunk * batch.classes) as u64;
            self.gpu.queue.write_buffer(&resident.arrays().matrix, place, bytemuck::cast_slice(cells));
        }
    }

    /// The form for a batch of that size, and how its rows are shared out. It does not depend on the chunks that a batch
    /// is cut into, so that on a given device and driver neither do the bits of the result.
    fn plan(
        &self,
        rows: usize,
        classes: usize,
        chunk: usize,
        in_place: bool,
    ) -> Result<(Arc<Compiled>, Extent), GpuError> {
        // Of what a shader addresses at a time.
        count("a matrix", &[chunk, classes])?;
        let workgroup = self.workgroup(classes);
        let iterations = |loops: u32, count: usize| loops as usize * count.div_ceil(workgroup);
        let too_large = || GpuError::TooLarge {
            what: format!("a batch of {rows} rows and {classes} classes"),
            limit: format!("{MOST_ITERATIONS} loop iterations an invocation"),
        };
        // An operation over the batch has a pass of its own, and that one loop over the rows.
        let couples = self.shader().passes.iter().any(|pass| !pass.reads_matrix);
        if couples && iterations(1, rows) > MOST_ITERATIONS {
            return Err(too_large());
        }
        let least = iterations(self.shader().loops, classes).div_ceil(MOST_ITERATIONS);
        let idle = self.gpu.invocations() / (rows * workgroup);
        let wanted = idle.min(2 * classes / (LEAST_CLASSES * workgroup));
        let parts = wanted.max(least).clamp(1, MOST_PARTS);
        let span = classes.div_ceil(parts).next_multiple_of(workgroup);
        let form = Form { workgroup: workgroup as u32, split: parts > 1, in_place, ..self.shader().form };
        let compiled = self.compiled(form)?;
        if iterations(compiled.shader.loops, if parts > 1 { span } else { classes }) > MOST_ITERATIONS {
            return Err(too_large());
        }
        let parts = if parts > 1 { classes.div_ceil(span) } else { 1 };
        Ok((compiled, Extent { rows, classes, chunk, parts, span }))
    }

    /// The invocations of a workgroup. The more work on a row, the fewer rows are worked on at a time, so that a row still
    /// stands in a cache when the next sweep over it comes.
    fn workgroup(&self, classes: usize) -> usize {
        let limits = &self.gpu.limits;
        let most = limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
        workgroup(classes, (most as usize).min(self.gpu.invocations()))
    }

    /// The program in a form.
    fn compiled(&self, form: Form) -> Result<Arc<Compiled>, GpuError> {
        // A thread that panicked has left the table as it was.
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = forms.get(&form) {
            return Ok(Arc::clone(known));
        }
        let compiled = Arc::new(Compiled::new(self.gpu, &self.program, form)?);
        forms.insert(form, Arc::clone(&compiled));
        Ok(compiled)
    }

    fn rows_in_a_chunk(&self, batch: &Batch<f32>) -> Result<usize, GpuError> {
        let limits = &self.gpu.limits;
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let shader = self.shader();
        let arrays = shader.matrices.max(shader.outputs);
        let bytes = count("a row", &[batch.classes, arrays])? as u64 * size_of::<f32>() as u64;
        let rows = (most / bytes) as usize;
        if rows == 0 {
            let times = if arrays == 1 { String::new() } else { format!(" times {arrays}") };
            let what = format!("a row of {} classes{times}", batch.classes);
            return Err(GpuError::TooLarge { what, limit: format!("{most} bytes a binding") });
        }
        Ok(rows.min(batch.rows).min(MOST_GROUPS))
    }

    /// Buffers for a batch; the matrix is [loaded](Self::load) later.
    fn upload(&self, shader: &Shader, batch: &Batch<f32>, chunk: usize) -> Result<Arrays, GpuError> {
        let gpu = self.gpu;
        let labels: Vec<u32> = batch.labels.iter().map(|&l| l as u32).collect();
        let array = |what, arrays| gpu.array(count(what, &[arrays, chunk, batch.classes])?);
        let inputs = &self.program.graph().inputs[1..];
        let vectors = inputs.iter().zip(&batch.vectors).filter(|(input, _)| input.axis != Axis::Matrix);
        Ok(Arrays {
            matrix: array("the matrix", shader.matrices)?,
            labels: gpu.array_of(&labels)?,
            losses: gpu.array(batch.rows)?,
            gradients: Some(array("the gradient", shader.outputs)?),
            vectors: vectors.map(|(_, vector)| gpu.array_of(vector)).collect::<Result<_, _>>()?,
        })
    }
}

/// Is there a row, and a class?
fn not_empty(rows: usize, classes: usize) -> Result<(), GpuError> {
    if rows > 0 && classes > 0 {
        return Ok(());
    }
    let found = format!("{rows} rows and {classes} classes");
    Err(GpuError::Argument { what: "the batch".into(), found, wanted: "at least 1 of each".into() })
}

/// The invocations for so many classes, where a device allows at most so many.
fn workgroup(classes: usize, most: usize) -> usize {
    let mut workgroup = WORKGROUP as usize;
    while 2 * workgroup <= most.min(MOST_INVOCATIONS) && classes >= 2 * workgroup * LEAST_CLASSES {
        workgroup *= 2;
    }
    workgroup
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the crate's page says of the sizes of workgroups.
    #[test]
    fn workgroups_grow_with_the_classes() {
        let found = [1, 4095, 4096, 8192, 10_000, 16_383, 16_384, 10_000_000].map(|c| workgroup(c, 1024));
        assert_eq!(found, [64, 64, 128, 256, 256, 256, 512, 512]);
        assert_eq!([workgroup(10_000_000, 64), workgroup(10_000_000, 256)], [64, 256]);
    }
}
