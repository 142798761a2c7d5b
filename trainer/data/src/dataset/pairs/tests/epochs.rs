//! What an epoch draws, and beside what.

use std::collections::BTreeMap;

use super::*;

fn known(label: Label, source: &str, file: &str, person: usize) -> Record {
    let meta = Meta {
        label,
        source: source.into(),
        group: format!("{source}-{person}"),
        file: format!("in/{source}/{file}"),
        ..Default::default()
    };
    Record {
        meta,
        frames: vec![],
    }
}

/// 900 photographs, 64 people on video, 16 swapped and 4 whose lips were moved.
fn many() -> Vec<Record> {
    let mut records: Vec<Record> = (0..900)
        .map(|i| known(Label::Real, "photos", &format!("{i}.jpg"), i))
        .collect();
    for i in 0..64 {
        let file = format!("{i}.mp4");
        records.extend((0..4).map(|_| known(Label::Real, "clips", &file, i)));
        for (kind, count) in [("swap", 16), ("lip-sync", 4)] {
            if i < count {
                let mut fake = known(Label::Fake, "clips", &format!("{kind}-{i}.mp4"), i);
                fake.meta.kind = Some(kind.into());
                fake.meta.original = (i % 2 == 0).then(|| format!("in/clips/{file}"));
                records.extend((0..4).map(|_| fake.clone()));
            }
        }
    }
    records
}

/// Everybody trains; three tenths of the pairs are fakes of the data.
fn with_fakes() -> PairConfig {
    PairConfig {
        validation_share: 0.0,
        held_out_share: 0.0,
        fake_share: 0.3,
        ..PairConfig::default()
    }
}

#[test]
fn an_epoch_has_the_shares_of_sources_and_kinds() {
    let records = many();
    let mut config = with_fakes();
    config.sampling.real_fakes = BTreeMap::from([("lip-sync".into(), 0.1)]);
    let pairs = Pairs::of(&records, &config, Split::Train).unwrap();
    let epoch = pairs.epoch(3, 0);
    assert_eq!(epoch.len(), pairs.len());
    assert_eq!(epoch.items, pairs.epoch(3, 0).items);
    assert_ne!(epoch.items, pairs.epoch(3, 1).items);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in &epoch.items {
        let name = match item {
            Item::Blend(i) => format!("real {}", records[*i].meta.source),
            Item::Data(i) => format!("fake {}", records[*i].kind()),
        };
        *counts.entry(name).or_default() += 1;
    }
    // 1,156 real faces; roots of 900 and 64 people; three tenths of all pairs are fakes.
    let blends = 1156;
    let all = blends * 10 / 7;
    for (name, expected) in [
        ("real photos", blends * 30 / 38),
        ("real clips", blends * 8 / 38),
        ("fake swap", all * 2 / 10),
        ("fake lip-sync", all / 10),
    ] {
        assert!(counts[name].abs_diff(expected) <= 2, "{name}: {counts:?}");
    }
}

/// A kind all of whose sources weigh nothing is not drawn, and its share goes to the others.
#[test]
fn a_source_without_weight_gives_no_fakes() {
    let mut records = many();
    for record in &mut records {
        if record.meta.kind.as_deref() == Some("lip-sync") {
            record.meta.source = "lips".into();
        }
    }
    let mut config = with_fakes();
    config.sampling.weights = BTreeMap::from([("lips".into(), 0.0)]);
    let epoch = Pairs::of(&records, &config, Split::Train)
        .unwrap()
        .epoch(3, 0);
    let swaps = epoch.items.iter().filter(|item| match item {
        Item::Blend(_) => false,
        Item::Data(i) => {
            assert_eq!(records[*i].kind(), "swap");
            true
        }
    });
    assert!(swaps.count().abs_diff(epoch.len() * 3 / 10) <= 2);
}

#[test]
fn beside_a_fake_of_a_video_stands_its_original_or_somebody_on_video() {
    let records = many();
    let config = PairConfig {
        validation_share: 0.0,
        held_out_share: 0.0,
        ..PairConfig::default()
    };
    let pairs = Pairs::of(&records, &config, Split::Train).unwrap();
    let mut random = Random::seed_from_u64(1);
    for i in pairs.fakes.clone() {
        let real = &records[pairs.beside(i, &mut random)].meta;
        assert_eq!((real.label, real.source.as_str()), (Label::Real, "clips"));
        if let Some(original) = &records[i].meta.original {
            assert_eq!(&real.file, original);
        }
    }
}

#[test]
fn what_is_left_out_is_in_no_part() {
    let records = many();
    let config = PairConfig {
        leave_out: vec!["kind=lip-sync".parse().unwrap()],
        ..PairConfig::default()
    };
    for part in [Split::Train, Split::Val, Split::Calibration, Split::Test] {
        let pairs = Pairs::of(&records, &config, part).unwrap();
        let seen = pairs.fakes.iter().chain(&pairs.blendable);
        for i in seen {
            let meta = &records[*i].meta;
            let gone = ["clips-0", "clips-1", "clips-2", "clips-3"];
            assert!(!gone.contains(&meta.group.as_str()), "{part}: {meta:?}");
            assert_eq!(records[*i].part(config.shares()), part);
        }
    }
}
