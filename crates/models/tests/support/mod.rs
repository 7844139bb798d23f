//! One example of every type that has canonical bytes, by name.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test binary uses a part of it")]

use picot_models::mocks::{address, block, chain_id, genesis, key, operation, transfer};
use picot_models::{
    Address, Amount, Ballot, Block, Carry, Certificate, Checkpoint, CheckpointCertificate,
    Denunciation, Endorsement, Envelope, Hash, Header, HeaderProof, Justification, Operation,
    OperationKind, Outcome, RoundProposal, Signed, SignedVote, Slot, ThreadDigest, ValidatorSet,
    Value, Vote,
};
use std::collections::BTreeMap;

pub(crate) const CHAIN: u8 = 7;

pub(crate) fn operation_kinds() -> Vec<(&'static str, OperationKind)> {
    let contract = Address::of_contract(&address(1), Slot::new(3, 1), 2);
    let seed = picot_models::DatastoreEntry {
        key: vec![1, 2],
        value: vec![3; 5],
    };
    vec![
        (
            "transfer",
            OperationKind::Transfer {
                recipient: address(2),
                amount: Amount::from_nanos(1_500),
            },
        ),
        ("roll_buy", OperationKind::RollBuy { roll_count: 3 }),
        ("roll_sell", OperationKind::RollSell { roll_count: 300 }),
        (
            "deploy",
            OperationKind::Deploy {
                bytecode: vec![0, 97, 115, 109],
                max_gas: 1_000_000,
                max_coins: Amount::from_nanos(5),
                datastore: vec![seed],
            },
        ),
        (
            "call",
            OperationKind::Call {
                contract,
                function: "mint".to_owned(),
                parameter: vec![9; 3],
                max_gas: 70_000,
                coins: Amount::MAX,
            },
        ),
    ]
}

pub(crate) fn operations() -> Vec<(&'static str, Envelope<Operation>)> {
    operation_kinds()
        .into_iter()
        .map(|(name, kind)| {
            (
                name,
                operation(&key(1), kind, 10, 200, &chain_id(CHAIN)).into_envelope(),
            )
        })
        .collect()
}

pub(crate) fn endorsement(index: u32) -> Envelope<Endorsement> {
    let content = Endorsement {
        slot: Slot::new(5, 2),
        index,
        block: Hash([8; 32]).into(),
    };
    Signed::sign(content, &key(3), &chain_id(CHAIN)).into_envelope()
}

pub(crate) fn vote(voter: u64, ballot: Ballot) -> SignedVote {
    let content = Vote {
        version: 1,
        slot: Slot::new(5, 2),
        round: 1,
        thread_digest: ThreadDigest::genesis(&chain_id(CHAIN), 2),
        ballot,
    };
    Signed::sign(content, &key(voter), &chain_id(CHAIN))
}

pub(crate) fn proposal(value: Value) -> Envelope<RoundProposal> {
    let content = RoundProposal {
        version: 1,
        slot: Slot::new(5, 2),
        round: 1,
        thread_digest: ThreadDigest::genesis(&chain_id(CHAIN), 2),
        value,
        carry: Carry::Free,
    };
    Signed::sign(content, &key(3), &chain_id(CHAIN)).into_envelope()
}

pub(crate) fn checkpoint(state: u8) -> Envelope<Checkpoint> {
    let content = Checkpoint {
        slot: Slot::new(15, 3),
        state_hash: Hash([state; 32]),
        validator_sets: Hash([2; 32]),
    };
    Signed::sign(content, &key(3), &chain_id(CHAIN)).into_envelope()
}

pub(crate) const fn block_value(byte: u8) -> Value {
    Value::Block {
        id: picot_models::BlockId::from_hash(Hash([byte; 32])),
    }
}

pub(crate) fn validators() -> ValidatorSet {
    let rolls = (1..=4)
        .map(|number| (address(number), number))
        .collect::<BTreeMap<_, _>>();
    ValidatorSet::new(0, &rolls).unwrap()
}

