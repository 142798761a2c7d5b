//! Who is to be seen in which file: the user's tables of pairs and people.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::layout::{Job, Persons};
use super::record::{Label, Split};
use super::table::{Row, Table};

/// What `--pairs` and `--people` say.
#[derive(Default)]
pub(super) struct Identities {
    pairs: Vec<Pair>,
    /// By the path or its beginning.
    people: HashMap<String, About>,
}

/// A fake and the file that it was made from, or stands beside.
struct Pair {
    fake: String,
    real: String,
    /// Frame for frame, pixel for pixel.
    aligned: bool,
    about: About,
}

/// What a table says of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct About {
    persons: Vec<String>,
    kind: Option<String>,
    method: Option<String>,
    source: Option<String>,
    part: Option<Split>,
}

impl About {
    fn of(row: Row<'_>, person: &str) -> Result<Self> {
        let names = row.get(person).into_iter().flat_map(|cell| cell.split(','));
        Ok(Self {
            persons: names.map(|name| name.trim().to_string()).collect(),
            kind: row.get("kind").map(String::from),
            method: row.get("method").map(String::from),
            source: row.get("source").map(String::from),
            part: row
                .get("part")
                .map(|cell| part(cell).with_context(|| row.place()))
                .transpose()?,
        })
    }

    /// Takes from a shorter path what the longer ones did not say.
    fn fill(&mut self, from: &Self) {
        if self.persons.is_empty() {
            self.persons.clone_from(&from.persons);
        }
        for (own, other) in [
            (&mut self.kind, &from.kind),
            (&mut self.method, &from.method),
            (&mut self.source, &from.source),
        ] {
            if own.is_none() {
                own.clone_from(other);
            }
        }
        self.part = self.part.or(from.part);
    }
}

fn part(cell: &str) -> Result<Split> {
    let part = <Split as clap::ValueEnum>::from_str(cell, false);
    part.map_err(|_| anyhow::anyhow!("`{cell}` is no part: train, val, calibration or test"))
}

impl Identities {
    /// Reads the tables that there are.
    ///
    /// # Errors
    /// When one cannot be read, lacks a column, or has a cell that means nothing.
    pub(super) fn read(pairs: Option<&Path>, people: Option<&Path>) -> Result<Self> {
        let mut all = Self::default();
        if let Some(path) = pairs {
            for row in Table::read(path, &["fake", "real"])?.rows() {
                all.pairs.push(Pair {
                    fake: row.need("fake")?.into(),
                    real: row.need("real")?.into(),
                    aligned: match row.get("aligned") {
                        None | Some("no") => false,
                        Some("yes") => true,
                        Some(other) => {
                            bail!("{}: aligned is `{other}`, must be yes or no", row.place())
                        }
                    },
                    about: About::of(row, "group")?,
                });
            }
        }
        if let Some(path) = people {
            for row in Table::read(path, &["path"])?.rows() {
                let about = About::of(row, "person")?;
                let path = row.need("path")?.to_string();
                if let Some(before) = all.people.insert(path, about.clone()) {
                    ensure!(
                        before == about,
                        "{}: another line says something else of this path",
                        row.place()
                    );
                }
            }
        }
        Ok(all)
    }

    /// Writes into the jobs what the tables say: kind, method, source and part of files,
    /// originals of fakes, and as group whoever must not be split. Aligned pairs become one
    /// job. Returns what the user should know.
    ///
    /// # Errors
    /// When no line of a table names a file that is there, or a group would lie in two parts.
    pub(super) fn apply(&self, jobs: &mut Vec<Job>) -> Result<Option<String>> {
        if self.pairs.is_empty() && self.people.is_empty() {
            return Ok(None);
        }
        let mut groups = Groups::default();
        let mut named = self.describe(jobs, &mut groups);
        let places = places(jobs);
        let mut moves = Vec::new();
        let mut missing = 0;
        for pair in &self.pairs {
            let (Some(fake), Some(real)) = (places.get(&pair.fake), places.get(&pair.real)) else {
                missing += 1;
                continue;
            };
            named += 1;
            groups.join(&jobs[fake.0].group, &jobs[real.0].group);
            groups.name(&jobs[real.0].group, &pair.about);
            let original = jobs[real.0].entries[real.1].file.clone();
            let entry = &mut jobs[fake.0].entries[fake.1];
            ensure!(
                entry.label == Label::Fake,
                "{} stands under `fake` in the table of pairs, but lies in a folder of real files",
                pair.fake
            );
            entry.original.get_or_insert(original);
            say(&pair.about, &mut entry.kind, &mut entry.method);
            if pair.aligned && fake.0 != real.0 {
                moves.push((*fake, real.0));
            }
        }
        ensure!(
            named > 0,
            "the tables of pairs and people name no file that is there: paths begin below the input folder, or with its name"
        );
        follow_originals(jobs, moves);
        groups.write(jobs)?;
        let people = jobs.iter().map(|job| job.group.as_str());
        let people: std::collections::BTreeSet<&str> = people.collect();
        let missing = match missing {
            0 => String::new(),
            more => format!(", {more} pairs are not there"),
        };
        let count = people.len();
        Ok(Some(format!("tables: {count} people or clips{missing}")))
    }

