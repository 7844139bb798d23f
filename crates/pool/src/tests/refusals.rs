//! Each reason to refuse an operation is an error of its own, and touches nobody else.

use super::*;
use picot_models::{
    Amount, Envelope, Operation, OperationKind, PublicKey, Signature, mocks::operation,
};

fn refused(world: &World, operation: &SignedOperation) -> PoolError {
    let error = world.add(operation).unwrap_err();
    assert!(world.network.take().operations.is_empty(), "not announced");
    error
}

#[test]
fn an_operation_of_another_chain_is_refused() {
    let world = World::new();
    let other = transfer(&sender(1), address_of(&key(9)), 1, 1, 50, &chain_id(8));
    let expected = PoolError::OperationOfOtherChain(other.id());
    assert_eq!(refused(&world, &other), expected);
}

#[test]
fn a_wrong_signature_is_refused_alone() {
    let world = World::new();
    let good: Vec<_> = (0..5).map(|n| world.transfer(&sender(n), 1, 1)).collect();
    let mut envelope = world.transfer(&sender(6), 2, 1).into_envelope();
    envelope.signature.0[40] ^= 1;
    let bad = envelope.identify(&world.chain);

    let mut operations: Vec<_> = good.iter().cloned().map(Arc::new).collect();
    operations.insert(2, Arc::new(bad.clone()));
    let mut results = world.pool.add_operations(operations);
    let refusal = results.remove(2).unwrap_err();
    assert_eq!(refusal, PoolError::OperationSignature(bad.id()));
    assert!(results.iter().all(Result::is_ok));
    assert!(
        good.iter()
            .all(|operation| world.pool.contains(&operation.id()))
    );
    assert!(!world.pool.contains(&bad.id()));
    let announced = world.network.take().operations;
    assert_eq!(
        ids(&announced),
        good.iter().map(SignedOperation::id).collect::<Vec<_>>()
    );
}

#[test]
fn an_unsigned_operation_is_refused() {
    let world = World::new();
    let mut envelope = world.transfer(&sender(1), 2, 1).into_envelope();
    envelope.signature = Signature([0; 64]);
    let unsigned = envelope.identify(&world.chain);
    let expected = PoolError::OperationSignature(unsigned.id());
    assert_eq!(refused(&world, &unsigned), expected);
}

#[test]
fn a_key_of_small_order_sends_nothing_though_its_signatures_are_valid() {
    let world = World::new();
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    let weak = Envelope {
        content: world.transfer(&sender(1), 1, 1).content().clone(),
        signer: PublicKey(identity),
        signature: Signature(signature),
    }
    .identify(&world.chain);
    assert_eq!(weak.verify(), Ok(()));
    assert_eq!(refused(&world, &weak), PoolError::WeakSenderKey(weak.id()));
}

#[test]
fn orders_of_no_rolls_are_refused() {
    let world = World::new();
    for kind in [
        OperationKind::RollBuy { roll_count: 0 },
        OperationKind::RollSell { roll_count: 0 },
    ] {
        let none = operation(&sender(1), kind, 1, 50, &world.chain);
        assert_eq!(refused(&world, &none), PoolError::NoRolls(none.id()));
    }
}

fn call(world: &World, function: String, max_gas: u64, coins: u64) -> SignedOperation {
    let kind = OperationKind::Call {
        contract: address_of(&key(9)),
        function,
        parameter: Vec::new(),
        max_gas,
        coins: Amount::from_nanos(coins),
    };
    operation(&sender(1), kind, 1, 50, &world.chain)
}

#[test]
fn what_no_node_could_read_back_is_refused() {
    let world = World::with_contracts();
    let malformed = call(&world, "f".repeat(256), 1, 1);
    assert!(matches!(
        refused(&world, &malformed),
        PoolError::MalformedOperation { id, .. } if id == malformed.id()
    ));
    assert_eq!(world.add(&call(&world, "f".repeat(255), 1, 1)), Ok(()));
}

#[test]
fn what_exceeds_the_gas_of_a_block_is_refused() {
    let world = World::with_contracts();
    let max = world.params.max_block_gas;
    let most = max - world.params.call_gas;
    for max_gas in [most + 1, u64::MAX] {
        let greedy = call(&world, "f".into(), max_gas, 1);
        let id = greedy.id();
        assert_eq!(refused(&world, &greedy), PoolError::TooMuchGas { id, max });
    }
    assert_eq!(world.add(&call(&world, "f".into(), most, 1)), Ok(()));
}

#[test]
fn what_exceeds_the_size_of_a_block_is_refused() {
    let params = ChainParams {
        max_block_size_bytes: 300,
        ..ChainParams::dev()
    };
    let world = World::with(Config::default(), params);
    let large = call(&world, "f".repeat(200), 1, 1);
    assert!(matches!(
        refused(&world, &large),
        PoolError::OperationTooLarge { id, size, max: 300 } if id == large.id() && size > 300
    ));
}

#[test]
fn what_could_spend_more_than_there_can_be_is_refused() {
    let world = World::with_contracts();
    let endless = world.transfer(&sender(1), u64::MAX, 1);
    let expected = PoolError::SpendsTooMuch(endless.id());
    assert_eq!(refused(&world, &endless), expected);
}

#[test]
fn a_fee_below_the_minimum_is_refused() {
    let min = Amount::from_nanos(5);
    let world = World::with_config(Config {
        min_fee: min,
        ..Config::default()
    });
    let cheap = world.transfer(&sender(1), 1, 4);
    let (id, fee) = (cheap.id(), Amount::from_nanos(4));
    assert_eq!(
        refused(&world, &cheap),
        PoolError::FeeTooLow { id, fee, min }
    );
    assert_eq!(world.add(&world.transfer(&sender(1), 1, 5)), Ok(()));
}

