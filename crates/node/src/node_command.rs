//! `picot node`: starts a node, tells what matters on one screen, then a line a slot, until it is
//! told to stop.

use crate::assembly::{Node, NodeConfig};
use crate::bootstrap::{bootstrap, is_left_behind};
use crate::catching_up::CatchingUp;
use crate::cli::{NodeOptions, Purpose, SystemPrompt};
use crate::countdown::Countdown;
use crate::data_layout::DataLayout;
use crate::faults::of_environment;
use crate::home::{self, Chain};
use crate::reopening::once_free;
use crate::shutdown::stop_on_signals;
use crate::slot_lines::SlotLines;
use crate::{NodeError, VERSION};
use crossbeam_channel::{never, select, tick};
use picot_bootstrap::LeftBehind;
use picot_clock::{Clock, Stop, SystemClock, Timestamp};
use picot_database::{DatabaseConfig, FaultPoint};
use picot_execution::Level;
use picot_models::ProposalPolicy;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use zeroize::Zeroizing;

/// What is logged unless told otherwise: what an operator should see.
pub(crate) const DEFAULT_LOG: &str = "warn";
/// How often a stop is looked for while no slot passes.
const STOP_INTERVAL: Duration = Duration::from_millis(50);
/// How long old misses wait for more of them before their line is printed.
const QUIET_TIME: Duration = Duration::from_millis(500);

/// Runs a node until a signal, or until it cannot go on.
///
/// # Errors
/// It cannot start, or stopped by itself.
pub fn run(options: NodeOptions) -> Result<(), NodeError> {
    let started_at = SystemClock.now();
    start_log(&options)?;
    let stop = Stop::new();
    stop_on_signals(&stop)?;
    let layout = DataLayout::new(&options.data);
    if options.reset {
        home::reset_dev(&layout)?;
    }
    let faults = of_environment()?;
    let chain = open_chain(&options, &layout, started_at)?;
    faults.pass(FaultPoint::GenesisWritten);
    let database = if options.dev {
        DatabaseConfig::dev()
    } else {
        DatabaseConfig::default()
    };
    let config = NodeConfig {
        passphrase: passphrase(&options, &layout)?,
        chain,
        database: DatabaseConfig { faults, ..database },
        api: options.api.clone(),
        control: options.control,
        pool: options.pool.clone(),
        keys_never_signed: options.keys_never_signed,
        history: options.history,
        clock: Arc::new(SystemClock),
        network: options.network.clone(),
        trusted_checkpoint: options.trusted_checkpoint,
        layout,
        started_at,
    };
    run_until_told(config, &options, &stop)
}

/// Runs a node; one that is left behind while it runs begins again as at a start.
fn run_until_told(
    mut config: NodeConfig,
    options: &NodeOptions,
    stop: &Stop,
) -> Result<(), NodeError> {
    let mut before: Option<Ended> = None;
    loop {
        let say_line = |line: &str| say(line);
        let in_vain = before == Some(Ended::LeftBehind { in_vain: true });
        let begin = || bootstrap(&config, in_vain, stop, &say_line);
        let begun = match before {
            None => Some(begin()?),
            Some(_) => once_free(stop, begin)?,
        };
        let Some(left_behind) = begun.filter(|_| !stop.is_stopped()) else {
            return say("stopped");
        };
        let node = Node::start(config.clone(), &Stop::new())?;
        print_banner(&node, config.layout.root(), options)?;
        let ended = follow(&node, stop, left_behind)?;
        let api = node.api_address();
        drop(node);
        say(match ended {
            Ended::Told => return say("stopped"),
            Ended::LeftBehind { in_vain: false } => {
                "none of the peers gives what was decided next any more: the node begins again"
            }
            Ended::LeftBehind { in_vain: true } => {
                "peers said to give what was decided next, and did not: the node begins again"
            }
        })?;
        before = Some(ended);
        config.started_at = SystemClock.now();
        // By now the keys have signed.
        config.keys_never_signed = false;
        // Whoever knows where its interface is finds it there again.
        config.api.listen = api.unwrap_or(config.api.listen);
    }
}

