#![no_main]
unmask_fuzz::target!("service_toml");
