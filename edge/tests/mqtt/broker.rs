//! mosquitto on a port of its own, and somebody who listens to it.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

use crate::common::skip;

/// Where Debian puts it is not on everybody's path.
const NAMES: [&str; 2] = ["mosquitto", "/usr/sbin/mosquitto"];

fn name() -> Option<&'static str> {
    let has = |name: &&str| {
        let mut help = Command::new(name);
        help.arg("-h").stdout(Stdio::null()).stderr(Stdio::null());
        help.status().is_ok()
    };
    NAMES.into_iter().find(has)
}

/// Whether there is a broker. Where there is none, says so past the test harness.
pub fn have_broker(test: &str) -> bool {
    let found = name().is_some();
    if !found {
        skip(
            test,
            "mosquitto is not installed (apt-get install mosquitto)",
        );
    }
    found
}

/// A port that nobody uses at the moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A running broker.
pub struct Broker {
    child: Child,
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Broker {
    pub fn start() -> Self {
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let config =
            format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n");
        std::fs::write(folder.path().join("conf"), config).unwrap();
        let child = spawn(&folder, port);
        Self {
            child,
            port,
            folder,
        }
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn start_again(&mut self) {
        self.child = spawn(&self.folder, self.port);
    }
}

fn spawn(folder: &tempfile::TempDir, port: u16) -> Child {
    let child = Command::new(name().unwrap())
        .arg("-c")
        .arg(folder.path().join("conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "mosquitto does not start"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A way to the broker that the test opens and closes, so that whoever listens is
/// there before the device.
pub struct Gate {
    pub port: u16,
    is_open: Arc<AtomicBool>,
}

impl Gate {
    /// A closed one.
    pub fn new(broker: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_open = Arc::new(AtomicBool::new(false));
        let open = Arc::clone(&is_open);
        std::thread::spawn(move || {
            for device in listener.incoming().map_while(Result::ok) {
                if open.load(Ordering::SeqCst)
                    && let Ok(broker) = TcpStream::connect(("127.0.0.1", broker))
                {
                    pass(device.try_clone().unwrap(), broker.try_clone().unwrap());
                    pass(broker, device);
                }
            }
        });
        Self { port, is_open }
    }

    pub fn open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::SeqCst);
    }
}

/// Passes on what comes, until either side is gone.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// Listens to every topic.
pub struct Listener {
    client: Client,
    messages: Receiver<(String, String)>,
    /// The newest of each topic that nobody waited for yet.
    kept: Vec<(String, String)>,
}

impl Listener {
    /// Is told everything from now on, and what is retained.
    pub fn start(port: u16) -> Self {
        let id = format!("listener-{}", std::process::id());
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_keep_alive(Duration::from_secs(5));
        let (client, mut connection) = Client::new(options, 16);
        client.subscribe("#", QoS::AtLeastOnce).unwrap();
        let (send, messages) = sync_channel(1024);
        let (tell, subscribed) = sync_channel(1);
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let payload = String::from_utf8_lossy(&message.payload).into_owned();
                        if send.send((message.topic, payload)).is_err() {
                            break;
                        }
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        let _ = tell.try_send(());
                    }
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
        });
        subscribed.recv_timeout(Duration::from_secs(20)).unwrap();
        Self {
            client,
            messages,
            kept: Vec::new(),
        }
    }

    pub fn publish(&self, topic: &str, retain: bool, payload: &str) {
        let sent = self
            .client
            .publish(topic, QoS::AtLeastOnce, retain, payload);
        sent.unwrap();
    }

    /// Waits for a message in a topic that `wanted` accepts.
    pub fn wait_for(&mut self, topic: &str, most: Duration, mut wanted: impl FnMut(&str) -> bool) {
        let mut seen = Vec::new();
        for (name, payload) in std::mem::take(&mut self.kept) {
            if name != topic {
                self.kept.push((name, payload));
            } else if wanted(&payload) {
                return;
            }
        }
        let end = Instant::now() + most;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.messages.recv_timeout(left) {
                Err(_) => panic!("nothing right in {topic} within {most:?}: {seen:?}"),
                Ok((name, payload)) if name == topic => {
                    if wanted(&payload) {
                        return;
                    }
                    seen.push(payload);
                }
                Ok(other) => self.kept.push(other),
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.client.try_disconnect();
    }
}
