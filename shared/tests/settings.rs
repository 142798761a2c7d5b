//! Settings in layers: who wins, what is refused, and what is printed.
#![cfg(feature = "settings")]

use std::collections::BTreeMap;
use std::ffi::OsString;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use unmask_shared::settings::{SettingLayers, Settings, SettingsError, ValueOrigin};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Run {
    title: Option<String>,
    train: Train,
    data: Data,
    output: Output,
    defence: Defence,
    cameras: Vec<Camera>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Train {
    method: Method,
    seed: u64,
    epochs: f32,
    learning_rate: f64,
    resume: bool,
    epsilon: Epsilon,
    until: Option<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    None,
    Afsl,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Epsilon(u8);

impl TryFrom<String> for Epsilon {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_suffix("/255").and_then(|k| k.parse().ok());
        number
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no epsilon: write it as 2/255"))
    }
}

impl From<Epsilon> for String {
    fn from(epsilon: Epsilon) -> Self {
        format!("{}/255", epsilon.0)
    }
}

impl Default for Train {
    fn default() -> Self {
        Self {
            method: Method::Afsl,
            seed: 1,
            epochs: 20.0,
            learning_rate: 3e-3,
            resume: false,
            epsilon: Epsilon(2),
            until: None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Data {
    share: f32,
    weights: BTreeMap<String, u8>,
    only: Vec<String>,
    sizes: [u16; 2],
}

impl Default for Data {
    fn default() -> Self {
        Self {
            share: 0.05,
            weights: BTreeMap::from([("synthetic".into(), 3)]),
            only: vec!["synthetic".into()],
            sizes: [64, 96],
        }
    }
}

/// An enum whose variant is the key of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Output {
    Nowhere,
    Serial { path: String, baud: u32 },
    Pin(u8),
}

impl Default for Output {
    fn default() -> Self {
        Self::Serial {
            path: "/dev/ttyS0".into(),
            baud: 115_200,
        }
    }
}

/// An enum whose variant stands beside its contents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Defence {
    Afsl {
        steps: u32,
        weight: f32,
    },
    Trades {
        #[serde(default = "six")]
        steps: u32,
        #[serde(default)]
        beta: f32,
    },
}

fn six() -> u32 {
    6
}

impl Default for Defence {
    fn default() -> Self {
        Self::Afsl {
            steps: 2,
            weight: 0.1,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Camera {
    name: String,
    width: u32,
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(k, v)| (k.into(), v.into())).collect()
}

fn file(text: &str) -> Result<Settings<Run>, SettingsError> {
    SettingLayers::new().text("run.toml", text).build()
}

fn environment(pairs: &[(&str, &str)]) -> Result<Settings<Run>, SettingsError> {
    SettingLayers::new()
        .variables("APP", variables(pairs))
        .build()
}

fn refusal<T: std::fmt::Debug>(result: Result<T, SettingsError>) -> String {
    result.expect_err("this must be refused").to_string()
}

#[test]
fn later_layers_win_and_each_value_knows_its_origin() {
    let settings = SettingLayers::<Run>::new()
        .set("train.seed=5")
        .variables(
            "APP",
            variables(&[("APP__TRAIN__SEED", "4"), ("APP__TRAIN__EPOCHS", "2.5")]),
        )
        .text("a.toml", "[train]\nseed = 2\nepochs = 7\nmethod = \"none\"")
        .text("b.toml", "[train]\nmethod = \"afsl\"")
        .flag("--epochs", "train.epochs", Some(&0.1_f32))
        .flag("--rate", "train.learning_rate", None::<&f64>)
        .build()
        .unwrap();
    let train = &settings.value.train;
    assert_eq!(
        (train.seed, train.epochs, train.method),
        (5, 0.1, Method::Afsl)
    );
    let origin = |key: &str| settings.origins[key].to_string();
    assert_eq!(origin("train.seed"), "--set");
    assert_eq!(origin("train.epochs"), "--epochs");
    assert_eq!(origin("train.method"), "b.toml");
    assert_eq!(origin("train.learning_rate"), "default");
    assert_eq!(settings.origins["train.until"], ValueOrigin::Default);
}

#[test]
fn everything_is_printed_with_its_origin() {
    let settings = SettingLayers::<Run>::new()
        .text(
            "run.toml",
            "[train]\nepochs = 3\n[data.weights]\n\"a b\" = 1",
        )
        .variables("APP", variables(&[("APP__DATA__ONLY", "x, y")]))
        .set("output.pin=3")
        .build()
        .unwrap();
    let wanted = "\
# title is not set  # default
cameras = []  # default

[train]
# until is not set  # default
method = \"afsl\"  # default
seed = 1  # default
epochs = 3.0  # run.toml
learning_rate = 0.003  # default
resume = false  # default
epsilon = \"2/255\"  # default

[data]
share = 0.05  # default
only = [\"x\", \"y\"]  # environment APP__DATA__ONLY
sizes = [64, 96]  # default

[data.weights]
\"a b\" = 1  # run.toml
synthetic = 3  # default

[output]
pin = 3  # --set

[defence]
kind = \"afsl\"  # default
steps = 2  # default
weight = 0.1  # default
";
    assert_eq!(settings.print(), wanted);
}

#[test]
fn unknown_keys_are_named_with_their_layer_and_a_guess() {
    let wrong = refusal(file("\n[train]\nepoch = 3"));
    assert_eq!(
        wrong,
        "unknown setting `train.epoch` in run.toml: did you mean `train.epochs`?"
    );
    let wrong = refusal(environment(&[("APP__TRIAN__SEED", "1")]));
    assert_eq!(
        wrong,
        "unknown setting `trian` in the environment variable APP__TRIAN__SEED: did you mean `train`?"
    );
    let wrong = refusal(SettingLayers::<Run>::new().set("epochs=3").build());
    assert_eq!(
        wrong,
        "unknown setting `epochs` in --set: did you mean `train.epochs`?"
    );
    let wrong = refusal(file("output.serial.parity = 1"));
    assert_eq!(
        wrong,
        "unknown setting `output.serial.parity` in run.toml: unknown field `parity`, expected `path` or `baud`"
    );
    let wrong = refusal(file("[[cameras]]\nname = \"a\"\nwidth = 1\nhight = 2"));
    assert!(
        wrong.starts_with("unknown setting `cameras.0.hight` in run.toml"),
        "{wrong}"
    );
    let wrong = refusal(file("[defence]\nstep = 3"));
    assert_eq!(
        wrong,
        "unknown setting `defence.step` in run.toml: did you mean `defence.steps`?"
    );
}

#[test]
fn values_of_a_wrong_type_are_named_with_their_layer() {
    for (toml, wanted) in [
        (
            "train.epochs = \"3\"",
            "setting `train.epochs` in run.toml: invalid type: string \"3\", expected f32",
        ),
        (
            "\ntrain.seed = 2.7",
            "setting `train.seed` in run.toml: invalid type: floating point `2.7`, expected u64",
        ),
        (
            "train.seed = -1",
            "setting `train.seed` in run.toml: invalid value: integer `-1`, expected u64",
        ),
        (
            "train.method = \"asfl\"",
            "setting `train.method` in run.toml: unknown variant `asfl`, expected `none` or `afsl`",
        ),
        (
            "train.epsilon = \"0.1\"",
            "setting `train.epsilon` in run.toml: `0.1` is no epsilon: write it as 2/255",
        ),
        (
            "train = 3",
            "setting `train` in run.toml: invalid type: integer `3`, expected struct Train",
        ),
        (
            "data.weights.a = 256",
            "setting `data.weights.a` in run.toml: invalid value: integer `256`, expected u8",
        ),
        (
            "data.sizes = [\n1,\n\"x\"]",
            "setting `data.sizes.1` in run.toml: invalid type: string \"x\", expected u16",
        ),
        (
            "[output]\nserial = { baud = 1 }\npin = 2",
            "setting `output` in run.toml: wanted exactly 1 element, more than 1 element",
        ),
        (
            "[[cameras]]\nname = \"a\"",
            "setting `cameras.0` in run.toml: missing field `width`",
        ),
    ] {
        assert_eq!(refusal(file(toml)), wanted);
    }
    let wrong = refusal(environment(&[("APP__TRAIN__RESUME", "yes")]));
    assert_eq!(
        wrong,
        "setting `train.resume` in the environment variable APP__TRAIN__RESUME: invalid type: string \"yes\", expected a boolean"
    );
}

#[test]
fn text_becomes_the_type_that_the_key_has() {
    let run = environment(&[
        ("APP__TITLE", "12"),
        ("APP__TRAIN__SEED", "7"),
        ("APP__TRAIN__RESUME", "true"),
        ("APP__TRAIN__EPSILON", "4/255"),
        ("APP__TRAIN__METHOD", "none"),
        ("APP__TRAIN__UNTIL", "1.5"),
        ("APP__DATA__SIZES", "[32, 48]"),
        ("APP__DATA__WEIGHTS__Upper", "2"),
        ("APP__DATA__ONLY", ""),
        ("APP__OUTPUT", "nowhere"),
        ("APP__DEFENCE__STEPS", "9"),
        ("APP__CAMERAS", "[{ name = \"a\", width = 640 }]"),
        ("APPLE", "not ours"),
    ])
    .unwrap()
    .value;
    assert_eq!(run.title.as_deref(), Some("12"));
    assert_eq!((run.train.seed, run.train.resume), (7, true));
    assert_eq!(
        (run.train.epsilon, run.train.method),
        (Epsilon(4), Method::None)
    );
    assert_eq!(run.train.until, Some(1.5));
    assert_eq!(run.data.sizes, [32, 48]);
    assert_eq!(
        (run.data.weights["Upper"], run.data.weights["synthetic"]),
        (2, 3)
    );
    assert_eq!(run.data.only, Vec::<String>::new());
    assert_eq!(run.output, Output::Nowhere);
    assert_eq!(
        run.defence,
        Defence::Afsl {
            steps: 9,
            weight: 0.1
        }
    );
    assert_eq!(run.cameras[0].width, 640);
}

#[test]
fn text_that_looks_like_a_number_stays_text_where_text_is_wanted() {
    let layers = SettingLayers::<Run>::new().text("run.toml", "data.only = []");
    let run = layers.set("data.only=007, b").set("title=0x10").build();
    let run = run.unwrap().value;
    assert_eq!(run.data.only, ["007", "b"]);
    assert_eq!(run.title.as_deref(), Some("0x10"));
    let wrong = refusal(SettingLayers::<Run>::new().set("data.only=[1, 2]").build());
    assert!(
        wrong.starts_with("setting `data.only.0` in --set: invalid type"),
        "{wrong}"
    );
    let wrong = refusal(file("output = \"pin\""));
    assert!(wrong.starts_with("setting `output"), "{wrong}");
}

#[test]
fn another_variant_leaves_the_first_one_behind() {
    let run = file("[defence]\nkind = \"trades\"\nbeta = 2").unwrap();
    assert_eq!(
        run.value.defence,
        Defence::Trades {
            steps: 6,
            beta: 2.0
        }
    );
    let settings = SettingLayers::<Run>::new()
        .text("run.toml", "[output.serial]\nbaud = 9600")
        .build()
        .unwrap();
    let wanted = Output::Serial {
        path: "/dev/ttyS0".into(),
        baud: 9600,
    };
    assert_eq!(settings.value.output, wanted);
    assert_eq!(file("output.pin = 4").unwrap().value.output, Output::Pin(4));
}

#[test]
fn an_option_can_be_taken_back() {
    let settings = SettingLayers::<Run>::new()
        .text("run.toml", "train.until = 2")
        .set("train.until=")
        .build()
        .unwrap();
    assert_eq!(settings.value.train.until, None);
    assert_eq!(settings.origins["train.until"], ValueOrigin::Set);
    assert!(settings.print().contains("# until is not set  # --set\n"));
}

#[test]
fn keys_may_be_quoted_and_values_may_hold_equals_signs() {
    let settings = SettingLayers::<Run>::new()
        .set("data.weights.\"a.b=c\"=9")
        .set("title=a=b")
        .build()
        .unwrap();
    assert_eq!(settings.value.data.weights["a.b=c"], 9);
    assert_eq!(settings.value.title.as_deref(), Some("a=b"));
}

#[test]
fn what_is_no_setting_at_all_is_refused() {
    assert!(refusal(file("= 3")).starts_with("run.toml is not valid TOML: "));
    for text in ["train.seed", "=3", "a b=3", "train.seed\n=3"] {
        let wrong = refusal(SettingLayers::<Run>::new().set(text).build());
        assert!(wrong.contains("write KEY=VALUE"), "{text}: {wrong}");
    }
    let wrong = refusal(environment(&[("APP____SEED", "3")]));
    assert!(wrong.contains("APP____SEED: names no setting"), "{wrong}");
    let missing = std::path::Path::new("does/not/exist.toml");
    let wrong = refusal(SettingLayers::<Run>::new().file(missing).build());
    assert!(wrong.contains("does/not/exist.toml"), "{wrong}");
    let deep = format!("{}a = 1", "a.".repeat(100_000));
    assert!(refusal(file(&deep)).starts_with("run.toml is not valid TOML: "));
    let deep = format!("{}a = 1", "a.".repeat(40));
    assert!(refusal(file(&deep)).starts_with("unknown setting `a`"));
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(refusal(file(&deep)).starts_with("run.toml is not valid TOML: "));
}

fn run() -> impl Strategy<Value = Run> {
    let text = || {
        prop_oneof![
            "[a-z]{0,4}",
            "\\PC{0,8}",
            any::<String>(),
            Just("# \"'\\\n\t\u{7f}".to_owned())
        ]
    };
    let output = prop_oneof![
        Just(Output::Nowhere),
        any::<u8>().prop_map(Output::Pin),
        (text(), any::<u32>()).prop_map(|(path, baud)| Output::Serial { path, baud }),
    ];
    let defence = prop_oneof![
        (any::<u32>(), any::<f32>()).prop_map(|(steps, weight)| Defence::Afsl { steps, weight }),
        (any::<u32>(), any::<f32>()).prop_map(|(steps, beta)| Defence::Trades { steps, beta }),
    ];
    let train = (
        any::<i64>(),
        any::<f32>(),
        any::<f64>(),
        any::<bool>(),
        any::<u8>(),
        proptest::option::of(any::<f32>()),
    )
        .prop_map(
            |(seed, epochs, learning_rate, resume, epsilon, until)| Train {
                method: if resume { Method::None } else { Method::Afsl },
                seed: seed.unsigned_abs() >> 1,
                epochs,
                learning_rate,
                resume,
                epsilon: Epsilon(epsilon),
                until,
            },
        );
    let data = (
        any::<f32>(),
        proptest::collection::btree_map(text(), any::<u8>(), 0..4),
        proptest::collection::vec(text(), 0..4),
        any::<[u16; 2]>(),
    )
        .prop_map(|(share, weights, only, sizes)| Data {
            share,
            weights,
            only,
            sizes,
        });
    let camera = (text(), any::<u32>()).prop_map(|(name, width)| Camera { name, width });
    let cameras = proptest::collection::vec(camera, 0..3);
    (
        proptest::option::of(text()),
        train,
        data,
        output,
        defence,
        cameras,
    )
        .prop_map(|(title, train, data, output, defence, cameras)| Run {
            title,
            train,
            data,
            output,
            defence,
            cameras,
        })
}

proptest! {
    /// Whatever was decided, its print-out is a file that decides the same
    /// (but for keys of maps that the defaults bring along, and options that
    /// they set, which no file can take away).
    #[test]
    fn a_print_out_reads_back_as_the_same_value(mut run in run(), name in any::<String>()) {
        run.data.weights.insert("synthetic".into(), 7);
        let toml = toml::to_string(&run).unwrap();
        let settings = SettingLayers::<Run>::new().text(&name, &toml).build().unwrap();
        prop_assert_eq!(&settings.value, &run);
        let again = SettingLayers::<Run>::new().text("again", settings.print()).build();
        let again = again.map_err(|error| {
            TestCaseError::fail(format!("{error}\n{}", settings.print()))
        })?;
        prop_assert_eq!(&again.value, &run);
        let plain: Run = toml::from_str(settings.print()).unwrap();
        prop_assert_eq!(plain, run);
    }

    /// Outside text never panics.
    #[test]
    fn any_text_is_read_or_refused(text in "[\\[\\]a-z.=\"'{}0-9\n ,#_-]{0,60}", value in any::<String>()) {
        let _ = file(&text);
        let _ = SettingLayers::<Run>::new().set(&text).build();
        let _ = SettingLayers::<Run>::new().set(&format!("train.seed={value}")).build();
        let _ = environment(&[("APP__DATA", value.replace('\0', "").as_str())]);
    }
}
