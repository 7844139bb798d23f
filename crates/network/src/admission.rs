//! Who may connect: counts and rates by address, decided without I/O.

use displaydoc::Display;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use thiserror::Error;

use crate::Limits;
use crate::address::canonical;
use crate::bucket::Bucket;

/// Ranges whose rate is remembered; when there are more that are not idle, all begin anew.
const MAX_RATES: usize = 4_096;

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display, Error)]
pub(crate) enum Refusal {
    /// it is banned
    Banned,
    /// there is no room for more connections
    Full,
    /// there are enough connections with its address
    Address,
    /// there are enough connections with its range of addresses
    Prefix,
    /// its range of addresses connects too often
    Rate,
    /// it already has a link
    Linked,
    /// another connection of it is becoming a link
    Opening,
    /// it is us
    Ourselves,
    /// its address cannot be read
    Unreadable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Account {
    /// Counts in every limit.
    Counted { inbound: bool },
    /// Came over a limit from where a reserved peer may come; it must prove to be one.
    Doubtful,
    /// A reserved peer: takes no room.
    Reserved,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    ip: Option<IpAddr>,
    account: Account,
}

/// The connections that there are, and whether there may be one more. `K` names connections.
#[derive(Debug)]
pub(crate) struct Admission<K> {
    limits: Limits,
    held: BTreeMap<K, Held>,
    inbound: usize,
    outbound: usize,
    addresses: BTreeMap<IpAddr, usize>,
    prefixes: BTreeMap<IpAddr, usize>,
    doubtful: BTreeMap<IpAddr, usize>,
    rates: BTreeMap<IpAddr, Bucket>,
}

impl<K: Ord + Copy> Admission<K> {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            held: BTreeMap::new(),
            inbound: 0,
            outbound: 0,
            addresses: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            doubtful: BTreeMap::new(),
            rates: BTreeMap::new(),
        }
    }

    /// Someone connects from `ip`, at which `reserved_missing` reserved peers without a link live:
    /// as many may come over the limits, until they have said who they are.
    pub(crate) fn inbound(
        &mut self,
        id: K,
        ip: IpAddr,
        reserved_missing: usize,
        now: Duration,
    ) -> Result<(), Refusal> {
        let ip = canonical(ip);
        let account = match self.room_for_inbound(ip, now) {
            Ok(()) => Account::Counted { inbound: true },
            Err(_) if count(&self.doubtful, ip) < reserved_missing => Account::Doubtful,
            Err(refusal) => return Err(refusal),
        };
        self.hold(id, Some(ip), account);
        Ok(())
    }

    /// We connect, to `ip` if it is known. A reserved peer takes no room.
    pub(crate) fn outbound(
        &mut self,
        id: K,
        ip: Option<IpAddr>,
        reserved: bool,
    ) -> Result<(), Refusal> {
        let account = if reserved {
            Account::Reserved
        } else if self.outbound >= self.limits.max_outbound {
            return Err(Refusal::Full);
        } else {
            Account::Counted { inbound: false }
        };
        self.hold(id, ip.map(canonical), account);
        Ok(())
    }

    /// The other side of a connection has proved who it is.
    pub(crate) fn identified(&mut self, id: K, reserved: bool) -> Result<(), Refusal> {
        let Some(held) = self.held.get(&id).copied() else {
            return Err(Refusal::Full);
        };
        if reserved && held.account != Account::Reserved {
            self.closed(id);
            self.hold(id, held.ip, Account::Reserved);
        }
        if !reserved && held.account == Account::Doubtful {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// A connection, or the attempt to have it, has ended.
    pub(crate) fn closed(&mut self, id: K) {
        let Some(held) = self.held.remove(&id) else {
            return;
        };
        match held.account {
            Account::Reserved => {}
            Account::Doubtful => {
                held.ip
                    .into_iter()
                    .for_each(|ip| less(&mut self.doubtful, ip));
            }
            Account::Counted { inbound } => {
                let all = if inbound {
                    &mut self.inbound
                } else {
                    &mut self.outbound
                };
                *all = all.saturating_sub(1);
                if let Some(ip) = held.ip {
                    less(&mut self.addresses, ip);
                    less(&mut self.prefixes, prefix(ip));
                }
            }
        }
    }

    /// Whether a peer that others told us of may be dialled at `ip`: not where there are enough
    /// connections already, so that no range of addresses is all we see.
    pub(crate) fn may_dial(&self, ip: IpAddr) -> bool {
        self.room_at(canonical(ip)).is_ok()
    }

    /// Outbound connections and attempts that take room.
    pub(crate) const fn outbound_count(&self) -> usize {
        self.outbound
    }

    fn room_for_inbound(&mut self, ip: IpAddr, now: Duration) -> Result<(), Refusal> {
        if self.inbound >= self.limits.max_inbound {
            return Err(Refusal::Full);
        }
        self.room_at(ip)?;
        self.rate(prefix(ip), now)
    }

    fn room_at(&self, ip: IpAddr) -> Result<(), Refusal> {
        if count(&self.addresses, ip) >= self.limits.max_per_address {
            return Err(Refusal::Address);
        }
        if count(&self.prefixes, prefix(ip)) >= self.limits.max_per_prefix {
            return Err(Refusal::Prefix);
        }
        Ok(())
    }

    fn rate(&mut self, prefix: IpAddr, now: Duration) -> Result<(), Refusal> {
        if self.rates.len() >= MAX_RATES && !self.rates.contains_key(&prefix) {
            self.forget_rates(now);
        }
        let (rate, burst) = (self.limits.new_per_second, self.limits.new_burst);
        let bucket = self
            .rates
            .entry(prefix)
            .or_insert_with(|| Bucket::full(rate.into(), burst.into(), now));
        if bucket.take(1, now) {
            Ok(())
        } else {
            Err(Refusal::Rate)
        }
    }

    fn forget_rates(&mut self, now: Duration) {
        self.rates.retain(|_, bucket| {
            bucket.refill(now);
            !bucket.is_full()
        });
        // From so many ranges at once, no rate of a range holds anybody back: the counts do.
        if self.rates.len() > MAX_RATES / 2 {
            self.rates.clear();
        }
    }

    fn hold(&mut self, id: K, ip: Option<IpAddr>, account: Account) {
        self.closed(id);
        self.held.insert(id, Held { ip, account });
        match account {
            Account::Reserved => {}
            Account::Doubtful => ip.into_iter().for_each(|ip| more(&mut self.doubtful, ip)),
            Account::Counted { inbound } => {
                let all = if inbound {
                    &mut self.inbound
                } else {
                    &mut self.outbound
                };
                *all = all.saturating_add(1);
                if let Some(ip) = ip {
                    more(&mut self.addresses, ip);
                    more(&mut self.prefixes, prefix(ip));
                }
            }
        }
    }
}

fn count(counts: &BTreeMap<IpAddr, usize>, ip: IpAddr) -> usize {
    counts.get(&ip).copied().unwrap_or(0)
}

fn more(counts: &mut BTreeMap<IpAddr, usize>, ip: IpAddr) {
    let count = counts.entry(ip).or_default();
    *count = count.saturating_add(1);
}

fn less(counts: &mut BTreeMap<IpAddr, usize>, ip: IpAddr) {
    if let Some(count) = counts.get_mut(&ip) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&ip);
        }
    }
}

