//! The rules of rewriting, as one table. Each holds for all real numbers under its conditions.
//!
//! The table is walked by the e-graph, by the replay and by the tests, which try every rule on numbers and on ranges.

use std::fmt;

use marlo_ir::op::Op;
use marlo_ir::shape::Shape;

use super::pattern::Pattern;
use super::range::Range;
use super::term::Head;

/// What must hold of a variable for a rule to be allowed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Above 0.
    Positive,
    /// At least 0.
    Nonnegative,
    /// Not 0.
    Nonzero,
    /// From −1 to 1.
    Cosine,
    /// From 0 to π.
    Angle,
    /// The same for all classes.
    OneForAllClasses,
    /// The same for the whole batch.
    OneForAll,
}

impl Need {
    /// Is it known to hold?
    pub(crate) fn holds(self, range: Range, shape: Shape) -> bool {
        match self {
            Need::Positive => range.positive(),
            Need::Nonnegative => range.nonnegative(),
            Need::Nonzero => range.nonzero,
            Need::Cosine => range.within(-1.0, 1.0),
            Need::Angle => range.within(0.0, std::f64::consts::PI),
            Need::OneForAllClasses => shape < Shape::Cell,
            Need::OneForAll => shape == Shape::Scalar,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Positive => "> 0",
            Need::Nonnegative => "≥ 0",
            Need::Nonzero => "≠ 0",
            Need::Cosine => "lies in [-1, 1]",
            Need::Angle => "lies in [0, π]",
            Need::OneForAllClasses => "is the same for all classes",
            Need::OneForAll => "is the same for all samples",
        })
    }
}

/// A rule as it is written.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: &'static str,
    /// What is replaced.
    pub(crate) left: &'static str,
    /// By what.
    pub(crate) right: &'static str,
    /// Under which conditions.
    pub(crate) needs: &'static [(Need, &'static str)],
}

/// A rule, read.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// Its name.
    pub(crate) name: &'static str,
    /// What is replaced.
    pub(crate) left: Pattern,
    /// By what.
    pub(crate) right: Pattern,
    /// Under which conditions.
    pub(crate) needs: &'static [(Need, &'static str)],
}

impl Row {
    /// Reads the patterns.
    pub(crate) fn read(&self) -> Option<Rule> {
        let (left, right) = (Pattern::read(self.left)?, Pattern::read(self.right)?);
        Some(Rule { name: self.name, left, right, needs: self.needs })
    }
}

impl Rule {
    /// Does it make terms simpler, or move what is chosen outward? Such rules alone give short proofs.
    pub(crate) fn is_plain(&self) -> bool {
        let (left, right) = (self.left.size(), self.right.size());
        let choice = matches!(&self.right, Pattern::Node(Head::Op(Op::Select), _));
        right < left || choice || (right == left && left <= 3)
    }
}

/// All rules.
pub(crate) fn all() -> Vec<Rule> {
    TABLE.iter().filter_map(Row::read).collect()
}

macro_rules! rules {
    ($($name:literal: $left:literal => $right:literal $(if $($need:ident $var:literal),+)?;)*) => {
        &[$(Row { name: $name, left: $left, right: $right, needs: &[$($((Need::$need, $var)),+)?] }),*]
    };
}

