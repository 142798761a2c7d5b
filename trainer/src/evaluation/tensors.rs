//! Batches on a device.

use burn::tensor::{Device, Tensor, TensorData};

use crate::dataset::Batch;

/// Moves a batch to the device: images `[clips * frames, 3, side, side]` and one label
/// per clip.
pub fn to_tensors(batch: &Batch, device: &Device) -> (Tensor<4>, Tensor<1>) {
    let shape = [batch.clips() * batch.frames, 3, batch.side, batch.side];
    let images = TensorData::new(batch.images.clone(), shape);
    let labels = TensorData::new(batch.labels.clone(), [batch.clips()]);
    (
        Tensor::from_data(images, device),
        Tensor::from_data(labels, device),
    )
}
