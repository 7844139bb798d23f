//! The limits that a node sets for itself: no two nodes need to agree on them.

use crate::PoolError;
use picot_models::Amount;

/// The limits of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Pending operations of one thread.
    pub max_operations_per_thread: usize,
    /// Bytes of the pending operations of one thread.
    pub max_bytes_per_thread: u64,
    /// Pending operations of one sender.
    pub max_operations_per_sender: usize,
    /// Whether deployments and calls of contracts are taken in: of use where there is an engine to
    /// run them. Without one they would fail in a block and cost their fee.
    pub contracts: bool,
    /// The least fee of an operation, in coins.
    pub min_fee: Amount,
    /// Periods before it becomes valid, in which an operation is taken in already.
    pub max_future_periods: u64,
    /// Operations that one call of `batch` returns.
    pub max_batch_operations: usize,
    /// Operations that one call of `batch` passes over because they do not fit, besides those that
    /// are excluded: this bounds its time when a block is nearly full.
    pub max_batch_skips: usize,
    /// Periods after its slot in which an endorsement is kept.
    pub endorsement_past_periods: u64,
    /// Periods by which the slot of an endorsement or a denunciation may be ahead: clocks differ.
    pub max_ahead_periods: u64,
    /// Denunciations held.
    pub max_denunciations: usize,
    /// Bytes of the denunciations held; one can bring a certificate along.
    pub max_denunciation_bytes: u64,
}

impl Default for Config {
    /// For a machine of 8 GiB and production parameters.
    fn default() -> Self {
        Self {
            max_operations_per_thread: 100_000,
            // 32 full blocks, three times what a validity window can include.
            max_bytes_per_thread: 32_000_000,
            max_operations_per_sender: 1_000,
            contracts: false,
            min_fee: Amount::ZERO,
            max_future_periods: 10,
            max_batch_operations: 1_024,
            max_batch_skips: 1_024,
            endorsement_past_periods: 16,
            max_ahead_periods: 1,
            max_denunciations: 1_024,
            max_denunciation_bytes: 16_000_000,
        }
    }
}

impl Config {
    /// Checks each field.
    ///
    /// # Errors
    /// [`PoolError::Config`] names the first wrong field.
    pub fn validate(&self) -> Result<(), PoolError> {
        for (field, value) in [
            ("max_operations_per_thread", self.max_operations_per_thread),
            ("max_operations_per_sender", self.max_operations_per_sender),
            ("max_batch_operations", self.max_batch_operations),
            ("max_batch_skips", self.max_batch_skips),
            ("max_denunciations", self.max_denunciations),
        ] {
            check(value > 0, field, &value, "above 0")?;
        }
        for (field, value) in [
            ("max_bytes_per_thread", self.max_bytes_per_thread),
            ("max_denunciation_bytes", self.max_denunciation_bytes),
        ] {
            check(value > 0, field, &value, "above 0")?;
        }
        check(
            self.max_operations_per_sender <= self.max_operations_per_thread,
            "max_operations_per_sender",
            &self.max_operations_per_sender,
            "at most max_operations_per_thread",
        )?;
        for (field, value) in [
            ("max_future_periods", self.max_future_periods),
            ("endorsement_past_periods", self.endorsement_past_periods),
            ("max_ahead_periods", self.max_ahead_periods),
        ] {
            check(value <= 1_000_000, field, &value, "at most 1000000")?;
        }
        Ok(())
    }
}

fn check(
    holds: bool,
    field: &'static str,
    value: &dyn ToString,
    rule: &'static str,
) -> Result<(), PoolError> {
    if holds {
        Ok(())
    } else {
        Err(PoolError::Config {
            field,
            value: value.to_string(),
            rule,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_pinned() {
        let defaults = "Config { max_operations_per_thread: 100000, max_bytes_per_thread: 32000000, \
            max_operations_per_sender: 1000, contracts: false, min_fee: 0, \
            max_future_periods: 10, \
            max_batch_operations: 1024, max_batch_skips: 1024, endorsement_past_periods: 16, \
            max_ahead_periods: 1, max_denunciations: 1024, \
            max_denunciation_bytes: 16000000 }";
        assert_eq!(format!("{:?}", Config::default()), defaults);
        assert_eq!(Config::default().validate(), Ok(()));
    }

    type Change = fn(&mut Config);

    #[test]
    fn a_wrong_field_is_named() {
        let cases: [(&str, Change); 10] = [
            ("max_operations_per_thread", |config| {
                config.max_operations_per_thread = 0;
            }),
            ("max_bytes_per_thread", |config| {
                config.max_bytes_per_thread = 0;
            }),
            ("max_operations_per_sender", |config| {
                config.max_operations_per_sender = 100_001;
            }),
            ("max_batch_operations", |config| {
                config.max_batch_operations = 0;
            }),
            ("max_batch_skips", |config| config.max_batch_skips = 0),
            ("max_denunciations", |config| config.max_denunciations = 0),
            ("max_denunciation_bytes", |config| {
                config.max_denunciation_bytes = 0;
            }),
            ("max_future_periods", |config| {
                config.max_future_periods = u64::MAX;
            }),
            ("endorsement_past_periods", |config| {
                config.endorsement_past_periods = u64::MAX;
            }),
            ("max_ahead_periods", |config| {
                config.max_ahead_periods = u64::MAX;
            }),
        ];
        for (expected, change) in cases {
            let mut config = Config::default();
            change(&mut config);
            match config.validate() {
                Err(PoolError::Config { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }
}
