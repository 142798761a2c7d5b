use rand::SeedableRng;

use super::*;
use crate::attack::Victim;
use crate::attack::toy::Linear;

const SIZE: (usize, usize) = (52, 44);

fn spec(size: u16) -> CropSpec {
    CropSpec {
        size,
        ..CropSpec::default()
    }
}

/// A still video of grey noise with a face that is turned a little.
fn still(frames: usize) -> Footage {
    let bytes = (0..3 * SIZE.0 * SIZE.1).map(|at| 90 + (at * 37 % 71) as u8);
    let frame = Frame {
        width: SIZE.0,
        height: SIZE.1,
        rgb: bytes.collect(),
        ..Frame::default()
    };
    let face = [
        (17.0, 15.0),
        (34.0, 17.0),
        (25.0, 24.0),
        (18.0, 31.0),
        (31.0, 32.0),
    ];
    Footage {
        frames: vec![frame; frames],
        faces: vec![vec![face.map(|(x, y)| Point::new(x, y))]; frames],
        rate_hz: 25.0,
    }
}

fn case<'a>(
    net: &'a Linear,
    footage: &'a Footage,
    fake: bool,
    device: &'a Device,
) -> VideoCase<'a> {
    VideoCase {
        net,
        footage,
        fake,
        device,
    }
}

fn logit(net: &Linear, footage: &Footage, frame: &Frame, side: u16) -> f32 {
    let to_crop = spec(side).of_face(&footage.faces[0][0]).unwrap();
    let map = CropMap::new(SIZE, &to_crop, side.into()).unwrap();
    let crop = map
        .draw(&shown(frame, &vec![0.0; frame.rgb.len()]))
        .unwrap();
    let side = usize::from(side);
    let crop = Tensor::from_data(
        TensorData::new(crop, [1, 3, side, side]),
        &net.weight.device(),
    );
    net.logits(crop, 1).unwrap().into_scalar()
}

/// Of a linear detector `w . A x`, the best change of the frame is `-epsilon sign(A' w)`: its
/// logit falls by `epsilon |A' w|_1`, whether frames share the change or not.
#[test]
fn reaches_the_closed_form_on_a_linear_detector_of_a_still_video() {
    let device = Device::flex();
    let side = 16;
    let net = Linear::random(side, &device);
    let weight = net.weight.clone().into_data().try_to_vec::<f32>().unwrap();
    let footage = still(5);
    let to_crop = spec(side as u16).of_face(&footage.faces[0][0]).unwrap();
    let mut back = vec![0.0; 3 * SIZE.0 * SIZE.1];
    let map = CropMap::new(SIZE, &to_crop, side).unwrap();
    map.scatter(&weight, &mut back).unwrap();
    let epsilon = 3;
    let best: f32 = back.iter().map(|value| value.abs()).sum::<f32>() * 3.0 / 255.0;
    for (noise, fake) in [
        (Noise::PerFrame, true),
        (Noise::Shared, true),
        (Noise::PerFrame, false),
    ] {
        let attack = VideoAttack {
            draws: 1,
            noise,
            ..VideoAttack::ten(epsilon, spec(side as u16))
        };
        let mut random = Random::seed_from_u64(1);
        let mut told = 0;
        let attacked = attack
            .run(
                &case(&net, &footage, fake, &device),
                &mut random,
                &mut |count| {
                    told += count;
                },
            )
            .unwrap();
        assert_eq!((attacked.len(), told), (5, 5));
        let sign = if fake { 1.0 } else { -1.0 };
        for (new, old) in attacked.iter().zip(&footage.frames) {
            let bytes = new.rgb.iter().zip(&old.rgb);
            assert!(bytes.clone().all(|(a, b)| a.abs_diff(*b) <= epsilon));
            let fell =
                logit(&net, &footage, old, side as u16) - logit(&net, &footage, new, side as u16);
            let share = sign * fell / best;
            assert!((0.999..1.001).contains(&share), "{noise:?} {fake}: {share}");
        }
    }
}

