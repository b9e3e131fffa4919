//! Rows that are shared out to several workgroups.
//!
//! In: a phase. Out: a pass for each of its sweeps, and one that closes the rows. A pass starts by merging what the parts
//! of its row left behind in the passes before it, and by computing the row's values from that again: they are few, and
//! every workgroup of a row comes to the same bits, as all run the same instructions on one device. The closing pass alone
//! writes to the cell at the label and to what rows keep, so that nobody reads what another workgroup of the same pass
//! writes.

use std::fmt::Write as _;

use marlo_ir::graph::Id;
use marlo_ir::op::Op;
use marlo_ir::schedule::{Phase, Step};

use super::rows::writes;
use super::{Emitter, Over, Pass};
use crate::sweep;

impl Emitter<'_> {
    /// The passes of a phase.
    pub(super) fn split(&mut self, number: usize, phase: &Phase, name: &str) -> Vec<(Pass, String)> {
        let mut passes = Vec::new();
        for (place, step) in phase.steps.iter().enumerate() {
            let Step::Sweep { cells, reductions, writes } = step else { continue };
            for &id in reductions {
                self.partial_places.insert(id, self.partial_slots);
                self.partial_slots += if self.graph.op(id) == Op::LseK { 2 } else { 1 };
            }
            let entry = format!("{name}_sweep_{}", passes.len());
            let mut out = self.start(number, phase, &entry);
            self.steps_before(&mut out, phase, place);
            out += "    let begin = group.y * params.span;\n    let end = min(begin + params.span, params.classes);\n";
            out += &sweep::sweep(self, cells, reductions, *writes);
            out += "}\n\n";
            let pass = Pass { entry, over: Over::Parts, reads_matrix: true, writes_gradient: *writes };
            passes.push((pass, out));
        }
        let mut out = self.start(number, phase, name);
        self.steps_before(&mut out, phase, phase.steps.len());
        out += &self.results(number, phase);
        out += "}\n\n";
        let pass = Pass {
            entry: name.to_owned(),
            over: Over::Rows,
            reads_matrix: true,
            writes_gradient: writes(phase),
        };
        passes.push((pass, out));
        passes
    }

    /// The row's values before a step, with what the parts found in the sweeps before it.
    fn steps_before(&mut self, out: &mut String, phase: &Phase, end: usize) {
        for (place, step) in phase.steps[..end].iter().enumerate() {
            match step {
                Step::Row(ids) => self.row_step(out, ids, phase, place),
                Step::Sweep { reductions, .. } => reductions.iter().for_each(|&id| self.merge(out, id)),
            }
        }
    }

    fn merge(&mut self, out: &mut String, id: Id) {
        let name = self.names.name(self.graph, id);
        let slot = self.partial_places.get(&id).copied().unwrap_or(0);
        let merged = match self.graph.op(id) {
            Op::LseK => {
                self.pairs.insert(id);
                format!("lse_(lse_parts(lane, row, {slot}u))")
            }
            Op::MaxK => format!("max_parts(lane, row, {slot}u)"),
            _ => format!("sum_parts(lane, row, {slot}u)"),
        };
        let _ = writeln!(out, "    let {name} = {merged};");
        self.bound.insert(id, name);
    }
}
