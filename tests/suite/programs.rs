//! Random programs, made from bytes: a byte picks an operation, the next ones pick what it is applied to. Any bytes are
//! a program, so that a failure shrinks to a short one.

use marlo::build::Builder;
use marlo::graph::{Axis, Id, Param};
use marlo::kind::Kind;
use marlo::loss::Loss;
use marlo::op::{At, Op};
use marlo::shape::Shape;
use quickcheck::{Gen, QuickCheck};

/// So many tests on programs of a size. The same ones are drawn each time, unless MARLO_SEED gives another number.
pub(crate) fn drawn(size: usize, seed: u64, tests: u64) -> QuickCheck {
    let more = std::env::var("MARLO_SEED").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    QuickCheck::new().rng(Gen::from_size_and_seed(size, seed + 1000 * more)).tests(tests)
}

/// What a random program may hold.
#[derive(Copy, Clone, PartialEq)]
pub(crate) enum Allow {
    /// Everything.
    All,
    /// Nothing that a difference quotient can't see through: no stop-gradient.
    Differences,
}

/// The program of some bytes, its values bounded so that no exponential overflows.
pub(crate) fn program(bytes: &[u8], allow: Allow) -> Loss {
    let mut maker = Maker::new();
    let mut bytes = bytes.iter().copied();
    while let Some(op) = bytes.next() {
        let [a, b, c] = [bytes.next().unwrap_or(0), bytes.next().unwrap_or(1), bytes.next().unwrap_or(2)];
        maker.step(op, [a, b, c], allow);
    }
    maker.finish()
}

struct Maker {
    b: Builder,
    values: Vec<Id>,
}

impl Maker {
    fn new() -> Self {
        let mut b = Builder::new();
        let mut values = Vec::new();
        for (name, default, low, high) in [("s", 4.0, 1.0, 128.0), ("m", 0.5, 0.0, 3.0), ("n", 3.0, 0.0, 8.0)]
        {
            let param = Param { default: Some(default), low, high, ..Param::new(name, Kind::Real) };
            values.extend(b.param(param).ok());
        }
        for at in [At::Target, At::Other] {
            values.extend(b.cos(at).ok());
            values.extend(b.theta(at).ok());
        }
        if let (Ok(norm), Ok(prior)) =
            (b.input("norm", Kind::Real, Axis::Rows), b.input("prior", Kind::Real, Axis::Classes))
        {
            values.push(b.read(norm, At::Row));
            values.push(b.read(prior, At::Target));
            values.push(b.read(prior, At::Other));
        }
        Maker { b, values }
    }

    fn apply(&mut self, op: Op, args: &[Id]) -> Option<Id> {
        self.b.apply(op, args).ok()
    }

    /// A value in [−2, 2] of the same shape.
    fn bounded(&mut self, x: Id) -> Option<Id> {
        let [low, high] = [self.b.number(-2.0), self.b.number(2.0)];
        let x = self.real(x)?;
        self.b.clamp(x, low, high).ok()
    }

    /// The value without its kind: 0·Real + x would fold, so a Real parameter carries it.
    fn real(&mut self, x: Id) -> Option<Id> {
        let one = self.b.number(1.0);
        match self.b.graph.node(x).kind {
            Kind::Real | Kind::Number => Some(x),
            Kind::Mask => {
                let zero = self.b.number(0.0);
                self.apply(Op::Select, &[x, one, zero])
            }
            _ => {
                let weight = self.values[2];
                let unit = self.apply(Op::Div, &[weight, weight])?;
                self.apply(Op::Mul, &[x, unit])
            }
        }
    }

    fn step(&mut self, op: u8, picks: [u8; 3], allow: Allow) {
        let pick = |m: &Maker, at: usize| m.values[usize::from(picks[at]) % m.values.len()];
        let [x, y, z] = [pick(self, 0), pick(self, 1), pick(self, 2)];
        if let Some(made) = self.make(op, x, y, z, allow) {
            self.values.push(made);
        }
    }

