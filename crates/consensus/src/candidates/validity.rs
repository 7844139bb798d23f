//! Whether a header and a body may become a candidate (design 07, 'Candidates'): a function of the
//! block and of decided state alone.

use crate::env::{Env, Shared};
use crate::{ThreadChain, range_miss};
use picot_models::limits::MAX_DENUNCIATION_BYTES;
use picot_models::{Address, Block, BlockId, Denunciation, Header, SignedHeader, Slot};
use picot_serialization::Encode;
use std::collections::BTreeSet;

/// What is to be said of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Valid,
    /// It is well signed, but cannot be judged yet: these decided blocks, by thread, are not known here, or draws are not.
    Wait(Vec<(u8, BlockId)>),
    Invalid(&'static str),
}

/// A broken rule ends the check; something unknown is remembered.
struct Checks {
    unknown: Vec<(u8, BlockId)>,
    draws_unknown: bool,
}

type Check = Result<(), &'static str>;

/// Checks a header of the open slot of its thread: what costs most last.
pub(crate) fn check_header(env: &Env<'_>, header: &SignedHeader, signature_ok: bool) -> Verdict {
    let mut checks = Checks {
        unknown: Vec::new(),
        draws_unknown: false,
    };
    let content = header.content();
    let rules = check_form(env.shared, content)
        .and_then(|()| check_parents(env, content, &mut checks))
        .and_then(|()| check_endorsements(env, content, &mut checks));
    if let Err(rule) = rules {
        return Verdict::Invalid(rule);
    }
    let waits = !checks.unknown.is_empty() || checks.draws_unknown;
    // What anyone could have made up causes no look-ups, and no proofs to be verified.
    let signature_ok = signature_ok
        || (waits || !content.denunciations.is_empty())
            && env.shared.is_valid(header.batch_entry());
    if waits {
        return if signature_ok {
            Verdict::Wait(checks.unknown)
        } else {
            Verdict::Invalid("a signature is wrong")
        };
    }
    if !content.denunciations.is_empty() {
        if !signature_ok {
            return Verdict::Invalid("a signature is wrong");
        }
        if let Err(rule) = check_denunciations(env.shared, content, &mut checks) {
            return Verdict::Invalid(rule);
        }
        if checks.draws_unknown {
            return Verdict::Wait(checks.unknown);
        }
    }
    match check_signatures(env.shared, header, signature_ok) {
        Ok(()) => Verdict::Valid,
        Err(rule) => Verdict::Invalid(rule),
    }
}

fn require(condition: bool, rule: &'static str) -> Check {
    if condition { Ok(()) } else { Err(rule) }
}

fn at_most(count: usize, limit: u32) -> bool {
    u32::try_from(count).is_ok_and(|count| count <= limit)
}

fn check_form(shared: &Shared, header: &Header) -> Check {
    let params = &shared.config.params;
    require(
        header.version == params.protocol_version,
        "another protocol version",
    )?;
    require(
        header.parents.len() == usize::from(params.thread_count),
        "not one parent for each thread",
    )?;
    require(
        header.operation_count <= params.max_operations_per_block,
        "too many operations",
    )?;
    require(
        at_most(header.endorsements.len(), params.endorsement_count),
        "too many endorsements",
    )?;
    require(
        at_most(
            header.denunciations.len(),
            params.max_denunciations_per_block,
        ),
        "too many denunciations",
    )?;
    check_size(header)
}

/// What a decoder takes too: a header is bounded in bytes, whatever it carries.
fn check_size(header: &Header) -> Check {
    require(
        header.denunciation_bytes() <= MAX_DENUNCIATION_BYTES,
        "denunciations that are too large",
    )
}

/// The own-thread parent is that thread's last decided block; the others are decided, earlier than
/// the slot, and not older than those that the own-thread parent named.
fn check_parents(env: &Env<'_>, header: &Header, checks: &mut Checks) -> Check {
    let slot = header.slot;
    let Some(own) = env.chain(slot.thread) else {
        return Err("no such thread");
    };
    let (parent, _) = own.last_block();
    require(
        header.parents.get(usize::from(slot.thread)) == Some(&parent),
        "the own-thread parent is not the last decided block",
    )?;
    for ((thread, chain), id) in (0_u8..).zip(env.chains).zip(&header.parents) {
        if thread == slot.thread {
            continue;
        }
        // Even beside the latest block that is known here, what the own-thread parent named is looked
        // up: a node that is behind does not know it, and must wait, not take an older parent for valid.
        let oldest = match own.last_block_parents().get(usize::from(thread)) {
            None => Some(0),
            Some(oldest) => chain.period_of(oldest).or_else(|| {
                checks.unknown.push((thread, *oldest));
                None
            }),
        };
        let (latest, latest_period) = chain.last_block();
        let period = if *id == latest {
            Some(latest_period)
        } else {
            chain.period_of(id)
        };
        match period {
            None => checks.unknown.push((thread, *id)),
            Some(period) => {
                require(
                    Slot::new(period, thread) < slot,
                    "a parent is not earlier than the slot",
                )?;
                require(
                    oldest.is_none_or(|oldest| period >= oldest),
                    "a parent is older than the own-thread parent's",
                )?;
            }
        }
    }
    Ok(())
}

