//! Arguments of a call, sorted by the names of parameters.

use super::Checker;
use crate::ast::{Argument, Name};
use crate::{Diagnostic, Span, suggest};

impl Checker<'_, '_> {
    /// Sorts arguments by the names of parameters; the first `optional` from the end may be missing. Mistakes are
    /// reported.
    pub(super) fn bind<'e>(
        &mut self,
        callee: &str,
        names: &[&str],
        optional: usize,
        arguments: &'e [Argument],
        span: Span,
    ) -> Option<Vec<Option<&'e Argument>>> {
        let mut bound: Vec<Option<&Argument>> = vec![None; names.len()];
        let (mut good, mut named) = (true, false);
        for (place, argument) in arguments.iter().enumerate() {
            let slot = self.slot(callee, names, (place, argument), named);
            named |= argument.name.is_some();
            let Some(slot) = slot else {
                good = false;
                continue;
            };
            match bound.get_mut(slot) {
                Some(free @ None) => *free = Some(argument),
                Some(Some(first)) => {
                    let message = format!("`{}` is given twice", names[slot]);
                    let error = Diagnostic::error("arguments", argument.value.span, message);
                    self.report(error.also(first.value.span, "the first time"));
                    good = false;
                }
                None => {
                    self.report(too_many(callee, names.len(), argument.value.span));
                    return None;
                }
            }
        }
        let needed = names.len() - optional;
        let missing = (0..needed).filter(|&slot| bound[slot].is_none());
        let missing: Vec<String> = missing.map(|slot| format!("`{}`", names[slot])).collect();
        if good && !missing.is_empty() {
            let plural = if missing.len() > 1 { "s" } else { "" };
            let message = format!("`{callee}` lacks its argument{plural} {}", missing.join(" and "));
            let signature = format!("{callee}({})", names[..needed].join(", "));
            let error = Diagnostic::error("arguments", span, message);
            self.report(error.help(format!("it is called as `{signature}`")));
            good = false;
        }
        good.then_some(bound)
    }

    /// The parameter that an argument is for; `named`: does a named one stand before it?
    fn slot(
        &mut self,
        callee: &str,
        names: &[&str],
        (place, argument): (usize, &Argument),
        named: bool,
    ) -> Option<usize> {
        let Some(name) = &argument.name else {
            if named {
                let message = "a named argument stands before this one";
                let error = Diagnostic::error("arguments", argument.value.span, message);
                self.report(error.label("arguments without a name come first"));
            }
            return (!named).then_some(place);
        };
        let slot = names.iter().position(|known| *known == name.text);
        if slot.is_none() {
            self.report(unknown_argument(callee, names, name));
        }
        slot
    }
}

fn too_many(callee: &str, number: usize, span: Span) -> Diagnostic {
    let message = match number {
        0 => format!("`{callee}` takes no arguments"),
        1 => format!("`{callee}` takes one argument"),
        number => format!("`{callee}` takes {number} arguments"),
    };
    Diagnostic::error("arguments", span, message).label("one too many")
}

fn unknown_argument(callee: &str, names: &[&str], name: &Name) -> Diagnostic {
    let error =
        Diagnostic::error("arguments", name.span, format!("`{callee}` has no argument `{}`", name.text));
    match suggest::nearest(&name.text, names.iter().copied()) {
        Some(near) => error.label(format!("did you mean `{near}`?")).fix(name.span, near),
        None if names.is_empty() => error,
        None => error.help(format!("its arguments are {}", names.join(", "))),
    }
}
