//! `analyze` on files made for the test.

#[path = "../common/mod.rs"]
mod common;

mod folders;
mod formats;
mod reports;
mod videos;
