//! The parts of a node, made in the order of their dependencies and ended in the opposite one.

mod checkpoints;
mod metrics;
mod start_up_safety;
mod surroundings;

use start_up_safety::{can_have_signed_nothing, check_signing_log, signing_log_since};

use crate::control_file::{ControlAccess, ControlFile, new_token};
use crate::data_layout::DataLayout;
use crate::faults::{leaving_endorsements, leaving_votes};
use crate::foreign_use::{ForeignUse, WatchedPropagation};
use crate::history_mode::HistoryMode;
use crate::home::Chain;
use crate::housekeeping::Housekeeping;
use crate::kept::{KeptHistory, KeptRefusals, KeptSwitch, Switch};
use crate::key_file;
use crate::migration::migrate;
use crate::network::{NetworkOptions, NodeNetwork, PeersConnected, Prepared};
use crate::no_keys::NoKeys;
use crate::node_keys::NodeKeys;
use crate::production::FactoryFacts;
use crate::randomness::SystemRandomness;
use crate::replay::replay;
use crate::states::ToServe;
use crate::{NodeError, VERSION};
use picot_api::{
    ApiConfig, ApiContext, ApiMetrics, ApiServer, ControlContext, ControlToken, KeyControl,
    Production,
};
use picot_block_factory::{
    AlwaysConnected, Asking, BlockFactory, BlockProducer, Connection, Fates, HistoryLog,
};
use picot_bootstrap::Serving;
use picot_checkpoint::{CheckpointError, CheckpointKeeper, CheckpointWorker};
use picot_clock::{Clock, Millis, SlotClock, Stop, Ticker, Timestamp};
use picot_consensus::history::drop_left_behind;
use picot_consensus::{
    BatchVerifier, Consensus, ConsensusNetwork, ConsensusPorts, ConsensusWorker, ListeningWallet,
    NoPeers,
};
use picot_database::{DataDir, DatabaseConfig, WriteFailure};
use picot_endorsement_factory::{EndorsementFactory, EndorsementProducer};
use picot_execution::{Execution, ExecutionCore, ExecutionError, ExecutionWorker};
use picot_models::{CanonicalRuleKind, ChainId, CheckpointHash, Genesis};
use picot_pool::{AccountView, LateAccounts, NoPropagation, Pool, Propagation, SharedPool};
use picot_protocol::PeerInfo;
use picot_selector::{BackgroundSelector, Selector};
use picot_storage::{BlockArchive, BoundedStorage, Storage, StorageConfig};
use picot_wallet::{FileWallet, SigningLog, Wallet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use zeroize::Zeroizing;

/// Entries of each factory's history that are kept on disk, about 300 bytes each: some days of a
/// staker that is drawn once a minute.
const HISTORY_ENTRIES: usize = 20_000;

/// Operators and their programs at once.
const CONTROL_CONNECTIONS: usize = 8;

/// Stakers whose decompressed keys are kept, about 300 bytes each.
const VERIFYING_KEYS: usize = 10_000;

/// What a node is started with.
#[derive(Clone)]
pub struct NodeConfig {
    /// Where its data is.
    pub layout: DataLayout,
    /// Its chain.
    pub chain: Chain,
    /// How it uses the disk.
    pub database: DatabaseConfig,
    /// Its interface.
    pub api: ApiConfig,
    /// Where its control interface listens, on loopback. Port 0 takes a free one.
    pub control: SocketAddr,
    /// Its pool.
    pub pool: picot_pool::Config,
    /// How much of the past it keeps.
    pub history: HistoryMode,
    /// How it takes part in the network.
    pub network: NetworkOptions,
    /// A checkpoint that the operator trusts: a node without a state begins there.
    pub trusted_checkpoint: Option<CheckpointHash>,
    /// The passphrase of its wallet; none for a node without keys, which only follows.
    pub passphrase: Option<Zeroizing<String>>,
    /// Whether the operator states that the keys have signed nothing on this chain, ever.
    pub keys_never_signed: bool,
    /// The time, by which it does everything.
    pub clock: Arc<dyn Clock>,
    /// When it began: the start of its process, or that of another node in it.
    pub started_at: Timestamp,
}

/// A running node. It ends in order when dropped.
pub struct Node {
    genesis: Arc<Genesis>,
    chain_id: ChainId,
    slot_clock: SlotClock,
    wallet: Arc<dyn Wallet>,
    replayed: u64,
    production: Option<Arc<FactoryFacts>>,
    api: Option<ApiServer>,
    control: Option<(ControlFile, ApiServer)>,
    network: Option<Arc<NodeNetwork>>,
    /// Serves the state of checkpoints to other nodes.
    serving: Option<Serving>,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
    checkpoints: Arc<CheckpointWorker>,
    consensus: Arc<ConsensusWorker>,
    execution: Arc<ExecutionWorker>,
    data: DataDir,
    /// What the pool asks; it holds on to it weakly.
    _accounts: Arc<dyn AccountView>,
}

impl Node {
    /// Starts every part. When it returns, the node runs and answers.
    ///
    /// # Errors
    /// Any part that cannot start, by name and reason; what was started before it is ended.
    pub fn start(config: NodeConfig, stop: &Stop) -> Result<Self, NodeError> {
        let mut base = Base::open(&config, stop)?;
        let (execution, accounts) = base.execution()?;
        let known = execution.reader().base();
        drop_left_behind(&*base.archive, &known)?;
        let replayed = replay(&*base.archive, &*execution, &known.next_periods())?;
        execution.wait_done()?;
        // A state that was received and decisions that were executed again took their time.
        base.listens_from = base.listens_from.max(base.clock.now());
        let consensus = base.consensus(&execution)?;
        let checkpoints = base.checkpoints(&execution, &consensus)?;
        let mut node = Self {
            genesis: Arc::clone(&base.genesis),
            chain_id: base.chain_id,
            slot_clock: base.slot_clock,
            wallet: Arc::clone(&base.wallet),
            replayed,
            production: None,
            api: None,
            control: None,
            network: None,
            serving: None,
            stop: stop.clone(),
            threads: Vec::new(),
            checkpoints,
            consensus,
            execution,
            data: base.data.clone(),
            _accounts: accounts,
        };
        let served_from = base.pruning(&config, &mut node)?;
        base.network(&config, served_from, &mut node)?;
        base.listen_for_foreign_use(&mut node)?;
        let blocks = base.block_factory(&mut node)?;
        let endorsements = base.endorsement_factory(&mut node)?;
        base.housekeeping(&mut node)?;
        let production = base.production(&node, &blocks, &endorsements);
        node.production = Some(Arc::clone(&production));
        let metrics = base.metrics(&config, &mut node, &production)?;
        node.api = Some(base.api(&config, &node, production, metrics)?);
        node.control = Some(base.control(&config, &node, blocks, endorsements)?);
        Ok(node)
    }

    /// The chain.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Its id.
    #[must_use]
    pub const fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// Its slots.
    #[must_use]
    pub const fn slot_clock(&self) -> SlotClock {
        self.slot_clock
    }

    /// The keys.
    #[must_use]
    pub fn wallet(&self) -> &dyn Wallet {
        &*self.wallet
    }

    /// The decisions.
    #[must_use]
    pub fn consensus(&self) -> &dyn Consensus {
        &*self.consensus
    }

    /// Where what peers say arrives.
    #[cfg(test)]
    pub(crate) fn inbox(&self) -> &dyn picot_consensus::ConsensusInbox {
        &*self.consensus
    }

    /// The state.
    #[must_use]
    pub fn execution(&self) -> &dyn Execution {
        &*self.execution
    }

    /// Where the reason goes when execution stops by itself.
    #[must_use]
    pub fn failures(&self) -> crossbeam_channel::Receiver<ExecutionError> {
        self.execution.failures()
    }

    /// What gathers checkpoints.
    pub(crate) fn checkpoints(&self) -> &CheckpointWorker {
        &self.checkpoints
    }

    /// Where the reason goes when the state of this node turns out to be another than the certified one.
    #[must_use]
    pub fn checkpoint_failures(&self) -> crossbeam_channel::Receiver<CheckpointError> {
        self.checkpoints.failures()
    }

    /// The first write to disk that failed: nothing more can be made durable.
    #[must_use]
    pub fn write_failure(&self) -> Option<WriteFailure> {
        self.data.write_failure()
    }

    /// Outcomes that were decided before this start and executed again.
    #[must_use]
    pub const fn replayed(&self) -> u64 {
        self.replayed
    }

    /// Why nothing is produced at the moment, if so.
    #[must_use]
    pub fn not_producing(&self) -> Option<String> {
        self.production.as_ref()?.facts().not_producing
    }

    /// What is known of each peer.
    pub(crate) fn peer_infos(&self) -> Vec<PeerInfo> {
        let network = self.network.as_ref();
        network.map_or_else(Vec::new, |network| network.peer_infos())
    }

    /// Who this node is to others, and where it listens; none if it has no network.
    #[must_use]
    pub fn network(&self) -> Option<picot_network::Local> {
        Some(self.network.as_ref()?.local())
    }

    /// Where the interface listens.
    #[must_use]
    pub fn api_address(&self) -> Option<SocketAddr> {
        self.api.as_ref().map(ApiServer::address)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Nobody asks any more, then nobody produces, then nobody decides, then nobody executes:
        // what is under way in each is finished before the next ends.
        self.control = None;
        self.api = None;
        if let Some(network) = self.network.take() {
            network.stop();
        }
        self.serving = None;
        self.stop.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the node had panicked");
            }
        }
        self.checkpoints.stop();
        self.consensus.stop();
    }
}

