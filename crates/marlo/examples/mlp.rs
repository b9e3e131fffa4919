//! A plain network with a head for a number of classes that is known only at run time, trained with momentum.
//!
//! ```text
//! cargo run --release -p marlo --example mlp
//! ```

use dfdx::optim::{Momentum, Sgd, SgdConfig};
use dfdx::prelude::*;
use marlo::data::ImageSet;
use marlo::data::loader::normalise;
use marlo::data::split::{self, OnOverlap};
use marlo::dfdx::{MarginHead, RuntimeSgd};

type Network = (Linear<576, 128>, ReLU, Linear<128, 32>);

/// Trains with twelve typefaces of each of the kanji that ship, and tells apart those in the other four.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let split = split::closed_set(&marlo::data::glyphs::sample()?, 4, 0, OnOverlap::Refuse)?;
    let device = Cpu::seed_from_u64(0);
    let tensor = |images: &ImageSet| {
        let pixels: Vec<f32> = images.pixels().iter().map(|&grey| normalise(grey)).collect();
        device.tensor_from_vec(pixels, (images.len(), Const::<576>))
    };
    let labels: Vec<usize> = split.train.labels().iter().map(|&label| label as usize).collect();
    let (train, test) = (tensor(&split.train), tensor(&split.test));

    let loss = marlo::specs::compile("sv_am").map_err(|_| "it ships")?.loss;
    let classes = split.train.class_names().len();
    let mut head: MarginHead<usize, Const<32>, f32> =
        MarginHead::new(&loss, &[("s".into(), 16.0), ("m".into(), 0.2)], (classes, Const), 0)?;
    let mut network = device.build_module::<Network, f32>();
    let config = SgdConfig { lr: 0.01, momentum: Some(Momentum::Classic(0.9)), ..SgdConfig::default() };
    let (mut sgd, mut head_sgd) = (Sgd::new(&network, config), RuntimeSgd::new(config));
    for _ in 0..200 {
        let value = head.apply(network.forward(train.leaky_trace()), &labels)?;
        let mut gradients = value.backward();
        sgd.update(&mut network, &gradients)?;
        head_sgd.update(&mut head.weight, &mut gradients)?;
        head.progress_mut().advance();
    }

    // The class whose vector has the largest cosine.
    let (embeddings, vectors) = (network.forward(test).as_vec(), head.weight.as_vec());
    let cosine = |x: &[f32], w: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(x, w) / dot(w, w).sqrt()
    };
    let nearest = |x: &[f32]| {
        let cosines = vectors.chunks(32).map(|w| cosine(x, w)).enumerate();
        cosines.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(class, _)| class as i64)
    };
    let right =
        embeddings.chunks(32).zip(split.test.labels()).filter(|(x, label)| nearest(x) == Some(**label));
    let share = right.count() as f64 / split.test.len() as f64;
    println!("{:.0} % of the held-out images are told apart", 100.0 * share);
    assert!(share > 0.3);
    Ok(())
}
