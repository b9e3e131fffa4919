//! The other losses that a program may build on.

use std::collections::HashMap;
use std::rc::Rc;

use super::Checker;
use crate::ast::{self, Name};
use crate::{Diagnostic, parse, suggest};

/// Knows `.loss` files by name.
pub trait Library {
    /// The text of the loss of that name, if there is one.
    fn source(&self, name: &str) -> Option<String>;
    /// All names, for suggestions.
    fn names(&self) -> Vec<String>;
}

/// The library without a loss.
#[derive(Debug, Clone, Copy, Default)]
pub struct Empty;

impl Library for Empty {
    fn source(&self, _name: &str) -> Option<String> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The longest chain of losses that use each other.
const MAX_CHAIN: usize = 16;

/// May a loss be called?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loaded {
    Good,
    /// It is unknown or wrong; that has been reported.
    Bad,
}

/// The files that have been read so far.
pub(super) struct Loads<'l> {
    pub(super) library: &'l dyn Library,
    /// Files by name; `Err` says what is wrong with it.
    files: HashMap<String, Result<Rc<ast::File>, String>>,
    /// The losses that are being read, each used by the one before.
    chain: Vec<String>,
}

impl<'l> Loads<'l> {
    pub(super) fn new(library: &'l dyn Library) -> Self {
        Self { library, files: HashMap::new(), chain: Vec::new() }
    }

    /// The loss of that name is being read.
    pub(super) fn begin(&mut self, name: &str) {
        self.chain.push(name.to_owned());
    }

    /// Makes the file itself known, so that its laws may name it.
    pub(super) fn adopt(&mut self, name: &str, file: Rc<ast::File>) {
        self.files.insert(name.to_owned(), Ok(file));
    }

    pub(super) fn file(&self, name: &str) -> Option<Rc<ast::File>> {
        self.files.get(name)?.as_ref().ok().cloned()
    }

    /// Reads and checks a loss, once.
    fn check(&mut self, name: &str) -> Result<Rc<ast::File>, String> {
        if let Some(known) = self.files.get(name) {
            return known.clone();
        }
        let Some(source) = self.library.source(name) else {
            return Err("it is not in the library".into());
        };
        self.begin(name);
        let result = self.check_source(name, &source);
        self.chain.pop();
        self.files.insert(name.to_owned(), result.clone());
        result
    }

    fn check_source(&mut self, name: &str, source: &str) -> Result<Rc<ast::File>, String> {
        let (mut file, found) = parse(source);
        let first = |found: &[Diagnostic]| {
            found.iter().find(|found| found.is_error()).map(|found| found.message.clone())
        };
        if let Some(message) = first(&found) {
            return Err(message);
        }
        if let Some(loss) = file.loss.as_ref().filter(|loss| loss.name.text != name) {
            return Err(format!(
                "its file holds the loss `{}`, and a file has its loss's name",
                loss.name.text
            ));
        }
        // What it promises is its own matter.
        file.claims.clear();
        let checked = Checker::new(self).program(file.clone());
        match checked {
            Ok(_) => Ok(Rc::new(file)),
            Err(found) => Err(first(&found).unwrap_or_default()),
        }
    }
}

impl Checker<'_, '_> {
    /// Reads the loss that is named here, and reports if that is not possible.
    pub(super) fn load(&mut self, name: &Name) -> Loaded {
        let text = name.text.as_str();
        let chain = &self.loads.chain;
        if let Some(start) = chain.iter().position(|used| used == text) {
            let path: Vec<&str> = chain[start..].iter().map(String::as_str).chain([text]).collect();
            let error = Diagnostic::error("cycle", name.span, format!("`{text}` uses itself"))
                .label(path.join(" → "))
                .help("a loss builds on simpler ones; move what they share to a loss that both use");
            self.report(error);
            return Loaded::Bad;
        }
        if chain.len() > MAX_CHAIN {
            self.report(Diagnostic::error("too-deep", name.span, "too many losses use each other in a row"));
            return Loaded::Bad;
        }
        match self.loads.check(text) {
            Ok(_) => Loaded::Good,
            Err(_) if self.loads.library.source(text).is_none() => {
                let names = self.loads.library.names();
                let error =
                    Diagnostic::error("unknown-name", name.span, format!("there is no loss `{text}`"));
                self.report(match suggest::nearest(text, names.iter().map(String::as_str)) {
                    Some(near) => error.label(format!("did you mean `{near}`?")).fix(name.span, near),
                    None => error,
                });
                Loaded::Bad
            }
            Err(message) => {
                self.report(
                    Diagnostic::error(
                        "used-loss",
                        name.span,
                        format!("the loss `{text}` is wrong: {message}"),
                    )
                    .help(format!("check `{text}.loss` by itself first")),
                );
                Loaded::Bad
            }
        }
    }
}
