//! At start: the state of a checkpoint is received from peers, if what they decided meanwhile cannot be
//! followed any more (design 10, 'Bootstrap').

mod choice;
mod report;

pub(crate) use report::read_status;

use crate::NodeError;
use crate::assembly::{Node, NodeConfig};
use crate::migration::migrate;
use crate::network::{NetworkParts, NodeNetwork, Prepared};
use crate::states::OverProtocol;
use choice::claims;
use crossbeam_channel::{Receiver, Sender, unbounded};
use picot_bootstrap::{
    BootstrapError, Choice, Chooser, ClientConfig, Incoming, IncomingState, LeftBehind, Standing,
    run_client,
};
use picot_checkpoint::{CheckpointArchive, CheckpointInbox, CheckpointMessage};
use picot_clock::{Millis, Slot, Stop, Timestamp};
use picot_consensus::{ConsensusError, ConsensusInbox, Message, Peer};
use picot_database::DataDir;
use picot_ledger::{StateMetadata, StateStore};
use picot_models::{ChainParams, CheckpointHash, Genesis};
use picot_pool::{LateAccounts, NoPropagation, SharedPool};
use picot_protocol::{ProtocolHandle, StateInbox};
use picot_selector::{BackgroundSelector, Selector};
use picot_storage::BlockArchive;
use report::Report;
use std::sync::Arc;

/// How often peers are looked at until it is known what to do.
const LOOK_INTERVAL: Millis = Millis(100);
/// Messages that wait to be looked at: more are dropped, and asked for again.
const MAX_WAITING: usize = 256;

/// How long a node goes on with the genesis at least.
const LEAST_PATIENCE: Millis = Millis(10_000);

/// What is said to whoever started the node.
type Say<'a> = &'a dyn Fn(&str) -> Result<(), NodeError>;

/// Receives a state if this node is far behind and nobody serves what was decided since, or if the
/// operator trusts a checkpoint and there is no state yet. When it returns, the node can start: from its
/// own state, or from the one that it received. While it runs, it is to be watched whether it is left
/// behind, and then this is done again.
///
/// A node that has a state, or a genesis to begin with, starts after a while without peers: others may
/// be waiting for it as it waits for them. One that is to begin at a trusted checkpoint has nothing to
/// begin with, and waits for as long as it takes.
///
/// # Errors
/// The data cannot be used, or the bootstrap cannot go on.
pub(crate) fn bootstrap(
    config: &NodeConfig,
    has_followed_in_vain: bool,
    stop: &Stop,
    say: Say<'_>,
) -> Result<LeftBehind, NodeError> {
    let watch = LeftBehind::default();
    if config.network.is_alone() {
        return Ok(watch);
    }
    let genesis = Arc::new(config.chain.genesis.clone());
    let data = open(config, &genesis)?;
    let own = last_final(&data)?;
    let standing = standing(&genesis, &data, own)?;
    let latest = genesis.slot_clock()?.latest_slot_at(config.clock.now());
    let decided = own.map(|own| standing.decided_up_to().max(own));
    let goal = Goal::of(config.trusted_checkpoint, decided);
    if !goal.is_trusted() && !standing.is_far_behind(latest, genesis.params.periods_per_cycle) {
        return forget_incoming(&data).map(|()| watch);
    }
    let links = Links::start(config, &genesis, &standing)?;
    match goal {
        Goal::Trusted(hash) => say(&format!(
            "this node has no state: it begins at the trusted checkpoint {hash}, and looks for peers \
             that show it for as long as it takes"
        ))?,
        Goal::NewerThan(_) => {
            let chooser = chooser(config.clock.now(), &standing, has_followed_in_vain);
            if links.choose(config, chooser, stop, say)? == Choice::Follow {
                return Ok(watch);
            }
            say("no peer has what was decided since: the state of a checkpoint is received")?;
        }
    }
    let ended = receive(config, &genesis, &data, &links, goal, stop, say);
    drop(links);
    match ended {
        Ok(()) => {}
        // It goes on at the next start.
        Err(NodeError::Bootstrap(BootstrapError::Stopped)) => return Ok(watch),
        Err(NodeError::Bootstrap(BootstrapError::NothingNewer)) => {
            let (line, watch) = match patience_at_genesis(own, &genesis.params) {
                Some(patience) => (
                    format!(
                        "no peer serves a state yet: the node begins with the genesis, and looks again \
                         in {} s",
                        patience.0 / 1_000
                    ),
                    LeftBehind::with_patience(patience),
                ),
                None => (
                    "no peer serves a newer state than that of this node, which goes on with its own"
                        .to_owned(),
                    LeftBehind::after_looking_in_vain(),
                ),
            };
            say(&line)?;
            return forget_incoming(&data).map(|()| watch);
        }
        Err(error) => return Err(error),
    }
    data.adopt_incoming()?;
    forget_incoming(&open(config, &genesis)?)?;
    Ok(watch)
}

