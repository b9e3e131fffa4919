//! From the text of a program to Rust.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use marlo_ir::schedule::RowProgram;
use marlo_lang::{Diagnostic, Library, render};
use marlo_native::emit::Emitted;
use marlo_specs::Shipped;

use crate::program::include;

/// The parser and the checker recurse as deep as a program is nested, in frames that are large where they are not optimised.
const STACK: usize = 64 << 20;

/// Where generated text finds this workspace's names: `marlo::loss!` brings the module into scope.
const ROOT: &str = "embedded";

/// What is wrong with a program.
pub(crate) struct Wrong {
    /// Where in its text.
    pub(crate) at: usize,
    diagnostic: Option<Diagnostic>,
    message: String,
}

impl Wrong {
    fn plain(message: String) -> Wrong {
        Wrong { at: 0, diagnostic: None, message }
    }

    /// As `marlo check` draws it, without the word that the Rust compiler puts first itself.
    pub(crate) fn draw(&self, path: &str, text: &str) -> String {
        let Some(diagnostic) = &self.diagnostic else { return self.message.clone() };
        let drawn = render::render(diagnostic, path, text, render::Style::Plain);
        let first = format!("error[{}]: ", diagnostic.code);
        drawn.strip_prefix(&first).map_or(drawn.clone(), str::to_owned)
    }
}

/// The library of a program, which notes the files that the program is made of.
struct Recorder {
    shipped: Shipped,
    /// The names of losses that are not taken from the shipped ones, and their files.
    beside: RefCell<BTreeMap<String, PathBuf>>,
}

impl Library for Recorder {
    fn source(&self, name: &str) -> Option<String> {
        if let Some(path) = self.shipped.beside(name) {
            self.beside.borrow_mut().insert(name.to_owned(), path);
        }
        self.shipped.source(name)
    }

    fn names(&self) -> Vec<String> {
        self.shipped.names()
    }
}

/// An expression of the loss, compiled. `source` is an expression of its text.
/// The losses that it uses are looked for in `folder`, then among the shipped ones.
pub(crate) fn embedded(text: &str, source: &str, folder: Option<PathBuf>) -> Result<String, Vec<Wrong>> {
    let work = || compiled(text, source, folder);
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let worker = worker.map_err(|error| vec![Wrong::plain(format!("no thread: {error}"))])?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn compiled(text: &str, source: &str, folder: Option<PathBuf>) -> Result<String, Vec<Wrong>> {
    let library = Recorder { shipped: Shipped { folder }, beside: RefCell::default() };
    let loss = match marlo_lang::compile(text, &library) {
        Ok(compiled) => compiled.loss,
        Err(found) => {
            let wrong = |d: Diagnostic| Wrong {
                at: d.primary.span.start,
                diagnostic: Some(d),
                message: String::new(),
            };
            return Err(found.into_iter().filter(Diagnostic::is_error).map(wrong).collect());
        }
    };
    let mut emitted = Emitted::new(ROOT);
    emitted.add(&RowProgram::of(&loss));
    let Emitted { structs, entries, .. } = emitted;
    let mut imports = String::new();
    for (name, path) in library.beside.borrow().iter() {
        let unreadable = |error| vec![Wrong::plain(format!("`{}` can't be read: {error}", path.display()))];
        let _ = write!(imports, "({name:?}, {}), ", include(path).map_err(unreadable)?);
    }
    Ok(format!(
        "{{
            {structs}
            const SWEEPS: &[{ROOT}::compiled::Entry] = &[{entries}];
            {ROOT}::Embedded::new({source}, &[{imports}], SWEEPS)
        }}"
    ))
}
