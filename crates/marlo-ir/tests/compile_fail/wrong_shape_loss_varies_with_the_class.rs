//! A loss is one value a sample, or one for the batch.
use marlo_ir::typed::{self, kinds};

fn main() {
    typed::define("wrong", |l| {
        let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
        s * l.cos_other()
    });
}
