//! How much a peer may send and ask.

use super::{PeersConfig, PerLane, Rate};
use crate::{Fault, Lane, Packet};
use picot_checkpoint::CheckpointMessage;
use picot_clock::{Millis, Timestamp};
use picot_consensus::{Message, Request};

/// Who sends too much is blamed for it so often.
const BLAME_PAUSE: Millis = Millis(1_000);
const MILLI: u64 = 1_000;
/// Items of a question that count as one more question.
const ITEMS_PER_QUESTION: usize = 128;
/// The most that one question counts: of the operations of a block of the most operations.
pub(super) const MAX_QUESTION_COST: u64 =
    1 + (picot_models::limits::MAX_OPERATIONS / ITEMS_PER_QUESTION) as u64;

/// A bucket of tokens, full at first: in any time `t`, at most `burst + rate · t` are taken.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    milli_tokens: u64,
    at: Timestamp,
}

impl Bucket {
    pub(crate) const fn new(now: Timestamp, rate: Rate) -> Self {
        Self {
            rate,
            milli_tokens: rate.burst.saturating_mul(MILLI),
            at: now,
        }
    }

    /// Whether so many can be taken now. A clock that steps back fills nothing in that moment, and goes
    /// on from there.
    pub(crate) fn has(&mut self, now: Timestamp, tokens: u64) -> bool {
        let passed = now.since(self.at).unwrap_or(Millis::ZERO);
        self.at = now;
        let filled = passed.0.saturating_mul(self.rate.per_second);
        self.milli_tokens = self
            .milli_tokens
            .saturating_add(filled)
            .min(self.rate.burst.saturating_mul(MILLI));
        self.milli_tokens >= tokens.saturating_mul(MILLI)
    }

    /// Takes so many, of which it was found that they are there.
    pub(crate) const fn take(&mut self, tokens: u64) {
        self.milli_tokens = self
            .milli_tokens
            .saturating_sub(tokens.saturating_mul(MILLI));
    }
}

#[derive(Debug)]
struct LaneRates {
    packets: Bucket,
    bytes: Bucket,
}

/// How much one peer may send and ask from now on.
#[derive(Debug)]
pub(crate) struct Rates {
    lanes: PerLane<LaneRates>,
    questions: Bucket,
    blamed_at: Option<Timestamp>,
}

impl Rates {
    pub(crate) fn new(now: Timestamp, config: &PeersConfig) -> Self {
        Self {
            lanes: config.lanes.map(|limits| LaneRates {
                packets: Bucket::new(now, limits.packets),
                bytes: Bucket::new(now, limits.bytes),
            }),
            questions: Bucket::new(now, config.questions),
            blamed_at: None,
        }
    }

    /// Whether a packet may be looked at. What is refused takes nothing from the rates.
    ///
    /// # Errors
    /// It is over a rate: with the fault, unless the peer was blamed for that a moment ago.
    pub(crate) fn admit(
        &mut self,
        now: Timestamp,
        lane: Lane,
        len: usize,
        packet: &Packet,
    ) -> Result<(), Option<Fault>> {
        let rates = self.lanes.get_mut(lane);
        let (bytes, questions) = (u64::try_from(len).unwrap_or(u64::MAX), questions_of(packet));
        let has_room = rates.packets.has(now, 1)
            && rates.bytes.has(now, bytes)
            && (questions == 0 || self.questions.has(now, questions));
        if has_room {
            rates.packets.take(1);
            rates.bytes.take(bytes);
            self.questions.take(questions);
            return Ok(());
        }
        let is_new = self
            .blamed_at
            .is_none_or(|at| now.since(at).is_none_or(|passed| passed >= BLAME_PAUSE));
        if is_new {
            self.blamed_at = Some(now);
        }
        Err(is_new.then_some(Fault::TooMany))
    }
}

