//! How much of the past a node keeps: all blocks, or those of the last cycles.

use crate::NodeError;
use picot_consensus::history::{fewest_kept_cycles, first_of_kept_cycles};
use picot_database::NodeStore;
use picot_models::{ChainParams, Slot};
use std::fmt;
use std::str::FromStr;

/// Where a node keeps what it was started with, for who looks at its data.
const KEY: &[u8] = b"history-mode";

/// How much of the past a node keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistoryMode {
    /// All blocks, from the genesis on.
    #[default]
    Full,
    /// The blocks of so many cycles before the current one.
    Cycles(u64),
}

impl HistoryMode {
    /// The fewest cycles that a node of a chain may keep ([`fewest_kept_cycles`]).
    #[must_use]
    pub const fn fewest_cycles(params: &ChainParams) -> u64 {
        fewest_kept_cycles(params)
    }

    /// Refuses to keep less than a node of the chain needs.
    ///
    /// # Errors
    /// [`NodeError::ShortHistory`].
    pub const fn check(self, params: &ChainParams) -> Result<(), NodeError> {
        let fewest = Self::fewest_cycles(params);
        match self {
            Self::Cycles(asked) if asked < fewest => Err(NodeError::ShortHistory { asked, fewest }),
            _ => Ok(()),
        }
    }

    /// The first slot that is kept when `certified` is the newest certified one that this node has come to;
    /// none if all are.
    #[must_use]
    pub fn kept_from(self, certified: Slot, params: &ChainParams) -> Option<Slot> {
        let Self::Cycles(cycles) = self else {
            return None;
        };
        first_of_kept_cycles(cycles, certified, params)
    }

    /// What a data directory was last used with.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(store: &NodeStore) -> Result<Option<Self>, NodeError> {
        let text = store.get(KEY)?;
        let text = text.and_then(|text| String::from_utf8(text).ok());
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Keeps it in the data directory.
    ///
    /// # Errors
    /// The store failed.
    pub fn write(self, store: &NodeStore) -> Result<(), NodeError> {
        if Self::read(store)? != Some(self) {
            let value = self.to_string().into_bytes();
            store.write([(KEY.to_vec(), Some(value))])?;
        }
        Ok(())
    }
}

impl fmt::Display for HistoryMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => formatter.write_str("full"),
            Self::Cycles(cycles) => write!(formatter, "cycles={cycles}"),
        }
    }
}

impl FromStr for HistoryMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "full" {
            return Ok(Self::Full);
        }
        text.strip_prefix("cycles=")
            .and_then(|cycles| cycles.parse().ok())
            .map(Self::Cycles)
            .ok_or_else(|| format!("`{text}` is neither `full` nor `cycles=N`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_database::{DataDir, DatabaseConfig};
    use picot_models::mocks::chain_id;

    #[test]
    fn a_mode_is_read_as_it_is_written() {
        for mode in [HistoryMode::Full, HistoryMode::Cycles(7)] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        for wrong in [
            "",
            "cycles",
            "cycles=",
            "cycles=x",
            "cycles=-1",
            "Full",
            "7",
        ] {
            assert!(wrong.parse::<HistoryMode>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn less_than_faults_and_checkpoints_need_is_refused_with_what_is_needed() {
        let params = ChainParams {
            periods_per_cycle: 10,
            denunciation_expire_periods: 41,
            ..ChainParams::dev()
        };
        assert_eq!(HistoryMode::fewest_cycles(&params), 5);
        assert!(HistoryMode::Cycles(5).check(&params).is_ok());
        assert!(HistoryMode::Full.check(&params).is_ok());
        let error = HistoryMode::Cycles(4).check(&params).unwrap_err();
        assert!(error.to_string().contains("cycles=5"), "{error}");
        let params = ChainParams {
            denunciation_expire_periods: 1,
            ..params
        };
        assert_eq!(HistoryMode::fewest_cycles(&params), 2);
    }

    #[test]
    fn whole_cycles_before_the_current_one_are_kept() {
        let params = ChainParams {
            periods_per_cycle: 10,
            ..ChainParams::dev()
        };
        let kept_from = |mode: HistoryMode, period| mode.kept_from(Slot::new(period, 3), &params);
        assert_eq!(kept_from(HistoryMode::Full, 1_000), None);
        let three = HistoryMode::Cycles(3);
        assert_eq!(kept_from(three, 29), None, "there are only three");
        assert_eq!(kept_from(three, 30), None, "the first is the oldest kept");
        assert_eq!(kept_from(three, 40), Some(Slot::new(10, 0)));
        assert_eq!(kept_from(three, 49), Some(Slot::new(10, 0)));
        assert_eq!(kept_from(three, 50), Some(Slot::new(20, 0)));
    }

    #[test]
    fn what_a_directory_was_used_with_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let open = || DataDir::open(folder.path(), &chain_id(1), &DatabaseConfig::dev()).unwrap();
        assert_eq!(HistoryMode::read(&open().node()).unwrap(), None);
        for mode in [HistoryMode::Cycles(3), HistoryMode::Full] {
            mode.write(&open().node()).unwrap();
            assert_eq!(HistoryMode::read(&open().node()).unwrap(), Some(mode));
        }
    }
}
