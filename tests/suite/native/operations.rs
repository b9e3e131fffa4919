//! Every operation of a cell by itself, interpreted over chunks that are whole and ones that are not, against the
//! reference; and the Rust that it becomes where it is compiled.

use std::collections::BTreeSet;

use marlo::build::Builder;
use marlo::eval::{Batch, Scalar, apply};
use marlo::graph::{Axis, Id};
use marlo::kind::Kind;
use marlo::loss::Loss;
use marlo::op::{At, Op};
use marlo::schedule::RowProgram;
use marlo::{native, specs};
use marlo_native::isa::Instructions;
use marlo_native::math::Real;
use marlo_native::{Kernel, Library, emit};

/// What is tried: an operation, or x·y + z, which is one instruction.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Tried {
    Op(Op),
    MulAdd,
}

/// Where an argument comes from.
#[derive(Copy, Clone, Debug, PartialEq)]
enum From {
    Cell,
    Row,
}

const POINTS: [f64; 15] =
    [-700.0, -3.0, -1.0, -0.75, -1e-9, 0.0, 1e-300, 1e-9, 0.3, 0.5, 0.999, 1.0, 2.0, 5.5, 700.0];

fn all() -> impl Iterator<Item = Tried> {
    Op::ELEMENTWISE.into_iter().map(Tried::Op).chain([Tried::MulAdd])
}

impl Tried {
    fn arity(self) -> usize {
        match self {
            Tried::Op(op) => op.entry().arity,
            Tried::MulAdd => 3,
        }
    }

    /// Is an argument a mask?
    fn takes_mask(self, place: usize) -> bool {
        match self {
            Tried::Op(Op::Not | Op::And | Op::Or) => true,
            Tried::Op(Op::Select) => place == 0,
            _ => false,
        }
    }

    fn gives_mask(self) -> bool {
        matches!(self, Tried::Op(Op::Not | Op::And | Op::Or | Op::Lt | Op::Le | Op::Eq))
    }

    /// Its value by the reference.
    fn exact(self, args: &[f64], resolution: f64) -> f64 {
        let mask = |x: f64| f64::from(u8::from(x < 0.5));
        let given = |(place, x): (usize, &f64)| match self {
            _ if self.takes_mask(place) => mask(*x),
            Tried::Op(Op::Parity) => x.floor(),
            _ => *x,
        };
        let args: Vec<f64> = args.iter().enumerate().map(given).collect();
        match self {
            // A cosine is one, but for rounding.
            Tried::Op(Op::CosAngle | Op::SinAngle | Op::SinRatio) if args[2].abs() > 1.0 => f64::NAN,
            Tried::Op(op) => apply(op, &args, resolution),
            Tried::MulAdd => args[0] * args[1] + args[2],
        }
    }

    /// In what size of numbers its error is counted, beside its own.
    fn size(self, args: &[f64]) -> f64 {
        match self {
            Tried::Op(Op::Sin | Op::Cos) => 1.0,
            Tried::Op(Op::CosAngle | Op::SinAngle) => 1.0 + args[0].abs() + args[1].abs(),
            Tried::Op(Op::SinRatio) => (1.0 + args[0].abs() + args[1].abs()) * csc(args[2]),
            Tried::MulAdd => args[0].abs() * args[1].abs(),
            _ => 0.0,
        }
    }
}

/// 1/sin of the angle of a cosine, but for ±1.
fn csc(c: f64) -> f64 {
    1.0 / ((1.0 - c) * (1.0 + c)).max(f64::EPSILON).sqrt()
}

/// The loss whose derivative by the cosine of a class is the operation on that class's arguments: Σ over the batch and the
/// other classes of cos[k]·op.
fn loss(tried: Tried, from: &[From]) -> Loss {
    let mut b = Builder::new();
    let mut args: Vec<Id> = Vec::new();
    for (place, from) in from.iter().enumerate() {
        let (axis, at) = match from {
            From::Cell => (Axis::Classes, At::Other),
            From::Row => (Axis::Rows, At::Row),
        };
        let input = b.input(&format!("x{place}"), Kind::Real, axis).expect("a new input");
        let arg = b.read(input, at);
        let half = b.number(0.5);
        args.push(match tried {
            _ if tried.takes_mask(place) => b.graph.add(Op::Lt, &[arg, half]),
            // It is of whole numbers.
            Tried::Op(Op::Parity) => b.graph.add(Op::Floor, &[arg]),
            _ => arg,
        });
    }
    let value = match tried {
        Tried::Op(op) => b.graph.add(op, &args),
        Tried::MulAdd => {
            let product = b.graph.add(Op::Mul, &args[..2]);
            b.graph.add(Op::Add, &[product, args[2]])
        }
    };
    let (one, zero) = (b.number(1.0), b.number(0.0));
    let value = if tried.gives_mask() { b.graph.add(Op::Select, &[value, one, zero]) } else { value };
    let cosine = b.cos(At::Other).expect("it reads a matrix");
    let product = b.graph.add(Op::Mul, &[cosine, value]);
    let row = b.graph.add(Op::SumK, &[product]);
    let total = b.graph.add(Op::SumI, &[row]);
    b.finish("tried", total).expect("it is a loss")
}

