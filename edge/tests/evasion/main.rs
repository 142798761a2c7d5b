//! Ways to keep a swapped face from being judged, each through the whole program over synthetic
//! people: what was made hard to see is called manipulated or undecided, and never speaks for
//! genuine.

#[path = "../common/mod.rs"]
mod common;

mod faces;
mod pictures;
mod pixels;
mod studio;
