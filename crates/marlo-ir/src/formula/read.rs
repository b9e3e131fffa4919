//! Graph to formula: recognises probabilities, masks and named values.

mod pattern;

use std::collections::HashMap;

use super::Equation;
use super::math::Math;
use crate::graph::{Axis, Graph, Id};
use crate::kind::Kind;
use crate::loss::{Loss, Role};
use crate::op::{At, Op};
use crate::shape::Shape;

/// Reads formulas from a loss in normal form and remembers which names were used.
pub(super) struct Reader<'a> {
    graph: &'a Graph,
    lets: HashMap<Id, String>,
    /// (u, p's letter) of each softmax.
    softmaxes: Vec<(Id, String)>,
    used: Vec<Use>,
    /// Parts that are large and occur more than once: they get a symbol, or formulas would grow without bound.
    shared: Vec<bool>,
    /// The loss as it was before its stop-gradients were dropped, where that is another graph.
    written: Option<&'a Loss>,
}

/// The symbol for the logits of the other classes in a softmax.
fn logits(softmax: usize) -> String {
    match softmax {
        0 => "b".to_owned(),
        1 => "d".to_owned(),
        n => format!("b{}", n + 1),
    }
}

/// How many symbols a part may have before it gets one of its own when it occurs more than once.
const LARGE: u32 = 60;

/// Which nodes are large and are read more than once?
fn shared(graph: &Graph, lets: &HashMap<Id, String>) -> Vec<bool> {
    let mut size = vec![1_u32; graph.len()];
    let mut reads = vec![0_u32; graph.len()];
    for id in graph.ids() {
        for a in graph.args(id) {
            reads[a.index()] += 1;
            if !lets.contains_key(&id) {
                size[id.index()] = size[id.index()].saturating_add(size[a.index()]);
            }
        }
    }
    size.iter().zip(reads).map(|(&size, reads)| size > LARGE && reads > 1).collect()
}

#[derive(Clone, Debug, PartialEq)]
enum Use {
    Let(Id),
    PTarget(usize),
    POther(usize),
    Logits(usize),
    Shared(Id),
}

impl<'a> Reader<'a> {
    pub(super) fn new(loss: &'a Loss) -> Self {
        let graph = &loss.graph;
        let mut lets = HashMap::new();
        let mut softmaxes = Vec::new();
        for named in &loss.names {
            match named.role {
                Role::Let if graph.leaf(named.id).is_none() => {
                    lets.entry(named.id).or_insert_with(|| named.name.clone());
                }
                Role::Margin => softmaxes.push((named.id, named.name.clone())),
                _ => {}
            }
        }
        let shared = shared(graph, &lets);
        Reader { graph, lets, softmaxes, used: Vec::new(), shared, written: None }
    }

    /// A reader that shows stop-gradients as they are in `written`, the same loss with them.
    pub(super) fn with_detach(loss: &'a Loss, written: &'a Loss) -> Self {
        Reader { written: Some(written), ..Self::new(loss) }
    }

    /// The formula of the loss: the node `id` here, `before` in the loss with its stop-gradients.
    pub(super) fn value(&mut self, id: Id, before: Id) -> Math {
        self.detached(before, false).unwrap_or_else(|| self.read(id))
    }

    /// The formula of a node of the loss with its stop-gradients, where it shows one.
    fn detached(&mut self, before: Id, open: bool) -> Option<Math> {
        self.said_by_written(before, |reader| if open { reader.open(before) } else { reader.read(before) })
    }

