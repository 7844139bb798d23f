//! A local network whose first node can be opened in a browser, and comes back at the same address.

use picot_tests::Localnet;
use serde_json::Value as Json;
use std::net::{Ipv4Addr, TcpListener};

/// Four nodes with the same stake: three of them decide.
pub(crate) const NODES: [usize; 4] = [0, 1, 2, 3];

/// A network and the address of the first node's page.
pub(crate) struct Network {
    pub(crate) nodes: Localnet,
    api: String,
}

impl Network {
    /// Makes a network whose genesis has something else in it, and starts all nodes.
    pub(crate) fn start(change: impl FnOnce(&mut Json)) -> Self {
        let nodes = Localnet::new(&[10; NODES.len()]);
        let text = std::fs::read_to_string(nodes.genesis()).expect("a genesis");
        let mut genesis: Json = serde_json::from_str(&text).expect("JSON");
        change(&mut genesis);
        std::fs::write(nodes.genesis(), genesis.to_string()).expect("a file");
        let mut network = Self {
            nodes,
            api: free_address(),
        };
        network.start_first();
        network.nodes.start(&NODES[1..]);
        network
    }

    /// A network in which a slot is missed if its drawn producer is gone.
    pub(crate) fn of_drawn_producers() -> Self {
        Self::start(|genesis| {
            genesis["params"]["proposal_policy"] = serde_json::json!({"type": "drawn"});
        })
    }

    /// Starts the first node, at the address that it had.
    pub(crate) fn start_first(&mut self) {
        self.nodes.start_with(&[0], &["--api", &self.api]);
    }

    /// Where the page is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.api)
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").to_string()
}
