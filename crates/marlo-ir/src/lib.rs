//! The graph of a loss: types, derivative, simplification, schedule, formulas and the reference evaluator.
