//! Validators that do what no honest one does.
//!
//! An actor stands between a node that runs the real code and the network. It changes, adds, splits
//! and drops what the node says, and signs with the node's key past its signing log.

use super::collusion::Part;
use super::grinding::Grinder;
use super::meddling::Meddler;
use crate::packet::Parcel;
use crate::random::Random;
use picot_consensus::{Message, Request};
use picot_crypto::Hash;
use picot_models::{
    Ballot, Block, BlockEnvelope, BlockId, Carry, CertificateSubject, ChainId, ChainParams,
    Envelope, Header, RoundProposal, SecretKey, Signed, SignedHeader, SignedProposal, SignedVote,
    Slot, Value, Vote, operations_hash,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub use super::collusion::Crew;
pub use super::false_states::StateLie;

/// Messages that a flooding actor adds to each of its own.
const FLOOD: u64 = 12;

/// How a validator misbehaves (design 07, 'What must be shown' 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behaviour {
    /// Says nothing at all.
    Silent,
    /// Two blocks for each of its slots: one half of the others sees the one, the other half the
    /// other, and some see both.
    TwoBlocks,
    /// Two notarise votes in a round.
    TwoVotes,
    /// Finalises and nullifies the same round.
    FinaliseAndNullify,
    /// Announces blocks, and never gives their bodies.
    BodyWithheld,
    /// Shows its headers to one other node alone.
    HeaderToSome,
    /// Says in its votes that they rely on what is not so.
    FalseCarry,
    /// Votes for a miss, whatever candidates there are.
    MissAgainstCandidates,
    /// Sends many messages that are of no use: far slots, far rounds, unknown blocks.
    Flooding,
    /// Shows its headers to half of the others alone, and so late that some vote before and some
    /// after: at the time at which they choose.
    LateHeader,
    /// Proposes two values when it coordinates a round.
    TwoProposals,
    /// Runs twice with the same key, each with a signing log of its own.
    TwinKey,
    /// Sends what is no packet, or on the wrong lane, or out of turn.
    Garbage,
    /// Gives others than a block's ids and operations, in short and in full, and badly signed ones.
    WrongOperations,
    /// Answers what nobody asked.
    Unasked,
    /// Asks without end.
    Asking,
    /// Makes many variants of each of its blocks, and publishes the one with the lowest id.
    Grinding {
        /// How many.
        tries: u32,
    },
    /// With its crew: tells each voter what that voter says itself, so that each side of a split
    /// gets all the votes of the crew.
    TwoFaced,
    /// With its crew: votes when the timers of the round end, and only to half of the others.
    LateVotes,
    /// With its crew: gives its notarise votes, and what came of them, to one honest node alone,
    /// and falls silent.
    LoneNotarisation,
    /// With its crew: gives its finalise votes to one honest node alone, and nullifies the same
    /// round before all others.
    LoneDecision,
    /// Lies about states to those who are far behind, and does nothing else wrong.
    FalseStates(StateLie),
}

impl Behaviour {
    /// All of them, but for those that only a node that is far behind has to do with.
    pub const ALL: [Self; 21] = [
        Self::Silent,
        Self::TwoBlocks,
        Self::TwoVotes,
        Self::FinaliseAndNullify,
        Self::BodyWithheld,
        Self::HeaderToSome,
        Self::FalseCarry,
        Self::MissAgainstCandidates,
        Self::Flooding,
        Self::LateHeader,
        Self::TwoProposals,
        Self::TwinKey,
        Self::Garbage,
        Self::WrongOperations,
        Self::Unasked,
        Self::Asking,
        Self::Grinding { tries: 16 },
        Self::TwoFaced,
        Self::LateVotes,
        Self::LoneNotarisation,
        Self::LoneDecision,
    ];

    /// Those of validators that work together.
    pub const TOGETHER: [Self; 4] = [
        Self::TwoFaced,
        Self::LateVotes,
        Self::LoneNotarisation,
        Self::LoneDecision,
    ];

    /// Those that misuse the protocol: whoever has to do with one of these bans it, sooner or later.
    pub const MEDDLING: [Self; 4] = [
        Self::Garbage,
        Self::WrongOperations,
        Self::Unasked,
        Self::Asking,
    ];

    /// Whether it is that of validators that work together.
    #[must_use]
    pub fn is_together(self) -> bool {
        Self::TOGETHER.contains(&self)
    }
}

