//! The loss and gradient of a batch in any arithmetic, by the derived formula, by dual numbers, and by differences.
//!
//! The derived formula is the claim. Dual numbers and differences run the program as it was written and know nothing of
//! the formula, so with 256 bits each is an oracle for it.

use std::collections::HashMap;

use marlo_ir::eval::{Batch, Dual, Outcome, Scalar, evaluate, outcome};
use marlo_ir::graph::{Axis, Graph, Id, Input};
use marlo_ir::loss::{Gradient, Loss, Wrt};
use marlo_ir::op::{At, Op};

use crate::big::Big;
use crate::claims::replace;
use crate::decisions::Doubt;
use crate::domain;
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
    /// For each hyperparameter that is differentiated by, the loss of the batch with it as a further input of the samples:
    /// as it was written, and in normal form.
    by_param: Vec<(u32, [(Graph, Id); 2])>,
}

/// A number of the gradient, or of a further derivative: by what, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Where it stands, in words; nothing for a loss with one centre a class, where row and class say it.
    pub of: Option<String>,
    /// The row; `None` for what is summed over the batch.
    pub row: Option<usize>,
    /// The class of an entry by a matrix.
    pub class: Option<usize>,
    /// Numbers with the same group are as large as each other: those of a row, those by one input.
    group: usize,
}

impl Slot {
    /// A number of a row.
    pub(crate) fn of_row(row: usize) -> Slot {
        Slot { of: None, row: Some(row), class: None, group: row }
    }

    /// A number that has no row.
    pub(crate) fn named(of: String) -> Slot {
        Slot { of: Some(of), row: None, class: None, group: 0 }
    }
}

/// Numbers that move together, and what moves with them.
struct Moved<'a> {
    graph: &'a Graph,
    root: Id,
    /// The input: 0 is the matrix.
    input: usize,
    at: &'a [usize],
    /// The value of a hyperparameter that has become the last input.
    param: Option<f64>,
}

impl Moved<'_> {
    /// The batch with the numbers that move changed.
    fn batch<S: Scalar>(&self, from: &Batch<S>, change: impl Fn(&mut S)) -> Batch<S> {
        let mut batch = from.clone();
        batch.vectors.extend(self.param.map(|value| vec![S::from_f64(value); batch.rows]));
        let values = match self.input {
            0 => &mut batch.matrix,
            input => &mut batch.vectors[input - 1],
        };
        self.at.iter().for_each(|&at| change(&mut values[at]));
        batch
    }
}

/// Two differences that agree to 20 digits are the slope; below this size their rounding shows.
const AGREE: f64 = 1e-20;
const SMALLEST: f64 = 1e-35;

impl<'a> Subject<'a> {
    /// Derives the gradient by the matrices and finds the decisions.
    pub fn of(loss: &'a Loss) -> Self {
        Self::by(loss, &domain::centres(loss))
    }

