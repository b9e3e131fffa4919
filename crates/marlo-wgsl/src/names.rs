//! Names in a shader: those of the spec where it has some.

use std::collections::{HashMap, HashSet};

use marlo_ir::formula::GREEK;
use marlo_ir::graph::{Graph, Id};
use marlo_ir::loss::Role;
use marlo_ir::op::{At, Op};
use marlo_ir::schedule::RowProgram;
use marlo_ir::shape::Shape;

/// Names that the generated text has itself.
const OWN: &[&str] = &[
    "params",
    "cosines",
    "logits",
    "labels",
    "losses",
    "gradients",
    "kept",
    "batch",
    "lane",
    "lanes",
    "lane_sums",
    "sum_lanes",
    "max_lanes",
    "lse_lanes",
    "sum_parts",
    "max_parts",
    "lse_parts",
    "partials",
    "parts",
    "span",
    "begin",
    "block",
    "ahead",
    "end",
    "subgroup",
    "subgroups",
    "member",
    "group",
    "row",
    "rows",
    "base",
    "label",
    "k",
    "j",
    "classes",
    "cells",
    "first",
    "last",
    "value",
    "other",
    "before",
    "rank",
    "wanted",
    "nearest",
    "source",
    "part",
    "total",
];

/// Can no value be called so? WGSL's keywords and functions are naga's lists; what another language dislikes, naga renames
/// when it translates.
fn is_taken(name: &str) -> bool {
    let lists = [OWN, naga::keywords::wgsl::RESERVED, naga::keywords::wgsl::BUILTIN_IDENTIFIERS];
    lists.iter().any(|list| list.contains(&name))
}

/// A name as ASCII letters, digits and single underscores.
fn ascii(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match GREEK.iter().find(|g| g.1.starts_with(c)) {
            Some((word, _)) => out += word,
            None if c.is_ascii_alphanumeric() => out.push(c),
            None if !out.is_empty() && !out.ends_with('_') => out.push('_'),
            None => {}
        }
    }
    let out = out.trim_end_matches('_');
    if out.is_empty() || out.starts_with(|c: char| c.is_ascii_digit()) {
        format!("v{out}")
    } else {
        out.to_owned()
    }
}

/// The arrays of the further inputs. Their names end in `_`, as no value's does.
pub(crate) fn arrays(graph: &Graph) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (number, input) in graph.inputs.iter().enumerate() {
        let name = format!("input_{}_", ascii(&input.name));
        names.push(if names.contains(&name) { format!("{name}{number}_") } else { name });
    }
    names
}

/// Gives names, each once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    given: HashMap<Id, String>,
    taken: HashSet<String>,
    fresh: usize,
}

impl Names {
    /// The names that a program's own words give.
    pub(crate) fn of(program: &RowProgram) -> Names {
        let mut names = Names::default();
        let graph = program.graph();
        for id in graph.ids() {
            match graph.op(id) {
                Op::Input(i, at) => {
                    let index = match at {
                        At::Target => "y",
                        At::Other => "k",
                        At::Row => "i",
                    };
                    names.give(id, &format!("{}_{index}", graph.inputs[i as usize].name));
                }
                Op::Param(p) => {
                    let name = graph.params[p as usize].name.clone();
                    names.give(id, &name);
                }
                _ => {}
            }
        }
        for named in &program.gradient.loss.names {
            if graph.constant(named.id).is_some() || names.given.contains_key(&named.id) {
                continue;
            }
            let name = match named.role {
                Role::Let if graph.shape(named.id) == Shape::Cell => format!("{}_k", named.name),
                Role::Let => named.name.clone(),
                Role::Margin => "u".to_owned(),
                Role::PTarget => format!("{}_y", named.name),
                Role::POther => format!("{}_k", named.name),
            };
            names.give(named.id, &name);
        }
        names.give(program.gradient.loss.row, "loss");
        names
    }

    fn give(&mut self, id: Id, name: &str) -> String {
        if let Some(known) = self.given.get(&id) {
            return known.clone();
        }
        let base = ascii(name);
        let mut name = base.clone();
        let mut number = 2;
        while is_taken(&name) || self.taken.contains(&name) {
            // Never with `_` at its end: so end the names of helpers and of what the generated text adds.
            name = format!("{base}_{number}");
            number += 1;
        }
        self.taken.insert(name.clone());
        self.given.insert(id, name.clone());
        name
    }

    /// The name that the program's words give, if they do.
    pub(crate) fn known(&self, id: Id) -> Option<&str> {
        self.given.get(&id).map(String::as_str)
    }

    /// The name of a value; one that has none gets one from its operation.
    pub(crate) fn name(&mut self, graph: &Graph, id: Id) -> String {
        if let Some(name) = self.given.get(&id) {
            return name.clone();
        }
        let arg = |place: usize| graph.args(id).get(place).and_then(|&a| self.known(a)).map(str::to_owned);
        let name = match (graph.op(id), arg(0), arg(1)) {
            (Op::LseK, ..) => "lse".to_owned(),
            (Op::SumK, ..) => "total".to_owned(),
            (Op::MaxK, ..) => "greatest".to_owned(),
            (Op::BatchSize, ..) => "batch_size".to_owned(),
            (Op::Classes, ..) => "class_count".to_owned(),
            (Op::Others, ..) => "other_classes".to_owned(),
            (Op::KeptI, ..) => "kept_rows".to_owned(),
            (Op::Sigmoid, Some(u), _) if u == "u" => "one_minus_p_y".to_owned(),
            (Op::SinAngle, ..) if graph.constant(graph.args(id)[0]) == Some(1.0) => "sin_theta".to_owned(),
            (op @ (Op::Cos | Op::Sin | Op::Exp | Op::Ln), Some(x), _) => format!("{}_{x}", op.entry().name),
            (Op::Mul, Some(x), Some(y)) if graph.shape(id) == Shape::Scalar => format!("{x}_{y}"),
            _ => {
                self.fresh += 1;
                let letter = match graph.shape(id) {
                    Shape::Scalar => "h",
                    Shape::Row => "r",
                    Shape::Cell => "c",
                };
                format!("{letter}{}", self.fresh)
            }
        };
        self.give(id, &name)
    }
}
