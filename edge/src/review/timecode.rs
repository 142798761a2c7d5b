//! Frame numbers as broadcasters write them.

/// Highest rate, frames per second.
const HZ_MAX: f64 = 1000.0;
/// How near a rate must be to an NTSC one to be taken for it, as a part of it.
const NTSC_WITHIN: f64 = 1e-4;

/// Frames per second, at which timecodes count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    hz: f64,
    /// The whole rate that frame numbers run to.
    nominal: u64,
    is_drop: bool,
}

impl Rate {
    /// Above 0 and at most 1000; else `None`. One near n x 1000/1001 for a whole n, such as 29.97,
    /// is taken for that; at 29.97 and 59.94 numbers are dropped.
    pub fn new(hz: f64) -> Option<Self> {
        if !(hz > 0.0 && hz <= HZ_MAX) {
            return None;
        }
        let nominal = hz.round().max(1.0);
        let ntsc = nominal * 1000.0 / 1001.0;
        let is_ntsc = (hz - ntsc).abs() <= NTSC_WITHIN * ntsc;
        Some(Self {
            hz: if is_ntsc { ntsc } else { hz },
            nominal: nominal as u64,
            is_drop: is_ntsc && (nominal == 30.0 || nominal == 60.0),
        })
    }

    /// Frames per second.
    pub fn hz(self) -> f64 {
        self.hz
    }

    /// The whole number of frames that a second of timecode has.
    pub fn nominal(self) -> u64 {
        self.nominal
    }

    /// Whether numbers are dropped, so that timecode keeps up with the clock.
    pub fn is_drop(self) -> bool {
        self.is_drop
    }

    /// The frame that is due at a time, microseconds: with variable rates, not how many there were
    /// before.
    pub fn frame_at(self, time_us: u64) -> u64 {
        (time_us as f64 * self.hz / 1e6).round() as u64
    }

    /// `HH:MM:SS:FF` of a frame, as in SMPTE ST 12-1. At 29.97 and 59.94 frames a second frame
    /// numbers are dropped, two or four at each minute but every tenth, and `;` stands before the
    /// frame. Hours go on from 24.
    pub fn timecode(self, frame: u64) -> String {
        let (frame, mark) = if self.is_drop {
            (with_dropped(frame, self.nominal), ';')
        } else {
            (frame, ':')
        };
        let (seconds, frame) = (frame / self.nominal, frame % self.nominal);
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        format!(
            "{hours:02}:{minutes:02}:{:02}{mark}{frame:02}",
            seconds % 60
        )
    }
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
    frame.saturating_add(dropped.saturating_mul(9 * tens + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timecode(frame: u64, hz: f64) -> String {
        Rate::new(hz).expect("a rate").timecode(frame)
    }

    #[test]
    fn whole_rates_count_frames() {
        assert_eq!(timecode(0, 25.0), "00:00:00:00");
        assert_eq!(timecode(25 * 3661 + 24, 25.0), "01:01:01:24");
        assert_eq!(timecode(30 * 60, 30.0), "00:01:00:00");
        assert_eq!(timecode(24, 23.976), "00:00:01:00");
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for hz in [0.0, -25.0, 1001.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Rate::new(hz), None, "{hz}");
        }
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
            for hz in [30000.0 / 1001.0, 29.97, f64::from(29.97_f32)] {
                assert_eq!(timecode(frame, hz), wanted, "{frame}");
            }
        }
        assert_eq!(timecode(3600, 60000.0 / 1001.0), "00:01:00;04");
        assert_eq!(timecode(35964, 60000.0 / 1001.0), "00:10:00;00");
    }

    #[test]
    fn time_stamps_that_were_cut_to_microseconds_give_their_frames_back() {
        for (hz, told) in [
            (30000.0 / 1001.0, 29.97_f32),
            (25.0, 25.0),
            (24000.0 / 1001.0, 23.976),
        ] {
            let rate = Rate::new(told.into()).expect("a rate");
            for frame in (0..30 * 86_400).step_by(977) {
                let time_us = (frame as f64 * 1e6 / hz) as u64;
                assert_eq!(rate.frame_at(time_us), frame, "{hz}");
            }
        }
    }
}
