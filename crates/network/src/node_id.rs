//! Names of nodes.

use libp2p_identity::PeerId;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

use crate::NetworkError;

/// The name of a node: the hash of its public node key, shown in base 58 (a libp2p peer id).
///
/// It says nothing of the node's stakers: node keys and staking keys are apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(PeerId);

impl NodeId {
    pub(crate) const fn from_peer(peer: PeerId) -> Self {
        Self(peer)
    }

    pub(crate) const fn peer(&self) -> PeerId {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PeerId::from_str(text)
            .map(Self)
            .map_err(|_| NetworkError::NodeId(text.to_owned()))
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    #[test]
    fn text_and_json_give_the_same_node_again() {
        let node = Identity::from_seed([7; 32]).unwrap().node_id();
        assert_eq!(node.to_string().parse::<NodeId>().unwrap(), node);
        let json = serde_json::to_string(&node).unwrap();
        assert_eq!(json, format!("\"{node}\""));
        assert_eq!(serde_json::from_str::<NodeId>(&json).unwrap(), node);
    }

    #[test]
    fn other_text_is_refused_and_named() {
        for text in ["", "picot", "12D3KooW", "0OIl"] {
            let error = text.parse::<NodeId>().unwrap_err();
            assert_eq!(error.to_string(), format!("{text:?} is not a node id"));
        }
    }
}
