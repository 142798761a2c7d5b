//! A small convolutional autoencoder, vector-quantised if its shape says so.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::activation::leaky_relu;
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Distribution, Tensor};

use super::shape::{Shape, Upsampling};

const SLOPE: f64 = 0.2;

/// Encoder, bottleneck and decoder.
#[derive(Module, Debug)]
pub struct Autoencoder {
    #[module(skip)]
    shape: Shape,
    down: Vec<Conv2d>,
    narrow: Conv2d,
    /// `[book, code]`
    book: Option<Param<Tensor<2>>>,
    widen: Conv2d,
    up: Vec<Grow>,
}

/// What doubles the side of a map.
#[derive(Module, Debug)]
enum Grow {
    Conv(Conv2d),
    Transposed(ConvTranspose2d),
}

/// A reconstruction, and what quantising its code cost.
#[derive(Clone, Debug)]
pub struct Reconstructed {
    /// `[batch, 3, height, width]`
    pub images: Tensor<4>,
    /// How far codes and entries of the book are apart (van den Oord et al., "Neural
    /// Discrete Representation Learning", 2017); `None` without a book.
    pub commitment: Option<Tensor<1>>,
}

fn conv(input: usize, output: usize, stride: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([input, output], [3, 3])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_initializer(KAIMING)
        .init(device)
}

const KAIMING: Initializer = Initializer::KaimingNormal {
    gain: 1.0,
    fan_out_only: false,
};

impl Grow {
    fn new(upsampling: Upsampling, input: usize, output: usize, device: &Device) -> Self {
        let transposed = |kernel: usize| {
            let net = ConvTranspose2dConfig::new([input, output], [kernel, kernel])
                .with_stride([2, 2])
                .with_padding([1, 1])
                .with_padding_out([4 - kernel, 4 - kernel])
                .with_initializer(KAIMING);
            Self::Transposed(net.init(device))
        };
        match upsampling {
            Upsampling::Nearest | Upsampling::Bilinear => {
                Self::Conv(conv(input, output, 1, device))
            }
            Upsampling::SubPixel => Self::Conv(conv(input, 4 * output, 1, device)),
            Upsampling::Transposed3 => transposed(3),
            Upsampling::Transposed4 => transposed(4),
        }
    }

    /// `[batch, input, height, width]` to `[batch, output, 2 * height, 2 * width]`
    fn forward(&self, upsampling: Upsampling, input: Tensor<4>) -> Tensor<4> {
        let conv = match self {
            Self::Transposed(net) => return net.forward(input),
            Self::Conv(conv) => conv,
        };
        match upsampling {
            Upsampling::SubPixel => shuffle(conv.forward(input)),
            Upsampling::Bilinear => conv.forward(enlarge(input, InterpolateMode::Bilinear)),
            _ => conv.forward(enlarge(input, InterpolateMode::Nearest)),
        }
    }
}

fn enlarge(input: Tensor<4>, mode: InterpolateMode) -> Tensor<4> {
    let [_, _, height, width] = input.dims();
    let mut options = InterpolateOptions::new(mode).with_align_corners(false);
    options.output_size = Some([2 * height, 2 * width]);
    interpolate(input, options)
}

/// `[batch, 4 * channels, height, width]` to `[batch, channels, 2 * height, 2 * width]`
fn shuffle(input: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = input.dims();
    input
        .reshape([batch, channels / 4, 2, 2, height, width])
        .permute([0, 1, 4, 2, 5, 3])
        .reshape([batch, channels / 4, 2 * height, 2 * width])
}

