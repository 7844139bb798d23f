//! How answers look to people.

use comfy_table::{Table, presets};
use picot_client::printable;
mod chain;
mod pending;
mod production;

pub(super) use chain::{agreement, blocks, cycle_production, cycles, slot_draws, slots, stakers};
pub(super) use pending::{
    block_operations, event, fees, pending_operations, pool, public_peers, simulation,
};
pub(super) use production::{draws, factories, history, keys, protection};

use picot_api::control::peers::{LaneStatus, PeerStatus, PeersResponse};
use picot_api::types::{
    AccountState, AddressResponse, BlockResponse, BlockState, CheckpointResponse,
    CheckpointsResponse, OpenCheckpointResponse, OperationResponse, OperationResult,
    OperationState, SlotResponse, SlotState, StatusResponse, SubmittedOperation, ThreadStatus,
};
use picot_models::{Address, Genesis, OperationKind, Slot, Value};
use std::fmt::Display;

/// A row of facts: what, and its value, which may have several lines.
type Fact = (&'static str, String);

pub(super) fn status(status: &StatusResponse) -> String {
    let slot = match status.current_slot {
        Some(slot) => format!("{}, slot {slot}", status.now),
        None => format!("{}, before the first slot", status.now),
    };
    let production = &status.production;
    let producing = match (&production.not_producing, production.producing) {
        (Some(reason), _) => format!("no: {}", printable(reason)),
        (None, true) => "yes".to_owned(),
        (None, false) => "no".to_owned(),
    };
    let behind = match &status.behind {
        Some(reason) => printable(reason),
        None => "no".to_owned(),
    };
    let peers = status.peers.as_ref().map(|peers| {
        let clock = peers.clock_behind_ms;
        let clock = clock.map(|behind| format!(", this clock {behind} ms behind theirs"));
        format!("{} connected{}", peers.connected, clock.unwrap_or_default())
    });
    let peers = peers.unwrap_or_else(|| "this node is alone".to_owned());
    let pool = &status.pool;
    let supply = &status.supply;
    let mut rows = vec![
        (
            "chain",
            format!("{} ({})", printable(&status.chain_name), status.chain_id),
        ),
        (
            "node",
            format!(
                "picot {}, since {}",
                printable(&status.node_version),
                status.started_at
            ),
        ),
        ("time", slot),
        (
            "final until",
            format!("slot {}, state {}", status.last_final_slot, hex(status)),
        ),
        ("behind", behind),
        ("peers", peers),
        (
            "decided",
            format!(
                "{} slots since the start, {} without a block",
                status.decided_slots, status.missed_slots
            ),
        ),
        ("producing", producing),
        ("addresses", lines(&production.staking_addresses)),
        (
            "produced",
            format!(
                "{} blocks, {} endorsements",
                production.blocks_produced, production.endorsements_produced
            ),
        ),
        (
            "pool",
            format!(
                "{} operations ({} bytes), {} endorsements, {} denunciations",
                pool.operations, pool.operation_bytes, pool.endorsements, pool.denunciations
            ),
        ),
        (
            "supply",
            format!(
                "{} on balances, {}, {} to be credited, {} held for storage",
                supply.balances,
                rolls(supply.rolls),
                supply.deferred_credits,
                supply.storage_deposits
            ),
        ),
        (
            "",
            format!(
                "{} at genesis, {} minted, {} burnt, {} slashed",
                supply.genesis_supply, supply.minted, supply.burnt, supply.slashed
            ),
        ),
    ];
    if !production.refused.is_empty() {
        rows.push(("refused keys", refused(status)));
    }
    let table = facts(rows);
    format!("{table}\n\n{}", threads(&status.threads))
}

/// Keys that were seen in use elsewhere.
fn refused(status: &StatusResponse) -> String {
    let refused = status.production.refused.iter();
    let texts = refused.map(|(address, reason)| format!("{address}: {}", printable(reason)));
    lines(&texts.collect::<Vec<_>>())
}

pub(super) fn block(block: &BlockResponse) -> String {
    let state = match block.state {
        BlockState::Candidate => "candidate: its slot is not decided yet",
        BlockState::Decided => "decided, not executed yet",
        BlockState::Final => "final",
        BlockState::Lost => "lost: its slot was decided as something else",
    };
    facts(vec![
        ("block", block.id.to_string()),
        ("slot", block.slot.to_string()),
        ("state", state.to_owned()),
        ("producer", block.producer.to_string()),
        ("version", block.version.to_string()),
        ("size", format!("{} bytes", block.size_bytes)),
        ("parents", lines(&block.parents)),
        ("operations", lines(&block.operations)),
        ("endorsements", lines(&block.endorsements)),
        ("denunciations", lines(&block.denunciations)),
    ])
}

pub(super) fn slot(slot: &SlotResponse) -> String {
    let mut rows = vec![
        ("slot", slot.slot.to_string()),
        ("starts", slot.start.to_string()),
    ];
    match &slot.state {
        SlotState::NotOpen => rows.push(("state", "not open yet".to_owned())),
        SlotState::NotKept => rows.push(("state", "decided, not kept by this node".to_owned())),
        SlotState::Undecided {
            round,
            candidates,
            leading,
        } => {
            rows.push(("state", format!("undecided, in round {round}")));
            rows.push(("candidates", lines(candidates)));
            rows.push(("leading", or_dash(leading.as_ref())));
        }
        SlotState::Decided {
            outcome_slot,
            value,
        } => {
            rows.push(("state", decided(slot, *outcome_slot, *value)));
            if let Some(id) = value.block() {
                rows.push(("block", id.to_string()));
            }
        }
    }
    let drawn = |addresses: &Option<Vec<Address>>| match addresses {
        Some(addresses) => lines(addresses),
        None => "not drawn yet".to_owned(),
    };
    rows.push(("producers", drawn(&slot.producers)));
    rows.push(("endorsers", drawn(&slot.endorsers)));
    facts(rows)
}

pub(super) fn checkpoints(answer: &CheckpointsResponse) -> String {
    let certified = match &answer.certified {
        Some(certified) => checkpoint(certified),
        None => "no checkpoint is certified yet".to_owned(),
    };
    if answer.open.is_empty() {
        return certified;
    }
    let row = |open: &OpenCheckpointResponse| {
        vec![
            open.slot.to_string(),
            or_dash(open.state_hash.as_ref()),
            format!("{} of {}", open.power, open.total_power),
        ]
    };
    let rows = answer.open.iter().map(row).collect();
    let open = list(&["being signed", "state", "power so far"], rows);
    format!("{certified}\n\n{open}")
}

pub(super) fn checkpoint(answer: &CheckpointResponse) -> String {
    facts(vec![
        ("checkpoint", answer.hash.to_string()),
        ("slot", answer.slot.to_string()),
        ("state", answer.state_hash.to_string()),
        ("validator sets", answer.validator_sets.to_string()),
        ("signers", lines(&answer.signers)),
    ])
}

pub(super) fn address(answer: &AddressResponse) -> String {
    let head = facts(vec![
        ("address", answer.address.to_string()),
        ("thread", answer.thread.to_string()),
    ]);
    let row = |name: &str, state: &AccountState| {
        let balance = match state.balance {
            Some(balance) => balance.to_string(),
            None => "- (never had coins)".to_owned(),
        };
        vec![
            name.to_owned(),
            balance,
            state.rolls.to_string(),
            credits(state),
        ]
    };
    let states = list(
        &["", "coins", "rolls", "coins to come"],
        vec![
            row("final", &answer.final_state),
            row("candidate", &answer.candidate),
        ],
    );
    format!("{head}\n\n{states}")
}

pub(super) fn operation(answer: &OperationResponse) -> String {
    let state = match answer.state {
        OperationState::Pending => "pending",
        OperationState::Candidate => "candidate: executed, not final yet",
        OperationState::Final => "final",
    };
    let outcome = outcome_text(answer.outcome.as_ref());
    let mut rows = vec![
        ("operation", answer.id.to_string()),
        ("state", state.to_owned()),
        ("outcome", outcome),
        ("slot", or_dash(answer.slot.as_ref())),
        ("block", or_dash(answer.block.as_ref())),
    ];
    if let Some(operation) = &answer.operation {
        rows.extend(order(operation));
    }
    facts(rows)
}

pub(super) fn genesis(genesis: &Genesis) -> String {
    let params = &genesis.params;
    let total = match genesis.supply() {
        Some(total) => total.to_string(),
        None => "-".to_owned(),
    };
    let head = facts(vec![
        (
            "chain",
            format!("{} ({})", printable(&genesis.name), genesis.chain_id()),
        ),
        ("starts", genesis.genesis_timestamp.to_string()),
        ("threads", params.thread_count.to_string()),
        ("period", format!("{} ms", params.t0_ms)),
        ("cycle", format!("{} periods", params.periods_per_cycle)),
        ("roll price", params.roll_price.to_string()),
        ("supply", format!("{total}, rolls included")),
    ]);
    let stakers = genesis.stakers.iter();
    let stakers = stakers.map(|staker| vec![staker.address.to_string(), staker.rolls.to_string()]);
    let coins = genesis.allocations.iter();
    let coins = coins.map(|(address, amount)| vec![address.to_string(), amount.to_string()]);
    let mut text = format!(
        "{head}\n\n{}",
        list(&["staker", "rolls"], stakers.collect())
    );
    if !genesis.allocations.is_empty() {
        let table = list(&["address", "coins"], coins.collect());
        text = format!("{text}\n\n{table}");
    }
    text
}

pub(super) fn addresses(addresses: &[Address]) -> String {
    lines(addresses)
}

fn threads(threads: &[ThreadStatus]) -> String {
    let row = |thread: &ThreadStatus| {
        let latest = Slot::new(thread.latest_block_period, thread.thread);
        vec![
            thread.thread.to_string(),
            thread.decided_period.to_string(),
            format!("{} in {latest}", thread.latest_block),
            or_dash(thread.open_slot.as_ref()),
            or_dash(thread.round.as_ref()),
        ]
    };
    let header = ["thread", "decided", "latest block", "open", "round"];
    list(&header, threads.iter().map(row).collect())
}

fn decided(slot: &SlotResponse, outcome_slot: Slot, value: Value) -> String {
    let how_far = if slot.is_final {
        "final"
    } else {
        "decided, not executed yet"
    };
    match value {
        Value::Block { .. } => how_far.to_owned(),
        Value::Miss { through } if outcome_slot.period == through => {
            format!("{how_far}, without a block")
        }
        Value::Miss { through } => format!(
            "{how_far}, without a block, as all of thread {} from period {} to {through}",
            outcome_slot.thread, outcome_slot.period
        ),
    }
}

fn credits(state: &AccountState) -> String {
    let credit = |credit: &picot_api::types::DeferredCredit| match credit.due {
        Some(due) => format!("{} at {due}", credit.amount),
        None => format!("{} after cycle {}", credit.amount, credit.cycle),
    };
    let texts: Vec<_> = state.deferred_credits.iter().map(credit).collect();
    lines(&texts)
}

/// What an operation came to.
fn outcome_text(outcome: Option<&OperationResult>) -> String {
    match outcome {
        None => "-".to_owned(),
        Some(OperationResult::Succeeded) => "succeeded".to_owned(),
        Some(OperationResult::Failed { reason }) => {
            format!("failed, fee spent: {}", printable(reason))
        }
        Some(OperationResult::Unpaid) => "unpaid: nothing moved".to_owned(),
        Some(OperationResult::Refused) => "refused: nothing moved".to_owned(),
    }
}

/// An order in words.
fn kind_text(kind: &OperationKind) -> String {
    match kind {
        OperationKind::Transfer { recipient, amount } => format!("send {amount} to {recipient}"),
        OperationKind::RollBuy { roll_count } => format!("buy {}", rolls(*roll_count)),
        OperationKind::RollSell { roll_count } => format!("sell {}", rolls(*roll_count)),
        OperationKind::Deploy { bytecode, .. } => {
            format!("deploy a contract of {} bytes", bytecode.len())
        }
        OperationKind::Call {
            contract, function, ..
        } => format!("call `{}` of {contract}", printable(function)),
    }
}

/// What an operation orders.
fn order(operation: &SubmittedOperation) -> Vec<Fact> {
    let content = &operation.content;
    let what = kind_text(&content.kind);
    vec![
        ("sender", Address::of_key(&operation.signer).to_string()),
        ("order", what),
        ("fee", content.fee.to_string()),
        ("expires", format!("after period {}", content.expire_period)),
    ]
}

pub(super) fn peers(answer: &PeersResponse) -> String {
    let row = |peer: &PeerStatus| {
        let agent = peer.agent.as_deref().map(printable);
        let traffic = |bytes: fn(&LaneStatus) -> u64| {
            let all = peer.lanes.iter().map(bytes);
            all.fold(0_u64, u64::saturating_add).to_string()
        };
        let mut notes = vec![if peer.outbound { "out" } else { "in" }];
        if peer.reserved {
            notes.push("reserved");
        }
        vec![
            printable(&peer.node),
            printable(&peer.address),
            notes.join(", "),
            agent.unwrap_or_else(|| "not introduced".to_owned()),
            or_dash(peer.round_trip_ms.as_ref()),
            or_dash(peer.clock_ahead_ms.as_ref()),
            peer.slots_ahead.to_string(),
            peer.penalty.to_string(),
            format!(
                "{} / {}",
                traffic(|lane| lane.received_bytes),
                traffic(|lane| lane.sent_bytes)
            ),
        ]
    };
    let header = [
        "node",
        "address",
        "link",
        "program",
        "ms away",
        "clock ahead ms",
        "slots ahead",
        "penalty",
        "bytes in / out",
    ];
    let clock = answer.clock_behind_ms.map_or_else(
        || "as fewer than three peers tell: not known".to_owned(),
        |behind| format!("{behind} ms behind those of the peers"),
    );
    let bans = answer.bans.iter().map(|ban| {
        let (node, reason) = (printable(&ban.node), printable(&ban.reason));
        format!("{node} until {}: {reason}", ban.until)
    });
    let facts = facts(vec![
        ("this node", printable(&answer.node)),
        ("addresses", lines(&answer.addresses)),
        ("clock", clock),
        ("reserved", lines(&answer.reserved)),
        ("refused", lines(&bans.collect::<Vec<_>>())),
    ]);
    format!(
        "{facts}\n\n{}",
        list(&header, answer.peers.iter().map(row).collect())
    )
}

/// So many rolls, in words.
pub(super) fn rolls(count: u64) -> String {
    match count {
        1 => "1 roll".to_owned(),
        _ => format!("{count} rolls"),
    }
}

fn hex(status: &StatusResponse) -> String {
    let bytes = status.state_hash.as_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn lines<T: Display>(items: &[T]) -> String {
    if items.is_empty() {
        return "-".to_owned();
    }
    let texts: Vec<_> = items.iter().map(ToString::to_string).collect();
    texts.join("\n")
}

fn or_dash<T: Display>(item: Option<&T>) -> String {
    item.map_or_else(|| "-".to_owned(), ToString::to_string)
}

pub(super) fn facts(rows: Vec<Fact>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (what, value) in rows {
        table.add_row(vec![what.to_owned(), value]);
    }
    finish(&mut table)
}

pub(super) fn list(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.to_vec());
    table.add_rows(rows);
    finish(&mut table)
}

/// Flush left, two blanks between columns, nothing at the ends of lines.
fn finish(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
pub(super) mod tests;
