#![no_main]
unmask_fuzz::target!("raw_buffer");