/// What is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// The state of a checkpoint that the operator trusts, for a node that has nothing else to begin with.
    Trusted(CheckpointHash),
    /// A state that is newer than what this node has decided, or than the genesis.
    NewerThan(Slot),
}

impl Goal {
    /// Of a node that has decided everything up to this slot, if it has a state: then it is not told where
    /// to begin.
    fn of(trusted: Option<CheckpointHash>, own: Option<Slot>) -> Self {
        match (own, trusted) {
            (None, Some(hash)) => Self::Trusted(hash),
            _ => Self::NewerThan(own.unwrap_or(Slot::GENESIS)),
        }
    }

    const fn is_trusted(self) -> bool {
        matches!(self, Self::Trusted(_))
    }
}

/// How long a node that has nothing but the genesis goes on with it when nobody serves a state: peers that
/// were all started anew do so once they have come to the next checkpoint. None for a node with a state.
fn patience_at_genesis(own: Option<Slot>, params: &ChainParams) -> Option<Millis> {
    let interval = params
        .checkpoint_interval_periods
        .saturating_mul(params.t0_ms);
    own.is_none_or(|own| own.period == 0)
        .then_some(Millis(interval).max(LEAST_PATIENCE))
}

fn chooser(now: Timestamp, standing: &Standing, has_followed_in_vain: bool) -> Chooser {
    let chooser = Chooser::new(now, standing);
    if has_followed_in_vain {
        chooser.disbelieving()
    } else {
        chooser
    }
}

/// Whether what others decided cannot be followed any more by a node that runs.
pub(crate) fn is_left_behind(watch: &mut LeftBehind, node: &Node, now: Timestamp) -> bool {
    let threads = node.consensus().summary().threads;
    let standing = Standing {
        is_fresh: false,
        decided: threads.iter().map(|it| it.decided_period).collect(),
    };
    let latest = node.slot_clock().latest_slot_at(now);
    let periods_per_cycle = node.genesis().params.periods_per_cycle;
    let (claims, checkpoints) = (claims(&node.peer_infos()), node.checkpoints());
    let proof = checkpoints.certified_elsewhere();
    let is_certain = watch.is_certain(now, &standing, latest, periods_per_cycle, &claims, proof);
    checkpoints.look_out(watch.wants_proof());
    is_certain
}

fn open(config: &NodeConfig, genesis: &Genesis) -> Result<DataDir, NodeError> {
    let root = config.layout.root();
    let data = DataDir::open(root, &genesis.chain_id(), &config.database)?;
    migrate(&data, genesis)?;
    Ok(data)
}

/// Removes what is left of a bootstrap that is over.
fn forget_incoming(data: &DataDir) -> Result<(), NodeError> {
    let left = data.incoming().scan(&[], &[], 1);
    if !left.map_err(BootstrapError::from)?.is_empty() {
        data.clear_incoming()?;
    }
    Ok(())
}

/// The last final slot of this node's state, if it has one.
fn last_final(data: &DataDir) -> Result<Option<Slot>, NodeError> {
    let metadata = StateMetadata::read(&*data.state()).map_err(BootstrapError::from)?;
    Ok(metadata.map(|metadata| metadata.last_final_slot))
}

/// How far this node is.
fn standing(
    genesis: &Genesis,
    data: &DataDir,
    last_final: Option<Slot>,
) -> Result<Standing, NodeError> {
    let archive = data.archive();
    let of_state = last_final.map_or(0, |slot| slot.period);
    let mut decided = Vec::new();
    for thread in 0..genesis.params.thread_count {
        let outcome = archive.last_outcome(thread)?;
        decided.push(outcome.map_or(of_state, |outcome| outcome.through().max(of_state)));
    }
    Ok(Standing {
        is_fresh: last_final.is_none(),
        decided,
    })
}

/// The network of a node that only receives a state.
struct Links {
    handle: ProtocolHandle,
    events: Receiver<Incoming>,
    _network: NodeNetwork,
}

impl Links {
    fn start(
        config: &NodeConfig,
        genesis: &Arc<Genesis>,
        standing: &Standing,
    ) -> Result<Self, NodeError> {
        let params = genesis.params.clone();
        let prepared = Prepared::new();
        let handle = prepared.handle.clone();
        let (events, queue) = unbounded();
        handle.deliver_states(Arc::new(Answers { events }));
        let selector: Arc<dyn Selector> = Arc::new(BackgroundSelector::new(
            picot_selector::Config::from_params(&params),
        )?);
        let pool = SharedPool::new(
            config.pool.clone(),
            genesis.chain_id(),
            params,
            Arc::clone(&selector),
            Arc::new(LateAccounts::new()),
            Arc::new(NoPropagation),
        )?;
        let parts = NetworkParts {
            genesis: Arc::clone(genesis),
            clock: Arc::clone(&config.clock),
            selector,
            pool: Arc::new(pool),
            inbox: Arc::new(Nobody),
            checkpoints: Arc::new(Nobody),
        };
        let network = NodeNetwork::start(&config.network, &config.layout, parts, prepared)?;
        // Nothing can be had from this node now.
        handle.progress(standing.decided.clone(), u64::MAX);
        Ok(Self {
            handle,
            events: queue,
            _network: network,
        })
    }

