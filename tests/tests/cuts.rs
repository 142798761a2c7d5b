//! Cuts between real clips are seen, and inside of them hardly any.

use unmask_edge::scene::{Change, SceneWatch};
use unmask_shared::sample::RgbView;
use unmask_tests::clips::{RATE_HZ, clips, frames};

const SIZE: (usize, usize) = (640, 360);
/// Frames of a clip that are watched alone.
const ALONE: usize = 8 * RATE_HZ as usize;

/// Numbers of the frames at which a cut was seen, from `first` on.
fn cuts(watch: &mut SceneWatch, pictures: &[Vec<u8>], first: usize) -> Vec<usize> {
    let mut cut = |picture: &Vec<u8>| {
        let view = RgbView::new(SIZE.0, SIZE.1, picture).expect("sizes agree");
        watch.look(&view) == Change::Cut
    };
    let numbered = pictures.iter().enumerate();
    let seen = numbered.filter_map(|(at, picture)| cut(picture).then_some(first + at));
    seen.collect()
}

/// Clips alone, and the first second of each after that of the one before.
/// `UNMASK_DATA=... cargo test --release --workspace --test cuts -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn cuts_are_where_clips_meet() {
    let Some(files) = clips() else {
        return;
    };
    let mut feed = SceneWatch::default();
    let (mut shots, mut found, mut others) = (0, 0, 0);
    let (mut alone, mut with_cuts, mut watched) = (0, 0, 0);
    for path in &files {
        let pictures = frames(path, SIZE.0, SIZE.1, ALONE);
        if pictures.is_empty() {
            continue;
        }
        let second = &pictures[..pictures.len().min(RATE_HZ as usize)];
        let seen = cuts(&mut feed, second, 0);
        // A cut to a brighter shot may be held for a flash.
        let is_start = |at: &&usize| **at <= 3;
        found += usize::from(shots > 0 && seen.iter().any(|at| is_start(&at)));
        others += seen.iter().filter(|at| !is_start(at)).count();
        if shots > 0 && !seen.iter().any(|at| is_start(&at)) {
            println!("no cut before {}", path.display());
        }
        shots += 1;
        let own = cuts(&mut SceneWatch::default(), &pictures, 0);
        if !own.is_empty() {
            println!("cuts at {own:?} of {}", path.display());
        }
        alone += own.len();
        with_cuts += usize::from(!own.is_empty());
        watched += pictures.len();
    }
    println!(
        "{found} of {} cuts between {shots} shots, {others} others",
        shots - 1
    );
    println!("{alone} cuts inside of {with_cuts} clips, {watched} frames");
    assert!(found * 100 >= (shots - 1) * 99);
    assert!(others * 100 <= shots * 4);
}