    /// Applies the table of people; how many files it names.
    fn describe(&self, jobs: &mut [Job], groups: &mut Groups) -> usize {
        let mut named = 0;
        for job in jobs {
            groups.add(&job.group);
            for entry in &mut job.entries {
                let Some(about) = self.about(&entry.file) else {
                    continue;
                };
                named += 1;
                groups.name(&job.group, &about);
                if let Some(source) = &about.source {
                    job.source.clone_from(source);
                }
                if entry.label == Label::Fake {
                    say(&about, &mut entry.kind, &mut entry.method);
                }
            }
        }
        named
    }

    /// What is said of a file by the paths that it begins with, the longest first.
    fn about(&self, file: &str) -> Option<About> {
        let mut found: Option<About> = None;
        for path in [Some(file), below(file)].into_iter().flatten() {
            let ends = path.char_indices().map(|(at, c)| at + c.len_utf8());
            for end in ends.collect::<Vec<_>>().into_iter().rev() {
                if let Some(about) = path.get(..end).and_then(|path| self.people.get(path)) {
                    found.get_or_insert_default().fill(about);
                }
            }
        }
        found
    }
}

/// The path below the input folder.
fn below(file: &str) -> Option<&str> {
    file.split_once('/').map(|(_, below)| below)
}

fn say(about: &About, kind: &mut Option<String>, method: &mut Option<String>) {
    for (said, of_file) in [(&about.kind, kind), (&about.method, method)] {
        if said.is_some() {
            of_file.clone_from(said);
        }
    }
}

/// Where every file is, job and entry, by both of its names.
fn places(jobs: &[Job]) -> HashMap<String, (usize, usize)> {
    let mut places = HashMap::new();
    for (job, of) in jobs.iter().enumerate() {
        for (entry, about) in of.entries.iter().enumerate() {
            let file = about.file.as_str();
            for name in [Some(file), below(file)].into_iter().flatten() {
                places.entry(name.to_string()).or_insert((job, entry));
            }
        }
    }
    places
}

/// Moves fakes to the jobs of their originals; jobs that become empty go.
fn follow_originals(jobs: &mut Vec<Job>, mut moves: Vec<((usize, usize), usize)>) {
    // From the back, so that places stay right.
    moves.sort_by(|a, b| b.cmp(a));
    moves.dedup_by_key(|(from, _)| *from);
    for ((job, entry), to) in moves {
        let moved = jobs[job].entries.remove(entry);
        jobs[to].entries.push(moved);
    }
    for job in jobs.iter_mut() {
        job.entries.sort_by_key(|entry| entry.label == Label::Fake);
    }
    jobs.retain(|job| !job.entries.is_empty());
}

/// Groups of files, joined where one person is in both.
#[derive(Default)]
struct Groups {
    sets: Persons,
    parts: Vec<(String, Split)>,
}

impl Groups {
    /// Names of the tables come before those of files, so that a set is called by them.
    fn of_file(group: &str) -> String {
        format!("1{group}")
    }

    fn add(&mut self, group: &str) {
        let name = Self::of_file(group);
        self.sets.join(&name, &name);
    }

    fn join(&mut self, one: &str, other: &str) {
        self.sets.join(&Self::of_file(one), &Self::of_file(other));
    }

    fn name(&mut self, group: &str, about: &About) {
        let group = Self::of_file(group);
        for person in &about.persons {
            self.sets.join(&group, &format!("0{person}"));
        }
        self.parts.extend(about.part.map(|part| (group, part)));
    }

