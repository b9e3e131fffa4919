//! Programs drawn by chance: what is printed is read back, and nothing panics.

use marlo_lang::ast::*;
use marlo_lang::{Empty, Span, compile, format, parse, print, render};
use quickcheck::{Arbitrary, Gen, QuickCheck};

#[derive(Debug, Clone)]
struct AnyFile(File);

const NAMES: &[&str] =
    &["a", "b", "s", "θ", "γ_1", "cos", "theta", "pi", "softmax", "a_rather_long_name_that_fills_lines"];
const INDICES: &[&str] = &["y", "k", "i"];

fn pick<T: Clone>(g: &mut Gen, from: &[T]) -> T {
    g.choose(from).cloned().expect("a choice")
}

fn name(g: &mut Gen) -> Name {
    Name { text: pick(g, NAMES).into(), span: Span::default() }
}

fn maybe<T>(g: &mut Gen, make: impl FnOnce(&mut Gen) -> T) -> Option<T> {
    if pick(g, &[0, 1, 2]) == 0 { Some(make(g)) } else { None }
}

fn many<T>(g: &mut Gen, most: usize, mut make: impl FnMut(&mut Gen) -> T) -> Vec<T> {
    let number = usize::arbitrary(g) % (most + 1);
    (0..number).map(|_| make(g)).collect()
}

fn index(g: &mut Gen) -> Option<Name> {
    maybe(g, |g| Name { text: pick(g, INDICES).into(), span: Span::default() })
}

fn docs(g: &mut Gen) -> Vec<String> {
    many(g, 2, |g| pick(g, &["", "one line", " indented", "/ slash", "! mark"]).to_owned())
}

fn expr(g: &mut Gen, depth: usize) -> Expr {
    let sub = |g: &mut Gen| Box::new(expr(g, depth - 1));
    let form = if depth == 0 { usize::arbitrary(g) % 2 } else { usize::arbitrary(g) % 9 };
    let kind = match form {
        0 => {
            let text = pick(g, &["0", "1", "0.5", "64", "1e-3", "2.50"]);
            ExprKind::Number { text: text.into(), value: text.parse().expect("a number") }
        }
        1 => ExprKind::Name { name: name(g), index: index(g) },
        2 => {
            ExprKind::Call { callee: name(g), index: index(g), arguments: many(g, 3, |g| argument(g, depth)) }
        }
        3 => {
            let arguments = maybe(g, |g| many(g, 2, |g| argument(g, depth)));
            ExprKind::Field { base: sub(g), field: name(g), index: index(g), arguments }
        }
        4 => ExprKind::Unary {
            operator: pick(g, &[UnaryOperator::Negate, UnaryOperator::Not]),
            operand: sub(g),
        },
        5 => ExprKind::If {
            condition: sub(g),
            then_span: Span::default(),
            then: sub(g),
            else_span: Span::default(),
            otherwise: sub(g),
        },
        _ => {
            use BinaryOperator::*;
            let all = [
                Or,
                And,
                Equal,
                NotEqual,
                Less,
                LessEqual,
                Greater,
                GreaterEqual,
                Add,
                Subtract,
                Multiply,
                Divide,
                Power,
            ];
            let operator = pick(g, &all);
            ExprKind::Binary { operator, operator_span: Span::default(), left: sub(g), right: sub(g) }
        }
    };
    Expr { span: Span::default(), kind }
}

fn argument(g: &mut Gen, depth: usize) -> Argument {
    Argument { name: maybe(g, name), value: expr(g, depth - 1) }
}

fn block(g: &mut Gen, depth: usize) -> Block {
    let statements = many(g, 3, |g| {
        if depth > 0 && u8::arbitrary(g) % 4 == 0 {
            return Statement::Function(function(g, depth - 1));
        }
        if u8::arbitrary(g) % 4 == 0 {
            return Statement::State(Box::new(state(g)));
        }
        Statement::Let(Let { name: name(g), index: index(g), value: expr(g, 5), span: Span::default() })
    });
    Block { statements, value: expr(g, 5), span: Span::default() }
}

fn state(g: &mut Gen) -> State {
    State {
        docs: docs(g),
        name: name(g),
        kind: maybe(g, name),
        start: expr(g, 2),
        range: maybe(g, |g| range(g, true)),
        next: expr(g, 4),
        span: Span::default(),
    }
}

