//! The threads, on disk and over sockets.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod disk;
mod loopback;
mod state;
