//! The wallet of a node that only follows.

use picot_models::{Address, OperationId, PublicKey, Signature, Slot};
use picot_wallet::{SignRequest, Wallet, WalletError};

/// Holds no key and signs nothing.
pub(crate) struct NoKeys;

impl Wallet for NoKeys {
    fn addresses(&self) -> Vec<Address> {
        Vec::new()
    }

    fn public_key(&self, _address: &Address) -> Option<PublicKey> {
        None
    }

    fn sign_claimed(&self, requests: &[SignRequest]) -> Vec<Result<Signature, WalletError>> {
        requests
            .iter()
            .map(|request| Err(WalletError::UnknownAddress(Box::new(request.address))))
            .collect()
    }

    fn sign_operation(
        &self,
        address: &Address,
        _id: &OperationId,
    ) -> Result<Signature, WalletError> {
        Err(WalletError::UnknownAddress(Box::new(*address)))
    }

    fn signed_since(
        &self,
        _address: &Address,
        _from: Slot,
    ) -> Result<Vec<SignRequest>, WalletError> {
        Ok(Vec::new())
    }
}
