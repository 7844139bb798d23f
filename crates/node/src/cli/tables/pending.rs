//! How pending operations, fees, simulations, peers and events look to people.

use super::chain::block_or_miss;
use super::{Fact, facts, kind_text, list, or_dash, outcome_text, rolls};
use picot_api_types::{
    BalanceChange, BlockOperation, BlockOperationsResponse, FeesResponse, OperationState,
    PendingOperation, PendingOperationsResponse, PoolResponse, PoolThread, PublicPeer,
    PublicPeersResponse, SimulateResponse,
};
use picot_client::{NodeEvent, printable};
use picot_models::Value;

pub(in crate::cli) fn block_operations(answer: &BlockOperationsResponse) -> String {
    let head = facts(vec![
        ("block", answer.id.to_string()),
        ("slot", answer.slot.to_string()),
        ("operations", answer.operation_count.to_string()),
    ]);
    let row = |operation: &BlockOperation| {
        let content = &operation.operation.content;
        vec![
            operation.id.to_string(),
            operation.sender.to_string(),
            kind_text(&content.kind),
            content.fee.to_string(),
            outcome_text(operation.outcome.as_ref()),
        ]
    };
    let header = ["operation", "sender", "order", "fee", "outcome"];
    let rows = answer.operations.iter().map(row).collect();
    format!("{head}\n\n{}", list(&header, rows))
}

pub(in crate::cli) fn pending_operations(answer: &PendingOperationsResponse) -> String {
    let head = facts(vec![
        ("sender", answer.sender.to_string()),
        ("pending", answer.total.to_string()),
    ]);
    if answer.operations.is_empty() {
        return head;
    }
    let row = |pending: &PendingOperation| {
        let content = &pending.operation.content;
        vec![
            pending.id.to_string(),
            kind_text(&content.kind),
            content.fee.to_string(),
            format!("after period {}", content.expire_period),
        ]
    };
    let rows = answer.operations.iter().map(row).collect();
    let header = ["operation", "order", "fee", "expires"];
    format!("{head}\n\n{}", list(&header, rows))
}

pub(in crate::cli) fn pool(answer: &PoolResponse) -> String {
    let bounds = &answer.bounds;
    let head = facts(vec![
        (
            "operations",
            format!("{} ({} bytes)", answer.operations, answer.operation_bytes),
        ),
        ("endorsements", answer.endorsements.to_string()),
        ("denunciations", answer.denunciations.to_string()),
        (
            "at most",
            format!(
                "{} operations and {} bytes of a thread, {} operations of a sender",
                bounds.max_operations_per_thread,
                bounds.max_bytes_per_thread,
                bounds.max_operations_per_sender
            ),
        ),
    ]);
    let row = |thread: &PoolThread| {
        vec![
            thread.thread.to_string(),
            thread.operations.to_string(),
            thread.bytes.to_string(),
            thread.senders.to_string(),
            thread.not_yet_valid.to_string(),
            or_dash(thread.lowest_fee.as_ref()),
            or_dash(thread.highest_fee.as_ref()),
            thread.evicted.to_string(),
            thread.expired.to_string(),
        ]
    };
    let header = [
        "thread",
        "operations",
        "bytes",
        "senders",
        "not yet valid",
        "worst pays",
        "best pays",
        "pushed out",
        "expired",
    ];
    let rows = answer.threads.iter().map(row).collect();
    format!(
        "{head}\n\n{}\n\nWhat they pay is told for a block full of their like.",
        list(&header, rows)
    )
}

pub(in crate::cli) fn fees(answer: &FeesResponse) -> String {
    let thread = match answer.thread {
        Some(thread) => thread.to_string(),
        None => "that which asks most".to_owned(),
    };
    let mut rows: Vec<Fact> = vec![
        ("thread", thread),
        ("at least", answer.minimal_fee.to_string()),
        ("next block", answer.suggested.next_block.to_string()),
    ];
    for suggested in &answer.suggested.within_periods {
        let text = format!("{} within {} periods", suggested.fee, suggested.periods);
        rows.push(("", text));
    }
    facts(rows)
}

