//! From the camera to the alarm and the log: what `run` does, with a camera that fails
//! on purpose, for as long as one likes.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use unmask_edge::capture::{FaultKind, PixelFormat};
use unmask_edge::log::{FolderStorage, VerifyOptions, VerifyingKey, verify};
use unmask_edge::observe::Observers;
use unmask_edge::pipeline::Pipeline;
use unmask_edge::report::terminal::EventFormat;
use unmask_edge::run::{RunOptions, run_pipelines};
use unmask_edge::service::{Notifier, Outputs, Service, ServiceConfig, Signals};
use unmask_edge::source::SourceSpec;
use unmask_shared::bundle::Bundle;
use unmask_shared::event::{Event, EventKind};
use unmask_shared::{Calibration, Verdict};

use crate::ALONE;
use crate::crowd::{Asked, CROP_PX, MadeUp, Watcher};
use crate::kiosk::{Held, Kiosk};
use unmask_edge::clock::SimulatedClock;

/// Pictures of manipulated people that are kept.
const STILLS: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);

/// Counts the events that are printed.
#[derive(Debug, Default)]
struct Printed {
    line: Vec<u8>,
    events: u64,
    started: u64,
    ended: u64,
    flagged: u64,
    lost: u64,
    back: u64,
    last_us: u64,
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            // The last line is a summary.
            if let Ok(event) = serde_json::from_slice::<Event>(&self.line) {
                self.count(&event);
            }
            self.line.clear();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Printed {
    fn count(&mut self, event: &Event) {
        self.events += 1;
        assert!(event.time_us >= self.last_us, "{event:?}");
        self.last_us = event.time_us;
        match event.kind {
            EventKind::TrackStarted => self.started += 1,
            EventKind::TrackEnded => self.ended += 1,
            EventKind::VerdictChanged if event.verdict == Verdict::Manipulated => self.flagged += 1,
            EventKind::CameraLost => self.lost += 1,
            EventKind::CameraBack => self.back += 1,
            _ => {}
        }
    }
}

fn config(folder: &Path) -> ServiceConfig {
    let mut config = ServiceConfig {
        format: EventFormat::Jsonl,
        ..ServiceConfig::default()
    };
    config.log.folder = Some(folder.into());
    config.log.sync = "60s".parse().expect("a time");
    config.log.stills = STILLS;
    // The pictures are small, and the faces in them plain.
    config.verdict.face_px_min = Some(5.0);
    config.verdict.contrast_min = Some(0.0);
    config.verdict.sharpness_min = Some(0.0);
    config.verdict.luma_min = Some(0.0);
    config
}

/// Lives through so many minutes after a warm-up, and checks that nothing grows.
fn live(seed: u64, pixels: PixelFormat, warm_up: u32, minutes: u32) {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().expect("a folder");
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let bundle = Bundle::open(&models.join("afsl-stream-m")).expect("released");
    let config = config(folder.path());
    let time = SimulatedClock::default();
    let outputs = Outputs::open(&config, Notifier::default(), Arc::new(time.clone()));
    let outputs = outputs.expect("valid");
    let beacon = outputs.beacon();
    let spans = [MINUTE * warm_up, MINUTE * (warm_up + minutes)];
    let mut kiosk = Kiosk::new(seed, pixels, &time, Arc::clone(&beacon), spans);
    let mut service = Service {
        outputs,
        observers: Observers::default(),
        signals: Signals::default(),
        reload: &|| Ok(ServiceConfig::default()),
    };
    let asked = Rc::new(Asked::default());
    let mut manifest = bundle.manifest.clone();
    manifest.calibration = Calibration::default();
    manifest.crop.size = CROP_PX as u16;
    let make = |config| {
        let network = Box::new(MadeUp(Rc::clone(&asked)));
        let manifest = manifest.clone();
        Ok(Pipeline::with_parts(
            network,
            Box::new(Watcher),
            manifest,
            config,
        ))
    };
    let options = RunOptions {
        source: SourceSpec::Synthetic(1),
        finder: Default::default(),
        config,
    };
    let mut printed = Printed::default();
    let start = Instant::now();
    run_pipelines(
        &bundle,
        &make,
        &mut kiosk,
        &options,
        &mut service,
        &mut printed,
    )
    .expect("nothing fails for good");
    let seconds = start.elapsed().as_secs_f64();
    drop(service);
    let [Some(before), Some(after)] = kiosk.held else {
        panic!("the end was not reached");
    };
    let (frames, faults) = (kiosk.frames, kiosk.scripted.iter().sum::<u64>());
    println!(
        "{frames} frames, {} crops and {faults} camera faults ({pixels}) in {seconds:.1} s; \
         {} of {} fakes flagged, {} alarms, {} cameras lost, {} events; {before:?}, {after:?}",
        asked.crops.get(),
        printed.flagged,
        asked.fakes.get(),
        kiosk.alarms,
        printed.lost,
        printed.events,
    );
    nothing_grows(&before, &after);
    every_fault_is_told(&kiosk);
    people_are_judged(&printed, &asked, kiosk.alarms);
    assert_eq!(beacon.stalls(), 0, "the pipeline was always in time");
    assert!(printed.lost.abs_diff(printed.back) <= 1, "{printed:?}");
    log_is_whole(folder.path(), printed.events);
}

fn nothing_grows(before: &Held, after: &Held) {
    let grown_kb = after.memory_kb.saturating_sub(before.memory_kb);
    assert!(grown_kb <= 1024, "{grown_kb} kB more after the warm-up");
    assert!(after.threads <= before.threads, "{before:?} {after:?}");
    assert!(
        after.descriptors <= before.descriptors,
        "{before:?} {after:?}"
    );
}

fn every_fault_is_told(kiosk: &Kiosk) {
    for kind in FaultKind::ALL {
        let (scripted, told) = (
            kiosk.scripted[kind as usize],
            kiosk.inbox.told[kind as usize],
        );
        // The last one may begin at the very end.
        assert!(told + 1 >= scripted, "{told} of {scripted} {kind} told");
    }
}

fn people_are_judged(printed: &Printed, asked: &Asked, alarms: u64) {
    assert_eq!(printed.started, printed.ended, "everybody leaves");
    let (fakes, genuine) = (asked.fakes.get(), asked.genuine.get());
    assert!(fakes > 5 && genuine > 5 * fakes / 2, "{fakes} {genuine}");
    // Some are flagged who leave before they count as seen for long.
    assert!(printed.flagged >= fakes, "{printed:?}, {fakes} fakes");
    assert!(printed.flagged <= 2 * fakes + genuine / 50, "{printed:?}");
    // Several people at once are one alarm.
    assert!(alarms > 0 && alarms <= printed.flagged, "{alarms} alarms");
}

fn log_is_whole(folder: &Path, events: u64) {
    let key = fs::read_to_string(folder.join("log.pub")).expect("a key");
    let key = VerifyingKey::parse(&key).expect("a sound key");
    let storage = FolderStorage::read_only(folder);
    let report = verify(&storage, &key, &VerifyOptions::default(), &mut |_, _| {});
    let report = report.expect("readable");
    assert_eq!((report.entries, report.fault), (events, None));
    let stills = fs::read_dir(folder.join("stills")).expect("stills").count();
    assert!(stills > 0 && stills <= STILLS as usize, "{stills} stills");
}

#[test]
fn minutes_from_the_camera_to_the_log() {
    live(1, PixelFormat::Mjpg, 20, 60);
    live(2, PixelFormat::Yuyv, 20, 60);
}

/// Some of it is lost to the camera's faults: 28 hours for the 2.6 million frames of a day.
#[test]
#[ignore = "the whole day"]
fn a_day_from_the_camera_to_the_log() {
    live(3, PixelFormat::Mjpg, 60, 28 * 60);
}
