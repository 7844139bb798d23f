//! Building the swarm.

use libp2p_core::transport::ListenerId;
use libp2p_identity::PeerId;
use libp2p_swarm::{StreamProtocol, Swarm};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{Behaviour, Command, Search, Service};
use crate::address::is_public;
use crate::dialler::Dialler;
use crate::lanes::LaneProtocols;
use crate::links::Links;
use crate::log_limit::LogLimit;
use crate::seeker::Seeker;
use crate::shared::Shared;
use crate::{Address, Config, Identity, NetworkError, transport};

/// Tells whoever starts the network that it listens, or why not.
pub(crate) type Ready = std::sync::mpsc::SyncSender<Result<(), NetworkError>>;

/// Streams that a peer may be opening at once.
const MAX_OPENING_STREAMS: usize = 16;
/// A link is closed by its tasks, never for being idle: see `LanesHandler`.
const IDLE: Duration = Duration::from_secs(60);

/// Builds everything and begins to listen. Called on the network's own threads.
pub(crate) fn prepare(
    identity: &Identity,
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
    ready: Ready,
) -> Result<Service, NetworkError> {
    let config = &shared.config;
    let transport = transport::build(identity, config)?;
    let own = identity.node_id();
    let behaviour = Behaviour {
        links: Links::new(Arc::clone(&shared), own, lane_protocols(config)?),
        identify: identify(identity, config),
        ping: libp2p_ping::Behaviour::new(
            libp2p_ping::Config::new()
                .with_interval(config.ping_interval)
                .with_timeout(config.ping_timeout),
        ),
        seeker: seeker(own.peer(), config)?.into(),
    };
    let settings = libp2p_swarm::Config::with_tokio_executor()
        .with_max_negotiating_inbound_streams(MAX_OPENING_STREAMS)
        .with_idle_connection_timeout(IDLE);
    let mut swarm = Swarm::new(transport, behaviour, own.peer(), settings);
    for address in &config.external {
        swarm.add_external_address(address.multiaddr().clone());
    }
    let listening = listen(&mut swarm, &config.listen)?;
    let now = shared.now();
    let mut dialler = Dialler::new(own, config.redial_min, config.redial_max);
    config.peers.iter().for_each(|peer| dialler.add_peer(peer));
    for (node, addresses) in config.reserved_nodes() {
        for address in addresses {
            dialler.reserve(node, address, now);
        }
    }
    let search = Search {
        running: false,
        due: now,
        wait: config.redial_min,
    };
    Ok(Service {
        swarm,
        commands,
        dialler,
        dials: BTreeMap::new(),
        lookups: JoinSet::new(),
        links: BTreeMap::new(),
        said: BTreeMap::new(),
        latest: BTreeMap::new(),
        running: JoinSet::new(),
        next_link: 1,
        search,
        refused: LogLimit::new(now),
        troubles: LogLimit::new(now),
        listening,
        ready: Some(ready),
        shared,
    })
}

fn listen(
    swarm: &mut Swarm<Behaviour>,
    addresses: &[Address],
) -> Result<Vec<ListenerId>, NetworkError> {
    let failed = |address: &Address, reason: String| NetworkError::Listen {
        address: address.to_string(),
        reason,
    };
    // libp2p would share a port that another process listens on; two nodes must not.
    for address in addresses {
        if let (Some(ip), Some(port)) = (address.ip(), address.port()) {
            TcpListener::bind((ip, port)).map_err(|error| failed(address, error.to_string()))?;
        }
    }
    let mut listening = Vec::new();
    for address in addresses {
        let listener = swarm
            .listen_on(address.multiaddr().clone())
            .map_err(|error| failed(address, error.to_string()))?;
        listening.push(listener);
    }
    Ok(listening)
}

fn lane_protocols(config: &Config) -> Result<LaneProtocols, NetworkError> {
    (0..config.lanes.len())
        .map(|lane| protocol(format!("{}/{lane}", config.dialect())))
        .collect()
}

fn identify(identity: &Identity, config: &Config) -> libp2p_identify::Behaviour {
    let about_us = libp2p_identify::Config::new(config.dialect(), identity.keypair().public())
        .with_agent_version(config.agent.clone())
        // On the internet, what others are told is what we know to be public.
        .with_hide_listen_addrs(config.public)
        .with_push_listen_addr_updates(true)
        .with_cache_size(0);
    libp2p_identify::Behaviour::new(about_us)
}

fn seeker(own: PeerId, config: &Config) -> Result<Option<Seeker>, NetworkError> {
    if !config.discovery {
        return Ok(None);
    }
    let name = protocol(format!("{}/{}/kad", config.protocol, config.network_tag))?;
    let mut listens = config.listen.iter().filter_map(Address::ip);
    let answers = !config.public || !config.external.is_empty() || listens.any(is_public);
    Ok(Some(Seeker::new(own, name, answers)))
}

fn protocol(name: String) -> Result<StreamProtocol, NetworkError> {
    StreamProtocol::try_from_owned(name)
        .map_err(|error| NetworkError::Config(format!("protocol: {error}")))
}
