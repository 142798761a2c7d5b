//! Every parser of outside bytes under a million damaged inputs, the same at every run:
//! no panic, no hang, no more memory than the input may ask for, and whatever is read
//! can be written and read again. `fuzz/README.md` tells what each of them covers, and
//! how to search for longer.

mod bombs;
mod bundles;

use std::time::Duration;

use alloc_tracker::{Allocator, Session};
use unmask_tests::fuzz::{Parser, drive};
use unmask_tests::fuzz::{
    broker, camera, event, ffprobe, log, manifest, network, page, picture, service, settings,
    shard, signature, wire,
};

#[global_allocator]
static ALLOCATOR: Allocator<std::alloc::System> = Allocator::system();

const MILLION: u64 = 1_000_000;
const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;
/// No input may take longer. On an idle processor the slowest takes milliseconds, but
/// others may have it meanwhile.
const SLOWEST: Duration = Duration::from_secs(10);

/// Most bytes that were allocated at one moment of `work` beyond those before it.
fn peak_bytes(work: impl FnOnce()) -> f64 {
    let session = Session::new().no_stdout().no_file();
    let operation = session.operation("work");
    {
        let _span = operation.measure_thread().iterations(1);
        work();
    }
    let report = session.to_report();
    let measured = report
        .operations()
        .next()
        .and_then(|(_, work)| work.peak_outstanding_bytes());
    measured.expect("measured")
}

/// Holds a parser to its promises over so many damaged inputs, of which at least a share
/// of `past` must pass its first check, and at least one in a thousand all of them.
fn hold(parser: &mut dyn Parser, cases: u64, bytes_max: f64, past: f64) {
    let mut tally = None;
    let peak = peak_bytes(|| tally = Some(drive(parser, cases)));
    let tally = tally.expect("driven");
    eprintln!(
        "{:18} {cases:>9} cases in {:6.1} s: {:4.1} % past the first check, {:4.1} % accepted, \
         slowest {:.1} ms (case {}), peak {:.0} KiB",
        parser.name(),
        tally.total.as_secs_f64(),
        100.0 * tally.share_past_first_check(),
        100.0 * tally.accepted as f64 / cases as f64,
        1000.0 * tally.slowest.as_secs_f64(),
        tally.slowest_case,
        peak / KIB,
    );
    let (slowest, number) = (tally.slowest, tally.slowest_case);
    assert!(slowest < SLOWEST, "case {number} took {slowest:?}");
    assert!(peak < bytes_max, "{peak} bytes");
    let share = tally.share_past_first_check();
    assert!(share > past, "only {share} passed the first check");
    assert!(tally.accepted > cases / 1000, "{} accepted", tally.accepted);
    assert_eq!(tally.refused + tally.within + tally.accepted, cases);
}

#[test]
fn frames_on_the_serial_line() {
    hold(&mut wire::Wire::default(), MILLION, 64.0 * KIB, 0.3);
}

#[test]
fn events() {
    hold(&mut event::EventBytes, MILLION, 64.0 * KIB, 0.05);
    hold(&mut event::EventJson, MILLION, 64.0 * KIB, 0.05);
}

#[test]
fn manifests() {
    hold(&mut manifest::ManifestJson, MILLION, 256.0 * KIB, 0.05);
    let mut postcard = manifest::ManifestPostcard::default();
    hold(&mut postcard, MILLION, 256.0 * KIB, 0.05);
}

#[test]
fn checksums_and_signatures_of_bundles() {
    hold(&mut manifest::Sums, MILLION, 128.0 * KIB, 0.05);
    let mut signature = signature::SignatureFile::default();
    hold(&mut signature, MILLION, 64.0 * KIB, 0.05);
    hold(&mut signature::PublicKeys, MILLION, 64.0 * KIB, 0.05);
}

#[test]
fn settings_in_layers() {
    hold(&mut settings::SettingsText, MILLION, MIB, 0.05);
}

#[test]
fn the_configuration_of_the_service() {
    hold(&mut service::ServiceToml, 1_000_000, 2.0 * MIB, 0.05);
}

#[test]
fn what_the_page_sends() {
    hold(&mut page::PageJson, MILLION, 64.0 * KIB, 0.02);
}

#[test]
fn what_a_broker_sends() {
    let mut mqtt = broker::Mqtt::default();
    hold(&mut mqtt, MILLION, 128.0 * KIB, 0.1);
    assert!(mqtt.acknowledgements > 1000, "{mqtt:?}");
}

#[test]
fn what_is_told_of_a_video() {
    hold(&mut ffprobe::FfprobeJson, MILLION, 64.0 * KIB, 0.02);
}

#[test]
fn networks() {
    hold(&mut network::Inspect, MILLION, 4.0 * MIB, 0.2);
}

#[test]
fn whole_bundles_with_the_right_checksums() {
    let mut load = network::Load::default();
    hold(&mut load, 50_000, 64.0 * MIB, 0.15);
    assert!(load.manifests > 100, "{load:?}");
    assert!(load.loaded > 1000, "{load:?}");
}

#[test]
fn pictures_of_cameras() {
    hold(&mut camera::Jpeg::default(), MILLION, MIB, 0.3);
    hold(&mut camera::RawBuffer::default(), MILLION, MIB, 0.3);
}

#[test]
fn pictures_from_files() {
    hold(&mut picture::Picture::default(), MILLION, 2048.0 * MIB, 0.3);
}

#[test]
fn the_event_log() {
    hold(&mut log::Files::default(), MILLION, 128.0 * KIB, 0.3);
    hold(&mut log::Note::default(), MILLION, 128.0 * KIB, 0.05);
    hold(&mut log::EntryBytes, MILLION, 64.0 * KIB, 0.05);
    hold(&mut log::Keys, MILLION, 64.0 * KIB, 0.02);
}

#[test]
fn shards_of_faces() {
    hold(&mut shard::Shard, MILLION, 9.0 * MIB, 0.3);
}

#[test]
fn every_parser_has_its_name() {
    let names: std::collections::BTreeSet<_> = unmask_tests::fuzz::all()
        .iter()
        .map(|parser| parser.name())
        .collect();
    assert_eq!(names.len(), unmask_tests::fuzz::all().len());
    assert!(unmask_tests::fuzz::by_name("wire").is_some());
    assert!(unmask_tests::fuzz::by_name("nothing").is_none());
}
