//! The signing log on storage that stops, loses or refuses writes at every place.

use super::config;
use crate::{DatabaseError, DiskSigningLog};
use picot_models::Slot;
use picot_models::mocks::address;
use picot_wallet::mocks::request;
use picot_wallet::{ClaimKind, ClaimRecord, ClaimVerdict, SigningLog, SigningLogError};
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use std::io;
use std::sync::{Arc, Mutex};

/// One thing that the engine did to the storage, or that the caller was told.
#[derive(Debug, Clone)]
enum Event {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
    /// The claims of this period are safe.
    Answered(u64),
}

#[derive(Debug, Default)]
struct Shared {
    events: Vec<Event>,
    /// Writes that still succeed; then the disk is full.
    writes_left: Option<u64>,
    /// Whether a sync waits, as one of a slow disk does.
    holds_syncs: bool,
}

/// Storage in memory that remembers what was done to it.
#[derive(Debug)]
struct Recorder {
    inner: InMemoryBackend,
    shared: Arc<Mutex<Shared>>,
}

impl Recorder {
    fn new() -> (Self, Arc<Mutex<Shared>>) {
        let shared = Arc::default();
        let inner = InMemoryBackend::new();
        (
            Self {
                inner,
                shared: Arc::clone(&shared),
            },
            shared,
        )
    }

    fn record(&self, event: Event) -> io::Result<()> {
        let mut shared = self.shared.lock().unwrap();
        match &mut shared.writes_left {
            Some(0) => return Err(io::ErrorKind::StorageFull.into()),
            Some(left) => *left -= 1,
            None => {}
        }
        shared.events.push(event);
        Ok(())
    }
}

impl StorageBackend for Recorder {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.record(Event::SetLen(len))?;
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.record(Event::Sync)?;
        while self.shared.lock().unwrap().holds_syncs {
            std::thread::yield_now();
        }
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.record(Event::Write(offset, data.to_vec()))?;
        self.inner.write(offset, data)
    }
}

fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> InMemoryBackend {
    let storage = InMemoryBackend::new();
    for event in events {
        match event {
            Event::Write(offset, data) => {
                // A later length may have been lost.
                let end = offset + data.len() as u64;
                if storage.len().unwrap() < end {
                    storage.set_len(end).unwrap();
                }
                storage.write(*offset, data).unwrap();
            }
            Event::SetLen(len) => storage.set_len(*len).unwrap(),
            Event::Sync | Event::Answered(_) => {}
        }
    }
    storage
}

/// Two claims that go together, so that half of a batch would show.
fn pair(period: u64, content: u8) -> [ClaimRecord; 2] {
    let claim = |kind| ClaimRecord {
        payload: vec![content; 700],
        ..request(1, kind, Slot::new(period, 0), 0, content)
    };
    [claim(ClaimKind::Notarise), claim(ClaimKind::RoundEnd)]
}

const PERIODS: u64 = 12;

/// What happens while a log of some periods is written, and where the log was first complete.
fn history() -> (Vec<Event>, usize) {
    let (storage, shared) = Recorder::new();
    let log = DiskSigningLog::on_backend(storage, &config()).unwrap();
    let made = shared.lock().unwrap().events.len();
    for period in 1..=PERIODS {
        let verdicts = log.claim(&pair(period, 1)).unwrap();
        assert_eq!(verdicts, [ClaimVerdict::Safe; 2]);
        shared.lock().unwrap().events.push(Event::Answered(period));
    }
    let events = shared.lock().unwrap().events.clone();
    (events, made)
}

fn answered(events: &[Event]) -> u64 {
    let periods = events.iter().filter_map(|event| match event {
        Event::Answered(period) => Some(*period),
        _ => None,
    });
    periods.max().unwrap_or(0)
}

/// Opens what is left, which must have all that was answered for, in whole batches, and go on.
fn check_left(storage: InMemoryBackend, answered: u64, place: &str) {
    let opened = DiskSigningLog::on_backend(storage, &config());
    let log = opened.unwrap_or_else(|error| panic!("{place}: {error}: {error:?}"));
    let records = log.records(&address(1), Slot::GENESIS).unwrap();
    let left = records.len() as u64 / 2;
    let expected: Vec<_> = (1..=left).flat_map(|period| pair(period, 1)).collect();
    assert_eq!(records, expected, "{place}: whole batches in order");
    assert!(
        left >= answered,
        "{place}: {answered} were answered, {left} are left"
    );
    for period in 1..=answered {
        let verdicts = log.claim(&pair(period, 2)).unwrap();
        assert!(
            verdicts
                .iter()
                .all(|verdict| *verdict != ClaimVerdict::Safe),
            "{place}"
        );
    }
    assert_eq!(
        log.claim(&pair(PERIODS + 1, 1)).unwrap(),
        [ClaimVerdict::Safe; 2]
    );
}

