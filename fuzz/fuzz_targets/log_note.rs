#![no_main]
unmask_fuzz::target!("log_note");
