//! What tests of several crates, and the fuzz targets under `fuzz/`, share. The tests
//! themselves lie in the files beside this folder.

pub mod clips;
pub mod fuzz;
pub mod programs;