#[test]
fn a_kill_between_any_two_writes_loses_no_claim_that_was_answered() {
    let (events, made) = history();
    for end in made..=events.len() {
        let left = &events[..end];
        check_left(replay(left), answered(left), &format!("after {end} events"));
    }
}

#[test]
fn a_kill_within_any_write_loses_no_claim_that_was_answered() {
    let (events, made) = history();
    for end in made..events.len() {
        let Event::Write(offset, data) = &events[end] else {
            continue;
        };
        let torn = Event::Write(*offset, data[..data.len() / 2].to_vec());
        let left = events[..end].iter().chain([&torn]);
        check_left(
            replay(left),
            answered(&events[..end]),
            &format!("in event {end}"),
        );
    }
}

/// When the machine fails, each write since the last sync may be there or not.
#[test]
fn a_power_failure_loses_no_claim_that_was_answered() {
    let (events, made) = history();
    for end in made..=events.len() {
        let synced = events[..end]
            .iter()
            .rposition(|event| matches!(event, Event::Sync));
        let synced = synced.unwrap().max(made);
        if synced >= end {
            continue;
        }
        for lost in 0..(end - synced).min(6) {
            let kept = events[synced..end].iter().enumerate();
            let kept = kept
                .filter(|(place, event)| place % 6 != lost || !matches!(event, Event::Write(..)));
            let left = events[..synced].iter().chain(kept.map(|(_, event)| event));
            let place = format!("after {end} events, every sixth from {lost} on lost");
            check_left(replay(left), answered(&events[..end]), &place);
        }
    }
}

#[test]
fn a_full_disk_refuses_claims_and_loses_none_that_was_answered() {
    for writes in 0..40 {
        let (storage, shared) = Recorder::new();
        let log = DiskSigningLog::on_backend(storage, &config()).unwrap();
        shared.lock().unwrap().writes_left = Some(writes);
        let answered = (1..=PERIODS).take_while(|period| log.claim(&pair(*period, 1)).is_ok());
        let answered = answered.count() as u64;
        if answered < PERIODS {
            let refused = log.claim(&pair(PERIODS, 1));
            assert!(
                matches!(refused, Err(SigningLogError::Failed { .. })),
                "until it is opened again"
            );
        }
        drop(log);
        let events = shared.lock().unwrap().events.clone();
        check_left(
            replay(&events),
            answered,
            &format!("full after {writes} writes"),
        );
    }
}

#[test]
fn storage_that_cannot_be_written_cannot_hold_a_log() {
    let (storage, shared) = Recorder::new();
    shared.lock().unwrap().writes_left = Some(0);
    let refused = DiskSigningLog::on_backend(storage, &config());
    assert!(matches!(refused, Err(DatabaseError::Io { .. })));
}

fn syncs(shared: &Mutex<Shared>) -> usize {
    let shared = shared.lock().unwrap();
    let syncs = shared.events.iter();
    syncs.filter(|event| matches!(event, Event::Sync)).count()
}

/// Group commit (design 10): who comes during a sync waits, and the next one serves all of them.
#[test]
fn one_sync_serves_the_claims_of_all_threads_that_wait() {
    const THREADS: usize = 8;
    let (storage, shared) = Recorder::new();
    let log = DiskSigningLog::on_backend(storage, &config()).unwrap();
    let before = syncs(&shared);
    log.claim(&pair(100, 1)).unwrap();
    let of_one = syncs(&shared) - before;
    assert!(of_one > 0);

    shared.lock().unwrap().holds_syncs = true;
    let before = syncs(&shared);
    std::thread::scope(|scope| {
        let claim = |period| {
            let log = &log;
            move || {
                assert_eq!(
                    log.claim(&pair(period, 1)).unwrap(),
                    [ClaimVerdict::Safe; 2]
                )
            }
        };
        scope.spawn(claim(1));
        while syncs(&shared) == before {
            std::thread::yield_now();
        }
        for period in (2..).take(THREADS - 1) {
            scope.spawn(claim(period));
        }
        while log.waiting_for_commit() < THREADS - 1 {
            std::thread::yield_now();
        }
        shared.lock().unwrap().holds_syncs = false;
    });
    assert_eq!(
        syncs(&shared) - before,
        2 * of_one,
        "the first, and one for all others"
    );
    assert_eq!(
        log.records(&address(1), Slot::GENESIS).unwrap().len(),
        2 * (THREADS + 1)
    );
}
