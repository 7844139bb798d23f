//! The arguments of `picot peers`.

use super::{ApiArgs, ControlArgs};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum PeersCommand {
    /// Show who is connected, who is kept a place for, and who is refused
    #[command(after_help = "\
Examples:
  picot peers list
  picot peers list --data /var/lib/picot --json")]
    List(ControlArgs),
    /// Show the peers of any node, as its interface tells everybody: without their addresses
    #[command(after_help = "\
Examples:
  picot peers show
  picot peers show --api http://127.0.0.1:4711 --json")]
    Show(ApiArgs),
    /// Connect to a node
    #[command(after_help = "\
Examples:
  picot peers add /ip4/192.0.2.7/tcp/4703
  picot peers add --reserved /ip4/192.0.2.7/tcp/4703/p2p/12D3Koo…")]
    Add(PeersAddArgs),
    /// End the connection with a node, and keep no place for it
    #[command(after_help = "\
Examples:
  picot peers remove 12D3Koo…")]
    Remove(PeerArgs),
    /// Refuse a node, and the address that it is connected from
    #[command(after_help = "\
Examples:
  picot peers ban 12D3Koo… --seconds 3600")]
    Ban(PeersBanArgs),
    /// Let a banned node in again
    #[command(after_help = "\
Examples:
  picot peers unban 12D3Koo…")]
    Unban(PeerArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PeersAddArgs {
    /// Where it is
    #[arg(value_name = "MULTIADDR")]
    pub(crate) address: String,
    /// Keep a place for it, and call it for ever; the address must end in /p2p/NODE
    #[arg(long)]
    pub(crate) reserved: bool,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PeerArgs {
    /// Which node, as `picot peers list` names it
    pub(crate) node: String,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PeersBanArgs {
    /// Which node, as `picot peers list` names it
    pub(crate) node: String,
    /// For how long
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..=366 * 86_400))]
    pub(crate) seconds: u64,
    #[command(flatten)]
    pub(crate) control: ControlArgs,
}
