//! The wire form of every message: its laws and its golden bytes.

use crate::worker::envelope;
use crate::{Message, Request};
use picot_models::mocks::{address, block, chain_id, key, key_in_thread, transfer};
use picot_models::{
    Ballot, Carry, Certificate, Hash, Justification, Outcome, RoundProposal, Signed, SignedVote,
    Slot, ThreadDigest, ValidatorSet, Value, Vote,
};
use picot_serialization::Encode;
use picot_serialization::testing::{
    check_appended, check_canonical, check_round_trip, check_truncated,
};

const SLOT: Slot = Slot::new(300, 1);
const DIGEST: ThreadDigest = ThreadDigest {
    hash: Hash([7; 32]),
};
const MISS: Value = Value::Miss { through: 301 };

fn vote(signer: u64, round: u32, ballot: Ballot) -> SignedVote {
    let vote = Vote {
        version: 1,
        slot: SLOT,
        round,
        thread_digest: DIGEST,
        ballot,
    };
    Signed::sign(vote, &key(signer), &chain_id(1))
}

fn certificate(round: u32, ballot: Ballot) -> Certificate {
    let rolls = (1..=4).map(|number| (address(number), number)).collect();
    let validators = ValidatorSet::new(0, &rolls).unwrap();
    let votes: Vec<_> = (2..=4).map(|signer| vote(signer, round, ballot)).collect();
    Certificate::from_votes(&votes, &validators).unwrap()
}

/// One of each, made of the same keys each time.
fn samples() -> Vec<(&'static str, Message)> {
    let sender = key_in_thread(1, 4, 50);
    let operation = transfer(&sender, address(9), 1, 1, 305, &chain_id(1));
    let block = block(&key(1), SLOT, Vec::new(), vec![operation], &chain_id(1));
    let id = block.id();
    let value = Value::Block { id };
    let carry = Carry::From { round: 1 };
    let free = Carry::Free;
    let notarised = certificate(
        0,
        Ballot::Notarise {
            value: MISS,
            carry: free,
        },
    );
    let subject = notarised.subject;
    let decision = certificate(0, Ballot::Finalise { value });
    let outcome = Outcome::new(decision).unwrap();
    let proposal = RoundProposal {
        version: 1,
        slot: SLOT,
        round: 2,
        thread_digest: DIGEST,
        value: MISS,
        carry: Carry::From { round: 0 },
    };
    let vote = |ballot| Message::Vote(vote(1, 2, ballot).into_envelope());
    vec![
        (
            "candidate",
            Message::Candidate(block.header.envelope().clone()),
        ),
        ("notarise", vote(Ballot::Notarise { value, carry })),
        ("nullify", vote(Ballot::Nullify)),
        ("finalise", vote(Ballot::Finalise { value: MISS })),
        (
            "proposal",
            Message::Proposal {
                proposal: Signed::sign(proposal, &key(2), &chain_id(1)).into_envelope(),
                justification: Justification {
                    notarised: Some(notarised),
                    nullified: vec![certificate(1, Ballot::Nullify)],
                },
            },
        ),
        (
            "certificate",
            Message::Certificate(certificate(3, Ballot::Nullify)),
        ),
        (
            "have",
            Message::Have {
                slot: SLOT,
                round: 1,
                subject,
            },
        ),
        (
            "outcome",
            Message::Outcome {
                outcome: outcome.clone(),
                block: None,
            },
        ),
        (
            "outcome with block",
            Message::Outcome {
                outcome,
                block: Some(envelope(&block)),
            },
        ),
        (
            "ask certificate",
            Message::Ask(Request::Certificate {
                slot: SLOT,
                round: 1,
                subject,
            }),
        ),
        (
            "ask outcomes",
            Message::Ask(Request::Outcomes {
                thread: 3,
                period: 300,
            }),
        ),
        ("ask body", Message::Ask(Request::Body { id })),
        ("body", Message::Body(envelope(&block))),
        ("body not held", Message::NotHeld(Request::Body { id })),
        (
            "outcomes not held",
            Message::NotHeld(Request::Outcomes {
                thread: 3,
                period: 300,
            }),
        ),
    ]
}

#[test]
fn every_message_keeps_the_laws_of_the_codec() {
    for (_, message) in samples() {
        check_round_trip(&message);
        check_truncated(&message);
        check_appended(&message);
    }
    assert!(!check_canonical::<Message>(&[9]));
    assert!(!check_canonical::<Message>(&[6, 3]));
}

#[test]
fn the_bytes_of_every_message_are_these() {
    let lines: Vec<String> = samples()
        .iter()
        .map(|(name, message)| {
            let bytes = message.to_bytes();
            format!(
                "{name}: {} bytes, {}",
                bytes.len(),
                picot_crypto::Context::Test.hash(&bytes)
            )
        })
        .collect();
    assert_eq!(lines.join("\n"), include_str!("messages.golden").trim_end());
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_message_in_its_canonical_form_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..200)
        ) {
            check_canonical::<Message>(&bytes);
        }
    }
}
