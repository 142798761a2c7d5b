//! A broker of its own that speaks TLS, as little of MQTT as the device needs, and writes down
//! what it is told. `certificates/make` makes the certificates.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use unmask_edge::mqtt::{MqttConfig, check_files};

use super::{Device, RIGHT_WITHIN};
use crate::common;

fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mqtt/certificates");
    folder.join(name)
}

fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
    let all = CertificateDer::pem_file_iter(file(name)).unwrap();
    all.map(Result::unwrap).collect()
}

/// A running broker, which shows the certificate of this name, and asks for one.
struct TlsBroker {
    port: u16,
    /// Name and password, then each message.
    told: Receiver<String>,
}

impl TlsBroker {
    fn start(name: &str) -> Self {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificates("authority.pem").remove(0)).unwrap();
        let asks =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::from_pem_file(file(&format!("{name}.key"))).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(asks.build().unwrap())
            .with_single_cert(certificates(&format!("{name}.pem")), key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, told) = sync_channel(4096);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                // It ends when the device goes, or is refused.
                let _ = serve(StreamOwned::new(session, stream), &tell);
            }
        });
        Self { port, told }
    }

    /// Waits for something with all these words in it.
    fn wait_for(&self, wanted: &[&str], end: Instant) {
        let mut seen = Vec::new();
        while let Ok(said) = self
            .told
            .recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            if wanted.iter().all(|words| said.contains(words)) {
                return;
            }
            seen.push(said);
        }
        panic!("{wanted:?} was not said: {seen:?}");
    }
}

fn serve(
    mut stream: StreamOwned<ServerConnection, TcpStream>,
    tell: &SyncSender<String>,
) -> io::Result<()> {
    loop {
        let (kind, body) = packet(&mut stream)?;
        let say = |what: &str| {
            let _ = tell.try_send(format!("{what} {}", String::from_utf8_lossy(&body)));
        };
        let answer = match kind >> 4 {
            1 => {
                say("connect");
                vec![0x20, 2, 0, 0]
            }
            3 => {
                say("publish");
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                vec![0x40, 2, body[2 + topic], body[3 + topic]]
            }
            8 => vec![0x90, 3, body[0], body[1], 1],
            12 => vec![0xd0, 0],
            14 => return Ok(()),
            _ => Vec::new(),
        };
        stream.write_all(&answer)?;
    }
}

/// First byte and body of a packet (MQTT 3.1.1, section 2.2).
fn packet(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let byte = |stream: &mut dyn Read| {
        let mut byte = [0];
        stream.read_exact(&mut byte).map(|()| byte[0])
    };
    let kind = byte(stream)?;
    let mut length = 0;
    for place in 0..4 {
        let digit = byte(stream)?;
        length |= usize::from(digit & 127) << (7 * place);
        if digit < 128 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

/// Settings that speak to the broker rightly.
fn right(port: u16) -> MqttConfig {
    MqttConfig {
        host: Some("127.0.0.1".into()),
        port,
        device: Some("kiosk-1".into()),
        ca_file: Some(file("authority.pem")),
        certificate_file: Some(file("device.pem")),
        key_file: Some(file("device.key")),
        ..MqttConfig::default()
    }
}

#[test]
fn name_password_and_messages_go_through_tls_with_a_certificate_of_the_device() {
    let broker = TlsBroker::start("broker");
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "hunter2\n").unwrap();
    let config = MqttConfig {
        username: Some("kiosk".into()),
        password_file: Some(password),
        ..right(broker.port)
    };
    let device = Device::with(&config, Duration::from_secs(3600));
    let end = Instant::now() + RIGHT_WITHIN;
    broker.wait_for(&["connect", "hunter2"], end);
    broker.wait_for(&["publish", "unmask/kiosk-1/availability", "online"], end);
    assert_eq!(device.metrics.device.mqtt_connected.get(), 1.0);
}

/// What the program says until `wanted`, of a broker with a certificate.
fn said(broker: &str, change: &[(&str, &str)], wanted: &str) {
    let broker = TlsBroker::start(broker);
    let mut command = common::command();
    command.args(["run", "--source", "synthetic:8", "--realtime"]);
    command.env("RUST_LOG", "warn");
    let mut set = |key: &str, value: &str| {
        command.args(["--set", &format!("mqtt.{key}={value}")]);
    };
    set("host", "127.0.0.1");
    set("port", &broker.port.to_string());
    for key in ["ca_file", "certificate_file", "key_file"] {
        let name = change.iter().find(|(changed, _)| *changed == key);
        let name = name.map_or(name_of(key), |(_, name)| name);
        if !name.is_empty() {
            set(key, file(name).to_str().unwrap());
        }
    }
    let log = common::log_until(&mut command, Duration::ZERO, wanted);
    assert!(log.contains("is tried again"), "{log}");
}

fn name_of(key: &str) -> &'static str {
    match key {
        "ca_file" => "authority.pem",
        "certificate_file" => "device.pem",
        _ => "device.key",
    }
}

