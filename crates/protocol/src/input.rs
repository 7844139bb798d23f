//! What goes into the core and what comes out of it.

use crate::{Frame, Lane, Packet};
use picot_checkpoint::CheckpointMessage;
use picot_clock::{Millis, Timestamp};
use picot_consensus::{Message, Peer, PeerFault, Request};
use picot_crypto::Hash;
use picot_models::{Block, Denunciation, SignedEndorsement, SignedOperation, Slot};
use picot_pool::PoolError;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What happened outside.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "inputs are made once and taken apart at once"
)]
pub enum Input {
    /// Time passed: a wake-up that was asked for, or any other moment.
    Tick,
    /// The transport is connected to a peer; nothing was said yet.
    Connected {
        /// The handle of the connection, never used again.
        peer: Peer,
        /// Who it is: the hash of its identity in the transport.
        node: Hash,
        /// From where, if the transport has addresses.
        address: Option<IpAddr>,
        /// Whether this node called.
        outbound: bool,
        /// Whether the operator keeps a place for it.
        reserved: bool,
    },
    /// A connection is gone.
    Disconnected(Peer),
    /// A packet came whole.
    Received {
        /// From whom.
        from: Peer,
        /// On which lane.
        lane: Lane,
        /// What, with its length.
        frame: Arc<Frame>,
    },
    /// Bytes came that are no packet.
    Unreadable {
        /// From whom.
        from: Peer,
    },
    /// The transport has passed so many bytes of a lane on.
    Written {
        /// To whom.
        to: Peer,
        /// On which lane.
        lane: Lane,
        /// Of frames that were handed over by [`Output::Send`].
        bytes: usize,
    },
    /// Consensus sends to all.
    Broadcast(Arc<Message>),
    /// Consensus tells a few, who do not pass it on.
    Tell(Arc<Message>),
    /// Consensus passes on what a peer sent.
    Relay {
        /// Who sent it.
        from: Peer,
        /// What.
        message: Arc<Message>,
    },
    /// Consensus answers one peer.
    Send {
        /// Whom.
        to: Peer,
        /// What.
        message: Arc<Message>,
    },
    /// Consensus asks a peer, or whoever is likely to know.
    Ask {
        /// Whom.
        to: Option<Peer>,
        /// For what.
        request: Request,
    },
    /// Consensus has found a peer to blame.
    Blame {
        /// Whom.
        peer: Peer,
        /// For what.
        fault: PeerFault,
    },
    /// What this node says about checkpoints.
    Checkpoint(CheckpointWord),
    /// What this node asks or answers about states, to one peer.
    State {
        /// Whom.
        to: Peer,
        /// [`Packet::GetState`] or [`Packet::State`].
        packet: Packet,
    },
    /// Whoever receives states has found a peer that lies.
    BlameState(Peer),
    /// A block that this node has whole, and can give to others.
    Held(Block),
    /// The pool took these in, for the first time.
    NewOperations(Vec<Arc<SignedOperation>>),
    /// The pool took these in, for the first time.
    NewEndorsements(Vec<Arc<SignedEndorsement>>),
    /// The pool took these in, for the first time.
    NewDenunciations(Vec<Arc<Denunciation>>),
    /// What the pool said to [`Output::AddOperations`], in order.
    Added {
        /// Which.
        ticket: u64,
        /// One for each operation.
        results: Vec<Result<(), PoolError>>,
    },
    /// What the pool said to endorsements or denunciations of a peer, in order.
    Judged {
        /// Who sent them.
        from: Peer,
        /// One for each.
        results: Vec<Result<(), PoolError>>,
    },
    /// What came of [`Output::Verify`].
    Verified {
        /// Which.
        ticket: u64,
        /// The places of those whose signature is bad, ascending.
        bad: Vec<usize>,
    },
    /// By thread: the last period that is decided here, and the first whose blocks can be given.
    Progress {
        /// By thread.
        decided: Vec<u64>,
        /// The first period that is kept.
        serves_from: u64,
    },
}

/// What this node says about checkpoints, and to whom.
#[derive(Debug, Clone)]
pub enum CheckpointWord {
    /// To all.
    Broadcast(Arc<CheckpointMessage>),
    /// To others than who sent it. Its signatures are verified.
    Relay {
        /// Who sent it.
        from: Peer,
        /// What.
        message: Arc<CheckpointMessage>,
    },
    /// To one.
    Send {
        /// Whom.
        to: Peer,
        /// What.
        message: Arc<CheckpointMessage>,
    },
    /// A question to one after the other.
    Ask(Arc<CheckpointMessage>),
}

