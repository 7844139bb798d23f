//! The key file of a data directory.

use crate::data_layout::DataLayout;
use picot_wallet::{FileWallet, MemorySigningLog, SigningLog, WalletConfig, WalletError};
use std::sync::Arc;

/// Opens the key file that there is, over a signing log; locked.
///
/// # Errors
/// Those of [`FileWallet::open`].
pub fn open_wallet(
    layout: &DataLayout,
    log: Arc<dyn SigningLog>,
) -> Result<FileWallet, WalletError> {
    FileWallet::open(&layout.keys_file(), wallet_config(layout), log)
}

/// Keys of a development directory guard nothing, so their passphrase need not cost a second.
#[must_use]
pub fn wallet_config(layout: &DataLayout) -> WalletConfig {
    if layout.is_dev() {
        WalletConfig::dev()
    } else {
        WalletConfig::default()
    }
}

/// A log for a wallet that signs operations only, which can contradict nothing and are never
/// claimed, or that is only asked for its keys.
#[must_use]
pub fn no_claims() -> Arc<dyn SigningLog> {
    Arc::new(MemorySigningLog::default())
}
