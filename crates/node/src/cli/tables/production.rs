//! How production, keys and draws look to people.

use super::{Fact, facts, lines, list, or_dash};
use crate::cli::protection::{ProtectionAnswer, SignedBy};
use picot_api::control::types::{
    Duty, Event, FactoriesResponse, FactoryStatus, Fate, HistoryEntry, HistoryResponse, KeyStatus,
    KeysResponse,
};
use picot_api::types::{Draw, DrawResult, DrawsResponse};
use picot_client::printable;
use std::collections::BTreeMap;
use std::fmt::Display;

pub(in crate::cli) fn factories(answer: &FactoriesResponse) -> String {
    let tables: Vec<_> = answer.factories.iter().map(factory).collect();
    tables.join("\n\n")
}

fn factory(status: &FactoryStatus) -> String {
    let switch = if status.enabled { "on" } else { "off" };
    let waited = match status.waits_until {
        Some(end) => format!("until {end} after the start"),
        None => "none: all was new at the start".to_owned(),
    };
    let facts: Vec<Fact> = vec![
        ("factory", status.factory.to_string()),
        ("switched", switch.to_owned()),
        ("wait", waited),
        ("produced", status.produced.to_string()),
        ("skipped", counts(&status.skipped)),
        ("left out", counts(&status.left_out)),
        ("missed ticks", status.missed_ticks.to_string()),
        (
            "took",
            format!(
                "{} ms the latest, {} ms the longest",
                status.latest_duration_ms, status.longest_duration_ms
            ),
        ),
    ];
    super::facts(facts)
}

fn counts<K: Display>(counts: &BTreeMap<K, u64>) -> String {
    let texts: Vec<_> = counts
        .iter()
        .map(|(what, count)| format!("{count} times {what}"))
        .collect();
    lines(&texts)
}

pub(in crate::cli) fn history(answer: &HistoryResponse) -> String {
    let header = ["slot", "address", "duty", "what happened", "fate"];
    list(&header, answer.entries.iter().map(line).collect())
}

fn line(entry: &HistoryEntry) -> Vec<String> {
    let duty = match entry.duty {
        Duty::Block { rank: Some(rank) } => format!("rank {rank}"),
        Duty::Endorsement { index: Some(index) } => format!("index {index}"),
        Duty::Block { rank: None } | Duty::Endorsement { index: None } => "not known".to_owned(),
    };
    let happened = match &entry.event {
        Event::ProducedBlock(id) => format!("made {id} in {}", entry.duration),
        Event::ProducedEndorsement { block, .. } => {
            format!("endorsed {block} in {}", entry.duration)
        }
        Event::Skipped(skip) => printable(&skip.to_string()),
    };
    let left_out = entry.left_out.iter();
    let left_out = left_out.map(|part| format!("without {part}"));
    let happened: Vec<_> = std::iter::once(happened).chain(left_out).collect();
    vec![
        entry.slot.to_string(),
        or_dash(entry.address.as_ref()),
        duty,
        lines(&happened),
        fate(entry),
    ]
}

fn fate(entry: &HistoryEntry) -> String {
    match (entry.fate, entry.event.block()) {
        (Fate::Undecided, _) => "undecided".to_owned(),
        (Fate::Decided, _) => "decided".to_owned(),
        (Fate::LostTo(id), Some(_)) => format!("lost to {id}"),
        (Fate::LostTo(id), None) => format!("{id}"),
        (Fate::Missed, _) => "missed".to_owned(),
        (Fate::Unknown, _) => "not kept".to_owned(),
    }
}

pub(in crate::cli) fn keys(answer: &KeysResponse) -> String {
    if answer.keys.is_empty() {
        let what = if answer.locked {
            "the wallet is locked, or there is none"
        } else {
            "no keys"
        };
        return what.to_owned();
    }
    let row = |key: &KeyStatus| {
        let state = match (&key.refused, key.held) {
            (Some(reason), _) => format!("refused: {}", printable(reason)),
            (None, true) => "in use".to_owned(),
            (None, false) => "-".to_owned(),
        };
        vec![
            key.address.to_string(),
            key.thread.to_string(),
            or_dash(key.rolls.as_ref()),
            state,
        ]
    };
    let header = ["address", "thread", "rolls", "state"];
    list(&header, answer.keys.iter().map(row).collect())
}

pub(in crate::cli) fn protection(answer: &ProtectionAnswer) -> String {
    let row = |signed: &SignedBy| {
        vec![
            signed.address.to_string(),
            signed.claims.to_string(),
            or_dash(signed.first.as_ref()),
            or_dash(signed.last.as_ref()),
        ]
    };
    let head = facts(vec![(
        "complete from",
        format!(
            "slot {}: nothing is signed for earlier ones",
            answer.complete_from
        ),
    )]);
    let header = ["address", "claims", "first slot", "last slot"];
    let rows = answer.addresses.iter().map(row).collect();
    format!("{head}\n\n{}", list(&header, rows))
}

pub(in crate::cli) fn draws(answer: &DrawsResponse) -> String {
    let head = facts(vec![
        ("address", answer.address.to_string()),
        (
            "slots",
            format!("from {} to before {}", answer.from, answer.to),
        ),
    ]);
    if answer.draws.is_empty() {
        return format!("{head}\n\nnot drawn: it has no rolls that count there");
    }
    let header = ["slot", "starts", "block", "endorsements", "result"];
    format!(
        "{head}\n\n{}",
        list(&header, answer.draws.iter().map(draw).collect())
    )
}

fn draw(draw: &Draw) -> Vec<String> {
    let rank = draw.rank.map(|rank| format!("rank {rank}"));
    let result = match draw.result {
        DrawResult::Undecided => "-".to_owned(),
        DrawResult::Produced { block } => format!("its block {block}"),
        DrawResult::OfAnother { block, .. } => format!("another's {block}"),
        DrawResult::Missed => "no block".to_owned(),
        DrawResult::NotKept => "not kept".to_owned(),
    };
    vec![
        draw.slot.to_string(),
        draw.start.to_string(),
        or_dash(rank.as_ref()),
        endorsements(draw),
        result,
    ]
}

/// The indices drawn, and how many of them the next block carries.
fn endorsements(draw: &Draw) -> String {
    if draw.endorser_indices.is_empty() {
        return "-".to_owned();
    }
    let indices = draw.endorser_indices.iter().map(ToString::to_string);
    let indices = indices.collect::<Vec<_>>().join(" ");
    match &draw.endorsed {
        Some(carried) => format!("{indices} ({} carried)", carried.len()),
        None => indices,
    }
}
