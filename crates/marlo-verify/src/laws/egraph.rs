//! Equality saturation with egg: the second proof, on raw terms.
//!
//! What comes out is a list of steps that nothing here vouches for; [`super::replay`] checks each of them.

use std::time::Duration;

use egg::{
    Analysis, ConditionalApplier, DidMerge, EGraph, ENodeOrVar, FlatTerm, Language, Pattern as EggPattern,
    PatternAst, RecExpr, Rewrite, Runner, Subst, Var,
};
use marlo_ir::graph::Graph;
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;
use num_rational::BigRational;
use num_traits::Zero;

use super::Limits;
use super::exact;
use super::pattern::Pattern;
use super::range::Range;
use super::rules::{Need, Rule};
use super::term::{Head, TermId, Terms};

/// The name of the steps that compute with literals.
pub(crate) const FOLD: &str = "literals";
/// Trees and proofs beyond these sizes are not written out.
const LARGEST_TREE: u64 = 1_500;
const LONGEST_PROOF: u32 = 2_000;
/// Literals beyond so many bits are not computed with.
const MOST_BITS: u64 = 512;

/// A node of the e-graph.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Node {
    head: Head,
    args: Vec<egg::Id>,
}

impl Language for Node {
    type Discriminant = Head;

    fn discriminant(&self) -> Head {
        self.head.clone()
    }

    fn matches(&self, other: &Self) -> bool {
        self.head == other.head && self.args.len() == other.args.len()
    }

    fn children(&self) -> &[egg::Id] {
        &self.args
    }

    fn children_mut(&mut self) -> &mut [egg::Id] {
        &mut self.args
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.head.fmt(f)
    }
}

impl egg::FromOp for Node {
    type Error = &'static str;

    /// egg asks for it before it tells how long a proof is; no term is ever read from text.
    fn from_op(_: &str, _: Vec<egg::Id>) -> Result<Self, Self::Error> {
        Err("terms are not read from text")
    }
}

/// What is known of a class of equal terms.
#[derive(Clone, Debug)]
struct Known {
    range: Range,
    shape: Shape,
    /// The literal that it is equal to, and the operation on literals that says so.
    literal: Option<(BigRational, Vec<Node>)>,
}

/// Keeps what is known, and whether it contradicts itself.
struct Facts {
    declarations: Graph,
    contradiction: Option<String>,
}

impl Analysis<Node> for Facts {
    type Data = Known;

    fn make(egraph: &mut EGraph<Node, Self>, node: &Node, _: egg::Id) -> Known {
        let ranges: Vec<Range> = node.args.iter().map(|a| egraph[*a].data.range).collect();
        let shape = node.head.shape(node.args.iter().map(|a| egraph[*a].data.shape));
        let square = matches!(node.args.as_slice(), [x, y] if egraph.find(*x) == egraph.find(*y))
            && node.head == Head::Op(Op::Mul);
        let range = match square {
            true => ranges[0].whole_power(2),
            false => node.head.range(&egraph.analysis.declarations, &ranges),
        };
        Known { range, shape, literal: literal(egraph, node) }
    }

    fn merge(&mut self, a: &mut Known, b: Known) -> DidMerge {
        if a.range.disjoint(b.range) {
            self.contradiction = Some(format!("{:?} and {:?}", a.range, b.range));
        }
        if let (Some((p, _)), Some((q, _))) = (&a.literal, &b.literal)
            && p != q
        {
            self.contradiction = Some(format!("{p} and {q}"));
        }
        let both = Known {
            range: a.range.meet(b.range),
            shape: a.shape.min(b.shape),
            literal: a.literal.clone().or(b.literal.clone()),
        };
        let differs = |k: &Known| {
            k.range != both.range || k.shape != both.shape || k.literal.is_some() != both.literal.is_some()
        };
        let merged = DidMerge(differs(a), differs(&b));
        *a = both;
        merged
    }

