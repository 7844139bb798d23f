//! What the node tells of itself to programs that watch it.

use super::{Base, Node, NodeConfig};
use crate::{FactoryFacts, NodeError, VERSION};
use picot_api::{ApiMetrics, Production};
use picot_clock::Millis;
use picot_database::DataDir;
use picot_metrics::{CONTENT_TYPE, Facts, Metrics, ProductionFigures, Sources};
use std::sync::Arc;
use std::time::Duration;

impl Base {
    /// Begins to count, and tells the interface what there is.
    pub(super) fn metrics(
        &self,
        config: &NodeConfig,
        node: &mut Node,
        production: &Arc<FactoryFacts>,
    ) -> Result<Arc<dyn ApiMetrics>, NodeError> {
        let network = node.network.clone();
        let data = self.data.clone();
        let facts = Arc::clone(production);
        let sources = Sources {
            facts: Facts {
                version: VERSION.to_owned(),
                chain: self.genesis.name.clone(),
                chain_id: self.chain_id.to_string(),
                roll_price: self.genesis.params.roll_price,
                periods_per_cycle: self.genesis.params.periods_per_cycle,
                max_clock_drift: Millis(self.genesis.params.max_clock_drift_ms),
                started_at: self.started_at,
            },
            clock: Arc::clone(&self.clock),
            slot_clock: self.slot_clock,
            consensus: Arc::clone(&node.consensus) as _,
            execution: Arc::clone(&node.execution) as _,
            checkpoints: Arc::clone(&node.checkpoints) as _,
            pool: Arc::clone(&self.pool),
            blocks: Arc::clone(&production.blocks),
            endorsements: Arc::clone(&production.endorsements),
            wallet: Arc::clone(&self.wallet),
            production: Box::new(move || {
                let told = facts.facts();
                ProductionFigures {
                    producing: told.producing,
                    refused_keys: told.refused.len(),
                    own_power: facts.own_power(),
                }
            }),
            peers: network.map(|network| Box::new(move || network.figures()) as _),
            stores: Box::new(move || stores(&data)),
            data_dir: config.layout.root().to_owned(),
        };
        let (metrics, thread) = Metrics::run(sources, self.stop.clone())?;
        node.threads.push(thread);
        Ok(Arc::new(NodeMetrics(metrics)))
    }
}

fn stores(data: &DataDir) -> Vec<(&'static str, u64)> {
    match data.sizes() {
        Ok(sizes) => vec![
            ("state", sizes.state),
            ("archive", sizes.archive),
            ("journal", sizes.journal),
            ("node", sizes.node),
            ("signing_log", sizes.signing_log),
        ],
        Err(error) => {
            tracing::warn!(%error, "the sizes of the stores cannot be told");
            Vec::new()
        }
    }
}

/// The figures as the interface asks for them.
struct NodeMetrics(Metrics);

impl ApiMetrics for NodeMetrics {
    fn page(&self) -> Option<(String, &'static str)> {
        match self.0.text() {
            Ok(text) => Some((text, CONTENT_TYPE)),
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be told");
                None
            }
        }
    }

    fn answered(&self, route: Option<&str>, status: u16, duration: Duration) {
        self.0.http().answered(route, status, duration);
    }

    fn stream_opened(&self) -> Box<dyn Send> {
        Box::new(self.0.http().stream_opened())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_layout::DataLayout;
    use crate::home::open_dev_chain;
    use crate::test_kit::lone_node;
    use picot_clock::{Clock, Stop, SystemClock};
    use picot_metrics::catalogue;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    /// What the node answers to `GET /metrics`, with its head.
    fn page(node: &Node) -> String {
        let mut connection = TcpStream::connect(node.api_address().unwrap()).unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn a_running_node_tells_its_figures_at_its_interface() {
        let folder = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(folder.path().join("dev"));
        let chain = open_dev_chain(&layout, SystemClock.now()).unwrap();
        let config = lone_node(&layout, &chain, Arc::new(SystemClock));
        let node = Node::start(config, &Stop::new()).unwrap();
        let first = page(&node);
        let content_type = format!("content-type: {CONTENT_TYPE}\r\n");
        assert!(
            first.starts_with("HTTP/1.1 200") && first.contains(&content_type),
            "{first}"
        );
        assert!(first.ends_with("# EOF\n"));
        for line in [
            &format!(
                "picot_node_info{{version=\"{VERSION}\",chain=\"picot-dev\",chain_id=\"{}\"}} 1",
                node.chain_id()
            ),
            "picot_keys 1",
            "picot_keys_refused 0",
            "picot_own_rolls 100",
            "picot_own_power 100",
            // As the parameters of a development chain say, whatever its period is.
            "picot_clock_tolerance_seconds 0.05",
            "picot_rolls 100",
            "picot_period_length_seconds 2.0",
            "picot_peers{direction=\"inbound\"} 0",
            "picot_api_streams 0",
        ] {
            assert!(
                first.lines().any(|told| told == line),
                "no {line} in {first}"
            );
        }
        let part_of_disk = format!(
            "{}{{part=\"signing_log\"}}",
            catalogue::STORE_BYTES.full_name()
        );
        assert!(first.contains(&part_of_disk));
        let counted = "picot_api_requests_total{route=\"metrics\",status=\"200\"} 1";
        assert!(page(&node).lines().any(|line| line == counted));
    }
}
