//! The two factories, and the keys that they sign with.

use crate::Sources;
use crate::catalogue as metric;
use crate::page::{Page, Sample};
use picot_block_factory::{FactoryStats, Part, SkipReason};
use std::fmt;

/// Every reason has a series from the start on: a rate over one that begins at 1 would miss that one.
const SKIP_REASONS: [SkipReason; 12] = [
    SkipReason::Disabled,
    SkipReason::StartupWait,
    SkipReason::NoDraws,
    SkipReason::Late,
    SkipReason::NoConnection,
    SkipReason::SigningProtection,
    SkipReason::LockedWallet,
    SkipReason::ConsensusBehind,
    SkipReason::ParentChanged,
    SkipReason::NoBlock,
    SkipReason::SigningFailed,
    SkipReason::Refused,
];

/// The same of parts.
const PARTS: [Part; 10] = [
    Part::Endorsements,
    Part::ExecutedOperations,
    Part::Operations,
    Part::Balances,
    Part::Denunciations,
    Part::FreshParents,
    Part::Storage,
    Part::Registration,
    Part::Pool,
    Part::Network,
];

pub(super) fn write(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let figures = (sources.production)();
    page.one(&metric::PRODUCING, figures.producing)?;
    page.one(&metric::KEYS_REFUSED, figures.refused_keys)?;
    let addresses = sources.wallet.addresses();
    page.one(&metric::KEYS, addresses.len())?;
    let stakers = sources.execution.stakers();
    let rolls = addresses.iter().filter_map(|address| stakers.get(address));
    page.one(
        &metric::OWN_ROLLS,
        rolls.fold(0_u64, |sum, rolls| sum.saturating_add(*rolls)),
    )?;
    page.known(&metric::OWN_POWER, figures.own_power)?;
    let enabled = [
        ("blocks", sources.blocks.is_enabled()),
        ("endorsements", sources.endorsements.is_enabled()),
    ];
    page.by(&metric::FACTORY_ENABLED, enabled)?;
    factories(
        page,
        &[
            ("blocks", sources.blocks.stats()),
            ("endorsements", sources.endorsements.stats()),
        ],
    )
}

fn factories(page: &mut Page<'_>, factories: &[(&str, FactoryStats)]) -> fmt::Result {
    let all = || factories.iter().map(|(name, stats)| (*name, stats));
    page.by(
        &metric::PRODUCED,
        all().map(|(name, stats)| (name, stats.produced)),
    )?;
    let skipped = all().flat_map(|(name, stats)| {
        SKIP_REASONS.iter().map(move |reason| -> Sample {
            let count = stats.skipped.get(reason).copied().unwrap_or(0);
            (
                vec![name.to_owned(), reason_label(*reason).to_owned()],
                count.into(),
            )
        })
    });
    page.many(&metric::SKIPPED, skipped)?;
    let left_out = all().flat_map(|(name, stats)| {
        PARTS.iter().map(move |part| -> Sample {
            let count = stats.left_out.get(part).copied().unwrap_or(0);
            (
                vec![name.to_owned(), part_label(*part).to_owned()],
                count.into(),
            )
        })
    });
    page.many(&metric::LEFT_OUT, left_out)?;
    page.by(
        &metric::MISSED_TICKS,
        all().map(|(name, stats)| (name, stats.missed_ticks)),
    )?;
    page.by(
        &metric::LATEST_DURATION,
        all().map(|(name, stats)| (name, stats.latest_duration)),
    )?;
    page.by(
        &metric::LONGEST_DURATION,
        all().map(|(name, stats)| (name, stats.longest_duration)),
    )
}

/// As the interface calls it.
const fn reason_label(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Disabled => "disabled",
        SkipReason::StartupWait => "startup_wait",
        SkipReason::NoDraws => "no_draws",
        SkipReason::Late => "late",
        SkipReason::NoConnection => "no_connection",
        SkipReason::SigningProtection => "signing_protection",
        SkipReason::LockedWallet => "locked_wallet",
        SkipReason::ConsensusBehind => "consensus_behind",
        SkipReason::ParentChanged => "parent_changed",
        SkipReason::NoBlock => "no_block",
        SkipReason::SigningFailed => "signing_failed",
        SkipReason::Refused => "refused",
    }
}

/// As the interface calls it.
const fn part_label(part: Part) -> &'static str {
    match part {
        Part::Endorsements => "endorsements",
        Part::ExecutedOperations => "executed_operations",
        Part::Operations => "operations",
        Part::Balances => "balances",
        Part::Denunciations => "denunciations",
        Part::FreshParents => "fresh_parents",
        Part::Storage => "storage",
        Part::Registration => "registration",
        Part::Pool => "pool",
        Part::Network => "network",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn reasons_and_parts_are_called_as_by_the_interface_and_each_is_there_once() {
        let reasons: BTreeSet<_> = SKIP_REASONS.map(reason_label).into();
        assert_eq!(reasons.len(), SKIP_REASONS.len());
        for reason in SKIP_REASONS {
            assert_eq!(serde_json::json!(reason), reason_label(reason));
        }
        let parts: BTreeSet<_> = PARTS.map(part_label).into();
        assert_eq!(parts.len(), PARTS.len());
        for part in PARTS {
            assert_eq!(serde_json::json!(part), part_label(part));
        }
    }
}