impl Autoencoder {
    /// A network with fresh weights; seed the device first for repeatable ones.
    pub fn new(shape: Shape, device: &Device) -> Self {
        let channels = |level: usize| match level {
            0 => 3,
            level => shape.width << (level - 1),
        };
        let levels = 0..shape.halvings;
        let deepest = channels(shape.halvings);
        let book = (shape.book > 0).then(|| {
            let normal = Distribution::Normal(0.0, 1.0);
            let entries = Tensor::random([shape.book, shape.code], normal, device);
            Param::from_tensor(entries)
        });
        Self {
            shape,
            down: levels
                .clone()
                .map(|level| conv(channels(level), channels(level + 1), 2, device))
                .collect(),
            narrow: conv(deepest, shape.code, 1, device),
            book,
            widen: conv(shape.code, deepest, 1, device),
            up: levels
                .rev()
                .map(|level| {
                    Grow::new(
                        shape.upsampling,
                        channels(level + 1),
                        channels(level),
                        device,
                    )
                })
                .collect(),
        }
    }

    /// What it looks like.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Where its weights are.
    pub fn device(&self) -> Device {
        self.narrow.weight.val().device()
    }

    /// Through the bottleneck and back.
    ///
    /// # Shapes
    /// - `images`: `[batch, 3, height, width]` in [0, 1], sides multiples of
    ///   [`Shape::stride`]
    /// - output: as `images`, not clamped
    pub fn forward(&self, images: Tensor<4>) -> Reconstructed {
        let mut x = images - 0.5;
        for conv in &self.down {
            x = leaky_relu(conv.forward(x), SLOPE);
        }
        let code = self.narrow.forward(x);
        let (code, commitment) = match &self.book {
            Some(book) => {
                let (code, commitment) = quantise(code, book.val());
                (code, Some(commitment))
            }
            None => (code, None),
        };
        let mut x = self.widen.forward(code);
        for grow in &self.up {
            x = grow.forward(self.shape.upsampling, leaky_relu(x, SLOPE));
        }
        Reconstructed {
            images: x + 0.5,
            commitment,
        }
    }
}

