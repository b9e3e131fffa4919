//! Verification of losses: what can be proved is proved, what can't is refuted or checked, and nothing more is said than
//! was shown.
//!
//! The crate refuses to know a loss by name, and runs no backend: a backend is handed in as a witness.

pub mod interval;
pub mod laws;