    /// Names the jobs' groups, and places all files of a group where one of them is placed.
    fn write(mut self, jobs: &mut [Job]) -> Result<()> {
        let mut parts: BTreeMap<String, Split> = BTreeMap::new();
        for (group, part) in std::mem::take(&mut self.parts) {
            let set = self.sets.first(&group);
            let placed = *parts.entry(set.clone()).or_insert(part);
            ensure!(
                placed == part,
                "the tables place `{}` in {placed} and in {part}: one person belongs into one part",
                &set[1..]
            );
        }
        for job in jobs {
            let set = self.sets.first(&Self::of_file(&job.group));
            for entry in &mut job.entries {
                entry.split = entry.split.or(parts.get(&set).copied());
            }
            job.group = set[1..].to_string();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::Entry;
    use super::*;

    fn job(name: &str, group: &str, files: &[&str]) -> Job {
        let entry = |file: &&str| Entry {
            label: if file.contains("/fake/") {
                Label::Fake
            } else {
                Label::Real
            },
            file: (*file).into(),
            ..Default::default()
        };
        Job {
            name: name.into(),
            source: "s".into(),
            group: group.into(),
            entries: files.iter().map(entry).collect(),
        }
    }

    fn identities(pairs: &str, people: &str) -> Result<Identities> {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            (!text.is_empty()).then_some(path)
        };
        let (pairs, people) = (write("pairs", pairs), write("people", people));
        Identities::read(pairs.as_deref(), people.as_deref())
    }

    fn jobs() -> Vec<Job> {
        vec![
            job("a", "one", &["in/real/x/one.mp4"]),
            job("b", "two", &["in/fake/x/two.mp4"]),
            job("c", "three", &["in/real/x/three.mp4"]),
            job("d", "four", &["in/fake/x/four.mp4"]),
            job("e", "five", &["in/real/x/five.mp4"]),
        ]
    }

    #[test]
    fn pairs_share_a_group_and_aligned_ones_a_job() {
        let pairs = "fake\treal\tkind\taligned\n\
                     fake/x/two.mp4\treal/x/one.mp4\tswap\tyes\n\
                     in/fake/x/four.mp4\tin/real/x/one.mp4\tlip-sync\tno\n\
                     fake/x/gone.mp4\treal/x/one.mp4\t-\tno\n";
        let people = "path\tperson\tsource\n\
                      in/real/x/\t-\tstudio\nreal/x/th\tanna\nreal/x/five\tanna\n";
        let mut jobs = jobs();
        let note = identities(pairs, people).unwrap().apply(&mut jobs).unwrap();
        let note = note.unwrap();
        assert!(
            note.contains("2 people") && note.contains("1 pairs"),
            "{note}"
        );
        let names: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["a", "c", "d", "e"]);
        let [one, three, four, five] = &jobs[..] else {
            panic!("{names:?}")
        };
        assert_eq!(one.entries.len(), 2);
        assert_eq!(one.entries[1].kind.as_deref(), Some("swap"));
        let original = Some("in/real/x/one.mp4");
        assert_eq!(one.entries[1].original.as_deref(), original);
        assert_eq!(four.entries[0].original.as_deref(), original);
        assert_eq!(four.entries[0].kind.as_deref(), Some("lip-sync"));
        assert_eq!((&one.group, &four.group), (&"four".into(), &"four".into()));
        assert_eq!(
            (&three.group, &five.group),
            (&"anna".into(), &"anna".into())
        );
        assert_eq!((one.source.as_str(), four.source.as_str()), ("studio", "s"));
    }

    #[test]
    fn the_longest_path_decides_each_column() {
        let people = "path\tperson\tkind\tmethod\n\
                      fake/\t-\tswap\tA\nfake/x/\tx\t-\tB\nfake/x/two.mp4\tu, v\t-\t-\n";
        let about = identities("", people).unwrap().about("in/fake/x/two.mp4");
        let about = about.unwrap();
        assert_eq!(about.persons, ["u", "v"]);
        assert_eq!(
            (about.kind.as_deref(), about.method.as_deref()),
            (Some("swap"), Some("B"))
        );
    }

    #[test]
    fn a_person_lies_in_one_part() {
        let people = "path\tperson\tpart\nreal/x/one\tanna\ttest\nreal/x/three\tanna\t-\n";
        let mut placed = jobs();
        identities("", people).unwrap().apply(&mut placed).unwrap();
        assert_eq!(placed[0].entries[0].split, Some(Split::Test));
        assert_eq!(placed[2].entries[0].split, Some(Split::Test));
        assert_eq!(placed[4].entries[0].split, None);
        let people = "path\tperson\tpart\nreal/x/one\tanna\ttest\nreal/x/three\tanna\ttrain\n";
        let error = identities("", people).unwrap().apply(&mut jobs());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("`anna` in test and in train"), "{error}");
    }

    #[test]
    fn tables_that_mean_nothing_are_refused() {
        let nothing = identities("", "path\tperson\nelsewhere/\ta\n").unwrap();
        let error = nothing.apply(&mut jobs()).unwrap_err().to_string();
        assert!(error.contains("no file that is there"), "{error}");
        let error =
            |pairs: &str, people: &str| format!("{:#}", identities(pairs, people).err().unwrap());
        let part = error("", "path\tpart\nreal/\tsome\n");
        assert!(part.contains("line 2") && part.contains("`some`"), "{part}");
        let aligned = error("fake\treal\taligned\na\tb\tmaybe\n", "");
        assert!(aligned.contains("maybe"), "{aligned}");
        let twice = error("", "path\tperson\nreal/\ta\nreal/\tb\n");
        assert!(twice.contains("something else"), "{twice}");
        let real = identities("fake\treal\nreal/x/one.mp4\treal/x/three.mp4\n", "").unwrap();
        let error = real.apply(&mut jobs()).unwrap_err().to_string();
        assert!(error.contains("folder of real files"), "{error}");
    }
}
