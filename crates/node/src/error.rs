//! Why a node cannot start or go on.

use crate::cli::PassphraseError;
use crate::data_layout::SIGNING_FOLDER;
use crate::genesis_file::GenesisFileError;
use crate::randomness::RandomnessError;
use displaydoc::Display;
use picot_api::ApiError;
use picot_block_factory::FactoryError;
use picot_bootstrap::BootstrapError;
use picot_checkpoint::CheckpointError;
use picot_clock::{ClockError, Slot};
use picot_consensus::ConsensusError;
use picot_database::{DatabaseError, WriteFailure};
use picot_execution::ExecutionError;
use picot_models::{Address, ChainId, GenesisError};
use picot_pool::PoolError;
use picot_selector::SelectorError;
use picot_storage::StorageError;
use picot_wallet::{ClaimKind, SigningLogError, WalletError};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a node cannot start or go on.
#[derive(Debug, Display, Error)]
pub enum NodeError {
    /// cannot {action} {path}
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// the genesis cannot be used
    GenesisFile(#[from] GenesisFileError),
    /// there is no chain in {0} yet: start with `--genesis FILE`, or with `--dev` for a development chain
    NoGenesis(PathBuf),
    /// the genesis file given is of chain {given}, but {path} holds chain {found}
    OtherChain {
        /// The data directory.
        path: PathBuf,
        /// Its chain.
        found: Box<ChainId>,
        /// The chain of the file given.
        given: Box<ChainId>,
    },
    /// {0} is no development directory: nothing was removed
    NotDevelopment(PathBuf),
    /// no passphrase for the wallet
    Passphrase(#[from] PassphraseError),
    /// a factory cannot start
    Factory(#[from] FactoryError),
    /// the genesis makes no chain
    Genesis(#[from] GenesisError),
    /// the wallet cannot be used
    Wallet(#[from] WalletError),
    /// the data directory cannot be used
    Database(#[from] DatabaseError),
    /// the archive cannot be read
    Storage(#[from] StorageError),
    /// the draws cannot be prepared
    Selector(#[from] SelectorError),
    /// the pool cannot start
    Pool(#[from] PoolError),
    /// execution cannot go on
    Execution(#[from] ExecutionError),
    /// consensus cannot go on
    Consensus(#[from] ConsensusError),
    /// checkpoints cannot be signed or gathered
    Checkpoint(#[from] CheckpointError),
    /// the state of a checkpoint cannot be received or served
    Bootstrap(#[from] BootstrapError),
    /// the interface cannot start
    Api(#[from] ApiError),
    /// the metrics cannot be counted
    Metrics(#[from] picot_metrics::MetricsError),
    /// the network cannot start
    Network(#[from] picot_network::NetworkError),
    /// the protocol between nodes cannot start
    Protocol(#[from] picot_protocol::ProtocolError),
    /// the calendar of the chain has no such time
    Clock(#[from] ClockError),
    /// the system gives no randomness for new keys
    Randomness(#[from] RandomnessError),
    /// the system hands over no signals
    Signals(#[source] io::Error),
    /// cannot start the thread `{name}`
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// the archive has no outcome of slot {0}, though a later one of its thread is there
    ArchiveGap(Slot),
    /// the signing log of {address} does not know the {kind} of slot {slot} that this key signed: it is an older copy, or the key is in use elsewhere
    OlderLog {
        /// The key.
        address: Box<Address>,
        /// What the log misses.
        kind: ClaimKind,
        /// Where.
        slot: Slot,
    },
    /// the node stopped, nothing that was final or signed is lost: {0}
    WriteFailed(WriteFailure),
    /// `--history cycles={asked}` keeps too little: this chain needs at least `--history cycles={fewest}`, or `--history full`
    ShortHistory {
        /// What was asked for.
        asked: u64,
        /// The fewest that may be kept.
        fewest: u64,
    },
    /// the data contradicts itself: {0}
    Contradiction(String),
    /// {0}
    Stopped(String),
}

impl NodeError {
    /// Whether going on could sign something against what was signed before, or spoil the data of
    /// another process, chain or program.
    #[must_use]
    pub fn is_safety_refusal(&self) -> bool {
        match self {
            Self::OlderLog { .. } | Self::OtherChain { .. } => true,
            Self::Database(
                DatabaseError::InUse(_)
                | DatabaseError::AnotherChain { .. }
                | DatabaseError::NewerFormat { .. },
            ) => true,
            error => error.is_about_signing_log(),
        }
    }

    /// Whether the signing log is damaged.
    pub(crate) fn is_about_signing_log(&self) -> bool {
        match self {
            Self::Wallet(WalletError::Log(error))
            | Self::Database(DatabaseError::SigningLog(error)) => is_damaged_log(error),
            Self::Database(DatabaseError::Damaged { path, .. }) => is_signing_log(path),
            _ => false,
        }
    }

    /// Whether state or archive cannot be read, or say what cannot be.
    pub(crate) const fn is_about_store(&self) -> bool {
        matches!(
            self,
            Self::Database(DatabaseError::Damaged { .. } | DatabaseError::Store { .. })
                | Self::Storage(_)
                | Self::Execution(_)
                | Self::Consensus(_)
                | Self::ArchiveGap(_)
                | Self::Contradiction(_)
        )
    }

    /// About a file.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

const fn is_damaged_log(error: &SigningLogError) -> bool {
    matches!(error, SigningLogError::Damaged(_))
}

fn is_signing_log(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| folder.ends_with(SIGNING_FOLDER))
}