/// Where the firmware cuts elsewhere, an attack that reckons with it does more.
#[test]
fn jitter_helps_where_the_cut_is_elsewhere() {
    let device = Device::flex();
    let net = Linear::random(16, &device);
    let footage = still(1);
    let after = |draws, jitter| {
        let attack = VideoAttack {
            draws,
            jitter,
            ..VideoAttack::ten(3, spec(16))
        };
        let mut random = Random::seed_from_u64(1);
        let attacked = attack.run(
            &case(&net, &footage, true, &device),
            &mut random,
            &mut |_| (),
        );
        let attacked = attacked.unwrap();
        let mut cuts = Random::seed_from_u64(7);
        let to_crop = spec(16).of_face(&footage.faces[0][0]).unwrap();
        let logits = (0..30).map(|_| {
            let elsewhere = VideoAttack {
                jitter: 0.05,
                ..attack.clone()
            };
            let cut = elsewhere.jittered(&to_crop, &mut cuts);
            let map = CropMap::new(SIZE, &cut, 16).unwrap();
            let zero = vec![0.0; attacked[0].rgb.len()];
            let crop = map.draw(&shown(&attacked[0], &zero)).unwrap();
            let crop = Tensor::from_data(TensorData::new(crop, [1, 3, 16, 16]), &device);
            let logit: f32 = net.logits(crop, 1).unwrap().into_scalar();
            logit
        });
        logits.sum::<f32>()
    };
    assert!(after(6, 0.05) < after(1, 0.0));
}

#[test]
fn what_cannot_be_attacked_is_refused() {
    let device = Device::flex();
    let net = Linear::random(16, &device);
    let mut random = Random::seed_from_u64(1);
    let mut run = |attack: VideoAttack, footage: &Footage| {
        let case = case(&net, footage, true, &device);
        attack.run(&case, &mut random, &mut |_| ())
    };
    assert!(run(VideoAttack::ten(0, spec(16)), &still(1)).is_err());
    let nobody = Footage {
        faces: vec![Vec::new()],
        ..still(1)
    };
    let error = run(VideoAttack::ten(2, spec(16)), &nobody).unwrap_err();
    assert!(error.to_string().contains("no pixel"), "{error}");
}

/// Of a linear detector the best patch is black or white by the sign of the weights that show it;
/// nothing else of a frame changes, and the patch moves with the face.
#[test]
fn a_printed_patch_is_at_its_bounds_and_stays_on_the_face() {
    let device = Device::flex();
    let net = Linear::random(16, &device);
    let mut footage = still(4);
    for (number, faces) in footage.faces.iter_mut().enumerate() {
        for point in &mut faces[0] {
            point.x += number as f32;
        }
    }
    let attack = VideoAttack {
        draws: 1,
        ..VideoAttack::ten(1, spec(16))
    };
    for fake in [true, false] {
        let mut random = Random::seed_from_u64(1);
        let victim = case(&net, &footage, fake, &device);
        let patch = PrintedPatch::fit(PatchShape::Glasses, &attack, &victim, &mut random).unwrap();
        let printed = patch.print(&footage).unwrap();
        let sign = if fake { 1.0 } else { -1.0 };
        for (number, (new, old)) in printed.iter().zip(&footage.frames).enumerate() {
            let fell = logit(&net, &footage, old, 16) - logit(&net, &footage, new, 16);
            assert!(number > 0 || sign * fell > 0.5, "{fell}");
            let pairs = new.rgb.chunks_exact(3).zip(old.rgb.chunks_exact(3));
            let changed: Vec<usize> = pairs
                .enumerate()
                .filter(|(_, (new, old))| new != old)
                .map(|(at, _)| at)
                .collect();
            // From the brows to the cheekbones, over both eyes.
            let columns = changed.iter().map(|at| at % SIZE.0);
            let rows = changed.iter().map(|at| at / SIZE.0);
            let (left, right) = (columns.clone().min().unwrap(), columns.max().unwrap());
            assert!((number + 8..number + 17).contains(&left), "{left}");
            assert!((number + 34..number + 44).contains(&right), "{right}");
            let (top, bottom) = (rows.clone().min().unwrap(), rows.max().unwrap());
            assert!(top > 5 && bottom < 22, "{top} {bottom}");
        }
        let share = |value: f32| {
            let free = patch.texture.iter().filter(|v| **v != 0.5);
            let at = free.clone().filter(|v| (**v - value).abs() < 1e-6).count();
            at as f32 / free.count() as f32
        };
        assert!(share(0.0) + share(1.0) > 0.9, "{}", share(0.0) + share(1.0));
    }
}
