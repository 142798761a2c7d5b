//! Faces drawn anew by small autoencoders, as generators draw whole faces.
//!
//! What a self-blend is for seams, a reconstruction is for generators: the same person,
//! light and pose, with the traces of a decoder. A bank holds networks of many shapes, so
//! that no single one's traces are learnt.

mod bank;
mod net;
mod shape;
mod train;

pub use bank::{Bank, bank_of};
pub use net::Autoencoder;
pub use shape::{SHAPES, Shape, Upsampling};
pub use train::{Training, train};
