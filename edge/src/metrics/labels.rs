//! The labels of metrics: few values each.

use prometheus_client::encoding::EncodeLabelSet;

/// Which camera.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CameraLabel {
    /// The stream's name.
    pub camera: String,
}

/// Which camera, and what kind of thing.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CameraKind {
    /// The stream's name.
    pub camera: String,
    /// Which kind.
    pub kind: &'static str,
}

/// Which camera, and which verdict.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct CameraVerdict {
    /// The stream's name.
    pub camera: String,
    /// The verdict.
    pub verdict: &'static str,
}

/// Which of a few.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Which {
    /// Its name.
    pub name: &'static str,
}

/// Why.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Why {
    /// The reason.
    pub reason: &'static str,
}

/// What is shown.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StateLabel {
    /// The signal.
    pub state: &'static str,
}
