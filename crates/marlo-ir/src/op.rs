//! The one table of operations.
//!
//! Everything a backend or a printer needs to know of an operation and that is data stands in [`Op::entry`]; its
//! derivative is in [`crate::derivative`] and its value in [`crate::eval`], both exhaustive matches: after adding a
//! variant here the compiler names what is left.

use crate::shape::Shape;

/// A finite f64 that can be hashed: equal bits, equal number (−0 is stored as 0).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(u64);

impl Number {
    /// Stores a number.
    pub fn new(value: f64) -> Self {
        Number((value + 0.0).to_bits())
    }

    /// The stored number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// Where an input is read.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    /// At the row's label: `cos[y]`, `prior[y]`.
    Target,
    /// At another class: `cos[k]`, `prior[k]`.
    Other,
    /// At the row: `norm[i]`.
    Row,
}

/// An operation. Arguments stand in the node, see [`crate::graph::Node`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A literal.
    Const(Number),
    /// The hyperparameter of that index.
    Param(u32),
    /// The input of that index (0 is the matrix of cosines or logits), read at a place.
    Input(u32, At),
    /// B, the number of rows.
    BatchSize,
    /// C, the number of classes.
    Classes,
    /// The number of other classes, C − 1, or 1 where there is none.
    Others,

    /// −x
    Neg,
    /// eˣ
    Exp,
    /// ln x
    Ln,
    /// ln(1 + x)
    Log1p,
    /// eˣ − 1
    Expm1,
    /// √x
    Sqrt,
    /// sin x
    Sin,
    /// cos x
    Cos,
    /// tanh x
    Tanh,
    /// σ(x) = 1/(1 + e⁻ˣ)
    Sigmoid,
    /// ln(1 + eˣ), exact in both tails
    Softplus,
    /// max(x, 0), with derivative 0 at 0
    Relu,
    /// |x|, with derivative 0 at 0
    Abs,
    /// The greatest integer not above x; derivative 0.
    Floor,
    /// (−1)ᵏ for a whole number k; derivative 0.
    Parity,
    /// The angle θ of a cosine; the argument's overshoot past ±1 counts as ±1.
    Acos,
    /// 1/sin θ of a cosine; at ±1 taken at the nearest representable cosine inside.
    Csc,
    /// Not a mask.
    Not,
    /// x, with derivative 0: the stop-gradient.
    Detach,

    /// x + y
    Add,
    /// x − y
    Sub,
    /// x·y
    Mul,
    /// x/y
    Div,
    /// xʸ, for x ≥ 0 or a whole number y
    Pow,
    /// min(x, y); a tie follows x
    Min,
    /// max(x, y); a tie follows x
    Max,
    /// x < y
    Lt,
    /// x ≤ y
    Le,
    /// x = y
    Eq,
    /// Both masks.
    And,
    /// Either mask.
    Or,

    /// `Select(c, x, y)`: x where the mask is on, else y.
    Select,
    /// `CosAngle(a, b, c)` = cos(a·θ + b) for the angle θ of the cosine c.
    CosAngle,
    /// `SinAngle(a, b, c)` = sin(a·θ + b) for the angle θ of the cosine c.
    SinAngle,
    /// `SinRatio(a, b, c)` = sin(a·θ + b)/sin θ, at ±1 taken at the nearest representable cosine inside.
    SinRatio,

    /// Σ over the other classes.
    SumK,
    /// The maximum over the other classes; ties share its derivative.
    MaxK,
    /// ln Σ exp over the other classes.
    LseK,
    /// Σ over the batch.
    SumI,
    /// The mean over the batch.
    MeanI,
    /// `TopI(x, share)`: the mean of the hardest share of the batch.
    TopI,
    /// `InTopI(x, n)`: is the row among the n hardest? Ties go to the earlier row.
    InTopI,
    /// `KeptI(share)`: how many rows are kept: ⌊share·B⌋, at least 1.
    KeptI,
    /// How many rows of the batch come before this one in rising order, 0 to B − 1; of equal values the earlier row comes
    /// first. Derivative 0.
    RankI,
    /// `PickI(x, rank, wanted)`: the x of the row whose rank is the one that this row wants. Derivative 0.
    PickI,
}

