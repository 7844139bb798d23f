//! A peer that says nothing, and remembers what was signed.

use picot_checkpoint::CheckpointMessage;
use picot_clock::SystemClock;
use picot_consensus::Message;
use picot_database::{DatabaseConfig, DiskSigningLog};
use picot_models::{
    Address, Ballot, Certificate, ChainId, Checkpoint, Endorsement, Envelope, Hash, Header,
    RoundProposal, Slot, Vote,
};
use picot_network::{Config, Event, Handle, Identity, LaneConfig, Link, Network, start};
use picot_protocol::{Hello, Lane, PROTOCOL_VERSION, Packet};
use picot_serialization::{Encode, decode_exact};
use picot_wallet::{ClaimKey, ClaimKind, SigningHistory, SigningLog};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

type Heard = Arc<Mutex<BTreeMap<ClaimKey, Hash>>>;

/// Connected with all nodes, as soon as they are there.
pub(super) struct Witness {
    heard: Heard,
    _handle: Arc<Handle>,
}

enum Said {
    Hello(Link),
    Packet(Vec<u8>),
}

impl Witness {
    pub(super) fn start(ports: &[u16], chain_id: ChainId) -> Self {
        let lane = |lane: Lane| LaneConfig {
            max_frame_bytes: lane.max_frame_bytes(),
            unread_bytes: lane.max_frame_bytes() + (1 << 20),
            unsent_bytes: lane.max_frame_bytes() + (1 << 20),
        };
        let peers = ports.iter().map(|port| {
            let address = format!("/ip4/127.0.0.1/tcp/{port}");
            address.parse().expect("an address")
        });
        let config = Config {
            peers: peers.collect(),
            discovery: false,
            public: false,
            lanes: Lane::ALL.map(lane).into(),
            redial_min: Duration::from_millis(50),
            redial_max: Duration::from_millis(50),
            ..Config::default()
        };
        let identity = Identity::from_seed([77; 32]).expect("an identity");
        let (sender, said) = channel();
        let handle = start(identity, config, Arc::new(SystemClock), move |event| {
            let said = match event {
                Event::Connected { link, .. } => Said::Hello(link),
                Event::Frame(mut frame) => Said::Packet(std::mem::take(&mut frame.bytes)),
                Event::Disconnected { .. } | Event::Written { .. } => return,
            };
            // The test may be over.
            let _ = sender.send(said);
        });
        let handle = Arc::new(handle.expect("a network"));
        let heard = Heard::default();
        let (own, greeter) = (Arc::clone(&heard), Arc::clone(&handle));
        thread::spawn(move || {
            for said in said {
                match said {
                    Said::Hello(link) => greet(&greeter, link, chain_id),
                    Said::Packet(bytes) => {
                        let packet = decode_exact(&bytes).expect("a packet of an honest node");
                        hear(&own, &packet, &chain_id);
                    }
                }
            }
        });
        Self {
            heard,
            _handle: handle,
        }
    }

    /// Signatures that were heard.
    pub(super) fn count(&self) -> u64 {
        lock(&self.heard).len() as u64
    }

    /// Those of an address.
    pub(super) fn heard_of(&self, address: &str) -> usize {
        let address: Address = address.parse().expect("an address");
        let heard = lock(&self.heard);
        heard.keys().filter(|key| key.address == address).count()
    }

    /// Compares what was heard of a key with a signing log that no process uses.
    pub(super) fn check(&self, address: &str, folder: &Path) {
        if !folder.join("claims.redb").exists() {
            return;
        }
        let address: Address = address.parse().expect("an address");
        // What is looked at must not be mended by looking.
        let copy = tempfile::tempdir().expect("a directory");
        let file = "claims.redb";
        std::fs::copy(folder.join(file), copy.path().join(file)).expect("a copy");
        let (log, is_new) = DiskSigningLog::open(copy.path(), &DatabaseConfig::dev())
            .expect("a log that can be opened");
        assert!(!is_new);
        let horizon = log.horizon().expect("a horizon");
        let records = log.records(&address, Slot::GENESIS).expect("claims");
        let claimed: BTreeMap<ClaimKey, Hash> = records
            .iter()
            .map(|record| (record.key(), record.id))
            .collect();
        for (key, id) in lock(&self.heard).iter() {
            if key.address == address && key.slot >= horizon {
                assert_eq!(
                    claimed.get(key),
                    Some(id),
                    "{key:?} was heard, and is not in the log like that, which goes from {horizon} to \
                     {:?}",
                    claimed.keys().map(|key| key.slot).max()
                );
            }
        }
    }
}

