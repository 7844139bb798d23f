//! `picot draws`: when addresses are drawn, and what came of it.

use super::args::DrawsArgs;
use super::{CliError, World, tables};
use crate::client::{ApiClient, ClientError};
use picot_api::types::DrawsResponse;
use picot_models::Slot;

pub(super) fn run(arguments: &DrawsArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let client = ApiClient::new(arguments.node.api.clone());
    let answers = ask(&client, arguments).map_err(|source| CliError::Node {
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
    world.say(tables.join("\n\n"))
}

fn ask(client: &ApiClient, arguments: &DrawsArgs) -> Result<Vec<DrawsResponse>, ClientError> {
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
        .map(|address| client.draws(address, from, to));
    draws.collect()
}
