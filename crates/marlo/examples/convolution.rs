//! A convolutional network with a head, as one dfdx model: dfdx's own optimiser trains it, and it is saved and loaded whole.
//!
//! ```text
//! cargo run --release -p marlo --example convolution
//! ```

use dfdx::nn::modules;
use dfdx::optim::{Adam, AdamConfig};
use dfdx::prelude::*;
use marlo::dfdx::MarginHead;
use marlo::dfdx::conv::{Conv, Flatten, Window};

/// 24 × 24 pixels to 12 × 12 × 8, to 6 × 6 × 16, to an embedding of 32.
type Network =
    (Conv<9, 8, f32>, ReLU, Conv<72, 16, f32>, ReLU, Flatten<576>, modules::Linear<576, 32, f32, Cpu>);
type Model = (Network, MarginHead<Const<64>, Const<32>, f32>);

/// Trains on the kanji that ship, in batches.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let glyphs = marlo::data::glyphs::sample()?;
    let loader = marlo::data::loader::Loader::new(std::sync::Arc::new(glyphs), Default::default())?;
    let device = Cpu::seed_from_u64(0);
    let window = Window { side: 3, stride: 2, padding: 1 };
    let linear = device.build_module::<Linear<576, 32>, f32>();
    let network = (Conv::new(&device, window)?, ReLU, Conv::new(&device, window)?, ReLU, Flatten, linear);
    let loss = marlo::specs::compile("cosface").map_err(|_| "it ships")?.loss;
    let head = MarginHead::new(&loss, &[("s".into(), 16.0), ("m".into(), 0.2)], (Const, Const), 0)?;
    let mut model: Model = (network, head);
    let mut adam = Adam::new(&model, AdamConfig { lr: 3e-3, ..AdamConfig::default() });
    let mut values = Vec::new();
    for batch in loader.start_at(0, 0)?.take(48) {
        let batch = batch?;
        let labels: Vec<usize> = batch.labels.iter().map(|&label| label as usize).collect();
        let images = device.tensor_from_vec(batch.pixels, (labels.len(), 24, 24, 1));
        let embeddings = model.0.forward(images.leaky_trace());
        let value = model.1.try_forward((embeddings, &labels))?;
        values.push(value.array());
        adam.update(&mut model, &value.backward())?;
        model.1.progress_mut().advance();
    }
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let (first, last) = (mean(&values[..8]), mean(&values[40..]));
    println!("loss {first:.2} to {last:.2}");
    assert!(last < first);
    // Weights, step and states go into one file.
    let file = std::env::temp_dir().join(format!("marlo-convolution-{}.safetensors", std::process::id()));
    model.save_safetensors(&file)?;
    model.load_safetensors(&file).map_err(|error| format!("{error:?}"))?;
    std::fs::remove_file(file)?;
    Ok(())
}
