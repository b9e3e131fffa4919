//! The program as it was written.
//!
//! Plain data: names are not resolved, nothing is typed. Every node carries
//! its [`Span`]. Parentheses and comments are not part of it; the formatter
//! puts back the parentheses that are needed. [`File::without_spans`] is for
//! comparing two programs whatever their layout.

use crate::Span;

/// A whole `.loss` file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct File {
    /// The `//!` lines at the top, without their marks.
    pub docs: Vec<String>,
    /// `use NAME` lines.
    pub uses: Vec<Use>,
    /// Functions outside the loss.
    pub functions: Vec<Function>,
    /// The loss; absent only after an error.
    pub loss: Option<Loss>,
    /// Laws and proofs, in the order they were written.
    pub claims: Vec<Promise>,
}

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// The name as the user spelt it.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// `use NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct Use {
    /// The other loss.
    pub name: Name,
    /// All of it.
    pub span: Span,
}

/// `fn NAME(θ: Angle, …) = expr` or `fn NAME(…) { … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// The `///` lines above it.
    pub docs: Vec<String>,
    /// Its name.
    pub name: Name,
    /// What it takes.
    pub parameters: Vec<FunctionParameter>,
    /// From `(` to `)`.
    pub parameters_span: Span,
    /// What it gives.
    pub body: Block,
    /// Was it written with `=`? Then `body` has no statements.
    pub short: bool,
    /// From `fn` to the end.
    pub span: Span,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionParameter {
    /// Its name.
    pub name: Name,
    /// Its kind, if stated.
    pub kind: Option<Name>,
}

/// `loss NAME(parameters) { … }`.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// The `///` lines above it.
    pub docs: Vec<String>,
    /// Its name.
    pub name: Name,
    /// Hyperparameters and inputs.
    pub parameters: Vec<Parameter>,
    /// From `(` to `)`.
    pub parameters_span: Span,
    /// The program.
    pub body: Block,
    /// From `loss` to the closing brace.
    pub span: Span,
}

/// A hyperparameter (`s: Scale = 64 in 1..128`) or an input (`norm[i]: Norm`).
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The `///` lines above it.
    pub docs: Vec<String>,
    /// Its name.
    pub name: Name,
    /// The index that makes it an input: `i` for one value a sample, `k` for
    /// one value a class.
    pub index: Option<Name>,
    /// Its kind.
    pub kind: Name,
    /// Its value when the user gives none.
    pub default: Option<Expr>,
    /// What an input is drawn from when the user gives none: `~ normal(0, 1)`.
    pub drawn: Option<Expr>,
    /// Where its values may lie.
    pub range: Option<Range>,
    /// What the values of an input add up to: `total 1`.
    pub sum: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// `low..high`, or `low..` without an upper bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// The lower bound.
    pub low: Expr,
    /// The upper bound, if there is one.
    pub high: Option<Expr>,
}

impl Range {
    /// From the lower bound to the upper one.
    #[must_use]
    pub fn span(&self) -> Span {
        self.high.as_ref().map_or(self.low.span, |high| self.low.span.to(high.span))
    }
}

/// Statements and, at the end, the value.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// `let`s and functions.
    pub statements: Vec<Statement>,
    /// The value of the block.
    pub value: Expr,
    /// From brace to brace; the expression alone where there are none.
    pub span: Span,
}

/// What may stand in a block before its value.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `let NAME = expr`
    Let(Let),
    /// A function that only this block knows.
    Function(Function),
    /// `state NAME: Kind = start then next`
    State(Box<State>),
}

/// `state t: Real = 0 in -1..1 then expr`: a value that is carried from step to step.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The `///` lines above it.
    pub docs: Vec<String>,
    /// Its name.
    pub name: Name,
    /// Its kind; Real where none is stated.
    pub kind: Option<Name>,
    /// Its value before the first step.
    pub start: Expr,
    /// Where its values lie.
    pub range: Option<Range>,
    /// Its value after a step; the name stands for the value before it.
    pub next: Expr,
    /// All of it.
    pub span: Span,
}

/// `let NAME = expr`.
#[derive(Debug, Clone, PartialEq)]
pub struct Let {
    /// The name that is given.
    pub name: Name,
    /// The shape the user expects of it: `let f[y] = …`.
    pub index: Option<Name>,
    /// The value that gets the name.
    pub value: Expr,
    /// All of it.
    pub span: Span,
}

/// A `law` or a `prove` line.
#[derive(Debug, Clone, PartialEq)]
pub enum Promise {
    /// `law t = 0 => arcface(s, m)`, or `law => expr` for all hyperparameters
    Law(Law),
    /// `prove finite, decreasing(f, theta[y] in 0..pi)`
    Prove(Prove),
}

