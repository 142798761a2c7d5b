//! A face finder in the file format of YuNet, run with tract.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tract_onnx::pb;
use tract_onnx::prelude::*;
use unmask_shared::face::dense::graph::STRIDES;
use unmask_shared::geometry::{FaceBox, Point};

use unmask_shared::face::Face;

/// Two boxes of one face overlap by more than this, as intersection over union.
const SAME_FACE: f32 = 0.3;

/// A loaded file.
#[derive(Debug)]
pub struct Teacher {
    proto: pb::ModelProto,
    plans: HashMap<[usize; 2], Plan>,
}

#[derive(Debug)]
struct Plan {
    runnable: Arc<TypedRunnableModel>,
    /// Where `cls`, `obj`, `bbox` and `kps` of each level stand among the outputs.
    outputs: [[usize; 4]; 3],
}

/// What a network says about each cell of a level.
#[derive(Clone, Copy, Debug)]
pub struct Heads<'a> {
    /// Pixels per cell.
    pub stride: usize,
    /// Cells in a row.
    pub columns: usize,
    /// `[cells]`, 0 to 1
    pub cls: &'a [f32],
    /// `[cells]`, 0 to 1
    pub obj: &'a [f32],
    /// `[cells, 4]`
    pub bbox: &'a [f32],
    /// `[cells, 10]`
    pub kps: &'a [f32],
}

impl Teacher {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is no ONNX file.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read the face finder {}", path.display()))?;
        Self::from_bytes(&bytes)
            .with_context(|| format!("{} is no face finder of YuNet's format", path.display()))
    }

    /// Takes the bytes of a file.
    ///
    /// # Errors
    /// When they are no ONNX file.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self> {
        Ok(Self {
            proto: onnx().proto_model_for_read(&mut bytes)?,
            plans: HashMap::new(),
        })
    }

    /// Runs the network on one picture, and hands the heads of each level to `look`.
    ///
    /// # Shapes
    /// - `blob`: `[3, height, width]`, blue, green and red, 0 to 255; sides are multiples of 32
    ///
    /// # Errors
    /// When tract fails, or the file has other outputs.
    pub fn run(
        &mut self,
        blob: &[f32],
        size: [usize; 2],
        mut look: impl FnMut(Heads<'_>),
    ) -> Result<()> {
        if !self.plans.contains_key(&size) {
            let plan = self.plan(size)?;
            self.plans.insert(size, plan);
        }
        let plan = &self.plans[&size];
        let input = Tensor::from_shape(&[1, 3, size[0], size[1]], blob)?;
        let outputs = plan.runnable.run(tvec!(input.into_tvalue()))?;
        for (stride, places) in STRIDES.into_iter().zip(&plan.outputs) {
            let cells = (size[0] / stride) * (size[1] / stride);
            let mut found = [&[][..]; 4];
            for ((values, place), each) in found.iter_mut().zip(places).zip([1, 1, 4, 10]) {
                *values = outputs[*place].try_as_plain_ram()?.as_slice::<f32>()?;
                ensure!(values.len() == each * cells, "an output has another shape");
            }
            let [cls, obj, bbox, kps] = found;
            let columns = size[1] / stride;
            look(Heads {
                stride,
                columns,
                cls,
                obj,
                bbox,
                kps,
            });
        }
        Ok(())
    }

    fn plan(&self, [height, width]: [usize; 2]) -> Result<Plan> {
        let mut outputs = [[0; 4]; 3];
        let names: Vec<&str> = (self.proto.graph.iter())
            .flat_map(|graph| &graph.output)
            .map(|output| output.name.as_str())
            .collect();
        for (stride, places) in STRIDES.into_iter().zip(&mut outputs) {
            for (head, place) in ["cls", "obj", "bbox", "kps"].into_iter().zip(places) {
                let name = format!("{head}_{stride}");
                *place = (names.iter().position(|known| *known == name))
                    .with_context(|| format!("the output {name} is missing"))?;
            }
        }
        let shape = f32::fact([1, 3, height, width]);
        // What files say about the shapes between holds for the size of their export only.
        let runnable = onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_value_info(true)
            .model_for_proto_model(&self.proto)?
            .with_input_fact(0, shape.into())?
            .into_optimized()?
            .into_runnable()?;
        Ok(Plan { runnable, outputs })
    }

    /// Faces of a picture, surest first.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn find(&mut self, blob: &[f32], size: [usize; 2], score_min: f32) -> Result<Vec<Face>> {
        let mut faces = Vec::new();
        self.run(blob, size, |heads| decode(&heads, score_min, &mut faces))?;
        Ok(suppress(faces))
    }
}

/// Adds the faces of a level.
pub fn decode(heads: &Heads<'_>, score_min: f32, faces: &mut Vec<Face>) {
    let stride = heads.stride as f32;
    for (cell, (cls, obj)) in heads.cls.iter().zip(heads.obj).enumerate() {
        let score = (cls.clamp(0.0, 1.0) * obj.clamp(0.0, 1.0)).sqrt();
        if score < score_min {
            continue;
        }
        let (row, column) = ((cell / heads.columns) as f32, (cell % heads.columns) as f32);
        let [x, y, width, height] = [0, 1, 2, 3].map(|n| heads.bbox[4 * cell + n]);
        let (width, height) = (width.exp() * stride, height.exp() * stride);
        let kps = &heads.kps[10 * cell..][..10];
        faces.push(Face {
            bbox: FaceBox {
                x: (column + x) * stride - 0.5 * width,
                y: (row + y) * stride - 0.5 * height,
                width,
                height,
            },
            landmarks: std::array::from_fn(|n| {
                Point::new(
                    (column + kps[2 * n]) * stride,
                    (row + kps[2 * n + 1]) * stride,
                )
            }),
            score,
        });
    }
}

/// Keeps the surest of faces that overlap, surest first.
pub fn suppress(mut faces: Vec<Face>) -> Vec<Face> {
    faces.retain(|face| face.bbox.is_finite());
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept
            .iter()
            .all(|other| other.bbox.iou(&face.bbox) <= SAME_FACE)
        {
            kept.push(face);
        }
    }
    kept
}