fn function(g: &mut Gen, depth: usize) -> Function {
    let short = bool::arbitrary(g);
    let body = match short {
        true => Block { statements: Vec::new(), value: expr(g, 4), span: Span::default() },
        false => block(g, depth),
    };
    let parameters = many(g, 3, |g| FunctionParameter { name: name(g), kind: maybe(g, name) });
    let (docs, name) = (docs(g), name(g));
    Function { docs, name, parameters, parameters_span: Span::default(), body, short, span: Span::default() }
}

fn range(g: &mut Gen, open: bool) -> Range {
    Range { low: expr(g, 2), high: if open { maybe(g, |g| expr(g, 2)) } else { Some(expr(g, 2)) } }
}

fn parameter(g: &mut Gen) -> Parameter {
    Parameter {
        docs: docs(g),
        name: name(g),
        index: index(g),
        kind: name(g),
        default: maybe(g, |g| expr(g, 2)),
        drawn: maybe(g, |g| expr(g, 2)),
        range: maybe(g, |g| range(g, true)),
        sum: maybe(g, |g| expr(g, 2)),
        span: Span::default(),
    }
}

fn promise(g: &mut Gen) -> Promise {
    if bool::arbitrary(g) {
        let given = many(g, 2, |g| (name(g), expr(g, 2)));
        return Promise::Law(Law { given, equals: expr(g, 3), span: Span::default() });
    }
    let claim = |g: &mut Gen| Claim {
        name: name(g),
        arguments: many(g, 3, |g| ClaimArgument { value: expr(g, 3), range: maybe(g, |g| range(g, false)) }),
        span: Span::default(),
    };
    let mut claims = many(g, 2, claim);
    claims.push(claim(g));
    Promise::Prove(Prove { claims, span: Span::default() })
}

impl Arbitrary for AnyFile {
    fn arbitrary(g: &mut Gen) -> Self {
        let loss = Loss {
            docs: docs(g),
            name: name(g),
            parameters: many(g, 4, parameter),
            parameters_span: Span::default(),
            body: block(g, 2),
            span: Span::default(),
        };
        Self(File {
            docs: docs(g),
            uses: many(g, 2, |g| Use { name: name(g), span: Span::default() }),
            functions: many(g, 2, |g| function(g, 1)),
            loss: Some(loss),
            claims: many(g, 3, promise),
        })
    }
}

#[test]
fn what_is_printed_is_read_back() {
    fn holds(AnyFile(file): AnyFile) {
        let text = print(&file);
        let (read, found) = parse(&text);
        assert!(found.is_empty(), "{found:?}\n{text}");
        assert_eq!(read.without_spans(), file, "\n{text}");
        assert_eq!(format(&text).as_ref(), Ok(&text), "printed as it is formatted");
    }
    QuickCheck::new().tests(1500).quickcheck(holds as fn(AnyFile));
}

/// Reads, compiles, draws and formats whatever it gets; if it is a program, the formatted
/// text is the same program with the same comments, and stays as it is.
fn survives(source: &str) {
    let (file, found) = parse(source);
    let said = compile(source, &Empty).map_or_else(|errors| errors, |compiled| compiled.warnings);
    for diagnostic in found.iter().take(5).chain(said.iter().take(5)) {
        let _ = render::render(diagnostic, "random.loss", source, render::Style::Plain);
    }
    match format(source) {
        Err(errors) => assert!(errors.iter().any(marlo_lang::Diagnostic::is_error)),
        Ok(text) => {
            let (again, found) = parse(&text);
            assert!(found.iter().all(|found| !found.is_error()), "{found:?}\n{source}\n---\n{text}");
            assert_eq!(again.without_spans(), file.without_spans(), "{source}\n---\n{text}");
            assert_eq!(text.matches("//").count(), source.matches("//").count(), "{source}\n---\n{text}");
            assert_eq!(format(&text).as_ref(), Ok(&text), "{source}");
        }
    }
}

#[test]
fn any_text_survives() {
    fn holds(text: String, bytes: Vec<u8>) {
        survives(&text);
        survives(&String::from_utf8_lossy(&bytes));
    }
    QuickCheck::new().tests(1000).quickcheck(holds as fn(String, Vec<u8>));
}