/// Votes of the keys 2, 3 and 4: power 9 of 10.
pub(crate) fn certificate(ballot: Ballot) -> Certificate {
    let votes = [2, 3, 4].map(|voter| vote(voter, ballot));
    Certificate::from_votes(&votes, &validators()).unwrap()
}

pub(crate) fn denunciations() -> Vec<(&'static str, Denunciation)> {
    let chain = chain_id(CHAIN);
    let slot = Slot::new(5, 2);
    let headers = [1, 2].map(|parent| {
        let parents = vec![Hash([parent; 32]).into()];
        HeaderProof::of(&block(&key(3), slot, parents, vec![], &chain).header)
    });
    let [one, other] = headers;
    let notarise = |byte| Ballot::Notarise {
        value: block_value(byte),
        carry: Carry::From { round: 0 },
    };
    let votes = [1, 2].map(|byte| vote(3, notarise(byte)).into_envelope());
    let proposals = [1, 2].map(|byte| proposal(block_value(byte)));
    let endorsements = [1, 2].map(|byte| {
        let content = Endorsement {
            slot,
            index: 1,
            block: Hash([byte; 32]).into(),
        };
        Signed::sign(content, &key(3), &chain).into_envelope()
    });
    let false_carry = Denunciation::FalseCarry {
        vote: {
            let mut content = vote(3, notarise(1)).content().clone();
            content.round = 2;
            content.ballot = Ballot::Notarise {
                value: block_value(1),
                carry: Carry::From { round: 1 },
            };
            Signed::sign(content, &key(3), &chain).into_envelope()
        },
        certificate: certificate(Ballot::Notarise {
            value: block_value(9),
            carry: Carry::Free,
        }),
    };
    let [vote_one, vote_other] = votes;
    let [proposal_one, proposal_other] = proposals;
    let [endorsement_one, endorsement_other] = endorsements;
    vec![
        (
            "headers",
            Denunciation::of_headers(slot, key(3).public_key(), one, other),
        ),
        ("votes", Denunciation::of_votes(vote_one, vote_other)),
        (
            "proposals",
            Denunciation::of_proposals(proposal_one, proposal_other),
        ),
        ("false_carry", false_carry),
        (
            "endorsements",
            Denunciation::of_endorsements(endorsement_one, endorsement_other),
        ),
        (
            "checkpoints",
            Denunciation::of_checkpoints(checkpoint(1), checkpoint(2)),
        ),
    ]
}

pub(crate) fn header() -> Envelope<Header> {
    let header = Header {
        version: 1,
        slot: Slot::new(6, 2),
        parents: vec![Hash([1; 32]).into(), Hash([2; 32]).into()],
        operations_hash: Hash([3; 32]),
        operation_count: 2,
        endorsements: vec![endorsement(0), endorsement(2)],
        denunciations: denunciations()
            .into_iter()
            .map(|(_, denunciation)| denunciation)
            .take(2)
            .collect(),
    };
    Signed::sign(header, &key(4), &chain_id(CHAIN)).into_envelope()
}

pub(crate) fn full_block() -> Block {
    let chain = chain_id(CHAIN);
    let operations = (1..4)
        .map(|amount| transfer(&key(1), address(2), amount, 5, 100, &chain))
        .collect();
    block(
        &key(4),
        Slot::new(6, 2),
        vec![Hash([1; 32]).into()],
        operations,
        &chain,
    )
}

pub(crate) fn outcome() -> Outcome {
    Outcome::new(certificate(Ballot::Finalise {
        value: Value::Miss { through: 7 },
    }))
    .unwrap()
}

pub(crate) fn justification() -> Justification {
    let notarised = certificate(Ballot::Notarise {
        value: block_value(1),
        carry: Carry::Free,
    });
    Justification {
        notarised: Some(notarised),
        nullified: vec![certificate(Ballot::Nullify)],
    }
}

pub(crate) fn checkpoint_certificate() -> CheckpointCertificate {
    CheckpointCertificate {
        signatures: vec![checkpoint(1)],
    }
}

pub(crate) fn small_genesis() -> picot_models::Genesis {
    genesis(&[(1, 10), (2, 5)])
}
