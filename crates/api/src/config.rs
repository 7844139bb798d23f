//! What an operator can set of the interface.

use crate::ApiError;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The settings of the HTTP interface. Every one is a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    /// Where it listens. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Connections at once; a further one takes the place of the one that is idle for the longest.
    pub max_connections: usize,
    /// Requests answered at once by threads that may read the disk or check signatures.
    pub max_blocking_requests: usize,
    /// Bytes of a request's body.
    pub max_body_bytes: usize,
    /// Operations in one batch.
    pub max_batch: usize,
    /// Time for one request, streams aside.
    pub request_timeout: Duration,
    /// Time without a byte in either direction after which a connection is closed. Streams say
    /// something more often than that.
    pub idle_timeout: Duration,
    /// Past slots that a stream can resume from.
    pub stream_history_slots: usize,
    /// Streams at once.
    pub max_streams: usize,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4701)),
            max_connections: 512,
            max_blocking_requests: 32,
            max_body_bytes: 4 * 1024 * 1024,
            max_batch: 1_000,
            request_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            stream_history_slots: 4_096,
            max_streams: 64,
        }
    }
}

impl ApiConfig {
    /// Checks each field.
    ///
    /// # Errors
    /// [`ApiError::Config`] names the first wrong one.
    pub fn validate(&self) -> Result<(), ApiError> {
        for (field, is_zero) in [
            ("max_connections", self.max_connections == 0),
            ("max_blocking_requests", self.max_blocking_requests == 0),
            ("max_body_bytes", self.max_body_bytes == 0),
            ("max_batch", self.max_batch == 0),
            ("request_timeout", self.request_timeout.is_zero()),
            ("idle_timeout", self.idle_timeout.is_zero()),
            ("stream_history_slots", self.stream_history_slots == 0),
            ("max_streams", self.max_streams == 0),
        ] {
            if is_zero {
                return Err(ApiError::Config { field });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_is_on_loopback_unless_told_otherwise() {
        assert!(ApiConfig::default().listen.ip().is_loopback());
        assert!(ApiConfig::default().validate().is_ok());
    }

    #[test]
    fn a_bound_of_nothing_is_refused_by_name() {
        let config = ApiConfig {
            max_batch: 0,
            ..ApiConfig::default()
        };
        let error = config.validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "interface setting `max_batch` is 0, but must be above 0"
        );
    }
}
