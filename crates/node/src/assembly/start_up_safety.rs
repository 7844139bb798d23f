//! What may be signed from a start on (design 08, 'Start-up safety').

use super::{NodeConfig, after};
use crate::NodeError;
use crate::signing_check::SigningCheck;
use picot_clock::{Millis, Timestamp};
use picot_database::{Created, DataDir, DatabaseError, LogOrigin};
use picot_execution::ExecutionError;
use picot_ledger::StateMetadata;
use picot_models::{Genesis, Slot};
use picot_storage::BlockArchive;
use picot_wallet::Wallet;

/// Whether nothing can have been signed before this start: genesis, keys and signing log were all
/// made by it (design 08, 'Start-up safety'), or the chain has not begun.
pub(super) fn can_have_signed_nothing(
    config: &NodeConfig,
    created: Created,
    data: &DataDir,
) -> Result<bool, NodeError> {
    let all_is_new = config.chain.is_new && created.chain && created.signing_log;
    Ok(all_is_new || !has_begun(config, data)?)
}

/// Whether the chain has begun. A clock that was set back does not undo what is decided.
fn has_begun(config: &NodeConfig, data: &DataDir) -> Result<bool, NodeError> {
    let genesis = &config.chain.genesis;
    let is_time = config.started_at >= genesis.genesis_timestamp;
    Ok(is_time || last_decided(genesis, data)?.is_some())
}

/// The latest slot that is known to be decided: by the archive, or by a final state that was received
/// from peers and has no archive behind it.
fn last_decided(genesis: &Genesis, data: &DataDir) -> Result<Option<Slot>, NodeError> {
    let archive = data.archive();
    let metadata = StateMetadata::read(&*data.state()).map_err(ExecutionError::from)?;
    let state = metadata.map(|metadata| metadata.last_final_slot);
    // Nobody decides the slots of the genesis.
    let mut last = state.filter(|slot| slot.period > 0);
    for thread in 0..genesis.params.thread_count {
        let outcome = archive.last_outcome(thread)?;
        last = last.max(outcome.map(|outcome| Slot::new(outcome.through(), thread)));
    }
    Ok(last)
}

/// Refuses to go on with a signing log that does not know what the keys signed.
pub(super) fn check_signing_log(
    genesis: &Genesis,
    data: &DataDir,
    wallet: &dyn Wallet,
) -> Result<(), NodeError> {
    let log = data.signing_log();
    let check = SigningCheck {
        archive: &*data.archive(),
        log: &*log,
        begun: log.begun().map_err(DatabaseError::from)?,
        keys: wallet.addresses().into_iter().collect(),
        chain_id: genesis.chain_id(),
        slot_clock: genesis.slot_clock()?,
        thread_count: genesis.params.thread_count,
    };
    check.run()
}

/// When the signing log was begun, if it does not know all that the keys ever signed: then it was
/// lost, or the keys come from elsewhere (design 07, 'Durable before sent'). Once said of a log, this
/// stays over restarts. A new log is complete if the chain has not begun, if nothing is decided yet
/// in a development directory, whose keys were made for it, or if the operator says so.
pub(super) fn signing_log_since(
    config: &NodeConfig,
    data: &DataDir,
) -> Result<Option<Timestamp>, NodeError> {
    let log = data.signing_log();
    let now = later_than_decided(config, data)?;
    let origin = match log.origin().map_err(DatabaseError::from)? {
        LogOrigin::Complete => return Ok(None),
        LogOrigin::Since(_) if config.keys_never_signed => LogOrigin::Complete,
        LogOrigin::Since(since) => return Ok(Some(since)),
        LogOrigin::New if is_new_log_complete(config, data)? => LogOrigin::Complete,
        LogOrigin::New => LogOrigin::Since(now),
    };
    log.declare(origin, now).map_err(DatabaseError::from)?;
    Ok(match origin {
        LogOrigin::Since(since) => Some(since),
        LogOrigin::New | LogOrigin::Complete => None,
    })
}

/// The time, or the first moment after what is decided: a clock that was set back does not make what
/// was signed before this start something that was signed after it.
fn later_than_decided(config: &NodeConfig, data: &DataDir) -> Result<Timestamp, NodeError> {
    let genesis = &config.chain.genesis;
    let Some(slot) = last_decided(genesis, data)? else {
        return Ok(config.started_at);
    };
    let start = genesis.slot_clock()?.start_of(slot)?;
    Ok(config.started_at.max(after(start, Millis(1))?))
}

fn is_new_log_complete(config: &NodeConfig, data: &DataDir) -> Result<bool, NodeError> {
    if config.keys_never_signed || !has_begun(config, data)? {
        return Ok(true);
    }
    let nothing_is_decided = last_decided(&config.chain.genesis, data)?.is_none();
    Ok(config.layout.is_dev() && nothing_is_decided)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::Node;
    use crate::data_layout::DataLayout;
    use crate::home::open_dev_chain;
    use crate::test_kit::{lone_node, short_chain};
    use picot_clock::{Clock, Stop, SystemClock};
    use picot_database::DatabaseConfig;
    use picot_ledger::{LatticeHash, STATE_FORMAT, StateBatch, StateStore};
    use picot_serialization::Encode;
    use std::sync::Arc;

    /// When a new log of a development directory whose state is at this slot, and which has no archive,
    /// was begun, if it does not know everything.
    fn begun_with_state_at(slot: Option<Slot>) -> Option<Timestamp> {
        let folder = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(folder.path().join("dev"));
        let chain = open_dev_chain(&layout, SystemClock.now()).unwrap();
        let chain_id = chain.genesis.chain_id();
        let data = DataDir::open(layout.root(), &chain_id, &DatabaseConfig::dev()).unwrap();
        if let Some(last_final_slot) = slot {
            let metadata = StateMetadata {
                format: STATE_FORMAT,
                chain_id,
                last_final_slot,
                lattice: LatticeHash::new(),
            };
            let mut batch = StateBatch::new();
            batch.set_metadata(metadata.to_bytes());
            data.state().commit(batch).unwrap();
        }
        let config = lone_node(&layout, &chain, Arc::new(SystemClock));
        signing_log_since(&config, &data).unwrap()
    }

    #[test]
    fn a_new_log_beside_a_received_state_does_not_count_as_complete() {
        assert_eq!(begun_with_state_at(None), None);
        assert_eq!(begun_with_state_at(Some(Slot::GENESIS)), None);
        assert!(begun_with_state_at(Some(Slot::new(9, 0))).is_some());
    }

    #[test]
    fn the_wait_counts_from_when_the_node_listens_not_from_when_its_process_started() {
        const WAIT_MS: u64 = 60_000;
        let folder = tempfile::tempdir().unwrap();
        let layout = DataLayout::new(folder.path().join("dev"));
        let long_ago = Timestamp(SystemClock.now().0 - 10 * WAIT_MS);
        let mut chain = short_chain(&layout, long_ago, 400, WAIT_MS);
        chain.is_new = false;
        let mut config = lone_node(&layout, &chain, Arc::new(SystemClock));
        // As after a bootstrap that took longer than the wait.
        config.started_at = Timestamp(SystemClock.now().0 - 2 * WAIT_MS);
        let node = Node::start(config, &Stop::new()).unwrap();
        let reason = node.not_producing().unwrap();
        assert!(reason.contains("after the start"), "{reason}");
    }
}
