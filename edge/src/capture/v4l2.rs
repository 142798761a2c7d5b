//! Cameras of Linux, through V4L2.
//!
//! The `v4l` crate hands out a buffer only from `next()`, which gives the last
//! buffer back first. After a timeout in between it would give back one that the
//! driver still has, and fail for ever. So we wait for a filled buffer ourselves
//! and call `next()` when there is one; should it fail all the same, one buffer
//! is taken out by hand, unseen, and `next()` goes on from there. The crate
//! panics on answers that it does not know: those become errors here.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use unmask_pixels::{ColourRange, ColourSpace, Format, PixelFormat, YcbcrMatrix};
use v4l::buffer::{Flags, Type};
use v4l::capability::Flags as Capability;
use v4l::format::{Colorspace, Quantization};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::mmap::Stream as MmapStream;
use v4l::io::traits::{CaptureStream, Stream};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{FourCC, Fraction};

use super::device::{Buffer, Bus, Device, WantedFormat};
use super::identity::Attached;
use super::sysfs;

/// Buffers that the driver fills in turn.
const BUFFERS: u32 = 4;
/// POLLIN: a buffer is filled.
const READABLE: i16 = 1;
/// ENODEV: the device is gone.
const GONE: i32 = 19;
/// Most sizes and rates told of a camera.
const MODES_MAX: usize = 512;

/// The cameras that this machine's kernel knows.
#[derive(Debug, Clone)]
pub struct V4l2Bus {
    sys: PathBuf,
    dev: PathBuf,
}

impl Default for V4l2Bus {
    fn default() -> Self {
        Self {
            sys: "/sys".into(),
            dev: "/dev".into(),
        }
    }
}

impl Bus for V4l2Bus {
    fn list(&mut self) -> io::Result<Vec<Attached>> {
        sysfs::list(&self.sys, &self.dev)
    }

    fn open(&mut self, camera: &Attached, wanted: &WantedFormat) -> io::Result<Box<dyn Device>> {
        guarded(|| V4l2Device::open(&camera.path, wanted)).map(|device| Box::new(device) as _)
    }
}

/// One way in which a camera can deliver.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// The driver's code for the format.
    pub code: String,
    /// Whether it can be used here.
    pub is_usable: bool,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second, where the driver tells.
    pub rates_hz: Vec<f64>,
}

/// What a camera can deliver.
pub fn modes(path: &Path) -> io::Result<Vec<Mode>> {
    guarded(|| {
        let device = capture_device(path)?;
        let mut modes = Vec::new();
        for format in device.enum_formats()? {
            for (width, height) in sizes(&device, format.fourcc) {
                if modes.len() < MODES_MAX {
                    modes.push(Mode {
                        code: String::from_utf8_lossy(&format.fourcc.repr).into_owned(),
                        is_usable: PixelFormat::from_fourcc(format.fourcc.repr).is_some(),
                        width,
                        height,
                        rates_hz: rates(&device, format.fourcc, width, height),
                    });
                }
            }
        }
        Ok(modes)
    })
}

fn capture_device(path: &Path) -> io::Result<v4l::Device> {
    let device = v4l::Device::with_path(path)?;
    let flags = device.query_caps()?.capabilities;
    if flags.contains(Capability::VIDEO_CAPTURE | Capability::STREAMING) {
        return Ok(device);
    }
    let what = if flags.contains(Capability::VIDEO_CAPTURE_MPLANE) {
        "it delivers its planes one by one, which is not supported; \
         use a command instead, such as --source rpicam or --source csi"
    } else {
        "it delivers no pictures"
    };
    Err(io::Error::new(io::ErrorKind::Unsupported, what))
}

fn sizes(device: &v4l::Device, code: FourCC) -> Vec<(u32, u32)> {
    let sizes = device.enum_framesizes(code).unwrap_or_default();
    let mut all = Vec::new();
    for size in sizes {
        match size.size {
            FrameSizeEnum::Discrete(size) => all.push((size.width, size.height)),
            FrameSizeEnum::Stepwise(range) => {
                all.push((range.min_width, range.min_height));
                all.push((range.max_width, range.max_height));
            }
        }
    }
    all
}

