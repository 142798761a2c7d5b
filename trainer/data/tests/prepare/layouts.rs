//! Every data set in the layout in which it is distributed.

use std::path::PathBuf;

use unmask_data::dataset::{
    Compression, FaceChoice, Label, PairConfig, Pairs, PrepareOptions, Record, SkipReason, Split,
    prepare,
};

use super::fixture::{DataSet, assert_twins, by_file};

fn youtube(name: &str) -> String {
    format!("original_sequences/youtube/c23/videos/{name}.mp4")
}

fn fake(method: &str, name: &str) -> String {
    format!("manipulated_sequences/{method}/c23/videos/{name}.mp4")
}

/// Pairs 000-003 for training, 001-002 for validation, 004-005 for the test.
fn faceforensics() -> Option<DataSet> {
    let set = DataSet::new()?;
    for (person, name) in ["000", "003", "001", "002", "004"].iter().enumerate() {
        set.video(&format!("real{}", person % 3), &youtube(name));
    }
    set.video("fake0", &fake("Deepfakes", "000_003"));
    set.video(
        "mask0",
        "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",
    );
    set.video("fake0", &fake("NeuralTextures", "000_003"));
    set.video("fake1", &fake("Deepfakes", "003_000"));
    set.video("fake2", &fake("Deepfakes", "001_002"));
    set.video("fake1", &fake("Deepfakes", "004_005"));
    set.video("fake0", &fake("FaceShifter", "000_003"));
    set.video(
        "real0",
        "original_sequences/actors/c23/videos/01__kitchen_pan.mp4",
    );
    set.video(
        "fake0",
        &fake("DeepFakeDetection", "01_02__kitchen_pan__YVGY8LOK"),
    );
    for (name, pairs) in [
        ("train", r#"[["000", "003"]]"#),
        ("val", r#"[["002", "001"]]"#),
        ("test", r#"[["005", "004"]]"#),
    ] {
        set.text(&format!("splits/{name}.json"), pairs);
    }
    Some(set)
}

fn of<'a>(records: &'a [Record], file: &str) -> &'a Record {
    by_file(records)
        .get(file)
        .unwrap_or_else(|| panic!("nothing of {file}"))[0]
}

fn options(set: &DataSet, change: impl Fn(&mut PrepareOptions)) -> PrepareOptions {
    let mut options = set.options();
    change(&mut options);
    options
}

#[test]
fn faceforensics_has_its_methods_splits_and_persons() {
    let Some(set) = faceforensics() else { return };
    let (report, records, table) = set.prepare(&set.options());
    // The usual methods of training and validation: 4 originals and 4 fakes.
    assert_eq!((report.records, report.skipped), (16, 0), "{table}");
    let (deepfakes, textures) = (
        fake("Deepfakes", "000_003"),
        fake("NeuralTextures", "000_003"),
    );
    assert_twins(&records, &[&youtube("000"), &deepfakes, &textures]);
    assert_twins(&records, &[&youtube("001"), &fake("Deepfakes", "001_002")]);

    let real = &of(&records, &youtube("000")).meta;
    assert_eq!((real.label, real.split), (Label::Real, Some(Split::Train)));
    assert_eq!(real.face_choice, Some(FaceChoice::Mask));
    assert_eq!(
        (real.method.as_deref(), real.compression.as_deref()),
        (None, Some("c23"))
    );
    let meta = &of(&records, &textures).meta;
    assert_eq!((meta.label, meta.split), (Label::Fake, Some(Split::Train)));
    assert_eq!(meta.method.as_deref(), Some("NeuralTextures"));
    assert_eq!(meta.source, real.source);
    let val = of(&records, &fake("Deepfakes", "001_002"));
    assert!(val.is_held_out(0.0) && !val.is_test());

    // Source and target are one group, whichever of them is filmed.
    let group = |name: &str| of(&records, &youtube(name)).meta.group.clone();
    assert_eq!(group("000"), group("003"));
    assert_eq!(group("001"), group("002"));
    assert_ne!(group("000"), group("001"));
    assert!(
        table.contains("note_mask_missing"),
        "003_000 has no mask: {table}"
    );
}

#[test]
fn faceforensics_gives_what_is_asked_for() {
    let Some(set) = faceforensics() else { return };
    let shifter = |o: &mut PrepareOptions| o.methods = vec!["FaceShifter".into()];
    let (_, records, _) = set.prepare(&options(&set, shifter));
    assert_twins(
        &records,
        &[&youtube("000"), &fake("FaceShifter", "000_003")],
    );
    let fakes = records.iter().filter(|r| r.meta.label == Label::Fake);
    assert_eq!(fakes.count(), 2);

    let test = |o: &mut PrepareOptions| o.splits_kept = vec![Split::Test];
    let (report, records, _) = set.prepare(&options(&set, test));
    assert_eq!(report.records, 4);
    assert!(records.iter().all(Record::is_test));
    assert_twins(&records, &[&youtube("004"), &fake("Deepfakes", "004_005")]);
    let config = PairConfig::default();
    assert!(
        Pairs::new(&records, &config, false).is_err(),
        "never trained on"
    );
    assert!(!Pairs::new(&records, &config, true).unwrap().is_empty());

    let detection = |o: &mut PrepareOptions| o.methods = vec!["DeepFakeDetection".into()];
    let (_, records, _) = set.prepare(&options(&set, detection));
    let filmed = "original_sequences/actors/c23/videos/01__kitchen_pan.mp4";
    let swapped = fake("DeepFakeDetection", "01_02__kitchen_pan__YVGY8LOK");
    assert_twins(&records, &[filmed, &swapped]);
    let meta = &of(&records, &swapped).meta;
    assert_eq!(
        (meta.split, meta.group.as_str()),
        (None, "deepfakedetection-01")
    );
}

#[test]
fn faceforensics_names_what_is_not_there() {
    let Some(set) = faceforensics() else { return };
    let error = |change: &dyn Fn(&mut PrepareOptions)| {
        format!("{:#}", prepare(&options(&set, change)).unwrap_err())
    };
    let said = error(&|o| o.compression = Compression::Raw);
    assert!(
        said.contains("compression raw") && said.contains("c23"),
        "{said}"
    );
    let said = error(&|o| o.methods = vec!["Faceswap".into()]);
    assert!(
        said.contains("`Faceswap`") && said.contains("FaceSwap") || said.contains("FaceShifter"),
        "{said}"
    );
    let said = error(&|o| o.splits = Some(PathBuf::from("nowhere")));
    assert!(said.contains("train.json"), "{said}");

    // A video that the splits do not place is not guessed at.
    set.video("real0", &youtube("777"));
    set.video("fake1", &fake("Deepfakes", "000_001"));
    let (report, _, table) = set.prepare(&set.options());
    assert_eq!(report.reasons[&SkipReason::NoSplit], 2, "{table}");

    // Without any splits, persons still stay together.
    std::fs::remove_dir_all(set.root().join("splits")).unwrap();
    let (_, records, _) = set.prepare(&set.options());
    let group = |name: &str| of(&records, &youtube(name)).meta.group.clone();
    assert_eq!(group("003"), group("002"), "joined by 000_001");
    assert!(records.iter().all(|record| record.meta.split.is_none()));
}

#[test]
fn deeperforensics_takes_its_real_videos_from_faceforensics() {
    let (Some(set), Some(originals)) = (DataSet::new(), faceforensics()) else {
        return;
    };
    set.video("fake0", "manipulated_videos/end_to_end/000_W101.mp4");
    set.video("fake1", "manipulated_videos/end_to_end/003_M004.mp4");
    set.video(
        "fake0",
        "manipulated_videos/end_to_end_level_4/000_W101.mp4",
    );
    set.video(
        "fake0",
        "manipulated_videos/end_to_end_mix_2_distortions/000_W101.mp4",
    );
    set.video(
        "real2",
        "source_videos/W101/light_up/neutral/camera_front/W101_light_up.mp4",
    );
    set.text("lists/splits/train.txt", "000_W101.mp4\n");
    set.text("lists/splits/val.txt", "003_M004.mp4\n");
    set.text("lists/splits/test.txt", "004_M005.mp4\n");
    set.text(
        "lists/manipulated_videos_distortions_meta/manipulated_videos_end_to_end_mix_2_distortions_meta.txt",
        "manipulated_videos/end_to_end_mix_2_distortions/000_W101.mp4 GB:3 CS:5\n",
    );
    let all = |o: &mut PrepareOptions| {
        o.methods = vec!["all".into()];
        o.originals = Some(originals.root());
    };
    let (report, records, table) = set.prepare(&options(&set, all));
    assert_eq!((report.records, report.skipped), (12, 0), "{table}");
    let name = |method: &str| format!("manipulated_videos/{method}/000_W101.mp4");
    let (clean, level, mix) = (
        name("end_to_end"),
        name("end_to_end_level_4"),
        name("end_to_end_mix_2_distortions"),
    );
    assert_twins(&records, &["targets/000.mp4", &clean, &level, &mix]);
    assert_twins(
        &records,
        &[
            "targets/003.mp4",
            "manipulated_videos/end_to_end/003_M004.mp4",
        ],
    );
    assert_eq!(of(&records, &level).meta.level, Some(4));
    assert_eq!(of(&records, &mix).meta.distortions, ["GB:3", "CS:5"]);
    assert_eq!(of(&records, &clean).meta.split, Some(Split::Train));
    assert_eq!(of(&records, "targets/003.mp4").meta.split, Some(Split::Val));
    assert_eq!(
        of(&records, "targets/003.mp4").meta.compression.as_deref(),
        Some("c23")
    );

    // By default the set without distortions; without the originals no real video at all.
    let (report, records, _) = set.prepare(&set.options());
    assert_eq!(report.records, 4);
    assert!(
        records
            .iter()
            .all(|record| record.meta.label == Label::Fake)
    );
}

#[test]
fn celeb_df_is_labelled_by_its_folders() {
    let Some(set) = DataSet::new() else { return };
    set.video("real0", "Celeb-real/id0_0003.mp4");
    set.video("fake0", "Celeb-synthesis/id0_id16_0003.mp4");
    set.video("fake0", "Celeb-synthesis/id0_id17_0003.mp4");
    set.video("real1", "Celeb-real/id1_0000.mp4");
    set.video("fake1", "Celeb-synthesis/id1_id2_0000.mp4");
    set.video("real2", "YouTube-real/videos/00170.mp4");
    // The numbers of this list say the opposite of the folders.
    let list =
        "0 Celeb-real/id1_0000.mp4\n1 Celeb-synthesis/id1_id2_0000.mp4\n0 YouTube-real/00170.mp4\n";
    set.text("List_of_testing_videos.txt", list);
    let (report, records, table) = set.prepare(&set.options());
    assert_eq!((report.records, report.skipped), (6, 0), "{table}");
    let files = [
        "Celeb-real/id0_0003.mp4",
        "Celeb-synthesis/id0_id16_0003.mp4",
        "Celeb-synthesis/id0_id17_0003.mp4",
    ];
    assert_twins(&records, &files);
    assert!(
        records
            .iter()
            .all(|r| r.meta.split.is_none() && r.meta.group == "celeb-df-id0")
    );

    let test = |o: &mut PrepareOptions| o.splits_kept = vec![Split::Test];
    let (report, records, _) = set.prepare(&options(&set, test));
    assert_eq!(report.records, 6);
    assert_twins(
        &records,
        &[
            "Celeb-real/id1_0000.mp4",
            "Celeb-synthesis/id1_id2_0000.mp4",
        ],
    );
    let label = |file: &str| of(&records, file).meta.label;
    assert_eq!(label("Celeb-real/id1_0000.mp4"), Label::Real);
    assert_eq!(label("YouTube-real/videos/00170.mp4"), Label::Real);
    assert_eq!(label("Celeb-synthesis/id1_id2_0000.mp4"), Label::Fake);
}

#[test]
fn dfdc_is_labelled_by_its_annotations() {
    let Some(set) = DataSet::new() else { return };
    let part = "dfdc_train_part_00/dfdc_train_part_0";
    for (video, name) in [
        ("real0", "aa"),
        ("fake0", "bb"),
        ("fake0", "cc"),
        ("real1", "dd"),
    ] {
        set.video(video, &format!("{part}/{name}.mp4"));
    }
    set.text(
        &format!("{part}/metadata.json"),
        r#"{"bb.mp4": {"label": "FAKE", "split": "train", "original": "aa.mp4"},
            "aa.mp4": {"label": "REAL", "split": "train", "original": null},
            "cc.mp4": {"label": "UNKNOWN", "split": "train"},
            "ee.mp4": {"label": "FAKE", "split": "train", "original": "aa.mp4"}}"#,
    );
    set.video("real2", "test/xx.mp4");
    set.video("fake2", "test/yy.mp4");
    set.text("test/labels.csv", "filename,label\nxx.mp4,0\nyy.mp4,1\n");
    let (report, records, table) = set.prepare(&set.options());
    assert_eq!((report.records, report.skipped), (4, 3), "{table}");
    for line in [
        format!("set/{part}/cc.mp4\tno_label\t"),
        format!("set/{part}/dd.mp4\tno_label\t"),
        format!("set/{part}/ee.mp4\tmissing_file\t"),
    ] {
        assert!(table.contains(&line), "{line} is not in {table}");
    }
    assert_twins(
        &records,
        &[&format!("{part}/aa.mp4"), &format!("{part}/bb.mp4")],
    );
    assert!(
        records
            .iter()
            .all(|r| r.meta.group == "dfdc-dfdc_train_part_0")
    );

    let test = |o: &mut PrepareOptions| o.splits_kept = vec![Split::Test];
    let (_, records, _) = set.prepare(&options(&set, test));
    assert_eq!(of(&records, "test/xx.mp4").meta.label, Label::Real);
    assert_eq!(of(&records, "test/yy.mp4").meta.label, Label::Fake);
    assert!(records.iter().all(Record::is_test));
}

