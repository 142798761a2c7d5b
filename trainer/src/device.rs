//! Where tensors live.

use burn::tensor::Device;

/// Compute devices that `--device` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceKind {
    /// CPU, pure Rust: the default.
    Flex,
    /// CPU through ndarray (feature `ndarray`): deprecated upstream, very slow.
    Ndarray,
    /// GPU through Vulkan (feature `vulkan`).
    Vulkan,
    /// GPU through WebGPU (feature `wgpu`).
    Wgpu,
    /// NVIDIA GPU (feature `cuda`).
    Cuda,
}

impl DeviceKind {
    /// Opens the device.
    ///
    /// # Errors
    /// When this build lacks the device's cargo feature; says which.
    pub fn open(self) -> anyhow::Result<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "kept selectable; its users are told in the help")]
            Self::Ndarray => Ok(Device::ndarray()),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(0)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(0)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[allow(unreachable_patterns)]
            missing => {
                let name = format!("{missing:?}").to_lowercase();
                anyhow::bail!(
                    "this build has no device `{name}`: build it with `cargo build --release -p unmask-trainer --features {name}`"
                )
            }
        }
    }
}
