//! How lists of the chain look to people: slots, blocks, votes, stakers, cycles.

use super::{Fact, facts, lines, list, or_dash};
use picot_api_types::{
    AddressProduction, AgreementCandidate, AgreementResponse, AgreementRound, BlockState,
    BlockSummary, BlocksResponse, CycleSummary, CyclesResponse, ProductionResponse, SlotDraw,
    SlotDrawsResponse, SlotPhase, SlotSummary, SlotsResponse, Staker, StakersResponse, VoteKind,
};
use picot_models::{BlockId, Slot, Value};

pub(in crate::cli) fn slots(answer: &SlotsResponse) -> String {
    let row = |slot: &SlotSummary| {
        let (block, producer) = match slot.status {
            SlotPhase::Undecided => (slot.leading, slot.drawn),
            _ => (slot.block, slot.producer.or(slot.drawn)),
        };
        vec![
            slot.slot.to_string(),
            slot.start.to_string(),
            slot_status(slot),
            or_dash(block.as_ref()),
            or_dash(producer.as_ref()),
            or_dash(slot.operation_count.as_ref()),
            own(slot.own),
        ]
    };
    let header = [
        "slot",
        "starts",
        "state",
        "block",
        "producer",
        "operations",
        "",
    ];
    list(&header, answer.slots.iter().map(row).collect())
}

fn slot_status(slot: &SlotSummary) -> String {
    let candidates = counted(slot.candidates.len(), "candidate");
    match (slot.status, slot.round, slot.block) {
        (SlotPhase::Undecided, Some(0) | None, _) => format!("undecided, {candidates}"),
        (SlotPhase::Undecided, Some(round), _) => {
            format!("undecided, round {round}, {candidates}")
        }
        (SlotPhase::Decided | SlotPhase::Final, _, None) => {
            format!("{}, no block", phase(slot.status))
        }
        (status, ..) => phase(status).to_owned(),
    }
}

/// So many of something, in words.
fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

const fn phase(phase: SlotPhase) -> &'static str {
    match phase {
        SlotPhase::NotOpen => "not open yet",
        SlotPhase::Undecided => "undecided",
        SlotPhase::Decided => "decided",
        SlotPhase::Final => "final",
        SlotPhase::NotKept => "not kept",
    }
}

fn own(is_own: bool) -> String {
    if is_own { "ours" } else { "" }.to_owned()
}

pub(in crate::cli) fn blocks(answer: &BlocksResponse) -> String {
    let row = |block: &BlockSummary| {
        let state = match block.state {
            BlockState::Candidate => "candidate",
            BlockState::Decided => "decided",
            BlockState::Final => "final",
            BlockState::Lost => "lost",
        };
        vec![
            block.slot.to_string(),
            block.start.to_string(),
            block.id.to_string(),
            state.to_owned(),
            block.producer.to_string(),
            block.operation_count.to_string(),
            block.size_bytes.to_string(),
        ]
    };
    let header = [
        "slot",
        "starts",
        "block",
        "state",
        "producer",
        "operations",
        "bytes",
    ];
    list(&header, answer.blocks.iter().map(row).collect())
}

pub(in crate::cli) fn agreement(answer: &AgreementResponse) -> String {
    let total = answer.total_power;
    let power = match (answer.quorum_power, total) {
        (Some(quorum), Some(total)) => format!("{quorum} of {total} decide"),
        _ => "not known: the draws of this slot are not".to_owned(),
    };
    let mut rows: Vec<Fact> = vec![
        ("slot", answer.slot.to_string()),
        ("state", phase(answer.status).to_owned()),
        ("decided", decision(answer)),
        ("power", power),
    ];
    if let Some(opened) = answer.opened_at {
        rows.push(("opened", opened.to_string()));
    }
    if let Some(certificate) = &answer.certificate {
        let kind = match certificate.kind {
            VoteKind::Notarise => "notarise",
            VoteKind::Nullify => "nullify",
            VoteKind::Finalise => "finalise",
        };
        let share = certificate.power.map(|power| of_total(power, total));
        let share = share.unwrap_or_else(|| "power not known".to_owned());
        let text = format!(
            "{kind}, round {}, {share}, {}",
            certificate.round,
            counted(certificate.signers.len(), "signer")
        );
        rows.push(("certificate", text));
    }
    let mut tables = vec![facts(rows)];
    if !answer.candidates.is_empty() {
        let header = ["candidate", "producer", "rank", ""];
        let rows = answer.candidates.iter().map(candidate).collect();
        tables.push(list(&header, rows));
    }
    let votes: Vec<_> = answer
        .rounds
        .iter()
        .flat_map(|round| votes(round, total))
        .collect();
    if !votes.is_empty() {
        tables.push(list(&["round", "vote", "for", "power", "signers"], votes));
    }
    tables.join("\n\n")
}

fn decision(answer: &AgreementResponse) -> String {
    let value = match (answer.value, answer.outcome_slot) {
        (None, _) => return "-".to_owned(),
        (Some(value @ Value::Miss { .. }), Some(slot)) if slot != answer.slot => {
            format!("{}, by the decision of slot {slot}", told(value))
        }
        (Some(value), _) => told(value),
    };
    let round = answer
        .decided_round
        .map(|round| format!(", in round {round}"));
    let delay = answer.delay_ms.map(|delay| format!(", after {delay} ms"));
    format!(
        "{value}{}{}",
        round.unwrap_or_default(),
        delay.unwrap_or_default()
    )
}

