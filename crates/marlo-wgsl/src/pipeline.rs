//! A shader with its pipelines on a device.

use marlo_ir::graph::Axis;
use marlo_ir::schedule::RowProgram;

use crate::emit::{Pass, Shader, emit_with};
use crate::gpu::{Gpu, GpuError};

/// A shader with its pipelines.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) shader: Shader,
    pub(crate) layout: wgpu::BindGroupLayout,
    pub(crate) pipelines: Vec<wgpu::ComputePipeline>,
}

impl Compiled {
    pub(crate) fn new(gpu: &Gpu, program: &RowProgram, workgroup: u32) -> Result<Self, GpuError> {
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
