//! Why there is no answer.

use displaydoc::Display;
use picot_clock::{ClockError, Slot};
use picot_models::ValidatorSetError;
use thiserror::Error;

/// What must come before a cycle can be drawn.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
pub enum Missing {
    /// the roll counts and the seed of the genesis were not fed
    Genesis,
    /// the roll counts of cycle {rolls_of} and the seed of cycle {seed_of} were not fed
    Snapshots {
        /// The cycle at whose end the roll counts are taken.
        rolls_of: u64,
        /// The cycle whose slots give the seed.
        seed_of: u64,
    },
    /// its table is still being prepared
    Table,
}

impl Missing {
    /// What a cycle needs that was not fed (design 03: rolls of `C - 3`, seed of `C - 2`).
    #[must_use]
    pub const fn feed_of(cycle: u64) -> Self {
        match (cycle.checked_sub(3), cycle.checked_sub(2)) {
            (Some(rolls_of), Some(seed_of)) => Self::Snapshots { rolls_of, seed_of },
            _ => Self::Genesis,
        }
    }
}

/// Why the selector has no answer.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectorError {
    /// the draws of cycle {cycle} are not known yet: {missing}
    NotReady {
        /// The cycle asked for.
        cycle: u64,
        /// What must come first.
        missing: Missing,
    },
    /// the draws of cycle {cycle} are not kept any more: the oldest that are kept are of cycle {oldest}
    Pruned {
        /// The cycle asked for.
        cycle: u64,
        /// The oldest cycle that may still be there.
        oldest: u64,
    },
    /// cycle {cycle} was fed other roll counts or another seed before
    Contradiction {
        /// The cycle fed.
        cycle: u64,
    },
    /// nobody has rolls in cycle {cycle}: there is nobody to draw
    NoRolls {
        /// The cycle fed.
        cycle: u64,
    },
    /// the rolls of cycle {cycle} add up to more than a 64-bit number
    TooManyRolls {
        /// The cycle fed.
        cycle: u64,
    },
    /// cycle {cycle} has {found} stakers, more than can be numbered with 32 bits
    TooManyStakers {
        /// The cycle fed.
        cycle: u64,
        /// Stakers found.
        found: usize,
    },
    /// the stakers make no validator set
    Validators(#[from] ValidatorSetError),
    /// the slot is not on this chain
    Slot(#[from] ClockError),
    /// slot {slot} has an empty producer ranking
    EmptyRanking {
        /// The slot asked for.
        slot: Slot,
    },
    /// the range has {slots} slots, more than the {max} that are answered at once
    RangeTooLong {
        /// Slots in the range.
        slots: u64,
        /// The bound.
        max: u64,
    },
    /// selector setting `{field}` is {value}, but must be {rule}
    Config {
        /// The field.
        field: &'static str,
        /// What it is.
        value: u64,
        /// What it must be.
        rule: &'static str,
    },
    /// the thread that prepares cycles could not be started: {0}
    Thread(std::io::ErrorKind),
}

impl SelectorError {
    /// Whether the answer will be there later, so that the asker waits and blames nobody (design
    /// 06, 'Robustness').
    #[must_use]
    pub const fn is_not_known_yet(&self) -> bool {
        matches!(self, Self::NotReady { .. })
    }
}
