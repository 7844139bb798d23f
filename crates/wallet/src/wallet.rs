//! The port to keys that sign.

use crate::{SignRequest, WalletError};
use picot_models::{Address, OperationId, PublicKey, Signature, Slot};

/// Keys that sign without ever contradicting themselves.
///
/// Calls may come from several threads, at once. A key that was removed, or a wallet that was
/// locked, signs nothing any more from the moment that the call which did it returns.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait Wallet: Send + Sync {
    /// Whose keys it has, ascending; none while locked.
    fn addresses(&self) -> Vec<Address>;

    /// The public key of an address that it has the key of.
    fn public_key(&self, address: &Address) -> Option<PublicKey>;

    /// Claims all in the durable log with one sync, which blocks, then signs, and answers for each
    /// request in order. The same content again gives the same signature, after a restart too.
    ///
    /// # Errors
    /// For one request: [`WalletError::NotSafe`], [`WalletError::Refused`],
    /// [`WalletError::UnknownAddress`]. For each of them: [`WalletError::Locked`],
    /// [`WalletError::Log`].
    fn sign_claimed(&self, requests: &[SignRequest]) -> Vec<Result<Signature, WalletError>>;

    /// Signs what can contradict nothing.
    ///
    /// # Errors
    /// [`WalletError::UnknownAddress`], [`WalletError::Locked`].
    fn sign_operation(&self, address: &Address, id: &OperationId)
    -> Result<Signature, WalletError>;

    /// What the address claimed for slots from `from` on, in ascending order of slot, kind, round,
    /// whether or not the signature left.
    ///
    /// # Errors
    /// [`WalletError::Log`].
    fn signed_since(&self, address: &Address, from: Slot) -> Result<Vec<SignRequest>, WalletError>;
}
