//! The state that a factory's thread shares with those who watch and switch it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use picot_clock::{Clock, Millis, Slot, SlotRange, Timestamp};
use tracing::{debug, info, warn};

use super::{
    Connection, Event, FactoryStats, HistoryEntry, HistoryLog, Skip, SkipReason, StartupWait,
    SwitchStore,
};
use crate::{Asking, FactoryError, Helper};

/// Whether production is on, what it made and how it went.
pub struct Production {
    enabled: AtomicBool,
    switch: OnceLock<Arc<dyn SwitchStore>>,
    startup: StartupWait,
    connection: Arc<dyn Connection>,
    clock: Arc<dyn Clock>,
    log: Arc<dyn HistoryLog>,
    recorder: Helper<dyn HistoryLog>,
    stats: Mutex<FactoryStats>,
}

impl Production {
    /// A production that has made nothing yet; `name` is that of the helper thread which records
    /// its history.
    #[must_use]
    pub fn new(
        name: &'static str,
        enabled: bool,
        startup: StartupWait,
        connection: Arc<dyn Connection>,
        log: Arc<dyn HistoryLog>,
        clock: Arc<dyn Clock>,
        asking: Asking,
    ) -> Self {
        let recorder = Helper::new(name, log.clone(), clock.clone(), asking);
        let stats = Mutex::default();
        Self {
            enabled: AtomicBool::new(enabled),
            switch: OnceLock::new(),
            startup,
            connection,
            clock,
            log,
            recorder,
            stats,
        }
    }

    /// From now on the switch is kept there, so that it survives a restart. Only the first store
    /// stays; `false` for any other.
    pub fn keep_switch_in(&self, store: Arc<dyn SwitchStore>) -> bool {
        self.switch.set(store).is_ok()
    }

    /// Switches production on or off: nothing new is signed once this has returned with `false`,
    /// but for what is being signed at this moment.
    ///
    /// Off takes effect before it is kept, and on is kept before it takes effect: whatever fails,
    /// less is signed rather than more.
    ///
    /// # Errors
    /// [`FactoryError::Switch`]: production is off, and may be on again after a restart.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), FactoryError> {
        if !enabled {
            self.enabled.store(false, Ordering::SeqCst);
        }
        if let Some(store) = self.switch.get() {
            store.keep(enabled)?;
        }
        self.enabled.store(enabled, Ordering::SeqCst);
        Ok(())
    }

    /// Whether production is switched on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::SeqCst)
    }

    /// The start-up wait.
    #[must_use]
    pub const fn startup(&self) -> StartupWait {
        self.startup
    }

    /// Why nothing may be signed now, if so.
    #[must_use]
    pub fn pause_reason(&self) -> Option<Skip> {
        if !self.is_enabled() {
            return Some(Skip::new(SkipReason::Disabled, "switched off"));
        }
        if let Some(end) = self.startup.end().filter(|end| self.clock.now() < *end) {
            let detail = format_args!("until {end}");
            return Some(Skip::new(SkipReason::StartupWait, detail));
        }
        let cut_off = self.connection.cut_off()?;
        Some(Skip::new(SkipReason::NoConnection, cut_off))
    }

    /// Counts, logs and records what happened; the log has `patience` to take it.
    pub fn record(&self, entries: &[HistoryEntry], patience: Millis) {
        if entries.is_empty() {
            return;
        }
        for entry in entries {
            self.stats.lock().count(entry);
            trace_entry(entry, self.is_settled());
        }
        let deadline = self
            .clock
            .now()
            .checked_add(patience)
            .unwrap_or(Timestamp::MAX);
        let owned = entries.to_vec();
        let lost = match self.recorder.ask(deadline, move |log| log.record(&owned)) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(no_answer) => no_answer.to_string(),
        };
        warn!(
            entries = entries.len(),
            error = lost,
            "the production history was not recorded"
        );
        self.stats.lock().count_lost_entries(entries.len());
    }

    /// Whether the node runs for as long again as it waited after its start. Until then it is behind
    /// because others, or it itself, just began to sign.
    fn is_settled(&self) -> bool {
        let StartupWait { delay, .. } = self.startup;
        self.startup.end().is_none_or(|end| {
            let settled = end.checked_add(delay).unwrap_or(Timestamp::MAX);
            self.clock.now() >= settled
        })
    }

    /// Counts slots whose ticks were missed.
    pub fn count_missed_ticks(&self, range: &SlotRange) {
        warn!(slots = %range, "ticks were missed");
        self.stats.lock().count_missed_ticks(range);
    }

    /// The latest entries of the history, of slots before `before` if it is given; latest first.
    ///
    /// # Errors
    /// [`FactoryError::History`].
    pub fn history(
        &self,
        before: Option<Slot>,
        max: usize,
    ) -> Result<Vec<HistoryEntry>, FactoryError> {
        self.log.latest(before, max)
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> FactoryStats {
        self.stats.lock().clone()
    }
}

