//! Networks on loopback: each test starts real nodes with real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests, which end with an error rather than wait for ever"
)]

mod common;
mod discovery;
mod frames;
mod hostile;
mod limits;
mod peers;
mod pressure;
mod proxy;
mod stopping;
