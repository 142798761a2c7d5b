use super::*;

const WIDTH: usize = 160;
const HEIGHT: usize = 90;

fn hash(at: [i32; 3]) -> f32 {
    let mut h = at.iter().fold(0x9E37_79B9_u32, |h, &v| {
        (h ^ v as u32).wrapping_mul(0x85EB_CA6B).rotate_left(13)
    });
    h = (h ^ (h >> 15)).wrapping_mul(0xC2B2_AE35);
    (h >> 8) as f32 / (1 << 24) as f32
}

/// Value noise between 0 and 1.
fn noise(seed: i32, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (smooth(x - left), smooth(y - top));
    let at = |dx: i32, dy: i32| hash([seed, left as i32 + dx, top as i32 + dy]);
    let row = |dy: i32| at(0, dy) + u * (at(1, dy) - at(0, dy));
    row(0) + v * (row(1) - row(0))
}

/// A view of a large scene of blobs, tiles and grain, centred on `x`, `y`, in pixels.
fn shot(seed: i32, x: f32, y: f32, zoom: f32) -> Vec<f32> {
    let mut rgb = Vec::with_capacity(3 * WIDTH * HEIGHT);
    for row in 0..HEIGHT {
        for column in 0..WIDTH {
            let u = x + (column as f32 - 80.0) / zoom;
            let v = y + (row as f32 - 45.0) / zoom;
            for channel in 0..3 {
                let blobs = noise(8 * seed + channel, u / 45.0, v / 45.0);
                let tiles = hash([seed, (u / 19.0).floor() as i32, (v / 15.0).floor() as i32]);
                let grain = noise(8 * seed + 5, u / 2.0, v / 2.0);
                rgb.push(20.0 + 120.0 * blobs + 60.0 * tiles + 30.0 * grain);
            }
        }
    }
    rgb
}

/// The picture of a camera with some noise.
fn film(light: &[f32], frame: usize) -> Vec<u8> {
    let sensed = |(at, value): (usize, &f32)| {
        let off = 6.0 * (hash([at as i32, frame as i32, 77]) - 0.5);
        (value + off).round().clamp(0.0, 255.0) as u8
    };
    light.iter().enumerate().map(sensed).collect()
}

/// What is seen in the frames of a stream.
fn watch(frames: impl Iterator<Item = Vec<f32>>) -> Vec<Change> {
    let mut watch = SceneWatch::default();
    let look = |(frame, light): (usize, Vec<f32>)| {
        let bytes = film(&light, frame);
        watch.look(&RgbView::new(WIDTH, HEIGHT, &bytes).expect("sizes agree"))
    };
    frames.enumerate().map(look).collect()
}

/// The frames at which there was a cut.
fn cuts(frames: impl Iterator<Item = Vec<f32>>) -> Vec<usize> {
    let seen = watch(frames);
    let is_cut = |&at: &usize| seen[at] == Change::Cut;
    (0..seen.len()).filter(is_cut).collect()
}

/// Shot 1, changed from frame to frame.
fn changed(
    count: usize,
    change: impl Fn(usize, usize, f32) -> f32,
) -> impl Iterator<Item = Vec<f32>> {
    let still = shot(1, 0.0, 0.0, 1.0);
    (0..count).map(move |frame| {
        let pixels = still.iter().enumerate();
        pixels
            .map(|(at, &v)| change(frame, at / 3 / WIDTH, v))
            .collect()
    })
}

#[test]
fn every_cut_is_seen_in_its_frame() {
    for seed in 0..12 {
        let frames = (0..30).map(|at| match at {
            0..10 => shot(seed, at as f32, 0.0, 1.0),
            10..20 => shot(seed + 100, 0.0, 0.0, 1.0),
            _ => shot(seed + 200, 0.0, -(at as f32), 1.0),
        });
        assert_eq!(cuts(frames), [10, 20], "seed {seed}");
    }
}

#[test]
fn a_cut_to_other_things_of_the_same_colours_is_seen() {
    let still = shot(1, 0.0, 0.0, 1.0);
    let mirrored: Vec<f32> = still
        .chunks_exact(3 * WIDTH)
        .flat_map(|row| {
            row.chunks_exact(3)
                .rev()
                .flatten()
                .copied()
                .collect::<Vec<f32>>()
        })
        .collect();
    let frames = (0..20).map(|at| {
        if at < 10 {
            still.clone()
        } else {
            mirrored.clone()
        }
    });
    assert_eq!(cuts(frames), [10]);
}

