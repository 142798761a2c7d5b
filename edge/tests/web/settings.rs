//! How the page is switched on and off.

use crate::common::{unmask, unmask_in};

#[test]
fn the_page_is_off_unless_asked_for_and_flags_win() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kiosk.toml");
    std::fs::write(
        &file,
        "source = 'synthetic'\n[web]\naddress = '127.0.0.1:9'",
    )
    .unwrap();
    let print = |more: &[&str]| {
        let all = [
            &["run", "--config", "kiosk.toml", "--print-config"][..],
            more,
        ]
        .concat();
        unmask_in(folder.path(), &all).stdout
    };
    assert!(print(&[]).contains("address = \"127.0.0.1:9\"  # kiosk.toml"));
    assert!(print(&["--no-web"]).contains("address = \"\"  # --no-web"));
    assert!(print(&["--web"]).contains("address = \"127.0.0.1:8464\"  # --web"));
    let other = print(&["--web", "[::1]:80", "--web-token", "t"]);
    assert!(other.contains("address = \"[::1]:80\"  # --web"), "{other}");
    assert!(
        other.contains("token_file = \"t\"  # --web-token"),
        "{other}"
    );
    assert!(
        unmask(&["run", "--print-config"])
            .stdout
            .contains("# address is not set")
    );
}

#[test]
fn what_is_not_safe_or_cannot_be_is_refused_with_the_remedy() {
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = busy.local_addr().unwrap().to_string();
    for (flags, wanted) in [
        (&["--web", "0.0.0.0:0"][..], "web.token_file"),
        (&["--web", "localhost"], "127.0.0.1:8464"),
        (&["--web", &taken], "name another one with --web"),
        (
            &["--web", "127.0.0.1:0", "--web-token", "none"],
            "/dev/urandom",
        ),
        (&["--set", "web.connections_max=1"], "web.connections_max"),
        (&["--set", "web.adress=x"], "did you mean `web.address`"),
        (&["--set", "mqtt.device=a b"], "mqtt.device"),
        (
            &["--set", "mqtt.host=h", "--set", "mqtt.topic=#"],
            "mqtt.topic",
        ),
    ] {
        let ran = unmask(&[&["run", "--source", "synthetic"][..], flags].concat());
        assert_eq!(ran.code, 2, "{flags:?}");
        assert!(ran.stderr.contains(wanted), "{flags:?}: {}", ran.stderr);
    }
    let both = unmask(&["run", "--source", "synthetic", "--web", "--no-web"]);
    assert_eq!(both.code, 2);
}
