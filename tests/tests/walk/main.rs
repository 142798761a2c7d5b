//! Every command of the README and of the four ways in, in their order, as printed, in a clone as
//! fresh as one from a server.
//!
//! A block that begins with ```` ```sh ```` is walked, unless the line above it is
//! `<!-- not walked: REASON -->`; under `<!-- walked until stopped -->` it must run until it is
//! interrupted. What `cargo build` and `cargo run` of the page would build is taken from beside this
//! test; with `UNMASK_WALK_BUILD=1` it is built in the clone, which takes most of an hour.

mod clone;
mod page;

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use clone::Clone;
use page::{Block, How, blocks};

/// The ways in, each with how many of its blocks nobody can walk without a camera, files or root.
const PAGES: [(&str, usize); 5] = [
    ("README.md", 0),
    ("docs/quick-start.md", 2),
    ("docs/kiosk.md", 2),
    ("docs/broadcast.md", 2),
    ("docs/train.md", 1),
];
/// A page must be done within so many seconds; one takes a minute or two on two cores.
const PAGE_SECONDS_MAX: &str = "2400";
/// So long something runs that runs until it is stopped.
const STOPPED_AFTER_SECONDS: u32 = 20;

/// The pages have one port in common.
static ALONE: Mutex<()> = Mutex::new(());

/// What a shell makes of some blocks: all that was printed, and whether everything went well. Only
/// what judges may end with 1: something manipulated was found.
fn script(blocks: &[Block]) -> String {
    let mut script = String::from(
        "must() { case \"$1:$2\" in 1:unmask-edge\\ analyze*|1:unmask-edge\\ run*) ;; \
         124:timeout*) ;; *) echo \"ended with $1: $2\"; exit 9 ;; esac; }\n\
         trap 'must $? \"$BASH_COMMAND\"' ERR\n",
    );
    for block in blocks {
        script += &format!("echo '--- line {}'\n", block.line);
        match &block.how {
            How::Skip(_) => {}
            How::Walk => script += &block.text,
            How::UntilStopped => {
                script += &format!(
                    "timeout --signal=INT --kill-after=20 {STOPPED_AFTER_SECONDS} bash -e <<'UNTIL STOPPED'\n\
                     {}UNTIL STOPPED\n\
                     [ $? -eq 124 ] || {{ echo 'did not run until it was stopped'; exit 9; }}\n",
                    block.text
                )
                .replace("UNTIL STOPPED", "UNTIL_STOPPED");
            }
        }
    }
    script
}

/// Walks some blocks; the error is what was printed.
fn walk(clone: &Clone, blocks: &[Block]) -> Result<(), String> {
    let ran = Command::new("timeout")
        .args(["--kill-after=10", PAGE_SECONDS_MAX, "bash", "-c"])
        .arg(script(blocks))
        .current_dir(clone.path())
        .envs(clone.environment())
        .output()
        .map_err(|error| error.to_string())?;
    let printed = [ran.stdout, ran.stderr].concat();
    match ran.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&printed).into_owned()),
    }
}

fn walk_page(page: &str) {
    let Some(clone) = Clone::new() else { return };
    let text = std::fs::read_to_string(clone.path().join(page)).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.iter().any(|block| block.how == How::Walk), "{page}");
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(printed) = walk(&clone, &blocks) {
        panic!("{page}: {printed}");
    }
}

#[test]
fn the_readme() {
    walk_page(PAGES[0].0);
}

#[test]
fn to_try_it() {
    walk_page(PAGES[1].0);
}

#[test]
fn to_watch_cameras() {
    walk_page(PAGES[2].0);
}

#[test]
fn to_monitor_a_feed() {
    walk_page(PAGES[3].0);
}

#[test]
fn to_train_a_detector() {
    walk_page(PAGES[4].0);
}

#[test]
fn what_is_not_walked_says_why_and_does_not_grow() {
    let home = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (page, skipped) in PAGES {
        let text = std::fs::read_to_string(home.join(page)).unwrap();
        let reasons: Vec<String> = blocks(&text)
            .into_iter()
            .filter_map(|block| match block.how {
                How::Skip(reason) => Some(reason),
                _ => None,
            })
            .collect();
        assert_eq!(reasons.len(), skipped, "{page}: {reasons:?}");
        assert!(reasons.iter().all(|reason| reason.len() > 5), "{reasons:?}");
        // Two screens: nobody who only wants to begin reads more.
        let lines = text.lines().count();
        assert!(page == "README.md" || lines < 120, "{page}: {lines} lines");
    }
}

#[test]
fn a_walk_fails_where_a_command_does() {
    let Some(clone) = Clone::new() else { return };
    let walked = |text: &str| walk(&clone, &blocks(text));
    assert_eq!(
        walked(
            "```sh\ntrue\ncargo build --release -p unmask-edge\ntest -x target/release/unmask-edge\n```\n"
        ),
        Ok(())
    );
    for wrong in [
        "```sh\nfalse\ntrue\n```\n",
        "```sh\nunmask-edge analyze nothing.mp4\n```\n",
        "```sh\ncargo build --release -p unmask-egde\n```\n",
        "```sh\nno-such-program\n```\n",
        "<!-- walked until stopped -->\n```sh\ntrue\n```\n",
        "```sh\n[ -e never ]\n```\n",
    ] {
        assert!(walked(wrong).is_err(), "{wrong}");
    }
    assert_eq!(
        walked("<!-- not walked: it fails -->\n```sh\nfalse\n```\n"),
        Ok(())
    );
}
