//! Meaning: the tree in, a typed [`marlo_ir::loss::Loss`] out.
//!
//! The checker runs the program once on symbols: a name stands for a
//! [`scope::Value`], a call of a function runs its body again ([`call`]), a
//! call of another loss runs that loss ([`record`]). Kinds and shapes are checked
//! by [`marlo_ir::build::Builder`]; here its errors get a place and words
//! ([`error`]). What is wrong is reported once and becomes a value that
//! silences everything that is made of it.

mod arguments;
mod builtin;
mod call;
mod constant;
mod error;
mod expr;
mod header;
mod library;
mod places;
mod promise;
mod record;
mod scope;
mod setting;
mod state;

use std::collections::HashMap;
use std::rc::Rc;

use marlo_ir::build::{Builder, Distribution};
use marlo_ir::graph::Id;
use marlo_ir::loss::Loss;

use crate::ast::{self, Block, Name, Statement};
use crate::{Diagnostic, Span, parse};
use library::{Loaded, Loads};
use scope::{Scope, Scopes, Sort, Value};

pub(crate) use builtin::is_function;
pub use library::{Empty, Library};
pub use promise::{Claim, ClaimArgument, ClaimName, Law};

/// A program that is right.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// The typed graph with its parameters, inputs and named values.
    pub loss: Loss,
    /// The program as it was written, docs included.
    pub file: ast::File,
    /// The laws, each as two losses that must be equal.
    pub laws: Vec<Law>,
    /// What is to be proved, about values of `loss.graph`.
    pub claims: Vec<Claim>,
    /// What is probably not meant, though it compiles.
    pub warnings: Vec<Diagnostic>,
}

impl Compiled {
    /// The `//!` and `///` lines of the file and the loss, as one text.
    #[must_use]
    pub fn docs(&self) -> String {
        let of_loss = self.file.loss.iter().flat_map(|loss| &loss.docs);
        let lines: Vec<&str> = self.file.docs.iter().chain(of_loss).map(String::as_str).collect();
        lines.join("\n")
    }
}

/// Compiles a program; `library` knows the losses that it may `use`.
///
/// # Errors
///
/// Everything that is wrong with the program, in the order of the source.
///
/// ```
/// let source = "loss cosface(s: Scale = 64 in 1..128, m: Cosine = 0.35 in 0..1) {
///     ce(softmax(s * (cos[y] - m), s * cos[k]))
/// }";
/// let compiled = marlo_lang::compile(source, &marlo_lang::Empty).unwrap();
/// assert_eq!(compiled.loss.name, "cosface");
/// assert!(compiled.warnings.is_empty());
/// ```
pub fn compile(source: &str, library: &dyn Library) -> Result<Compiled, Vec<Diagnostic>> {
    let (file, found) = parse(source);
    if found.iter().any(Diagnostic::is_error) || file.loss.is_none() {
        return Err(found);
    }
    let mut loads = Loads::new(library);
    if let Some(loss) = &file.loss {
        loads.begin(&loss.name.text);
    }
    let mut checker = Checker::new(&mut loads);
    checker.diagnostics = found;
    checker.program(file)
}

/// How deep the program may be while it runs on symbols.
const MAX_DEPTH: usize = 256;
/// How much of it may run: each step is a node of the tree.
const MAX_STEPS: usize = 200_000;
/// How much is said about one program.
const MAX_DIAGNOSTICS: usize = 100;

/// A file whose names can be looked up.
#[derive(Debug, Clone)]
struct Unit {
    file: Rc<ast::File>,
    /// Its functions and the losses it uses.
    scope: Scope,
}

/// A call that is being run.
#[derive(Debug, Clone)]
enum Call {
    /// Of a function, which is the one of that number.
    Function(usize, Option<Span>),
    /// Of another loss, whose text is in another file.
    Loss(String, Span),
}

struct Checker<'a, 'l> {
    loads: &'a mut Loads<'l>,
    builder: Builder,
    scopes: Scopes,
    diagnostics: Vec<Diagnostic>,
    functions: Vec<scope::Function>,
    records: Vec<record::Record>,
    units: Vec<Unit>,
    /// The unit of each loss that was called.
    known_units: HashMap<String, usize>,
    calls: Vec<Call>,
    depth: usize,
    steps: usize,
    /// Has it been reported that the program is too large?
    exhausted: bool,
    /// Where cosines or logits were read first.
    matrix: Option<(&'static str, Span)>,
    /// Has it been reported that both are read?
    mixed: bool,
    /// The default that is being worked out, if one is.
    schedule: Option<setting::Schedule>,
    /// Is this a law, which may name every loss of the library?
    in_law: bool,
    /// The distribution that a probability at the label belongs to.
    distributions: HashMap<Id, Distribution>,
}

impl<'a, 'l> Checker<'a, 'l> {
    fn new(loads: &'a mut Loads<'l>) -> Self {
        Self {
            loads,
            builder: Builder::new(),
            scopes: Scopes::default(),
            diagnostics: Vec::new(),
            functions: Vec::new(),
            records: Vec::new(),
            units: Vec::new(),
            known_units: HashMap::new(),
            calls: Vec::new(),
            depth: 0,
            steps: 0,
            exhausted: false,
            matrix: None,
            mixed: false,
            schedule: None,
            in_law: false,
            distributions: HashMap::new(),
        }
    }