/// With these parameters fixed, the loss is equal to another expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    /// Parameters and their values; none where the law holds for all of them.
    pub given: Vec<(Name, Expr)>,
    /// What the loss is then.
    pub equals: Expr,
    /// All of it.
    pub span: Span,
}

/// Things that are to be proved.
#[derive(Debug, Clone, PartialEq)]
pub struct Prove {
    /// The claims.
    pub claims: Vec<Claim>,
    /// All of it.
    pub span: Span,
}

/// One claim: `finite`, or `bounded(e, 0, 1)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// What is claimed.
    pub name: Name,
    /// About what.
    pub arguments: Vec<ClaimArgument>,
    /// All of it.
    pub span: Span,
}

/// `expr`, or `expr in low..high`.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimArgument {
    /// The expression.
    pub value: Expr,
    /// Where it runs.
    pub range: Option<Range>,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// Its place, without parentheses around it.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// The forms of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `0.5`; the spelling is kept for the formatter.
    Number {
        /// As the user wrote it.
        text: String,
        /// Its value.
        value: f64,
    },
    /// `s`, `cos[k]`
    Name {
        /// The name.
        name: Name,
        /// The index in brackets.
        index: Option<Name>,
    },
    /// `softmax(a, b, weight: h)`, `sum[k](x)`
    Call {
        /// What is called.
        callee: Name,
        /// The index in brackets.
        index: Option<Name>,
        /// The arguments.
        arguments: Vec<Argument>,
    },
    /// `arcface(s, m).f`, `sv_softmax.weight(c, s, t)`
    Field {
        /// The record, or the name of another loss.
        base: Box<Expr>,
        /// The name that is taken from it.
        field: Name,
        /// The index in brackets.
        index: Option<Name>,
        /// The arguments, where it is a function that is called.
        arguments: Option<Vec<Argument>>,
    },
    /// `-x`, `not x`
    Unary {
        /// The operator.
        operator: UnaryOperator,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `a + b`
    Binary {
        /// The operator.
        operator: BinaryOperator,
        /// Where the operator stands.
        operator_span: Span,
        /// The left operand.
        left: Box<Expr>,
        /// The right operand.
        right: Box<Expr>,
    },
    /// `if c then a else b`
    If {
        /// What decides.
        condition: Box<Expr>,
        /// Where `then` stands.
        then_span: Span,
        /// The value if so.
        then: Box<Expr>,
        /// Where `else` stands.
        else_span: Span,
        /// The value if not.
        otherwise: Box<Expr>,
    },
    /// Something that could not be read; it has been reported.
    Error,
}

/// An argument of a call, by position or by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// `weight` in `weight: h`.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// Operators with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOperator {
    /// `-x`
    Negate,
    /// `not x`
    Not,
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOperator {
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `^`
    Power,
}

/// How tightly the forms bind; a higher number binds tighter.
pub(crate) mod binding {
    pub(crate) const IF: u8 = 0;
    pub(crate) const OR: u8 = 1;
    pub(crate) const AND: u8 = 2;
    pub(crate) const NOT: u8 = 3;
    pub(crate) const COMPARISON: u8 = 4;
    pub(crate) const SUM: u8 = 5;
    pub(crate) const PRODUCT: u8 = 6;
    pub(crate) const NEGATION: u8 = 7;
    pub(crate) const POWER: u8 = 8;
    pub(crate) const ATOM: u8 = 9;
}

impl BinaryOperator {
    /// How the formatter writes it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Power => "^",
        }
    }

    pub(crate) fn binding(self) -> u8 {
        match self {
            Self::Or => binding::OR,
            Self::And => binding::AND,
            Self::Add | Self::Subtract => binding::SUM,
            Self::Multiply | Self::Divide => binding::PRODUCT,
            Self::Power => binding::POWER,
            _ => binding::COMPARISON,
        }
    }

    /// Is it `==`, `<` and the like?
    #[must_use]
    pub fn is_comparison(self) -> bool {
        self.binding() == binding::COMPARISON
    }
}

impl UnaryOperator {
    pub(crate) fn binding(self) -> u8 {
        match self {
            Self::Negate => binding::NEGATION,
            Self::Not => binding::NOT,
        }
    }
}

impl Expr {
    /// How tightly the outermost form binds.
    pub(crate) fn binding(&self) -> u8 {
        match &self.kind {
            ExprKind::If { .. } => binding::IF,
            ExprKind::Binary { operator, .. } => operator.binding(),
            ExprKind::Unary { operator, .. } => operator.binding(),
            _ => binding::ATOM,
        }
    }

    /// What is left where an expression could not be read.
    #[must_use]
    pub fn error(span: Span) -> Self {
        Self { span, kind: ExprKind::Error }
    }
}
