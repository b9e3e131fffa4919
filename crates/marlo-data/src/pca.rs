//! Principal components: the directions in which rows of numbers differ most.
//!
//! In: a matrix with one sample a row. Out: its mean, the directions, and the variance along each.
//! Where there are fewer samples than numbers in each (the usual case for images), the components come
//! from the n × n matrix of products between samples, else from the d × d covariance: the same
//! result, from the smaller of the two. The same input gives the same output, signs included: in each
//! direction the entry of the largest size is positive.

use nalgebra::{DMatrix, DVector};

use crate::eigen::{fix_signs, leading};

/// A direction with less than this share of the first one's variance is rounding noise.
const NOISE: f64 = 1e-12;

/// Principal components of a set of samples.
#[derive(Clone, Debug)]
pub struct Pca {
    /// The mean sample (length d).
    pub mean: DVector<f64>,
    /// The directions as columns of length 1, by falling variance (d × k).
    pub directions: DMatrix<f64>,
    /// The variance along each direction, with n − 1 as the divisor.
    pub variances: Vec<f64>,
}

/// Why there are no principal components.
#[derive(Debug, thiserror::Error)]
pub enum PcaError {
    /// Fewer than two samples, or samples without numbers.
    #[error(
        "{samples} sample(s) of {numbers} number(s) have no principal components; give two samples or more"
    )]
    TooFew {
        /// The number of samples.
        samples: usize,
        /// The length of each.
        numbers: usize,
    },
    /// More directions than the samples can have, or none.
    #[error("{asked} directions asked for; give 1 to {most} (the samples less one, or the length of one)")]
    Directions {
        /// The number asked for.
        asked: usize,
        /// The most there can be.
        most: usize,
    },
    /// NaN or an infinite number.
    #[error("sample {sample} holds {value} at place {place}; remove it or repair it")]
    NotFinite {
        /// The sample, counted from 0.
        sample: usize,
        /// The place in it, counted from 0.
        place: usize,
        /// The number there.
        value: f64,
    },
    /// Rows of another length than those of the fit.
    #[error("rows of {found} numbers given, {expected} expected; give rows like those of the fit")]
    Length {
        /// The numbers in a row.
        found: usize,
        /// The numbers that fit.
        expected: usize,
    },
    /// All samples are the same.
    #[error("all {samples} samples are the same, so no direction tells them apart; give others")]
    AllEqual {
        /// The number of samples.
        samples: usize,
    },
}

impl Pca {
    /// The first `directions` principal components of `samples` (n × d, one sample a row).
    ///
    /// Samples that differ in fewer directions give fewer: `variances.len()` tells how many.
    ///
    /// # Errors
    /// [`PcaError`]: fewer than two samples, more directions than n − 1 or d, a number that is not
    /// finite, or samples that are all the same.
    pub fn fit(samples: &DMatrix<f64>, directions: usize) -> Result<Self, PcaError> {
        let (n, d) = samples.shape();
        if n < 2 || d == 0 {
            return Err(PcaError::TooFew { samples: n, numbers: d });
        }
        let most = (n - 1).min(d);
        if !(1..=most).contains(&directions) {
            return Err(PcaError::Directions { asked: directions, most });
        }
        if let Some(at) = samples.iter().position(|value| !value.is_finite()) {
            let (sample, place) = (at % n, at / n);
            return Err(PcaError::NotFinite { sample, place, value: samples[(sample, place)] });
        }

        let mean = samples.row_mean().transpose();
        let centred = centre(samples, &mean);
        let divisor = (n - 1) as f64;
        let (values, vectors) = if n < d {
            let (values, vectors) = leading(&(&centred * centred.transpose()), directions);
            (values, centred.transpose() * vectors)
        } else {
            leading(&(centred.transpose() * &centred), directions)
        };

        // Rounding in the mean leaves a trace of variance even where all samples are the same.
        let floor = (NOISE * values[0]).max(divisor * d as f64 * (1e-14 * mean.amax()).powi(2));
        let rank = values.iter().take_while(|&&value| value > floor).count();
        if rank == 0 {
            return Err(PcaError::AllEqual { samples: n });
        }
        let mut directions = vectors.columns(0, rank).into_owned();
        for mut column in directions.column_iter_mut() {
            column.normalize_mut();
        }
        fix_signs(&mut directions);
        let variances = values[..rank].iter().map(|value| value / divisor).collect();
        Ok(Self { mean, directions, variances })
    }

    /// Coordinates of `samples` (m × d) along the directions (m × k).
    ///
    /// # Errors
    /// [`PcaError::Length`] where a sample has another length than those of the fit.
    pub fn project(&self, samples: &DMatrix<f64>) -> Result<DMatrix<f64>, PcaError> {
        check_length(samples.ncols(), self.mean.len())?;
        Ok(centre(samples, &self.mean) * &self.directions)
    }

    /// The samples (m × d) that the coordinates (m × k) stand for.
    ///
    /// # Errors
    /// [`PcaError::Length`] where the coordinates are not as many as the directions.
    pub fn reconstruct(&self, coordinates: &DMatrix<f64>) -> Result<DMatrix<f64>, PcaError> {
        check_length(coordinates.ncols(), self.directions.ncols())?;
        Ok(centre(&(coordinates * self.directions.transpose()), &-&self.mean))
    }
}

fn check_length(found: usize, expected: usize) -> Result<(), PcaError> {
    if found == expected { Ok(()) } else { Err(PcaError::Length { found, expected }) }
}

/// The samples less the mean, which is as long as each.
fn centre(samples: &DMatrix<f64>, mean: &DVector<f64>) -> DMatrix<f64> {
    let mut centred = samples.clone();
    for (mut column, &mean) in centred.column_iter_mut().zip(mean.iter()) {
        column.add_scalar_mut(-mean);
    }
    centred
}
