//! Patterns of rules, and matching them against terms. Nothing of the e-graph is used here: the replay relies on it.

use std::collections::BTreeMap;

use marlo_ir::op::Op;
use num_bigint::BigInt;
use num_rational::BigRational;

use super::term::{Head, TermId, Terms};

/// A term with variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `?a`
    Variable(&'static str),
    /// A head on arguments.
    Node(Head, Vec<Pattern>),
}

/// What the variables stand for.
pub(crate) type Bindings = BTreeMap<&'static str, TermId>;

/// What rules speak of beside the operations on single values.
const OTHERS: &[Op] = &[
    Op::SumK,
    Op::MaxK,
    Op::LseK,
    Op::SumI,
    Op::MeanI,
    Op::TopI,
    Op::RankI,
    Op::PickI,
    Op::BatchSize,
    Op::Classes,
    Op::Others,
];

impl Pattern {
    /// Reads `(add ?a 0)`. `None` where that is no pattern; a test reads every rule of the table.
    pub(crate) fn read(text: &'static str) -> Option<Pattern> {
        let mut words = text.split_whitespace().flat_map(split_brackets).peekable();
        let pattern = Self::read_next(&mut words)?;
        words.next().is_none().then_some(pattern)
    }

    fn read_next(words: &mut impl Iterator<Item = &'static str>) -> Option<Pattern> {
        match words.next()? {
            "(" => {
                let name = words.next()?;
                let op = *Op::ELEMENTWISE.iter().chain(OTHERS).find(|op| op.entry().name == name)?;
                let args: Option<Vec<Pattern>> =
                    (0..op.entry().arity).map(|_| Self::read_next(words)).collect();
                (words.next()? == ")").then_some(Pattern::Node(Head::Op(op), args?))
            }
            ")" => None,
            "pi" => Some(Pattern::Node(Head::Pi, vec![])),
            word if word.starts_with('?') => Some(Pattern::Variable(word)),
            word => {
                let (above, below) = word.split_once('/').unwrap_or((word, "1"));
                let q = BigRational::new(above.parse::<BigInt>().ok()?, below.parse::<BigInt>().ok()?);
                Some(Pattern::Node(Head::Number(q), vec![]))
            }
        }
    }

    /// How many nodes it has, variables included.
    pub(crate) fn size(&self) -> usize {
        match self {
            Pattern::Variable(_) => 1,
            Pattern::Node(_, args) => 1 + args.iter().map(Pattern::size).sum::<usize>(),
        }
    }

    /// Does the term have this form? Variables that are bound already must stand for what they stand for.
    pub(crate) fn matches(&self, terms: &Terms, term: TermId, bound: &mut Bindings) -> bool {
        match self {
            Pattern::Variable(name) => *bound.entry(name).or_insert(term) == term,
            Pattern::Node(head, args) => {
                terms.head(term) == head
                    && args.iter().zip(terms.args(term)).all(|(p, t)| p.matches(terms, *t, bound))
            }
        }
    }

    /// The term that the pattern becomes; `None` where a variable is free.
    pub(crate) fn instance(&self, terms: &mut Terms, bound: &Bindings) -> Option<TermId> {
        match self {
            Pattern::Variable(name) => bound.get(name).copied(),
            Pattern::Node(head, args) => {
                let args: Option<Vec<TermId>> = args.iter().map(|a| a.instance(terms, bound)).collect();
                Some(terms.add(head.clone(), args?))
            }
        }
    }
}

/// Brackets as words of their own, but for those of `lse[k]`, which are no round ones.
fn split_brackets(word: &'static str) -> Vec<&'static str> {
    let mut out = Vec::new();
    let mut rest = word;
    while let Some(inner) = rest.strip_prefix('(') {
        out.push("(");
        rest = inner;
    }
    let end = rest.trim_end_matches(')');
    if !end.is_empty() {
        out.push(end);
    }
    out.extend(std::iter::repeat_n(")", rest.len() - end.len()));
    out
}

#[cfg(test)]
impl Pattern {
    /// Its variables, each once.
    pub(crate) fn variables(&self) -> Vec<&'static str> {
        let mut found = match self {
            Pattern::Variable(name) => vec![*name],
            Pattern::Node(_, args) => args.iter().flat_map(Pattern::variables).collect(),
        };
        found.sort_unstable();
        found.dedup();
        found
    }
}
