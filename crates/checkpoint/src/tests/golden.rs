//! The canonical bytes of one example of every wire type. A change of bytes must be seen in review:
//! `INSTA_UPDATE=always cargo test -p picot-checkpoint golden` writes them anew.

use crate::CheckpointMessage;
use crate::mocks::CertifiedChain;
use picot_serialization::Encode;
use picot_serialization::testing::check_value;
use std::fmt::Write;

fn add(table: &mut String, name: &str, value: &impl Encode) {
    let hex = value
        .to_bytes()
        .iter()
        .fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
    writeln!(table, "{name}\n    {hex}").unwrap();
}

#[test]
fn bytes_of_steps_and_starts_are_pinned_and_keep_the_laws_of_codecs() {
    let chain = CertifiedChain::new(2);
    let (end, middle, start) = (&chain.ends[1], &chain.middles[1], chain.start(1));
    check_value(end);
    check_value(middle);
    check_value(&start);
    let mut table = String::new();
    add(&mut table, "step at the end of a cycle", end);
    add(&mut table, "step inside a cycle", middle);
    add(&mut table, "trusted start", &start);
    let after = picot_models::Slot::new(3, 1);
    for (name, message) in [
        (
            "message with signatures",
            CheckpointMessage::Signatures(end.certificate.signatures[..1].to_vec()),
        ),
        ("message get steps", CheckpointMessage::GetSteps { after }),
        (
            "message steps",
            CheckpointMessage::Steps {
                after,
                steps: vec![middle.clone()],
            },
        ),
    ] {
        check_value(&message);
        add(&mut table, name, &message);
    }
    add(&mut table, "hash of the sets", &chain.sets[1].hash());
    let hash = start.checkpoint.hash(&chain.id());
    writeln!(table, "hash of the checkpoint\n    {hash}").unwrap();
    insta::assert_snapshot!(table);
}
