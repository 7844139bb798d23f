//! The wallet of a node: keys in an encrypted file, claims in a signing log.

use crate::key_file::KeyFile;
use crate::keys::Keys;
use crate::vault::{FileKey, Vault};
use crate::{
    ClaimKey, ClaimVerdict, MemoryRefusals, RefusalStore, SignRequest, SigningLog, Wallet,
    WalletConfig, WalletError, WalletWarning,
};
use parking_lot::{Mutex, RwLock};
use picot_models::text::{export_secret_key, import_secret_key};
use picot_models::{Address, Hash, OperationId, PublicKey, SecretKey, Signature, Slot};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Fills a slice with random bytes that nobody can guess. This crate never asks the system itself.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// A [`Wallet`] whose keys are kept in an encrypted file.
pub struct FileWallet {
    file: KeyFile,
    config: WalletConfig,
    log: Arc<dyn SigningLog>,
    /// The file as it was last read or written. Held while it is changed: one change at a time.
    known: Mutex<Vec<u8>>,
    /// Held for reading as long as keys are in use, so that whoever takes it for writing knows that
    /// no signature is being made.
    unlocked: RwLock<Option<Unlocked>>,
    refusals: RwLock<BTreeMap<Address, String>>,
    /// Where refusals are kept over restarts.
    refusal_store: RwLock<Arc<dyn RefusalStore>>,
    warnings: Vec<WalletWarning>,
}

struct Unlocked {
    file_key: FileKey,
    keys: Keys,
}

/// Files.
impl FileWallet {
    /// Makes a file without keys, and gives the wallet, unlocked.
    ///
    /// # Errors
    /// [`WalletError::AlreadyExists`]; the configuration is out of bounds; the file could not be
    /// written.
    pub fn create(
        path: &Path,
        passphrase: &str,
        config: WalletConfig,
        log: Arc<dyn SigningLog>,
        random: Random<'_>,
    ) -> Result<Self, WalletError> {
        config.validate()?;
        let file = KeyFile {
            path: path.to_owned(),
        };
        if file.exists()? {
            return Err(WalletError::AlreadyExists(file.path));
        }
        let file_key = FileKey::new(passphrase, config.kdf, random)?;
        let keys = Keys::default();
        let json = file_key.seal(&keys, random)?.to_json()?;
        file.replace(&json)?;
        Ok(Self {
            known: Mutex::new(json),
            unlocked: RwLock::new(Some(Unlocked { file_key, keys })),
            refusals: RwLock::default(),
            refusal_store: RwLock::new(Arc::new(MemoryRefusals::default())),
            warnings: file.warnings()?,
            file,
            config,
            log,
        })
    }

    /// Opens a file, and gives the wallet, locked. What can be checked without the passphrase is
    /// checked.
    ///
    /// # Errors
    /// [`WalletError::NotFound`], [`WalletError::Truncated`], [`WalletError::Malformed`],
    /// [`WalletError::UnknownVersion`], [`WalletError::KdfOutOfBounds`], or it cannot be read.
    pub fn open(
        path: &Path,
        config: WalletConfig,
        log: Arc<dyn SigningLog>,
    ) -> Result<Self, WalletError> {
        config.validate()?;
        let file = KeyFile {
            path: path.to_owned(),
        };
        let json = file.read()?;
        Vault::from_json(&json, path)?;
        Ok(Self {
            known: Mutex::new(json),
            unlocked: RwLock::new(None),
            refusals: RwLock::default(),
            refusal_store: RwLock::new(Arc::new(MemoryRefusals::default())),
            warnings: file.warnings()?,
            file,
            config,
            log,
        })
    }

    /// What an operator should mend, as of when the file was opened.
    #[must_use]
    pub fn warnings(&self) -> &[WalletWarning] {
        &self.warnings
    }