    fn make(&mut self, op: u8, x: Id, y: Id, z: Id, allow: Allow) -> Option<Id> {
        let (x, y) = (self.bounded(x)?, self.bounded(y)?);
        let two = self.b.number(2.0);
        let unary = [
            Op::Neg,
            Op::Exp,
            Op::Expm1,
            Op::Sin,
            Op::Cos,
            Op::Tanh,
            Op::Sigmoid,
            Op::Softplus,
            Op::Relu,
            Op::Abs,
            Op::Floor,
        ];
        match op % 36 {
            n if usize::from(n) < unary.len() => self.apply(unary[usize::from(n)], &[x]),
            11 => self.apply(Op::Add, &[x, y]),
            12 => self.apply(Op::Sub, &[x, y]),
            13 => self.apply(Op::Mul, &[x, y]),
            14 => {
                let below = self.apply(Op::Exp, &[y])?;
                self.apply(Op::Div, &[x, below])
            }
            15 => self.apply(Op::Min, &[x, y]),
            16 => self.apply(Op::Max, &[x, y]),
            17 => {
                let base = self.apply(Op::Sigmoid, &[x])?;
                self.apply(Op::Pow, &[base, y])
            }
            18 => {
                let mask = self.apply(Op::Lt, &[x, y])?;
                let z = self.bounded(z)?;
                self.apply(Op::Select, &[mask, x, z])
            }
            19 => {
                let square = self.apply(Op::Mul, &[x, x])?;
                self.apply(Op::Log1p, &[square])
            }
            20 => {
                let more = self.apply(Op::Exp, &[x])?;
                self.apply(Op::Ln, &[more])
            }
            21 => {
                let more = self.apply(Op::Exp, &[x])?;
                self.apply(Op::Sqrt, &[more])
            }
            22 => {
                let half = self.apply(Op::Div, &[x, two])?;
                let cosine = self.apply(Op::Tanh, &[half])?;
                self.apply(Op::Acos, &[cosine])
            }
            23 if allow == Allow::All => self.apply(Op::Detach, &[x]),
            24 => {
                let sum = self.apply(Op::SumK, &[x])?;
                self.apply(Op::Tanh, &[sum])
            }
            25 => self.apply(Op::MaxK, &[x]),
            26 => self.apply(Op::LseK, &[x]),
            27 => {
                let row = self.as_one_a_row(x)?;
                let sum = self.apply(Op::SumI, &[row])?;
                self.apply(Op::Tanh, &[sum])
            }
            28 => {
                let row = self.as_one_a_row(x)?;
                self.apply(Op::MeanI, &[row])
            }
            29 => {
                // A share that is known before the run, or one that depends on the batch.
                let (row, by) = (self.as_one_a_row(x)?, self.as_one_a_row(y)?);
                let by =
                    if self.b.graph.shape(by) == Shape::Row { self.apply(Op::MeanI, &[by])? } else { by };
                let share = self.apply(Op::Sigmoid, &[by])?;
                self.apply(Op::TopI, &[row, share])
            }
            30 | 31 => {
                // cos and sin of an angle that is linear in θ, at the label or at another class.
                let theta = self.values[if z.index().is_multiple_of(2) { 4 } else { 6 }];
                let factor = self.values[if op % 36 == 30 { 2 } else { 0 }];
                let turned = self.apply(Op::Mul, &[theta, factor])?;
                let shifted = self.apply(Op::Sub, &[turned, y])?;
                self.apply(if y.index().is_multiple_of(2) { Op::Cos } else { Op::Sin }, &[shifted])
            }
            32 => {
                let (near, same) = (self.apply(Op::Le, &[x, y])?, self.apply(Op::Eq, &[y, x])?);
                let off = self.apply(Op::Not, &[same])?;
                let both = self.apply(Op::And, &[near, off])?;
                let z = self.bounded(z)?;
                self.apply(Op::Select, &[both, z, y])
            }
            33 => {
                let (low, high) = (self.apply(Op::Lt, &[x, two])?, self.apply(Op::Lt, &[y, x])?);
                let either = self.apply(Op::Or, &[high, low])?;
                let z = self.bounded(z)?;
                self.apply(Op::Select, &[either, x, z])
            }
            34 => {
                let whole = self.apply(Op::Floor, &[x])?;
                let minus = self.b.number(-1.0);
                self.apply(Op::Pow, &[minus, whole])
            }
            _ => {
                // The pattern of every loss here: a weighted softmax over scaled values.
                let mask = self.apply(Op::Lt, &[y, x])?;
                let weight = self.apply(Op::Exp, &[y])?;
                let h = self.b.indicator(mask, weight).ok()?;
                let row = self.as_one_a_row(y)?;
                let p = self.b.softmax(row, x, Some(h)).ok()?;
                Some(self.b.ce(p))
            }
        }
    }

    fn as_one_a_row(&mut self, x: Id) -> Option<Id> {
        match self.b.graph.shape(x) {
            Shape::Cell => self.b.mean_over_classes(x).ok(),
            _ => Some(x),
        }
    }

    /// The sum of the last values, so that nothing is made in vain, and of the cosine, so that there is a loss.
    fn finish(mut self) -> Loss {
        let cosine = self.values[3];
        let mut total = self.real(cosine).unwrap_or(cosine);
        for at in self.values.len().saturating_sub(3)..self.values.len() {
            let value = self.values[at];
            let part = self.bounded(value).and_then(|v| self.as_one_a_row(v));
            if let Some(part) = part {
                total = self.apply(Op::Add, &[total, part]).unwrap_or(total);
            }
        }
        self.b.finish("random", total).expect("a row that reads a cosine is a loss")
    }
}
