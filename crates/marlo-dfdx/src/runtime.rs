//! dfdx's optimisers for tensors whose shape is known only at run time.
//!
//! dfdx updates models whose shapes are all constants. The rules themselves work on any tensor; these call them on one
//! tensor after the other.

use dfdx::optim::{AdamConfig, SgdConfig};
use dfdx::prelude::*;
use dfdx::tensor::Gradients;

use crate::{DfdxError, Element};

/// Stochastic gradient descent, with the momenta of the tensors that it has updated.
#[derive(Clone, Debug)]
pub struct RuntimeSgd<E: Element> {
    /// Rate, momentum and weight decay; they may change between steps.
    pub config: SgdConfig,
    velocity: Gradients<E, Cpu>,
}

impl<E: Element> RuntimeSgd<E> {
    /// At rest.
    pub fn new(config: SgdConfig) -> Self {
        RuntimeSgd { config, velocity: Gradients::leaky() }
    }

    /// One step of a tensor.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn update<S: Shape>(
        &mut self,
        tensor: &mut Tensor<S, E, Cpu>,
        gradients: &mut Gradients<E, Cpu>,
    ) -> Result<(), DfdxError> {
        let velocity = self.velocity.get_or_alloc_mut(tensor)?;
        Ok(self.config.try_update(tensor, velocity, gradients.get_or_alloc_mut(tensor)?)?)
    }

    /// The velocity of a tensor, in its layout: what a checkpoint keeps.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn velocity<S: Shape>(&mut self, tensor: &Tensor<S, E, Cpu>) -> Result<&mut Vec<E>, DfdxError> {
        Ok(self.velocity.get_or_alloc_mut(tensor)?)
    }
}

/// Adam, with the moments of the tensors that it has updated.
#[derive(Clone, Debug)]
pub struct RuntimeAdam<E: Element> {
    /// Rate, decays of the moments and weight decay; they may change between steps.
    pub config: AdamConfig,
    step: i32,
    first: Gradients<E, Cpu>,
    second: Gradients<E, Cpu>,
}

impl<E: Element> RuntimeAdam<E> {
    /// Without moments.
    pub fn new(config: AdamConfig) -> Self {
        RuntimeAdam { config, step: 1, first: Gradients::leaky(), second: Gradients::leaky() }
    }

    /// One step of a tensor.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn update<S: Shape>(
        &mut self,
        tensor: &mut Tensor<S, E, Cpu>,
        gradients: &mut Gradients<E, Cpu>,
    ) -> Result<(), DfdxError> {
        let (first, second) = (self.first.get_or_alloc_mut(tensor)?, self.second.get_or_alloc_mut(tensor)?);
        Ok(self.config.try_update(self.step, tensor, first, second, gradients.get_or_alloc_mut(tensor)?)?)
    }

    /// Both moments of a tensor, in its layout: what a checkpoint keeps, with the [`step`](Self::step).
    ///
    /// # Errors
    /// When memory runs out.
    pub fn moments<S: Shape>(&mut self, tensor: &Tensor<S, E, Cpu>) -> Result<[&mut Vec<E>; 2], DfdxError> {
        Ok([self.first.get_or_alloc_mut(tensor)?, self.second.get_or_alloc_mut(tensor)?])
    }

    /// The step, from 1, which corrects moments that are young.
    pub fn step(&self) -> i32 {
        self.step
    }

    /// Sets the step, as when training goes on from a checkpoint. There is none before 1: what is below counts as 1.
    pub fn set_step(&mut self, step: i32) {
        self.step = step.max(1);
    }

    /// Goes on to the next step, once all tensors are updated.
    pub fn advance(&mut self) {
        self.step += 1;
    }
}
