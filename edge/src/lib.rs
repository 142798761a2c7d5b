//! Watches video for manipulated faces, on the device that has the camera.
//!
//! The way of a frame: [`source`] delivers it, from cameras through [`capture`],
//! [`scene`] sees where the picture is cut, [`search`] finds faces, [`track`]
//! follows them, [`pipeline`] crops each face and shows it to the [`network`], and
//! each [`person`] collects a verdict, which [`alarm`], [`serial`] and [`service`]
//! show to others. [`run`], [`analyze`], [`mod@bench`] and
//! [`demo`] are the commands built on it.

// On a device each of these is a crash.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo)
)]

pub mod alarm;
pub mod analyze;
pub mod bench;
pub mod builtin;
mod cadence;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod console;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod log;
pub mod machine;
pub mod metrics;
pub mod model;
pub mod mqtt;
pub mod network;
pub mod observe;
mod percentile;
pub mod person;
pub mod pipeline;
pub mod report;
pub mod review;
pub mod run;
pub mod scene;
pub mod search;
pub mod secret;
pub mod serial;
pub mod service;
pub mod source;
pub mod stopwatch;
pub mod track;
pub mod web;
