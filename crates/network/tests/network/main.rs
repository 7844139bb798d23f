//! Networks on loopback: each test starts real nodes with real sockets.

mod common;
mod discovery;
mod frames;
mod hostile;
mod limits;
mod peers;
mod pressure;
mod proxy;
mod stopping;