/// What the factories tell of their slots.
struct Histories {
    blocks: Arc<dyn HistoryLog>,
    endorsements: Arc<dyn HistoryLog>,
}

impl Histories {
    fn open(data: &DataDir) -> Result<Self, NodeError> {
        let open = |name| KeptHistory::open(data.node(), name, HISTORY_ENTRIES).map(Arc::new);
        Ok(Self {
            blocks: open("blocks")?,
            endorsements: open("endorsements")?,
        })
    }
}

/// What the parts are made of.
struct Base {
    genesis: Arc<Genesis>,
    chain_id: ChainId,
    slot_clock: SlotClock,
    clock: Arc<dyn Clock>,
    stop: Stop,
    started_at: Timestamp,
    /// From when on it hears what others signed: the start-up wait counts from there.
    listens_from: Timestamp,
    /// Whether nothing can have been signed before this start (design 08, 'Start-up safety').
    fresh: bool,
    /// When the signing log was begun, if it does not know all that the keys ever signed.
    signing_log_since: Option<Timestamp>,
    data: DataDir,
    archive: Arc<dyn BlockArchive>,
    signing_log: Arc<dyn SigningLog>,
    storage: Arc<dyn Storage>,
    wallet: Arc<dyn Wallet>,
    keys: Arc<dyn KeyControl>,
    foreign_use: Option<Arc<ForeignUse>>,
    histories: Histories,
    selector: Arc<dyn Selector>,
    late_accounts: Arc<LateAccounts>,
    propagation: Arc<dyn Propagation>,
    connection: Arc<dyn Connection>,
    pool: Arc<dyn Pool>,
    /// What is sent waits in its queues until the network runs; none for a node that is alone.
    prepared: Option<Prepared>,
    /// The same of who serves states.
    to_serve: Option<ToServe>,
    consensus_network: Arc<dyn ConsensusNetwork>,
    keeper: Arc<CheckpointKeeper>,
}

