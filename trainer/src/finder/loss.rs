//! What the network is trained to minimise.

use anyhow::Result;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::assign::Targets;
use crate::loss::softplus;
use unmask_shared::face::dense::graph::OUTPUTS;

/// Weights of the box and landmark terms.
const BOX: f32 = 5.0;
const LANDMARKS: f32 = 100.0;
/// Where the landmark loss turns from squares to distances, as a fraction of the side.
const BETA: f32 = 0.01;
const TINY: f32 = 1e-7;

/// The loss and its parts.
#[derive(Clone, Debug)]
pub struct LossParts {
    /// Weighted sum, `[1]`.
    pub total: Tensor<1>,
    /// `cls`, `obj`, `box` and `kps`, unweighted.
    pub parts: [(&'static str, Tensor<1>); 4],
}

/// Cross entropies of class (1 where a cell is responsible) and objectness (there the overlap
/// of the box with its face, as in YOLOX: Ge et al., 2021), EIoU of the boxes (Zhang et al.,
/// 2021) and smooth distances of the landmarks, each per responsible cell.
///
/// # Shapes
/// - `said`: `[n, cells, 16]`, one of `targets` for each picture
///
/// # Errors
/// When the device does not give its numbers back.
pub fn finder_loss(said: &Tensor<3>, targets: &[Targets]) -> Result<LossParts> {
    let [n, cells, _] = said.dims();
    let device = said.device();
    let flat = said.clone().reshape([n * cells, OUTPUTS]);
    let truth = Truth::new(targets, cells, &device);
    let count = truth.count.max(1) as f32;
    let zero = || Tensor::<1>::zeros([1], &device);
    let mut goals = [vec![0.0_f32; n * cells], vec![0.0_f32; n * cells]];
    let mut known = vec![1.0_f32; n * cells];
    for (picture, targets) in targets.iter().enumerate() {
        for cell in &targets.unknown {
            known[picture * cells + cell] = 0.0;
        }
    }
    let (mut boxes, mut landmarks) = (zero(), zero());
    if truth.count > 0 {
        let found = flat.clone().select(0, truth.cells.clone());
        let [centre, size] = [0, 2].map(|first| found.clone().narrow(1, 2 + first, 2));
        let (centre, size) = (centre + truth.places.clone(), size.exp());
        let (iou, eiou) = eiou([centre, size], [truth.centres.clone(), truth.sizes.clone()]);
        boxes = eiou.sum() / count;
        let points = found.narrow(1, 6, 10) - truth.landmarks.clone();
        let side = truth.sizes.clone().prod_dim(1).sqrt(); // [count, 1]
        landmarks = smooth(points / side, BETA).mean_dim(1).sum() / count;
        let overlaps = iou.inner().into_data().try_into_vec::<f32>();
        let overlaps = overlaps.map_err(|error| anyhow::anyhow!("overlaps: {error:?}"))?;
        for (index, overlap) in truth.indices.iter().zip(overlaps) {
            goals[0][*index] = 1.0;
            goals[1][*index] = overlap.clamp(0.0, 1.0);
        }
    }
    let known = column(known, &device);
    let [cls, obj] = goals;
    let entropy = |column_number: usize, goal: Vec<f32>| {
        let logit = flat.clone().narrow(1, column_number, 1);
        (cross_entropy(logit, column(goal, &device)) * known.clone()).sum() / count
    };
    let (cls, obj) = (entropy(0, cls), entropy(1, obj));
    let total = cls.clone() + obj.clone() + boxes.clone() * BOX + landmarks.clone() * LANDMARKS;
    Ok(LossParts {
        total,
        parts: [
            ("cls", cls),
            ("obj", obj),
            ("box", boxes),
            ("kps", landmarks),
        ],
    })
}

fn column(values: Vec<f32>, device: &Device) -> Tensor<2> {
    let rows = values.len();
    Tensor::from_data(TensorData::new(values, [rows, 1]), device)
}

/// `-goal ln p - (1 - goal) ln(1 - p)` with `p = sigmoid(logit)`.
fn cross_entropy(logit: Tensor<2>, goal: Tensor<2>) -> Tensor<2> {
    softplus(logit.clone()) - logit * goal
}

/// Half the square below `beta`, over `beta`; the distance less half of `beta` above.
fn smooth(x: Tensor<2>, beta: f32) -> Tensor<2> {
    let size = x.abs();
    let near = size.clone().clamp_max(beta);
    near.clone() * near * (0.5 / beta) + (size - beta).clamp_min(0.0)
}

/// Overlap, and 1 less it plus what centres and sides are apart, each relative to the box
/// around both.
///
/// # Shapes
/// - centres and sizes: `[boxes, 2]`; outputs: `[boxes, 1]`
fn eiou(found: [Tensor<2>; 2], wanted: [Tensor<2>; 2]) -> (Tensor<2>, Tensor<2>) {
    let ends = |[centre, size]: &[Tensor<2>; 2]| {
        let half = size.clone() * 0.5;
        [centre.clone() - half.clone(), centre.clone() + half]
    };
    let ([low, high], [low_wanted, high_wanted]) = (ends(&found), ends(&wanted));
    let shared = (high.clone().min_pair(high_wanted.clone())
        - low.clone().max_pair(low_wanted.clone()))
    .clamp_min(0.0)
    .prod_dim(1);
    let area = |size: &Tensor<2>| size.clone().prod_dim(1);
    let union = area(&found[1]) + area(&wanted[1]) - shared.clone();
    let iou = shared / (union + TINY);
    let around = high.max_pair(high_wanted) - low.min_pair(low_wanted); // [boxes, 2]
    let square = |x: Tensor<2>| x.clone() * x;
    let apart = square(found[0].clone() - wanted[0].clone()).sum_dim(1)
        / (square(around.clone()).sum_dim(1) + TINY);
    let sides = (square(found[1].clone() - wanted[1].clone()) / (square(around) + TINY)).sum_dim(1);
    (iou.clone(), -iou + 1.0 + apart + sides)
}

/// Responsible cells of a batch, in units of their strides.
struct Truth {
    count: usize,
    indices: Vec<usize>,
    cells: Tensor<1, Int>,
    /// Column and row, `[count, 2]`.
    places: Tensor<2>,
    /// `[count, 2]`
    centres: Tensor<2>,
    /// `[count, 2]`
    sizes: Tensor<2>,
    /// As the network says them, `[count, 10]`.
    landmarks: Tensor<2>,
}

impl Truth {
    fn new(targets: &[Targets], cells: usize, device: &Device) -> Self {
        let mut indices = Vec::new();
        let [mut places, mut centres, mut sizes, mut landmarks] = [const { Vec::new() }; 4];
        for (picture, targets) in targets.iter().enumerate() {
            for responsible in &targets.responsible {
                let ([column, row, stride], face) = (responsible.place, responsible.face);
                indices.push(picture * cells + responsible.cell);
                places.extend([column, row]);
                let centre = face.bbox.centre();
                centres.extend([centre.x / stride, centre.y / stride]);
                sizes.extend([face.bbox.width / stride, face.bbox.height / stride]);
                for point in face.landmarks {
                    landmarks.extend([point.x / stride - column, point.y / stride - row]);
                }
            }
        }
        let count = indices.len();
        let tensor = |values: Vec<f32>, columns: usize| {
            Tensor::<2>::from_data(TensorData::new(values, [count, columns]), device)
        };
        let numbers: Vec<i64> = indices.iter().map(|index| *index as i64).collect();
        Self {
            count,
            indices,
            cells: Tensor::from_data(TensorData::new(numbers, [count]), device),
            places: tensor(places, 2),
            centres: tensor(centres, 2),
            sizes: tensor(sizes, 2),
            landmarks: tensor(landmarks, 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finder::Responsible;
    use unmask_shared::face::Face;
    use unmask_shared::geometry::{FaceBox, Point};

    // import torch, torch.nn.functional as F
    // said = (torch.arange(2*21*16) * 37 % 101 / 50.5 - 1).float().reshape(2, 21, 16).requires_grad_()
    // cells = [(0, r * 4 + c, c, r, 8.) for r in (1, 2) for c in (1, 2)]
    // cx, cy, w, h = 15., 13., 14., 18.
    // marks = torch.tensor([[11., 9.], [19., 9.], [15., 13.], [12., 18.], [18., 18.]])
    // goal_cls, goal_obj = torch.zeros(2, 21), torch.zeros(2, 21); box = kps = 0
    // lo, hi, t = lambda a, b: a - b / 2, lambda a, b: a + b / 2, torch.tensor
    // for p, i, c, r, s in cells:
    //     v = said[p, i]; x, y, ww, hh = v[2] + c, v[3] + r, v[4].exp(), v[5].exp()
    //     gx, gy, gw, gh = cx / s, cy / s, w / s, h / s
    //     iw = torch.min(hi(x, ww), t(hi(gx, gw))) - torch.max(lo(x, ww), t(lo(gx, gw)))
    //     ih = torch.min(hi(y, hh), t(hi(gy, gh))) - torch.max(lo(y, hh), t(lo(gy, gh)))
    //     inter = iw.clamp(min=0) * ih.clamp(min=0); iou = inter / (ww * hh + gw * gh - inter)
    //     ew = torch.max(hi(x, ww), t(hi(gx, gw))) - torch.min(lo(x, ww), t(lo(gx, gw)))
    //     eh = torch.max(hi(y, hh), t(hi(gy, gh))) - torch.min(lo(y, hh), t(lo(gy, gh)))
    //     box = box + 1 - iou + ((x-gx)**2 + (y-gy)**2) / (ew**2 + eh**2)
    //     box = box + (ww-gw)**2 / ew**2 + (hh-gh)**2 / eh**2
    //     goal_cls[p, i], goal_obj[p, i] = 1, iou.detach()
    //     target = torch.stack([marks[:, 0] / s - c, marks[:, 1] / s - r], 1).flatten()
    //     kps = kps + F.smooth_l1_loss((v[6:] - target) / (gw * gh) ** .5, torch.zeros(10), beta=.01)
    // known = torch.ones(2, 21); known[1, 3] = 0
    // bce = lambda k, goal: (F.binary_cross_entropy_with_logits(said[..., k], goal, reduction='none') * known).sum() / 4
    // cls, obj, box, kps = bce(0, goal_cls), bce(1, goal_obj), box / 4, kps / 4
    // total = cls + obj + 5 * box + 100 * kps; total.backward()
    // print(cls, obj, box, kps, total, said.grad[0, 5], said.grad[1, 3], said.grad.abs().sum())
    #[test]
    fn agrees_with_pytorch() {
        let device = Device::flex().autodiff();
        let said = (0..2 * 21 * 16).map(|i| (i * 37 % 101) as f32 / 50.5 - 1.0);
        let said = TensorData::new(said.collect::<Vec<_>>(), [2, 21, 16]);
        let said = Tensor::<3>::from_data(said, &device).require_grad();
        let loss = finder_loss(&said, &targets()).unwrap();
        let want = [
            ("cls", 7.474_56),
            ("obj", 7.629_19),
            ("box", 1.778_88),
            ("kps", 0.351_60),
        ];
        for ((name, part), (want_name, want)) in loss.parts.into_iter().zip(want) {
            let got: f32 = part.into_scalar();
            assert_eq!(name, want_name);
            assert!((got - want).abs() < 1e-4, "{name}: {got}, not {want}");
        }
        let total: f32 = loss.total.clone().into_scalar();
        assert!((total - 59.158_39).abs() < 1e-3, "{total}");
        let slopes = said.grad(&loss.total.backward()).unwrap().into_data();
        let slopes = slopes.try_to_vec::<f32>().unwrap();
        #[rustfmt::skip]
        let want = [
            -0.148_84, 0.146_44, -0.144_36, -0.115_88, -0.105_19, -0.422_98, -1.259_88, 1.259_88,
            -1.259_88, 1.259_88, 1.259_88, -1.259_88, -1.259_88, -1.259_88, -1.259_88, -1.259_88,
        ];
        for (got, want) in slopes[5 * 16..6 * 16].iter().zip(want) {
            assert!((got - want).abs() < 1e-4, "{got}, not {want}");
        }
        assert_eq!(slopes[(21 + 3) * 16..][..16], [0.0; 16]);
        let sum: f32 = slopes.iter().map(|slope| slope.abs()).sum();
        assert!((sum - 65.433_66).abs() < 1e-2, "{sum}");
    }

    fn targets() -> [Targets; 2] {
        let face = Face {
            bbox: FaceBox {
                x: 8.0,
                y: 4.0,
                width: 14.0,
                height: 18.0,
            },
            landmarks: [
                (11.0, 9.0),
                (19.0, 9.0),
                (15.0, 13.0),
                (12.0, 18.0),
                (18.0, 18.0),
            ]
            .map(|(x, y)| Point::new(x, y)),
            score: 1.0,
        };
        let cell = |row: usize, column: usize| Responsible {
            cell: 4 * row + column,
            place: [column as f32, row as f32, 8.0],
            face,
        };
        let seen = Targets {
            responsible: vec![cell(1, 1), cell(1, 2), cell(2, 1), cell(2, 2)],
            unknown: vec![],
        };
        let unsure = Targets {
            responsible: vec![],
            unknown: vec![3],
        };
        [seen, unsure]
    }

    #[test]
    fn scenes_without_faces_have_a_loss_too() {
        let device = Device::flex().autodiff();
        let said = Tensor::<3>::zeros([1, 21, 16], &device).require_grad();
        let loss = finder_loss(&said, &[Targets::default()]).unwrap();
        let total: f32 = loss.total.into_scalar();
        assert!(
            (total - 2.0 * 21.0 * std::f32::consts::LN_2).abs() < 1e-4,
            "{total}"
        );
    }
}
