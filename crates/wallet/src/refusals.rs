//! Which keys sign nothing until an operator says so, over restarts.

use crate::WalletError;
use parking_lot::Mutex;
use picot_models::Address;
use std::collections::BTreeMap;

/// Keeps the keys that were seen in use elsewhere (design 08, 'Start-up safety').
///
/// Calls may come from several threads, one at a time for each address.
pub trait RefusalStore: Send + Sync {
    /// The refused addresses, each with the reason.
    ///
    /// # Errors
    /// [`WalletError::Refusals`].
    fn refusals(&self) -> Result<BTreeMap<Address, String>, WalletError>;

    /// Keeps a refusal, or with `None` forgets it; it holds over the end of the process and of the
    /// machine once this returns.
    ///
    /// # Errors
    /// [`WalletError::Refusals`].
    fn keep(&self, address: &Address, reason: Option<&str>) -> Result<(), WalletError>;
}

/// Refusals in memory, for tests and for wallets that sign no claims.
#[derive(Debug, Default)]
pub struct MemoryRefusals(Mutex<BTreeMap<Address, String>>);

impl RefusalStore for MemoryRefusals {
    fn refusals(&self) -> Result<BTreeMap<Address, String>, WalletError> {
        Ok(self.0.lock().clone())
    }

    fn keep(&self, address: &Address, reason: Option<&str>) -> Result<(), WalletError> {
        let mut kept = self.0.lock();
        match reason {
            Some(reason) => kept.insert(*address, reason.to_owned()),
            None => kept.remove(address),
        };
        Ok(())
    }
}
