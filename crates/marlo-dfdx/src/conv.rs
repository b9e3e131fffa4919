//! Convolution for dfdx, whose own needs a nightly compiler: images unfold into rows of patches, which dfdx multiplies.

use dfdx::prelude::*;

use crate::fused::flow_by;
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

/// Unfolds images (B, H, W, c) into patches (B·H'·W', side·side·c): row by row the window's places, in each row the window's
/// pixels with their channels. Times a matrix (side·side·c, c') that is a convolution, (B, H', W', c').
///
/// # Errors
/// When the window is larger than the image with its frame, or its stride is 0.
pub fn unfold<E: Element, T: Tape<E, Cpu>>(
    images: Tensor<(usize, usize, usize, usize), E, Cpu, T>,
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
    let output = images.device().try_tensor_from_vec(patches, (batch * down * across, places.patch()))?;
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

impl<const P: usize, const OUT: usize, E: Element, T: Tape<E, Cpu>>
    Module<Tensor<(usize, usize, usize, usize), E, Cpu, T>> for Conv<P, OUT, E>
where
    Cpu: Device<E>,
{
    type Output = Tensor<(usize, usize, usize, usize), E, Cpu, T>;
    type Error = DfdxError;

    fn try_forward(
        &self,
        images: Tensor<(usize, usize, usize, usize), E, Cpu, T>,
    ) -> Result<Self::Output, DfdxError> {
        let (batch, height, width, _) = *images.shape();
        let places = |pixels| self.window.places(pixels).unwrap_or(0);
        let shape = (batch, places(height), places(width), OUT);
        let patches = unfold(images, self.window)?;
        let rows = patches.shape().0;
        if patches.shape().1 != P {
            return Err(DfdxError::Patch { rows: P, side: self.window.side });
        }
        let patches = patches
            .try_realize::<(usize, Const<P>)>()
            .map_err(|_| DfdxError::Patch { rows: P, side: self.window.side })?;
        let bias = self.bias.retaped::<T>().try_broadcast_like(&(rows, Const::<OUT>))?;
        Ok(patches.try_matmul(self.weight.clone())?.try_add(bias)?.try_reshape_like(&shape)?)
    }
}

impl<const P: usize, const OUT: usize, E: Element, T: Tape<E, Cpu>>
    ModuleMut<Tensor<(usize, usize, usize, usize), E, Cpu, T>> for Conv<P, OUT, E>
where
    Cpu: Device<E>,
{
    type Output = Tensor<(usize, usize, usize, usize), E, Cpu, T>;
    type Error = DfdxError;

    fn try_forward_mut(
        &mut self,
        images: Tensor<(usize, usize, usize, usize), E, Cpu, T>,
    ) -> Result<Self::Output, DfdxError> {
        self.try_forward(images)
    }
}
