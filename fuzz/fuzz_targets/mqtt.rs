#![no_main]
unmask_fuzz::target!("mqtt");
