//! Finds and compiles the SPEC of a command.

use std::path::Path;

use marlo::lang::render::{Style, render_all};
use marlo::lang::{Compiled, suggest};
use marlo::loss::{Loss, Wrt};
use marlo::specs::{self, Shipped};

use super::error::CliError;
use super::say;

/// A spec as text.
pub(crate) struct Source {
    /// The path, or `NAME (shipped)`.
    pub(crate) path: String,
    /// The text.
    pub(crate) text: String,
    /// Where it finds the losses that it uses.
    pub(crate) library: Shipped,
}

/// Reads a spec: a path to a file, or the name of a shipped one.
pub(crate) fn read(spec: &str) -> Result<Source, CliError> {
    let path = Path::new(spec);
    let looks_like_a_path = path.extension().is_some_and(|e| e == "loss") || spec.contains(['/', '\\']);
    if looks_like_a_path || path.is_file() {
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::Input(format!("cannot read `{spec}`: {error}")))?;
        let folder = path.parent().map(Path::to_path_buf);
        return Ok(Source { path: spec.to_owned(), text, library: Shipped { folder } });
    }
    match specs::find(spec) {
        Some(found) => {
            let path = format!("specs/{}/{}.loss", found.family, found.name);
            Ok(Source { path, text: found.source.to_owned(), library: Shipped::default() })
        }
        None => {
            let hint = meant(spec).map_or(String::new(), |meant| format!("; did you mean {meant}?"));
            Err(CliError::Input(format!(
                "no loss named `{spec}` ships with marlo{hint} (`marlo list` shows all; a path ends in .loss)"
            )))
        }
    }
}

/// The shipped losses that a name may stand for: those that are also called so, at most three, or else the nearest one.
fn meant(name: &str) -> Option<String> {
    let called = specs::called(name);
    let names: Vec<String> = called.iter().take(3).map(|spec| format!("`{}`", spec.name)).collect();
    match names.split_last() {
        None => {
            let names = specs::ALL.iter().map(|spec| spec.name);
            suggest::nearest(name, names).map(|near| format!("`{near}`"))
        }
        Some((only, [])) => Some(only.clone()),
        Some((last, before)) => Some(format!("{} or {last}", before.join(", "))),
    }
}

/// Reads and compiles a spec; warnings go to standard error.
pub(crate) fn compile(spec: &str) -> Result<(Source, Compiled), CliError> {
    let source = read(spec)?;
    match marlo::compile(&source.text, &source.library) {
        Ok(compiled) => {
            if !compiled.warnings.is_empty() {
                let text = render_all(&compiled.warnings, &source.path, &source.text, Style::Styled);
                say(&text);
            }
            Ok((source, compiled))
        }
        Err(diagnostics) => Err(CliError::Program { path: source.path, source: source.text, diagnostics }),
    }
}

/// What a user wants derivatives by, beside what a loss is always differentiated by.
pub(crate) fn wrt(loss: &Loss, names: &[String]) -> Result<Vec<Wrt>, CliError> {
    let usual = loss.usual();
    let mut wrt = Vec::new();
    for name in names {
        let Some(by) = loss.wrt(name) else {
            let inputs = loss.graph.inputs.iter().skip(1).filter(|input| input.centre == 0);
            let params = loss.graph.params.iter().filter(|param| !param.state);
            let known = inputs.map(|input| &input.name).chain(params.map(|param| &param.name));
            return Err(CliError::Input(format!(
                "--grad {name}: `{}` has no input or hyperparameter of that name; it has {}",
                loss.name,
                known.cloned().collect::<Vec<_>>().join(", ")
            )));
        };
        if !usual.contains(&by) && !wrt.contains(&by) {
            wrt.push(by);
        }
    }
    Ok(wrt)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_name_is_known_by_its_text_or_its_letters() {
        for (name, wanted) in [
            ("am_softmax", Some("`cosface`")),
            ("a_softmax", Some("`sphereface` or `sphereface_annealed`")),
            ("mv_softmax", Some("`mv_am_adaptive`, `mv_am_easy` or `mv_am_facexzoo`")),
            ("arcfce", Some("`arcface`")),
            ("nosuch", None),
        ] {
            assert_eq!(meant(name).as_deref(), wanted, "{name}");
        }
    }
}