    /// Reads the file and decrypts its keys. Takes as long as the stretching of the passphrase.
    ///
    /// # Errors
    /// [`WalletError::WrongPassphrase`], and those of [`FileWallet::open`]. The wallet stays as it
    /// was.
    pub fn unlock(&self, passphrase: &str) -> Result<(), WalletError> {
        let mut known = self.known.lock();
        let json = self.file.read()?;
        let vault = Vault::from_json(&json, &self.file.path)?;
        let (file_key, keys) = vault.open(passphrase, &self.file.path)?;
        *known = json;
        *self.unlocked.write() = Some(Unlocked { file_key, keys });
        Ok(())
    }

    /// Forgets the keys until the next unlocking. When it returns, no signature is being made.
    pub fn lock(&self) {
        *self.unlocked.write() = None;
    }

    /// Whether there are no keys in memory.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.unlocked.read().is_none()
    }

    /// Encrypts the file for another passphrase, with the costs of the configuration.
    ///
    /// # Errors
    /// [`WalletError::WrongPassphrase`] if `old` is not the passphrase; and those of a change.
    pub fn change_passphrase(
        &self,
        old: &str,
        new: &str,
        random: Random<'_>,
    ) -> Result<(), WalletError> {
        let mut known = self.known.lock();
        let vault = Vault::from_json(&self.read_unchanged(&known)?, &self.file.path)?;
        let (_, keys) = vault.open(old, &self.file.path)?;
        let file_key = FileKey::new(new, self.config.kdf, random)?;
        self.write(&mut known, &file_key, &keys, random)?;
        if let Some(unlocked) = &mut *self.unlocked.write() {
            unlocked.file_key = file_key;
        }
        Ok(())
    }
}

/// Keys.
impl FileWallet {
    /// Adds a key, which is used from now on.
    ///
    /// # Errors
    /// [`WalletError::Locked`], [`WalletError::DuplicateKey`], [`WalletError::Full`],
    /// [`WalletError::WeakKey`], [`WalletError::ChangedOnDisk`], or the file could not be written.
    /// The key is then neither in the file nor used.
    pub fn add(&self, key: SecretKey, random: Random<'_>) -> Result<Address, WalletError> {
        self.change(random, |keys| keys.with(key))
    }

    /// Makes a new key and adds it.
    ///
    /// # Errors
    /// Those of [`FileWallet::add`].
    pub fn generate(&self, random: Random<'_>) -> Result<Address, WalletError> {
        let mut seed = Zeroizing::new([0; 32]);
        random(&mut *seed);
        self.add(SecretKey::from_seed(*seed), random)
    }

    /// Adds a key from its text, `sec1…`.
    ///
    /// # Errors
    /// [`WalletError::KeyText`], and those of [`FileWallet::add`].
    pub fn import(&self, text: &str, random: Random<'_>) -> Result<Address, WalletError> {
        self.add(import_secret_key(text)?, random)
    }

    /// Removes a key from the file and from memory. It is never used again once this returns. What
    /// it signed stays in the signing log.
    ///
    /// # Errors
    /// [`WalletError::Locked`], [`WalletError::UnknownAddress`], [`WalletError::ChangedOnDisk`], or
    /// the file could not be written. The key is then still there and still used.
    pub fn remove(&self, address: &Address, random: Random<'_>) -> Result<(), WalletError> {
        self.change(random, |keys| Ok((keys.without(address)?, ())))
    }

    /// The text of a key, `sec1…`: whoever has it can spend and stake for the address.
    ///
    /// # Errors
    /// [`WalletError::Locked`], [`WalletError::UnknownAddress`].
    pub fn export(&self, address: &Address) -> Result<Zeroizing<String>, WalletError> {
        let key = |unlocked: &Unlocked| unlocked.keys.get(address).map(export_secret_key);
        self.with_keys(key).map(Zeroizing::new)
    }