    /// What a reader of the loss with its stop-gradients says, where the node `before` there has one.
    fn said_by_written<T>(&mut self, before: Id, say: impl FnOnce(&mut Reader<'a>) -> T) -> Option<T> {
        let written = self.written?;
        if !written.graph.depends(before, |op| op == Op::Detach) {
            return None;
        }
        let mut reader = Reader::new(written);
        // A name that has no value here, where it would be defined, is written out.
        reader.lets.retain(|_, name| self.lets.values().any(|known| known == name));
        let said = say(&mut reader);
        for used in reader.used {
            // Nodes have other ids here; names are the same.
            let here = match used {
                Use::Shared(_) => return None,
                Use::Let(id) => self.lets.iter().find(|l| *l.1 == reader.lets[&id]).map(|l| Use::Let(*l.0)),
                other => Some(other),
            };
            here.into_iter().for_each(|used| self.mark(used));
        }
        Some(said)
    }

    /// u of a softmax in the loss with its stop-gradients.
    fn written_margin(&self, softmax: usize) -> Option<Id> {
        let margins = self.written?.names.iter().filter(|named| named.role == Role::Margin);
        margins.map(|named| named.id).nth(softmax)
    }

    /// cos θ or z with an index.
    pub(super) fn matrix(&self, index: &str) -> Math {
        if self.graph.inputs.first().is_some_and(|i| i.name == "logit") {
            Math::indexed("z", index)
        } else {
            Math::Call("cos", r"\cos", vec![Math::indexed("theta", index)])
        }
    }

    /// The formula of a value.
    pub(super) fn read(&mut self, id: Id) -> Math {
        if let Some(name) = self.lets.get(&id).cloned() {
            self.mark(Use::Let(id));
            return self.named(&name, id);
        }
        if self.shared[id.index()] {
            self.mark(Use::Shared(id));
            return self.part(id);
        }
        self.open(id)
    }

    /// The symbol of a shared part.
    fn part(&self, id: Id) -> Math {
        let number = self.used.iter().filter(|used| matches!(used, Use::Shared(_)));
        let number = number.take_while(|used| **used != Use::Shared(id)).count() + 1;
        self.named(&format!("v{number}"), id)
    }

    /// Was a symbol used that only a full print defines?
    pub(super) fn used_parts(&self) -> bool {
        self.used.iter().any(|used| matches!(used, Use::Shared(_)))
    }

    fn named(&self, name: &str, id: Id) -> Math {
        let index = if self.graph.shape(id) == Shape::Cell { "k" } else { "" };
        match (self.graph.node(id).kind, Math::indexed(name, index)) {
            (Kind::Mask, Math::Symbol(symbol)) => Math::Mask(symbol),
            (_, symbol) => symbol,
        }
    }

    fn mark(&mut self, what: Use) {
        if !self.used.contains(&what) {
            self.used.push(what);
        }
    }

    /// The formula of a value, without its own name.
    pub(super) fn open(&mut self, id: Id) -> Math {
        let args = self.graph.args(id).to_vec();
        match self.graph.op(id) {
            Op::Const(n) => Math::number(n.get()),
            Op::Param(p) => Math::symbol(&self.graph.params[p as usize].name),
            Op::Input(i, at) => self.leaf(i, at),
            Op::BatchSize => Math::symbol("B"),
            Op::Classes => Math::symbol("C"),
            Op::Others => Math::sum(vec![(false, Math::symbol("C")), (true, Math::Number("1".into()))]),
            Op::Neg => self.read(args[0]).minus(),
            Op::Add => self.lse_over_batch(args[0], args[1]).unwrap_or_else(|| self.sum(&args, false)),
            Op::Sub => self.ce_other(args[0], args[1]).unwrap_or_else(|| self.sum(&args, true)),
            Op::Mul | Op::Div => self.ratio(id),
            Op::Pow => {
                let (base, exponent) = (self.read(args[0]), self.read(args[1]));
                Math::Power(Box::new(base), Box::new(exponent))
            }
            Op::Parity => {
                let minus = Math::Number("1".into()).minus();
                Math::Power(Box::new(minus), Box::new(self.read(args[0])))
            }
            Op::Exp => self.exponential(args[0]),
            Op::Sigmoid => self.sigmoid(args[0]),
            Op::Softplus => self.softplus(args[0]),
            Op::Acos => match self.graph.op(args[0]) {
                Op::Input(i, at) if self.is_matrix(i) => Math::indexed("theta", &self.place(i, at)),
                _ => Math::Call("arccos", r"\arccos", vec![self.read(args[0])]),
            },
            Op::CosAngle => self.angle("cos", r"\cos", &args),
            Op::SinAngle => self.angle("sin", r"\sin", &args),
            Op::SinRatio => {
                let above = self.angle("sin", r"\sin", &args);
                Math::Fraction(Box::new(above), Box::new(self.sine(args[2])))
            }
            Op::Csc => Math::Fraction(Box::new(Math::Number("1".into())), Box::new(self.sine(args[0]))),
            Op::Sqrt => Math::Root(Box::new(self.read(args[0]))),
            Op::Abs => Math::Absolute(Box::new(self.read(args[0]))),
            Op::Floor => Math::Floor(Box::new(self.read(args[0]))),
            Op::Lt => self.relation("<", args[0], args[1]),
            Op::Le => self.relation("≤", args[0], args[1]),
            Op::Eq => self.relation("=", args[0], args[1]),
            Op::And => self.relation("and", args[0], args[1]),
            Op::Or => self.relation("or", args[0], args[1]),
            Op::Select => self.deviation(&args).unwrap_or_else(|| self.select(&args)),
            Op::Max | Op::Min => self.extreme(id),
            Op::SumK => Math::Over("Σ", "k", Box::new(self.read(args[0]))),
            Op::MaxK => Math::Over("max", "k", Box::new(self.read(args[0]))),
            Op::LseK => Math::Over("LSE", "k", Box::new(self.read(args[0]))),
            Op::SumI => self.sum_over_batch(args[0]),
            Op::MeanI => Math::Over("mean", "i", Box::new(self.read(args[0]))),
            Op::TopI => self.call("top_i", r"\operatorname{top}_i", &args),
            Op::InTopI => self.is_in_top(args[0], args[1]),
            Op::RankI => self.call("rank_i", r"\operatorname{rank}_i", &args),
            Op::PickI => {
                self.matched(&args).unwrap_or_else(|| self.call("pick_i", r"\operatorname{pick}_i", &args))
            }
            Op::KeptI => self.kept(args[0]),
            op => {
                let entry = op.entry();
                self.call(entry.name, entry.latex, &args)
            }
        }
    }

    fn is_matrix(&self, input: u32) -> bool {
        self.graph.inputs[input as usize].axis == Axis::Matrix
    }

    /// An input where it is read.
    pub(super) fn leaf(&self, input: u32, at: At) -> Math {
        if self.is_matrix(input) {
            return self.matrix(&self.place(input, at));
        }
        let index = match at {
            At::Row => "i",
            At::Target => "y",
            At::Other => "k",
        };
        Math::indexed(&self.graph.inputs[input as usize].name, index)
    }

    /// The index at which a matrix is read, with the centre where each class has several.
    fn place(&self, input: u32, at: At) -> String {
        let class = if at == At::Target { "y" } else { "k" };
        match self.graph.centres() {
            1 => class.to_owned(),
            _ => format!("{class},{}", self.graph.inputs[input as usize].centre + 1),
        }
    }

    fn sum(&mut self, args: &[Id], is_less: bool) -> Math {
        Math::sum(vec![(false, self.read(args[0])), (is_less, self.read(args[1]))])
    }

    fn call(&mut self, name: &'static str, latex: &'static str, args: &[Id]) -> Math {
        Math::Call(name, latex, args.iter().map(|&a| self.read(a)).collect())
    }

    fn relation(&mut self, sign: &'static str, left: Id, right: Id) -> Math {
        // A mask is read as the papers write it: the class's cosine first.
        let (left, right, sign) = match sign {
            "<" if self.graph.shape(right) > self.graph.shape(left) => (right, left, ">"),
            "≤" if self.graph.shape(right) > self.graph.shape(left) => (right, left, "≥"),
            _ => (left, right, sign),
        };
        Math::Relation(sign, Box::new(self.read(left)), Box::new(self.read(right)))
    }

    /// A mask as a factor: its name, or the condition in brackets.
    fn mask(&mut self, id: Id) -> Math {
        match self.graph.op(id) {
            _ if self.lets.contains_key(&id) => self.read(id),
            Op::Not => {
                let inside = self.mask(self.graph.args(id)[0]);
                Math::sum(vec![(false, Math::Number("1".into())), (true, inside)])
            }
            _ => Math::Bracket(Box::new(self.read(id))),
        }
    }

    fn select(&mut self, args: &[Id]) -> Math {
        let zero = |id: Id| self.graph.constant(id) == Some(0.0);
        let (no_else, no_then) = (zero(args[2]), zero(args[1]));
        if no_else {
            let (inside, mask) = (self.read(args[1]), self.mask(args[0]));
            return masked(inside, mask);
        }
        if no_then {
            let (inside, mask) = (self.read(args[2]), self.mask(args[0]));
            let off = Math::sum(vec![(false, Math::Number("1".into())), (true, mask)]);
            return masked(inside, off);
        }
        let mask = self.read(args[0]);
        Math::Cases(Box::new(mask), Box::new(self.read(args[1])), Box::new(self.read(args[2])))
    }

    fn angle(&mut self, name: &'static str, latex: &'static str, args: &[Id]) -> Math {
        let theta = self.theta(args[2]);
        let a = self.read(args[0]);
        let turned = Math::product(vec![a, theta]);
        let inside = match self.graph.constant(args[1]) {
            Some(0.0) => turned,
            _ => Math::sum(vec![(false, turned), (false, self.read(args[1]))]),
        };
        Math::Call(name, latex, vec![inside])
    }

    fn sine(&mut self, cosine: Id) -> Math {
        Math::Call("sin", r"\sin", vec![self.theta(cosine)])
    }

    fn theta(&mut self, cosine: Id) -> Math {
        match self.graph.op(cosine) {
            Op::Input(i, at) if self.is_matrix(i) => Math::indexed("theta", &self.place(i, at)),
            _ => Math::Call("arccos", r"\arccos", vec![self.read(cosine)]),
        }
    }

    /// Which softmax has this u, or its opposite?
    fn softmax_of(&self, x: Id) -> Option<(usize, bool)> {
        self.softmaxes.iter().enumerate().find_map(|(at, &(u, _))| {
            if x == u { Some((at, true)) } else { self.opposite(x, u).then_some((at, false)) }
        })
    }

    fn opposite(&self, x: Id, y: Id) -> bool {
        let (g, xs, ys) = (self.graph, self.graph.args(x), self.graph.args(y));
        match (g.op(x), g.op(y)) {
            (Op::Sub, Op::Sub) => xs[0] == ys[1] && xs[1] == ys[0],
            (Op::Neg, _) => xs[0] == y,
            (_, Op::Neg) => ys[0] == x,
            // −(a + b) is collected as −(a + b) or as −a − b with a Neg in front.
            (Op::Sub, Op::Add) => {
                g.op(xs[0]) == Op::Neg
                    && ((g.args(xs[0])[0] == ys[0] && xs[1] == ys[1])
                        || (g.args(xs[0])[0] == ys[1] && xs[1] == ys[0]))
            }
            _ => false,
        }
    }

    fn p_target(&mut self, softmax: usize) -> Math {
        self.mark(Use::PTarget(softmax));
        Math::indexed(&self.softmaxes[softmax].1, "y")
    }

    fn p_other(&mut self, softmax: usize) -> Math {
        self.mark(Use::POther(softmax));
        Math::indexed(&self.softmaxes[softmax].1, "k")
    }

    fn sigmoid(&mut self, x: Id) -> Math {
        match self.softmax_of(x) {
            Some((at, true)) => Math::Sum(vec![(false, Math::Number("1".into())), (true, self.p_target(at))]),
            Some((at, false)) => self.p_target(at),
            None => {
                let x = self.read(x);
                self.logistic(x)
            }
        }
    }

    /// The function σ, by its other name where a value of the loss is called σ.
    fn logistic(&self, x: Math) -> Math {
        let params = self.graph.params.iter().map(|param| &param.name);
        let inputs = self.graph.inputs.iter().map(|input| &input.name);
        let taken = params.chain(inputs).chain(self.lets.values()).any(|name| name == "sigma" || name == "σ");
        match taken {
            true => Math::Call("sigmoid", r"\operatorname{sigmoid}", vec![x]),
            false => Math::Call("σ", r"\sigma", vec![x]),
        }
    }

    fn softplus(&mut self, x: Id) -> Math {
        match self.softmax_of(x) {
            Some((at, true)) => Math::Call("ln", r"\ln", vec![self.p_target(at)]).minus(),
            Some((at, false)) => {
                let p = self.p_target(at);
                let rest = Math::Sum(vec![(false, Math::Number("1".into())), (true, p)]);
                Math::Call("ln", r"\ln", vec![rest]).minus()
            }
            None => Math::Call("softplus", r"\operatorname{softplus}", vec![self.read(x)]),
        }
    }

    /// Is this exp's argument b − LSE(b) of a softmax?
    fn share_of(&self, x: Id) -> Option<usize> {
        let args = self.graph.args(x);
        if self.graph.op(x) != Op::Sub || self.graph.op(args[1]) != Op::LseK {
            return None;
        }
        let same = self.graph.args(args[1])[0] == args[0];
        self.softmaxes.iter().position(|&(u, _)| same && self.parts_of(u).is_some_and(|p| p.0 == args[1]))
    }

    /// u as (LSE, the other side, is the other side subtracted?).
    fn parts_of(&self, u: Id) -> Option<(Id, Id, bool)> {
        let args = self.graph.args(u);
        let is_lse = |id: Id| self.graph.op(id) == Op::LseK;
        match self.graph.op(u) {
            Op::Sub if is_lse(args[0]) => Some((args[0], args[1], true)),
            Op::Add if is_lse(args[0]) => Some((args[0], args[1], false)),
            Op::Add if is_lse(args[1]) => Some((args[1], args[0], false)),
            _ => None,
        }
    }

    fn exponential(&mut self, x: Id) -> Math {
        match self.share_of(x) {
            Some(at) => {
                let rest = Math::Sum(vec![(false, Math::Number("1".into())), (true, self.p_target(at))]);
                Math::Fraction(Box::new(self.p_other(at)), Box::new(rest))
            }
            None => Math::exp(self.read(x)),
        }
    }

    /// A product or quotient, with σ(u)·exp(b − LSE) read as p_k.
    fn ratio(&mut self, id: Id) -> Math {
        let (mut above, mut below) = (Vec::new(), Vec::new());
        let args = self.graph.args(id).to_vec();
        self.collect(args[0], false, &mut above, &mut below);
        self.collect(args[1], self.graph.op(id) == Op::Div, &mut above, &mut below);
        let mut factors = Vec::new();
        let rest_of = |s: &Self, at: usize| {
            let u = s.softmaxes[at].0;
            above.iter().copied().find(|&f| s.graph.op(f) == Op::Sigmoid && s.graph.args(f)[0] == u)
        };
        let mut skip = Vec::new();
        let mut shares: HashMap<Id, usize> = HashMap::new();
        for &factor in &above {
            if self.graph.op(factor) == Op::Exp
                && let Some(at) = self.share_of(self.graph.args(factor)[0])
                && let Some(rest) = rest_of(self, at)
            {
                shares.insert(factor, at);
                skip.push(rest);
            }
        }
        for factor in above {
            if let Some(&at) = shares.get(&factor) {
                factors.push(self.p_other(at));
            } else if !skip.contains(&factor) {
                factors.push(self.read(factor));
            }
        }
        let above = Math::product(factors);
        if below.is_empty() {
            return above;
        }
        let below = Math::product(below.into_iter().map(|f| self.read(f)).collect());
        let (negative, above) = above.split_sign();
        let ratio = Math::Fraction(Box::new(above), Box::new(below));
        if negative { ratio.minus() } else { ratio }
    }

    fn collect(&self, id: Id, inverse: bool, above: &mut Vec<Id>, below: &mut Vec<Id>) {
        let args = self.graph.args(id);
        match self.graph.op(id) {
            _ if self.lets.contains_key(&id) || self.shared[id.index()] => {}
            Op::Mul => {
                self.collect(args[0], inverse, above, below);
                self.collect(args[1], inverse, above, below);
                return;
            }
            Op::Div => {
                self.collect(args[0], inverse, above, below);
                self.collect(args[1], !inverse, above, below);
                return;
            }
            _ => {}
        }
        if inverse { below.push(id) } else { above.push(id) }
    }

    /// Definitions of the names that were used, and of those that these use.
    pub(super) fn definitions(mut self) -> Vec<Equation> {
        // Probabilities first, as papers have it; the rest in the order of use.
        self.used.sort_by_key(|used| match used {
            Use::PTarget(_) => 0,
            Use::POther(_) => 1,
            Use::Let(_) | Use::Logits(_) | Use::Shared(_) => 2,
        });
        let mut out = Vec::new();
        let mut at = 0;
        while at < self.used.len() {
            let equation = match self.used[at].clone() {
                Use::Let(id) => {
                    let name = self.lets[&id].clone();
                    Equation { left: self.named(&name, id), right: self.definition(id) }
                }
                Use::Shared(id) => Equation { left: self.part(id), right: self.open(id) },
                Use::PTarget(softmax) => self.probability(softmax, true),
                Use::POther(softmax) => self.probability(softmax, false),
                Use::Logits(softmax) => {
                    let left = Math::indexed(&logits(softmax), "k");
                    let before = self.written_margin(softmax);
                    let read = |reader: &mut Reader<'a>| {
                        let lse = reader.parts_of(reader.softmaxes[softmax].0).map(|parts| parts.0)?;
                        Some(reader.read(reader.graph.args(lse)[0]))
                    };
                    if let Some(Some(right)) = before.and_then(|before| self.said_by_written(before, read)) {
                        out.push(Equation { left, right });
                        at += 1;
                        continue;
                    }
                    let lse = self.parts_of(self.softmaxes[softmax].0).map(|parts| parts.0);
                    let Some(lse) = lse else {
                        at += 1;
                        continue;
                    };
                    Equation { left, right: self.read(self.graph.args(lse)[0]) }
                }
            };
            out.push(equation);
            at += 1;
        }
        out
    }