/// How an operation's shape follows from its arguments'.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Always this shape.
    Fixed(Shape),
    /// The arguments' joint shape.
    Join,
    /// A reduction over the other classes: `[k]` goes away.
    OverClasses,
    /// A reduction over the batch: a scalar.
    OverBatch,
    /// Depends on the whole batch, but stays one value a row.
    WithinBatch,
}

/// One row of the table.
#[derive(Copy, Clone, Debug)]
pub struct Entry {
    /// Its name in printed IR, and in formulas where it is a function.
    pub name: &'static str,
    /// The number of arguments.
    pub arity: usize,
    /// How its shape is found.
    pub rule: Rule,
    /// Its name as LaTeX (functions only).
    pub latex: &'static str,
    /// Its spelling in WGSL: `$0`, `$1`, `$2` stand for the arguments. Empty: the emitter handles it by its rule.
    pub wgsl: &'static str,
    /// The closed range of its value for any arguments.
    pub range: (f64, f64),
}

const INF: f64 = f64::INFINITY;
const ANY: (f64, f64) = (-INF, INF);

const fn entry(
    name: &'static str,
    arity: usize,
    rule: Rule,
    latex: &'static str,
    wgsl: &'static str,
    range: (f64, f64),
) -> Entry {
    Entry { name, arity, rule, latex, wgsl, range }
}

impl Op {
    /// Every operation on single values, in the order of the table.
    pub const ELEMENTWISE: [Op; 35] = [
        Op::Neg,
        Op::Exp,
        Op::Ln,
        Op::Log1p,
        Op::Expm1,
        Op::Sqrt,
        Op::Sin,
        Op::Cos,
        Op::Tanh,
        Op::Sigmoid,
        Op::Softplus,
        Op::Relu,
        Op::Abs,
        Op::Floor,
        Op::Parity,
        Op::Acos,
        Op::Csc,
        Op::Not,
        Op::Detach,
        Op::Add,
        Op::Sub,
        Op::Mul,
        Op::Div,
        Op::Pow,
        Op::Min,
        Op::Max,
        Op::Lt,
        Op::Le,
        Op::Eq,
        Op::And,
        Op::Or,
        Op::Select,
        Op::CosAngle,
        Op::SinAngle,
        Op::SinRatio,
    ];

