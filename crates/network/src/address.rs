//! Where nodes are reached.

use libp2p_core::{Multiaddr, multiaddr::Protocol};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::{NetworkError, NodeId};

/// Which machines of a name are meant.
pub(crate) type Wanted = fn(&IpAddr) -> bool;

/// Where a node listens or is reached, as libp2p writes it: `/ip4/203.0.113.7/tcp/31244`, with a
/// name `/dns4/node.example/tcp/31244`, and with the node that must answer there
/// `/ip4/203.0.113.7/tcp/31244/p2p/12D3Koo…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Multiaddr);

impl Address {
    /// A TCP port of a machine.
    #[must_use]
    pub fn tcp(ip: IpAddr, port: u16) -> Self {
        Self(Multiaddr::from(ip).with(Protocol::Tcp(port)))
    }

    /// The machine, if it is given by number.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.0.iter().next().and_then(|part| match part {
            Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
            Protocol::Ip6(ip) => Some(canonical(IpAddr::V6(ip))),
            _ => None,
        })
    }

    /// The TCP or UDP port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.0.iter().find_map(|part| match part {
            Protocol::Tcp(port) | Protocol::Udp(port) => Some(port),
            _ => None,
        })
    }

    /// The node that must answer, if it is said.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        self.0.iter().find_map(|part| match part {
            Protocol::P2p(peer) => Some(NodeId::from_peer(peer)),
            _ => None,
        })
    }

    /// The same place, where `node` must answer.
    #[must_use]
    pub fn with_node(&self, node: NodeId) -> Self {
        Self(self.without_node().0.with(Protocol::P2p(node.peer())))
    }

    /// The same place, whoever answers.
    #[must_use]
    pub fn without_node(&self) -> Self {
        Self(
            self.0
                .iter()
                .filter(|part| !matches!(part, Protocol::P2p(_)))
                .collect(),
        )
    }

    /// The name to look up and the rest of the address, if the machine is given by name.
    pub(crate) fn name(&self) -> Option<(String, Multiaddr, Wanted)> {
        let mut parts = self.0.iter();
        let (name, wanted): (_, Wanted) = match parts.next()? {
            Protocol::Dns(name) => (name, |_| true),
            Protocol::Dns4(name) => (name, IpAddr::is_ipv4),
            Protocol::Dns6(name) => (name, IpAddr::is_ipv6),
            _ => return None,
        };
        Some((name.into_owned(), parts.collect(), wanted))
    }

    /// Why nobody could be reached at it, if that is so.
    pub(crate) fn trouble(&self) -> Option<&'static str> {
        let mut parts = self.0.iter();
        match parts.next() {
            Some(Protocol::Ip4(ip)) if ip.is_unspecified() => return Some("it names no machine"),
            Some(Protocol::Ip6(ip)) if ip.is_unspecified() => return Some("it names no machine"),
            Some(Protocol::Ip4(_) | Protocol::Ip6(_)) => {}
            Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => {}
            _ => return Some("it does not begin with a machine"),
        }
        match parts.next() {
            Some(Protocol::Tcp(0)) => return Some("it has no port"),
            Some(Protocol::Tcp(_)) => {}
            _ => return Some("it is not of TCP"),
        }
        match (parts.next(), parts.next()) {
            (None | Some(Protocol::P2p(_)), None) => None,
            _ => Some("it has parts that are not understood"),
        }
    }

    pub(crate) const fn from_multiaddr(address: Multiaddr) -> Self {
        Self(address)
    }

    pub(crate) const fn multiaddr(&self) -> &Multiaddr {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Address {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Multiaddr::from_str(text)
            .map(Self)
            .map_err(|error| NetworkError::Address {
                text: text.to_owned(),
                reason: error.to_string(),
            })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// An IPv4 machine that is written as IPv6 is that IPv4 machine.
pub(crate) fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

/// Whether a machine can be reached from the whole internet (RFC 6890's special ranges cannot).
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match canonical(ip) {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let global_unicast = a & 0xe000 == 0x2000;
    let documentation = (a == 0x2001 && b == 0x0db8) || a == 0x3fff;
    global_unicast && !documentation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn the_parts_of_an_address_are_read() {
        let node = Identity::from_seed([1; 32]).unwrap().node_id();
        let plain = address("/ip4/203.0.113.7/tcp/31244");
        let full = plain.with_node(node);
        assert_eq!(
            full.to_string(),
            format!("/ip4/203.0.113.7/tcp/31244/p2p/{node}")
        );
        assert_eq!(full.ip(), Some("203.0.113.7".parse().unwrap()));
        assert_eq!(full.port(), Some(31_244));
        assert_eq!((plain.node(), full.node()), (None, Some(node)));
        assert_eq!(full.without_node(), plain);
        assert_eq!(full.with_node(node), full);
        assert_eq!(Address::tcp("203.0.113.7".parse().unwrap(), 31_244), plain);
        let json = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), full);
    }

    #[test]
    fn an_ipv4_machine_in_ipv6_clothes_is_the_same_machine() {
        let mapped = address("/ip6/::ffff:192.0.2.1/tcp/1");
        assert_eq!(mapped.ip(), Some("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_dialled_says_why() {
        for text in [
            "/ip4/1.2.3.4/tcp/5",
            "/dns4/a.example/tcp/5",
            "/ip6/::1/tcp/5",
        ] {
            assert_eq!(address(text).trouble(), None, "{text}");
        }
        for text in [
            "/ip4/0.0.0.0/tcp/5",
            "/ip6/::/tcp/5",
            "/ip4/1.2.3.4/tcp/0",
            "/ip4/1.2.3.4",
            "/ip4/1.2.3.4/udp/5",
            "/tcp/5",
            "/ip4/1.2.3.4/tcp/5/ws",
        ] {
            assert!(address(text).trouble().is_some(), "{text}");
        }
        assert!("host:1".parse::<Address>().is_err());
    }

    #[test]
    fn private_and_special_ranges_are_not_public() {
        for text in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "8.8.8.8",
            "100.63.0.1",
            "172.32.0.1",
            "2606:4700::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
