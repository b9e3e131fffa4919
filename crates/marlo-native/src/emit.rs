//! A sweep as Rust: the text of an implementation of [`crate::tile::Cells`].
//!
//! The text is scalar and reads like the formula; what makes vector code of it is the loop around it.

use std::fmt::Write as _;

use marlo_ir::op::Op;
use marlo_ir::schedule::RowProgram;

use crate::interpret::merge;
use crate::plan::Plan;
use crate::sweep::{Arg, Do, Instruction, Reduce, Sweep, Write};

/// The sweeps that a program runs, in order.
pub fn sweeps(program: &RowProgram) -> Vec<Sweep> {
    Plan::of(program).sweeps().map(|pass| pass.sweep.clone()).collect()
}

/// A struct of that name that computes a sweep's cells. Names are looked up in `root`, the path of this crate.
pub fn cells(sweep: &Sweep, name: &str, root: &str) -> String {
    let (inputs, rows) = (sweep.inputs, sweep.rows);
    let (reductions, writes) = (sweep.reductions.len(), sweep.writes.len());
    let mut out = format!(
        "/// `{sweep}`
pub struct {name};

impl {root}::tile::Cells<{inputs}, {rows}, {reductions}, {writes}> for {name} {{
    const MERGES: [{root}::tile::Merge; {reductions}] = [{}];
    const SPLITS: bool = {};

    #[inline(always)]
    fn exponents<F: {root}::math::Real, I: {root}::math::Isa>(r: &[F; {rows}], x: [F; {inputs}]) -> [F; {reductions}] {{
",
        list(sweep.reductions.iter().map(|r| format!("{root}::tile::Merge::{:?}", merge(r)))),
        sweep.split().is_some()
    );
    if sweep.has_lse() {
        body(&mut out, sweep, &sweep.exponents(), None);
    }
    let logarithm = |reduce: &Reduce| match reduce {
        Reduce::Lse { exponent, scale } => format!("{} * {}", value(*exponent), scale_of(*scale).0),
        _ => "F::default()".to_owned(),
    };
    let split = sweep.split();
    let mask = match split {
        None => "true".to_owned(),
        Some(at) => {
            let mut text = String::new();
            body(&mut text, sweep, &sweep.needed([Arg::Value(at)].into_iter()), None);
            format!("{}\n        v{at}", text.trim())
        }
    };
    let _ = write!(
        out,
        "        [{}]
    }}

    #[inline(always)]
    fn mask<F: {root}::math::Real, I: {root}::math::Isa>(r: &[F; {rows}], x: [F; {inputs}]) -> bool {{
        {mask}
    }}

    #[inline(always)]
    fn cell<const SIDE: u8, F: {root}::math::Real, I: {root}::math::Isa>(
        r: &[F; {rows}],
        low: &[F; {rows}],
        shift: &[F; {reductions}],
        x: [F; {inputs}],
    ) -> ([F; {reductions}], [F; {writes}]) {{
",
        list(sweep.reductions.iter().map(logarithm))
    );
    body(&mut out, sweep, &vec![true; sweep.body.len()], split);
    for (at, reduce) in sweep.reductions.iter().enumerate() {
        if let Reduce::Lse { exponent, scale } = reduce {
            let (high, low) = scale_of(*scale);
            let exponent = value(*exponent);
            let _ = writeln!(
                out,
                "        let e{at} = F::exp2_scaled::<I>({exponent}, {high}, {low}, shift[{at}]);"
            );
        }
    }
    let taken = sweep.reductions.iter().enumerate().map(|(at, reduce)| match reduce {
        Reduce::Lse { .. } => format!("e{at}"),
        Reduce::Sum(arg) | Reduce::Max(arg) => value(*arg),
    });
    let written = sweep.writes.iter().map(|write| match write {
        Write::Value(arg) => value(*arg),
        Write::Kept { lse, factor: None } => format!("e{lse}"),
        Write::Kept { lse, factor: Some(factor) } => format!("e{lse} * {}", value(*factor)),
    });
    let _ = write!(out, "        ([{}], [{}])\n    }}\n}}\n", list(taken), list(written));
    for unused in ["r", "low", "shift", "x"] {
        out = mark_unused(&out, unused);
    }
    out
}

/// The entry of a compiled sweep in a [`crate::Library`].
fn entry(sweep: &Sweep, name: &str, root: &str) -> String {
    let (reductions, writes) = (sweep.reductions.len(), sweep.writes.len());
    let sizes = format!("{}, {}, {reductions}, {writes}", sweep.inputs, sweep.rows);
    format!("{root}::compiled::Entry::of::<{sizes}, {name}>({:?})", sweep.to_string())
}

/// The sweeps of some programs as Rust, each once.
#[derive(Clone, Debug, Default)]
pub struct Emitted {
    /// The path of this crate where the text will stand.
    root: String,
    texts: Vec<String>,
    /// The structs that compute cells, `Sweep0`, `Sweep1`, and so on.
    pub structs: String,
    /// Their entries, an expression and a comma each.
    pub entries: String,
}

impl Emitted {
    /// None yet, for a place where this crate is called `root`.
    pub fn new(root: &str) -> Emitted {
        Emitted { root: root.to_owned(), ..Emitted::default() }
    }

    /// Adds the sweeps of a program that are not there yet, with a comment on where they were found.
    pub fn add(&mut self, program: &RowProgram) {
        for pass in Plan::of(program).sweeps() {
            let text = pass.sweep.to_string();
            if text.is_empty() || self.texts.contains(&text) {
                continue;
            }
            let name = format!("Sweep{}", self.texts.len());
            let found = &program.gradient.loss.name;
            self.structs +=
                &format!("\n/// First found in {found}.\n///\n{}", cells(&pass.sweep, &name, &self.root));
            self.entries += &format!("    {},\n", entry(&pass.sweep, &name, &self.root));
            self.texts.push(text);
        }
    }
}

fn list(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

/// A parameter that the text after it does not read gets a name that says so.
fn mark_unused(text: &str, name: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split("    #[inline(always)]\n").enumerate() {
        if at > 0 {
            out += "    #[inline(always)]\n";
        }
        let (head, body) = part.split_once("{\n").unwrap_or((part, ""));
        let is_read = body.contains(&format!("{name}["));
        let head = match is_read || at == 0 {
            true => head.to_owned(),
            false => head
                .replace(&format!("({name}: "), &format!("(_{name}: "))
                .replace(&format!(" {name}: "), &format!(" _{name}: ")),
        };
        out += &head;
        if part.contains("{\n") {
            out += "{\n";
            out += body;
        }
    }
    out
}

/// The instructions that are wanted, one `let` each.
fn body(out: &mut String, sweep: &Sweep, wanted: &[bool], split: Option<usize>) {
    for (at, instruction) in sweep.body.iter().enumerate().filter(|(at, _)| wanted[*at]) {
        let text = expression(sweep, instruction);
        let _ = match split == Some(at) {
            // Where the mask is known for a whole chunk, the compiler drops what only the other side reads.
            true => writeln!(out, "        let v{at} = SIDE == 1 || (SIDE == 2 && {text});"),
            false => writeln!(out, "        let v{at} = {text};"),
        };
    }
}

fn scale_of(scale: Option<usize>) -> (String, String) {
    match scale {
        Some(row) => (format!("r[{row}]"), format!("low[{row}]")),
        None => ("F::LOG2_E.0".to_owned(), "F::LOG2_E.1".to_owned()),
    }
}

fn value(arg: Arg) -> String {
    match arg {
        Arg::Input(at) => format!("x[{at}]"),
        Arg::Row(at) => format!("r[{at}]"),
        Arg::Const(number) => match number.get() {
            number if number.is_finite() => format!("F::from_f64({number:?})"),
            // Of a program that leaves its domain everywhere.
            number if number.is_nan() => "F::rounded(f64::NAN)".to_owned(),
            number => format!("F::rounded(f64::INFINITY * {:?})", number.signum()),
        },
        Arg::Value(at) => format!("v{at}"),
    }
}

/// A mask: the result of an instruction is a `bool`, a value of the row is 0 or 1.
fn mask(sweep: &Sweep, arg: Arg) -> String {
    match arg {
        Arg::Value(at) if sweep.body[at].is_mask => format!("v{at}"),
        other => format!("({} != F::default())", value(other)),
    }
}

fn expression(sweep: &Sweep, instruction: &Instruction) -> String {
    let args = &instruction.args;
    let of = |place: usize| args.get(place).map_or_else(String::new, |arg| value(*arg));
    let is = |place: usize| args.get(place).map_or_else(String::new, |arg| mask(sweep, *arg));
    let infix = |sign: &str| format!("{} {sign} {}", of(0), of(1));
    let method = |name: &str| format!("F::{name}({})", of(0));
    let by_isa = |name: &str| format!("F::{name}::<I>({})", of(0));
    let op = match instruction.what {
        Do::MulAdd => return format!("F::mul_add::<I>({}, {}, {})", of(0), of(1), of(2)),
        Do::Exponential { scaled } => {
            let row = match args.get(1) {
                Some(Arg::Row(row)) if scaled => Some(*row),
                _ => None,
            };
            let (high, low) = scale_of(row);
            return format!("F::exp2_scaled::<I>({}, {high}, {low}, {})", of(0), of(args.len() - 1));
        }
        Do::Inside => return format!("F::max(F::min({0}, {1}), -{1})", of(0), of(1)),
        Do::Apply(op) => op,
    };
    match op {
        Op::Neg => format!("-{}", of(0)),
        Op::Exp => by_isa("exp"),
        Op::Ln => by_isa("ln"),
        Op::Log1p => by_isa("log1p"),
        Op::Expm1 => by_isa("expm1"),
        Op::Sqrt => method("sqrt"),
        Op::Sin => by_isa("sin"),
        Op::Cos => by_isa("cos"),
        Op::Tanh => by_isa("tanh"),
        Op::Sigmoid => by_isa("sigmoid"),
        Op::Softplus => by_isa("softplus"),
        Op::Relu => method("relu"),
        Op::Abs => method("abs"),
        Op::Floor => method("floor"),
        Op::Parity => method("parity"),
        Op::Acos => by_isa("acos"),
        Op::Csc => method("csc"),
        Op::Not => format!("!{}", is(0)),
        Op::Detach => of(0),
        Op::Add => infix("+"),
        Op::Sub => infix("-"),
        Op::Mul => infix("*"),
        Op::Div => infix("/"),
        Op::Pow => format!("F::pow::<I>({}, {})", of(0), of(1)),
        Op::Min => format!("F::min({}, {})", of(0), of(1)),
        Op::Max => format!("F::max({}, {})", of(0), of(1)),
        Op::Lt => infix("<"),
        Op::Le => infix("<="),
        Op::Eq => infix("=="),
        Op::And => format!("{} & {}", is(0), is(1)),
        Op::Or => format!("{} | {}", is(0), is(1)),
        Op::Select if instruction.is_mask => {
            format!("if {} {{ {} }} else {{ {} }}", is(0), is(1), is(2))
        }
        Op::Select => format!("if {} {{ {} }} else {{ {} }}", is(0), of(1), of(2)),
        // The second argument is 0 once a program is lowered.
        Op::CosAngle => format!("F::cos_angle::<I>({}, {})", of(0), of(2)),
        Op::SinAngle => format!("F::sin_angle::<I>({}, {})", of(0), of(2)),
        Op::SinRatio => format!("F::sin_ratio::<I>({}, {})", of(0), of(2)),
        Op::Const(_)
        | Op::Param(_)
        | Op::Input(..)
        | Op::BatchSize
        | Op::Classes
        | Op::Others
        | Op::SumK
        | Op::MaxK
        | Op::LseK
        | Op::SumI
        | Op::MeanI
        | Op::TopI
        | Op::InTopI
        | Op::KeptI
        | Op::RankI
        | Op::PickI => unreachable!("{op:?} is no operation of a cell"),
    }
}
