//! The checked builder: what both front ends call. Here a wrong kind or shape is an error.

mod centres;
mod statistics;

use std::collections::{HashMap, HashSet};

use crate::graph::{Axis, Graph, Id, Input, Param};
use crate::kind::{self, Kind};
use crate::loss::{Loss, Named, Role, Update};
use crate::op::{At, Op, Rule};
use crate::shape::Shape;

/// The most operations on top of each other. No formula of a paper comes near; stages that follow an expression down rely
/// on it.
const MAX_DEPTH: u32 = 256;

/// A mistake in a program: what was wanted, what was found. The front end adds the place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TypeError {
    /// Two kinds that have no sum, difference, comparison or common choice.
    #[error("{} and {} can't be {verb}", .left.with_article(), .right.with_article())]
    Kinds {
        /// "added", "compared", …
        verb: &'static str,
        /// The kind on the left.
        left: Kind,
        /// The kind on the right.
        right: Kind,
    },
    /// An argument of the wrong kind.
    #[error("`{function}` takes {wanted}, and this is {}", .found.with_article())]
    Argument {
        /// The function's name.
        function: &'static str,
        /// The argument's place, from 0.
        place: usize,
        /// What it takes, in words.
        wanted: &'static str,
        /// What was found.
        found: Kind,
    },
    /// A reduction over classes of something that does not vary with the class.
    #[error("`{function}` reduces over the classes, but its argument does not vary with the class: {found}")]
    NothingOverClasses {
        /// The reduction's name.
        function: &'static str,
        /// The argument's shape.
        found: Shape,
    },
    /// A reduction over the centres of a class of something that is the same for all of them.
    #[error("`{function}` reduces over the centres of a class, but its argument does not vary with them")]
    NothingOverCentres {
        /// The reduction's name.
        function: &'static str,
    },
    /// A value that still varies with the centre where none may.
    #[error("this still varies with the centre `r` of the class")]
    Centre,
    /// A reduction over the batch of something that is not one value a sample.
    #[error("`{function}` reduces over the batch and takes one value a sample, [y], but found {found}")]
    NotARow {
        /// The function's name.
        function: &'static str,
        /// The argument's shape.
        found: Shape,
    },
    /// An argument that must be a hyperparameter or a number.
    #[error("`{function}` takes one value for the whole batch as its {what}, but found {found}")]
    NotAScalar {
        /// The function's name.
        function: &'static str,
        /// The argument's role.
        what: &'static str,
        /// The argument's shape.
        found: Shape,
    },
    /// The target of a softmax varies with the class.
    #[error("the target logit must be one value a sample, [y], but it is {found}")]
    Target {
        /// Its shape.
        found: Shape,
    },
    /// A program over both cosines and raw logits.
    #[error("a loss reads either cosines (`cos`, `theta`) or raw logits (`logit`), not both")]
    Mixed,
    /// The body's value can't be a loss.
    #[error("a loss is one value a sample or one for the batch, but this is {found}")]
    NotALoss {
        /// What it is, in words.
        found: String,
    },
    /// A state that is declared more than once, to go on in different ways.
    #[error("the state `{name}` would go on in two ways")]
    TwoUpdates {
        /// Its name.
        name: String,
    },
    /// More operations on top of each other than a compiler stage can follow.
    #[error("more than {MAX_DEPTH} operations are built on top of each other here")]
    TooDeep,
    /// A name that is taken.
    #[error("`{name}` is declared twice")]
    Duplicate {
        /// The name.
        name: String,
    },
}

