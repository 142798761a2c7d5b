//! From what the program said to figures: by kind, by source, by part.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use unmask_shared::calibration::Calibration;
use unmask_shared::verdict::Verdict;

use super::listed::{FileTruth, Listed, PARTS};
use super::program::{Analysis, JudgedTrack};
use crate::evaluation::VerdictRates;
use crate::metric::VideoEvidence;
use crate::metric::{Bootstrap, Interval, Ranking};

/// Tracks with fewer judged frames do not speak for a video that has longer ones; the same as
/// in the program.
const FRAMES_MIN: u32 = 5;
/// Width from which a face is large enough to expect a verdict, pixels.
const LARGE_PX: u32 = 80;
/// Sets the draws of the bootstrap.
const SEED: u64 = 0x0000_5EE4;

/// Everything that the chapter shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    /// Name and release of the bundle.
    pub bundle: String,
    /// Fakes by kind; the last row of each medium is of all kinds.
    pub kinds: Vec<KindRow>,
    /// Real files by source.
    pub reals: Vec<RealRow>,
    /// Files without a face, and how many of them got a verdict.
    pub noface: [usize; 2],
    /// Files that could not be read, with the reason.
    pub failed: Vec<String>,
}

/// Fakes of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KindRow {
    /// Kind of manipulation; `all` for all, with the mean of their AUCs.
    pub kind: String,
    /// `video` or `image`.
    pub medium: String,
    /// Its parts, training first.
    pub parts: Vec<PartRow>,
}

/// Fakes of one kind in one part, against the real files of that part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartRow {
    /// `train`, `val`, `calibration`, `test` or `unseen`.
    pub part: String,
    /// Verdicts on the fakes.
    pub fakes: VerdictRates,
    /// Real files that they are held against.
    pub reals: usize,
    /// AUC of the mean raw scores; `None` where a class is missing.
    pub auc: Option<f64>,
    /// Its bounds at 95 % by a bootstrap over people.
    pub bounds: Option<Interval>,
}

/// Real files of one source and part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RealRow {
    /// Source; `all` for all of the part.
    pub source: String,
    /// `video` or `image`.
    pub medium: String,
    /// Part.
    pub part: String,
    /// Verdicts on them.
    pub verdicts: VerdictRates,
    /// Those with a face of 80 pixels or more.
    pub large: VerdictRates,
}

/// A file with what was said of it.
struct Judged<'a> {
    listed: &'a Listed,
    verdict: Verdict,
    medium: &'a str,
    /// Highest mean raw score of the tracks that count; `None` where none was judged.
    score: Option<f32>,
    face_px: u32,
}

impl Unseen {
    /// Verdicts on the videos of a part: on real ones, on fakes of kinds that are found, and on
    /// other fakes.
    pub fn videos(&self, part: &str, is_found: impl Fn(&str) -> bool) -> [VerdictRates; 3] {
        let mut reals = self.reals.iter();
        let reals =
            reals.find(|row| row.source == ALL && row.medium == "video" && row.part == part);
        let kinds = self.kinds.iter().filter(|row| row.medium == "video");
        let (mut found, mut others) = (VerdictRates::default(), VerdictRates::default());
        // Somebody may be in fakes of several kinds, and is one person all the same.
        let all = kinds.clone().filter(|row| row.kind == ALL);
        let all = all.flat_map(|row| &row.parts).find(|of| of.part == part);
        let people = all.map_or(0, |of| of.fakes.people);
        for row in kinds.filter(|row| row.kind != ALL) {
            let sum = if is_found(&row.kind) {
                &mut found
            } else {
                &mut others
            };
            for of in row.parts.iter().filter(|of| of.part == part) {
                sum.files += of.fakes.files;
                sum.people = (sum.people + of.fakes.people).min(people);
                sum.genuine += of.fakes.genuine;
                sum.manipulated += of.fakes.manipulated;
            }
        }
        [
            reals.map(|row| row.verdicts).unwrap_or_default(),
            found,
            others,
        ]
    }
}

