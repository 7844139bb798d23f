//! Keys for everybody but consensus, which has the same rule of its own.

use crate::{BehindReason, Consensus};
use picot_models::{Address, OperationId, PublicKey, Signature, Slot};
use picot_wallet::{SignRequest, Wallet, WalletError};
use std::sync::Arc;

/// A wallet that signs nothing that could be contradicted while consensus is in its start-up wait
/// ([`BehindReason::StartupWait`]): whoever signs blocks, endorsements and checkpoints listens as long
/// as whoever votes (design 08, 'Start-up safety').
pub struct ListeningWallet {
    wallet: Arc<dyn Wallet>,
    consensus: Arc<dyn Consensus>,
}

impl ListeningWallet {
    /// The keys of a wallet, while consensus does not wait.
    #[must_use]
    pub fn new(wallet: Arc<dyn Wallet>, consensus: Arc<dyn Consensus>) -> Self {
        Self { wallet, consensus }
    }
}

impl Wallet for ListeningWallet {
    fn addresses(&self) -> Vec<Address> {
        self.wallet.addresses()
    }

    fn public_key(&self, address: &Address) -> Option<PublicKey> {
        self.wallet.public_key(address)
    }

    fn sign_claimed(&self, requests: &[SignRequest]) -> Vec<Result<Signature, WalletError>> {
        match self.consensus.summary().behind {
            Some(BehindReason::StartupWait { until }) => {
                let waits = |_: &SignRequest| Err(WalletError::Listening { until });
                requests.iter().map(waits).collect()
            }
            _ => self.wallet.sign_claimed(requests),
        }
    }

    fn sign_operation(
        &self,
        address: &Address,
        id: &OperationId,
    ) -> Result<Signature, WalletError> {
        self.wallet.sign_operation(address, id)
    }

    fn signed_since(&self, address: &Address, from: Slot) -> Result<Vec<SignRequest>, WalletError> {
        self.wallet.signed_since(address, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ConsensusSummary;
    use crate::mocks::MockConsensus;
    use picot_clock::Timestamp;
    use picot_models::Hash;
    use picot_models::mocks::address;
    use picot_wallet::ClaimKind;
    use picot_wallet::mocks::MockWallet;

    fn request() -> SignRequest {
        SignRequest {
            address: address(1),
            kind: ClaimKind::Endorsement,
            slot: Slot::new(3, 0),
            round: 0,
            id: Hash([1; 32]),
            payload: Vec::new(),
        }
    }

    fn beside(behind: Option<BehindReason>, wallet: MockWallet) -> ListeningWallet {
        let mut consensus = MockConsensus::new();
        consensus
            .expect_summary()
            .returning(move || ConsensusSummary {
                threads: Vec::new(),
                behind,
                decided_slots: 0,
                missed_slots: 0,
                bad_signatures: 0,
                faults: 0,
            });
        ListeningWallet::new(Arc::new(wallet), Arc::new(consensus))
    }

    #[test]
    fn in_the_start_up_wait_nothing_is_claimed_or_signed() {
        let until = Timestamp(7);
        let wait = BehindReason::StartupWait { until };
        let listening = beside(Some(wait), MockWallet::new());
        let answers = listening.sign_claimed(&[request(), request()]);
        assert_eq!(answers.len(), 2);
        let is_told = |answer: &Result<Signature, WalletError>| matches!(answer, Err(WalletError::Listening { until: at }) if *at == until);
        assert!(answers.iter().all(is_told), "{answers:?}");
    }

    #[test]
    fn otherwise_the_wallet_answers_even_where_consensus_is_behind() {
        let slot = Slot::new(1, 0);
        for behind in [None, Some(BehindReason::Undecided { slot })] {
            let mut wallet = MockWallet::new();
            wallet
                .expect_sign_claimed()
                .times(1)
                .returning(|_| vec![Err(WalletError::Locked)]);
            let answers = beside(behind, wallet).sign_claimed(&[request()]);
            assert!(matches!(answers[..], [Err(WalletError::Locked)]));
        }
    }
}
