//! A loss, and its gradient.

use crate::derivative::differentiate;
use crate::graph::{Axis, Graph, Id, Input};
use crate::kind::Kind;
use crate::op::{At, Op};
use crate::simplify::{simplify, without_detach};

/// A value of the program that has a name in its source: `let f = …`, or p of a softmax.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The name, as in the source.
    pub name: String,
    /// What it stands for.
    pub role: Role,
    /// The value.
    pub id: Id,
}

/// What a named value is to a formula.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A `let`.
    Let,
    /// u of a softmax: p at the label is σ(−u).
    Margin,
    /// p at the label.
    PTarget,
    /// p at another class.
    POther,
}

/// A typed loss: a graph, a sample's loss in it, and the loss of the batch.
#[derive(Clone, Debug)]
pub struct Loss {
    /// Its name.
    pub name: String,
    /// The graph with the declarations.
    pub graph: Graph,
    /// Each sample's own loss, a row (a scalar when it does not vary).
    pub row: Id,
    /// The loss of the batch.
    pub total: Id,
    /// The named values, in the order of the source.
    pub names: Vec<Named>,
    /// How its states go on from step to step.
    pub updates: Vec<Update>,
}

/// The next value of a state.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The state, among the hyperparameters.
    pub param: u32,
    /// Its value after this step, one for the batch.
    pub next: Id,
}

/// What a loss can be differentiated by, beside its matrix.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wrt {
    /// The further input of that index.
    Input(u32),
    /// The hyperparameter of that index.
    Param(u32),
}

/// A derivative of the batch's loss by something else than the matrix.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    /// By what.
    pub by: Wrt,
    /// Through what is read at the label or at the sample: one value a row. By a hyperparameter: all of it, a scalar.
    pub target: Id,
    /// Through what is read at another class: one value a cell. The same as `target` where nothing is read there.
    pub other: Id,
}

/// A loss in normal form with its derivatives, in one graph.
#[derive(Clone, Debug)]
pub struct Gradient {
    /// The loss in normal form.
    pub loss: Loss,
    /// ∂/∂ of the matrix read at the label, one value a row.
    pub target: Id,
    /// ∂/∂ of the matrix read at another class, one value a cell.
    pub other: Id,
    /// Further derivatives, as they were asked for.
    pub partials: Vec<Partial>,
}

impl Loss {
    /// The roots that a rebuilt graph must keep.
    pub(crate) fn roots(&self) -> Vec<Id> {
        let mut roots = vec![self.row, self.total];
        roots.extend(self.names.iter().map(|n| n.id));
        roots.extend(self.updates.iter().map(|u| u.next));
        roots
    }

    /// The same loss after a graph was rebuilt, with the map from its nodes to the new ones.
    pub(crate) fn mapped(&self, graph: Graph, map: &[Option<Id>]) -> Loss {
        let at = |id: Id| map[id.index()].unwrap_or(id);
        Loss {
            name: self.name.clone(),
            graph,
            row: at(self.row),
            total: at(self.total),
            names: self.names.iter().map(|n| Named { id: at(n.id), ..n.clone() }).collect(),
            updates: self.updates.iter().map(|u| Update { next: at(u.next), ..*u }).collect(),
        }
    }

    /// The loss in normal form: see [`crate::simplify`].
    pub fn normalised(&self) -> Loss {
        let (graph, map) = simplify(&self.graph, &self.roots());
        self.mapped(graph, &map)
    }

    /// The gradient of the batch's loss by the matrix, and by [what always belongs to it](Self::usual).
    pub fn gradient(&self) -> Gradient {
        self.gradient_by(&self.usual())
    }

    /// The gradient of the batch's loss by the matrix, and by further inputs and hyperparameters.
    pub fn gradient_by(&self, wrt: &[Wrt]) -> Gradient {
        self.derive(self.total, wrt)
    }

    /// What a loss is always differentiated by beside the first matrix: further centres, and the norms of embeddings,
    /// without which the gradient by an embedding would lack its radial part.
    pub fn usual(&self) -> Vec<Wrt> {
        let belongs = |input: &Input| match input.axis {
            Axis::Matrix => true,
            Axis::Rows => input.kind == Kind::Norm,
            Axis::Classes => false,
        };
        let inputs = self.graph.inputs.iter().zip(0..).skip(1);
        inputs.filter(|(input, _)| belongs(input)).map(|(_, at)| Wrt::Input(at)).collect()
    }

