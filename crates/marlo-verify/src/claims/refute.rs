//! Counterexamples: round numbers first, so that what is found is small.

use marlo_ir::eval::{Batch, Scalar as _, evaluate};
use marlo_ir::graph::{Axis, Graph, Id, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::{Loss, Update};
use marlo_ir::op::{At, Op};
use marlo_lang::{Claim, ClaimName};

use super::{Effort, Sign};
use crate::big::Big;
use crate::cases::Case;
use crate::domain;
use crate::range::FAR;
use crate::verdict::Verdict;

/// Cosines, the roundest first.
const COSINES: [f64; 17] =
    [0.5, 0.0, -0.5, 0.25, -0.25, 0.75, -0.75, 0.9, -0.9, 0.1, -0.1, 0.99, -0.99, 0.999, -0.999, 1.0, -1.0];
/// Logits.
const LOGITS: [f64; 11] = [0.0, 1.0, -1.0, 5.0, -5.0, 30.0, -30.0, 100.0, -100.0, 1e4, -1e30];
/// Norms and other inputs.
const PROBABILITIES: [f64; 5] = [0.5, 0.25, 1.0, 0.0, 0.9];
const OTHERS: [f64; 9] = [1.0, 0.5, 0.0, -1.0, 10.0, 1e4, -1e4, FAR, -FAR];
const NORMS: [f64; 5] = [1.0, 20.0, 0.5, 100.0, 0.0];

/// What counts as a violation, relative to the terms: far above any rounding of f64.
const CLEAR: f64 = 1e-9;

/// Hyperparameters to try: the defaults, each at the ends of its range and in the middle, then mixtures.
pub(super) fn settings(loss: &Loss, effort: Effort) -> Vec<Vec<f64>> {
    let params = &loss.graph.params;
    let ends = |low: f64, high: f64| {
        let low = low.max(-100.0);
        [low, high.min(low.max(1.0) * 100.0)]
    };
    let default: Vec<f64> = params
        .iter()
        .zip(domain::defaults(&loss.graph, 2))
        .map(|(p, start)| {
            let round = [1.0, 0.0].into_iter().find(|x| (p.low..=p.high).contains(x));
            let middle = || ends(p.low, p.high).iter().sum::<f64>() / 2.0;
            start.or(round).unwrap_or_else(middle)
        })
        .collect();
    let mut all = vec![default.clone()];
    for (at, param) in params.iter().enumerate() {
        let [low, high] = ends(param.low, param.high);
        // Without an upper end, a hyperparameter may be as large as a proof would take it to be.
        let far = if param.high > FAR { [1e4, FAR] } else { [low, high] };
        for value in [low, high, (low + high) / 2.0].into_iter().chain(far) {
            let mut changed = default.clone();
            changed[at] = value;
            all.push(changed);
        }
    }
    let mut draw = generator(7);
    for _ in 0..(effort.cases / 20).max(1) {
        let random = params.iter().map(|p| {
            let [low, high] = ends(p.low, p.high);
            let at = low + (high - low) * draw();
            ((at * 100.0).round() / 100.0).clamp(p.low, p.high)
        });
        all.push(random.collect());
    }
    all.dedup();
    all
}

/// Numbers in [0, 1), the same ones each time.
fn generator(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Rows of two classes over all pairs of round numbers, then rows of five drawn ones.
fn rows(loss: &Loss) -> Vec<Vec<f64>> {
    let pool: &[f64] = if domain::reads_cosines(&loss.graph) { &COSINES } else { &LOGITS };
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for size in 1..=pool.len() {
        let last = pool[size - 1];
        rows.extend(pool[..size].iter().map(|&x| vec![last, x]));
        rows.extend(pool[..size - 1].iter().map(|&x| vec![x, last]));
    }
    let mut draw = generator(11);
    let range = if domain::reads_cosines(&loss.graph) { 1.0 } else { 20.0 };
    for _ in 0..60 {
        rows.push((0..5).map(|_| ((2.0 * draw() - 1.0) * range * 100.0).round() / 100.0).collect());
    }
    rows
}

/// A batch of rows of one length, labelled 0. Further centres stand elsewhere, by turns.
fn batch(loss: &Loss, rows: &[Vec<f64>], params: &[f64], turn: usize) -> Option<Batch<f64>> {
    let classes = rows.first()?.len();
    let matrix = rows.concat();
    let further = loss.graph.inputs[1..].iter().map(|input| {
        if input.axis == Axis::Matrix {
            return centre(loss, &matrix, turn + input.centre as usize);
        }
        let pool = pool(input);
        let length = domain::length(input, rows.len(), classes);
        let mut values: Vec<f64> = (0..length).map(|at| pool[(at + turn) % pool.len()]).collect();
        domain::add_up(input, &mut values);
        values
    });
    let further: Vec<Vec<f64>> = further.collect();
    domain::batch(loss, classes, &matrix, &vec![0; rows.len()], &further, params).ok()
}

/// The entries of a further centre for those of the first: the same, others of the same row, turned round, or apart.
fn centre(loss: &Loss, matrix: &[f64], turn: usize) -> Vec<f64> {
    let pool: &[f64] = if domain::reads_cosines(&loss.graph) { &COSINES } else { &LOGITS };
    let entry = |(at, &x): (usize, &f64)| match turn % 4 {
        0 => x,
        1 => pool[(3 * at + turn) % pool.len()],
        2 => -x,
        _ => x / 2.0,
    };
    matrix.iter().enumerate().map(entry).collect()
}

/// Round values of an input, those in its range; or its ends.
fn pool(input: &Input) -> Vec<f64> {
    let round: &[f64] = match input.kind {
        Kind::Norm | Kind::Scale => &NORMS,
        Kind::Prob => &PROBABILITIES,
        _ => &OTHERS,
    };
    let (low, high) = domain::of_input(input);
    let ends = [low, high, low / 2.0 + high / 2.0]
        .into_iter()
        .filter(|x| x.is_finite() && input.kind.range() != (low, high));
    let round = round.iter().copied().filter(|x| (low..=high).contains(x));
    let pool: Vec<f64> = round.chain(ends).collect();
    if pool.is_empty() { vec![low.clamp(-FAR, FAR)] } else { pool }
}

/// Every batch that is tried: many samples at once where they don't touch each other, else two.
fn batches(loss: &Loss, coupled: bool, effort: Effort) -> impl Iterator<Item = Batch<f64>> + use<'_> {
    let rows = rows(loss);
    let together = if coupled { 2 } else { 512 };
    settings(loss, effort).into_iter().enumerate().flat_map(move |(turn, params)| {
        let mut found = Vec::new();
        for same in rows.chunk_by(|a, b| a.len() == b.len()) {
            found.extend(same.chunks(together).filter_map(|chunk| batch(loss, chunk, &params, turn)));
        }
        found
    })
}

/// One sample of a batch as a batch of its own; the whole where samples touch each other.
fn alone(loss: &Loss, coupled: bool, batch: &Batch<f64>, row: usize) -> Batch<f64> {
    if coupled {
        return batch.clone();
    }
    let line = row * batch.classes..(row + 1) * batch.classes;
    let vectors = loss.graph.inputs[1..].iter().zip(&batch.vectors).map(|(input, values)| match input.axis {
        Axis::Rows => vec![values[row]],
        Axis::Matrix => values[line.clone()].to_vec(),
        Axis::Classes => values.clone(),
    });
    Batch {
        rows: 1,
        matrix: batch.matrix[line.clone()].to_vec(),
        labels: vec![batch.labels[row]],
        vectors: vectors.collect(),
        ..batch.clone()
    }
}

/// The command that evaluates a batch.
pub(crate) fn replay(loss: &Loss, batch: &Batch<f64>) -> String {
    Case::of(batch).replay(loss, &loss.name)
}

/// A value with 256 bits, which no rounding of f64 has touched: what is refuted is refuted by this.
fn exactly(graph: &Graph, node: Id, batch: &Batch<f64>, (row, class): (usize, usize)) -> f64 {
    let found = evaluate(graph, &[node], &batch.convert::<Big>()).remove(0);
    let found: Vec<f64> = found.into_iter().map(|x| x.to_f64()).collect();
    spread(&found, batch, row, class)
}

/// The values of a node at each (row, other class), however it is shaped.
fn spread(values: &[f64], batch: &Batch<f64>, row: usize, class: usize) -> f64 {
    match values.len() {
        1 => values[0],
        n if n == batch.rows => values[row],
        _ => values[row * batch.classes + class],
    }
}

/// A batch in which a derivative by a matrix has the wrong sign.
pub(super) fn gradient(loss: &Loss, at: At, sign: Sign, effort: Effort) -> Option<Verdict> {
    let gradient = loss.row_gradient();
    let graph = &gradient.loss.graph;
    let [targets, others] = [At::Target, At::Other].map(|at| super::by_matrices(loss, &gradient, at));
    let roots: Vec<Id> = targets.iter().chain(&others).map(|root| root.1).collect();
    let coupled = loss.couples_rows();
    for batch in batches(loss, coupled, effort) {
        let found = evaluate(graph, &roots, &batch);
        for row in 0..batch.rows {
            // Root by root: the targets of all centres, then their other classes.
            let place =
                |centre: usize, class: usize| if class == 0 { centre } else { targets.len() + centre };
            let cell = |centre: usize, class: usize| spread(&found[place(centre, class)], &batch, row, class);
            let all =
                (0..targets.len()).flat_map(|centre| (0..batch.classes).map(move |class| (centre, class)));
            let largest = all.clone().map(|(centre, class)| cell(centre, class).abs()).fold(1e-250, f64::max);
            for (centre, class) in all.filter(|(_, class)| (*class == 0) == (at == At::Target)) {
                let value = cell(centre, class);
                if !value.is_finite() || sign.distance(value) <= CLEAR * largest {
                    continue;
                }
                let one = alone(loss, coupled, &batch, row);
                let exact_at = if one.rows == 1 { (0, class) } else { (row, class) };
                let exact = exactly(graph, roots[place(centre, class)], &one, exact_at);
                if sign.distance(exact) <= CLEAR * largest {
                    continue;
                }
                let what = if at == At::Target { "y".to_owned() } else { format!("{class}") };
                let input = targets[centre].0.trim_end_matches("[y]");
                let why = format!("the derivative of the loss by {input}[{what}] is {value:e}");
                return Some(Verdict::Refuted { why, replay: Some(replay(loss, &one)) });
            }
        }
    }
    None
}

/// A batch in which a value that is claimed not to be negative is.
pub(super) fn value(loss: &Loss, graph: &Graph, value: Id, what: &str, effort: Effort) -> Option<Verdict> {
    let coupled = loss.couples_rows() || graph.depends(value, Op::is_batch);
    for batch in batches(loss, coupled, effort) {
        let found = evaluate(graph, &[value], &batch).remove(0);
        let count = if found.len() == batch.rows * batch.classes { batch.classes } else { 1 };
        for row in 0..batch.rows {
            for class in usize::from(count > 1)..count {
                let x = spread(&found, &batch, row, class);
                if x < -CLEAR {
                    let why = format!("{what} is {x:e}");
                    let one = alone(loss, coupled, &batch, row);
                    let place = if one.rows == 1 { (0, class) } else { (row, class) };
                    if exactly(graph, value, &one, place) >= -CLEAR {
                        continue;
                    }
                    return Some(Verdict::Refuted { why, replay: Some(replay(loss, &one)) });
                }
            }
        }
    }
    None
}

/// A batch whose loss, gradient or next state is not a number, or infinite.
pub(super) fn finite(loss: &Loss, effort: Effort) -> Option<Verdict> {
    let gradient = loss.gradient();
    let roots = gradient.all_roots();
    let ids: Vec<Id> = roots.iter().map(|root| root.1).collect();
    // The mean of the losses is the only thing that couples samples in most, and it is finite where each loss is.
    let next = |update: &Update| loss.graph.depends(update.next, Op::is_batch);
    let coupled = loss.couples_rows() || loss.updates.iter().any(next);
    for batch in batches(loss, coupled, effort) {
        let found = evaluate(&gradient.loss.graph, &ids, &batch);
        for (values, (name, _)) in found.iter().zip(&roots) {
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let row = if values.len() > batch.rows { at / batch.classes } else { at.min(batch.rows - 1) };
                let why = format!("{name} is {}", values[at]);
                let one = alone(loss, coupled, &batch, row);
                return Some(Verdict::Refuted { why, replay: Some(replay(loss, &one)) });
            }
        }
    }
    None
}

