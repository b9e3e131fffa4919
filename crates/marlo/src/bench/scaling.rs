//! How the time grows with the batch and with the classes.

use super::inputs::Cosines;
use super::rows::{Case, buffers};
use super::{BenchError, Contender, Effort, Limits, Measurement, interleave, limits};

/// The most cells of a point: 0.5 GiB a matrix.
pub const MOST_CELLS: usize = 1 << 27;

/// The sizes (B, C) that are measured: 16 to 1024 rows, a thousand to a million classes, while they have not too many cells.
pub fn sizes(most_cells: usize) -> Vec<(usize, usize)> {
    let classes = [1_000, 10_000, 100_000, 1_000_000];
    let all = classes.into_iter().flat_map(|classes| [16, 64, 256, 1024].map(|rows| (rows, classes)));
    all.filter(|(rows, classes)| rows * classes <= most_cells).collect()
}

/// A point of a curve.
#[derive(Clone, Debug)]
pub struct Point {
    /// Rows, B.
    pub rows: usize,
    /// Classes, C.
    pub classes: usize,
    /// How long a step took.
    pub measurement: Measurement,
    /// The machine's limits at this size.
    pub limits: Limits,
}

impl Point {
    /// Seconds a cell, by the median.
    pub fn seconds_per_cell(&self) -> f64 {
        self.measurement.median / self.measurement.work.cells as f64
    }
}

/// Measures losses, each with the name of its line, on cosines, on the threads of the current rayon pool.
///
/// # Errors
/// When a loss fails.
pub fn measure(
    cases: &mut [(String, Case<'_>)],
    cosines: &Cosines,
    effort: Effort,
) -> Result<Vec<Point>, BenchError> {
    let matrices = cases.iter().map(|(_, case)| case.matrices()).max().unwrap_or(1);
    let gradients = buffers(matrices, cosines.matrix.len());
    let mut contenders = limits::of_rows(&cosines.matrix, &gradients);
    let count = contenders.len();
    contenders.extend(cases.iter_mut().map(|(name, case)| case.contender(name.clone(), &gradients)));
    interleave(&mut contenders, effort)?;
    let found: Vec<Measurement> = contenders.iter().map(Contender::measurement).collect();
    let limits = Limits::among(&found[..count]);
    let (rows, classes) = (cosines.rows, cosines.classes);
    Ok(found
        .into_iter()
        .skip(count)
        .map(|measurement| Point { rows, classes, measurement, limits })
        .collect())
}

/// The power of B·C that the times grow with, by least squares of their logarithms: 1 where they are linear. None for fewer
/// than two sizes.
pub fn exponent(points: &[&Point]) -> Option<f64> {
    let of = |point: &&Point| ((point.measurement.work.cells as f64).ln(), point.measurement.median.ln());
    let found: Vec<(f64, f64)> = points.iter().map(of).collect();
    let count = found.len() as f64;
    let mean_x = found.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = found.iter().map(|point| point.1).sum::<f64>() / count;
    let square: f64 = found.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let product: f64 = found.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (square > 0.0).then(|| product / square)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Work;

    #[test]
    fn sizes_have_not_too_many_cells() {
        let found = sizes(MOST_CELLS);
        assert!(found.contains(&(1024, 100_000)) && found.contains(&(64, 1_000_000)));
        assert!(!found.contains(&(256, 1_000_000)));
        assert_eq!(sizes(16_000), [(16, 1_000)]);
    }

    #[test]
    fn a_point_has_the_name_of_its_line_and_limits() {
        let cosines = Cosines::draw(3, 50, 1);
        let loss = crate::specs::compile("softmax").expect("it ships").loss;
        let library = marlo_native::Library::empty();
        let case = Case::new(&loss, &cosines, &library, 1).expect("it reads nothing else");
        let mut cases = [("softmax, interpreted".to_owned(), case)];
        let found = measure(&mut cases, &cosines, Effort::Repetitions(2)).expect("it fits");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rows, found[0].classes), (3, 50));
        assert_eq!(found[0].measurement.name, "softmax, interpreted");
        assert!(found[0].limits.copy.is_some() && found[0].measurement.repetitions >= 2);
    }

    #[test]
    fn linear_times_have_the_exponent_1() {
        let point = |cells: u64, seconds: f64| Point {
            rows: 1,
            classes: cells as usize,
            measurement: Measurement::of("x", Work { cells, bytes: 8 * cells, flops: 0 }, vec![seconds]),
            limits: Limits::default(),
        };
        let points = [point(1000, 1e-6), point(10_000, 1e-5), point(1_000_000, 1e-3)];
        let all: Vec<&Point> = points.iter().collect();
        assert!((exponent(&all).expect("three sizes") - 1.0).abs() < 1e-9);
        assert_eq!(exponent(&all[..1]), None);
        assert!((points[0].seconds_per_cell() - 1e-9).abs() < 1e-15);
    }
}
