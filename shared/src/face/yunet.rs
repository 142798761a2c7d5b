//! A face finder from a file: any ONNX network with the outputs of YuNet, run with tract.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::prelude::*;

use super::heads::{Cells, HEADS, STRIDES};
use super::letterbox::{Place, SIDE_STEP, enlarged};
use super::nms::keep_surest;
use super::shrink::Shrink;
use super::{Face, Finder, FinderConfig, FinderError};
use crate::bundle::sha256_hex;
use crate::engine::{self, EngineError, guarded, tract_error};
use crate::sample::RgbView;

/// Most bytes of a face finder's network.
pub const FINDER_BYTES_MAX: u64 = 32 << 20;
/// What YuNet files use besides the operators of a detector.
const OPERATORS: &[&str] = &["Gather", "Resize", "Shape", "Sigmoid"];
/// Plans that are kept: one for each size of the network's picture.
const PLANS_MAX: usize = 8;
/// Longest side of the picture that a file may ask for.
const SIDE_MAX: i64 = 4096;
/// [`Face::face_px`] of the smallest face that is seen, in pixels of the network's picture.
const FACE_PX: f32 = 16.0;
/// Outputs: four for each of three sides of cells.
const OUTPUTS: usize = HEADS.len() * STRIDES.len();

/// A network with YuNet's outputs. Cheap to clone; each thread takes a finder from it.
#[derive(Clone, Debug)]
pub struct Yunet {
    proto: Arc<pb::ModelProto>,
    sha256: String,
    /// Which output of the graph is which: those of the smallest cells first, in the order of
    /// [`HEADS`].
    outputs: [usize; OUTPUTS],
    /// The only size of picture that it takes, width and height.
    fixed: Option<(usize, usize)>,
}

impl Yunet {
    /// Reads a network from a file.
    ///
    /// # Errors
    /// When the file cannot be read or is no such network; the error names it.
    pub fn open(path: &Path) -> Result<Self, FinderError> {
        let refused = |problem: String| FinderError::File {
            path: path.into(),
            problem,
        };
        let bytes = read(path).map_err(refused)?;
        let network = Self::from_bytes(&bytes);
        network.map_err(|error| refused(plain(error)))
    }

    /// Takes a network that is in memory.
    ///
    /// # Errors
    /// When it is no such network, or larger or stranger than any.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EngineError> {
        if bytes.len() as u64 > FINDER_BYTES_MAX {
            let why = "it is larger than any face finder";
            return Err(EngineError::Refused(why.into()));
        }
        let network = Self::from_proto(engine::decode(bytes)?)?;
        Ok(Self {
            sha256: sha256_hex(bytes),
            ..network
        })
    }

    fn from_proto(proto: pb::ModelProto) -> Result<Self, EngineError> {
        let graph = engine::inspect(&proto, OPERATORS)?;
        let mut outputs = [0; OUTPUTS];
        for (at, output) in outputs.iter_mut().enumerate() {
            let (stride, (head, _)) = (STRIDES[at / HEADS.len()], HEADS[at % HEADS.len()]);
            let name = format!("{head}_{stride}");
            let place = graph.output.iter().position(|output| output.name == name);
            let missing = || EngineError::Refused(format!("it has no output {name}"));
            *output = place.ok_or_else(missing)?;
        }
        let is_input = |value: &&pb::ValueInfoProto| {
            graph
                .initializer
                .iter()
                .all(|tensor| tensor.name != value.name)
        };
        let mut inputs = graph.input.iter().filter(is_input);
        let (Some(input), None) = (inputs.next(), inputs.next()) else {
            let why = "it does not take one picture";
            return Err(EngineError::Refused(why.into()));
        };
        let network = Self {
            fixed: fixed_size(input)?,
            proto: Arc::new(proto),
            sha256: String::new(),
            outputs,
        };
        // What is wrong with it shows here rather than in front of a camera.
        network.plan(network.fixed.unwrap_or((2 * SIDE_STEP, SIDE_STEP)))?;
        Ok(network)
    }

    /// SHA-256 of the file in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// A finder for one thread.
    ///
    /// # Errors
    /// Settings out of range.
    pub fn finder(&self, config: FinderConfig) -> Result<YunetFinder, FinderError> {
        config.check()?;
        Ok(YunetFinder {
            network: self.clone(),
            config,
            shrink: Shrink::default(),
            plans: VecDeque::with_capacity(PLANS_MAX),
        })
    }

    /// The network for pictures of one size, ready to run.
    fn plan(&self, (width, height): (usize, usize)) -> Result<Plan, EngineError> {
        let plan = guarded(|| {
            onnx()
                .with_ignore_value_info(true)
                .with_ignore_output_shapes(true)
                .model_for_proto_model(&self.proto)?
                .with_input_fact(0, f32::fact([1, 3, height, width]).into())?
                .into_optimized()?
                .into_runnable()
        })?;
        engine::check_sizes(&plan)?;
        for (at, output) in self.outputs.iter().enumerate() {
            let (stride, (head, numbers)) = (STRIDES[at / HEADS.len()], HEADS[at % HEADS.len()]);
            let fact = plan.model().output_fact(*output);
            let fact = fact.map_err(|e| tract_error(&e))?;
            let cells = (width / stride) * (height / stride);
            let wanted = [1, cells, numbers];
            let found = fact.shape.as_concrete();
            if fact.datum_type != f32::datum_type() || found != Some(&wanted[..]) {
                return Err(EngineError::Refused(format!(
                    "its output {head}_{stride} is {:?} {:?} for a picture of {width} x {height}, not f32 {wanted:?}",
                    fact.datum_type, fact.shape
                )));
            }
        }
        Ok(Plan {
            size: (width, height),
            state: guarded(|| plan.spawn())?,
            picture: blank(width, height),
        })
    }
}