    fn modify(egraph: &mut EGraph<Node, Self>, id: egg::Id) {
        let Some((q, from)) = egraph[id].data.literal.clone() else { return };
        // A literal itself needs no reason.
        if from.len() < 2 || egraph[id].nodes.iter().any(|n| matches!(n.head, Head::Number(_))) {
            return;
        }
        let from: PatternAst<Node> =
            RecExpr::from(from.into_iter().map(ENodeOrVar::ENode).collect::<Vec<_>>());
        let to = ENodeOrVar::ENode(Node { head: Head::Number(q), args: vec![] });
        egraph.union_instantiations(&from, &RecExpr::from(vec![to]), &Subst::default(), FOLD);
    }
}

/// The literal that a node is, and the node written on literals.
fn literal(egraph: &EGraph<Node, Facts>, node: &Node) -> Option<(BigRational, Vec<Node>)> {
    if let Head::Number(q) = &node.head {
        return Some((q.clone(), vec![Node { head: node.head.clone(), args: vec![] }]));
    }
    let Head::Op(op) = node.head else { return None };
    let literals: Option<Vec<BigRational>> =
        node.args.iter().map(|a| egraph[*a].data.literal.as_ref().map(|l| l.0.clone())).collect();
    let literals = literals.filter(|l| !l.is_empty())?;
    let q = fold(op, &literals)?;
    let mut nodes: Vec<Node> =
        literals.into_iter().map(|q| Node { head: Head::Number(q), args: vec![] }).collect();
    nodes.push(Node { head: Head::Op(op), args: (0..nodes.len()).map(egg::Id::from).collect() });
    Some((q, nodes))
}

/// The exact value of an operation on literals.
pub(crate) fn fold(op: Op, args: &[BigRational]) -> Option<BigRational> {
    let value = match (op, args) {
        (Op::Neg, [x]) => -x,
        (Op::Add, [x, y]) => x + y,
        (Op::Sub, [x, y]) => x - y,
        (Op::Mul, [x, y]) => x * y,
        (Op::Div, [x, y]) if !y.is_zero() => x / y,
        _ => return None,
    };
    (exact::bits(&value) <= MOST_BITS).then_some(value)
}

/// One step of a proof: the whole term after it, and the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawStep {
    /// The rule's name.
    pub(crate) rule: String,
    /// Was the rule applied from right to left?
    pub(crate) backward: bool,
    /// The whole term after the step.
    pub(crate) term: TermId,
}

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProof {
    /// The limits were met, or nothing more can be rewritten.
    #[error("no chain of rewritings was found ({0})")]
    NotFound(String),
    /// Written out, the terms or the proof are too long.
    #[error("the terms or their proof are too long to be written out")]
    TooLong,
    /// Two facts exclude each other: a rule is not sound. This is a mistake in marlo.
    #[error("the rules contradict each other: {0}")]
    Contradiction(String),
    /// A step did not stand up to the replay.
    #[error("a step does not stand up: {0}")]
    Rejected(String),
}

/// A chain of rewritings from one term to the other.
pub(crate) fn prove(
    graph: &Graph,
    terms: &mut Terms,
    from: TermId,
    to: TermId,
    rules: &[Rule],
    limits: Limits,
) -> Result<Vec<RawStep>, NoProof> {
    let sizes = terms.sizes();
    if sizes[from].max(sizes[to]) > LARGEST_TREE {
        return Err(NoProof::TooLong);
    }
    let facts = Facts { declarations: graph.like(), contradiction: None };
    let (left, right) = (expression(terms, from), expression(terms, to));
    let mut runner: Runner<Node, Facts> = Runner::new(facts)
        .with_explanations_enabled()
        .with_node_limit(limits.nodes)
        .with_iter_limit(limits.rounds)
        .with_time_limit(Duration::from_millis(limits.milliseconds))
        .with_expr(&left)
        .with_expr(&right);
    let (a, b) = (runner.roots[0], runner.roots[1]);
    runner = runner.with_hook(move |runner| {
        let met =
            runner.egraph.find(a) == runner.egraph.find(b) || runner.egraph.analysis.contradiction.is_some();
        if met { Err("done".into()) } else { Ok(()) }
    });
    let rewrites: Vec<Rewrite<Node, Facts>> = rules.iter().filter_map(rewrite).collect();
    let mut runner = runner.run(&rewrites);
    if let Some(what) = runner.egraph.analysis.contradiction.take() {
        return Err(NoProof::Contradiction(what));
    }
    if runner.egraph.find(a) != runner.egraph.find(b) {
        let nodes = runner.egraph.total_number_of_nodes();
        return Err(NoProof::NotFound(format!("{nodes} nodes, {} rounds", runner.iterations.len())));
    }
    let mut proof = runner.explain_equivalence(&left, &right);
    if proof.get_tree_size() > LONGEST_PROOF.into() {
        return Err(NoProof::TooLong);
    }
    let flat = proof.make_flat_explanation();
    let steps = flat.iter().skip(1).filter_map(|term| step(terms, term)).collect();
    Ok(without_detours(from, steps))
}

