//! What the protocol must be told before it starts.

use crate::ProtocolError;
use crate::gossip::GossipConfig;
use crate::peers::PeersConfig;
use picot_clock::Millis;
use picot_crypto::Hash;
use picot_models::{ChainId, ChainParams};

/// The version of the messages that nodes exchange.
pub const PROTOCOL_VERSION: u32 = 1;

/// What the protocol must be told before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The chain.
    pub chain_id: ChainId,
    /// Its parameters.
    pub params: ChainParams,
    /// This node: the hash of its identity in the transport.
    pub node: Hash,
    /// The program and its version, as peers are told; at most 64 bytes.
    pub agent: String,
    /// How peers are treated.
    pub peers: PeersConfig,
    /// How messages of consensus spread.
    pub gossip: GossipConfig,
    /// How long an announced operation or a part of a block is waited for before another is asked.
    pub answer_wait: Millis,
}

impl Config {
    /// The usual one for a chain.
    #[must_use]
    pub fn new(chain_id: ChainId, params: ChainParams, node: Hash) -> Self {
        Self {
            chain_id,
            answer_wait: Millis(params.network_delay_ms.saturating_mul(2).max(100)),
            params,
            node,
            agent: format!("picot/{}", env!("CARGO_PKG_VERSION")),
            peers: PeersConfig::default(),
            gossip: GossipConfig::default(),
        }
    }

    /// Checks the fields.
    ///
    /// # Errors
    /// [`ProtocolError::Config`] names the wrong field.
    pub fn validate(&self) -> Result<(), ProtocolError> {
        let wrong = |field, reason: &str| {
            Err(ProtocolError::Config {
                field,
                reason: reason.to_owned(),
            })
        };
        if self.agent.len() > crate::packet::MAX_AGENT_BYTES {
            return wrong("agent", "has more than 64 bytes");
        }
        if self.gossip.fanout == 0 || self.gossip.told == 0 || self.gossip.named == 0 {
            return wrong("gossip", "fanout, told and named must be at least 1");
        }
        if self.gossip.kept == 0 || self.gossip.kept_bytes == 0 {
            return wrong("gossip", "at least one message must be kept");
        }
        if self.answer_wait == Millis::ZERO {
            return wrong("answer_wait", "must be longer than nothing");
        }
        self.peers.validate()
    }
}
