//! A whole head on the device: embeddings, class vectors and labels in; losses and the gradients by both out.

mod plan;

use marlo_ir::graph::{Axis, Input};
use marlo_ir::kind::Kind;
use marlo_ir::loss::Wrt;
use marlo_ir::schedule::RowProgram;

use crate::emit::Shader;
use crate::gpu::{Gpu, GpuError, count};
use crate::outcome::Outcome;
use crate::product::{Multiply, parts};
use crate::resident::{Arrays, Resident, fits, further};
use crate::runtime::Kernel;
use crate::stage::Stage;
use plan::{Buffers, Plan, Radial};

/// The sizes of a head.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct HeadSizes {
    /// B, the embeddings of a batch.
    pub rows: usize,
    /// C, the classes.
    pub classes: usize,
    /// d, the numbers of an embedding and of a class vector.
    pub width: usize,
}

/// The arrays of a head, in storage buffers of the device ([`Gpu::device`]) that are at least as large as said. A label that is
/// no class, or a further input that is not finite, gives a wrong result; [`GpuHead::check`] finds them. Vectors that are not
/// finite show: see [`GpuHead`].
#[derive(Clone, Debug)]
pub struct HeadArrays {
    /// (B, d) f32. For cosines of a length of 0 or between 1.18e-38 and 8.5e37.
    pub embeddings: wgpu::Buffer,
    /// (C, d) f32, of lengths as those of embeddings; with K centres a class (C, K, d).
    pub weights: wgpu::Buffer,
    /// The class of each row, (B,) u32, each below C.
    pub labels: wgpu::Buffer,
    /// Each sample's own loss, (B,) f32; written.
    pub losses: wgpu::Buffer,
    /// ∂(loss of the batch)/∂embeddings, (B, d) f32; written.
    pub by_embeddings: wgpu::Buffer,
    /// ∂(loss of the batch)/∂weights, as `weights`; written.
    pub by_weights: wgpu::Buffer,
    /// The further inputs of the loss, in its order, without the norms of embeddings, which the head knows: (B,) f32 or
    /// (C,) f32 each.
    pub vectors: Vec<wgpu::Buffer>,
}

/// A loss with its class vectors, from embeddings to gradients, bound to buffers on the device.
///
/// [`step`](Self::step) normalises embeddings and class vectors, multiplies them, runs the loss's kernel on the cosines, and
/// multiplies back, all in one submission; the (B, C) matrix stays on the device, and the gradient overwrites it where the
/// loss [allows](crate::Form::allows_in_place) it. A loss over raw logits gets the product itself, nothing normalised.
///
/// Sums are of f32, in an order that does not depend on timing: for a given device and driver the same inputs give the same
/// bits. A vector that the loss takes as an input is a constant to the head: no gradient passes through it.
///
/// # Guards
/// - Gradients are bounded where an embedding comes close to its class vector's direction or to the opposite one, though the
///   loss's derivative by the cosine grows beyond bounds there: `shaders/head/chain.wgsl` says how. They lose digits there, for
///   a cosine in f32 tells an angle θ to 6e-8/θ only, at worst to 3.5e-4. Relative to the largest gradient that an embedding
///   can have, the error at its own class is below 4e-4 at an angle of 3e-4, and below 2e-5 from 1e-2 on
///   (`heads_are_right_where_the_cosine_is_one` in `tests/suite/gpu_head.rs`).
/// - Within an angle of 1e-6 of that direction, where an angular margin has no derivative, the share of the row's own class
///   in the gradient fades to 0.
/// - An embedding or a class vector of zeros has no direction: its cosines are 0, and its gradient is 0. A vector whose numbers
///   are all below f32's least normal number, 1.18e-38, counts as one of zeros, for devices may take such numbers for 0. There
///   is no other least length: a vector is divided by its length, with nothing added. For cosines its gradient is so much the
///   larger, and may leave f32.
/// - A cosine that rounding puts past ±1 becomes ±1. The gradient at the label is not changed by that: it goes by the tangent.
/// - Nothing else is clamped. A vector with NaN or an infinity, a length beyond 2^126 (8.5e37) where there are cosines, and a
///   logit beyond f32 make the cosine or logit no finite number; [`summary`](Self::summary) and whatever else reads results of
///   a step back then gives [`GpuError::Product`], which names the first one's row and class.
#[derive(Debug)]
pub struct GpuHead<'g> {
    gpu: &'g Gpu,
    sizes: HeadSizes,
    cosines: bool,
    arrays: HeadArrays,
    resident: Resident<'g>,
    before: Vec<Stage>,
    after: Vec<Stage>,
    /// Is there a cosine or logit that is not finite, and which? See `shaders/head/product.wgsl`.
    wrong: wgpu::Buffer,
}

