//! Denunciations (design 06, 'Slashing').

use crate::kit::{Chain, key_of, small_genesis, small_params, two_votes, vote};
use picot_execution::{FailureReason, OperationOutcome};
use picot_models::{
    Amount, Ballot, Certificate, Checkpoint, Denunciation, Endorsement, Hash, HeaderProof,
    ProposalPolicy, RoundProposal, SecretKey, Signed, Slot, ThreadDigest, Value, Vote, mocks,
};
use picot_selector::Selector;

/// Two headers of one slot by one producer.
pub(crate) fn two_headers(chain: &Chain, producer: &SecretKey, slot: Slot) -> Denunciation {
    let header = |version| {
        let mut header = mocks::block(producer, slot, vec![], vec![], &chain.chain_id)
            .header
            .content()
            .clone();
        header.version = version;
        HeaderProof::of(&Signed::sign(header, producer, &chain.chain_id))
    };
    Denunciation::of_headers(slot, producer.public_key(), header(1), header(2))
}

pub(crate) fn two_endorsements(
    chain: &Chain,
    key: &SecretKey,
    slot: Slot,
    index: u32,
) -> Denunciation {
    let endorse = |number| {
        let block = Hash([number; 32]).into();
        let endorsement = Endorsement { slot, index, block };
        Signed::sign(endorsement, key, &chain.chain_id).into_envelope()
    };
    Denunciation::of_endorsements(endorse(1), endorse(2))
}

pub(crate) fn two_proposals(
    chain: &Chain,
    key: &SecretKey,
    slot: Slot,
    round: u32,
) -> Denunciation {
    let propose = |through| {
        let proposal = RoundProposal {
            version: 1,
            slot,
            round,
            thread_digest: ThreadDigest {
                hash: Hash([0; 32]),
            },
            value: Value::Miss { through },
            carry: picot_models::Carry::Free,
        };
        Signed::sign(proposal, key, &chain.chain_id).into_envelope()
    };
    Denunciation::of_proposals(propose(slot.period), propose(slot.period + 1))
}

pub(crate) fn two_checkpoints(chain: &Chain, key: &SecretKey, slot: Slot) -> Denunciation {
    let sign = |number| {
        let checkpoint = Checkpoint {
            slot,
            state_hash: Hash([number; 32]),
            validator_sets: Hash([0; 32]),
        };
        Signed::sign(checkpoint, key, &chain.chain_id).into_envelope()
    };
    Denunciation::of_checkpoints(sign(1), sign(2))
}

/// A vote of round 1 that says round 0 decided nothing, and the certificate of all that it did.
fn false_carry(chain: &Chain, key: &SecretKey, slot: Slot) -> Denunciation {
    let value = Value::Miss {
        through: slot.period,
    };
    let vote = |key: &SecretKey, round, ballot| {
        let vote = Vote {
            version: 1,
            slot,
            round,
            thread_digest: ThreadDigest {
                hash: Hash([0; 32]),
            },
            ballot,
        };
        Signed::sign(vote, key, &chain.chain_id)
    };
    let carry = picot_models::Carry::Free;
    let votes: Vec<_> = (1..=3)
        .map(|number| vote(&mocks::key(number), 0, Ballot::Finalise { value }))
        .collect();
    let validators = chain.selector.voting_power(0).unwrap();
    Denunciation::FalseCarry {
        vote: vote(key, 1, Ballot::Notarise { value, carry }).into_envelope(),
        certificate: Certificate::from_votes(&votes, &validators).unwrap(),
    }
}

/// A block of staker 1 at the next slot with these denunciations.
fn denounce(chain: &mut Chain, denunciations: Vec<Denunciation>) {
    let slot = chain.next_slot();
    let block = chain.full_block(slot, &mocks::key(1), vec![], &[], denunciations);
    chain.decide_block(block);
}

