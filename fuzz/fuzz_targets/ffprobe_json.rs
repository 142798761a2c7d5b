#![no_main]
unmask_fuzz::target!("ffprobe_json");
