//! Builders of test data, for the tests of this crate and of others.

use crate::{
    Address, Amount, Ballot, Block, BlockId, Carry, Certificate, CertificateSignature,
    CertificateSubject, ChainId, ChainParams, Denunciation, Genesis, GenesisStaker, Header,
    Operation, OperationKind, SecretKey, Signed, SignedOperation, SignedVote, ThreadDigest,
    Timestamp, Value, Vote, operations_hash,
};
use bitvec::prelude::BitVec;
use picot_clock::Slot;
use picot_crypto::Hash;
use std::sync::Arc;

/// A key made of one number: the same number is the same key.
#[must_use]
pub fn key(number: u64) -> SecretKey {
    let mut seed = [0; 32];
    let (low, _) = seed.split_at_mut(8);
    low.copy_from_slice(&number.to_le_bytes());
    SecretKey::from_seed(seed)
}

/// The address of [`key`].
#[must_use]
pub fn address(number: u64) -> Address {
    Address::of_key(&key(number).public_key())
}

/// The first key from a number on whose address belongs to a thread.
#[must_use]
pub fn key_in_thread(thread: u8, thread_count: u8, from: u64) -> SecretKey {
    (from..)
        .map(key)
        .find(|candidate| Address::of_key(&candidate.public_key()).thread(thread_count) == thread)
        .unwrap_or_else(|| key(from))
}

/// A genesis with the development parameters, these stakers (by key number and rolls), and a
/// million coins for each of them.
#[must_use]
pub fn genesis(stakers: &[(u64, u64)]) -> Genesis {
    genesis_with(ChainParams::dev(), stakers)
}

/// As [`genesis`], with these parameters.
#[must_use]
pub fn genesis_with(params: ChainParams, stakers: &[(u64, u64)]) -> Genesis {
    let coins = Amount::from_nanos(1_000_000_000_000_000);
    Genesis {
        name: "test".to_owned(),
        genesis_timestamp: Timestamp(1_000_000),
        params,
        stakers: stakers
            .iter()
            .map(|&(number, rolls)| GenesisStaker {
                address: address(number),
                rolls,
            })
            .collect(),
        allocations: stakers
            .iter()
            .map(|&(number, _)| (address(number), coins))
            .collect(),
    }
}

/// A chain id made of one number.
#[must_use]
pub fn chain_id(number: u8) -> ChainId {
    Hash([number; 32]).into()
}

/// A signed transfer.
#[must_use]
pub fn transfer(
    sender: &SecretKey,
    recipient: Address,
    amount_nanos: u64,
    fee_nanos: u64,
    expire_period: u64,
    chain_id: &ChainId,
) -> SignedOperation {
    let kind = OperationKind::Transfer {
        recipient,
        amount: Amount::from_nanos(amount_nanos),
    };
    operation(sender, kind, fee_nanos, expire_period, chain_id)
}

/// A signed operation.
#[must_use]
pub fn operation(
    sender: &SecretKey,
    kind: OperationKind,
    fee_nanos: u64,
    expire_period: u64,
    chain_id: &ChainId,
) -> SignedOperation {
    Signed::sign(
        Operation {
            fee: Amount::from_nanos(fee_nanos),
            expire_period,
            kind,
        },
        sender,
        chain_id,
    )
}

/// A signed block with these parents and operations, without endorsements and denunciations.
#[must_use]
pub fn block(
    producer: &SecretKey,
    slot: Slot,
    parents: Vec<BlockId>,
    operations: Vec<SignedOperation>,
    chain_id: &ChainId,
) -> Block {
    let operations: Vec<_> = operations.into_iter().map(Arc::new).collect();
    let header = Header {
        version: ChainParams::dev().protocol_version,
        slot,
        parents,
        operations_hash: operations_hash(operations.iter().map(|operation| operation.id())),
        operation_count: u32::try_from(operations.len()).unwrap_or(u32::MAX),
        endorsements: Vec::new(),
        denunciations: Vec::new(),
    };
    Block {
        header: Arc::new(Signed::sign(header, producer, chain_id)),
        operations,
    }
}

/// The accusation of a false carry, with a certificate of so many signers; none of its signatures
/// holds. It is as large as a true one of so many.
#[must_use]
pub fn false_carry(culprit: &SecretKey, slot: Slot, signers: usize) -> Denunciation {
    let value = Value::Miss {
        through: slot.period,
    };
    let carry = Carry::Free;
    let vote = |round, ballot| Vote {
        version: ChainParams::dev().protocol_version,
        slot,
        round,
        thread_digest: ThreadDigest::genesis(&chain_id(1), slot.thread),
        ballot,
    };
    let lie = vote(1, Ballot::Notarise { value, carry });
    let decided = vote(0, Ballot::Finalise { value });
    let entry = CertificateSignature {
        signer: culprit.public_key(),
        carry,
        signature: culprit.sign(&Hash([0; 32])),
    };
    Denunciation::FalseCarry {
        vote: SignedVote::sign(lie, culprit, &chain_id(1)).into_envelope(),
        certificate: Certificate {
            version: decided.version,
            slot,
            round: decided.round,
            thread_digest: decided.thread_digest,
            subject: CertificateSubject::of_ballot(&decided.ballot),
            signers: BitVec::repeat(true, signers),
            signatures: vec![entry; signers],
        },
    }
}
