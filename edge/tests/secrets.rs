//! Passwords are in no output, in no argument of a child, and nowhere formatted.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{log_until, unmask};

/// Part of every secret in these tests.
const SECRET: &str = "hunter2";
const URL: &str = "rtsp://me:hunter2@127.0.0.1:1/live?token=hunter2";

/// A program of this name that writes down its arguments and what it reads, and fails loudly.
fn fake(folder: &Path, name: &str, version: &str) -> PathBuf {
    let arguments = folder.join("arguments");
    let program = format!(
        "#!/bin/sh\ncase $1 in -version) echo 'ffmpeg version {version}'; exit;; esac\n\
         tr '\\0' ' ' < /proc/$$/cmdline >> {0}\ncat > {1}\n\
         echo \"cannot open $(grep ^file {1})\" >&2; exit 1\n",
        arguments.display(),
        folder.join("input").display(),
    );
    let path = folder.join(name);
    fs::write(&path, program).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    arguments
}

/// Whatever the release of ffmpeg, it is given the password where nobody else can read it.
#[test]
fn a_camera_s_password_is_in_no_argument_and_no_output() {
    for version in ["4.2.7", "4.4", "5.1", "6.0", "7.1"] {
        let folder = tempfile::tempdir().unwrap();
        let arguments = fake(folder.path(), "ffmpeg", version);
        let mut command = common::command();
        command
            .args(["run", "--source", URL, "--log"])
            .arg(folder.path().join("log"))
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
            .env("RUST_LOG", "unmask_edge=debug");
        let log = log_until(&mut command, Duration::ZERO, "cannot open");
        assert!(!log.contains(SECRET), "{version}: {log}");
        let arguments = fs::read_to_string(&arguments).unwrap();
        assert!(arguments.contains("-i pipe:0"), "{version}: {arguments}");
        assert!(!arguments.contains(SECRET), "{version}: {arguments}");
        let input = fs::read_to_string(folder.path().join("input")).unwrap();
        assert!(input.contains(SECRET), "{version}: {input}");
        for file in fs::read_dir(folder.path().join("log")).unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            assert!(
                !String::from_utf8_lossy(&bytes).contains(SECRET),
                "{version}"
            );
        }
    }
}