impl Base {
    fn open(config: &NodeConfig, stop: &Stop) -> Result<Self, NodeError> {
        let genesis = Arc::new(config.chain.genesis.clone());
        let chain_id = genesis.chain_id();
        let params = &genesis.params;
        if let Some(warning) = rule_warning(params.canonical_rule, config.layout.is_dev()) {
            tracing::warn!("{warning}");
        }
        config.history.check(params)?;
        let data = DataDir::open(config.layout.root(), &chain_id, &config.database)?;
        migrate(&data, &genesis)?;
        config.history.write(&data.node())?;
        let archive: Arc<dyn BlockArchive> = data.archive();
        let signing_log: Arc<dyn SigningLog> = data.signing_log();
        let selector: Arc<dyn Selector> = Arc::new(BackgroundSelector::new(
            picot_selector::Config::from_params(params),
        )?);
        let late_accounts = Arc::new(LateAccounts::new());
        let slot_clock = genesis.slot_clock()?;
        let file_wallet = open_wallet(config, &signing_log, &data)?;
        let foreign_use = file_wallet.as_ref().map(|wallet| {
            let wallet = Arc::clone(wallet);
            Arc::new(ForeignUse::new(wallet, slot_clock, config.started_at))
        });
        let prepared = (!config.network.is_alone()).then(Prepared::new);
        let (inner, consensus_network): (Arc<dyn Propagation>, Arc<dyn ConsensusNetwork>) =
            match &prepared {
                Some(Prepared { handle, .. }) => {
                    (Arc::new(handle.clone()), Arc::new(handle.clone()))
                }
                None => (Arc::new(NoPropagation), Arc::new(NoPeers)),
            };
        let known_peers = config.network.known_peers();
        let connection: Arc<dyn Connection> = match &prepared {
            Some(Prepared { handle, .. }) => {
                Arc::new(PeersConnected::new(handle.clone(), known_peers))
            }
            None => Arc::new(AlwaysConnected),
        };
        let faults = &config.database.faults;
        let inner = leaving_endorsements(inner, faults);
        let consensus_network = leaving_votes(consensus_network, faults);
        let propagation: Arc<dyn Propagation> = Arc::new(WatchedPropagation {
            inner,
            foreign_use: foreign_use.clone(),
        });
        let keys = NodeKeys::new(file_wallet.clone(), config.layout.keys_file())?;
        let pool_config = picot_pool::Config {
            // As long as a block may carry them: after a pause the next block judges by them.
            endorsement_past_periods: params.periods_per_cycle.saturating_mul(2),
            // A whole block at once: a second batch walks past the first one again.
            max_batch_operations: usize::try_from(params.max_operations_per_block)
                .unwrap_or(usize::MAX)
                .max(config.pool.max_batch_operations),
            ..config.pool.clone()
        };
        let pool = SharedPool::new(
            pool_config,
            chain_id,
            params.clone(),
            Arc::clone(&selector),
            Arc::clone(&late_accounts) as _,
            Arc::clone(&propagation),
        )?;
        let created = data.created();
        let signing_log_since = signing_log_since(config, &data)?;
        let wallet: Arc<dyn Wallet> = match file_wallet {
            Some(wallet) => wallet,
            None => Arc::new(NoKeys),
        };
        check_signing_log(&genesis, &data, &*wallet)?;
        Ok(Self {
            slot_clock,
            clock: Arc::clone(&config.clock),
            stop: stop.clone(),
            started_at: config.started_at,
            listens_from: config.started_at,
            fresh: can_have_signed_nothing(config, created, &data)?,
            signing_log_since,
            storage: Arc::new(BoundedStorage::new(
                StorageConfig::default(),
                Arc::clone(&archive),
            )?),
            wallet,
            keys: Arc::new(keys),
            foreign_use,
            histories: Histories::open(&data)?,
            keeper: checkpoints::keeper(&data, &genesis),
            pool: Arc::new(pool),
            genesis,
            chain_id,
            data,
            archive,
            signing_log,
            selector,
            late_accounts,
            propagation,
            connection,
            to_serve: prepared.is_some().then(ToServe::new),
            prepared,
            consensus_network,
        })
    }

