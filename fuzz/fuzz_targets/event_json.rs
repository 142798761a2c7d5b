#![no_main]
unmask_fuzz::target!("event_json");