    /// The operation's row of the table.
    #[rustfmt::skip]
    pub fn entry(self) -> Entry {
        use Rule::{Fixed, Join, OverBatch, OverClasses, WithinBatch};
        use Shape::{Cell, Row, Scalar};
        match self {
            Op::Const(_) =>                entry("const", 0, Fixed(Scalar), "", "", ANY),
            Op::Param(_) =>                entry("param", 0, Fixed(Scalar), "", "", ANY),
            Op::Input(_, At::Other) =>     entry("input", 0, Fixed(Cell), "", "", ANY),
            Op::Input(..) =>               entry("input", 0, Fixed(Row), "", "", ANY),
            Op::BatchSize =>               entry("batch", 0, Fixed(Scalar), "B", "", (1.0, INF)),
            Op::Classes =>                 entry("classes", 0, Fixed(Scalar), "C", "", (1.0, INF)),
            Op::Others =>                  entry("others", 0, Fixed(Scalar), "(C-1)", "", (1.0, INF)),

            Op::Neg =>      entry("neg", 1, Join, "-", "-$0", ANY),
            Op::Exp =>      entry("exp", 1, Join, r"\exp", "exp_($0)", (0.0, INF)),
            Op::Ln =>       entry("ln", 1, Join, r"\ln", "ln_($0)", ANY),
            Op::Log1p =>    entry("log1p", 1, Join, r"\operatorname{log1p}", "log1p_($0)", ANY),
            Op::Expm1 =>    entry("expm1", 1, Join, r"\operatorname{expm1}", "expm1_($0)", (-1.0, INF)),
            Op::Sqrt =>     entry("sqrt", 1, Join, r"\sqrt", "sqrt(max($0, 0.0))", (0.0, INF)),
            Op::Sin =>      entry("sin", 1, Join, r"\sin", "sin_($0)", (-1.0, 1.0)),
            Op::Cos =>      entry("cos", 1, Join, r"\cos", "cos_($0)", (-1.0, 1.0)),
            Op::Tanh =>     entry("tanh", 1, Join, r"\tanh", "tanh_($0)", (-1.0, 1.0)),
            Op::Sigmoid =>  entry("sigmoid", 1, Join, r"\sigma", "sigmoid_($0)", (0.0, 1.0)),
            Op::Softplus => entry("softplus", 1, Join, r"\operatorname{softplus}", "softplus_($0)", (0.0, INF)),
            Op::Relu =>     entry("relu", 1, Join, r"\operatorname{relu}", "max($0, 0.0)", (0.0, INF)),
            Op::Abs =>      entry("abs", 1, Join, "", "abs($0)", (0.0, INF)),
            Op::Floor =>    entry("floor", 1, Join, "", "floor($0)", ANY),
            Op::Parity =>   entry("parity", 1, Join, "", "parity_($0)", (-1.0, 1.0)),
            Op::Acos =>     entry("acos", 1, Join, r"\arccos", "acos_($0)", (0.0, std::f64::consts::PI)),
            Op::Csc =>      entry("csc", 1, Join, "", "csc_($0)", (1.0, INF)),
            Op::Not =>      entry("not", 1, Join, r"\lnot", "!$0", (0.0, 1.0)),
            Op::Detach =>   entry("detach", 1, Join, r"\operatorname{detach}", "$0", ANY),

            Op::Add => entry("add", 2, Join, "+", "$0 + $1", ANY),
            Op::Sub => entry("sub", 2, Join, "-", "$0 - $1", ANY),
            Op::Mul => entry("mul", 2, Join, r"\,", "$0 * $1", ANY),
            Op::Div => entry("div", 2, Join, r"\frac", "$0 / $1", ANY),
            Op::Pow => entry("pow", 2, Join, "^", "pow_($0, $1)", ANY),
            Op::Min => entry("min", 2, Join, r"\min", "min($0, $1)", ANY),
            Op::Max => entry("max", 2, Join, r"\max", "max($0, $1)", ANY),
            Op::Lt =>  entry("lt", 2, Join, "<", "$0 < $1", (0.0, 1.0)),
            Op::Le =>  entry("le", 2, Join, r"\le", "$0 <= $1", (0.0, 1.0)),
            Op::Eq =>  entry("eq", 2, Join, "=", "$0 == $1", (0.0, 1.0)),
            Op::And => entry("and", 2, Join, r"\land", "$0 && $1", (0.0, 1.0)),
            Op::Or =>  entry("or", 2, Join, r"\lor", "$0 || $1", (0.0, 1.0)),

            Op::Select =>   entry("select", 3, Join, "", "select($2, $1, $0)", ANY),
            Op::CosAngle => entry("cos_angle", 3, Join, r"\cos", "cos_angle_($0, $2)", (-1.0, 1.0)),
            Op::SinAngle => entry("sin_angle", 3, Join, r"\sin", "sin_angle_($0, $2)", (-1.0, 1.0)),
            Op::SinRatio => entry("sin_ratio", 3, Join, "", "sin_ratio_($0, $2)", ANY),

            Op::SumK =>   entry("sum[k]", 1, OverClasses, r"\sum", "", ANY),
            Op::MaxK =>   entry("max[k]", 1, OverClasses, r"\max", "", ANY),
            Op::LseK =>   entry("lse[k]", 1, OverClasses, r"\operatorname{LSE}", "", ANY),
            Op::SumI =>   entry("sum[i]", 1, OverBatch, r"\sum", "", ANY),
            Op::MeanI =>  entry("mean[i]", 1, OverBatch, r"\operatorname{mean}", "", ANY),
            Op::TopI =>   entry("top[i]", 2, OverBatch, r"\operatorname{top}", "", ANY),
            Op::InTopI => entry("in_top[i]", 2, WithinBatch, r"\operatorname{hard}", "", (0.0, 1.0)),
            Op::KeptI =>  entry("kept[i]", 1, Fixed(Scalar), r"\operatorname{kept}", "kept_rows_($0)", (1.0, INF)),
            Op::RankI =>  entry("rank[i]", 1, WithinBatch, r"\operatorname{rank}", "", (0.0, INF)),
            Op::PickI =>  entry("pick[i]", 3, WithinBatch, r"\operatorname{pick}", "", ANY),
        }
    }

    /// Does its value depend on all rows of the batch?
    pub fn is_batch(self) -> bool {
        matches!(self.entry().rule, Rule::OverBatch | Rule::WithinBatch)
    }

    /// Does it reduce over the other classes?
    pub fn is_class_reduction(self) -> bool {
        self.entry().rule == Rule::OverClasses
    }
}
