//! A reduction over the batch takes one value a sample.
use marlo_ir::typed::{self, kinds};

fn main() {
    typed::define("wrong", |l| {
        let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
        (s * l.cos_other()).mean_over_batch()
    });
}
