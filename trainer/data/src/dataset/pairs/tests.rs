mod epochs;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rayon::prelude::*;
use unmask_shared::face::FinderChoice;
use unmask_shared::geometry::{CropSpec, Point, Similarity};
use unmask_shared::media::Frame;
use unmask_shared::sample::crop_rgb;
use unmask_shared::synthetic::{FaceModel, Scene, SceneConfig};

use super::*;
use crate::dataset::align::{Aligner, Hint, Search, stored_png};
use crate::dataset::record::Meta;
use crate::dataset::stored_crop;
use crate::dataset::synthetic::person;
use crate::dataset::view::{decoded, first_frame, plain_clip};
use crate::fake::{Blend, BlendKind};

/// Four synthetic people as if they were photographed, six frames each, and two of their
/// twins as fakes.
static PEOPLE: LazyLock<Vec<Record>> = LazyLock::new(|| {
    let model = FaceModel::builtin().unwrap();
    let mut aligner = Aligner::new(&FinderChoice::BuiltIn, 60).unwrap();
    let mut records = Vec::new();
    for number in 0..4 {
        let mut made = person(&model, number, 6, &mut aligner).unwrap().records;
        made.truncate(if number < 2 { 2 } else { 1 });
        for record in &mut made {
            record.meta.source = "people".into();
        }
        records.extend(made);
    }
    records
});

/// FNV-1a.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Hashed as bytes, so that the last bit of an exponential does not count.
fn hash_pixels(values: &[f32]) -> u64 {
    hash(values.iter().map(|v| (v * 255.0).round() as u8))
}

/// Neither codec nor photometry.
fn untouched() -> PairConfig {
    PairConfig {
        h264_share: 0.0,
        photometry_share: 0.0,
        ..Default::default()
    }
}

/// Released detectors were trained on these very pairs: shares of zero must leave them
/// as they are.
#[test]
fn shares_of_zero_draw_what_was_always_drawn() {
    const STORED: u64 = 0x22e3_0a6a_e968_594f;
    const KNOWN: [(&str, u64, u64); 12] = [
        ("swap", 0xca20_a4d5_a53e_c2fe, 0x4efa_4f3f_7977_333b),
        ("self-blend", 0xcc2b_a6e0_1461_fd7b, 0x9264_5765_bc66_5b61),
        ("people", 0xc99f_a3e3_8e30_9295, 0x92ac_6111_7f33_6078),
        ("swap", 0x09d8_8050_4c28_3ba1, 0x60b3_b404_35df_269f),
        ("swap", 0x68f3_748b_3f15_9608, 0xe09b_0233_b852_c763),
        ("swap", 0xab8d_36fd_125d_1d42, 0x6f70_cd7d_ae83_b67a),
        ("people", 0x980d_9727_3c56_92fe, 0x88af_3a7a_fc4e_e570),
        ("swap", 0x5252_e5f6_5b88_e87d, 0x4dd2_a2c9_c405_d33f),
        ("self-blend", 0x88b5_92fe_bf44_0363, 0x6e93_65b1_6a99_0859),
        ("swap", 0xb375_3c1e_5574_003b, 0x4762_70d3_97e4_0eb7),
        ("people", 0x4e73_1ab5_e5e4_fbcc, 0x50b7_2f7d_2c27_7615),
        ("self-blend", 0xe012_d95d_7930_668f, 0x3643_361c_4102_ac00),
    ];
    let records = &*PEOPLE;
    let stored = records.iter().flat_map(|record| &record.frames);
    let decoded = stored.map(|png| {
        hash(
            image::load_from_memory(png)
                .unwrap()
                .into_bytes()
                .into_iter(),
        )
    });
    let stored = hash(decoded.flat_map(u64::to_le_bytes));
    let mut config = untouched();
    config.sampling.balance = false;
    config.held_out_share = 0.0;
    let pairs = Pairs::new(records, &config, false).unwrap();
    let mut made = Vec::new();
    for (frames, side, hardness) in [(1, 112, 1.0), (1, 64, 0.0), (3, 80, 0.7)] {
        let plan = MakePlan {
            frames,
            side,
            hardness,
            stacked: false,
        };
        let epoch = pairs.epoch(7, frames as u64);
        for index in 0..epoch.len() {
            let pair = pairs.make(&epoch, index, &plan).unwrap();
            made.push((
                pair.kind.to_string(),
                hash_pixels(&pair.real),
                hash_pixels(&pair.fake),
            ));
        }
    }
    let known = KNOWN.map(|(kind, real, fake)| (kind.to_string(), real, fake));
    // Where the stored crops differ, so does everything.
    assert_eq!(
        (stored, &made[..]),
        (STORED, &known[..]),
        "{stored:#x} {made:#x?}"
    );
}

