//! Tests of the whole core.

mod handshakes;
mod packets;
mod spreading;
mod support;
