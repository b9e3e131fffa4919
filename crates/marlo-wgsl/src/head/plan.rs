//! The stages of a head, before and after the loss's own kernel.

use super::{HeadArrays, HeadSizes};
use crate::gpu::{Gpu, GpuError};
use crate::product::{Multiply, Product, Strides};
use crate::runtime::{MOST_GROUPS, MOST_ITERATIONS};
use crate::stage::{Stage, module, pipeline};

/// What is on the device beside the caller's arrays.
pub(super) struct Buffers {
    /// Cosines or logits, (K, B, C).
    pub(super) matrix: wgpu::Buffer,
    /// The gradient by them, where it is not the same buffer.
    pub(super) gradients: Option<wgpu::Buffer>,
    pub(super) norms: wgpu::Buffer,
    pub(super) of_embeddings: wgpu::Buffer,
    pub(super) weight_norms: wgpu::Buffer,
    pub(super) of_weights: wgpu::Buffer,
    /// (K, B, 4).
    pub(super) tangents: wgpu::Buffer,
    /// The gradient by unit embeddings in parts, (K·parts, B, d).
    pub(super) sums: wgpu::Buffer,
    /// The number 1.
    pub(super) one: wgpu::Buffer,
}

/// What is known of the head before its stages are made.
pub(super) struct Plan<'a, 'g> {
    pub(super) gpu: &'g Gpu,
    pub(super) sizes: HeadSizes,
    pub(super) centres: usize,
    pub(super) cosines: bool,
    pub(super) parts: usize,
    pub(super) multiply: Multiply,
    pub(super) arrays: &'a HeadArrays,
    pub(super) buffers: Buffers,
}

/// The derivative by the norms of embeddings: a slot of what the kernel keeps.
#[derive(Copy, Clone, Debug)]
pub(super) struct Radial {
    pub(super) slot: usize,
}

impl Buffers {
    pub(super) fn new(
        gpu: &Gpu,
        sizes: HeadSizes,
        centres: usize,
        parts: usize,
        outputs: usize,
    ) -> Result<Buffers, GpuError> {
        let HeadSizes { rows, classes, width } = sizes;
        let gradients = if outputs == 0 { None } else { Some(gpu.array(outputs * rows * classes)?) };
        Ok(Buffers {
            matrix: gpu.array(centres * rows * classes)?,
            gradients,
            norms: gpu.array(rows)?,
            of_embeddings: gpu.array(rows)?,
            weight_norms: gpu.array(classes * centres)?,
            of_weights: gpu.array(classes * centres)?,
            tangents: gpu.array(4 * centres * rows)?,
            sums: gpu.array(centres * parts * rows * width)?,
            one: gpu.array_of(&[1.0_f32])?,
        })
    }

    /// What holds the gradient by the cosines.
    fn cells(&self) -> &wgpu::Buffer {
        self.gradients.as_ref().unwrap_or(&self.matrix)
    }
}

impl Plan<'_, '_> {
    /// A uniform buffer.
    fn words(&self, words: &[usize]) -> Result<wgpu::Buffer, GpuError> {
        let words: Vec<u32> = words.iter().map(|&word| word as u32).collect();
        self.gpu.filled(bytemuck::cast_slice(&words), wgpu::BufferUsages::UNIFORM)
    }

    /// One workgroup a class vector, in two directions.
    fn grid_of_weights(&self) -> [usize; 3] {
        let count = self.sizes.classes * self.centres;
        [count.min(MOST_GROUPS), count.div_ceil(MOST_GROUPS), 1]
    }

    /// From embeddings and class vectors to cosines.
    pub(super) fn before(&self) -> Result<Vec<Stage>, GpuError> {
        let HeadSizes { rows, classes, width } = self.sizes;
        let (gpu, arrays, buffers, centres) = (self.gpu, self.arrays, &self.buffers, self.centres);
        let text = include_str!("../../../../shaders/head/norms.wgsl");
        let norms = pipeline(gpu, &module(gpu, "norms", text)?, "measure")?;
        let measure = |vectors, count, lengths, inverses, grid: [usize; 3]| {
            let words = self.words(&[count, width, grid[0]])?;
            Stage::new(gpu, &norms, &[(0, &words), (1, vectors), (2, lengths), (3, inverses)], grid)
        };
        let grid = self.grid_of_weights();
        let mut stages = vec![
            measure(&arrays.embeddings, rows, &buffers.norms, &buffers.of_embeddings, [rows, 1, 1])?,
            measure(&arrays.weights, classes * centres, &buffers.weight_norms, &buffers.of_weights, grid)?,
        ];
        let [of_a, of_b] = if self.cosines {
            [
                (&buffers.of_embeddings, Strides::new(1, 0, 0)),
                (&buffers.of_weights, Strides::new(centres, 0, 1)),
            ]
        } else {
            [(&buffers.one, Strides::default()); 2]
        };
        let product = Product {
            sizes: [rows, classes, width],
            matrices: centres,
            parts: 1,
            a: (&arrays.embeddings, Strides::new(width, 1, 0)),
            b: (&arrays.weights, Strides::new(centres * width, 1, width)),
            of_a,
            of_b,
            c: (&buffers.matrix, Strides::new(classes, 0, rows * classes)),
            most: if self.cosines { 1.0 } else { f32::MAX },
        };
        stages.push(self.multiply.stage(gpu, &product)?);
        if self.cosines {
            let chain = Chain::new(self, None)?;
            let read = [0, 1, 2, 3, 4, 5, 6, 7];
            stages.push(chain.stage("tangent", &read, (&buffers.matrix, None), [rows, centres, 1])?);
        }
        Ok(stages)
    }

