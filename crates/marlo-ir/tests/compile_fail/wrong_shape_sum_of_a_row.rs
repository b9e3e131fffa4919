//! A reduction over the classes needs a value that varies with the class.
use marlo_ir::typed::{self, kinds};

fn main() {
    typed::define("wrong", |l| {
        let s = l.param::<kinds::Scale>("s", 64.0, 1.0..=128.0);
        s * l.cos_target().sum_over_classes()
    });
}
