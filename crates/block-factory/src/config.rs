//! What a factory is told once, at its start.

use picot_clock::{Millis, SlotClock, Timestamp};
use picot_models::{ChainId, ChainParams};

use crate::{Asking, FactoryError, StartupWait};

/// The settings of a factory, for blocks or for endorsements.
#[derive(Clone, Debug)]
pub struct Config {
    /// The chain that is signed for.
    pub chain_id: ChainId,
    /// The parameters of the chain.
    pub params: ChainParams,
    /// When slot `0/0` started.
    pub genesis_timestamp: Timestamp,
    /// When this process started.
    pub start: Timestamp,
    /// How long after that nothing is signed, in milliseconds: the chain's
    /// `block_startup_delay_ms` or `endorsement_startup_delay_ms`.
    pub startup_delay: Millis,
    /// Whether genesis, staking keys and signing log were all made by this very start; there is no
    /// start-up wait then.
    pub fresh: bool,
    /// Whether production begins switched on.
    pub enabled: bool,
    /// On which threads the other parts are asked.
    pub asking: Asking,
}

impl Config {
    /// Checks the parameters of the chain, and gives its calendar.
    ///
    /// # Errors
    /// [`FactoryError::Params`] names the wrong field.
    pub fn validate(&self) -> Result<SlotClock, FactoryError> {
        self.params.validate()?;
        Ok(self.params.slot_clock(self.genesis_timestamp)?)
    }

    /// The start-up wait.
    #[must_use]
    pub const fn startup(&self) -> StartupWait {
        StartupWait {
            start: self.start,
            delay: self.startup_delay,
            fresh: self.fresh,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::mocks::config;

    #[test]
    fn wrong_parameters_of_the_chain_are_named() {
        let mut config = config();
        assert!(config.validate().is_ok());
        config.params.max_block_gas = 0;
        let error = config.validate().unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(
            source.to_string(),
            "chain parameter `max_block_gas` is 0, but must be above 0"
        );
    }
}
