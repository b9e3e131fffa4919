//! Runs shaders through wgpu.

use marlo_ir::eval::Batch;
use marlo_ir::graph::{Axis, Id};
use marlo_ir::schedule::RowProgram;

use crate::emit::{Pass, Shader, WORKGROUP, emit_with};

/// The most loop iterations an invocation may make: software drivers of the llvmpipe family silently end all loops of
/// an invocation after 65,535 in total.
const MOST_ITERATIONS: usize = 60_000;

/// The most workgroups in one dispatch.
const MOST_GROUPS: usize = 65_535;

/// Why the GPU gave no result.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// No adapter of that name.
    #[error("no GPU adapter has `{wanted}` in its name; there {}", listed(.known))]
    NoSuchAdapter {
        /// The name asked for.
        wanted: String,
        /// The names of those that are there.
        known: Vec<String>,
    },
    /// No adapter, not even a software one.
    #[error(
        "no GPU adapter was found: {reason}. Install a Vulkan driver; without a GPU, on Debian or Ubuntu, \
         `apt-get install libvulkan1 mesa-vulkan-drivers` brings a software one"
    )]
    NoAdapter {
        /// What wgpu says.
        reason: String,
    },
    /// The adapter gives no device.
    #[error("the adapter `{adapter}` gives no device: {reason}")]
    NoDevice {
        /// The adapter.
        adapter: String,
        /// What wgpu says.
        reason: String,
    },
    /// wgpu refuses a shader, a buffer or a command.
    #[error("the GPU refuses {what}: {reason}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// What wgpu says.
        reason: String,
    },
    /// The device was lost or did not finish.
    #[error("the GPU device was lost or did not finish: {0}; run again, or use another backend")]
    Lost(String),
    /// More than the device can hold or work through.
    #[error("{what} exceeds what the adapter can do ({limit}); use another backend")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The limit.
        limit: String,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "is none at all".into() } else { format!("are: {}", names.join(", ")) }
}

/// A device.
#[derive(Debug)]
pub struct Gpu {
    adapter: String,
    device: wgpu::Device,
    queue: wgpu::Queue,
    limits: wgpu::Limits,
}

impl Gpu {
    /// Opens a device: the adapter whose name holds `wanted` (in any case), else that of the variable
    /// `WGPU_ADAPTER_NAME`, else the default one.
    ///
    /// # Errors
    /// When there is no such adapter, or it gives no device.
    pub fn new(wanted: Option<&str>) -> Result<Gpu, GpuError> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        descriptor.flags.remove(wgpu::InstanceFlags::VALIDATION);
        let instance = wgpu::Instance::new(descriptor);
        let from_env = std::env::var("WGPU_ADAPTER_NAME").ok().filter(|name| !name.is_empty());
        let adapter = match wanted.map(str::to_owned).or(from_env) {
            Some(name) => {
                let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
                let known: Vec<String> = adapters.iter().map(|a| a.get_info().name).collect();
                let lower = name.to_lowercase();
                let found = adapters.into_iter().find(|a| a.get_info().name.to_lowercase().contains(&lower));
                found.ok_or(GpuError::NoSuchAdapter { wanted: name, known })?
            }
            None => pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))
                .map_err(|error| GpuError::NoAdapter { reason: error.to_string() })?,
        };
        let name = adapter.get_info().name;
        let limits = adapter.limits();
        let request = wgpu::DeviceDescriptor { required_limits: limits.clone(), ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.request_device(&request))
            .map_err(|error| GpuError::NoDevice { adapter: name.clone(), reason: error.to_string() })?;
        Ok(Gpu { adapter: name, device, queue, limits })
    }

    /// The adapter's name.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }

    /// Pretends that a binding can hold no more than so many bytes, so that rows are worked through in chunks.
    #[must_use]
    pub fn with_binding_limit(mut self, bytes: u64) -> Gpu {
        self.limits.max_storage_buffer_binding_size = bytes.min(self.limits.max_storage_buffer_binding_size);
        self
    }

    /// Does something that wgpu may refuse, and returns the refusal as an error.
    fn checked<T>(&self, what: &'static str, f: impl FnOnce() -> T) -> Result<T, GpuError> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let value = f();
        let error = [pollster::block_on(validation.pop()), pollster::block_on(memory.pop())];
        match error.into_iter().flatten().next() {
            Some(error) => Err(GpuError::Refused { what, reason: error.to_string() }),
            None => Ok(value),
        }
    }

    fn buffer(&self, bytes: usize, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, GpuError> {
        let size = (bytes as u64).max(16).next_multiple_of(16);
        if size > self.limits.max_buffer_size {
            let what = format!("a buffer of {size} bytes");
            return Err(GpuError::TooLarge { what, limit: format!("{} bytes", self.limits.max_buffer_size) });
        }
        let usage = usage | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        self.checked("a buffer", || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage,
                mapped_at_creation: false,
            })
        })
    }

    fn filled(&self, words: &[u8], usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, GpuError> {
        let buffer = self.buffer(words.len(), usage)?;
        self.queue.write_buffer(&buffer, 0, words);
        Ok(buffer)
    }

    fn read(&self, buffer: &wgpu::Buffer, values: usize) -> Result<Vec<f32>, GpuError> {
        let bytes = (values * 4) as u64;
        let staging = self.checked("a buffer to read back", || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: bytes.max(16),
                usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
                mapped_at_creation: false,
            })
        })?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
        self.queue.submit([encoder.finish()]);
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.slice(0..bytes).map_async(wgpu::MapMode::Read, move |result| {
            // Nobody listens only where the poll below has failed already.
            let _ = sender.send(result);
        });
        self.device
            .poll(wgpu::PollType::wait_indefinitely())
            .map_err(|error| GpuError::Lost(error.to_string()))?;
        match receiver.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(GpuError::Lost(error.to_string())),
            Err(error) => return Err(GpuError::Lost(error.to_string())),
        }
        let view =
            staging.slice(0..bytes).get_mapped_range().map_err(|error| GpuError::Lost(error.to_string()))?;
        Ok(bytemuck::pod_collect_to_vec(&view[..]))
    }
}

