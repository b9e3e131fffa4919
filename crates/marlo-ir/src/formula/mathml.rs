//! Formulas as presentation MathML.

use super::math::{Math, Symbol};
use super::{Equation, Formulas, GREEK};

pub(super) fn print(formulas: &Formulas) -> String {
    let element = |e: &Equation| {
        format!("<math display=\"block\">{}<mo>=</mo>{}</math>\n", math(&e.left), math(&e.right))
    };
    let mut out: String = formulas.equations.iter().map(element).collect();
    if !formulas.definitions.is_empty() {
        out += "<p>where</p>\n";
        out += &formulas.definitions.iter().map(element).collect::<String>();
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn symbol(s: &Symbol) -> String {
    let name = GREEK.iter().find(|g| g.0 == s.name).map_or(s.name.as_str(), |g| g.1);
    let name = format!("<mi>{}</mi>", escape(name));
    if s.index.is_empty() { name } else { format!("<msub>{name}<mi>{}</mi></msub>", escape(&s.index)) }
}

fn row(inside: &str) -> String {
    format!("<mrow>{inside}</mrow>")
}

fn fenced(open: &str, inside: &str, close: &str) -> String {
    row(&format!("<mo>{open}</mo>{inside}<mo>{close}</mo>"))
}

fn within(m: &Math, least: u8) -> String {
    let text = math(m);
    if m.binding() < least { fenced("(", &text, ")") } else { text }
}

fn math(m: &Math) -> String {
    match m {
        Math::Number(text) => format!("<mn>{text}</mn>"),
        Math::Symbol(s) | Math::Mask(s) => symbol(s),
        Math::Sum(terms) => {
            let mut out = String::new();
            for (at, (negative, term)) in terms.iter().enumerate() {
                out += match (at, negative) {
                    (0, false) => "",
                    (_, true) => "<mo>−</mo>",
                    (_, false) => "<mo>+</mo>",
                };
                out += &within(term, if at + 1 < terms.len() && term.ends_open() { 5 } else { 2 });
            }
            row(&out)
        }
        Math::Product(factors) => {
            let last = factors.len() - 1;
            let open = |(at, f): (usize, &Math)| within(f, if at < last && f.ends_open() { 5 } else { 3 });
            row(&factors.iter().enumerate().map(open).collect::<Vec<_>>().join("<mo>⁢</mo>"))
        }
        Math::Fraction(a, b) => format!("<mfrac>{}{}</mfrac>", row(&math(a)), row(&math(b))),
        Math::Power(base, exponent) => {
            format!("<msup>{}{}</msup>", row(&within(base, 5)), row(&math(exponent)))
        }
        Math::Call(name, _, args) => {
            let inside = args.iter().map(math).collect::<Vec<_>>().join("<mo>,</mo>");
            let inside = if m.binding() == 3 { inside } else { fenced("(", &inside, ")") };
            row(&format!("<mi>{name}</mi><mo>⁡</mo>{inside}"))
        }
        Math::Root(x) => format!("<msqrt>{}</msqrt>", math(x)),
        Math::Absolute(x) => fenced("|", &math(x), "|"),
        Math::Floor(x) => fenced("⌊", &math(x), "⌋"),
        Math::Relation(sign, a, b) => {
            row(&format!("{}<mo>{}</mo>{}", within(a, 1), escape(sign), within(b, 1)))
        }
        Math::Bracket(x) => fenced("[", &math(x), "]"),
        Math::Cases(c, a, b) => {
            let line = |value: &str, when: &str| format!("<mtr><mtd>{value}</mtd><mtd>{when}</mtd></mtr>");
            let table = line(&math(a), &format!("<mtext>if </mtext>{}", math(c)))
                + &line(&math(b), "<mtext>otherwise</mtext>");
            row(&format!("<mo>{{</mo><mtable columnalign=\"left\">{table}</mtable>"))
        }
        Math::Over(big, index, x) => {
            let under = if *index == "k" { "<mi>k</mi><mo>≠</mo><mi>y</mi>" } else { "<mi>i</mi>" };
            let big = if *big == "Σ" { "∑" } else { big };
            row(&format!("<munder><mo>{big}</mo>{}</munder>{}", row(under), within(x, 2)))
        }
        Math::Derivative(a, b) => {
            let part = |x: &Math| row(&format!("<mo>∂</mo>{}", math(x)));
            format!("<mfrac>{}{}</mfrac>", part(a), part(b))
        }
    }
}