/// A shot of a phone held upright, with bars, and with bars above and below: a cut that is just
/// seen without them is seen.
#[test]
fn bars_beside_the_picture_hide_no_cut() {
    let [before, after] = [8, 9].map(|seed| shot(seed, 0.0, 0.0, 1.0));
    // Little contrast: the difference between the two is near the least of a cut.
    let faint = |light: &[f32], at: usize| 60.0 + 0.16 * light[at];
    let columns = |x: usize, _: usize| (52..108).contains(&x);
    let rows = |_: usize, y: usize| (32..58).contains(&y);
    let all = |_: usize, _: usize| true;
    for is_shown in [all, columns, rows] as [fn(usize, usize) -> bool; 3] {
        for bar in [0.0, 255.0] {
            let frames = (0..30).map(|frame| {
                let light = if frame < 15 { &before } else { &after };
                let pixel = |at: usize| match is_shown(at / 3 % WIDTH, at / 3 / WIDTH) {
                    true => faint(light, at),
                    false => bar,
                };
                (0..light.len()).map(pixel).collect()
            });
            assert_eq!(cuts(frames), [15], "bars of {bar}");
        }
    }
}

/// A stream that jumps from frame to frame, as one of few frames does, hides no other picture:
/// here what was bright is dark, and the other way round.
#[test]
fn a_restless_stream_hides_no_cut() {
    let frames = (0..30).map(|frame| {
        // Every third frame is 8 pixels further, and a quarter of the picture changes.
        let mut light = shot(10, 8.0 * (frame / 3) as f32, 0.0, 1.0);
        for (at, value) in light.iter_mut().enumerate() {
            if at / 3 % WIDTH < 40 {
                *value = [70.0, 110.0][frame / 3 % 2];
            } else if frame >= 15 {
                *value = 220.0 - *value;
            }
            *value *= 0.4;
        }
        light
    });
    assert_eq!(cuts(frames), [15]);
}

#[test]
fn pans_zooms_and_fast_movement_are_none() {
    for speed in [0.5, 2.5, 6.0] {
        let pan = (0..30).map(|at| shot(2, speed * at as f32, 0.4 * speed * at as f32, 1.0));
        assert!(cuts(pan).is_empty(), "{speed} pixels a frame");
    }
    let whip = (0..30).map(|at| {
        shot(
            2,
            if at < 15 { 0.0 } else { 5.0 * (at - 15) as f32 },
            0.0,
            1.0,
        )
    });
    assert!(cuts(whip).is_empty(), "a pan that begins");
    let zoom = (0..30).map(|at| shot(3, 0.0, 0.0, 1.0 + 0.03 * at as f32));
    assert!(cuts(zoom).is_empty());
    // A hand of a quarter of the width goes through the picture in a second.
    let hand = (0..30).map(|at| {
        let mut light = shot(4, 0.0, 0.0, 1.0);
        let left = 8 * at - 40;
        for (at, value) in light.iter_mut().enumerate() {
            let x = (at / 3 % WIDTH) as i32;
            if (left..left + 40).contains(&x) && at / 3 / WIDTH > 30 {
                *value = 190.0 - 25.0 * (at % 3) as f32;
            }
        }
        light
    });
    assert!(cuts(hand).is_empty());
}

#[test]
fn exposure_flicker_and_fades_are_none() {
    let exposure = changed(30, |frame, _, v| if frame < 15 { v } else { 1.5 * v });
    assert!(cuts(exposure).is_empty(), "the exposure changes");
    let darker = changed(30, |frame, _, v| if frame < 15 { v } else { 0.5 * v });
    assert!(cuts(darker).is_empty(), "the exposure changes");
    let lamp = changed(60, |frame, _, v| {
        v * (1.0 + 0.2 * (2.1 * frame as f32).sin())
    });
    assert!(cuts(lamp).is_empty(), "a lamp flickers");
    // A rolling shutter under a lamp of 100 Hz.
    let bands = changed(60, |frame, y, v| {
        v * (1.0 + 0.15 * (0.14 * y as f32 + 1.3 * frame as f32).sin())
    });
    assert!(cuts(bands).is_empty(), "bands roll through the picture");
    let fade = changed(60, |frame, _, v| {
        v * (frame as f32 / 25.0 - 1.0).abs().min(1.0)
    });
    assert!(cuts(fade).is_empty(), "to black and back");
}