fn all_shares() -> PairConfig {
    PairConfig {
        xray_share: 0.4,
        temporal_share: 0.6,
        ..Default::default()
    }
}

#[test]
fn every_kind_is_made_and_the_others_stay_as_they_are() {
    let records = &*PEOPLE;
    let plain = Pairs::new(records, &PairConfig::default(), false).unwrap();
    let mixed = Pairs::new(records, &all_shares(), false).unwrap();
    let plan = MakePlan {
        frames: 3,
        side: 32,
        hardness: 1.0,
        stacked: false,
    };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut alike = 0;
    for number in 0..40 {
        let epoch = mixed.epoch(3, number);
        for index in 0..epoch.len() {
            let pair = mixed.make(&epoch, index, &plan).unwrap();
            *kinds.entry(pair.kind.to_string()).or_default() += 1;
            alike += usize::from(pair.real == pair.fake);
            let same = match pair.kind {
                PairKind::SelfBlend | PairKind::Swap | PairKind::Data(_) => true,
                PairKind::XraySwap | PairKind::Flicker(_) => false,
                PairKind::Repeat | PairKind::Drop | PairKind::Reconstruction => false,
            };
            let usual = plain.make(&epoch, index, &plan).unwrap();
            assert_eq!(usual.fake == pair.fake, same, "{}", pair.kind);
        }
    }
    // The codec leaves nothing of a change of time where hardly anything moves, now and then.
    let all: usize = kinds.values().sum();
    assert!(20 * alike <= all, "{alike} of {all}");
    let known = [
        "drop",
        "people",
        "repeat",
        "self-blend",
        "self-blend-flicker",
        "swap",
        "swap-flicker",
        "xray-swap",
        "xray-swap-flicker",
    ];
    assert_eq!(kinds.keys().collect::<Vec<_>>(), known);
    // Of 120 pseudo-fakes: 60 % temporal, a third of those each; 40 % of the rest X-ray.
    assert!((14..=34).contains(&kinds["repeat"]), "{kinds:?}");
    assert!((14..=34).contains(&kinds["drop"]), "{kinds:?}");
    assert!((9..=30).contains(&kinds["xray-swap"]), "{kinds:?}");
}

#[test]
fn temporal_artefacts_need_three_frames_and_hardness() {
    let records = &*PEOPLE;
    let pairs = Pairs::new(records, &all_shares(), false).unwrap();
    for (frames, hardness) in [(1, 1.0), (2, 1.0), (3, 0.0)] {
        let plan = MakePlan {
            frames,
            side: 32,
            hardness,
            stacked: false,
        };
        for number in 0..10 {
            let epoch = pairs.epoch(3, number);
            for index in 0..epoch.len() {
                let kind = pairs.make(&epoch, index, &plan).unwrap().kind;
                let still = !matches!(
                    kind,
                    PairKind::Repeat | PairKind::Drop | PairKind::Flicker(_)
                );
                assert!(still, "{kind} of {frames} frames at hardness {hardness}");
            }
        }
    }
}

/// Fakes by retiming show frames of the record and nothing else.
#[test]
fn retimed_frames_are_real_ones() {
    let records = &*PEOPLE;
    let config = PairConfig {
        temporal_share: 1.0,
        ..Default::default()
    };
    let pairs = Pairs::new(records, &config, false).unwrap();
    let mut seen = 0;
    for frames in [3, 4, 6] {
        let plan = MakePlan {
            frames,
            side: 32,
            hardness: 1.0,
            stacked: false,
        };
        for seed in 0..24 {
            let i = pairs.blendable[seed as usize % pairs.blendable.len()];
            let stored = decoded(&records[i], 0, 6).unwrap();
            let mut random = Random::seed_from_u64(seed);
            let mut extra = Random::seed_from_u64(seed + 1000);
            let (reals, fakes, kind) = pairs.pseudo(i, &plan, &mut random, &mut extra).unwrap();
            assert_eq!((reals.len(), fakes.len()), (frames, frames));
            if !matches!(kind, PairKind::Repeat | PairKind::Drop) {
                continue;
            }
            seen += 1;
            let first = stored.iter().position(|frame| *frame == reals[0]).unwrap();
            assert_eq!(reals, stored[first..first + frames], "{kind}");
            assert!(fakes.iter().all(|fake| stored.contains(fake)), "{kind}");
            assert_ne!(reals, fakes);
        }
    }
    assert!(seen > 24, "{seen}");
}