    fn execution(&self) -> Result<(Arc<ExecutionWorker>, Arc<dyn AccountView>), NodeError> {
        let config = picot_execution::Config::default();
        let mut core = ExecutionCore::open(
            self.data.state(),
            &self.genesis,
            Arc::clone(&self.selector),
            config,
        )?;
        core.watch_checkpoints(Arc::clone(&self.keeper) as _)?;
        if let Some(to_serve) = &self.to_serve {
            let (archive, clock) = (self.keeper.archive().clone(), Arc::clone(&self.clock));
            let snapshots = to_serve.watch(self.data.state(), archive, clock, self.slot_clock);
            core.watch_checkpoints(snapshots)?;
        }
        let accounts: Arc<dyn AccountView> = Arc::new(core.reader());
        self.late_accounts.connect(Arc::downgrade(&accounts));
        let worker = Arc::new(ExecutionWorker::start(
            core,
            Arc::clone(&self.pool),
            config,
        )?);
        if let Some(slot) = self.slot_clock.latest_slot_at(self.clock.now()) {
            self.pool.notify_slot(slot);
        }
        Ok((worker, accounts))
    }

    fn consensus(
        &self,
        execution: &Arc<ExecutionWorker>,
    ) -> Result<Arc<ConsensusWorker>, NodeError> {
        let wait = Millis(self.genesis.params.endorsement_startup_delay_ms);
        let voting_from = if self.fresh {
            self.started_at
        } else {
            after(self.listens_from, wait)?
        };
        let mut config = picot_consensus::Config::of_genesis(&self.genesis, voting_from);
        config.signing_log_since = self.signing_log_since;
        let parts = ConsensusPorts {
            base: execution.reader().base(),
            clock: Arc::clone(&self.clock),
            selector: Arc::clone(&self.selector),
            wallet: Arc::clone(&self.wallet),
            archive: Arc::clone(&self.archive),
            execution: Arc::clone(execution) as _,
            pool: Arc::clone(&self.pool),
            network: Arc::clone(&self.consensus_network),
            verifier: Box::new(BatchVerifier::new(VERIFYING_KEYS)),
        };
        Ok(Arc::new(ConsensusWorker::start(config, parts)?))
    }

