//! At start: does the signing log have what our keys are known to have signed?
//!
//! The archive holds our blocks, and our votes inside of the certificates that decided them. A log
//! that misses one of them is an older copy, or the key is in use elsewhere: whoever signs by it
//! could contradict itself.

use crate::NodeError;
use picot_clock::SlotClock;
use picot_models::{Address, ChainId, Slot, Timestamp};
use picot_storage::{BlockArchive, Decided};
use picot_wallet::{ClaimKey, ClaimKind, SigningHistory, SigningLog, SigningLogError, WalletError};
use std::collections::BTreeSet;

/// Outcomes of each thread that are looked at. A log that was put back is behind from the moment it
/// was copied on, and so at the end.
const LOOKED_AT: u64 = 64;

/// Something that one of our keys signed, as the archive has it.
struct Signed {
    key: ClaimKey,
    id: picot_models::Hash,
}

/// A node's archive and signing log, and whose keys it has.
pub(crate) struct SigningCheck<'a, L> {
    pub(crate) archive: &'a dyn BlockArchive,
    pub(crate) log: &'a L,
    /// When the log was begun: it knows what was signed since.
    pub(crate) begun: Option<Timestamp>,
    pub(crate) keys: BTreeSet<Address>,
    pub(crate) chain_id: ChainId,
    pub(crate) slot_clock: SlotClock,
    pub(crate) thread_count: u8,
}

impl<L: SigningLog + SigningHistory> SigningCheck<'_, L> {
    /// Looks at the end of every thread.
    ///
    /// # Errors
    /// [`NodeError::OlderLog`]; the archive or the log cannot be read.
    pub(crate) fn run(&self) -> Result<(), NodeError> {
        let horizon = self.log.horizon().map_err(log_failed)?;
        for thread in 0..self.thread_count {
            let Some(last) = self.archive.last_outcome(thread)? else {
                continue;
            };
            let from = last.slot().period.saturating_sub(LOOKED_AT);
            let max = usize::try_from(LOOKED_AT).unwrap_or(usize::MAX);
            let decided = self
                .archive
                .decided_from(thread, from, max.saturating_add(1))?;
            for signed in decided.iter().flat_map(|one| self.ours(one)) {
                if self.is_to_be_known(signed.key.slot, horizon) {
                    self.require(&signed)?;
                }
            }
        }
        Ok(())
    }

    fn is_to_be_known(&self, slot: Slot, horizon: Slot) -> bool {
        let start = self.slot_clock.start_of(slot);
        let is_since = |begun: Timestamp| start.is_ok_and(|start| start >= begun);
        slot >= horizon && self.begun.is_none_or(is_since)
    }

    fn ours(&self, decided: &Decided) -> Vec<Signed> {
        let slot = decided.slot();
        let header = decided.block.as_ref().map(|block| Signed {
            key: ClaimKey {
                address: block.header.signer_address(),
                slot,
                kind: ClaimKind::Header,
                round: 0,
            },
            id: *block.id().as_hash(),
        });
        let votes = decided.outcome.certificate().votes().map(|vote| Signed {
            key: ClaimKey {
                address: Address::of_key(&vote.signer),
                slot,
                kind: ClaimKind::RoundEnd,
                round: vote.content.round,
            },
            id: *vote.id(&self.chain_id).as_hash(),
        });
        let all = header.into_iter().chain(votes);
        all.filter(|signed| self.keys.contains(&signed.key.address))
            .collect()
    }

    fn require(&self, signed: &Signed) -> Result<(), NodeError> {
        let ClaimKey { address, slot, .. } = signed.key;
        let records = self.log.records(&address, slot).map_err(log_failed)?;
        let known = records.iter().find(|record| record.key() == signed.key);
        if known.is_some_and(|known| known.id == signed.id) {
            return Ok(());
        }
        Err(NodeError::OlderLog {
            address: Box::new(address),
            kind: signed.key.kind,
            slot,
        })
    }
}

fn log_failed(error: SigningLogError) -> NodeError {
    NodeError::Wallet(WalletError::from(error))
}

#[cfg(test)]
mod stepped_clock;