/// A photograph has no time to be wrong about, but its blends can flicker.
#[test]
fn photographs_are_never_retimed() {
    let mut records = PEOPLE.clone();
    records
        .iter_mut()
        .for_each(|record| record.frames.truncate(1));
    let config = PairConfig {
        temporal_share: 1.0,
        fake_share: 0.0,
        ..Default::default()
    };
    let pairs = Pairs::new(&records, &config, false).unwrap();
    let plan = MakePlan {
        frames: 3,
        side: 32,
        hardness: 1.0,
        stacked: false,
    };
    for number in 0..6 {
        let epoch = pairs.epoch(1, number);
        for index in 0..epoch.len() {
            let kind = pairs.make(&epoch, index, &plan).unwrap().kind;
            assert!(matches!(kind, PairKind::Flicker(_)), "{kind}");
        }
    }
}

#[test]
fn perturbed_pairs_keep_their_kind_and_a_share_out_of_range_is_refused() {
    let records = &*PEOPLE;
    let config = PairConfig {
        degradation: 0.0,
        ..untouched()
    };
    let pairs = Pairs::new(records, &config, false).unwrap();
    let (epoch, plan) = (pairs.epoch(7, 0), MakePlan::frame(48));
    let clean = pairs.make(&epoch, 0, &plan).unwrap();
    let blurred = |code: &str| {
        let perturbation = code.parse().unwrap();
        pairs.make_perturbed(&epoch, 0, &plan, &perturbation)
    };
    let roughness = |planes: &[f32]| {
        let steps = planes.windows(2).map(|pair| (pair[0] - pair[1]).abs());
        steps.sum::<f32>()
    };
    let pair = blurred("gb_5").unwrap();
    assert_eq!(pair.kind, clean.kind);
    assert!(roughness(&pair.real) < 0.9 * roughness(&clean.real));
    assert!(roughness(&pair.fake) < 0.9 * roughness(&clean.fake));
    assert!(blurred("bw_5").unwrap_err().to_string().contains("prepare"));
    let wrong = PairConfig {
        xray_share: 2.0,
        ..config
    };
    let error = Pairs::new(records, &wrong, false).err().unwrap();
    assert!(error.to_string().contains("xray_share"), "{error}");
}

/// A fake that is its own real face comes out as it: nothing but the blend tells the two
/// apart. Codec and photometry change the picture, and neither the kind nor the blend.
#[test]
fn both_faces_of_a_pair_take_the_same_passage() {
    let mut records = PEOPLE.clone();
    records.retain(|record| record.meta.label == Label::Real);
    let twins: Vec<Record> = records
        .iter()
        .map(|record| {
            let mut fake = record.clone();
            fake.meta.label = Label::Fake;
            fake.meta.source = "twins".into();
            fake
        })
        .collect();
    for (real, fake) in records.iter_mut().zip(&twins) {
        real.meta.source.clone_from(&fake.meta.source);
        real.meta.twin = fake.meta.twin.clone();
    }
    records.extend(twins);
    let config = PairConfig {
        h264_share: 1.0,
        photometry_share: 1.0,
        degradation: 1.0,
        fake_share: 0.9,
        ..Default::default()
    };
    let passed = Pairs::new(&records, &config, false).unwrap();
    let config = PairConfig {
        h264_share: 0.0,
        photometry_share: 0.0,
        ..config
    };
    let plain = Pairs::new(&records, &config, false).unwrap();
    let (mut twins, mut others, mut alike) = (0, 0, 0);
    for frames in [1, 3] {
        let plan = MakePlan {
            frames,
            side: 64,
            hardness: 1.0,
            stacked: false,
        };
        let epoch = passed.epoch(5, frames as u64);
        for index in 0..epoch.len() {
            let pair = passed.make(&epoch, index, &plan).unwrap();
            let same = pair.kind == PairKind::Data("twins".into());
            twins += usize::from(same);
            if same {
                assert_eq!(pair.real, pair.fake);
            } else {
                others += 1;
                alike += usize::from(pair.real == pair.fake);
            }
            assert!(pair.real.iter().all(|v| (0.0..=1.0).contains(v)));
            let again = passed.make(&epoch, index, &plan).unwrap();
            assert!(again.real == pair.real && again.fake == pair.fake);
            let usual = plain.make(&epoch, index, &plan).unwrap();
            assert_eq!(usual.kind, pair.kind);
            assert_ne!(usual.real, pair.real);
        }
    }
    assert!(twins > 6, "{twins}");
    // The strongest codec leaves nothing of a faint blend, now and then.
    assert!(others > 0 && 4 * alike <= others, "{alike} of {others}");
}

