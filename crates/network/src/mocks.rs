//! A mock of [`Network`](crate::Network), with the feature `mocks`.

pub use crate::network::MockNetwork;
