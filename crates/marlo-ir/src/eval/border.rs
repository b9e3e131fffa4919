//! Where rounding decides: rows on the border of a mask, a floor or a rank.

use super::{Batch, evaluate};
use crate::graph::{Graph, Id};
use crate::kind::Kind;
use crate::loss::{Loss, Wrt};
use crate::op::Op;
use crate::shape::Shape;

/// Which rows hold a decision that numbers with an error of `tolerance` could take the other way: the two sides of a
/// comparison, of a `min` or `max`, the two greatest classes of a `max[k]`, a value and a whole number below `floor`, a
/// `relu` or |x| near 0 (all relative to max(1, size); of cosines, which no scale amplifies, a twentieth of that), the last
/// sample that is kept and the first that is not (relative to the value). There two precisions may give two losses, and both are right.
pub fn on_border(loss: &Loss, batch: &Batch<f64>, tolerance: f64) -> Vec<bool> {
    let normal = loss.normalised();
    let graph = &normal.graph;
    let needed = graph.reachable(&[normal.row, normal.total]);
    let flows = flowing(&normal);
    let mut rows = vec![false; batch.rows];
    // What depends on hyperparameters alone is decided once, in f64, for every backend.
    let varies =
        |id: &Id| needed[id.index()] && graph.shape(*id) != Shape::Scalar || graph.op(*id) == Op::TopI;
    for id in graph.ids().filter(varies) {
        match graph.op(id) {
            _ if exact(graph, id) => continue,
            // At a corner the value is the same on both sides; only a derivative that flows through it tells them apart.
            Op::Relu | Op::Abs | Op::Min | Op::Max | Op::MaxK if !flows[id.index()] => continue,
            Op::Lt | Op::Le | Op::Eq | Op::Floor | Op::Relu | Op::Abs | Op::Min | Op::Max => {
                mark_comparison(graph, id, batch, tolerance, &mut rows);
            }
            Op::MaxK => mark_maximum(graph, id, batch, tolerance, &mut rows),
            // A quantile is the same whichever of two tied samples it is read from.
            Op::RankI if !flows[graph.args(id)[0].index()] && !is_picked(graph, &needed, id) => continue,
            Op::RankI => mark_order(graph, id, batch, tolerance, &mut rows),
            Op::TopI => mark_rank(graph, id, batch, tolerance, &mut rows),
            _ => {}
        }
    }
    rows
}

/// Marks the rows where the two sides of a comparison, a value and a whole number, or a value and 0 are as good as equal.
fn mark_comparison(graph: &Graph, id: Id, batch: &Batch<f64>, tolerance: f64, rows: &mut [bool]) {
    let kinds = |kind: Kind| graph.args(id).iter().all(|&a| graph.node(a).kind == kind);
    let near = |x: &[f64]| {
        let other = match graph.op(id) {
            Op::Floor => x[0].round(),
            Op::Relu | Op::Abs => 0.0,
            _ => x[1],
        };
        let tolerance = if kinds(Kind::Cosine) { tolerance / 20.0 } else { tolerance };
        (x[0] - other).abs() <= tolerance * x[0].abs().max(other.abs()).max(1.0)
    };
    let sides = evaluate(graph, graph.args(id), batch);
    let shapes: Vec<Shape> = graph.args(id).iter().map(|&a| graph.shape(a)).collect();
    let widest = graph.shape(id);
    for (row, on) in rows.iter_mut().enumerate() {
        let mut at = |class: usize| {
            let side = |(values, shape): (&Vec<f64>, &Shape)| match shape {
                Shape::Scalar => values[0],
                Shape::Row => values[row],
                Shape::Cell => values[row * batch.classes + class],
            };
            let here: Vec<f64> = sides.iter().zip(&shapes).map(side).collect();
            *on |= near(&here);
        };
        match widest {
            Shape::Cell => (0..batch.classes).filter(|&class| class != batch.labels[row]).for_each(&mut at),
            Shape::Row | Shape::Scalar => at(0),
        }
    }
}

/// Through which values does a derivative flow: those that depend on the matrix or on a norm, and that the loss reads
/// otherwise than through a comparison, a floor, a rank or a stop-gradient?
fn flowing(loss: &Loss) -> Vec<bool> {
    let graph = &loss.graph;
    let usual = loss.usual();
    let differentiated = |input: u32| input == 0 || usual.contains(&Wrt::Input(input));
    let mut varies = vec![false; graph.len()];
    for id in graph.ids() {
        varies[id.index()] = match graph.op(id) {
            Op::Input(input, _) => differentiated(input),
            _ => graph.args(id).iter().any(|a| varies[a.index()]),
        };
    }
    let mut read = vec![false; graph.len()];
    read[loss.row.index()] = true;
    read[loss.total.index()] = true;
    for id in graph.ids().rev().filter(|id| varies[id.index()]) {
        let stops = matches!(
            graph.op(id),
            Op::Detach
                | Op::Floor
                | Op::Parity
                | Op::Lt
                | Op::Le
                | Op::Eq
                | Op::RankI
                | Op::PickI
                | Op::InTopI
        );
        if read[id.index()] && !stops {
            graph.args(id).iter().for_each(|a| read[a.index()] = true);
        }
    }
    varies.iter().zip(read).map(|(varies, read)| *varies && read).collect()
}

