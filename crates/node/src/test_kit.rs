//! What tests of whole nodes begin with.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use crate::assembly::NodeConfig;
use crate::data_layout::DataLayout;
use crate::history_mode::HistoryMode;
use crate::home::{Chain, open_dev_chain};
use crate::network::NetworkOptions;
use picot_api::ApiConfig;
use picot_clock::{Clock, Timestamp};
use picot_database::DatabaseConfig;
use std::net::Ipv4Addr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A development chain of two threads and short periods, whose factories wait so long at a start.
pub(crate) fn short_chain(
    layout: &DataLayout,
    now: Timestamp,
    t0_ms: u64,
    startup_delay_ms: u64,
) -> Chain {
    let mut chain = open_dev_chain(layout, now).unwrap();
    let params = &mut chain.genesis.params;
    params.thread_count = 2;
    params.t0_ms = t0_ms;
    params.block_startup_delay_ms = startup_delay_ms;
    params.endorsement_startup_delay_ms = startup_delay_ms;
    chain.genesis.validate().unwrap();
    chain
}

/// What the keys of a development directory are locked with.
pub(crate) fn dev_passphrase(layout: &DataLayout) -> Zeroizing<String> {
    let text = std::fs::read_to_string(layout.dev_passphrase_file()).unwrap();
    Zeroizing::new(text.trim().to_owned())
}

/// A node without peers, on free ports of loopback.
pub(crate) fn lone_node(layout: &DataLayout, chain: &Chain, clock: Arc<dyn Clock>) -> NodeConfig {
    let loopback = (Ipv4Addr::LOCALHOST, 0).into();
    NodeConfig {
        trusted_checkpoint: None,
        layout: layout.clone(),
        chain: chain.clone(),
        database: DatabaseConfig::dev(),
        api: ApiConfig {
            listen: loopback,
            ..ApiConfig::default()
        },
        control: loopback,
        pool: picot_pool::Config::default(),
        passphrase: Some(dev_passphrase(layout)),
        keys_never_signed: false,
        started_at: clock.now(),
        clock,
        network: NetworkOptions::alone(),
        history: HistoryMode::Full,
    }
}
