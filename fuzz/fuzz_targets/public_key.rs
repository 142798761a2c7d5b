#![no_main]
unmask_fuzz::target!("public_key");
