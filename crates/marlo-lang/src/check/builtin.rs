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
    /// −ln p at another class.
    CeOfOthers,
    Focal,
    /// Over the centres of a class.
    OverCentres(Centres),
    /// A quantile of the batch: that of the number, or of the second argument.
    Quantile(Option<f64>),
    Deviation,
    Match,
    /// ln Σ exp over the batch.
    LseOfBatch,
    Previous,
    /// A line from one value to another over the steps; does it hold its ends?
    Anneal {
        hold: bool,
    },
}

/// A reduction over the centres of a class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Centres {
    Max,
    Min,
    Sum,
    Mean,
    Lse,
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

const fn batch(name: &'static str, action: Action) -> Builtin {
    Builtin { index: Some("i"), ..plain(name, &["x"], action) }
}

const fn centres(name: &'static str, over: Centres) -> Builtin {
    Builtin { index: Some("r"), ..plain(name, &["x"], Action::OverCentres(over)) }
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
    batch("max", Action::Quantile(Some(1.0))),
    batch("min", Action::Quantile(Some(0.0))),
    batch("median", Action::Quantile(Some(0.5))),
    Builtin { index: Some("i"), ..plain("quantile", &["x", "q"], Action::Quantile(None)) },
    batch("std", Action::Deviation),
    batch("lse", Action::LseOfBatch),
    over("rank", "i", Op::RankI),
    Builtin { index: Some("i"), ..plain("match", &["x", "by"], Action::Match) },
    Builtin { index: Some("k"), ..plain("ce", &["p"], Action::CeOfOthers) },
    centres("max", Centres::Max),
    centres("min", Centres::Min),
    centres("sum", Centres::Sum),
    centres("mean", Centres::Mean),
    centres("lse", Centres::Lse),
    plain("previous", &["state"], Action::Previous),
    Builtin {
        optional: 1,
        ..plain("anneal", &["from", "to", "steps", "start"], Action::Anneal { hold: false })
    },
    Builtin {
        optional: 1,
        ..plain("ramp", &["from", "to", "steps", "start"], Action::Anneal { hold: true })
    },
    Builtin { index: Some("i"), ..plain("top", &["loss", "share"], Action::Apply(Op::TopI)) },
];

/// Values that every program knows, in all their spellings.
pub(super) const VALUES: &[&str] = &["cos", "theta", "θ", "logit", "pi", "π", "classes", "batch", "step"];

/// Is the name taken by the language?
pub(super) fn is_builtin(name: &str) -> bool {
    VALUES.contains(&name) || BUILTINS.iter().any(|builtin| builtin.name == name)
}

/// The functions of that name, one for each index.
pub(super) fn named(name: &str) -> impl Iterator<Item = &'static Builtin> {
    BUILTINS.iter().filter(move |builtin| builtin.name == name)
}

/// Is it a function that every program knows, with that index?
pub(crate) fn is_function(name: &str, index: Option<&str>) -> bool {
    named(name).any(|builtin| builtin.index == index)
}

impl Builtin {
    /// How a message names it: `sum[k]`.
    pub(super) fn spelling(&self) -> String {
        match self.index {
            Some(index) => format!("{}[{index}]", self.name),
            None => self.name.to_owned(),
        }
    }

    /// How it is called, without what may be left out: `softmax(target, others)`.
    pub(super) fn signature(&self) -> String {
        let needed = self.arguments.len() - self.optional;
        format!("{}({})", self.spelling(), self.arguments[..needed].join(", "))
    }
}

/// What stands here for a function of other languages and papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alias {
    /// It has another name.
    Called(&'static str),
    /// It is written otherwise.
    Written(&'static str),
}

/// What others call a function that has another name here.
pub(super) fn alias(name: &str) -> Option<Alias> {
    use Alias::{Called, Written};
    Some(match name {
        "log" => Called("ln"),
        "arccos" => Called("acos"),
        "logsumexp" | "log_sum_exp" => Called("lse[k]"),
        "σ" | "logistic" => Called("sigmoid"),
        "clip" => Called("clamp"),
        "minimum" => Called("min"),
        "maximum" => Called("max"),
        "power" | "powf" | "powi" => Called("pow"),
        "stop_gradient" | "stopgrad" | "stop_grad" | "no_grad" => Called("detach"),
        "cross_entropy" | "nll" | "nll_loss" => Called("ce"),
        "focal_loss" => Called("focal"),
        "Σ" => Called("sum[k]"),
        "where" | "select" => Written("if condition then a else b"),
        "step" | "heaviside" => Written("if x > 0 then 1 else 0"),
        "sign" => Written("if x > 0 then 1 else -1"),
        "round" => Written("floor(x + 0.5)"),
        "ceil" => Written("-floor(-x)"),
        "square" => Written("x^2"),
        "tan" => Written("sin(x) / cos(x)"),
        "sinh" => Written("(exp(x) - exp(-x)) / 2"),
        "cosh" => Written("(exp(x) + exp(-x)) / 2"),
        "log_softmax" => Written("-ce(softmax(target, others))"),
        "log_sigmoid" | "logsigmoid" => Written("-softplus(-x)"),
        _ => return None,
    })
}

/// What stands here for a value of other languages and papers.
pub(super) fn alias_of_value(name: &str) -> Option<Alias> {
    use Alias::{Called, Written};
    Some(match name {
        "e" => Written("exp(x)"),
        "cosine" | "cosines" => Called("cos"),
        "angle" | "angles" => Called("theta"),
        "logits" => Called("logit"),
        _ => return None,
    })
}
