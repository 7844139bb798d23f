//! A peer without a state of its own: it asks an honest node what it is asked, and does something to the
//! answers.

use crate::stranger::{hello, lanes};
use picot_bootstrap::Message;
use picot_clock::{Clock, SystemClock};
use picot_models::ChainId;
use picot_network::{Config, Event, Handle, Identity, Link, Network, SendError, start};
use picot_protocol::{Frame, PROTOCOL_VERSION, Packet, Status};
use picot_serialization::{Encode, decode_exact};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two tries to send to a node that takes no more, and how long it is tried.
const FULL_PAUSE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(60);
/// Times that an answer is given by one who does not end.
const WITHOUT_END: usize = 64;

/// What it does to the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A signature is missing from each certificate.
    WrongCertificate,
    /// A byte of each chunk is another.
    WrongChunk,
    /// Each answer is given again and again.
    Endless,
    /// It hands on so many chunks, and nothing more.
    FallsSilent(usize),
}

/// A go-between. It ends when it is dropped.
pub struct GoBetween {
    /// Where it listens.
    pub address: SocketAddrV4,
    events: Sender<Said>,
    thread: Option<JoinHandle<()>>,
}

enum Said {
    /// By the honest node.
    Honest(Link),
    /// By the one that it serves.
    Asker(Link),
    Packet(Link, Vec<u8>),
    Gone(Link),
    End,
}

impl GoBetween {
    /// Between an honest node and whoever connects to it.
    pub fn start(number: u8, honest: SocketAddrV4, chain_id: ChainId, manner: Manner) -> Self {
        let own = Ipv4Addr::new(127, 8, number, 1);
        let config = Config {
            listen: vec![picot_network::Address::tcp(IpAddr::V4(own), 0)],
            peers: vec![
                format!("/ip4/{}/tcp/{}", honest.ip(), honest.port())
                    .parse()
                    .unwrap(),
            ],
            discovery: false,
            public: false,
            lanes: lanes(),
            redial_min: Duration::from_millis(100),
            redial_max: Duration::from_millis(100),
            ..Config::default()
        };
        let identity = Identity::from_seed([100 + number; 32]).unwrap();
        let (events, queue) = channel();
        let sender = events.clone();
        let handle = start(identity, config, Arc::new(SystemClock), move |event| {
            if let Some(said) = hear(event) {
                // It may have ended.
                let _ = sender.send(said);
            }
        });
        let handle = handle.unwrap();
        let port = handle.local().listen.iter().find_map(|it| {
            let text = it.to_string();
            text.rsplit('/').next()?.parse().ok()
        });
        let thread = thread::spawn(move || {
            let between = Between {
                handle,
                chain_id,
                manner,
                honest: None,
                asker: None,
                status: None,
                chunks: 0,
            };
            between.run(&queue);
        });
        Self {
            address: SocketAddrV4::new(own, port.unwrap()),
            events,
            thread: Some(thread),
        }
    }
}

impl Drop for GoBetween {
    fn drop(&mut self) {
        let _ = self.events.send(Said::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn hear(event: Event) -> Option<Said> {
    match event {
        Event::Connected { link, outbound, .. } if outbound => Some(Said::Honest(link)),
        Event::Connected { link, .. } => Some(Said::Asker(link)),
        Event::Disconnected { link, .. } => Some(Said::Gone(link)),
        Event::Frame(mut frame) => {
            let bytes = std::mem::take(&mut frame.bytes);
            Some(Said::Packet(frame.link, bytes))
        }
        Event::Written { .. } => None,
    }
}

struct Between {
    handle: Handle,
    chain_id: ChainId,
    manner: Manner,
    honest: Option<Link>,
    asker: Option<Link>,
    /// What the honest node last said of itself.
    status: Option<Status>,
    chunks: usize,
}

impl Between {
    fn run(mut self, queue: &Receiver<Said>) {
        for said in queue {
            match said {
                Said::Honest(link) => {
                    self.honest = Some(link);
                    self.send(link, &hello(PROTOCOL_VERSION, self.chain_id));
                }
                Said::Asker(link) => {
                    self.asker = Some(link);
                    self.send(link, &hello(PROTOCOL_VERSION, self.chain_id));
                    self.tell_status();
                }
                Said::Packet(link, bytes) => {
                    self.on_packet(link, decode_exact(&bytes).unwrap());
                }
                Said::Gone(link) => {
                    self.asker = self.asker.filter(|it| *it != link);
                    self.honest = self.honest.filter(|it| *it != link);
                }
                Said::End => return,
            }
        }
    }

    fn on_packet(&mut self, from: Link, packet: Packet) {
        match packet {
            Packet::Status(status) if Some(from) == self.honest => {
                self.status = Some(status);
                self.tell_status();
            }
            Packet::GetState(question) if Some(from) == self.asker => {
                if let Some(honest) = self.honest {
                    self.send(honest, &Packet::GetState(question));
                }
            }
            Packet::State(answer) if Some(from) == self.honest => self.on_answer(&answer),
            _ => {}
        }
    }

    /// It says to be as far as the honest node, and to give nothing that was decided before.
    fn tell_status(&self) {
        if let (Some(asker), Some(status)) = (self.asker, &self.status) {
            let status = Status {
                sent_at_ms: SystemClock.now().0,
                echo: None,
                decided: status.decided.clone(),
                serves_from: u64::MAX,
            };
            self.send(asker, &Packet::Status(status));
        }
    }

    fn on_answer(&mut self, answer: &[u8]) {
        let Some(asker) = self.asker else {
            return;
        };
        let mut message: Message = decode_exact(answer).unwrap();
        let mut times = 1;
        match (&mut message, self.manner) {
            (Message::Chain { steps, .. }, Manner::WrongCertificate) => {
                for step in steps {
                    step.certificate.signatures.pop();
                }
            }
            (Message::Chunk { pairs, .. }, Manner::WrongChunk) => {
                if let Some(byte) = pairs.last_mut() {
                    *byte ^= 1;
                }
            }
            (_, Manner::Endless) => times = WITHOUT_END,
            (_, Manner::FallsSilent(after)) if self.chunks == after => times = 0,
            (Message::Chunk { .. }, Manner::FallsSilent(_)) => self.chunks += 1,
            _ => {}
        }
        let answer = Packet::State(message.to_bytes());
        for _ in 0..times {
            self.send(asker, &answer);
        }
    }

    /// Sends once there is room; whoever is gone gets nothing.
    fn send(&self, to: Link, packet: &Packet) {
        let frame = Frame::new(packet.clone());
        let start = Instant::now();
        loop {
            let bytes = Arc::clone(frame.bytes());
            match self.handle.send(to, frame.lane().number(), bytes) {
                Err(SendError::Full) if start.elapsed() < PATIENCE => thread::sleep(FULL_PAUSE),
                _ => return,
            }
        }
    }
}