    fn switch(&self, switch: Switch) -> KeptSwitch {
        KeptSwitch::new(self.data.node(), switch)
    }

    fn factory_config(&self, startup_delay_ms: u64, enabled: bool) -> picot_block_factory::Config {
        picot_block_factory::Config {
            chain_id: self.chain_id,
            params: self.genesis.params.clone(),
            genesis_timestamp: self.genesis.genesis_timestamp,
            start: self.listens_from,
            startup_delay: Millis(startup_delay_ms),
            fresh: self.fresh,
            enabled,
            asking: Asking::OnHelperThread,
        }
    }

    fn ticker(&self, offset: Millis) -> Ticker {
        Ticker::new(
            Arc::clone(&self.clock),
            self.slot_clock,
            offset,
            self.stop.clone(),
        )
    }

    /// The keys for everybody but consensus.
    fn listening_wallet(&self, consensus: &Arc<ConsensusWorker>) -> Arc<dyn Wallet> {
        let (wallet, consensus) = (Arc::clone(&self.wallet), Arc::clone(consensus));
        Arc::new(ListeningWallet::new(wallet, consensus))
    }

    fn block_factory(&self, node: &mut Node) -> Result<Arc<dyn BlockFactory>, NodeError> {
        let switch = self.switch(Switch::Blocks);
        let delay = self.genesis.params.block_startup_delay_ms;
        let config = self.factory_config(delay, switch.is_enabled()?);
        let parts = picot_block_factory::Collaborators {
            clock: Arc::clone(&self.clock),
            selector: Arc::clone(&self.selector),
            wallet: self.listening_wallet(&node.consensus),
            consensus: Arc::clone(&node.consensus) as _,
            pool: Arc::clone(&self.pool),
            execution: Arc::clone(&node.execution) as _,
            storage: Arc::clone(&self.storage),
            connection: Arc::clone(&self.connection),
            history: Arc::clone(&self.histories.blocks),
        };
        let producer = BlockProducer::new(&config, &parts)?;
        producer.keep_switch_in(Arc::new(switch));
        let control = producer.control();
        node.threads.push(producer.run(self.ticker(Millis::ZERO))?);
        Ok(control)
    }

