//! A pass over the rows.

use std::fmt::Write as _;

use marlo_ir::graph::{Axis, Id};
use marlo_ir::op::{At, Op};
use marlo_ir::schedule::{Phase, Step};

use super::{Emitter, Over, Pass, entry, matrix_name};
use crate::{lanes, names, sweep};

/// Does a phase write the gradient?
pub(super) fn writes(phase: &Phase) -> bool {
    phase.steps.iter().any(|step| matches!(step, Step::Sweep { writes: true, .. }))
}

impl Emitter<'_> {
    /// How often each value is read in a pass.
    fn count(&mut self, phase: &Phase) {
        self.uses.clear();
        let graph = self.graph;
        let mut read = |id: Id| {
            for &a in graph.args(id) {
                *self.uses.entry(a).or_default() += 1;
            }
        };
        for step in &phase.steps {
            match step {
                Step::Row(ids) => ids.iter().for_each(|&id| read(id)),
                Step::Sweep { cells, reductions, .. } => {
                    cells.iter().chain(reductions).for_each(|&id| read(id))
                }
            }
        }
    }

    /// The passes of a phase.
    pub(super) fn phase(&mut self, number: usize, phase: &Phase) -> Vec<(Pass, String)> {
        let entry = if number == 0 { "rows".to_owned() } else { format!("rows_{number}") };
        if self.form.split {
            return self.split(number, phase, &entry);
        }
        let mut out = self.start(number, phase, &entry);
        for (place, step) in phase.steps.iter().enumerate() {
            match step {
                Step::Row(ids) => self.row_step(&mut out, ids, phase, place),
                Step::Sweep { cells, reductions, writes } => {
                    out += &sweep::sweep(self, cells, reductions, *writes);
                }
            }
        }
        if self.form.in_place && writes(phase) {
            out += "    // The cell at the label is overwritten once everybody has read it.\n    storageBarrier();\n";
        }
        out += &self.results(number, phase);
        out += "}\n\n";
        let pass = Pass { entry, over: Over::Rows, reads_matrix: true, writes_gradient: writes(phase) };
        vec![(pass, out)]
    }

    /// The first lines of a pass, up to what earlier passes left behind.
    pub(super) fn start(&mut self, number: usize, phase: &Phase, entry: &str) -> String {
        self.count(phase);
        self.bound.clear();
        self.pairs.clear();
        self.nesting.clear();
        let mut out = self.signature(entry);
        out += "    let row = params.first + group.x;\n    let base = group.x * params.classes;\n    let label = labels[row];\n";
        out += &self.earlier(number);
        for &id in &phase.reads {
            let name = self.names.name(self.graph, id);
            if self.graph.op(id) == Op::LseK {
                let [greatest, rest] = [1, 2].map(|end| self.slot(id, end, "row"));
                let _ = writeln!(out, "    let {name} = vec2f({greatest}, {rest});");
                self.pairs.insert(id);
                self.bound.insert(id, name);
                continue;
            }
            let stored = self.stored(id, "row");
            let stored = if self.is_mask(id) { format!("{stored} != 0.0") } else { stored };
            let _ = writeln!(out, "    let {name} = {stored};");
            self.bound.insert(id, name);
        }
        out
    }

    /// The line that opens an entry point.
    pub(super) fn signature(&self, entry: &str) -> String {
        let (more, note) = lanes::builtins(self.form);
        format!(
            "@compute @workgroup_size({})\nfn {entry}(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32{more}) {{\n{note}",
            self.form.workgroup
        )
    }

    /// Values of the row, those that need a variable.
    pub(super) fn row_step(&mut self, out: &mut String, ids: &[Id], phase: &Phase, place: usize) {
        for &id in ids {
            if self.is_deep(id) || self.needs_name(id, phase, place) {
                self.define(out, "    ", id);
            }
        }
    }

    /// What the batch operations of earlier passes gave, and the scalars that are made from it.
    pub(super) fn earlier(&mut self, number: usize) -> String {
        let mut out = String::new();
        for before in &self.program.phases[..number] {
            for &op in before.batch.iter().filter(|op| self.batch_values.contains(op)) {
                let place = self.batch_values.iter().position(|v| *v == op).unwrap_or(0);
                let name = self.names.name(self.graph, op);
                let _ = writeln!(out, "    let {name} = batch[{place}];");
                self.bound.insert(op, name);
            }
            for &id in &before.after {
                if self.graph.args(id).iter().all(|a| self.available(*a)) {
                    self.define(&mut out, "    ", id);
                }
            }
        }
        out
    }

    fn available(&self, id: Id) -> bool {
        self.bound.contains_key(&id)
            || self.graph.constant(id).is_some()
            || self.uniforms.iter().any(|u| u.0 == id)
    }

    /// What one invocation writes at the end of a row.
    pub(super) fn results(&mut self, number: usize, phase: &Phase) -> String {
        let gradient = &self.program.gradient;
        let mut lines = Vec::new();
        if self.program.written == number {
            lines.push(format!("losses[row] = {};", self.expr(gradient.loss.row)));
        }
        if writes(phase) {
            for (number, pair) in self.outputs.iter().enumerate() {
                let place = entry(&self.output(), number, "label");
                lines.push(format!("{place} = {};", self.expr(pair[0])));
            }
        }
        for &id in phase.keeps.iter().filter(|id| self.kept.contains(id)) {
            let value = self.expr(id);
            let value = if self.is_mask(id) { format!("select(0.0, 1.0, {value})") } else { value };
            lines.push(format!("{} = {value};", self.stored(id, "row")));
            if let Some(name) = self.bound.get(&id).filter(|_| self.pairs.contains(&id)) {
                lines.push(format!("{} = {name}.x;", self.slot(id, 1, "row")));
                lines.push(format!("{} = {name}.y;", self.slot(id, 2, "row")));
            }
        }
        let lines: String = lines.iter().map(|l| format!("        {l}\n")).collect();
        format!("    if (lane == 0u) {{\n{lines}    }}\n")
    }

    /// Where a row's value is stored between passes.
    pub(super) fn stored(&self, id: Id, row: &str) -> String {
        if id == self.program.gradient.loss.row {
            return format!("losses[{row}]");
        }
        self.slot(id, 0, row)
    }

    /// The slot of a value that is stored between passes, or one of the next ones.
    fn slot(&self, id: Id, next: usize, row: &str) -> String {
        match self.kept.iter().position(|k| *k == id).unwrap_or(0) + next {
            0 => format!("kept[{row}]"),
            slot => format!("kept[{slot}u * params.rows + {row}]"),
        }
    }
    /// Does a row value need a variable: it is read more than once, has a name, or is read after this step?
    fn needs_name(&self, id: Id, phase: &Phase, place: usize) -> bool {
        let gradient = &self.program.gradient;
        let read_here = |user: &Id| self.graph.args(*user).contains(&id);
        let later = phase.steps[place + 1..].iter().any(|step| match step {
            Step::Row(ids) => ids.iter().any(read_here),
            Step::Sweep { cells, reductions, .. } => cells.iter().chain(reductions).any(read_here),
        });
        let result =
            id == gradient.loss.row || phase.keeps.contains(&id) || self.outputs.as_flattened().contains(&id);
        later || result || self.names.known(id).is_some() || self.uses.get(&id).copied().unwrap_or(0) > 1
    }

    /// Does a cell value need a variable?
    pub(crate) fn cell_needs_name(&self, id: Id, cells: &[Id], reductions: &[Id]) -> bool {
        let users = cells.iter().chain(reductions).filter(|u| self.graph.args(**u).contains(&id)).count();
        users > 1 || self.names.known(id).is_some()
    }

    /// Writes `let name = …;` for a value.
    pub(crate) fn define(&mut self, out: &mut String, indent: &str, id: Id) {
        let name = self.names.name(self.graph, id);
        let value = match self.graph.op(id) {
            Op::Input(i, at) => self.input(i as usize, if at == At::Target { "label" } else { "k" }),
            _ => self.expr(id),
        };
        let note =
            if matches!(self.graph.op(id), Op::Input(..)) { String::new() } else { self.comment(id, &name) };
        let _ = writeln!(out, "{indent}let {name} = {value};{note}");
        self.bound.insert(id, name);
    }

    /// Where an input is read, at a class if it varies with them.
    pub(crate) fn input(&self, input: usize, class: &str) -> String {
        let inputs = &self.graph.inputs;
        let array = || names::arrays(self.graph).swap_remove(input);
        match inputs[input].axis {
            Axis::Matrix => {
                let number = inputs[..input].iter().filter(|before| before.axis == Axis::Matrix).count();
                entry(&matrix_name(self.graph), number, class)
            }
            Axis::Rows => format!("{}[row]", array()),
            Axis::Classes => format!("{}[{class}]", array()),
        }
    }
}
