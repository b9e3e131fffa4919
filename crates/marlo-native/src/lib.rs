//! Fused CPU kernels from any loss, and the head that turns embeddings into loss and gradients.
pub mod math;