/// Looks for faces with a [`Yunet`]. The time for a frame depends on its size after shrinking;
/// for a new size, the network is prepared anew.
pub struct YunetFinder {
    network: Yunet,
    config: FinderConfig,
    shrink: Shrink,
    /// The last used first.
    plans: VecDeque<Plan>,
}

struct Plan {
    size: (usize, usize),
    state: TypedSimpleState,
    /// `[1, 3, height, width]`
    picture: Arc<Tensor>,
}

impl YunetFinder {
    fn place(&self, size: (usize, usize)) -> Place {
        match self.network.fixed {
            Some(canvas) => Place::within(size, canvas),
            None => Place::fitted(size, self.config.longest_side_px),
        }
    }

    /// Runs the network; the faces are in pixels of its picture.
    fn run(
        &mut self,
        view: &RgbView<'_>,
        place: &Place,
        faces: &mut Vec<Face>,
    ) -> Result<(), EngineError> {
        let known = self.plans.iter().position(|plan| plan.size == place.canvas);
        let mut plan = match known.and_then(|at| self.plans.remove(at)) {
            Some(plan) => plan,
            None => self.network.plan(place.canvas)?,
        };
        let outputs = plan.run(|planes| place.draw(view, &mut self.shrink, planes))?;
        for (stride, names) in STRIDES
            .into_iter()
            .zip(self.network.outputs.chunks_exact(HEADS.len()))
        {
            let head = |at: usize| engine::values(&outputs, names[at]);
            let cells = Cells {
                stride,
                columns: place.canvas.0 / stride,
                cls: head(0)?,
                obj: head(1)?,
                bbox: head(2)?,
                kps: head(3)?,
            };
            cells.decode(self.config.score_min, faces);
        }
        self.plans.truncate(PLANS_MAX - 1);
        self.plans.push_front(plan);
        Ok(())
    }
}

impl Finder for YunetFinder {
    fn find(&mut self, view: &RgbView<'_>, faces: &mut Vec<Face>) -> Result<(), FinderError> {
        faces.clear();
        let place = self.place((view.width(), view.height()));
        if let Err(error) = self.run(view, &place, faces) {
            faces.clear();
            return Err(FinderError::Failed(plain(error)));
        }
        let least = self.config.min_face_px as f32;
        faces.retain_mut(|face| {
            *face = enlarged(face, place.step);
            face.face_px() >= least
        });
        keep_surest(faces, self.config.faces_max);
        Ok(())
    }

    fn smallest_face_px(&self, width: usize, height: usize) -> f32 {
        let (across, down) = self.place((width, height)).step;
        (FACE_PX * across.max(down)).max(self.config.min_face_px as f32)
    }
}

impl Plan {
    /// Shows the network the picture that `draw` draws.
    fn run(&mut self, draw: impl FnOnce(&mut [f32])) -> Result<TVec<TValue>, EngineError> {
        if Arc::get_mut(&mut self.picture).is_none() {
            // A run that failed may have kept the last one.
            self.picture = blank(self.size.0, self.size.1);
        }
        if let Some(picture) = Arc::get_mut(&mut self.picture) {
            let planes = picture.try_as_plain_ram_mut().and_then(|mut view| {
                draw(view.as_slice_mut::<f32>()?);
                Ok(())
            });
            planes.map_err(|e| tract_error(&e))?;
        }
        let input = TValue::from_const(Arc::clone(&self.picture));
        guarded(|| self.state.run(tvec![input]))
    }
}

fn blank(width: usize, height: usize) -> Arc<Tensor> {
    Arc::new(Tensor::zero::<f32>(&[1, 3, height, width]).unwrap_or_default())
}

/// Width and height where both are given; `None` where neither is.
fn fixed_size(input: &pb::ValueInfoProto) -> Result<Option<(usize, usize)>, EngineError> {
    use pb::tensor_shape_proto::dimension::Value;
    use pb::type_proto::Value::TensorType;

    let refused = |why: &str| Err(EngineError::Refused(why.into()));
    let shape = match input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(TensorType(tensor)) => tensor.shape.as_ref(),
        _ => None,
    };
    let sides: Vec<Option<i64>> = shape.map_or(vec![], |shape| {
        let sides = shape.dim.iter().map(|side| match side.value {
            Some(Value::DimValue(value)) => Some(value),
            _ => None,
        });
        sides.collect()
    });
    match sides[..] {
        [_, Some(3) | None, None, None] => Ok(None),
        [_, Some(3) | None, Some(height), Some(width)] => {
            let fits = |side: i64| (1..=SIDE_MAX).contains(&side) && side % SIDE_STEP as i64 == 0;
            match fits(width) && fits(height) {
                true => Ok(Some((width as usize, height as usize))),
                false => refused("the sides of its picture are no multiples of 32 up to 4096"),
            }
        }
        _ => refused("its input is not a picture [1, 3, height, width]"),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let about = fs::metadata(path).map_err(|cause| cause.to_string())?;
    if about.is_dir() {
        return Err("it is a folder; name the ONNX file in it".into());
    }
    // Opening a pipe would wait for its writer.
    if !about.is_file() {
        return Err("it is not a file".into());
    }
    let mut bytes = Vec::new();
    let open = File::open(path);
    let read = open.and_then(|file| file.take(FINDER_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|cause| cause.to_string())?;
    Ok(bytes)
}

/// What went wrong, without what to do about other networks.
fn plain(error: EngineError) -> String {
    match error {
        EngineError::Refused(why) | EngineError::Disagree(why) | EngineError::Tract(why) => why,
        error @ EngineError::CropSize { .. } => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
