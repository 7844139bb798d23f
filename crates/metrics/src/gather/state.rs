//! The final state, and what of it is certified.

use super::chain::slots_after;
use crate::Sources;
use crate::catalogue as metric;
use crate::page::{Page, Value};
use picot_models::Amount;
use std::fmt;

pub(super) fn write(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let summary = sources.execution.summary();
    page.one(&metric::EXECUTION_WAITING, summary.waiting_decided)?;
    page.one(&metric::EXECUTION_STOPPED, summary.stopped.is_some())?;
    let thread_count = sources.slot_clock.thread_count();
    let lead = slots_after(
        summary.last_final_slot,
        summary.candidate_slot,
        thread_count,
    );
    page.one(&metric::CANDIDATE_LEAD, lead)?;
    page.one(&metric::CYCLE, summary.cycle)?;
    let totals = &summary.totals;
    let rolls = sources.facts.roll_price.checked_mul(totals.rolls);
    let parts = [
        ("balances", totals.balances),
        // The supply is at most what an amount holds, and the rolls are a part of it.
        ("rolls", rolls.unwrap_or(Amount::from_nanos(u64::MAX))),
        ("deferred_credits", totals.deferred_credits),
        ("storage_deposits", totals.storage_deposits),
    ];
    page.by(&metric::SUPPLY, parts)?;
    page.one(&metric::MINTED, totals.minted)?;
    page.one(&metric::BURNT, totals.burnt)?;
    page.one(&metric::SLASHED, totals.slashed)?;
    page.one(&metric::ROLLS, totals.rolls)?;
    page.one(&metric::STAKERS, sources.execution.stakers().len())?;
    checkpoints(page, sources)
}

fn checkpoints(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let summary = match sources.checkpoints.summary() {
        Ok(summary) => summary,
        Err(error) => {
            tracing::warn!(%error, "the checkpoints cannot be read for the metrics");
            return Ok(());
        }
    };
    let newest = summary.certified.as_ref();
    let newest = newest.and_then(|newest| Some(newest.signatures.first()?.content.slot));
    page.known(&metric::CERTIFIED_PERIOD, newest.map(|slot| slot.period))?;
    let age = newest.and_then(|slot| {
        let start = sources.slot_clock.start_of(slot).ok()?;
        Some(sources.clock.now().since(start).unwrap_or_default())
    });
    page.known(&metric::CERTIFIED_AGE, age)?;
    page.one(&metric::OPEN_CHECKPOINTS, summary.open.len())?;
    let oldest = summary.open.first();
    page.known(
        &metric::OPEN_CHECKPOINT_POWER,
        oldest.map(|oldest| ratio(oldest.power, oldest.total_power)),
    )
}

#[allow(
    clippy::float_arithmetic,
    reason = "only people and their programs read it"
)]
fn ratio(part: u64, whole: u64) -> Value {
    Value::Real(if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    })
}
