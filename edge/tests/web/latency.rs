//! What visitors of the page cost the pipeline.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use unmask_edge::builtin::builtin;
use unmask_edge::observe::{FrameSeen, Observer};
use unmask_edge::pipeline::{Pipeline, PipelineConfig};
use unmask_edge::source::Frame;
use unmask_shared::signal::Signal;

use crate::abuse::{Alone, alone};
use crate::common::two_people;
use crate::http::connect;

/// What frames took, and what the page added to them, seconds.
#[derive(Default)]
struct Times {
    frames: Vec<f64>,
    told: Vec<f64>,
    /// Processor time of the frames, which does not depend on what else runs.
    work: Vec<f64>,
    /// Processor time of the page's threads, and how long they were watched.
    page: (f64, f64),
}

/// Processor time of a thread from its `schedstat`, seconds; 0 where the system does
/// not tell.
fn work(path: &Path) -> f64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let nanos = text
        .split(' ')
        .next()
        .and_then(|text| text.parse::<f64>().ok());
    1e-9 * nanos.unwrap_or(0.0)
}

/// Processor time of the page's threads so far.
fn page_work() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let of_page = threads.flatten().filter(|thread| {
        let name = std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        matches!(name.trim(), "web" | "tokio-rt-worker")
    });
    of_page
        .map(|thread| work(&thread.path().join("schedstat")))
        .sum()
}

impl Times {
    fn at(values: &[f64], share: f64) -> f64 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() - 1) as f64 * share) as usize]
    }
}

/// A pipeline that judges the same frames again and again, and tells the page.
struct Judge {
    pipeline: Pipeline,
    frames: Vec<Frame>,
    at: usize,
}

impl Judge {
    fn new() -> Self {
        let pipeline = Pipeline::open(&builtin().unwrap(), PipelineConfig::default()).unwrap();
        Self {
            pipeline,
            frames: two_people(8, 60, 40),
            at: 0,
        }
    }

    /// Judges so many frames at 30 a second.
    fn run(&mut self, server: &mut Alone, count: usize, times: &mut Times) {
        let own = Path::new("/proc/thread-self/schedstat");
        let (begin, page) = (Instant::now(), page_work());
        for _ in 0..count {
            let (start, before) = (Instant::now(), work(own));
            let frame = &mut self.frames[self.at % 40];
            frame.index = self.at as u64;
            self.at += 1;
            self.pipeline.push(frame, &mut |_, _| {}).unwrap();
            let judged = start.elapsed();
            let seen = FrameSeen {
                stream: 0,
                frame,
                people: self.pipeline.people(),
                crop: self.pipeline.crop_spec(),
                shown: Signal::Undecided,
                latency: judged,
            };
            server.observer.frame(&seen);
            let all = start.elapsed();
            times.frames.push(all.as_secs_f64());
            times.told.push((all - judged).as_secs_f64());
            times.work.push(work(own) - before);
            std::thread::sleep(Duration::from_millis(33).saturating_sub(all));
        }
        times.page.0 += page_work() - page;
        times.page.1 += begin.elapsed().as_secs_f64();
    }
}

/// Somebody who watches: listens, and fetches pictures.
fn watch(url: &str, is_over: &Arc<AtomicBool>) -> Vec<std::thread::JoinHandle<()>> {
    let (listener, own, over) = (connect(url).unwrap(), url.to_owned(), Arc::clone(is_over));
    let listen = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let mut listener = listener;
            let _ = listener.write_all(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let mut bytes = [0; 4096];
            while !over.load(Ordering::Relaxed) && listener.read(&mut bytes).is_ok() {}
        }
    });
    let fetch = std::thread::spawn(move || {
        let mut after = String::from("0");
        while !over.load(Ordering::Relaxed) {
            let path = format!("/api/picture/0?after={after}");
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let mut bytes = Vec::new();
            let Ok(mut stream) = connect(&own) else {
                continue;
            };
            let _ = stream.write_all(request.as_bytes());
            let _ = stream.read_to_end(&mut bytes);
            let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).into_owned();
            let number = head.split("x-unmask-picture: ").nth(1);
            after = number
                .and_then(|rest| rest.split("\r\n").next())
                .unwrap_or("0")
                .to_owned();
        }
    });
    vec![listen, fetch]
}

/// Somebody who means no good: a thousand connections that are held, of which some
/// send nonsense, fifty a second.
fn abuse(url: &str, is_over: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let (url, over) = (url.to_owned(), Arc::clone(is_over));
    std::thread::spawn(move || {
        let mut held: Vec<TcpStream> = Vec::new();
        let mut number = 0;
        while !over.load(Ordering::Relaxed) {
            if let Ok(mut stream) = connect(&url) {
                let nonsense: &[u8] = match number % 4 {
                    0 => b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
                    1 => b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nX-Slow:",
                    2 => &[b'a'; 20_000],
                    _ => b"",
                };
                let _ = stream.write_all(nonsense);
                held.push(stream);
            }
            if held.len() > 1000 {
                held.remove(0);
            }
            number += 1;
            std::thread::sleep(Duration::from_millis(if number < 1000 { 1 } else { 20 }));
        }
    })
}

#[test]
fn telling_a_watched_page_takes_the_pipeline_less_than_a_tenth_of_a_frame() {
    let mut server = alone(|_| {});
    let is_over = Arc::new(AtomicBool::new(false));
    let watchers = watch(&server.url, &is_over);
    let mut judge = Judge::new();
    let mut times = Times::default();
    judge.run(&mut server, 90, &mut times);
    is_over.store(true, Ordering::Relaxed);
    let (frame, told) = (Times::at(&times.frames, 0.5), Times::at(&times.told, 0.5));
    assert!(told < 0.1 * frame, "{told} s of {frame} s");
    drop(server);
    watchers
        .into_iter()
        .for_each(|watcher| watcher.join().unwrap());
}

/// Prints the latency without visitors, with somebody who watches, and with abuse:
///
///     cargo test --release --workspace --test web -- --ignored --nocapture latency
#[test]
#[ignore = "measures, and so needs a machine with nothing else to do"]
fn latency_without_visitors_with_one_and_with_abuse() {
    let mut judge = Judge::new();
    let mut times = [Times::default(), Times::default(), Times::default()];
    for round in 0..4 {
        for (kind, times) in times.iter_mut().enumerate() {
            let mut server = alone(|_| {});
            let is_over = Arc::new(AtomicBool::new(false));
            let visitors = match kind {
                0 => Vec::new(),
                1 => watch(&server.url, &is_over),
                _ => vec![abuse(&server.url, &is_over)],
            };
            std::thread::sleep(Duration::from_millis(1500));
            judge.run(&mut server, 200, times);
            is_over.store(true, Ordering::Relaxed);
            drop(server);
            visitors
                .into_iter()
                .for_each(|visitor| visitor.join().unwrap());
        }
        println!("round {round} done");
    }
    for (name, times) in ["alone", "watched", "abused"].iter().zip(&times) {
        let at = |values: &[f64], share| 1e3 * Times::at(values, share);
        println!(
            "{name:<8} latency p50 {:.2} ms, p99 {:.2} ms; processor time of a frame p50 {:.2} ms, p99 {:.2} ms; the page's threads {:.1} % of a core",
            at(&times.frames, 0.5),
            at(&times.frames, 0.99),
            at(&times.work, 0.5),
            at(&times.work, 0.99),
            100.0 * times.page.0 / times.page.1,
        );
    }
}
