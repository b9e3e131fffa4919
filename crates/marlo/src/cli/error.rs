//! What can go wrong on the command line, rendered once, here at the edge.

use super::say;
use marlo_lang::Diagnostic;
use marlo_lang::render::{Style, render_all};

/// An error that ends the program.
#[derive(Debug)]
pub(crate) enum CliError {
    /// Arguments that make no sense together: exit code 2.
    Usage(String),
    /// Input that is missing or wrong: exit code 1.
    Input(String),
    /// A program that is wrong: exit code 1.
    Program { path: String, source: String, diagnostics: Vec<Diagnostic> },
    /// Everything has been said already: exit code 1.
    Said,
}

impl CliError {
    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            CliError::Usage(_) => 2,
            CliError::Input(_) | CliError::Program { .. } | CliError::Said => 1,
        }
    }

    /// Prints the error to standard error.
    pub(crate) fn report(&self) {
        match self {
            CliError::Usage(message) | CliError::Input(message) => say(&format!("error: {message}")),
            CliError::Program { path, source, diagnostics } => {
                say(&render_all(diagnostics, path, source, Style::Styled));
            }
            CliError::Said => {}
        }
    }
}

impl CliError {
    /// Its message, where it has one.
    pub(crate) fn message(&self) -> String {
        match self {
            CliError::Usage(message) | CliError::Input(message) => message.clone(),
            CliError::Program { path, .. } => path.clone(),
            CliError::Said => String::new(),
        }
    }
}

/// Any typed error of a library is bad input here; its text names the place.
impl<E: std::error::Error> From<E> for CliError {
    fn from(error: E) -> Self {
        CliError::Input(error.to_string())
    }
}