    fn endorsement_factory(
        &self,
        node: &mut Node,
    ) -> Result<Arc<dyn EndorsementFactory>, NodeError> {
        let switch = self.switch(Switch::Endorsements);
        let delay = self.genesis.params.endorsement_startup_delay_ms;
        let config = self.factory_config(delay, switch.is_enabled()?);
        let parts = picot_endorsement_factory::Collaborators {
            clock: Arc::clone(&self.clock),
            selector: Arc::clone(&self.selector),
            wallet: self.listening_wallet(&node.consensus),
            consensus: Arc::clone(&node.consensus) as _,
            storage: Arc::clone(&self.storage),
            pool: Arc::clone(&self.pool),
            network: Arc::clone(&self.propagation),
            connection: Arc::clone(&self.connection),
            history: Arc::clone(&self.histories.endorsements),
        };
        let producer = EndorsementProducer::new(&config, &parts)?;
        producer.keep_switch_in(Arc::new(switch));
        let control = producer.control();
        node.threads
            .push(producer.run(self.ticker(self.slot_clock.endorsement_offset()))?);
        Ok(control)
    }

    fn listen_for_foreign_use(&self, node: &mut Node) -> Result<(), NodeError> {
        if let Some(foreign_use) = &self.foreign_use {
            let consensus = Arc::clone(&node.consensus) as _;
            let thread = Arc::clone(foreign_use).listen(consensus, self.stop.clone())?;
            node.threads.push(thread);
        }
        Ok(())
    }

    fn housekeeping(&self, node: &mut Node) -> Result<(), NodeError> {
        let fates = [&self.histories.blocks, &self.histories.endorsements]
            .map(|history| Fates::new(Arc::clone(&node.consensus) as _, Arc::clone(history)));
        let housekeeping = Housekeeping {
            pool: Arc::clone(&self.pool),
            execution: Arc::clone(&node.execution) as _,
            storage: Arc::clone(&self.storage),
            signing_log: Arc::clone(&self.signing_log),
            checkpoints: self.keeper.archive().clone(),
            fates: fates.into(),
            periods_per_cycle: self.genesis.params.periods_per_cycle,
        };
        node.threads
            .push(housekeeping.run(self.ticker(Millis::ZERO))?);
        Ok(())
    }

    fn production(
        &self,
        node: &Node,
        blocks: &Arc<dyn BlockFactory>,
        endorsements: &Arc<dyn EndorsementFactory>,
    ) -> Arc<FactoryFacts> {
        Arc::new(FactoryFacts {
            clock: Arc::clone(&self.clock),
            connection: Arc::clone(&self.connection),
            slot_clock: self.slot_clock,
            selector: Arc::clone(&self.selector),
            periods_per_cycle: self.genesis.params.periods_per_cycle,
            signing_log_since: self.signing_log_since,
            consensus: Arc::clone(&node.consensus) as _,
            wallet: Arc::clone(&self.wallet),
            keys: Arc::clone(&self.keys),
            blocks: Arc::clone(blocks),
            endorsements: Arc::clone(endorsements),
        })
    }

