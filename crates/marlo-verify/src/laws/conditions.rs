//! Where a program is defined: what each operation asks of its arguments, and whether the declared ranges give it.

use std::collections::HashSet;

use marlo_ir::graph::{Graph, Id};
use marlo_ir::op::Op;

use super::range::Range;
use super::term::Terms;

/// Something that must hold for the algebra to be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What, as text: `1 + t ≠ 0`.
    pub text: String,
    /// Do the declared ranges imply it?
    pub holds: bool,
}

/// Everything that the nodes under the roots ask for, each once; `range` says what is known of a node.
pub(crate) fn of(graph: &Graph, roots: &[Id], range: impl Fn(Id) -> Range) -> Vec<Condition> {
    let mut terms = Terms::default();
    let needed = graph.reachable(roots);
    let ids: Vec<Id> = graph.ids().filter(|id| needed[id.index()]).collect();
    let read = terms.read(graph, &ids);
    let mut found: Vec<Condition> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for &id in &ids {
        let Some((asked, what, holds)) = needs(graph, id, &range) else { continue };
        let Ok(place) = ids.binary_search(&asked) else { continue };
        let text = format!("{} {what}", terms.text(graph, read[place]));
        if seen.insert(text.clone()) {
            found.push(Condition { text, holds });
        }
    }
    found
}

/// Of which argument a node asks what, and whether that is known.
fn needs(graph: &Graph, id: Id, range: &impl Fn(Id) -> Range) -> Option<(Id, &'static str, bool)> {
    let args = graph.args(id);
    let literal = |place: usize| graph.constant(args[place]);
    match graph.op(id) {
        Op::Div => Some((args[1], "≠ 0", range(args[1]).nonzero)),
        Op::Ln => Some((args[0], "> 0", range(args[0]).positive())),
        Op::Log1p => Some((args[0], "> -1", Range::point(1.0).add(range(args[0])).positive())),
        Op::Sqrt => Some((args[0], "≥ 0", range(args[0]).nonnegative())),
        Op::Csc => Some((args[0], "≠ ±1", inside(range(args[0])))),
        Op::SinRatio => {
            let polynomial = literal(1) == Some(0.0) && literal(0).is_some_and(|a| a.fract() == 0.0);
            (!polynomial).then(|| (args[2], "≠ ±1", inside(range(args[2]))))
        }
        Op::Parity => Some((args[0], "is a whole number", graph.is_whole(args[0]))),
        Op::Pow => {
            let (base, exponent) = (range(args[0]), range(args[1]));
            // A whole exponent takes any base, but a negative one not 0.
            let whole = literal(1).is_some_and(|e| e.fract() == 0.0) || graph.is_whole(args[1]);
            match (whole, exponent.nonnegative()) {
                (true, true) => None,
                (true, false) => Some((args[0], "≠ 0", base.nonzero)),
                (false, true) => Some((args[0], "≥ 0", base.nonnegative())),
                (false, false) => Some((args[0], "> 0", base.positive())),
            }
        }
        _ => None,
    }
}

fn inside(cosine: Range) -> bool {
    cosine.lo > -1.0 && cosine.hi < 1.0
}
