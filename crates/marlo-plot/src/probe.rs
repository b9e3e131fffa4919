//! All that this crate asks of a loss: one value of it at many places. No other file evaluates anything.
//!
//! A place is one sample of class 0 by itself, so a loss over a batch (a rank, a mean) is drawn as it is for a batch of one.

use marlo_ir::derivative::differentiate;
use marlo_ir::eval::{Batch, evaluate, settings};
use marlo_ir::graph::{Axis, Graph, Id, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::{Gradient, Loss, Role};
use marlo_ir::op::{At, Op};
use marlo_ir::setting::{Draw, Moment};
use marlo_ir::shape::Shape;

use crate::PlotError;

/// So many rows are evaluated at a time, that many classes need no more memory than few.
const CHUNK: usize = 1024;

/// Where a loss is asked: the cosine to the sample's own class and to class 1. Further classes stand at a right angle.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// cos θ_y
    pub(crate) own: f64,
    /// cos θ_k of the class that moves.
    pub(crate) other: f64,
}

/// What is asked.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// The loss of a batch of this sample alone.
    Loss,
    /// Its derivative by the cosine (or logit) of the sample's class.
    ByTarget,
    /// Its derivative by that of class 1.
    ByOther,
    /// The target logit.
    Target,
    /// The logit of class 1.
    Other,
    /// The log odds against the sample's own class: 0 where p = 1/2.
    Odds,
    /// The same without the weights of the other classes: that of the plain cross entropy.
    PlainOdds,
    /// The derivative of the loss by the log odds, which is minus that by the target logit.
    Slope,
}

/// What a loss has for a logit.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// What stands in a softmax, or in the log-sum-exp of one that is written out.
    Softmax,
    /// The argument of a sigmoid: a binary loss a class.
    Sigmoid,
    /// The value that the program names `f`.
    Named,
    /// There is none: the loss itself is drawn.
    Loss,
}

/// A loss that is ready to be asked.
#[derive(Debug)]
pub(crate) struct Probe {
    source: Loss,
    gradient: Gradient,
    logits: Logits,
    coupled: bool,
    classes: usize,
    params: Vec<f64>,
    inputs: Vec<(String, Axis, f64)>,
    /// What a cosine is multiplied with, in a loss over raw logits.
    matrix: f64,
    scale: Option<(String, f64)>,
    defaulted: Vec<(String, f64)>,
}

/// The nodes of the graph as it is written that a figure reads.
#[derive(Debug)]
struct Logits {
    reading: (Reading, Reading),
    target: Id,
    other: Id,
    /// Where there is none, two labels are compared.
    odds: Option<Id>,
    plain: Id,
    slope: Id,
}

impl Probe {
    /// Finds the logits of a loss and checks what is given for it; `logit_scale` makes cosines the logits of a loss over raw logits.
    ///
    /// # Errors
    /// When a hyperparameter or an input is unknown, missing or out of its range.
    pub(crate) fn new(
        loss: &Loss,
        set: &[(String, f64)],
        inputs: &[(String, f64)],
        classes: usize,
        logit_scale: f64,
    ) -> Result<Self, PlotError> {
        let params = settings(loss, set, Moment::start(classes))
            .map_err(|source| PlotError::Setting { loss: loss.name.clone(), source })?;
        let graph = &loss.graph;
        let over_logits = graph.inputs.first().is_some_and(|input| input.name == "logit");
        let matrix = if over_logits { logit_scale } else { 1.0 };
        let mut defaulted = Vec::new();
        let mut vectors = Vec::new();
        for input in graph.inputs.iter().skip(1).filter(|input| input.axis != Axis::Matrix) {
            let given = inputs.iter().rev().find(|(name, _)| *name == input.name).map(|given| given.1);
            let value = given.unwrap_or_else(|| {
                let value = usual(input, classes);
                let index = if input.axis == Axis::Rows { "i" } else { "k" };
                defaulted.push((format!("{}[{index}]", input.name), value));
                value
            });
            vectors.push((input.name.clone(), input.axis, value));
        }
        let scale = match over_logits {
            true => Some(("scale".to_owned(), logit_scale)),
            false => scale(graph, &params, &vectors),
        };
        let mut source = loss.clone();
        let coupled = loss.couples_rows();
        let unit = scale.as_ref().map_or(logit_scale, |scale| scale.1) / matrix;
        let logits = Logits::find(&mut source, coupled, unit);
        let gradient = loss.row_gradient();
        let probe = Probe {
            source,
            gradient,
            logits,
            coupled,
            classes,
            params,
            inputs: vectors,
            matrix,
            scale,
            defaulted,
        };
        probe.values(Quantity::Loss, &[Place { own: 0.5, other: 0.0 }])?;
        Ok(probe)
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.source.name
    }