/// People with the places of their eyes in the stored crop.
fn portraits(count: u64) -> (Vec<Record>, Vec<[Point; 2]>) {
    let model = FaceModel::builtin().unwrap();
    let portrait = |aligner: &mut Aligner, seed: u64| {
        let config = SceneConfig {
            seed,
            ..Default::default()
        };
        let frame = Scene::new(&model, config).unwrap().frame(seed as u32);
        let picture = Frame {
            width: frame.width,
            height: frame.height,
            rgb: frame.rgb,
            ..Default::default()
        };
        let Search::Found(face, _) = aligner.search(&picture, Hint::default()).unwrap() else {
            return None;
        };
        let to_crop = stored_crop().of_face(&face.landmarks).unwrap();
        let meta = Meta {
            label: Label::Real,
            source: "people".into(),
            group: format!("person-{seed}"),
            file: "person.png".into(),
            frames: 1,
            ..Default::default()
        };
        let frames = vec![stored_png(&picture, &face).unwrap()];
        let eyes = frame.truth.eyes.map(|eye| to_crop.apply(eye));
        Some((Record { meta, frames }, eyes))
    };
    (0..count)
        .into_par_iter()
        .map_init(
            || Aligner::new(&FinderChoice::BuiltIn, 60).unwrap(),
            portrait,
        )
        .flatten()
        .unzip()
}

/// Donors stand in for the paper's nearest landmarks: their eyes must not be farther than those
/// of anybody, and their blends must have smaller seams.
#[test]
fn nearest_donors_have_nearer_eyes_and_smaller_seams() {
    let (records, eyes) = portraits(96);
    let all: Vec<usize> = (0..records.len()).collect();
    let donors = Donors::new(&records, &all).unwrap();
    let mut random = Random::seed_from_u64(1);
    let faces: Vec<Picture> = records.iter().map(|r| first_frame(r).unwrap()).collect();
    let (mut distance, mut seam) = ([0.0f32; 2], [0.0f32; 2]);
    for i in &all {
        let nearest = donors.nearest(&records, *i, &mut random).unwrap();
        assert_ne!(nearest, *i);
        let anybody = (i + 11) % all.len();
        let blend = Blend::sample(BlendKind::XraySwap, &stored_crop(), &mut random);
        for (k, donor) in [nearest, anybody].into_iter().enumerate() {
            let apart = |eye: usize| eyes[*i][eye].distance(eyes[donor][eye]);
            distance[k] += apart(0) + apart(1);
            seam[k] += blend.seam(&faces[*i], &faces[donor]).unwrap();
        }
    }
    // Crops by landmarks put everybody's eyes into the same places, but for the finder's errors.
    assert!(distance[0] < 1.1 * distance[1], "{distance:?}");
    assert!(distance[1] < 3.0 * 2.0 * all.len() as f32, "{distance:?}");
    assert!(seam[0] < 0.9 * seam[1], "{seam:?}");
}

#[test]
fn nobody_lends_a_face_within_a_group() {
    let mut records = PEOPLE.clone();
    records.retain(|record| record.meta.label == Label::Real);
    let donors = Donors::new(&records, &[0, 1, 3]).unwrap();
    let mut random = Random::seed_from_u64(2);
    for _ in 0..40 {
        let found = donors.nearest(&records, 1, &mut random);
        assert!(matches!(found, None | Some(0 | 3)), "{found:?}");
        assert_eq!(donors.nearest(&records, 2, &mut random), None);
    }
    let group = records[0].meta.group.clone();
    records
        .iter_mut()
        .for_each(|record| record.meta.group.clone_from(&group));
    assert_eq!(donors.nearest(&records, 1, &mut random), None);
    records[3].frames[0].truncate(40);
    let error = format!("{:#}", Donors::new(&records, &[0, 3]).err().unwrap());
    assert!(error.contains("prepare it again"), "{error}");
}

