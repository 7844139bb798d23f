//! Whether others have certified what this node has not decided: by proof, not by what they say.

use crate::{ChainStep, CheckpointError, CheckpointMessage, Follower};
use picot_clock::{Millis, Slot, Timestamp};

/// How often peers are asked for what comes next.
const ASK_INTERVAL: Millis = Millis(1_000);

/// Follows the certificate chain past this node's own state, and keeps nothing of it.
#[derive(Debug)]
pub(crate) struct Lookout {
    follower: Follower,
    ask_at: Timestamp,
}

impl Lookout {
    /// From where this node's own chain ends.
    pub(crate) const fn new(follower: Follower, now: Timestamp) -> Self {
        Self {
            follower,
            ask_at: now,
        }
    }

    /// When it wants to ask again.
    pub(crate) const fn wake_at(&self) -> Timestamp {
        self.ask_at
    }

    /// What to ask some peer now, if it is time to.
    pub(crate) fn question(&mut self, now: Timestamp) -> Option<CheckpointMessage> {
        if self.ask_at > now {
            return None;
        }
        let next = now.checked_add(ASK_INTERVAL);
        self.ask_at = next.unwrap_or(Timestamp::MAX);
        let after = self.follower.last_slot();
        Some(CheckpointMessage::GetSteps { after })
    }

    /// A peer answered.
    ///
    /// # Errors
    /// It sent a wrong step: no honest node does.
    pub(crate) fn steps(
        &mut self,
        steps: &[ChainStep],
        now: Timestamp,
    ) -> Result<(), CheckpointError> {
        for step in steps {
            match self.follower.follow(step) {
                // There may be more where this came from.
                Ok(_) => self.ask_at = now,
                // It belongs to another question, or to one that somebody else answered first.
                Err(CheckpointError::NotNext { .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The newest slot that is certified, as far as is known by proof.
    pub(crate) fn certified(&self) -> Slot {
        self.follower.last_slot()
    }
}
