//! The model that is built into the program.

use unmask_shared::bundle::{Bundle, BundleError};

/// Where the built-in model comes from, for messages.
pub const BUILTIN_NAME: &str = "built in";

/// The built-in model.
pub fn builtin() -> Result<Bundle, BundleError> {
    Bundle::from_bytes(
        include_bytes!("../models/afsl-lite/SHA256SUMS"),
        include_bytes!("../models/afsl-lite/manifest.json"),
        include_bytes!("../models/afsl-lite/model.onnx"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_model_is_whole_and_runs() {
        let bundle = builtin().unwrap();
        let engine = unmask_shared::engine::Engine::load(&bundle).unwrap();
        let side = engine.crop_side();
        let step = engine
            .session()
            .unwrap()
            .picture(&vec![0.5; 3 * side * side])
            .unwrap();
        assert!(step.logit.is_finite());
        let mean = step.evidence.iter().sum::<f32>() / step.evidence.len() as f32;
        assert!(
            (mean - step.logit).abs() < 1e-3,
            "evidence {mean}, logit {}",
            step.logit
        );
    }
}
