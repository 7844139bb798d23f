//! Why a command failed, and what to do about it.

use super::{PassphraseError, SettingsError};
use crate::NodeError;
use crate::data_layout::{
    CHAIN_FILE, DEFAULT_DEV_DATA, GENESIS_FILE, SIGNING_FOLDER, STORE_FOLDER,
};
use crate::genesis_file::GenesisFileError;
use crate::load::LoadError;
use crate::randomness::RandomnessError;
use displaydoc::Display;
use picot_api::ProblemCode;
use picot_client::ClientError;
use picot_database::{DatabaseError, WriteFailure, is_out_of_space};
use picot_execution::ExecutionError;
use picot_models::text::TextError;
use picot_models::{Address, Amount, ChainId, GenesisError, OperationId, Slot};
use picot_wallet::{ProtectionError, WalletError};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a command failed.
#[derive(Debug, Display, Error)]
pub enum CliError {
    /// cannot {action}
    Node {
        /// What was asked of the node.
        action: String,
        /// Why not.
        #[source]
        source: ClientError,
    },
    /// operation {id} was not accepted
    NotAccepted {
        /// The operation.
        id: OperationId,
        /// Why not.
        #[source]
        source: ClientError,
    },
    /// {0}
    Settings(SettingsError),
    /// cannot use the wallet
    Wallet(#[from] WalletError),
    /// no passphrase for the wallet
    Passphrase(#[from] PassphraseError),
    /// cannot make a key
    Randomness(#[from] RandomnessError),
    /// {place} is no secret key
    Secret {
        /// What was to be one: never the text itself.
        place: String,
        /// Why not.
        #[source]
        source: TextError,
    },
    /// no secret key was given, and there is no terminal to ask for it
    NoSecret,
    /// wallet file {0} has no keys
    NoKeys(PathBuf),
    /// wallet file {path} has {count} keys, and it was not said whose to use
    ManyKeys {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// One of them.
        example: Box<Address>,
    },
    /// the node at {url} is of chain {node}, but data directory {directory} is of chain {data}
    OtherChain {
        /// The node.
        url: String,
        /// Its chain.
        node: ChainId,
        /// The directory.
        directory: PathBuf,
        /// Its chain.
        data: ChainId,
    },
    /// an operation of this chain may expire in 1 to {max} periods, not {asked}
    ExpireIn {
        /// What was asked for.
        asked: u64,
        /// What the chain allows.
        max: u64,
    },
    /// operation {id} failed in slot {slot}, its fee is spent: {reason}
    Failed {
        /// The operation.
        id: OperationId,
        /// Where.
        slot: Place,
        /// Why.
        reason: String,
    },
    /// operation {id} did nothing in slot {slot}: its sender could not pay
    Unpaid {
        /// The operation.
        id: OperationId,
        /// Where.
        slot: Place,
    },
    /// operation {id} did nothing in slot {slot}: its block may not carry it, or it was executed before
    Void {
        /// The operation.
        id: OperationId,
        /// Where.
        slot: Place,
    },
    /// operation {0} is executed, but the node does not tell what it came to
    NoOutcome(OperationId),
    /// operation {id} expired: all slots until {last} are final, and none of them executed it
    Expired {
        /// The operation.
        id: OperationId,
        /// The last slot that could have included it.
        last: Slot,
    },
    /// operation {id} is not final after {seconds} s: {seen}
    OutOfPatience {
        /// The operation.
        id: OperationId,
        /// How long was waited.
        seconds: u64,
        /// The last that was seen of it.
        seen: String,
    },
    /// cannot {action} {path}
    File {
        /// What was to be done.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// the genesis cannot be used
    GenesisFile(#[from] GenesisFileError),
    /// this genesis makes no chain
    Genesis(#[source] GenesisError),
    /// {0} is given coins twice
    AllocatedTwice(Box<Address>),
    /// file {0} exists already
    Exists(PathBuf),
    /// removing a key must be confirmed, and there is no terminal to ask
    NotConfirmed,
    /// nothing was removed
    Declined,
    /// the data in {data} did not pass the check
    Check {
        /// The data directory.
        data: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<NodeError>,
    },
    /// no node runs on data directory {0}
    NotRunning(PathBuf),
    /// cannot read {path}, which says where the node can be asked
    ControlFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// data directory {0} is in use by a process that does not say where it can be asked
    InUse(PathBuf),
    /// cannot use the data in {data}
    Data {
        /// The data directory.
        data: PathBuf,
        /// Why not.
        #[source]
        source: Box<NodeError>,
    },
    /// cannot move what was signed
    Protection(#[from] ProtectionError),
    /// cannot take over what was signed from {path}
    ProtectionFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: ProtectionError,
    },
    /// cannot run the node on data directory {data}
    Run {
        /// The data directory.
        data: PathBuf,
        /// Why not.
        #[source]
        source: Box<NodeError>,
    },
    /// cannot listen for signals
    Signals(#[source] Box<NodeError>),
    /// the simulator is a program of its own, picot-sim, which is neither beside picot nor on the PATH
    NoSimulator,
    /// cannot run the simulator {path}
    Simulator {
        /// The program.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// the nodes at {first} and {second} are of different chains
    NodesOfTwoChains {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// no node was named
    NoNode,
    /// so many transfers cost more coins than there can be
    TooMuch,
    /// {accounts} accounts need {needed} coins, fees included, but {address} has {has}
    CannotFund {
        /// Who was to give them.
        address: Box<Address>,
        /// How many accounts lack coins.
        accounts: usize,
        /// What they lack.
        needed: Amount,
        /// What there is.
        has: Amount,
    },
    /// account {address} has {has} coins, too little to send any
    NotFunded {
        /// The account.
        address: Box<Address>,
        /// What it has.
        has: Amount,
    },
    /// {open} transfers to the accounts are not final after {seconds} s
    NotFundedInTime {
        /// How many.
        open: usize,
        /// How long was waited.
        seconds: u64,
    },
    /// a transfer to an account failed: {0}
    FundingFailed(String),
    /// the load did not go as it should
    Load(#[from] LoadError),
    /// the operation would not do what it orders
    WouldFail,
    /// {path} has more than the {max} bytes that the code of a contract may have
    CodeTooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        max: u64,
    },
    /// a key of the datastore was given twice
    EntryTwice,
    /// cannot write the output
    Output(#[source] io::Error),
}

/// Without a cause: what is wrong with settings is told by line, once.
impl From<SettingsError> for CliError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

/// The slot of an executed operation, if the node tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub Option<Slot>);

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(slot) => write!(formatter, "{slot}"),
            None => formatter.write_str("(not told)"),
        }
    }
}

/// The exit code of a refusal for safety's sake: a signing log that is damaged or does not know what
/// its keys signed, data that another process uses, or that is of another chain or a newer program.
pub const SAFETY_REFUSAL: i32 = 77;

impl CliError {
    /// 2 for what another way of writing the command mends, [`SAFETY_REFUSAL`] where going on could
    /// have a key sign against itself, 1 for the rest.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Run { source, .. } | Self::Data { source, .. } | Self::Check { source, .. }
                if source.is_safety_refusal() =>
            {
                SAFETY_REFUSAL
            }
            Self::Settings(error) if error.is_usage() => 2,
            Self::ManyKeys { .. }
            | Self::ExpireIn { .. }
            | Self::AllocatedTwice(_)
            | Self::EntryTwice
            | Self::NoSecret
            | Self::NotConfirmed => 2,
            _ => 1,
        }
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Node { source, .. } => return client_hint(source),
            Self::NotAccepted { id, source } => return submit_hint(*id, source),
            Self::Settings(error) => return error.hint().map(str::to_owned),
            Self::Wallet(error) => return wallet_hint(error),
            Self::Passphrase(error) => return error.hint(),
            Self::Run { data, source } => return node_hint(data, source),
            Self::Check { data, source } => return damage_hint(data, source),
            Self::Data { data, source } => return data_hint(data, source),
            Self::NotRunning(_) => {
                "start it with `picot node`, or say where its data is with `--data`".to_owned()
            }
            Self::ControlFile { .. } => {
                "a running node writes it for its owner alone; if none runs there, remove it"
                    .to_owned()
            }
            Self::InUse(_) => {
                "try again; a node that has just begun says so in a moment, and any other must be \
                 stopped first"
                    .to_owned()
            }
            Self::NoSecret => "name a file with `--secret-file`".to_owned(),
            Self::NoKeys(_) => "`picot keys new` makes one".to_owned(),
            Self::ManyKeys { example, .. } => {
                format!("say it with `--from {example}`; `picot keys list` shows them all")
            }
            Self::CannotFund { .. } => {
                "ask for less, or say with `--from` and `--data` whose coins \
                                        to take"
                    .to_owned()
            }
            Self::NotFunded { .. } => "without `--funded`, the accounts are given coins; `picot \
                                       load --addresses` prints them for a genesis"
                .to_owned(),
            Self::Load(LoadError::NoAnswer { source, .. }) => return client_hint(source),
            Self::OtherChain { .. } => "check `--api` and `--data`".to_owned(),
            Self::Unpaid { .. } => "`picot address` shows what an address has".to_owned(),
            Self::Expired { .. } => "send it again, perhaps with a higher `--fee`".to_owned(),
            Self::OutOfPatience { id, .. } => {
                format!("it may still be executed: ask again with `picot operation {id}`")
            }
            Self::Exists(_) => "`--force` replaces it".to_owned(),
            Self::NoSimulator => "in a checkout, `cargo xtask sim` builds and runs it, and `cargo \
                                  install --path crates/simulator` puts it on the PATH"
                .to_owned(),
            Self::NotConfirmed => "`--yes` says that it is meant".to_owned(),
            _ => return None,
        };
        Some(hint)
    }
}

fn node_hint(data: &Path, error: &NodeError) -> Option<String> {
    let damage = damage_hint(data, error);
    damage.or_else(|| match error {
        NodeError::Wallet(error) => wallet_hint(error),
        NodeError::Passphrase(error) => error.hint(),
        NodeError::Database(DatabaseError::InUse(_)) => Some(
            "one process at a time may sign with its keys: stop the other one first".to_owned(),
        ),
        _ => None,
    })
}

/// What to do about data that is damaged, or cannot be written.
fn damage_hint(data: &Path, error: &NodeError) -> Option<String> {
    if matches!(error, NodeError::WriteFailed(WriteFailure::NoSpace(_))) || is_out_of_space(error) {
        return Some(format!(
            "free some space where {} is, and start again: nothing has to be mended",
            data.display()
        ));
    }
    let log = data.join(SIGNING_FOLDER);
    if matches!(error, NodeError::OlderLog { .. }) || error.is_about_signing_log() {
        return Some(format!(
            "put the right log back; or remove {}: the node then signs nothing until it has seen \
             what others decided after its start",
            log.display()
        ));
    }
    match error {
        NodeError::Database(DatabaseError::Damaged { path, .. }) if path.ends_with(CHAIN_FILE) => {
            Some(format!(
                "if the data is of this chain and this program, remove {}: it is made anew",
                path.display()
            ))
        }
        NodeError::WriteFailed(_) => Some(format!(
            "look at the disk; `picot db check --data {}` tells what is there",
            data.display()
        )),
        NodeError::GenesisFile(_)
        | NodeError::Genesis(_)
        | NodeError::OtherChain { .. }
        | NodeError::Database(DatabaseError::AnotherChain { .. }) => Some(format!(
            "put the genesis file of the data's chain back as {}",
            data.join(GENESIS_FILE).display()
        )),
        NodeError::Database(DatabaseError::NewerFormat { .. }) => Some(
            "use the newer program; what it wrote, this one cannot read, and does not touch"
                .to_owned(),
        ),
        NodeError::Execution(ExecutionError::Format { found, known }) if found < known => Some(
            "start the node once: it brings what an older program wrote to today's format"
                .to_owned(),
        ),
        error if error.is_about_store() => Some(format!(
            "`picot db check --data {}` tells more; if it is damaged, remove {} and start again: \
             peers give it back. Keep {}",
            data.display(),
            data.join(STORE_FOLDER).display(),
            log.display()
        )),
        _ => None,
    }
}

fn data_hint(data: &Path, error: &NodeError) -> Option<String> {
    if let Some(hint) = damage_hint(data, error) {
        return Some(hint);
    }
    match error {
        NodeError::Database(DatabaseError::InUse(_)) => {
            Some("stop the node first: what it does meanwhile would be missing".to_owned())
        }
        NodeError::NoGenesis(_) => Some("`--data` says where the data is".to_owned()),
        _ => None,
    }
}

fn client_hint(error: &ClientError) -> Option<String> {
    let hint = match error {
        ClientError::Unreachable { .. } => {
            "is it running? start one with `picot node --dev`, or say where it is with `--api`"
        }
        ClientError::Slow { .. } => "it may be overloaded: try again",
        ClientError::Broken { .. } => "it may have been stopped: try again",
        ClientError::NotPicot { .. } => "check `--api`",
        ClientError::Refused(refusal)
            if refusal.is(ProblemCode::Unavailable) || refusal.is(ProblemCode::PoolFull) =>
        {
            "try again in a few seconds"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn submit_hint(id: OperationId, error: &ClientError) -> Option<String> {
    match error {
        // The request may have arrived although no answer did.
        ClientError::Slow { .. } | ClientError::Broken { .. } => Some(format!(
            "it may have been accepted all the same: ask with `picot operation {id}`"
        )),
        ClientError::Refused(refusal) if refusal.is(ProblemCode::FeeTooLow) => {
            Some("`--fee` sets the fee".to_owned())
        }
        ClientError::Refused(refusal)
            if refusal.is(ProblemCode::BalanceTooLow) || refusal.is(ProblemCode::RollsTooFew) =>
        {
            Some("`picot address` shows what an address has".to_owned())
        }
        // The id covers what is ordered and the expiry, so the same order twice in a period is one.
        ClientError::Refused(refusal)
            if refusal.is(ProblemCode::AlreadyPending)
                || refusal.is(ProblemCode::AlreadyExecuted) =>
        {
            Some(format!(
                "`picot operation {id}` shows it; to order the same once more, wait for the next \
                 period, or say another `--expire-in`"
            ))
        }
        _ => client_hint(error),
    }
}

fn wallet_hint(error: &WalletError) -> Option<String> {
    let hint = match error {
        WalletError::NotFound(_) => format!(
            "`picot keys new` makes one, and so does the first `picot node --dev` in \
             {DEFAULT_DEV_DATA}; `--data` says where it is"
        ),
        WalletError::WrongPassphrase(_) => "nothing was changed: try again".to_owned(),
        WalletError::UnknownAddress(_) => "`picot keys list` shows whose keys it has".to_owned(),
        WalletError::Truncated { .. } | WalletError::Malformed { .. } => {
            "restore it from a copy, or `picot keys import` exported keys into another directory"
                .to_owned()
        }
        WalletError::ChangedOnDisk(_) => "try again".to_owned(),
        _ => return None,
    };
    Some(hint)
}
