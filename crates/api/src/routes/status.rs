//! `GET /status`: how the node is.

use crate::ApiContext;
use crate::control::peers::PeerControl;
use crate::limits::Shared;
use crate::problem::Refusal;
use crate::types::{
    PeersSummary, PoolStatus, ProductionStatus, StatusResponse, SupplyStatus, ThreadStatus,
};
use axum::Json;
use axum::extract::State;
use picot_consensus::{BehindReason, ThreadSummary};
use picot_execution::Totals;

pub(crate) async fn read(State(shared): State<Shared>) -> Result<Json<StatusResponse>, Refusal> {
    shared
        .read(|interface| Ok(describe(interface)))
        .await
        .map(Json)
}

fn describe(context: &ApiContext) -> StatusResponse {
    let now = context.clock.now();
    let consensus = context.consensus.summary();
    let execution = context.execution.summary();
    StatusResponse {
        chain_id: context.chain_id,
        chain_name: context.genesis.name.clone(),
        node_version: context.node_version.to_owned(),
        started_at: context.started_at,
        now,
        current_slot: context.slot_clock.latest_slot_at(now),
        last_final_slot: execution.last_final_slot,
        state_hash: execution.state_hash,
        threads: consensus.threads.iter().map(thread_status).collect(),
        // Once execution has stopped, consensus does not keep up either: the cause comes first.
        behind: execution
            .stopped
            .or_else(|| consensus.behind.map(behind_text)),
        peers: context.peers.as_deref().map(peers_summary),
        decided_slots: consensus.decided_slots,
        missed_slots: consensus.missed_slots,
        production: production_status(context),
        pool: pool_status(context),
        supply: supply_status(&execution.totals),
    }
}

fn peers_summary(peers: &dyn PeerControl) -> PeersSummary {
    let answer = peers.peers();
    let introduced = answer.peers.iter().filter(|peer| peer.agent.is_some());
    PeersSummary {
        connected: introduced.count(),
        clock_behind_ms: answer.clock_behind_ms,
    }
}

fn thread_status(thread: &ThreadSummary) -> ThreadStatus {
    let (latest_block, latest_block_period) = thread.latest_block;
    ThreadStatus {
        thread: thread.thread,
        decided_period: thread.decided_period,
        latest_block,
        latest_block_period,
        open_slot: thread.open.map(|(slot, _)| slot),
        round: thread.open.map(|(_, round)| round),
    }
}

pub(super) fn behind_text(reason: BehindReason) -> String {
    match reason {
        BehindReason::StartupWait { until } => {
            format!("waiting after the start until {until} before it signs")
        }
        BehindReason::Draws { cycle } => format!("the draws of cycle {cycle} are not known yet"),
        BehindReason::Outcomes { decided_elsewhere } => {
            format!("others have decided slots up to {decided_elsewhere}")
        }
        BehindReason::Undecided { slot } => {
            format!("slot {slot} is undecided for longer than a period")
        }
    }
}

fn production_status(context: &ApiContext) -> ProductionStatus {
    let facts = context.production.facts();
    ProductionStatus {
        producing: facts.producing,
        not_producing: facts.not_producing,
        staking_addresses: facts.staking_addresses,
        blocks_produced: facts.blocks_produced,
        endorsements_produced: facts.endorsements_produced,
        refused: facts.refused,
    }
}

fn pool_status(context: &ApiContext) -> PoolStatus {
    let stats = context.pool.stats();
    PoolStatus {
        operations: stats.operations(),
        operation_bytes: stats.bytes(),
        endorsements: stats.endorsements,
        denunciations: stats.denunciations,
    }
}

const fn supply_status(totals: &Totals) -> SupplyStatus {
    SupplyStatus {
        balances: totals.balances,
        rolls: totals.rolls,
        deferred_credits: totals.deferred_credits,
        storage_deposits: totals.storage_deposits,
        genesis_supply: totals.genesis_supply,
        minted: totals.minted,
        burnt: totals.burnt,
        slashed: totals.slashed,
    }
}
