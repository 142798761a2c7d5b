//! A plain folder, and what becomes of its records.

use image::RgbImage;
use unmask_data::dataset::{
    Label, MakePlan, PairConfig, Pairs, PrepareOptions, SkipReason, Split, prepare, read_shards,
};

use super::fixture::{DataSet, assert_twins, by_file, picture};

#[test]
fn nothing_is_skipped_silently() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("faces");
    picture(&input.join("real/studio/anna.png"), 5);
    picture(&input.join("real/studio/berta.png"), 6);
    picture(&input.join("elsewhere/carla.png"), 7);
    std::fs::write(input.join("real/studio/broken.jpg"), b"no picture").unwrap();
    let whole = std::fs::read(input.join("real/studio/anna.png")).unwrap();
    std::fs::write(input.join("real/studio/cut.png"), &whole[..whole.len() / 2]).unwrap();
    RgbImage::new(200, 200)
        .save(input.join("real/studio/dark.png"))
        .unwrap();
    let options = PrepareOptions {
        inputs: vec![input],
        output: folder.path().join("shards"),
        ..Default::default()
    };
    let report = prepare(&options).unwrap();
    assert_eq!((report.records, report.skipped), (2, 4));
    assert_eq!(report.reasons[&SkipReason::Unreadable], 2);
    let table = std::fs::read_to_string(&report.table).unwrap();
    for line in [
        "faces/real/studio/broken.jpg\tunreadable\t",
        "faces/real/studio/cut.png\tunreadable\t",
        "faces/real/studio/dark.png\tno_face\t",
        "faces/elsewhere/carla.png\tno_label\t",
    ] {
        assert!(table.contains(line), "{line} is not in {table}");
    }
    let records = read_shards(&options.output).unwrap();
    assert!(records.iter().all(|record| record.meta.source == "studio"));

    let larger = PrepareOptions {
        min_face_px: 200,
        output: folder.path().join("larger"),
        ..options
    };
    let error = format!("{:#}", prepare(&larger).unwrap_err());
    assert!(error.contains("no face was found"), "{error}");
    let table = std::fs::read_to_string(larger.output.join("skipped.tsv")).unwrap();
    assert!(
        table.contains("anna.png\ttoo_small\tthe largest face has"),
        "{table}"
    );
}

#[test]
fn videos_give_twins_cut_alike() {
    let Some(set) = DataSet::new() else { return };
    set.video("real0", "real/a/one.mp4");
    set.video("fake0", "fake/a/one.mp4");
    set.video("real1", "real/a/two.mp4");
    let (report, records, _) = set.prepare(&set.options());
    assert_eq!((report.records, report.skipped), (6, 0));
    assert_twins(&records, &["real/a/one.mp4", "fake/a/one.mp4"]);
    let found = by_file(&records);
    assert!(
        found["real/a/two.mp4"]
            .iter()
            .all(|record| record.meta.twin.is_none())
    );
    let fakes = records.iter().filter(|r| r.meta.label == Label::Fake);
    assert_eq!(fakes.count(), 2);
}

#[test]
fn a_pair_is_the_same_for_the_same_seed_and_never_real_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("faces");
    (0..4).for_each(|i| picture(&input.join(format!("real/p{i}.png")), 20 + i));
    let options = PrepareOptions {
        inputs: vec![input],
        output: folder.path().join("shards"),
        ..Default::default()
    };
    prepare(&options).unwrap();
    let records = read_shards(&options.output).unwrap();
    let config = PairConfig {
        validation_share: 0.0,
        ..Default::default()
    };
    let pairs = Pairs::new(&records, &config, false).unwrap();
    let plan = MakePlan {
        frames: 2,
        side: 64,
        hardness: 1.0,
        stacked: false,
    };
    let epoch = pairs.epoch(9, 0);
    for index in 0..epoch.len() {
        let pair = pairs.make(&epoch, index, &plan).unwrap();
        assert_eq!(pair.real.len(), 2 * 3 * 64 * 64);
        assert_eq!(pair.real, pairs.make(&epoch, index, &plan).unwrap().real);
        assert_eq!(pair.fake, pairs.make(&epoch, index, &plan).unwrap().fake);
        assert_ne!(pair.real, pair.fake, "pair {index} has no fake");
    }
    let other = pairs.epoch(10, 0);
    let first = |epoch| pairs.make(epoch, 0, &plan).unwrap().fake;
    assert_ne!(first(&epoch), first(&other));
}

#[test]
fn nothing_to_prepare_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let options = PrepareOptions {
        inputs: vec![folder.path().to_path_buf()],
        output: folder.path().join("out"),
        ..Default::default()
    };
    let error = |options: &PrepareOptions| prepare(options).unwrap_err().to_string();
    assert!(
        error(&options).contains("no pictures or videos"),
        "{}",
        error(&options)
    );
    let unlabelled = folder.path().join("face.png");
    RgbImage::new(8, 8).save(unlabelled).unwrap();
    assert!(
        error(&options).contains("named `real` or `fake`"),
        "{}",
        error(&options)
    );
    let options = PrepareOptions {
        min_face_px: 30,
        ..options
    };
    assert!(
        error(&options).contains("at least 40"),
        "{}",
        error(&options)
    );
}

#[test]
fn tables_tell_who_is_seen_and_what_was_done() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("faces");
    picture(&input.join("real/studio/anna.png"), 5);
    picture(&input.join("real/street/one.png"), 6);
    picture(&input.join("fake/tool/two.png"), 7);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let options = PrepareOptions {
        inputs: vec![input],
        output: folder.path().join("shards"),
        people: write(
            "people.tsv",
            "path\tperson\tpart\nreal/studio/\tanna\ttest\nreal/street/one\tanna\t-\n",
        ),
        pairs: write(
            "pairs.tsv",
            "fake\treal\tkind\tmethod\nfaces/fake/tool/two.png\tfaces/real/street/one.png\tswap\tTool\n",
        ),
        ..Default::default()
    };
    let report = prepare(&options).unwrap();
    assert_eq!(report.records, 3, "{report:?}");
    let records = read_shards(&options.output).unwrap();
    for record in &records {
        let meta = &record.meta;
        assert_eq!(
            (meta.group.as_str(), meta.split),
            ("anna", Some(Split::Test))
        );
        let fake = meta.label == Label::Fake;
        assert_eq!(meta.kind.as_deref(), fake.then_some("swap"));
        assert_eq!(meta.method.as_deref(), fake.then_some("Tool"));
        let original = fake.then_some("faces/real/street/one.png");
        assert_eq!(meta.original.as_deref(), original);
        assert_eq!(meta.twin, None, "they are not said to be aligned");
    }
}
