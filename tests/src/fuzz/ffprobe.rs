//! What `ffprobe` prints about a video.

use unmask_shared::media::read_probe;

use super::{Parser, Reached};

/// The answer about a file, as JSON.
#[derive(Debug)]
pub struct FfprobeJson;

/// Of a recording with sound, of one with a cover and two tracks, and of an old program.
const EXAMPLES: [&str; 3] = [
    r#"{"program_version":{"version":"5.1.9-0+deb12u1"},"streams":[{"index":1,
        "r_frame_rate":"30/1","avg_frame_rate":"30000/1001","nb_frames":"90",
        "duration":"3.003000","disposition":{"default":1,"attached_pic":0}}],
        "format":{"duration":"3.120000"}}"#,
    r#"{"streams":[{"index":0,"disposition":{"default":0,"attached_pic":1}},
        {"index":1,"r_frame_rate":"50/1","avg_frame_rate":"25/1","disposition":{"default":0}},
        {"index":3,"avg_frame_rate":"0/0","disposition":{"default":1}}]}"#,
    r#"{"program_version":{"version":"4.4.2-0ubuntu0.22.04.1"},
        "streams":[{"r_frame_rate":"90000/1","avg_frame_rate":"1200/41"}]}"#,
];

impl Parser for FfprobeJson {
    fn name(&self) -> &'static str {
        "ffprobe_json"
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        EXAMPLES.map(|text| text.as_bytes().to_vec()).into()
    }

    fn words(&self) -> &'static [&'static [u8]] {
        &[
            b"\"streams\":[",
            b"\"avg_frame_rate\":\"",
            b"\"r_frame_rate\":\"",
            b"\"nb_frames\":\"18446744073709551615\"",
            b"\"duration\":\"1e308\"",
            b"\"duration\":\"-1\"",
            b"\"N/A\"",
            b"nan/1",
            b"inf/inf",
            b"1/1e-320",
            b"{\"index\":4294967295},",
            b"[[[[[[[[",
            b"null",
        ]
    }

    fn take(&mut self, bytes: &[u8]) -> Reached {
        let tracks = read_probe(bytes);
        for track in &tracks {
            assert!((0.01..=1000.0).contains(&track.rate_hz), "{track:?}");
            assert!((0.01..=1000.0).contains(&track.timecode_hz), "{track:?}");
            let is_length = |seconds: f64| seconds.is_finite() && seconds > 0.0;
            assert!(track.duration_s.is_none_or(is_length), "{track:?}");
        }
        assert!(tracks.is_sorted_by_key(|track| !track.is_default));
        match tracks.is_empty() {
            // Something else that is JSON is an answer without pictures.
            true if serde_json::from_slice::<serde_json::Value>(bytes).is_ok() => Reached::Within,
            true => Reached::Refused,
            false => Reached::Accepted,
        }
    }
}
