//! The rules of this crate.

mod archive;
mod following;
mod golden;
