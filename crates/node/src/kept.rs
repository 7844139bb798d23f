//! What a node keeps for itself in its data directory: the history of its production, its switches,
//! and the keys that were seen in use elsewhere. One prefix of the node store each.

mod history;
mod refusals;
mod switches;

pub use history::KeptHistory;
pub use refusals::KeptRefusals;
pub use switches::{KeptSwitch, Switch};
