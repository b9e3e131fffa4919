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
        few_buffers(gpu, program, &shader)?;
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

/// Does a stage of the device take the shader's storage buffers?
pub(crate) fn few_buffers(gpu: &Gpu, program: &RowProgram, shader: &Shader) -> Result<(), GpuError> {
    // All but the uniforms.
    let storage = layout(shader, program).len() - 1;
    let most = gpu.limits.max_storage_buffers_per_shader_stage;
    if storage > most as usize {
        return Err(GpuError::TooLarge {
            what: format!("the shader of `{}` with {storage} storage buffers", program.gradient.loss.name),
            limit: format!("max_storage_buffers_per_shader_stage is {most}"),
        });
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use marlo_ir::schedule::RowProgram;
    use marlo_ir::typed::{self, kinds};

    use super::*;

    #[test]
    fn the_limit_of_storage_buffers_is_named() {
        let Ok(mut gpu) = Gpu::new(None) else { return };
        let loss = typed::define("normface", |l| {
            let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
            typed::ce(typed::softmax(s * l.cos_target(), s * l.cos_other()))
        });
        let program = RowProgram::of(&loss);
        let compiled = |gpu: &Gpu| Compiled::new(gpu, &program, Form::default()).map(|_| ());
        gpu.limits.max_storage_buffers_per_shader_stage = 4;
        compiled(&gpu).expect("matrix, labels, losses, gradient");
        gpu.limits.max_storage_buffers_per_shader_stage = 3;
        let error = compiled(&gpu).expect_err("one too many").to_string();
        assert!(
            error.starts_with(
                "the shader of `normface` with 4 storage buffers exceeds what the adapter can do \
                 (max_storage_buffers_per_shader_stage is 3)"
            ),
            "{error}"
        );
    }
}
