//! Losses as dfdx tensor operations and as a fused dfdx custom operation.
