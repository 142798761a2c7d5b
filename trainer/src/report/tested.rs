//! What was tested: the detector and the faces, told by their fingerprints.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use sha2::{Digest, Sha256};
use unmask_shared::bundle::sha256_hex;

use super::schema::{DataTested, DetectorTested, SourceTested};
use crate::config::{InnerAttack, Method, RunConfig};
use crate::dataset::{Label, Record, Shares, reported_part};
use crate::network::Architecture;
use crate::train::Trained;

/// Name of a folder as reports show it: its last part, since the path is of no use elsewhere.
fn name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let last = whole.file_name().unwrap_or(path.as_os_str());
    last.to_string_lossy().into_owned()
}

/// Which weights were scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightsTested {
    /// `last` or `best` of a run, `bundle` of a bundle.
    pub name: String,
    /// Training step; 0 of a bundle, which does not tell.
    pub step: usize,
    /// SHA-256 of their file, in hexadecimal digits.
    pub sha256: String,
}

impl From<&Trained> for WeightsTested {
    fn from(trained: &Trained) -> Self {
        Self {
            name: trained.weights.to_string(),
            step: trained.step,
            sha256: trained.sha256.clone(),
        }
    }
}

/// Describes weights: so many parameters as they were scored, in int8 or not.
///
/// # Errors
/// When the configuration has no TOML form.
pub fn detector_tested(
    run: &Path,
    config: &RunConfig,
    weights: &WeightsTested,
    parameters: u64,
    int8: bool,
) -> Result<DetectorTested> {
    let network = &config.network;
    Ok(DetectorTested {
        run: name(run),
        method: config.train.method.to_string(),
        architecture: match network.architecture {
            Architecture::Csn => format!("csn, depth {}", network.depth),
            Architecture::Meso4 => "meso4".into(),
            Architecture::Lite => format!("lite, {} blocks", network.cut),
            other => format!("{other:?}, {:?}", network.size).to_lowercase(),
        },
        input: network.input,
        clip_frames: network.clip_frames(),
        parameters,
        macs: network.macs(),
        precision: if int8 { "int8" } else { "f32" }.into(),
        weights: weights.name.clone(),
        step: weights.step,
        weights_sha256: weights.sha256.clone(),
        config_sha256: sha256_hex(config.to_toml()?.as_bytes()),
        seed: config.train.seed,
        trained_against: trained_against(config),
    })
}

fn trained_against(config: &RunConfig) -> String {
    if config.train.method == Method::None {
        return "no attack".into();
    }
    let attack = &config.attack;
    let how = match attack.kind {
        InnerAttack::Pgd => format!("PGD-{}", attack.steps),
        InnerAttack::FgsmRs => "FGSM from a random start".into(),
        InnerAttack::Free => format!("free, {} replays", attack.replays),
    };
    format!("{how}, l_inf {}", attack.epsilon)
}

/// Describes the held-out part of the records of a folder.
///
/// # Errors
/// When a description has no JSON form.
pub fn data_tested(folder: &Path, records: &[Record], shares: Shares) -> Result<DataTested> {
    let part = reported_part(records, shares);
    let held_out: Vec<&Record> = records.iter().filter(|r| r.part(shares) == part).collect();
    let mut hash = Sha256::new();
    for record in &held_out {
        hash.update(serde_json::to_vec(&record.meta)?);
        for frame in &record.frames {
            hash.update((frame.len() as u64).to_le_bytes());
            hash.update(frame);
        }
    }
    let digest = hash.finalize();
    let mut sources: BTreeMap<(&str, bool), Vec<&Record>> = BTreeMap::new();
    for record in &held_out {
        let fake = record.meta.label == Label::Fake;
        let list = sources.entry((&record.meta.source, fake)).or_default();
        list.push(record);
    }
    Ok(DataTested {
        folder: name(folder),
        part: part.to_string(),
        sha256: unmask_shared::hex(&digest),
        groups: count(&held_out, |record| &record.meta.group),
        sources: sources
            .into_iter()
            .map(|((source, fake), of)| SourceTested {
                source: source.to_string(),
                label: if fake { "fake" } else { "real" }.into(),
                records: of.len(),
                frames: of.iter().map(|record| record.frames.len()).sum(),
                files: count(&of, |record| &record.meta.file),
                groups: count(&of, |record| &record.meta.group),
                compression: of
                    .iter()
                    .filter_map(|record| record.meta.compression.clone())
                    .collect::<BTreeSet<String>>()
                    .into_iter()
                    .collect(),
            })
            .collect(),
    })
}

fn count<'a>(records: &[&'a Record], of: impl Fn(&'a Record) -> &'a String) -> usize {
    let distinct: BTreeSet<&String> = records.iter().map(|record| of(record)).collect();
    distinct.len()
}
