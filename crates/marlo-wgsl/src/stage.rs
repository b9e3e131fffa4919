//! Kernels written by hand: the ones beside a loss's own.

use crate::gpu::{Gpu, GpuError};

/// An entry point with its buffers and its grid, ready to be recorded.
#[derive(Debug)]
pub(crate) struct Stage {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    grid: [u32; 3],
}

/// Compiles a text.
pub(crate) fn module(gpu: &Gpu, name: &str, text: &str) -> Result<wgpu::ShaderModule, GpuError> {
    gpu.checked("a shader", || {
        gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(text.into()),
        })
    })
}

/// The pipeline of an entry point; its layout has those bindings that the entry point reads.
pub(crate) fn pipeline(
    gpu: &Gpu,
    module: &wgpu::ShaderModule,
    entry: &str,
) -> Result<wgpu::ComputePipeline, GpuError> {
    gpu.checked("a pipeline", || {
        gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(entry),
            layout: None,
            module,
            entry_point: Some(entry),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        })
    })
}

impl Stage {
    /// Binds the numbered buffers: those that the entry point reads, no others.
    pub(crate) fn new(
        gpu: &Gpu,
        pipeline: &wgpu::ComputePipeline,
        buffers: &[(u32, &wgpu::Buffer)],
        grid: [usize; 3],
    ) -> Result<Stage, GpuError> {
        let most = gpu.limits.max_compute_workgroups_per_dimension;
        if grid.iter().any(|&groups| groups > most as usize) {
            return Err(GpuError::TooLarge {
                what: format!("a grid of {grid:?} workgroups"),
                limit: format!("{most} in each direction"),
            });
        }
        let group = gpu.checked("a bind group", || {
            let entries: Vec<wgpu::BindGroupEntry<'_>> = buffers
                .iter()
                .map(|(binding, buffer)| wgpu::BindGroupEntry {
                    binding: *binding,
                    resource: buffer.as_entire_binding(),
                })
                .collect();
            gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.get_bind_group_layout(0),
                entries: &entries,
            })
        })?;
        Ok(Stage { pipeline: pipeline.clone(), group, grid: grid.map(|groups| groups as u32) })
    }

    /// Records it in a pass.
    pub(crate) fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.grid;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

#[cfg(test)]
mod tests {
    use naga::AddressSpace;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    /// WebGPU promises 8 storage buffers in a stage.
    #[test]
    fn every_entry_point_is_content_with_eight_storage_buffers() {
        for text in [
            include_str!("../../../shaders/head/norms.wgsl"),
            include_str!("../../../shaders/head/product.wgsl"),
            include_str!("../../../shaders/head/chain.wgsl"),
            include_str!("../../../shaders/device/copy.wgsl"),
        ] {
            let module = naga::front::wgsl::parse_str(text).expect("it is WGSL");
            let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
            let info = validator.validate(&module).expect("it is valid");
            for (number, entry) in module.entry_points.iter().enumerate() {
                let used = module.global_variables.iter().filter(|(handle, global)| {
                    matches!(global.space, AddressSpace::Storage { .. })
                        && !info.get_entry_point(number)[*handle].is_empty()
                });
                let used = used.count();
                assert!((1..=8).contains(&used), "{} has {used}", entry.name);
            }
        }
    }
}
