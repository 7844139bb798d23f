//! `picot peers`: the peers of the node that runs on a data directory.

use super::args::{ControlArgs, PeerArgs, PeersAddArgs, PeersBanArgs, PeersCommand};
use super::{CliError, World, control, tables};
use picot_api::control::peers::PeerResponse;
use picot_client::{ApiClient, ClientError, ControlClient};

pub(super) fn run(command: PeersCommand, world: &mut World<'_>) -> Result<(), CliError> {
    match command {
        PeersCommand::List(arguments) => list(&arguments, world),
        PeersCommand::Show(node) => {
            let action = "read the peers";
            super::read::show(&node, action, ApiClient::peers, tables::public_peers, world)
        }
        PeersCommand::Add(PeersAddArgs {
            address,
            reserved,
            control,
        }) => change(&control, "add a peer", world, |node| {
            node.add_peer(&address, reserved)
        }),
        PeersCommand::Remove(PeerArgs {
            node: name,
            control,
        }) => change(&control, "remove a peer", world, |node| {
            node.remove_peer(&name)
        }),
        PeersCommand::Ban(PeersBanArgs {
            node: name,
            seconds,
            control,
        }) => change(&control, "ban a peer", world, |node| {
            node.ban_peer(&name, seconds)
        }),
        PeersCommand::Unban(PeerArgs {
            node: name,
            control,
        }) => change(&control, "let a peer in again", world, |node| {
            node.unban_peer(&name)
        }),
    }
}

fn list(arguments: &ControlArgs, world: &mut World<'_>) -> Result<(), CliError> {
    let answer = control::ask(&arguments.data, "read the peers", ControlClient::peers)?;
    if arguments.json {
        return world.say_json(&answer);
    }
    world.say(tables::peers(&answer))
}

fn change(
    arguments: &ControlArgs,
    action: &str,
    world: &mut World<'_>,
    change: impl FnOnce(&ControlClient) -> Result<PeerResponse, ClientError>,
) -> Result<(), CliError> {
    let answer = control::ask(&arguments.data, action, change)?;
    if arguments.json {
        return world.say_json(&answer);
    }
    world.say(answer.peer)
}
