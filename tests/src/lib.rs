//! Helpers shared by the tests across crates and across processes: real nodes, started, asked,
//! stopped and killed. Everything waits for a condition; a condition that never comes ends the test
//! with the node's output.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test panics where something is not as it must be, and measures its own patience"
)]

pub mod book;
pub mod corrupt;
mod dice;
mod gate;
mod localnet;
mod node;
mod relay;
pub mod torture;

pub use dice::Dice;
pub use localnet::{Localnet, Split, make_genesis, make_genesis_with, new_key, slots};
pub use node::{Finished, NodeProcess, keep_private, picot, picot_with_faults, run_picot};
pub use relay::{Relay, connect_from};