impl TypeError {
    /// What to do about it, where something can be said.
    pub fn hint(&self) -> Option<&'static str> {
        use Kind::{Angle, Cosine, Factor, Logit, Mask, Scale, Weight};
        match self {
            TypeError::Kinds { left: Mask, .. } | TypeError::Kinds { right: Mask, .. } => {
                Some("a mask is no number: use `indicator(mask, weight)` or `if mask then a else b`")
            }
            TypeError::Kinds { left, right, .. } => match (left, right) {
                (Angle, Cosine) | (Cosine, Angle) => {
                    Some("`theta[..]` is the angle and `cos[..]` its cosine: use one of them on both sides")
                }
                (Logit, Cosine) | (Cosine, Logit) => Some("multiply by the scale: a logit is `s * cos[..]`"),
                (Logit | Cosine, Scale) | (Scale, Logit | Cosine) => {
                    Some("a scale multiplies: `s * cos[..]`")
                }
                (Logit, Angle) | (Angle, Logit) => Some("take the cosine first: `s * cos(theta[..])`"),
                _ => None,
            },
            TypeError::Argument { function: "cos" | "sin", found: Cosine, .. } => {
                Some("the argument is a cosine already: did you mean `acos`, or `theta[..]`?")
            }
            TypeError::Argument { function: "acos", found: Angle, .. } => {
                Some("the argument is an angle already: did you mean `cos`?")
            }
            TypeError::Argument { function: "softmax", found: Cosine, .. } => {
                Some("multiply by the scale first: `s * cos[..]`")
            }
            TypeError::Argument { found: Weight, wanted: "a Factor", .. } => {
                Some("a Factor is off at 1 and a Weight at 0: pass `1 + t`")
            }
            TypeError::Argument { found: Factor, wanted: "a Weight", .. } => {
                Some("a Weight is off at 0 and a Factor at 1: pass `t - 1`")
            }
            TypeError::Argument { found: Mask, .. } => {
                Some("a mask is no number: use `indicator(mask, weight)` or `if mask then a else b`")
            }
            TypeError::NothingOverClasses { .. } => {
                Some("give it a value with `[k]`, the other classes: `cos[k]`, `theta[k]`, `p[k]`")
            }
            TypeError::NotARow { found: Shape::Cell, .. } | TypeError::Target { .. } => {
                Some("reduce over the classes first: `sum[k](..)`, `mean[k](..)`, `max[k](..)`, `lse[k](..)`")
            }
            TypeError::NotAScalar { function: "state", found: Shape::Row, .. } => {
                Some("reduce over the batch: `mean[i](..)`")
            }
            TypeError::NotAScalar { function: "state", .. } => {
                Some("reduce over the classes, then over the batch: `mean[i](mean[k](..))`")
            }
            TypeError::Centre => Some("reduce over the centres: `max[r](..)`, `mean[r](..)`, `lse[r](..)`"),
            TypeError::NothingOverCentres { .. } => {
                Some("read the matrix at a centre: `cos[k, r]`, `theta[y, r]`")
            }
            TypeError::TwoUpdates { .. } => Some(
                "states of used losses keep their names: rename yours, or call that loss with the same hyperparameters",
            ),
            TypeError::TooDeep => Some("a formula is never that deep; is a `let` written once too often?"),
            TypeError::NotALoss { .. } => {
                Some("end with `ce(softmax(..))`, or reduce over the classes: `sum[k](..)`")
            }
            _ => None,
        }
    }
}

/// A softmax over the target and the other classes, kept in the log domain.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// u = LSE over k of (b + ln h) − a: all that a cross entropy needs.
    pub u: Id,
    /// p at the label, σ(−u).
    pub target: Id,
    /// p at another class, σ(u)·exp(b + ln h − LSE).
    pub other: Id,
    /// b + ln h, the weighted logit of another class.
    pub logit: Id,
    /// LSE over k of that.
    pub lse: Id,
}

/// Builds the graph of one loss.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    /// The graph so far.
    pub graph: Graph,
    /// The named values so far; a softmax names its own.
    pub names: Vec<Named>,
    /// How the states go on.
    pub updates: Vec<Update>,
    /// K, the number of centres of each class; 0 where nothing is said of it.
    pub centres: u32,
}