    /// Compiles a whole file.
    fn program(mut self, file: ast::File) -> Result<Compiled, Vec<Diagnostic>> {
        let file = Rc::new(file);
        let Some(loss) = &file.loss else { return Err(self.diagnostics) };
        let unit = self.unit(Rc::clone(&file));
        let scope = self.units[unit].scope;
        let header = self.header(loss, scope);
        let (inner, value) = self.block(&loss.body, header, true);
        let end = loss.body.value.span;
        let row = self.expect_number(&value, end).filter(|&row| self.is_loss(row, end));
        self.uncalled_functions();
        // A mistake in one promise hides none in another; one in the loss would be said again of each law.
        let sound = !self.failed();
        let claims = self.claims(&file, inner);
        self.check_law_names(&file, loss);
        let laws = if sound { self.laws(&file, loss, scope) } else { Vec::new() };
        let failed = self.failed();
        if !failed {
            self.unused();
        }
        let built = match row {
            Some(row) if !failed => self.builder.clone().finish(&loss.name.text, row),
            _ => return Err(self.sorted()),
        };
        match built {
            Ok(built) => {
                let warnings = self.sorted();
                Ok(Compiled { loss: built, file: (*file).clone(), laws, claims, warnings })
            }
            Err(error) => {
                self.type_error(error, loss.body.value.span, &[]);
                Err(self.sorted())
            }
        }
    }