/// Every list of points that are that many.
fn points(count: usize) -> Vec<Vec<f64>> {
    (0..count).fold(vec![Vec::new()], |lists, _| {
        let longer = |list: &Vec<f64>| POINTS.map(|x| [list.as_slice(), &[x]].concat());
        lists.iter().flat_map(longer).collect()
    })
}

/// Holds an operation to the reference, its arguments from these places.
fn hold<F: Real + Scalar>(tried: Tried, from: &[From], instructions: Instructions) {
    let loss = loss(tried, from);
    let kernel: Kernel<F> =
        Kernel::new(&RowProgram::of(&loss), &Library::empty()).with_instructions(instructions);
    let cells = points(from.iter().filter(|from| **from == From::Cell).count());
    let rows = points(from.iter().filter(|from| **from == From::Row).count());
    let classes = cells.len() + 1;
    for row in &rows {
        let mut vectors = Vec::new();
        for (place, own) in from.iter().enumerate() {
            // Its place among the arguments that come from where it does.
            let at = from[..place].iter().filter(|before| *before == own).count();
            let values: Vec<f64> = match own {
                From::Cell => [0.0].into_iter().chain(cells.iter().map(|cell| cell[at])).collect(),
                From::Row => vec![row[at]],
            };
            vectors.push((format!("x{place}"), values.into_iter().map(<F as Real>::from_f64).collect()));
        }
        let batch: Batch<F> =
            Batch::new(&loss, classes, vec![<F as Real>::from_f64(0.5); classes], &[0], vectors, vec![])
                .expect("the inputs fit");
        let found = native::run(&kernel, &loss, &batch).expect("the kernel runs");
        for (class, gradient) in found.gradient.iter().enumerate().skip(1) {
            let argument = |(v, from): (&Vec<F>, &From)| v[if *from == From::Cell { class } else { 0 }];
            let args: Vec<f64> = batch.vectors.iter().zip(from).map(argument).map(Scalar::to_f64).collect();
            close::<F>(tried, &args, Scalar::to_f64(*gradient));
        }
    }
}

/// A number that the reference has and this precision can hold, is right to four units in the last place.
fn close<F: Real + Scalar>(tried: Tried, args: &[f64], found: f64) {
    let single = F::RESOLUTION > 1e-10;
    let (epsilon, least, greatest) = match single {
        true => (f64::from(f32::EPSILON), 1e-37, 1e38),
        false => (f64::EPSILON, 1e-307, 1e308),
    };
    let exact = tried.exact(args, F::RESOLUTION);
    if !exact.is_finite() || exact.abs() > greatest {
        return;
    }
    let allowed = 4.0 * epsilon * exact.abs().max(tried.size(args)) + least;
    assert!((found - exact).abs() <= allowed, "{tried:?} of {args:?} is {found:e}, not {exact:e}");
}

#[test]
fn every_operation_of_a_cell_is_interpreted() {
    for tried in all() {
        let count = tried.arity();
        for places in 1..1_usize << count {
            let from: Vec<From> =
                (0..count).map(|at| if places >> at & 1 == 1 { From::Cell } else { From::Row }).collect();
            // One for all but the widest: what they share is the text, and each of them is compiled from it.
            let wide = places + 1 == 1 << count;
            let each = Instructions::available().into_iter().take(if wide { usize::MAX } else { 1 });
            for instructions in each {
                hold::<f32>(tried, &from, instructions);
                hold::<f64>(tried, &from, instructions);
            }
        }
    }
}

/// One line an operation: the text of the instruction, and its Rust.
#[test]
fn every_operation_has_its_rust() {
    let mut table = String::new();
    for tried in all() {
        let cells = vec![From::Cell; tried.arity()];
        let sweeps = emit::sweeps(&RowProgram::of(&loss(tried, &cells)));
        let sweep = sweeps.last().expect("it writes a gradient");
        table += &format!("{tried:?}: {sweep}\n");
        let text = emit::cells(sweep, "Tried", "crate");
        let lines: BTreeSet<(usize, &str)> =
            text.lines().enumerate().filter(|line| line.1.contains("let v")).collect();
        for (_, line) in lines {
            table += &format!("    {}\n", line.trim());
        }
    }
    insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("operations.rust", table);
    });
}

/// Whole sweeps as Rust: a kept exponential, a mask, a factor of the cell, functions of the angle.
#[test]
fn sweeps_as_rust() {
    for name in ["arcface", "mv_arc_adaptive", "airface", "sphereface2"] {
        let loss = specs::compile(name).expect("shipped specs compile").loss;
        let program = RowProgram::of(&loss);
        let each = |(at, sweep): (usize, &marlo_native::sweep::Sweep)| {
            emit::cells(sweep, &format!("Sweep{at}"), "marlo_native")
        };
        let text: Vec<String> = emit::sweeps(&program).iter().enumerate().map(each).collect();
        insta::with_settings!({snapshot_path => "../../snapshots", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(format!("{name}.rust"), text.join("\n"));
        });
    }
}
