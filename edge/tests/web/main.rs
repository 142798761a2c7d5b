//! The live page: in a real browser, and under abuse.

#[path = "../common/mod.rs"]
mod common;

mod abuse;
mod browser;
mod http;
mod kiosk;
mod latency;
mod page;
mod review;
mod served;
mod settings;
mod timeline;