/// Is a comparison one that rounding can't touch: of a value with itself, or of whole numbers?
fn exact(graph: &Graph, id: Id) -> bool {
    match graph.args(id) {
        [a, b] => a == b || (graph.is_whole(*a) && graph.is_whole(*b)),
        _ => false,
    }
}

/// Marks the rows whose two greatest classes are as good as tied.
fn mark_maximum(graph: &Graph, top: Id, batch: &Batch<f64>, tolerance: f64, rows: &mut [bool]) {
    let arg = graph.args(top)[0];
    if graph.shape(arg) != Shape::Cell {
        return;
    }
    let cells = evaluate(graph, &[arg], batch).remove(0);
    for ((on, line), &label) in rows.iter_mut().zip(cells.chunks(batch.classes)).zip(&batch.labels) {
        let others = line.iter().enumerate().filter(|(class, _)| *class != label).map(|(_, x)| *x);
        let mut sorted: Vec<f64> = others.collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        if let [first, second, ..] = sorted[..] {
            *on |= first - second <= tolerance * first.abs().max(1.0);
        }
    }
}

/// Does a sample get another one's value by this rank?
fn is_picked(graph: &Graph, needed: &[bool], rank: Id) -> bool {
    let picks = |id: &Id| needed[id.index()] && graph.op(*id) == Op::PickI;
    graph.ids().filter(picks).any(|id| graph.args(id)[1..].contains(&rank))
}

/// Marks the rows that are as good as tied with their neighbour in a ranking: they may change places.
fn mark_order(graph: &Graph, rank: Id, batch: &Batch<f64>, tolerance: f64, rows: &mut [bool]) {
    let arg = graph.args(rank)[0];
    let tolerance = if graph.node(arg).kind == Kind::Cosine { tolerance / 20.0 } else { tolerance };
    let values = evaluate(graph, &[arg], batch).remove(0);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    for pair in order.windows(2) {
        let (low, high) = (values[pair[0]], values[pair[1]]);
        if high - low <= tolerance * high.abs().max(1.0) {
            rows[pair[0]] = true;
            rows[pair[1]] = true;
        }
    }
}

/// Marks the samples whose value is that of the last one kept, up to the tolerance, when the next one's is too.
fn mark_rank(graph: &Graph, top: Id, batch: &Batch<f64>, tolerance: f64, rows: &mut [bool]) {
    let found = evaluate(graph, graph.args(top), batch);
    let kept = super::kept_rows(found[1][0], batch.rows);
    let value = |row: usize| found[0].get(row).or(found[0].first()).copied().unwrap_or_default();
    let mut sorted: Vec<f64> = (0..batch.rows).map(value).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let Some(&next) = sorted.get(kept) else { return };
    let last = sorted[kept - 1];
    // Small losses keep their relative precision, so small ones are told apart too.
    let width = tolerance * last.abs();
    for (row, on) in rows.iter_mut().enumerate().filter(|_| last - next <= width) {
        *on |= (value(row) - last).abs() <= width || (value(row) - next).abs() <= width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed::{self, kinds};

    #[test]
    fn rows_on_a_border_are_found() {
        let loss = typed::define("sv", |l| {
            let s = l.param::<kinds::Scale>("s", 4.0, 1.0..=8.0);
            let hard = typed::indicator(l.cos_other().gt(l.cos_target()), l.cos_other().exp());
            typed::ce(typed::softmax_weighted(s * l.cos_target(), s * l.cos_other(), hard))
        });
        let matrix = vec![0.5, 0.5 + 1e-9, 0.1, 0.5, 0.4, 0.1, 0.2, 0.3, 0.2 - 1e-9];
        let batch = Batch::new(&loss, 3, matrix, &[0, 0, 0], vec![], vec![4.0]).expect("valid");
        assert_eq!(on_border(&loss, &batch, 1e-6), [true, false, true]);
        assert_eq!(on_border(&loss, &batch, 1e-12), [false; 3]);
    }

    #[test]
    fn a_rank_that_rounding_decides_is_found() {
        let loss = typed::define("share", |l| {
            let share = l.param::<kinds::Real>("share", 0.5, 0.0..=1.0);
            l.cos_target().top_of_batch(share)
        });
        let matrix = vec![0.9, 0.0, 0.5, 0.0, 0.5 - 1e-9, 0.0, 0.1, 0.0];
        let batch =
            |share| Batch::new(&loss, 2, matrix.clone(), &[0; 4], vec![], vec![share]).expect("valid");
        assert_eq!(on_border(&loss, &batch(0.5), 1e-6), [false, true, true, false]);
        assert_eq!(on_border(&loss, &batch(0.75), 1e-6), [false; 4]);
    }
}
