//! The loss and gradient of a batch in any arithmetic, by the derived formula, by dual numbers, and by differences.
//!
//! The derived formula is the claim. Dual numbers and differences run the program as it was written and know nothing of
//! the formula, so with 256 bits each is an oracle for it.

use marlo_ir::eval::{Batch, Dual, Outcome, Scalar, evaluate, outcome};
use marlo_ir::graph::{Graph, Id};
use marlo_ir::loss::{Gradient, Loss};
use marlo_ir::op::Op;

use crate::big::Big;
use crate::decisions::Doubt;
use crate::shifted::{Shifted, slopes};

/// A loss with all that its checks need, made once.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The loss as it was written.
    pub loss: &'a Loss,
    /// In normal form, stop-gradients and all; those of the gradient's own graph are gone.
    normal: Loss,
    gradient: Gradient,
    doubt: Doubt,
    coupled: bool,
}

/// Two differences that agree to 20 digits are the slope; below this size their rounding shows.
const AGREE: f64 = 1e-20;
const SMALLEST: f64 = 1e-35;

impl<'a> Subject<'a> {
    /// Derives the gradient and finds the decisions.
    pub fn of(loss: &'a Loss) -> Self {
        let gradient = loss.gradient();
        let doubt = Doubt::of(loss, &gradient);
        // A mean over rows that know nothing of each other is differentiated row by row.
        let mean = loss.graph.op(loss.total) == Op::MeanI && loss.graph.args(loss.total) == [loss.row];
        Subject { loss, normal: loss.normalised(), doubt, coupled: loss.couples_rows() || !mean, gradient }
    }

    /// Which rows hold a decision that rounding in f64 could take the other way: see [`Doubt::rows`].
    pub fn in_doubt(&self, batch: &Batch<f64>) -> Vec<bool> {
        self.doubt.rows(batch)
    }

    /// Could that relative error change how many rows are kept in a ranking by share?
    pub(crate) fn count_in_doubt(&self, batch: &Batch<f64>, tolerance: f64) -> bool {
        self.doubt.counts(batch, tolerance)
    }

    /// Loss and gradient by the derived formula.
    pub fn derived<S: Scalar>(&self, batch: &Batch<f64>) -> Outcome<S> {
        outcome(&self.gradient, &batch.convert::<S>())
    }

    /// Each sample's loss by the program as it was written.
    pub fn written<S: Scalar>(&self, batch: &Batch<f64>) -> Vec<S> {
        let values = evaluate(&self.loss.graph, &[self.loss.row], &batch.convert::<S>()).remove(0);
        (0..batch.rows).map(|row| values[if values.len() == 1 { 0 } else { row }]).collect()
    }

    /// The gradient by dual numbers over the program as it was written.
    ///
    /// At cos = ±1 a derivative is what the language says it is (1/sin θ at the nearest cosine inside), and it says so of
    /// cos(aθ + b), sin(aθ + b) and sin(aθ + b)/sin θ as wholes, which the normal form has: a batch with such a cosine is
    /// run in normal form.
    pub fn by_dual<S: Scalar>(&self, batch: &Batch<f64>) -> Vec<S> {
        let dual = batch.convert::<Dual<S>>();
        let (graph, root) = self.form(batch);
        let found = self.entries(batch, |at| {
            let mut seeded = dual.clone();
            at.iter().for_each(|&at| seeded.matrix[at].slope = S::one());
            evaluate(graph, &[root], &seeded).remove(0).into_iter().map(|v| Some(v.slope)).collect()
        });
        found.into_iter().map(|slope| slope.unwrap_or_else(S::zero)).collect()
    }

    /// The gradient by central differences of the program as it was written, along the branch that it takes; `None`
    /// where differences don't settle, and at cos = ±1, where there is only one side.
    pub fn by_difference(&self, batch: &Batch<f64>) -> Vec<Option<Big>> {
        let shifted = batch.convert::<Shifted<Big>>();
        let (graph, root) = self.form(batch);
        let found = self.entries(batch, |at| {
            let moved = |step: Big| -> Vec<Big> {
                let mut moved = shifted.clone();
                at.iter().for_each(|&at| moved.matrix[at].there += step);
                evaluate(graph, &[root], &moved).remove(0).into_iter().map(|v| v.there).collect()
            };
            slopes(moved, AGREE, SMALLEST)
        });
        let one_sided = |x: f64| self.reads_cosines() && x.abs() == 1.0;
        found.into_iter().zip(&batch.matrix).map(|(slope, &x)| slope.filter(|_| !one_sided(x))).collect()
    }

    fn reads_cosines(&self) -> bool {
        self.loss.graph.inputs.first().is_some_and(|input| input.name == "cos")
    }

    /// The graph and root that an oracle differentiates.
    fn form(&self, batch: &Batch<f64>) -> (&Graph, Id) {
        let at_end = self.reads_cosines() && batch.matrix.iter().any(|x| x.abs() == 1.0);
        let loss = if at_end { &self.normal } else { self.loss };
        (&loss.graph, if self.coupled { loss.total } else { loss.row })
    }

    /// Collects ∂/∂ of each entry. Where rows know nothing of each other one evaluation serves a column: `slopes` gets
    /// the entries that move together and gives a slope for each row, or one for all.
    fn entries<S: Scalar>(
        &self,
        batch: &Batch<f64>,
        slopes: impl Fn(&[usize]) -> Vec<Option<S>>,
    ) -> Vec<Option<S>> {
        let (rows, classes) = (batch.rows, batch.classes);
        if self.coupled {
            return (0..rows * classes).map(|at| slopes(&[at])[0]).collect();
        }
        let column = |class: usize| (0..rows).map(|row| row * classes + class).collect::<Vec<usize>>();
        let columns: Vec<Vec<Option<S>>> = (0..classes).map(|class| slopes(&column(class))).collect();
        let entry = |at: usize| {
            let column = &columns[at % classes];
            let slope = column[if column.len() == 1 { 0 } else { at / classes }];
            slope.map(|slope| slope / S::from_f64(rows as f64))
        };
        (0..rows * classes).map(entry).collect()
    }
}

/// The largest size of a row's entries, (B,).
pub fn largest(gradient: &[f64], classes: usize) -> Vec<f64> {
    gradient.chunks(classes).map(|row| row.iter().fold(0.0, |m: f64, x| m.max(x.abs()))).collect()
}