    /// The products of the gradient by the cosines with the class vectors, and with the embeddings.
    fn products(&self) -> Result<[Stage; 2], GpuError> {
        let HeadSizes { rows, classes, width } = self.sizes;
        let (gpu, arrays, buffers, centres) = (self.gpu, self.arrays, &self.buffers, self.centres);
        let one = (&buffers.one, Strides::default());
        let factors = |of, strides| if self.cosines { (of, strides) } else { one };
        let by_embeddings = Product {
            sizes: [rows, width, classes],
            matrices: centres,
            parts: self.parts,
            a: (buffers.cells(), Strides::new(classes, 1, rows * classes)),
            b: (&arrays.weights, Strides::new(1, centres * width, width)),
            of_a: one,
            of_b: factors(&buffers.of_weights, Strides::new(0, centres, 1)),
            c: (&buffers.sums, Strides::new(width, 0, rows * width)),
            most: f32::MAX,
        };
        let by_weights = Product {
            sizes: [classes, width, rows],
            matrices: centres,
            parts: 1,
            a: (buffers.cells(), Strides::new(1, classes, rows * classes)),
            b: (&arrays.embeddings, Strides::new(1, width, 0)),
            of_a: one,
            of_b: factors(&buffers.of_embeddings, Strides::new(0, 1, 0)),
            c: (&arrays.by_weights, Strides::new(centres * width, 0, width)),
            most: f32::MAX,
        };
        Ok([self.multiply.stage(gpu, &by_embeddings)?, self.multiply.stage(gpu, &by_weights)?])
    }

    /// From the gradient by the cosines to those by embeddings and class vectors. `kept` holds the values that the kernel's
    /// rows keep.
    pub(super) fn after(
        &self,
        kept: Option<&wgpu::Buffer>,
        radial: Option<Radial>,
    ) -> Result<Vec<Stage>, GpuError> {
        let HeadSizes { rows, width, .. } = self.sizes;
        let (arrays, centres, cells) = (self.arrays, self.centres, self.buffers.cells());
        let iterations = width.div_ceil(64) * (2 + centres * (1 + self.parts));
        if iterations > MOST_ITERATIONS {
            return Err(GpuError::TooLarge {
                what: format!("vectors of {width} numbers, and sums in {} parts", self.parts),
                limit: format!("{MOST_ITERATIONS} loop iterations an invocation"),
            });
        }
        let [by_embeddings, by_weights] = self.products()?;
        let chain = Chain::new(self, radial)?;
        let norms = kept.filter(|_| radial.is_some());
        let read = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10];
        let out = (cells, Some((&arrays.by_embeddings, norms)));
        let close = chain.stage("by_embedding", &read, out, [rows, 1, 1])?;
        if !self.cosines {
            return Ok(vec![by_embeddings, close, by_weights]);
        }
        let take = chain.stage("take", &[0, 3, 6, 7], (cells, None), [rows.div_ceil(64), centres, 1])?;
        let out = (cells, Some((&arrays.by_weights, None)));
        let project = chain.stage("by_weight", &[0, 2, 5, 10], out, self.grid_of_weights())?;
        let grid = [rows, centres, width.div_ceil(64)];
        let own = chain.stage("by_own_weight", &[0, 1, 2, 3, 4, 5, 6, 10], out, grid)?;
        Ok(vec![take, by_embeddings, close, by_weights, project, own])
    }
}

/// `shaders/head/chain.wgsl` with its arguments.
struct Chain<'p, 'a, 'g> {
    plan: &'p Plan<'a, 'g>,
    module: wgpu::ShaderModule,
    params: wgpu::Buffer,
}

/// What an entry point writes, and the derivatives by norms that it adds.
type Written<'a> = Option<(&'a wgpu::Buffer, Option<&'a wgpu::Buffer>)>;

impl<'p, 'a, 'g> Chain<'p, 'a, 'g> {
    fn new(plan: &'p Plan<'a, 'g>, radial: Option<Radial>) -> Result<Self, GpuError> {
        let HeadSizes { rows, classes, width } = plan.sizes;
        let across = plan.grid_of_weights()[0];
        let (start, step) = radial.map_or((0, 0), |radial| (radial.slot * rows, 1));
        let sums = plan.parts * plan.centres;
        let cosines = usize::from(plan.cosines);
        let words = [rows, classes, width, plan.centres, across, sums, cosines, start, step];
        let text = include_str!("../../../../shaders/head/chain.wgsl");
        Ok(Chain { plan, module: module(plan.gpu, "chain", text)?, params: plan.words(&words)? })
    }

    /// A stage of an entry point that reads the bindings of those numbers.
    fn stage(
        &self,
        entry: &str,
        read: &[u32],
        (cells, written): (&wgpu::Buffer, Written<'_>),
        grid: [usize; 3],
    ) -> Result<Stage, GpuError> {
        let Plan { gpu, arrays, buffers, .. } = self.plan;
        let (out, norms) = written.unwrap_or((cells, None));
        let all = [
            &self.params,
            &arrays.embeddings,
            &arrays.weights,
            &arrays.labels,
            &buffers.of_embeddings,
            &buffers.of_weights,
            &buffers.tangents,
            cells,
            &buffers.sums,
            norms.unwrap_or(&buffers.one),
            out,
        ];
        let bound: Vec<(u32, &wgpu::Buffer)> =
            read.iter().map(|&number| (number, all[number as usize])).collect();
        Stage::new(gpu, &pipeline(gpu, &self.module, entry)?, &bound, grid)
    }
}
