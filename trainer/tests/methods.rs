//! Every method, inner attack and optimiser from end to end on a few synthetic people.

mod support;

use support::{config, go, last, trained, turn};
use unmask_trainer::config::{Epsilon, InnerAttack, Method, Optimizer, RunConfig, Schedule};
use unmask_trainer::network::{Architecture, HeadKind};
use unmask_trainer::train::{Measured, Outcome, RunFolder, Weights};

const METHODS: [Method; 5] = [
    Method::None,
    Method::At,
    Method::Trades,
    Method::Mart,
    Method::Afsl,
];

fn metrics(run: &RunFolder) -> Vec<Measured> {
    let text = std::fs::read_to_string(run.file("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn short(method: Method) -> RunConfig {
    let mut config = config(method);
    config.train.epochs = 1.5;
    config
}

#[test]
fn every_method_trains_and_is_attacked() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for method in METHODS {
        let config = short(method);
        let run = trained(&folder.path().join(method.to_string()), &config);
        let last_line = metrics(&run).pop().unwrap();
        assert!(last_line.loss.is_finite() && last_line.auc.is_some());
        assert_eq!(last_line.auc_attacked.is_some(), method != Method::None);
        let terms: Vec<&str> = last_line.terms.keys().map(String::as_str).collect();
        // The clean part of the run has `dcl` alone, so that it is in every list.
        let expected: &[&str] = match method {
            Method::None => &["dcl"],
            Method::At => &["adv", "dcl"],
            Method::Trades => &["dcl", "kl"],
            Method::Mart => &["bce", "dcl", "kl"],
            Method::Afsl => &["asl", "dcl", "srl"],
        };
        assert_eq!(terms, expected, "{method}");
        let weights = last(&run, &config);
        assert!(weights.iter().all(|weight| weight.is_finite()));
        assert!(!seen.contains(&weights), "{method} trained as another did");
        seen.push(weights);
    }
}

#[test]
fn one_seed_gives_one_result() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: u64| {
        let mut config = short(Method::Afsl);
        config.train.seed = seed;
        last(&trained(&folder.path().join(name), &config), &config)
    };
    let first = run("first", 3);
    assert_eq!(first, run("second", 3));
    assert_ne!(first, run("third", 4));
}

#[test]
fn free_replays_with_perturbed_weights_resume_bit_for_bit() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Method::Trades);
    config.attack.kind = InnerAttack::Free;
    config.attack.replays = 2;
    config.awp.gamma = 0.005;
    config.train.optimizer = Optimizer::Sgd;
    config.train.learning_rate = 0.05;
    config.train.schedule = Schedule::Step;
    let whole = trained(&folder.path().join("whole"), &config);
    let parts = RunFolder::create(&folder.path().join("parts"), &config).unwrap();
    let mut rounds = 0;
    while let Outcome::Interrupted(_) = go(&parts, &config, true) {
        rounds += 1;
    }
    assert!(rounds > 3, "{rounds}");
    assert_eq!(last(&whole, &config), last(&parts, &config));
    let mut without = config.clone();
    without.awp.gamma = 0.0;
    let without = last(&trained(&folder.path().join("without"), &without), &config);
    assert_ne!(last(&whole, &config), without, "perturbation did nothing");
}

#[test]
fn a_single_step_attack_trains() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut config = short(Method::At);
    config.attack.kind = InnerAttack::FgsmRs;
    let run = trained(&folder.path().join("run"), &config);
    assert!(metrics(&run).pop().unwrap().auc_attacked.is_some());
}

#[test]
fn a_run_that_gets_no_better_stops_and_keeps_its_best() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(Method::At);
    // A radius that no network of this size withstands: the AUC under attack stays at zero.
    config.attack.epsilon = Epsilon::of_255(64.0);
    config.attack.clean_share = 0.0;
    config.attack.ramp_share = 0.0;
    config.train.small_share = 0.0;
    config.train.epochs = 20.0;
    config.train.validate_every = 0.5;
    config.train.early_stop_after = 2;
    let run = RunFolder::create(&folder.path().join("run"), &config).unwrap();
    let Outcome::StoppedEarly(stopped) = go(&run, &config, false) else {
        panic!("it went on to the end");
    };
    assert_eq!(go(&run, &config, false), Outcome::StoppedEarly(stopped));
    let device = burn::tensor::Device::flex();
    let load = |weights| run.trained(&config, weights, &device).unwrap();
    let best = load(None);
    assert_eq!(best.weights, Weights::Best);
    assert_eq!(load(Some(Weights::Last)).step, stopped);
    assert!(best.step < stopped, "{} of {stopped}", best.step);
    let lines = metrics(&run);
    let at = |step: usize| {
        let line = lines.iter().find(|line| line.step == step).unwrap();
        line.auc_attacked.unwrap()
    };
    assert!(
        lines
            .iter()
            .all(|line| line.auc_attacked.unwrap() <= at(best.step))
    );
}

#[test]
fn every_architecture_trains_under_attack() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    for (architecture, head) in [
        (Architecture::Csn, HeadKind::Cosine),
        (Architecture::Meso4, HeadKind::Linear),
        (Architecture::Xception, HeadKind::Cosine),
    ] {
        let mut config = short(Method::Afsl);
        config.network.architecture = architecture;
        config.network.head = head;
        config.network.depth = 14;
        config.network.frames = 3;
        config.train.epochs = 0.5;
        config.attack.clean_share = 0.0;
        let run = trained(&folder.path().join(format!("{architecture:?}")), &config);
        let line = metrics(&run).pop().unwrap();
        assert!(line.loss.is_finite() && line.auc_attacked.is_some());
    }
}
