//! More than two thirds of the power of the slot's validators under one checkpoint.

use displaydoc::Display;
use picot_crypto::{BatchError, PublicKey, VerifyingKey, verify_batch_with_keys};
use picot_models::{Address, ChainId, Checkpoint, CheckpointCertificate, Envelope, ValidatorSet};
use std::collections::BTreeMap;
use thiserror::Error;

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Display, Error)]
pub enum CertificateFault {
    /// it has no signature
    Empty,
    /// its signatures are not all of one checkpoint
    Mixed,
    /// its signers do not ascend by address
    WrongOrder,
    /// {0} has no power in the slot's cycle
    NoValidator(Box<Address>),
    /// its signers have power {found}, and {needed} decides
    TooLittlePower {
        /// What they have.
        found: u64,
        /// The quorum.
        needed: u64,
    },
    /// its signatures are not all valid
    BadSignature(#[from] BatchError),
}

/// Checks a certificate against the validators of its slot's cycle, and gives what it certifies.
/// `known` gives keys that are already decompressed.
///
/// # Errors
/// [`CertificateFault`].
pub fn verify_certificate<'a>(
    certificate: &'a CheckpointCertificate,
    chain_id: &ChainId,
    validators: &ValidatorSet,
    known: impl Fn(&PublicKey) -> Option<VerifyingKey> + Sync,
) -> Result<&'a Checkpoint, CertificateFault> {
    let checkpoint = check_power(certificate, validators)?;
    let entries: Vec<_> = certificate
        .signatures
        .iter()
        .map(|envelope| envelope.batch_entry(chain_id))
        .collect();
    verify_batch_with_keys(&entries, known)?;
    Ok(checkpoint)
}

/// Everything but the signatures.
pub(crate) fn check_power<'a>(
    certificate: &'a CheckpointCertificate,
    validators: &ValidatorSet,
) -> Result<&'a Checkpoint, CertificateFault> {
    let signatures = &certificate.signatures;
    let first = signatures.first().ok_or(CertificateFault::Empty)?;
    let (mut found, mut last) = (0_u64, None);
    for envelope in signatures {
        if envelope.content != first.content {
            return Err(CertificateFault::Mixed);
        }
        let address = Address::of_key(&envelope.signer);
        if last.is_some_and(|last| last >= address) {
            return Err(CertificateFault::WrongOrder);
        }
        last = Some(address);
        let power = validators.power_of(&address);
        if power == 0 {
            return Err(CertificateFault::NoValidator(Box::new(address)));
        }
        // Distinct validators: no more than the total, which fits.
        found = found.saturating_add(power);
    }
    let needed = validators.quorum();
    if found < needed {
        return Err(CertificateFault::TooLittlePower { found, needed });
    }
    Ok(&first.content)
}

/// The certificate with the fewest signers out of valid signatures of one checkpoint, by signer: the
/// strongest ones that decide together. `None` if all together do not decide.
#[must_use]
pub fn best_certificate<'a>(
    signatures: impl IntoIterator<Item = (&'a Address, &'a Envelope<Checkpoint>)>,
    validators: &ValidatorSet,
) -> Option<CheckpointCertificate> {
    let mut strongest: Vec<_> = signatures
        .into_iter()
        .map(|(address, envelope)| (validators.power_of(address), address, envelope))
        .collect();
    strongest
        .sort_by(|(one, address, _), (other, others, _)| other.cmp(one).then(address.cmp(others)));
    let (mut power, mut chosen) = (0_u64, BTreeMap::new());
    for (own, address, envelope) in strongest {
        if power >= validators.quorum() {
            break;
        }
        power = power.saturating_add(own);
        chosen.insert(*address, envelope.clone());
    }
    (power >= validators.quorum()).then(|| CheckpointCertificate {
        signatures: chosen.into_values().collect(),
    })
}
