//! Whole bootstraps on virtual time, with peers that lie, are silent, and vanish.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "these are tests"
)]

mod codecs;
mod crashes;
mod liars;
mod peers;
mod serving;
mod state;
mod world;
