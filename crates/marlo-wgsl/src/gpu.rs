//! A device, and what can go wrong with it.

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
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) limits: wgpu::Limits,
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

    pub(crate) fn buffer(&self, bytes: usize, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, GpuError> {
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

    pub(crate) fn filled(&self, words: &[u8], usage: wgpu::BufferUsages) -> Result<wgpu::Buffer, GpuError> {
        let buffer = self.buffer(words.len(), usage)?;
        self.queue.write_buffer(&buffer, 0, words);
        Ok(buffer)
    }

    pub(crate) fn read(&self, buffer: &wgpu::Buffer, values: usize) -> Result<Vec<f32>, GpuError> {
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
