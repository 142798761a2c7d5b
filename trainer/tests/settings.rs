//! A run's configuration through the settings' layers.

use std::ffi::OsString;

use unmask_shared::settings::SettingLayers;
use unmask_trainer::config::RunConfig;

#[test]
fn a_run_is_configured_in_layers() {
    let variable: (OsString, OsString) = ("UNMASK_TRAINER__TRAIN__SEED".into(), "9".into());
    let settings = SettingLayers::<RunConfig>::new()
        .text("run.toml", "[data.fake_weights]\nsynthetic = 3")
        .variables("UNMASK_TRAINER", [variable])
        .set("attack.epsilon=8/255")
        .flag("--epochs", "train.epochs", Some(&0.5_f32))
        .build()
        .unwrap();
    let text = settings.print();
    for line in [
        "synthetic = 3  # run.toml",
        "seed = 9  # environment UNMASK_TRAINER__TRAIN__SEED",
        "epsilon = \"8/255\"  # --set",
        "epochs = 0.5  # --epochs",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert_eq!(toml::from_str::<RunConfig>(text).unwrap(), settings.value);
}

#[test]
fn the_defaults_survive_the_layers() {
    let settings = SettingLayers::<RunConfig>::new().build().unwrap();
    assert_eq!(settings.value, RunConfig::default());
}
