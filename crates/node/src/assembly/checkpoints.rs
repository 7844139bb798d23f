//! Checkpoints of a node: kept as execution reaches them, signed, gathered.

use super::{Base, VERIFYING_KEYS};
use crate::NodeError;
use picot_checkpoint::{
    CheckpointArchive, CheckpointKeeper, CheckpointNetwork, CheckpointPorts, CheckpointWorker,
    Config, NoPeers,
};
use picot_consensus::{BatchVerifier, ConsensusWorker};
use picot_database::DataDir;
use picot_execution::{Execution, ExecutionWorker};
use picot_models::Genesis;
use std::sync::Arc;

/// Who keeps what execution reaches, in the store of the state itself.
pub(super) fn keeper(data: &DataDir, genesis: &Arc<Genesis>) -> Arc<CheckpointKeeper> {
    let archive = CheckpointArchive::new(data.checkpoints(), Arc::clone(genesis));
    Arc::new(CheckpointKeeper::new(archive))
}

impl Base {
    /// Signs what was kept and gathers what others sign, from now on.
    pub(super) fn checkpoints(
        &self,
        execution: &ExecutionWorker,
        consensus: &Arc<ConsensusWorker>,
    ) -> Result<Arc<CheckpointWorker>, NodeError> {
        let network: Arc<dyn CheckpointNetwork> = match &self.prepared {
            Some(prepared) => Arc::new(prepared.handle.clone()),
            None => Arc::new(NoPeers),
        };
        let ports = CheckpointPorts {
            clock: Arc::clone(&self.clock),
            selector: Arc::clone(&self.selector),
            wallet: self.listening_wallet(consensus),
            pool: Arc::clone(&self.pool),
            network,
            verifier: Box::new(BatchVerifier::new(VERIFYING_KEYS)),
        };
        let latest = execution.summary().last_final_slot;
        let worker = CheckpointWorker::start(Config::default(), &self.keeper, ports, latest)?;
        Ok(Arc::new(worker))
    }
}
