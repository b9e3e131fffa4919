//! Texts that nobody means, all the way through the compiler. It may refuse them; it may not panic, overflow or hang.
//!
//! Each run draws others. A failure prints its seed: `ARBTEST_SEED=0x… cargo test -p marlo-tests fuzz::NAME` draws the same
//! text again. The text that was tried last stands in the target folder, in `tmp/fuzz-NAME.loss`, for what prints nothing: a
//! stack that overflows, a loop without end. `MARLO_FUZZ_SECONDS` is the time of each test.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use arbtest::arbitrary::{Error, Result, Unstructured};
use arbtest::arbtest;
use marlo::eval::{Batch, Dual, evaluate, on_border};
use marlo::formula::{Style, gradient};
use marlo::graph::Axis;
use marlo::lang::{self, Compiled, Diagnostic, render};
use marlo::loss::Loss;
use marlo::schedule::RowProgram;
use marlo::{Backend, specs, wgsl};

use crate::corpus::programs;

/// More than any text here should take, on a slow machine and without optimisation.
const LIMIT: Duration = Duration::from_secs(30);

/// Draws texts and sends them through the compiler until the time is over.
fn fuzz(name: &str, draw: impl Fn(&mut Unstructured) -> Result<String>) {
    let seconds = std::env::var("MARLO_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let property = |u: &mut Unstructured| {
        let text = draw(u)?;
        survives(name, &text, u)
    };
    arbtest(property).size_min(64).size_max(2048).budget(Duration::from_secs(seconds)).run();
}

fn survives(name: &str, text: &str, u: &mut Unstructured) -> Result<()> {
    let last = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}.loss"));
    fs::write(last, text).expect("the target folder can be written");
    let start = Instant::now();
    reads(text);
    if let Some(compiled) = compiles(text) {
        let laws = compiled.laws.iter().flat_map(|law| [&law.left, &law.right]);
        for loss in std::iter::once(&compiled.loss).chain(laws) {
            prints(loss);
            runs(loss, &batch(loss, u)?);
        }
    }
    assert!(start.elapsed() < LIMIT, "{:?} for\n{text}", start.elapsed());
    Ok(())
}

/// What can be read is formatted, means the same then, and stays as it is.
fn reads(text: &str) {
    let (file, found) = lang::parse(text);
    says(text, &found);
    let Ok(formatted) = lang::format(text) else { return };
    let (again, found) = lang::parse(&formatted);
    assert!(!found.iter().any(Diagnostic::is_error), "{found:?}\n{text}\n---\n{formatted}");
    assert_eq!(again.without_spans(), file.without_spans(), "{text}\n---\n{formatted}");
    assert_eq!(lang::format(&formatted).as_ref(), Ok(&formatted), "{text}");
}

fn compiles(text: &str) -> Option<Compiled> {
    match lang::compile(text, &specs::Shipped::default()) {
        Ok(compiled) => {
            says(text, &compiled.warnings);
            Some(compiled)
        }
        Err(found) => {
            assert!(found.iter().any(Diagnostic::is_error), "refused without a reason:\n{text}");
            says(text, &found);
            None
        }
    }
}

fn says(text: &str, found: &[Diagnostic]) {
    for one in found.iter().take(20) {
        assert!(render::render(one, "x.loss", text, render::Style::Plain).contains(&*one.message), "{one:?}");
    }
}

/// Everything that needs no input.
fn prints(loss: &Loss) {
    for style in [Style::Text, Style::Latex, Style::MathMl] {
        assert!(!gradient(loss, style).is_empty());
    }
    let derived = loss.row_gradient();
    assert!(!derived.loss.graph.print(&derived.roots()).is_empty());
    let program = RowProgram::of(loss);
    assert!(!program.print().is_empty());
    let shader = wgsl::emit(&program);
    if let Err(error) = wgsl::compile(&shader, wgsl::Target::Wgsl) {
        panic!("{error}\n{}", shader.source);
    }
}

/// Everything that is computed here; numbers that are not finite are no defect.
fn runs(loss: &Loss, batch: &Batch<f64>) {
    let _ = Backend::Reference.run(loss, batch);
    let _ = Backend::Reference.run(loss, &batch.convert::<f32>());
    let _ = Backend::Dfdx.run(loss, batch);
    let _ = Backend::Native.run(loss, batch);
    let _ = Backend::Native.run(loss, &batch.convert::<f32>());
    let mut dual = batch.convert::<Dual<f64>>();
    dual.matrix[0].slope = 1.0;
    evaluate(&loss.graph, &[loss.row, loss.total], &dual);
    assert_eq!(on_border(loss, batch, 1e-5).len(), batch.rows);
    RowProgram::of(loss).uniform_values(&batch.params, batch.rows, batch.classes);
}

