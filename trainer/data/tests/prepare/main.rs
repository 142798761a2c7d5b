//! Preparing pictures and videos of synthetic people, in the layouts of the data sets of
//! the field.

mod faces;
mod fixture;
mod layouts;
mod partition;
mod pictures;