impl<'g> GpuHead<'g> {
    /// Compiles a head and binds it to arrays. The program must have the loss's [usual](marlo_ir::loss::Loss::usual)
    /// derivatives, as [`RowProgram::of`] gives them.
    ///
    /// # Errors
    /// When the device refuses a shader, an array does not fit, the program lacks a derivative that the head needs, or the
    /// sizes are more than the device can work through.
    pub fn new(
        gpu: &'g Gpu,
        program: &RowProgram,
        sizes: HeadSizes,
        arrays: HeadArrays,
    ) -> Result<Self, GpuError> {
        let kernel = Kernel::new(gpu, program)?;
        let centres = program.graph().centres();
        check(gpu, program, sizes, &arrays)?;
        let parts = parts(gpu, [sizes.rows, sizes.width, sizes.classes], centres);
        let outputs = if kernel.allows_in_place() { 0 } else { kernel.shader().outputs };
        let buffers = Buffers::new(gpu, sizes, centres, parts, outputs)?;
        let resident = kernel.bind(
            sizes.rows,
            sizes.classes,
            Arrays {
                matrix: buffers.matrix.clone(),
                labels: arrays.labels.clone(),
                losses: arrays.losses.clone(),
                gradients: buffers.gradients.clone(),
                vectors: vectors(program, &arrays, &buffers.norms)?,
            },
        )?;
        let cosines = program.graph().inputs[0].name != "logit";
        let multiply = Multiply::new(gpu)?;
        let radial = radial(program, resident.shader())?;
        let wrong = buffers.wrong.clone();
        let plan = Plan { gpu, sizes, centres, cosines, parts, multiply, radial, arrays: &arrays, buffers };
        let [before, after] = plan.stages(resident.kept())?;
        Ok(GpuHead { gpu, sizes, cosines, arrays, resident, before, after, wrong })
    }

    /// The further inputs that a head of that program is given, in order: [`HeadArrays::vectors`].
    pub fn inputs(program: &RowProgram) -> impl Iterator<Item = &Input> {
        further(program).filter(|input| !is_norm(input))
    }

    /// The sizes.
    pub fn sizes(&self) -> HeadSizes {
        self.sizes
    }

    /// The buffers that it is bound to.
    pub fn arrays(&self) -> &HeadArrays {
        &self.arrays
    }

    /// The loss's own kernel: its arrays hold the gradient by the cosines, but for that at each row's label, after a step.
    pub fn kernel(&self) -> &Resident<'g> {
        &self.resident
    }

    /// Sets the hyperparameters of the steps that are submitted from now on.
    ///
    /// # Errors
    /// As [`Resident::set`].
    pub fn set(&mut self, params: &[f64]) -> Result<(), GpuError> {
        self.resident.set(params)
    }

    /// Records a step, to be submitted by the caller together with commands before and after; see [`Resident::encode`].
    ///
    /// # Errors
    /// When no hyperparameters were set yet.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder) -> Result<(), GpuError> {
        self.resident.ready()?;
        self.record(encoder);
        Ok(())
    }

    fn record(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(&self.wrong, 0, None);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        self.before.iter().for_each(|stage| stage.record(&mut pass));
        self.resident.record(&mut pass);
        self.after.iter().for_each(|stage| stage.record(&mut pass));
    }

    /// Submits a step with these hyperparameters. It does not wait, and reads nothing back.
    ///
    /// # Errors
    /// As [`set`](Self::set), or when the device refuses.
    pub fn step(&mut self, params: &[f64]) -> Result<(), GpuError> {
        self.set(params)?;
        self.gpu.submit("a step", |encoder| self.record(encoder))
    }

    /// Reads all inputs back and checks that they are finite, that labels are classes, and that further inputs are in their
    /// ranges; see [`Resident::check`].
    ///
    /// # Errors
    /// When an input is not valid: it says which, and where. Else when memory runs out or the device is lost.
    pub fn check(&self) -> Result<(), GpuError> {
        let HeadSizes { rows, classes, width } = self.sizes;
        let vectors = classes * self.resident.shader().matrices;
        self.gpu.all_classes(&self.arrays.labels, rows, classes)?;
        self.gpu.all_finite("the array of embeddings", &self.arrays.embeddings, rows * width)?;
        self.gpu.all_finite("the array of class vectors", &self.arrays.weights, vectors * width)?;
        self.resident.check_vectors(|input| !is_norm(input))
    }

    /// Were all cosines or logits of the last step finite?
    fn finite(&self) -> Result<(), GpuError> {
        let HeadSizes { rows, classes, .. } = self.sizes;
        match self.gpu.read::<u32>(&self.wrong, 1)?.first() {
            None | Some(0) => Ok(()),
            Some(found) => {
                let place = !found as usize % (rows * classes);
                let what = if self.cosines { "cosine" } else { "logit" };
                Err(GpuError::Product { what, row: place / classes, class: place % classes })
            }
        }
    }

    /// Reads back what the last step made of the losses: each sample's own, that of the batch, and the next values of states.
    ///
    /// # Errors
    /// When a cosine or logit is not finite; else as [`Resident::summary`].
    pub fn summary(&self) -> Result<Outcome, GpuError> {
        self.finite()?;
        self.resident.summary()
    }

    /// Reads ∂(loss of the batch)/∂embeddings back, (B, d).
    ///
    /// # Errors
    /// When a cosine or logit is not finite, memory runs out or the device is lost.
    pub fn by_embeddings(&self) -> Result<Vec<f32>, GpuError> {
        self.finite()?;
        self.gpu.read(&self.arrays.by_embeddings, self.sizes.rows * self.sizes.width)
    }

    /// Reads ∂(loss of the batch)/∂weights back, (C, d), or (C, K, d).
    ///
    /// # Errors
    /// When a cosine or logit is not finite, memory runs out or the device is lost.
    pub fn by_weights(&self) -> Result<Vec<f32>, GpuError> {
        self.finite()?;
        let centres = self.resident.shader().matrices;
        self.gpu.read(&self.arrays.by_weights, self.sizes.classes * centres * self.sizes.width)
    }
}