impl Builder {
    /// An empty loss.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a hyperparameter.
    ///
    /// # Errors
    /// When the name is taken.
    pub fn param(&mut self, param: Param) -> Result<Id, TypeError> {
        if self.graph.params.iter().any(|p| p.name == param.name) {
            return Err(TypeError::Duplicate { name: param.name });
        }
        self.graph.params.push(param);
        let index = self.graph.params.len() as u32 - 1;
        Ok(self.graph.add(Op::Param(index), &[]))
    }

    /// Declares a further input (a vector over rows or classes), or finds the one that is declared alike.
    ///
    /// # Errors
    /// When the name is taken by another one.
    pub fn input(&mut self, name: &str, kind: Kind, axis: Axis) -> Result<u32, TypeError> {
        self.declare(Input::new(name, kind, axis))
    }

    /// Declares a further input with all that is known of it, or finds the one that is declared alike.
    ///
    /// # Errors
    /// When the name is taken by another one.
    pub fn declare(&mut self, input: Input) -> Result<u32, TypeError> {
        let (name, axis) = (input.name.as_str(), input.axis);
        if self.graph.inputs.is_empty() && axis != Axis::Matrix {
            // The matrix is always input 0; which one it is, its first reading decides.
            self.graph.inputs.push(Input::new("", Kind::Real, Axis::Matrix));
        }
        match self.graph.inputs.iter().position(|i| i.name == name) {
            Some(at) if self.graph.inputs[at] == input => Ok(at as u32),
            Some(_) => Err(TypeError::Duplicate { name: input.name }),
            None => {
                self.graph.inputs.push(input);
                Ok(self.graph.inputs.len() as u32 - 1)
            }
        }
    }

    /// Reads an input at a place.
    pub fn read(&mut self, input: u32, at: At) -> Id {
        self.graph.add(Op::Input(input, at), &[])
    }

    /// A state's value after this step: no derivative passes it. The value is one for the batch.
    ///
    /// # Errors
    /// When the value varies with the sample or the class, is a mask, or is another one than before.
    pub fn update(&mut self, state: Id, next: Id) -> Result<Id, TypeError> {
        if self.graph.shape(next) != Shape::Scalar {
            return Err(TypeError::NotAScalar {
                function: "state",
                what: "next value",
                found: self.graph.shape(next),
            });
        }
        let next = self.apply(Op::Detach, &[next])?;
        if let Op::Param(param) = self.graph.op(state) {
            match self.updates.iter().find(|update| update.param == param) {
                Some(update) if update.next == next => {}
                Some(_) => {
                    return Err(TypeError::TwoUpdates {
                        name: self.graph.params[param as usize].name.clone(),
                    });
                }
                None => self.updates.push(Update { param, next }),
            }
        }
        Ok(next)
    }

    fn matrix(&mut self, name: &str, kind: Kind, at: At) -> Result<Id, TypeError> {
        match self.graph.inputs.first_mut() {
            None => {
                self.input(name, kind, Axis::Matrix)?;
            }
            Some(first) if first.name.is_empty() => {
                *first = Input::new(name, kind, Axis::Matrix);
            }
            Some(first) if first.name == name => {}
            Some(_) => return Err(TypeError::Mixed),
        }
        Ok(self.read(0, at))
    }

    /// `cos[y]` or `cos[k]`.
    ///
    /// # Errors
    /// When the loss reads raw logits.
    pub fn cos(&mut self, at: At) -> Result<Id, TypeError> {
        self.matrix("cos", Kind::Cosine, at)
    }

    /// `theta[y]` or `theta[k]`: the angle of that cosine.
    ///
    /// # Errors
    /// When the loss reads raw logits.
    pub fn theta(&mut self, at: At) -> Result<Id, TypeError> {
        let cos = self.cos(at)?;
        Ok(self.graph.add(Op::Acos, &[cos]))
    }

    /// `logit[y]` or `logit[k]`.
    ///
    /// # Errors
    /// When the loss reads cosines.
    pub fn logit(&mut self, at: At) -> Result<Id, TypeError> {
        self.matrix("logit", Kind::Logit, at)
    }

