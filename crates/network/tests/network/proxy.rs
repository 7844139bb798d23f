//! A wire between two nodes that can go dead without a word, as when a machine loses its power.

use picot_network::Address;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Passes bytes on until it is cut; then it keeps the connections open and passes nothing.
pub(crate) struct Proxy {
    address: Address,
    cut: Arc<AtomicBool>,
    passed_bytes: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let is_cut = Arc::clone(&cut);
        let passed_bytes = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&passed_bytes);
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                let far = TcpStream::connect(("127.0.0.1", port)).unwrap();
                pass(
                    near.try_clone().unwrap(),
                    far.try_clone().unwrap(),
                    Arc::clone(&is_cut),
                    Arc::clone(&count),
                );
                pass(far, near, Arc::clone(&is_cut), Arc::default());
            }
        });
        Self {
            address: Address::tcp(address.ip(), address.port()),
            cut,
            passed_bytes,
        }
    }

    pub(crate) fn address(&self) -> Address {
        self.address.clone()
    }

    /// Bytes that those who dialled have sent.
    pub(crate) fn passed_bytes(&self) -> u64 {
        self.passed_bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, is_cut: Arc<AtomicBool>, count: Arc<AtomicU64>) {
    thread::spawn(move || {
        let mut bytes = [0; 16_384];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            if is_cut.load(Ordering::SeqCst) {
                // Keeps both sockets open as long as the test runs.
                loop {
                    thread::park();
                }
            }
            count.fetch_add(u64::try_from(read).unwrap(), Ordering::SeqCst);
            let _ = to.write_all(&bytes[..read]);
        }
        while is_cut.load(Ordering::SeqCst) {
            thread::park();
        }
    });
}