/// Is an input the norm of the embeddings, which the head knows?
fn is_norm(input: &Input) -> bool {
    input.axis == Axis::Rows && input.kind == Kind::Norm
}

/// Do the arrays fit, and does the program have what the head needs?
fn check(gpu: &Gpu, program: &RowProgram, sizes: HeadSizes, arrays: &HeadArrays) -> Result<(), GpuError> {
    let HeadSizes { rows, classes, width } = sizes;
    if rows == 0 || classes == 0 || width == 0 {
        return Err(GpuError::Argument {
            what: "the head".into(),
            found: format!("{rows} rows, {classes} classes and vectors of {width} numbers"),
            wanted: "at least 1 of each".into(),
        });
    }
    let centres = program.graph().centres();
    let inputs = program.graph().inputs.iter().zip(0..);
    let further =
        inputs.filter(|(input, _)| input.axis == Axis::Matrix).map(|(_, at)| Wrt::Input(at)).skip(1);
    let first = program.gradient.partials.iter().filter(|partial| program.gradient.has_cells(partial.by));
    if !first.map(|partial| partial.by).take(centres - 1).eq(further) {
        return Err(GpuError::Argument {
            what: format!("the program of `{}`", program.loss.name),
            found: "no derivatives by its further centres, first of all".into(),
            wanted: "one by each".into(),
        });
    }
    let (embeddings, vectors) = ([rows, 1, width], [classes, centres, width]);
    for (what, buffer, sizes) in [
        ("the array of embeddings", &arrays.embeddings, embeddings),
        ("the array of class vectors", &arrays.weights, vectors),
        ("the gradient by embeddings", &arrays.by_embeddings, embeddings),
        ("the gradient by class vectors", &arrays.by_weights, vectors),
    ] {
        fits(gpu, what, buffer, count(what, &sizes)?)?;
    }
    count("the gradient by unit embeddings", &[rows, width, centres])?;
    Ok(())
}

/// The further inputs in the order of the loss: the caller's, and the norms.
fn vectors(
    program: &RowProgram,
    arrays: &HeadArrays,
    norms: &wgpu::Buffer,
) -> Result<Vec<wgpu::Buffer>, GpuError> {
    let wanted = GpuHead::inputs(program).count();
    if arrays.vectors.len() != wanted {
        return Err(GpuError::Argument {
            what: "the list of further inputs, without norms of embeddings,".into(),
            found: format!("{} buffers", arrays.vectors.len()),
            wanted: wanted.to_string(),
        });
    }
    let mut given = arrays.vectors.iter();
    Ok(further(program)
        .filter_map(|input| if is_norm(input) { Some(norms) } else { given.next() })
        .cloned()
        .collect())
}

/// Where the derivative by the norms of embeddings is kept, if there is one.
fn radial(program: &RowProgram, shader: &Shader) -> Result<Option<Radial>, GpuError> {
    let graph = program.graph();
    let mut found = None;
    for (input, at) in graph.inputs.iter().zip(0..).filter(|(input, _)| is_norm(input)) {
        let partial = program.gradient.partials.iter().find(|partial| partial.by == Wrt::Input(at));
        if partial.is_some_and(|partial| graph.constant(partial.target) == Some(0.0)) {
            continue;
        }
        let slot = partial.and_then(|partial| shader.kept.iter().position(|id| *id == partial.target));
        match slot {
            Some(slot) if found.is_none() => found = Some(Radial { slot }),
            _ => {
                return Err(GpuError::Argument {
                    what: format!("the program of `{}`", program.loss.name),
                    found: format!("no derivative by `{}` of each row", input.name),
                    wanted: "one, by one input of norms".into(),
                });
            }
        }
    }
    Ok(found)
}