    /// The input or hyperparameter of that name, to differentiate by: no state, and no hyperparameter that a schedule reads, for
    /// the schedule's part would be missing.
    pub fn wrt(&self, name: &str) -> Option<Wrt> {
        let input = (self.graph.inputs.iter().zip(0..).skip(1))
            .find(|(input, _)| input.name == name)
            .map(|(_, at)| Wrt::Input(at));
        let param = || self.graph.params.iter().position(|p| p.name == name && !p.state).map(|at| at as u32);
        input.or_else(|| param().filter(|&at| !self.graph.feeds_a_setting(at)).map(Wrt::Param))
    }

    /// The gradient of each sample's own loss where it depends on no other sample, else of the batch's loss.
    ///
    /// This is the one that papers print: without the factor 1/B of the mean.
    pub fn row_gradient(&self) -> Gradient {
        self.derive(if self.couples_rows() { self.total } else { self.row }, &self.usual())
    }

    /// Does a sample's gradient depend on other samples, beyond the 1/B of a mean?
    pub fn couples_rows(&self) -> bool {
        match self.graph.op(self.total) {
            Op::MeanI => self.graph.depends(self.row, Op::is_batch),
            _ => true,
        }
    }

    fn derive(&self, root: Id, wrt: &[Wrt]) -> Gradient {
        let roots = self.roots();
        let (graph, map) = simplify(&self.graph, &roots);
        let mut loss = self.mapped(graph, &map);
        let root = map[root.index()].unwrap_or(root);
        let mut places = [At::Target, At::Other].map(|at| loss.graph.add(Op::Input(0, at), &[])).to_vec();
        for by in wrt {
            let [target, other] = read_by(&mut loss.graph, *by);
            places.extend([target, other]);
        }
        let parts = differentiate(&mut loss.graph, root, &places);
        let mut keep = loss.roots();
        keep.extend(&parts);
        let (graph, map) = without_detach(&loss.graph, &keep);
        let at = |id: Id| map[id.index()].unwrap_or(id);
        let partials = wrt.iter().zip(parts[2..].chunks(2));
        let partial = |(&by, pair): (&Wrt, &[Id])| Partial { by, target: at(pair[0]), other: at(pair[1]) };
        let partials = partials.map(partial).collect();
        Gradient { target: at(parts[0]), other: at(parts[1]), partials, loss: loss.mapped(graph, &map) }
    }
}

/// The leaves through which an input or a hyperparameter is read: at the label or the sample, and at another class.
fn read_by(graph: &mut Graph, by: Wrt) -> [Id; 2] {
    match by {
        Wrt::Param(index) => [graph.add(Op::Param(index), &[]); 2],
        Wrt::Input(index) => match graph.inputs[index as usize].axis {
            Axis::Rows => [graph.add(Op::Input(index, At::Row), &[]); 2],
            _ => [At::Target, At::Other].map(|at| graph.add(Op::Input(index, at), &[])),
        },
    }
}

impl Gradient {
    /// The loss and derivatives by name, for printing.
    pub fn roots(&self) -> [(&'static str, Id); 4] {
        let x = if self.loss.graph.inputs.first().is_some_and(|i| i.name == "logit") {
            ["dlogit[y]", "dlogit[k]"]
        } else {
            ["dcos[y]", "dcos[k]"]
        };
        [("row", self.loss.row), ("loss", self.loss.total), (x[0], self.target), (x[1], self.other)]
    }
    /// Every root: the loss, the derivatives and the next values of states, by name.
    pub fn all_roots(&self) -> Vec<(String, Id)> {
        let graph = &self.loss.graph;
        let mut roots: Vec<(String, Id)> = self.roots().map(|(name, id)| (name.to_owned(), id)).to_vec();
        for partial in &self.partials {
            match partial.by {
                Wrt::Param(at) => {
                    roots.push((format!("d{}", graph.params[at as usize].name), partial.target))
                }
                Wrt::Input(at) => {
                    let input = &graph.inputs[at as usize];
                    if input.axis == Axis::Rows {
                        roots.push((format!("d{}[i]", input.name), partial.target));
                    } else {
                        roots.push((format!("d{}[y]", input.name), partial.target));
                        roots.push((format!("d{}[k]", input.name), partial.other));
                    }
                }
            }
        }
        let next = |u: &Update| (format!("next {}", graph.params[u.param as usize].name), u.next);
        roots.extend(self.loss.updates.iter().map(next));
        roots
    }

    /// The partial of a cell: does it have a part that is read at the other classes?
    pub fn has_cells(&self, by: Wrt) -> bool {
        matches!(by, Wrt::Input(at) if self.loss.graph.inputs[at as usize].axis != Axis::Rows)
    }
}
