//! The threads of a load, and the loop that counts.

use super::follower::{Follower, Heard};
use super::pace::Pace;
use super::report::{LoadReport, line};
use super::signer::{SignedWork, Signer};
use super::submitter::{self, Shared};
use super::tracker::{Counts, Tracker};
use super::{Account, LoadError};
use crossbeam_channel::bounded;
use parking_lot::{Condvar, Mutex};
use picot_client::ApiUrl;
use picot_clock::{Clock, Millis, SlotClock, Stop, Timestamp};
use picot_models::{Amount, ChainId, Slot};
use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// Operations of a batch at most: half of what a node takes at once.
const MAX_BATCH: u64 = 500;
/// Batches of a second, where the rate allows it: less waiting inside a batch.
const BATCHES_PER_SECOND: u64 = 20;
/// Batches that are signed ahead.
const SIGNED_AHEAD: usize = 4;
/// How long is waited for the next final slot before other things are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Seconds without any answer after which it makes no sense to go on.
const NO_ANSWER_SECONDS: u64 = 30;
/// Over which time rates are told while it runs.
const RATE_WINDOW: Millis = Millis(5_000);

/// What a load is made of.
pub(crate) struct Load<'a> {
    pub(crate) urls: Vec<ApiUrl>,
    pub(crate) chain_id: ChainId,
    pub(crate) slot_clock: SlotClock,
    pub(crate) accounts: &'a [Account],
    pub(crate) fee: Amount,
    /// Periods from its signing in which an operation may be included.
    pub(crate) expire_in: u64,
    /// The last final slot before it begins.
    pub(crate) last_final: Slot,
    pub(crate) limits: Limits,
}

/// How much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Operations per second; none: as fast as the nodes take them.
    pub(crate) rate: Option<u64>,
    /// For how long; none: until the count is reached.
    pub(crate) length: Option<Millis>,
    /// How many; none: until time is up.
    pub(crate) count: Option<u64>,
    /// The most that is submitted and neither final nor refused.
    pub(crate) max_open: usize,
    /// Threads that submit.
    pub(crate) connections: usize,
    /// How long is waited, after the last submission, for what is open.
    pub(crate) patience: Millis,
}

/// Runs a load to its end, or until it is stopped. `show` gets a line of progress, often.
///
/// # Errors
/// [`LoadError`], together with the report of what was done until then.
pub(crate) fn run(
    load: &Load<'_>,
    clock: &dyn Clock,
    stop: &Stop,
    show: &mut dyn FnMut(&str),
) -> (LoadReport, Result<(), LoadError>) {
    let limits = load.limits;
    let threads = load.slot_clock.thread_count();
    let first = load.last_final.next(threads).unwrap_or(load.last_final);
    let now = clock.now();
    let mut follower = Follower::new(load.urls.clone(), first, threads, now);
    let tracker = Mutex::new(Tracker::default());
    // Ends the submitters although nobody pressed Ctrl-C.
    let quit = Stop::new();
    let shared = shared(load, clock, &quit, &tracker);
    let signer = signer(load, now);
    let (sender, batches) = bounded(SIGNED_AHEAD);
    let mut work = SignedWork::default();
    let ended = std::thread::scope(|scope| {
        let signing = scope.spawn(|| signer.run(clock, &quit, &{ sender }));
        let submitters: Vec<_> = (0..limits.connections)
            .map(|_| {
                let (shared, batches) = (&shared, batches.clone());
                scope.spawn(move || shared.run(&batches))
            })
            .collect();
        // The submitters alone hold it: once they are gone, the signer ends.
        drop(batches);
        let is_submitting = || submitters.iter().any(|submitter| !submitter.is_finished());
        let mut progress = Progress::new(clock.now());
        let ended = count(
            load,
            &shared,
            &mut follower,
            stop,
            &is_submitting,
            &mut |counts, open| {
                show(&progress.line(clock.now(), counts, open));
            },
        );
        quit.stop();
        drop(submitters);
        work = signing.join().unwrap_or_default();
        ended
    });
    let apis = load.urls.iter().map(ApiUrl::to_string).collect();
    let tracker = tracker.into_inner();
    let accounts = load.accounts.len();
    let report = LoadReport::new(load.chain_id, apis, accounts, limits.rate, &tracker, work);
    let nothing = report.accepted == 0 && report.final_count == 0 && !stop.is_stopped();
    let ended = match ended {
        Ok(()) if nothing => Err(LoadError::NothingAccepted),
        ended => ended,
    };
    (report, ended)
}

fn shared<'a>(
    load: &Load<'_>,
    clock: &'a dyn Clock,
    quit: &'a Stop,
    tracker: &'a Mutex<Tracker>,
) -> Shared<'a> {
    let now = clock.now();
    let limits = load.limits;
    let nodes = load.urls.iter().map(|url| submitter::Node {
        url: url.clone(),
        rests_until: Mutex::new(Timestamp(0)),
    });
    Shared {
        clock,
        slot_clock: load.slot_clock,
        stop: quit,
        tracker,
        room: Condvar::new(),
        // A batch must fit, or nothing would ever be sent.
        max_open: limits.max_open.max(batch_len(limits.rate, limits.max_open)),
        pace: limits.rate.map(|rate| Mutex::new(Pace::new(rate, now))),
        until: limits.length.and_then(|length| now.checked_add(length)),
        expire_in: load.expire_in,
        nodes: nodes.collect(),
        next_node: AtomicUsize::new(0),
        heard: Mutex::new(submitter::Heard {
            at: now,
            trouble: None,
        }),
    }
}

