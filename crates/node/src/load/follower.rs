//! Follows the final slots of one node at a time, from the first that matters, without a gap.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use picot_api::types::{SlotEvent, SlotState};
use picot_client::{ApiClient, ApiUrl, ClientError, StreamEvent};
use picot_clock::{Clock, Millis, Timestamp};
use picot_models::{OperationId, Slot, Value};
use std::time::Duration;

/// Events between the thread that reads and the one that counts.
const QUEUE_LEN: usize = 64;
/// A node whose final state stands still for this long is left for another, if there is one.
const SILENCE: Millis = Millis(10_000);
/// Between two attempts to follow a node.
const RETRY: Millis = Millis(500);

/// What was heard of final slots.
pub(crate) enum Heard {
    /// The next slot.
    Slot(Box<SlotEvent>),
    /// A slot whose event was lost, and what its block carries.
    Block(Slot, Vec<OperationId>),
    /// Nothing, for as long as was waited.
    Nothing,
}

/// Follows final slots. Whoever drops it leaves a thread that ends with the next event.
pub(crate) struct Follower {
    urls: Vec<ApiUrl>,
    /// Which of them is followed.
    at: usize,
    thread_count: u8,
    /// The next slot.
    next: Slot,
    /// Events, while there is a stream.
    events: Option<Receiver<Box<SlotEvent>>>,
    /// An event that waits until the gap before it is filled.
    held: Option<Box<SlotEvent>>,
    last_heard: Timestamp,
    retry_at: Timestamp,
}

impl Follower {
    /// Follows one of these nodes from `next` on.
    pub(crate) fn new(urls: Vec<ApiUrl>, next: Slot, thread_count: u8, now: Timestamp) -> Self {
        let mut follower = Self {
            urls,
            at: 0,
            thread_count,
            next,
            events: None,
            held: None,
            last_heard: now,
            retry_at: now,
        };
        follower.connect();
        follower
    }

    /// What is heard within `wait`, in the order of slots and each slot once.
    pub(crate) fn hear(&mut self, clock: &dyn Clock, wait: Duration) -> Heard {
        if self.held.is_none() {
            self.held = self.event(clock, wait);
        }
        let Some(event) = self.held.take() else {
            return Heard::Nothing;
        };
        if event.slot > self.next
            && let Some(lost) = self.lost_slot()
        {
            self.held = Some(event);
            return lost;
        }
        if event.slot < self.next {
            return Heard::Nothing;
        }
        self.next = event.slot.next(self.thread_count).unwrap_or(event.slot);
        Heard::Slot(event)
    }

    fn event(&mut self, clock: &dyn Clock, wait: Duration) -> Option<Box<SlotEvent>> {
        let now = clock.now();
        let silent = now.since(self.last_heard).unwrap_or_default() >= SILENCE;
        if silent && self.urls.len() > 1 {
            self.leave(now);
        }
        if self.events.is_none() && now >= self.retry_at {
            self.connect();
        }
        let Some(events) = &self.events else {
            std::thread::sleep(wait);
            return None;
        };
        match events.recv_timeout(wait) {
            Ok(event) => {
                self.last_heard = clock.now();
                Some(event)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                self.leave(clock.now());
                None
            }
        }
    }

    /// Turns to the next node, a moment later.
    fn leave(&mut self, now: Timestamp) {
        self.events = None;
        self.at = self
            .at
            .saturating_add(1)
            .checked_rem(self.urls.len())
            .unwrap_or(0);
        self.last_heard = now;
        self.retry_at = now.checked_add(RETRY).unwrap_or(now);
    }

    fn connect(&mut self) {
        let Some(url) = self.urls.get(self.at).cloned() else {
            return;
        };
        let (sender, receiver) = bounded(QUEUE_LEN);
        let from = self.next;
        std::thread::spawn(move || read(&ApiClient::new(url), from, &sender));
        self.events = Some(receiver);
    }

    /// The next slot, asked for, because its event will not come. None if the node does not tell.
    fn lost_slot(&mut self) -> Option<Heard> {
        let slot = self.next;
        let client = ApiClient::new(self.urls.get(self.at)?.clone());
        let ids = operations_of(&client, slot).ok()?;
        self.next = slot.next(self.thread_count).ok()?;
        Some(Heard::Block(slot, ids))
    }
}

/// Reads a stream to its end, or until nobody listens.
fn read(client: &ApiClient, from: Slot, events: &Sender<Box<SlotEvent>>) {
    let Ok(mut stream) = client.final_slots(Some(from)) else {
        return;
    };
    while let Ok(Some(event)) = stream.next_event() {
        match event {
            StreamEvent::Slot(event) => {
                if events.send(event).is_err() {
                    return;
                }
            }
            // The gap is seen by the slots.
            StreamEvent::Missed(_) => {}
        }
    }
}

