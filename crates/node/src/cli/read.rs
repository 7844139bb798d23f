//! Commands that ask a running node something: a table for people, JSON for programs.

use super::args::{
    AddressArgs, AfterArgs, ApiArgs, BlockArgs, FeesArgs, OperationArgs, PoolArgs, SlotArgs,
    StatusArgs,
};
use super::{CliError, World, tables};
use picot_client::{ApiClient, ClientError};
use serde::Serialize;

pub(super) fn status(arguments: &StatusArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let ask = |client: &ApiClient| client.status();
    show(
        &arguments.node,
        "read the status",
        ask,
        tables::status,
        world,
    )
}

pub(super) fn block(arguments: &BlockArgs, world: &mut World<'_>) -> Result<(), CliError> {
    if arguments.operations {
        let part = AfterArgs {
            limit: arguments.limit,
            after: arguments.after.clone(),
        };
        return super::lists::block_operations(arguments, &part, world);
    }
    let id = arguments.id;
    let ask = |client: &ApiClient| client.block(&id);
    let action = format!("read block {id}");
    show(&arguments.node, &action, ask, tables::block, world)
}

pub(super) fn slot(arguments: &SlotArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let slot = arguments.slot;
    let ask = |client: &ApiClient| client.slot(slot);
    let action = format!("read slot {slot}");
    show(&arguments.node, &action, ask, tables::slot, world)
}

pub(super) fn agreement(arguments: &SlotArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let slot = arguments.slot;
    let ask = |client: &ApiClient| client.agreement(slot);
    let action = format!("read the agreement of slot {slot}");
    show(&arguments.node, &action, ask, tables::agreement, world)
}

pub(super) fn fees(arguments: &FeesArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let ask = |client: &ApiClient| client.fees(arguments.sender.as_ref());
    show(&arguments.node, "read the fees", ask, tables::fees, world)
}

pub(super) fn pool(arguments: &PoolArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let action = "read what is pending";
    show(
        &arguments.node,
        action,
        ApiClient::pool,
        tables::pool,
        world,
    )
}

pub(super) fn address(arguments: &AddressArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let address = arguments.address;
    let ask = |client: &ApiClient| client.address(&address);
    let action = format!("read address {address}");
    show(&arguments.node, &action, ask, tables::address, world)
}

pub(super) fn operation(arguments: &OperationArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let id = arguments.id;
    let ask = |client: &ApiClient| client.operation(&id);
    let action = format!("read operation {id}");
    show(&arguments.node, &action, ask, tables::operation, world)
}

pub(super) fn show<T: Serialize>(
    node: &ApiArgs,
    action: &str,
    ask: impl FnOnce(&ApiClient) -> Result<T, ClientError>,
    table: impl FnOnce(&T) -> String,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    let client = ApiClient::new(node.api.clone());
    let answer = ask(&client).map_err(|source| CliError::Node {
        action: action.to_owned(),
        source,
    })?;
    if node.json {
        return world.say_json(&answer);
    }
    world.say(table(&answer))
}
