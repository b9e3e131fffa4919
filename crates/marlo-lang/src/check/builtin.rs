//! The functions that every program knows: one table.

use marlo_ir::op::Op;

/// What a call of a built-in function does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    /// One operation on the arguments.
    Apply(Op),
    /// An operation on two arguments, repeated for more.
    Fold(Op),
    /// A mean over the other classes.
    MeanOfClasses,
    Clamp,
    Mask,
    Indicator,
    Softmax,
    Ce,
    Focal,
}

/// A built-in function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Builtin {
    pub(super) name: &'static str,
    /// The index behind the name: `k` in `sum[k]`.
    pub(super) index: Option<&'static str>,
    /// The names of the arguments.
    pub(super) arguments: &'static [&'static str],
    /// How many of them may be left out, from the end.
    pub(super) optional: usize,
    pub(super) action: Action,
}

const fn plain(name: &'static str, arguments: &'static [&'static str], action: Action) -> Builtin {
    Builtin { name, index: None, arguments, optional: 0, action }
}

const fn one(name: &'static str, op: Op) -> Builtin {
    plain(name, &["x"], Action::Apply(op))
}

const fn over(name: &'static str, index: &'static str, op: Op) -> Builtin {
    Builtin { index: Some(index), ..one(name, op) }
}

/// Every built-in function.
pub(super) const BUILTINS: &[Builtin] = &[
    one("exp", Op::Exp),
    one("ln", Op::Ln),
    one("log1p", Op::Log1p),
    one("expm1", Op::Expm1),
    one("sqrt", Op::Sqrt),
    one("sin", Op::Sin),
    one("cos", Op::Cos),
    one("acos", Op::Acos),
    one("tanh", Op::Tanh),
    one("sigmoid", Op::Sigmoid),
    one("softplus", Op::Softplus),
    one("relu", Op::Relu),
    one("abs", Op::Abs),
    one("floor", Op::Floor),
    one("detach", Op::Detach),
    plain("min", &["x", "y"], Action::Fold(Op::Min)),
    plain("max", &["x", "y"], Action::Fold(Op::Max)),
    plain("pow", &["x", "exponent"], Action::Apply(Op::Pow)),
    plain("clamp", &["x", "low", "high"], Action::Clamp),
    plain("mask", &["condition"], Action::Mask),
    plain("indicator", &["mask", "weight"], Action::Indicator),
    Builtin { optional: 1, ..plain("softmax", &["target", "others", "weight"], Action::Softmax) },
    plain("ce", &["p"], Action::Ce),
    plain("focal", &["p", "gamma"], Action::Focal),
    over("sum", "k", Op::SumK),
    Builtin { action: Action::MeanOfClasses, ..over("mean", "k", Op::SumK) },
    over("max", "k", Op::MaxK),
    over("lse", "k", Op::LseK),
    over("mean", "i", Op::MeanI),
    over("sum", "i", Op::SumI),
    Builtin { index: Some("i"), ..plain("top", &["loss", "share"], Action::Apply(Op::TopI)) },
];

/// Values that every program knows, in all their spellings.
pub(super) const VALUES: &[&str] = &["cos", "theta", "θ", "logit", "pi", "π"];

/// Is the name taken by the language?
pub(super) fn is_builtin(name: &str) -> bool {
    VALUES.contains(&name) || BUILTINS.iter().any(|builtin| builtin.name == name)
}

/// The functions of that name, one for each index.
pub(super) fn named(name: &str) -> impl Iterator<Item = &'static Builtin> {
    BUILTINS.iter().filter(move |builtin| builtin.name == name)
}

/// What others call a function that has another name here.
pub(super) fn alias(name: &str) -> Option<&'static str> {
    Some(match name {
        "log" => "ln",
        "arccos" => "acos",
        "logsumexp" => "lse[k]",
        "σ" | "logistic" => "sigmoid",
        "clip" => "clamp",
        "stop_gradient" | "stopgrad" | "stop_grad" | "no_grad" => "detach",
        "cross_entropy" | "nll" => "ce",
        "where" => "if … then … else …",
        "Σ" => "sum[k]",
        "arctan" | "atan" | "tan" | "sinh" | "cosh" | "round" | "sign" => "",
        _ => return None,
    })
}