/// The proof without the rounds that come back to a term.
fn without_detours(from: TermId, steps: Vec<RawStep>) -> Vec<RawStep> {
    let mut straight: Vec<RawStep> = Vec::with_capacity(steps.len());
    for step in steps {
        if step.term == from {
            straight.clear();
        } else if let Some(at) = straight.iter().position(|s| s.term == step.term) {
            straight.truncate(at + 1);
        } else {
            straight.push(step);
        }
    }
    straight
}

fn rewrite(rule: &Rule) -> Option<Rewrite<Node, Facts>> {
    let needs: Option<Vec<(Need, Var)>> =
        rule.needs.iter().map(|(need, var)| Some((*need, var.parse().ok()?))).collect();
    let needs = needs?;
    let condition = move |egraph: &mut EGraph<Node, Facts>, _: egg::Id, subst: &Subst| {
        needs.iter().all(|(need, var)| {
            let known = &egraph[subst[*var]].data;
            need.holds(known.range, known.shape)
        })
    };
    let (left, right) = (EggPattern::new(pattern(&rule.left)?), EggPattern::new(pattern(&rule.right)?));
    Rewrite::new(rule.name, left, ConditionalApplier { condition, applier: right }).ok()
}

fn pattern(pattern: &Pattern) -> Option<PatternAst<Node>> {
    fn write(pattern: &Pattern, out: &mut Vec<ENodeOrVar<Node>>) -> Option<egg::Id> {
        let node = match pattern {
            Pattern::Variable(name) => ENodeOrVar::Var(name.parse().ok()?),
            Pattern::Node(head, args) => {
                let args: Option<Vec<egg::Id>> = args.iter().map(|a| write(a, out)).collect();
                ENodeOrVar::ENode(Node { head: head.clone(), args: args? })
            }
        };
        out.push(node);
        Some(egg::Id::from(out.len() - 1))
    }
    let mut out = Vec::new();
    write(pattern, &mut out)?;
    Some(RecExpr::from(out))
}

fn expression(terms: &Terms, root: TermId) -> RecExpr<Node> {
    let mut needed = vec![false; terms.len()];
    needed[root] = true;
    for id in (0..=root).rev() {
        if needed[id] {
            terms.args(id).iter().for_each(|a| needed[*a] = true);
        }
    }
    let mut map = vec![egg::Id::from(0); terms.len()];
    let mut nodes = Vec::new();
    for id in (0..=root).filter(|id| needed[*id]) {
        map[id] = egg::Id::from(nodes.len());
        let args = terms.args(id).iter().map(|a| map[*a]).collect();
        nodes.push(Node { head: terms.head(id).clone(), args });
    }
    RecExpr::from(nodes)
}

/// A term of egg's explanation, with the rule that led to it.
fn step(terms: &mut Terms, flat: &FlatTerm<Node>) -> Option<RawStep> {
    let mut rule = None;
    let term = read(terms, flat, &mut rule);
    let (rule, backward) = rule?;
    Some(RawStep { rule, backward, term })
}

fn read(terms: &mut Terms, flat: &FlatTerm<Node>, rule: &mut Option<(String, bool)>) -> TermId {
    if let Some(name) = &flat.forward_rule {
        *rule = Some((name.to_string(), false));
    }
    if let Some(name) = &flat.backward_rule {
        *rule = Some((name.to_string(), true));
    }
    let args = flat.children.iter().map(|child| read(terms, child, rule)).collect();
    terms.add(flat.node.head.clone(), args)
}
