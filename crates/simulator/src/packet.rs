//! What travels between simulated nodes.

use crate::ports::Gossip;
use picot_consensus::Message;
use picot_serialization::Encode;
use std::fmt;
use std::sync::Arc;

/// One thing on its way: what it is, how long its canonical bytes are, and their hash.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    /// What it is.
    pub payload: Payload,
    /// Canonical bytes.
    pub bytes: u64,
    /// The first 8 bytes of their hash, for the trace.
    pub tag: u64,
}

/// What it is.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// A message of consensus.
    Consensus(Arc<Message>),
    /// Operations, endorsements or denunciations.
    Gossip(Gossip),
}

impl Packet {
    /// A message of consensus.
    #[must_use]
    pub(crate) fn consensus(message: Arc<Message>) -> Self {
        let bytes = message.to_bytes();
        Self::new(Payload::Consensus(message), &bytes)
    }

    /// Gossip.
    #[must_use]
    pub(crate) fn gossip(gossip: Gossip) -> Self {
        let mut bytes = Vec::new();
        match &gossip {
            Gossip::Operations(all) => all.iter().for_each(|one| one.encode(&mut bytes)),
            Gossip::Endorsements(all) => all.iter().for_each(|one| one.encode(&mut bytes)),
            Gossip::Denunciations(all) => all.iter().for_each(|one| one.encode(&mut bytes)),
        }
        Self::new(Payload::Gossip(gossip), &bytes)
    }

    fn new(payload: Payload, bytes: &[u8]) -> Self {
        let hash = blake3::hash(bytes);
        let first = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        Self {
            payload,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            tag: u64::from_le_bytes(first),
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.payload {
            Payload::Consensus(message) => show_message(message, formatter),
            Payload::Gossip(Gossip::Operations(all)) => {
                write!(formatter, "{} operations", all.len())
            }
            Payload::Gossip(Gossip::Endorsements(all)) => {
                write!(formatter, "{} endorsements", all.len())
            }
            Payload::Gossip(Gossip::Denunciations(all)) => {
                write!(formatter, "{} denunciations", all.len())
            }
        }
    }
}

fn show_message(message: &Message, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    match message {
        Message::Candidate(header) => write!(formatter, "candidate {}", header.content.slot),
        Message::Vote(vote) => {
            let content = &vote.content;
            write!(
                formatter,
                "vote {} round {} {:?}",
                content.slot, content.round, content.ballot
            )
        }
        Message::Proposal { proposal, .. } => {
            let content = &proposal.content;
            write!(
                formatter,
                "proposal {} round {} {:?} {:?}",
                content.slot, content.round, content.value, content.carry
            )
        }
        Message::Certificate(one) => write!(
            formatter,
            "certificate {} round {} {:?}",
            one.slot, one.round, one.subject
        ),
        Message::Have {
            slot,
            round,
            subject,
        } => write!(formatter, "have {slot} round {round} {subject:?}"),
        Message::Outcome { outcome, .. } => {
            write!(
                formatter,
                "outcome {} {:?}",
                outcome.slot(),
                outcome.value()
            )
        }
        Message::Ask(request) => write!(formatter, "ask {request:?}"),
        Message::Body(block) => write!(formatter, "body {}", block.header.content.slot),
    }
}