/// The crop that videos are evaluated on must be the one that a device cuts from its frame,
/// up to the resampling of the stored one.
#[test]
fn an_evaluated_crop_is_the_one_that_a_device_cuts() {
    let model = FaceModel::builtin().unwrap();
    let config = SceneConfig {
        seed: 900,
        swap: unmask_shared::synthetic::Swap::Never,
        ..Default::default()
    };
    let frame = Scene::new(&model, config).unwrap().frame(3);
    let picture = Frame {
        width: frame.width,
        height: frame.height,
        rgb: frame.rgb,
        ..Default::default()
    };
    let mut aligner = Aligner::new(&FinderChoice::BuiltIn, 60).unwrap();
    let Search::Found(mut face, _) = aligner.search(&picture, Hint::default()).unwrap() else {
        panic!("the synthetic face was not found");
    };
    let tilt = Similarity::about(face.bbox.centre(), 1.0, 0.2, 0.0, 0.0);
    face.landmarks = face.landmarks.map(|at| tilt.apply(at));
    let record = Record {
        frames: vec![stored_png(&picture, &face).unwrap()],
        ..Default::default()
    };
    let side = 96;
    let evaluated = plain_clip(&record, 2, side).unwrap();
    assert_eq!(evaluated.len(), 2 * 3 * side * side);
    let crop = CropSpec {
        size: side as u16,
        ..CropSpec::default()
    };
    let difference = |to_crop: &Similarity| {
        let mut rgb = vec![0; side * side * 3];
        crop_rgb(&picture.view().unwrap(), to_crop, side, &mut rgb).unwrap();
        let cut = Picture::from_u8(side, &rgb).planar();
        let apart = cut.iter().zip(&evaluated).map(|(a, b)| (a - b).abs());
        apart.sum::<f32>() / cut.len() as f32
    };
    // As the firmware cuts it.
    let same = crop.of_face(&face.landmarks).unwrap();
    let aside = 0.04 * face.bbox.width;
    let moved = face.landmarks.map(|at| Point::new(at.x + aside, at.y));
    let moved = crop.of_face(&moved).unwrap();
    assert!((same.b / same.a).abs() > 0.15, "{same:?}");
    assert!(difference(&same) < 0.01, "{}", difference(&same));
    assert!(difference(&moved) > 2.0 * difference(&same));
}

/// Draws faces anew as a network that shifts their light.
struct Lighter;

impl Reconstruct for Lighter {
    fn count(&self) -> usize {
        1
    }

    fn reconstruct(&self, _: usize, picture: &Picture, _: usize) -> Picture {
        let mut drawn = picture.clone();
        drawn
            .rgb
            .iter_mut()
            .for_each(|value| *value = 0.8 * *value + 0.1);
        drawn
    }
}

#[test]
fn reconstructions_are_drawn_by_the_networks_that_are_given_or_not_at_all() {
    let config = PairConfig {
        reconstruct_share: 1.0,
        reconstruct_bank: Some("bank.tar".into()),
        fake_share: 0.0,
        ..untouched()
    };
    let plan = MakePlan::frame(64);
    let without = Pairs::new(&PEOPLE, &config, false).unwrap();
    let error = without.make(&without.epoch(1, 0), 0, &plan).unwrap_err();
    assert!(
        error.to_string().contains("data.reconstruct_share"),
        "{error:#}"
    );
    let with = Pairs::new(&PEOPLE, &config, false).unwrap();
    let with = with.with_bank(Some(Arc::new(Lighter)));
    let epoch = with.epoch(1, 0);
    let made = (0..epoch.len()).map(|index| with.make(&epoch, index, &plan).unwrap());
    let drawn = made
        .filter(|pair| pair.kind == PairKind::Reconstruction)
        .collect::<Vec<_>>();
    assert!(!drawn.is_empty());
    assert!(drawn.iter().all(|pair| pair.real != pair.fake));
}
