//! Frame numbers as broadcasters write them.

/// `HH:MM:SS:FF` of a frame at a rate, as in SMPTE ST 12-1. At 29.97 and 59.94 frames
/// a second frame numbers are dropped, two or four at each minute but every tenth, and
/// `;` stands before the frame. Hours go on from 24.
pub fn timecode(frame: u64, rate_hz: f64) -> String {
    let nominal = rate_hz.round().clamp(1.0, 1000.0) as u64;
    let is_drop = (nominal == 30 || nominal == 60) && (rate_hz - rate_hz.round()).abs() > 0.02;
    let (frame, mark) = if is_drop {
        (with_dropped(frame, nominal), ';')
    } else {
        (frame, ':')
    };
    let (seconds, frame) = (frame / nominal, frame % nominal);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!(
        "{hours:02}:{minutes:02}:{:02}{mark}{frame:02}",
        seconds % 60
    )
}

/// The number under which a frame is written when numbers are dropped.
fn with_dropped(frame: u64, nominal: u64) -> u64 {
    let dropped = nominal / 15;
    let minute = 60 * nominal - dropped;
    let ten_minutes = 10 * minute + dropped;
    let (tens, rest) = (frame / ten_minutes, frame % ten_minutes);
    let minutes = if rest < 60 * nominal {
        0
    } else {
        1 + (rest - 60 * nominal) / minute
    };
    frame + dropped * (9 * tens + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_rates_count_frames() {
        assert_eq!(timecode(0, 25.0), "00:00:00:00");
        assert_eq!(timecode(25 * 3661 + 24, 25.0), "01:01:01:24");
        assert_eq!(timecode(30 * 60, 30.0), "00:01:00:00");
        assert_eq!(timecode(24, 23.976), "00:00:01:00");
    }

    /// python -m pip install timecode; then for each frame n (its count is from 1):
    /// str(Timecode("29.97", frames=n + 1)), str(Timecode("59.94", frames=n + 1))
    #[test]
    fn drop_frame_numbers_are_those_of_smpte() {
        for (frame, wanted) in [
            (0, "00:00:00;00"),
            (1799, "00:00:59;29"),
            (1800, "00:01:00;02"),
            (3597, "00:01:59;29"),
            (3598, "00:02:00;02"),
            (17981, "00:09:59;29"),
            (17982, "00:10:00;00"),
            (107_892, "01:00:00;00"),
        ] {
            assert_eq!(timecode(frame, 30000.0 / 1001.0), wanted, "{frame}");
        }
        assert_eq!(timecode(3600, 60000.0 / 1001.0), "00:01:00;04");
        assert_eq!(timecode(35964, 60000.0 / 1001.0), "00:10:00;00");
    }
}
