//! Points of a loss's domain: simple ones first, then random ones, ends and hard places among them.

use marlo_ir::graph::{Axis, Graph};

use super::facts;
use super::sample::{Point, sampled_range};
use crate::domain;

/// A small generator of random numbers (splitmix64): the same points on every run.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 up to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number between two others.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below another.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }
}

/// The values of one row that are tried first, of the target and of the other class.
const SIMPLE: [f64; 8] = [0.5, 0.8, -0.5, 0.0, 0.9, -0.9, 1.0, -1.0];

/// How many simple points have two classes, and how many have three.
const TWO: usize = SIMPLE.len() * SIMPLE.len();
const THREE: usize = 16;

/// Yields points.
pub(super) struct Points<'g> {
    graph: &'g Graph,
    random: Random,
    at: usize,
    end: usize,
}

impl<'g> Points<'g> {
    /// All simple points, and so many random ones.
    pub(super) fn new(graph: &'g Graph, random: usize) -> Self {
        Points { graph, random: Random(7), at: 0, end: TWO + THREE + random }
    }

    /// So many random points alone.
    pub(super) fn random_only(graph: &'g Graph, random: usize) -> Self {
        Points { graph, random: Random(11), at: TWO + THREE, end: TWO + THREE + random }
    }

    fn simple(&mut self, at: usize) -> Point {
        let mut matrix = vec![SIMPLE[at % TWO / SIMPLE.len()], SIMPLE[at % SIMPLE.len()]];
        if at >= TWO {
            matrix.push(0.2);
        }
        let vectors = self.graph.inputs[1..].iter().map(|input| {
            let (low, high) = sampled_range(facts::input(input));
            let one = 1.0_f64.clamp(low, high);
            let value =
                |c: usize| if high <= 1.0 { low + (high - low) * (0.4 + 0.1 * c as f64) } else { one };
            let mut values: Vec<f64> = (0..domain::length(input, 1, matrix.len())).map(value).collect();
            domain::add_up(input, &mut values);
            values
        });
        Point {
            params: simple_values(self.graph, matrix.len()),
            classes: matrix.len(),
            vectors: vectors.collect(),
            matrix,
            labels: vec![0],
        }
    }

    fn random(&mut self) -> Point {
        let (classes, rows) = (2 + self.random.below(4), 1 + self.random.below(3));
        let starts = domain::defaults(self.graph, classes);
        let params = self.graph.params.iter().zip(starts).map(|(p, start)| {
            let (low, high) = sampled_range(super::range::Range::new(p.low, p.high));
            match self.random.below(5) {
                0 => low,
                1 => high,
                2 => start.unwrap_or(low),
                _ => self.random.between(low, high),
            }
        });
        let params = params.collect();
        let matrix = self.entries(rows * classes);
        let labels = (0..rows).map(|_| self.random.below(classes) as i64).collect();
        let mut vectors = Vec::new();
        for input in &self.graph.inputs[1..] {
            if input.axis == Axis::Matrix {
                vectors.push(self.entries(rows * classes));
                continue;
            }
            let (low, high) = sampled_range(facts::input(input));
            let one = |random: &mut Random| match random.below(6) {
                0 => low,
                1 => high,
                _ => random.between(low, high),
            };
            let count = domain::length(input, rows, classes);
            let mut values: Vec<f64> = (0..count).map(|_| one(&mut self.random)).collect();
            domain::add_up(input, &mut values);
            vectors.push(values);
        }
        Point { params, classes, matrix, labels, vectors }
    }

    /// Entries of a matrix.
    fn entries(&mut self, count: usize) -> Vec<f64> {
        let cosines = domain::reads_cosines(self.graph);
        (0..count).map(|_| if cosines { self.cosine() } else { self.random.between(-12.0, 12.0) }).collect()
    }

    /// A cosine: anywhere, at an end or near it, at 0, or a round one.
    fn cosine(&mut self) -> f64 {
        let side = if self.random.below(2) == 0 { 1.0 } else { -1.0 };
        match self.random.below(10) {
            0 => side,
            1 => side * (1.0 - self.random.unit() * 1e-4),
            2 => side * self.random.unit() * 1e-3,
            3 => (self.random.between(-1.0, 1.0) * 10.0).round() / 10.0,
            _ => self.random.between(-1.0, 1.0),
        }
    }
}

impl Iterator for Points<'_> {
    type Item = Point;

    fn next(&mut self) -> Option<Point> {
        let at = self.at;
        self.at += 1;
        match at {
            _ if at >= self.end => None,
            _ if at < TWO + THREE => Some(self.simple(at)),
            _ => Some(self.random()),
        }
    }
}

/// The hyperparameters' defaults, or the middle of their ranges.
pub(super) fn simple_values(graph: &Graph, classes: usize) -> Vec<f64> {
    let middle = |low: f64, high: f64| {
        let (low, high) = sampled_range(super::range::Range::new(low, high));
        (low + high) / 2.0
    };
    let starts = domain::defaults(graph, classes);
    graph.params.iter().zip(starts).map(|(p, start)| start.unwrap_or_else(|| middle(p.low, p.high))).collect()
}
