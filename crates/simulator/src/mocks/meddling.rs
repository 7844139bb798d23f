//! Validators that misuse what carries messages: packets that are none, answers that are wrong or that
//! nobody asked for, questions without end.

use super::byzantine::Behaviour;
use super::false_states;
use crate::random::Random;
use picot_consensus::{Message, Request};
use picot_crypto::Hash;
use picot_models::{
    Amount, BlockId, ChainId, Envelope, Operation, OperationId, OperationKind, SecretKey, Signed,
    SignedOperation,
};
use picot_protocol::{
    Frame, Hello, Lane, MAX_ANNOUNCED, MAX_TAGS, Packet, Prefix, SharedMessage, ShortBlock, Status,
    Tag,
};
use std::sync::Arc;

pub use crate::packet::Parcel;

/// Questions that are added to each packet by who asks without end.
const QUESTIONS: usize = 8;
/// Of a million packets, those to which something bad is added.
const BAD_PER_MILLION: u64 = 250_000;

/// What a validator makes of the packets of its node.
#[derive(Debug)]
pub(super) struct Meddler {
    behaviour: Behaviour,
    key: SecretKey,
    chain_id: ChainId,
    random: Random,
    /// The same ones all the time.
    questions: Vec<Parcel>,
}

impl Meddler {
    pub(super) const fn new(
        behaviour: Behaviour,
        key: SecretKey,
        chain_id: ChainId,
        random: Random,
    ) -> Self {
        Self {
            behaviour,
            key,
            chain_id,
            random,
            questions: Vec::new(),
        }
    }

    /// What leaves in the place of a packet.
    pub(super) fn parcels(&mut self, parcel: Parcel) -> Vec<Parcel> {
        if parcel.is_handshake() {
            return vec![parcel];
        }
        match self.behaviour {
            Behaviour::WrongOperations => vec![self.falsified(parcel)],
            Behaviour::Garbage if self.random.chance(BAD_PER_MILLION) => {
                vec![parcel, self.garbage()]
            }
            Behaviour::Unasked if self.random.chance(BAD_PER_MILLION) => {
                vec![parcel, self.unasked()]
            }
            Behaviour::Asking => {
                if self.questions.is_empty() {
                    self.questions = self.make_questions();
                }
                let questions = self.questions.iter().cloned();
                std::iter::once(parcel).chain(questions).collect()
            }
            Behaviour::FalseStates(lie) => false_states::parcels(lie, &mut self.random, parcel),
            _ => vec![parcel],
        }
    }

    fn hash(&mut self) -> Hash {
        let mut bytes = [0; 32];
        bytes.fill_with(|| u8::try_from(self.random.below(256)).unwrap_or(0));
        Hash(bytes)
    }

    fn eight_bytes(&mut self) -> [u8; 8] {
        self.random.below(u64::MAX).to_le_bytes()
    }

    fn block_id(&mut self) -> BlockId {
        BlockId::from_hash(self.hash())
    }

    /// What no honest node ever sends.
    fn garbage(&mut self) -> Parcel {
        let id = self.block_id();
        match self.random.below(6) {
            0 => Parcel::Noise(self.random.index(1_000)),
            1 => Parcel::Frame {
                lane: Lane::Bulk,
                frame: Arc::new(Frame::new(Packet::GetBlock(id))),
            },
            2 => parcel(Packet::Hello(Hello {
                version: picot_protocol::PROTOCOL_VERSION,
                chain_id: self.chain_id,
                agent: "again".to_owned(),
            })),
            3 => parcel(Packet::GetBlockOperations {
                id,
                places: vec![1, 0],
            }),
            4 => parcel(Packet::Status(Status {
                sent_at_ms: 0,
                echo: None,
                decided: Vec::new(),
                serves_from: 0,
            })),
            _ => parcel(Packet::Endorsements(Vec::new())),
        }
    }

    /// An answer to a question that was not asked.
    fn unasked(&mut self) -> Parcel {
        let id = self.block_id();
        parcel(match self.random.below(3) {
            0 => Packet::BlockIds {
                id,
                operations: vec![OperationId::from_hash(self.hash())],
            },
            1 => Packet::BlockOperations {
                id,
                operations: vec![self.operation().envelope().clone()],
            },
            _ => Packet::NotHeld(id),
        })
    }

    /// Questions for what nobody has, as many as fit in.
    fn make_questions(&mut self) -> Vec<Parcel> {
        let prefixes = |meddler: &mut Self| {
            let prefixes = (0..MAX_ANNOUNCED).map(|_| Prefix(meddler.eight_bytes()));
            Packet::GetOperations(prefixes.collect())
        };
        let tags = |meddler: &mut Self| {
            Packet::Want((0..MAX_TAGS).map(|_| Tag(meddler.eight_bytes())).collect())
        };
        let mut questions: Vec<Packet> = (0..QUESTIONS).map(|_| prefixes(self)).collect();
        questions.push(tags(self));
        questions.push(Packet::GetBlock(self.block_id()));
        let outcomes = Message::Ask(Request::Outcomes {
            thread: 0,
            period: 1,
        });
        questions.push(Packet::Consensus(SharedMessage(Arc::new(outcomes))));
        questions.into_iter().map(parcel).collect()
    }

