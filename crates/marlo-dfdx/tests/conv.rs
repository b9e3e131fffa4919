//! Convolution: its values and gradients against their definition.

use dfdx::prelude::*;
use marlo_dfdx::DfdxError;
use marlo_dfdx::conv::{Conv, Window, unfold};

type Images = Tensor<(usize, usize, usize, usize), f64, Cpu>;

const WINDOW: Window = Window { side: 3, stride: 2, padding: 1 };
const SHAPE: (usize, usize, usize, usize) = (2, 5, 4, 3);

fn images() -> Images {
    Cpu::seed_from_u64(1).sample_normal_like(&SHAPE)
}

/// Output (image, row, column, channel), by the definition.
fn by_definition(images: &Images, conv: &Conv<27, 2, f64>, at: [usize; 4]) -> f64 {
    let [image, row, column, channel] = at;
    let (values, weight) = (images.as_vec(), conv.weight.array());
    let (_, height, width, channels) = SHAPE;
    let mut sum = conv.bias.array()[channel];
    for dy in 0..3 {
        for dx in 0..3 {
            let (y, x) = ((row * 2 + dy).wrapping_sub(1), (column * 2 + dx).wrapping_sub(1));
            if y < height && x < width {
                for c in 0..channels {
                    sum += values[((image * height + y) * width + x) * channels + c]
                        * weight[(dy * 3 + dx) * channels + c][channel];
                }
            }
        }
    }
    sum
}

#[test]
fn a_convolution_is_what_its_definition_says() {
    let conv: Conv<27, 2, f64> = Conv::new(&Cpu::seed_from_u64(2), WINDOW).expect("27 is 3 · 3 · 3");
    let images = images();
    let found = conv.forward(images.clone());
    assert_eq!(*found.shape(), (2, 3, 2, 2));
    let mut values = found.as_vec().into_iter();
    for at in (0..24).map(|at| [at / 12, at / 4 % 3, at / 2 % 2, at % 2]) {
        let wanted = by_definition(&images, &conv, at);
        let found = values.next().expect("there are 24");
        assert!((found - wanted).abs() < 1e-12, "{at:?}: {found}, {wanted}");
    }
}

#[test]
fn its_gradients_are_those_of_differences() {
    let conv: Conv<27, 2, f64> = Conv::new(&Cpu::seed_from_u64(2), WINDOW).expect("27 is 3 · 3 · 3");
    let images = images();
    let value = |conv: &Conv<27, 2, f64>, images: &Images| {
        conv.forward(images.clone()).square().sum::<Rank0, _>().array()
    };
    let gradients = conv.forward(images.leaky_trace()).square().sum::<Rank0, _>().backward();
    let near = |found: &[f64], place: usize, [above, below]: [f64; 2]| {
        let wanted = (above - below) / 2e-5;
        assert!(
            (found[place] - wanted).abs() < 1e-6 * (1.0 + wanted.abs()),
            "{place}: {}, {wanted}",
            found[place]
        );
    };
    let by_images = gradients.get(&images).as_vec();
    for place in 0..by_images.len() {
        near(
            &by_images,
            place,
            [1e-5, -1e-5].map(|step| {
                let mut values = images.as_vec();
                values[place] += step;
                value(&conv, &Cpu::default().tensor_from_vec(values, SHAPE))
            }),
        );
    }
    let by_weight = gradients.get(&conv.weight).as_vec();
    for place in 0..by_weight.len() {
        near(
            &by_weight,
            place,
            [1e-5, -1e-5].map(|step| {
                let (mut moved, mut values) = (conv.clone(), conv.weight.as_vec());
                values[place] += step;
                moved.weight.copy_from(&values);
                value(&moved, &images)
            }),
        );
    }
}

