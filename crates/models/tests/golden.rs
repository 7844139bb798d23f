//! The canonical bytes and the ids of one example of every type. A change of bytes must be seen in
//! review: `INSTA_UPDATE=always cargo test -p picot-models --test golden` writes them anew.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use picot_models::mocks::{address, chain_id, key};
use picot_models::text::Text;
use picot_models::{
    Address, Ballot, BlockEnvelope, Carry, ChainParams, Hash, Slot, ThreadDigest, Value,
    operations_hash,
};
use picot_serialization::{Encode, decode_exact};
use std::fmt::Write;
use support::{CHAIN, block_value, certificate, vote};

fn hex(value: &impl Encode) -> String {
    value
        .to_bytes()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
}

#[derive(Default)]
struct Table(String);

impl Table {
    fn add(&mut self, name: &str, value: &impl Encode) {
        writeln!(self.0, "{name}\n    {}", hex(value)).unwrap();
    }

    fn add_with_id(&mut self, name: &str, value: &impl Encode, id: &impl ToString) {
        self.add(name, value);
        writeln!(self.0, "    {}", id.to_string()).unwrap();
    }
}

#[test]
fn bytes_and_ids_of_signed_objects_are_pinned() {
    let chain = chain_id(CHAIN);
    let mut table = Table::default();
    for (name, operation) in support::operations() {
        table.add_with_id(
            &format!("operation {name}"),
            &operation,
            &operation.id(&chain),
        );
    }
    let endorsement = support::endorsement(1);
    table.add_with_id("endorsement", &endorsement, &endorsement.id(&chain));
    let header = support::header();
    table.add_with_id("header", &header, &header.id(&chain));
    let block = support::full_block();
    table.add_with_id("block", &block, &block.id());
    for (name, ballot) in [
        (
            "notarise",
            Ballot::Notarise {
                value: block_value(1),
                carry: Carry::From { round: 0 },
            },
        ),
        (
            "notarise miss",
            Ballot::Notarise {
                value: Value::Miss { through: 6 },
                carry: Carry::Free,
            },
        ),
        ("nullify", Ballot::Nullify),
        (
            "finalise",
            Ballot::Finalise {
                value: block_value(1),
            },
        ),
    ] {
        let vote = vote(3, ballot);
        table.add_with_id(&format!("vote {name}"), &vote, &vote.id());
    }
    let proposal = support::proposal(block_value(1));
    table.add_with_id("round proposal", &proposal, &proposal.id(&chain));
    let checkpoint = support::checkpoint(1);
    table.add_with_id("checkpoint", &checkpoint, &checkpoint.id(&chain));
    for (name, denunciation) in support::denunciations() {
        table.add_with_id(
            &format!("denunciation {name}"),
            &denunciation,
            &denunciation.id(&chain),
        );
    }
    insta::assert_snapshot!(table.0);
}

#[test]
fn bytes_of_proofs_are_pinned() {
    let mut table = Table::default();
    table.add(
        "certificate notarise",
        &certificate(Ballot::Notarise {
            value: block_value(1),
            carry: Carry::Free,
        }),
    );
    table.add("certificate nullify", &certificate(Ballot::Nullify));
    table.add("outcome", &support::outcome());
    table.add("justification", &support::justification());
    table.add("checkpoint certificate", &support::checkpoint_certificate());
    insta::assert_snapshot!(table.0);
}

#[test]
fn genesis_and_what_is_derived_from_it_are_pinned() {
    let genesis = support::small_genesis();
    let mut table = Table::default();
    table.add("production parameters", &ChainParams::production());
    table.add("development parameters", &ChainParams::dev());
    table.add_with_id("genesis", &genesis, &genesis.chain_id());
    for thread in 0..2 {
        let block = genesis.block(thread);
        table.add_with_id(
            &format!("genesis block of thread {thread}"),
            &block,
            &block.id(),
        );
    }
    table.add("genesis seed of cycle 1", &genesis.seed(1));
    table.add("validator set hash", &support::validators().hash());
    let digest = ThreadDigest::genesis(&genesis.chain_id(), 1);
    table.add("thread digest at genesis", &digest);
    table.add(
        "thread digest after a miss",
        &digest.after(Slot::new(1, 1), &Value::Miss { through: 1 }),
    );
    table.add("operations hash of nothing", &operations_hash([]));
    insta::assert_snapshot!(table.0);
}

#[test]
fn text_forms_are_pinned() {
    let contract = Address::of_contract(&address(1), Slot::new(3, 1), 2);
    let hash = Hash([7; 32]);
    let lines = [
        address(1).to_text(),
        contract.to_text(),
        key(1).public_key().to_text(),
        picot_models::text::export_secret_key(&key(1)),
        picot_models::BlockId::from(hash).to_text(),
        picot_models::OperationId::from(hash).to_text(),
        picot_models::EndorsementId::from(hash).to_text(),
        picot_models::DenunciationId::from(hash).to_text(),
        key(1).sign(&hash).to_text(),
        picot_models::ChainId::from(hash).to_text(),
    ];
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_genesis_file_is_pinned_and_read_back() {
    let genesis = support::small_genesis();
    let text = serde_json::to_string_pretty(&genesis).unwrap();
    assert_eq!(
        serde_json::from_str::<picot_models::Genesis>(&text).unwrap(),
        genesis
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_block_on_the_wire_is_the_block_identified() {
    let block = support::full_block();
    let envelope: BlockEnvelope = decode_exact(&block.to_bytes()).unwrap();
    assert_eq!(envelope.identify(&chain_id(CHAIN)), block);
}
