//! A loss, and its gradient.

use crate::derivative::differentiate;
use crate::graph::{Graph, Id};
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
}

impl Loss {
    /// The roots that a rebuilt graph must keep.
    fn roots(&self) -> Vec<Id> {
        let mut roots = vec![self.row, self.total];
        roots.extend(self.names.iter().map(|n| n.id));
        roots
    }

    fn mapped(&self, graph: Graph, map: &[Option<Id>]) -> Loss {
        let at = |id: Id| map[id.index()].unwrap_or(id);
        Loss {
            name: self.name.clone(),
            graph,
            row: at(self.row),
            total: at(self.total),
            names: self.names.iter().map(|n| Named { id: at(n.id), ..n.clone() }).collect(),
        }
    }

    /// The loss in normal form: see [`crate::simplify`].
    pub fn normalised(&self) -> Loss {
        let (graph, map) = simplify(&self.graph, &self.roots());
        self.mapped(graph, &map)
    }

    /// The gradient of the batch's loss by the matrix.
    pub fn gradient(&self) -> Gradient {
        self.derive(self.total)
    }

    /// The gradient of each sample's own loss where it depends on no other sample, else of the batch's loss.
    ///
    /// This is the one that papers print: without the factor 1/B of the mean.
    pub fn row_gradient(&self) -> Gradient {
        self.derive(if self.couples_rows() { self.total } else { self.row })
    }

    /// Does a sample's gradient depend on other samples, beyond the 1/B of a mean?
    pub fn couples_rows(&self) -> bool {
        match self.graph.op(self.total) {
            Op::MeanI => self.graph.depends(self.row, Op::is_batch),
            _ => true,
        }
    }

    fn derive(&self, root: Id) -> Gradient {
        let roots = self.roots();
        let (graph, map) = simplify(&self.graph, &roots);
        let mut loss = self.mapped(graph, &map);
        let root = map[root.index()].unwrap_or(root);
        let wrt = [At::Target, At::Other].map(|at| loss.graph.add(Op::Input(0, at), &[]));
        let parts = differentiate(&mut loss.graph, root, &wrt);
        let mut keep = loss.roots();
        keep.extend(&parts);
        let (graph, map) = without_detach(&loss.graph, &keep);
        let at = |id: Id| map[id.index()].unwrap_or(id);
        Gradient { target: at(parts[0]), other: at(parts[1]), loss: loss.mapped(graph, &map) }
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
}
