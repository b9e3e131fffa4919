//! Loops over vectors of the length of an embedding, and over the cells of a block.

use super::target::wide_inverse_norm;
use crate::isa::{Instructions, Job};
use crate::math::{Isa, Real};

/// Lanes that sums run in.
const LANES: usize = 64;

/// Defines loops that are compiled for each set of instructions.
macro_rules! compiled {
    ($(#[$doc:meta])* fn $name:ident<$f:ident, $i:ident>($($arg:ident: $type:ty),*) -> $out:ty $body:block) => {
        $(#[$doc])*
        pub(super) fn $name<$f: Real>(instructions: Instructions, $($arg: $type),*) -> $out {
            struct Loop<T>(T);

            impl<$f: Real> Job for Loop<($($type,)*)> {
                type Output = $out;

                #[inline(always)]
                fn run<$i: Isa>(self) -> $out {
                    let ($($arg,)*) = self.0;
                    $body
                }
            }

            instructions.run(Loop(($($arg,)*)))
        }
    };
}

compiled! {
    /// Σ aᵢ·bᵢ, for vectors of equal length.
    fn dot<F, I>(a: &[F], b: &[F]) -> f64 {
        let mut lanes = [F::default(); LANES];
        let (a_chunks, a_rest) = a.as_chunks::<LANES>();
        let (b_chunks, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a_chunks.iter().zip(b_chunks) {
            for lane in 0..LANES {
                lanes[lane] = a[lane].mul_add::<I>(b[lane], lanes[lane]);
            }
        }
        let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a.to_f64() * b.to_f64());
        lanes.iter().map(|lane| lane.to_f64()).sum::<f64>() + rest.sum::<f64>()
    }
}

compiled! {
    /// to = from·by
    fn scaled<F, I>(from: &[F], by: F, to: &mut [F]) -> () {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from * by;
        }
    }
}

compiled! {
    /// v += by·w
    fn add_scaled<F, I>(v: &mut [F], by: F, w: &[F]) -> () {
        for (v, w) in v.iter_mut().zip(w) {
            *v = by.mul_add::<I>(*w, *v);
        }
    }
}

/// The side of the squares that a block is turned in.
const SIDE: usize = 16;

compiled! {
    /// Products (n, B) become cosines (B, n): each by the inverse of its class's norm, and no rounding past ±`most`.
    fn by_rows<F, I>(products: &[F], inverse: &[F], most: F, cosines: &mut [F]) -> () {
        let classes = inverse.len();
        let rows = products.len() / classes.max(1);
        let whole = (rows / SIDE * SIDE, classes / SIDE * SIDE);
        for class in (0..whole.1).step_by(SIDE) {
            for row in (0..whole.0).step_by(SIDE) {
                let mut square = [[F::default(); SIDE]; SIDE];
                for (at, line) in square.iter_mut().enumerate() {
                    let by = inverse[class + at];
                    let from = &products[(class + at) * rows + row..][..SIDE];
                    for lane in 0..SIDE {
                        line[lane] = Real::max(Real::min(from[lane] * by, most), -most);
                    }
                }
                for lane in 0..SIDE {
                    let to = &mut cosines[(row + lane) * classes + class..][..SIDE];
                    for at in 0..SIDE {
                        to[at] = square[at][lane];
                    }
                }
            }
        }
        for class in 0..classes {
            let from = if class < whole.1 { whole.0 } else { 0 };
            for row in from..rows {
                let product = products[class * rows + row] * inverse[class];
                cosines[row * classes + class] = Real::max(Real::min(product, most), -most);
            }
        }
    }
}

compiled! {
    /// The derivatives of a row's cells, kept·factor + offset, each by the inverse of its class's norm. Gives the sum of
    /// their absolute values before that.
    fn gradient<F, I>(kept: &[F], inverse: &[F], factor: F, offset: F, to: &mut [F]) -> f64 {
        let mut lanes = [F::default(); LANES];
        let mut sum = 0.0;
        for ((to, kept), inverse) in to.chunks_mut(LANES).zip(kept.chunks(LANES)).zip(inverse.chunks(LANES)) {
            if let (Some(to), Some(kept), Some(inverse)) =
                (to.as_mut_array::<LANES>(), kept.as_array::<LANES>(), inverse.as_array::<LANES>())
            {
                for lane in 0..LANES {
                    let derivative = kept[lane].mul_add::<I>(factor, offset);
                    lanes[lane] = lanes[lane] + Real::abs(derivative);
                    to[lane] = derivative * inverse[lane];
                }
            } else {
                for ((to, kept), inverse) in to.iter_mut().zip(kept).zip(inverse) {
                    let derivative = kept.mul_add::<I>(factor, offset);
                    sum += Real::abs(derivative).to_f64();
                    *to = derivative * *inverse;
                }
            }
        }
        sum + lanes.iter().map(|lane| lane.to_f64()).sum::<f64>()
    }
}

/// 1/‖v‖, and 0 for a vector that is too short or too long to have a direction in this precision.
pub(super) fn inverse_norm<F: Real>(instructions: Instructions, v: &[F]) -> f64 {
    let square = dot(instructions, v, v);
    match (1e-30..1e30).contains(&square) {
        true => 1.0 / square.sqrt(),
        // The squares may have lost digits, or all of them.
        false => wide_inverse_norm(v),
    }
}
