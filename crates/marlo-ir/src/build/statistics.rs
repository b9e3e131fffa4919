//! Statistics of the batch, made of the operations that there are.

use super::{Builder, TypeError};
use crate::graph::Id;
use crate::op::Op;
use crate::shape::Shape;

impl Builder {
    /// `quantile[i](x, q)`: the value of the batch that ⌊q·(B − 1)⌋ values come before: 0 is the least one, 0.5 the (lower)
    /// median, 1 the greatest. Its derivative goes to the sample that has it.
    ///
    /// # Errors
    /// When x is not one value a sample, or q not one for the batch.
    pub fn quantile(&mut self, x: Id, q: Id) -> Result<Id, TypeError> {
        if self.graph.shape(q) != Shape::Scalar {
            let found = self.graph.shape(q);
            return Err(TypeError::NotAScalar { function: "quantile[i]", what: "place", found });
        }
        let rank = self.apply(Op::RankI, &[x])?;
        let rows = self.graph.add(Op::BatchSize, &[]);
        let [zero, one] = [0.0, 1.0].map(|n| self.number(n));
        let last = self.apply(Op::Sub, &[rows, one])?;
        let place = self.apply(Op::Mul, &[q, last])?;
        let place = self.apply(Op::Floor, &[place])?;
        let here = self.apply(Op::Eq, &[rank, place])?;
        let value = self.graph.add(Op::Select, &[here, x, zero]);
        self.apply(Op::SumI, &[value])
    }

    /// `std[i](x)`: the standard deviation over the batch, with B − 1 below; 0 for a single sample.
    ///
    /// # Errors
    /// When x is not one value a sample.
    pub fn deviation(&mut self, x: Id) -> Result<Id, TypeError> {
        let mean = self.apply(Op::MeanI, &[x])?;
        let off = self.apply(Op::Sub, &[x, mean])?;
        let square = self.apply(Op::Mul, &[off, off])?;
        let sum = self.apply(Op::SumI, &[square])?;
        let rows = self.graph.add(Op::BatchSize, &[]);
        let one = self.number(1.0);
        let less = self.apply(Op::Sub, &[rows, one])?;
        let below = self.apply(Op::Max, &[less, one])?;
        let variance = self.apply(Op::Div, &[sum, below])?;
        // The root's slope at 0 is infinite: where all samples agree the deviation is 0 and so is its derivative.
        let zero = self.number(0.0);
        let spread = self.apply(Op::Lt, &[zero, variance])?;
        let inside = self.apply(Op::Select, &[spread, variance, one])?;
        let root = self.apply(Op::Sqrt, &[inside])?;
        self.apply(Op::Select, &[spread, root, zero])
    }

    /// `lse[i](x)`: ln Σ exp over the batch, whatever the size of x.
    ///
    /// # Errors
    /// When x is not one value a sample.
    pub fn lse_over_batch(&mut self, x: Id) -> Result<Id, TypeError> {
        let one = self.number(1.0);
        let greatest = self.quantile(x, one)?;
        let greatest = self.apply(Op::Detach, &[greatest])?;
        let less = self.apply(Op::Sub, &[x, greatest])?;
        let powers = self.apply(Op::Exp, &[less])?;
        let sum = self.apply(Op::SumI, &[powers])?;
        let ln = self.apply(Op::Ln, &[sum])?;
        self.apply(Op::Add, &[greatest, ln])
    }

    /// `match[i](x, by)`: the values of x in the order of `by`: the sample with the least `by` gets the least x. It passes
    /// no derivative.
    ///
    /// # Errors
    /// When one of them is not one value a sample.
    pub fn matched(&mut self, x: Id, by: Id) -> Result<Id, TypeError> {
        let own = self.apply(Op::RankI, &[x])?;
        let wanted = self.apply(Op::RankI, &[by])?;
        self.apply(Op::PickI, &[x, own, wanted])
    }
}
