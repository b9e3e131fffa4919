//! A device, and what can go wrong with it.

use marlo_ir::graph::Input;

use crate::emit::WORKGROUP;

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
    /// An argument that does not fit.
    #[error("{what} has {found}, but {wanted} is needed")]
    Argument {
        /// Which one.
        what: String,
        /// What it has.
        found: String,
        /// What it must have.
        wanted: String,
    },
    /// A step is asked for before its hyperparameters are there.
    #[error(
        "no hyperparameters are set: call `set` before `encode`, with an empty list for a loss that has none"
    )]
    NotSet,
    /// A number that is no valid input.
    #[error("{what} is {value} at index {index}, but {wanted}")]
    Input {
        /// The array or list.
        what: String,
        /// Its index there.
        index: usize,
        /// The number.
        value: f64,
        /// What it must be, in words.
        wanted: String,
    },
    /// The product of an embedding with a class vector is no finite number.
    #[error(
        "the {what} of row {row} and class {class} is not finite: the embedding or the class vector holds NaN or an \
         infinity, or is too long for f32; `GpuHead::check` says which numbers are not finite"
    )]
    Product {
        /// Cosine or logit.
        what: &'static str,
        /// The row.
        row: usize,
        /// The class.
        class: usize,
    },
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

/// How many numbers an array of these sizes has. Shaders count them in 32 bits.
pub(crate) fn count(what: &str, sizes: &[usize]) -> Result<usize, GpuError> {
    let product = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
    product.filter(|count| u32::try_from(*count).is_ok()).ok_or_else(|| {
        let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
        GpuError::TooLarge {
            what: format!("{what} of {} numbers", sizes.join(" × ")),
            limit: format!("{} numbers an array", u32::MAX),
        }
    })
}

/// A number of a shader: f32, u32 or i32.
pub trait Number: bytemuck::Pod + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl sealed::Sealed for $number {}
        impl Number for $number {}
    )*};
}
numbers!(f32 u32 i32);

/// The bytes of a number.
const BYTES: u64 = 4;

/// The limits to ask an adapter for: WebGPU's own (less where the adapter has less), but all that it has of what batches of
/// any size and losses with many inputs need.
fn limits(adapter: &wgpu::Limits) -> wgpu::Limits {
    wgpu::Limits {
        max_buffer_size: adapter.max_buffer_size,
        max_storage_buffer_binding_size: adapter.max_storage_buffer_binding_size,
        max_storage_buffers_per_shader_stage: adapter.max_storage_buffers_per_shader_stage,
        max_compute_workgroups_per_dimension: adapter.max_compute_workgroups_per_dimension,
        max_compute_invocations_per_workgroup: adapter.max_compute_invocations_per_workgroup,
        max_compute_workgroup_size_x: adapter.max_compute_workgroup_size_x,
        ..wgpu::Limits::defaults().or_worse_values_from(adapter)
    }
}

/// A device.
#[derive(Debug)]
pub struct Gpu {
    adapter: String,
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) limits: wgpu::Limits,
    subgroups: bool,
    invocations: usize,
}

