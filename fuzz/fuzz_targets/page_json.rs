#![no_main]
unmask_fuzz::target!("page_json");