fn rates(device: &v4l::Device, code: FourCC, width: u32, height: u32) -> Vec<f64> {
    let hz = |interval: &Fraction| {
        f64::from(interval.denominator) / f64::from(interval.numerator.max(1))
    };
    let intervals = device
        .enum_frameintervals(code, width, height)
        .unwrap_or_default();
    let mut rates = Vec::new();
    for interval in intervals {
        match interval.interval {
            FrameIntervalEnum::Discrete(interval) => rates.push(hz(&interval)),
            FrameIntervalEnum::Stepwise(range) => rates.extend([hz(&range.min), hz(&range.max)]),
        }
    }
    rates
}

/// A camera that is open.
struct V4l2Device {
    device: Option<v4l::Device>,
    stream: Option<MmapStream<'static>>,
    /// The driver has every buffer: one must be taken out by hand.
    must_resume: bool,
}

impl V4l2Device {
    fn open(path: &Path, wanted: &WantedFormat) -> io::Result<Self> {
        let device = capture_device(path)?;
        let pixels = choose(&device, wanted)?;
        let code = FourCC::new(&pixels.fourcc());
        let (width, height) = (wanted.width as u32, wanted.height as u32);
        device.set_format(&v4l::Format::new(width, height, code))?;
        // Not every driver lets its rate be set; the frames tell what it is.
        let rate = (wanted.rate_hz.clamp(0.01, 1000.0) * 1000.0) as u32;
        let _ = device.set_params(&Parameters::new(Fraction::new(1000, rate)));
        let mut stream = MmapStream::with_buffers(&device, Type::VideoCapture, BUFFERS)?;
        // Buffer 0 is queued by the first `next()`. The driver may have made
        // fewer than we asked for.
        for index in 1..BUFFERS as usize {
            if CaptureStream::queue(&mut stream, index).is_err() {
                break;
            }
        }
        stream.start()?;
        Ok(Self {
            device: Some(device),
            stream: Some(stream),
            must_resume: false,
        })
    }

    fn next(&mut self, wait: Duration) -> io::Result<Buffer<'_>> {
        let stream = self.stream.as_mut().ok_or_else(closed)?;
        stream.set_timeout(wait);
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        if stream.handle().poll(READABLE, wait_ms)? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if self.must_resume {
            CaptureStream::dequeue(stream)?;
        }
        // Until `next` has gone well, the driver may have every buffer.
        self.must_resume = true;
        let (bytes, meta) = CaptureStream::next(stream)?;
        self.must_resume = false;
        let seconds = u64::try_from(meta.timestamp.sec).unwrap_or(0);
        let micros = u64::try_from(meta.timestamp.usec).unwrap_or(0);
        Ok(Buffer {
            bytes,
            used: meta.bytesused as usize,
            has_error: meta.flags.contains(Flags::ERROR),
            size: None,
            time: Duration::from_secs(seconds) + Duration::from_micros(micros.min(999_999)),
        })
    }
}

/// What the driver says of brightness and colour, as the kernel's defaults complete it
/// (`V4L2_MAP_YCBCR_ENC_DEFAULT`, `V4L2_MAP_QUANTIZATION_DEFAULT`): an encoding that differs from
/// that of the colour space is not told by the library. BT.2020 is nearest to BT.709.
fn colours(space: Colorspace, quantization: Quantization) -> ColourSpace {
    let range = match (quantization, space) {
        (Quantization::FullRange, _) | (Quantization::Default, Colorspace::JPEG) => {
            ColourRange::Full
        }
        _ => ColourRange::Studio,
    };
    let matrix = match space {
        Colorspace::Rec709 | Colorspace::DCIP3 | Colorspace::Rec2020 => YcbcrMatrix::Bt709,
        _ => YcbcrMatrix::Bt601,
    };
    ColourSpace { matrix, range }
}