    fn failed(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    fn sorted(&mut self) -> Vec<Diagnostic> {
        let mut found = std::mem::take(&mut self.diagnostics);
        found.sort_by_key(|found| found.primary.span.start);
        found
    }

    /// Makes a file's functions and uses known.
    fn unit(&mut self, file: Rc<ast::File>) -> usize {
        let scope = self.scopes.inside(None);
        for used in &file.uses {
            let value = match self.load(&used.name) {
                Loaded::Good => Value::Loss(used.name.text.as_str().into()),
                Loaded::Bad => Value::Poison,
            };
            self.define(scope, &used.name, value, Sort::Use);
        }
        for function in &file.functions {
            // Functions of a file know each other, whatever their order.
            self.define_function(scope, function, scope);
        }
        self.units.push(Unit { file, scope });
        self.units.len() - 1
    }

    /// Makes a function known in `scope`; its body sees `visible`.
    fn define_function(&mut self, scope: Scope, function: &ast::Function, visible: Scope) {
        let number = self.functions.len();
        let foreign = self.is_foreign();
        let ast = Rc::new(function.clone());
        self.functions.push(scope::Function { ast, scope: visible, called: false, foreign });
        let value = match self.duplicate_parameters(&function.parameters) {
            true => Value::Poison,
            false => Value::Function(number),
        };
        self.define(scope, &function.name, value, Sort::Function);
        for kind in function.parameters.iter().filter_map(|parameter| parameter.kind.as_ref()) {
            if header::function_kind(&kind.text).is_none() {
                self.kind(kind);
            }
        }
    }

    /// Reports parameters of one name; are there any?
    fn duplicate_parameters(&mut self, parameters: &[ast::FunctionParameter]) -> bool {
        let mut any = false;
        for (number, parameter) in parameters.iter().enumerate() {
            let same = |other: &&ast::FunctionParameter| other.name.text == parameter.name.text;
            if let Some(first) = parameters[..number].iter().find(same) {
                self.report(error::duplicate(&parameter.name, first.name.span));
                any = true;
            }
        }
        any
    }

    /// Runs a block in a scope of its own; gives that scope and the value.
    /// `named`: do its `let`s give the values their names in formulas?
    fn block(&mut self, block: &Block, outer: Scope, named: bool) -> (Scope, Value) {
        let scope = self.scopes.inside(Some(outer));
        for statement in &block.statements {
            self.statement(statement, scope, named);
        }
        let value = self.eval(&block.value, scope);
        (scope, value)
    }

    fn statement(&mut self, statement: &Statement, scope: Scope, named: bool) {
        match statement {
            Statement::Function(function) => {
                // It sees itself, so that a recursion is reported as one.
                let visible = self.scopes.so_far(scope, 1);
                self.define_function(scope, function, visible);
            }
            Statement::Let(binding) => {
                let value = self.eval(&binding.value, scope);
                if let Some(index) = &binding.index {
                    self.annotation(&binding.name, index, &value);
                }
                if let (Value::Number(id), true) = (&value, named) {
                    self.builder.name(&binding.name.text, *id);
                }
                self.define(scope, &binding.name, value, Sort::Let);
            }
            Statement::State(state) => {
                let value = self.state(state, scope, named);
                self.define(scope, &state.name, value, Sort::Let);
            }
        }
    }

    /// The call of another loss whose text this is, if it is in another file.
    fn foreign(&self) -> Option<(&str, Span)> {
        self.calls.iter().find_map(|call| match call {
            Call::Loss(name, span) => Some((name.as_str(), *span)),
            Call::Function(..) => None,
        })
    }

    /// Is this the text of another file?
    fn is_foreign(&self) -> bool {
        self.foreign().is_some()
    }

    /// Gives a name its value, unless the name is taken.
    fn define(&mut self, scope: Scope, name: &Name, value: Value, sort: Sort) {
        // A parameter of a function may be called θ; it hides the angle.
        if sort != Sort::Argument && builtin::is_builtin(&name.text) {
            let text = &name.text;
            let error = Diagnostic::error("duplicate", name.span, format!("`{text}` is built in"));
            self.report(match sort {
                Sort::Use => error
                    .label("this loss has the name of a function, which hides it")
                    .help("write the other loss out, or copy it to a file of another name"),
                _ => error.label("choose another name").fix(name.span, format!("{text}_")),
            });
            // The user means this one, so what is said of the built-in one would mislead.
            let _ = self.scopes.define(scope, name, Value::Poison, sort, false);
            return;
        }
        let watched = !self.is_foreign() && !name.text.starts_with('_');
        if let Err(first) = self.scopes.define(scope, name, value, sort, watched) {
            self.report(error::duplicate(name, first));
        }
    }

    // ----- reporting -----

    /// Adds a diagnostic once. Inside a call it says where the call stands; a
    /// place in another file is replaced by that of the call.
    fn report(&mut self, mut diagnostic: Diagnostic) {
        if let Some((name, span)) = self.foreign() {
            let message = format!("in `{name}`: {}", diagnostic.message);
            // A place or an edit in another file says nothing here, and mostly no help either.
            let help = match diagnostic.code {
                "state" | "arguments" => diagnostic.help,
                _ => Vec::new(),
            };
            diagnostic = Diagnostic { message, help, ..Diagnostic::error(diagnostic.code, span, "") };
        } else if let Some(Call::Function(number, Some(span))) = self.calls.last() {
            let name = &self.functions[*number].ast.name.text;
            diagnostic = diagnostic.also(*span, format!("in this call of `{name}`"));
        }
        let known = self.diagnostics.iter().any(|other| {
            other.primary.span == diagnostic.primary.span && other.message == diagnostic.message
        });
        if !known && !self.is_full() {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Has so much been reported that more of it would not be read?
    fn is_full(&self) -> bool {
        self.diagnostics.len() >= MAX_DIAGNOSTICS
    }

    /// Reports and gives the value that silences what follows.
    fn poison(&mut self, diagnostic: Diagnostic) -> Value {
        self.report(diagnostic);
        Value::Poison
    }

    /// Functions that nobody calls are run on unknown values, so that their
    /// mistakes are not left for the first caller.
    fn uncalled_functions(&mut self) {
        let mut number = 0;
        while let Some(function) = self.functions.get(number) {
            if !function.called && !function.foreign {
                let unknown = vec![Value::Poison; function.ast.parameters.len()];
                self.run_function(number, &unknown, None);
            }
            number += 1;
        }
    }

    /// Warns of names that are given and not used.
    fn unused(&mut self) {
        // A function with docs stands there for other losses, too.
        let documented: Vec<Span> = (self.functions.iter())
            .filter(|function| !function.ast.docs.is_empty())
            .map(|function| function.ast.name.span)
            .collect();
        let unused = self.scopes.unused().into_iter();
        for (name, span, sort) in unused.filter(|(_, span, _)| !documented.contains(span)) {
            let message = match sort {
                Sort::Let => format!("`{name}` is never used"),
                Sort::Parameter | Sort::Argument => format!("the parameter `{name}` is never used"),
                Sort::Function => format!("the function `{name}` is never called"),
                Sort::Use => format!("the loss `{name}` is never used"),
            };
            let warning = Diagnostic::warning("unused", span, message);
            self.diagnostics.push(match sort {
                Sort::Use => warning.help("remove the line"),
                _ => warning.help(format!("remove it, or call it `_{name}` if that is meant")),
            });
        }
    }
}
