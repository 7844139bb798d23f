//! `picot protection`: what keys signed, between machines. The node is stopped meanwhile.

use super::args::{ProtectionArgs, ProtectionCommand, ProtectionExportArgs, ProtectionImportArgs};
use super::{CliError, World, genesis, tables};
use crate::NodeError;
use crate::data_layout::DataLayout;
use crate::home::open_chain;
use picot_database::{DataDir, DatabaseConfig, LogOrigin};
use picot_models::{Address, Genesis, Slot};
use picot_wallet::{Protection, SigningHistory, SigningLogError};
use serde::Serialize;
use std::fs;
use std::path::Path;

pub(super) fn run(command: ProtectionCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        ProtectionCommand::Export(arguments) => export(&arguments, world),
        ProtectionCommand::Import(arguments) => import(&arguments, world),
        ProtectionCommand::Show(arguments) => show(&arguments, world),
    }
}

/// What was signed with one key.
#[derive(Debug, Serialize)]
pub(super) struct SignedBy {
    pub(super) address: Address,
    pub(super) claims: usize,
    pub(super) first: Option<Slot>,
    pub(super) last: Option<Slot>,
}

/// What a signing log knows, for programs.
#[derive(Debug, Serialize)]
pub(super) struct ProtectionAnswer {
    /// Nothing is signed for earlier slots.
    pub(super) complete_from: Slot,
    pub(super) addresses: Vec<SignedBy>,
}

/// What became of an import, for programs.
#[derive(Serialize)]
struct ImportAnswer {
    taken_over: u64,
    too_old: u64,
    contradictions: usize,
}

/// The directory of a stopped node, with its genesis.
fn open(data: &Path, given: Option<&Path>) -> Result<(Genesis, DataDir), CliError> {
    let failed = |error: NodeError| CliError::Data {
        data: data.to_owned(),
        source: Box::new(error),
    };
    let chain = open_chain(&DataLayout::new(data), given).map_err(failed)?;
    let chain_id = chain.genesis.chain_id();
    let opened = DataDir::open(data, &chain_id, &DatabaseConfig::default());
    let opened = opened.map_err(|error| failed(error.into()))?;
    Ok((chain.genesis, opened))
}

fn export(arguments: &ProtectionExportArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let (genesis, data) = open(&arguments.at.data, None)?;
    let only = (!arguments.addresses.is_empty()).then_some(arguments.addresses.as_slice());
    let exported = Protection::export(&*data.signing_log(), genesis.chain_id(), only);
    let exported = exported.map_err(|error| CliError::Protection(error.into()))?;
    let json = exported.to_json()?;
    for unknown in unknown_of(&exported, &arguments.addresses) {
        world.note(format_args!(
            "warning: nothing is known here to be signed by {unknown}, and the file says nothing of it"
        ));
    }
    match &arguments.output {
        Some(path) => genesis::write(path, &format!("{json}\n"), arguments.force)?,
        None => world.say(json)?,
    }
    world.note("warning: do not start this node with these keys again: what it signs now is not in the file");
    let Some(path) = &arguments.output else {
        return Ok(());
    };
    let claims = exported.records().count();
    let addresses = exported.addresses.len();
    if arguments.at.json {
        return world.say_json(&answer(&exported));
    }
    world.say(format_args!(
        "{}: {claims} claims of {addresses} keys",
        path.display()
    ))
}

/// Those of the addresses asked for that an export says nothing of.
fn unknown_of<'a>(
    exported: &'a Protection,
    asked: &'a [Address],
) -> impl Iterator<Item = &'a Address> {
    let is_known = |address: &Address| {
        let mut known = exported.addresses.iter();
        known.any(|each| each.address == *address)
    };
    asked.iter().filter(move |address| !is_known(address))
}

fn import(arguments: &ProtectionImportArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let text = fs::read_to_string(&arguments.file).map_err(|source| CliError::File {
        action: "read",
        path: arguments.file.clone(),
        source,
    })?;
    let failed = |source| CliError::ProtectionFile {
        path: arguments.file.clone(),
        source,
    };
    let protection = Protection::from_json(&text).map_err(failed)?;
    let (genesis, data) = open(&arguments.at.data, arguments.genesis.as_deref())?;
    let slot_clock = genesis.slot_clock().map_err(|error| CliError::Data {
        data: arguments.at.data.clone(),
        source: Box::new(error.into()),
    })?;
    // A period later: clocks differ.
    let now = slot_clock.latest_slot_at(world.clock.now());
    let now = now.unwrap_or(Slot::GENESIS);
    let latest = Slot::new(now.period.saturating_add(1), now.thread);
    let log = data.signing_log();
    let imported = protection.import(&*log, &genesis.chain_id(), latest);
    let imported = imported.map_err(failed)?;
    // A log that was made for this file knows what the file does: all that the keys signed. One that
    // was begun by a node without it may miss what the file misses.
    let log_error = |error: SigningLogError| CliError::Protection(error.into());
    if log.origin().map_err(log_error)? == LogOrigin::New {
        log.declare(LogOrigin::Complete, world.clock.now())
            .map_err(log_error)?;
    }
    for claim in &imported.contradictions {
        world.note(format_args!(
            "warning: {} signed two things as {} of slot {}, here and elsewhere",
            claim.address, claim.kind, claim.slot
        ));
    }
    if arguments.at.json {
        return world.say_json(&ImportAnswer {
            taken_over: imported.taken_over,
            too_old: imported.too_old,
            contradictions: imported.contradictions.len(),
        });
    }
    world.say(format_args!(
        "took over {} claims; {} are too old to matter, {} contradict what was signed here",
        imported.taken_over,
        imported.too_old,
        imported.contradictions.len()
    ))
}

fn show(arguments: &ProtectionArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let (_, data) = open(&arguments.data, None)?;
    let answer = known(&*data.signing_log()).map_err(|error| CliError::Protection(error.into()))?;
    if arguments.json {
        return world.say_json(&answer);
    }
    world.say(tables::protection(&answer))
}

/// Address by address: not all of it at once.
fn known(log: &dyn SigningHistory) -> Result<ProtectionAnswer, SigningLogError> {
    let mut addresses = Vec::new();
    for address in log.addresses()? {
        let claims = log.records(&address, Slot::GENESIS)?;
        addresses.push(SignedBy {
            address,
            claims: claims.len(),
            first: claims.first().map(|claim| claim.slot),
            last: claims.last().map(|claim| claim.slot),
        });
    }
    Ok(ProtectionAnswer {
        complete_from: log.horizon()?,
        addresses,
    })
}

fn answer(exported: &Protection) -> ProtectionAnswer {
    let signed_by = |each: &picot_wallet::AddressProtection| SignedBy {
        address: each.address,
        claims: each.claims.len(),
        first: each.claims.first().map(|claim| claim.slot),
        last: each.claims.last().map(|claim| claim.slot),
    };
    ProtectionAnswer {
        complete_from: exported.complete_from,
        addresses: exported.addresses.iter().map(signed_by).collect(),
    }
}
