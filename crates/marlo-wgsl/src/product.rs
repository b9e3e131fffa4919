//! A product of matrices on the device: `shaders/head/product.wgsl` and its arguments.

use crate::gpu::{Gpu, GpuError};
use crate::runtime::MOST_ITERATIONS;
use crate::stage::{Stage, module, pipeline};

/// The rows and columns of a result that a workgroup makes.
const TILE: usize = 64;

/// The invocations of a workgroup.
const INVOCATIONS: usize = 64;

/// The terms of a sum that a workgroup reads at a time, and the loop iterations that they take.
const TERMS: usize = 16;
const ITERATIONS: usize = 25;

/// How an operand stands in memory: so many numbers before the first, and from one row, term and matrix to the next.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Strides {
    pub(crate) first: usize,
    pub(crate) row: usize,
    pub(crate) term: usize,
    pub(crate) matrix: usize,
}

impl Strides {
    pub(crate) fn new(row: usize, term: usize, matrix: usize) -> Strides {
        Strides { first: 0, row, term, matrix }
    }

    /// The same from a later number on; only factors may be so.
    pub(crate) fn from(self, first: usize) -> Strides {
        Strides { first, ..self }
    }
}

/// C\[m, n\] = Σₖ A\[m, k\]·B\[n, k\], each entry of A and of B times a factor.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    /// M, N, K.
    pub(crate) sizes: [usize; 3],
    /// How many such products there are, side by side.
    pub(crate) matrices: usize,
    /// Into how many parts each sum is cut; each gives a result of its own, one after another.
    pub(crate) parts: usize,
    pub(crate) a: (&'a wgpu::Buffer, Strides),
    pub(crate) b: (&'a wgpu::Buffer, Strides),
    /// The factors of A; they don't vary with the term.
    pub(crate) of_a: (&'a wgpu::Buffer, Strides),
    pub(crate) of_b: (&'a wgpu::Buffer, Strides),
    /// The result; its columns are next to each other.
    pub(crate) c: (&'a wgpu::Buffer, Strides),
    /// Are the results cosines? What rounding puts past ±1 becomes ±1 then; nothing else is changed.
    pub(crate) cosines: bool,
    /// Where the place in `c` of a result that is not finite is told, if it is: see the shader.
    pub(crate) wrong: &'a wgpu::Buffer,
    pub(crate) watched: bool,
}

/// The compiled product.
#[derive(Debug)]
pub(crate) struct Multiply(wgpu::ComputePipeline);

impl Multiply {
    pub(crate) fn new(gpu: &Gpu) -> Result<Multiply, GpuError> {
        let text = include_str!("../../../shaders/head/product.wgsl");
        Ok(Multiply(pipeline(gpu, &module(gpu, "product", text)?, "multiply")?))
    }

    /// A stage that makes a product.
    pub(crate) fn stage(&self, gpu: &Gpu, product: &Product<'_>) -> Result<Stage, GpuError> {
        let Product { sizes: [m, n, k], matrices, parts, a, b, of_a, of_b, c, cosines, wrong, watched } =
            *product;
        let span = k.div_ceil(parts).next_multiple_of(TERMS);
        if span / TERMS * ITERATIONS > MOST_ITERATIONS {
            return Err(GpuError::TooLarge {
                what: format!("a sum of {span} terms in a product of matrices"),
                limit: format!("{MOST_ITERATIONS} loop iterations an invocation"),
            });
        }
        let (a_, b_, c_) = (a.1, b.1, c.1);
        let words: Vec<u32> = [m, n, k, span, parts]
            .into_iter()
            .chain([a_.row, a_.term, a_.matrix, b_.row, b_.term, b_.matrix, c_.row, c_.matrix])
            .chain([of_a.1.row, of_b.1.row, of_b.1.term, of_b.1.matrix, of_a.1.first, of_b.1.first])
            .chain([usize::from(cosines), usize::from(watched)])
            .map(|word| word as u32)
            .collect();
        let words = gpu.filled(bytemuck::cast_slice(&words), wgpu::BufferUsages::UNIFORM)?;
        let buffers = [(0, &words), (1, a.0), (2, b.0), (3, of_a.0), (4, of_b.0), (5, c.0), (6, wrong)];
        let grid = [n.div_ceil(TILE), m.div_ceil(TILE), matrices * parts];
        Stage::new(gpu, &self.0, &buffers, grid)
    }
}

/// Into how many parts a sum of `k` terms is cut: enough to keep the device busy, and so that no more than 4096 terms are
/// added up in a row, for that bounds the rounding error. `matrices` results of (m, n) must fit a binding for each part.
pub(crate) fn parts(gpu: &Gpu, [m, n, k]: [usize; 3], matrices: usize) -> usize {
    let tiles = m.div_ceil(TILE) * n.div_ceil(TILE) * matrices;
    let busy = (gpu.invocations() / INVOCATIONS / tiles).min(k / 512);
    let fit = gpu.limits.max_storage_buffer_binding_size as usize / (4 * m * n * matrices);
    busy.max(k.div_ceil(4096)).min(fit).max(1)
}
