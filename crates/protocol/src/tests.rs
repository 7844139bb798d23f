//! Tests of the whole core.

mod packets;
