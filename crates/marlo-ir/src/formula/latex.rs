//! Formulas as LaTeX.

use super::math::{Math, Symbol};
use super::{Equation, Formulas, GREEK};

pub(super) fn print(formulas: &Formulas) -> String {
    let line = |e: &Equation| format!("  {} &= {}", math(&e.left), math(&e.right));
    let mut lines: Vec<String> = formulas.equations.iter().map(line).collect();
    if !formulas.definitions.is_empty() {
        lines.push(r"  \text{where}".into());
        lines.extend(formulas.definitions.iter().map(line));
    }
    format!("\\begin{{aligned}}\n{}\n\\end{{aligned}}\n", lines.join(" \\\\\n"))
}

fn symbol(s: &Symbol) -> String {
    let name = match GREEK.iter().any(|g| g.0 == s.name || g.1 == s.name) {
        true => format!(r"\{}", GREEK.iter().find(|g| g.0 == s.name || g.1 == s.name).map_or("", |g| g.0)),
        false if s.name.chars().count() > 1 => format!(r"\mathrm{{{}}}", s.name.replace('_', r"\_")),
        false => s.name.clone(),
    };
    if s.index.is_empty() { name } else { format!("{name}_{{{}}}", s.index) }
}

fn within(m: &Math, least: u8) -> String {
    let text = math(m);
    if m.binding() < least { format!(r"\left({text}\right)") } else { text }
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
                out += &within(term, if at + 1 < terms.len() && term.ends_open() { 5 } else { 2 });
            }
            out
        }
        Math::Product(factors) => {
            let last = factors.len() - 1;
            let open = |(at, f): (usize, &Math)| within(f, if at < last && f.ends_open() { 5 } else { 3 });
            factors.iter().enumerate().map(open).collect::<Vec<_>>().join(r"\, ")
        }
        Math::Fraction(a, b) => format!(r"\frac{{{}}}{{{}}}", math(a), math(b)),
        Math::Power(base, exponent) => format!("{}^{{{}}}", within(base, 5), math(exponent)),
        Math::Call(name, latex, args) => {
            let head =
                if latex.is_empty() { format!(r"\operatorname{{{name}}}") } else { (*latex).to_owned() };
            match args.as_slice() {
                [Math::Symbol(s)] => format!("{head} {}", symbol(s)),
                _ => format!(r"{head}\left({}\right)", args.iter().map(math).collect::<Vec<_>>().join(", ")),
            }
        }
        Math::Root(x) => format!(r"\sqrt{{{}}}", math(x)),
        Math::Absolute(x) => format!(r"\left|{}\right|", math(x)),
        Math::Floor(x) => format!(r"\left\lfloor {} \right\rfloor", math(x)),
        Math::Relation(sign, a, b) => {
            let sign = match *sign {
                "≤" => r"\le",
                "≥" => r"\ge",
                "and" => r"\land",
                "or" => r"\lor",
                other => other,
            };
            format!("{} {sign} {}", within(a, 1), within(b, 1))
        }
        Math::Bracket(x) => format!(r"\left[{}\right]", math(x)),
        Math::Cases(c, a, b) => format!(
            r"\begin{{cases}} {} & \text{{if }} {} \\ {} & \text{{otherwise}} \end{{cases}}",
            math(a),
            math(c),
            math(b)
        ),
        Math::Over(big, index, x) => {
            let big = match *big {
                "Σ" => r"\sum".to_owned(),
                "max" | "min" => format!(r"\{big}"),
                other => format!(r"\operatorname*{{{other}}}"),
            };
            let index = if *index == "k" { r"k \ne y" } else { index };
            format!("{big}_{{{index}}} {}", within(x, 2))
        }
        Math::Derivative(a, b) => format!(r"\frac{{\partial {}}}{{\partial {}}}", math(a), math(b)),
    }
}
