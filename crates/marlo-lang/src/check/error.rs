//! What the graph's builder refuses, with its place and in words.

use marlo_ir::build::TypeError;
use marlo_ir::graph::Id;
use marlo_ir::kind::Kind;
use marlo_ir::op::Op;
use marlo_ir::shape::Shape;

use super::Checker;
use crate::ast::Name;
use crate::{Diagnostic, Span};

/// A name that the same frame has already.
pub(super) fn duplicate(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate", name.span, format!("`{}` is given twice", name.text))
        .label("the second time")
        .also(first, "the first time")
        .help("a name gets its value once; choose another one")
}

/// A kind with its article; what a header cannot declare is written small.
pub(super) fn a(kind: Kind) -> String {
    match kind {
        Kind::Number => "a number".into(),
        Kind::Mask => "a mask".into(),
        _ => kind.with_article(),
    }
}

const UNITS: &str =
    "`theta[..]` is an Angle and `cos[..]` its Cosine; a margin has the kind of what it is added to";

/// What to do when one kind is wanted and another one found.
pub(super) fn kind_hint(wanted: &str, found: Kind) -> Option<&'static str> {
    Some(match (wanted, found) {
        ("a Factor", Kind::Weight) => "a Factor is off at 1 and a Weight at 0: pass `1 + t`",
        ("a Weight", Kind::Factor) => "a Weight is off at 0 and a Factor at 1: pass `t - 1`",
        ("an Angle", Kind::Cosine) | ("a Cosine", Kind::Angle) => UNITS,
        ("a Logit", Kind::Cosine) => "multiply by the scale first: `s * cos[..]`",
        ("a Logit", Kind::Angle) => "take the cosine first: `s * cos(theta[..])`",
        ("a Logit", Kind::Scale) => "a scale multiplies: `s * cos[..]`",
        ("a mask", _) => "a condition is a comparison, such as `cos[k] > f`",
        _ => return None,
    })
}

/// The error in the words of the language: `neg` is written `-`.
fn words(error: &TypeError) -> String {
    match error {
        TypeError::Kinds { left: Kind::Mask, right: Kind::Mask, verb } => format!("masks can't be {verb}"),
        TypeError::Kinds { verb, left, right } => format!("{} and {} can't be {verb}", a(*left), a(*right)),
        TypeError::Argument { function, wanted, found, .. } => {
            let function = match *function {
                "neg" => "`-`".into(),
                "select" => "`if`".into(),
                "pow" => "a power".into(),
                function => format!("`{function}`"),
            };
            format!("{function} takes {wanted}, and this is {}", a(*found))
        }
        TypeError::NothingOverClasses { function: "softmax", found } => {
            format!("the other logits must vary with the class, [k], but this is {found}")
        }
        _ => error.to_string(),
    }
}

fn hint(error: &TypeError) -> Option<&'static str> {
    use Kind::{Angle, Cosine, Mask};
    match error {
        TypeError::Kinds { left: Mask, right: Mask, .. } => {
            Some("masks are combined with `and`, `or` and `not`")
        }
        TypeError::Kinds { left: Angle, right: Cosine, .. }
        | TypeError::Kinds { left: Cosine, right: Angle, .. } => Some(UNITS),
        TypeError::Target { .. } => {
            Some("the target is read at the label: `cos[y]`, `theta[y]`; the other logits come second")
        }
        TypeError::NothingOverClasses { function: "softmax", .. } => {
            Some("the second argument is read at the other classes: `cos[k]`, `theta[k]`")
        }
        // The builder knows best what to say of `cos(cos[y])`.
        TypeError::Argument { function: "cos" | "sin" | "acos", .. } => error.hint(),
        TypeError::Argument { wanted, found, .. } => kind_hint(wanted, *found).or(error.hint()),
        _ => error.hint(),
    }
}

impl Checker<'_, '_> {
    /// Reports an error about the expression at `whole` with arguments at `arguments`.
    pub(super) fn type_error(&mut self, mut error: TypeError, whole: Span, arguments: &[Span]) {
        let place = |at: usize| arguments.get(at).copied().unwrap_or(whole);
        let (code, span) = match &error {
            TypeError::Kinds { .. } => ("kind", whole),
            TypeError::Argument { place: at, .. } => ("kind", place(*at)),
            TypeError::NothingOverClasses { function, .. } => {
                ("shape", place(usize::from(*function == "softmax")))
            }
            TypeError::NotARow { .. } | TypeError::Target { .. } => ("shape", place(0)),
            TypeError::NothingOverCentres { .. } => ("shape", place(0)),
            TypeError::Centre => ("shape", whole),
            TypeError::NotAScalar { .. } => ("shape", place(1)),
            TypeError::NotALoss { .. } => ("shape", whole),
            TypeError::Mixed => ("mixed", whole),
            TypeError::TooDeep => ("too-deep", whole),
            TypeError::TwoUpdates { .. } => ("state", whole),
            TypeError::Duplicate { .. } => ("duplicate", whole),
        };
        // Of an `if`, whose condition comes first, it is the branches that do not go together.
        let operands = match arguments {
            [_, first, second] | [first, second] => Some((*first, *second)),
            _ => None,
        };
        // `a > b` is built as `b < a`; the message goes from left to right.
        if let (TypeError::Kinds { left, right, .. }, Some((first, second))) = (&mut error, operands)
            && second.start < first.start
        {
            std::mem::swap(left, right);
        }
        let mut diagnostic = Diagnostic::error(code, span, words(&error));
        if let (TypeError::Kinds { left, right, .. }, Some((first, second))) = (&error, operands) {
            let (first, second) = if second.start < first.start { (second, first) } else { (first, second) };
            diagnostic = diagnostic.also(first, a(*left)).also(second, a(*right));
        }
        if let (TypeError::Mixed, Some((name, first))) = (&error, self.matrix) {
            diagnostic = diagnostic.also(first, format!("`{name}` is read here"));
        }
        if let Some(hint) = hint(&error) {
            diagnostic = diagnostic.help(hint);
        }
        self.report(diagnostic);
    }

    /// Can the value be a loss? Otherwise that is reported.
    pub(super) fn is_loss(&mut self, id: Id, span: Span) -> bool {
        let graph = &self.builder.graph;
        let error = |message: &str| Diagnostic::error("shape", span, message);
        let error = if graph.node(id).kind == Kind::Mask {
            error("a loss is a number, and this is a mask").help("`if mask then a else b` makes it a number")
        } else if graph.shape(id) == Shape::Cell {
            error("a loss is one value a sample or one for the batch, and this varies with the class, [k]")
                .help("end with `ce(softmax(..))`, or reduce over the classes: `sum[k](..)`")
        } else if !graph.depends(id, |op| matches!(op, Op::Input(0, _))) {
            error("this loss reads neither cosines nor logits, so there is nothing to learn")
                .help("read `cos[y]` and `cos[k]`, or `logit[y]` and `logit[k]`")
        } else {
            return true;
        };
        self.report(error);
        false
    }
}