    fn control(
        &self,
        config: &NodeConfig,
        node: &Node,
        blocks: Arc<dyn BlockFactory>,
        endorsements: Arc<dyn EndorsementFactory>,
    ) -> Result<(ControlFile, ApiServer), NodeError> {
        let token = new_token(&mut SystemRandomness::new()?);
        let context = ControlContext {
            token: ControlToken::new(token.clone()),
            thread_count: self.genesis.params.thread_count,
            execution: Arc::clone(&node.execution) as _,
            blocks,
            endorsements,
            keys: Arc::clone(&self.keys),
            peers: node
                .network
                .as_ref()
                .map(|network| Arc::clone(network) as _),
        };
        let settings = ApiConfig {
            listen: config.control,
            max_connections: CONTROL_CONNECTIONS,
            max_blocking_requests: CONTROL_CONNECTIONS,
            ..ApiConfig::default()
        };
        let server = ApiServer::start_control(settings, Arc::new(context))?;
        let address = server.address();
        let file = ControlFile::write(&config.layout, &ControlAccess { address, token })?;
        Ok((file, server))
    }

    fn api(
        &self,
        config: &NodeConfig,
        node: &Node,
        production: Arc<FactoryFacts>,
        metrics: Arc<dyn ApiMetrics>,
    ) -> Result<ApiServer, NodeError> {
        let context = ApiContext {
            genesis: Arc::clone(&self.genesis),
            chain_id: self.chain_id,
            slot_clock: self.slot_clock,
            clock: Arc::clone(&self.clock),
            selector: Arc::clone(&self.selector),
            pool: Arc::clone(&self.pool),
            execution: Arc::clone(&node.execution) as _,
            consensus: Arc::clone(&node.consensus) as _,
            storage: Arc::clone(&self.storage),
            checkpoints: Arc::clone(&node.checkpoints) as _,
            production,
            peers: node
                .network
                .as_ref()
                .map(|network| Arc::clone(network) as _),
            metrics: Some(metrics),
            node_version: VERSION,
            started_at: self.started_at,
        };
        Ok(ApiServer::start(config.api.clone(), Arc::new(context))?)
    }
}

fn open_wallet(
    config: &NodeConfig,
    log: &Arc<dyn SigningLog>,
    data: &DataDir,
) -> Result<Option<Arc<FileWallet>>, NodeError> {
    let Some(passphrase) = &config.passphrase else {
        return Ok(None);
    };
    let wallet = key_file::open_wallet(&config.layout, Arc::clone(log))?;
    wallet.keep_refusals_in(Arc::new(KeptRefusals::new(data.node())))?;
    wallet.unlock(passphrase)?;
    for warning in wallet.warnings() {
        tracing::warn!("{warning}");
    }
    for (address, reason) in wallet.refusals() {
        tracing::error!(
            %address, reason,
            "this key was seen in use elsewhere and signs nothing until an operator clears it"
        );
    }
    Ok(Some(Arc::new(wallet)))
}

fn after(start: Timestamp, wait: Millis) -> Result<Timestamp, NodeError> {
    let end = start.checked_add(wait);
    end.ok_or_else(|| NodeError::Stopped(format!("the clock of this machine says {start}")))
}

/// What an operator should know of the chain's canonical rule before staking on it (design 07,
/// 'Canonical rule').
fn rule_warning(rule: CanonicalRuleKind, is_dev: bool) -> Option<&'static str> {
    (rule == CanonicalRuleKind::LowestHash && !is_dev).then_some(
        "this chain chooses the block with the lowest id (canonical rule lowest-hash): a producer \
         that tries many blocks wins more slots than its stake; the rule is for experiments only",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_warns_of_a_rule_that_can_be_ground_outside_of_development() {
        use CanonicalRuleKind::{FirstToQuorum, LowestHash, LowestTicket, RankedDraw};
        assert!(rule_warning(LowestHash, false).is_some());
        assert_eq!(rule_warning(LowestHash, true), None);
        for fair in [RankedDraw, LowestTicket, FirstToQuorum] {
            assert_eq!(rule_warning(fair, false), None);
        }
    }
}