/// Numbers at which formulas break.
const NASTY: [f64; 18] = [
    0.0,
    1.0,
    -1.0,
    0.5,
    -0.0,
    1.0 - f64::EPSILON / 2.0,
    f64::EPSILON - 1.0,
    f64::MIN_POSITIVE,
    5e-324,
    -1e-320,
    1e-30,
    -20.0,
    88.8,
    710.0,
    -746.0,
    1e30,
    f64::MAX,
    -f64::MAX,
];

/// A small batch; what it holds is allowed, and seldom sensible.
fn batch(loss: &Loss, u: &mut Unstructured) -> Result<Batch<f64>> {
    let (rows, classes) = (u.int_in_range(1..=3)?, u.int_in_range(1..=4)?);
    let mut within = |low: f64, high: f64| -> Result<f64> {
        let nasty = *u.choose(&NASTY)?;
        let share = f64::from(u.arbitrary::<u8>()?) / 255.0;
        let (first, last) = (low.max(-10.0), high.min(10.0));
        let between = if u.arbitrary()? { nasty } else { first + share * (last - first) };
        Ok(between.max(low).min(high))
    };
    let all = (f64::NEG_INFINITY, f64::INFINITY);
    let (low, high) = if loss.graph.inputs[0].name == "cos" { (-1.0, 1.0) } else { all };
    let matrix =
        (0..rows * classes * loss.graph.centres()).map(|_| within(low, high)).collect::<Result<_>>()?;
    let params = loss.graph.params.iter().map(|p| within(p.low, p.high)).collect::<Result<_>>()?;
    let mut vectors = Vec::new();
    for input in loss.graph.inputs[1..].iter().filter(|input| input.axis != Axis::Matrix) {
        let length = if input.axis == Axis::Rows { rows } else { classes };
        let mut values = (0..length).map(|_| within(input.low, input.high)).collect::<Result<Vec<f64>>>()?;
        if let Some(sum) = input.sum {
            // An even share where what was drawn has no sum to speak of.
            let found: f64 = values.iter().sum();
            let share = if found > 1e-300 && found < 1e300 { sum / found } else { 0.0 };
            values.iter_mut().for_each(|x| *x = if share > 0.0 { *x * share } else { sum / length as f64 });
            // So few values may not reach that sum at all.
            if values.iter().any(|x| !(input.low..=input.high).contains(x)) {
                return Err(Error::IncorrectFormat);
            }
        }
        vectors.push((input.name.clone(), values));
    }
    let labels: Vec<i64> = (0..rows).map(|row| (row * 7 % classes) as i64).collect();
    Ok(Batch::new(loss, classes, matrix, &labels, vectors, params).expect("the inputs are in their ranges"))
}

#[test]
fn bytes() {
    fuzz("bytes", |u| Ok(String::from_utf8_lossy(u.bytes(u.len())?).into_owned()));
}

// ----- words -----

/// The language's words, and some that are none.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "a", "s", "x", "n[i]", "q[k]", "cos[y]", "cos[k]", "theta[y]", "logit[k]", "p", "p[y]", "1", "0.5", "1e308", "pi",
    "+", "-", "*", "/", "^", "=", "==", "!=", "<", "<=", ">", ">=", "=>", "..", ".", ",", ":", "(", ")", "[", "]", "{", "}",
    "\n", "\n", "use", "fn", "loss", "let", "law", "prove", "in", "if", "then", "else", "and", "or", "not", "softmax(",
    "weight:", "ce(", "focal(", "mask(", "indicator(", "sum[k](", "mean[i](", "top[i](", "lse[k](", "exp(", "acos(",
    "arcface(s)", ".f", "finite", "bounded(", "decreasing(", "// c\n", "/// d\n", "//! d\n", "θ", "²", "\u{feff}", "\0",
    "@", "loss f(s: Scale = 2, x: Real = 1, n[i]: Norm, q[k]: Real) {\n", "Real", "Scale",
];

