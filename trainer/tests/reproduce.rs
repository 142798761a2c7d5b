//! A small study from end to end, and the same one interrupted after every step.

mod support;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use support::{config, people, turn};
use unmask_trainer::config::{Epsilon, Method};
use unmask_trainer::reproduce::{
    DefenceRow, RunFigures, Study, StudySummary, draw_frontier, rows, summarise, write_page,
    write_tables,
};

fn study() -> Study {
    let mut base = config(Method::None);
    base.attack.clean_share = 0.0;
    Study {
        base,
        clean_epochs: 2.0,
        epochs: 1.0,
        seeds: vec![1],
        epsilons: vec![Epsilon::of_255(1.0), Epsilon::of_255(4.0)],
        pairs: 8,
    }
}

fn chosen() -> Vec<DefenceRow> {
    let wanted = ["none", "afsl", "anchored"];
    let chosen = rows().into_iter();
    chosen.filter(|row| wanted.contains(&row.name)).collect()
}

fn run(output: &Path, stop: bool) -> anyhow::Result<Vec<RunFigures>> {
    let (device, stop) = (Device::flex(), AtomicBool::new(stop));
    study().run(output, &chosen(), people(), &device, &stop, &mut |_| Ok(()))
}

#[test]
fn an_interrupted_study_ends_with_the_same_figures() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let whole = run(&folder.path().join("whole"), false).unwrap();
    assert_eq!(whole.len(), 3);
    for figures in &whole {
        let (trained, shipped) = (&figures.figures.trained, &figures.figures.shipped);
        assert_eq!(trained.robust.len(), 2);
        // 8 pairs: two scores in another order are 1.6 points.
        assert!((trained.clean - shipped.clean).abs() <= 10.0, "{figures:?}");
        let strong = &trained.robust[1];
        assert!(strong.both <= trained.clean, "{figures:?}");
    }
    let parts = folder.path().join("parts");
    let mut rounds = 0;
    let resumed = loop {
        rounds += 1;
        assert!(rounds < 200, "the study makes no progress");
        match run(&parts, true) {
            Ok(figures) => break figures,
            Err(error) => assert!(error.to_string().contains("interrupted"), "{error:#}"),
        }
    };
    assert!(rounds > 10, "{rounds}");
    for (a, b) in whole.iter().zip(&resumed) {
        assert_eq!((&a.row, &a.figures), (&b.row, &b.figures));
    }
    reads_well(&whole);
}

fn reads_well(runs: &[RunFigures]) {
    let summary = summarise(&chosen(), runs, vec!["conditions".into()]);
    let text = write_tables(&summary);
    for needed in [
        "conditions",
        "| 91.5 | 1.0 |",
        "the int8 bundle in tract",
        "ours: AFSL",
    ] {
        assert!(text.contains(needed), "{needed} is missing in\n{text}");
    }
    assert!(!text.contains('±'), "one seed has no spread:\n{text}");
    let svg = draw_frontier(&summary, "4/255").unwrap();
    assert!(svg.contains("AFSL, weights as in the paper") && !svg.contains("no defence"));
    assert!(draw_frontier(&summary, "3/255").is_err());
    let page = write_page(&summary).unwrap();
    for needed in ["<title>Reproduction of AFSL", "91.5", "<svg", "L_dcl"] {
        assert!(page.contains(needed), "{needed} is missing in the page");
    }
    let kept = serde_json::to_string(&summary).unwrap();
    let read: StudySummary = serde_json::from_str(&kept).unwrap();
    assert_eq!((read.schema, &read.epsilons), (1, &summary.epsilons));
    for (a, b) in read.rows.iter().zip(&summary.rows) {
        assert_eq!((&a.name, &a.seeds), (&b.name, &b.seeds));
        assert!((a.trained["clean"].mean - b.trained["clean"].mean).abs() < 1e-9);
    }
}

#[test]
fn another_configuration_is_refused_by_the_folder() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), true).is_err());
    let mut other = study();
    other.base.train.batch_pairs = 5;
    let (device, stop) = (Device::flex(), AtomicBool::new(true));
    let error = other
        .run(
            folder.path(),
            &chosen(),
            people(),
            &device,
            &stop,
            &mut |_| Ok(()),
        )
        .unwrap_err();
    assert!(
        error.to_string().contains("another configuration"),
        "{error:#}"
    );
}
