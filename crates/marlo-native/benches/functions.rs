//! Elementary functions over numbers that stay in the first-level cache, with every set of instructions of this machine.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use marlo_native::isa::{Instructions, Job};
use marlo_native::math::{Isa, Real};

fn main() {
    divan::main();
}

const COUNT: usize = 2048;

/// A loop over a function, compiled for each set of instructions.
macro_rules! functions {
    ($($name:ident: $low:literal..$high:literal, |$x:ident| $value:expr;)*) => {$(
        mod $name {
            use super::*;

            struct All<'a, F>(&'a [F; COUNT], &'a mut [F; COUNT]);

            impl<F: Real> Job for All<'_, F> {
                type Output = ();

                #[inline(always)]
                fn run<I: Isa>(self) {
                    for at in 0..COUNT {
                        let $x = self.0[at];
                        self.1[at] = $value;
                    }
                }
            }

            #[divan::bench(types = [f32, f64], args = Instructions::available())]
            fn each<F: Real>(bencher: Bencher<'_, '_>, instructions: Instructions) {
                let step = (f64::from($high as f32) - f64::from($low as f32)) / COUNT as f64;
                let from: [F; COUNT] = std::array::from_fn(|at| F::from_f64(f64::from($low as f32) + at as f64 * step));
                let mut to = [F::default(); COUNT];
                bencher.counter(ItemsCount::new(COUNT)).bench_local(|| {
                    instructions.run(All(black_box(&from), black_box(&mut to)));
                });
            }
        }
    )*};
}

functions! {
    exp: -80.0..80.0, |x| x.exp::<I>();
    ln: 0.001..1000.0, |x| x.ln::<I>();
    log1p: -0.9..10.0, |x| x.log1p::<I>();
    expm1: -10.0..10.0, |x| x.expm1::<I>();
    pow: 0.001..1.0, |x| x.pow::<I>(F::from_f64(2.5));
    sin: -3.0..3.0, |x| x.sin::<I>();
    cos: -3.0..3.0, |x| x.cos::<I>();
    tanh: -10.0..10.0, |x| x.tanh::<I>();
    sigmoid: -20.0..20.0, |x| x.sigmoid::<I>();
    softplus: -20.0..20.0, |x| x.softplus::<I>();
    acos: -1.0..1.0, |x| x.acos::<I>();
    cos_angle: -1.0..1.0, |x| F::cos_angle::<I>(F::from_f64(4.0), x);
    sin_ratio: -1.0..1.0, |x| F::sin_ratio::<I>(F::from_f64(4.0), x);
}