/// Formulas; for each `#` stands another one.
#[rustfmt::skip]
const FORMS: &[&str] = &[
    "-#", "# + #", "# - #", "# * #", "# / #", "# ^ #", "# ^ 2", "exp(#)", "ln(#)", "log1p(#)", "expm1(#)", "sqrt(#)",
    "sin(#)", "cos(#)", "acos(#)", "tanh(#)", "sigmoid(#)", "softplus(#)", "relu(#)", "abs(#)", "floor(#)", "detach(#)",
    "min(#, #)", "max(#, #, #)", "clamp(#, 0, 1)", "pow(#, #)", "(if # < # then # else #)", "(if # == # then # else #)",
    "indicator(not (# <= #) and # != #, #)", "sum[k](x * cos[k] + #)", "mean[k](x * cos[k] * #)", "max[k](q[k] - #)",
    "lse[k](x * cos[k] + #)", "mean[i](sum[k](q[k] * #))", "sum[i](max[k](x * cos[k] + #))", "cos(# * theta[y] + #)",
    "top[i](lse[k](q[k] + #), sigmoid(mean[i](sum[k](q[k] - #))))", "sin(3 * theta[k] - #)", "cos(x * theta[k])", "g(#)",
    "ce(softmax(lse[k](q[k] + #), x * cos[k] + #, weight: exp(#)))", "focal(softmax(x * cos[y], q[k] + #), 2)",
    "arcface(s, x).f", "sv_arc(s, 0.5, 1 + abs(x))", "ce(arcface(s, x).p)",
];

#[rustfmt::skip]
const LEAVES: &[&str] = &[
    "x * cos[k]", "x * cos[y]", "s", "x", "n[i]", "q[k]", "q[y]", "x * theta[y]", "x * theta[k]", "0", "1", "2", "0.5",
    "-1", "1e300", "1e-300", "16", "pi", "t",
];

/// A formula of the leaves and of the names that are given before it.
fn formula(u: &mut Unstructured, depth: usize, names: &[&str]) -> Result<String> {
    if depth == 0 || u.ratio(1, 4)? {
        let all = LEAVES.len() + names.len();
        let at = u.choose_index(all)?;
        return Ok(names.get(at).unwrap_or_else(|| &LEAVES[at - names.len()]).to_string());
    }
    let mut text = String::new();
    for letter in u.choose(FORMS)?.chars() {
        match letter {
            '#' => {
                let _ = write!(text, "({})", formula(u, depth - 1, names)?);
            }
            letter => text.push(letter),
        }
    }
    Ok(text)
}

/// A program that is right more often than not.
fn program(u: &mut Unstructured) -> Result<String> {
    let depth = u.int_in_range(1..=4)?;
    let mut text = String::from("use arcface\nuse sv_arc\nfn g(x) = x / (1 + x * x)\n");
    text += "loss f(s: Real = 2 in 1..64, x: Real = 1, t: Real = 0 in 0.., n[i]: Real, q[k]: Real) {\n";
    let names = ["a", "b", "c"];
    let given = u.int_in_range(0..=names.len())?;
    for at in 0..given {
        let _ = writeln!(text, "let {} = {}", names[at], formula(u, depth, &names[..at])?);
    }
    let value = formula(u, depth, &names[..given])?;
    let ends = [
        "sum[k](x * cos[k] * ({}))",
        "({}) + x * cos[y]",
        "ce(softmax(x * cos[y], x * cos[k] + ({})))",
        "mean[i](sum[k](x * cos[k] + ({})))",
    ];
    let _ = writeln!(text, "{}\n}}", u.choose(&ends)?.replace("{}", &value));
    if u.ratio(1, 4)? {
        let _ = writeln!(text, "law => sum[k](x * cos[k] + ({}))", formula(u, depth, &[])?);
    }
    Ok(text)
}

#[test]
fn words() {
    fuzz("words", |u| {
        if u.ratio(3, 4)? {
            return program(u);
        }
        let mut text = String::new();
        for _ in 0..u.int_in_range(1..=60)? {
            text.push_str(u.choose(WORDS)?);
            text.push_str(if u.arbitrary()? { " " } else { "" });
        }
        Ok(text)
    });
}

// ----- edits -----

/// Where a text is cut by an edit.
#[derive(Clone, Copy)]
enum Unit {
    Letter,
    Word,
    Line,
}

fn pieces(text: &str, unit: Unit) -> Vec<String> {
    let joins = |before: char, next: char| match unit {
        Unit::Letter => false,
        Unit::Word => before.is_alphanumeric() && next.is_alphanumeric() || before == ' ' && next == ' ',
        Unit::Line => before != '\n',
    };
    let mut pieces: Vec<String> = Vec::new();
    for letter in text.chars() {
        match pieces.last_mut() {
            Some(piece) if piece.ends_with(|before| joins(before, letter)) => piece.push(letter),
            _ => pieces.push(letter.into()),
        }
    }
    pieces
}