/// A shot, and the same in the light of a flash from one side.
fn lit_from_one_side() -> [Vec<f32>; 2] {
    let still = shot(5, 0.0, 0.0, 1.0);
    let light = |at: usize| 170.0 * (1.0 - (at / 3 % WIDTH) as f32 / WIDTH as f32);
    let lit = still.iter().enumerate().map(|(at, v)| v + light(at));
    [still.clone(), lit.collect()]
}

/// Half of the frames are lit: after the first few, it is a flicker, and what is between stays the
/// same shot.
#[test]
fn a_strobe_is_no_row_of_flashes() {
    let pictures = lit_from_one_side();
    let is_lit = |at: usize| at > 10 && at % 2 == 1;
    let seen = watch((0..50).map(|at| pictures[usize::from(is_lit(at))].clone()));
    for (at, seen) in seen.into_iter().enumerate() {
        let expected = match at {
            11 | 13 | 15 | 27 | 43 => Change::Flash,
            _ if is_lit(at) => Change::Flicker,
            _ => Change::None,
        };
        assert_eq!(seen, expected, "{at}");
    }
}

#[test]
fn flashes_are_none() {
    for length in 1..=3 {
        for (gain, offset) in [(1.6, 70.0), (2.5, 120.0), (0.0, 255.0)] {
            let flash = changed(30, |frame, _, v| match frame {
                15.. if frame < 15 + length => gain * v + offset,
                // The afterglow.
                18..20 => 1.15 * v + 8.0,
                _ => v,
            });
            assert!(
                cuts(flash).is_empty(),
                "{length} frames, {gain} v + {offset}"
            );
        }
    }
    // A photographer's, from one side.
    let [still, lit] = lit_from_one_side();
    let seen = watch((0..30).map(|at| if at == 15 { lit.clone() } else { still.clone() }));
    assert_eq!(seen[15], Change::Flash, "nobody is judged in that light");
    assert!(!seen.contains(&Change::Cut));
}

#[test]
fn a_cut_behind_black_white_or_a_flash_is_seen() {
    let through = |between: fn(usize, f32) -> f32| {
        let (one, other) = (shot(6, 0.0, 0.0, 1.0), shot(7, 0.0, 0.0, 1.0));
        cuts((0..40).map(move |frame| {
            let light = if frame < 20 { &one } else { &other };
            light.iter().map(|&v| between(frame, v)).collect()
        }))
    };
    // Frames 17 to 22 are black or white.
    assert_eq!(
        through(|frame, v| if (17..23).contains(&frame) { 16.0 } else { v }),
        [23]
    );
    assert_eq!(
        through(|frame, v| if (17..23).contains(&frame) { 250.0 } else { v }),
        [23]
    );
    // Faded out and in: when the new shot begins to show.
    let faded = through(|frame, v| v * (frame as f32 / 10.0 - 2.0).abs().min(1.0));
    assert!(matches!(faded[..], [20..25]), "{faded:?}");
    // The new shot begins with a flash: it takes that long.
    let lit = through(|frame, v| {
        if (20..22).contains(&frame) {
            0.8 * v + 150.0
        } else {
            v
        }
    });
    assert!(matches!(lit[..], [20..24]), "{lit:?}");
}

#[test]
fn pictures_of_any_size_can_be_watched() {
    let mut watch = SceneWatch::default();
    for (width, height) in [(1, 1), (3, 500), (31, 17), (700, 2), (640, 480), (33, 19)] {
        let data: Vec<u8> = (0..width * height * 3)
            .map(|i| (i * 31 % 251) as u8)
            .collect();
        for _ in 0..3 {
            watch.look(&RgbView::new(width, height, &data).expect("sizes agree"));
        }
    }
    watch.reset();
    assert_eq!(
        watch.look(&RgbView::new(1, 1, &[0, 0, 0]).expect("sizes agree")),
        Change::None
    );
}
