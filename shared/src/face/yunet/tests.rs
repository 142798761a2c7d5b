use std::env;
use std::path::PathBuf;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{attribute_proto, tensor_shape_proto, type_proto};

use super::*;
use crate::geometry::{FaceBox, Point};
use crate::synthetic::{FaceModel, Scene, SceneConfig};

fn attribute(name: &str, ints: &[i64]) -> pb::AttributeProto {
    pb::AttributeProto {
        name: name.into(),
        r#type: attribute_proto::AttributeType::Ints as i32,
        ints: ints.into(),
        ..Default::default()
    }
}

fn node(op: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        op_type: op.into(),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: vec![output.into()],
        ..Default::default()
    }
}

fn floats(name: &str, dims: &[i64], values: Vec<f32>) -> pb::TensorProto {
    pb::TensorProto {
        name: name.into(),
        data_type: DataType::Float as i32,
        dims: dims.into(),
        float_data: values,
        ..Default::default()
    }
}

fn value(name: &str, sides: &[Option<i64>]) -> pb::ValueInfoProto {
    let dim = sides.iter().map(|side| tensor_shape_proto::Dimension {
        value: Some(match side {
            Some(side) => tensor_shape_proto::dimension::Value::DimValue(*side),
            None => tensor_shape_proto::dimension::Value::DimParam(format!("{name}_side")),
        }),
        ..Default::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(pb::TensorShapeProto { dim: dim.collect() }),
    };
    pb::ValueInfoProto {
        name: name.into(),
        r#type: Some(pb::TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A network that sees a face, as wide as a cell and half as high again, in the middle of every
/// cell whose first pixel is red.
fn red_dots(input: &[Option<i64>]) -> pb::ModelProto {
    let mut graph = pb::GraphProto {
        input: vec![value("input", input)],
        initializer: vec![pb::TensorProto {
            name: "flat".into(),
            data_type: DataType::Int64 as i32,
            dims: vec![3],
            int64_data: vec![1, -1, 0],
            ..Default::default()
        }],
        ..Default::default()
    };
    let face = [0.3, 0.4, 0.7, 0.4, 0.5, 0.6, 0.35, 0.8, 0.65, 0.8];
    for stride in STRIDES {
        for (head, numbers) in HEADS {
            let name = |what: &str| format!("{head}_{stride}_{what}");
            let (weights, bias) = match head {
                // Blue, green, red; 0 to 255.
                "cls" => (vec![-0.2, -0.2, 0.2], vec![-20.0]),
                "obj" => (vec![0.0; 3], vec![4.0]),
                "bbox" => (vec![0.0; 12], vec![0.5, 0.5, 0.0, 1.5_f32.ln()]),
                _ => (vec![0.0; 30], face.to_vec()),
            };
            let count = numbers as i64;
            graph.initializer.extend([
                floats(&name("w"), &[count, 3, 1, 1], weights),
                floats(&name("b"), &[count], bias),
            ]);
            let (w, b) = (name("w"), name("b"));
            let mut conv = node("Conv", &["input", &w, &b], &name("conv"));
            conv.attribute = vec![attribute("strides", &[stride as i64; 2])];
            let mut turn = node("Transpose", &[&name("conv")], &name("turned"));
            turn.attribute = vec![attribute("perm", &[0, 2, 3, 1])];
            let shape = format!("{head}_shape");
            if stride == STRIDES[0] {
                graph.initializer.push(pb::TensorProto {
                    name: shape.clone(),
                    int64_data: vec![1, -1, count],
                    ..graph.initializer[0].clone()
                });
            }
            let output = format!("{head}_{stride}");
            graph.node.extend([conv, turn]);
            match head {
                "cls" | "obj" => graph.node.extend([
                    node("Reshape", &[&name("turned"), &shape], &name("rows")),
                    node("Sigmoid", &[&name("rows")], &output),
                ]),
                _ => graph
                    .node
                    .push(node("Reshape", &[&name("turned"), &shape], &output)),
            }
            graph
                .output
                .push(value(&output, &[None, None, Some(count)]));
        }
    }
    pb::ModelProto {
        ir_version: 6,
        opset_import: vec![pb::OperatorSetIdProto {
            version: 11,
            ..Default::default()
        }],
        graph: Some(graph),
        ..Default::default()
    }
}

const ANY_SIZE: [Option<i64>; 4] = [Some(1), Some(3), None, None];

fn red_dot_network(input: &[Option<i64>]) -> Result<Yunet, EngineError> {
    Yunet::from_proto(red_dots(input))
}

fn config(longest_side_px: u32) -> FinderConfig {
    FinderConfig {
        min_face_px: 16,
        longest_side_px,
        ..FinderConfig::default()
    }
}

/// A grey frame with red pixels from (x, y) on, `side` to each direction.
fn frame(width: usize, height: usize, dots: &[(usize, usize)], side: usize) -> Vec<u8> {
    let mut data = vec![90; width * height * 3];
    for (x, y) in dots {
        for at in (*y..y + side).flat_map(|row| (*x..x + side).map(move |x| row * width + x)) {
            data[3 * at..3 * at + 3].copy_from_slice(&[255, 0, 0]);
        }
    }
    data
}

#[test]
fn faces_are_where_the_network_says_in_pixels_of_the_frame() {
    let network = red_dot_network(&ANY_SIZE).unwrap();
    let mut finder = network.finder(config(320)).unwrap();
    let mut faces = Vec::new();
    // Half the size: the pixel at the corner of the cell of 16 pixels in column 3 and row 2.
    let data = frame(640, 360, &[(96, 64)], 2);
    let view = RgbView::new(640, 360, &data).unwrap();
    for _ in 0..2 {
        finder.find(&view, &mut faces).unwrap();
        // That of the cell of 8 pixels is too small.
        let [face] = faces[..] else {
            panic!("{faces:?}")
        };
        assert_eq!((face.bbox.x, face.bbox.width), (96.0, 32.0));
        assert_eq!(face.bbox.height, 48.0);
        assert!((face.bbox.y - 56.0).abs() < 1e-3, "{face:?}");
        let eye = face.landmarks[1];
        assert!(eye.distance(Point::new(96.0 + 0.7 * 32.0, 64.0 + 0.4 * 32.0)) < 1e-3);
        assert!((face.score - 0.9909).abs() < 1e-3, "{face:?}");
    }
    // Another size of picture, then the first one again.
    let small = frame(40, 33, &[], 1);
    let small = RgbView::new(40, 33, &small).unwrap();
    finder.find(&small, &mut faces).unwrap();
    assert!(faces.is_empty());
    finder.find(&view, &mut faces).unwrap();
    assert_eq!((finder.plans.len(), faces.len()), (2, 1));
}

#[test]
fn a_file_with_a_size_of_its_own_gets_pictures_of_that_size() {
    let fixed = [Some(1), Some(3), Some(96), Some(160)];
    let network = red_dot_network(&fixed).unwrap();
    let mut finder = network.finder(config(320)).unwrap();
    let data = frame(320, 320, &[(0, 0)], 4);
    let view = RgbView::new(320, 320, &data).unwrap();
    let mut faces = Vec::new();
    finder.find(&view, &mut faces).unwrap();
    // 320 onto 96: the largest cell covers 32 * 320 / 96 pixels.
    assert!((faces[0].bbox.width - 106.67).abs() < 0.01, "{faces:?}");
    assert_eq!(finder.plans[0].size, (160, 96));
    for wrong in [
        [Some(1), Some(3), Some(100), Some(160)],
        [Some(1), Some(4), None, None],
    ] {
        assert!(red_dot_network(&wrong).is_err());
    }
}

#[test]
fn plans_are_bounded() {
    let network = red_dot_network(&ANY_SIZE).unwrap();
    let mut finder = network.finder(config(640)).unwrap();
    let mut faces = Vec::new();
    for width in 1..14 {
        let data = frame(32 * width, 32, &[], 1);
        let view = RgbView::new(32 * width, 32, &data).unwrap();
        finder.find(&view, &mut faces).unwrap();
        assert_eq!(finder.plans[0].size, (32 * width, 32));
    }
    assert_eq!(finder.plans.len(), PLANS_MAX);
}

#[test]
fn what_is_no_finder_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    fs::write(place("text.onnx"), "a face finder").unwrap();
    fs::write(place("empty.onnx"), "").unwrap();
    let judge = include_bytes!("../../../../models/afsl-stream-m/model.onnx");
    fs::write(place("judge.onnx"), judge).unwrap();
    fs::write(place("cut.onnx"), &judge[..judge.len() / 2]).unwrap();
    for (name, problem) in [
        ("none.onnx", "No such file"),
        (".", "folder"),
        ("cut.onnx", "not an ONNX file"),
        ("text.onnx", "not an ONNX file"),
        ("empty.onnx", "no graph"),
        ("judge.onnx", "no output cls_8"),
    ] {
        let error = Yunet::open(&place(name)).unwrap_err().to_string();
        for part in [problem, name, "outputs of YuNet"] {
            assert!(error.contains(part), "{name}: {error}");
        }
    }
}

#[test]
fn strange_networks_are_refused() {
    let refused = |change: &dyn Fn(&mut pb::GraphProto)| {
        let mut model = red_dots(&ANY_SIZE);
        change(model.graph.as_mut().unwrap());
        Yunet::from_proto(model).unwrap_err().to_string()
    };
    let operator = refused(&|graph| graph.node[0].op_type = "Loop".into());
    assert!(operator.contains("Loop is not on the list"), "{operator}");
    // Two scores for each cell.
    let double = refused(&|graph| {
        for (tensor, dims) in graph.initializer[1..3]
            .iter_mut()
            .zip([vec![2, 3, 1, 1], vec![2]])
        {
            tensor.dims = dims;
            tensor.float_data = tensor.float_data.repeat(2);
        }
    });
    assert!(double.contains("its output cls_8 is"), "{double}");
    let two = refused(&|graph| graph.input.push(value("more", &ANY_SIZE)));
    assert!(two.contains("one picture"), "{two}");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|status| status.success()) {
        println!("SKIPPED: there is no mkfifo");
        return;
    }
    let error = Yunet::open(&path).unwrap_err().to_string();
    assert!(error.contains("not a file"), "{error}");
}

/// YuNet itself, where the development data is there.
fn teacher(test: &str) -> Option<Yunet> {
    let data = env::var_os("UNMASK_DATA").map(PathBuf::from);
    let path = data.map(|data| data.join("teachers/yunet_n_dynamic.onnx"));
    match path.filter(|path| path.exists()) {
        Some(path) => Some(Yunet::open(&path).unwrap()),
        None => {
            println!("SKIPPED: {test} needs UNMASK_DATA with teachers/yunet_n_dynamic.onnx");
            None
        }
    }
}

/// A value and the mean of each output, in the order of the heads.
const OUTPUT_FIGURES: [(f32, f32); 12] = [
    (0.559772, 0.641987),
    (0.0, 0.001558),
    (0.469835, 0.705758),
    (0.080532, 0.437401),
    (0.866442, 0.613138),
    (0.996431, 0.018773),
    (1.163_43, 0.771587),
    (0.387499, 0.549749),
    (0.615684, 0.592486),
    (0.000003, 0.000019),
    (1.280811, 0.645517),
    (-0.256473, 0.524658),
];

/// Numbers of onnxruntime 1.32 and numpy, `frame` being the scene's pixels:
/// ```python
/// a=frame.reshape(240,2,320,2,3).mean((1,3)).astype('f4')
/// x=np.zeros((1,3,256,320),'f4'); x[0,:,:240]=a[:,:,::-1].transpose(2,0,1)
/// n=[f'{h}_{k}' for k in (8,16,32) for h in ('cls','obj','bbox','kps')]
/// o=dict(zip(n,onnxruntime.InferenceSession('yunet_n_dynamic.onnx').run(n,{'input':x})))
/// [(v.ravel()[v.size//3],v.mean()) for v in o.values()]
/// s=np.sqrt(o['cls_16'].ravel()*o['obj_16'].ravel()); i=s.argmax(); r,c=divmod(i,20)
/// b=o['bbox_16'][0,i]; p=o['kps_16'][0,i].reshape(5,2); w,h=np.exp(b[2:])*16
/// s[i], 2*((c+b[0])*16-w/2), 2*((r+b[1])*16-h/2), 2*w, 2*h, 2*(p+[c,r])*16
/// ```
#[test]
fn tract_says_what_onnxruntime_says() {
    let Some(network) = teacher("tract_says_what_onnxruntime_says") else {
        return;
    };
    let config_5 = SceneConfig {
        seed: 5,
        ..Default::default()
    };
    let frame = Scene::new(&FaceModel::builtin().unwrap(), config_5)
        .unwrap()
        .frame(0);
    let view = RgbView::new(640, 480, &frame.rgb).unwrap();
    let place = Place::fitted((640, 480), 320);
    let mut plan = network.plan(place.canvas).unwrap();
    let outputs = plan.run(|planes| place.draw(&view, &mut Shrink::default(), planes));
    let outputs = outputs.unwrap();
    for (at, (value, mean)) in network.outputs.into_iter().zip(OUTPUT_FIGURES) {
        let values = engine::values(&outputs, at).unwrap();
        let found = values.iter().sum::<f32>() / values.len() as f32;
        let one = values[values.len() / 3];
        assert!(
            (one - value).abs() < 1e-4,
            "output {at}: {one}, not {value}"
        );
        assert!(
            (found - mean).abs() < 1e-4,
            "output {at}: {found}, not {mean}"
        );
    }
    let mut faces = Vec::new();
    let mut finder = network.finder(config(320)).unwrap();
    finder.find(&view, &mut faces).unwrap();
    assert_eq!(faces.len(), 1, "{faces:?}");
    faces.clear();
    // What the network says itself, before cells are averaged.
    finder.run(&view, &place, &mut faces).unwrap();
    let surest = faces.iter().max_by(|a, b| a.score.total_cmp(&b.score));
    let face = enlarged(surest.unwrap(), place.step);
    assert!((face.score - 0.930812).abs() < 1e-4, "{face:?}");
    let bbox = FaceBox {
        x: 173.28381,
        y: 103.37957,
        width: 103.99438,
        height: 128.8531,
    };
    assert!(face.bbox.iou(&bbox) > 0.9999, "{face:?}");
    let wanted = [
        [197.59844, 155.29446],
        [244.78269, 153.23789],
        [219.29262, 181.68885],
        [204.18078, 200.40859],
        [243.75019, 198.44093],
    ];
    for (found, [x, y]) in face.landmarks.into_iter().zip(wanted) {
        assert!(found.distance(Point::new(x, y)) < 2e-3, "{face:?}");
    }
}
