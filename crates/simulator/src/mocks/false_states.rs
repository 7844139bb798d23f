//! A node that lies about states to those who are far behind: at each step of a bootstrap there is one
//! lie (design 10, 'Must be shown').

use crate::packet::Parcel;
use crate::random::Random;
use picot_bootstrap::{Message, Refusal};
use picot_clock::Millis;
use picot_crypto::Hash;
use picot_protocol::{Frame, Packet, Status};
use picot_serialization::{Encode, decode_exact};
use std::sync::Arc;

/// Answers that are made of one by who answers without end.
const ENDLESS: usize = 4;

/// What a liar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateLie {
    /// Certificates of another state.
    WrongCertificate,
    /// Other rolls than those that a checkpoint names.
    WrongRolls,
    /// A state that has not the certified hash.
    WrongOffer,
    /// The right state, with an index that nobody has.
    WrongIndexHash,
    /// Lists of chunks that say something else of one of them.
    WrongIndex,
    /// Chunks with another byte.
    WrongChunk,
    /// Chunks without their last bytes.
    MissingPair,
    /// Chunks that go on.
    ExtraPair,
    /// Each answer several times.
    Endless,
    /// What is no answer.
    Garbage,
    /// Nothing, to whatever is asked.
    Silence,
    /// Always busy.
    Busy,
    /// To be far ahead, and to have everything from the genesis on.
    AllHistory,
    /// To be far ahead, and to have nothing of it.
    FarAhead,
}

impl StateLie {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::WrongCertificate,
        Self::WrongRolls,
        Self::WrongOffer,
        Self::WrongIndexHash,
        Self::WrongIndex,
        Self::WrongChunk,
        Self::MissingPair,
        Self::ExtraPair,
        Self::Endless,
        Self::Garbage,
        Self::Silence,
        Self::Busy,
        Self::AllHistory,
        Self::FarAhead,
    ];
}

/// What leaves a liar in the place of a packet.
pub(super) fn parcels(lie: StateLie, random: &mut Random, parcel: Parcel) -> Vec<Parcel> {
    let Parcel::Frame { frame, .. } = &parcel else {
        return vec![parcel];
    };
    match frame.packet() {
        Packet::Status(status) => vec![status_of(lie, status).unwrap_or(parcel)],
        Packet::State(bytes) => match lie {
            StateLie::Silence => Vec::new(),
            StateLie::Garbage => vec![state(garbage(random))],
            StateLie::Endless => vec![parcel; ENDLESS],
            _ => match decode_exact::<Message>(bytes) {
                Ok(message) => vec![state(told(lie, random, message).to_bytes())],
                Err(_) => vec![parcel],
            },
        },
        _ => vec![parcel],
    }
}

fn state(bytes: Vec<u8>) -> Parcel {
    Parcel::new(Arc::new(Frame::new(Packet::State(bytes))))
}

fn garbage(random: &mut Random) -> Vec<u8> {
    let len = random.index(200);
    (0..len).map(|_| byte(random)).collect()
}

fn byte(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).unwrap_or(0)
}

fn status_of(lie: StateLie, status: &Status) -> Option<Parcel> {
    /// Nobody is so far.
    const AHEAD_PERIODS: u64 = 1_000;
    let serves_from = match lie {
        StateLie::AllHistory => 0,
        StateLie::FarAhead => u64::MAX,
        _ => return None,
    };
    let decided = status.decided.iter().map(|last| last + AHEAD_PERIODS);
    let status = Status {
        decided: decided.collect(),
        serves_from,
        ..status.clone()
    };
    let frame = Frame::new(Packet::Status(status));
    Some(Parcel::new(Arc::new(frame)))
}

