//! Work that is divided among processes.

use std::collections::BTreeSet;

use unmask_data::dataset::{Partition, PrepareOptions, Record, prepare, read_shards};

use super::fixture::picture;

#[test]
fn all_parts_together_are_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("faces");
    (0..5).for_each(|i| picture(&input.join(format!("real/{i}.png")), 60 + i));
    (0..5).for_each(|i| std::fs::write(input.join(format!("real/{i}.jpg")), "x").unwrap());
    (0..5).for_each(|i| std::fs::write(input.join(format!("{i}.png")), "x").unwrap());
    let run = |name: &str, partition: Partition| {
        let options = PrepareOptions {
            inputs: vec![input.clone()],
            output: folder.path().join(name),
            synthetic: 4,
            frames: 1,
            partition,
            ..Default::default()
        };
        prepare(&options).unwrap().records
    };
    let table = |name: &str, file: &str| {
        let text = std::fs::read_to_string(folder.path().join(name).join(file)).unwrap();
        let lines = text.lines().skip(1).map(str::to_string);
        lines.collect::<Vec<_>>()
    };
    let records = |name: &str| {
        let key = |record: &Record| format!("{record:?}");
        let records = read_shards(&folder.path().join(name)).unwrap();
        records.iter().map(key).collect::<BTreeSet<_>>()
    };
    let whole = run("whole", Partition::WHOLE);
    let parts = (0..3).map(|i| run("parts", format!("{i}/3").parse().unwrap()));
    assert_eq!(parts.sum::<usize>(), whole);
    assert_eq!(records("parts"), records("whole"));
    assert_eq!(records("whole").len(), whole);
    let tables = (0..3).flat_map(|i| table("parts", &format!("skipped-000{i}-of-0003.tsv")));
    let (mut together, mut whole) = (tables.collect::<Vec<_>>(), table("whole", "skipped.tsv"));
    together.sort();
    whole.sort();
    assert_eq!(whole.len(), 10, "{whole:?}");
    assert_eq!(together, whole);
    let entries = std::fs::read_dir(folder.path().join("parts")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let shards: Vec<String> = names.filter(|name| name.ends_with(".tar")).collect();
    assert!(!shards.is_empty());
    assert!(
        shards.iter().all(|name| name.contains("-of-0003-")),
        "{shards:?}"
    );
}