/// Name of the rows that sum up.
const ALL: &str = "all";

/// Computes all figures. Kinds count alike in the rows of all kinds: their AUC is the mean of
/// the kinds'.
pub fn sum_up(
    bundle: String,
    listed: &[Listed],
    said: &HashMap<PathBuf, Analysis>,
    resamples: usize,
) -> Unseen {
    let mut unseen = Unseen {
        bundle,
        ..Unseen::default()
    };
    let mut judged = Vec::new();
    for listed in listed {
        let Some(analysis) = said.get(&listed.path) else {
            continue;
        };
        if let Some(error) = &analysis.error {
            unseen
                .failed
                .push(format!("{}: {error}", listed.path.display()));
            continue;
        }
        let counted = counted(&analysis.tracks);
        judged.push(Judged {
            listed,
            verdict: analysis.verdict,
            medium: &analysis.kind,
            score: counted
                .iter()
                .filter_map(|t| mean(&t.logits))
                .reduce(f32::max),
            face_px: counted.iter().map(|t| t.face_px).max().unwrap_or(0),
        });
    }
    for medium in ["video", "image"] {
        let of: Vec<&Judged<'_>> = judged.iter().filter(|j| j.medium == medium).collect();
        unseen.kinds.extend(kinds(&of, medium, resamples));
        unseen.reals.extend(reals(&of, medium));
    }
    let noface = || {
        judged
            .iter()
            .filter(|j| j.listed.truth == FileTruth::NoFace)
    };
    unseen.noface = [
        noface().count(),
        noface().filter(|j| j.verdict != Verdict::Undecided).count(),
    ];
    unseen
}

fn counted(tracks: &[JudgedTrack]) -> Vec<&JudgedTrack> {
    let longest = tracks.iter().map(|track| track.frames).max().unwrap_or(0);
    let counts = |track: &&JudgedTrack| track.frames >= FRAMES_MIN.min(longest);
    tracks.iter().filter(counts).collect()
}

fn mean(logits: &[f32]) -> Option<f32> {
    (!logits.is_empty()).then(|| logits.iter().sum::<f32>() / logits.len() as f32)
}

fn rates<'a>(files: impl Iterator<Item = &'a Judged<'a>>) -> VerdictRates {
    let mut rates = VerdictRates::default();
    let mut people = BTreeSet::new();
    for file in files {
        people.insert(&file.listed.person);
        rates.files += 1;
        match file.verdict {
            Verdict::Genuine => rates.genuine += 1,
            Verdict::Manipulated => rates.manipulated += 1,
            Verdict::Undecided => {}
        }
    }
    rates.people = people.len();
    rates
}

