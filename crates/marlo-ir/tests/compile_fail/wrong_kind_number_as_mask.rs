//! indicator takes a mask.
use marlo_ir::typed::{self, kinds};

fn main() {
    typed::define("wrong", |l| {
        let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
        let h = typed::indicator(l.cos_other() - l.cos_target(), s);
        typed::ce(typed::softmax_weighted(s * l.cos_target(), s * l.cos_other(), h))
    });
}
