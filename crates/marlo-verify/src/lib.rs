//! Verification of losses: what can be proved is proved, what can't is refuted or checked, and nothing more is said than
//! was shown.
//!
//! The crate refuses to know a loss by name, and runs no backend: a backend is handed in as a witness.

pub mod accuracy;
pub mod big;
pub mod border;
pub mod cases;
pub mod claims;
pub mod decisions;
pub mod gradient;
pub mod interval;
pub mod laws;
pub mod mutate;
pub mod oracle;
pub mod range;
pub mod report;
pub mod shifted;
pub mod tracked;
pub mod verdict;
