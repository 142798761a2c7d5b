//! What a service manager hears.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use unmask_edge::service::Notifier;

/// Everything that is waiting in a socket.
fn heard(socket: &UnixDatagram) -> Vec<String> {
    socket.set_nonblocking(true).unwrap();
    let mut bytes = [0; 4096];
    std::iter::from_fn(|| {
        socket
            .recv(&mut bytes)
            .ok()
            .map(|read| bytes[..read].to_vec())
    })
    .map(|bytes| String::from_utf8(bytes).unwrap())
    .collect()
}

#[test]
fn ready_is_told_once_and_the_watchdog_is_fed_only_by_progress() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let watchdog = Duration::from_secs(8);
    let mut notifier = Notifier::new(path.as_os_str(), Some(watchdog)).unwrap();
    assert_eq!(heard(&socket), [""; 0]);
    // A camera is waited for as long as the program is alive; whoever hangs asks for nothing.
    for second in 0..25 {
        notifier.progress(Duration::from_secs(second));
    }
    assert_eq!(heard(&socket), ["EXTEND_TIMEOUT_USEC=40000000"; 3]);
    notifier.ready();
    notifier.ready();
    assert_eq!(heard(&socket), ["READY=1"]);
    for second in 0..20 {
        notifier.progress(Duration::from_secs(second));
    }
    assert_eq!(heard(&socket), ["WATCHDOG=1"; 10]);
    notifier.status(format_args!("two\nlines"));
    notifier.status(format_args!("{}", "ä".repeat(1000)));
    notifier.stopping();
    let told = heard(&socket);
    assert_eq!(
        (told[0].as_str(), told[2].as_str()),
        ("STATUS=two", "STOPPING=1")
    );
    assert!(told[1].len() <= 256 && told[1].ends_with('ä'));
}

#[test]
fn an_abstract_socket_is_found_and_a_manager_that_went_away_does_no_harm() {
    let name = format!("unmask-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let mut notifier = Notifier::new(format!("@{name}").as_ref(), None).unwrap();
    notifier.ready();
    notifier.progress(Duration::ZERO);
    assert_eq!(heard(&socket), ["READY=1"]);
    drop(socket);
    notifier.status(format_args!("nobody listens"));
    let mut silent = Notifier::default();
    silent.ready();
    silent.status(format_args!("nobody was ever there"));
}