    /// A literal.
    pub fn number(&mut self, value: f64) -> Id {
        self.graph.number(value)
    }

    fn kind(&self, id: Id) -> Kind {
        self.graph.node(id).kind
    }

    /// An operation on arguments, checked.
    ///
    /// # Errors
    /// When a kind or shape does not fit the operation.
    pub fn apply(&mut self, op: Op, args: &[Id]) -> Result<Id, TypeError> {
        let function = op.entry().name;
        let kinds: Vec<Kind> = args.iter().map(|&a| self.kind(a)).collect();
        let joined = |verb, a: Kind, b: Kind| {
            kind::add(a, b).map(|_| ()).ok_or(TypeError::Kinds { verb, left: a, right: b })
        };
        let wanted = |place: usize, wanted, fits: &dyn Fn(Kind) -> bool| {
            let found = kinds[place];
            if fits(found) { Ok(()) } else { Err(TypeError::Argument { function, place, wanted, found }) }
        };
        match op {
            Op::Add => joined("added", kinds[0], kinds[1])?,
            Op::Sub => joined("subtracted", kinds[0], kinds[1])?,
            Op::Min | Op::Max | Op::Lt | Op::Le | Op::Eq => joined("compared", kinds[0], kinds[1])?,
            Op::Mul if kind::mul(kinds[0], kinds[1]).is_none() => {
                return Err(TypeError::Kinds { verb: "multiplied", left: kinds[0], right: kinds[1] });
            }
            Op::Div if kind::div(kinds[0], kinds[1]).is_none() => {
                return Err(TypeError::Kinds { verb: "divided", left: kinds[0], right: kinds[1] });
            }
            Op::And | Op::Or | Op::Not => {
                for place in 0..args.len() {
                    wanted(place, "a mask", &|k| k == Kind::Mask)?;
                }
            }
            Op::Select => {
                wanted(0, "a mask", &|k| k == Kind::Mask)?;
                if kinds[1] != Kind::Mask || kinds[2] != Kind::Mask {
                    joined("two branches of one `if`", kinds[1], kinds[2])?;
                }
            }
            Op::Cos | Op::Sin => wanted(0, "an Angle", &|k| k.fits(Kind::Angle))?,
            Op::Acos => wanted(0, "a Cosine", &|k| k.fits(Kind::Cosine))?,
            Op::LseK => wanted(0, "a Logit", &|k| k.fits(Kind::Logit))?,
            _ => {
                for place in 0..args.len() {
                    wanted(place, "a number", &|k| k != Kind::Mask)?;
                }
            }
        }
        self.check_shapes(op, function, args)?;
        let made = self.graph.add(op, args);
        self.check_depth(made)?;
        Ok(made)
    }

    fn check_depth(&self, id: Id) -> Result<(), TypeError> {
        if self.graph.node(id).depth > MAX_DEPTH { Err(TypeError::TooDeep) } else { Ok(()) }
    }

    fn check_shapes(&self, op: Op, function: &'static str, args: &[Id]) -> Result<(), TypeError> {
        let shape = |place: usize| self.graph.shape(args[place]);
        match op.entry().rule {
            Rule::OverClasses if shape(0) != Shape::Cell => {
                Err(TypeError::NothingOverClasses { function, found: shape(0) })
            }
            Rule::OverBatch | Rule::WithinBatch if shape(0) != Shape::Row => {
                Err(TypeError::NotARow { function, found: shape(0) })
            }
            _ if op == Op::PickI => match [1, 2].into_iter().find(|&place| shape(place) != Shape::Row) {
                Some(place) => Err(TypeError::NotARow { function, found: shape(place) }),
                None => Ok(()),
            },
            Rule::OverBatch | Rule::WithinBatch if args.len() == 2 && shape(1) != Shape::Scalar => {
                Err(TypeError::NotAScalar { function, what: "share", found: shape(1) })
            }
            _ => Ok(()),
        }
    }

