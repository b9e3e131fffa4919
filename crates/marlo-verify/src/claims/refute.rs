//! Counterexamples, the simplest first.

use marlo_ir::graph::{Graph, Id};
use marlo_ir::loss::Loss;
use marlo_lang::Claim;

use super::{Effort, Sign};
use crate::verdict::Verdict;

pub(super) fn gradient(_loss: &Loss, _at_target: bool, _sign: Sign, _effort: Effort) -> Option<Verdict> {
    None
}
pub(super) fn value(_loss: &Loss, _graph: &Graph, _value: Id, _what: &str, _effort: Effort) -> Option<Verdict> {
    None
}
pub(super) fn finite(_loss: &Loss, _effort: Effort) -> Option<Verdict> {
    None
}
pub(super) fn monotone(_loss: &Loss, _claim: &Claim, _effort: Effort) -> Option<Verdict> {
    None
}
