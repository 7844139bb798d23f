//! Signing through the wallet's protection: claim first, then sign, and a reason if not.

use picot_models::{Address, ChainId, Content, Hash, PublicKey, Signed, Slot};
use picot_wallet::{ClaimKind, SignRequest, Wallet};

use crate::{Skip, SkipReason};

/// A content that one of our addresses is to sign.
#[derive(Clone, Debug)]
pub struct Claim<C> {
    /// Who signs.
    pub address: Address,
    /// What kind of thing.
    pub kind: ClaimKind,
    /// For which slot.
    pub slot: Slot,
    /// The index of an endorsement, 0 for a header.
    pub round: u32,
    /// What is signed. Its canonical bytes are what the signing log keeps.
    pub content: C,
}

/// Claims all with one sync of the signing log and signs what may be signed; one result for each,
/// in their order. `hash_of` is the id's `as_hash`.
pub fn sign_claims<C: Content>(
    wallet: &dyn Wallet,
    claims: Vec<Claim<C>>,
    hash_of: fn(&C::Id) -> &Hash,
    chain_id: &ChainId,
) -> Vec<Result<Signed<C>, Skip>> {
    let mut requests = Vec::new();
    let mut prepared = Vec::new();
    for Claim {
        address,
        kind,
        slot,
        round,
        content,
    } in claims
    {
        let signer = match key_of(wallet, &address) {
            Ok(signer) => signer,
            Err(skip) => {
                prepared.push(Err(skip));
                continue;
            }
        };
        let payload = content.to_bytes();
        let one = Signed::prepare(content, signer, chain_id);
        let id = *hash_of(&one.id());
        requests.push(SignRequest {
            address,
            kind,
            slot,
            round,
            id,
            payload,
        });
        prepared.push(Ok(one));
    }
    let answers = if requests.is_empty() {
        Vec::new()
    } else {
        wallet.sign_claimed(&requests)
    };
    let mut answers = answers.into_iter();
    prepared
        .into_iter()
        .map(|one| {
            let one = one?;
            let signature = answers.next().ok_or_else(|| {
                Skip::new(SkipReason::SigningFailed, "the wallet gave too few answers")
            })?;
            let signed = one.seal(signature.map_err(|error| Skip::of_wallet(&error))?);
            // What is handed on with a wrong signature would look like a fault of ours.
            let made = signed.envelope();
            let verified = made.signer.verify(hash_of(&signed.id()), &made.signature);
            verified.map_err(|_| {
                Skip::new(
                    SkipReason::SigningFailed,
                    "the wallet gave a wrong signature",
                )
            })?;
            Ok(signed)
        })
        .collect()
}

/// The key of an address, and no other: who signs is part of what is signed.
fn key_of(wallet: &dyn Wallet, address: &Address) -> Result<PublicKey, Skip> {
    let key = wallet
        .public_key(address)
        .ok_or_else(|| Skip::new(SkipReason::LockedWallet, "no key to sign with"))?;
    let owner = Address::of_key(&key);
    if owner == *address {
        return Ok(key);
    }
    let detail = format_args!("the wallet gave the key of {owner}");
    Err(Skip::new(SkipReason::SigningFailed, detail))
}

#[cfg(test)]
mod tests {
    use picot_models::{
        Endorsement, EndorsementId,
        mocks::{address, chain_id, key},
    };
    use picot_wallet::{Refusal, SigningLogError, WalletError, mocks::MockWallet};

    use super::*;

    const SLOT: Slot = Slot::new(3, 1);

    fn claim(signer: u64, index: u32) -> Claim<Endorsement> {
        let block = Hash([7; 32]).into();
        let content = Endorsement {
            slot: SLOT,
            index,
            block,
        };
        let kind = ClaimKind::Endorsement;
        Claim {
            address: address(signer),
            kind,
            slot: SLOT,
            round: index,
            content,
        }
    }

    fn signed(
        wallet: &MockWallet,
        claims: Vec<Claim<Endorsement>>,
    ) -> Vec<Result<Signed<Endorsement>, Skip>> {
        sign_claims(wallet, claims, EndorsementId::as_hash, &chain_id(1))
    }

