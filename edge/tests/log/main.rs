//! The event log under power cuts, full disks and forgers, and beside other
//! people's programs.

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod full_disk;
mod keys;
mod mutation;
mod oracle;
mod power_cut;
mod program;
