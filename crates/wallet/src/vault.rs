//! The encrypted form: what is in a wallet file.

use crate::keys::Keys;
use crate::{KdfParams, WalletError};
use argon2::{Algorithm, Argon2, Params};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use picot_models::text::as_hex;
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::Zeroizing;

/// The version of the file format that is written today.
const VERSION: u64 = 1;
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;

/// A wallet file, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vault {
    version: u64,
    kdf: Kdf,
    cipher: Cipher,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    algorithm: KdfAlgorithm,
    params: KdfParams,
    #[serde(with = "as_hex")]
    salt: [u8; SALT_BYTES],
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KdfAlgorithm {
    Argon2id,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    algorithm: CipherAlgorithm,
    #[serde(with = "as_hex")]
    nonce: [u8; NONCE_BYTES],
    #[serde(with = "as_hex")]
    ciphertext: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CipherAlgorithm {
    XChaCha20Poly1305,
}

/// Of any version.
#[derive(Deserialize)]
struct AnyVault {
    version: u64,
}

/// The stretched passphrase with what it was stretched by: enough to write the file again, with a
/// fresh nonce, without asking for the passphrase.
#[derive(Clone)]
pub(crate) struct FileKey {
    params: KdfParams,
    salt: [u8; SALT_BYTES],
    key: Zeroizing<[u8; 32]>,
}

impl FileKey {
    /// Stretches a passphrase with a new salt.
    pub(crate) fn new(
        passphrase: &str,
        params: KdfParams,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Self, WalletError> {
        let mut salt = [0; SALT_BYTES];
        random(&mut salt);
        Self::stretch(passphrase, params, salt)
    }

    fn stretch(
        passphrase: &str,
        params: KdfParams,
        salt: [u8; SALT_BYTES],
    ) -> Result<Self, WalletError> {
        let failed = |error: argon2::Error| WalletError::Cipher(error.to_string());
        let costs = Params::new(params.memory_kib, params.passes, params.lanes, Some(32));
        let argon2 = Argon2::new(
            Algorithm::Argon2id,
            argon2::Version::V0x13,
            costs.map_err(failed)?,
        );
        let mut key = Zeroizing::new([0; 32]);
        argon2
            .hash_password_into(passphrase.as_bytes(), &salt, &mut *key)
            .map_err(failed)?;
        Ok(Self { params, salt, key })
    }

    /// Encrypts keys with a new nonce.
    pub(crate) fn seal(
        &self,
        keys: &Keys,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Vault, WalletError> {
        let mut nonce = [0; NONCE_BYTES];
        random(&mut nonce);
        let plaintext = keys.to_plaintext();
        let payload = Payload {
            msg: &plaintext,
            aad: &associated_data(VERSION, &self.params, &self.salt),
        };
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|error| WalletError::Cipher(error.to_string()))?;
        Ok(Vault {
            version: VERSION,
            kdf: Kdf {
                algorithm: KdfAlgorithm::Argon2id,
                params: self.params,
                salt: self.salt,
            },
            cipher: Cipher {
                algorithm: CipherAlgorithm::XChaCha20Poly1305,
                nonce,
                ciphertext,
            },
        })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }
}

/// Everything of the file but the ciphertext is authenticated with it.
fn associated_data(version: u64, params: &KdfParams, salt: &[u8]) -> Vec<u8> {
    let mut data = b"picot wallet".to_vec();
    data.extend_from_slice(&version.to_le_bytes());
    for cost in [params.memory_kib, params.passes, params.lanes] {
        data.extend_from_slice(&cost.to_le_bytes());
    }
    data.extend_from_slice(salt);
    data
}

impl Vault {
    /// Reads a file's bytes and checks all that can be checked without the passphrase.
    pub(crate) fn from_json(bytes: &[u8], path: &Path) -> Result<Self, WalletError> {
        let unreadable = |error: serde_json::Error| match error.classify() {
            serde_json::error::Category::Eof => WalletError::Truncated {
                path: path.to_owned(),
                bytes: bytes.len(),
            },
            _ => WalletError::Malformed {
                path: path.to_owned(),
                reason: error.to_string(),
            },
        };
        let AnyVault { version } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if version != VERSION {
            return Err(WalletError::UnknownVersion {
                path: path.to_owned(),
                found: version,
                known: VERSION,
            });
        }
        let vault: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        vault.kdf.params.check_bounds().map_err(|reason| {
            let path = path.to_owned();
            WalletError::KdfOutOfBounds { path, reason }
        })?;
        Ok(vault)
    }

    pub(crate) fn to_json(&self) -> Result<Vec<u8>, WalletError> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| WalletError::Cipher(error.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Decrypts the keys.
    pub(crate) fn open(
        &self,
        passphrase: &str,
        path: &Path,
    ) -> Result<(FileKey, Keys), WalletError> {
        let file_key = FileKey::stretch(passphrase, self.kdf.params, self.kdf.salt)?;
        let payload = Payload {
            msg: &self.cipher.ciphertext,
            aad: &associated_data(self.version, &self.kdf.params, &self.kdf.salt),
        };
        let wrong = || WalletError::WrongPassphrase(path.to_owned());
        let plaintext = file_key
            .cipher()
            .decrypt(&XNonce::from(self.cipher.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| wrong())?;
        let keys = Keys::from_plaintext(&plaintext).ok_or_else(|| WalletError::Malformed {
            path: path.to_owned(),
            reason: "it decrypts to something else than keys".to_owned(),
        })?;
        Ok((file_key, keys))
    }
}
