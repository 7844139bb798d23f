//! The rules of this crate.

mod archive;
mod following;
mod gathering;
mod golden;
mod kit;
mod lookout;
mod working;
