//! Building a head.

use std::marker::PhantomData;
use std::sync::Mutex;

use marlo_ir::loss::Loss;
use marlo_ir::schedule::RowProgram;

use super::Head;
use crate::compiled::Library;
use crate::error::NativeError;
use crate::kernel::Kernel;
use crate::math::Real;

/// How a head uses memory.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What is kept of the cosines stands in memory once, (B, C).
    #[default]
    Fast,
    /// Cosines are computed again where they are needed a second time.
    LowMemory,
}

/// What a head is made of.
#[derive(Clone, Debug)]
pub struct Builder<F> {
    program: RowProgram,
    library: Library,
    classes: usize,
    dim: usize,
    memory: Option<usize>,
    low_memory: bool,
    filter: Option<f64>,
    precision: PhantomData<F>,
}

impl<F: Real> Builder<F> {
    pub(super) fn new(loss: &Loss) -> Builder<F> {
        Builder {
            program: RowProgram::of(loss),
            library: Library::shipped(),
            classes: 0,
            dim: 0,
            memory: None,
            low_memory: false,
            filter: None,
            precision: PhantomData,
        }
    }

    /// Another program of the loss: one with derivatives by further inputs and hyperparameters, see [`RowProgram::by`].
    #[must_use]
    pub fn program(mut self, program: RowProgram) -> Self {
        self.program = program;
        self
    }

    /// Other compiled sweeps than those of the shipped losses. What it has not is interpreted.
    #[must_use]
    pub fn library(mut self, library: Library) -> Self {
        self.library = library;
        self
    }

    /// The number of classes, C.
    #[must_use]
    pub fn classes(mut self, classes: usize) -> Self {
        self.classes = classes;
        self
    }

    /// The length of an embedding, d.
    #[must_use]
    pub fn dim(mut self, dim: usize) -> Self {
        self.dim = dim;
        self
    }

    /// At most so many bytes beside ∂L/∂W: a batch that needs more in the fast mode runs in the low-memory mode.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Always the low-memory mode.
    #[must_use]
    pub fn low_memory(mut self) -> Self {
        self.low_memory = true;
        self
    }

    /// Skips tiles of classes in the backward products whose gradients are too small to matter: Σ|∂L/∂cos| over all that
    /// is skipped in a step stays below `error`. That bounds the error of each row of ∂L/∂x̂ and ∂L/∂Ŵ. The
    /// [`Report`](super::Report) says what was skipped.
    #[must_use]
    pub fn filter(mut self, error: f64) -> Self {
        self.filter = Some(error);
        self
    }

    /// Makes the head.
    ///
    /// # Errors
    /// When there is no class, an embedding has no length, or the filter's bound is no number above 0.
    pub fn build(self) -> Result<Head<F>, NativeError> {
        if self.classes == 0 || self.dim == 0 {
            return Err(NativeError::NoHead { classes: self.classes, dim: self.dim });
        }
        if let Some(error) = self.filter
            && !(error > 0.0 && error.is_finite())
        {
            return Err(NativeError::Filter { error });
        }
        Ok(Head {
            kernel: Kernel::new(&self.program, &self.library),
            classes: self.classes,
            dim: self.dim,
            memory: self.memory,
            low_memory: self.low_memory,
            filter: self.filter,
            work: Mutex::default(),
            scratch: Mutex::default(),
        })
    }
}