/// Whoever sits between device and broker is not believed, and each cause has its remedy.
#[test]
fn a_wrong_broker_is_refused_and_the_cause_told() {
    said("elsewhere", &[], "another name than mqtt.host");
    said(
        "broker",
        &[("ca_file", "stranger.pem")],
        "no authority in mqtt.ca_file",
    );
    said(
        "broker",
        &[("certificate_file", ""), ("key_file", "")],
        "refuses this device's certificate",
    );
}

#[test]
fn a_port_without_tls_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.write_all(&[0x20, 2, 0, 0]);
            let _ = stream.read(&mut [0; 64]);
        }
    });
    let mut command = common::command();
    command.args(["run", "--source", "synthetic:8", "--realtime"]);
    command.args(["--set", "mqtt.host=127.0.0.1"]);
    command.args(["--set", &format!("mqtt.port={port}")]);
    let ca = file("authority.pem");
    command.args(["--set", &format!("mqtt.ca_file={}", ca.display())]);
    command.env("RUST_LOG", "warn");
    common::log_until(
        &mut command,
        Duration::ZERO,
        "nobody speaks TLS at this port",
    );
}

#[test]
fn files_that_cannot_be_used_are_refused_with_key_file_and_remedy() {
    assert!(check_files(&right(8883)).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    type Change<'a> = &'a dyn Fn(&mut MqttConfig);
    let changes: [(Change, &[&str]); 7] = [
        (
            &|c| c.ca_file = Some("none.pem".into()),
            &["mqtt.ca_file none.pem", "No such file"],
        ),
        (
            &|c| c.ca_file = Some(empty.clone()),
            &["mqtt.ca_file", "no certificate", "BEGIN CERTIFICATE"],
        ),
        (
            &|c| c.ca_file = Some(folder.path().into()),
            &["mqtt.ca_file", "not a plain file"],
        ),
        (
            &|c| c.certificate_file = Some(file("device.key")),
            &["mqtt.certificate_file", "no certificate"],
        ),
        (
            &|c| c.key_file = Some(file("device.pem")),
            &["mqtt.key_file", "no private key"],
        ),
        (
            &|c| c.key_file = Some(file("broker.key")),
            &["mqtt.key_file", "does not belong to mqtt.certificate_file"],
        ),
        (
            &|c| c.key_file = Some(file("locked.key")),
            &["mqtt.key_file", "passphrase", "openssl pkey"],
        ),
    ];
    for (change, wanted) in changes {
        let mut config = right(8883);
        change(&mut config);
        let error = check_files(&config).unwrap_err().to_string();
        for words in wanted {
            assert!(error.contains(words), "{error}");
        }
    }
}

/// What a page answers.
fn get(port: u16, path: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        let asked = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let _ = stream.write_all(asked.as_bytes());
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}

fn number(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// The whole program, whose standard output nobody reads: once the pipe is full, the next event
/// blocks the pipeline.
#[test]
fn a_blocked_write_is_on_every_output_within_two_seconds() {
    if !common::have_ffmpeg("a_blocked_write_is_on_every_output_within_two_seconds") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let broker = TlsBroker::start("broker");
    let (reader, mut writer) = io::pipe().unwrap();
    // Of the 64 KiB that a pipe holds, room for one event is left.
    writer.write_all(&[b'\n'; (64 << 10) - 500]).unwrap();
    // Small frames, which even a busy machine judges in time.
    common::encode(
        &common::swapped(501, 200),
        &folder.path().join("clip.mp4"),
        &[],
    );
    let page = super::broker::free_port();
    let mut command = common::command();
    command.current_dir(folder.path());
    command.args([
        "run",
        "--source",
        "clip.mp4",
        "--realtime",
        "--format",
        "jsonl",
    ]);
    for setting in [
        format!("web.address=127.0.0.1:{page}"),
        "mqtt.host=127.0.0.1".into(),
        format!("mqtt.port={}", broker.port),
        format!("mqtt.ca_file={}", file("authority.pem").display()),
        format!("mqtt.certificate_file={}", file("device.pem").display()),
        format!("mqtt.key_file={}", file("device.key").display()),
        "alarm.transcript=pin".into(),
        "alarm.patterns.idle=on".into(),
        "alarm.patterns.genuine=on".into(),
        "alarm.patterns.undecided=on".into(),
    ] {
        command.args(["--set", &setting]);
    }
    // The service manager, whose watchdog starves by the same rule.
    let manager = folder.path().join("notify");
    let socket = UnixDatagram::bind(&manager).unwrap();
    socket.set_nonblocking(true).unwrap();
    command.env("NOTIFY_SOCKET", &manager);
    command.env("WATCHDOG_USEC", "400000");
    let fed = || {
        let mut bytes = [0; 512];
        let told = std::iter::from_fn(|| socket.recv(&mut bytes).ok().map(|n| bytes[..n].to_vec()));
        told.filter(|told| told.starts_with(b"WATCHDOG=1")).count()
    };
    let mut child = command.stdout(writer).spawn().unwrap();
    drop(command);
    let frames = || number(&get(page, "/metrics"), "unmask_frames_judged_total");
    let start = Instant::now();
    // The hang begins when no further frame is judged, which is told each second.
    let (mut judged, mut since, mut was_fed) = (0.0, Instant::now(), 0);
    while since.elapsed() < Duration::from_millis(1500) || judged < 3.0 {
        assert!(start.elapsed() < Duration::from_secs(120), "it never hangs");
        was_fed += fed();
        if let Some(now) = frames()
            && now > judged
        {
            (judged, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(60));
    }
    // Two seconds after the last moment at which it may have begun, and as long as it takes to ask.
    let end = since + Duration::from_millis(3200);
    broker.wait_for(&["publish", "availability", "offline"], end);
    broker.wait_for(&["publish", "/alarm", "safe"], end);
    let metrics = get(page, "/metrics");
    for wanted in [
        // Its help has the same words.
        "\nunmask_pipeline_hung 1",
        "unmask_camera_up{camera=\"clip.mp4\"} 0",
        "unmask_alarm_state{state=\"safe\"} 1",
    ] {
        assert!(metrics.contains(wanted), "{wanted}: {metrics}");
    }
    let pin = std::fs::read_to_string(folder.path().join("pin")).unwrap();
    assert!(
        pin.trim_end().ends_with(" 0"),
        "the alarm is not safe: {pin}"
    );
    fed();
    std::thread::sleep(Duration::from_secs(1));
    assert!(was_fed > 0, "the watchdog was never fed");
    assert_eq!(fed(), 0, "the watchdog is fed though the pipeline hangs");
    child.kill().unwrap();
    child.wait().unwrap();
    drop(reader);
}