/// Two places between which a value goes the wrong way.
pub(super) fn monotone(loss: &Loss, claim: &Claim, effort: Effort) -> Option<Verdict> {
    let [of, by] = claim.arguments.as_slice() else { return None };
    let (low, high) = by.range?;
    let graph = &loss.graph;
    let rows = [vec![0.3, 0.4], vec![-0.9, 0.4, 0.1], vec![0.9, -0.9, -0.5, 0.2], vec![0.4, 0.3, 0.35, -0.9]];
    for (params, row) in settings(loss, effort).iter().flat_map(|p| rows.iter().map(move |row| (p, row))) {
        let start = batch(loss, std::slice::from_ref(row), params, 0)?;
        let ends = evaluate(graph, &[low, high], &start);
        // Outside of its declared range x is no input.
        let (low, high) = declared(graph, by.value);
        let (from, to) = (ends[0][0].max(low), ends[1][0].min(high));
        if from.partial_cmp(&to) != Some(std::cmp::Ordering::Less) {
            continue;
        }
        let mut before: Option<(f64, f64, Batch<f64>)> = None;
        for step in 0..=128 {
            let x = from + (to - from) * f64::from(step) / 128.0;
            let here = moved(loss, &start, by.value, x)?;
            let found = evaluate(graph, &[of.value], &here).remove(0);
            let value = spread(&found, &here, 0, 1);
            if let Some((x0, value0, there)) = before {
                let rise = if claim.name == ClaimName::Decreasing { value - value0 } else { value0 - value };
                let exact = |batch: &Batch<f64>| exactly(graph, of.value, batch, (0, 1));
                let falls = claim.name == ClaimName::Decreasing;
                let confirmed = || (exact(&here) > exact(&there)) == falls && exact(&here) != exact(&there);
                if rise > CLEAR * value.abs().max(1.0) && confirmed() {
                    let way = if claim.name == ClaimName::Decreasing { "rises" } else { "falls" };
                    let why = format!(
                        "it {way} from {value0} to {value} while {} goes from {x0:.6} to {x:.6}",
                        variable(graph, by.value)
                    );
                    let mut both = there.clone();
                    both.rows = 2;
                    both.matrix.extend(&here.matrix);
                    both.labels.extend(&here.labels);
                    let one = both.vectors.is_empty() && there.params == here.params;
                    return Some(Verdict::Refuted {
                        why,
                        replay: Some(replay(loss, if one { &both } else { &here })),
                    });
                }
            }
            before = Some((x, value, here));
        }
    }
    None
}