/// The table. A rule that is useful in both directions stands twice.
#[rustfmt::skip]
pub(crate) const TABLE: &[Row] = rules! {
    // Sums and products.
    "a+b = b+a":             "(add ?a ?b)" => "(add ?b ?a)";
    "ab = ba":               "(mul ?a ?b)" => "(mul ?b ?a)";
    "(a+b)+c = a+(b+c)":     "(add (add ?a ?b) ?c)" => "(add ?a (add ?b ?c))";
    "a+(b+c) = (a+b)+c":     "(add ?a (add ?b ?c))" => "(add (add ?a ?b) ?c)";
    "(ab)c = a(bc)":         "(mul (mul ?a ?b) ?c)" => "(mul ?a (mul ?b ?c))";
    "a(bc) = (ab)c":         "(mul ?a (mul ?b ?c))" => "(mul (mul ?a ?b) ?c)";
    "a-b = a+(-1)b":         "(sub ?a ?b)" => "(add ?a (mul -1 ?b))";
    "a+(-1)b = a-b":         "(add ?a (mul -1 ?b))" => "(sub ?a ?b)";
    "-a = (-1)a":            "(neg ?a)" => "(mul -1 ?a)";
    "(-1)a = -a":            "(mul -1 ?a)" => "(neg ?a)";
    "a+0 = a":               "(add ?a 0)" => "?a";
    "a-0 = a":               "(sub ?a 0)" => "?a";
    "a-a = 0":               "(sub ?a ?a)" => "0";
    "1a = a":                "(mul 1 ?a)" => "?a";
    "0a = 0":                "(mul 0 ?a)" => "0";
    "a(b+c) = ab+ac":        "(mul ?a (add ?b ?c))" => "(add (mul ?a ?b) (mul ?a ?c))";
    "ab+ac = a(b+c)":        "(add (mul ?a ?b) (mul ?a ?c))" => "(mul ?a (add ?b ?c))";
    "a+ba = (1+b)a":         "(add ?a (mul ?b ?a))" => "(mul (add 1 ?b) ?a)";
    "a+a = 2a":              "(add ?a ?a)" => "(mul 2 ?a)";
    // Quotients and powers.
    "ab/b = a":              "(div (mul ?a ?b) ?b)" => "?a" if Nonzero "?b";
    "(a+b)/c = a/c+b/c":     "(div (add ?a ?b) ?c)" => "(add (div ?a ?c) (div ?b ?c))" if Nonzero "?c";
    "(ab)/c = a(b/c)":       "(div (mul ?a ?b) ?c)" => "(mul ?a (div ?b ?c))" if Nonzero "?c";
    "a/1 = a":               "(div ?a 1)" => "?a";
    "a/a = 1":               "(div ?a ?a)" => "1" if Nonzero "?a";
    "a/b = a(1/b)":          "(div ?a ?b)" => "(mul ?a (div 1 ?b))" if Nonzero "?b";
    "a(1/b) = a/b":          "(mul ?a (div 1 ?b))" => "(div ?a ?b)" if Nonzero "?b";
    "a+b/c = (ac+b)/c":      "(add ?a (div ?b ?c))" => "(div (add (mul ?a ?c) ?b) ?c)" if Nonzero "?c";
    "(a/b)/c = a/(bc)":      "(div (div ?a ?b) ?c)" => "(div ?a (mul ?b ?c))" if Nonzero "?b", Nonzero "?c";
    "a^0 = 1":               "(pow ?a 0)" => "1";
    "a^1 = a":               "(pow ?a 1)" => "?a";
    "a^2 = aa":              "(pow ?a 2)" => "(mul ?a ?a)";
    "a^3 = a(aa)":           "(pow ?a 3)" => "(mul ?a (mul ?a ?a))";
    "sqrt(aa) = a":          "(sqrt (mul ?a ?a))" => "?a" if Nonnegative "?a";
    "sqrt(a)sqrt(a) = a":    "(mul (sqrt ?a) (sqrt ?a))" => "?a" if Nonnegative "?a";
    // Exponentials and logarithms.
    "exp 0 = 1":             "(exp 0)" => "1";
    "exp(a+b) = exp a exp b": "(exp (add ?a ?b))" => "(mul (exp ?a) (exp ?b))";
    "exp a exp b = exp(a+b)": "(mul (exp ?a) (exp ?b))" => "(exp (add ?a ?b))";
    "exp(-a) = 1/exp a":     "(exp (mul -1 ?a))" => "(div 1 (exp ?a))";
    "1/exp a = exp(-a)":     "(div 1 (exp ?a))" => "(exp (mul -1 ?a))";
    "ln 1 = 0":              "(ln 1)" => "0";
    "ln exp a = a":          "(ln (exp ?a))" => "?a";
    "exp ln a = a":          "(exp (ln ?a))" => "?a" if Positive "?a";
    "ln ab = ln a + ln b":   "(ln (mul ?a ?b))" => "(add (ln ?a) (ln ?b))" if Positive "?a", Positive "?b";
    "ln a + ln b = ln ab":   "(add (ln ?a) (ln ?b))" => "(ln (mul ?a ?b))" if Positive "?a", Positive "?b";
    "ln a/b = ln a - ln b":  "(ln (div ?a ?b))" => "(sub (ln ?a) (ln ?b))" if Positive "?a", Positive "?b";
    "ln a^b = b ln a":       "(ln (pow ?a ?b))" => "(mul ?b (ln ?a))" if Positive "?a";
    "log1p a = ln(1+a)":     "(log1p ?a)" => "(ln (add 1 ?a))";
    "expm1 a = exp a - 1":   "(expm1 ?a)" => "(sub (exp ?a) 1)";
    "softplus a = ln(1+exp a)": "(softplus ?a)" => "(ln (add 1 (exp ?a)))";
    "ln(1+exp a) = softplus a": "(ln (add 1 (exp ?a)))" => "(softplus ?a)";
    "softplus a = a + softplus(-a)": "(softplus ?a)" => "(add ?a (softplus (mul -1 ?a)))";
    "sigmoid a = 1/(1+exp(-a))": "(sigmoid ?a)" => "(div 1 (add 1 (exp (mul -1 ?a))))";
    "sigmoid a = exp a/(1+exp a)": "(sigmoid ?a)" => "(div (exp ?a) (add 1 (exp ?a)))";
    "1 - sigmoid a = sigmoid(-a)": "(sub 1 (sigmoid ?a))" => "(sigmoid (mul -1 ?a))";
    "sigmoid(-a) = 1 - sigmoid a": "(sigmoid (mul -1 ?a))" => "(sub 1 (sigmoid ?a))";
    "ln sigmoid a = -softplus(-a)": "(ln (sigmoid ?a))" => "(mul -1 (softplus (mul -1 ?a)))";
    "tanh a = 2 sigmoid 2a - 1": "(tanh ?a)" => "(sub (mul 2 (sigmoid (mul 2 ?a))) 1)";
    // Angles.
    "cos 0 = 1":             "(cos 0)" => "1";
    "sin 0 = 0":             "(sin 0)" => "0";
    "cos pi = -1":           "(cos pi)" => "-1";
    "sin pi = 0":            "(sin pi)" => "0";
    "cos acos a = a":        "(cos (acos ?a))" => "?a" if Cosine "?a";
    "acos cos a = a":        "(acos (cos ?a))" => "?a" if Angle "?a";
    "sin acos a = sqrt(1-aa)": "(sin (acos ?a))" => "(sqrt (sub 1 (mul ?a ?a)))" if Cosine "?a";
    "cos(-a) = cos a":       "(cos (mul -1 ?a))" => "(cos ?a)";
    "sin(-a) = -sin a":      "(sin (mul -1 ?a))" => "(mul -1 (sin ?a))";
    "cos(a+b)":              "(cos (add ?a ?b))" => "(sub (mul (cos ?a) (cos ?b)) (mul (sin ?a) (sin ?b)))";
    "sin(a+b)":              "(sin (add ?a ?b))" => "(add (mul (sin ?a) (cos ?b)) (mul (cos ?a) (sin ?b)))";
    "cos 2a = 2cc - 1":      "(cos (mul 2 ?a))" => "(sub (mul 2 (mul (cos ?a) (cos ?a))) 1)";
    "sin 2a = 2sc":          "(sin (mul 2 ?a))" => "(mul 2 (mul (sin ?a) (cos ?a)))";
    "ss + cc = 1":           "(add (mul (sin ?a) (sin ?a)) (mul (cos ?a) (cos ?a)))" => "1";
    "cos(a theta + b)":      "(cos_angle ?a ?b ?c)" => "(cos (add (mul ?a (acos ?c)) ?b))" if Cosine "?c";
    "sin(a theta + b)":      "(sin_angle ?a ?b ?c)" => "(sin (add (mul ?a (acos ?c)) ?b))" if Cosine "?c";
    // Masks and choices; a choice moves outward only.
    "if m then a else a":    "(select ?m ?a ?a)" => "?a";
    "if not m":              "(select (not ?m) ?a ?b)" => "(select ?m ?b ?a)";
    "a <= b = not b < a":    "(le ?a ?b)" => "(not (lt ?b ?a))";
    "max a b":               "(max ?a ?b)" => "(select (lt ?b ?a) ?a ?b)";
    "min a b":               "(min ?a ?b)" => "(select (lt ?a ?b) ?a ?b)";
    "relu a":                "(relu ?a)" => "(select (lt 0 ?a) ?a 0)";
    "abs a":                 "(abs ?a)" => "(select (lt ?a 0) (mul -1 ?a) ?a)";
    "abs a = max a -a":      "(abs ?a)" => "(max ?a (mul -1 ?a))";
    "max a b = max b a":     "(max ?a ?b)" => "(max ?b ?a)";
    "min a b = min b a":     "(min ?a ?b)" => "(min ?b ?a)";
    "relu a = max a 0":      "(relu ?a)" => "(max ?a 0)";
    "if a = b then b else a": "(select (eq ?a ?b) ?b ?a)" => "?a";
    "if a = b then qa + r":  "(select (eq ?a ?b) (add (mul ?q ?a) ?r) ?c)" => "(select (eq ?a ?b) (add (mul ?q ?b) ?r) ?c)";
    "if a = b then qa - r":  "(select (eq ?a ?b) (sub (mul ?q ?a) ?r) ?c)" => "(select (eq ?a ?b) (sub (mul ?q ?b) ?r) ?c)";
    "floor(theta/pi)":       "(floor (div (acos ?a) pi))" => "(select (eq ?a -1) 1 0)" if Cosine "?a";
    "ca < cb = a < b":       "(lt (mul ?c ?a) (mul ?c ?b))" => "(lt ?a ?b)" if Positive "?c";
    "if m (if m a b) c":     "(select ?m (select ?m ?a ?b) ?c)" => "(select ?m ?a ?c)";
    "if m a (if m b c)":     "(select ?m ?a (select ?m ?b ?c))" => "(select ?m ?a ?c)";
    "c + if m a b":          "(add ?c (select ?m ?a ?b))" => "(select ?m (add ?c ?a) (add ?c ?b))";
    "c - if m a b":          "(sub ?c (select ?m ?a ?b))" => "(select ?m (sub ?c ?a) (sub ?c ?b))";
    "(if m a b) - c":        "(sub (select ?m ?a ?b) ?c)" => "(select ?m (sub ?a ?c) (sub ?b ?c))";
    "(if m a b) - if m c d": "(sub (select ?m ?a ?b) (select ?m ?c ?d))" => "(select ?m (sub ?a ?c) (sub ?b ?d))";
    "c if m a b":            "(mul ?c (select ?m ?a ?b))" => "(select ?m (mul ?c ?a) (mul ?c ?b))";
    "c^(if m a b)":          "(pow ?c (select ?m ?a ?b))" => "(select ?m (pow ?c ?a) (pow ?c ?b))";
    "(if m a b) + if m c d": "(add (select ?m ?a ?b) (select ?m ?c ?d))" => "(select ?m (add ?a ?c) (add ?b ?d))";
    "exp if m a b":          "(exp (select ?m ?a ?b))" => "(select ?m (exp ?a) (exp ?b))";
    "ln if m a b":           "(ln (select ?m ?a ?b))" => "(select ?m (ln ?a) (ln ?b))" if Positive "?a", Positive "?b";
    "detach a = a":          "(detach ?a)" => "?a";
    // Reductions.
    "lse b = ln sum exp b":  "(lse[k] ?b)" => "(ln (sum[k] (exp ?b)))";
    "ln sum exp b = lse b":  "(ln (sum[k] (exp ?b)))" => "(lse[k] ?b)";
    "lse(b+r) = lse b + r":  "(lse[k] (add ?b ?r))" => "(add (lse[k] ?b) ?r)" if OneForAllClasses "?r";
    "lse b + r = lse(b+r)":  "(add (lse[k] ?b) ?r)" => "(lse[k] (add ?b ?r))" if OneForAllClasses "?r";
    "sum(a+b) = sum a + sum b": "(sum[k] (add ?a ?b))" => "(add (sum[k] ?a) (sum[k] ?b))";
    "sum r = (C-1)r":        "(sum[k] ?r)" => "(mul (others) ?r)" if OneForAllClasses "?r";
    "sum(rb) = r sum b":     "(sum[k] (mul ?r ?b))" => "(mul ?r (sum[k] ?b))" if OneForAllClasses "?r";
    "r sum b = sum(rb)":     "(mul ?r (sum[k] ?b))" => "(sum[k] (mul ?r ?b))" if OneForAllClasses "?r";
    "max(b+r) = max b + r":  "(max[k] (add ?b ?r))" => "(add (max[k] ?b) ?r)" if OneForAllClasses "?r";
    "max(rb) = r max b":     "(max[k] (mul ?r ?b))" => "(mul ?r (max[k] ?b))" if OneForAllClasses "?r", Nonnegative "?r";
    "mean r = r":            "(mean[i] ?r)" => "?r" if OneForAll "?r";
    "mean(ra) = r mean a":   "(mean[i] (mul ?r ?a))" => "(mul ?r (mean[i] ?a))" if OneForAll "?r";
    "mean(a+b) = mean a + mean b": "(mean[i] (add ?a ?b))" => "(add (mean[i] ?a) (mean[i] ?b))";
    "sum[i] a = B mean a":   "(sum[i] ?a)" => "(mul (batch) (mean[i] ?a))";
    // Two classes or more, as everywhere here.
    "C = (C-1)+1":          "(classes)" => "(add (others) 1)";
    "rank(a+r) = rank a":   "(rank[i] (add ?a ?r))" => "(rank[i] ?a)" if OneForAll "?r";
    "rank(ra) = rank a":    "(rank[i] (mul ?r ?a))" => "(rank[i] ?a)" if OneForAll "?r", Positive "?r";
    "top a 1 = mean a":      "(top[i] ?a 1)" => "(mean[i] ?a)";
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_read_and_has_its_own_name() {
        for row in TABLE {
            let rule = row.read().unwrap_or_else(|| panic!("{}", row.name));
            let left = rule.left.variables();
            assert!(rule.right.variables().iter().all(|v| left.contains(v)), "{}", row.name);
            assert!(rule.needs.iter().all(|(_, v)| left.contains(v)), "{}", row.name);
        }
        let mut names: Vec<&str> = TABLE.iter().map(|r| r.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
    }
}
