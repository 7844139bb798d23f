//! `GET /slots/{period}/{thread}/agreement`: who voted for what, and what proves the decision.

use super::slot_list::check_thread;
use crate::extract::PathParts;
use crate::interface::Interface;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{
    AgreementCandidate, AgreementResponse, AgreementRound, CertificateSummary, SlotPhase,
    ValueVotes, VoteKind, Votes,
};
use crate::{Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_consensus::{Agreement, ConsensusError, RoundVotes, SlotStatus, SubjectVotes};
use picot_models::{Address, BlockId, CertificateSubject, Outcome, Slot, ValidatorSet, Value};
use std::sync::Arc;

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts((period, thread)): PathParts<(u64, u8)>,
) -> Result<Json<AgreementResponse>, Refusal> {
    let slot = Slot::new(period, thread);
    shared
        .run(move |interface| find(interface, slot))
        .await
        .map(Json)
}

fn find(interface: &Interface, slot: Slot) -> Result<AgreementResponse, Problem> {
    check_thread(interface, slot)?;
    if slot.period == 0 {
        let detail = format!("slot {slot} is of the genesis: nobody voted for it");
        return Err(Problem::new(ProblemCode::NotFound, detail));
    }
    let agreement = interface.consensus.agreement(slot);
    let agreement = agreement.map_err(|error| match error {
        ConsensusError::Busy => Problem::of_error(ProblemCode::Unavailable, &error),
        _ => internal(&error),
    })?;
    Ok(describe(interface, slot, agreement))
}

fn describe(interface: &Interface, slot: Slot, agreement: Agreement) -> AgreementResponse {
    let Agreement {
        status,
        votes,
        outcome,
    } = agreement;
    let validators = validators(interface, slot);
    let decided = outcome.as_ref().map(|outcome| outcome.value());
    let leading = match &status {
        SlotStatus::Undecided { leading, .. } => *leading,
        _ => decided.and_then(|value| value.block()),
    };
    let is_open = matches!(status, SlotStatus::Undecided { .. });
    let candidate = |id: BlockId, producer: Address| AgreementCandidate {
        block: id,
        producer,
        rank: rank(interface, slot, &producer),
        leading: leading == Some(id),
        canonical: is_open.then_some(votes.canonical == Some(id)),
    };
    let candidates = votes.candidates.iter();
    let is_final = slot <= interface.execution.summary().last_final_slot;
    let known = interface.events.decision_of(slot);
    AgreementResponse {
        slot,
        status: phase(&status, is_final),
        value: decided,
        outcome_slot: outcome.as_ref().map(|outcome| outcome.slot()),
        decided_round: outcome.as_ref().map(|outcome| outcome.certificate().round),
        delay_ms: known.map(|decided| decided.delay_ms),
        total_power: validators.as_ref().map(|set| set.total_power()),
        quorum_power: validators.as_ref().map(|set| set.quorum()),
        opened_at: match status {
            SlotStatus::Undecided { opened_at, .. } => Some(opened_at),
            _ => None,
        },
        round: match status {
            SlotStatus::Undecided { round, .. } => Some(round),
            _ => None,
        },
        candidates: candidates.map(|it| candidate(it.id, it.producer)).collect(),
        rounds: votes
            .rounds
            .into_iter()
            .map(|votes| describe_round(interface, slot, votes))
            .collect(),
        certificate: outcome.map(|outcome| certificate(&outcome, validators.as_deref())),
    }
}

const fn phase(status: &SlotStatus, is_final: bool) -> SlotPhase {
    match status {
        SlotStatus::NotOpen => SlotPhase::NotOpen,
        SlotStatus::NotKept => SlotPhase::NotKept,
        SlotStatus::Undecided { .. } => SlotPhase::Undecided,
        SlotStatus::Decided { .. } if is_final => SlotPhase::Final,
        SlotStatus::Decided { .. } => SlotPhase::Decided,
    }
}

fn validators(interface: &Interface, slot: Slot) -> Option<Arc<ValidatorSet>> {
    let cycle = slot
        .cycle(interface.genesis.params.periods_per_cycle)
        .ok()?;
    interface.selector.voting_power(cycle).ok()
}

fn rank(interface: &Interface, slot: Slot, producer: &Address) -> Option<u32> {
    let rank = interface.selector.producer_rank(slot, producer);
    rank.ok().flatten()
}

fn describe_round(interface: &Interface, slot: Slot, votes: RoundVotes) -> AgreementRound {
    let round = votes.round;
    let coordinator = (round > 0).then(|| interface.selector.coordinator(slot, round).ok());
    let mut told = AgreementRound {
        round,
        coordinator: coordinator.flatten(),
        notarise: Vec::new(),
        nullify: Votes::default(),
        finalise: Vec::new(),
    };
    for SubjectVotes {
        subject,
        power,
        signers,
    } in votes.subjects
    {
        let of_value = |value: Value, signers| ValueVotes {
            value,
            power,
            signers,
        };
        match subject {
            CertificateSubject::Notarise { value } => told.notarise.push(of_value(value, signers)),
            CertificateSubject::Finalise { value } => told.finalise.push(of_value(value, signers)),
            CertificateSubject::Nullify => told.nullify = Votes { power, signers },
        }
    }
    told
}

fn certificate(outcome: &Outcome, validators: Option<&ValidatorSet>) -> CertificateSummary {
    let certificate = outcome.certificate();
    let keys = certificate.signatures.iter();
    let signers: Vec<Address> = keys.map(|one| Address::of_key(&one.signer)).collect();
    let power_of = |set: &ValidatorSet, address: &Address| {
        let place = set.index_of(address)?;
        set.get(place).map(|validator| validator.power)
    };
    let power = validators.map(|set| {
        let powers = signers.iter().filter_map(|address| power_of(set, address));
        powers.fold(0, u64::saturating_add)
    });
    CertificateSummary {
        kind: match certificate.subject {
            CertificateSubject::Notarise { .. } => VoteKind::Notarise,
            CertificateSubject::Nullify => VoteKind::Nullify,
            CertificateSubject::Finalise { .. } => VoteKind::Finalise,
        },
        round: certificate.round,
        value: certificate.subject.value(),
        power,
        signers,
    }
}
