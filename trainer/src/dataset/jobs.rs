//! Which files belong together, and what their names say of them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use unmask_shared::media::list_media;

use super::prepare::PrepareOptions;
use super::record::Label;

/// A real file, its fake, or both: cut with the same box.
pub(super) struct Job {
    pub(super) name: String,
    pub(super) source: String,
    pub(super) group: String,
    pub(super) files: Vec<(Label, PathBuf)>,
}

/// Pairs every file below `real` with the one of the same path below `fake`.
pub(super) fn jobs(options: &PrepareOptions) -> Result<Vec<Job>> {
    let groups = options
        .groups
        .as_deref()
        .map(read_groups)
        .transpose()?
        .unwrap_or_default();
    let mut found: BTreeMap<String, Job> = BTreeMap::new();
    for input in &options.inputs {
        for path in list_media(input)? {
            let relative = path.strip_prefix(input).unwrap_or(&path);
            let Some((label, rest)) = label_of(relative) else {
                continue;
            };
            let input = input
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let name = format!("{}/{}", input.unwrap_or_default(), rest.join("/"));
            let source = if rest.len() > 1 {
                rest[rest.len() - 2].clone()
            } else {
                "plain".into()
            };
            let group = group_of(&rest[rest.len() - 1], &groups);
            let job = found.entry(name.clone()).or_insert(Job {
                name,
                source,
                group,
                files: vec![],
            });
            job.files.push((label, path));
            job.files.sort_by_key(|(label, _)| *label == Label::Fake);
        }
    }
    Ok(found.into_values().collect())
}

fn label_of(path: &Path) -> Option<(Label, Vec<String>)> {
    let parts: Vec<String> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    let at = parts
        .iter()
        .position(|part| part == "real" || part == "fake")?;
    let label = if parts[at] == "real" {
        Label::Real
    } else {
        Label::Fake
    };
    let rest: Vec<String> = parts[..at]
        .iter()
        .chain(&parts[at + 1..])
        .cloned()
        .collect();
    (!rest.is_empty()).then_some((label, rest))
}

/// A file's stem without a trailing frame number of four digits or more, or its entry
/// in the table.
fn group_of(file: &str, groups: &HashMap<String, String>) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let clip = match stem.rsplit_once('_') {
        Some((clip, number)) if number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit()) => {
            clip
        }
        _ => stem,
    };
    groups
        .get(clip)
        .cloned()
        .unwrap_or_else(|| clip.to_string())
}

fn read_groups(path: &Path) -> Result<HashMap<String, String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the groups in {}", path.display()))?;
    text.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, group) = line
                .split_once('\t')
                .with_context(|| format!("{}: `{line}` is not name<TAB>group", path.display()))?;
            Ok((name.to_string(), group.to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_from_the_folder() {
        let (label, rest) = label_of(Path::new("real/dfl/a_0001.jpg")).unwrap();
        assert_eq!(
            (label, rest),
            (
                Label::Real,
                vec!["dfl".to_string(), "a_0001.jpg".to_string()]
            )
        );
        assert_eq!(label_of(Path::new("x/fake/y.png")).unwrap().0, Label::Fake);
        assert!(label_of(Path::new("unreal/y.png")).is_none());
    }

    #[test]
    fn frames_of_a_clip_are_one_group() {
        let groups = HashMap::from([("clip_1".to_string(), "shared".to_string())]);
        assert_eq!(group_of("clip_0_0063.jpg", &groups), "clip_0");
        assert_eq!(group_of("clip_0.mp4", &groups), "clip_0");
        assert_eq!(group_of("clip_1_0003.jpg", &groups), "shared");
        assert_eq!(group_of("34_1_0_2017.jpg", &groups), "34_1_0");
    }
}
