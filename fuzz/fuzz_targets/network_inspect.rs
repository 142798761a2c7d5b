#![no_main]
unmask_fuzz::target!("network_inspect");
