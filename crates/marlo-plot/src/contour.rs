//! Outlines of where a field is at least a level: marching squares.

use std::collections::BTreeMap;

use crate::Field;

/// A place on an outline: between a node of the grid that is inside and its neighbour that is not.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Crossing {
    /// The node inside, as column and row.
    pub(crate) inside: (usize, usize),
    /// The node outside; none at the edge of the grid.
    pub(crate) outside: Option<(usize, usize)>,
    /// How far from the inside to the outside the level is met, if the field is even between them.
    pub(crate) share: f64,
}

impl Crossing {
    /// Its column and row, with what lies between.
    pub(crate) fn place(self) -> (f64, f64) {
        let (i, j) = (self.inside.0 as f64, self.inside.1 as f64);
        match self.outside {
            Some((k, l)) => (i + self.share * (k as f64 - i), j + self.share * (l as f64 - j)),
            None => (i, j),
        }
    }
}

/// The closed outlines of {value ≥ level}; the edge of the grid closes what it cuts.
pub(crate) fn region(field: &Field, level: f64) -> Vec<Vec<Crossing>> {
    let grid = Padded { field, level };
    let mut next = BTreeMap::new();
    for j in 0..=field.size.1 {
        for i in 0..=field.size.0 {
            grid.segments(i, j, &mut next);
        }
    }
    let mut loops = Vec::new();
    while let Some((&start, _)) = next.first_key_value() {
        let mut at = start;
        let mut outline = Vec::new();
        while let Some(to) = next.remove(&at) {
            outline.push(grid.crossing(at));
            at = to;
        }
        loops.push(outline);
    }
    loops
}

/// The lines where the level is met, without the edge of the grid.
pub(crate) fn lines(field: &Field, level: f64) -> Vec<Vec<Crossing>> {
    let mut lines = Vec::new();
    for mut outline in region(field, level) {
        match outline.iter().position(|crossing| crossing.outside.is_none()) {
            Some(edge) => outline.rotate_left(edge),
            None => outline.extend_from_within(..1),
        }
        let parts = outline.split(|crossing| crossing.outside.is_none());
        lines.extend(parts.filter(|line| line.len() > 1).map(<[Crossing]>::to_vec));
    }
    lines
}

/// A node of the grid with a rim of nodes outside around it; the first node of the field is (1, 1).
type Node = (usize, usize);

/// The field with a rim that is never inside.
struct Padded<'a> {
    field: &'a Field,
    level: f64,
}

impl Padded<'_> {
    /// The value at a node, none on the rim.
    fn value(&self, (i, j): Node) -> Option<f64> {
        let (width, height) = self.field.size;
        let on_rim = i == 0 || j == 0 || i > width || j > height;
        (!on_rim).then(|| self.field.values[(j - 1) * width + i - 1])
    }

    fn is_inside(&self, node: Node) -> bool {
        self.value(node).is_some_and(|value| value >= self.level)
    }

    /// The pieces of outline in the cell whose lowest node is (i, j), from where the outline comes in to where it leaves:
    /// each edge is known by its node inside and its node outside.
    fn segments(&self, i: usize, j: usize, next: &mut BTreeMap<(Node, Node), (Node, Node)>) {
        let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
        let inside = corners.map(|corner| self.is_inside(corner));
        let after = |k: usize| (k + 1) % 4;
        let leaves: Vec<usize> = (0..4).filter(|&k| inside[k] && !inside[after(k)]).collect();
        let enters: Vec<usize> = (0..4).filter(|&k| !inside[k] && inside[after(k)]).collect();
        // On a saddle the middle of the cell says which corners belong together.
        let middle: Option<f64> = corners.iter().map(|corner| self.value(*corner)).sum();
        let is_joined = leaves.len() == 2 && middle.is_some_and(|sum| sum / 4.0 >= self.level);
        for &leave in &leaves {
            let enter = match &enters[..] {
                [enter] => *enter,
                _ if is_joined => after(leave),
                _ => (leave + 3) % 4,
            };
            let from = (corners[leave], corners[after(leave)]);
            next.insert(from, (corners[after(enter)], corners[enter]));
        }
    }

    fn crossing(&self, (inside, outside): (Node, Node)) -> Crossing {
        let node = |(i, j): Node| (i - 1, j - 1);
        let values = self.value(inside).zip(self.value(outside));
        let share = values.map_or(0.0, |(a, b)| if a > b { (a - self.level) / (a - b) } else { 0.5 });
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.5 };
        Crossing { inside: node(inside), outside: values.map(|_| node(outside)), share }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(size: (usize, usize), value: impl Fn(f64, f64) -> f64) -> Field {
        let values =
            (0..size.0 * size.1).map(|at| value((at % size.0) as f64, (at / size.0) as f64)).collect();
        Field { size, values }
    }

    fn area(outline: &[Crossing]) -> f64 {
        let places: Vec<(f64, f64)> = outline.iter().map(|c| c.place()).collect();
        let next = places.iter().cycle().skip(1);
        places.iter().zip(next).map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>() / 2.0
    }

    #[test]
    fn outlines_have_the_area_of_the_region() {
        let disc = region(&field((41, 41), |x, y| 100.0 - (x - 20.0).powi(2) - (y - 20.0).powi(2)), 0.0);
        assert_eq!(disc.len(), 1);
        assert!((area(&disc[0]).abs() - 100.0 * std::f64::consts::PI).abs() < 2.0);
        let all = region(&field((5, 4), |_, _| 1.0), 0.0);
        assert_eq!((all.len(), area(&all[0]).abs()), (1, 12.0));
        assert!(region(&field((5, 4), |_, _| f64::NAN), 0.0).is_empty());
        let half = region(&field((5, 5), |x, _| x), 1.5);
        assert_eq!((half.len(), area(&half[0]).abs()), (1, 10.0));
    }

    #[test]
    fn lines_leave_out_the_edge() {
        let found = lines(&field((5, 5), |x, _| x), 1.5);
        assert_eq!(found.len(), 1);
        assert!(found[0].iter().all(|crossing| crossing.place().0 == 1.5));
        let ring = lines(&field((41, 41), |x, y| 100.0 - (x - 20.0).powi(2) - (y - 20.0).powi(2)), 0.0);
        assert_eq!(ring[0].first(), ring[0].last());
        assert!(lines(&field((5, 5), |_, _| 1.0), 0.0).is_empty());
    }

    #[test]
    fn a_saddle_is_two_outlines_or_one() {
        let saddle = |middle: f64| {
            let value = move |x: f64, y: f64| if x == y { 1.0 } else { -1.0 + 2.0 * middle };
            region(&field((2, 2), value), 0.0).len()
        };
        assert_eq!((saddle(-0.1), saddle(0.4)), (2, 1));
    }
}
