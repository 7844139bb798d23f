//! The bytes of messages. A change of bytes must be seen in review:
//! `INSTA_UPDATE=always cargo test -p picot-bootstrap codecs` writes them anew.

use super::state::SOURCE;
use crate::{ChunkInfo, Message, Question, Refusal};
use picot_clock::Millis;
use picot_crypto::{Context, Hash};
use picot_ledger::LatticeHash;
use picot_models::Slot;
use picot_serialization::Encode;
use picot_serialization::testing::check_value;
use std::fmt::Write;

fn one_of_each() -> Vec<Message> {
    let (index, slot) = (Hash([3; 32]), Slot::new(7, 1));
    let start = SOURCE.chain.start(1);
    let step = SOURCE.chain.ends[0].clone();
    let hash = start.checkpoint.hash(&SOURCE.chain.id());
    let questions = [
        Question::Chain(slot),
        Question::Start(hash),
        Question::Offers,
        Question::Certificate(slot),
        Question::Index { index, first: 300 },
        Question::Chunk { index, number: 9 },
    ];
    let mut sum = LatticeHash::new();
    sum.add(b"key", b"value");
    let mut messages: Vec<_> = questions.into_iter().map(Message::Ask).collect();
    messages.extend([
        Message::Chain {
            after: slot,
            steps: vec![step.clone()],
        },
        Message::Start { hash, start },
        Message::Offers(vec![SOURCE.indices[0].offer(SOURCE.checkpoint(0))]),
        Message::Certificate {
            slot,
            certificate: step.certificate,
        },
        Message::Index {
            index,
            first: 0,
            chunks: vec![ChunkInfo {
                first_key: vec![1, 2],
                pairs: 1,
                bytes: 10,
                sum,
            }],
        },
        Message::Chunk {
            index,
            number: 1,
            pairs: vec![1, 2, 0],
        },
        Message::Refused {
            question: Question::Offers,
            refusal: Refusal::Busy(Millis(1_000)),
        },
        Message::Refused {
            question: Question::Chunk { index, number: 1 },
            refusal: Refusal::NotHere,
        },
    ]);
    messages
}

#[test]
fn bytes_of_messages_are_pinned_and_keep_the_laws_of_codecs() {
    let mut table = String::new();
    for message in one_of_each() {
        check_value(&message);
        let bytes = message.to_bytes();
        let hash = Context::Test.hash(&bytes);
        writeln!(table, "{} bytes, {hash}: {message:?}", bytes.len()).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn an_answer_names_its_question_and_a_question_none() {
    for message in one_of_each() {
        let is_question = matches!(message, Message::Ask(_));
        assert_eq!(message.answers().is_none(), is_question, "{message:?}");
    }
}