    /// The hyperparameters with their values.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&str, f64)> {
        self.source.graph.params.iter().zip(&self.params).map(|(param, value)| (param.name.as_str(), *value))
    }

    /// The inputs that nobody gave, with what was taken for them.
    pub(crate) fn defaulted(&self) -> &[(String, f64)] {
        &self.defaulted
    }

    /// What the matrix is, when it holds logits and not cosines: so many times the cosine.
    pub(crate) fn logit_scale(&self) -> Option<f64> {
        self.source.graph.inputs.first().filter(|input| input.name == "logit").map(|_| self.matrix)
    }

    /// The scale that turns a logit back into a cosine, with its name; none when the value drawn is no logit.
    pub(crate) fn scale(&self, quantity: Quantity) -> Option<(&str, f64)> {
        let is_logit = match self.reading(quantity) {
            Reading::Softmax | Reading::Sigmoid => true,
            Reading::Named => self.source.graph.node(self.logits.target).kind != Kind::Cosine,
            Reading::Loss => false,
        };
        self.scale.as_ref().filter(|_| is_logit).map(|(name, value)| (name.as_str(), *value))
    }

    /// What the logit of this loss is: the other classes' for [`Quantity::Other`], else the target's.
    pub(crate) fn reading(&self, quantity: Quantity) -> Reading {
        if quantity == Quantity::Other { self.logits.reading.1 } else { self.logits.reading.0 }
    }

    /// Does the value depend on the other classes?
    pub(crate) fn reads_others(&self, quantity: Quantity) -> bool {
        let reads = |op| op == Op::Input(0, At::Other);
        self.root(quantity).is_none_or(|(graph, root)| graph.depends(root, reads))
    }

    /// One value a place.
    ///
    /// # Errors
    /// When an input does not fit the loss.
    pub(crate) fn values(&self, quantity: Quantity, places: &[Place]) -> Result<Vec<f64>, PlotError> {
        let Some((graph, root)) = self.root(quantity) else {
            let (graph, root) = (&self.gradient.loss.graph, self.loss_root());
            let own = self.run(graph, &[root], places, 0)?.remove(0);
            let other = self.run(graph, &[root], places, 1)?.remove(0);
            return Ok(own.iter().zip(&other).map(|(own, other)| own - other).collect());
        };
        Ok(self.run(graph, &[root], places, 0)?.remove(0))
    }

    /// How each comparison that the value rests on comes out at each place; at places that differ, a mask's border was crossed.
    ///
    /// # Errors
    /// When an input does not fit the loss.
    pub(crate) fn decisions(
        &self,
        quantity: Quantity,
        places: &[Place],
    ) -> Result<Vec<Vec<bool>>, PlotError> {
        let (graph, root) = self.root(quantity).unwrap_or((&self.gradient.loss.graph, self.loss_root()));
        let needed = graph.reachable(&[root]);
        let compares = |id: &Id| needed[id.index()] && matches!(graph.op(*id), Op::Lt | Op::Le | Op::Eq);
        let masks: Vec<Id> = graph.ids().filter(compares).collect();
        let found = self.run(graph, &masks, places, 0)?;
        Ok((0..places.len()).map(|at| found.iter().map(|mask| mask[at] != 0.0).collect()).collect())
    }

    fn loss_root(&self) -> Id {
        if self.coupled { self.gradient.loss.total } else { self.gradient.loss.row }
    }

    fn root(&self, quantity: Quantity) -> Option<(&Graph, Id)> {
        let (derived, source) = (&self.gradient.loss.graph, &self.source.graph);
        Some(match quantity {
            Quantity::Loss => (derived, self.loss_root()),
            Quantity::ByTarget => (derived, self.gradient.target),
            Quantity::ByOther => (derived, self.gradient.other),
            Quantity::Target => (source, self.logits.target),
            Quantity::Other => (source, self.logits.other),
            Quantity::Odds => (source, self.logits.odds?),
            Quantity::PlainOdds => (source, self.logits.plain),
            Quantity::Slope => (source, self.logits.slope),
        })
    }

    /// The roots at the places, where a cell is read at class 1.
    fn run(
        &self,
        graph: &Graph,
        roots: &[Id],
        places: &[Place],
        label: i64,
    ) -> Result<Vec<Vec<f64>>, PlotError> {
        let mut out = vec![Vec::with_capacity(places.len()); roots.len()];
        if roots.is_empty() {
            return Ok(out);
        }
        for places in places.chunks(if self.coupled { 1 } else { CHUNK }) {
            let batch = self.batch(places, label)?;
            for ((values, root), out) in evaluate(graph, roots, &batch).iter().zip(roots).zip(&mut out) {
                let one = |row: usize| match graph.shape(*root) {
                    Shape::Scalar => values[0],
                    Shape::Row => values[row],
                    Shape::Cell => values[row * self.classes + 1],
                };
                out.extend((0..places.len()).map(one));
            }
        }
        Ok(out)
    }

    fn batch(&self, places: &[Place], label: i64) -> Result<Batch<f64>, PlotError> {
        // The centres of a class, where it has several, stand in one place.
        let centres = self.source.graph.centres();
        let mut cosines = vec![0.0; places.len() * self.classes * centres];
        for (row, place) in cosines.chunks_mut(self.classes * centres).zip(places) {
            row[..centres].fill(self.matrix * place.own);
            row[centres..2 * centres].fill(self.matrix * place.other);
        }
        let vector = |(name, axis, value): &(String, Axis, f64)| {
            let length = if *axis == Axis::Rows { places.len() } else { self.classes };
            (name.clone(), vec![*value; length])
        };
        let vectors = self.inputs.iter().map(vector).collect();
        let labels = vec![label; places.len()];
        Batch::new(&self.source, self.classes, cosines, &labels, vectors, self.params.clone())
            .map_err(|source| PlotError::Input { loss: self.source.name.clone(), source })
    }
}