/// Three stakers, and blocks up to period 3: all in one cycle of sixteen.
fn chain() -> Chain {
    let mut params = small_params();
    params.periods_per_cycle = 16;
    params.slash_rolls = 2;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10), (3, 10)]));
    for _ in 0..3 {
        chain.run(vec![]);
    }
    chain
}

#[test]
fn each_kind_of_fault_costs_its_price_which_is_burnt() {
    let slot = Slot::new(2, 0);
    type Make = fn(&Chain, Slot) -> (SecretKey, Denunciation);
    let kinds: [Make; 6] = [
        |chain, slot| (mocks::key(2), false_carry(chain, &mocks::key(2), slot)),
        |chain, slot| (mocks::key(2), two_headers(chain, &mocks::key(2), slot)),
        |chain, slot| (mocks::key(2), two_votes(chain, &mocks::key(2), slot)),
        |chain, slot| (mocks::key(2), two_checkpoints(chain, &mocks::key(2), slot)),
        |chain, slot| {
            let key = key_of(&chain.selector.draws(slot).unwrap().endorsers[1]);
            (key.clone(), two_endorsements(chain, &key, slot, 1))
        },
        |chain, slot| {
            let key = key_of(&chain.selector.coordinator(slot, 4).unwrap());
            (key.clone(), two_proposals(chain, &key, slot, 4))
        },
    ];
    for make in kinds {
        let mut chain = chain();
        let (culprit, denunciation) = make(&chain, slot);
        let kind = denunciation.kind();
        let culprit = picot_models::Address::of_key(&culprit.public_key());
        denounce(&mut chain, vec![denunciation]);
        let rolls = chain
            .reader()
            .rolls(picot_execution::Level::Final, &culprit)
            .unwrap();
        assert_eq!(rolls, 8, "{kind:?}");
        assert_eq!(chain.totals().slashed.as_nanos(), 200, "{kind:?}");
    }
}

#[test]
fn a_fault_is_punished_once_per_address_slot_and_kind() {
    let mut chain = chain();
    let key = mocks::key(2);
    let headers = |chain: &Chain, period| two_headers(chain, &key, Slot::new(period, 0));
    let first = headers(&chain, 1);
    denounce(&mut chain, vec![first.clone(), first.clone()]);
    assert_eq!(chain.rolls(2), 8);
    denounce(&mut chain, vec![first]);
    assert_eq!(chain.rolls(2), 8);
    let others = vec![headers(&chain, 2), two_votes(&chain, &key, Slot::new(1, 0))];
    denounce(&mut chain, others);
    assert_eq!(chain.rolls(2), 4, "another slot, another kind");
}

#[test]
fn credits_are_slashed_before_rolls_soonest_due_first() {
    let mut params = small_params();
    params.slash_rolls = 2;
    params.denunciation_expire_periods = 11;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10), (3, 10)]));
    chain.run(vec![chain.sell(2, 1)]);
    chain.run_to_end_of_cycle(0);
    chain.run(vec![chain.sell(2, 3)]);
    assert_eq!(chain.credits(2), [(3, 100), (4, 300)]);
    let denunciation = two_votes(&chain, &mocks::key(2), Slot::new(1, 0));
    denounce(&mut chain, vec![denunciation]);
    assert_eq!(chain.credits(2), [(4, 200)]);
    assert_eq!(chain.rolls(2), 6);
    let denunciations = (2..4)
        .map(|period| two_votes(&chain, &mocks::key(2), Slot::new(period, 0)))
        .collect();
    denounce(&mut chain, denunciations);
    assert_eq!(chain.credits(2), []);
    assert_eq!(chain.rolls(2), 4);
}

#[test]
fn selling_all_rolls_before_a_fault_saves_nothing() {
    let mut chain = chain();
    chain.run(vec![chain.sell(2, 10)]);
    let denunciation = two_votes(&chain, &mocks::key(2), Slot::new(4, 0));
    denounce(&mut chain, vec![denunciation]);
    assert_eq!(chain.credits(2), [(3, 800)]);
}

