//! From the factories' words to those of the wire.

use super::types::{
    Duty, Event, FactoryName, FactoryStatus, Fate, HistoryEntry, Part, Skip, SkipReason,
};
use picot_block_factory as factory;
use picot_block_factory::{FactoryStats, StartupWait};

pub(super) fn factory_status(
    factory: FactoryName,
    enabled: bool,
    startup: StartupWait,
    stats: FactoryStats,
) -> FactoryStatus {
    let skipped = stats.skipped.into_iter();
    let left_out = stats.left_out.into_iter();
    FactoryStatus {
        factory,
        enabled,
        waits_until: startup.end(),
        produced: stats.produced,
        skipped: skipped.map(|(of, count)| (reason(of), count)).collect(),
        left_out: left_out.map(|(of, count)| (part(of), count)).collect(),
        missed_ticks: stats.missed_ticks,
        latest_duration_ms: stats.latest_duration.0,
        longest_duration_ms: stats.longest_duration.0,
        lost_history_entries: stats.lost_history_entries,
    }
}

pub(super) fn history_entry(entry: factory::HistoryEntry) -> HistoryEntry {
    HistoryEntry {
        slot: entry.slot,
        address: entry.address,
        duty: match entry.duty {
            factory::Duty::Block { rank } => Duty::Block { rank },
            factory::Duty::Endorsement { index } => Duty::Endorsement { index },
        },
        event: match entry.event {
            factory::Event::ProducedBlock(id) => Event::ProducedBlock(id),
            factory::Event::ProducedEndorsement { id, block } => {
                Event::ProducedEndorsement { id, block }
            }
            factory::Event::Skipped(skip) => Event::Skipped(Skip {
                reason: reason(skip.reason),
                detail: skip.detail,
            }),
        },
        left_out: entry.left_out.into_iter().map(part).collect(),
        duration: entry.duration,
        fate: match entry.fate {
            factory::Fate::Undecided => Fate::Undecided,
            factory::Fate::Decided => Fate::Decided,
            factory::Fate::LostTo(id) => Fate::LostTo(id),
            factory::Fate::Missed => Fate::Missed,
            factory::Fate::Unknown => Fate::Unknown,
        },
    }
}

const fn reason(of: factory::SkipReason) -> SkipReason {
    match of {
        factory::SkipReason::Disabled => SkipReason::Disabled,
        factory::SkipReason::StartupWait => SkipReason::StartupWait,
        factory::SkipReason::NoDraws => SkipReason::NoDraws,
        factory::SkipReason::Late => SkipReason::Late,
        factory::SkipReason::NoConnection => SkipReason::NoConnection,
        factory::SkipReason::SigningProtection => SkipReason::SigningProtection,
        factory::SkipReason::LockedWallet => SkipReason::LockedWallet,
        factory::SkipReason::ConsensusBehind => SkipReason::ConsensusBehind,
        factory::SkipReason::ParentChanged => SkipReason::ParentChanged,
        factory::SkipReason::NoBlock => SkipReason::NoBlock,
        factory::SkipReason::SigningFailed => SkipReason::SigningFailed,
        factory::SkipReason::Refused => SkipReason::Refused,
    }
}

const fn part(of: factory::Part) -> Part {
    match of {
        factory::Part::Endorsements => Part::Endorsements,
        factory::Part::ExecutedOperations => Part::ExecutedOperations,
        factory::Part::Operations => Part::Operations,
        factory::Part::Balances => Part::Balances,
        factory::Part::Denunciations => Part::Denunciations,
        factory::Part::FreshParents => Part::FreshParents,
        factory::Part::Storage => Part::Storage,
        factory::Part::Registration => Part::Registration,
        factory::Part::Pool => Part::Pool,
        factory::Part::Network => Part::Network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use factory::mocks::history_entry as factory_entry;
    use picot_models::{BlockId, Hash};
    use serde_json::{Value as Json, to_value};

    const REASONS: [factory::SkipReason; 12] = [
        factory::SkipReason::Disabled,
        factory::SkipReason::StartupWait,
        factory::SkipReason::NoDraws,
        factory::SkipReason::Late,
        factory::SkipReason::NoConnection,
        factory::SkipReason::SigningProtection,
        factory::SkipReason::LockedWallet,
        factory::SkipReason::ConsensusBehind,
        factory::SkipReason::ParentChanged,
        factory::SkipReason::NoBlock,
        factory::SkipReason::SigningFailed,
        factory::SkipReason::Refused,
    ];
    const PARTS: [factory::Part; 10] = [
        factory::Part::Endorsements,
        factory::Part::ExecutedOperations,
        factory::Part::Operations,
        factory::Part::Balances,
        factory::Part::Denunciations,
        factory::Part::FreshParents,
        factory::Part::Storage,
        factory::Part::Registration,
        factory::Part::Pool,
        factory::Part::Network,
    ];

    #[test]
    fn reasons_and_parts_are_called_alike_for_people_and_programs() {
        for of in REASONS {
            assert_eq!(to_value(reason(of)).unwrap(), to_value(of).unwrap());
            assert_eq!(reason(of).to_string(), of.to_string());
        }
        for of in PARTS {
            assert_eq!(to_value(part(of)).unwrap(), to_value(of).unwrap());
            assert_eq!(part(of).to_string(), of.to_string());
        }
    }

    #[test]
    fn a_line_of_a_history_reads_like_that_of_the_factory() {
        let block = BlockId::from_hash(Hash([4; 32]));
        let made = |event, fate| factory::HistoryEntry {
            event,
            fate,
            left_out: PARTS.into(),
            ..factory_entry(7, 1)
        };
        let endorsed = factory::Event::ProducedEndorsement {
            id: Hash([3; 32]).into(),
            block,
        };
        let entries = [
            factory_entry(3, 0),
            made(factory::Event::ProducedBlock(block), factory::Fate::Decided),
            made(endorsed, factory::Fate::LostTo(block)),
            factory::HistoryEntry {
                duty: factory::Duty::Endorsement { index: None },
                fate: factory::Fate::Missed,
                ..factory_entry(3, 0)
            },
            made(factory::Event::ProducedBlock(block), factory::Fate::Unknown),
        ];
        for entry in entries {
            let expected: Json = to_value(&entry).unwrap();
            assert_eq!(to_value(history_entry(entry)).unwrap(), expected);
        }
    }
}
