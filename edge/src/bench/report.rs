//! The figures, for people and for programs.

use std::io::Write;

use super::{BenchReport, Latency, StagesMs, Throughput};
use crate::error::EdgeError;

/// How the figures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BenchFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Prints the figures.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(
    report: &BenchReport,
    format: BenchFormat,
    out: &mut dyn Write,
) -> Result<(), EdgeError> {
    if format == BenchFormat::Json {
        serde_json::to_writer(&mut *out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    let (model, machine) = (&report.model, &report.machine);
    writeln!(
        out,
        "{} ({:.12}) on {} ({}, {}, {} cores, load {})",
        model.name,
        model.sha256,
        machine.cpu,
        machine.arch,
        machine.os,
        machine.cores,
        machine.load.map_or("?".into(), |load| format!("{load:.1}")),
    )?;
    let [width, height] = report.frame;
    writeln!(out, "{width} x {height} pixels, Motion JPEG 4:4:4")?;
    stages(report, out)?;
    for throughput in &report.throughput {
        write_throughput(throughput, out)?;
    }
    for latency in &report.latency {
        write_latency(latency, out)?;
    }
    if let Some(peak) = report.memory_peak_mb {
        writeln!(out, "{peak:.0} MB of memory at most")?;
    }
    Ok(())
}

/// One line for each stage, two columns for each number of faces.
fn stages(report: &BenchReport, out: &mut dyn Write) -> Result<(), EdgeError> {
    let every = format!("every {} frames", report.detect_every);
    let decision = match report.frames_per_decision {
        0 | 1 => "face".to_owned(),
        frames => format!("{frames} frames of a face"),
    };
    write!(out, "\n{:<10}", "ms")?;
    for throughput in &report.throughput {
        write!(out, "{:>20}", faces(throughput.faces))?;
    }
    writeln!(out, "   per")?;
    type Value = fn(&StagesMs) -> f32;
    let rows: [(&str, Value, &str); 6] = [
        ("decode", |ms| ms.decode, "frame"),
        ("detect", |ms| ms.detect, &every),
        ("track", |ms| ms.track, "frame"),
        ("crop", |ms| ms.crop, "face"),
        ("network", |ms| ms.network, &decision),
        ("verdict", |ms| ms.verdict, "face"),
    ];
    for (name, value, per) in rows {
        write!(out, "{name:<10}")?;
        for throughput in &report.throughput {
            let (quiet, median) = (&throughput.stages_ms_quiet, &throughput.stages_ms);
            write!(out, "{:>10.3}{:>10.3}", value(quiet), value(median))?;
        }
        writeln!(out, "   {per}")?;
    }
    writeln!(
        out,
        "(a tenth of the turns takes less than the first number, half of them less than the second)"
    )?;
    Ok(())
}

fn write_throughput(throughput: &Throughput, out: &mut dyn Write) -> Result<(), EdgeError> {
    writeln!(
        out,
        "\n{}: {:.1} frames a second on one core (one thread, {} frames, JPEG of {} kB)",
        faces(throughput.faces),
        throughput.frames_per_second,
        throughput.frames,
        throughput.jpeg_bytes / 1000,
    )?;
    writeln!(
        out,
        "  a frame: {} ms on the core, {} ms waiting for it, {:.2} ms by the clock",
        or_unknown(throughput.processor_ms),
        or_unknown(throughput.waited_ms),
        throughput.clock_ms,
    )?;
    writeln!(
        out,
        "  by the clock: {:.1} frames a second, {:.1} in the best round",
        throughput.frames_per_second_by_clock, throughput.frames_per_second_by_clock_best,
    )?;
    Ok(())
}

fn write_latency(latency: &Latency, out: &mut dyn Write) -> Result<(), EdgeError> {
    writeln!(
        out,
        "\n{} at {:.0} frames a second, picture to verdict: {:.1} ms (p50), {:.1} ms (p99), {:.1} ms at most",
        faces(latency.faces),
        latency.rate_hz,
        latency.p50_ms,
        latency.p99_ms,
        latency.max_ms,
    )?;
    writeln!(
        out,
        "  two threads, {} frames, {} left out; a frame: {} ms on a core, {} ms waiting for one",
        latency.frames,
        latency.dropped,
        or_unknown(latency.processor_ms),
        or_unknown(latency.waited_ms),
    )?;
    Ok(())
}

fn faces(count: usize) -> String {
    match count {
        1 => "1 face".into(),
        more => format!("{more} faces"),
    }
}

fn or_unknown(milliseconds: Option<f64>) -> String {
    milliseconds.map_or("?".into(), |value| format!("{value:.2}"))
}