/// So many invocations keep a GPU's memory busy: half of what a large one runs at a time (132 processors of 2048).
const BUSY: usize = 131_072;

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
        let request = wgpu::DeviceDescriptor {
            required_features: adapter.features() & wgpu::Features::SUBGROUP,
            required_limits: limits(&adapter.limits()),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&request))
            .map_err(|error| GpuError::NoDevice { adapter: name, reason: error.to_string() })?;
        Ok(Gpu::of_device(&adapter.get_info(), device, queue))
    }

    /// Takes a device that is open already, so that buffers can be shared with whoever opened it. Subgroup operations are
    /// used if it was opened with [`wgpu::Features::SUBGROUP`].
    pub fn of_device(adapter: &wgpu::AdapterInfo, device: wgpu::Device, queue: wgpu::Queue) -> Gpu {
        let software = adapter.device_type == wgpu::DeviceType::Cpu;
        Gpu {
            adapter: adapter.name.clone(),
            limits: device.limits(),
            subgroups: device.features().contains(wgpu::Features::SUBGROUP),
            invocations: if software { WORKGROUP as usize } else { BUSY },
            device,
            queue,
        }
    }

    /// The device, to make buffers on.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue that steps are submitted to.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Does the device have subgroup operations, and are they used?
    pub fn has_subgroups(&self) -> bool {
        self.subgroups
    }

    /// Uses plain workgroup reductions even where there are subgroup operations.
    #[must_use]
    pub fn without_subgroups(mut self) -> Gpu {
        self.subgroups = false;
        self
    }

    /// How many invocations keep the device busy. Where a batch has fewer, workgroups grow and long rows are shared out. On
    /// a software device those of one workgroup: it works on one after another.
    pub fn invocations(&self) -> usize {
        self.invocations
    }

    /// Another number of invocations that keep the device busy.
    #[must_use]
    pub fn with_invocations(mut self, invocations: usize) -> Gpu {
        self.invocations = invocations.max(1);
        self
    }

    /// Waits until everything that was submitted is done.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn wait(&self) -> Result<(), GpuError> {
        match self.device.poll(wgpu::PollType::wait_indefinitely()) {
            Ok(_) => Ok(()),
            Err(error) => Err(GpuError::Lost(error.to_string())),
        }
    }

    /// A storage buffer that can be copied from and to, for an array of so many numbers of 4 bytes.
    ///
    /// # Errors
    /// When it is larger than the device allows, or memory runs out.
    pub fn array(&self, numbers: usize) -> Result<wgpu::Buffer, GpuError> {
        self.buffer(BYTES * count("an array", &[numbers])? as u64, wgpu::BufferUsages::STORAGE)
    }

    /// A storage buffer with these numbers.
    ///
    /// # Errors
    /// As [`array`](Self::array).
    pub fn array_of<T: Number>(&self, numbers: &[T]) -> Result<wgpu::Buffer, GpuError> {
        self.filled(bytemuck::cast_slice(numbers), wgpu::BufferUsages::STORAGE)
    }

    /// Reads numbers back and looks for one that is not finite.
    pub(crate) fn all_finite(
        &self,
        what: &str,
        buffer: &wgpu::Buffer,
        numbers: usize,
    ) -> Result<(), GpuError> {
        let values = self.read::<f32>(buffer, numbers)?;
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(index) => Err(GpuError::Input {
                what: what.to_owned(),
                index,
                value: values[index].into(),
                wanted: "every input must be finite".into(),
            }),
        }
    }

    /// Reads the values of a further input back and looks for one that is not finite or beyond its range.
    pub(crate) fn in_range(
        &self,
        input: &Input,
        buffer: &wgpu::Buffer,
        numbers: usize,
    ) -> Result<(), GpuError> {
        let what = format!("the input `{}`", input.name);
        self.all_finite(&what, buffer, numbers)?;
        let values = self.read::<f32>(buffer, numbers)?;
        // An f32 may stand an ulp outside of a bound that it can't hold.
        let slack = |bound: f64| bound.abs() * 1e-6;
        let (low, high) = (input.low - slack(input.low), input.high + slack(input.high));
        match values.iter().position(|&value| !(low..=high).contains(&f64::from(value))) {
            None => Ok(()),
            Some(index) => Err(GpuError::Input {
                what,
                index,
                value: values[index].into(),
                wanted: format!("its range is {} to {}", input.low, input.high),
            }),
        }
    }

    /// Reads labels back and looks for one that is no class.
    pub(crate) fn all_classes(
        &self,
        labels: &wgpu::Buffer,
        rows: usize,
        classes: usize,
    ) -> Result<(), GpuError> {
        let labels = self.read::<u32>(labels, rows)?;
        match labels.iter().position(|&label| label as usize >= classes) {
            None => Ok(()),
            Some(index) => Err(GpuError::Input {
                what: "the label".into(),
                index,
                value: labels[index].into(),
                wanted: format!("the {classes} classes are numbered from 0 to {}", classes - 1),
            }),
        }
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
    pub(crate) fn checked<T>(&self, what: &'static str, f: impl FnOnce() -> T) -> Result<T, GpuError> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let value = f();
        let error = [pollster::block_on(validation.pop()), pollster::block_on(memory.pop())];
        match error.into_iter().flatten().next() {
            Some(error) => Err(GpuError::Refused { what, reason: error.to_string() }),
            None => Ok(value),
        }
    }

    /// Records commands and submits them.
    pub(crate) fn submit(
        &self,
        what: &'static str,
        record: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<(), GpuError> {
        self.checked(what, || {
            let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            record(&mut encoder);
            self.queue.submit([encoder.finish()]);
        })
    }

    pub(crate) fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, GpuError> {
        let size = bytes.max(16).next_multiple_of(16);
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

    pub(crate) fn filled(&self, words: &[u8], usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, GpuError> {
        let buffer = self.buffer(words.len() as u64, usage)?;
        self.queue.write_buffer(&buffer, 0, words);
        Ok(buffer)
    }

    /// Reads the first numbers of a buffer back, waiting for what was submitted before. The buffer must be one that can be
    /// copied from.
    ///
    /// # Errors
    /// When there are not so many, memory runs out or the device is lost.
    pub fn read<T: Number>(&self, buffer: &wgpu::Buffer, numbers: usize) -> Result<Vec<T>, GpuError> {
        let bytes = BYTES * count("an array", &[numbers])? as u64;
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let staging = self.checked("a buffer to read back", || {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: bytes,
                usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
                mapped_at_creation: false,
            })
        })?;
        self.submit("to read a buffer back", |encoder| {
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
        })?;
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            // Nobody listens only where the poll below has failed already.
            let _ = sender.send(result);
        });
        self.wait()?;
        match receiver.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(GpuError::Lost(error.to_string())),
            Err(error) => return Err(GpuError::Lost(error.to_string())),
        }
        let view = staging.slice(..).get_mapped_range().map_err(|error| GpuError::Lost(error.to_string()))?;
        Ok(view.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect())
    }
}
