//! A formula as a tree, between the graph and its printed form.

/// A symbol with an optional subscript.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// The letter or word; Greek letters by name.
    pub name: String,
    /// The subscript, or nothing.
    pub index: String,
}

/// A formula.
#[derive(Clone, Debug, PartialEq)]
pub enum Math {
    /// A number that is not negative, as it is written.
    Number(String),
    /// A symbol.
    Symbol(Symbol),
    /// Terms, each with its sign (`true` is minus).
    Sum(Vec<(bool, Math)>),
    /// Factors.
    Product(Vec<Math>),
    /// Numerator and denominator.
    Fraction(Box<Math>, Box<Math>),
    /// Base and exponent.
    Power(Box<Math>, Box<Math>),
    /// A function by its name in text and in LaTeX.
    Call(&'static str, &'static str, Vec<Math>),
    /// √
    Root(Box<Math>),
    /// |x|
    Absolute(Box<Math>),
    /// ⌊x⌋
    Floor(Box<Math>),
    /// Two sides and the sign between them: <, ≤, =, and, or.
    Relation(&'static str, Box<Math>, Box<Math>),
    /// 1 where the condition holds, else 0.
    Bracket(Box<Math>),
    /// The symbol of a mask.
    Mask(Symbol),
    /// The first where the condition holds, else the second.
    Cases(Box<Math>, Box<Math>, Box<Math>),
    /// A big operator over an index: Σ, max, LSE, median.
    Over(&'static str, &'static str, Box<Math>),
    /// ∂x/∂y
    Derivative(Box<Math>, Box<Math>),
}

impl Math {
    /// A symbol without a subscript.
    pub fn symbol(name: &str) -> Math {
        Math::indexed(name, "")
    }

    /// A symbol with a subscript.
    pub fn indexed(name: &str, index: &str) -> Math {
        Math::Symbol(Symbol { name: name.to_owned(), index: index.to_owned() })
    }

    /// A number of any sign; simple parts of π as such.
    pub fn number(value: f64) -> Math {
        if value < 0.0 {
            return Math::number(-value).minus();
        }
        let pi = std::f64::consts::PI;
        for (above, below) in [(1, 1), (2, 1), (1, 2), (1, 3), (1, 4), (1, 6)] {
            if value == pi * f64::from(above) / f64::from(below) {
                let top = match above {
                    1 => Math::symbol("pi"),
                    n => Math::product(vec![Math::Number(n.to_string()), Math::symbol("pi")]),
                };
                return match below {
                    1 => top,
                    n => Math::Fraction(Box::new(top), Box::new(Math::Number(n.to_string()))),
                };
            }
        }
        Math::Number(format!("{value}"))
    }

    /// e to a power.
    pub fn exp(exponent: Math) -> Math {
        Math::Power(Box::new(Math::symbol("e")), Box::new(exponent))
    }

    /// −x
    pub fn minus(self) -> Math {
        match self {
            Math::Sum(mut terms) if terms.len() == 1 => {
                let (sign, term) = terms.remove(0);
                if sign { term } else { Math::Sum(vec![(true, term)]) }
            }
            other => Math::Sum(vec![(true, other)]),
        }
    }

    /// Splits a leading minus off.
    pub fn split_sign(self) -> (bool, Math) {
        match self {
            Math::Sum(mut terms) if terms.len() == 1 => terms.remove(0),
            other => (false, other),
        }
    }

    /// How tightly it holds together where fractions and cases are drawn: 0 relation or cases, 1 sum, 2 product, 3 prefix
    /// function, 4 power or fraction, 5 atom. What holds less tightly than its place asks for gets brackets.
    pub fn binding(&self) -> u8 {
        match self {
            Math::Relation(..) | Math::Cases(..) => 0,
            Math::Sum(_) => 1,
            Math::Product(_) => 2,
            Math::Over(..) => 3,
            Math::Call(_, _, args) if matches!(args.as_slice(), [Math::Symbol(_)]) => 3,
            Math::Power(..) | Math::Fraction(..) | Math::Derivative(..) => 4,
            _ => 5,
        }
    }

    /// Does it end with a big operator, whose reach what is written behind it would join?
    pub fn ends_open(&self) -> bool {
        match self {
            Math::Over(..) => true,
            Math::Product(factors) => factors.last().is_some_and(Math::ends_open),
            Math::Sum(terms) => terms.last().is_some_and(|term| term.1.ends_open()),
            _ => false,
        }
    }

    /// A product; signs of the factors come out, nested products are flattened.
    pub fn product(factors: Vec<Math>) -> Math {
        let mut negative = false;
        let mut flat = Vec::new();
        for factor in factors {
            let (sign, factor) = factor.split_sign();
            negative ^= sign;
            match factor {
                Math::Number(one) if one == "1" => {}
                Math::Product(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        flat.sort_by_key(|factor| match factor {
            Math::Number(_) => 0,
            Math::Symbol(_) => 1,
            Math::Power(..) => 2,
            Math::Sum(_) => 3,
            Math::Bracket(_) | Math::Mask(_) => 5,
            Math::Fraction(..) => 6,
            // Last, for ln p·x would be read as ln(p·x).
            Math::Call(_, _, args) if matches!(args.as_slice(), [Math::Symbol(_)]) => 8,
            Math::Call(..) => 7,
            Math::Over(..) => 9,
            _ => 4,
        });
        let product = match flat.len() {
            0 => Math::Number("1".into()),
            1 => flat.remove(0),
            _ => Math::Product(flat),
        };
        if negative { product.minus() } else { product }
    }

    /// A sum; nested sums are flattened.
    pub fn sum(terms: Vec<(bool, Math)>) -> Math {
        let mut flat = Vec::new();
        for (negative, term) in terms {
            match term {
                Math::Sum(inner) => flat.extend(inner.into_iter().map(|(sign, t)| (sign ^ negative, t))),
                other => flat.push((negative, other)),
            }
        }
        flat.sort_by_key(|term| term.0);
        match flat.as_slice() {
            [(false, _)] => flat.remove(0).1,
            _ => Math::Sum(flat),
        }
    }
}