/// Each code replaced by the nearest entry of the book; gradients pass as if it were not.
///
/// # Shapes
/// - `code`: `[batch, channels, height, width]`, `book`: `[entries, channels]`
/// - output: as `code`, and a scalar
fn quantise(code: Tensor<4>, book: Tensor<2>) -> (Tensor<4>, Tensor<1>) {
    let [batch, channels, height, width] = code.dims();
    let flat = code
        .clone()
        .permute([0, 2, 3, 1])
        .reshape([batch * height * width, channels]);
    let fixed = flat.clone().detach();
    let lengths = book
        .clone()
        .detach()
        .powf_scalar(2.0)
        .sum_dim(1)
        .transpose(); // [1, entries]
    let distance = lengths - fixed.clone().matmul(book.clone().detach().transpose()) * 2.0;
    let nearest = distance.argmin(1).squeeze_dim::<1>(1);
    let found = book.select(0, nearest);
    let apart = |a: Tensor<2>, b: Tensor<2>| (a - b).powf_scalar(2.0).mean();
    let commitment =
        apart(found.clone(), fixed.clone()) + apart(flat.clone(), found.clone().detach()) * 0.25;
    let straight = flat + (found.detach() - fixed);
    let straight = straight
        .reshape([batch, height, width, channels])
        .permute([0, 3, 1, 2]);
    (straight, commitment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconstruct::SHAPES;
    use crate::test_numbers::uniform;
    use burn::tensor::TensorData;

    fn tensor(values: &[f32], shape: [usize; 4]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
    }

    fn assert_values(made: Tensor<4>, shape: [usize; 4], known: &[f32]) {
        assert_eq!(made.dims(), shape);
        let made = made.into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(made, known);
    }

    #[test]
    fn every_shape_gives_back_a_picture_of_the_same_size() {
        for shape in SHAPES {
            let side = 3 * shape.stride();
            let net = Autoencoder::new(shape, &Device::flex());
            let images = uniform([2, 3, side, side], 3, &Device::flex());
            let made = net.forward(images);
            assert_eq!(made.images.dims(), [2, 3, side, side], "{shape:?}");
            assert_eq!(made.commitment.is_some(), shape.book > 0, "{shape:?}");
            assert!(
                net.num_params() < 200_000,
                "{shape:?}: {}",
                net.num_params()
            );
        }
    }

    /// ```text
    /// x = torch.tensor([[[[1.,2.],[3.,5.]]]]); F.interpolate(x, scale_factor=2, mode=...)
    /// F.pixel_shuffle(torch.arange(16.).reshape(1,8,1,2), 2)
    /// w = torch.arange(1.,10.).reshape(1,1,3,3)
    /// F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1)
    /// ```
    #[test]
    fn upsampling_is_that_of_pytorch() {
        let x = tensor(&[1.0, 2.0, 3.0, 5.0], [1, 1, 2, 2]);
        let bilinear = [
            1.0, 1.25, 1.75, 2.0, 1.5, 1.8125, 2.4375, 2.75, 2.5, 2.9375, 3.8125, 4.25, 3.0, 3.5,
            4.5, 5.0,
        ];
        assert_values(
            enlarge(x.clone(), InterpolateMode::Bilinear),
            [1, 1, 4, 4],
            &bilinear,
        );
        let nearest = [
            1., 1., 2., 2., 1., 1., 2., 2., 3., 3., 5., 5., 3., 3., 5., 5.,
        ];
        assert_values(
            enlarge(x.clone(), InterpolateMode::Nearest),
            [1, 1, 4, 4],
            &nearest,
        );
        let rising: Vec<f32> = (0..16).map(|i| i as f32).collect();
        let shuffled = [
            0., 2., 1., 3., 4., 6., 5., 7., 8., 10., 9., 11., 12., 14., 13., 15.,
        ];
        assert_values(
            shuffle(tensor(&rising, [1, 8, 1, 2])),
            [1, 2, 2, 4],
            &shuffled,
        );
        let Grow::Transposed(mut net) = Grow::new(Upsampling::Transposed3, 1, 1, &Device::flex())
        else {
            panic!("a transposed convolution was asked for");
        };
        let taps: Vec<f32> = (1..10).map(|i| i as f32).collect();
        net.weight = Param::from_tensor(tensor(&taps, [1, 1, 3, 3]));
        net.bias = None;
        let known = [
            5., 14., 10., 12., 14., 37., 26., 33., 15., 38., 25., 30., 24., 62., 40., 45.,
        ];
        assert_values(net.forward(x), [1, 1, 4, 4], &known);
    }

    /// Codes 0.2 and 0.9 lie next to the entries 0 and 1: the mean of the square distances
    /// is (0.04 + 0.01) / 2, once for the book and a quarter for the codes. A gradient of
    /// what comes out reaches the codes whole.
    #[test]
    fn codes_take_the_nearest_entry_and_gradients_pass() {
        let code = tensor(&[0.2, 0.9], [1, 1, 1, 2]).autodiff().require_grad();
        let book = TensorData::new(vec![0.0f32, 1.0, 4.0], [3, 1]);
        let book = Tensor::<2>::from_data(book, &Device::flex())
            .autodiff()
            .require_grad();
        let (made, commitment) = quantise(code.clone(), book.clone());
        assert_values(made.clone().inner(), [1, 1, 1, 2], &[0.0, 1.0]);
        let commitment: f32 = commitment.inner().into_scalar();
        assert!((commitment - 0.031_25).abs() < 1e-6, "{commitment}");
        let gradients = (made * 3.0).sum().backward(); // consumes the graph
        assert_values(code.grad(&gradients).unwrap(), [1, 1, 1, 2], &[3.0, 3.0]);
        let gradients = quantise(code, book.clone()).1.backward();
        // Twice the distance over the number of codes.
        let slope = book
            .grad(&gradients)
            .unwrap()
            .into_data()
            .try_into_vec::<f32>()
            .unwrap();
        for (made, known) in slope.iter().zip([-0.2, 0.1, 0.0]) {
            assert!((made - known).abs() < 1e-6, "{slope:?}");
        }
    }
}