    /// `mean[k](x)`: the mean over the other classes.
    ///
    /// # Errors
    /// When x does not vary with the class.
    pub fn mean_over_classes(&mut self, x: Id) -> Result<Id, TypeError> {
        if self.graph.shape(x) != Shape::Cell {
            return Err(TypeError::NothingOverClasses { function: "mean[k]", found: self.graph.shape(x) });
        }
        let sum = self.apply(Op::SumK, &[x])?;
        let others = self.graph.add(Op::Others, &[]);
        self.apply(Op::Div, &[sum, others])
    }

    /// `ce[k](p)` = −ln p at another class, exact in both tails.
    pub fn ce_other(&mut self, p: Distribution) -> Id {
        let against = self.graph.add(Op::Neg, &[p.u]);
        let rest = self.graph.add(Op::Softplus, &[against]);
        let less = self.graph.add(Op::Sub, &[p.lse, p.logit]);
        self.graph.add(Op::Add, &[rest, less])
    }

    /// `indicator(mask, weight)`: the weight where the mask is on, 1 elsewhere. This is h in the papers.
    ///
    /// # Errors
    /// When the first is no mask or the second is one.
    pub fn indicator(&mut self, mask: Id, weight: Id) -> Result<Id, TypeError> {
        if self.kind(mask) != Kind::Mask {
            return Err(TypeError::Argument {
                function: "indicator",
                place: 0,
                wanted: "a mask",
                found: self.kind(mask),
            });
        }
        let one = self.number(1.0);
        self.apply(Op::Select, &[mask, weight, one])
    }

    /// `clamp(x, low, high)`; derivative 1 at both bounds.
    ///
    /// # Errors
    /// When the kinds don't fit.
    pub fn clamp(&mut self, x: Id, low: Id, high: Id) -> Result<Id, TypeError> {
        let above = self.apply(Op::Max, &[x, low])?;
        self.apply(Op::Min, &[above, high])
    }

    /// `softmax(target, others, weight: h)`: e^target against Σ h·e^others over the other classes.
    ///
    /// # Errors
    /// When a logit is of another kind or shape.
    pub fn softmax(&mut self, target: Id, other: Id, weight: Option<Id>) -> Result<Distribution, TypeError> {
        let function = "softmax";
        for (place, logit) in [target, other].into_iter().enumerate() {
            if !self.kind(logit).fits(Kind::Logit) {
                return Err(TypeError::Argument {
                    function,
                    place,
                    wanted: "a Logit",
                    found: self.kind(logit),
                });
            }
        }
        if self.graph.shape(target) == Shape::Cell {
            return Err(TypeError::Target { found: Shape::Cell });
        }
        if self.graph.shape(other) != Shape::Cell {
            return Err(TypeError::NothingOverClasses { function, found: self.graph.shape(other) });
        }
        let other = match weight {
            None => other,
            Some(h) if self.kind(h) == Kind::Mask => {
                return Err(TypeError::Argument {
                    function,
                    place: 2,
                    wanted: "a number",
                    found: Kind::Mask,
                });
            }
            Some(h) => {
                let ln = self.graph.add(Op::Ln, &[h]);
                self.graph.add(Op::Add, &[other, ln])
            }
        };
        let lse = self.graph.add(Op::LseK, &[other]);
        let u = self.graph.add(Op::Sub, &[lse, target]);
        let against = self.graph.add(Op::Neg, &[u]);
        let p_target = self.graph.add(Op::Sigmoid, &[against]);
        let rest = self.graph.add(Op::Sigmoid, &[u]);
        let less = self.graph.add(Op::Sub, &[other, lse]);
        let share = self.graph.add(Op::Exp, &[less]);
        let p_other = self.graph.add(Op::Mul, &[rest, share]);
        self.check_depth(p_other)?;
        for (role, id) in [(Role::Margin, u), (Role::PTarget, p_target), (Role::POther, p_other)] {
            self.names.push(Named { name: String::new(), role, id });
        }
        Ok(Distribution { u, target: p_target, other: p_other, logit: other, lse })
    }