fn operations_of(client: &ApiClient, slot: Slot) -> Result<Vec<OperationId>, ClientError> {
    match client.slot(slot)?.state {
        SlotState::Decided {
            value: Value::Block { id },
            ..
        } => Ok(client.block(&id)?.operations),
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_api::types::{BlockResponse, BlockState, SlotResponse};
    use picot_client::mocks::{Answer, StubNode};
    use picot_clock::{ManualClock, SystemClock};
    use picot_models::{BlockId, Hash, mocks};
    use std::collections::BTreeMap;

    const WAIT: Duration = Duration::from_millis(5);

    fn id(byte: u8) -> OperationId {
        OperationId::from_hash(Hash([byte; 32]))
    }

    fn event(slot: Slot) -> String {
        let event = SlotEvent {
            slot,
            block: None,
            producer: None,
            operations: BTreeMap::new(),
            state_hash: None,
        };
        let data = serde_json::to_string(&event).unwrap();
        format!("event: slot\ndata: {data}\n\n")
    }

    fn stream(slots: &[Slot]) -> Answer {
        Answer::text(
            200,
            slots.iter().map(|slot| event(*slot)).collect::<String>(),
        )
    }

    /// What is heard until there are so many things.
    fn heard(follower: &mut Follower, count: usize) -> Vec<(Slot, Vec<OperationId>)> {
        let mut all = Vec::new();
        while all.len() < count {
            match follower.hear(&SystemClock, WAIT) {
                Heard::Slot(event) => all.push((event.slot, Vec::new())),
                Heard::Block(slot, ids) => all.push((slot, ids)),
                Heard::Nothing => {}
            }
        }
        all
    }

    #[test]
    fn slots_whose_events_are_lost_are_read_from_their_blocks() {
        let block = BlockId::from_hash(Hash([7; 32]));
        let slot = |period, value| SlotResponse {
            slot: Slot::new(period, 0),
            start: Timestamp(0),
            is_final: true,
            state: SlotState::Decided {
                outcome_slot: Slot::new(period, 0),
                value,
            },
            producers: None,
            endorsers: None,
        };
        let carried = BlockResponse {
            id: block,
            slot: Slot::new(4, 0),
            state: BlockState::Final,
            producer: mocks::address(1),
            version: 1,
            parents: vec![],
            operations: vec![id(1), id(2)],
            endorsements: vec![],
            denunciations: vec![],
            size_bytes: 1,
        };
        let missed = "event: missed\ndata: {\"count\":2,\"next\":null}\n\n";
        let text = [
            event(Slot::new(3, 0)),
            missed.to_owned(),
            event(Slot::new(6, 0)),
        ]
        .concat();
        let node = StubNode::start()
            .on("GET /stream/slots?from=3/0", Answer::text(200, text))
            .on(
                "GET /slots/4/0",
                Answer::json(&slot(4, Value::Block { id: block })),
            )
            .on(
                "GET /slots/5/0",
                Answer::json(&slot(5, Value::Miss { through: 5 })),
            )
            .on(&format!("GET /blocks/{block}"), Answer::json(&carried));
        let urls = vec![node.url().clone()];
        let mut follower = Follower::new(urls, Slot::new(3, 0), 1, SystemClock.now());
        let expected = [
            (Slot::new(3, 0), vec![]),
            (Slot::new(4, 0), vec![id(1), id(2)]),
            (Slot::new(5, 0), vec![]),
            (Slot::new(6, 0), vec![]),
        ];
        assert_eq!(heard(&mut follower, 4), expected);
    }

    #[test]
    fn a_stream_that_ends_is_taken_up_at_the_next_node_where_it_ended() {
        let first = StubNode::start().on(
            "GET /stream/slots?from=3/0",
            stream(&[Slot::new(3, 0), Slot::new(3, 1)]),
        );
        let second = StubNode::start().on(
            "GET /stream/slots?from=4/0",
            stream(&[Slot::new(4, 0), Slot::new(4, 1)]),
        );
        let urls = vec![first.url().clone(), second.url().clone()];
        let mut follower = Follower::new(urls, Slot::new(3, 0), 2, SystemClock.now());
        let slots: Vec<_> = heard(&mut follower, 4)
            .into_iter()
            .map(|(slot, _)| slot)
            .collect();
        assert_eq!(
            slots,
            [
                Slot::new(3, 0),
                Slot::new(3, 1),
                Slot::new(4, 0),
                Slot::new(4, 1)
            ]
        );
    }

    #[test]
    fn a_node_whose_final_state_stands_still_is_left_for_another() {
        let second = StubNode::start().on("GET /stream/slots?from=3/0", stream(&[Slot::new(3, 0)]));
        // It takes the connection and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent_url = format!("http://{}", silent.local_addr().unwrap());
        let urls = vec![silent_url.parse().unwrap(), second.url().clone()];
        let clock = ManualClock::new(Timestamp(1_000));
        let mut follower = Follower::new(urls, Slot::new(3, 0), 1, clock.now());
        assert!(matches!(follower.hear(&clock, WAIT), Heard::Nothing));
        assert_eq!(follower.at, 0);
        clock.advance(SILENCE).unwrap();
        loop {
            clock.advance(RETRY).unwrap();
            if let Heard::Slot(event) = follower.hear(&clock, WAIT) {
                assert_eq!(event.slot, Slot::new(3, 0));
                return;
            }
        }
    }
}
