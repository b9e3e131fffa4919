//! The other logits vary with the class.
use marlo_ir::typed::{self, kinds};

fn main() {
    typed::define("wrong", |l| {
        let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
        typed::ce(typed::softmax(s * l.cos_target(), s * l.cos_target()))
    });
}
