//! Why a node cannot start or go on.

use crate::cli::PassphraseError;
use crate::genesis_file::GenesisFileError;
use crate::randomness::RandomnessError;
use displaydoc::Display;
use picot_api::ApiError;
use picot_block_factory::FactoryError;
use picot_clock::{ClockError, Slot};
use picot_consensus::ConsensusError;
use picot_database::DatabaseError;
use picot_execution::ExecutionError;
use picot_models::{ChainId, GenesisError};
use picot_pool::PoolError;
use picot_selector::SelectorError;
use picot_storage::StorageError;
use picot_wallet::WalletError;
use std::io;
use std::path::PathBuf;
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
    /// the interface cannot start
    Api(#[from] ApiError),
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
    /// the data contradicts itself: {0}
    Contradiction(String),
    /// {0}
    Stopped(String),
}

impl NodeError {
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