/// Loss and gradient of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Each sample's own loss, (B,).
    pub loss: Vec<f32>,
    /// The loss of the batch, summed up in f64.
    pub mean_loss: f64,
    /// ∂(loss of the batch)/∂(matrix), (B, C), row by row.
    pub gradient: Vec<f32>,
}

/// A loss, compiled for a device.
#[derive(Debug)]
pub struct Kernel<'g> {
    gpu: &'g Gpu,
    program: RowProgram,
    compiled: Compiled,
}

/// A shader with its pipelines.
#[derive(Debug)]
struct Compiled {
    shader: Shader,
    layout: wgpu::BindGroupLayout,
    pipelines: Vec<wgpu::ComputePipeline>,
}

/// The buffers of one run, in the order of the bindings.
struct Buffers {
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
        let mut gradient = Vec::with_capacity(batch.matrix.len());
        let mut loaded = None;
        for (pass, pipeline) in compiled.shader.passes.iter().zip(&compiled.pipelines) {
            if pass.once {
                self.dispatch(compiled, pipeline, &buffers, batch, 0, 1)?;
                continue;
            }
            for &start in &starts {
                let rows = chunk.min(batch.rows - start);
                if pass.reads_matrix && loaded != Some(start) {
                    let cells = &batch.matrix[start * batch.classes..(start + rows) * batch.classes];
                    self.gpu.queue.write_buffer(&buffers.matrix, 0, bytemuck::cast_slice(cells));
                    loaded = Some(start);
                }
                self.dispatch(compiled, pipeline, &buffers, batch, start, rows)?;
                if pass.writes_gradient {
                    gradient.extend(self.gpu.read(&buffers.gradients, rows * batch.classes)?);
                }
            }
        }
        let loss = self.gpu.read(&buffers.losses, batch.rows)?;
        let mean_loss = self.total(compiled, &buffers, batch, &loss)?;
        Ok(Outcome { loss, mean_loss, gradient })
    }

    /// The loss of the batch, in f64, from what the rows left behind.
    fn total(
        &self,
        compiled: &Compiled,
        buffers: &Buffers,
        batch: &Batch<f32>,
        loss: &[f32],
    ) -> Result<f64, GpuError> {
        let kept = match buffers.between.first() {
            Some(buffer) => self.gpu.read(buffer, compiled.shader.kept.len().max(1) * batch.rows)?,
            None => Vec::new(),
        };
        let widen = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let mut stored: Vec<(Id, Vec<f64>)> = vec![(self.program.gradient.loss.row, widen(loss))];
        for (slot, &id) in compiled.shader.kept.iter().enumerate() {
            stored.push((id, widen(&kept[slot * batch.rows..(slot + 1) * batch.rows])));
        }
        let row = |id: Id| stored.iter().find(|s| s.0 == id).map(|s| s.1.as_slice());
        Ok(self.program.end_values(&batch.params, (batch.rows, batch.classes), &row)[0])
    }

    /// More invocations a row where the classes, or the rows of a batch operation, are so many that one would loop too
    /// often.
    fn workgroup_for(&self, batch: &Batch<f32>) -> Result<u32, GpuError> {
        let shader = &self.compiled.shader;
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
        let rows = most as usize / (4 * batch.classes);
        if rows == 0 {
            let what = format!("a row of {} classes", batch.classes);
            return Err(GpuError::TooLarge { what, limit: format!("{most} bytes a binding") });
        }
        Ok(rows.min(batch.rows).min(MOST_GROUPS))
    }

    fn buffers(&self, compiled: &Compiled, batch: &Batch<f32>, chunk: usize) -> Result<Buffers, GpuError> {
        let gpu = self.gpu;
        let storage = wgpu::BufferUsages::STORAGE;
        let labels: Vec<u32> = batch.labels.iter().map(|&l| l as u32).collect();
        let cells = 4 * chunk * batch.classes;
        let shader = &compiled.shader;
        let between = if shader.kept.is_empty() && shader.batch.is_empty() {
            Vec::new()
        } else {
            vec![
                gpu.buffer(4 * shader.kept.len() * batch.rows, storage)?,
                gpu.buffer(4 * shader.batch.len(), storage)?,
            ]
        };
        Ok(Buffers {
            params: gpu.buffer(4 * (3 + self.program.uniforms.len()), wgpu::BufferUsages::UNIFORM)?,
            matrix: gpu.buffer(cells, storage)?,
            labels: gpu.filled(bytemuck::cast_slice(&labels), storage)?,
            losses: gpu.buffer(4 * batch.rows, storage)?,
            gradients: gpu.buffer(cells, storage)?,
            between,
            vectors: batch
                .vectors
                .iter()
                .map(|v| gpu.filled(bytemuck::cast_slice(v), storage))
                .collect::<Result<_, _>>()?,
        })
    }

    fn dispatch(
        &self,
        compiled: &Compiled,
        pipeline: &wgpu::ComputePipeline,
        buffers: &Buffers,
        batch: &Batch<f32>,
        first: usize,
        groups: usize,
    ) -> Result<(), GpuError> {
        let gpu = self.gpu;
        let mut words = vec![batch.rows as u32, batch.classes as u32, first as u32];
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

impl Compiled {
    fn new(gpu: &Gpu, program: &RowProgram, workgroup: u32) -> Result<Self, GpuError> {
        let shader = emit_with(program, workgroup);
        let entries = layout(&shader, program);
        let (layout, pipelines) = gpu.checked("the shader", || {
            let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(&program.gradient.loss.name),
                source: wgpu::ShaderSource::Wgsl(shader.source.as_str().into()),
            });
            let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: None,
                entries: &entries,
            });
            let whole = gpu.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let pipeline = |pass: &Pass| {
                gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: Some(&pass.entry),
                    layout: Some(&whole),
                    module: &module,
                    entry_point: Some(&pass.entry),
                    compilation_options: wgpu::PipelineCompilationOptions::default(),
                    cache: None,
                })
            };
            let pipelines = shader.passes.iter().map(pipeline).collect();
            (layout, pipelines)
        })?;
        Ok(Compiled { shader, layout, pipelines })
    }
}

/// The bindings in the order of the shader's head.
fn layout(shader: &Shader, program: &RowProgram) -> Vec<wgpu::BindGroupLayoutEntry> {
    use wgpu::BufferBindingType::{Storage, Uniform};
    let mut kinds = vec![
        Uniform,
        Storage { read_only: true },
        Storage { read_only: true },
        Storage { read_only: false },
        Storage { read_only: false },
    ];
    if !shader.kept.is_empty() || !shader.batch.is_empty() {
        kinds.extend([Storage { read_only: false }; 2]);
    }
    let vectors = program.graph().inputs.iter().filter(|input| input.axis != Axis::Matrix);
    kinds.extend(vectors.map(|_| Storage { read_only: true }));
    kinds
        .into_iter()
        .zip(0..)
        .map(|(ty, binding)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        })
        .collect()
}