    fn choose(
        &self,
        config: &NodeConfig,
        mut chooser: Chooser,
        stop: &Stop,
        say: Say<'_>,
    ) -> Result<Choice, NodeError> {
        say("this node is more than a cycle behind the clock: it looks for peers that are ahead")?;
        loop {
            let claims = claims(&self.handle.peers());
            if let Some(choice) = chooser.choose(config.clock.now(), &claims) {
                if claims.is_empty() {
                    say("no peer is there: the node starts with what it has, and goes on looking")?;
                }
                return Ok(choice);
            }
            // Whoever stops it finds its own state as it was.
            if stop.pause(LOOK_INTERVAL) {
                return Ok(Choice::Follow);
            }
        }
    }
}

fn receive(
    config: &NodeConfig,
    genesis: &Arc<Genesis>,
    data: &DataDir,
    links: &Links,
    goal: Goal,
    stop: &Stop,
    say: Say<'_>,
) -> Result<(), NodeError> {
    let (trusted, own) = match goal {
        Goal::Trusted(hash) => (Some(hash), None),
        Goal::NewerThan(own) => (None, Some(own)),
    };
    let mut report = Report::new(config.layout.bootstrap_file());
    let parts = IncomingState {
        config: ClientConfig::default(),
        archive: CheckpointArchive::new(data.checkpoints(), Arc::clone(genesis)),
        trusted,
        own,
        store: data.incoming(),
        clock: Arc::clone(&config.clock),
        network: Arc::new(OverProtocol(links.handle.clone())),
    };
    let checkpoint = run_client(parts, &links.events, stop, |progress| {
        let now = config.clock.now();
        report.keep(now, progress);
        if let Some(line) = report.line(now, progress) {
            // A line that nobody hears stops no bootstrap.
            let _ = say(&line);
        }
    })?;
    say(&format!(
        "the state of slot {} was received, and is the certified one",
        checkpoint.slot
    ))
}

/// What peers answer, on its way to who receives.
struct Answers {
    events: Sender<Incoming>,
}

impl StateInbox for Answers {
    fn introduced(&self, peer: Peer) {
        let _ = self.events.send(Incoming::Connected(peer));
    }

    fn gone(&self, peer: Peer) {
        let _ = self.events.send(Incoming::Disconnected(peer));
    }

    fn deliver(&self, from: Peer, bytes: &[u8]) {
        if self.events.len() < MAX_WAITING {
            let _ = self.events.send(Incoming::Message(from, bytes.to_vec()));
        }
    }
}

/// In the place of consensus and checkpoints, while there is no state to judge by.
struct Nobody;

impl ConsensusInbox for Nobody {
    fn deliver(&self, _from: Peer, _message: Arc<Message>) -> Result<(), ConsensusError> {
        Ok(())
    }

    fn decided_elsewhere(&self, _peer: Peer, _slots: Vec<Slot>) -> Result<(), ConsensusError> {
        Ok(())
    }
}

impl CheckpointInbox for Nobody {
    fn deliver(&self, _from: Peer, _message: Arc<CheckpointMessage>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_crypto::Hash;

    #[test]
    fn a_trusted_checkpoint_counts_only_for_a_node_without_a_state() {
        let hash = CheckpointHash::from_hash(Hash([7; 32]));
        let own = Slot::new(9, 1);
        assert_eq!(Goal::of(Some(hash), None), Goal::Trusted(hash));
        assert_eq!(Goal::of(Some(hash), Some(own)), Goal::NewerThan(own));
        assert_eq!(Goal::of(None, Some(own)), Goal::NewerThan(own));
        assert_eq!(Goal::of(None, None), Goal::NewerThan(Slot::GENESIS));
    }

    #[test]
    fn a_node_with_nothing_but_the_genesis_looks_again_at_the_next_checkpoint() {
        let mut params = ChainParams::dev();
        (params.checkpoint_interval_periods, params.t0_ms) = (32, 16_000);
        for own in [None, Some(Slot::GENESIS), Some(Slot::new(0, 31))] {
            assert_eq!(patience_at_genesis(own, &params), Some(Millis(512_000)));
        }
        assert_eq!(patience_at_genesis(Some(Slot::new(1, 0)), &params), None);
        params.t0_ms = 100;
        assert_eq!(patience_at_genesis(None, &params), Some(LEAST_PATIENCE));
    }
}