/// Deletes, doubles or swaps some pieces, replaces one, or puts pieces of another text between them.
fn edit(text: &str, other: &str, u: &mut Unstructured) -> Result<String> {
    let unit = *u.choose(&[Unit::Word, Unit::Letter, Unit::Line])?;
    let mut pieces = pieces(text, unit);
    if pieces.is_empty() {
        return Ok(other.to_owned());
    }
    let (from, to) = (u.choose_index(pieces.len())?, u.choose_index(pieces.len())?);
    let few = from..(from + u.int_in_range(1..=4)?).min(pieces.len());
    match u.int_in_range(0..=5)? {
        0 => drop(pieces.drain(few)),
        1 => {
            let copied = pieces[few].to_vec();
            pieces.splice(to..to, copied);
        }
        2 => pieces.swap(from, to),
        3 => pieces[from] = (*u.choose(WORDS)?).to_owned(),
        4 => {
            // A number becomes another one: that still compiles.
            let numbers = |piece: &String| piece.starts_with(|c: char| c.is_ascii_digit());
            let number =
                (0..pieces.len()).map(|at| (from + at) % pieces.len()).find(|&at| numbers(&pieces[at]));
            if let Some(at) = number {
                pieces[at] = format!("{:?}", u.choose(&NASTY)?.abs());
            }
        }
        _ => {
            let others = self::pieces(other, unit);
            let start = u.choose_index(others.len())?;
            let end = (start + u.int_in_range(1..=12)?).min(others.len());
            pieces.splice(from..from, others[start..end].iter().cloned());
        }
    }
    Ok(pieces.concat())
}

#[test]
fn edits() {
    let mut sources: Vec<String> = specs::ALL.iter().map(|spec| spec.source.to_owned()).collect();
    sources.extend(programs().into_iter().map(|(_, text)| text));
    fuzz("edits", |u| {
        let mut text = u.choose(&sources)?.clone();
        for _ in 0..u.int_in_range(1..=4)? {
            let other = u.choose(&sources)?;
            text = edit(&text, other, u)?;
        }
        Ok(text)
    });
}

/// Formulas that were too much once.
const FOUND: &[&str] = &[
    // Numbers that overflow were collected in exponents, where ∞ − ∞ was shared without end.
    "focal(softmax(x * cos[y], q[k] + x), 2) ^ (1e300 ^ 2)",
    "x ^ (1e300 * 1e300) * cos[k] + x ^ (1e300 * 1e300) * q[k]",
    "(1e308 * x + 1e308 * x) * 1e308 - 1e308 / 1e-308 - 1e308 * 1e308 * x",
];

#[test]
fn what_was_found_is_mended() {
    for form in FOUND {
        let text = format!("loss f(x: Real = 1, q[k]: Real) {{\nsum[k](x * cos[k] + ({form}))\n}}\n");
        survives("found", &text, &mut Unstructured::new(&[7; 256])).expect("bytes enough");
        assert!(compiles(&text).is_some(), "{form}");
    }
}

// ----- depth -----

/// A program of so many steps, each made of the one before: of `let`s, or of functions inside each other.
fn chain(form: &str, steps: usize, functions: bool) -> String {
    let mut before = String::from("fn g(x) = x / (1 + x * x)\nfn f0(a) = a\n");
    let mut lets = String::from("let a0 = x * cos[k]\n");
    for number in 1..=steps {
        let last = number - 1;
        let called = form.replacen('#', &format!("f{last}(a)"), 1).replace('#', "a");
        let _ = writeln!(before, "fn f{number}(a) = {called}");
        let _ = writeln!(lets, "let a{number} = {}", form.replace('#', &format!("a{last}")));
    }
    match functions {
        true => {
            format!("{before}loss f(x: Real = 1, q[k]: Real) {{\nsum[k](cos[k] * f{steps}(x * cos[k]))\n}}\n")
        }
        false => format!(
            "fn g(x) = x / (1 + x * x)\nloss f(x: Real = 1, q[k]: Real) {{\n{lets}sum[k](cos[k] * a{steps})\n}}\n"
        ),
    }
}

/// Whatever nests as deeply as the checker allows goes all the way, to formulas and shaders too.
#[test]
fn the_deepest_programs_survive() {
    let long = std::env::var_os("MARLO_FUZZ_SECONDS").is_some();
    // Those whose derivatives are short; the others take minutes without optimisation.
    let short =
        ["-#", "# + #", "# * #", "exp(#)", "relu(#)", "floor(#)", "detach(#)", "(if # < # then # else #)"];
    for form in FORMS.iter().filter(|form| if long { form.contains('#') } else { short.contains(form) }) {
        for functions in [false, true] {
            let text = |steps| chain(form, steps, functions);
            let compiles = |&steps: &usize| compiles(&text(steps)).is_some();
            // Some give another kind than they take.
            let Some(most) = (1..=256).rev().step_by(8).find(compiles) else { continue };
            survives("depth", &text(most), &mut Unstructured::new(&[7; 256])).expect("bytes enough");
        }
    }
}
