//! A wallet without a file: keys over the real signing log, and a record of all that was signed.

use crate::verified::SharedVerifier;
use parking_lot::Mutex;
use picot_crypto::BatchEntry;
use picot_models::{Address, OperationId, PublicKey, SecretKey, Signature, Slot};
use picot_wallet::{ClaimVerdict, SignRequest, SigningLog, Wallet, WalletError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Keys that claim before they sign.
pub(crate) struct SimWallet {
    keys: BTreeMap<Address, SecretKey>,
    log: Arc<dyn SigningLog>,
    signed: Mutex<Vec<SignRequest>>,
    /// Who is told of the signatures that are made.
    verifier: SharedVerifier,
    /// Whether it signs what contradicts an earlier signature: a planted bug.
    signs_all: bool,
}

impl SimWallet {
    /// These keys over this log.
    #[must_use]
    pub(crate) fn new(
        keys: &[SecretKey],
        log: Arc<dyn SigningLog>,
        verifier: SharedVerifier,
        signs_all: bool,
    ) -> Self {
        let address = |key: &SecretKey| Address::of_key(&key.public_key());
        Self {
            keys: keys.iter().map(|key| (address(key), key.clone())).collect(),
            log,
            signed: Mutex::default(),
            verifier,
            signs_all,
        }
    }

    /// What was signed since this was asked last.
    #[must_use]
    pub(crate) fn take_signed(&self) -> Vec<SignRequest> {
        std::mem::take(&mut self.signed.lock())
    }

    fn key(&self, address: &Address) -> Result<&SecretKey, WalletError> {
        self.keys
            .get(address)
            .ok_or_else(|| WalletError::UnknownAddress(Box::new(*address)))
    }

    fn sign_one(
        &self,
        request: &SignRequest,
        verdict: ClaimVerdict,
    ) -> Result<Signature, WalletError> {
        if let ClaimVerdict::NotSafe { reason } = verdict
            && !self.signs_all
        {
            return Err(WalletError::NotSafe {
                address: Box::new(request.address),
                kind: request.kind,
                slot: request.slot,
                round: request.round,
                reason: Box::new(reason),
            });
        }
        let key = self.key(&request.address)?;
        let signature = key.sign(&request.id);
        self.verifier.made(&BatchEntry {
            message: request.id,
            public_key: key.public_key(),
            signature,
        });
        self.signed.lock().push(request.clone());
        Ok(signature)
    }
}

impl Wallet for SimWallet {
    fn addresses(&self) -> Vec<Address> {
        self.keys.keys().copied().collect()
    }

    fn public_key(&self, address: &Address) -> Option<PublicKey> {
        self.keys.get(address).map(SecretKey::public_key)
    }

    fn sign_claimed(&self, requests: &[SignRequest]) -> Vec<Result<Signature, WalletError>> {
        match self.log.claim(requests) {
            Ok(verdicts) => requests
                .iter()
                .zip(verdicts)
                .map(|(request, verdict)| self.sign_one(request, verdict))
                .collect(),
            Err(error) => requests
                .iter()
                .map(|_| Err(WalletError::Log(error.clone())))
                .collect(),
        }
    }

    fn sign_operation(
        &self,
        address: &Address,
        id: &OperationId,
    ) -> Result<Signature, WalletError> {
        Ok(self.key(address)?.sign(id.as_hash()))
    }

    fn signed_since(&self, address: &Address, from: Slot) -> Result<Vec<SignRequest>, WalletError> {
        Ok(self.log.records(address, from)?)
    }
}
