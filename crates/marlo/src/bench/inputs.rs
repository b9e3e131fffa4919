//! What is measured on: cosines as a trained network has them, drawn from a seed.

use rayon::prelude::*;

/// A batch of cosines and labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Cosines {
    /// The number of rows, B.
    pub rows: usize,
    /// The number of classes, C.
    pub classes: usize,
    /// (B, C): 0.05·N(0, 1), at most 0.99 in size; each row's target from 0.1 to 0.8.
    pub matrix: Vec<f32>,
    /// The class of each row, (B,).
    pub labels: Vec<usize>,
}

impl Cosines {
    /// The same for the same seed, whatever the number of threads.
    pub fn draw(rows: usize, classes: usize, seed: u64) -> Cosines {
        let mut matrix = vec![0.0f32; rows * classes];
        let labels = matrix.par_chunks_mut(classes.max(1)).enumerate().map(|(at, row)| {
            let mut random = Random::of_row(seed, at);
            random.fill(row);
            row.iter_mut().for_each(|x| *x = (0.05 * *x).clamp(-0.99, 0.99));
            let label = (random.uniform() * classes as f64) as usize;
            row[label] = (0.1 + 0.7 * random.uniform()) as f32;
            label
        });
        let labels = labels.collect();
        Cosines { rows, classes, matrix, labels }
    }

    /// The matrix of a further centre: each one's cosines are nine tenths of those before.
    pub fn of_centre(&self, centre: usize) -> Vec<f32> {
        let factor = 0.9f32.powi(centre as i32);
        self.matrix.par_iter().map(|cosine| cosine * factor).collect()
    }
}

/// Cosines of samples to their class while a model learns.
pub const LEARNING: (f64, f64) = (0.1, 0.8);
/// The same once it has learnt: angles of 18° to 41°.
pub const TRAINED: (f64, f64) = (0.75, 0.95);

/// A batch of embeddings, the class vectors, and labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// (B, D): of length 20, with a cosine as wanted to the vector of their class.
    pub embeddings: Vec<f32>,
    /// (C, D): 0.05·N(0, 1).
    pub weights: Vec<f32>,
    /// The class of each row, (B,).
    pub labels: Vec<usize>,
}

impl Embeddings {
    /// The same for the same seed, whatever the number of threads. `targets` are the ends of the cosines to the own class.
    pub fn draw(rows: usize, classes: usize, width: usize, seed: u64, targets: (f64, f64)) -> Embeddings {
        let weights: Vec<f32> = normals(classes, width, seed).into_iter().map(|x| 0.05 * x).collect();
        let mut embeddings = normals(rows, width, !seed);
        let labels = embeddings.par_chunks_mut(width.max(1)).enumerate().map(|(at, row)| {
            let mut random = Random::of_row(seed ^ 0x5eed, at);
            let label = (random.uniform() * classes as f64) as usize;
            let target = &weights[label * width..][..width];
            let cosine = (targets.0 + (targets.1 - targets.0) * random.uniform()) as f32;
            // What is left of the noise beside the target's direction, so that the cosine is as drawn.
            let (length, along) = (dot(target, target).sqrt(), dot(row, target) / dot(target, target));
            row.iter_mut().zip(target).for_each(|(x, t)| *x -= along * t);
            let (pull, push) = (
                20.0 * cosine / length,
                20.0 * (1.0 - cosine * cosine).sqrt() / dot(row, row).sqrt().max(1e-20),
            );
            row.iter_mut().zip(target).for_each(|(x, t)| *x = push * *x + pull * t);
            label
        });
        let labels = labels.collect();
        Embeddings { embeddings, weights, labels }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Rows of N(0, 1).
fn normals(rows: usize, width: usize, seed: u64) -> Vec<f32> {
    let mut all = vec![0.0; rows * width];
    all.par_chunks_mut(width.max(1)).enumerate().for_each(|(at, row)| Random::of_row(seed, at).fill(row));
    all
}

/// SplitMix64: a counter and a mixer, so that every row starts where it likes.
struct Random(u64);

impl Random {
    fn of_row(seed: u64, row: usize) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9) ^ ((row as u64) << 32))
    }

    /// Numbers of N(0, 1).
    fn fill(&mut self, numbers: &mut [f32]) {
        for pair in numbers.chunks_mut(2) {
            let normals = self.normals().map(|normal| normal as f32);
            pair.copy_from_slice(&normals[..pair.len()]);
        }
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Two of N(0, 1), by Box and Muller.
    fn normals(&mut self) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        [radius * cos, radius * sin]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_as_said() {
        let found = Cosines::draw(16, 1001, 7);
        assert_eq!(found, Cosines::draw(16, 1001, 7));
        assert_ne!(found, Cosines::draw(16, 1001, 8));
        for (row, label) in found.matrix.chunks(1001).zip(&found.labels) {
            assert!((0.1..=0.8).contains(&row[*label]));
        }
        assert!(found.labels.iter().any(|label| *label != found.labels[0]));
        let count = found.matrix.len() as f64;
        let mean = found.matrix.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
        let square = found.matrix.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 0.005 && (square.sqrt() / 0.05 - 1.0).abs() < 0.1, "{mean} {square}");
    }

    #[test]
    fn embeddings_have_their_cosines() {
        let (rows, classes, width) = (6, 40, 64);
        let found = Embeddings::draw(rows, classes, width, 3, LEARNING);
        assert_eq!(found, Embeddings::draw(rows, classes, width, 3, LEARNING));
        for (row, label) in found.embeddings.chunks(width).zip(&found.labels) {
            let target = &found.weights[label * width..][..width];
            let length = dot(row, row).sqrt();
            let cosine = dot(row, target) / (length * dot(target, target).sqrt());
            assert!((length - 20.0).abs() < 1e-3 && (0.0999..0.8001).contains(&cosine), "{length} {cosine}");
        }
    }
}
