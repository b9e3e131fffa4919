//! Formulas as one line of Unicode text.

use super::math::{Math, Symbol};
use super::{Equation, Formulas, GREEK};

pub(super) fn print(formulas: &Formulas) -> String {
    let line = |e: &Equation| format!("{} = {}", math(&e.left), math(&e.right));
    let mut out: Vec<String> = formulas.equations.iter().map(line).collect();
    if !formulas.definitions.is_empty() {
        out.push("where".into());
        out.extend(formulas.definitions.iter().map(|e| format!("  {}", line(e))));
    }
    out.join("\n") + "\n"
}

/// How tightly a formula holds together; an operand that holds less gets brackets.
#[derive(Copy, Clone, PartialEq, PartialOrd)]
enum Bind {
    Relation,
    Sum,
    Product,
    Prefix,
    Power,
    Atom,
}

fn bind(m: &Math) -> Bind {
    match m {
        Math::Relation(..) => Bind::Relation,
        Math::Sum(_) => Bind::Sum,
        Math::Product(_) | Math::Fraction(..) => Bind::Product,
        Math::Over(..) => Bind::Prefix,
        Math::Call(name, _, args) if bare(name, args).is_some() => Bind::Prefix,
        Math::Power(..) | Math::Derivative(..) => Bind::Power,
        _ => Bind::Atom,
    }
}

/// cos θ_y and ln p_y are written without brackets.
fn bare<'a>(name: &str, args: &'a [Math]) -> Option<&'a Symbol> {
    match args {
        [Math::Symbol(symbol)] if ["cos", "sin", "ln", "arccos"].contains(&name) => Some(symbol),
        _ => None,
    }
}

fn within(m: &Math, least: Bind) -> String {
    let text = math(m);
    if bind(m) < least { format!("({text})") } else { text }
}

fn symbol(s: &Symbol) -> String {
    let name = GREEK.iter().find(|g| g.0 == s.name).map_or(s.name.as_str(), |g| g.1);
    match s.index.as_str() {
        "" => name.to_owned(),
        // θ_y,1 would be read as two things.
        index if index.contains(',') => format!("{name}_{{{index}}}"),
        index => format!("{name}_{index}"),
    }
}

pub(super) fn math(m: &Math) -> String {
    match m {
        Math::Number(text) => text.clone(),
        Math::Symbol(s) | Math::Mask(s) => symbol(s),
        Math::Sum(terms) => {
            let mut out = String::new();
            for (at, (negative, term)) in terms.iter().enumerate() {
                out += match (at, negative) {
                    (0, false) => "",
                    (0, true) => "-",
                    (_, false) => " + ",
                    (_, true) => " - ",
                };
                let open = at + 1 < terms.len() && term.ends_open();
                out += &if open { format!("({})", math(term)) } else { within(term, Bind::Product) };
            }
            out
        }
        Math::Product(factors) => {
            let last = factors.len() - 1;
            let open = |(at, f): (usize, &Math)| match at < last
                && (f.ends_open() || matches!(f, Math::Fraction(..)))
            {
                true => format!("({})", math(f)),
                false => factor(f),
            };
            factors.iter().enumerate().map(open).collect::<Vec<_>>().join("·")
        }
        Math::Fraction(above, below) => {
            let above = match above.ends_open() {
                true => format!("({})", math(above)),
                false => within(above, Bind::Product),
            };
            let below = match below.ends_open() {
                true => format!("({})", math(below)),
                false => within(below, Bind::Prefix),
            };
            format!("{above}/{below}")
        }
        Math::Power(base, exponent) => {
            // e^b_k would be read as (e^b)_k.
            let exponent = match &**exponent {
                Math::Symbol(s) if !s.index.is_empty() => format!("({})", symbol(s)),
                other => within(other, Bind::Atom),
            };
            format!("{}^{exponent}", within(base, Bind::Atom))
        }
        Math::Call(name, _, args) => match bare(name, args) {
            Some(s) => format!("{name} {}", symbol(s)),
            None => format!("{name}({})", args.iter().map(math).collect::<Vec<_>>().join(", ")),
        },
        Math::Root(x) => format!("√({})", math(x)),
        Math::Absolute(x) => format!("|{}|", math(x)),
        Math::Floor(x) => format!("⌊{}⌋", math(x)),
        Math::Relation(sign, a, b) => format!("{} {sign} {}", within(a, Bind::Sum), within(b, Bind::Sum)),
        Math::Bracket(x) => format!("[{}]", math(x)),
        Math::Cases(c, a, b) => {
            format!(
                "({} if {} else {})",
                within(a, Bind::Sum),
                within(c, Bind::Relation),
                within(b, Bind::Sum)
            )
        }
        Math::Over(big, index, x) => {
            let index = if *index == "k" { "k≠y" } else { index };
            format!("{big}_{{{index}}} {}", within(x, Bind::Product))
        }
        Math::Derivative(a, b) => format!("∂{}/∂{}", math(a), math(b)),
    }
}

fn factor(f: &Math) -> String {
    match f {
        Math::Fraction(..) => math(f),
        _ => within(f, Bind::Prefix),
    }
}