/// The messages that leave instead of one: to whom, and what.
pub type Sent = Vec<(usize, Arc<Message>)>;

/// Who misbehaves, and how.
#[derive(Debug)]
pub struct Role {
    /// What it does.
    pub behaviour: Behaviour,
    /// Its key.
    pub key: SecretKey,
    /// With whom it works together.
    pub crew: Crew,
    /// The chain.
    pub chain_id: ChainId,
    /// Its parameters.
    pub params: ChainParams,
    /// What it leaves to chance.
    pub random: Random,
}

/// One misbehaving validator.
#[derive(Debug)]
pub struct Actor {
    behaviour: Behaviour,
    key: SecretKey,
    chain_id: ChainId,
    random: Random,
    part: Part,
    grinder: Option<Grinder>,
    meddler: Meddler,
    /// Milliseconds after the opening of a slot, at which others choose a candidate.
    choice_ms: u64,
    /// Whether it misbehaves now.
    is_active: bool,
    /// Bodies of its second blocks, which its own node does not know.
    bodies: BTreeMap<BlockId, BlockEnvelope>,
    /// Those of these that its node has not been given.
    new_blocks: Vec<Block>,
}

impl Actor {
    /// An actor in a role.
    #[must_use]
    pub fn new(role: Role) -> Self {
        let Role {
            behaviour,
            key,
            crew,
            chain_id,
            params,
            random,
        } = role;
        let build_ms = params.production_deadline_ms();
        let choice_ms = 2 * params.network_delay_ms + build_ms + params.max_clock_drift_ms;
        let part = Part::new(crew, key.clone(), chain_id, &params, choice_ms);
        let grinder = match behaviour {
            Behaviour::Grinding { tries } => {
                Some(Grinder::new(key.clone(), chain_id, params, tries))
            }
            _ => None,
        };
        Self {
            behaviour,
            meddler: Meddler::new(behaviour, key.clone(), chain_id, random.clone()),
            key,
            chain_id,
            random,
            part,
            grinder,
            choice_ms,
            is_active: true,
            bodies: BTreeMap::new(),
            new_blocks: Vec::new(),
        }
    }

    /// What its own blocks go through before anybody sees them.
    #[must_use]
    pub fn grinder(&self) -> Option<Grinder> {
        self.grinder.clone()
    }

    /// From now on it misbehaves, or not.
    pub const fn set_active(&mut self, is_active: bool) {
        self.is_active = is_active;
    }

    /// What it says at once to a message that its node gets.
    pub fn incoming(&mut self, from: usize, message: &Message) -> Sent {
        match self.behaviour {
            Behaviour::TwoFaced if self.is_active => self.part.mirror(from, message),
            _ => Vec::from_iter(self.second_body(message).map(|body| (from, body))),
        }
    }