/// The first format that the camera has at the wanted size, else the first that
/// it has at all.
fn choose(device: &v4l::Device, wanted: &WantedFormat) -> io::Result<PixelFormat> {
    if let Some(pixels) = wanted.pixels {
        return Ok(pixels);
    }
    let offered = device.enum_formats()?;
    let has = |pixels: &PixelFormat| {
        let same = |code: [u8; 4]| PixelFormat::from_fourcc(code) == Some(*pixels);
        offered.iter().any(|format| same(format.fourcc.repr))
    };
    let size = (wanted.width as u32, wanted.height as u32);
    let at_size =
        |pixels: &PixelFormat| sizes(device, FourCC::new(&pixels.fourcc())).contains(&size);
    let usable: Vec<PixelFormat> = PixelFormat::ALL.into_iter().filter(has).collect();
    let exact = usable.iter().copied().find(at_size);
    exact.or_else(|| usable.first().copied()).ok_or_else(|| {
        let codes: Vec<String> = offered.iter().map(|f| f.fourcc.to_string()).collect();
        io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "it offers {} only; supported are {}",
                codes.join(", "),
                PixelFormat::codes()
            ),
        )
    })
}

impl Device for V4l2Device {
    fn format(&mut self) -> io::Result<Format> {
        let device = self.device.as_ref().ok_or_else(closed)?;
        let format = guarded(|| device.format())?;
        let unsupported = |what: String| io::Error::new(io::ErrorKind::Unsupported, what);
        let pixels = PixelFormat::from_fourcc(format.fourcc.repr)
            .ok_or_else(|| unsupported(format!("it delivers {}", format.fourcc)))?;
        let (width, height) = (format.width as usize, format.height as usize);
        let colours = colours(format.colorspace, format.quantization);
        Format::with_stride(pixels, width, height, format.stride as usize)
            .map(|format| format.with_colours(colours))
            .map_err(|error| unsupported(error.to_string()))
    }

    fn dequeue(&mut self, wait: Duration) -> io::Result<Buffer<'_>> {
        guarded(|| self.next(wait))
    }
}

impl Drop for V4l2Device {
    fn drop(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            match guarded(|| stream.stop()) {
                Err(error) if error.raw_os_error() != Some(GONE) => {
                    tracing::error!(%error, "a camera could not be stopped; its buffers are lost");
                    // To drop it would try again, and panic twice.
                    std::mem::forget(stream);
                }
                _ => drop(guarded(|| {
                    drop(stream);
                    Ok(())
                })),
            }
        }
        let device = self.device.take();
        drop(guarded(|| {
            drop(device);
            Ok(())
        }));
    }
}

fn closed() -> io::Error {
    io::Error::from_raw_os_error(GONE)
}

/// Makes errors of the crate's panics.
fn guarded<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(io::Error::other(
            "the driver gave an answer that the v4l library does not know",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `linux/videodev2.h` maps the defaults of YCbCr pictures.
    #[test]
    fn colours_are_those_that_the_driver_tells() {
        let of = |space, quantization| {
            let colours = colours(space, quantization);
            (colours.matrix, colours.range)
        };
        let studio = (YcbcrMatrix::Bt601, ColourRange::Studio);
        let default = Quantization::Default;
        assert_eq!(of(Colorspace::Default, default), studio);
        assert_eq!(of(Colorspace::SRGB, default), studio);
        assert_eq!(
            of(Colorspace::SMPTE170M, Quantization::LimitedRange),
            studio
        );
        let full = (YcbcrMatrix::Bt601, ColourRange::Full);
        assert_eq!(of(Colorspace::JPEG, default), full);
        assert_eq!(of(Colorspace::SRGB, Quantization::FullRange), full);
        let high = (YcbcrMatrix::Bt709, ColourRange::Studio);
        assert_eq!(of(Colorspace::Rec709, default), high);
        assert_eq!(of(Colorspace::JPEG, Quantization::LimitedRange), studio);
    }

    #[test]
    fn a_panic_in_the_library_is_an_error() {
        let error = guarded::<()>(|| panic!("Invalid colorspace")).unwrap_err();
        assert!(error.to_string().contains("does not know"), "{error}");
    }

    #[test]
    fn a_file_is_no_camera() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let Err(error) = V4l2Device::open(file.path(), &WantedFormat::default()) else {
            panic!("a file was opened as a camera");
        };
        // ENOTTY
        assert_eq!(error.raw_os_error(), Some(25));
        assert!(modes(file.path()).is_err());
        let missing = modes(Path::new("/dev/video-missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
