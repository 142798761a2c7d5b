#![no_main]
unmask_fuzz::target!("manifest_json");