#[test]
fn a_purchase_does_not_bring_slashed_credits_back() {
    let mut chain = chain();
    chain.run(vec![chain.sell(2, 10)]);
    let denunciation = two_votes(&chain, &mocks::key(2), Slot::new(4, 0));
    denounce(&mut chain, vec![denunciation]);
    let before = chain.balance(2);
    chain.run(vec![chain.buy(2, 10)]);
    assert_eq!((chain.rolls(2), chain.credits(2)), (10, vec![]));
    assert!(
        chain.balance(2) < before,
        "eight sales were cancelled, two rolls were paid for"
    );
}

#[test]
fn an_address_that_owns_nothing_any_more_is_still_marked() {
    let mut params = small_params();
    params.periods_per_cycle = 16;
    params.slash_rolls = 20;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10)]));
    chain.run(vec![]);
    let votes = two_votes(&chain, &mocks::key(2), Slot::new(1, 0));
    let headers = two_headers(&chain, &mocks::key(2), Slot::new(1, 0));
    denounce(&mut chain, vec![votes, headers.clone()]);
    assert_eq!(
        (chain.rolls(2), chain.totals().slashed.as_nanos()),
        (0, 1_000)
    );
    use picot_pool::AccountView;
    assert!(chain.reader().is_punished(&headers.fault_key()));
    chain.run(vec![chain.buy(2, 5)]);
    denounce(&mut chain, vec![headers]);
    assert_eq!(chain.rolls(2), 5);
}

#[test]
fn the_network_keeps_its_last_roll() {
    let mut params = small_params();
    params.slash_rolls = 20;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10)]));
    chain.run(vec![]);
    let denunciation = two_votes(&chain, &mocks::key(1), Slot::new(1, 0));
    denounce(&mut chain, vec![denunciation]);
    assert_eq!(
        (chain.rolls(1), chain.totals().slashed.as_nanos()),
        (1, 900)
    );
}

#[test]
fn a_denunciation_of_somebody_who_had_no_part_is_worthless_and_uses_nothing_up() {
    let mut params = small_params();
    params.periods_per_cycle = 16;
    params.proposal_policy = ProposalPolicy::Drawn;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10), (3, 10)]));
    chain.run(vec![]);
    let slot = Slot::new(1, 0);
    let draws = chain.selector.draws(slot).unwrap();
    let undrawn = key_of(&draws.producers[1]);
    let coordinator = chain.selector.coordinator(slot, 1).unwrap();
    let no_coordinator = (1..4).map(mocks::key);
    let mut no_coordinator = no_coordinator
        .filter(|key| picot_models::Address::of_key(&key.public_key()) != coordinator);
    let no_coordinator = no_coordinator.next().unwrap();
    let stranger = mocks::key(50);
    let endorser = key_of(&draws.endorsers[0]);
    let no_endorser = (1..4).map(mocks::key);
    let mut no_endorser = no_endorser.filter(|key| key.public_key() != endorser.public_key());
    let no_endorser = no_endorser.next().unwrap();
    let worthless = vec![
        two_headers(&chain, &undrawn, slot),
        two_votes(&chain, &stranger, slot),
        two_checkpoints(&chain, &stranger, slot),
        two_proposals(&chain, &no_coordinator, slot, 1),
        two_endorsements(&chain, &no_endorser, slot, 0),
        two_endorsements(&chain, &endorser, slot, 99),
        two_headers(&chain, &mocks::key(2), Slot::new(0, 0)),
        two_headers(&chain, &mocks::key(2), Slot::new(1, 7)),
    ];
    let keys: Vec<_> = worthless.iter().map(Denunciation::fault_key).collect();
    denounce(&mut chain, worthless);
    assert_eq!(chain.totals().slashed, Amount::ZERO);
    use picot_pool::AccountView;
    assert!(keys.iter().all(|key| !chain.reader().is_punished(key)));
}

