//! `docs/training-keys.md` lists every key of a training run.

#[path = "../../tests/src/keys.rs"]
mod keys;

use unmask_shared::settings::SettingLayers;
use unmask_trainer::config::RunConfig;

const HEAD: &str = "# Keys of a training run\n\
    \n\
    Every key of `unmask-trainer train`, as `--print-config` shows it, with its default. Files (`--config`), then environment variables \
    (`UNMASK_TRAINER__TRAIN__EPOCHS=3`), then `--set train.epochs=3` and flags override the defaults ([training](training.md)). \
    This page is written by a test from the code.\n";

#[test]
fn every_key_of_a_run_stands_in_a_document() {
    let settings = SettingLayers::<RunConfig>::new().build().unwrap();
    let sources = ["trainer/src", "trainer/data/src"];
    keys::hold(
        "training-keys.md",
        HEAD,
        "RunConfig",
        settings.print(),
        &sources,
    );
}
