//! A margin on the cosine goes inside the product.
use marlo_ir::typed::{self, kinds};

fn main() {
    typed::define("wrong", |l| {
        let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
        let m = l.param::<kinds::Cosine>("m", 0.35, 0.0..=1.0);
        typed::ce(typed::softmax(s * l.cos_target() - m, s * l.cos_other()))
    });
}
