//! Keys of ours that somebody else uses too: design 08, 'Start-up safety'.
//!
//! Consensus sees their headers and votes, the pool their endorsements. Whoever sees one has the
//! wallet refuse the key, and keep that, until an operator clears it.

use crate::NodeError;
use crossbeam_channel::{RecvTimeoutError, never};
use picot_clock::{SlotClock, Stop, Timestamp};
use picot_consensus::{Consensus, ConsensusEvent};
use picot_models::{Address, Denunciation, SignedEndorsement, SignedOperation, Slot};
use picot_pool::Propagation;
use picot_wallet::{ClaimKey, ClaimKind, FileWallet, WalletError};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often a stop is looked for while nothing happens.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// Refuses keys that are in use elsewhere.
pub struct ForeignUse {
    wallet: Arc<FileWallet>,
    slot_clock: SlotClock,
    /// Of slots that began earlier, the signing log may know nothing.
    started_at: Timestamp,
}

impl ForeignUse {
    /// For the keys of a wallet and a process that started then.
    #[must_use]
    pub const fn new(
        wallet: Arc<FileWallet>,
        slot_clock: SlotClock,
        started_at: Timestamp,
    ) -> Self {
        Self {
            wallet,
            slot_clock,
            started_at,
        }
    }

    /// Consensus saw a header or a vote that is not ours.
    pub fn saw_foreign(&self, address: Address, slot: Slot) {
        let reason =
            format!("a header or vote of slot {slot} was seen that this node did not sign");
        tell(address, self.wallet.refuse(address, reason).map(|()| true));
    }

    /// An endorsement, whose signature is valid, came in: of ours, of others, or of another user of
    /// one of our keys.
    pub fn saw_endorsement(&self, endorsement: &SignedEndorsement) {
        let content = endorsement.content();
        let start = self.slot_clock.start_of(content.slot);
        if !start.is_ok_and(|start| start >= self.started_at) {
            return;
        }
        let address = endorsement.signer_address();
        let seen = ClaimKey {
            address,
            slot: content.slot,
            kind: ClaimKind::Endorsement,
            round: content.index,
        };
        let foreign = self
            .wallet
            .refuse_if_foreign(&seen, endorsement.id().as_hash());
        tell(address, foreign);
    }

    /// Listens to consensus on a thread of its own until it is stopped.
    ///
    /// # Errors
    /// There is no thread.
    pub fn listen(
        self: Arc<Self>,
        consensus: Arc<dyn Consensus>,
        stop: Stop,
    ) -> Result<JoinHandle<()>, NodeError> {
        let name = "foreign-use";
        // Before the thread runs: what happens from now on is not missed.
        let mut events = consensus.subscribe();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let listen = move || {
            while !stop.is_stopped() {
                match events.recv_timeout(STOP_INTERVAL) {
                    Ok(ConsensusEvent::ForeignSignature { address, slot }) => {
                        self.saw_foreign(address, slot);
                    }
                    Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                    // Cut off for being slow, or consensus has ended, which rings the stop too.
                    Err(RecvTimeoutError::Disconnected) => {
                        events = if stop.is_stopped() {
                            never()
                        } else {
                            consensus.subscribe()
                        };
                    }
                }
            }
        };
        thread
            .spawn(listen)
            .map_err(|source| NodeError::Thread { name, source })
    }
}

fn tell(address: Address, foreign: Result<bool, WalletError>) {
    match foreign {
        Ok(false) => {}
        Ok(true) => tracing::error!(
            %address,
            "this key is in use elsewhere: it signs no block, vote or endorsement here until an \
             operator clears it with `picot keys allow`"
        ),
        Err(error) => tracing::error!(
            %address, %error,
            "this key may be in use elsewhere, and that could not be looked up or kept"
        ),
    }
}

/// What goes out to the network, with a look at the endorsements.
pub struct WatchedPropagation {
    /// Where it goes.
    pub inner: Arc<dyn Propagation>,
    /// Who looks; nobody in a node without keys.
    pub foreign_use: Option<Arc<ForeignUse>>,
}

impl Propagation for WatchedPropagation {
    fn operations(&self, operations: &[Arc<SignedOperation>]) {
        self.inner.operations(operations);
    }

    fn endorsements(&self, endorsements: &[Arc<SignedEndorsement>]) {
        self.inner.endorsements(endorsements);
        for endorsement in endorsements {
            if let Some(foreign_use) = &self.foreign_use {
                foreign_use.saw_endorsement(endorsement);
            }
        }
    }

    fn denunciations(&self, denunciations: &[Arc<Denunciation>]) {
        self.inner.denunciations(denunciations);
    }
}