/// A camera that refuses: its fault is on the page, in the metrics, the log and the broker's topics.
#[test]
fn a_camera_s_password_is_on_no_page_and_in_no_message() {
    let folder = tempfile::tempdir().unwrap();
    fake(folder.path(), "ffmpeg", "5.1");
    let broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = broker.local_addr().unwrap().port();
    let (tell, told) = std::sync::mpsc::sync_channel(4096);
    // As much of MQTT as it takes to be told everything: CONNACK, then whatever comes.
    std::thread::spawn(move || {
        for mut stream in broker.incoming().map_while(Result::ok) {
            let _ = stream.write_all(&[0x20, 2, 0, 0]);
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut bytes) {
                let _ = tell.send(String::from_utf8_lossy(&bytes[..read]).into_owned());
            }
        }
    });
    let config = folder.path().join("kiosk.toml");
    fs::write(&config, format!("source = {URL:?}\n")).unwrap();
    let page = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut child = common::command()
        .args(["run", "--format", "jsonl", "--config"])
        .arg(&config)
        .arg("--log")
        .arg(folder.path().join("log"))
        .args([
            "--set",
            &format!("web.address={page}"),
            "--set",
            "mqtt.host=127.0.0.1",
        ])
        .args(["--set", &format!("mqtt.port={port}")])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
        .env("RUST_LOG", "unmask_edge=debug")
        .stdout(fs::File::create(folder.path().join("stdout")).unwrap())
        .stderr(fs::File::create(folder.path().join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let get = |path: &str| {
        let (start, mut answer) = (Instant::now(), Vec::new());
        if let Ok(mut stream) = TcpStream::connect(page) {
            let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
            let asked = format!("GET {path} HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(asked.as_bytes());
            // Of what goes on for ever, the first seconds.
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut bytes)
                && start.elapsed() < Duration::from_secs(3)
            {
                answer.extend_from_slice(&bytes[..read]);
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    };
    let start = Instant::now();
    while !get("/metrics").contains("} 0\n")
        || !get("/metrics").contains("unmask_camera_up{camera=")
    {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{}",
            get("/metrics")
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(2));
    for path in ["/", "/metrics", "/api/live", "/api/reviews", "/kiosk"] {
        let answer = get(path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(!answer.contains(SECRET), "{path}: {answer}");
    }
    // Nor where anybody on the machine may read it.
    let line = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains(SECRET));
    child.kill().unwrap();
    child.wait().unwrap();
    let messages: String = told.try_iter().collect();
    assert!(messages.contains("rtsp://127.0.0.1:1/live"), "{messages}");
    assert!(!messages.contains(SECRET), "{messages}");
    for name in ["stdout", "stderr"] {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(
            !text.contains(SECRET) && !text.contains('\x1b'),
            "{name}: {text}"
        );
    }
    let log = folder.path().join("log");
    let log = log.to_str().unwrap();
    for line in [
        ["log", "export", log],
        ["log", "tail", log],
        ["review", "list", log],
    ] {
        let ran = unmask(&line);
        assert!(
            !format!("{}{}", ran.stdout, ran.stderr).contains(SECRET),
            "{line:?}"
        );
    }
}

#[test]
fn a_checked_machine_tells_no_password() {
    let ran = unmask(&["doctor", "--set", &format!("source={URL}")]);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("127.0.0.1:1"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
}

#[test]
fn what_a_command_is_told_is_in_no_argument_of_the_shell_and_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = folder.path().join("arguments");
    let line = format!(
        "TOKEN={SECRET} tr '\\0' ' ' < /proc/$$/cmdline >> {}; echo 'cannot open {URL}' >&2; exit 1",
        arguments.display()
    );
    let mut command = common::command();
    command
        .args(["run", "--size", "64x48", "--command", &line, "--set"])
        .arg("capture.restart=true")
        .env("RUST_LOG", "unmask_edge=debug");
    let log = log_until(&mut command, Duration::ZERO, "cannot open");
    assert!(!log.contains(SECRET), "{log}");
    let arguments = fs::read_to_string(&arguments).unwrap();
    assert!(arguments.contains("/bin/sh"), "{arguments}");
    assert!(!arguments.contains(SECRET), "{arguments}");
}

#[test]
fn a_printed_configuration_tells_no_password() {
    let set = |key: &str, value: &str| {
        let setting = format!("{key}={value}");
        let ran = unmask(&["run", "--print-config", "--set", &setting]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!ran.stdout.contains(SECRET), "{}", ran.stdout);
        assert!(ran.stdout.contains("***"), "{}", ran.stdout);
    };
    set("source", URL);
    set("capture.command", &format!("ffmpeg -i '{URL}' -"));
    set("capture.command", &format!("grab --password {SECRET}"));
}

/// A dump of the memory would hold the log's key, the page's token and the camera's password.
#[test]
fn the_watching_program_leaves_no_core() {
    let folder = tempfile::tempdir().unwrap();
    let dumps = |command: &str| {
        let mut shell = Command::new("/bin/sh");
        let line = format!("ulimit -c unlimited 2>/dev/null; exec {command}");
        shell.args(["-c", &line]).current_dir(folder.path());
        shell.stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = shell.stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_secs(3));
        let kill = Command::new("kill")
            .args(["-ABRT", &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        let start = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(start.elapsed() < Duration::from_secs(60)),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        assert_eq!(status.signal(), Some(6), "{command}: {status}");
        status.core_dumped()
    };
    if !dumps("sleep 60") {
        let why = "this machine dumps no core of anybody (ulimit -c, core_pattern)";
        return common::skip("the_watching_program_leaves_no_core", why);
    }
    let program = env!("CARGO_BIN_EXE_unmask-edge");
    assert!(!dumps(&format!(
        "{program} run --source synthetic:3 --realtime"
    )));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
    let cores = left.iter().filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().contains("core")
    });
    assert!(cores.count() <= 1, "{left:?}");
}

/// Macros and methods that would show what they are given.
const SHOWING: [&str; 4] = ["!", ".arg", ".args", ".field"];

/// Lines on which a secret stands inside something that shows it.
fn shown(text: &str) -> Vec<&str> {
    let lines = text.match_indices(".expose()").filter_map(|(at, _)| {
        let (mut depth, mut found) = (0_i32, false);
        let before = &text[..at];
        // Out through all open brackets of this statement.
        for (place, c) in before.char_indices().rev() {
            match c {
                ')' => depth += 1,
                '(' if depth > 0 => depth -= 1,
                '(' => {
                    let name = before[..place].trim_end();
                    found |= SHOWING.iter().any(|show| name.ends_with(show));
                }
                ';' | '{' | '}' if depth == 0 => break,
                _ => {}
            }
        }
        found.then(|| {
            let line = before.rfind('\n').map_or(0, |end| end + 1);
            text[line..].lines().next().unwrap_or_default().trim()
        })
    });
    lines.collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_secret_is_formatted() {
    let planted =
        "fn f() { tracing::info!(\n  name = g(a, b(c)),\n  url.expose()\n); h(x.expose()); }";
    assert_eq!(shown(planted), ["url.expose()"]);
    assert_eq!(shown("command.arg(url.expose());").len(), 1);
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut uses = 0;
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        // What tests show, nobody else sees.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        uses += text.matches(".expose()").count();
        let found = shown(text);
        assert!(found.is_empty(), "{}: {found:?}", path.display());
        for way in [
            "Display for Secret",
            "Serialize for Secret",
            "AsRef<str> for Secret",
        ] {
            assert!(!text.contains(way), "{}: {way}", path.display());
        }
        for config in ["{config:?}", "?config", "?settings", "{settings:?}"] {
            assert!(!text.contains(config), "{}: {config}", path.display());
        }
    }
    assert!(uses >= 5, "{uses}: is this the place where secrets are?");
}
