//! Formulas: a loss and its gradient in the paper's notation, as text, LaTeX or MathML.
//!
//! Probabilities, masks and the source's own names stay symbols, and a `where` part defines the ones that were used:
//! MV-Arc-Softmax's push reads ∂L/∂cos θ_k = s·p_k·(1 + t·I_k).

mod latex;
mod math;
mod mathml;
mod read;
mod text;

pub use math::{Math, Symbol};

use crate::graph::{Axis, Id};
use crate::loss::{Gradient, Loss, Wrt};
use crate::op::At;
use read::Reader;

/// The notation to print.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// One line of Unicode text an equation.
    Text,
    /// LaTeX, as the lines of an `aligned` environment.
    Latex,
    /// MathML, one `<math>` element an equation.
    MathMl,
}

/// An equation: what is defined, and as what.
#[derive(Clone, Debug, PartialEq)]
pub struct Equation {
    /// The left side.
    pub left: Math,
    /// The right side.
    pub right: Math,
}

/// The equations of a loss.
#[derive(Clone, Debug, PartialEq)]
pub struct Formulas {
    /// The loss and its derivatives.
    pub equations: Vec<Equation>,
    /// Definitions of the symbols that they use.
    pub definitions: Vec<Equation>,
}

impl Formulas {
    /// The formulas of a loss and its gradient: of one sample's loss, or of the batch's where samples are coupled.
    pub fn of(loss: &Loss) -> Formulas {
        Formulas::by(loss, &[])
    }

    /// The same with derivatives by further inputs and hyperparameters. Samples share those, so then it is the batch's loss.
    pub fn by(loss: &Loss, wrt: &[Wrt]) -> Formulas {
        let coupled = loss.couples_rows() || !wrt.is_empty();
        let mut all = loss.usual();
        all.extend(wrt.iter().filter(|by| !loss.usual().contains(by)));
        let gradient = if coupled { loss.gradient_by(&all) } else { loss.row_gradient() };
        let root = if coupled { gradient.loss.total } else { gradient.loss.row };
        // The gradient's graph has no stop-gradients left; the loss is shown with them.
        let written = loss.normalised();
        let mut reader = Reader::with_detach(&gradient.loss, &written);
        let value = reader.value(root, if coupled { written.total } else { written.row });
        let mut equations = vec![Equation { left: Math::symbol("L"), right: value }];
        let graph = &gradient.loss.graph;
        let mut places =
            vec![(reader.leaf(0, At::Target), gradient.target), (reader.leaf(0, At::Other), gradient.other)];
        for partial in &gradient.partials {
            match partial.by {
                Wrt::Param(at) => {
                    places.push((Math::symbol(&graph.params[at as usize].name), partial.target))
                }
                Wrt::Input(at) if graph.inputs[at as usize].axis == Axis::Rows => {
                    places.push((reader.leaf(at, At::Row), partial.target));
                }
                Wrt::Input(at) => {
                    places.push((reader.leaf(at, At::Target), partial.target));
                    places.push((reader.leaf(at, At::Other), partial.other));
                }
            }
        }
        for (by, id) in places {
            let left = Math::Derivative(Box::new(Math::symbol("L")), Box::new(by));
            equations.push(Equation { left, right: reader.read(id) });
        }
        for update in &gradient.loss.updates {
            let name = &graph.params[update.param as usize].name;
            let right = reader.read(update.next);
            // Where it has a name it is defined below.
            if right != Math::symbol(&format!("{name}_next")) {
                equations.push(Equation { left: Math::indexed(name, "next"), right });
            }
        }
        Formulas { equations, definitions: reader.definitions() }
    }

    /// Prints the equations, then `where`, then the definitions.
    pub fn print(&self, style: Style) -> String {
        match style {
            Style::Text => text::print(self),
            Style::Latex => latex::print(self),
            Style::MathMl => mathml::print(self),
        }
    }
}

/// The loss and its gradient, printed.
pub fn gradient(loss: &Loss, style: Style) -> String {
    Formulas::of(loss).print(style)
}

/// A value of a loss as one line of text, in the source's own names.
pub fn value(loss: &Loss, id: Id) -> String {
    let mut reader = Reader::new(loss);
    let math = reader.read(id);
    text::math(&math)
}

/// The definition of a value as one line of text, for comments in generated code: its formula where it is not called by
/// its own name. Nothing where it would take symbols that are defined nowhere.
pub fn definition(gradient: &Gradient, id: Id) -> Option<String> {
    let mut reader = Reader::new(&gradient.loss);
    let math = reader.open(id);
    (!reader.used_parts()).then(|| text::math(&math))
}

/// Names that are written as Greek letters, and the letters.
pub const GREEK: [(&str, &str); 20] = [
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("eta", "η"),
    ("theta", "θ"),
    ("kappa", "κ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("nu", "ν"),
    ("xi", "ξ"),
    ("pi", "π"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("phi", "φ"),
    ("chi", "χ"),
    ("psi", "ψ"),
    ("omega", "ω"),
];
