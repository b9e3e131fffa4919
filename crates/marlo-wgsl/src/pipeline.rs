//! A shader with its pipelines on a device.

use marlo_ir::graph::Axis;
use marlo_ir::schedule::RowProgram;

use crate::emit::{Form, Pass, Shader, emit_with};
use crate::gpu::{Gpu, GpuError};

/// A shader with its pipelines.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) shader: Shader,
    pub(crate) layout: wgpu::BindGroupLayout,
    pub(crate) pipelines: Vec<wgpu::ComputePipeline>,
}

impl Compiled {
    pub(crate) fn new(gpu: &Gpu, program: &RowProgram, form: Form) -> Result<Self, GpuError> {
        let shader = emit_with(program, form);
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
    let [read, write] = [true, false].map(|read_only| Storage { read_only });
    let mut kinds = if shader.form.in_place {
        vec![Uniform, write, read, write]
    } else {
        vec![Uniform, read, read, write, write]
    };
    if !shader.kept.is_empty() || !shader.batch.is_empty() {
        kinds.extend([write; 2]);
    }
    kinds.extend((shader.partials > 0).then_some(write));
    let vectors = program.graph().inputs.iter().filter(|input| input.axis != Axis::Matrix);
    kinds.extend(vectors.map(|_| read));
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
