//! How answers look: reviewed as pictures.

use super::*;
use picot_api::types::{
    DeferredCredit, PeersSummary, PoolStatus, ProductionStatus, SubmittedOperation, SupplyStatus,
};
use picot_models::{Amount, BlockId, Hash, Signed, Timestamp, mocks};

fn coins(text: &str) -> Amount {
    text.parse().unwrap()
}

fn block_id(number: u8) -> BlockId {
    Hash([number; 32]).into()
}

/// What a node answers in good times.
pub(in crate::cli) fn status_answer() -> StatusResponse {
    StatusResponse {
        chain_id: mocks::chain_id(7),
        chain_name: "dev".to_owned(),
        node_version: "0.1.0".to_owned(),
        started_at: Timestamp(1_767_225_600_000),
        now: Timestamp(1_767_225_625_250),
        current_slot: Some(Slot::new(12, 2)),
        last_final_slot: Slot::new(12, 0),
        state_hash: Hash([0xab; 32]),
        threads: vec![
            ThreadStatus {
                thread: 0,
                decided_period: 12,
                latest_block: block_id(1),
                latest_block_period: 12,
                open_slot: Some(Slot::new(13, 0)),
                round: Some(0),
            },
            ThreadStatus {
                thread: 1,
                decided_period: 11,
                latest_block: block_id(2),
                latest_block_period: 10,
                open_slot: None,
                round: None,
            },
        ],
        behind: None,
        peers: Some(PeersSummary {
            connected: 3,
            clock_behind_ms: Some(-2),
        }),
        decided_slots: 48,
        missed_slots: 2,
        production: ProductionStatus {
            producing: true,
            not_producing: None,
            staking_addresses: vec![mocks::address(1)],
            blocks_produced: 46,
            endorsements_produced: 184,
            refused: std::collections::BTreeMap::new(),
        },
        pool: PoolStatus {
            operations: 3,
            operation_bytes: 420,
            endorsements: 16,
            denunciations: 0,
        },
        supply: SupplyStatus {
            balances: coins("1000000.5"),
            rolls: 100,
            deferred_credits: Amount::ZERO,
            storage_deposits: Amount::ZERO,
            genesis_supply: coins("1010000"),
            minted: coins("14.25"),
            burnt: coins("0.001"),
            slashed: Amount::ZERO,
        },
    }
}

fn transfer() -> (SubmittedOperation, OperationResponse) {
    let signed = mocks::transfer(
        &mocks::key(1),
        mocks::address(2),
        12_500_000_000,
        10_000_000,
        112,
        &mocks::chain_id(7),
    );
    let id = signed.id();
    let operation = signed.into_envelope();
    let answer = OperationResponse {
        id,
        state: OperationState::Final,
        slot: Some(Slot::new(13, 2)),
        block: Some(block_id(5)),
        outcome: Some(OperationResult::Succeeded),
        operation: Some(operation.clone()),
    };
    (operation, answer)
}

#[test]
fn a_status_fits_on_a_screen() {
    insta::assert_snapshot!(status(&status_answer()));
}

#[test]
fn a_status_says_why_a_node_is_behind_and_does_not_produce() {
    let mut answer = status_answer();
    answer.current_slot = None;
    answer.behind = Some("slot 9/1 is undecided since 20 s".to_owned());
    answer.production.producing = false;
    answer.production.not_producing = Some("waits until 2 periods\nafter the start".to_owned());
    answer.production.staking_addresses.clear();
    let text = status(&answer);
    assert!(text.contains("before the first slot"), "{text}");
    assert!(
        text.contains("behind       slot 9/1 is undecided since 20 s"),
        "{text}"
    );
    assert!(
        text.contains("no: waits until 2 periods after the start"),
        "{text}"
    );
}

#[test]
fn a_block_shows_its_parents_and_what_it_carries() {
    let (_, answer) = transfer();
    let block = BlockResponse {
        id: block_id(5),
        slot: Slot::new(13, 2),
        state: BlockState::Final,
        producer: mocks::address(1),
        version: 1,
        parents: vec![block_id(1), block_id(2)],
        operations: vec![answer.id],
        endorsements: vec![],
        denunciations: vec![],
        size_bytes: 777,
    };
    insta::assert_snapshot!(super::block(&block));
}

fn slot_answer(state: SlotState) -> SlotResponse {
    SlotResponse {
        slot: Slot::new(13, 2),
        start: Timestamp(1_767_225_627_000),
        is_final: false,
        state,
        producers: Some(vec![mocks::address(1), mocks::address(2)]),
        endorsers: None,
    }
}

