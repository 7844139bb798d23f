//! `picot genesis`: files that make a chain.

use super::args::{GenesisCommand, GenesisFileArgs, GenesisNewArgs, Preset};
use super::{CliError, World, tables};
use crate::genesis_file::read_genesis;
use picot_client::printable;
use picot_models::{
    Amount, CanonicalRuleKind, ChainId, ChainParams, Genesis, GenesisStaker, ProposalPolicy,
    Timestamp,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

pub(super) fn run(command: GenesisCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        GenesisCommand::New(arguments) => new(&arguments, world),
        GenesisCommand::Check(arguments) => check(&arguments, world),
        GenesisCommand::Show(arguments) => show(&arguments, world),
    }
}

fn new(arguments: &GenesisNewArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let genesis = build(arguments, world)?;
    genesis.validate().map_err(CliError::Genesis)?;
    let Some(path) = &arguments.output else {
        return world.say_json(&genesis);
    };
    let mut json =
        serde_json::to_string_pretty(&genesis).map_err(|error| CliError::Output(error.into()))?;
    json.push('\n');
    write(path, &json, arguments.force)?;
    let chain_id = genesis.chain_id();
    world.say(format_args!("{}: chain {chain_id}", path.display()))
}

fn build(arguments: &GenesisNewArgs, world: &World<'_>) -> Result<Genesis, CliError> {
    let (name, mut params) = match arguments.preset {
        Preset::Dev => ("dev", ChainParams::dev()),
        Preset::Production => ("picot", ChainParams::production()),
    };
    if let Some(policy) = arguments.policy {
        params.proposal_policy = policy;
    }
    if let Some(rule) = arguments.rule {
        params.canonical_rule = rule;
    }
    let mut allocations = BTreeMap::new();
    for (address, amount) in &arguments.allocations {
        let before: Option<Amount> = allocations.insert(*address, *amount);
        if before.is_some() {
            return Err(CliError::AllocatedTwice(Box::new(*address)));
        }
    }
    let stakers = arguments.stakers.iter();
    Ok(Genesis {
        name: arguments.name.clone().unwrap_or_else(|| name.to_owned()),
        genesis_timestamp: match arguments.timestamp {
            Some(milliseconds) => Timestamp(milliseconds),
            None => world.clock.now(),
        },
        params,
        stakers: stakers
            .map(|&(address, rolls)| GenesisStaker { address, rolls })
            .collect(),
        allocations,
    })
}

/// What a check found, for programs.
#[derive(Serialize)]
struct CheckAnswer {
    chain_id: ChainId,
    name: String,
}

fn check(arguments: &GenesisFileArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let genesis = read_genesis(&arguments.file)?;
    let chain_id = genesis.chain_id();
    if arguments.json {
        let name = genesis.name;
        return world.say_json(&CheckAnswer { chain_id, name });
    }
    let file = arguments.file.display();
    let name = printable(&genesis.name);
    world.say(format_args!("{file} is good: `{name}`, chain {chain_id}"))
}

fn show(arguments: &GenesisFileArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let genesis = read_genesis(&arguments.file)?;
    if arguments.json {
        return world.say_json(&genesis);
    }
    world.say(tables::genesis(&genesis))
}

/// Reads who may propose.
pub(super) fn policy(text: &str) -> Result<ProposalPolicy, String> {
    let expected = "expected `all`, `drawn` or `ranked:K`, where K is at least 1";
    match (text, text.strip_prefix("ranked:").map(str::parse)) {
        ("all", _) => Ok(ProposalPolicy::All),
        ("drawn", _) => Ok(ProposalPolicy::Drawn),
        (_, Some(Ok(count))) if count > 0 => Ok(ProposalPolicy::Ranked { count }),
        _ => Err(expected.to_owned()),
    }
}

/// Reads a canonical rule by the name that a genesis file has for it.
pub(super) fn rule(text: &str) -> Result<CanonicalRuleKind, String> {
    serde_json::from_value(text.into()).map_err(|_| {
        "expected `ranked-draw`, `lowest-hash`, `lowest-ticket` or `first-to-quorum`".to_owned()
    })
}

pub(super) fn write(path: &Path, text: &str, replace: bool) -> Result<(), CliError> {
    let mut options = OpenOptions::new();
    options.write(true);
    if replace {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => CliError::Exists(path.to_owned()),
        _ => CliError::File {
            action: "write",
            path: path.to_owned(),
            source,
        },
    })
}
