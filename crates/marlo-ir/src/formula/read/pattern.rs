//! What the builder makes out of several operations, read back as the one thing it is.

use super::{Math, Reader};
use crate::graph::Id;
use crate::op::Op;

impl Reader<'_> {
    /// Σ_i, or the value of the batch at a place in its order (see [`quantile`](crate::build::Builder::quantile)).
    pub(super) fn sum_over_batch(&mut self, x: Id) -> Math {
        let Some((value, place)) = self.ranked(x) else {
            return Math::Over("Σ", "i", Box::new(self.read(x)));
        };
        let value = self.read(value);
        match place {
            Place::Share(q) => match self.graph.constant(q) {
                Some(0.5) => Math::Over("median", "i", Box::new(value)),
                _ => Math::Call("quantile_i", r"\operatorname{quantile}_i", vec![value, self.read(q)]),
            },
            Place::First => Math::Over("min", "i", Box::new(value)),
            Place::Last => Math::Over("max", "i", Box::new(value)),
        }
    }

    /// x where its rank is a place, else 0: that x and the place.
    fn ranked(&self, masked: Id) -> Option<(Id, Place)> {
        let (Op::Select, &[mask, value, rest]) = (self.graph.op(masked), self.graph.args(masked)) else {
            return None;
        };
        let (Op::Eq, &[left, right]) = (self.graph.op(mask), self.graph.args(mask)) else { return None };
        let ranks = |id: Id| self.graph.op(id) == Op::RankI && self.graph.args(id)[0] == value;
        let place = if ranks(left) { right } else { left };
        let fits = self.is(rest, 0.0) && (ranks(left) || ranks(right));
        fits.then(|| self.place_of(place)).flatten().map(|place| (value, place))
    }

    /// ⌊q·(B − 1)⌋ as a place in the order of the batch.
    fn place_of(&self, place: Id) -> Option<Place> {
        if self.is(place, 0.0) {
            return Some(Place::First);
        }
        let inside = if self.graph.op(place) == Op::Floor { self.graph.args(place)[0] } else { place };
        if self.is_last(inside) {
            return Some(Place::Last);
        }
        match (self.graph.op(inside), self.graph.args(inside)) {
            (Op::Mul, &[q, last]) if self.is_last(last) => Some(Place::Share(q)),
            (Op::Mul, &[last, q]) if self.is_last(last) => Some(Place::Share(q)),
            _ => None,
        }
    }

    fn is(&self, id: Id, value: f64) -> bool {
        self.graph.constant(id) == Some(value)
    }

    /// B − 1
    fn is_last(&self, id: Id) -> bool {
        matches!((self.graph.op(id), self.graph.args(id)),
            (Op::Sub, &[rows, one]) if self.graph.op(rows) == Op::BatchSize && self.is(one, 1.0))
    }

    /// std_i, where a choice is one (see [`deviation`](crate::build::Builder::deviation)).
    pub(super) fn deviation(&mut self, args: &[Id]) -> Option<Math> {
        let x = self.spread(args)?;
        Some(Math::Over("std", "i", Box::new(self.read(x))))
    }

    /// Of what such a choice is the deviation: √(Σ (x − mean x)² / max(B − 1, 1)) where that is not 0.
    fn spread(&self, args: &[Id]) -> Option<Id> {
        let (&[mask, root, rest], g) = (args, self.graph) else { return None };
        let part = |id: Id, op: Op| if g.op(id) == op { g.args(id).first().copied() } else { None };
        let inside = part(root, Op::Sqrt)?;
        let (Op::Select, &[same, variance, one]) = (g.op(inside), g.args(inside)) else { return None };
        let (Op::Div, &[sum, below]) = (g.op(variance), g.args(variance)) else { return None };
        let square = part(sum, Op::SumI)?;
        let off = match (g.op(square), g.args(square)) {
            (Op::Pow, &[off, two]) if self.is(two, 2.0) => off,
            (Op::Mul, &[off, other]) if off == other => off,
            _ => return None,
        };
        let (Op::Sub, &[x, mean]) = (g.op(off), g.args(off)) else { return None };
        let is_mean = part(mean, Op::MeanI) == Some(x);
        let is_below = part(below, Op::Max).is_some_and(|rows| self.is_last(rows));
        (same == mask && self.is(one, 1.0) && self.is(rest, 0.0) && is_mean && is_below).then_some(x)
    }

    /// LSE_i, where a sum is one (see [`lse_over_batch`](crate::build::Builder::lse_over_batch)).
    pub(super) fn lse_over_batch(&mut self, left: Id, right: Id) -> Option<Math> {
        let x = self.exponent(left, right).or_else(|| self.exponent(right, left))?;
        Some(Math::Over("LSE", "i", Box::new(self.read(x))))
    }

    /// x of g + ln Σ_i exp(x − g), with the greatest x for g.
    fn exponent(&self, greatest: Id, ln: Id) -> Option<Id> {
        let g = self.graph;
        let part = |id: Id, op: Op| if g.op(id) == op { g.args(id).first().copied() } else { None };
        let less = part(part(part(ln, Op::Ln)?, Op::SumI)?, Op::Exp)?;
        let bare = part(greatest, Op::Detach).unwrap_or(greatest);
        let (value, place) = self.ranked(part(bare, Op::SumI)?)?;
        let is_less = g.op(less) == Op::Sub && g.args(less) == [value, greatest];
        (is_less && matches!(place, Place::Last)).then_some(value)
    }

    /// −ln p_k, where a difference is one (see [`ce_other`](crate::build::Builder::ce_other)).
    pub(super) fn ce_other(&mut self, sum: Id, logit: Id) -> Option<Math> {
        let (Op::Add, &[left, right]) = (self.graph.op(sum), self.graph.args(sum)) else { return None };
        let (lse, rest) = if self.graph.op(left) == Op::LseK { (left, right) } else { (right, left) };
        if self.graph.op(rest) != Op::Softplus || self.graph.args(lse) != [logit] {
            return None;
        }
        let (softmax, is_target) = self.softmax_of(self.graph.args(rest)[0])?;
        let is_own = self.parts_of(self.softmaxes[softmax].0).is_some_and(|parts| parts.0 == lse);
        let fits = is_own && !is_target && self.graph.op(lse) == Op::LseK;
        fits.then(|| Math::Call("ln", r"\ln", vec![self.p_other(softmax)]).minus())
    }

    /// Is x among the hardest? They come first in the falling order, the earlier of equal ones before the later.
    pub(super) fn is_in_top(&mut self, x: Id, count: Id) -> Math {
        let rank = Math::Call("rank_i", r"\operatorname{rank}_i", vec![self.read(x).minus()]);
        Math::Relation("<", Box::new(rank), Box::new(self.read(count)))
    }

    /// How many of the batch a share keeps.
    pub(super) fn kept(&mut self, share: Id) -> Math {
        let share = Math::product(vec![self.read(share), Math::symbol("B")]);
        Math::Call("max", r"\max", vec![Math::number(1.0), Math::Floor(Box::new(share))])
    }

    /// The greatest or least of several, however they were joined.
    pub(super) fn extreme(&mut self, id: Id) -> Math {
        let op = self.graph.op(id);
        let mut args = Vec::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            let is_named = self.lets.contains_key(&next) || self.shared[next.index()];
            if next == id || (self.graph.op(next) == op && !is_named) {
                open.extend(self.graph.args(next).iter().rev());
            } else {
                args.push(next);
            }
        }
        let entry = op.entry();
        self.call(entry.name, entry.latex, &args)
    }

    /// `match[i]`, which picks by two ranks (see [`matched`](crate::build::Builder::matched)).
    pub(super) fn matched(&mut self, args: &[Id]) -> Option<Math> {
        let ranked = |id: Id| (self.graph.op(id) == Op::RankI).then(|| self.graph.args(id)[0]);
        let by = ranked(args[2]).filter(|_| ranked(args[1]) == Some(args[0]))?;
        Some(self.call("match_i", r"\operatorname{match}_i", &[args[0], by]))
    }
}

/// A place in the rising order of a batch.
enum Place {
    First,
    Last,
    /// As many values come before as this share of the others, rounded down.
    Share(Id),
}