fn told(value: Value) -> String {
    match value {
        Value::Block { id } => id.to_string(),
        Value::Miss { through } => format!("no block up to period {through}"),
    }
}

fn candidate(candidate: &AgreementCandidate) -> Vec<String> {
    let mut notes = Vec::new();
    if candidate.leading {
        notes.push("leading");
    }
    if candidate.canonical == Some(true) {
        notes.push("canonical");
    }
    vec![
        candidate.block.to_string(),
        candidate.producer.to_string(),
        or_dash(candidate.rank.as_ref()),
        notes.join(", "),
    ]
}

fn votes(round: &AgreementRound, total: Option<u64>) -> Vec<Vec<String>> {
    let row = |vote: &str, value: String, power: u64, signers: usize| {
        vec![
            round.round.to_string(),
            vote.to_owned(),
            value,
            of_total(power, total),
            signers.to_string(),
        ]
    };
    let notarise = round.notarise.iter();
    let notarise =
        notarise.map(|vote| row("notarise", told(vote.value), vote.power, vote.signers.len()));
    let nullify = &round.nullify;
    let nullify = (!nullify.signers.is_empty()).then(|| {
        row(
            "nullify",
            "-".to_owned(),
            nullify.power,
            nullify.signers.len(),
        )
    });
    let finalise = round.finalise.iter();
    let finalise =
        finalise.map(|vote| row("finalise", told(vote.value), vote.power, vote.signers.len()));
    notarise.chain(nullify).chain(finalise).collect()
}

/// A power, and its part of the whole.
fn of_total(power: u64, total: Option<u64>) -> String {
    match total {
        Some(total) if total > 0 => format!("{power} ({})", share(power, total)),
        _ => power.to_string(),
    }
}

/// A part of a whole in percent, to a tenth, rounded down.
pub(super) fn share(part: u64, whole: u64) -> String {
    let tenths = u128::from(part)
        .saturating_mul(1_000)
        .checked_div(u128::from(whole))
        .unwrap_or_default();
    format!("{}.{} %", tenths / 10, tenths % 10)
}

pub(in crate::cli) fn stakers(answer: &StakersResponse) -> String {
    let head = facts(vec![
        ("cycle", answer.cycle.to_string()),
        ("rolls", answer.total_rolls.to_string()),
        ("stakers", answer.staker_count.to_string()),
    ]);
    let row = |staker: &Staker| {
        vec![
            staker.address.to_string(),
            staker.rolls.to_string(),
            share(staker.rolls, answer.total_rolls),
            own(staker.own),
        ]
    };
    let rows = answer.stakers.iter().map(row).collect();
    format!(
        "{head}\n\n{}",
        list(&["address", "rolls", "share", ""], rows)
    )
}

pub(in crate::cli) fn cycles(answer: &CyclesResponse) -> String {
    let row = |cycle: &CycleSummary| {
        let state = if cycle.is_complete {
            "complete"
        } else {
            "running"
        };
        vec![
            cycle.cycle.to_string(),
            format!("{} to {}", cycle.first_slot, cycle.last_slot),
            cycle.start.to_string(),
            state.to_owned(),
            cycle.total_rolls.to_string(),
            cycle.stakers.to_string(),
            cycle.produced.to_string(),
            cycle.missed.to_string(),
            cycle.endorsements.to_string(),
            cycle.missed_endorsements.to_string(),
        ]
    };
    let header = [
        "cycle",
        "slots",
        "starts",
        "state",
        "rolls",
        "stakers",
        "blocks",
        "missed",
        "endorsed",
        "not endorsed",
    ];
    list(&header, answer.cycles.iter().map(row).collect())
}

pub(in crate::cli) fn cycle_production(answer: &ProductionResponse) -> String {
    let state = if answer.is_complete {
        "complete"
    } else {
        "running"
    };
    let head = facts(vec![
        ("cycle", answer.cycle.to_string()),
        ("state", state.to_owned()),
    ]);
    let row = |production: &AddressProduction| {
        vec![
            production.address.to_string(),
            production.produced.to_string(),
            production.missed.to_string(),
            production.endorsed.to_string(),
            production.missed_endorsements.to_string(),
            own(production.own),
        ]
    };
    let header = [
        "address",
        "blocks",
        "missed",
        "endorsed",
        "not endorsed",
        "",
    ];
    let rows = answer.production.iter().map(row).collect();
    format!("{head}\n\n{}", list(&header, rows))
}

pub(in crate::cli) fn slot_draws(answer: &SlotDrawsResponse) -> String {
    let row = |draw: &SlotDraw| {
        let others = draw.ranked.get(1..).unwrap_or_default();
        vec![
            draw.slot.to_string(),
            draw.start.to_string(),
            or_dash(draw.producer.as_ref()),
            lines(others),
            own(draw.own),
        ]
    };
    let header = ["slot", "starts", "producer", "next in rank", ""];
    list(&header, answer.draws.iter().map(row).collect())
}

/// A slot's block, or that it has none.
pub(super) fn block_or_miss(slot: Slot, block: Option<BlockId>) -> String {
    match block {
        Some(block) => format!("{slot}  {block}"),
        None => format!("{slot}  no block"),
    }
}