    /// Second blocks, since this was asked last: its node can give them like any other.
    pub fn take_own_blocks(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.new_blocks)
    }

    /// Whether its node passes on what others said.
    #[must_use]
    pub fn relays(&self, message: &Message) -> bool {
        !self.is_active || Part::relays(self.behaviour, message)
    }

    /// Whether its node gives a block to others, in whole or in part.
    #[must_use]
    pub fn gives(&self, block: &Block) -> bool {
        let is_own = *block.header.signer() == self.key.public_key();
        !(self.is_active && is_own && self.behaviour == Behaviour::BodyWithheld)
    }

    /// What leaves its node in the place of a packet.
    pub fn parcels(&mut self, parcel: Parcel) -> Vec<Parcel> {
        if !self.is_active {
            return vec![parcel];
        }
        match self.behaviour {
            // Somebody is there, and says nothing.
            Behaviour::Silent if !parcel.is_handshake() => Vec::new(),
            _ => self.meddler.parcels(parcel),
        }
    }

    /// Whether its node must not hear of an answer, since its node did not ask.
    #[must_use]
    pub fn keeps_to_itself(&self, packet: &picot_protocol::Packet) -> bool {
        self.is_active
            && self.behaviour == Behaviour::Asking
            && matches!(packet, picot_protocol::Packet::NotHeld(_))
    }

    /// What it does.
    #[must_use]
    pub const fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    /// What leaves in the place of a message that its node wants to send to these others.
    pub fn outgoing(&mut self, message: &Arc<Message>, others: &[usize]) -> Sent {
        let honest = || others.iter().map(|to| (*to, Arc::clone(message))).collect();
        if !self.is_active {
            return honest();
        }
        match self.behaviour {
            Behaviour::Silent => Vec::new(),
            Behaviour::TwinKey
            | Behaviour::Grinding { .. }
            | Behaviour::Garbage
            | Behaviour::WrongOperations
            | Behaviour::Unasked
            | Behaviour::Asking
            | Behaviour::FalseStates(_) => honest(),
            Behaviour::TwoFaced
            | Behaviour::LateVotes
            | Behaviour::LoneNotarisation
            | Behaviour::LoneDecision => self.part.outgoing(self.behaviour, message, others),
            Behaviour::TwoBlocks => match self.own_header(message) {
                Some(header) => {
                    let twin = self.twin(header);
                    self.split(message, &Arc::new(Message::Candidate(twin)), others)
                }
                None => honest(),
            },
            Behaviour::HeaderToSome if self.own_header(message).is_some() => {
                let chosen = others.get(self.random.index(others.len()));
                chosen
                    .map(|to| (*to, Arc::clone(message)))
                    .into_iter()
                    .collect()
            }
            Behaviour::LateHeader if self.own_header(message).is_some() => {
                let half = self.random.indices(others.len(), others.len().div_ceil(2));
                half.iter()
                    .filter_map(|place| others.get(*place))
                    .map(|to| (*to, Arc::clone(message)))
                    .collect()
            }
            Behaviour::BodyWithheld if self.is_own_body(message) => Vec::new(),
            Behaviour::HeaderToSome | Behaviour::BodyWithheld | Behaviour::LateHeader => honest(),
            Behaviour::TwoProposals => match self.second_proposal(message) {
                Some(second) => self.split(message, &Arc::new(second), others),
                None => honest(),
            },
            Behaviour::TwoVotes | Behaviour::FinaliseAndNullify => {
                match self
                    .own_vote(message)
                    .and_then(|vote| self.contradiction(vote))
                {
                    Some(other) => self.split(message, &Arc::new(other), others),
                    None => honest(),
                }
            }
            Behaviour::FalseCarry | Behaviour::MissAgainstCandidates => {
                match self.own_vote(message).and_then(|vote| self.replaced(vote)) {
                    Some(other) => {
                        let other = Arc::new(other);
                        others.iter().map(|to| (*to, Arc::clone(&other))).collect()
                    }
                    None => honest(),
                }
            }
            Behaviour::Flooding => {
                let mut sent: Sent = honest();
                if let Some(vote) = self.own_vote(message).cloned() {
                    self.flood(&vote, others, &mut sent);
                }
                sent
            }
        }
    }

    /// By how many milliseconds a message of its node is held back.
    #[must_use]
    pub fn holds_back_ms(&mut self, message: &Message) -> u64 {
        if !self.is_active {
            0
        } else if self.behaviour == Behaviour::LateHeader && self.own_header(message).is_some() {
            let early = self.choice_ms.saturating_sub(20);
            self.random.between(early, self.choice_ms + 5)
        } else if self.behaviour == Behaviour::LateVotes {
            self.part.holds_back_ms(message)
        } else {
            0
        }
    }

    /// The body of a second block, if that is what is asked for.
    fn second_body(&self, message: &Message) -> Option<Arc<Message>> {
        let Message::Ask(Request::Body { id }) = message else {
            return None;
        };
        let body = self.bodies.get(id)?;
        Some(Arc::new(Message::Body(body.clone())))
    }

    fn own_header<'a>(&self, message: &'a Message) -> Option<&'a Envelope<Header>> {
        match message {
            Message::Candidate(header) if header.signer == self.key.public_key() => Some(header),
            _ => None,
        }
    }

    fn own_vote<'a>(&self, message: &'a Message) -> Option<&'a Vote> {
        match message {
            Message::Vote(vote) if vote.signer == self.key.public_key() => Some(&vote.content),
            _ => None,
        }
    }

    fn is_own_body(&self, message: &Message) -> bool {
        matches!(message, Message::Body(block) if block.header.signer == self.key.public_key())
    }

    /// One half gets the one, the other half the other; one in four gets both.
    fn split(&mut self, one: &Arc<Message>, other: &Arc<Message>, others: &[usize]) -> Sent {
        let mut sent = Vec::new();
        for to in others {
            let choice = self.random.below(8);
            if choice < 5 {
                sent.push((*to, Arc::clone(one)));
            }
            if choice >= 3 {
                sent.push((*to, Arc::clone(other)));
            }
        }
        sent
    }

    /// Another block for the same slot: without operations if there were any, otherwise one whose
    /// body nobody has.
    fn twin(&mut self, header: &Envelope<Header>) -> Envelope<Header> {
        let mut content = header.content.clone();
        let has_body = content.operation_count > 0 || !content.endorsements.is_empty();
        if content.operation_count == 0 {
            content.endorsements.clear();
        }
        content.operation_count = 0;
        content.operations_hash = operations_hash([]);
        if !has_body {
            content.operation_count = 1;
            content.operations_hash = Hash([u8::MAX; 32]);
        }
        let twin: SignedHeader = Signed::sign(content, &self.key, &self.chain_id);
        if has_body {
            let body = BlockEnvelope {
                header: twin.envelope().clone(),
                operations: Vec::new(),
            };
            self.bodies.insert(twin.id(), body);
            self.new_blocks.push(Block {
                header: Arc::new(twin.clone()),
                operations: Vec::new(),
            });
        }
        twin.into_envelope()
    }

    fn second_proposal(&self, message: &Message) -> Option<Message> {
        let Message::Proposal {
            proposal,
            justification,
        } = message
        else {
            return None;
        };
        if proposal.signer != self.key.public_key() {
            return None;
        }
        let content = RoundProposal {
            value: other_value(proposal.content.slot, proposal.content.value),
            ..proposal.content.clone()
        };
        let second: SignedProposal = Signed::sign(content, &self.key, &self.chain_id);
        Some(Message::Proposal {
            proposal: second.into_envelope(),
            justification: justification.clone(),
        })
    }

    fn contradiction(&self, vote: &Vote) -> Option<Message> {
        let ballot = match (self.behaviour, vote.ballot) {
            (Behaviour::TwoVotes, Ballot::Notarise { value, carry }) => Ballot::Notarise {
                value: other_value(vote.slot, value),
                carry,
            },
            (Behaviour::FinaliseAndNullify, Ballot::Finalise { .. }) => Ballot::Nullify,
            (Behaviour::FinaliseAndNullify, Ballot::Nullify) => Ballot::Finalise {
                value: miss(vote.slot),
            },
            _ => return None,
        };
        Some(self.vote(vote, vote.slot, vote.round, ballot))
    }

    fn replaced(&self, vote: &Vote) -> Option<Message> {
        let Ballot::Notarise { value, carry } = vote.ballot else {
            return None;
        };
        let ballot = match self.behaviour {
            Behaviour::FalseCarry if vote.round > 0 => Ballot::Notarise {
                value: other_value(vote.slot, value),
                // Of two lies about a value that is carried on, what was notarised disproves the one,
                // and a decision alone the other.
                carry: match carry {
                    Carry::Free => Carry::From { round: 0 },
                    Carry::From { round } if vote.slot.period.is_multiple_of(2) => {
                        Carry::From { round }
                    }
                    Carry::From { .. } => Carry::Free,
                },
            },
            Behaviour::MissAgainstCandidates if value.block().is_some() => Ballot::Notarise {
                value: miss(vote.slot),
                carry,
            },
            _ => return None,
        };
        Some(self.vote(vote, vote.slot, vote.round, ballot))
    }

    fn vote(&self, like: &Vote, slot: Slot, round: u32, ballot: Ballot) -> Message {
        let content = Vote {
            slot,
            round,
            ballot,
            ..like.clone()
        };
        let vote: SignedVote = Signed::sign(content, &self.key, &self.chain_id);
        Message::Vote(vote.into_envelope())
    }

    fn flood(&mut self, vote: &Vote, others: &[usize], sent: &mut Sent) {
        for _ in 0..FLOOD {
            let far = Slot::new(
                vote.slot.period + self.random.below(1_000),
                vote.slot.thread,
            );
            let round = u32::try_from(self.random.below(100_000)).unwrap_or(0);
            let mut bytes = [0; 32];
            bytes.fill_with(|| u8::try_from(self.random.below(256)).unwrap_or(0));
            let id = BlockId::from_hash(Hash(bytes));
            let value = Value::Block { id };
            let message = match self.random.below(6) {
                0 => self.vote(vote, far, round, Ballot::Nullify),
                1 => self.vote(vote, vote.slot, round, Ballot::Finalise { value }),
                2 => Message::Have {
                    slot: far,
                    round,
                    subject: CertificateSubject::Notarise { value },
                },
                3 => Message::Ask(Request::Body { id }),
                4 => Message::Ask(Request::Outcomes {
                    thread: vote.slot.thread,
                    period: self.random.below(1_000),
                }),
                _ => self.far_header(far, id),
            };
            let message = Arc::new(message);
            sent.extend(others.iter().map(|to| (*to, Arc::clone(&message))));
        }
    }

    fn far_header(&self, slot: Slot, parent: BlockId) -> Message {
        let content = Header {
            version: 1,
            slot,
            parents: vec![parent],
            operations_hash: operations_hash([]),
            operation_count: 0,
            endorsements: Vec::new(),
            denunciations: Vec::new(),
        };
        let header: SignedHeader = Signed::sign(content, &self.key, &self.chain_id);
        Message::Candidate(header.into_envelope())
    }
}

