//! Names and what they stand for while the program runs on symbols.

use std::collections::HashMap;
use std::rc::Rc;

use marlo_ir::build::Distribution;
use marlo_ir::graph::Id;

use crate::Span;
use crate::ast::{self, Name};

/// What a name or an expression stands for.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A node of the graph.
    Number(Id),
    /// A softmax.
    Distribution(Distribution),
    /// The function of that number.
    Function(usize),
    /// Another loss that may be called.
    Loss(Rc<str>),
    /// The call of another loss, of that number.
    Record(usize),
    /// A state: its value before this step, and the one after it.
    State { before: Id, after: Id },
    /// A further input: the index in the graph, and is it one value a class?
    Input { index: u32, by_class: bool },
    /// Something wrong that has been reported.
    Poison,
}

impl Value {
    /// How a message names it.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Number(_) => "a value",
            Self::Distribution(_) => "a whole softmax",
            Self::Function(_) => "a function",
            Self::Loss(_) => "a loss that is not called",
            Self::Record(_) => "another loss",
            Self::State { .. } => "a state",
            Self::Input { .. } => "an input",
            Self::Poison => "an unknown value",
        }
    }
}

/// A function and the names that its body sees.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) ast: Rc<ast::Function>,
    pub(super) scope: Scope,
    pub(super) called: bool,
    /// Does it stand in another file?
    pub(super) foreign: bool,
}

/// How a name got its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Let,
    /// Of the loss.
    Parameter,
    /// Of a function.
    Argument,
    Function,
    Use,
}

/// The names that are visible at some place: those of a frame that were given
/// before the limit, and those of the frames around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope {
    frame: usize,
    limit: usize,
}

#[derive(Debug, Default)]
struct Frame {
    outer: Option<Scope>,
    names: HashMap<String, usize>,
}

#[derive(Debug)]
struct Binding {
    name: String,
    span: Span,
    value: Value,
    sort: Sort,
    /// Is it worth a warning when nobody uses it?
    watched: bool,
    used: bool,
}

/// All names of a program.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    frames: Vec<Frame>,
    bindings: Vec<Binding>,
}

impl Scopes {
    /// A new, empty scope inside another one; it will see all of its own names.
    pub(super) fn inside(&mut self, outer: Option<Scope>) -> Scope {
        self.frames.push(Frame { outer, names: HashMap::new() });
        Scope { frame: self.frames.len() - 1, limit: usize::MAX }
    }

    /// The scope without the names that it will get later, but for the next few.
    pub(super) fn so_far(&self, scope: Scope, next: usize) -> Scope {
        Scope { limit: self.bindings.len() + next, ..scope }
    }

    /// Gives a name its value; fails with the place where the frame has it already.
    pub(super) fn define(
        &mut self,
        scope: Scope,
        name: &Name,
        value: Value,
        sort: Sort,
        watched: bool,
    ) -> Result<(), Span> {
        let number = self.bindings.len();
        let frame = &mut self.frames[scope.frame];
        if let Some(&first) = frame.names.get(&name.text) {
            return Err(self.bindings[first].span);
        }
        frame.names.insert(name.text.clone(), number);
        let (name, span) = (name.text.clone(), name.span);
        self.bindings.push(Binding { name, span, value, sort, watched, used: false });
        Ok(())
    }

    /// What the name stands for, if it is known.
    pub(super) fn find(&mut self, scope: Scope, name: &str) -> Option<Value> {
        let mut next = Some(scope);
        while let Some(Scope { frame, limit }) = next {
            let frame = &self.frames[frame];
            if let Some(&number) = frame.names.get(name).filter(|&&number| number < limit) {
                let binding = &mut self.bindings[number];
                binding.used = true;
                return Some(binding.value.clone());
            }
            next = frame.outer;
        }
        None
    }

    /// The name's value in this very frame, without counting as a use.
    pub(super) fn own(&self, scope: Scope, name: &str) -> Option<Value> {
        let number = self.frames[scope.frame].names.get(name)?;
        Some(self.bindings[*number].value.clone())
    }

    /// Every name that is visible.
    pub(super) fn visible(&self, scope: Scope) -> Vec<&str> {
        let mut names = Vec::new();
        let mut next = Some(scope);
        while let Some(Scope { frame, limit }) = next {
            let frame = &self.frames[frame];
            names.extend(frame.names.iter().filter(|(_, number)| **number < limit).map(|(name, _)| &**name));
            next = frame.outer;
        }
        names.sort_unstable();
        names
    }

    /// The names that nobody used, whichever run of their text it was.
    pub(super) fn unused(&self) -> Vec<(String, Span, Sort)> {
        let used: Vec<Span> = self.bindings.iter().filter(|one| one.used).map(|one| one.span).collect();
        let used: std::collections::HashSet<Span> = used.into_iter().collect();
        let mut seen = std::collections::HashSet::new();
        let is_new = |one: &&Binding| one.watched && !used.contains(&one.span) && seen.insert(one.span);
        self.bindings.iter().filter(is_new).map(|one| (one.name.clone(), one.span, one.sort)).collect()
    }
}