/// As how many questions a packet counts: the more of them, the more work the answer is. What peers say
/// of themselves counts, too, for it makes this node think.
fn questions_of(packet: &Packet) -> u64 {
    let items = match packet {
        Packet::Want(tags) => tags.len(),
        Packet::GetOperations(prefixes) => prefixes.len(),
        Packet::GetBlockOperations { places, .. } => places.len(),
        Packet::GetBlock(_) => 0,
        Packet::Status(_) | Packet::Neighbours(_) => return 8,
        Packet::Consensus(message) => match message.0.as_ref() {
            Message::Ask(Request::Outcomes { .. }) => return 8,
            Message::Ask(_) => 0,
            _ => return 0,
        },
        Packet::Checkpoint(message) => match *message.0 {
            CheckpointMessage::GetSteps { .. } => return 32,
            _ => return 0,
        },
        Packet::GetState(_) => return 8,
        _ => return 0,
    };
    let more = items.checked_div(ITEMS_PER_QUESTION).unwrap_or(0);
    u64::try_from(more).unwrap_or(u64::MAX).saturating_add(1)
}

/// Whether the answer to a packet takes the bulk lane: who does not read its answers is not given more.
pub(super) fn is_answered_in_bulk(packet: &Packet) -> bool {
    match packet {
        Packet::GetBlock(_) | Packet::GetBlockOperations { .. } | Packet::GetState(_) => true,
        Packet::Consensus(message) => matches!(
            message.0.as_ref(),
            Message::Ask(Request::Outcomes { .. } | Request::Body { .. })
        ),
        Packet::Checkpoint(message) => matches!(*message.0, CheckpointMessage::GetSteps { .. }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::PacketKind;
    use super::super::test_kit::{ask_outcomes, packet_of_each_kind, packet_of_kind};
    use super::*;
    use crate::{Frame, Prefix, Tag};
    use proptest::prelude::*;

    const START: Timestamp = Timestamp(1_000_000);

    fn rates() -> (PeersConfig, Rates) {
        let config = PeersConfig::default();
        let rates = Rates::new(START, &config);
        (config, rates)
    }

    fn later(ms: u64) -> Timestamp {
        Timestamp(START.0 + ms)
    }

    fn admitted(rates: &mut Rates, now: Timestamp, packet: &Packet, tries: u64) -> u64 {
        let frame = Frame::new(packet.clone());
        let mut admitted = 0;
        for _ in 0..tries {
            let it = rates.admit(now, frame.lane(), frame.len(), packet);
            admitted += u64::from(it.is_ok());
        }
        admitted
    }

    #[test]
    fn a_burst_is_let_in_and_then_so_many_in_a_second() {
        let (config, mut rates) = rates();
        let Rate { per_second, burst } = config.lanes.urgent.packets;
        let vote = packet_of_kind(PacketKind::Vote);
        assert_eq!(admitted(&mut rates, START, &vote, burst + 100), burst);
        assert_eq!(
            admitted(&mut rates, later(500), &vote, per_second),
            per_second / 2
        );
    }

    #[test]
    fn too_much_is_blamed_once_a_second() {
        let (_, mut rates) = rates();
        let ask = ask_outcomes(0, 1);
        let mut blamed = 0;
        for millisecond in 0..3_000 {
            for _ in 0..20 {
                let it = rates.admit(later(millisecond), Lane::Urgent, 10, &ask);
                blamed += u32::from(it == Err(Some(Fault::TooMany)));
            }
        }
        assert_eq!(blamed, 3);
    }

    #[test]
    fn who_asks_without_end_is_answered_at_the_rate_of_questions_and_can_still_vote() {
        let (config, mut rates) = rates();
        let ask = ask_outcomes(0, 1);
        let mut answered = 0;
        for millisecond in 0..10_000 {
            answered += admitted(&mut rates, later(millisecond), &ask, 10);
        }
        let allowed = config.questions.burst + config.questions.per_second * 10;
        assert!(answered <= allowed / 8);
        let vote = packet_of_kind(PacketKind::Vote);
        assert_eq!(admitted(&mut rates, later(10_000), &vote, 100), 100);
    }

    #[test]
    fn a_refused_packet_takes_nothing() {
        let (config, mut rates) = rates();
        let ask = ask_outcomes(0, 1);
        admitted(&mut rates, START, &ask, config.questions.burst);
        let before = rates.lanes.urgent.packets.milli_tokens;
        assert_eq!(admitted(&mut rates, START, &ask, 1_000), 0);
        assert_eq!(rates.lanes.urgent.packets.milli_tokens, before);
    }

    #[test]
    fn a_clock_that_steps_back_stops_nobody_for_long() {
        let (config, mut rates) = rates();
        let vote = packet_of_kind(PacketKind::Vote);
        let burst = config.lanes.urgent.packets.burst;
        admitted(&mut rates, later(10_000_000), &vote, burst);
        assert_eq!(admitted(&mut rates, START, &vote, 1), 0);
        assert_eq!(admitted(&mut rates, later(1_000), &vote, 1_000), 1_000);
    }

    /// 32 threads of 16 s, 1,000 validators who vote three times in each slot, all of it from one peer.
    #[test]
    fn the_votes_of_a_thousand_validators_in_a_bad_minute_are_let_in() {
        let (_, mut rates) = rates();
        let vote = packet_of_kind(PacketKind::Vote);
        for slot in 0..120 {
            assert_eq!(admitted(&mut rates, later(slot * 500), &vote, 3_000), 3_000);
        }
    }

    /// Each thread asks again as soon as it may: the wait for an answer is a second.
    #[test]
    fn a_late_node_may_ask_one_peer_for_outcomes_of_all_threads_for_an_hour() {
        let (_, mut rates) = rates();
        for second in 0..3_600 {
            for thread in 0..32 {
                let ask = ask_outcomes(thread, second);
                assert_eq!(admitted(&mut rates, later(second * 1_000), &ask, 1), 1);
            }
        }
    }

    #[test]
    fn the_more_a_question_names_the_more_it_counts() {
        assert_eq!(questions_of(&Packet::Want(vec![Tag([0; 8]); 1])), 1);
        assert_eq!(questions_of(&Packet::Want(vec![Tag([0; 8]); 1_024])), 9);
        let prefixes = vec![Prefix([0; 8]); crate::MAX_ANNOUNCED];
        assert_eq!(questions_of(&Packet::GetOperations(prefixes)), 33);
        let Packet::GetBlock(id) = packet_of_kind(PacketKind::GetBlock) else {
            panic!("it is a question for a block");
        };
        let places = vec![0; picot_models::limits::MAX_OPERATIONS];
        let longest = Packet::GetBlockOperations { id, places };
        assert_eq!(questions_of(&longest), MAX_QUESTION_COST);
        assert!(MAX_QUESTION_COST <= PeersConfig::default().questions.burst);
    }

    #[test]
    fn questions_and_nothing_else_count_as_questions() {
        let counted: Vec<_> = packet_of_each_kind()
            .iter()
            .filter(|packet| questions_of(packet) > 0)
            .map(PacketKind::of)
            .collect();
        let questions = [
            PacketKind::Status,
            PacketKind::Neighbours,
            PacketKind::Ask,
            PacketKind::Want,
            PacketKind::GetOperations,
            PacketKind::GetBlock,
            PacketKind::GetBlockOperations,
            PacketKind::GetCheckpoints,
            PacketKind::GetState,
        ];
        assert_eq!(counted, questions);
    }

    proptest! {
        #[test]
        fn in_any_time_at_most_the_burst_and_the_rate_times_the_time_are_taken(
            takes in proptest::collection::vec((0_u64..3_000, 1_u64..40), 1..150),
            per_second in 1_u64..50,
            burst in 1_u64..60,
        ) {
            let mut bucket = Bucket::new(START, Rate { per_second, burst });
            let mut now = START;
            let mut taken: Vec<(Timestamp, u64)> = Vec::new();
            for (pause, tokens) in takes {
                now = Timestamp(now.0 + pause);
                if bucket.has(now, tokens) {
                    bucket.take(tokens);
                    taken.push((now, tokens));
                }
            }
            for from in 0..taken.len() {
                let mut sum = 0;
                for (at, tokens) in &taken[from..] {
                    sum += tokens;
                    let time = at.0 - taken[from].0.0;
                    prop_assert!(sum * MILLI <= burst * MILLI + per_second * time);
                }
            }
        }

        #[test]
        fn who_pauses_long_enough_may_take_a_burst(
            per_second in 1_u64..50,
            burst in 1_u64..60,
            first in 1_u64..60,
        ) {
            let mut bucket = Bucket::new(START, Rate { per_second, burst });
            if bucket.has(START, first) {
                bucket.take(first);
            }
            let full = later(burst * MILLI / per_second + 1);
            prop_assert!(bucket.has(full, burst));
            prop_assert!(!bucket.has(full, burst + 1));
        }
    }
}