const WORDS: &[&str] = &[
    "use ",
    "fn ",
    "loss ",
    "let ",
    "law ",
    "prove ",
    " in ",
    " if ",
    " then ",
    " else ",
    " and ",
    " or ",
    " not ",
    "a",
    "θ",
    "cos[k]",
    "cos",
    "1",
    "0.5",
    "1.2.3",
    ".5",
    "2x",
    "+",
    "-",
    "*",
    "/",
    "^",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    "≥",
    "=>",
    "..",
    ".",
    ",",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "\n\n",
    " ",
    "//! d\n",
    "/// d\n",
    "// c\n",
    ";",
    "&&",
    "²",
    "@",
    "\"",
    "\r\n",
    "loss f(a: Real) { a }",
    "fn f(x) = x",
    "\u{feff}",
    "\u{0}",
    "é",
];

#[test]
fn any_soup_of_words_survives() {
    fn holds(choices: Vec<u8>) {
        let word = |choice: &u8| WORDS[*choice as usize % WORDS.len()];
        let soup: String = choices.iter().map(word).collect();
        survives(&soup);
        survives(&format!("loss f(a: Real) {{\n{soup}\na\n}}"));
        survives(&format!("loss f(a: Real) {{\nlet b = ({soup})\na\n}}"));
    }
    QuickCheck::new().tests(3000).quickcheck(holds as fn(Vec<u8>));
}

const FORMULAS: &[&str] = &[
    "cos[y]",
    "cos[k]",
    "theta[y]",
    "theta[k]",
    "logit[k]",
    "s",
    "m",
    "t",
    "n[i]",
    "q[k]",
    "q",
    "a",
    "p",
    "p[y]",
    "p[k]",
    "1",
    "0",
    "pi",
    "1e308",
    " + ",
    " - ",
    " * ",
    " / ",
    "^",
    " > ",
    " == ",
    " and ",
    " or ",
    "not ",
    "-",
    ", ",
    ", ",
    "(",
    ")",
    "exp(",
    "cos(",
    "acos(",
    "softmax(",
    "weight: ",
    "ce(",
    "focal(",
    "mask(",
    "indicator(",
    "sum[k](",
    "lse[k](",
    "mean[i](",
    "top[i](",
    "max(",
    "clamp(",
    "detach(",
    "g(",
    "g",
    "f(",
    "if ",
    " then ",
    " else ",
    ".f",
    "[y]",
    "\n    let b = ",
    "\n    fn h(x) = ",
];

/// Whatever stands in a formula, it is typed or a message says why not.
#[test]
fn any_formula_survives() {
    fn holds(choices: Vec<u8>) {
        let word = |choice: &u8| FORMULAS[*choice as usize % FORMULAS.len()];
        let formula: String = choices.iter().map(word).collect();
        let open = formula.matches('(').count().saturating_sub(formula.matches(')').count());
        let formula = formula + &")".repeat(open);
        survives(&format!(
            "fn g(x) = x + a\nloss f(s: Scale = 64, m: Angle = 0.5, t: Weight, n[i]: Norm, q[k]: Prob) {{\n\
             let p = softmax(s * cos[y], s * cos[k])\nlet a = {formula}\na\n}}\n\
             law m = {formula} => {formula}\nlaw => {formula}\n\
             prove bounded({formula}, 0, 1)\nprove decreasing(a, {formula} in 0..1)\n"
        ));
    }
    QuickCheck::new().tests(3000).quickcheck(holds as fn(Vec<u8>));
}

