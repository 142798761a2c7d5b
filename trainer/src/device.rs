//! Where tensors live.

use anyhow::{Result, bail, ensure};
use burn::tensor::Device;
use clap::ValueEnum;

/// Compute devices that `--device` may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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

/// Flags of a command that trains or measures.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct DeviceArgs {
    /// Compute device
    #[arg(long, value_enum, default_value = "flex")]
    pub device: DeviceKind,
    /// GPUs that share every step of `train`, each with its part of the batch
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub devices: usize,
}

impl DeviceArgs {
    /// Opens the one device of a command that cannot use several.
    ///
    /// # Errors
    /// As [`DeviceKind::open`]; and where more than one device is asked for.
    pub fn open(&self) -> Result<Device> {
        ensure!(
            self.devices == 1,
            "--devices {}: only `train` uses several; leave it out",
            self.devices
        );
        self.device.open()
    }

    /// Opens the devices that share the steps of a run; the first holds the weights.
    ///
    /// # Errors
    /// As [`DeviceKind::open`]; and where the machine has fewer, or the kind is the CPU.
    pub fn open_all(&self) -> Result<Vec<Device>> {
        ensure!(self.devices > 0, "--devices is 0: it must be at least 1");
        if self.devices == 1 {
            return Ok(vec![self.device.open()?]);
        }
        let found = self.device.enumerate()?;
        ensure!(
            found.len() >= self.devices,
            "--devices {}: this machine shows {} for `{}`; ask for as many, or start runs on several machines: docs/scale.md",
            self.devices,
            found.len(),
            self.device
        );
        Ok(found.into_iter().take(self.devices).collect())
    }
}

impl std::fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Flex => "flex",
            Self::Ndarray => "ndarray",
            Self::Vulkan => "vulkan",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        })
    }
}

impl DeviceKind {
    /// Opens the device and tries it on one number.
    ///
    /// # Errors
    /// When this build lacks the device's cargo feature, or the machine the device or its
    /// driver; says what to do.
    pub fn open(self) -> Result<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "kept selectable; its users are told in the help")]
            Self::Ndarray => Ok(Device::ndarray()),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => gpu(self, || adapter(burn::tensor::wgpu::WgpuBackend::Vulkan)),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => gpu(self, || adapter(burn::tensor::wgpu::WgpuBackend::Auto)),
            #[cfg(feature = "cuda")]
            Self::Cuda => gpu(self, || Ok(Device::cuda(0))),
            #[allow(unreachable_patterns, reason = "a build may have every feature")]
            missing => bail!(
                "this build has no device `{missing}`: build it with `cargo build --release -p unmask-trainer --features {missing}`"
            ),
        }
    }

    /// Every device of the kind that this machine shows.
    fn enumerate(self) -> Result<Vec<Device>> {
        match self {
            Self::Flex | Self::Ndarray => bail!(
                "--devices: the CPU is one device and trains on all cores already (RAYON_NUM_THREADS limits them); runs with other seeds or methods go to other machines: docs/scale.md"
            ),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => gpus(self, burn::tensor::DeviceType::Vulkan),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => gpus(self, burn::tensor::DeviceType::Wgpu),
            #[cfg(feature = "cuda")]
            Self::Cuda => gpus(self, burn::tensor::DeviceType::Cuda),
            #[allow(unreachable_patterns, reason = "a build may have every feature")]
            missing => missing.open().map(|device| vec![device]),
        }
    }
}

/// Lists GPUs; the first one is tried, so that a missing driver is an error and no panic.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn gpus(kind: DeviceKind, of: burn::tensor::DeviceType) -> Result<Vec<Device>> {
    kind.open()?;
    Ok(Device::enumerate(of).into_vec())
}

/// The adapter that `CUBECL_WGPU_DEFAULT_DEVICE` names, or the best one.
#[cfg(feature = "wgpu")]
fn adapter(api: burn::tensor::wgpu::WgpuBackend) -> Result<Device> {
    let options = Device::wgpu_options().graphics_api(api);
    options.init().map_err(|error| anyhow::anyhow!("{error}"))
}

/// Opens a GPU; its libraries panic where they find none, which becomes an error.
#[cfg(any(feature = "wgpu", feature = "cuda", test))]
fn gpu(
    kind: DeviceKind,
    open: impl FnOnce() -> Result<Device> + std::panic::UnwindSafe,
) -> Result<Device> {
    use burn::tensor::Tensor;

    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let tried = std::panic::catch_unwind(|| {
        let device = open()?;
        let two: f32 = (Tensor::<1>::ones([1], &device) + 1.0).into_scalar();
        ensure!(two == 2.0, "it computed 1 + 1 = {two}");
        Ok(device)
    });
    std::panic::set_hook(shown);
    let error = match tried {
        Ok(Ok(device)) => return Ok(device),
        Ok(Err(error)) => format!("{error:#}"),
        Err(panic) => said(panic.as_ref()),
    };
    let wants = match kind {
        DeviceKind::Cuda => {
            "an NVIDIA driver, the CUDA headers and NVRTC; `nvidia-smi` must list the GPU"
        }
        _ => "a GPU and its driver; `vulkaninfo --summary` must list it",
    };
    bail!(
        "the device `{kind}` does not start ({error}): it needs {wants}. Without, use --device flex"
    )
}

/// What a panic said.
#[cfg(any(feature = "wgpu", feature = "cuda", test))]
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it gave no reason").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_were_not_built_name_their_feature() {
        for kind in DeviceKind::value_variants() {
            if let Err(error) = kind.open() {
                let text = error.to_string();
                let built = text.contains("does not start");
                assert!(
                    built || text.contains(&format!("--features {kind}")),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_device_that_panics_is_an_error() {
        let error = gpu(DeviceKind::Vulkan, || panic!("no adapter of {} found", 0)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("no adapter of 0 found") && text.contains("--device flex"),
            "{text}"
        );
    }

    #[test]
    fn several_devices_are_refused_with_a_remedy() {
        let two = |device| DeviceArgs { device, devices: 2 };
        let text = two(DeviceKind::Flex).open_all().unwrap_err().to_string();
        assert!(
            text.contains("--devices") && text.contains("docs/scale.md"),
            "{text}"
        );
        assert!(two(DeviceKind::Flex).open().is_err());
        let none = DeviceArgs {
            device: DeviceKind::Flex,
            devices: 0,
        };
        assert!(none.open_all().is_err());
    }
}