    /// `ce(p)` = −ln p at the label, as softplus(u).
    pub fn ce(&mut self, p: Distribution) -> Id {
        self.graph.add(Op::Softplus, &[p.u])
    }

    /// `focal(p, gamma)` = (1 − p_y)^γ · ce(p). Lin et al., ICCV 2017, equation 4.
    ///
    /// # Errors
    /// When γ is a mask.
    pub fn focal(&mut self, p: Distribution, gamma: Id) -> Result<Id, TypeError> {
        let rest = self.graph.add(Op::Sigmoid, &[p.u]);
        let weight = self.apply(Op::Pow, &[rest, gamma])?;
        let ce = self.ce(p);
        self.apply(Op::Mul, &[weight, ce])
    }

    /// Gives a value its name in formulas and shaders.
    pub fn name(&mut self, name: &str, id: Id) {
        self.names.push(Named { name: name.to_owned(), role: Role::Let, id });
    }

    /// Ends the loss with its value: one a sample (then the mean over the batch is taken) or one for the batch.
    ///
    /// # Errors
    /// When the value varies with the class, is a mask, or reads neither cosines nor logits.
    pub fn finish(mut self, name: &str, value: Id) -> Result<Loss, TypeError> {
        self.drop_centre_symbol(value)?;
        let found = match (self.kind(value), self.graph.shape(value)) {
            (Kind::Mask, _) => Some("a mask".to_owned()),
            (_, Shape::Cell) => Some(Shape::Cell.to_string()),
            _ if !self.graph.depends(value, |op| matches!(op, Op::Input(0, _))) => {
                Some("a value that depends on no cosine or logit".to_owned())
            }
            _ => None,
        };
        if let Some(found) = found {
            return Err(TypeError::NotALoss { found });
        }
        self.settle_names(value);
        let (row, total) = match self.graph.shape(value) {
            Shape::Row => (value, self.graph.add(Op::MeanI, &[value])),
            _ => (self.row_of(value), value),
        };
        Ok(Loss {
            name: name.to_owned(),
            graph: self.graph,
            row,
            total,
            names: self.names,
            updates: self.updates,
        })
    }

    /// Drops the names of softmaxes that the value does not need, and calls the others p, q, r, p4, …, but for names that
    /// the program has itself.
    fn settle_names(&mut self, value: Id) {
        let needed = self.graph.reachable(&[value]);
        let own: HashSet<String> = (self.graph.params.iter().map(|p| &p.name))
            .chain(self.graph.inputs.iter().map(|i| &i.name))
            .chain(self.names.iter().map(|n| &n.name))
            .cloned()
            .collect();
        let more = (4..).map(|number| format!("p{number}"));
        let mut letters =
            ["p", "q", "r"].map(str::to_owned).into_iter().chain(more).filter(|name| !own.contains(name));
        let mut letter = None;
        let mut names = std::mem::take(&mut self.names);
        names.retain_mut(|named| {
            match named.role {
                Role::Let => return true,
                Role::Margin => letter = needed[named.id.index()].then(|| letters.next()).flatten(),
                Role::PTarget | Role::POther => {}
            }
            letter.as_ref().inspect(|l| named.name = (*l).clone()).is_some()
        });
        self.names = names;
    }

    /// A sample's own loss in a loss for the batch: the outermost batch reductions replaced by what they reduce.
    fn row_of(&mut self, value: Id) -> Id {
        let needed = self.graph.reachable(&[value]);
        let mut rows: HashMap<Id, Id> = HashMap::new();
        for id in self.graph.ids().filter(|id| needed[id.index()]) {
            let op = self.graph.op(id);
            let args = self.graph.args(id).to_vec();
            let row = match op {
                Op::SumI | Op::MeanI | Op::TopI => args[0],
                _ if args.is_empty() => id,
                _ => {
                    let args: Vec<Id> = args.iter().map(|a| rows[a]).collect();
                    self.graph.add(op, &args)
                }
            };
            rows.insert(id, row);
        }
        rows[&value]
    }
}
