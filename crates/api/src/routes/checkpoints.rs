//! `GET /checkpoints` and `GET /checkpoints/{period}/{thread}`: what validators certified.

use crate::extract::PathParts;
use crate::limits::Shared;
use crate::problem::{Refusal, internal};
use crate::types::{CheckpointResponse, CheckpointsResponse, OpenCheckpointResponse};
use crate::{ApiContext, Problem, ProblemCode};
use axum::Json;
use axum::extract::State;
use picot_checkpoint::OpenCheckpoint;
use picot_models::{Address, ChainId, CheckpointCertificate, Slot};

pub(crate) async fn latest(
    State(shared): State<Shared>,
) -> Result<Json<CheckpointsResponse>, Refusal> {
    shared.run(|interface| describe(interface)).await.map(Json)
}

fn describe(context: &ApiContext) -> Result<CheckpointsResponse, Problem> {
    let summary = context.checkpoints.summary();
    let summary = summary.map_err(|error| internal(&error))?;
    let certified = summary.certified.as_ref();
    Ok(CheckpointsResponse {
        certified: certified.and_then(|certificate| describe_one(certificate, &context.chain_id)),
        open: summary.open.iter().map(describe_open).collect(),
    })
}

pub(crate) async fn read(
    State(shared): State<Shared>,
    PathParts((period, thread)): PathParts<(u64, u8)>,
) -> Result<Json<CheckpointResponse>, Refusal> {
    shared
        .run(move |context| find(context, Slot::new(period, thread)))
        .await
        .map(Json)
}

fn find(context: &ApiContext, slot: Slot) -> Result<CheckpointResponse, Problem> {
    let not_there = |reason: &str| Problem::new(ProblemCode::NotFound, format!("{slot} {reason}"));
    if !context.genesis.params.is_checkpoint(slot) {
        return Err(not_there("is not a slot after which validators sign"));
    }
    let certificate = context.checkpoints.certificate(slot);
    let certificate = certificate.map_err(|error| internal(&error))?;
    certificate
        .and_then(|certificate| describe_one(&certificate, &context.chain_id))
        .ok_or_else(|| not_there("has no certificate here, yet or any more"))
}

fn describe_one(
    certificate: &CheckpointCertificate,
    chain_id: &ChainId,
) -> Option<CheckpointResponse> {
    let checkpoint = &certificate.signatures.first()?.content;
    let signers = certificate.signatures.iter();
    Some(CheckpointResponse {
        slot: checkpoint.slot,
        hash: checkpoint.hash(chain_id),
        state_hash: checkpoint.state_hash,
        validator_sets: checkpoint.validator_sets,
        signers: signers.map(|one| Address::of_key(&one.signer)).collect(),
    })
}

fn describe_open(open: &OpenCheckpoint) -> OpenCheckpointResponse {
    OpenCheckpointResponse {
        slot: open.slot,
        state_hash: open.own.as_ref().map(|own| own.state_hash),
        power: open.power,
        total_power: open.total_power,
    }
}
