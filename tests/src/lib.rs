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
    reason = "a test panics where something is not as it must be, and measures its own patience"
)]

mod gate;
mod localnet;
mod node;
mod relay;

pub use localnet::{Localnet, Split, make_genesis, new_key, slots};
pub use node::{Finished, NodeProcess, picot, run_picot};
pub use relay::{Relay, connect_from};