fn greet(handle: &Handle, link: Link, chain_id: ChainId) {
    let hello = Packet::Hello(Hello {
        version: PROTOCOL_VERSION,
        chain_id,
        agent: "witness".to_owned(),
    });
    let lane = picot_protocol::Frame::new(hello.clone()).lane();
    // Whoever is gone by now comes back.
    let _ = handle.send(link, lane.number(), hello.to_bytes().into());
}

fn lock(heard: &Heard) -> std::sync::MutexGuard<'_, BTreeMap<ClaimKey, Hash>> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hear(heard: &Heard, packet: &Packet, chain_id: &ChainId) {
    let mut signed = Vec::new();
    match packet {
        Packet::Candidate { header, .. } => signed.push(of_header(header, chain_id)),
        Packet::Endorsements(endorsements) => {
            signed.extend(endorsements.iter().map(|one| of_endorsement(one, chain_id)));
        }
        Packet::Checkpoint(message) => {
            if let CheckpointMessage::Signatures(signatures) = &*message.0 {
                signed.extend(signatures.iter().map(|one| of_checkpoint(one, chain_id)));
            }
        }
        Packet::Consensus(message) => match &*message.0 {
            Message::Candidate(header) => signed.push(of_header(header, chain_id)),
            Message::Vote(vote) => signed.push(of_vote(vote, chain_id)),
            Message::Proposal { proposal, .. } => signed.push(of_proposal(proposal, chain_id)),
            Message::Certificate(certificate) => of_certificate(certificate, chain_id, &mut signed),
            Message::Outcome { outcome, .. } => {
                of_certificate(outcome.certificate(), chain_id, &mut signed);
            }
            _ => {}
        },
        _ => {}
    }
    let mut heard = lock(heard);
    for (key, id) in signed {
        let first = *heard.entry(key).or_insert(id);
        // The thread that hears has nobody to tell.
        if first != id {
            eprintln!("two different things were signed as {key:?}: {first} and {id}");
            std::process::abort();
        }
    }
}

type Signed = (ClaimKey, Hash);

/// What a signing log has of something that is signed once for a slot, kind, and round or index.
fn signed<C>(
    envelope: &Envelope<C>,
    (slot, kind, round): (Slot, ClaimKind, u32),
    id: &Hash,
) -> Signed {
    let key = ClaimKey {
        address: Address::of_key(&envelope.signer),
        slot,
        kind,
        round,
    };
    (key, *id)
}

fn of_header(header: &Envelope<Header>, chain_id: &ChainId) -> Signed {
    let claim = (header.content.slot, ClaimKind::Header, 0);
    signed(header, claim, header.id(chain_id).as_hash())
}

fn of_endorsement(endorsement: &Envelope<Endorsement>, chain_id: &ChainId) -> Signed {
    let Endorsement { slot, index, .. } = endorsement.content;
    let claim = (slot, ClaimKind::Endorsement, index);
    signed(endorsement, claim, endorsement.id(chain_id).as_hash())
}

fn of_vote(vote: &Envelope<Vote>, chain_id: &ChainId) -> Signed {
    let kind = match vote.content.ballot {
        Ballot::Notarise { .. } => ClaimKind::Notarise,
        Ballot::Nullify | Ballot::Finalise { .. } => ClaimKind::RoundEnd,
    };
    let claim = (vote.content.slot, kind, vote.content.round);
    signed(vote, claim, vote.id(chain_id).as_hash())
}

fn of_proposal(proposal: &Envelope<RoundProposal>, chain_id: &ChainId) -> Signed {
    let RoundProposal { slot, round, .. } = proposal.content;
    let claim = (slot, ClaimKind::Proposal, round);
    signed(proposal, claim, proposal.id(chain_id).as_hash())
}

fn of_checkpoint(checkpoint: &Envelope<Checkpoint>, chain_id: &ChainId) -> Signed {
    let claim = (checkpoint.content.slot, ClaimKind::Checkpoint, 0);
    signed(checkpoint, claim, checkpoint.id(chain_id).as_hash())
}

fn of_certificate(certificate: &Certificate, chain_id: &ChainId, signed: &mut Vec<Signed>) {
    let votes = certificate.votes();
    signed.extend(votes.map(|vote| of_vote(&vote, chain_id)));
}
