//! Nodes that serve and one that receives, on threads, over sockets of this machine.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "these are helpers of tests and benchmarks"
)]

use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::Mutex;
use picot_bootstrap::{
    BootstrapNetwork, Incoming, IncomingState, Lie, Message, ServerConfig, Serving, ServingHandle,
    run_client,
};
use picot_checkpoint::mocks::CertifiedChain;
use picot_checkpoint::{ChainStep, CheckpointArchive, MemoryCheckpointStore};
use picot_clock::{Slot, Stop, SystemClock};
use picot_consensus::Peer;
use picot_ledger::{StateSnapshot, StateStore};
use picot_models::{Checkpoint, Hash};
use picot_serialization::Encode;
use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{JoinHandle, spawn};

/// The certified chain to a state.
pub struct Certified {
    pub chain: CertifiedChain,
    pub last: ChainStep,
}

impl Certified {
    pub fn of(state_hash: Hash) -> Self {
        let chain = CertifiedChain::new(3);
        let sets = chain.sets.last().unwrap();
        let mut checkpoint = chain.checkpoint(Slot::new(13, 1), sets);
        checkpoint.state_hash = state_hash;
        let last = chain.step(&checkpoint, sets, None);
        Self { chain, last }
    }

    pub fn checkpoint(&self) -> Checkpoint {
        self.last.checkpoint().unwrap().clone()
    }

    pub fn archive(&self) -> CheckpointArchive {
        let archive = self.empty_archive();
        for (step, sets) in self.chain.ends.iter().zip(&self.chain.sets) {
            archive.keep_step(step, sets).unwrap();
        }
        archive.certify(&self.last.certificate).unwrap();
        archive
    }

    pub fn empty_archive(&self) -> CheckpointArchive {
        let store = Arc::new(MemoryCheckpointStore::new());
        CheckpointArchive::new(store, Arc::new(self.chain.genesis.clone()))
    }
}

/// Frames on a socket: their length in four bytes in front.
fn send_frame(to: &mut BufWriter<TcpStream>, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(&u32::try_from(bytes.len()).unwrap().to_le_bytes())?;
    to.write_all(bytes)?;
    to.flush()
}

fn read_frame(from: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(len)).unwrap()];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// What a thread writes to a socket, and the socket.
type Socket = (Sender<Vec<u8>>, TcpStream);

/// Sockets by peer, each with a thread that writes.
#[derive(Default)]
struct Sockets {
    peers: Mutex<BTreeMap<Peer, Socket>>,
    blamed: Mutex<Vec<Peer>>,
}

impl Sockets {
    fn add(&self, peer: Peer, socket: &TcpStream) {
        let (frames, queue) = unbounded::<Vec<u8>>();
        let mut writer = BufWriter::new(socket.try_clone().unwrap());
        spawn(move || {
            for frame in queue {
                if send_frame(&mut writer, &frame).is_err() {
                    return;
                }
            }
        });
        let socket = socket.try_clone().unwrap();
        self.peers.lock().insert(peer, (frames, socket));
    }

    fn close(&self, peer: Peer) {
        if let Some((_, socket)) = self.peers.lock().remove(&peer) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl BootstrapNetwork for Sockets {
    fn send(&self, to: Peer, message: &Message) {
        if let Some((frames, _)) = self.peers.lock().get(&to) {
            let _ = frames.send(message.to_bytes());
        }
    }

    fn blame(&self, peer: Peer, _: &Lie) {
        self.blamed.lock().push(peer);
        self.close(peer);
    }
}

/// A node that serves a state.
pub struct Node {
    pub address: std::net::SocketAddr,
    _serving: Serving,
    sockets: Arc<Sockets>,
}

impl Node {
    pub fn start(
        certified: &Certified,
        snapshot: Arc<dyn StateSnapshot>,
        config: ServerConfig,
    ) -> Self {
        let sockets = Arc::new(Sockets::default());
        let (handle, queue) = ServingHandle::new();
        let serving = Serving::start(
            config,
            certified.archive(),
            Arc::new(SystemClock),
            Arc::clone(&sockets) as _,
            handle.clone(),
            queue,
        );
        handle.reached(certified.checkpoint(), snapshot);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = Arc::clone(&sockets);
        spawn(move || {
            for (socket, number) in listener.incoming().zip(0..) {
                let (socket, peer) = (socket.unwrap(), Peer(number));
                socket.set_nodelay(true).unwrap();
                accepting.add(peer, &socket);
                let handle = handle.clone();
                spawn(move || {
                    let mut reader = BufReader::new(socket);
                    while let Ok(frame) = read_frame(&mut reader) {
                        handle.received(peer, &frame);
                    }
                    handle.disconnected(peer);
                });
            }
        });
        Self {
            address,
            _serving: serving.unwrap(),
            sockets,
        }
    }

    /// Hangs up on everybody.
    pub fn hang_up(&self) {
        let peers: Vec<Peer> = self.sockets.peers.lock().keys().copied().collect();
        for peer in peers {
            self.sockets.close(peer);
        }
    }
}

/// The connections of a node that receives.
pub struct Links {
    sockets: Arc<Sockets>,
    pub events: Receiver<Incoming>,
    _readers: Vec<JoinHandle<()>>,
}

impl Links {
    pub fn connect(nodes: &[&Node]) -> Self {
        let sockets = Arc::new(Sockets::default());
        let (events, queue) = unbounded();
        let mut readers = Vec::new();
        for (node, number) in nodes.iter().zip(0..) {
            let (socket, peer) = (TcpStream::connect(node.address).unwrap(), Peer(number));
            socket.set_nodelay(true).unwrap();
            sockets.add(peer, &socket);
            let events = events.clone();
            events.send(Incoming::Connected(peer)).unwrap();
            readers.push(spawn(move || {
                let mut reader = BufReader::new(socket);
                while let Ok(frame) = read_frame(&mut reader) {
                    let _ = events.send(Incoming::Message(peer, frame));
                }
                let _ = events.send(Incoming::Disconnected(peer));
            }));
        }
        Self {
            sockets,
            events: queue,
            _readers: readers,
        }
    }

    /// Receives a state into a store.
    pub fn receive(
        &self,
        archive: CheckpointArchive,
        store: Arc<dyn StateStore>,
        stop: &Stop,
        tell: impl FnMut(&picot_bootstrap::Progress),
    ) -> Result<Checkpoint, picot_bootstrap::BootstrapError> {
        let parts = IncomingState {
            config: picot_bootstrap::ClientConfig::default(),
            archive,
            trusted: None,
            own: None,
            store,
            clock: Arc::new(SystemClock),
            network: Arc::clone(&self.sockets) as _,
        };
        run_client(parts, &self.events, stop, tell)
    }

    pub fn blamed(&self) -> Vec<Peer> {
        self.sockets.blamed.lock().clone()
    }
}
