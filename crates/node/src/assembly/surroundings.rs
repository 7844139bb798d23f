//! What a node has to do with its past and with other nodes.

use super::{Base, Node, NodeConfig};
use crate::NodeError;
use crate::network::{NetworkParts, NodeNetwork};
use crate::pruning::{Pruning, ServedFrom};
use std::sync::Arc;

impl Base {
    /// Old blocks leave the archive, if they are to.
    pub(super) fn pruning(
        &self,
        config: &NodeConfig,
        node: &mut Node,
    ) -> Result<ServedFrom, NodeError> {
        let execution = node.execution.reader();
        let served_from = ServedFrom::of(&*self.archive, &execution.base())?;
        let pruning = Pruning {
            mode: config.history,
            params: self.genesis.params.clone(),
            archive: Arc::clone(&self.archive),
            execution,
            checkpoints: self.keeper.archive().clone(),
            served_from: served_from.clone(),
        };
        node.threads.extend(pruning.run(self.stop.clone())?);
        Ok(served_from)
    }

    pub(super) fn network(
        &mut self,
        config: &NodeConfig,
        served_from: ServedFrom,
        node: &mut Node,
    ) -> Result<(), NodeError> {
        let Some(prepared) = self.prepared.take() else {
            return Ok(());
        };
        let parts = NetworkParts {
            genesis: Arc::clone(&self.genesis),
            clock: Arc::clone(&self.clock),
            selector: Arc::clone(&self.selector),
            pool: Arc::clone(&self.pool),
            inbox: Arc::clone(&node.consensus) as _,
            checkpoints: Arc::clone(&node.checkpoints) as _,
        };
        let archive = self.keeper.archive().clone();
        let to_serve = self.to_serve.take();
        let serving = to_serve
            .map(|to_serve| to_serve.start(archive, Arc::clone(&self.clock), &prepared.handle));
        node.serving = serving.transpose()?;
        let network = NodeNetwork::start(&config.network, &config.layout, parts, prepared)?;
        let consensus = Arc::clone(&node.consensus) as _;
        let progress = network.tell_progress(consensus, served_from, self.stop.clone())?;
        node.threads.push(progress);
        node.network = Some(Arc::new(network));
        Ok(())
    }
}
