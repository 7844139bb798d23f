//! The rules of the wallet, by name.

mod key_files;
mod protection;
mod refusals;
mod signing;

use crate::mocks::{request, signing_history_suite, signing_log_reopen_suite, signing_log_suite};
use crate::{
    ClaimKind, FileWallet, KdfParams, MemorySigningLog, SignRequest, SigningLog, WalletConfig,
};
use picot_crypto::{Context, Hasher};
use picot_models::mocks::{address, key};
use picot_models::{Address, Slot};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

const PASSPHRASE: &str = "correct horse";

/// The least that Argon2 takes.
fn config() -> WalletConfig {
    WalletConfig {
        kdf: KdfParams {
            memory_kib: 8,
            passes: 1,
            lanes: 1,
        },
    }
}

/// Bytes that differ from call to call.
fn random() -> impl FnMut(&mut [u8]) {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    |out| {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        let mut hasher = Hasher::new(Context::Test);
        hasher.update(&call.to_le_bytes());
        hasher.finalize_xof().fill(out);
    }
}

struct World {
    folder: TempDir,
    log: MemorySigningLog,
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            log: MemorySigningLog::new(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("wallet.json")
    }

    fn log(&self) -> Arc<dyn SigningLog> {
        Arc::new(self.log.clone())
    }

    /// A new wallet with these keys.
    fn create(&self, keys: &[u64]) -> FileWallet {
        let made = FileWallet::create(
            &self.path(),
            PASSPHRASE,
            config(),
            self.log(),
            &mut random(),
        );
        let wallet = made.unwrap();
        for number in keys {
            wallet.add(key(*number), &mut random()).unwrap();
        }
        wallet
    }

    fn open(&self) -> Result<FileWallet, crate::WalletError> {
        FileWallet::open(&self.path(), config(), self.log())
    }
}

fn vote(signer: u64, period: u64, content: u8) -> SignRequest {
    request(
        signer,
        ClaimKind::Notarise,
        Slot::new(period, 0),
        0,
        content,
    )
}

fn sorted_addresses(numbers: &[u64]) -> Vec<Address> {
    let mut addresses: Vec<_> = numbers.iter().map(|number| address(*number)).collect();
    addresses.sort();
    addresses
}

#[test]
fn the_memory_log_keeps_the_contract_of_signing_logs() {
    signing_log_suite(MemorySigningLog::new);
    signing_log_reopen_suite(MemorySigningLog::new, |log| log.clone());
    signing_history_suite(MemorySigningLog::new);
}

#[test]
fn a_claim_record_has_one_canonical_form() {
    use picot_serialization::{Encode, decode_exact};
    for kind in [
        ClaimKind::Header,
        ClaimKind::RoundEnd,
        ClaimKind::Checkpoint,
    ] {
        let record = request(1, kind, Slot::new(300, 2), 7, 9);
        assert_eq!(
            decode_exact::<SignRequest>(&record.to_bytes()).unwrap(),
            record
        );
    }
}

#[test]
fn the_default_costs_are_those_of_rfc_9106_and_within_bounds() {
    let kdf = KdfParams::default();
    assert_eq!((kdf.memory_kib, kdf.passes, kdf.lanes), (65_536, 3, 4));
    WalletConfig::default().validate().unwrap();
    WalletConfig::dev().validate().unwrap();
    config().validate().unwrap();
}