    fn change<T>(
        &self,
        random: Random<'_>,
        change: impl FnOnce(&Keys) -> Result<(Keys, T), WalletError>,
    ) -> Result<T, WalletError> {
        let mut known = self.known.lock();
        let (file_key, (keys, given)) = self.with_keys(|unlocked| {
            let changed = change(&unlocked.keys)?;
            Ok((unlocked.file_key.clone(), changed))
        })?;
        self.read_unchanged(&known)?;
        self.write(&mut known, &file_key, &keys, random)?;
        // Unless it was locked meanwhile: then it stays so.
        if let Some(unlocked) = &mut *self.unlocked.write() {
            unlocked.keys = keys;
        }
        Ok(given)
    }

    /// Another process may have added a key, which writing the file would lose.
    fn read_unchanged(&self, known: &[u8]) -> Result<Vec<u8>, WalletError> {
        let json = self.file.read()?;
        if json != known {
            return Err(WalletError::ChangedOnDisk(self.file.path.clone()));
        }
        Ok(json)
    }

    fn write(
        &self,
        known: &mut Vec<u8>,
        file_key: &FileKey,
        keys: &Keys,
        random: Random<'_>,
    ) -> Result<(), WalletError> {
        let json = file_key.seal(keys, random)?.to_json()?;
        self.file.replace(&json)?;
        *known = json;
        Ok(())
    }

    fn with_keys<T>(
        &self,
        use_them: impl FnOnce(&Unlocked) -> Result<T, WalletError>,
    ) -> Result<T, WalletError> {
        match &*self.unlocked.read() {
            Some(unlocked) => use_them(unlocked),
            None => Err(WalletError::Locked),
        }
    }
}

/// Refusals: a fresh signature of one of our keys was seen that we did not make (design 08).
impl FileWallet {
    /// Takes over the refusals of a store, and keeps later ones there, so that they hold over
    /// restarts.
    ///
    /// # Errors
    /// [`WalletError::Refusals`]: nothing changed.
    pub fn keep_refusals_in(&self, store: Arc<dyn RefusalStore>) -> Result<(), WalletError> {
        let kept = store.refusals()?;
        self.refusals.write().extend(kept);
        *self.refusal_store.write() = store;
        Ok(())
    }

    /// Stops claimed signatures of an address, whether or not the wallet has its key, until
    /// [`FileWallet::clear_refusal`]. When it returns, none is being made.
    ///
    /// # Errors
    /// [`WalletError::Refusals`]: the key is refused, but only until the process ends.
    pub fn refuse(&self, address: Address, reason: String) -> Result<(), WalletError> {
        {
            // For writing: signatures that are being made are waited for.
            let _no_signing = self.unlocked.write();
            self.refusals.write().insert(address, reason.clone());
        }
        self.refusal_store().keep(&address, Some(&reason))
    }

    /// Lets an address sign again; tells whether it was refused.
    ///
    /// # Errors
    /// [`WalletError::Refusals`]: the key stays refused.
    pub fn clear_refusal(&self, address: &Address) -> Result<bool, WalletError> {
        if !self.refusals.read().contains_key(address) {
            return Ok(false);
        }
        self.refusal_store().keep(address, None)?;
        Ok(self.refusals.write().remove(address).is_some())
    }