    fn wallet_of(signers: &'static [u64]) -> MockWallet {
        let mut wallet = MockWallet::new();
        wallet.expect_public_key().returning(|asked| {
            let signer = signers.iter().find(|signer| address(**signer) == *asked);
            signer.map(|signer| key(*signer).public_key())
        });
        wallet
    }

    #[test]
    fn all_are_claimed_at_once_with_their_canonical_bytes_and_signed_by_their_ids() {
        use picot_serialization::Encode;
        let mut wallet = wallet_of(&[1, 2]);
        wallet.expect_sign_claimed().times(1).returning(|requests| {
            let ids = requests.iter().map(|request| &request.id);
            ids.zip([1, 2, 2])
                .map(|(id, signer)| Ok(key(signer).sign(id)))
                .collect()
        });
        let claims = vec![claim(1, 0), claim(2, 1), claim(2, 4)];
        let contents = claims.clone().into_iter().map(|claim| claim.content);
        for (signed, content) in signed(&wallet, claims).into_iter().zip(contents) {
            let signed = signed.unwrap();
            assert_eq!(*signed.content(), content);
            assert!(signed.verify().is_ok());
        }
        let mut wallet = wallet_of(&[1]);
        wallet
            .expect_sign_claimed()
            .withf(|requests| {
                let [request] = requests else { return false };
                let content = claim(1, 4).content;
                request.kind == ClaimKind::Endorsement
                    && (request.address, request.slot, request.round) == (address(1), SLOT, 4)
                    && request.payload == content.to_bytes()
            })
            .returning(|_| vec![Err(WalletError::Locked)]);
        assert_eq!(
            signed(&wallet, vec![claim(1, 4)])[0]
                .as_ref()
                .unwrap_err()
                .reason,
            SkipReason::LockedWallet
        );
    }

    #[test]
    fn an_address_whose_key_is_gone_is_left_out_and_the_others_sign() {
        let mut wallet = wallet_of(&[1]);
        wallet.expect_sign_claimed().returning(|requests| {
            requests
                .iter()
                .map(|request| Ok(key(1).sign(&request.id)))
                .collect()
        });
        let results = signed(&wallet, vec![claim(2, 0), claim(1, 1)]);
        assert_eq!(
            results[0].as_ref().unwrap_err().reason,
            SkipReason::LockedWallet
        );
        assert_eq!(results[1].as_ref().unwrap().content().index, 1);
    }

    #[test]
    fn without_any_key_nothing_is_claimed() {
        let results = signed(&wallet_of(&[]), vec![claim(1, 0)]);
        assert_eq!(
            results[0].as_ref().unwrap_err().reason,
            SkipReason::LockedWallet
        );
    }

    #[test]
    fn each_refusal_of_the_wallet_has_its_reason() {
        let address = Box::new(address(1));
        let reason = Box::new(Refusal::Taken { by: Hash([1; 32]) });
        let kind = ClaimKind::Header;
        let taken = WalletError::NotSafe {
            address: address.clone(),
            kind,
            slot: SLOT,
            round: 0,
            reason,
        };
        let refused = WalletError::Refused {
            address: address.clone(),
            reason: "seen elsewhere".into(),
        };
        let log = WalletError::Log(SigningLogError::Damaged("by a test".into()));
        let reasons = [
            (taken, SkipReason::SigningProtection),
            (refused, SkipReason::SigningProtection),
            (WalletError::Locked, SkipReason::LockedWallet),
            (
                WalletError::UnknownAddress(address),
                SkipReason::LockedWallet,
            ),
            (
                WalletError::Listening {
                    until: picot_clock::Timestamp(7),
                },
                SkipReason::StartupWait,
            ),
            (log, SkipReason::SigningFailed),
        ];
        for (error, reason) in reasons {
            let skip = Skip::of_wallet(&error);
            assert_eq!(skip.reason, reason, "{error}");
            assert_eq!(skip.detail, error.to_string());
        }
    }

    #[test]
    fn a_wallet_that_answers_too_little_has_signed_nothing_more() {
        let mut wallet = wallet_of(&[1]);
        wallet.expect_sign_claimed().returning(|_| vec![]);
        let results = signed(&wallet, vec![claim(1, 0)]);
        assert_eq!(
            results[0].as_ref().unwrap_err().reason,
            SkipReason::SigningFailed
        );
    }
}
