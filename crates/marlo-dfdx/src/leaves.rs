//! What a loss is differentiated by, and how its inputs are read.

use dfdx::prelude::*;
use marlo_ir::eval::{Batch, Scalar};
use marlo_ir::graph::{Axis as Along, Graph};
use marlo_ir::loss::Wrt;
use marlo_ir::op::At;

use crate::lower::{Cells, Lowering, Value};
use crate::{DfdxError, Element};

/// The tensors whose gradients are read in the end.
pub(crate) struct Leaves<E: Element> {
    /// The matrix of each centre, in the order of the inputs.
    matrices: Vec<Tensor<Cells, E, Cpu>>,
    /// What else is asked for: a row, or one value a class in the form of a row, or a scalar.
    traced: Vec<(Wrt, Value<E>)>,
}

impl<E: Element> Leaves<E> {
    pub(crate) fn new(device: &Cpu, graph: &Graph, batch: &Batch<E>, wrt: &[Wrt]) -> Result<Self, DfdxError> {
        let shape = (batch.rows, batch.classes);
        let further = graph.inputs[1..].iter().zip(&batch.vectors);
        let further = further.filter(|(input, _)| input.axis == Along::Matrix).map(|(_, matrix)| matrix);
        let mut matrices = Vec::new();
        for matrix in [&batch.matrix].into_iter().chain(further) {
            matrices.push(device.try_tensor_from_vec(matrix.clone(), shape)?);
        }
        let mut traced = Vec::new();
        for &by in wrt {
            let leaf = match by {
                Wrt::Input(at) if graph.inputs[at as usize].axis == Along::Matrix => continue,
                Wrt::Input(at) => {
                    let values = &batch.vectors[at as usize - 1];
                    Value::Row(device.try_tensor_from_vec(values.clone(), (values.len(),))?)
                }
                Wrt::Param(at) => {
                    let value = <E as Scalar>::from_f64(batch.params[at as usize]);
                    Value::Scalar(device.try_tensor_from_vec(vec![value], ())?)
                }
            };
            traced.push((by, leaf));
        }
        Ok(Leaves { matrices, traced })
    }

    /// The leaf of something that is differentiated by.
    pub(crate) fn traced(&self, by: Wrt) -> Option<Value<E>> {
        self.traced.iter().find(|leaf| leaf.0 == by).map(|leaf| leaf.1.clone())
    }

    /// The gradient by the matrix of each centre.
    pub(crate) fn by_matrices(&self, gradients: &mut Gradients<E, Cpu>) -> Result<Vec<Vec<E>>, DfdxError> {
        self.matrices.iter().map(|matrix| gradient_of(matrix, gradients)).collect()
    }

    /// The gradient by everything else that was asked for.
    pub(crate) fn partials(
        &self,
        gradients: &mut Gradients<E, Cpu>,
    ) -> Result<Vec<(Wrt, Vec<E>)>, DfdxError> {
        let mut partials = Vec::new();
        for (by, leaf) in &self.traced {
            partials.push((
                *by,
                match leaf {
                    Value::Scalar(leaf) => gradient_of(leaf, gradients)?,
                    Value::Row(leaf) => gradient_of(leaf, gradients)?,
                    Value::Number(_) | Value::Cell(_) => unreachable!("leaves are rows and scalars"),
                },
            ));
        }
        Ok(partials)
    }
}

/// Zeros where no gradient arrived.
fn gradient_of<S: Shape, E: Element>(
    leaf: &Tensor<S, E, Cpu>,
    gradients: &mut Gradients<E, Cpu>,
) -> Result<Vec<E>, DfdxError> {
    Ok(gradients.get_or_alloc_mut(leaf)?.to_vec())
}

impl<E: Element> Lowering<'_, E>
where
    Cpu: Device<E>,
{
    /// An input, read at a place.
    pub(crate) fn input(&mut self, input: u32, at: At) -> Result<Value<E>, DfdxError> {
        let inputs = &self.graph.inputs;
        let is_matrix = |input: usize| inputs[input].axis == Along::Matrix;
        if is_matrix(input as usize) {
            let number = (0..input as usize).filter(|&before| is_matrix(before)).count();
            let matrix = self.leaves.matrices[number].clone();
            if at != At::Target {
                return self.without_target(&matrix, 0.5).map(Value::Cell);
            }
            let labels = self.labels.clone();
            return Ok(Value::Row(self.on_tape(&matrix, |x| Ok(x.try_select(labels)?))?));
        }
        let Some(Value::Row(leaf)) = self.leaves.traced(Wrt::Input(input)) else {
            return self.constant_input(input as usize - 1, at);
        };
        let shape = (self.batch.rows, self.batch.classes);
        Ok(match at {
            At::Row => Value::Row(leaf),
            At::Target => {
                let labels = self.labels.clone();
                Value::Row(self.on_tape(&leaf, |x| Ok(x.try_gather(labels)?))?)
            }
            At::Other => {
                let zeros = self.constant(vec![E::default(); shape.0 * shape.1], shape)?;
                let cells = self.on_tape(&leaf, |x| {
                    Ok(x.try_broadcast_like::<Cells, Axis<0>>(&shape)?.try_add(zeros)?)
                })?;
                Value::Cell(cells)
            }
        })
    }

    fn constant_input(&self, vector: usize, at: At) -> Result<Value<E>, DfdxError> {
        let (batch, values) = (self.batch, &self.batch.vectors[vector]);
        Ok(match at {
            At::Row => Value::Row(self.constant(values.clone(), (batch.rows,))?),
            At::Target => {
                Value::Row(self.constant(batch.labels.iter().map(|&y| values[y]).collect(), (batch.rows,))?)
            }
            At::Other => {
                let all = (0..batch.rows).flat_map(|_| values.iter().copied()).collect();
                Value::Cell(self.constant(all, (batch.rows, batch.classes))?)
            }
        })
    }
}
