//! Why the interface cannot start or go on.

use displaydoc::Display;
use std::net::SocketAddr;
use thiserror::Error;

/// Why the interface cannot start or go on.
#[derive(Debug, Display, Error)]
pub enum ApiError {
    /// interface setting `{field}` is 0, but must be above 0
    Config {
        /// The field.
        field: &'static str,
    },
    /// cannot listen on {address}: is another program, or another node, using the port?
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// the control interface must not be reachable from the network: {0} is not of loopback
    ControlOnNetwork(SocketAddr),
    /// cannot start the interface's threads
    Runtime(#[source] std::io::Error),
}