    /// The refused addresses, each with the reason.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<Address, String> {
        self.refusals.read().clone()
    }

    fn refusal_store(&self) -> Arc<dyn RefusalStore> {
        Arc::clone(&*self.refusal_store.read())
    }

    /// Refuses the key of a signature that was seen elsewhere, if it is one of ours and the signing
    /// log does not know that we made it. Tells whether it is so.
    ///
    /// Whoever calls it knows that the signature is valid, and that it is for a slot that began
    /// after this process did: of earlier ones, an incomplete log may know nothing.
    ///
    /// # Errors
    /// [`WalletError::Log`]: nothing is known. [`WalletError::Refusals`]: as of
    /// [`FileWallet::refuse`].
    pub fn refuse_if_foreign(&self, seen: &ClaimKey, id: &Hash) -> Result<bool, WalletError> {
        if self.public_key(&seen.address).is_none() {
            return Ok(false);
        }
        let ours = self.log.records(&seen.address, seen.slot)?;
        let is_ours = |record: &SignRequest| record.key() == *seen && record.id == *id;
        if ours.iter().any(is_ours) {
            return Ok(false);
        }
        let ClaimKey { kind, slot, .. } = seen;
        let reason = format!("a {kind} of slot {slot} was seen that this node did not sign");
        self.refuse(seen.address, reason)?;
        Ok(true)
    }

    fn check_refusal(&self, address: &Address) -> Result<(), WalletError> {
        match self.refusals.read().get(address) {
            None => Ok(()),
            Some(reason) => Err(WalletError::Refused {
                address: Box::new(*address),
                reason: reason.clone(),
            }),
        }
    }

    /// Claims for the requests that have a key and are not refused, with one call, then signs.
    fn claim_and_sign(
        &self,
        unlocked: &Unlocked,
        requests: &[SignRequest],
    ) -> Result<Vec<Result<Signature, WalletError>>, WalletError> {
        let keys: Vec<_> = requests
            .iter()
            .map(|request| {
                self.check_refusal(&request.address)?;
                unlocked.keys.get(&request.address)
            })
            .collect();
        let verdicts = if keys.iter().all(Result::is_ok) {
            self.claim(requests)?
        } else {
            let usable = requests.iter().zip(&keys).filter(|(_, key)| key.is_ok());
            let claims: Vec<_> = usable.map(|(request, _)| request.clone()).collect();
            self.claim(&claims)?
        };
        let mut verdicts = verdicts.into_iter();
        let signed = requests.iter().zip(keys).map(|(request, key)| {
            let key = key?;
            let verdict = verdicts.next();
            // There is one for each: `claim` made sure of it.
            sign_if_safe(request, key, verdict.ok_or(NO_ANSWER)?)
        });
        Ok(signed.collect())
    }

    fn claim(&self, claims: &[SignRequest]) -> Result<Vec<ClaimVerdict>, WalletError> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        let verdicts = self.log.claim(claims)?;
        if verdicts.len() != claims.len() {
            return Err(WalletError::WrongAnswer {
                answered: verdicts.len(),
                asked: claims.len(),
            });
        }
        Ok(verdicts)
    }
}

const NO_ANSWER: WalletError = WalletError::WrongAnswer {
    answered: 0,
    asked: 1,
};

fn sign_if_safe(
    request: &SignRequest,
    key: &SecretKey,
    verdict: ClaimVerdict,
) -> Result<Signature, WalletError> {
    match verdict {
        ClaimVerdict::Safe => Ok(key.sign(&request.id)),
        ClaimVerdict::NotSafe { reason } => Err(WalletError::NotSafe {
            address: Box::new(request.address),
            kind: request.kind,
            slot: request.slot,
            round: request.round,
            reason: Box::new(reason),
        }),
    }
}

impl Wallet for FileWallet {
    fn addresses(&self) -> Vec<Address> {
        let unlocked = self.unlocked.read();
        unlocked
            .as_ref()
            .map(|unlocked| unlocked.keys.addresses())
            .unwrap_or_default()
    }

    fn public_key(&self, address: &Address) -> Option<PublicKey> {
        let unlocked = self.unlocked.read();
        let key = unlocked.as_ref()?.keys.get(address).ok()?;
        Some(key.public_key())
    }

    fn sign_claimed(&self, requests: &[SignRequest]) -> Vec<Result<Signature, WalletError>> {
        let signed = self.with_keys(|unlocked| self.claim_and_sign(unlocked, requests));
        signed.unwrap_or_else(|error| requests.iter().map(|_| Err(error.clone())).collect())
    }

    fn sign_operation(
        &self,
        address: &Address,
        id: &OperationId,
    ) -> Result<Signature, WalletError> {
        self.with_keys(|unlocked| Ok(unlocked.keys.get(address)?.sign(id.as_hash())))
    }

    fn signed_since(&self, address: &Address, from: Slot) -> Result<Vec<SignRequest>, WalletError> {
        Ok(self.log.records(address, from)?)
    }
}
