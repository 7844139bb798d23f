//! What can go wrong.

use crate::{ClaimKind, Refusal};
use displaydoc::Display;
use picot_models::text::TextError;
use picot_models::{Address, ChainId, Slot, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Why the signing log gave no answer. Nothing is signed then.
#[derive(Debug, Clone, Display, Error)]
pub enum SigningLogError {
    /// the signing log failed while {action}
    Failed {
        /// What was being done.
        action: &'static str,
        /// What the engine says.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// the signing log is damaged: {0}
    Damaged(String),
}

/// Why a key could not be used or kept.
#[derive(Debug, Clone, Display, Error)]
pub enum WalletError {
    /// the wallet is locked
    Locked,
    /// nothing is signed before {until}: the node listens first, in case another one uses its keys
    Listening {
        /// When the wait ends, as far as is known.
        until: Timestamp,
    },
    /// the wallet has no key of {0}
    UnknownAddress(Box<Address>),
    /// the wallet has the key of {0} already
    DuplicateKey(Box<Address>),
    /// the wallet is full: it keeps at most {0} keys
    Full(usize),
    /// {address} may not sign a {kind} of slot {slot}, round {round}: {reason}
    NotSafe {
        /// The signer.
        address: Box<Address>,
        /// What was to be signed.
        kind: ClaimKind,
        /// The slot.
        slot: Slot,
        /// The round or index.
        round: u32,
        /// Why.
        reason: Box<Refusal>,
    },
    /// {address} refuses to sign until an operator clears it: {reason}
    Refused {
        /// The signer.
        address: Box<Address>,
        /// Why.
        reason: String,
    },
    /// {action} the refused keys failed
    Refusals {
        /// What was being done.
        action: &'static str,
        /// What the store says.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// nothing was signed
    Log(#[from] SigningLogError),
    /// the signing log answered for {answered} of {asked} claims
    WrongAnswer {
        /// Verdicts received.
        answered: usize,
        /// Claims made.
        asked: usize,
    },
    /// the key text cannot be read
    KeyText(#[from] TextError),
    /// this key cannot own an address
    WeakKey,
    /// there is no wallet file {0}
    NotFound(PathBuf),
    /// wallet file {0} exists already
    AlreadyExists(PathBuf),
    /// {action} wallet file {path} failed
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// wallet file {path} is truncated: it ends at byte {bytes}
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// {path} is not a wallet file, or is damaged: {reason}
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// wallet file {path} has version {found}, this program knows version {known}
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The version in it.
        found: u64,
        /// The version that is written today.
        known: u64,
    },
    /// wallet file {path} asks for key stretching out of bounds: {reason}
    KdfOutOfBounds {
        /// The file.
        path: PathBuf,
        /// Which parameter and bound.
        reason: String,
    },
    /// wrong passphrase, or wallet file {0} is damaged
    WrongPassphrase(PathBuf),
    /// wallet file {0} was changed by somebody else since it was read: nothing was written
    ChangedOnDisk(PathBuf),
    /// the wallet configuration is wrong: {0}
    Config(String),
    /// key stretching or encryption failed: {0}
    Cipher(String),
}

/// Why a file of signing protection was not taken over. Nothing of it was.
#[derive(Debug, Clone, Display, Error)]
pub enum ProtectionError {
    /// this is no file of signing protection: {0}
    Malformed(String),
    /// the file has version {found}, this program knows version {known}
    UnknownVersion {
        /// The version in it.
        found: u64,
        /// The version that is written today.
        known: u64,
    },
    /// the file is of chain {found}, not of {expected}
    OtherChain {
        /// Its chain.
        found: Box<ChainId>,
        /// Ours.
        expected: Box<ChainId>,
    },
    /// the file speaks of slot {slot}, which is after slot {latest}, the latest that can have been signed for
    FromTheFuture {
        /// The slot.
        slot: Slot,
        /// The bound.
        latest: Slot,
    },
    /// the signing log could not be used
    Log(#[from] SigningLogError),
}
