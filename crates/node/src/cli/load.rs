//! `picot load`: submits many transfers and tells what became of them.

mod args;
mod funding;

pub(crate) use args::LoadArgs;

use super::send::{asking, check_chain, expire_in};
use super::{CliError, World, tables};
use crate::load::{self, Account, Limits, Load};
use crate::shutdown::stop_on_signals;
use picot_api::types::ParametersResponse;
use picot_client::ApiClient;
use picot_clock::{Millis, Stop, Timestamp};
use picot_models::Address;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// For how long, unless it is said.
const DEFAULT_SECONDS: u64 = 10;
/// Of one account that may be open at once: under the 1,000 that a pool takes of one sender, because
/// an operation leaves the pool a little later than it becomes final.
const OPEN_PER_ACCOUNT: usize = 900;
/// Between two lines of progress, where they do not replace each other.
const LINE_INTERVAL: Millis = Millis(5_000);
/// Between two states of a line that is replaced.
const UPDATE_INTERVAL: Millis = Millis(200);
/// To the start of the line, and nothing to its end.
const CLEAR_LINE: &str = "\r\u{1b}[K";

/// The accounts, for programs.
#[derive(Serialize)]
struct AddressesAnswer {
    addresses: Vec<Address>,
}

pub(super) fn run(arguments: &LoadArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let count = usize::try_from(arguments.accounts).unwrap_or(usize::MAX);
    if arguments.addresses {
        return addresses(
            &load::accounts(&arguments.seed, count),
            arguments.json,
            world,
        );
    }
    let clients: Vec<_> = arguments
        .apis
        .iter()
        .map(|url| ApiClient::new(url.clone()))
        .collect();
    let (client, chain) = same_chain(&clients)?;
    check_chain(client, &chain, &arguments.wallet.data)?;
    let expire_in = expire_in(&chain, arguments.expire_in)?;
    let stop = Stop::new();
    stop_on_signals(&stop).map_err(|error| CliError::Signals(Box::new(error)))?;
    let accounts = load::accounts(&arguments.seed, count);
    prepare(client, &chain, &accounts, arguments, &stop, world)?;
    let last_final = client
        .status()
        .map_err(asking("read the status"))?
        .last_final_slot;
    let slot_clock = chain
        .params
        .slot_clock(chain.genesis_timestamp)
        .map_err(|error| CliError::Genesis(error.into()))?;
    let load = Load {
        urls: arguments.apis.clone(),
        chain_id: chain.chain_id,
        slot_clock,
        accounts: &accounts,
        fee: arguments.fee,
        expire_in,
        last_final,
        limits: limits(arguments),
    };
    execute(&load, arguments.json, &stop, world)
}

fn execute(
    load: &Load<'_>,
    json: bool,
    stop: &Stop,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let is_terminal = std::io::stderr().is_terminal();
    let mut screen = Screen::new(is_terminal, world.clock.now());
    let (clock, err) = (world.clock, &mut *world.err);
    let (report, ended) = load::run(load, clock, stop, &mut |line| {
        screen.show(clock.now(), line, err)
    });
    screen.end(world.err);
    if json {
        world.say_json(&report)?;
    } else {
        world.say(tables::facts(load::table(&report)))?;
    }
    Ok(ended?)
}

/// Progress: a line that is replaced at a terminal, a new one now and then elsewhere.
struct Screen {
    is_terminal: bool,
    last: Timestamp,
}

impl Screen {
    const fn new(is_terminal: bool, now: Timestamp) -> Self {
        Self {
            is_terminal,
            last: now,
        }
    }

    fn show(&mut self, now: Timestamp, line: &str, err: &mut dyn Write) {
        let interval = if self.is_terminal {
            UPDATE_INTERVAL
        } else {
            LINE_INTERVAL
        };
        if now.since(self.last).is_some_and(|passed| passed < interval) {
            return;
        }
        self.last = now;
        // That nobody reads it is no failure.
        let _ = if self.is_terminal {
            write!(err, "{CLEAR_LINE}{line}").and_then(|()| err.flush())
        } else {
            writeln!(err, "{line}")
        };
    }

    fn end(&self, err: &mut dyn Write) {
        if self.is_terminal {
            let _ = write!(err, "{CLEAR_LINE}").and_then(|()| err.flush());
        }
    }
}

fn addresses(accounts: &[Account], json: bool, world: &mut World<'_>) -> Result<(), CliError> {
    let addresses: Vec<_> = accounts.iter().map(|account| account.address).collect();
    if json {
        return world.say_json(&AddressesAnswer { addresses });
    }
    addresses.iter().try_for_each(|address| world.say(address))
}

/// The chain that all nodes are of, and the first of them.
fn same_chain(clients: &[ApiClient]) -> Result<(&ApiClient, ParametersResponse), CliError> {
    let mut first: Option<(&ApiClient, ParametersResponse)> = None;
    for client in clients {
        let chain = client
            .parameters()
            .map_err(asking("read the chain's parameters"))?;
        match &first {
            None => first = Some((client, chain)),
            Some((other, known)) if known.chain_id != chain.chain_id => {
                return Err(CliError::NodesOfTwoChains {
                    first: other.url().to_string(),
                    second: client.url().to_string(),
                });
            }
            Some(_) => {}
        }
    }
    first.ok_or(CliError::NoNode)
}

/// What accounts need before they send.
fn prepare(
    client: &ApiClient,
    chain: &ParametersResponse,
    accounts: &[Account],
    arguments: &LoadArgs,
    stop: &Stop,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    if arguments.funded {
        return funding::check_funded(client, accounts, arguments.fee);
    }
    let needed = funding::needed(arguments, seconds(arguments), chain).ok_or(CliError::TooMuch)?;
    funding::fund(client, chain, accounts, needed, arguments, stop, world)
}

fn seconds(arguments: &LoadArgs) -> Option<u64> {
    let default = arguments.count.is_none().then_some(DEFAULT_SECONDS);
    arguments.seconds.or(default)
}

fn limits(arguments: &LoadArgs) -> Limits {
    let usize_of = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let most = usize_of(arguments.accounts).saturating_mul(OPEN_PER_ACCOUNT);
    Limits {
        rate: (!arguments.max).then_some(arguments.rate),
        length: seconds(arguments).map(|seconds| Millis(seconds.saturating_mul(1_000))),
        count: arguments.count,
        max_open: usize_of(arguments.open).min(most),
        connections: usize_of(arguments.connections),
        patience: Millis(arguments.patience.saturating_mul(1_000)),
    }
}