#[test]
fn an_operation_is_expired_once_the_last_slot_of_its_thread_is_over() {
    let world = World::new();
    let (last, more) = (
        world.transfer_until(&sender(1), 1, 1, 20),
        world.transfer_until(&sender(1), 2, 1, 20),
    );
    world.pool.notify_slot(Slot::new(20, 0));
    assert_eq!(world.add(&last), Ok(()));
    assert_eq!(world.batch(20), [last.id()]);

    let now = Slot::new(20, 1);
    world.pool.notify_slot(now);
    assert!(!world.pool.contains(&last.id()));
    let _ = world.network.take();
    let (id, expire_period) = (more.id(), 20);
    let expected = PoolError::OperationExpired {
        id,
        expire_period,
        now,
    };
    assert_eq!(refused(&world, &more), expected);
}

#[test]
fn an_operation_is_taken_in_only_so_long_before_it_becomes_valid() {
    let world = World::new();
    let now = Slot::new(30, 0);
    world.pool.notify_slot(now);
    // Valid for 100 periods, taken in 10 before.
    assert_eq!(
        world.add(&world.transfer_until(&sender(1), 1, 1, 140)),
        Ok(())
    );
    let _ = world.network.take();
    let early = world.transfer_until(&sender(1), 1, 1, 141);
    let (id, first_period) = (early.id(), 41);
    let expected = PoolError::OperationTooEarly {
        id,
        first_period,
        now,
    };
    assert_eq!(refused(&world, &early), expected);
}

#[test]
fn an_operation_is_pending_once_and_announced_once() {
    let world = World::new();
    let first = Arc::new(world.transfer(&sender(1), 1, 1));
    let pending = Err(PoolError::OperationPending(first.id()));
    let results = world
        .pool
        .add_operations(vec![first.clone(), first.clone()]);
    assert_eq!(results, [Ok(()), pending.clone()]);
    assert_eq!(world.pool.add_operations(vec![first.clone()]), [pending]);
    assert_eq!(
        world.network.take().operations,
        std::slice::from_ref(&first)
    );
    assert_eq!(world.pool.get(&first.id()), Some(first));
}

#[test]
fn an_executed_operation_is_refused() {
    let world = World::new();
    let done = world.transfer(&sender(1), 1, 1);
    world.accounts.set_executed(done.id(), true);
    let expected = PoolError::OperationExecuted(done.id());
    assert_eq!(refused(&world, &done), expected);
}

#[test]
fn the_balance_must_cover_all_that_the_sender_has_pending() {
    let world = World::new();
    let poor = sender(1);
    world.accounts.set_balance(address_of(&poor), 100);
    assert_eq!(world.add(&world.transfer(&poor, 50, 9)), Ok(()));
    let _ = world.network.take();
    let second = world.transfer(&poor, 30, 12);
    let expected = PoolError::BalanceTooLow {
        id: second.id(),
        sender: Box::new(address_of(&poor)),
        needed: 59 + 42,
        balance: Amount::from_nanos(100),
    };
    assert_eq!(refused(&world, &second), expected);
    assert_eq!(world.add(&world.transfer(&poor, 30, 11)), Ok(()));
}

#[test]
fn who_sells_rolls_must_own_them_together_with_its_other_sales() {
    let world = World::new();
    let seller = sender(1);
    world.accounts.set_rolls(address_of(&seller), 2);
    let sale = |roll_count, fee| {
        let kind = OperationKind::RollSell { roll_count };
        operation(&seller, kind, fee, 50, &world.chain)
    };
    let expected = |id, wanted| PoolError::RollsTooFew {
        id,
        sender: Box::new(address_of(&seller)),
        wanted,
        available: 2,
    };
    assert_eq!(refused(&world, &sale(3, 1)), expected(sale(3, 1).id(), 3));
    assert_eq!(world.add(&sale(2, 1)), Ok(()));
    assert_eq!(
        world.add(&sale(1, 9)),
        Err(expected(sale(1, 9).id(), 3)),
        "a better one does not push out its own sender's"
    );
}

#[test]
fn every_kind_of_operation_is_taken_in() {
    let world = World::with_contracts();
    let kinds = [
        OperationKind::RollBuy { roll_count: 1 },
        OperationKind::Deploy {
            bytecode: vec![1],
            max_gas: 1,
            max_coins: Amount::ZERO,
            datastore: Vec::new(),
        },
    ];
    for kind in kinds {
        let content = Operation {
            fee: Amount::ZERO,
            expire_period: 50,
            kind,
        };
        let operation = SignedOperation::sign(content, &sender(1), &world.chain);
        assert_eq!(world.add(&operation), Ok(()));
    }
}

#[test]
fn deployments_and_calls_are_refused_until_there_is_an_engine_for_them() {
    let world = World::new();
    let deploy = OperationKind::Deploy {
        bytecode: vec![1],
        max_gas: 1,
        max_coins: Amount::ZERO,
        datastore: Vec::new(),
    };
    let deploy = operation(&sender(1), deploy, 1, 50, &world.chain);
    for one in [deploy, call(&world, "f".into(), 1, 1)] {
        let refusal = refused(&world, &one);
        assert_eq!(refusal, PoolError::NoContractEngine(one.id()));
        let reason = refusal.to_string();
        assert!(reason.contains("no engine for contracts yet"), "{reason}");
        world.pool.offer_again(vec![Arc::new(one.clone())]);
        assert!(!world.pool.contains(&one.id()), "nor after its block lost");
    }
}