fn start_log(options: &NodeOptions) -> Result<(), NodeError> {
    let filter = &options.log;
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| NodeError::Stopped(format!("`--log {filter}` is no filter: {error}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let started = if options.log_json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    started.map_err(|error| NodeError::Stopped(format!("the log cannot start: {error}")))
}

fn open_chain(
    options: &NodeOptions,
    layout: &DataLayout,
    now: Timestamp,
) -> Result<Chain, NodeError> {
    if options.dev {
        home::open_dev_chain(layout, now)
    } else {
        home::open_chain(layout, options.genesis.as_deref())
    }
}

/// The passphrase of the wallet; none if there is no wallet, and the node only follows.
fn passphrase(
    options: &NodeOptions,
    layout: &DataLayout,
) -> Result<Option<Zeroizing<String>>, NodeError> {
    if !layout.keys_file().exists() {
        return Ok(None);
    }
    let passphrase = options
        .passphrase
        .obtain(layout, Purpose::Unlock, &mut SystemPrompt)?;
    Ok(Some(Zeroizing::new(passphrase.as_str().to_owned())))
}

fn say(line: impl AsRef<str>) -> Result<(), NodeError> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", line.as_ref()).and_then(|()| out.flush());
    match written {
        // Whoever stopped reading knows why; the node goes on.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(NodeError::file("write to", Path::new("standard output"))),
    }
}

fn print_banner(node: &Node, data: &Path, options: &NodeOptions) -> Result<(), NodeError> {
    let genesis = node.genesis();
    let params = &genesis.params;
    say(format!("picot {VERSION}"))?;
    say(format!(
        "  chain     {} ({})",
        genesis.name,
        node.chain_id()
    ))?;
    say(format!(
        "  slots     {} threads, periods of {} ms",
        params.thread_count, params.t0_ms
    ))?;
    say(format!("  data      {}", data.display()))?;
    for address in node.wallet().addresses() {
        let balance = node
            .execution()
            .balance(Level::Final, &address)?
            .unwrap_or_default();
        let rolls = node.execution().rolls(Level::Final, &address)?;
        say(format!(
            "  staker    {address}  {rolls} rolls, {balance} coins"
        ))?;
    }
    if let Some(address) = node.api_address() {
        say(format!("  dashboard http://{address}/"))?;
        say(format!("  api       http://{address}/api/v1/docs"))?;
    }
    if let Some(network) = node.network() {
        let listens = network.listen.iter().map(ToString::to_string);
        let listens = listens.collect::<Vec<_>>().join(", ");
        say(format!("  network   {}", network.node))?;
        if !listens.is_empty() {
            say(format!("            listens on {listens}"))?;
        }
    }
    let last_final = node.execution().summary().last_final_slot;
    say(format!(
        "  state     final up to slot {last_final}, {} decisions executed again",
        node.replayed()
    ))?;
    say(format!("  produces  {}", production_text(node)))?;
    if options.dev {
        say(format!(
            "  try       {} transfer ADDRESS 12.5     (Ctrl-C stops the node)",
            program()
        ))?;
    }
    say("")
}

/// This program, as it was called.
fn program() -> String {
    let called = std::env::args_os().next();
    called.map_or_else(
        || "picot".to_owned(),
        |called| called.to_string_lossy().into_owned(),
    )
}

fn production_text(node: &Node) -> String {
    if let Some(reason) = node.not_producing() {
        return format!("not now: {reason}");
    }
    let slots = match node.genesis().params.proposal_policy {
        ProposalPolicy::Drawn => "where a key of the wallet is drawn".to_owned(),
        ProposalPolicy::Ranked { count } => {
            format!("where a key of the wallet is among the first {count} that are drawn")
        }
        ProposalPolicy::All => "at every slot".to_owned(),
    };
    format!("blocks {slots}")
}

/// After a write that failed nothing more can be made durable, so nothing more may be signed or
/// decided.
fn check_disk(node: &Node) -> Result<(), NodeError> {
    match node.write_failure() {
        Some(failure) => Err(NodeError::WriteFailed(failure)),
        None => Ok(()),
    }
}

/// Why a node that can go on does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It was told to stop.
    Told,
    /// Nobody gives what it lacks: it needs a state.
    LeftBehind {
        /// Though somebody said to give it.
        in_vain: bool,
    },
}

/// Prints what becomes final until the node is told to stop, or stops by itself.
fn follow(node: &Node, stop: &Stop, mut left_behind: LeftBehind) -> Result<Ended, NodeError> {
    let outputs = node.execution().subscribe();
    let mut events = node.consensus().subscribe();
    let failures = node.failures();
    let wrong_states = node.checkpoint_failures();
    let mut lines = SlotLines::new(node.slot_clock());
    let mut countdown = Countdown::default();
    let mut catching_up = CatchingUp::default();
    let mut is_quiet_since: Option<Timestamp> = None;
    let looks = tick(STOP_INTERVAL);
    while !stop.is_stopped() {
        select! {
            recv(failures) -> failure => {
                check_disk(node)?;
                let reason = failure.map_or_else(|_| "execution is gone".to_owned(), |error| error.to_string());
                return Err(NodeError::Stopped(format!("the node stopped, its final state is intact: {reason}")));
            }
            recv(wrong_states) -> wrong => {
                let reason = wrong.map_or_else(|_| "its checkpoints are gone".to_owned(), |error| error.to_string());
                return Err(NodeError::Stopped(format!("the node stopped: {reason}; look at its data with `picot db check`")));
            }
            recv(events) -> event => match event {
                Ok(event) => lines.note(&event),
                // Cut off for being slow: lines lose their delays, nothing else.
                Err(_) => events = never(),
            },
            recv(outputs) -> output => {
                let Ok(output) = output else {
                    return Err(NodeError::Stopped("execution ended".to_owned()));
                };
                is_quiet_since = None;
                events.try_iter().for_each(|event| lines.note(&event));
                for line in lines.lines(&output, SystemClock.now()) {
                    say(line)?;
                }
            }
            recv(looks) -> _ => check_disk(node)?,
        }
        let now = SystemClock.now();
        if let Some(left) = node.slot_clock().time_until_genesis(now)
            && let Some(line) = countdown.line(left, node.genesis().genesis_timestamp)
        {
            say(line)?;
        }
        if catching_up.is_due(now) {
            if let Some(line) = catching_up.line(now, &node.consensus().summary()) {
                say(line)?;
            }
            if is_left_behind(&mut left_behind, node, now) {
                let in_vain = left_behind.has_followed_in_vain();
                return Ok(Ended::LeftBehind { in_vain });
            }
        }
        let quiet = now.since(*is_quiet_since.get_or_insert(now));
        if quiet.is_some_and(|quiet| u128::from(quiet.as_millis()) > QUIET_TIME.as_millis())
            && let Some(line) = lines.flush()
        {
            say(line)?;
        }
    }
    Ok(Ended::Told)
}
