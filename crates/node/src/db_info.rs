//! What is in a stopped node's data directory.

use crate::NodeError;
use crate::data_layout::DataLayout;
use crate::history_mode::HistoryMode;
use crate::home;
use picot_checkpoint::CheckpointArchive;
use picot_database::{DataDir, DatabaseConfig, DatabaseError, LogOrigin};
use picot_execution::ExecutionError;
use picot_ledger::keys::KeyKind;
use picot_ledger::{LedgerError, STATE_FORMAT, StateMetadata, StateStore, for_each_pair};
use picot_models::{Genesis, Slot};
use picot_storage::{BlockArchive, StorageError};
use serde::Serialize;
use std::sync::Arc;

/// What is in a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataInfo {
    /// The chain's name.
    pub chain: String,
    /// Its id.
    pub chain_id: String,
    /// Bytes on disk, by part.
    pub sizes: PartSizes,
    /// How much of the past the node keeps that used the directory last: `full` or `cycles=N`.
    pub history: Option<String>,
    /// The blocks and misses that are kept; none if nothing was decided.
    pub archive: Option<ArchiveSpan>,
    /// The final state; none before the first start has ended.
    pub state: Option<StateInfo>,
    /// The newest checkpoint that more than two thirds of the stake have certified.
    pub checkpoint: Option<CheckpointInfo>,
    /// What the signing log knows.
    pub signing_log: SigningLogInfo,
}

/// A certified checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointInfo {
    /// The slot after which the state is meant.
    pub slot: Slot,
    /// The hash of that state.
    pub state_hash: String,
}

/// Bytes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PartSizes {
    /// The final state.
    pub state: u64,
    /// Outcomes and blocks.
    pub archive: u64,
    /// What was written last of these two, and is not in their tables yet.
    pub journal: u64,
    /// Factory history, switches, known peers.
    pub node: u64,
    /// The signing log.
    pub signing_log: u64,
    /// All of it.
    pub total: u64,
}

/// From where to where decisions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ArchiveSpan {
    /// The first slot that is kept.
    pub first: Slot,
    /// The last slot that is settled.
    pub last: Slot,
}

/// The final state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateInfo {
    /// Its format.
    pub format: u32,
    /// The format that this program reads; an older one is migrated at the next start.
    pub known_format: u32,
    /// The slot whose state it is.
    pub last_final_slot: Slot,
    /// The hash of all its pairs, as it is stored: `picot db check` computes it anew.
    pub state_hash: String,
    /// Addresses with coins.
    pub accounts: u64,
    /// Addresses with rolls.
    pub stakers: u64,
}

/// What the signing log knows of what the keys signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningLogInfo {
    /// Nobody has said yet.
    New,
    /// All of it.
    Complete,
    /// What was signed after it was begun, in milliseconds since the epoch.
    Since(u64),
}

/// Looks at a data directory that no node uses.
///
/// # Errors
/// It cannot be read, or is in use.
pub fn info(layout: &DataLayout) -> Result<DataInfo, NodeError> {
    let genesis = home::open_chain(layout, None)?.genesis;
    let config = DatabaseConfig::default();
    let data = DataDir::open(layout.root(), &genesis.chain_id(), &config)?;
    let sizes = data.sizes()?;
    let origin = data.signing_log().origin().map_err(DatabaseError::from)?;
    Ok(DataInfo {
        chain: genesis.name.clone(),
        chain_id: genesis.chain_id().to_string(),
        sizes: PartSizes {
            state: sizes.state,
            archive: sizes.archive,
            journal: sizes.journal,
            node: sizes.node,
            signing_log: sizes.signing_log,
            total: sizes.total(),
        },
        history: HistoryMode::read(&data.node())?.map(|mode| mode.to_string()),
        archive: span(&*data.archive(), genesis.params.thread_count)?,
        state: state(&*data.state()).map_err(ExecutionError::from)?,
        checkpoint: checkpoint(&data, genesis)?,
        signing_log: match origin {
            LogOrigin::New => SigningLogInfo::New,
            LogOrigin::Complete => SigningLogInfo::Complete,
            LogOrigin::Since(since) => SigningLogInfo::Since(since.as_millis()),
        },
    })
}

fn checkpoint(data: &DataDir, genesis: Genesis) -> Result<Option<CheckpointInfo>, NodeError> {
    let archive = CheckpointArchive::new(data.checkpoints(), Arc::new(genesis));
    let newest = archive.last_certificate()?;
    let signature = newest.and_then(|newest| newest.signatures.into_iter().next());
    Ok(signature.map(|signature| CheckpointInfo {
        slot: signature.content.slot,
        state_hash: signature.content.state_hash.to_string(),
    }))
}

fn span(archive: &dyn BlockArchive, threads: u8) -> Result<Option<ArchiveSpan>, StorageError> {
    let mut span: Option<ArchiveSpan> = None;
    for thread in 0..threads {
        let first = archive.first_outcome(thread)?;
        let last = archive.last_outcome(thread)?;
        if let (Some(first), Some(last)) = (first, last) {
            let (first, last) = (first.slot(), Slot::new(last.through(), thread));
            span = Some(
                span.map_or(ArchiveSpan { first, last }, |span| ArchiveSpan {
                    first: span.first.min(first),
                    last: span.last.max(last),
                }),
            );
        }
    }
    Ok(span)
}

fn state(store: &dyn StateStore) -> Result<Option<StateInfo>, LedgerError> {
    let Some(metadata) = StateMetadata::read(store)? else {
        return Ok(None);
    };
    let count = |kind: KeyKind| {
        let mut count = 0_u64;
        for_each_pair(store, &kind.prefix(), |_, _| {
            count = count.saturating_add(1);
            Ok::<_, LedgerError>(())
        })?;
        Ok::<_, LedgerError>(count)
    };
    Ok(Some(StateInfo {
        format: metadata.format,
        known_format: STATE_FORMAT,
        last_final_slot: metadata.last_final_slot,
        state_hash: metadata.lattice.digest().to_string(),
        accounts: count(KeyKind::Balance)?,
        stakers: count(KeyKind::Rolls)?,
    }))
}
