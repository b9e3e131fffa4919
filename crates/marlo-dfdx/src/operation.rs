//! Operations that dfdx lacks, recorded on its tape: a value and its derivatives are given, the tape does the rest.

use dfdx::prelude::*;

use crate::{DfdxError, Element};

/// An input of an operation with the operation's derivative by it, entry by entry.
pub(crate) struct Partial<'t, S: Shape, E: Element> {
    pub(crate) by: &'t Tensor<S, E, Cpu>,
    pub(crate) slopes: Vec<E>,
}

/// A new tensor on the tape whose derivative by each input, entry by entry, is given.
///
/// Inputs must be contiguous and of the shape of the output: gradients live in the physical layout.
pub(crate) fn record<S: Shape, E: Element>(
    tape: &mut OwnedTape<E, Cpu>,
    shape: S,
    value: Vec<E>,
    partials: Vec<Partial<'_, S, E>>,
) -> Result<Tensor<S, E, Cpu>, DfdxError> {
    let output = Cpu::default().try_tensor_from_vec(value, shape)?;
    for Partial { by, slopes } in partials {
        let (from, to) = (output.ghost(), by.ghost());
        tape.add_backward_op(move |gradients| {
            gradients.try_alloc_for(&from)?;
            gradients.try_alloc_for(&to)?;
            let above = gradients.get_or_alloc_mut(&from)?.to_vec();
            let below = gradients.get_or_alloc_mut(&to)?;
            for ((sum, g), d) in below.iter_mut().zip(above).zip(slopes) {
                // Where nothing flows in, nothing flows out, whatever the derivative: 0·∞ is not asked for.
                if g != E::default() {
                    *sum += g * d;
                }
            }
            Ok(())
        });
    }
    Ok(output)
}