    /// The same packet, but for operations that are not those of the block, or badly signed.
    fn falsified(&mut self, original: Parcel) -> Parcel {
        let Parcel::Frame { frame, .. } = &original else {
            return original;
        };
        parcel(match frame.packet() {
            Packet::Candidate {
                header,
                operations: Some(_),
            } if header.content.operation_count > 0 => {
                let prefixes = (0..header.content.operation_count)
                    .map(|_| Prefix(self.eight_bytes()))
                    .collect();
                Packet::Candidate {
                    header: header.clone(),
                    operations: Some(ShortBlock(prefixes)),
                }
            }
            Packet::BlockIds { id, operations } if !operations.is_empty() => {
                let ids = operations.iter();
                let operations = ids.map(|_| OperationId::from_hash(self.hash()));
                Packet::BlockIds {
                    id: *id,
                    operations: operations.collect(),
                }
            }
            Packet::BlockOperations { id, operations } => Packet::BlockOperations {
                id: *id,
                operations: self.false_operations(operations),
            },
            Packet::Operations(operations) => {
                Packet::Operations(operations.iter().map(badly_signed).collect())
            }
            _ => return original,
        })
    }

    /// Others, or the same with bad signatures.
    fn false_operations(&mut self, operations: &[Envelope<Operation>]) -> Vec<Envelope<Operation>> {
        if self.random.below(2) == 0 {
            return operations.iter().map(badly_signed).collect();
        }
        let others = operations.iter().map(|_| self.operation());
        others.map(|other| other.envelope().clone()).collect()
    }

    /// An operation that is in no block.
    fn operation(&mut self) -> SignedOperation {
        let content = Operation {
            fee: Amount::from_nanos(self.random.below(1_000)),
            expire_period: 1,
            kind: OperationKind::RollBuy { roll_count: 1 },
        };
        Signed::sign(content, &self.key, &self.chain_id)
    }
}

fn parcel(packet: Packet) -> Parcel {
    Parcel::new(Arc::new(Frame::new(packet)))
}

fn badly_signed(operation: &Envelope<Operation>) -> Envelope<Operation> {
    let mut operation = operation.clone();
    if let Some(byte) = operation.signature.0.first_mut() {
        *byte ^= 1;
    }
    operation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimConfig;

    fn meddler(behaviour: Behaviour) -> Meddler {
        let chain_id = SimConfig::new(1, 4).genesis().chain_id();
        let random = Random::new(1, "meddler");
        Meddler::new(behaviour, SimConfig::key(0), chain_id, random)
    }

    fn sent(parcels: &[Parcel]) -> Vec<&Packet> {
        let packets = parcels.iter().filter_map(|parcel| match parcel {
            Parcel::Frame { frame, .. } => Some(frame.packet()),
            Parcel::Noise(_) => None,
        });
        packets.collect()
    }

    #[test]
    fn the_packets_of_a_node_leave_all_the_same_with_something_added() {
        let id = BlockId::from_hash(Hash([3; 32]));
        for behaviour in [Behaviour::Garbage, Behaviour::Unasked, Behaviour::Asking] {
            let mut meddler = meddler(behaviour);
            let mut added = 0;
            for _ in 0..100 {
                let parcels = meddler.parcels(parcel(Packet::NotHeld(id)));
                assert_eq!(sent(&parcels)[0], &Packet::NotHeld(id));
                added += parcels.len() - 1;
            }
            assert!(added >= 10, "{behaviour:?}");
        }
    }

    #[test]
    fn false_operations_are_others_or_badly_signed() {
        let mut meddler = meddler(Behaviour::WrongOperations);
        let id = BlockId::from_hash(Hash([3; 32]));
        let operation = meddler.operation();
        for _ in 0..20 {
            let answer = Packet::BlockOperations {
                id,
                operations: vec![operation.envelope().clone()],
            };
            let parcels = meddler.parcels(parcel(answer));
            let [Packet::BlockOperations { operations, .. }] = sent(&parcels)[..] else {
                panic!("another packet");
            };
            let is_other = operations[0].content != *operation.content();
            assert!(is_other || operations[0].signature != *operation.signature());
        }
    }

    #[test]
    fn handshakes_are_not_meddled_with() {
        let hello = Packet::Hello(Hello {
            version: 1,
            chain_id: SimConfig::new(1, 4).genesis().chain_id(),
            agent: String::new(),
        });
        for behaviour in Behaviour::MEDDLING {
            let parcels = meddler(behaviour).parcels(parcel(hello.clone()));
            assert_eq!(sent(&parcels), [&hello]);
        }
    }
}