fn kinds(files: &[&Judged<'_>], medium: &str, resamples: usize) -> Vec<KindRow> {
    let of = |truth| {
        files
            .iter()
            .copied()
            .filter(move |j| j.listed.truth == truth)
    };
    let names: BTreeSet<&str> = of(FileTruth::Fake)
        .map(|j| j.listed.kind.as_str())
        .collect();
    let mut rows: Vec<KindRow> = Vec::new();
    for kind in &names {
        let fakes = || of(FileTruth::Fake).filter(move |j| j.listed.kind == *kind);
        let parts = PARTS.iter().filter_map(|part| {
            let fakes: Vec<&Judged<'_>> = fakes().filter(|j| j.listed.part == *part).collect();
            let reals: Vec<&Judged<'_>> = of(FileTruth::Real)
                .filter(|j| j.listed.part == *part)
                .collect();
            (!fakes.is_empty()).then(|| part_row(part, &fakes, &reals, resamples))
        });
        rows.push(KindRow {
            kind: (*kind).into(),
            medium: medium.into(),
            parts: parts.collect(),
        });
    }
    let parts = PARTS.iter().filter_map(|part| {
        let aucs: Vec<f64> = rows
            .iter()
            .flat_map(|row| &row.parts)
            .filter(|row| row.part == *part)
            .filter_map(|row| row.auc)
            .collect();
        let fakes: Vec<&Judged<'_>> = of(FileTruth::Fake)
            .filter(|j| j.listed.part == *part)
            .collect();
        let reals = of(FileTruth::Real).filter(|j| j.listed.part == *part);
        (!fakes.is_empty()).then(|| PartRow {
            part: (*part).into(),
            fakes: rates(fakes.iter().copied()),
            reals: reals.count(),
            auc: (!aucs.is_empty()).then(|| aucs.iter().sum::<f64>() / aucs.len() as f64),
            bounds: None,
        })
    });
    let all = KindRow {
        kind: ALL.into(),
        medium: medium.into(),
        parts: parts.collect(),
    };
    if names.len() > 1 {
        rows.push(all);
    } else if let Some(only) = rows.first() {
        // One kind is all kinds.
        let parts = only.parts.clone();
        rows.push(KindRow { parts, ..all });
    }
    rows
}

fn part_row(part: &str, fakes: &[&Judged<'_>], reals: &[&Judged<'_>], resamples: usize) -> PartRow {
    let both = fakes.iter().chain(reals).filter(|j| j.score.is_some());
    let (mut scores, mut labels, mut people) = (Vec::new(), Vec::new(), Vec::new());
    for file in both {
        scores.extend(file.score);
        labels.push(file.listed.truth == FileTruth::Fake);
        people.push(file.listed.person.as_str());
    }
    let ranking = Ranking::new(&scores, &labels);
    let ones = vec![1; scores.len()];
    let bootstrap = Bootstrap::new(&people, resamples, SEED);
    PartRow {
        part: part.into(),
        fakes: rates(fakes.iter().copied()),
        reals: reals.len(),
        auc: ranking.as_ref().and_then(|ranking| ranking.auc(&ones)),
        bounds: bootstrap.interval(|times| ranking.as_ref()?.auc(times)),
    }
}

fn reals(files: &[&Judged<'_>], medium: &str) -> Vec<RealRow> {
    let mut rows = Vec::new();
    for part in PARTS {
        let of = || {
            let files = files.iter().copied();
            files.filter(move |j| j.listed.truth == FileTruth::Real && j.listed.part == part)
        };
        let mut sources: BTreeMap<&str, Vec<&Judged<'_>>> = BTreeMap::new();
        for file in of() {
            sources.entry(&file.listed.source).or_default().push(file);
            sources.entry(ALL).or_default().push(file);
        }
        rows.extend(sources.into_iter().map(|(source, files)| RealRow {
            source: source.into(),
            medium: medium.into(),
            part: part.into(),
            verdicts: rates(files.iter().copied()),
            large: rates(files.iter().copied().filter(|j| j.face_px >= LARGE_PX)),
        }));
    }
    rows
}

/// Evidence of the longest track of every video of a part, for calibrating.
pub fn evidence_of(
    part: &str,
    listed: &[Listed],
    said: &HashMap<PathBuf, Analysis>,
    calibration: &Calibration,
) -> Vec<VideoEvidence> {
    let of = listed
        .iter()
        .filter(|listed| listed.part == part && listed.truth != FileTruth::NoFace);
    of.filter_map(|listed| {
        let analysis = said.get(&listed.path).filter(|said| said.kind == "video")?;
        let track = analysis
            .tracks
            .iter()
            .max_by_key(|track| track.logits.len())?;
        let llrs: Vec<f32> = track
            .logits
            .iter()
            .map(|logit| calibration.llr(*logit))
            .collect();
        let fake = listed.truth == FileTruth::Fake;
        let kind = if fake { &listed.kind } else { &listed.source };
        let evidence = VideoEvidence::of_run(fake, &listed.person, kind, &llrs);
        (!llrs.is_empty()).then_some(evidence)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, truth: FileTruth, kind: &str, part: &str) -> Listed {
        Listed {
            path: name.into(),
            truth,
            person: name.into(),
            kind: kind.into(),
            source: "s".into(),
            part: part.into(),
        }
    }

    fn said(name: &str, kind: &str, verdict: Verdict, logits: &[f32]) -> (PathBuf, Analysis) {
        let analysis = Analysis {
            path: name.into(),
            kind: kind.into(),
            verdict,
            tracks: vec![JudgedTrack {
                frames: logits.len() as u32,
                face_px: 100,
                logits: logits.into(),
            }],
            error: None,
        };
        (name.into(), analysis)
    }

    #[test]
    fn kinds_are_held_against_the_real_files_of_their_part() {
        use FileTruth::{Fake, NoFace, Real};
        use Verdict::{Genuine, Manipulated, Undecided};
        let files = [
            listed("r1", Real, "-", "train"),
            listed("r2", Real, "-", "test"),
            listed("r3", Real, "-", "test"),
            listed("f1", Fake, "swap", "train"),
            listed("f2", Fake, "swap", "test"),
            listed("f3", Fake, "swap", "test"),
            listed("f4", Fake, "lip-sync", "test"),
            listed("n1", NoFace, "-", "unseen"),
            listed("n2", NoFace, "-", "unseen"),
            listed("gone", Real, "-", "test"),
        ];
        let mut answers: HashMap<PathBuf, Analysis> = HashMap::from([
            said("r1", "video", Genuine, &[-1.0; 9]),
            said("r2", "video", Manipulated, &[2.0; 9]),
            said("r3", "video", Genuine, &[-2.0; 9]),
            said("f1", "video", Manipulated, &[3.0; 9]),
            said("f2", "video", Manipulated, &[3.0; 9]),
            said("f3", "video", Undecided, &[0.0; 9]),
            said("f4", "video", Genuine, &[-3.0; 9]),
            said("n1", "image", Undecided, &[]),
            said("n2", "image", Manipulated, &[4.0]),
        ]);
        let gone = Analysis {
            path: "gone".into(),
            error: Some("no such file".into()),
            ..Analysis::default()
        };
        answers.insert("gone".into(), gone);
        let unseen = sum_up("b".into(), &files, &answers, 50);
        let row = |kind: &str| unseen.kinds.iter().find(|row| row.kind == kind).unwrap();
        let [train, test] = &row("swap").parts[..] else {
            panic!("{:?}", row("swap"))
        };
        assert_eq!((train.auc, test.auc), (Some(1.0), Some(0.75)));
        assert_eq!(
            (test.fakes.files, test.fakes.manipulated, test.reals),
            (2, 1, 2)
        );
        assert_eq!(row("lip-sync").parts[0].auc, Some(0.0));
        let all = &row("all").parts;
        assert_eq!((all[1].auc, all[1].fakes.files), (Some(0.375), 3));
        let [reals, fakes, none] = unseen.videos("test", |_| true);
        assert_eq!((reals.files, reals.manipulated), (2, 1));
        assert_eq!((fakes.files, fakes.genuine, none.files), (3, 1, 0));
        assert_eq!(
            fakes.people, all[1].fakes.people,
            "who is in two kinds counts once"
        );
        let [_, none, fakes] = unseen.videos("test", |_| false);
        assert_eq!((fakes.files, fakes.genuine, none.files), (3, 1, 0));
        assert_eq!(unseen.noface, [2, 1]);
        assert!(unseen.failed[0].contains("gone: no such file"));
        let evidence = evidence_of("test", &files, &answers, &Calibration::default());
        assert_eq!(evidence.len(), 5);
        let text = serde_json::to_string(&unseen).unwrap();
        assert_eq!(serde_json::from_str::<Unseen>(&text).unwrap(), unseen);
    }

    #[test]
    fn a_glimpse_does_not_score_for_a_longer_track() {
        let track = |frames, logit| JudgedTrack {
            frames,
            face_px: 60,
            logits: vec![logit; frames as usize],
        };
        let tracks = [track(90, -1.0), track(2, 5.0)];
        assert_eq!(counted(&tracks).len(), 1);
        assert_eq!(counted(&tracks[1..]).len(), 1);
    }
}
