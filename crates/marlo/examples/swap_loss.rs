//! Another loss in a dfdx model: the last layer and its cross entropy become a head with any loss.
//!
//! ```text
//! cargo run --release -p marlo --example swap_loss
//! ```

use dfdx::optim::{Sgd, SgdConfig};
use dfdx::prelude::*;
use marlo::dfdx::MarginHead;

type Body = (Linear<576, 64>, ReLU, Linear<64, 32>);

/// Trains on the kanji that ship, 64 classes of 24 × 24 pixels; gives the first and the last loss.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let glyphs = marlo::data::glyphs::sample()?;
    let pixels: Vec<f32> = glyphs.pixels().iter().map(|&grey| marlo::data::loader::normalise(grey)).collect();
    let labels: Vec<usize> = glyphs.labels().iter().map(|&label| label as usize).collect();
    let device = Cpu::seed_from_u64(0);
    let images = device.tensor_from_vec(pixels, (labels.len(), Const::<576>));

    // Before: `(Body, Linear<32, 64>)`, and `cross_entropy_with_logits_loss(model.forward(x), one_hot)`.
    let loss = marlo::specs::compile("arcface").map_err(|_| "it ships")?.loss;
    let head: MarginHead<Const<64>, Const<32>, f32> =
        MarginHead::new(&loss, &[("s".into(), 16.0)], (Const, Const), 0)?;
    let mut model = (device.build_module::<Body, f32>(), head);
    let mut sgd = Sgd::new(&model, SgdConfig { lr: 0.05, ..SgdConfig::default() });
    let mut values = Vec::new();
    for _ in 0..30 {
        let embeddings = model.0.forward(images.leaky_trace());
        let value = model.1.try_forward((embeddings, &labels))?;
        values.push(value.array());
        sgd.update(&mut model, &value.backward())?;
        model.1.progress_mut().advance();
    }
    println!("loss {:.2} to {:.2}", values[0], values[29]);
    assert!(values[29] < values[0]);
    Ok(())
}