/// What multiplies the cosines: the hyperparameter `s`, or else the only one of kind Scale; where there is none, the only
/// scale or length that is given for each sample.
fn scale(graph: &Graph, params: &[f64], vectors: &[(String, Axis, f64)]) -> Option<(String, f64)> {
    let scales = graph.params.iter().zip(params).filter(|(param, _)| param.kind == Kind::Scale);
    let scales: Vec<(&String, f64)> = scales.map(|(param, value)| (&param.name, *value)).collect();
    let further = graph.inputs.iter().skip(1).filter(|input| input.axis != Axis::Matrix);
    let lengths = further
        .zip(vectors)
        .filter(|(input, _)| input.axis == Axis::Rows && matches!(input.kind, Kind::Norm | Kind::Scale));
    let lengths: Vec<(&String, f64)> = lengths.map(|(input, vector)| (&input.name, vector.2)).collect();
    let found = scales.iter().find(|scale| scale.0 == "s").or(match (&scales[..], &lengths[..]) {
        ([only], _) | ([], [only]) => Some(only),
        _ => None,
    });
    found.map(|(name, value)| ((*name).clone(), *value))
}

/// What is taken for an input that is not given: a usual value, or the one that changes nothing; the mean where it is drawn,
/// an even share where a total is wanted, and always within its range.
fn usual(input: &Input, classes: usize) -> f64 {
    let by_kind = match input.kind {
        Kind::Norm => 20.0,
        Kind::Scale => 64.0,
        Kind::Prob => 1.0 / classes as f64,
        Kind::Factor | Kind::Real => 1.0,
        Kind::Cosine | Kind::Angle | Kind::Weight | Kind::Logit | Kind::Number | Kind::Mask => 0.0,
    };
    let value = match (input.sum, input.drawn) {
        (Some(sum), _) => sum / classes as f64,
        (_, Some(Draw::Normal(mean, _))) => mean,
        (_, Some(Draw::Uniform(low, high))) => (low + high) / 2.0,
        (None, None) => by_kind,
    };
    value.clamp(input.low, input.high)
}

