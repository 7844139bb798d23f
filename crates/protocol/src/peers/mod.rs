//! What has to do with single peers: who they are, what waits for them, what they may send, what they
//! say of themselves, and what they did.
//!
//! [`Table`] has the connections, each with its [`Outbox`] and its [`Rates`]; [`Accounts`] remember
//! faults of nodes beyond a connection; [`Statuses`] and [`ClockOffsets`] are about what peers claim.
//! Nothing here believes a peer: a claim only decides whom to ask, and what comes back is verified.

mod account;
mod clock_offset;
mod config;
mod kind;
mod outbox;
mod per_lane;
mod rate;
mod set;
mod status;
mod summary;
mod table;
#[cfg(test)]
pub(crate) mod test_kit;

pub(crate) use account::{Accounts, Verdict};
pub(crate) use clock_offset::ClockOffsets;
pub use config::{LaneLimits, PeersConfig, Rate};
pub use kind::PacketKind;
pub use outbox::FRAME_COST_BYTES;
pub(crate) use outbox::Outbox;
pub use per_lane::PerLane;
pub(crate) use rate::Rates;
pub(crate) use set::PeerSet;
pub(crate) use status::Statuses;
pub use summary::{Losses, PeerInfo, Traffic};
pub(crate) use table::Table;
