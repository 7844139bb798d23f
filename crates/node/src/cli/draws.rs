//! `picot draws`: when addresses are drawn, and what came of it.

use super::args::DrawsArgs;
use super::{CliError, World, tables};
use picot_api::types::DrawsResponse;
use picot_client::{ApiClient, ClientError};
use picot_models::{Address, Slot};
use std::ops::Range;

pub(super) fn run(arguments: &DrawsArgs, world: &mut World<'_>) -> Result<(), CliError> {
    if arguments.all {
        return super::lists::slot_draws(arguments, world);
    }
    let client = ApiClient::new(arguments.node.api.clone());
    let (asked, answers) = ask(&client, arguments).map_err(|source| CliError::Node {
        action: "read the draws".to_owned(),
        source,
    })?;
    if arguments.node.json {
        return world.say_json(&answers);
    }
    if answers.is_empty() {
        world.note("this node has no key: say whose draws");
        return Ok(());
    }
    let tables: Vec<_> = answers.iter().map(tables::draws).collect();
    world.say(tables.join("\n\n"))?;
    // One range was asked for, and what is known does not depend on the address.
    if let Some(answer) = answers.first() {
        tell_limits(answer, asked, world);
    }
    Ok(())
}

/// Says so if there is less to tell than was asked for.
fn tell_limits(answer: &DrawsResponse, asked: Range<Slot>, world: &mut World<'_>) {
    if answer.from > asked.start {
        let from = answer.from;
        world.note(format_args!(
            "the draws of slots before {from} are not known any more"
        ));
    }
    if let Some(next) = answer.next {
        world.note(format_args!(
            "the node did not go on: the draws of slots from {next} on are not shown"
        ));
    } else if answer.to < asked.end {
        let to = answer.to;
        world.note(format_args!(
            "the draws of slots from {to} on are not known yet"
        ));
    }
}

fn ask(
    client: &ApiClient,
    arguments: &DrawsArgs,
) -> Result<(Range<Slot>, Vec<DrawsResponse>), ClientError> {
    let status = client.status()?;
    let addresses = match arguments.addresses.as_slice() {
        [] => &status.production.staking_addresses,
        given => given,
    };
    let now = status.current_slot.unwrap_or(Slot::GENESIS).period;
    let from = Slot::new(now.saturating_sub(arguments.past), 0);
    let to = Slot::new(now.saturating_add(arguments.coming).saturating_add(1), 0);
    let draws = addresses
        .iter()
        .map(|address| whole(client, address, from, to));
    let answers: Result<_, _> = draws.collect();
    Ok((from..to, answers?))
}

/// All of a range, which a node tells in several answers if it is long.
fn whole(
    client: &ApiClient,
    address: &Address,
    from: Slot,
    to: Slot,
) -> Result<DrawsResponse, ClientError> {
    let mut whole = client.draws(address, from, to)?;
    while let Some(next) = whole.next {
        let part = client.draws(address, next, to)?;
        if part.to <= next {
            break;
        }
        whole.draws.extend(part.draws);
        (whole.to, whole.next) = (part.to, part.next);
    }
    Ok(whole)
}
