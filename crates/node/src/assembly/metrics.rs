//! What the node tells of itself to programs that watch it.

use super::{Base, Node, NodeConfig};
use crate::{FactoryFacts, NodeError, VERSION};
use picot_api::{ApiMetrics, Production};
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
                let facts = facts.facts();
                ProductionFigures {
                    producing: facts.producing,
                    refused_keys: facts.refused.len(),
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
