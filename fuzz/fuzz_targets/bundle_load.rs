#![no_main]
unmask_fuzz::target!("bundle_load");
