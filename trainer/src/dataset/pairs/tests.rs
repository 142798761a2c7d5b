use unmask_shared::synthetic::FaceModel;

use super::*;
use crate::dataset::align::Aligner;
use crate::dataset::synthetic::person;

/// Four synthetic people as if they were photographed, six frames each, and two of their
/// twins as fakes.
fn people() -> Vec<Record> {
    let model = FaceModel::builtin().unwrap();
    let mut aligner = Aligner::new(60).unwrap();
    let mut records = Vec::new();
    for number in 0..4 {
        let (mut made, _) = person(&model, number, 6, &mut aligner).unwrap();
        made.truncate(if number < 2 { 2 } else { 1 });
        for record in &mut made {
            record.meta.source = "people".into();
        }
        records.extend(made);
    }
    records
}

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

/// Released detectors were trained on these very pairs: shares of zero must leave them
/// as they are.
#[test]
fn the_default_configuration_draws_what_it_always_drew() {
    const KNOWN: [(&str, u64, u64); 12] = [
        ("swap", 0x54b9_89e8_4c2b_f123, 0x9159_f5c8_7063_988c),
        ("self-blend", 0xd4e3_5206_9bf3_a352, 0x6e21_a2c2_46a2_efe9),
        ("people", 0x2261_a16a_b865_8ab9, 0x9843_fa3b_eb2e_2c77),
        ("swap", 0x67e4_a08c_f2db_383a, 0xc455_db4e_ca1a_5e28),
        ("swap", 0x0f01_c2f1_413e_c0cf, 0x82d9_e7ec_e110_f1e3),
        ("swap", 0xa3ca_84bc_40b7_e369, 0x2d88_f71f_cb04_7b93),
        ("people", 0x1f66_7f3c_e80a_521c, 0x7a42_cdfa_f7a1_e09f),
        ("swap", 0x839d_6bb1_3b07_c64f, 0x2733_bafe_a865_ca2e),
        ("self-blend", 0x8fce_77f2_936d_5c54, 0x3275_9a2c_9730_b71b),
        ("swap", 0x8c86_3d76_2ae3_178f, 0x592e_c082_e8d3_68a8),
        ("people", 0xc07b_5236_b976_5a83, 0x6c56_b580_06f3_0d4c),
        ("self-blend", 0x5891_0c14_beb8_e68b, 0xc69e_d4c7_df82_4e26),
    ];
    let records = people();
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
    assert_eq!(
        stored, 0x6d44_29c4_d27b_6189,
        "the stored crops themselves have changed: {stored:#x}"
    );
    let pairs = Pairs::new(&records, &PairConfig::default(), false).unwrap();
    let mut known = KNOWN.iter();
    for (frames, side, hardness) in [(1, 112, 1.0), (1, 64, 0.0), (3, 80, 0.7)] {
        let plan = MakePlan {
            frames,
            side,
            hardness,
        };
        let epoch = pairs.epoch(7, frames as u64);
        for index in 0..epoch.len() {
            let pair = pairs.make(&epoch, index, &plan).unwrap();
            let made = (
                pair.kind.to_string(),
                hash_pixels(&pair.real),
                hash_pixels(&pair.fake),
            );
            let (kind, real, fake) = known.next().unwrap();
            assert_eq!(
                (made.0.as_str(), made.1, made.2),
                (*kind, *real, *fake),
                "{plan:?} {index}"
            );
        }
    }
    assert!(known.next().is_none());
}
