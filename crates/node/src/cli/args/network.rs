//! The arguments of `picot node` that have to do with other nodes.

use clap::Args;
use picot_network::Address;

#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Where to listen for other nodes, for example /ip4/0.0.0.0/tcp/4703; may be repeated
    /// [default: port 4703 of all addresses; with --dev: nowhere]
    #[arg(long, value_name = "MULTIADDR", verbatim_doc_comment)]
    pub(crate) listen: Vec<Address>,
    /// A node to connect to at first, with or without /p2p/NODE; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) peer: Vec<Address>,
    /// A node that always has a place, with /p2p/NODE; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) reserved: Vec<Address>,
    /// Where others reach this node, if that differs from where it listens; may be repeated
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) external: Vec<Address>,
    /// Look for no other nodes than those that are named or call
    #[arg(long)]
    pub(crate) no_discovery: bool,
    /// Connections with one address, at most
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) max_per_address: u32,
}
