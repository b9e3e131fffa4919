//! The reference evaluator: the meaning of a program. Every other backend is tested against it.

mod batch;
mod border;
mod dual;
mod outcome;
mod reference;
mod scalar;

pub use batch::{Batch, InputError, OVERSHOOT, SettingError, settings};
pub use border::on_border;
pub use dual::Dual;
pub use outcome::{Outcome, outcome};
pub use reference::{apply, evaluate, hardest, kept_rows};
pub use scalar::{NO_CLASS, Scalar};