impl Logits {
    /// Looks for them in what the loss is made of; `unit` turns what the matrix holds into a logit where there are none.
    fn find(loss: &mut Loss, coupled: bool, unit: f64) -> Logits {
        let root = if coupled { loss.total } else { loss.row };
        let needed = loss.graph.reachable(&[loss.total]);
        let found = softmax(loss, &needed)
            .map(|(u, target, other)| (u, target, Some(other), Reading::Softmax))
            .or_else(|| {
                sigmoid(&mut loss.graph, &needed)
                    .map(|(u, target, other)| (u, target, other, Reading::Sigmoid))
            });
        let graph = &mut loss.graph;
        if let Some((u, target, other, reading)) = found {
            let slope = differentiate(graph, root, &[u])[0];
            let plain = if reading == Reading::Softmax {
                let bare = other.map_or(u, |other| without_weight(graph, other));
                let lse = graph.add(Op::LseK, &[bare]);
                graph.add(Op::Sub, &[lse, target])
            } else {
                u
            };
            let of_others = if other.is_some() { reading } else { Reading::Loss };
            let other = other.unwrap_or(root);
            return Logits { reading: (reading, of_others), target, other, odds: Some(u), plain, slope };
        }
        let f = loss.names.iter().find(|named| {
            named.name == "f" && needed[named.id.index()] && graph.shape(named.id) != Shape::Cell
        });
        let (reading, target) = f.map_or((Reading::Loss, root), |f| (Reading::Named, f.id));
        let (own, others) =
            (graph.add(Op::Input(0, At::Target), &[]), graph.add(Op::Input(0, At::Other), &[]));
        let unit = graph.number(unit);
        let (own_logit, other_logit) =
            (graph.add(Op::Mul, &[unit, own]), graph.add(Op::Mul, &[unit, others]));
        let lse = graph.add(Op::LseK, &[other_logit]);
        let plain = graph.add(Op::Sub, &[lse, own_logit]);
        let by_own = differentiate(graph, root, &[own])[0];
        let by_logit = graph.add(Op::Div, &[by_own, unit]);
        let slope = graph.add(Op::Neg, &[by_logit]);
        Logits { reading: (reading, Reading::Loss), target, other: root, odds: None, plain, slope }
    }
}

/// u = LSE − a of the first softmax that the loss needs, with a and what the LSE is over; else of a softplus(u) that has
/// one LSE in it, once and as it is.
fn softmax(loss: &mut Loss, needed: &[bool]) -> Option<(Id, Id, Id)> {
    let graph = &mut loss.graph;
    let margin = loss.names.iter().find(|named| named.role == Role::Margin && needed[named.id.index()]);
    if let Some(u) = margin.map(|named| named.id)
        && let (Op::Sub, &[lse, target]) = (graph.op(u), graph.args(u))
        && let (Op::LseK, &[other]) = (graph.op(lse), graph.args(lse))
    {
        return Some((u, target, other));
    }
    let costs: Vec<Id> =
        graph.ids().filter(|id| needed[id.index()] && graph.op(*id) == Op::Softplus).collect();
    for cost in costs {
        let u = graph.args(cost)[0];
        let inside = graph.reachable(&[u]);
        let sums: Vec<Id> =
            graph.ids().filter(|id| inside[id.index()] && graph.op(*id) == Op::LseK).collect();
        if let [lse] = sums[..] {
            let share = differentiate(graph, u, &[lse])[0];
            if graph.constant(share) == Some(1.0) {
                let target = graph.add(Op::Sub, &[lse, u]);
                return Some((u, target, graph.args(lse)[0]));
            }
        }
    }
    None
}

/// u = −a of a softplus(−a) that reads the sample's own class alone, with a and the b of a softplus(b) of the other classes.
fn sigmoid(graph: &mut Graph, needed: &[bool]) -> Option<(Id, Id, Option<Id>)> {
    let reads = |graph: &Graph, id: Id, at: At| graph.depends(id, |op| op == Op::Input(0, at));
    let costs: Vec<Id> = graph
        .ids()
        .filter(|id| needed[id.index()] && graph.op(*id) == Op::Softplus)
        .map(|id| graph.args(id)[0])
        .collect();
    let own = |u: &&Id| reads(graph, **u, At::Target) && !reads(graph, **u, At::Other);
    let &u = costs.iter().find(own)?;
    let others = |u: &&Id| graph.shape(**u) == Shape::Cell && reads(graph, **u, At::Other);
    let other = costs.iter().find(others).copied();
    let target = graph.add(Op::Neg, &[u]);
    Some((u, target, other))
}

/// The other classes' logit without the ln h that a softmax's weight h adds.
fn without_weight(graph: &Graph, other: Id) -> Id {
    match (graph.op(other), graph.args(other)) {
        (Op::Add, &[plain, ln]) if graph.op(ln) == Op::Ln && graph.shape(plain) == Shape::Cell => plain,
        _ => other,
    }
}
