//! What one sweep over a row's other classes computes, detached from the loss that it came from.
//!
//! A [`Sweep`] names nothing but places: `x0` is a value of the cell, `r0` a value of the row, `v0` the result of an
//! instruction. Losses that sweep alike have equal sweeps, and share one compiled loop (see [`crate::compiled`]): all
//! margins on the target's cosine, for one, sweep `lse s·cos[k]`.

use std::fmt::{self, Display, Write as _};

use marlo_ir::op::{Number, Op};

/// Where an instruction finds an argument.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Arg {
    /// A value of the cell: an entry of a matrix or of a vector over the classes.
    Input(usize),
    /// A value of the row.
    Row(usize),
    /// A literal.
    Const(Number),
    /// The result of an earlier instruction.
    Value(usize),
}

/// What an instruction does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Do {
    /// An operation on single values.
    Apply(Op),
    /// a·b + c in one rounding, where the product is read nowhere else.
    MulAdd,
    /// The number nearest to a between −b and b.
    Inside,
    /// exp(z·r)·2^−shift for a value r of the row that is given times log₂e and in two parts; without one, of z itself.
    Exponential {
        /// Is there an r?
        scaled: bool,
    },
}

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Instruction {
    /// What is done.
    pub(crate) what: Do,
    /// Its arguments.
    pub(crate) args: Vec<Arg>,
    /// Is its result a mask?
    pub(crate) is_mask: bool,
}

/// What a reduction takes from each cell.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reduce {
    /// ln Σ exp(z·r); without r, of z itself. The value of r is given times log₂e.
    Lse {
        /// z
        exponent: Arg,
        /// r, a value of the row that is given times log₂e and in two parts
        scale: Option<usize>,
    },
    /// Σ
    Sum(Arg),
    /// The maximum.
    Max(Arg),
}

/// What a sweep writes for each cell.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    /// A value.
    Value(Arg),
    /// The exponential that a log-sum-exp formed, relative to the tile's shift; times a factor of the cell.
    Kept {
        /// The reduction.
        lse: usize,
        /// The factor.
        factor: Option<Arg>,
    },
}

/// A sweep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sweep {
    /// How many values of a cell it reads.
    pub(crate) inputs: usize,
    /// How many values of the row it reads.
    pub(crate) rows: usize,
    /// The instructions, in order.
    pub(crate) body: Vec<Instruction>,
    /// The reductions.
    pub(crate) reductions: Vec<Reduce>,
    /// What is written, one a derivative.
    pub(crate) writes: Vec<Write>,
}

impl Sweep {
    /// Does the sweep form a log-sum-exp?
    pub(crate) fn has_lse(&self) -> bool {
        self.reductions.iter().any(|r| matches!(r, Reduce::Lse { .. }))
    }

    /// The instructions that the exponents of log-sum-exps need, and no others.
    pub(crate) fn exponents(&self) -> Vec<bool> {
        let roots = self.reductions.iter().filter_map(|r| match r {
            Reduce::Lse { exponent, .. } => Some(*exponent),
            _ => None,
        });
        self.needed(roots)
    }

    /// For each instruction whose result only one side of choices by one mask reads: that mask's instruction, and is it the
    /// side where the mask is on? Where the mask is wholly the other way, the instruction need not be run.
    pub(crate) fn sides(&self) -> Vec<Option<(usize, bool)>> {
        let mut uses: Vec<Vec<Option<(usize, bool)>>> = vec![Vec::new(); self.body.len()];
        let args = self.reductions.iter().map(|reduce| match reduce {
            Reduce::Lse { exponent: arg, .. } | Reduce::Sum(arg) | Reduce::Max(arg) => Some(*arg),
        });
        let writes = self.writes.iter().map(|write| match write {
            Write::Value(arg) => Some(*arg),
            Write::Kept { factor, .. } => *factor,
        });
        for arg in args.chain(writes).flatten() {
            if let Arg::Value(at) = arg {
                uses[at].push(None);
            }
        }
        let mut sides = vec![None; self.body.len()];
        for at in (0..self.body.len()).rev() {
            let first = uses[at].first().copied().flatten();
            sides[at] = first.filter(|first| uses[at].iter().all(|side| *side == Some(*first)));
            let instruction = &self.body[at];
            let mask = match (instruction.what, instruction.args.first()) {
                (Do::Apply(Op::Select), Some(Arg::Value(mask))) => Some(*mask),
                _ => None,
            };
            for (place, arg) in instruction.args.iter().enumerate() {
                if let Arg::Value(before) = *arg {
                    uses[before].push(match mask {
                        Some(mask) if place > 0 => Some((mask, place == 1)),
                        _ => sides[at],
                    });
                }
            }
        }
        sides
    }

