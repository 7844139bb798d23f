//! What consensus must be told before it starts.

use crate::ConsensusError;
use picot_clock::{SlotClock, Timestamp};
use picot_models::{BlockId, ChainId, ChainParams, Genesis, Slot};

/// What consensus must be told before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The chain.
    pub chain_id: ChainId,
    /// Its parameters.
    pub params: ChainParams,
    /// When slot `0/0` starts.
    pub genesis_timestamp: Timestamp,
    /// The blocks of period 0, by thread.
    pub genesis_blocks: Vec<BlockId>,
    /// Before this time nothing is signed, though everything is followed: the end of the start-up
    /// wait of design 08, or the start itself when genesis, keys and signing log were made by this very
    /// start. Whoever still catches up then waits again, as long as the parameters say for
    /// endorsements and votes.
    pub voting_from: Timestamp,
    /// When the signing log was begun, if it does not know all that the keys ever signed: it was
    /// lost, or is an older copy. Then nothing is signed in a thread until a slot that began after
    /// this is decided there (design 07, 'Durable before sent'). It stays so over restarts.
    pub signing_log_since: Option<Timestamp>,
}

impl Config {
    /// For a chain, with a signing log that is complete.
    #[must_use]
    pub fn of_genesis(genesis: &Genesis, voting_from: Timestamp) -> Self {
        Self {
            chain_id: genesis.chain_id(),
            params: genesis.params.clone(),
            genesis_timestamp: genesis.genesis_timestamp,
            genesis_blocks: genesis.block_ids(),
            voting_from,
            signing_log_since: None,
        }
    }

    /// Whether the signing log misses nothing of a thread's open slot, this being the last one that
    /// is decided there: what the log misses is of slots that began before it did.
    pub(crate) fn is_trusted(&self, clock: &SlotClock, last_decided: Slot) -> bool {
        self.signing_log_since.is_none_or(|since| {
            clock
                .start_of(last_decided)
                .is_ok_and(|start| start >= since)
        })
    }

    /// Checks the fields, and gives the calendar of the chain.
    ///
    /// # Errors
    /// [`ConsensusError::Config`] names the wrong field.
    pub fn validate(&self) -> Result<SlotClock, ConsensusError> {
        let wrong = |text: String| ConsensusError::Config(text);
        self.params
            .validate()
            .map_err(|error| wrong(format!("params: {error}")))?;
        if self.genesis_blocks.len() != usize::from(self.params.thread_count) {
            return Err(wrong(format!(
                "genesis_blocks has {} blocks for {} threads",
                self.genesis_blocks.len(),
                self.params.thread_count
            )));
        }
        self.params
            .slot_clock(self.genesis_timestamp)
            .map_err(|error| wrong(format!("genesis_timestamp: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_named() {
        let genesis = picot_models::mocks::genesis(&[(1, 1)]);
        let good = Config::of_genesis(&genesis, Timestamp(0));
        assert!(good.validate().is_ok());
        let mut bad = good.clone();
        bad.genesis_blocks.pop();
        assert!(
            bad.validate()
                .unwrap_err()
                .to_string()
                .contains("genesis_blocks")
        );
        let mut bad = good;
        bad.params.t0_ms = 0;
        assert!(bad.validate().unwrap_err().to_string().contains("params"));
    }
}
