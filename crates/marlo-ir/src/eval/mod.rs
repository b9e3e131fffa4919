//! The reference evaluator: the meaning of a program. Every other backend is tested against it.

mod batch;
mod border;
mod dual;
mod outcome;
mod reference;
mod scalar;
mod settings;

pub use batch::{Batch, InputError, OVERSHOOT};
pub use border::on_border;
pub use dual::Dual;
pub use outcome::{Outcome, interleave, outcome, over_rows, slabs};
pub use reference::{apply, evaluate, hardest, kept_rows, picked, ranks};
pub use scalar::{NO_CLASS, Scalar};
pub use settings::{SettingError, settings};