#[test]
fn dfdcp_is_labelled_by_its_annotation() {
    let Some(set) = DataSet::new() else { return };
    let (one, two) = (
        "original_videos/643463/643463_A_000.mp4",
        "original_videos/77/77_A_000.mp4",
    );
    let fake = "method_A/643463/643463_77_A_000.mp4";
    set.video("real0", one);
    set.video("real1", two);
    set.video("fake0", fake);
    set.video("fake1", "method_B/1/1_2_A_000.mp4");
    set.text(
        "dataset.json",
        &format!(
            r#"{{"{one}": {{"label": "real", "set": "train", "target_id": "643463", "swapped_id": null, "augmentations": []}},
                "{two}": {{"label": "real", "set": "train", "target_id": "77"}},
                "{fake}": {{"label": "fake", "set": "train", "target_id": "643463", "swapped_id": "77"}},
                "method_A/9/9_8_A_000.mp4": {{"label": "fake", "set": "test", "target_id": "9", "swapped_id": "8"}}}}"#
        ),
    );
    let (report, records, table) = set.prepare(&set.options());
    assert_eq!((report.records, report.skipped), (6, 2), "{table}");
    assert_eq!(report.reasons[&SkipReason::MissingFile], 1);
    assert_eq!(report.reasons[&SkipReason::NoLabel], 1);
    assert_eq!(of(&records, fake).meta.method.as_deref(), Some("method_A"));
    let group = |file: &str| of(&records, file).meta.group.clone();
    assert!(
        group(one) == group(two) && group(one) == group(fake),
        "joined by the swap"
    );
}
