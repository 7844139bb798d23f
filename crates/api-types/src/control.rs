//! The bodies of requests and answers of the control interface.

mod history;
mod peers;
mod production;

pub use history::{Duty, Event, Fate, HistoryEntry, Part, Skip, SkipReason};
pub use peers::{
    AddPeerRequest, BanRequest, BanStatus, LaneStatus, PeerResponse, PeerStatus, PeersResponse,
};
pub use production::{
    AddKeyRequest, FactoriesResponse, FactoryName, FactoryStatus, HistoryResponse, KeyResponse,
    KeyStatus, KeysResponse, SwitchRequest,
};
