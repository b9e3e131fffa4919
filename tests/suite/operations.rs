//! The table of operations against the reference: values lie in the range that the table states.

use marlo::eval::{Scalar, apply};
use marlo::op::Op;

/// The operations on so many single values.
fn of(arity: usize) -> impl Iterator<Item = Op> {
    Op::ELEMENTWISE.into_iter().filter(move |op| op.entry().arity == arity)
}

#[test]
fn values_lie_in_the_range_of_the_table() {
    let points = [-700.0, -3.0, -1.0, -0.75, -1e-9, 0.0, 1e-300, 1e-9, 0.3, 0.999, 1.0, 2.0, 5.5, 700.0];
    let cosine = |x: f64| x.clamp(-1.0, 1.0);
    let within = |op: Op, args: &[f64]| {
        let value = apply(op, args, <f64 as Scalar>::RESOLUTION);
        let (low, high) = op.entry().range;
        // Outside its domain an operation has no value.
        let slack = 1e-12 * value.abs().max(1.0);
        assert!(
            value.is_nan() || (low - slack..=high + slack).contains(&value),
            "{op:?} of {args:?} is {value}"
        );
        assert_eq!(op.entry().arity, args.len());
    };
    for &x in &points {
        for op in of(1) {
            let x = match op {
                Op::Csc => cosine(x),
                Op::Parity => x.floor(),
                _ => x,
            };
            within(op, &[x]);
        }
        for &y in &points {
            of(2).for_each(|op| within(op, &[x, y]));
            for &z in &points {
                of(3).for_each(|op| within(op, &[x, y, cosine(z)]));
            }
        }
    }
}
