//! Pages that are written from the code, or that must name what it has: keys of a training run,
//! attacks, layouts of data sets.

#[path = "../../tests/src/keys.rs"]
mod keys;

use clap::ValueEnum;
use unmask_shared::settings::SettingLayers;
use unmask_trainer::attack::{ATTACKS, Access};
use unmask_trainer::config::RunConfig;
use unmask_trainer::dataset::Layout;

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

#[test]
fn every_attack_stands_in_a_document() {
    let head = [
        "`--attack`",
        "sees",
        "limit",
        "source",
        "parameters",
        "what it is for",
    ];
    let rows = ATTACKS.iter().map(|entry| {
        let sees = match entry.make.access() {
            Access::WhiteBox => "gradients",
            Access::Scores => "scores",
            Access::Decisions => "decisions",
            Access::Transfer => "another network",
            Access::Nothing => "nothing",
        };
        let (name, limit) = (format!("`{}`", entry.name), entry.limit.to_string());
        let words = [entry.source, entry.parameters, entry.purpose].map(str::to_owned);
        let [source, parameters, purpose] = words;
        [name, sees.to_owned(), limit, source, parameters, purpose]
    });
    let text = keys::table(std::iter::once(head.map(str::to_owned)).chain(rows));
    keys::hold_part("attacks.md", "attacks", &text);
}

/// A section for each, to which the table of terms leads, with the methods where there are any.
#[test]
fn every_layout_stands_in_a_document() {
    let page = keys::page("data.md");
    for layout in Layout::value_variants() {
        let title = format!("`{layout}`: {}", layout.title());
        let section = page.split_once(&format!("\n### {title}\n"));
        let (_, section) = section.unwrap_or_else(|| panic!("docs/data.md: no section {title}"));
        let section = section.split("\n#").next().unwrap_or_default();
        assert!(
            section.contains("```text\n"),
            "{title}: no folders are shown"
        );
        assert_eq!(
            section.contains("`--methods`"),
            layout.has_methods(),
            "{title}"
        );
        let letters = title.to_lowercase().replace(' ', "-");
        let slug = letters.replace(|c: char| !c.is_alphanumeric() && c != '-', "");
        let link = format!("[`{layout}`](#{slug})");
        assert!(page.contains(&link), "docs/data.md: its table lacks {link}");
    }
}
