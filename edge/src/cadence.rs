//! When each face is judged: at the pace of the bundle, spread over the frames.

/// Seconds that each of some faces has waited since its last look; infinite before the first.
///
/// A face is due once it has waited for a period, or would miss it by more than half a frame.
/// No frame takes more than its share of the looks that all faces need in a period, so that
/// faces that came together are not judged together ever after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cadence {
    period_s: f32,
}

impl Cadence {
    /// `period_ms` is that of [`unmask_shared::manifest::Manifest::period_ms`].
    pub(crate) fn new(period_ms: u16) -> Self {
        Self {
            period_s: f32::from(period_ms) * 1e-3,
        }
    }

    /// Most looks in a frame that came `interval_s` after the one before, with so many faces in
    /// view.
    pub(crate) fn looks_max(self, faces: usize, interval_s: f32) -> usize {
        if self.period_s <= interval_s {
            return faces;
        }
        let share = faces as f32 * interval_s / self.period_s;
        (share.ceil() as usize).max(1)
    }

    /// Whether a face that has waited so long is to be judged.
    pub(crate) fn is_due(self, waited_s: f32, interval_s: f32) -> bool {
        waited_s + 0.5 * interval_s >= self.period_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at each of `faces` in frames `interval_s` apart, and the most in one frame, of a
    /// queue in which the longest wait comes first.
    fn run(period_ms: u16, faces: usize, interval_s: f32, frames: usize) -> (Vec<usize>, usize) {
        let cadence = Cadence::new(period_ms);
        let mut waited = vec![f32::INFINITY; faces];
        let (mut looks, mut most) = (vec![0; faces], 0);
        for _ in 0..frames {
            waited.iter_mut().for_each(|waited| *waited += interval_s);
            let mut taken = 0;
            for _ in 0..cadence.looks_max(faces, interval_s) {
                let longest = (0..faces).max_by(|a, b| waited[*a].total_cmp(&waited[*b]));
                let longest = longest.filter(|at| cadence.is_due(waited[*at], interval_s));
                let Some(at) = longest else { break };
                waited[at] = 0.0;
                looks[at] += 1;
                taken += 1;
            }
            most = most.max(taken);
        }
        (looks, most)
    }

    #[test]
    fn one_face_is_judged_five_times_a_second_at_any_rate() {
        for fps in [10.0, 23.976, 25.0, 29.97, 30.0, 60.0] {
            let (looks, most) = run(200, 1, 1.0 / fps, (10.0 * fps) as usize);
            assert!((48..=52).contains(&looks[0]), "{fps}: {looks:?}");
            assert_eq!(most, 1);
        }
    }

    #[test]
    fn four_faces_take_turns() {
        let (looks, most) = run(200, 4, 1.0 / 30.0, 300);
        assert!(
            looks.iter().all(|looks| (48..=51).contains(looks)),
            "{looks:?}"
        );
        assert_eq!(most, 1);
        let (looks, most) = run(200, 24, 1.0 / 25.0, 250);
        assert!(
            looks.iter().all(|looks| (48..=51).contains(looks)),
            "{looks:?}"
        );
        assert_eq!(most, 5);
    }

    #[test]
    fn without_a_period_every_face_is_judged_on_every_frame() {
        let (looks, most) = run(0, 3, 0.04, 50);
        assert_eq!((looks, most), (vec![50; 3], 3));
        // Frames that come more slowly than the period.
        let (looks, _) = run(200, 3, 0.5, 50);
        assert_eq!(looks, [50; 3]);
    }
}