/// The range of addresses that one party easily has: /24 of IPv4, /48 of IPv6.
fn prefix(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(ip) => {
            let [a, b, c, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use proptest::prelude::*;

    const NOW: Duration = Duration::ZERO;

    fn limits() -> Limits {
        Limits {
            max_inbound: 6,
            max_outbound: 3,
            target_outbound: 2,
            max_per_address: 2,
            max_per_prefix: 4,
            new_per_second: 1,
            new_burst: 100,
        }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_connections_and_no_more() {
        let mut admission = Admission::new(limits());
        assert_eq!(admission.inbound(1, ip("192.0.2.1"), 0, NOW), Ok(()));
        assert_eq!(admission.inbound(2, ip("::ffff:192.0.2.1"), 0, NOW), Ok(()));
        let third = admission.inbound(3, ip("192.0.2.1"), 0, NOW);
        assert_eq!(third, Err(Refusal::Address));
        assert!(!admission.may_dial(ip("192.0.2.1")));
        admission.closed(1);
        assert_eq!(admission.inbound(3, ip("192.0.2.1"), 0, NOW), Ok(()));
    }

    #[test]
    fn a_range_has_so_many_connections_and_no_more() {
        let mut admission = Admission::new(limits());
        for (id, address) in ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]
            .iter()
            .enumerate()
        {
            assert_eq!(admission.inbound(id, ip(address), 0, NOW), Ok(()));
        }
        assert_eq!(
            admission.inbound(9, ip("192.0.2.5"), 0, NOW),
            Err(Refusal::Prefix)
        );
        assert_eq!(admission.inbound(9, ip("192.0.3.5"), 0, NOW), Ok(()));
    }

    #[test]
    fn a_range_of_ipv6_is_48_bits() {
        assert_eq!(
            prefix(ip("2001:db8:1:ffff::1")),
            prefix(ip("2001:db8:1::2"))
        );
        assert_ne!(prefix(ip("2001:db8:1::1")), prefix(ip("2001:db8:2::1")));
    }

    #[test]
    fn all_inbound_connections_together_are_bounded() {
        let mut admission = Admission::new(limits());
        for id in 0..6_u8 {
            assert_eq!(
                admission.inbound(id, ip(&format!("10.0.{id}.1")), 0, NOW),
                Ok(())
            );
        }
        assert_eq!(
            admission.inbound(6, ip("10.0.6.1"), 0, NOW),
            Err(Refusal::Full)
        );
        assert_eq!(admission.outbound(7, Some(ip("10.0.7.1")), false), Ok(()));
    }

    #[test]
    fn new_connections_of_a_range_come_at_a_rate() {
        let mut admission = Admission::new(Limits {
            new_burst: 3,
            ..limits()
        });
        for id in 0..3 {
            assert_eq!(admission.inbound(id, ip("192.0.2.1"), 0, NOW), Ok(()));
            admission.closed(id);
        }
        let other_machine = ip("192.0.2.2");
        assert_eq!(
            admission.inbound(3, other_machine, 0, NOW),
            Err(Refusal::Rate)
        );
        assert_eq!(admission.inbound(3, ip("192.0.3.1"), 0, NOW), Ok(()));
        let later = Duration::from_secs(1);
        assert_eq!(admission.inbound(4, other_machine, 0, later), Ok(()));
        assert_eq!(
            admission.inbound(5, other_machine, 0, later),
            Err(Refusal::Rate)
        );
    }

    #[test]
    fn our_own_connections_are_bounded_but_not_those_to_reserved_peers() {
        let mut admission = Admission::new(limits());
        for id in 0..3 {
            assert_eq!(admission.outbound(id, None, false), Ok(()));
        }
        assert_eq!(admission.outbound(3, None, false), Err(Refusal::Full));
        assert_eq!(admission.outbound(3, None, true), Ok(()));
        assert_eq!(admission.outbound_count(), 3);
    }

    #[test]
    fn a_reserved_peer_has_room_when_there_is_none_and_takes_none() {
        let mut admission = Admission::new(limits());
        let full = ip("192.0.2.1");
        assert_eq!(admission.inbound(1, full, 0, NOW), Ok(()));
        assert_eq!(admission.inbound(2, full, 0, NOW), Ok(()));
        assert_eq!(
            admission.inbound(3, full, 1, NOW),
            Ok(()),
            "it may be the reserved peer"
        );
        let fourth = admission.inbound(4, full, 1, NOW);
        assert_eq!(fourth, Err(Refusal::Address), "only as many as are missing");
        assert_eq!(admission.identified(3, true), Ok(()));
        admission.closed(1);
        assert_eq!(
            admission.inbound(5, full, 0, NOW),
            Ok(()),
            "it takes no room"
        );
    }

    #[test]
    fn who_comes_over_a_limit_and_is_not_reserved_is_refused() {
        let mut admission = Admission::new(limits());
        for id in 0..3 {
            admission.inbound(id, ip("192.0.2.1"), 1, NOW).unwrap();
        }
        assert_eq!(admission.identified(1, false), Ok(()));
        assert_eq!(admission.identified(2, false), Err(Refusal::Full));
        admission.closed(2);
        assert_eq!(admission.inbound(3, ip("192.0.2.1"), 1, NOW), Ok(()));
    }

    #[test]
    fn rates_of_many_ranges_are_not_remembered_for_ever() {
        let limits = Limits {
            max_inbound: usize::MAX,
            ..Config::default().limits
        };
        let mut admission = Admission::new(limits);
        for id in 0..20_000_u32 {
            let [_, a, b, c] = id.to_be_bytes();
            let ip = IpAddr::V4(Ipv4Addr::new(a.wrapping_add(11), b, c, 1));
            admission.inbound(id, ip, 0, NOW).unwrap();
            assert!(admission.rates.len() <= MAX_RATES);
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        In(u8, usize),
        Out(u8, bool),
        Known(usize, bool),
        Close(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..12_u8, 0..2_usize).prop_map(|(ip, missing)| Step::In(ip, missing)),
            (0..12_u8, any::<bool>()).prop_map(|(ip, reserved)| Step::Out(ip, reserved)),
            (0..40_usize, any::<bool>()).prop_map(|(id, reserved)| Step::Known(id, reserved)),
            (0..40_usize).prop_map(Step::Close),
        ]
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_the_connections_and_inbound_ones_keep_the_limits(
            steps in prop::collection::vec(step(), 1..80),
        ) {
            let address = |n: u8| IpAddr::V4(Ipv4Addr::new(10, 0, n / 6, n));
            let mut admission = Admission::new(limits());
            for (id, step) in steps.into_iter().enumerate() {
                match step {
                    Step::In(n, missing) => {
                        if admission.inbound(id, address(n), missing, NOW).is_ok() && missing == 0 {
                            prop_assert!(count(&admission.addresses, address(n)) <= 2);
                            prop_assert!(count(&admission.prefixes, prefix(address(n))) <= 4);
                        }
                    }
                    Step::Out(n, reserved) => {
                        let _ = admission.outbound(id, Some(address(n)), reserved);
                    }
                    Step::Known(id, reserved) => {
                        let _ = admission.identified(id, reserved);
                    }
                    Step::Close(id) => admission.closed(id),
                }
                let counted = |inbound| admission.held.values()
                    .filter(|held| held.account == Account::Counted { inbound }).count();
                prop_assert_eq!(admission.inbound, counted(true));
                prop_assert_eq!(admission.outbound, counted(false));
                prop_assert!(admission.inbound <= 6 && admission.outbound <= 3);
                prop_assert_eq!(admission.addresses.values().sum::<usize>(), counted(true) + counted(false));
                prop_assert_eq!(admission.prefixes.values().sum::<usize>(), counted(true) + counted(false));
            }
        }
    }
}
