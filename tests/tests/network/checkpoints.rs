//! What validators certify of the state.

use crate::certified;
use picot_models::Slot;
use picot_tests::Localnet;

#[test]
fn every_node_has_the_certificates_of_all_ends_of_cycles_however_late_it_comes() {
    let (middle, end, next) = (Slot::new(7, 3), Slot::new(15, 3), Slot::new(23, 3));
    let mut net = Localnet::new(&[10; 4]);
    net.start(&[0, 1, 2]);
    let first = certified(net.node(0), middle);
    assert!(first.signers.len() == 3, "three of four decide: {first:?}");
    let of_end = certified(net.node(0), end);
    // One joins that has signed none of these, and one comes back from disk.
    net.kill(1);
    net.start(&[1, 3]);
    for place in 0..4 {
        let node = net.node(place);
        let found = certified(node, end);
        assert_eq!(found.hash, of_end.hash, "node {place}");
        assert_eq!(found.state_hash, of_end.state_hash);
        let shown = node.command(&["checkpoint", "show", &end.to_string()]);
        assert!(shown.stdout.contains(&of_end.hash.to_string()), "{shown:?}");
    }
    let of_next = certified(net.node(3), next);
    assert_ne!(of_next.hash, of_end.hash);
    for place in 0..3 {
        assert_eq!(certified(net.node(place), next).hash, of_next.hash);
    }
    net.stop_and_check();
}