fn trace_entry(entry: &HistoryEntry, is_settled: bool) {
    let HistoryEntry {
        slot,
        address,
        duty,
        event,
        left_out,
        duration,
        fate: _,
    } = entry;
    match event {
        Event::Skipped(skip) if is_everyday(skip.reason, is_settled) => {
            debug!(%slot, ?address, ?duty, %skip, "skipped");
        }
        Event::Skipped(skip) => warn!(%slot, ?address, ?duty, %skip, "skipped"),
        Event::ProducedBlock(block) => {
            info!(%slot, ?address, ?duty, %block, ?left_out, %duration, "produced a block");
        }
        Event::ProducedEndorsement {
            id: endorsement, ..
        } => {
            debug!(%slot, ?address, ?duty, %endorsement, ?left_out, %duration, "endorsed a block");
        }
    }
}

/// Whether a healthy node skips for this reason: what the operator chose or waits for, slots that
/// have no block, and to be behind, without draws or not yet connected right after the start are no
/// news at each slot.
const fn is_everyday(reason: SkipReason, is_settled: bool) -> bool {
    match reason {
        SkipReason::Disabled | SkipReason::StartupWait | SkipReason::NoBlock => true,
        SkipReason::ConsensusBehind | SkipReason::NoDraws | SkipReason::NoConnection => !is_settled,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use picot_clock::ManualClock;

    use super::*;
    use crate::{
        AlwaysConnected, Duty, Fate, MemoryHistory, Part,
        mocks::{MockHistoryLog, MockSwitchStore},
    };

    fn production(log: impl HistoryLog + 'static, startup: StartupWait) -> Production {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000)));
        let connection = Arc::new(AlwaysConnected);
        Production::new(
            "test",
            true,
            startup,
            connection,
            Arc::new(log),
            clock,
            Asking::Inline,
        )
    }

    fn no_wait() -> StartupWait {
        StartupWait {
            start: Timestamp(0),
            delay: Millis(0),
            fresh: false,
        }
    }

    fn entry(event: Event, left_out: &[Part], duration: u64) -> HistoryEntry {
        HistoryEntry {
            slot: Slot::new(1, 0),
            address: None,
            duty: Duty::Block { rank: None },
            event,
            left_out: left_out.iter().copied().collect(),
            duration: Millis(duration),
            fate: Fate::Undecided,
        }
    }

    fn made() -> Event {
        Event::ProducedBlock(picot_models::Hash([1; 32]).into())
    }

    #[test]
    fn a_healthy_node_is_not_warned_of_what_it_skips() {
        for reason in [
            SkipReason::Disabled,
            SkipReason::StartupWait,
            SkipReason::NoBlock,
        ] {
            assert!(is_everyday(reason, true), "{reason}");
        }
        assert!(is_everyday(SkipReason::ConsensusBehind, false));
        assert!(is_everyday(SkipReason::NoDraws, false));
        assert!(is_everyday(SkipReason::NoConnection, false));
        for reason in [
            SkipReason::NoConnection,
            SkipReason::ConsensusBehind,
            SkipReason::NoDraws,
            SkipReason::Late,
            SkipReason::LockedWallet,
            SkipReason::SigningProtection,
            SkipReason::Refused,
        ] {
            assert!(!is_everyday(reason, true), "{reason}");
        }
    }

    #[test]
    fn production_pauses_while_it_is_disabled() {
        let production = production(MemoryHistory::new(9), no_wait());
        assert_eq!(production.pause_reason(), None);
        production.set_enabled(false).unwrap();
        assert_eq!(
            production.pause_reason().unwrap().reason,
            SkipReason::Disabled
        );
        production.set_enabled(true).unwrap();
        assert!(production.is_enabled());
        assert_eq!(production.pause_reason(), None);
    }

    #[test]
    fn the_switch_is_kept_where_the_node_says() {
        let production = production(MemoryHistory::new(9), no_wait());
        let mut store = MockSwitchStore::new();
        let mut order = mockall::Sequence::new();
        for enabled in [false, true] {
            store
                .expect_keep()
                .with(mockall::predicate::eq(enabled))
                .times(1)
                .in_sequence(&mut order)
                .returning(|_| Ok(()));
        }
        assert!(production.keep_switch_in(Arc::new(store)));
        assert!(!production.keep_switch_in(Arc::new(MockSwitchStore::new())));
        production.set_enabled(false).unwrap();
        production.set_enabled(true).unwrap();
    }

    #[test]
    fn a_switch_that_cannot_be_kept_leaves_production_off() {
        for enabled in [false, true] {
            let production = production(MemoryHistory::new(9), no_wait());
            production.set_enabled(!enabled).unwrap();
            let mut store = MockSwitchStore::new();
            store
                .expect_keep()
                .times(1)
                .returning(|_| Err(FactoryError::Switch("full".into())));
            production.keep_switch_in(Arc::new(store));
            assert_eq!(
                production.set_enabled(enabled),
                Err(FactoryError::Switch("full".into()))
            );
            assert!(!production.is_enabled());
        }
    }

    #[test]
    fn production_pauses_until_the_end_of_the_startup_wait() {
        let startup = StartupWait {
            start: Timestamp(500),
            delay: Millis(501),
            fresh: false,
        };
        let waiting = production(MemoryHistory::new(9), startup);
        assert_eq!(
            waiting.pause_reason().unwrap().reason,
            SkipReason::StartupWait
        );
        assert_eq!(waiting.startup(), startup);
        let startup = StartupWait {
            delay: Millis(500),
            ..startup
        };
        assert_eq!(
            production(MemoryHistory::new(9), startup).pause_reason(),
            None
        );
    }

    #[test]
    fn a_node_is_settled_after_running_for_as_long_again_as_it_waited() {
        // The time is 1,000.
        let settled = |start, delay, fresh| {
            let startup = StartupWait {
                start: Timestamp(start),
                delay: Millis(delay),
                fresh,
            };
            production(MemoryHistory::new(9), startup).is_settled()
        };
        assert!(settled(500, 250, false));
        assert!(!settled(501, 250, false));
        assert!(settled(1_000, 250, true));
    }

    #[test]
    fn what_happened_is_counted_and_kept() {
        let production = production(MemoryHistory::new(9), no_wait());
        let skipped = Event::Skipped(Skip::new(SkipReason::Late, "by a test"));
        let entries = [
            entry(made(), &[Part::Operations], 30),
            entry(made(), &[Part::Operations, Part::Storage], 20),
            entry(skipped, &[], 90),
        ];
        production.record(&entries, Millis(1));
        production
            .count_missed_ticks(&SlotRange::new(Slot::new(1, 0), Slot::new(2, 1), 4).unwrap());
        let stats = FactoryStats {
            produced: 2,
            skipped: [(SkipReason::Late, 1)].into(),
            left_out: [(Part::Operations, 2), (Part::Storage, 1)].into(),
            missed_ticks: 5,
            latest_duration: Millis(20),
            longest_duration: Millis(30),
            lost_history_entries: 0,
        };
        assert_eq!(production.stats(), stats);
        assert_eq!(production.history(None, 1).unwrap(), entries[2..]);
    }

    #[test]
    fn a_failing_history_log_is_counted_and_stops_nothing() {
        let mut log = MockHistoryLog::new();
        log.expect_record()
            .times(1)
            .returning(|_| Err(FactoryError::History("full".into())));
        let production = production(log, no_wait());
        production.record(&[entry(made(), &[], 1)], Millis(1));
        production.record(&[entry(made(), &[], 1)], Millis::ZERO);
        assert_eq!(
            production.stats().lost_history_entries,
            2,
            "one refused, one out of time"
        );
        assert_eq!(production.stats().produced, 2);
    }

    #[test]
    fn nothing_to_record_asks_nobody() {
        production(MockHistoryLog::new(), no_wait()).record(&[], Millis(1));
    }
}