pub(in crate::cli) fn simulation(answer: &SimulateResponse) -> String {
    let row = |change: &BalanceChange| {
        vec![
            change.address.to_string(),
            or_dash(change.before.as_ref()),
            change.after.to_string(),
        ]
    };
    let (before, after) = (answer.rolls.before, answer.rolls.after);
    let mut rows: Vec<Fact> = vec![
        ("would be", outcome_text(Some(&answer.outcome))),
        ("gas", answer.gas_used.to_string()),
    ];
    if before != after {
        rows.push(("rolls", format!("{} instead of {before}", rolls(after))));
    }
    if !answer.burnt.is_zero() {
        rows.push(("burnt", answer.burnt.to_string()));
    }
    let head = facts(rows);
    if answer.balances.is_empty() {
        return head;
    }
    let changes = answer.balances.iter().map(row).collect();
    format!(
        "{head}\n\n{}",
        list(&["address", "coins before", "after"], changes)
    )
}

pub(in crate::cli) fn public_peers(answer: &PublicPeersResponse) -> String {
    let clock = match answer.clock_behind_ms {
        Some(behind) => format!("{behind} ms behind those of the peers"),
        None => "as fewer than three peers tell: not known".to_owned(),
    };
    let node = answer.node.as_deref().map(printable);
    let head = facts(vec![
        ("this node", node.unwrap_or_else(|| "is alone".to_owned())),
        ("connected", answer.connected.to_string()),
        ("clock", clock),
    ]);
    if answer.peers.is_empty() {
        return head;
    }
    let row = |peer: &PublicPeer| {
        let agent = peer.agent.as_deref().map(printable);
        vec![
            printable(&peer.node),
            if peer.outbound { "out" } else { "in" }.to_owned(),
            agent.unwrap_or_else(|| "not introduced".to_owned()),
            or_dash(peer.round_trip_ms.as_ref()),
            or_dash(peer.clock_ahead_ms.as_ref()),
            peer.slots_ahead.to_string(),
        ]
    };
    let header = [
        "node",
        "link",
        "program",
        "ms away",
        "clock ahead ms",
        "slots ahead",
    ];
    format!(
        "{head}\n\n{}",
        list(&header, answer.peers.iter().map(row).collect())
    )
}

/// One line of `picot watch`.
pub(in crate::cli) fn event(event: &NodeEvent) -> String {
    match event {
        NodeEvent::Opened(opened) => format!("opened     {}", opened.slot),
        NodeEvent::Candidate(candidate) => {
            let ours = if candidate.own { ", ours" } else { "" };
            format!(
                "candidate  {}  {} of {}{ours}",
                candidate.slot, candidate.block, candidate.producer
            )
        }
        NodeEvent::Leading(leading) => {
            let block = or_dash(leading.block.as_ref());
            format!("leading    {}  {block}", leading.slot)
        }
        NodeEvent::Round(round) => format!("round      {}  {}", round.slot, round.round),
        NodeEvent::Decided(decided) => {
            let what = match decided.value {
                Value::Block { id } => id.to_string(),
                Value::Miss { through } if through == decided.slot.period => "no block".to_owned(),
                Value::Miss { through } => format!("no block up to period {through}"),
            };
            format!(
                "decided    {}  {what}, in round {}, after {} ms",
                decided.slot, decided.round, decided.delay_ms
            )
        }
        NodeEvent::Slot(slot) => {
            let text = block_or_miss(slot.slot, slot.block);
            format!("final      {text}, {} operations", slot.operations.len())
        }
        NodeEvent::Operation(operation) => {
            let state = match operation.state {
                None => "not known",
                Some(OperationState::Pending) => "pending",
                Some(OperationState::Candidate) => "candidate",
                Some(OperationState::Final) => "final",
            };
            let place = operation.slot.map(|slot| format!(" in slot {slot}"));
            let outcome = operation.outcome.as_ref();
            let outcome = outcome.map(|outcome| format!(", {}", outcome_text(Some(outcome))));
            let (place, outcome) = (place.unwrap_or_default(), outcome.unwrap_or_default());
            format!("operation  {}  {state}{place}{outcome}", operation.id)
        }
        NodeEvent::Missed(missed) => {
            let count = missed.count.map(|count| count.to_string());
            let count = count.unwrap_or_else(|| "an unknown number of".to_owned());
            let next = missed.next.map(|slot| format!("; slot {slot} follows"));
            format!("missed     {count} events{}", next.unwrap_or_default())
        }
    }
}