/// What is to be done outside, in order.
#[derive(Debug)]
pub enum Output {
    /// Hand a frame to the transport, which says [`Input::Written`] when it is on its way. No more than
    /// a window of bytes is handed over before that.
    Send {
        /// To whom.
        to: Peer,
        /// What.
        frame: Arc<Frame>,
    },
    /// End a connection.
    Disconnect {
        /// Which.
        peer: Peer,
        /// Why.
        reason: Farewell,
    },
    /// End a connection, and let nobody in from there for a while.
    Ban {
        /// Which.
        peer: Peer,
        /// Who it is.
        node: Hash,
        /// From where.
        address: Option<IpAddr>,
        /// For how long.
        length: Millis,
        /// Why.
        reason: Farewell,
    },
    /// A peer did something wrong, and its account is the worse for it: to be told, not to be acted on.
    Penalty {
        /// Who.
        peer: Peer,
        /// What.
        fault: Fault,
    },
    /// Give consensus a message.
    Consensus {
        /// From whom.
        from: Peer,
        /// What.
        message: Arc<Message>,
    },
    /// Tell consensus that a peer says to have decided these.
    DecidedElsewhere {
        /// Who.
        peer: Peer,
        /// The last decided slot of each thread in which it is ahead.
        slots: Vec<Slot>,
    },
    /// Give whoever gathers checkpoints a message.
    Checkpoint {
        /// From whom.
        from: Peer,
        /// What.
        message: Arc<CheckpointMessage>,
    },
    /// A peer has introduced itself: it can be asked for states.
    Introduced(Peer),
    /// A peer that had introduced itself is gone.
    Gone(Peer),
    /// Give whoever receives and serves states what a peer asks or answers.
    State {
        /// From whom.
        from: Peer,
        /// What: a [`Packet::GetState`] or a [`Packet::State`].
        frame: Arc<Frame>,
    },
    /// Give the pool operations, then say [`Input::Added`].
    AddOperations {
        /// To be said with the results.
        ticket: u64,
        /// What.
        operations: Vec<Arc<SignedOperation>>,
    },
    /// Give the pool endorsements, then say [`Input::Judged`].
    AddEndorsements {
        /// From whom.
        from: Peer,
        /// What.
        endorsements: Vec<Arc<SignedEndorsement>>,
    },
    /// Give the pool proofs of faults, then say [`Input::Judged`].
    AddDenunciations {
        /// From whom.
        from: Peer,
        /// What.
        denunciations: Vec<Arc<Denunciation>>,
    },
    /// Verify the signatures of operations of a block, then say [`Input::Verified`].
    Verify {
        /// To be said with the result.
        ticket: u64,
        /// What.
        operations: Vec<Arc<SignedOperation>>,
    },
    /// Say [`Input::Tick`] at this time, if nothing else happens before. Replaces the one before.
    WakeAt(Timestamp),
}

/// What a peer did that no honest node does, or that costs this node too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Bytes that are no packet, or a packet on the wrong lane.
    Unreadable,
    /// Something else than a handshake first, or a second one.
    OutOfTurn,
    /// What consensus blames.
    Consensus(PeerFault),
    /// An operation, an endorsement or a denunciation that is not well signed or proves nothing.
    BadItem,
    /// Operations of a block that are not those that its header names.
    WrongBlock,
    /// A part of a state, or what should prove it, that is not what was certified or promised.
    WrongState,
    /// Answers that nobody asked for.
    Unasked,
    /// More messages or questions than an honest node has.
    TooMany,
}

/// Why a connection is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Farewell {
    /// It is of another chain.
    OtherChain {
        /// Which.
        theirs: picot_models::ChainId,
    },
    /// It speaks another version of the protocol.
    OtherVersion {
        /// Which.
        theirs: u32,
    },
    /// It is this node itself.
    Ourselves,
    /// It said nothing for too long after connecting.
    NoHandshake,
    /// It said something else first.
    NotIntroduced,
    /// Its penalties added up.
    Penalties {
        /// The last fault.
        last: Fault,
    },
    /// There is no place for it.
    Full,
    /// There is a connection with its node already.
    ConnectedAlready,
}

impl fmt::Display for Farewell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherChain { theirs } => {
                write!(formatter, "it is a node of another chain, {theirs}")
            }
            Self::OtherVersion { theirs } => {
                write!(formatter, "it speaks version {theirs} of the protocol")
            }
            Self::Ourselves => formatter.write_str("it is this node itself"),
            Self::NoHandshake => formatter.write_str("it did not introduce itself in time"),
            Self::NotIntroduced => formatter.write_str("it did not introduce itself first"),
            Self::Penalties { last } => {
                write!(formatter, "its penalties add up, the last one for {last}")
            }
            Self::Full => formatter.write_str("there are too many peers"),
            Self::ConnectedAlready => formatter.write_str("its node is connected already"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unreadable => "bytes that are no packet of its lane",
            Self::OutOfTurn => "a packet out of turn",
            Self::Consensus(PeerFault::BadSignature) => "a bad signature",
            Self::Consensus(PeerFault::BadCertificate) => "a certificate that proves nothing",
            Self::Consensus(PeerFault::InvalidHeader) => "an invalid header",
            Self::Consensus(PeerFault::WrongBody) => "a body that is not its header's",
            Self::Consensus(PeerFault::Malformed) => "a message that no rule allows",
            Self::BadItem => "an item that is not well signed",
            Self::WrongBlock => "operations that are not those of the block",
            Self::WrongState => "a state that is not the certified one",
            Self::Unasked => "answers that nobody asked for",
            Self::TooMany => "too many messages",
        })
    }
}

/// What the parts of the core want to be done. The core queues what is sent and keeps the accounts.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) sends: Vec<(Peer, Arc<Frame>)>,
    pub(crate) faults: Vec<(Peer, Fault)>,
    pub(crate) outputs: Vec<Output>,
}

impl Effects {
    /// A packet to one peer.
    pub(crate) fn send(&mut self, to: Peer, packet: Packet) {
        self.share(to, &Arc::new(Frame::new(packet)));
    }

    /// A packet that goes to others, too.
    pub(crate) fn share(&mut self, to: Peer, frame: &Arc<Frame>) {
        self.sends.push((to, Arc::clone(frame)));
    }

    pub(crate) fn blame(&mut self, peer: Peer, fault: Fault) {
        self.faults.push((peer, fault));
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push(output);
    }
}
