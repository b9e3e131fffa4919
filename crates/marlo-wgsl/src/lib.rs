//! WGSL emission, validation, translation, and the wgpu runtime.