/// The range in which x is an input at all.
fn declared(graph: &Graph, x: Id) -> (f64, f64) {
    match graph.op(x) {
        Op::Acos => (0.0, std::f64::consts::PI),
        Op::Param(p) => {
            let param = &graph.params[p as usize];
            (param.low.max(-FAR), param.high.min(FAR))
        }
        Op::Input(i, _) => {
            let (low, high) = domain::of_input(&graph.inputs[i as usize]);
            (low.max(-FAR), high.min(FAR))
        }
        _ => (-FAR, FAR),
    }
}

/// The name of what runs.
fn variable(graph: &Graph, x: Id) -> String {
    match graph.op(x) {
        Op::Acos => graph.leaf(graph.args(x)[0]).unwrap_or_default().replace("cos", "theta"),
        _ => graph.leaf(x).unwrap_or_default(),
    }
}

/// The batch with what runs at a value.
fn moved(loss: &Loss, batch: &Batch<f64>, x: Id, value: f64) -> Option<Batch<f64>> {
    let graph = &loss.graph;
    let mut batch = batch.clone();
    let (leaf, value) = match graph.op(x) {
        Op::Acos => (graph.args(x)[0], value.cos()),
        _ => (x, value),
    };
    match graph.op(leaf) {
        Op::Param(p) => batch.params[p as usize] = value,
        Op::Input(0, at) => batch.matrix[usize::from(at == At::Other)] = value,
        Op::Input(i, at) => {
            let values = &mut batch.vectors[i as usize - 1];
            let place = usize::from(at == At::Other).min(values.len().checked_sub(1)?);
            values[place] = value;
        }
        _ => return None,
    }
    Some(batch)
}

/// One sample with these entries of the matrix, labelled 0, with the default hyperparameters.
pub(crate) fn probe(loss: &Loss, row: &[f64]) -> Option<Batch<f64>> {
    let params = settings(loss, Effort { boxes: 0, cases: 0 }).into_iter().next()?;
    batch(loss, &[row.to_vec()], &params, 0)
}
