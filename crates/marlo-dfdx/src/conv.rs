//! Convolution for dfdx, whose own needs a nightly compiler: images unfold into rows of patches, which dfdx multiplies.

use dfdx::prelude::*;
use dfdx::tensor::CpuError;

use crate::fused::{flow_by, tensor_of};
use crate::{DfdxError, Element};

/// A square window that moves over an image: its side, the distance of its places, and the frame of zeros around the image.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The side, in pixels.
    pub side: usize,
    /// From one place to the next, in pixels.
    pub stride: usize,
    /// The width of the frame, in pixels.
    pub padding: usize,
}

impl Window {
    /// The places along so many pixels; `None` where the window doesn't fit in.
    pub fn places(self, pixels: usize) -> Option<usize> {
        let room = pixels.checked_add(self.padding.checked_mul(2)?)?.checked_sub(self.side)?;
        Some(room.checked_div(self.stride)? + 1)
    }

    /// The range of places `out` and pixels for one offset in the window: pixel = out·stride + offset − padding.
    fn pixel(self, out: usize, offset: usize, pixels: usize) -> Option<usize> {
        (out * self.stride + offset).checked_sub(self.padding).filter(|pixel| *pixel < pixels)
    }
}

/// Images, (B, H, W, c).
pub type Images<E, T = NoneTape> = Tensor<(usize, usize, usize, usize), E, Cpu, T>;

/// Unfolds images (B, H, W, c) into patches (B·H'·W', side·side·c): row by row the window's places, in each row the window's
/// pixels with their channels. Times a matrix (side·side·c, c') that is a convolution, (B, H', W', c').
///
/// # Errors
/// When the window is larger than the image with its frame, or its stride is 0.
pub fn unfold<E: Element, T: Tape<E, Cpu>>(
    images: Images<E, T>,
    window: Window,
) -> Result<Tensor<(usize, usize), E, Cpu, T>, DfdxError> {
    let (images, mut tape) = images.try_contiguous()?.split_tape();
    let (batch, height, width, channels) = *images.shape();
    let (Some(down), Some(across)) = (window.places(height), window.places(width)) else {
        return Err(DfdxError::Window { window, height, width });
    };
    let places = Places { window, height, width, channels, down, across };
    let mut values = vec![E::default(); images.shape().num_elements()];
    images.copy_into(&mut values);
    let mut patches = vec![E::default(); batch * down * across * places.patch()];
    places.each(batch, |patch, image| {
        patches[patch..][..channels].copy_from_slice(&values[image..][..channels])
    });
    let output = tensor_of(images.device(), &patches, (batch * down * across, places.patch()))?;
    flow_by(&mut tape, &output, &images, move |above, below| {
        places.each(batch, |patch, image| {
            for (sum, d) in below[image..][..channels].iter_mut().zip(&above[patch..]) {
                *sum += *d;
            }
        });
    });
    Ok(output.put_tape(tape))
}

/// Where pixels of images stand among patches.
#[derive(Copy, Clone)]
struct Places {
    window: Window,
    height: usize,
    width: usize,
    channels: usize,
    down: usize,
    across: usize,
}

impl Places {
    /// Values of a patch.
    fn patch(self) -> usize {
        self.window.side * self.window.side * self.channels
    }

    /// Calls `pair` with the starts of the same pixel in a patch and in an image, for all that lie inside of images.
    fn each(self, batch: usize, mut pair: impl FnMut(usize, usize)) {
        let Places { window, height, width, channels, down, across } = self;
        for image in 0..batch {
            for row in 0..down {
                for column in 0..across {
                    let patch = ((image * down + row) * across + column) * self.patch();
                    for dy in 0..window.side {
                        let Some(y) = window.pixel(row, dy, height) else { continue };
                        for dx in 0..window.side {
                            let Some(x) = window.pixel(column, dx, width) else { continue };
                            let pixel = ((image * height + y) * width + x) * channels;
                            pair(patch + (dy * window.side + dx) * channels, pixel);
                        }
                    }
                }
            }
        }
    }
}

/// A convolution with a bias: images (B, H, W, c) to (B, H', W', c'), a dfdx module of constant shape. The weight is a matrix
/// of P = side²·c rows, the window's pixels with their channels.
#[derive(Clone, Debug)]
pub struct Conv<const P: usize, const OUT: usize, E: Element> {
    /// (P, c')
    pub weight: Tensor<Rank2<P, OUT>, E, Cpu>,
    /// (c',)
    pub bias: Tensor<Rank1<OUT>, E, Cpu>,
    /// The window.
    pub window: Window,
}