#[test]
fn a_slot_shows_its_candidates_or_its_decision() {
    let undecided = slot_answer(SlotState::Undecided {
        round: 1,
        candidates: vec![block_id(5), block_id(6)],
        leading: Some(block_id(6)),
    });
    let mut decided = slot_answer(SlotState::Decided {
        outcome_slot: Slot::new(13, 2),
        value: Value::Block { id: block_id(6) },
    });
    decided.is_final = true;
    let missed = slot_answer(SlotState::Decided {
        outcome_slot: Slot::new(11, 2),
        value: Value::Miss { through: 20 },
    });
    let not_open = slot_answer(SlotState::NotOpen);
    let pictures = [undecided, decided, missed, not_open].map(|answer| slot(&answer));
    insta::assert_snapshot!(pictures.join("\n\n"));
}

#[test]
fn an_address_shows_both_states_side_by_side() {
    let answer = AddressResponse {
        address: mocks::address(1),
        thread: 2,
        final_state: AccountState {
            balance: Some(coins("999987.49")),
            rolls: 10,
            deferred_credits: vec![
                DeferredCredit {
                    cycle: 5,
                    amount: coins("100"),
                    due: Some(Timestamp(1_767_225_792_000)),
                },
                DeferredCredit {
                    cycle: 6,
                    amount: coins("200"),
                    due: None,
                },
            ],
        },
        candidate: AccountState {
            balance: None,
            rolls: 0,
            deferred_credits: vec![],
        },
    };
    insta::assert_snapshot!(address(&answer));
}

#[test]
fn an_operation_shows_what_it_orders_and_came_to() {
    let (_, answer) = transfer();
    insta::assert_snapshot!(operation(&answer));
}

#[test]
fn each_kind_of_operation_is_put_in_words() {
    let words = |kind: OperationKind| {
        let operation = picot_models::Operation {
            fee: Amount::ZERO,
            expire_period: 1,
            kind,
        };
        let signed = Signed::sign(operation, &mocks::key(1), &mocks::chain_id(1));
        order(signed.envelope())[1].1.clone()
    };
    assert_eq!(
        words(OperationKind::RollBuy { roll_count: 3 }),
        "buy 3 rolls"
    );
    assert_eq!(
        words(OperationKind::RollSell { roll_count: 1 }),
        "sell 1 roll"
    );
    let deploy = OperationKind::Deploy {
        bytecode: vec![0; 9],
        max_gas: 1,
        max_coins: Amount::ZERO,
        datastore: vec![],
    };
    assert_eq!(words(deploy), "deploy a contract of 9 bytes");
    let call = OperationKind::Call {
        contract: mocks::address(3),
        function: "vote\u{1b}[2J".to_owned(),
        parameter: vec![],
        max_gas: 1,
        coins: Amount::ZERO,
    };
    assert!(words(call).starts_with("call `vote [2J` of addr1"));
}

#[test]
fn every_outcome_is_put_in_words() {
    let (_, mut answer) = transfer();
    for (outcome, expected) in [
        (None, "outcome    -"),
        (Some(OperationResult::Unpaid), "unpaid: nothing moved"),
        (Some(OperationResult::Refused), "refused: nothing moved"),
        (
            Some(OperationResult::Failed {
                reason: "no\u{7}".to_owned(),
            }),
            "failed, fee spent: no\n",
        ),
    ] {
        answer.outcome = outcome;
        let text = operation(&answer);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_genesis_shows_its_stakers_and_first_coins() {
    insta::assert_snapshot!(genesis(&mocks::genesis(&[(1, 10), (2, 5)])));
}

#[test]
fn checkpoints_show_what_is_certified_and_what_is_being_signed() {
    let certified = CheckpointResponse {
        slot: Slot::new(15, 3),
        hash: Hash([1; 32]).into(),
        state_hash: Hash([2; 32]),
        validator_sets: Hash([3; 32]),
        signers: vec![mocks::address(1), mocks::address(2)],
    };
    let open = |period, state_hash, power| OpenCheckpointResponse {
        slot: Slot::new(period, 3),
        state_hash,
        power,
        total_power: 20,
    };
    let mut answer = CheckpointsResponse {
        certified: None,
        open: Vec::new(),
    };
    let none = checkpoints(&answer);
    answer.certified = Some(certified);
    answer.open = vec![open(23, Some(Hash([4; 32])), 10), open(31, None, 0)];
    insta::assert_snapshot!(format!("{none}\n\n{}", checkpoints(&answer)));
}
