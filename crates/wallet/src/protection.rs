//! What keys signed, as a file that moves with them to another machine (design 08, 'Signing
//! protection'). The format is described in the README.

use crate::{
    ClaimKind, ClaimRecord, ClaimVerdict, ProtectionError, Refusal, SigningHistory, SigningLog,
    SigningLogError,
};
use picot_models::text::as_hex;
use picot_models::{Address, ChainId, Hash, Slot};
use serde::{Deserialize, Serialize};

/// The name of the format, so that no other JSON is taken for it.
const FORMAT: &str = "picot-signing-protection";
/// The version that is written.
const VERSION: u64 = 1;
/// Claims that are taken over with one sync.
const CLAIMS_PER_SYNC: usize = 1_000;

/// What keys signed on a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    format: String,
    version: u64,
    /// The chain.
    pub chain_id: ChainId,
    /// What was signed for earlier slots is not known any more: nothing may be signed for them.
    pub complete_from: Slot,
    /// By address, ascending.
    pub addresses: Vec<AddressProtection>,
}

/// What one key signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressProtection {
    /// Whose key.
    pub address: Address,
    /// What it claimed, ascending by slot, kind and round.
    pub claims: Vec<ProtectedClaim>,
}

/// One content that a key claimed, and so may have signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtectedClaim {
    /// The slot.
    pub slot: Slot,
    /// What kind of thing.
    pub kind: ClaimKind,
    /// The round of a vote or proposal, the index of an endorsement, 0 otherwise.
    pub round: u32,
    /// The id, which is what gets signed.
    pub id: Hash,
    /// The canonical bytes of the content.
    #[serde(with = "as_hex")]
    pub payload: Vec<u8>,
}

/// What became of the claims of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportedProtection {
    /// Claims that are in the log now, whether or not they were before.
    pub taken_over: u64,
    /// Claims of slots before the log's horizon, for which nothing is signed anyway.
    pub too_old: u64,
    /// Claims for which the log has other content: the key signed both, here and there.
    pub contradictions: Vec<ClaimRecord>,
}

impl Protection {
    /// Everything that a log knows, or what it knows of some addresses.
    ///
    /// # Errors
    /// The log could not be read.
    pub fn export(
        log: &dyn SigningHistory,
        chain_id: ChainId,
        only: Option<&[Address]>,
    ) -> Result<Self, SigningLogError> {
        // The horizon first: if the log is pruned meanwhile, less is known than it says.
        let mut complete_from = log.horizon()?;
        let known = log.addresses()?;
        let wanted = |address: &Address| only.is_none_or(|only| only.contains(address));
        let mut addresses = Vec::new();
        for address in known.into_iter().filter(wanted) {
            let claims = log.records(&address, Slot::GENESIS)?;
            addresses.push(AddressProtection {
                address,
                claims: claims.into_iter().map(ProtectedClaim::from).collect(),
            });
        }
        complete_from = complete_from.max(log.horizon()?);
        Ok(Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            chain_id,
            complete_from,
            addresses,
        })
    }

    /// The file.
    ///
    /// # Errors
    /// [`ProtectionError::Malformed`]: it has no JSON form.
    pub fn to_json(&self) -> Result<String, ProtectionError> {
        serde_json::to_string_pretty(self)
            .map_err(|error| ProtectionError::Malformed(error.to_string()))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ProtectionError::Malformed`], [`ProtectionError::UnknownVersion`].
    pub fn from_json(json: &str) -> Result<Self, ProtectionError> {
        let malformed = |error: serde_json::Error| ProtectionError::Malformed(error.to_string());
        // The version first: what comes after it may have another shape.
        let Header { format, version } = serde_json::from_str(json).map_err(malformed)?;
        if format != FORMAT {
            return Err(ProtectionError::Malformed(format!(
                "its format is not `{FORMAT}`"
            )));
        }
        if version != VERSION {
            return Err(ProtectionError::UnknownVersion {
                found: version,
                known: VERSION,
            });
        }
        serde_json::from_str(json).map_err(malformed)
    }

    /// Takes everything over into a log: from then on nothing is signed that contradicts it. What
    /// the log knows stays. To do it again does no harm; a failure may leave a part taken over.
    ///
    /// `latest` is the latest slot that can have been signed for: a file that speaks of later ones
    /// is refused, because its horizon would stop this node from signing.
    ///
    /// # Errors
    /// [`ProtectionError::OtherChain`], [`ProtectionError::FromTheFuture`],
    /// [`ProtectionError::Log`].
    pub fn import(
        &self,
        log: &dyn SigningLog,
        chain_id: &ChainId,
        latest: Slot,
    ) -> Result<ImportedProtection, ProtectionError> {
        self.check(chain_id, latest)?;
        let mut imported = ImportedProtection::default();
        let records: Vec<ClaimRecord> = self.records().collect();
        for records in records.chunks(CLAIMS_PER_SYNC) {
            let verdicts = log.claim(records)?;
            for (record, verdict) in records.iter().zip(verdicts) {
                imported.count(record, verdict);
            }
        }
        if self.complete_from > Slot::GENESIS {
            log.prune(self.complete_from)?;
        }
        Ok(imported)
    }

    /// All claims, of all addresses.
    pub fn records(&self) -> impl Iterator<Item = ClaimRecord> {
        self.addresses.iter().flat_map(|of_address| {
            let address = of_address.address;
            let claims = of_address.claims.iter().cloned();
            claims.map(move |claim| claim.of(address))
        })
    }

    fn check(&self, chain_id: &ChainId, latest: Slot) -> Result<(), ProtectionError> {
        if self.chain_id != *chain_id {
            return Err(ProtectionError::OtherChain {
                found: Box::new(self.chain_id),
                expected: Box::new(*chain_id),
            });
        }
        let claims = self.addresses.iter().flat_map(|each| &each.claims);
        let slots = claims.map(|claim| claim.slot).chain([self.complete_from]);
        match slots.max().filter(|slot| *slot > latest) {
            Some(slot) => Err(ProtectionError::FromTheFuture { slot, latest }),
            None => Ok(()),
        }
    }
}

/// What must be known before the rest can be read.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

impl ImportedProtection {
    fn count(&mut self, record: &ClaimRecord, verdict: ClaimVerdict) {
        match verdict {
            ClaimVerdict::Safe => self.taken_over = self.taken_over.saturating_add(1),
            ClaimVerdict::NotSafe {
                reason: Refusal::Pruned { .. },
            } => self.too_old = self.too_old.saturating_add(1),
            ClaimVerdict::NotSafe {
                reason: Refusal::Taken { .. },
            } => self.contradictions.push(record.clone()),
        }
    }
}

impl From<ClaimRecord> for ProtectedClaim {
    fn from(record: ClaimRecord) -> Self {
        Self {
            slot: record.slot,
            kind: record.kind,
            round: record.round,
            id: record.id,
            payload: record.payload,
        }
    }
}

impl ProtectedClaim {
    fn of(self, address: Address) -> ClaimRecord {
        ClaimRecord {
            address,
            kind: self.kind,
            slot: self.slot,
            round: self.round,
            id: self.id,
            payload: self.payload,
        }
    }
}