#[test]
fn batch_normalisation_has_the_gradients_of_differences() {
    use marlo_dfdx::batch_norm::{Statistics, batch_norm, normalise};
    type Rows = Tensor<(usize, usize), f64, Cpu>;
    type Row = Tensor<(usize,), f64, Cpu>;
    let device = Cpu::seed_from_u64(5);
    let x: Rows = device.sample_normal_like(&(6, 3)) * 2.0 + 1.0;
    let (gamma, beta): (Row, Row) =
        (device.sample_uniform_like(&(3,)) + 0.5, device.sample_normal_like(&(3,)));
    // A sum of squares alone would not move with x: these weights make one that does.
    let weights: Rows = device.sample_normal_like(&(6, 3));
    let loss = |x: Rows, gamma: &Row, beta: &Row| {
        let (y, _) = batch_norm(x, gamma, beta).expect("it fits");
        (y * weights.clone()).square().sum::<Rank0, _>()
    };
    let gradients = {
        let (y, statistics) = batch_norm(x.leaky_trace(), &gamma, &beta).expect("it fits");
        // With its own statistics a batch looks the same outside of training.
        let again = normalise(x.clone(), &gamma, &beta, &statistics).expect("it fits");
        assert_eq!(again.as_vec(), y.as_vec());
        let mut running = Statistics::start(3);
        running.follow(&statistics, 1.0);
        assert!(running.mean.iter().zip(&statistics.mean).all(|(a, b)| (a - b).abs() < 1e-12));
        (y * weights.clone()).square().sum::<Rank0, _>().backward()
    };
    let moved = |values: &[f64], place: usize, step: f64| {
        let mut values = values.to_vec();
        values[place] += step;
        values
    };
    let near = |found: f64, above: f64, below: f64| {
        let wanted = (above - below) / 2e-5;
        assert!((found - wanted).abs() < 1e-6 * (1.0 + wanted.abs()), "{found}, {wanted}");
    };
    for (place, found) in gradients.get(&x).as_vec().into_iter().enumerate() {
        let of = |step| {
            loss(device.tensor_from_vec(moved(&x.as_vec(), place, step), (6, 3)), &gamma, &beta).array()
        };
        near(found, of(1e-5), of(-1e-5));
    }
    for (place, found) in gradients.get(&gamma).as_vec().into_iter().enumerate() {
        let of = |step| {
            loss(x.clone(), &device.tensor_from_vec(moved(&gamma.as_vec(), place, step), (3,)), &beta).array()
        };
        near(found, of(1e-5), of(-1e-5));
    }
    for (place, found) in gradients.get(&beta).as_vec().into_iter().enumerate() {
        let of = |step| {
            loss(x.clone(), &gamma, &device.tensor_from_vec(moved(&beta.as_vec(), place, step), (3,))).array()
        };
        near(found, of(1e-5), of(-1e-5));
    }
    assert!(matches!(batch_norm(x, &device.zeros_like(&(2,)), &beta), Err(DfdxError::Length { .. })));
}

#[test]
fn strided_images_unfold_as_they_read() {
    let images = images();
    let turned: Tensor<(usize, usize, usize, usize), f64, Cpu> =
        images.clone().permute::<_, Axes4<0, 2, 1, 3>>();
    let copied = Cpu::default().tensor_from_vec(turned.as_vec(), *turned.shape());
    let of = |images: Images| unfold(images, WINDOW).expect("it fits").as_vec();
    assert_eq!(of(turned), of(copied));
}

#[test]
fn what_does_not_fit_is_named() {
    let wide = Window { side: 9, stride: 1, padding: 1 };
    let error = unfold(images(), wide).expect_err("too large").to_string();
    assert_eq!(error, "a window of 9 × 9 pixels, stride 1, does not fit images of 5 × 4 pixels");
    let still = Window { stride: 0, ..WINDOW };
    assert!(matches!(unfold(images(), still), Err(DfdxError::Window { .. })));
    assert!(matches!(Conv::<20, 2, f64>::new(&Cpu::default(), WINDOW), Err(DfdxError::Patch { .. })));
    let conv: Conv<18, 2, f64> = Conv::new(&Cpu::default(), WINDOW).expect("18 is 3 · 3 · 2");
    assert!(matches!(conv.apply(images()), Err(DfdxError::Patch { .. })));
}
