//! Frame numbers as broadcasters write them.

use std::str::FromStr;

/// Highest rate, frames per second.
const HZ_MAX: f64 = 1000.0;
/// How near a rate must be to an NTSC one to be taken for it, as a part of it.
const NTSC_WITHIN: f64 = 1e-4;

/// A timecode as somebody wrote it, `HH:MM:SS:FF`; which frame it is depends on the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timecode {
    hours: u64,
    minutes: u64,
    seconds: u64,
    frames: u64,
    /// It was written with a semicolon before the frames.
    says_drop: bool,
}

impl FromStr for Timecode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split([':', ';']).collect();
        let number = |at: usize| {
            let part = parts.get(at).filter(|part| part.len() == 2)?;
            let is_digits = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u64>().ok().filter(|_| is_digits)
        };
        let all = (number(0), number(1), number(2), number(3));
        let semicolons = text.matches(';').count();
        let says_drop = text.as_bytes().get(8) == Some(&b';');
        match all {
            (Some(hours), Some(minutes), Some(seconds), Some(frames))
                if parts.len() == 4
                    && hours < 24
                    && minutes < 60
                    && seconds < 60
                    && semicolons == usize::from(says_drop) =>
            {
                Ok(Self {
                    hours,
                    minutes,
                    seconds,
                    frames,
                    says_drop,
                })
            }
            _ => Err("a timecode is HH:MM:SS:FF, such as 10:00:00:00, or with drop-frame numbers 10:00:00;00".into()),
        }
    }
}

/// Why a timecode names no frame.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TimecodeError {
    /// A second has fewer frames.
    #[error("there is no frame {0} in a second at {1:.2} frames per second")]
    Frame(u64, f64),
    /// The number is one of those that are left out.
    #[error(
        "with drop-frame numbers there are no frames 0 to {0} in this second: {1} is the first one"
    )]
    Dropped(u64, u64),
    /// It is written as drop-frame, and the rate has none.
    #[error("numbers are not dropped at {0:.2} frames per second: write : before the frames")]
    NotDropped(f64),
}

/// Frames per second, at which timecodes count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameRate {
    hz: f64,
    /// The whole rate that frame numbers run to.
    nominal: u64,
    is_drop: bool,
}

impl FrameRate {
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

    /// The frame that has this timecode: the inverse of [`Self::timecode`] within a day.
    ///
    /// # Errors
    /// When no frame has it.
    pub fn frame_of(self, timecode: Timecode) -> Result<u64, TimecodeError> {
        let Timecode {
            hours,
            minutes,
            seconds,
            frames,
            says_drop,
        } = timecode;
        if frames >= self.nominal {
            return Err(TimecodeError::Frame(frames, self.hz));
        }
        let minute = hours * 60 + minutes;
        let number = (minute * 60 + seconds) * self.nominal + frames;
        if !self.is_drop {
            return match says_drop {
                true => Err(TimecodeError::NotDropped(self.hz)),
                false => Ok(number),
            };
        }
        let dropped = self.nominal / 15;
        if minute % 10 != 0 && seconds == 0 && frames < dropped {
            return Err(TimecodeError::Dropped(dropped - 1, dropped));
        }
        Ok(number - dropped * (minute - minute / 10))
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
        FrameRate::new(hz).expect("a rate").timecode(frame)
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
            assert_eq!(FrameRate::new(hz), None, "{hz}");
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

    fn frame(text: &str, hz: f64) -> Result<u64, TimecodeError> {
        let timecode: Timecode = text.parse().expect("a timecode");
        FrameRate::new(hz).expect("a rate").frame_of(timecode)
    }

    /// python -m pip install timecode; Timecode(rate, text).frames - 1, with the rates "29.97",
    /// "59.94", "25" and "23.976"
    #[test]
    fn a_timecode_names_the_frame_that_smpte_says() {
        for (text, hz, wanted) in [
            ("00:00:59;29", 29.97, 1799),
            ("00:01:00;02", 29.97, 1800),
            ("00:10:00;00", 29.97, 17_982),
            ("01:00:00;00", 29.97, 107_892),
            ("10:00:00;00", 29.97, 1_078_920),
            ("10:00:00:00", 29.97, 1_078_920),
            ("00:01:00;04", 59.94, 3600),
            ("01:00:00;00", 59.94, 215_784),
            ("10:00:00:00", 25.0, 900_000),
            ("09:59:58:12", 25.0, 899_962),
            ("10:00:00:00", 23.976, 864_000),
        ] {
            assert_eq!(frame(text, hz), Ok(wanted), "{text} at {hz}");
        }
    }

    #[test]
    fn every_frame_of_a_day_has_a_timecode_that_names_it() {
        for hz in [24.0, 25.0, 29.97, 30.0, 50.0, 59.94] {
            let rate = FrameRate::new(hz).expect("a rate");
            let day = (86_400.0 * rate.hz()) as u64;
            for number in (0..day)
                .step_by(907)
                .chain(1790..1810)
                .chain(17_970..17_990)
            {
                let text = rate.timecode(number);
                assert_eq!(frame(&text, hz), Ok(number), "{text} at {hz}");
            }
        }
    }

    #[test]
    fn a_timecode_that_names_no_frame_is_refused() {
        assert_eq!(
            frame("00:01:00;00", 29.97),
            Err(TimecodeError::Dropped(1, 2))
        );
        assert_eq!(
            frame("00:01:00;03", 59.94),
            Err(TimecodeError::Dropped(3, 4))
        );
        assert_eq!(frame("00:10:00;00", 29.97), Ok(17_982));
        assert_eq!(
            frame("00:00:00:25", 25.0),
            Err(TimecodeError::Frame(25, 25.0))
        );
        assert_eq!(
            frame("00:00:00;00", 25.0),
            Err(TimecodeError::NotDropped(25.0))
        );
        for text in [
            "",
            "10",
            "10:00:00",
            "24:00:00:00",
            "00:60:00:00",
            "00:00:60:00",
            "1:00:00:00",
            "00;00:00:00",
            "00:00:00:00:00",
            "+1:00:00:00",
            "00:00:00:0x",
        ] {
            assert!(text.parse::<Timecode>().is_err(), "{text}");
        }
    }

    #[test]
    fn time_stamps_that_were_cut_to_microseconds_give_their_frames_back() {
        for (hz, told) in [
            (30000.0 / 1001.0, 29.97_f32),
            (25.0, 25.0),
            (24000.0 / 1001.0, 23.976),
        ] {
            let rate = FrameRate::new(told.into()).expect("a rate");
            for frame in (0..30 * 86_400).step_by(977) {
                let time_us = (frame as f64 * 1e6 / hz) as u64;
                assert_eq!(rate.frame_at(time_us), frame, "{hz}");
            }
        }
    }
}
