//! From sockets to connections with streams whose other end has proved its node key.

use libp2p_core::muxing::StreamMuxerBox;
use libp2p_core::transport::{Boxed, Transport};
use libp2p_core::upgrade::Version;
use libp2p_identity::PeerId;

use crate::muxer::Multiplex;
use crate::{Config, Identity, NetworkError};

/// TCP without Nagle's delay, Noise, yamux; all of it within the handshake timeout.
pub(crate) fn build(
    identity: &Identity,
    config: &Config,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetworkError> {
    let noise = libp2p_noise::Config::new(identity.keypair())
        .map_err(|error| NetworkError::Start(error.to_string()))?;
    let tcp = libp2p_tcp::tokio::Transport::new(libp2p_tcp::Config::new().nodelay(true));
    Ok(tcp
        .upgrade(Version::V1)
        .authenticate(noise)
        .multiplex(Multiplex::new(config))
        .timeout(config.handshake_timeout)
        .boxed())
}