    fn definition(&mut self, id: Id) -> Math {
        let named = |named: &&crate::loss::Named| named.role == Role::Let && named.name == self.lets[&id];
        let before = self.written.and_then(|loss| loss.names.iter().find(named)).map(|named| named.id);
        let body = before.and_then(|before| self.detached(before, true)).unwrap_or_else(|| self.open(id));
        if matches!(body, Math::Relation(..)) { Math::Bracket(Box::new(body)) } else { body }
    }

    fn probability(&mut self, softmax: usize, target: bool) -> Equation {
        let before = self.written_margin(softmax);
        let said = before
            .and_then(|before| self.said_by_written(before, |reader| reader.probability(softmax, target)));
        if let Some(equation) = said {
            return equation;
        }
        let (u, letter) = self.softmaxes[softmax].clone();
        let left = Math::indexed(&letter, if target { "y" } else { "k" });
        let Some((lse, other, subtracted)) = self.parts_of(u) else {
            let u = self.read(u);
            return Equation { left, right: self.logistic(if target { u.minus() } else { u }) };
        };
        let b = self.graph.args(lse)[0];
        let plain = !self.graph.depends(b, |op| matches!(op, Op::Select | Op::LseK | Op::SumK | Op::MaxK));
        let b = if plain {
            self.read(b)
        } else {
            self.mark(Use::Logits(softmax));
            Math::indexed(&logits(softmax), "k")
        };
        let a = self.read(other);
        let a = if subtracted { a } else { a.minus() };
        let above = if target { a.clone() } else { b.clone() };
        let below =
            Math::sum(vec![(false, Math::exp(a)), (false, Math::Over("Σ", "k", Box::new(Math::exp(b))))]);
        Equation { left, right: Math::Fraction(Box::new(Math::exp(above)), Box::new(below)) }
    }
}

/// A value times its mask; of a fraction, the numerator's last factor.
fn masked(value: Math, mask: Math) -> Math {
    match value.split_sign() {
        (negative, Math::Fraction(above, below)) => {
            let ratio = Math::Fraction(Box::new(Math::product(vec![*above, mask])), below);
            if negative { ratio.minus() } else { ratio }
        }
        (negative, value) => {
            let product = Math::product(vec![value, mask]);
            if negative { product.minus() } else { product }
        }
    }
}