    /// The mask whose sides are worth a look at each chunk of cells: one that saves a function, not a sum.
    pub(crate) fn split(&self) -> Option<usize> {
        let is_costly = |at: usize| {
            let op = match self.body[at].what {
                Do::Apply(op) => op,
                Do::Exponential { .. } => return true,
                Do::MulAdd | Do::Inside => return false,
            };
            !matches!(
                op,
                Op::Neg
                    | Op::Add
                    | Op::Sub
                    | Op::Mul
                    | Op::Div
                    | Op::Min
                    | Op::Max
                    | Op::Relu
                    | Op::Abs
                    | Op::Lt
                    | Op::Le
                    | Op::Eq
                    | Op::And
                    | Op::Or
                    | Op::Not
                    | Op::Select
                    | Op::Floor
                    | Op::Sqrt
            )
        };
        let sides = self.sides();
        (0..self.body.len()).find_map(|at| sides[at].map(|side| side.0).filter(|_| is_costly(at)))
    }

    /// The instructions that values depend on.
    pub(crate) fn needed(&self, roots: impl Iterator<Item = Arg>) -> Vec<bool> {
        let mut needed = vec![false; self.body.len()];
        for root in roots {
            if let Arg::Value(at) = root {
                needed[at] = true;
            }
        }
        for at in (0..self.body.len()).rev() {
            if needed[at] {
                for arg in &self.body[at].args {
                    if let Arg::Value(before) = *arg {
                        needed[before] = true;
                    }
                }
            }
        }
        needed
    }
}

impl Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arg::Input(at) => write!(f, "x{at}"),
            Arg::Row(at) => write!(f, "r{at}"),
            Arg::Const(number) => write!(f, "{:?}", number.get()),
            Arg::Value(at) => write!(f, "v{at}"),
        }
    }
}

/// The sweep as one line of text: equal for equal sweeps, and for no others.
impl Display for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |args: &[Arg]| args.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut out = String::new();
        for (at, instruction) in self.body.iter().enumerate() {
            let name = match instruction.what {
                Do::Apply(op) => op.entry().name,
                Do::MulAdd => "mul_add",
                Do::Inside => "inside",
                Do::Exponential { scaled: true } => "exp_scaled",
                Do::Exponential { scaled: false } => "exp_shifted",
            };
            let _ = write!(out, "v{at} = {name}({}); ", list(&instruction.args));
        }
        for reduce in &self.reductions {
            let _ = match reduce {
                Reduce::Lse { exponent, scale: Some(row) } => write!(out, "lse {exponent} * r{row}; "),
                Reduce::Lse { exponent, scale: None } => write!(out, "lse {exponent}; "),
                Reduce::Sum(arg) => write!(out, "sum {arg}; "),
                Reduce::Max(arg) => write!(out, "max {arg}; "),
            };
        }
        for kept in &self.writes {
            let _ = match kept {
                Write::Value(arg) => write!(out, "write {arg}; "),
                Write::Kept { lse, factor: Some(factor) } => write!(out, "keep e{lse} * {factor}; "),
                Write::Kept { lse, factor: None } => write!(out, "keep e{lse}; "),
            };
        }
        f.write_str(out.trim_end_matches([' ', ';']))
    }
}
