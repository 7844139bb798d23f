//! What waits to be sent to one peer.

use super::kind::Worth;
use super::{LaneLimits, PacketKind, PeersConfig, PerLane, Traffic};
use crate::{Frame, Lane};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What a frame that is handed over counts in its window, beside its bytes: about what it costs a
/// transport to hold it. So a window of small frames is no more memory than one of large ones.
pub const FRAME_COST_BYTES: usize = 256;

/// What waits to be sent to one peer: a queue for each lane, first in, first out, bounded by frames and
/// bytes.
///
/// - Of a lane at most a window of bytes is handed to the transport and not yet written by it, each
///   frame with [`FRAME_COST_BYTES`]; a longer frame is handed over alone.
/// - Over its bound a lane drops what is worth the least, of equals the oldest, and counts it
///   ([`Worth`]); what stays keeps its order.
#[derive(Debug)]
pub(crate) struct Outbox {
    lanes: PerLane<Queue>,
}

impl Outbox {
    pub(crate) fn new(config: &PeersConfig) -> Self {
        Self {
            lanes: config.lanes.map(|limits| Queue::new(*limits)),
        }
    }

    /// A frame is to be sent.
    pub(crate) fn push(&mut self, frame: Arc<Frame>) {
        let lane = frame.lane();
        self.lanes.get_mut(lane).push(lane, frame);
    }

    /// The transport has passed so many bytes of a lane on.
    pub(crate) fn written(&mut self, lane: Lane, bytes: usize) {
        self.lanes.get_mut(lane).flight.written(bytes);
    }

    /// Hands over what the windows allow, the most urgent lane first, each lane in order.
    pub(crate) fn take(&mut self, mut hand_over: impl FnMut(Arc<Frame>)) {
        for lane in Lane::ALL {
            let queue = self.lanes.get_mut(lane);
            while let Some(frame) = queue.take(lane) {
                hand_over(frame);
            }
        }
    }

    /// Drops the least valuable frame of the lane on which most bytes wait.
    pub(crate) fn drop_least(&mut self) {
        let fullest = Lane::ALL
            .into_iter()
            .max_by_key(|lane| self.lanes.get(*lane).bytes);
        if let Some(lane) = fullest {
            self.lanes.get_mut(lane).drop_least(lane);
        }
    }

    /// Bytes that wait on a lane.
    pub(crate) const fn queued_bytes(&self, lane: Lane) -> usize {
        self.lanes.get(lane).bytes
    }

    /// Bytes that wait.
    pub(crate) fn all_queued_bytes(&self) -> usize {
        Lane::ALL.iter().fold(0, |sum, lane| {
            usize::saturating_add(sum, self.queued_bytes(*lane))
        })
    }

    /// By lane: what was handed to the transport.
    pub(crate) fn sent(&self) -> PerLane<Traffic> {
        self.lanes.map(|queue| queue.sent)
    }

    /// By lane: how much was dropped.
    pub(crate) fn dropped_packets(&self) -> PerLane<u64> {
        self.lanes.map(|queue| {
            let counts = queue.dropped.values();
            counts.fold(0, |sum: u64, count| sum.saturating_add(*count))
        })
    }

    /// By lane and kind: what was dropped.
    pub(crate) fn dropped(&self) -> PerLane<BTreeMap<PacketKind, u64>> {
        self.lanes.map(|queue| queue.dropped.clone())
    }
}

/// A place in a queue, empty once its frame was dropped.
#[derive(Debug)]
struct Entry {
    number: u64,
    frame: Option<Arc<Frame>>,
}

/// The frames of a lane that the transport has and has not written.
#[derive(Debug)]
struct Flight {
    lens: VecDeque<usize>,
    cost: usize,
    /// Bytes that were written of the first one.
    written: usize,
}

impl Flight {
    fn has_room(&self, len: usize, window: usize) -> bool {
        let cost = self.cost.saturating_add(cost_of(len));
        cost <= window || self.lens.is_empty()
    }

    fn push(&mut self, len: usize) {
        self.cost = self.cost.saturating_add(cost_of(len));
        self.lens.push_back(len);
    }

    fn written(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes);
        while let Some(len) = self.lens.front().copied()
            && len <= self.written
        {
            self.lens.pop_front();
            self.cost = self.cost.saturating_sub(cost_of(len));
            self.written = self.written.saturating_sub(len);
        }
        // More than was handed over cannot have been written.
        if self.lens.is_empty() {
            self.written = 0;
        }
    }
}

const fn cost_of(len: usize) -> usize {
    len.saturating_add(FRAME_COST_BYTES)
}

