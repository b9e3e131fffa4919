//! Batch normalisation for dfdx tensors whose shape is known only at run time (Ioffe and Szegedy, 2015).

use dfdx::prelude::*;
use marlo_ir::eval::Scalar;

use crate::fused::{flow_by, tensor_of};
use crate::{DfdxError, Element};

/// Rows, (N, c).
pub type Rows<E, T = NoneTape> = Tensor<(usize, usize), E, Cpu, T>;

/// What is added to a variance.
pub const EPSILON: f64 = 1e-5;

/// Mean and variance of each channel over a batch, (c,). The variance is divided by N, not N − 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// The means.
    pub mean: Vec<f64>,
    /// The variances.
    pub variance: Vec<f64>,
}

impl Statistics {
    /// Those before the first batch: mean 0, variance 1.
    pub fn start(channels: usize) -> Self {
        Statistics { mean: vec![0.0; channels], variance: vec![1.0; channels] }
    }

    /// Of rows of so many channels, summed in f64.
    fn of<E: Element>(rows: &[E], channels: usize) -> Self {
        let count = (rows.len() / channels.max(1)).max(1) as f64;
        let mut mean = vec![0.0; channels];
        for row in rows.chunks(channels.max(1)) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += wide(*x));
        }
        mean.iter_mut().for_each(|mean| *mean /= count);
        let mut variance = vec![0.0; channels];
        for row in rows.chunks(channels.max(1)) {
            for ((variance, mean), x) in variance.iter_mut().zip(&mean).zip(row) {
                *variance += (wide(*x) - mean).powi(2);
            }
        }
        variance.iter_mut().for_each(|variance| *variance /= count);
        Statistics { mean, variance }
    }

    /// Moves a share of the way to those of another batch.
    pub fn follow(&mut self, batch: &Statistics, share: f64) {
        let pairs = [(&mut self.mean, &batch.mean), (&mut self.variance, &batch.variance)];
        for (own, other) in pairs {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += share * (other - *own));
        }
    }

    fn inverse_deviation(&self) -> Vec<f64> {
        self.variance.iter().map(|variance| (variance + EPSILON).sqrt().recip()).collect()
    }
}

/// γ·(x − mean)/deviation + β for rows x, (N, c), with the statistics of the batch itself; these come along. The gradient flows
/// through them, too.
///
/// # Errors
/// When γ or β has another number of channels.
pub fn batch_norm<E: Element, T: Tape<E, Cpu>>(
    x: Rows<E, T>,
    gamma: &Tensor<(usize,), E, Cpu>,
    beta: &Tensor<(usize,), E, Cpu>,
) -> Result<(Rows<E, T>, Statistics), DfdxError> {
    let (x, mut tape) = x.try_contiguous()?.split_tape();
    let (rows, channels) = *x.shape();
    let values = values(&x);
    let statistics = Statistics::of(&values, channels);
    let scale = statistics.inverse_deviation();
    let normal: Vec<E> = each(&values, channels, |x, c| (x - statistics.mean[c]) * scale[c]);
    let output = scaled(&x, &normal, gamma, beta)?;
    if T::OWNS_TAPE {
        let gammas = gamma.as_vec();
        let count = rows.max(1) as f64;
        let by_x = normal.clone();
        flow_by(&mut tape, &output, &x, move |above, below| {
            let (shift, along) = sums(above, &by_x, channels);
            for ((below, above), normal) in
                below.chunks_mut(channels).zip(above.chunks(channels)).zip(by_x.chunks(channels))
            {
                for c in 0..channels {
                    let rest = wide(above[c]) - shift[c] / count - wide(normal[c]) * along[c] / count;
                    below[c] += narrow(wide(gammas[c]) * scale[c] * rest);
                }
            }
        });
        flow_by(&mut tape, &output, gamma, move |above, below| {
            let (_, along) = sums(above, &normal, channels);
            below.iter_mut().zip(along).for_each(|(below, along)| *below += narrow(along));
        });
        flow_by(&mut tape, &output, beta, move |above, below| {
            let (shift, _) = sums(above, above, channels);
            below.iter_mut().zip(shift).for_each(|(below, shift)| *below += narrow(shift));
        });
    }
    Ok((output.put_tape(tape), statistics))
}

/// The same with given statistics, for one image or many: outside of training, without a tape.
///
/// # Errors
/// When γ, β or the statistics have another number of channels.
pub fn normalise<E: Element>(
    x: Rows<E>,
    gamma: &Tensor<(usize,), E, Cpu>,
    beta: &Tensor<(usize,), E, Cpu>,
    statistics: &Statistics,
) -> Result<Rows<E>, DfdxError> {
    let x = x.try_contiguous()?;
    let channels = x.shape().1;
    same("mean", statistics.mean.len(), channels)?;
    let scale = statistics.inverse_deviation();
    let normal: Vec<E> = each(&values(&x), channels, |x, c| (x - statistics.mean[c]) * scale[c]);
    scaled(&x, &normal, gamma, beta)
}

fn wide<E: Element>(x: E) -> f64 {
    Scalar::to_f64(x)
}

fn narrow<E: Element>(x: f64) -> E {
    Scalar::from_f64(x)
}

fn values<S: Shape, E: Element>(tensor: &Tensor<S, E, Cpu>) -> Vec<E> {
    let mut values = vec![<E as Default>::default(); tensor.shape().num_elements()];
    tensor.copy_into(&mut values);
    values
}

fn each<E: Element>(rows: &[E], channels: usize, of: impl Fn(f64, usize) -> f64) -> Vec<E> {
    rows.chunks(channels.max(1))
        .flat_map(|row| row.iter().enumerate().map(|(c, x)| narrow(of(wide(*x), c))))
        .collect()
}

/// γ·n + β
fn scaled<E: Element>(
    like: &Rows<E>,
    normal: &[E],
    gamma: &Tensor<(usize,), E, Cpu>,
    beta: &Tensor<(usize,), E, Cpu>,
) -> Result<Rows<E>, DfdxError> {
    let channels = like.shape().1;
    same("gamma", gamma.shape().0, channels)?;
    same("beta", beta.shape().0, channels)?;
    let (gammas, betas) = (gamma.as_vec(), beta.as_vec());
    let output = normal.chunks(channels).flat_map(|row| {
        row.iter().zip(&gammas).zip(&betas).map(|((normal, gamma), beta)| *gamma * *normal + *beta)
    });
    tensor_of(like.device(), &output.collect::<Vec<E>>(), *like.shape())
}

fn same(name: &str, found: usize, wanted: usize) -> Result<(), DfdxError> {
    match found == wanted {
        true => Ok(()),
        false => Err(DfdxError::Length { name: name.into(), wanted, found }),
    }
}

/// Σ above and Σ above·normal of each channel.
fn sums<E: Element>(above: &[E], normal: &[E], channels: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut shift, mut along) = (vec![0.0; channels], vec![0.0; channels]);
    for (above, normal) in above.chunks(channels).zip(normal.chunks(channels)) {
        for c in 0..channels {
            let d = wide(above[c]);
            shift[c] += d;
            along[c] += d * wide(normal[c]);
        }
    }
    (shift, along)
}
