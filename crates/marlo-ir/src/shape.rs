//! Shapes: what a value varies with.
//!
//! A row is a sample i with its label y; a cell is a pair of a sample and another class k ≠ y. The target class is
//! never among the cells, so no reduction over classes ever adds it and takes it away again.

use std::fmt;

/// What a value varies with. The order is that of broadcasting: a scalar fits into a row, a row into a cell.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// One value for the whole batch: a hyperparameter, a batch statistic.
    Scalar,
    /// One value a sample, written `[y]` (read at the label) or `[i]`.
    Row,
    /// One value for a sample and another class, written `[k]`.
    Cell,
}

impl Shape {
    /// The smallest shape that both broadcast to.
    pub fn join(self, other: Shape) -> Shape {
        self.max(other)
    }

    /// The index as the language writes it: nothing, `[y]` or `[k]`.
    pub fn index(self) -> &'static str {
        match self {
            Shape::Scalar => "",
            Shape::Row => "[y]",
            Shape::Cell => "[k]",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::Scalar => "one value for the batch",
            Shape::Row => "one value a sample, [y]",
            Shape::Cell => "one value a sample and class, [k]",
        })
    }
}

/// Shapes as types, for the [typed combinators](crate::typed).
pub mod marks {
    use super::Shape;

    /// A type that stands for one [`Shape`].
    pub trait ShapeType: Copy + 'static {
        /// The shape that the type stands for.
        const SHAPE: Shape;
    }

    /// The shape that two shapes broadcast to.
    pub trait Join<Other: ShapeType>: ShapeType {
        /// The joint shape.
        type Output: ShapeType;
    }

    macro_rules! shapes {
        ($($shape:ident)*) => {$(
            #[doc = concat!("The type of [`Shape::", stringify!($shape), "`].")]
            #[derive(Copy, Clone, Debug)]
            pub enum $shape {}
            impl ShapeType for $shape { const SHAPE: Shape = Shape::$shape; }
        )*};
    }
    shapes!(Scalar Row Cell);

    macro_rules! joins {
        ($($a:ident $b:ident => $c:ident;)*) => {$( impl Join<$b> for $a { type Output = $c; } )*};
    }
    joins! {
        Scalar Scalar => Scalar; Scalar Row => Row; Scalar Cell => Cell;
        Row Scalar => Row; Row Row => Row; Row Cell => Cell;
        Cell Scalar => Cell; Cell Row => Cell; Cell Cell => Cell;
    }
}