const fn miss(slot: Slot) -> Value {
    Value::Miss {
        through: slot.period,
    }
}

const fn other_value(slot: Slot, value: Value) -> Value {
    match value {
        Value::Block { .. } => miss(slot),
        Value::Miss { .. } => Value::Block {
            id: BlockId::from_hash(Hash([7; 32])),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;
    use picot_models::ThreadDigest;

    const OTHERS: [usize; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    fn actor(behaviour: Behaviour) -> Actor {
        let genesis = SimConfig::new(1, 17).genesis();
        Actor::new(Role {
            behaviour,
            key: SimConfig::key(0),
            crew: Crew::of(&[(0, behaviour)], 17),
            chain_id: genesis.chain_id(),
            params: genesis.params,
            random: Random::new(1, "actor"),
        })
    }

    /// A vote of validator `signer`, as its honest node sends it.
    fn vote(signer: usize, round: u32, ballot: Ballot) -> Arc<Message> {
        let chain_id = SimConfig::new(1, 4).genesis().chain_id();
        let content = Vote {
            version: 1,
            slot: Slot::new(1, 0),
            round,
            thread_digest: ThreadDigest::genesis(&chain_id, 0),
            ballot,
        };
        let vote: SignedVote = Signed::sign(content, &SimConfig::key(signer), &chain_id);
        Arc::new(Message::Vote(vote.into_envelope()))
    }

    fn notarise() -> Ballot {
        Ballot::Notarise {
            value: miss(Slot::new(1, 0)),
            carry: Carry::Free,
        }
    }

    /// The different votes among what leaves.
    fn votes(sent: &Sent) -> Vec<Vote> {
        let mut votes: Vec<Vote> = Vec::new();
        for (_, message) in sent {
            if let Message::Vote(vote) = message.as_ref()
                && !votes.contains(&vote.content)
            {
                votes.push(vote.content.clone());
            }
        }
        votes
    }

    #[test]
    fn two_votes_of_a_round_contradict_each_other_and_some_see_both() {
        for (behaviour, ballot) in [
            (Behaviour::TwoVotes, notarise()),
            (Behaviour::FinaliseAndNullify, Ballot::Nullify),
        ] {
            let sent = actor(behaviour).outgoing(&vote(0, 0, ballot), &OTHERS);
            let votes = votes(&sent);
            assert!(votes[0].contradicts(&votes[1]), "{behaviour:?}");
            assert!(sent.len() > OTHERS.len(), "{behaviour:?}");
        }
    }

    #[test]
    fn what_others_signed_is_passed_on_as_it_is() {
        for behaviour in Behaviour::ALL {
            let message = vote(1, 1, notarise());
            let sent = actor(behaviour).outgoing(&message, &OTHERS);
            let is_same = sent.iter().all(|(_, sent)| *sent == message);
            assert!(is_same, "{behaviour:?}");
            assert_eq!(sent.is_empty(), behaviour == Behaviour::Silent);
        }
    }

    #[test]
    fn a_false_carry_is_another_than_the_node_relied_on() {
        let mut actor = actor(Behaviour::FalseCarry);
        let sent = actor.outgoing(&vote(0, 1, notarise()), &OTHERS);
        let votes = votes(&sent);
        assert_eq!(votes.len(), 1);
        let Ballot::Notarise { carry, .. } = votes[0].ballot else {
            panic!("not a notarise vote");
        };
        assert_eq!(carry, Carry::From { round: 0 });
    }

    #[test]
    fn who_does_not_misbehave_now_says_what_its_node_says() {
        for behaviour in Behaviour::ALL {
            let mut actor = actor(behaviour);
            actor.set_active(false);
            let message = vote(0, 0, notarise());
            let sent = actor.outgoing(&message, &OTHERS);
            assert_eq!(sent.len(), OTHERS.len(), "{behaviour:?}");
            assert!(sent.iter().all(|(_, sent)| *sent == message));
            assert_eq!(actor.holds_back_ms(&message), 0);
        }
    }

    #[test]
    fn second_blocks_are_given_to_who_asks_by_the_node_and_by_the_actor() {
        let mut actor = actor(Behaviour::TwoBlocks);
        let chain_id = SimConfig::new(1, 17).genesis().chain_id();
        let content = Header {
            version: 1,
            slot: Slot::new(1, 0),
            parents: Vec::new(),
            operations_hash: Hash([1; 32]),
            operation_count: 1,
            endorsements: Vec::new(),
            denunciations: Vec::new(),
        };
        let own: SignedHeader = Signed::sign(content, &SimConfig::key(0), &chain_id);
        let message = Arc::new(Message::Candidate(own.envelope().clone()));
        let sent = actor.outgoing(&message, &OTHERS);
        let [twin] = actor.take_own_blocks().try_into().unwrap();
        let announced = Message::Candidate(twin.header.envelope().clone());
        assert!(sent.iter().any(|(_, sent)| **sent == announced));
        assert!(twin.matches_header() && actor.take_own_blocks().is_empty());
        let question = Message::Ask(Request::Body { id: twin.id() });
        let answers = actor.incoming(3, &question);
        let [(3, answer)] = &answers[..] else {
            panic!("{answers:?}");
        };
        assert!(matches!(&**answer, Message::Body(body) if body.header == *twin.header.envelope()));
    }

    #[test]
    fn a_withheld_block_is_given_to_nobody_and_others_are() {
        let block = |validator| {
            let chain_id = SimConfig::new(1, 17).genesis().chain_id();
            let content = Header {
                version: 1,
                slot: Slot::new(1, 0),
                parents: Vec::new(),
                operations_hash: operations_hash([]),
                operation_count: 0,
                endorsements: Vec::new(),
                denunciations: Vec::new(),
            };
            Block {
                header: Arc::new(Signed::sign(content, &SimConfig::key(validator), &chain_id)),
                operations: Vec::new(),
            }
        };
        let mut withholding = actor(Behaviour::BodyWithheld);
        assert!(!withholding.gives(&block(0)) && withholding.gives(&block(1)));
        assert!(actor(Behaviour::TwoBlocks).gives(&block(0)));
        withholding.set_active(false);
        assert!(withholding.gives(&block(0)));
    }

    #[test]
    fn who_is_silent_shakes_hands_and_says_nothing() {
        let parcel = |packet| Parcel::new(Arc::new(picot_protocol::Frame::new(packet)));
        let hello = picot_protocol::Packet::Hello(picot_protocol::Hello {
            version: 1,
            chain_id: SimConfig::new(1, 17).genesis().chain_id(),
            agent: String::new(),
        });
        let mut actor = actor(Behaviour::Silent);
        assert_eq!(actor.parcels(parcel(hello)).len(), 1);
        let question = picot_protocol::Packet::GetBlock(BlockId::from_hash(Hash([7; 32])));
        assert!(actor.parcels(parcel(question.clone())).is_empty());
        assert!(!actor.relays(&vote(1, 0, notarise())));
        actor.set_active(false);
        assert_eq!(actor.parcels(parcel(question)).len(), 1);
    }

    #[test]
    fn a_flood_comes_with_each_own_vote() {
        let sent = actor(Behaviour::Flooding).outgoing(&vote(0, 0, notarise()), &OTHERS);
        assert_eq!(sent.len(), OTHERS.len() * 13);
    }
}
