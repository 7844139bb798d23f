//! The signatures of one slot.

use crate::best_certificate;
use picot_clock::{Millis, Timestamp};
use picot_consensus::Peer;
use picot_models::{Address, Checkpoint, CheckpointCertificate, Envelope, ValidatorSet};
use picot_serialization::Encode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The signatures of one slot: at most one verified and one not yet verified of each validator.
#[derive(Debug)]
pub(crate) struct Gathering {
    pub(crate) validators: Arc<ValidatorSet>,
    /// What this node's own state says.
    pub(crate) own: Option<Checkpoint>,
    verified: BTreeMap<Address, Envelope<Checkpoint>>,
    unverified: BTreeMap<Address, Waiting>,
    /// By the bytes of a checkpoint, the power that has signed it.
    power: BTreeMap<Vec<u8>, u64>,
    /// Own addresses that have signed, or may not.
    pub(crate) settled: BTreeSet<Address>,
    pub(crate) sign_at: Timestamp,
    pub(crate) resend_at: Timestamp,
    pub(crate) resend_wait: Millis,
}

/// A signature that is not verified yet, and who sent it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) from: Peer,
    pub(crate) envelope: Envelope<Checkpoint>,
}

/// What becomes of a signature that arrives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It waits to be verified.
    Waits,
    /// It is known.
    Known,
    /// Its signer has no power at the slot.
    Stranger,
    /// Another one of its signer waits: that has to be verified first.
    Crowded,
}

/// What a valid signature is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    New,
    Known,
    /// The signer signed this before.
    Contradiction(Envelope<Checkpoint>),
}

impl Gathering {
    pub(crate) fn new(validators: Arc<ValidatorSet>, resend_wait: Millis) -> Self {
        Self {
            validators,
            own: None,
            verified: BTreeMap::new(),
            unverified: BTreeMap::new(),
            power: BTreeMap::new(),
            settled: BTreeSet::new(),
            sign_at: Timestamp::MAX,
            resend_at: Timestamp::MAX,
            resend_wait,
        }
    }

    pub(crate) fn admit(&mut self, from: Peer, envelope: &Envelope<Checkpoint>) -> Admission {
        let address = Address::of_key(&envelope.signer);
        if self.validators.power_of(&address) == 0 {
            return Admission::Stranger;
        }
        let verified = self.verified.get(&address);
        if verified.is_some_and(|known| known.content == envelope.content) {
            return Admission::Known;
        }
        match self.unverified.get(&address) {
            Some(waiting) if waiting.envelope == *envelope => Admission::Known,
            Some(_) => Admission::Crowded,
            None => {
                let envelope = envelope.clone();
                self.unverified.insert(address, Waiting { from, envelope });
                Admission::Waits
            }
        }
    }

    pub(crate) fn take_unverified(&mut self) -> BTreeMap<Address, Waiting> {
        std::mem::take(&mut self.unverified)
    }

    /// Counts a signature that was found valid, of a validator.
    pub(crate) fn accept(&mut self, address: Address, envelope: Envelope<Checkpoint>) -> Accepted {
        if let Some(known) = self.verified.get(&address) {
            if known.content == envelope.content {
                return Accepted::Known;
            }
            return Accepted::Contradiction(known.clone());
        }
        let power = self.power.entry(envelope.content.to_bytes()).or_insert(0);
        // Each validator once: no more than the total, which fits.
        *power = power.saturating_add(self.validators.power_of(&address));
        self.verified.insert(address, envelope);
        Accepted::New
    }

    /// The certificate, if more than two thirds of the power have signed one checkpoint.
    pub(crate) fn certificate(&self) -> Option<CheckpointCertificate> {
        let quorum = self.validators.quorum();
        let (bytes, _) = self.power.iter().find(|(_, power)| **power >= quorum)?;
        let of_one = self
            .verified
            .iter()
            .filter(|(_, envelope)| envelope.content.to_bytes() == *bytes);
        best_certificate(of_one, &self.validators)
    }

    /// The power that has signed this node's own checkpoint, and what there is.
    pub(crate) fn progress(&self) -> (u64, u64) {
        let own = self.own.as_ref().map(Encode::to_bytes);
        let power = own.and_then(|own| self.power.get(&own)).copied();
        (power.unwrap_or(0), self.validators.total_power())
    }

    pub(crate) const fn verified(&self) -> &BTreeMap<Address, Envelope<Checkpoint>> {
        &self.verified
    }

    pub(crate) fn signature_of(&self, address: &Address) -> Option<&Envelope<Checkpoint>> {
        self.verified.get(address)
    }
}
