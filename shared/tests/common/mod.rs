//! A manifest that passes every check.

use unmask_shared::manifest::{
    Figure, GoldenClip, GraphSpec, KindFigure, MANIFEST_FORMAT, MODEL_FILE, ModelKind,
    OperatingPoint, Provenance, StateSpec,
};
use unmask_shared::{Calibration, CropSpec, Manifest, VerdictConfig};

fn text<const N: usize>(value: &str) -> heapless::String<N> {
    value.try_into().expect("fits")
}

/// A manifest that passes every check.
pub fn manifest() -> Manifest {
    let state = |index: usize, shape| StateSpec {
        input: text(&format!("state_{index}")),
        output: text(&format!("next_state_{index}")),
        shape,
    };
    Manifest {
        format: MANIFEST_FORMAT,
        name: text("test-stream"),
        release: 3,
        created: text("2026-01-02T03:04:05Z"),
        kind: ModelKind::Stream,
        period_ms: 0,
        crop: CropSpec::default(),
        graph: GraphSpec {
            file: text(MODEL_FILE),
            image: text("image"),
            logit: text("logit"),
            embedding: text("embedding"),
            evidence: text("evidence"),
            states: [state(0, [1, 16, 14, 14]), state(1, [1, 32, 7, 7])]
                .into_iter()
                .collect(),
            embedding_len: 128,
            evidence_side: 7,
            macs: 60_000_000,
            parameters: 900_000,
        },
        calibration: Calibration::default(),
        operating_point: OperatingPoint {
            threshold: 0.7,
            genuine_below: 0.3,
            bpcer: 0.01,
            apcer: 0.1,
        },
        verdict: VerdictConfig::default(),
        golden: [GoldenClip {
            seed: 1,
            swapped: true,
            frames: 2,
            logits: [0.5, -1.25].into_iter().collect(),
        }]
        .into_iter()
        .collect(),
        provenance: Provenance {
            trainer: text("unmask-trainer 0.1.0"),
            method: text("afsl"),
            seed: 7,
            config_sha256: text(&"0a".repeat(32)),
            data: text("synthetic people"),
            terms: text("none"),
            machine: text("2 threads"),
            minutes: 1.5,
        },
        figures: [Figure {
            name: text("auc.clean"),
            value: 0.97,
            count: 1000,
            bounds: Some([0.95, 0.98]),
        }]
        .into_iter()
        .collect(),
        kinds: [KindFigure {
            name: text("swap"),
            found: true,
            auc: 0.93,
            bounds: Some([0.88, 0.97]),
            people: 12,
        }]
        .into_iter()
        .collect(),
    }
}