    /// The same with derivatives by further inputs and hyperparameters.
    pub fn by(loss: &'a Loss, wrt: &[Wrt]) -> Self {
        let gradient = loss.gradient_by(wrt);
        let doubt = Doubt::of(loss, &gradient);
        let normal = loss.normalised();
        // A mean over rows that know nothing of each other is differentiated row by row.
        let mean = loss.graph.op(loss.total) == Op::MeanI && loss.graph.args(loss.total) == [loss.row];
        let param = |by: &Wrt| match by {
            Wrt::Param(param) => Some((*param, [loss, &normal].map(|loss| as_input(loss, *param)))),
            Wrt::Input(_) => None,
        };
        let by_param = wrt.iter().filter_map(param).collect();
        Subject { loss, doubt, coupled: loss.couples_rows() || !mean, gradient, by_param, normal }
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

    /// The numbers of [`derived`](Self::derived)'s gradient and further derivatives in one row, as [`slots`](Self::slots)
    /// names them.
    pub fn flat<S: Scalar>(found: &Outcome<S>) -> Vec<S> {
        let partials = found.partials.iter().flat_map(|partial| &partial.1);
        found.gradient.iter().chain(partials).copied().collect()
    }

    /// What each number of the gradient and of the further derivatives is.
    pub fn slots(&self, batch: &Batch<f64>) -> Vec<Slot> {
        let inputs = &self.loss.graph.inputs;
        let matrices: Vec<usize> = domain::matrices(&self.loss.graph).collect();
        let mut slots = Vec::new();
        for at in 0..batch.rows * batch.classes {
            let (row, class) = (at / batch.classes, at % batch.classes);
            for &input in &matrices {
                let name = &inputs[input].name;
                let of = (matrices.len() > 1)
                    .then(|| format!("the gradient by {name} at row {row}, class {class}"));
                slots.push(Slot { of, row: Some(row), class: Some(class), group: row });
            }
        }
        for (group, partial) in (batch.rows..).zip(&self.gradient.partials) {
            let (name, axis) = match partial.by {
                Wrt::Param(at) => (&self.loss.graph.params[at as usize].name, None),
                Wrt::Input(at) => (&inputs[at as usize].name, Some(inputs[at as usize].axis)),
            };
            let place = |at: usize| match axis {
                Some(Axis::Rows) => (format!("the derivative by {name} at row {at}"), Some(at)),
                Some(_) => (format!("the derivative by {name} at class {at}"), None),
                None => (format!("the derivative by {name}"), None),
            };
            let count = match axis {
                Some(Axis::Matrix) => 0,
                Some(Axis::Rows) => batch.rows,
                Some(Axis::Classes) => batch.classes,
                None => 1,
            };
            slots.extend((0..count).map(place).map(|(of, row)| Slot {
                of: Some(of),
                row,
                class: None,
                group,
            }));
        }
        slots
    }

    /// Each sample's loss and the next value of each state by the program as it was written.
    pub fn written<S: Scalar>(&self, batch: &Batch<f64>) -> (Vec<S>, Vec<S>) {
        let mut roots = vec![self.loss.row];
        roots.extend(self.loss.updates.iter().map(|update| update.next));
        let mut found = evaluate(&self.loss.graph, &roots, &batch.convert::<S>());
        let states = found.split_off(1).into_iter().map(|state| state[0]).collect();
        let values = found.remove(0);
        ((0..batch.rows).map(|row| values[if values.len() == 1 { 0 } else { row }]).collect(), states)
    }

    /// The gradient, and the further derivatives, by dual numbers over the program as it was written; see
    /// [`slots`](Self::slots).
    ///
    /// At cos = ±1 a derivative is what the language says it is (1/sin θ at the nearest cosine inside), and it says so of
    /// cos(aθ + b), sin(aθ + b) and sin(aθ + b)/sin θ as wholes, which the normal form has: a batch with such a cosine is
    /// run in normal form.
    pub fn by_dual<S: Scalar>(&self, batch: &Batch<f64>) -> Vec<S> {
        let dual = batch.convert::<Dual<S>>();
        let found = self.entries(batch, |moved| {
            let seeded = moved.batch(&dual, |x| x.slope = S::one());
            let slopes = evaluate(moved.graph, &[moved.root], &seeded).remove(0);
            slopes.into_iter().map(|v| Some(v.slope)).collect()
        });
        found.into_iter().map(|slope| slope.unwrap_or_else(S::zero)).collect()
    }

    /// The same by central differences of the program as it was written, along the branch that it takes; `None` where
    /// differences don't settle, and at cos = ±1, where there is only one side.
    pub fn by_difference(&self, batch: &Batch<f64>) -> Vec<Option<Big>> {
        let shifted = batch.convert::<Shifted<Big>>();
        let mut found = self.entries(batch, |moved| {
            let value = |step: Big| -> Vec<Big> {
                let there = moved.batch(&shifted, |x| x.there += step);
                evaluate(moved.graph, &[moved.root], &there).remove(0).into_iter().map(|v| v.there).collect()
            };
            slopes(value, AGREE, SMALLEST)
        });
        for (slope, x) in found.iter_mut().zip(self.cells(batch)) {
            *slope = slope.filter(|_| !(domain::reads_cosines(&self.loss.graph) && x.abs() == 1.0));
        }
        found
    }

    /// The entries of all matrices, (B, C, K).
    fn cells(&self, batch: &Batch<f64>) -> Vec<f64> {
        let of = |input: usize| if input == 0 { &batch.matrix } else { &batch.vectors[input - 1] };
        marlo_ir::eval::interleave(domain::matrices(&self.loss.graph).map(|at| of(at).clone()).collect())
    }

    /// Does the batch hold a cosine of ±1?
    pub(crate) fn at_end(&self, batch: &Batch<f64>) -> bool {
        domain::reads_cosines(&self.loss.graph) && self.cells(batch).iter().any(|x| x.abs() == 1.0)
    }

    /// Collects ∂/∂ of each entry, in the order of [`slots`](Self::slots). `slopes` gets the entries that move together and
    /// gives a slope for each row, or one for all.
    fn entries<S: Scalar>(
        &self,
        batch: &Batch<f64>,
        slopes: impl Fn(&Moved<'_>) -> Vec<Option<S>>,
    ) -> Vec<Option<S>> {
        let at_end = self.at_end(batch);
        let loss = if at_end { &self.normal } else { self.loss };
        let along = |input: usize, root: Id, at: &[usize]| {
            slopes(&Moved { graph: &loss.graph, root, input, at, param: None })
        };
        let alone = |input: usize, at: usize| along(input, loss.total, &[at])[0];
        // Where rows know nothing of each other one evaluation serves a column.
        let share = S::from_f64(batch.rows as f64);
        let of_row = |column: &[Option<S>], row: usize| {
            column[if column.len() == 1 { 0 } else { row }].map(|slope| slope / share)
        };
        let (rows, classes) = (batch.rows, batch.classes);
        let matrix = |input: usize| -> Vec<Option<S>> {
            if self.coupled {
                return (0..rows * classes).map(|at| alone(input, at)).collect();
            }
            let column = |class: usize| (0..rows).map(|row| row * classes + class).collect::<Vec<usize>>();
            let columns: Vec<Vec<Option<S>>> =
                (0..classes).map(|class| along(input, loss.row, &column(class))).collect();
            (0..rows * classes).map(|at| of_row(&columns[at % classes], at / classes)).collect()
        };
        let slabs = domain::matrices(&self.loss.graph).map(matrix).collect();
        let mut found = marlo_ir::eval::interleave(slabs);
        for partial in &self.gradient.partials {
            let input = match partial.by {
                Wrt::Param(param) => {
                    found.extend(self.by_param(param, batch, at_end, &slopes));
                    continue;
                }
                Wrt::Input(input) => input as usize,
            };
            match self.loss.graph.inputs[input].axis {
                Axis::Matrix => {}
                Axis::Rows if !self.coupled => {
                    let all: Vec<usize> = (0..rows).collect();
                    let column = along(input, loss.row, &all);
                    found.extend((0..rows).map(|row| of_row(&column, row)));
                }
                Axis::Rows => found.extend((0..rows).map(|at| alone(input, at))),
                Axis::Classes => found.extend((0..classes).map(|at| alone(input, at))),
            }
        }
        found
    }

    /// The derivative by a hyperparameter.
    fn by_param<S: Scalar>(
        &self,
        param: u32,
        batch: &Batch<f64>,
        at_end: bool,
        slopes: &impl Fn(&Moved<'_>) -> Vec<Option<S>>,
    ) -> Option<Option<S>> {
        let (_, forms) = self.by_param.iter().find(|by| by.0 == param)?;
        let (graph, root) = &forms[usize::from(at_end)];
        let at: Vec<usize> = (0..batch.rows).collect();
        let value = batch.params.get(param as usize).copied();
        let input = self.loss.graph.inputs.len();
        slopes(&Moved { graph, root: *root, input, at: &at, param: value }).into_iter().next()
    }
}

/// The loss of the batch with a hyperparameter as the last input, one value a sample: such values can be moved.
fn as_input(loss: &Loss, param: u32) -> (Graph, Id) {
    let mut graph = loss.graph.clone();
    let declared = &graph.params[param as usize];
    let input = Input::new(&declared.name, declared.kind, Axis::Rows);
    graph.inputs.push(input);
    let leaf = graph.add(Op::Param(param), &[]);
    let fresh = graph.add(Op::Input(graph.inputs.len() as u32 - 1, At::Row), &[]);
    let root = replace(&mut graph, &[loss.total], &HashMap::from([(leaf, fresh)]))[0];
    (graph, root)
}

/// The largest size in each number's group.
pub(crate) fn group_sizes(slots: &[Slot], values: &[f64]) -> Vec<f64> {
    let mut sizes: HashMap<usize, f64> = HashMap::new();
    for (slot, x) in slots.iter().zip(values) {
        let size = sizes.entry(slot.group).or_default();
        *size = size.max(x.abs());
    }
    slots.iter().map(|slot| sizes.get(&slot.group).copied().unwrap_or_default()).collect()
}