/// Endorsements are of the own-thread parent, ascending by index, by the drawn endorsers. A parent
/// that is more than a cycle older than the block has none, so that old draws are never needed.
fn check_endorsements(env: &Env<'_>, header: &Header, checks: &mut Checks) -> Check {
    if header.endorsements.is_empty() {
        return Ok(());
    }
    let Some(chain) = env.chain(header.slot.thread) else {
        return Err("no such thread");
    };
    let (parent, period) = chain.last_block();
    let parent_slot = Slot::new(period, header.slot.thread);
    let recent = env
        .shared
        .config
        .params
        .may_carry_endorsements(parent_slot, header.slot);
    require(recent, "endorsements of a parent older than a cycle")?;
    let ascending = header
        .endorsements
        .iter()
        .zip(header.endorsements.iter().skip(1))
        .all(|(one, next)| one.content.index < next.content.index);
    require(ascending, "endorsements do not ascend by index")?;
    let Ok(draws) = env.shared.selector.draws(parent_slot) else {
        checks.draws_unknown = true;
        return Ok(());
    };
    for endorsement in &header.endorsements {
        let content = &endorsement.content;
        require(
            content.slot == parent_slot && content.block == parent,
            "an endorsement is not of the own-thread parent",
        )?;
        let drawn = usize::try_from(content.index)
            .ok()
            .and_then(|index| draws.endorsers.get(index));
        require(
            drawn == Some(&Address::of_key(&endorsement.signer)),
            "an endorsement is not by the drawn endorser",
        )?;
    }
    Ok(())
}

/// Denunciations are well formed, ascending by id, of earlier slots inside the window.
fn check_denunciations(shared: &Shared, header: &Header, checks: &mut Checks) -> Check {
    let params = &shared.config.params;
    let oldest = header
        .slot
        .period
        .saturating_sub(params.denunciation_expire_periods);
    let mut last = None;
    for denunciation in &header.denunciations {
        let id = denunciation.id(&shared.config.chain_id);
        require(last < Some(id), "denunciations do not ascend by id")?;
        last = Some(id);
        let slot = denunciation.slot();
        require(
            slot < header.slot && slot.period >= oldest && slot.thread < params.thread_count,
            "a denunciation is outside its window",
        )?;
        check_denunciation(shared, denunciation, checks)?;
    }
    Ok(())
}

fn check_denunciation(shared: &Shared, denunciation: &Denunciation, checks: &mut Checks) -> Check {
    require(
        denunciation.check_contradiction().is_ok(),
        "a denunciation proves nothing",
    )?;
    let validators = match shared.cycle_of(denunciation.slot()) {
        Some(cycle) => match shared.selector.voting_power(cycle) {
            Ok(validators) => validators,
            Err(_) => {
                checks.draws_unknown = true;
                return Ok(());
            }
        },
        None => return Err("a denunciation is of no slot"),
    };
    require(
        denunciation
            .verify(&shared.config.chain_id, &validators)
            .is_ok(),
        "a denunciation proves nothing",
    )
}

/// The header's own signature and those of its endorsements, in one batch.
fn check_signatures(shared: &Shared, header: &SignedHeader, signature_ok: bool) -> Check {
    let chain_id = &shared.config.chain_id;
    let mut entries = Vec::new();
    if !signature_ok {
        entries.push(header.batch_entry());
    }
    for endorsement in &header.content().endorsements {
        entries.push(endorsement.clone().identify(chain_id).batch_entry());
    }
    require(
        entries.is_empty() || shared.verifier.bad(&entries).is_empty(),
        "a signature is wrong",
    )
}

/// Checks a body that belongs to a valid header: complete, within the limits, each operation of
/// this thread, inside its validity window, and not in this thread's chain already. That each
/// operation is well signed is checked by who hands the body in.
pub(crate) fn check_body(shared: &Shared, chain: &ThreadChain, block: &Block) -> Check {
    let params = &shared.config.params;
    require(block.matches_header(), "the body is not the header's")?;
    let slot = block.slot();
    let mut seen = BTreeSet::new();
    let mut gas: u64 = 0;
    let mut size: u64 = 0;
    for operation in &block.operations {
        let content = operation.content();
        require(
            operation.signer_address().thread(params.thread_count) == slot.thread,
            "an operation is of another thread",
        )?;
        require(
            content.is_valid_at(slot.period, params),
            "an operation is outside its validity window",
        )?;
        let is_in_chain = chain.contains_operation(&operation.id());
        require(
            seen.insert(operation.id()) && (!is_in_chain || shared.planted.accepts_reuse()),
            "an operation is in this thread's chain already",
        )?;
        gas = content
            .gas_usage(params)
            .and_then(|used| gas.checked_add(used))
            .ok_or("too much gas")?;
        size = u64::try_from(operation.encoded_len())
            .ok()
            .and_then(|len| size.checked_add(len))
            .ok_or("too large")?;
    }
    require(gas <= params.max_block_gas, "too much gas")?;
    require(size <= params.max_block_size_bytes, "too large")
}

/// Whether a proposed value that is a miss may be voted for now.
pub(crate) fn miss_is_votable(env: &Env<'_>, slot: Slot, through: u64) -> bool {
    let drift = picot_clock::Millis(env.shared.config.params.max_clock_drift_ms);
    range_miss::may_vote(&env.shared.clock, slot, through, env.clock_time(), drift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::{block, chain_id, false_carry, key};

    #[test]
    fn a_header_with_denunciations_of_more_bytes_than_the_bound_is_invalid() {
        let fits = |signers: &[usize]| {
            let block = block(&key(1), Slot::new(9, 0), vec![], vec![], &chain_id(1));
            let mut header = block.header.content().clone();
            let proofs = signers.iter();
            let proofs = proofs.map(|count| false_carry(&key(2), Slot::new(8, 0), *count));
            header.denunciations = proofs.collect();
            check_size(&header).is_ok()
        };
        assert!(fits(&[]) && fits(&[5_000]) && fits(&[2_000, 2_000]));
        assert!(!fits(&[5_200]) && !fits(&[2_600, 2_600]));
    }
}
