//! A node that begins with the state of a checkpoint, received from others.

use crate::certified;
use picot_models::Slot;
use picot_tests::{Localnet, run_picot};

#[test]
fn a_new_node_receives_the_state_of_a_checkpoint_and_goes_on_as_one_of_all() {
    let (end, next) = (Slot::new(15, 3), Slot::new(31, 3));
    let mut net = Localnet::new(&[10; 4]);
    net.start(&[0, 1, 2]);
    let trusted = certified(net.node(0), end).hash.to_string();
    net.start_with(&[3], &["--trusted-checkpoint", &trusted]);
    let lines = net.node(3).lines();
    let received = |line: &String| line.contains("was received, and is the certified one");
    assert!(lines.iter().any(received), "{lines:?}");
    let shown = run_picot(&["bootstrap", "status", "--data", net.node(3).data()]);
    assert!(shown.stdout.contains("is here"), "{shown:?}");
    net.wait_for_more(&[0, 1, 2, 3], 8);
    // Killed, it goes on from what it has.
    net.kill(3);
    net.start(&[3]);
    net.wait_for_producing(3);
    net.transfer(3);
    // A node whose own state is another than the certified one stops: it has come to the same.
    let of_all = certified(net.node(0), next);
    let of_new = certified(net.node(3), next);
    assert_eq!(of_all.state_hash, of_new.state_hash);
    net.wait_for_final(&[3], next);
    net.wait_for_more(&[0, 1, 2, 3], 4);
}
