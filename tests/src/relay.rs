//! A link between two nodes that a test can slow down, stop and cut: a TCP relay.

use crate::gate::{Flow, Gate};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 * 1_024;
/// Chunks that are on their way in one direction, at most: what is more waits at the sender's.
const CHUNKS: usize = 1_024;

/// Connects from an address of this machine, so that one machine looks like many: all of 127.0.0.0/8
/// is its own.
///
/// # Errors
/// Nobody listens there.
pub fn connect_from(source: Ipv4Addr, target: SocketAddrV4) -> std::io::Result<TcpStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddrV4::new(source, 0))?;
    connect(&socket, &target)?;
    Ok(TcpStream::from(socket))
}

/// A relay from whoever connects to it to a target, which sees the connections come from an address of
/// the relay's own. It ends, with its connections, when it is dropped.
pub struct Relay {
    address: SocketAddr,
    gate: Arc<Gate>,
}

impl Relay {
    /// Listens at a free port of an address; connects from another.
    ///
    /// # Panics
    /// The address is not this machine's.
    #[must_use]
    pub fn start(at: Ipv4Addr, source: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((IpAddr::V4(at), 0)).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let gate = Arc::new(Gate::default());
        let doorman = Arc::clone(&gate);
        thread::spawn(move || serve(&listener, source, &doorman));
        Self { address, gate }
    }

    /// Where to connect, as nodes are told.
    #[must_use]
    pub fn multiaddress(&self) -> String {
        format!("/ip4/{}/tcp/{}", self.address.ip(), self.address.port())
    }

    /// Leads connections to there from now on. Until it is told, they wait.
    pub fn lead_to(&self, target: SocketAddrV4) {
        self.gate.change(|state| state.target = Some(target));
    }

    /// What comes takes so much longer from now on, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.gate.change(|state| state.delay = delay);
    }

    /// Lets everything through.
    pub fn open(&self) {
        self.gate.change(|state| state.flow = Flow::Open);
    }

    /// Lets nothing through, as a network of which cables are pulled: connections stay, and what is on
    /// its way arrives once it is open again.
    pub fn hold(&self) {
        self.gate.change(|state| state.flow = Flow::Held);
    }

    /// Ends the connections, and every new one at once.
    pub fn cut(&self) {
        self.gate.cut(Flow::Cut);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.gate.cut(Flow::Ended);
        // Wakes the one that accepts, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(listener: &TcpListener, source: Ipv4Addr, gate: &Arc<Gate>) {
    for near in listener.incoming() {
        if gate.is_ended() {
            return;
        }
        let (Ok(near), gate) = (near, Arc::clone(gate)) else {
            continue;
        };
        thread::spawn(move || lead(near, source, &gate));
    }
}

/// Leads one connection, once it may pass; one that may not is dropped, which ends it.
fn lead(near: TcpStream, source: Ipv4Addr, gate: &Arc<Gate>) {
    let Some(target) = gate.target() else {
        return;
    };
    let Ok(far) = connect_from(source, target) else {
        return;
    };
    let ways = [(&near, &far), (&far, &near)];
    for stream in [&near, &far] {
        let _ = stream.set_nodelay(true);
    }
    let cloned = ways.map(|(from, to)| (from.try_clone(), to.try_clone()));
    for way in cloned {
        if let (Ok(from), Ok(to)) = way {
            gate.keep(&from);
            let (sender, receiver) = sync_channel(CHUNKS);
            let (reading, writing) = (Arc::clone(gate), Arc::clone(gate));
            thread::spawn(move || read(from, &sender, &reading));
            thread::spawn(move || write(&to, &receiver, &writing));
        }
    }
}

type Chunk = (Instant, Vec<u8>);

fn read(mut from: TcpStream, sender: &SyncSender<Chunk>, gate: &Gate) {
    let mut bytes = vec![0; CHUNK_BYTES];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let due = Instant::now() + gate.delay();
        let chunk = bytes.iter().copied().take(length).collect();
        if sender.send((due, chunk)).is_err() {
            return;
        }
    }
}

fn write(mut to: &TcpStream, receiver: &Receiver<Chunk>, gate: &Gate) {
    for (due, chunk) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if !gate.pass() || to.write_all(&chunk).is_err() {
            break;
        }
    }
    // The other direction is of no use then: connections of nodes end as a whole.
    let _ = to.shutdown(Shutdown::Both);
}
