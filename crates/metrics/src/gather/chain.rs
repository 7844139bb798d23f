//! Where slots are, and whether this node keeps up.

use crate::Sources;
use crate::catalogue as metric;
use crate::page::Page;
use picot_clock::Slot;
use picot_consensus::{BehindReason, ConsensusSummary};
use picot_execution::ExecutionSummary;
use std::fmt;

pub(super) fn write(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let consensus = sources.consensus.summary();
    let execution = sources.execution.summary();
    let period = sources.slot_clock.t0();
    page.one(&metric::PERIOD_LENGTH, period)?;
    let cycle = period.checked_mul(sources.facts.periods_per_cycle);
    page.known(&metric::CYCLE_LENGTH, cycle)?;
    periods(page, sources, &consensus, &execution)?;
    page.one(
        &metric::UNDECIDED_AGE,
        sources
            .clock
            .now()
            .since(oldest_undecided(sources, &consensus))
            .unwrap_or_default(),
    )?;
    let rounds = consensus.threads.iter();
    let rounds = rounds.filter_map(|one| Some((one.thread, u64::from(one.open?.1))));
    page.by(&metric::OPEN_ROUND, rounds)?;
    behind(page, consensus.behind)?;
    page.one(&metric::BAD_SIGNATURES, consensus.bad_signatures)?;
    page.one(&metric::FAULTS, consensus.faults)
}

fn periods(
    page: &mut Page<'_>,
    sources: &Sources,
    consensus: &ConsensusSummary,
    execution: &ExecutionSummary,
) -> fmt::Result {
    let (slots, now) = (&sources.slot_clock, sources.clock.now());
    let threads = 0..slots.thread_count();
    let current = threads.clone().filter_map(|thread| {
        let slot = slots.latest_slot_of_thread_at(thread, now).ok()??;
        Some((thread, slot.period))
    });
    page.by(&metric::CURRENT_PERIOD, current)?;
    let decided = consensus.threads.iter();
    page.by(
        &metric::DECIDED_PERIOD,
        decided.map(|one| (one.thread, one.decided_period)),
    )?;
    let is_final = threads.map(|thread| {
        let next = execution.next_period(thread);
        (thread, next.saturating_sub(1))
    });
    page.by(&metric::FINAL_PERIOD, is_final)?;
    let last_final = execution.last_final_slot;
    let lag = slots.latest_slot_at(now).map_or(0, |current| {
        slots_after(last_final, current, slots.thread_count())
    });
    page.one(&metric::FINALITY_LAG, lag)
}

/// How many slots `later` is after `earlier`; 0 if it is not.
pub(super) fn slots_after(earlier: Slot, later: Slot, thread_count: u8) -> u64 {
    if later <= earlier {
        return 0;
    }
    Slot::slots_between(earlier, later, thread_count).unwrap_or(0)
}

/// When the oldest slot begins that is not decided.
fn oldest_undecided(sources: &Sources, consensus: &ConsensusSummary) -> picot_clock::Timestamp {
    let next = consensus.threads.iter().filter_map(|one| {
        let next = Slot::new(one.decided_period.checked_add(1)?, one.thread);
        sources.slot_clock.start_of(next).ok()
    });
    next.min().unwrap_or(sources.clock.now())
}

fn behind(page: &mut Page<'_>, reason: Option<BehindReason>) -> fmt::Result {
    let reason = reason.map(|reason| match reason {
        BehindReason::StartupWait { .. } => "startup_wait",
        BehindReason::Draws { .. } => "draws",
        BehindReason::Outcomes { .. } => "outcomes",
        BehindReason::Undecided { .. } => "undecided",
    });
    let all = ["startup_wait", "draws", "outcomes", "undecided"];
    page.by(&metric::BEHIND, all.map(|one| (one, reason == Some(one))))
}
