//! `cc`: every value times a factor.

use unmask_shared::media::Frame;

use super::Level;

const FACTOR: [f32; 5] = [0.85, 0.725, 0.6, 0.475, 0.35];

/// Truncates to bytes, without rounding.
pub(super) fn apply(frame: &mut Frame, level: Level) {
    let factor = level.of(FACTOR);
    for value in &mut frame.rgb {
        *value = (f32::from(*value) * factor) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(rgb: &[u8], level: Level) -> Vec<u8> {
        let mut frame = Frame {
            width: rgb.len() / 3,
            height: 1,
            rgb: rgb.to_vec(),
            ..Default::default()
        };
        apply(&mut frame, level);
        frame.rgb
    }

    #[test]
    fn values_are_truncated() {
        let level = |number| Level::new(number).unwrap();
        assert_eq!(changed(&[10, 100, 200], level(3)), [6, 60, 120]);
        assert_eq!(changed(&[10, 100, 200], level(5)), [3, 35, 70]);
    }

    /// The product is exact in integers: `value * (1000 * factor) / 1000` rounded down.
    #[test]
    fn no_value_is_off_by_the_error_of_a_float() {
        let all: Vec<u8> = (0..=254).collect();
        for (level, thousandths) in Level::ALL.into_iter().zip([850, 725, 600, 475, 350]) {
            let exact = all.iter().map(|v| u32::from(*v) * thousandths / 1000);
            let exact: Vec<u8> = exact.map(|v| v as u8).collect();
            assert_eq!(changed(&all, level), exact, "{level:?}");
        }
    }
}
