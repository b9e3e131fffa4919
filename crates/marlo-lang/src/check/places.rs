//! Where a file gives its names, for messages about a name that is not known where it is used.

use crate::Span;
use crate::ast::{Block, File, Function, Name, Statement};

/// A place where a name is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The name.
    pub(super) span: Span,
    /// The text that may know it.
    pub(super) within: Span,
    /// Whose text that is.
    pub(super) of: &'static str,
}

impl Place {
    /// May the text at `span` know the name, once it is given?
    pub(super) fn covers(&self, span: Span) -> bool {
        self.within.start <= span.start && span.end <= self.within.end
    }
}

/// Every place that gives the name, in the order of the source.
pub(super) fn places(file: &File, name: &str) -> Vec<Place> {
    let mut search = Search { name, found: Vec::new() };
    for function in &file.functions {
        search.function(function);
    }
    if let Some(loss) = &file.loss {
        for parameter in &loss.parameters {
            search.add(&parameter.name, loss.span, "the loss");
        }
        search.block(&loss.body, "the loss");
    }
    search.found
}

struct Search<'a> {
    name: &'a str,
    found: Vec<Place>,
}

impl Search<'_> {
    fn add(&mut self, name: &Name, within: Span, of: &'static str) {
        if name.text == self.name {
            self.found.push(Place { span: name.span, within, of });
        }
    }

    fn function(&mut self, function: &Function) {
        for parameter in &function.parameters {
            self.add(&parameter.name, function.span, "this function");
        }
        self.block(&function.body, "this function");
    }

    fn block(&mut self, block: &Block, of: &'static str) {
        for statement in &block.statements {
            match statement {
                Statement::Let(binding) => self.add(&binding.name, block.span, of),
                Statement::State(state) => self.add(&state.name, block.span, of),
                Statement::Function(function) => {
                    self.add(&function.name, block.span, of);
                    self.function(function);
                }
            }
        }
    }
}
