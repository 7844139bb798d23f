//! The bounds of one node's execution. None of them changes what is computed.

use crate::ExecutionError;

/// The bounds of one node's execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Final slots that share one commit at most. Checkpoints and cycle ends commit in any case.
    pub max_commit_slots: usize,
    /// Slots that are executed ahead of the final one at most.
    pub max_candidate_slots: usize,
    /// Updates that wait for the worker at most, before the caller waits.
    pub queued_updates: usize,
    /// Outputs that wait for one slow reader at most.
    pub queued_outputs: usize,
    /// Whether the state hash is computed anew at start and compared, and all balances are added up:
    /// reads the whole state.
    pub verify_state_hash: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_commit_slots: 1_024,
            max_candidate_slots: 1_024,
            queued_updates: 64,
            queued_outputs: 4_096,
            verify_state_hash: false,
        }
    }
}

impl Config {
    /// Checks each field.
    ///
    /// # Errors
    /// [`ExecutionError::Config`] names the first wrong one.
    pub fn validate(&self) -> Result<(), ExecutionError> {
        for (field, value) in [
            ("max_commit_slots", self.max_commit_slots),
            ("queued_updates", self.queued_updates),
            ("queued_outputs", self.queued_outputs),
        ] {
            if value == 0 {
                let rule = "above 0";
                return Err(ExecutionError::Config {
                    field,
                    value: 0,
                    rule,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_these() {
        let Config {
            max_commit_slots,
            max_candidate_slots,
            queued_updates,
            queued_outputs,
            verify_state_hash,
        } = Config::default();
        assert_eq!((max_commit_slots, max_candidate_slots), (1_024, 1_024));
        assert_eq!((queued_updates, queued_outputs), (64, 4_096));
        assert!(!verify_state_hash);
        assert!(Config::default().validate().is_ok());
    }

    #[test]
    fn a_wrong_field_is_named() {
        let config = Config {
            queued_updates: 0,
            ..Config::default()
        };
        let error = config.validate().unwrap_err();
        assert!(error.to_string().contains("queued_updates"));
    }
}