/// What is said instead.
fn told(lie: StateLie, random: &mut Random, mut message: Message) -> Message {
    match (lie, &mut message) {
        (StateLie::Busy, _) => {
            if let Some(question) = message.answers() {
                let refusal = Refusal::Busy(Millis(1_000));
                return Message::Refused { question, refusal };
            }
        }
        (StateLie::WrongCertificate, Message::Chain { steps, .. }) => {
            let last = steps.last_mut();
            for signed in last
                .into_iter()
                .flat_map(|it| &mut it.certificate.signatures)
            {
                spoil(&mut signed.content.state_hash);
            }
        }
        (StateLie::WrongRolls, Message::Chain { steps, .. }) => {
            let changes = steps.iter_mut().filter_map(|step| step.change.as_mut());
            for change in changes {
                match change.rolls.first_mut() {
                    Some(validator) => validator.power += 1,
                    None => spoil(&mut change.seed),
                }
            }
        }
        (StateLie::WrongOffer, Message::Offers(offers)) => {
            for offer in offers {
                spoil(&mut offer.checkpoint.state_hash);
            }
        }
        (StateLie::WrongIndexHash, Message::Offers(offers)) => {
            for offer in offers {
                spoil(&mut offer.index);
            }
        }
        (StateLie::WrongIndexHash, Message::Index { index, .. }) => spoil(index),
        (StateLie::WrongIndex, Message::Index { chunks, .. }) => {
            let which = random.index(chunks.len());
            if let Some(chunk) = chunks.get_mut(which) {
                chunk.sum.add(b"key", b"value");
            }
        }
        (StateLie::WrongChunk, Message::Chunk { pairs, .. }) => {
            let which = random.index(pairs.len());
            if let Some(byte) = pairs.get_mut(which) {
                *byte ^= 1;
            }
        }
        (StateLie::MissingPair, Message::Chunk { pairs, .. }) => {
            pairs.truncate(pairs.len() / 2);
        }
        (StateLie::ExtraPair, Message::Chunk { pairs, .. }) => {
            // A key and a value of one byte each, above all keys.
            pairs.extend([1, u8::MAX, 1, byte(random)]);
        }
        _ => {}
    }
    message
}

fn spoil(hash: &mut Hash) {
    if let Some(byte) = hash.0.first_mut() {
        *byte ^= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_bootstrap::Question;
    use picot_models::Slot;

    #[test]
    fn what_is_not_about_states_leaves_as_it_is() {
        let mut random = Random::new(1, "liar");
        for lie in StateLie::ALL {
            let frame = Arc::new(Frame::new(Packet::Have(Vec::new())));
            let sent = parcels(lie, &mut random, Parcel::new(Arc::clone(&frame)));
            assert_eq!(sent.len(), 1);
            assert!(matches!(&sent[0], Parcel::Frame { frame: it, .. } if Arc::ptr_eq(it, &frame)));
        }
    }

    #[test]
    fn each_liar_changes_some_answer_or_its_status() {
        let hash = Hash([7; 32]);
        let messages = [
            Message::Refused {
                question: Question::Chain(Slot::new(3, 1)),
                refusal: Refusal::NotHere,
            },
            Message::Chunk {
                index: hash,
                number: 0,
                pairs: vec![1, 2, 1, 3],
            },
        ];
        let mut random = Random::new(1, "liar");
        for lie in [
            StateLie::WrongChunk,
            StateLie::MissingPair,
            StateLie::ExtraPair,
            StateLie::Endless,
            StateLie::Garbage,
            StateLie::Silence,
            StateLie::Busy,
        ] {
            let is_changed = messages.iter().any(|message| {
                let bytes = message.to_bytes();
                let sent = parcels(lie, &mut random, state(bytes.clone()));
                let same = |parcel: &Parcel| match parcel {
                    Parcel::Frame { frame, .. } => {
                        matches!(frame.packet(), Packet::State(it) if *it == bytes)
                    }
                    Parcel::Noise(_) => false,
                };
                sent.len() != 1 || !sent.iter().all(same)
            });
            assert!(is_changed, "{lie:?}");
        }
        let status = Status {
            sent_at_ms: 1,
            echo: None,
            decided: vec![3, 2],
            serves_from: 2,
        };
        assert!(status_of(StateLie::AllHistory, &status).is_some());
        assert!(status_of(StateLie::WrongChunk, &status).is_none());
    }
}