fn signer<'a>(load: &'a Load<'a>, now: Timestamp) -> Signer<'a> {
    Signer {
        accounts: load.accounts,
        chain_id: load.chain_id,
        slot_clock: load.slot_clock,
        fee: load.fee,
        expire_in: load.expire_in,
        batch_len: batch_len(load.limits.rate, load.limits.max_open),
        count: load.limits.count,
        first_number: now.as_millis(),
    }
}

fn batch_len(rate: Option<u64>, max_open: usize) -> usize {
    let wanted = rate.map_or(MAX_BATCH, |rate| rate.saturating_div(BATCHES_PER_SECOND));
    let length = usize::try_from(wanted.clamp(1, MAX_BATCH)).unwrap_or(1);
    length.min(max_open).max(1)
}

/// Takes in final slots until all is submitted and nothing is open, or patience or hope ends.
fn count(
    load: &Load<'_>,
    shared: &Shared<'_>,
    follower: &mut Follower,
    stop: &Stop,
    is_submitting: &dyn Fn() -> bool,
    show: &mut dyn FnMut(&Counts, usize),
) -> Result<(), LoadError> {
    let mut submitted_at = None;
    while !stop.is_stopped() {
        let heard = follower.hear(shared.clock, LOOK);
        let now = shared.clock.now();
        let mut tracker = shared.tracker.lock();
        match heard {
            Heard::Slot(event) => tracker.finalised(now, &event),
            Heard::Block(slot, ids) => tracker.finalised_block(now, slot, &ids),
            Heard::Nothing => {}
        }
        let (counts, open) = (tracker.counts().clone(), tracker.open());
        drop(tracker);
        shared.room.notify_all();
        show(&counts, open);
        if is_submitting() {
            give_up(shared, now)?;
            continue;
        }
        let since = *submitted_at.get_or_insert(now);
        let waited = now.since(since).unwrap_or(Millis::ZERO);
        if open == 0 || waited >= load.limits.patience {
            break;
        }
    }
    Ok(())
}

fn give_up(shared: &Shared<'_>, now: Timestamp) -> Result<(), LoadError> {
    let mut heard = shared.heard.lock();
    let silent_ms = now.since(heard.at).unwrap_or_default().as_millis();
    if silent_ms < NO_ANSWER_SECONDS.saturating_mul(1_000) {
        return Ok(());
    }
    match heard.trouble.take() {
        Some((url, source)) => Err(LoadError::NoAnswer {
            seconds: NO_ANSWER_SECONDS,
            url,
            source,
        }),
        // Nobody was asked: there is no room, or it is no batch's turn.
        None => Ok(()),
    }
}

/// Keeps what the counts were a while ago, for rates.
struct Progress {
    start: Timestamp,
    past: VecDeque<(Timestamp, Counts)>,
}

impl Progress {
    fn new(start: Timestamp) -> Self {
        Self {
            start,
            past: VecDeque::from([(start, Counts::default())]),
        }
    }

    fn line(&mut self, now: Timestamp, counts: &Counts, open: usize) -> String {
        let age = |at: Timestamp| now.since(at).unwrap_or_default();
        while self
            .past
            .get(1)
            .is_some_and(|(at, _)| age(*at) >= RATE_WINDOW)
        {
            self.past.pop_front();
        }
        let zero = (self.start, Counts::default());
        let (at, before) = self.past.front().unwrap_or(&zero);
        let line = line(
            age(self.start).as_millis(),
            counts,
            open,
            before,
            age(*at).as_millis(),
        );
        let newest = self.past.back().map_or(self.start, |(at, _)| *at);
        // A tenth of the window is fine enough, and bounds what is kept.
        if age(newest).as_millis() >= RATE_WINDOW.as_millis().saturating_div(10) {
            self.past.push_back((now, counts.clone()));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_small_at_low_rates_and_bounded_at_high_ones() {
        assert_eq!(batch_len(Some(1), 40_000), 1);
        assert_eq!(batch_len(Some(1_000), 40_000), 50);
        assert_eq!(batch_len(Some(1_000_000), 40_000), 500);
        assert_eq!(batch_len(None, 40_000), 500);
        assert_eq!(batch_len(None, 7), 7);
    }

    #[test]
    fn rates_are_of_the_last_seconds() {
        let mut progress = Progress::new(Timestamp(0));
        let mut last = String::new();
        for tenth in 0..=300_u64 {
            // A thousand a second for 20 seconds, then nothing.
            let accepted = tenth.min(200) * 100;
            let counts = Counts {
                accepted,
                ..Counts::default()
            };
            last = progress.line(Timestamp(tenth * 100), &counts, 0);
            if tenth == 200 {
                assert!(last.contains("(1000/s)"), "{last}");
            }
        }
        assert!(last.contains("accepted 20000 (0/s)"), "{last}");
        assert!(progress.past.len() < 20);
    }
}
