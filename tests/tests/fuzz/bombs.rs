//! Small inputs made to take much: time, memory or depth.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use unmask_edge::builtin::builtin;
use unmask_edge::service::ServiceConfig;
use unmask_shared::engine::Engine;
use unmask_shared::settings::SettingLayers;
use unmask_shared::{Event, Manifest};
use unmask_tests::fuzz::network::field;

use super::{MIB, SLOWEST, peak_bytes};

const LONG: usize = 1 << 20;

/// Runs `work`, which must take no longer than an input may, and so many bytes.
fn bounded(name: &str, bytes_max: f64, work: impl FnOnce()) {
    let start = Instant::now();
    let peak = peak_bytes(work);
    let took = start.elapsed();
    eprintln!("{name}: {took:?}, {:.1} MiB", peak / MIB);
    assert!(took < SLOWEST, "{name}: {took:?}");
    assert!(peak < bytes_max, "{name}: {peak} bytes");
}

#[test]
fn a_network_of_a_million_empty_parts_fills_no_memory() {
    for (name, number) in [("nodes", 0x0a), ("tensors", 0x2a), ("inputs", 0x5a)] {
        let file = field(7, &[number, 0].repeat(LONG));
        bounded(name, MIB, || {
            assert!(Engine::inspect(&file).is_err());
        });
    }
    let node = field(7, &field(1, &[0x0a, 0].repeat(LONG)));
    bounded("inputs of a node", MIB, || {
        assert!(Engine::inspect(&node).is_err());
    });
}

/// A tensor of so many rows and columns of zeros, in protobuf.
fn tensor(name: &[u8], rows: u16, columns: u16) -> Vec<u8> {
    let mut bytes = field(8, name);
    for side in [rows, columns] {
        // Two or three bytes of 7 bits.
        let low = [8, side as u8 | 0x80, (side >> 7) as u8 | 0x80];
        bytes.extend_from_slice(&low);
        bytes.push((side >> 14) as u8);
    }
    bytes.extend_from_slice(&[0x10, 1]);
    let zeros = vec![0; 4 * usize::from(rows) * usize::from(columns)];
    [bytes, field(9, &zeros)].concat()
}

/// Two constants of 160 KB, whose product has 6.4 GB.
#[test]
fn a_product_of_constants_fills_no_memory() {
    let mut bundle = builtin().unwrap();
    let side = 40_000;
    let constants = [tensor(b"a", side, 1), tensor(b"b", 1, side)];
    let product = [
        field(1, b"a"),
        field(1, b"b"),
        field(2, b"c"),
        field(4, b"MatMul"),
    ]
    .concat();
    let constants = constants.map(|tensor| field(5, &tensor)).concat();
    let graph = [constants, field(1, &product)].concat();
    bundle.model.extend(field(7, &graph));
    bounded("a product", 16.0 * MIB, || {
        let error = Engine::load(&bundle).unwrap_err().to_string();
        assert!(error.contains("constants grow"), "{error}");
    });
}

#[test]
fn a_network_that_is_nested_deeply_does_not_end_the_program() {
    let mut file = Vec::new();
    for _ in 0..2000 {
        file = field(7, &field(1, &field(5, &field(6, &file))));
    }
    bounded("graphs in graphs", MIB, || {
        assert!(Engine::inspect(&file).is_err());
    });
}

#[test]
fn json_that_is_nested_deeply_does_not_end_the_program() {
    for open in ["[", "{\"a\":", "{\"graph\":", "{\"figures\":["] {
        let json = open.repeat(LONG / open.len());
        bounded(open, MIB, || {
            assert!(Manifest::from_json(json.as_bytes()).is_err());
            assert!(Event::from_json(json.as_bytes()).is_err());
        });
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Free {
    any: Option<toml::Table>,
}

#[test]
fn settings_that_are_nested_deeply_do_not_end_the_program() {
    let files = [
        format!("any.{} = 1", ["a"; 100_000].join(".")),
        format!("[any.{}]\nb = 1", ["a"; 100_000].join(".")),
        format!("any = {}", "[".repeat(LONG / 2)),
        format!("any = {}", "{a=".repeat(LONG / 4)),
        format!("[[any.{}]]", ["a"; 100_000].join(".")),
    ];
    for file in &files {
        let name: String = file.chars().take(20).collect();
        bounded(&name, 256.0 * MIB, || {
            let built = SettingLayers::<Free>::new().text("a file", file).build();
            assert!(built.is_err(), "{built:?}");
        });
    }
    let set = format!("any.{}=1", ["a"; 100_000].join("."));
    let inline = format!("any={}1", "{a=".repeat(100_000));
    for set in [set, inline] {
        bounded(&set[..20], 256.0 * MIB, || {
            let built = SettingLayers::<Free>::new().set(&set).build();
            assert!(built.is_err());
        });
    }
}

#[test]
fn a_long_unknown_key_takes_no_time_to_be_refused() {
    let file = format!("{} = 1\n", "a".repeat(LONG / 2));
    bounded("a long key", 64.0 * MIB, || {
        let built = SettingLayers::<ServiceConfig>::new()
            .text("a file", &file)
            .build();
        assert!(built.is_err());
    });
}

#[test]
fn many_settings_are_refused_in_time() {
    let strange: String = (0..50_000).map(|at| format!("k{at} = 1\n")).collect();
    let tables: String = (0..20_000)
        .map(|at| format!("[capture.x{at}]\na = 1\n"))
        .collect();
    for (name, file) in [("keys", strange), ("tables", tables)] {
        bounded(name, 256.0 * MIB, || {
            let built = SettingLayers::<ServiceConfig>::new()
                .text("a file", &file)
                .build();
            assert!(built.is_err());
        });
    }
}
