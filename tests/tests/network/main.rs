//! Real nodes that find, feed and outvote each other, on loopback (design 09).
//!
//! Each test ends with the same decisions and the same state hashes at the same slots on all nodes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test may panic, and measures its own patience"
)]

mod attacks;
mod bootstrap;
mod checkpoints;
mod go_between;
mod splits;
mod stranger;
mod strangers;

use picot_api::types::CheckpointResponse;
use picot_models::Slot;
use picot_tests::NodeProcess;

/// The certified checkpoint of a slot, once the node has it.
fn certified(node: &NodeProcess, slot: Slot) -> CheckpointResponse {
    let path = format!("/checkpoints/{}/{}", slot.period, slot.thread);
    node.wait_for("a certificate", || {
        let (status, body) = node.get(&path);
        (status == 200).then(|| serde_json::from_value(body).unwrap())
    })
}
