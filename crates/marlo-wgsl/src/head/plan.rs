//! The stages of a head, before and after the loss's own kernel.

use super::{HeadArrays, HeadSizes};
use crate::gpu::{Gpu, GpuError, count};
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
    pub(super) weight_norms: wgpu::Buffer,
    /// 1/length of the embeddings, then of the class vectors, (B + C·K,).
    pub(super) inverses: wgpu::Buffer,
    /// (K, B, 4).
    pub(super) tangents: wgpu::Buffer,
    /// The gradient by unit embeddings in parts, (K·parts, B, d).
    pub(super) sums: wgpu::Buffer,
    /// The number 1.
    pub(super) one: wgpu::Buffer,
    /// Which cosine or logit is not finite, if one is: a number that `product.wgsl` explains.
    pub(super) wrong: wgpu::Buffer,
}

/// What is known of the head before its stages are made.
pub(super) struct Plan<'a, 'g> {
    pub(super) gpu: &'g Gpu,
    pub(super) sizes: HeadSizes,
    pub(super) centres: usize,
    pub(super) cosines: bool,
    pub(super) parts: usize,
    pub(super) multiply: Multiply,
    /// The derivative by the norms of embeddings, if there is one.
    pub(super) radial: Option<Radial>,
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
        let array = |what, sizes: &[usize]| gpu.array(count(what, sizes)?);
        let gradients = match outputs {
            0 => None,
            _ => Some(array("the gradient by the cosines", &[outputs, rows, classes])?),
        };
        Ok(Buffers {
            matrix: array("the matrix", &[centres, rows, classes])?,
            gradients,
            norms: gpu.array(rows)?,
            weight_norms: gpu.array(classes * centres)?,
            inverses: gpu.array(rows + classes * centres)?,
            tangents: array("the array of tangents", &[4, centres, rows])?,
            sums: array("the gradient by embeddings in parts", &[centres, parts, rows, width])?,
            one: gpu.array_of(&[1.0_f32])?,
            wrong: gpu.array_of(&[0_u32])?,
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

    /// The stages before the loss's own kernel and those after it. `kept` holds the values that the kernel's rows keep.
    pub(super) fn stages(&self, kept: Option<&wgpu::Buffer>) -> Result<[Vec<Stage>; 2], GpuError> {
        self.check_loops()?;
        let chain = Chain::new(self)?;
        Ok([self.before(&chain)?, self.after(&chain, kept)?])
    }

    /// Is no invocation of `chain.wgsl` to make more loop iterations than it may?
    fn check_loops(&self) -> Result<(), GpuError> {
        let HeadSizes { rows, width, .. } = self.sizes;
        let refused = |what| {
            let limit = format!("{MOST_ITERATIONS} loop iterations an invocation");
            Err(GpuError::TooLarge { what, limit })
        };
        if width.div_ceil(64) * (2 + self.centres * (1 + self.parts)) > MOST_ITERATIONS {
            return refused(format!("vectors of {width} numbers, and sums in {} parts", self.parts));
        }
        // `by_own_weight` looks at every label, and at those of earlier rows in 64 invocations.
        if self.cosines && rows + rows.div_ceil(64) > MOST_ITERATIONS {
            return refused(format!("a head of {rows} rows"));
        }
        Ok(())
    }

    /// From embeddings and class vectors to cosines.
    fn before(&self, chain: &Chain<'_, '_, '_>) -> Result<Vec<Stage>, GpuError> {
        let HeadSizes { rows, classes, width } = self.sizes;
        let (gpu, arrays, buffers, centres) = (self.gpu, self.arrays, &self.buffers, self.centres);
        let text = include_str!("../../../../shaders/head/norms.wgsl");
        let norms = pipeline(gpu, &module(gpu, "norms", text)?, "measure")?;
        let measure = |vectors, count, lengths, first, grid: [usize; 3]| {
            let words = self.words(&[count, width, grid[0], first])?;
            Stage::new(gpu, &norms, &[(0, &words), (1, vectors), (2, lengths), (3, &buffers.inverses)], grid)
        };
        let grid = self.grid_of_weights();
        let mut stages = vec![
            measure(&arrays.embeddings, rows, &buffers.norms, 0, [rows, 1, 1])?,
            measure(&arrays.weights, classes * centres, &buffers.weight_norms, rows, grid)?,
        ];
        let [of_a, of_b] = if self.cosines {
            [
                (&buffers.inverses, Strides::new(1, 0, 0)),
                (&buffers.inverses, Strides::new(centres, 0, 1).from(rows)),
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
            cosines: self.cosines,
            wrong: &buffers.wrong,
            watched: true,
        };
        stages.push(self.multiply.stage(gpu, &product)?);
        if self.cosines {
            let read = [0, 1, 2, 3, 4, 5, 6];
            stages.push(chain.stage("tangent", &read, (&buffers.matrix, None), [rows, centres, 1])?);
        }
        Ok(stages)
    }

    /// The products of the gradient by the cosines with the class vectors, and with the embeddings.
    fn products(&self) -> Result<[Stage; 2], GpuError> {
        let HeadSizes { rows, classes, width } = self.sizes;
        let (gpu, arrays, buffers, centres) = (self.gpu, self.arrays, &self.buffers, self.centres);
        let one = (&buffers.one, Strides::default());
        let factors = |strides| if self.cosines { (&buffers.inverses, strides) } else { one };
        let by_embeddings = Product {
            sizes: [rows, width, classes],
            matrices: centres,
            parts: self.parts,
            a: (buffers.cells(), Strides::new(classes, 1, rows * classes)),
            b: (&arrays.weights, Strides::new(1, centres * width, width)),
            of_a: one,
            of_b: factors(Strides::new(0, centres, 1).from(rows)),
            c: (&buffers.sums, Strides::new(width, 0, rows * width)),
            cosines: false,
            wrong: &buffers.wrong,
            watched: false,
        };
        let by_weights = Product {
            sizes: [classes, width, rows],
            matrices: centres,
            parts: 1,
            a: (buffers.cells(), Strides::new(1, classes, rows * classes)),
            b: (&arrays.embeddings, Strides::new(1, width, 0)),
            of_a: one,
            of_b: factors(Strides::new(0, 1, 0)),
            c: (&arrays.by_weights, Strides::new(centres * width, 0, width)),
            cosines: false,
            wrong: &buffers.wrong,
            watched: false,
        };
        Ok([self.multiply.stage(gpu, &by_embeddings)?, self.multiply.stage(gpu, &by_weights)?])
    }

    /// From the gradient by the cosines to those by embeddings and class vectors.
    fn after(&self, chain: &Chain<'_, '_, '_>, kept: Option<&wgpu::Buffer>) -> Result<Vec<Stage>, GpuError> {
        let HeadSizes { rows, width, .. } = self.sizes;
        let (arrays, centres, cells) = (self.arrays, self.centres, self.buffers.cells());
        let [by_embeddings, by_weights] = self.products()?;
        let norms = kept.filter(|_| self.radial.is_some());
        let read = [0, 1, 2, 3, 4, 5, 7, 8, 9];
        let out = (cells, Some((&arrays.by_embeddings, norms)));
        let close = chain.stage("by_embedding", &read, out, [rows, 1, 1])?;
        if !self.cosines {
            return Ok(vec![by_embeddings, close, by_weights]);
        }
        let take = chain.stage("take", &[0, 3, 5, 6], (cells, None), [rows.div_ceil(64), centres, 1])?;
        let out = (cells, Some((&arrays.by_weights, None)));
        let project = chain.stage("by_weight", &[0, 2, 4, 9], out, self.grid_of_weights())?;
        let grid = [rows, centres, width.div_ceil(64)];
        let own = chain.stage("by_own_weight", &[0, 1, 2, 3, 4, 5, 9], out, grid)?;
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
    fn new(plan: &'p Plan<'a, 'g>) -> Result<Self, GpuError> {
        let HeadSizes { rows, classes, width } = plan.sizes;
        let across = plan.grid_of_weights()[0];
        let (start, step) = plan.radial.map_or((0, 0), |radial| (radial.slot * rows, 1));
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
            &buffers.inverses,
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
