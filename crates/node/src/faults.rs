//! Where a test has this process end, told by the environment; nowhere in what users get.

use picot_consensus::ConsensusNetwork;
use picot_database::Faults;
use picot_pool::Propagation;
use std::sync::Arc;

#[cfg(not(feature = "fault-points"))]
mod none {
    use super::{Arc, ConsensusNetwork, Faults, Propagation};
    use crate::NodeError;

    #[allow(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
    pub(crate) fn of_environment() -> Result<Faults, NodeError> {
        Ok(Faults::default())
    }

    pub(crate) fn leaving_votes(
        network: Arc<dyn ConsensusNetwork>,
        _faults: &Faults,
    ) -> Arc<dyn ConsensusNetwork> {
        network
    }

    pub(crate) fn leaving_endorsements(
        propagation: Arc<dyn Propagation>,
        _faults: &Faults,
    ) -> Arc<dyn Propagation> {
        propagation
    }
}

#[cfg(feature = "fault-points")]
mod named {
    use super::{Arc, ConsensusNetwork, Faults, Propagation};
    use crate::NodeError;
    use picot_consensus::{Message, Peer, PeerFault, Request};
    use picot_database::FaultPoint;
    use picot_models::{Block, Denunciation, SignedEndorsement, SignedOperation};

    /// `NAME:PASSING`, such as `claimed:3`.
    const VARIABLE: &str = "PICOT_FAULT";

    pub(crate) fn of_environment() -> Result<Faults, NodeError> {
        let Some(text) = std::env::var_os(VARIABLE) else {
            return Ok(Faults::default());
        };
        let text = text.to_string_lossy();
        let parsed = || {
            let (name, passing) = text.split_once(':')?;
            Some(Faults::at(
                FaultPoint::of_name(name)?,
                passing.parse().ok()?,
            ))
        };
        parsed()
            .ok_or_else(|| NodeError::Stopped(format!("{VARIABLE}={text} names no fault point")))
    }

    struct Leaving<T: ?Sized> {
        inner: Arc<T>,
        faults: Faults,
    }

    impl<T: ?Sized> Leaving<T> {
        fn out(&self, send: impl FnOnce(&T)) {
            self.faults.pass(FaultPoint::SignatureLeaves);
            send(&self.inner);
            self.faults.pass(FaultPoint::SignatureLeft);
        }
    }

    pub(crate) fn leaving_votes(
        inner: Arc<dyn ConsensusNetwork>,
        faults: &Faults,
    ) -> Arc<dyn ConsensusNetwork> {
        let faults = faults.clone();
        Arc::new(Leaving { inner, faults })
    }

    pub(crate) fn leaving_endorsements(
        inner: Arc<dyn Propagation>,
        faults: &Faults,
    ) -> Arc<dyn Propagation> {
        let faults = faults.clone();
        Arc::new(Leaving { inner, faults })
    }

    /// Whether it bears a signature of whoever sends it first.
    const fn is_signed(message: &Message) -> bool {
        matches!(
            message,
            Message::Candidate(_) | Message::Vote(_) | Message::Proposal { .. }
        )
    }

    impl ConsensusNetwork for Leaving<dyn ConsensusNetwork> {
        fn broadcast(&self, message: Arc<Message>) {
            if is_signed(&message) {
                self.out(|inner| inner.broadcast(message));
            } else {
                self.inner.broadcast(message);
            }
        }

        fn tell(&self, message: Arc<Message>) {
            self.inner.tell(message);
        }

        fn relay(&self, from: Peer, message: Arc<Message>) {
            self.inner.relay(from, message);
        }

        fn send(&self, to: Peer, message: Arc<Message>) {
            self.inner.send(to, message);
        }

        fn ask(&self, to: Option<Peer>, request: Request) {
            self.inner.ask(to, request);
        }

        fn hold(&self, block: &Block) {
            self.inner.hold(block);
        }

        fn blame(&self, peer: Peer, fault: PeerFault) {
            self.inner.blame(peer, fault);
        }
    }

    impl Propagation for Leaving<dyn Propagation> {
        fn operations(&self, operations: &[Arc<SignedOperation>]) {
            self.inner.operations(operations);
        }

        fn endorsements(&self, endorsements: &[Arc<SignedEndorsement>]) {
            self.out(|inner| inner.endorsements(endorsements));
        }

        fn denunciations(&self, denunciations: &[Arc<Denunciation>]) {
            self.inner.denunciations(denunciations);
        }
    }
}

#[cfg(feature = "fault-points")]
pub(crate) use named::{leaving_endorsements, leaving_votes, of_environment};
#[cfg(not(feature = "fault-points"))]
pub(crate) use none::{leaving_endorsements, leaving_votes, of_environment};
