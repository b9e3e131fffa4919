//! softmax takes logits: the scale is missing.
use marlo_ir::typed::{self, kinds};

fn main() {
    typed::define("wrong", |l| {
        let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
        let _ = s;
        typed::ce(typed::softmax(l.cos_target(), l.cos_other()))
    });
}