#[test]
fn a_denunciation_that_proves_nothing_is_worthless() {
    let mut chain = chain();
    let key = mocks::key(2);
    let slot = Slot::new(2, 0);
    let nullify = vote(&chain, &key, slot, Ballot::Nullify);
    let same_twice = Denunciation::of_votes(nullify.clone(), nullify.clone());
    let mut forged = two_votes(&chain, &mocks::key(3), slot);
    if let Denunciation::Votes { first, second } = &mut forged {
        // Signed by 3, and said to be by 2.
        first.signer = key.public_key();
        second.signer = key.public_key();
    }
    denounce(&mut chain, vec![same_twice, forged]);
    assert_eq!(chain.totals().slashed, Amount::ZERO);
}

#[test]
fn a_fault_is_punishable_until_it_expires_and_its_mark_is_dropped_then() {
    let expires = small_params().denunciation_expire_periods;
    for late in [false, true] {
        let mut chain = chain();
        let denunciation = two_votes(&chain, &mocks::key(2), Slot::new(1, 0));
        while chain.next_slot().period < 1 + expires + u64::from(late) {
            chain.run(vec![]);
        }
        denounce(&mut chain, vec![denunciation.clone()]);
        assert_eq!(chain.rolls(2), if late { 10 } else { 8 });
        use picot_pool::AccountView;
        assert_eq!(chain.reader().is_punished(&denunciation.fault_key()), !late);
        chain.run(vec![]);
        assert!(!chain.reader().is_punished(&denunciation.fault_key()));
        chain.check_totals();
    }
}

#[test]
fn a_fault_of_the_future_is_worthless() {
    let mut chain = chain();
    let denunciation = two_votes(&chain, &mocks::key(2), Slot::new(9, 0));
    denounce(&mut chain, vec![denunciation]);
    assert_eq!(chain.rolls(2), 10);
}

#[test]
fn a_fault_of_many_cycles_ago_is_punished_if_the_parameters_say_so() {
    let mut params = small_params();
    params.deferred_credit_cycles = 20;
    params.denunciation_expire_periods = 60;
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10)]));
    let key = mocks::key(1);
    let denunciation = two_votes(&chain, &key, Slot::new(1, 0));
    while chain.next_slot().period < 61 {
        chain.run(vec![]);
    }
    let slot = chain.next_slot();
    let producer = chain.producer_at(slot);
    let block = chain.full_block(slot, &producer, vec![], &[], vec![denunciation]);
    chain.decide_block(block);
    assert_eq!(chain.totals().slashed.as_nanos(), 100);
}

#[test]
fn the_largest_price_of_a_fault_is_all_that_there_is() {
    let mut params = small_params();
    params.slash_rolls = u64::MAX / params.roll_price.as_nanos();
    let mut chain = Chain::new(small_genesis(params, &[(1, 10), (2, 10)]));
    chain.run(vec![]);
    let denunciation = two_votes(&chain, &mocks::key(1), Slot::new(1, 0));
    let slot = chain.next_slot();
    let producer = chain.producer_at(slot);
    let block = chain.full_block(slot, &producer, vec![], &[], vec![denunciation]);
    chain.decide_block(block);
    assert_eq!(chain.rolls(1), 0);
    assert_eq!(chain.totals().slashed.as_nanos(), 1_000);
}

#[test]
fn the_denunciations_of_a_block_come_before_its_operations() {
    let mut chain = chain();
    let denunciation = two_votes(&chain, &mocks::key(2), Slot::new(2, 0));
    let operations = vec![chain.sell(2, 9), chain.sell(2, 8)];
    let slot = chain.next_slot();
    let block = chain.full_block(slot, &mocks::key(1), operations, &[], vec![denunciation]);
    let applied = chain.decide_block(block);
    let outcomes = applied.final_slots[0].operations.iter();
    let outcomes: Vec<_> = outcomes.map(|(_, outcome)| *outcome).collect();
    let too_many = OperationOutcome::Failed(FailureReason::NotEnoughRolls);
    assert_eq!(outcomes, [too_many, OperationOutcome::Succeeded]);
    assert_eq!((chain.rolls(2), chain.credits(2)), (0, vec![(3, 800)]));
}