/// Comments and line breaks between any two words of a good program.
#[test]
fn comments_anywhere_survive() {
    const GOOD: &[&str] = &[
        "use", " a ", "\n", "fn", " f", "(", "x", ",", "y", ":", " Angle", ",", ")", "=", "x", "-", "y",
        "\n", "loss", " l", "(", "s", ":", " Scale", "=", "6", "/", "2", " in ", "1", "..", "2", "*", "pi",
        ",", "m", "[", "k", "]", ":", " Real", ",", ")", "{", "\n", "let", " a", "=", "if", " x", ">", "1",
        " then ", "-", "y", "-", "2", " else ", "(", "x", "-", "y", ")", "*", "z", "[", "k", "]", "\n",
        "let", " b", "=", "(", "a", "-", "b", "+", "c", ")", "\n", "fn", " g", "(", "x", ")", "{", "x", "}",
        "\n", "f", "(", "a", ".", "b", ",", "w", ":", "x", "-", "y", ",", ")", "-", "1", "\n", "}", "\n",
        "law", " s", "=", "1", ",", "m", "=", "2", "=>", "a", "(", ")", "-", "b", "\n", "prove", " finite",
        ",", "up", "(", "a", " in ", "0", "..", "1", ")", "\n",
    ];
    fn holds(noise: Vec<(u8, u8)>) {
        let mut words: Vec<String> = GOOD.iter().map(|word| (*word).to_owned()).collect();
        for (place, what) in &noise {
            let word = &mut words[*place as usize % GOOD.len()];
            word.push_str(
                [" // c\n", "\n// d\n", "\n\n", "\n", " ", "\n\n// e\n\n", " /// f\n"][*what as usize % 7],
            );
        }
        survives(&words.concat());
    }
    survives(&GOOD.concat());
    assert!(format(&GOOD.concat()).is_ok());
    QuickCheck::new().tests(4000).quickcheck(holds as fn(Vec<(u8, u8)>));
    for place in 0..=255 {
        for what in 0..7 {
            holds(vec![(place, what)]);
        }
    }
}

/// Nothing that nests, or goes on for ever, needs more stack than there is.
#[test]
fn depth_and_length_are_bounded() {
    let many = |text: &str| text.repeat(10_000);
    let bodies = [
        many("a+") + "a",
        many("a^") + "a",
        many("-") + "a",
        many("not ") + "a",
        many("(") + "a" + &many(")"),
        many("(") + "a",
        many("f(") + "a" + &many(")"),
        many("a+(") + "a" + &many(")"),
        many("if a then ") + "a" + &many(" else a"),
        many("if a then a else ") + "a",
        "a".to_owned() + &many(".a"),
        many("a[") + "a",
        many("fn f() { ") + &many("}"),
        many("-(") + "a" + &many(")"),
        many("not (") + "a" + &many(")"),
        many("sum[k](") + "a" + &many(")"),
        many("f(x: ") + "a" + &many(")"),
        many("max(a, ") + "a" + &many(")"),
        many("f(f(a).a, ") + "a" + &many(")"),
        many("(if ") + "a > a" + &many(" then a else a)"),
        "f(".to_owned() + &many("a, ") + "a)",
        many("f(a).a * "),
        many("2^-"),
        many("a and a or "),
        many("a == "),
        many("{"),
    ];
    for body in &bodies {
        survives(&format!("loss f(a: Real) {{\n    let b = {body}\n    b\n}}"));
        survives(&format!("loss f(a: Real = {body}) {{\n    {body}\n}}\nlaw a = {body} => {body}"));
    }
    // Functions that call functions, twice each: neither deep nor long for ever.
    for body in [|of: usize| format!("f{of}(x)"), |of: usize| format!("f{of}(f{of}(x))")] {
        let chain: String = (0..300).map(|of| format!("fn f{}(x) = {}\n", of + 1, body(of))).collect();
        survives(&format!("fn f0(x) = x + 1\n{chain}loss l() {{\n    f300(cos[y])\n}}\n"));
    }
    // Defaults and ranges made of the parameters before them, and a law that fixes all of them.
    let parameters = |of: usize| format!(", a{}: Real = a{of} + a{of} in -a{of}..a{of} * 2", of + 1);
    let given: String = (0..500).map(|of| format!("a{of} = a{of}, ")).collect();
    let header: String = (0..500).map(parameters).collect();
    survives(&format!("loss l(a0: Real = 1{header}) {{\n    cos[y]\n}}\nlaw {given}a500 = 1 => cos[y]\n"));
    survives(&format!("loss l(a0: Real = 0{header}) {{\n    cos[y]\n}}\n"));
    // As many items as one likes, though.
    let lets: String = (0..3000).map(|number| format!("    let a{number} = 1 // c\n")).collect();
    let long = format!("loss f(a: Real) {{\n{lets}    a\n}}\n");
    assert_eq!(format(&long).map(|text| text.lines().count()), Ok(3003));
}
