//! Verification with every backend of this machine as a witness.

use marlo_ir::eval::Batch;
use marlo_ir::loss::Loss;
use marlo_ir::schedule::RowProgram;
use marlo_lang::{Compiled, Diagnostic, Library};
use marlo_verify::big::Precision;
use marlo_verify::gradient::{Found, Numbers, Witness};
use marlo_verify::laws;
use marlo_verify::verdict::Verdict;
use marlo_wgsl::{Gpu, Kernel};

pub use marlo_verify::laws::print as proof;
pub use marlo_verify::report::{Effort, Line, Report, Subject};
pub use marlo_verify::table::table;

use crate::backend::{Backend, BackendError, Outcome, Precision as Numeric};

/// Verifies a program; `source` is its text and `name` what the command line calls it. Without a GPU its shader is not a
/// witness.
pub fn verify(compiled: &Compiled, source: &str, name: &str, gpu: Option<&Gpu>, effort: &Effort) -> Report {
    let loss = &compiled.loss;
    // f32 logits up to 2·s = 256 carry an error of 256·2⁻²⁴ into the exponential; f64 ones 256·2⁻⁵³, which derivatives
    // near cos = ±1 amplify.
    let (wide, narrow) = (1e-9, 2e-4);
    let kernel = gpu.map(|gpu| Kernel::new(gpu, &RowProgram::of(loss)));
    let by_gpu = |_: &Loss, batch: &Batch<f64>| -> Numbers {
        let Some(kernel) = &kernel else { return Err("there is no GPU".into()) };
        let kernel = kernel.as_ref().map_err(ToString::to_string)?;
        let found = kernel.run(&batch.convert::<f32>()).map_err(|error| error.to_string())?;
        let widen = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
        let (loss, gradient) = (widen(found.loss), widen(found.gradient));
        Ok(Found { loss, gradient, partials: found.partials, states: found.states })
    };
    let single = |backend: Backend| {
        move |loss: &Loss, batch: &Batch<f64>| numbers(backend.run::<f32>(loss, &batch.convert::<f32>()))
    };
    let (reference_f32, dfdx_f32) = (single(Backend::Reference), single(Backend::Dfdx));
    // dfdx's own differentiation is a witness of every derivative. In f32 those by hyperparameters, sums over the batch whose
    // terms cancel, have no digits to compare.
    let all = marlo_verify::domain::everything(loss);
    let dfdx_f64 = |loss: &Loss, batch: &Batch<f64>| numbers(Backend::Dfdx.run_by::<f64>(loss, batch, &all));
    let native_f32 = single(Backend::Native);
    let native_f64 =
        |loss: &Loss, batch: &Batch<f64>| numbers(Backend::Native.run_by::<f64>(loss, batch, &all));
    let mut witnesses = vec![
        Witness { name: "dfdx", precision: Precision::F64, limit: wide, run: &dfdx_f64 },
        Witness { name: "reference", precision: Precision::F32, limit: narrow, run: &reference_f32 },
        Witness { name: "dfdx", precision: Precision::F32, limit: narrow, run: &dfdx_f32 },
        Witness { name: "native", precision: Precision::F64, limit: wide, run: &native_f64 },
        Witness { name: "native", precision: Precision::F32, limit: narrow, run: &native_f32 },
    ];
    if gpu.is_some() {
        witnesses.push(Witness { name: "wgpu", precision: Precision::F32, limit: narrow, run: &by_gpu });
    }
    marlo_verify::report::verify(compiled, source, name, &witnesses, effort)
}

fn numbers<S: Numeric>(found: Result<Outcome<S>, BackendError>) -> Numbers {
    let found = found.map_err(|error| error.to_string())?;
    let wide = |values: Vec<S>| values.into_iter().map(|v| v.to_f64()).collect::<Vec<f64>>();
    let partials = found.partials.into_iter().map(|(by, values)| (by, wide(values))).collect();
    Ok(Found { loss: wide(found.loss), gradient: wide(found.gradient), partials, states: found.states })
}

/// Two losses to be compared.
#[derive(Copy, Clone, Debug)]
pub struct Question<'a> {
    /// The text of the first.
    pub source: &'a str,
    /// What the command line calls it.
    pub name: &'a str,
    /// The second: an expression of the first one's hyperparameters and inputs, as on the right of a `law`.
    pub equals: &'a str,
    /// Hyperparameters that are fixed, as on the left of a `law`.
    pub when: &'a str,
}

/// Are two losses equal, gradients included, and the next values of states that both carry on?
///
/// # Errors
/// The mistakes of the law that these make, with the text that they are in.
pub fn equivalent(
    question: &Question<'_>,
    library: &dyn Library,
) -> Result<(Verdict, Vec<laws::Step>), (String, Vec<Diagnostic>)> {
    let Question { source, name, equals, when } = *question;
    let space = if when.is_empty() { "" } else { " " };
    let text = format!("{}\n\nlaw{space}{when} => {equals}\n", source.trim_end());
    let compiled = match marlo_lang::compile(&text, library) {
        Ok(compiled) => compiled,
        Err(errors) => return Err((text, errors)),
    };
    // A law outside of a hyperparameter's range is about nothing.
    let start = source.trim_end().len();
    let about = |warning: &&Diagnostic| warning.primary.span.start >= start;
    let warnings: Vec<Diagnostic> = compiled.warnings.iter().filter(about).cloned().collect();
    if !warnings.is_empty() {
        return Err((text, warnings));
    }
    let Some(law) = compiled.laws.last() else {
        return Ok((Verdict::Unknown { why: "there is no law".into() }, Vec::new()));
    };
    let found = laws::decide_losses(&law.left, &law.right, laws::Limits::default());
    Ok(marlo_verify::report::of_law(&compiled.loss, name, law, found))
}