#[cfg(test)]
mod running_node;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::SystemRandomness;
    use picot_clock::Millis;
    use picot_consensus::mocks::MockConsensus;
    use picot_models::mocks::{address, chain_id, key};
    use picot_models::{Endorsement, Hash, Signed};
    use picot_pool::NoPropagation;
    use picot_wallet::{MemorySigningLog, SignRequest, Wallet, WalletConfig};

    const START: Timestamp = Timestamp(1_010_000);

    struct World {
        _folder: tempfile::TempDir,
        wallet: Arc<FileWallet>,
        foreign_use: Arc<ForeignUse>,
    }

    /// A node with key 1 that started five periods of 2 s after its chain.
    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let mut random = SystemRandomness::new().unwrap();
        let mut random = |bytes: &mut [u8]| random.fill(bytes);
        let wallet = FileWallet::create(
            &folder.path().join("keys.json"),
            "word",
            WalletConfig::dev(),
            Arc::new(MemorySigningLog::new()),
            &mut random,
        )
        .unwrap();
        wallet.add(key(1), &mut random).unwrap();
        let wallet = Arc::new(wallet);
        let slot_clock = SlotClock::new(Timestamp(1_000_000), Millis(2_000), 4).unwrap();
        World {
            _folder: folder,
            foreign_use: Arc::new(ForeignUse::new(Arc::clone(&wallet), slot_clock, START)),
            wallet,
        }
    }

    fn endorsement(signer: u64, period: u64) -> Arc<SignedEndorsement> {
        let content = Endorsement {
            slot: Slot::new(period, 0),
            index: 2,
            block: Hash([7; 32]).into(),
        };
        Arc::new(Signed::sign(content, &key(signer), &chain_id(1)))
    }

    fn claim(endorsement: &SignedEndorsement) -> SignRequest {
        SignRequest {
            address: endorsement.signer_address(),
            kind: ClaimKind::Endorsement,
            slot: endorsement.content().slot,
            round: endorsement.content().index,
            id: *endorsement.id().as_hash(),
            payload: vec![],
        }
    }

    #[test]
    fn a_foreign_header_or_vote_stops_the_key_for_good() {
        let world = world();
        world.foreign_use.saw_foreign(address(1), Slot::new(6, 0));
        let signed = world.wallet.sign_claimed(&[claim(&endorsement(1, 9))]);
        assert!(matches!(signed[0], Err(WalletError::Refused { .. })));
        assert!(world.wallet.refusals()[&address(1)].contains("6/0"));
    }

    #[test]
    fn an_endorsement_that_we_did_not_sign_stops_the_key() {
        let world = world();
        let watched = WatchedPropagation {
            inner: Arc::new(NoPropagation),
            foreign_use: Some(Arc::clone(&world.foreign_use)),
        };
        watched.endorsements(&[endorsement(1, 6)]);
        assert!(world.wallet.refusals().contains_key(&address(1)));
    }

    #[test]
    fn our_own_endorsements_and_those_of_others_and_of_before_the_start_stop_nothing() {
        let world = world();
        let ours = endorsement(1, 6);
        assert!(world.wallet.sign_claimed(&[claim(&ours)])[0].is_ok());
        world.foreign_use.saw_endorsement(&ours);
        world.foreign_use.saw_endorsement(&endorsement(2, 6));
        world.foreign_use.saw_endorsement(&endorsement(1, 4));
        assert!(world.wallet.refusals().is_empty());
    }

    #[test]
    fn what_consensus_tells_is_heard_until_the_stop() {
        let world = world();
        let (events, heard) = crossbeam_channel::bounded(9);
        let mut consensus = MockConsensus::new();
        consensus.expect_subscribe().times(1).return_once(|| heard);
        let stop = Stop::new();
        let listener = Arc::clone(&world.foreign_use);
        let thread = listener.listen(Arc::new(consensus), stop.clone()).unwrap();
        let slot = Slot::new(6, 0);
        events.send(ConsensusEvent::Opened { slot }).unwrap();
        let address = address(1);
        events
            .send(ConsensusEvent::ForeignSignature { address, slot })
            .unwrap();
        while world.wallet.refusals().is_empty() {
            std::thread::yield_now();
        }
        stop.stop();
        thread.join().unwrap();
    }

    #[test]
    fn whoever_is_cut_off_by_consensus_listens_again() {
        let world = world();
        let (events, heard) = crossbeam_channel::bounded(9);
        let mut consensus = MockConsensus::new();
        let mut channels = vec![heard, crossbeam_channel::bounded(0).1];
        consensus
            .expect_subscribe()
            .returning(move || channels.pop().unwrap());
        let stop = Stop::new();
        let listener = Arc::clone(&world.foreign_use);
        let thread = listener.listen(Arc::new(consensus), stop.clone()).unwrap();
        let (address, slot) = (address(1), Slot::new(6, 0));
        events
            .send(ConsensusEvent::ForeignSignature { address, slot })
            .unwrap();
        while world.wallet.refusals().is_empty() {
            std::thread::yield_now();
        }
        stop.stop();
        thread.join().unwrap();
    }
}