impl<const P: usize, const OUT: usize, E: Element + num_traits::Float> Conv<P, OUT, E>
where
    rand_distr::StandardNormal: rand_distr::Distribution<E>,
{
    /// With normal weights of variance 2/P (He et al., 2015), from that device's random numbers.
    ///
    /// # Errors
    /// When P is no whole number of channels for that window.
    pub fn new(device: &Cpu, window: Window) -> Result<Self, DfdxError> {
        let pixels = window.side * window.side;
        if pixels == 0 || !P.is_multiple_of(pixels) {
            return Err(DfdxError::Patch { rows: P, side: window.side });
        }
        let deviation = <E as marlo_ir::eval::Scalar>::from_f64((2.0 / P as f64).sqrt());
        let normal: Tensor<Rank2<P, OUT>, E, Cpu> = device.try_sample(rand_distr::StandardNormal)?;
        let values: Vec<E> = normal.as_vec().into_iter().map(|x| x * deviation).collect();
        let weight = device.try_tensor_from_vec(values, (Const, Const))?;
        Ok(Conv { weight, bias: device.try_zeros()?, window })
    }
}

impl<const P: usize, const OUT: usize, E: Element> Conv<P, OUT, E>
where
    Cpu: Device<E>,
{
    /// Convolved images, (B, H', W', c').
    ///
    /// # Errors
    /// When the window is larger than the image with its frame, or images have another number of channels.
    pub fn apply<T: Tape<E, Cpu>>(&self, images: Images<E, T>) -> Result<Images<E, T>, DfdxError> {
        let (batch, height, width, channels) = *images.shape();
        let wrong = || DfdxError::Patch { rows: P, side: self.window.side };
        if self.window.side * self.window.side * channels != P {
            return Err(wrong());
        }
        let places = |pixels| self.window.places(pixels).unwrap_or(0);
        let shape = (batch, places(height), places(width), OUT);
        let patches = unfold(images, self.window)?;
        let rows = patches.shape().0;
        let patches = patches.try_realize::<(usize, Const<P>)>().map_err(|_| wrong())?;
        let bias = self.bias.retaped::<T>().try_broadcast_like(&(rows, Const::<OUT>))?;
        Ok(patches.try_matmul(self.weight.clone())?.try_add(bias)?.try_reshape_like(&shape)?)
    }
}

/// What dfdx's modules can say of an error: [`Conv::apply`] says more.
fn plain(error: DfdxError) -> CpuError {
    match error {
        DfdxError::Tensor(error) => error,
        _ => CpuError::WrongNumElements,
    }
}

impl<const P: usize, const OUT: usize, E: Element, T: Tape<E, Cpu>> Module<Images<E, T>> for Conv<P, OUT, E>
where
    Cpu: Device<E>,
{
    type Output = Images<E, T>;
    type Error = CpuError;

    fn try_forward(&self, images: Images<E, T>) -> Result<Self::Output, CpuError> {
        self.apply(images).map_err(plain)
    }
}

impl<const P: usize, const OUT: usize, E: Element, T: Tape<E, Cpu>> ModuleMut<Images<E, T>>
    for Conv<P, OUT, E>
where
    Cpu: Device<E>,
{
    type Output = Images<E, T>;
    type Error = CpuError;

    fn try_forward_mut(&mut self, images: Images<E, T>) -> Result<Self::Output, CpuError> {
        self.try_forward(images)
    }
}

impl<const P: usize, const OUT: usize, E: Element> TensorCollection<E, Cpu> for Conv<P, OUT, E>
where
    Cpu: Device<E>,
{
    /// Weight and bias, without the window.
    type To<E2: Dtype, D2: Device<E2>> = (Tensor<Rank2<P, OUT>, E2, D2>, Tensor<Rank1<OUT>, E2, D2>);

    fn iter_tensors<V: ModuleVisitor<Self, E, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        // Resetting would need random numbers, which a visitor has not: the weights stay.
        let kept = || TensorOptions::reset_with(|_| Ok(()));
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, kept()),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, TensorOptions::reset_to_zeros()),
            ),
            |both| both,
        )
    }
}

/// Images (B, H, W, c) as rows of F = H·W·c values: what stands between convolutions and a matrix.
#[derive(Copy, Clone, Debug, Default)]
pub struct Flatten<const F: usize>;

impl<const F: usize> ZeroSizedModule for Flatten<F> {}

impl<const F: usize, E: Element, T: Tape<E, Cpu>> Module<Images<E, T>> for Flatten<F>
where
    Cpu: Device<E>,
{
    type Output = Tensor<(usize, Const<F>), E, Cpu, T>;
    type Error = CpuError;

    fn try_forward(&self, images: Images<E, T>) -> Result<Self::Output, CpuError> {
        let (batch, height, width, channels) = *images.shape();
        if height * width * channels != F {
            return Err(CpuError::WrongNumElements);
        }
        images.try_reshape_like(&(batch, Const::<F>))
    }
}
