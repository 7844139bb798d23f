//! Who is refused, and until when.

use picot_clock::Timestamp;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::address::canonical;
use crate::{Ban, NodeId};

/// More are forgotten, those first that end first.
const MAX_BANS: usize = 10_000;
const MAX_REASON_CHARS: usize = 200;

/// The bans of nodes and of their addresses.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    nodes: BTreeMap<NodeId, Ban>,
    /// The end of the longest ban that covers an address.
    addresses: BTreeMap<IpAddr, Timestamp>,
}

impl Bans {
    /// Adds a ban; of two of one node, the later end holds.
    pub(crate) fn ban(&mut self, ban: Ban, now: Timestamp) {
        if ban.until <= now {
            return;
        }
        self.forget_ended(now);
        if let Some(earlier) = self.nodes.get(&ban.node)
            && earlier.until > ban.until
        {
            return;
        }
        if let Some(address) = ban.address {
            let until = self.addresses.entry(range(address)).or_default();
            *until = ban.until.max(*until);
        }
        let reason = ban.reason.chars().take(MAX_REASON_CHARS).collect();
        let replaced = self.nodes.insert(ban.node, Ban { reason, ..ban });
        if replaced.is_some() {
            self.derive_addresses();
        }
        if self.nodes.len() > MAX_BANS {
            let first = self.nodes.values().min_by_key(|ban| ban.until);
            if let Some(node) = first.map(|ban| ban.node) {
                self.unban(&node);
            }
        }
    }

    /// Lifts the ban of a node.
    pub(crate) fn unban(&mut self, node: &NodeId) -> bool {
        let had = self.nodes.remove(node).is_some();
        self.derive_addresses();
        had
    }

    /// The bans that hold at `now`.
    pub(crate) fn list(&mut self, now: Timestamp) -> Vec<Ban> {
        self.forget_ended(now);
        self.nodes.values().cloned().collect()
    }

    /// Whether a node is refused at `now`.
    pub(crate) fn refuses_node(&self, node: &NodeId, now: Timestamp) -> bool {
        self.nodes.get(node).is_some_and(|ban| ban.until > now)
    }

    /// Whether an address is refused at `now`.
    pub(crate) fn refuses_address(&self, address: IpAddr, now: Timestamp) -> bool {
        self.addresses
            .get(&range(address))
            .is_some_and(|until| *until > now)
    }

    fn forget_ended(&mut self, now: Timestamp) {
        let before = self.nodes.len();
        self.nodes.retain(|_, ban| ban.until > now);
        if self.nodes.len() < before {
            self.derive_addresses();
        }
    }

    fn derive_addresses(&mut self) {
        self.addresses.clear();
        for ban in self.nodes.values() {
            if let Some(address) = ban.address {
                let until = self.addresses.entry(range(address)).or_default();
                *until = ban.until.max(*until);
            }
        }
    }
}

/// What a ban of an address covers: a machine has one IPv4 address, but a whole /64 of IPv6.
pub(crate) fn range(address: IpAddr) -> IpAddr {
    match canonical(address) {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use proptest::prelude::*;

    fn node(seed: u8) -> NodeId {
        Identity::from_seed([seed; 32]).unwrap().node_id()
    }

    fn ban(seed: u8, address: Option<&str>, until: u64) -> Ban {
        Ban {
            node: node(seed),
            address: address.map(|text| text.parse().unwrap()),
            until: Timestamp(until),
            reason: "test".into(),
        }
    }

    #[test]
    fn a_ban_holds_until_its_end() {
        let mut bans = Bans::default();
        bans.ban(ban(1, Some("192.0.2.1"), 100), Timestamp(0));
        let ip = "192.0.2.1".parse().unwrap();
        assert!(bans.refuses_node(&node(1), Timestamp(99)));
        assert!(bans.refuses_address(ip, Timestamp(99)));
        assert!(!bans.refuses_node(&node(2), Timestamp(99)));
        assert!(!bans.refuses_node(&node(1), Timestamp(100)));
        assert!(!bans.refuses_address(ip, Timestamp(100)));
        assert_eq!(bans.list(Timestamp(99)).len(), 1);
        assert_eq!(bans.list(Timestamp(100)), []);
    }

    #[test]
    fn the_later_of_two_bans_holds() {
        let mut bans = Bans::default();
        bans.ban(ban(1, None, 100), Timestamp(0));
        bans.ban(ban(1, None, 50), Timestamp(0));
        assert!(bans.refuses_node(&node(1), Timestamp(99)));
        bans.ban(ban(1, None, 200), Timestamp(0));
        assert!(bans.refuses_node(&node(1), Timestamp(199)));
    }

    #[test]
    fn lifting_a_ban_keeps_the_address_that_another_ban_covers() {
        let mut bans = Bans::default();
        bans.ban(ban(1, Some("192.0.2.1"), 100), Timestamp(0));
        bans.ban(ban(2, Some("192.0.2.1"), 50), Timestamp(0));
        let ip = "192.0.2.1".parse().unwrap();
        assert!(bans.unban(&node(1)));
        assert!(!bans.unban(&node(1)));
        assert!(bans.refuses_address(ip, Timestamp(49)));
        assert!(!bans.refuses_address(ip, Timestamp(50)));
    }

    #[test]
    fn an_ipv6_ban_covers_the_machines_whole_range() {
        let mut bans = Bans::default();
        bans.ban(ban(1, Some("2001:db8:1:2::3"), 100), Timestamp(0));
        assert!(bans.refuses_address("2001:db8:1:2:9::9".parse().unwrap(), Timestamp(0)));
        assert!(!bans.refuses_address("2001:db8:1:3::3".parse().unwrap(), Timestamp(0)));
        bans.ban(ban(2, Some("::ffff:192.0.2.1"), 100), Timestamp(0));
        assert!(bans.refuses_address("192.0.2.1".parse().unwrap(), Timestamp(0)));
    }

    proptest! {
        #[test]
        fn an_address_is_refused_while_any_ban_that_covers_it_holds(
            steps in prop::collection::vec((0_u8..4, 0_u8..3, 1_u64..50, any::<bool>()), 1..40),
        ) {
            let mut bans = Bans::default();
            for (now, (who, ip, length, lift)) in (0_u64..).zip(steps) {
                if lift {
                    bans.unban(&node(who));
                } else {
                    let address = format!("192.0.2.{ip}");
                    bans.ban(ban(who, Some(&address), now + length), Timestamp(now));
                }
                for ip in 0..3 {
                    let ip: IpAddr = format!("192.0.2.{ip}").parse().unwrap();
                    let covered = bans.nodes.values()
                        .any(|ban| ban.address == Some(ip) && ban.until > Timestamp(now));
                    prop_assert_eq!(bans.refuses_address(ip, Timestamp(now)), covered);
                }
            }
        }
    }
}
