//! Sales of rolls that are still to be bought.

use super::*;
use picot_models::OperationKind;
use picot_models::mocks::operation;

struct Rolls {
    world: World,
    key: SecretKey,
}

impl Rolls {
    /// An account of 10 rolls' worth of coins, which owns so many rolls.
    fn new(owned: u64) -> Self {
        let rolls = Self {
            world: World::new(),
            key: sender(1),
        };
        rolls.owns(owned);
        let coins = rolls.world.params.roll_price.as_nanos() * 10;
        rolls.world.accounts.set_balance(rolls.account(), coins);
        rolls
    }

    fn account(&self) -> Address {
        address_of(&self.key)
    }

    fn owns(&self, rolls: u64) {
        self.world.accounts.set_rolls(self.account(), rolls);
    }

    fn buys(&self, roll_count: u64, fee: u64) -> SignedOperation {
        let kind = OperationKind::RollBuy { roll_count };
        operation(&self.key, kind, fee, 50, &self.world.chain)
    }

    fn sells(&self, roll_count: u64, fee: u64) -> SignedOperation {
        let kind = OperationKind::RollSell { roll_count };
        operation(&self.key, kind, fee, 50, &self.world.chain)
    }

    /// The candidate state has this operation now, and so many rolls.
    fn executes(&self, operation: &SignedOperation, rolls: u64) {
        self.world.accounts.set_executed(operation.id(), true);
        self.owns(rolls);
        self.world.pool.notify_balances(&[self.account()]);
        self.world.check_invariants();
    }
}

#[test]
fn a_sale_right_after_a_pending_purchase_is_taken_in_and_waits_for_it() {
    let rolls = Rolls::new(0);
    // The sale pays more, and would come first: there it would fail.
    let (purchase, sale) = (rolls.buys(3, 1), rolls.sells(2, 9));
    assert!(rolls.world.add(&sale).is_err(), "not before the purchase");
    assert_eq!(rolls.world.add(&purchase), Ok(()));
    assert_eq!(rolls.world.add(&sale), Ok(()));
    assert_eq!(rolls.world.batch(1), [purchase.id()]);
    assert!(rolls.world.pool.contains(&sale.id()));
    assert_eq!(rolls.world.pool.stats().threads[0].not_yet_valid, 0);

    rolls.executes(&purchase, 3);
    assert_eq!(rolls.world.batch(1), [sale.id(), purchase.id()]);
    let slot = Slot::new(1, 0);
    rolls.world.pool.notify_final(slot, &[purchase.id()]);
    rolls.world.check_invariants();
    assert_eq!(rolls.world.batch(1), [sale.id()]);
}

#[test]
fn sales_wait_only_as_far_as_the_owned_rolls_do_not_cover_them() {
    let rolls = Rolls::new(2);
    let (purchase, sale) = (rolls.buys(2, 1), rolls.sells(2, 5));
    let (large, small) = (rolls.sells(1, 9), rolls.sells(1, 4));
    for operation in [&purchase, &sale, &large, &small] {
        assert_eq!(rolls.world.add(operation), Ok(()));
    }
    // 1 is covered, 2 more are not, 1 is.
    let expected = [large.id(), small.id(), purchase.id()];
    assert_eq!(rolls.world.batch(1), expected);
    let one_more = rolls.world.add(&rolls.sells(1, 7));
    assert!(matches!(
        one_more,
        Err(PoolError::RollsTooFew {
            wanted: 5,
            available: 4,
            ..
        })
    ));
}

#[test]
fn a_sale_leaves_when_neither_rolls_nor_a_purchase_cover_it_any_more() {
    let rolls = Rolls::new(0);
    let (purchase, sale) = (rolls.buys(3, 1), rolls.sells(2, 9));
    assert_eq!(rolls.world.add(&purchase), Ok(()));
    assert_eq!(rolls.world.add(&sale), Ok(()));
    // The coins for the purchase are gone, and the purchase with them.
    rolls.world.accounts.set_balance(rolls.account(), 100);
    rolls.world.pool.notify_balances(&[rolls.account()]);
    rolls.world.check_invariants();
    assert!(!rolls.world.pool.contains(&purchase.id()));
    assert!(!rolls.world.pool.contains(&sale.id()));
}

#[test]
fn the_rolls_of_a_block_that_loses_are_bought_and_sold_once_more() {
    let rolls = Rolls::new(0);
    let (purchase, sale) = (rolls.buys(3, 1), rolls.sells(2, 9));
    assert_eq!(rolls.world.add(&purchase), Ok(()));
    assert_eq!(rolls.world.add(&sale), Ok(()));
    rolls.executes(&purchase, 3);
    // Its block loses: the candidate state is as before.
    rolls.world.accounts.set_executed(purchase.id(), false);
    rolls.owns(0);
    rolls.world.pool.notify_balances(&[rolls.account()]);
    rolls.world.check_invariants();
    assert_eq!(rolls.world.batch(1), [purchase.id()]);
    assert!(rolls.world.pool.contains(&sale.id()));
}

#[test]
fn a_waiting_sale_is_evicted_and_expires_like_any_other() {
    let rolls = Rolls::new(0);
    let (purchase, sale) = (rolls.buys(3, 1), rolls.sells(2, 9));
    assert_eq!(rolls.world.add(&purchase), Ok(()));
    assert_eq!(rolls.world.add(&sale), Ok(()));
    rolls.world.pool.notify_slot(Slot::new(51, 0));
    rolls.world.check_invariants();
    assert_eq!(rolls.world.pool.stats().operations(), 0);
}
