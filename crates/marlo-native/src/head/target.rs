//! The label's term, in f64: its cosine from the vectors themselves, and its gradient through the unit tangent.

use marlo_ir::eval::{Scalar, apply};
use marlo_ir::op::Op;

use crate::math::Real;

/// Two vectors of a label's term.
#[derive(Copy, Clone, Debug)]
pub(super) struct Pair<'a, F> {
    pub(super) x: &'a [F],
    pub(super) w: &'a [F],
    /// 1/‖x‖, or 0.
    pub(super) x_inverse: f64,
    /// 1/‖w‖, or 0.
    pub(super) w_inverse: f64,
}

/// Σ aᵢ·bᵢ in f64.
pub(super) fn wide_dot<F: Real>(a: &[F], b: &[F]) -> f64 {
    let mut lanes = [0.0; 16];
    for (a, b) in a.chunks(16).zip(b.chunks(16)) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a.to_f64() * b.to_f64();
        }
    }
    lanes.iter().sum()
}

/// 1/‖v‖ in f64, and 0 for a vector that is too short or too long to have a direction in its precision: where the inverse is
/// no number of it, there are no digits left that could tell one.
pub(super) fn wide_inverse_norm<F: Real>(v: &[F]) -> f64 {
    let inverse = 1.0 / wide_dot(v, v).sqrt();
    if F::rounded(inverse).to_f64().is_finite() { inverse } else { 0.0 }
}

impl<F: Real> Pair<'_, F> {
    /// The cosine.
    pub(super) fn cosine(&self) -> f64 {
        (wide_dot(self.x, self.w) * self.x_inverse * self.w_inverse).clamp(-1.0, 1.0)
    }

    /// Adds the gradients of a term with derivative `by_cosine`: −∂L/∂θ along the unit tangents, (ŵ − cos·x̂)/sin θ over ‖x‖
    /// and (x̂ − cos·ŵ)/sin θ over ‖w‖.
    ///
    /// ∂L/∂θ = −sin θ·∂L/∂cos is taken with the sin θ of the rounded cosine, which is the one that the derivative was
    /// divided by, and the tangents with their own length: near the poles the two differ, and each cancels with its own.
    pub(super) fn add(&self, by_cosine: f64, cosine: f64, dx: &mut [F], dw: &mut [F]) {
        let unit = |v: &[F], inverse: f64| v.iter().map(|v| v.to_f64() * inverse).collect::<Vec<f64>>();
        let (x, w) = (unit(self.x, self.x_inverse), unit(self.w, self.w_inverse));
        let by_angle = by_cosine / apply::<f64>(Op::Csc, &[cosine], f64::RESOLUTION);
        for (to, other, inverse, out) in [(&w, &x, self.x_inverse, dx), (&x, &w, self.w_inverse, dw)] {
            let tangent: Vec<f64> = to.iter().zip(other).map(|(to, other)| to - cosine * other).collect();
            let length = tangent.iter().map(|t| t * t).sum::<f64>().sqrt();
            if length > 0.0 {
                let by = by_angle * inverse / length;
                out.iter_mut().zip(&tangent).for_each(|(out, t)| *out = F::rounded(out.to_f64() + by * t));
            }
        }
    }

    /// The same where the vectors are not normalised: the derivative is by their product.
    pub(super) fn add_plain(&self, by_product: f64, dx: &mut [F], dw: &mut [F]) {
        for at in 0..self.x.len() {
            dx[at] = F::rounded(dx[at].to_f64() + by_product * self.w[at].to_f64());
            dw[at] = F::rounded(dw[at].to_f64() + by_product * self.x[at].to_f64());
        }
    }
}
