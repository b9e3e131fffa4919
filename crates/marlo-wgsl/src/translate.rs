//! Validates a shader and translates it, through naga.

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage, back};

use crate::emit::Shader;

/// What a shader can be compiled to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// WebGPU's language.
    Wgsl,
    /// Vulkan's binary.
    Spirv,
    /// Metal's language.
    Msl,
    /// DirectX's language.
    Hlsl,
    /// OpenGL's language, ES 3.1; a text for each entry point.
    Glsl,
}

/// A compiled shader.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A language that is text.
    Text(String),
    /// SPIR-V.
    Binary(Vec<u8>),
}

/// Why a shader could not be compiled: a defect of marlo, for every program that type-checks compiles.
#[derive(Debug, thiserror::Error)]
pub enum ShaderError {
    /// naga does not accept the text.
    #[error("the generated shader is not valid; please report it with the spec:\n{0}")]
    Invalid(String),
    /// naga can't write it in that language.
    #[error("the generated shader can't be written as {target:?}; please report it with the spec: {message}")]
    Translation {
        /// The language.
        target: Target,
        /// What naga says.
        message: String,
    },
}

/// Validates a shader as plain WebGPU, with subgroup operations if its form has them, and translates it. OpenGL ES has no
/// subgroup operations.
///
/// # Errors
/// When naga refuses it.
pub fn compile(shader: &Shader, target: Target) -> Result<Output, ShaderError> {
    let (module, info) = parsed(&shader.source, shader.form.subgroups)?;
    let failed = |message: String| ShaderError::Translation { target, message };
    Ok(match target {
        Target::Wgsl => Output::Text(shader.source.clone()),
        Target::Spirv => {
            let options = back::spv::Options { lang_version: (1, 3), ..Default::default() };
            let words =
                back::spv::write_vec(&module, &info, &options, None).map_err(|e| failed(e.to_string()))?;
            Output::Binary(words.into_iter().flat_map(u32::to_le_bytes).collect())
        }
        Target::Msl => {
            let options = back::msl::Options { fake_missing_bindings: true, ..Default::default() };
            let written = back::msl::write_string(&module, &info, &options, &Default::default());
            Output::Text(written.map_err(|e| failed(e.to_string()))?.0)
        }
        Target::Hlsl => {
            let mut text = String::new();
            let options = back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
            let pipeline = back::hlsl::PipelineOptions::default();
            let mut writer = back::hlsl::Writer::new(&mut text, &options, &pipeline);
            writer.write(&module, &info, None).map_err(|e| failed(e.to_string()))?;
            Output::Text(text)
        }
        Target::Glsl => Output::Text(glsl(&module, &info).map_err(failed)?),
    })
}

/// Validates a text as plain WebGPU.
///
/// # Errors
/// When naga refuses it.
pub fn validate(source: &str) -> Result<(), ShaderError> {
    parsed(source, false).map(|_| ())
}

fn parsed(source: &str, subgroups: bool) -> Result<(Module, ModuleInfo), ShaderError> {
    let module = naga::front::wgsl::parse_str(source)
        .map_err(|error| ShaderError::Invalid(error.emit_to_string_with_path(source, "shader.wgsl")))?;
    let capabilities = if subgroups { Capabilities::SUBGROUP } else { Capabilities::empty() };
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .map_err(|error| ShaderError::Invalid(error.emit_to_string_with_path(source, "shader.wgsl")))?;
    Ok((module, info))
}

fn glsl(module: &Module, info: &ModuleInfo) -> Result<String, String> {
    let mut out = String::new();
    for entry in &module.entry_points {
        let options = back::glsl::Options {
            version: back::glsl::Version::Embedded { version: 310, is_webgl: false },
            ..Default::default()
        };
        let pipeline = back::glsl::PipelineOptions {
            shader_stage: ShaderStage::Compute,
            entry_point: entry.name.clone(),
            multiview: None,
        };
        let mut text = String::new();
        back::glsl::Writer::new(&mut text, module, info, &options, &pipeline, Default::default())
            .and_then(|mut writer| writer.write())
            .map_err(|error| error.to_string())?;
        out += &format!("// entry point {}\n{text}\n", entry.name);
    }
    Ok(out)
}
