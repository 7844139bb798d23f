//! Tests of the whole core.

mod handshakes;
mod not_held;
mod packets;
mod spreading;
mod support;
