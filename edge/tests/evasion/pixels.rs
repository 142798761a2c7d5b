//! Videos in which a viewer sees other pixels than a careless judge.

use crate::studio::{FRAMES, Studio, ffmpeg, film, judge, text, verdict};

/// What any editor or phone offers: a flagged swap stays flagged, or is doubted.
#[test]
fn a_filter_does_not_make_it_genuine() {
    let studio = Studio::open();
    let mut flagged = 0;
    for filter in [
        "eq=contrast=1.5",
        "eq=saturation=2",
        "eq=gamma=1.6",
        "eq=gamma=0.6",
        "eq=brightness=-0.2",
        "hue=s=0",
        "unsharp=5:5:3",
    ] {
        let report = studio.judge(&studio.swapped, &["-vf", filter]);
        assert_ne!(verdict(&report), "genuine", "{filter}: {report}");
        assert_eq!(report["faces"], 1, "{filter}: {report}");
        flagged += u32::from(verdict(&report) == "manipulated");
    }
    // One of them takes the fine detail, too, so that it is undecided.
    assert!(flagged >= 5, "{flagged} of 7");
}

/// Players show the track that is flagged default, and viewers may choose any.
#[test]
fn a_second_track_is_judged_too() {
    let studio = Studio::open();
    let [first, second, both] = ["a", "b", "both"].map(|name| {
        let name = format!("{name}.mp4");
        studio.folder.path().join(name)
    });
    film(&studio.genuine, &first, &[]);
    film(&studio.swapped, &second, &[]);
    for default in ["0", "1"] {
        let (one, other) = match default {
            "0" => ("default", "0"),
            _ => ("0", "default"),
        };
        ffmpeg(
            &[
                ["-i", text(&first), "-i", text(&second)],
                ["-map", "0:v", "-map", "1:v"],
                ["-disposition:v:0", one, "-disposition:v:1", other],
            ]
            .concat()
            .into_iter()
            .chain(["-c", "copy", text(&both)])
            .collect::<Vec<_>>(),
            &[],
        );
        let report = judge(&both);
        assert_eq!(verdict(&report), "manipulated", "{report}");
        assert_eq!(report["frames"], 2 * FRAMES, "{report}");
        assert_eq!(report["faces"], 2, "{report}");
        let ids = report["tracks"].as_array().expect("tracks").iter();
        let ids: Vec<u64> = ids.filter_map(|track| track["id"].as_u64()).collect();
        assert_eq!(ids, [1, 2], "{report}");
    }
}

/// Frames that change their size all the time, so that nobody is followed for long.
#[test]
fn changing_sizes_do_not_make_it_genuine() {
    let studio = Studio::open();
    let mut bytes = Vec::new();
    for (number, part) in studio.swapped.chunks(15).enumerate() {
        let path = studio.folder.path().join("part.ts");
        let scale = ["scale=320:240", "scale=336:252"][number % 2];
        film(part, &path, &["-vf", scale, "-c:v", "mpeg2video"]);
        bytes.extend(std::fs::read(&path).expect("written"));
    }
    let path = studio.folder.path().join("sizes.ts");
    std::fs::write(&path, bytes).expect("a file");
    let report = judge(&path);
    assert_ne!(verdict(&report), "genuine", "{report}");
    // The decoder takes some at each seam.
    assert!(report["frames"].as_u64() > Some(60), "{report}");
}

/// Stored squeezed to half its width, as broadcasts are in part, and shown as it was.
#[test]
fn pixels_that_are_not_square_are_seen_as_shown() {
    let studio = Studio::open();
    let report = studio.judge(
        &studio.swapped,
        &["-vf", "scale=160:240,setsar=2/1", "-q:v", "1"],
    );
    assert_ne!(verdict(&report), "genuine", "{report}");
    assert_eq!(report["faces"], 1, "{report}");
    let bounds = &report["tracks"][0]["box"];
    let side = |at: usize| bounds[at].as_f64().expect("a box");
    let aspect = side(2) / side(3);
    assert!((0.6..1.4).contains(&aspect), "{report}");
    assert!(side(2) > 80.0, "{report}");
    // Stored wider than it is shown, so that nothing is lost: judged as with square pixels.
    for stored in ["scale=640:240,setsar=1/2", "scale=320:480,setsar=2/1"] {
        let report = studio.judge(&studio.swapped, &["-vf", stored]);
        assert_eq!(verdict(&report), "manipulated", "{stored}: {report}");
    }
}

/// Videos in which nothing hides what is behind it, too.
#[test]
fn a_transparent_video_is_seen_before_white() {
    let studio = Studio::open();
    let path = studio.folder.path().join("clear.mov");
    let clear = "format=argb,colorchannelmixer=aa=0";
    film(&studio.swapped, &path, &["-vf", clear, "-c:v", "qtrle"]);
    let report = judge(&path);
    assert_eq!(report["frames"], FRAMES, "{report}");
    assert_eq!(report["faces"], 0, "nothing can be seen: {report}");
}
