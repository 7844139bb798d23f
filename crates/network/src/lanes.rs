//! The lanes of one connection: one stream each, opened by the node that decides (see `pairing`).

use libp2p_core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p_swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p_swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, StreamUpgradeError,
    SubstreamProtocol,
};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::pairing::Role;

/// The protocols of the lanes, the most urgent first.
pub(crate) type LaneProtocols = Arc<[StreamProtocol]>;

/// What happened to the lanes of a connection.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All are open, in order.
    Opened(Vec<Stream>),
    /// One could not be opened.
    Failed(String),
}

/// Agrees on one of some protocols, and gives the bare stream.
#[derive(Debug, Clone)]
pub(crate) struct OneOf(Vec<StreamProtocol>);

impl UpgradeInfo for OneOf {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for OneOf {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

impl OutboundUpgrade<Stream> for OneOf {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Self::Error>>;

    fn upgrade_outbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

/// Opens or awaits the lanes of one connection.
pub(crate) struct LanesHandler {
    role: Role,
    protocols: LaneProtocols,
    streams: Vec<Option<Stream>>,
    /// Lanes that are to be opened.
    to_open: VecDeque<StreamProtocol>,
    done: bool,
    outcome: Option<Outcome>,
}

impl LanesHandler {
    pub(crate) fn new(role: Role, protocols: LaneProtocols) -> Self {
        let to_open = match role {
            Role::Open => protocols.iter().cloned().collect(),
            Role::Await => VecDeque::new(),
        };
        Self {
            role,
            streams: protocols.iter().map(|_| None).collect(),
            protocols,
            to_open,
            done: false,
            outcome: None,
        }
    }

    fn take(&mut self, stream: Stream, protocol: &StreamProtocol) {
        let lane = self.protocols.iter().position(|of| of == protocol);
        let slot = lane.and_then(|lane| self.streams.get_mut(lane));
        // A second stream of a lane, or one after all, is dropped and so reset.
        if let (false, Some(slot @ None)) = (self.done, slot) {
            *slot = Some(stream);
        }
        if !self.done && self.streams.iter().all(Option::is_some) {
            self.done = true;
            let streams = self.streams.drain(..).flatten().collect();
            self.outcome = Some(Outcome::Opened(streams));
        }
    }

    fn fail(&mut self, reason: String) {
        if !self.done {
            self.done = true;
            self.streams.clear();
            self.outcome = Some(Outcome::Failed(reason));
        }
    }
}

impl ConnectionHandler for LanesHandler {
    type FromBehaviour = Infallible;
    type ToBehaviour = Outcome;
    type InboundProtocol = OneOf;
    type OutboundProtocol = OneOf;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<OneOf> {
        SubstreamProtocol::new(OneOf(self.protocols.to_vec()), ())
    }

    /// Whether a connection ends is decided by the links, never by idleness.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<OneOf, (), Outcome>> {
        if let Some(outcome) = self.outcome.take() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(outcome));
        }
        if let Some(protocol) = self.to_open.pop_front() {
            let protocol = SubstreamProtocol::new(OneOf(vec![protocol]), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Infallible) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<OneOf, OneOf>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, protocol),
                ..
            }) if self.role == Role::Await => self.take(stream, &protocol),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (stream, protocol),
                ..
            }) => self.take(stream, &protocol),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.fail(match error {
                    StreamUpgradeError::Timeout => "it did not open a lane in time".to_owned(),
                    StreamUpgradeError::NegotiationFailed => {
                        "it speaks another protocol, or has other lanes".to_owned()
                    }
                    StreamUpgradeError::Io(error) => format!("a lane broke while opening: {error}"),
                    StreamUpgradeError::Apply(never) => match never {},
                });
            }
            _ => {}
        }
    }
}