#[derive(Debug)]
struct Queue {
    limits: LaneLimits,
    /// By number, ascending. The first one has a frame.
    entries: VecDeque<Entry>,
    next: u64,
    /// Entries that have a frame.
    frames: usize,
    bytes: usize,
    flight: Flight,
    /// The frames by worth: made when the lane is first over its bound, for most lanes never are, and
    /// kept until the lane is empty.
    by_worth: Option<BTreeSet<(Worth, u64)>>,
    sent: Traffic,
    dropped: BTreeMap<PacketKind, u64>,
}

impl Queue {
    const fn new(limits: LaneLimits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            next: 0,
            frames: 0,
            bytes: 0,
            flight: Flight {
                lens: VecDeque::new(),
                cost: 0,
                written: 0,
            },
            by_worth: None,
            sent: Traffic {
                packets: 0,
                bytes: 0,
            },
            dropped: BTreeMap::new(),
        }
    }

    fn push(&mut self, lane: Lane, frame: Arc<Frame>) {
        let number = self.next;
        self.next = number.saturating_add(1);
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(frame.len());
        if let Some(by_worth) = &mut self.by_worth {
            by_worth.insert((Worth::of(lane, frame.packet()), number));
        }
        self.entries.push_back(Entry {
            number,
            frame: Some(frame),
        });
        while self.frames > self.limits.queue_frames || self.bytes > self.limits.queue_bytes {
            self.drop_least(lane);
        }
    }

    /// The next frame, if the window has room for it, or is all its own.
    fn take(&mut self, lane: Lane) -> Option<Arc<Frame>> {
        let first = self.entries.front()?.frame.as_ref()?;
        if !self.flight.has_room(first.len(), self.limits.window_bytes) {
            return None;
        }
        let Entry { number, frame } = self.entries.pop_front()?;
        let frame = frame?;
        if let Some(by_worth) = &mut self.by_worth {
            by_worth.remove(&(Worth::of(lane, frame.packet()), number));
        }
        self.flight.push(frame.len());
        self.sent.count(frame.len());
        self.gone(&frame);
        Some(frame)
    }

    fn drop_least(&mut self, lane: Lane) {
        let by_worth = self.by_worth.get_or_insert_with(|| {
            let entries = self.entries.iter();
            entries
                .filter_map(|entry| {
                    let frame = entry.frame.as_ref()?;
                    Some((Worth::of(lane, frame.packet()), entry.number))
                })
                .collect()
        });
        let Some((_, number)) = by_worth.pop_first() else {
            return;
        };
        let place = self.entries.binary_search_by_key(&number, |it| it.number);
        let entry = place.ok().and_then(|place| self.entries.get_mut(place));
        let Some(frame) = entry.and_then(|entry| entry.frame.take()) else {
            return;
        };
        let count = self.dropped.entry(PacketKind::of(frame.packet()));
        let count = count.or_insert(0);
        *count = count.saturating_add(1);
        self.gone(&frame);
        // At least as many pushes as there are frames lie between two of these.
        if self.entries.len() > self.frames.saturating_mul(2).saturating_add(16) {
            self.entries.retain(|entry| entry.frame.is_some());
        }
    }

    /// A frame waits no longer.
    fn gone(&mut self, frame: &Frame) {
        self.frames = self.frames.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(frame.len());
        while self.entries.front().is_some_and(|it| it.frame.is_none()) {
            self.entries.pop_front();
        }
        if self.frames == 0 {
            self.by_worth = None;
            // What was needed once is not kept for ever, times all peers.
            self.entries.shrink_to(64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_kit::{
        block_frame, frames_of_all_worths, hello_frame, small_config, vote_frame,
    };
    use super::*;
    use proptest::prelude::*;

    fn taken(outbox: &mut Outbox) -> Vec<Arc<Frame>> {
        let mut frames = Vec::new();
        outbox.take(|frame| frames.push(frame));
        frames
    }

    fn is_same(left: &[Arc<Frame>], right: &[&Arc<Frame>]) -> bool {
        left.len() == right.len() && left.iter().zip(right).all(|(l, r)| Arc::ptr_eq(l, r))
    }

    fn outbox(frames: usize, window_bytes: usize) -> Outbox {
        Outbox::new(&small_config(frames, usize::MAX, window_bytes))
    }

    #[test]
    fn frames_of_a_lane_leave_in_order_and_urgent_ones_first() {
        let mut outbox = outbox(10, usize::MAX);
        let (block, vote, other) = (block_frame(1, 3), vote_frame(5, 0, 1), vote_frame(1, 0, 2));
        for frame in [&block, &vote, &other] {
            outbox.push(Arc::clone(frame));
        }
        assert!(is_same(&taken(&mut outbox), &[&vote, &other, &block]));
        assert_eq!(outbox.all_queued_bytes(), 0);
        assert_eq!(outbox.sent().urgent.packets, 2);
        assert_eq!(outbox.sent().bulk.bytes, block.len() as u64);
    }

    #[test]
    fn a_full_window_holds_its_lane_back_and_no_other() {
        let vote = vote_frame(1, 0, 1);
        let mut outbox = outbox(10, cost_of(vote.len()));
        let (second, block) = (vote_frame(1, 0, 2), block_frame(1, 1));
        outbox.push(Arc::clone(&vote));
        outbox.push(Arc::clone(&second));
        assert!(is_same(&taken(&mut outbox), &[&vote]));
        outbox.push(Arc::clone(&block));
        assert!(is_same(&taken(&mut outbox), &[&block]));
        outbox.written(Lane::Bulk, block.len());
        assert!(taken(&mut outbox).is_empty());
        outbox.written(Lane::Urgent, vote.len());
        assert!(is_same(&taken(&mut outbox), &[&second]));
    }

    #[test]
    fn a_frame_that_is_longer_than_the_window_goes_alone() {
        let (small, big) = (vote_frame(1, 0, 1), hello_frame(60));
        let mut outbox = outbox(10, 1);
        outbox.push(Arc::clone(&big));
        outbox.push(Arc::clone(&small));
        assert!(is_same(&taken(&mut outbox), &[&big]));
        outbox.written(Lane::Urgent, big.len() - 1);
        assert!(taken(&mut outbox).is_empty());
        outbox.written(Lane::Urgent, 1);
        assert!(is_same(&taken(&mut outbox), &[&small]));
    }

    #[test]
    fn of_small_frames_no_more_fit_than_cost_a_window() {
        let vote = vote_frame(1, 0, 1);
        let mut outbox = outbox(100, 10 * cost_of(vote.len()) - 1);
        for _ in 0..20 {
            outbox.push(Arc::clone(&vote));
        }
        assert_eq!(taken(&mut outbox).len(), 9);
        // Two at once, then parts of one.
        outbox.written(Lane::Urgent, vote.len() * 2);
        assert_eq!(taken(&mut outbox).len(), 2);
        outbox.written(Lane::Urgent, vote.len() - 1);
        assert_eq!(taken(&mut outbox).len(), 0);
        outbox.written(Lane::Urgent, 1);
        assert_eq!(taken(&mut outbox).len(), 1);
        // What was never handed over cannot be given back.
        outbox.written(Lane::Urgent, usize::MAX);
        assert_eq!(taken(&mut outbox).len(), 8);
        outbox.written(Lane::Urgent, 0);
        assert_eq!(taken(&mut outbox).len(), 0);
    }

    #[test]
    fn over_the_bound_votes_of_the_oldest_slot_are_dropped_and_the_handshake_never_before_them() {
        let mut outbox = outbox(3, usize::MAX);
        let hello = hello_frame(1);
        let votes = [
            vote_frame(7, 0, 1),
            vote_frame(6, 0, 1),
            vote_frame(8, 0, 1),
        ];
        outbox.push(Arc::clone(&hello));
        for vote in &votes {
            outbox.push(Arc::clone(vote));
        }
        assert_eq!(outbox.dropped().urgent[&PacketKind::Vote], 1);
        assert!(is_same(
            &taken(&mut outbox),
            &[&hello, &votes[0], &votes[2]]
        ));
    }

    #[test]
    fn what_is_worth_less_than_all_that_waits_is_dropped_itself() {
        let mut outbox = outbox(2, usize::MAX);
        let votes = [vote_frame(7, 0, 1), vote_frame(7, 0, 2)];
        for vote in &votes {
            outbox.push(Arc::clone(vote));
        }
        outbox.push(vote_frame(6, 0, 1));
        assert!(is_same(&taken(&mut outbox), &[&votes[0], &votes[1]]));
    }

    #[test]
    fn on_the_bulk_lane_the_oldest_is_dropped() {
        let mut outbox = outbox(2, usize::MAX);
        let blocks = [1, 2, 3].map(|number| block_frame(number, 10 - usize::from(number)));
        for block in &blocks {
            outbox.push(Arc::clone(block));
        }
        assert!(is_same(&taken(&mut outbox), &[&blocks[1], &blocks[2]]));
        assert_eq!(outbox.dropped().bulk[&PacketKind::BlockIds], 1);
    }

    #[test]
    fn of_all_lanes_the_fullest_loses_first() {
        let mut outbox = outbox(10, usize::MAX);
        outbox.push(vote_frame(1, 0, 1));
        outbox.push(block_frame(1, 100));
        outbox.drop_least();
        assert_eq!(outbox.queued_bytes(Lane::Bulk), 0);
        assert_ne!(outbox.queued_bytes(Lane::Urgent), 0);
        outbox.drop_least();
        outbox.drop_least();
        assert_eq!(outbox.all_queued_bytes(), 0);
    }

    #[test]
    fn a_lane_that_stands_still_does_not_remember_what_it_dropped() {
        let mut outbox = outbox(4, 1);
        outbox.push(hello_frame(1));
        outbox.push(hello_frame(2));
        taken(&mut outbox);
        for number in 0..10_000 {
            outbox.push(vote_frame(1, 0, number));
        }
        assert!(outbox.lanes.urgent.entries.len() <= 4 * 2 + 17);
        assert_eq!(outbox.lanes.urgent.frames, 4);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(usize),
        Written(usize),
        DropLeast,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..usize::MAX).prop_map(Step::Push),
            2 => (0_usize..4).prop_map(Step::Written),
            1 => Just(Step::DropLeast),
        ]
    }

    /// What a lane should hold, found the long way.
    fn shed(lane: Lane, waiting: &mut Vec<Arc<Frame>>) {
        let mut least = 0;
        for place in 0..waiting.len() {
            let worth = |place: usize| Worth::of(lane, waiting[place].packet());
            if worth(place) < worth(least) {
                least = place;
            }
        }
        if !waiting.is_empty() {
            waiting.remove(least);
        }
    }

    proptest! {
        #[test]
        fn an_outbox_keeps_its_bounds_its_order_and_what_is_worth_most(
            steps in proptest::collection::vec(step(), 1..200),
            max_frames in 1_usize..12,
            max_bytes in 400_usize..3_000,
            window_bytes in 1_usize..3_000,
        ) {
            let frames = frames_of_all_worths();
            let mut outbox = Outbox::new(&small_config(max_frames, max_bytes, window_bytes));
            let mut model: PerLane<Vec<Arc<Frame>>> = PerLane::default();
            let mut in_flight: PerLane<VecDeque<usize>> = PerLane::default();
            let cost = |flying: &VecDeque<usize>| flying.iter().map(|it| cost_of(*it)).sum::<usize>();
            for step in steps {
                match step {
                    Step::Push(choice) => {
                        let frame = Frame::new(frames[choice % frames.len()].packet().clone());
                        let (lane, frame) = (frame.lane(), Arc::new(frame));
                        outbox.push(Arc::clone(&frame));
                        let waiting = model.get_mut(lane);
                        waiting.push(frame);
                        while waiting.len() > max_frames
                            || waiting.iter().map(|it| it.len()).sum::<usize>() > max_bytes
                        {
                            shed(lane, waiting);
                        }
                    }
                    Step::Written(count) => {
                        for lane in Lane::ALL {
                            let flying = in_flight.get_mut(lane);
                            let bytes = flying.drain(..count.min(flying.len())).sum();
                            outbox.written(lane, bytes);
                        }
                        for frame in taken(&mut outbox) {
                            let flying = in_flight.get_mut(frame.lane());
                            let is_alone = flying.is_empty();
                            flying.push_back(frame.len());
                            prop_assert!(is_alone || cost(flying) <= window_bytes);
                            let expected = model.get_mut(frame.lane()).remove(0);
                            prop_assert!(Arc::ptr_eq(&frame, &expected));
                        }
                        for lane in Lane::ALL {
                            // Nothing is held back that could go.
                            if let Some(next) = model.get(lane).first() {
                                let flying = in_flight.get(lane);
                                let full = cost(flying) + cost_of(next.len()) > window_bytes;
                                prop_assert!(!flying.is_empty() && full);
                            }
                        }
                    }
                    Step::DropLeast => {
                        let bytes = |lane: &Lane| -> usize {
                            model.get(*lane).iter().map(|it| it.len()).sum()
                        };
                        let fullest = Lane::ALL.into_iter().max_by_key(bytes).unwrap();
                        outbox.drop_least();
                        shed(fullest, model.get_mut(fullest));
                    }
                }
                for lane in Lane::ALL {
                    let waiting = model.get(lane);
                    let bytes: usize = waiting.iter().map(|it| it.len()).sum();
                    prop_assert!(waiting.len() <= max_frames && bytes <= max_bytes);
                    prop_assert_eq!(outbox.queued_bytes(lane), bytes);
                    prop_assert_eq!(outbox.lanes.get(lane).frames, waiting.len());
                }
            }
        }
    }
}
