//! What is pending.

use crate::Sources;
use crate::catalogue as metric;
use crate::page::Page;
use std::fmt;

pub(super) fn write(page: &mut Page<'_>, sources: &Sources) -> fmt::Result {
    let stats = sources.pool.stats();
    let threads = || stats.threads.iter().enumerate();
    page.by(
        &metric::POOL_OPERATIONS,
        threads().map(|(thread, one)| (thread, one.operations)),
    )?;
    page.by(
        &metric::POOL_BYTES,
        threads().map(|(thread, one)| (thread, one.bytes)),
    )?;
    page.by(
        &metric::POOL_NOT_YET_VALID,
        threads().map(|(thread, one)| (thread, one.not_yet_valid)),
    )?;
    page.by(
        &metric::POOL_SENDERS,
        threads().map(|(thread, one)| (thread, one.senders)),
    )?;
    page.by(
        &metric::POOL_EVICTED,
        threads().map(|(thread, one)| (thread, one.evicted)),
    )?;
    page.by(
        &metric::POOL_EXPIRED,
        threads().map(|(thread, one)| (thread, one.expired)),
    )?;
    page.one(&metric::POOL_ENDORSEMENTS, stats.endorsements)?;
    page.one(&metric::POOL_DENUNCIATIONS, stats.denunciations)
}
