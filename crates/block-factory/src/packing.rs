//! Which operations go into a block: design 08, step 4, without asking anybody.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use picot_clock::Slot;
use picot_models::{Address, Amount, ChainParams, OperationId, SignedOperation};
use picot_serialization::Encode;

/// What a block has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) gas: u64,
    /// Bytes.
    pub(crate) space: u64,
    pub(crate) operations: u32,
}

impl Remaining {
    fn is_nothing(self) -> bool {
        self.gas == 0 || self.space == 0 || self.operations == 0
    }

    fn less(self, cost: &Cost) -> Option<Self> {
        Some(Self {
            gas: self.gas.checked_sub(cost.gas)?,
            space: self.space.checked_sub(cost.space)?,
            operations: self.operations.checked_sub(1)?,
        })
    }
}

/// What an operation takes from the block and, at most, from its sender.
struct Cost {
    gas: u64,
    space: u64,
    spend: Amount,
}

impl Cost {
    /// `None` for an operation whose cost no block or account could bear.
    fn of(operation: &SignedOperation, params: &ChainParams) -> Option<Self> {
        Some(Self {
            gas: operation.content().gas_usage(params)?,
            space: u64::try_from(operation.encoded_len()).ok()?,
            spend: operation.content().max_spend(params)?,
        })
    }
}

/// A block that fills up with operations.
pub(crate) struct Packing<'a> {
    params: &'a ChainParams,
    slot: Slot,
    remaining: Remaining,
    /// What each sender can still spend, once it is known.
    balances: HashMap<Address, Amount>,
    included: Vec<Arc<SignedOperation>>,
}

impl<'a> Packing<'a> {
    pub(crate) fn new(slot: Slot, params: &'a ChainParams) -> Self {
        let remaining = Remaining {
            gas: params.max_block_gas,
            space: params.max_block_size_bytes,
            operations: params.max_operations_per_block,
        };
        Self {
            params,
            slot,
            remaining,
            balances: HashMap::new(),
            included: Vec::new(),
        }
    }

    pub(crate) fn remaining(&self) -> Remaining {
        self.remaining
    }

    pub(crate) fn is_full(&self) -> bool {
        self.remaining.is_nothing()
    }

    /// The senders whose balances must be known before this batch can be offered: each is asked
    /// about once in all, and not for the sake of operations that are skipped anyway.
    pub(crate) fn unknown_senders(&self, batch: &[Arc<SignedOperation>]) -> Vec<Address> {
        let mut senders: Vec<_> = batch
            .iter()
            .filter(|operation| self.fits(operation))
            .map(|operation| operation.signer_address())
            .filter(|sender| !self.balances.contains_key(sender))
            .collect();
        senders.sort_unstable();
        senders.dedup();
        senders
    }

    pub(crate) fn add_balances(&mut self, balances: Vec<(Address, Amount)>) {
        self.balances.reserve(balances.len());
        for (sender, balance) in balances {
            self.balances.entry(sender).or_insert(balance);
        }
    }

    /// Includes those of a batch that fit and can be paid for, in order. An operation whose sender's
    /// balance is not known is skipped.
    pub(crate) fn offer(&mut self, batch: Vec<Arc<SignedOperation>>) {
        for operation in batch {
            if self.is_valid(&operation) {
                self.include_if_possible(operation);
            }
        }
    }

    pub(crate) fn into_operations(self) -> Vec<Arc<SignedOperation>> {
        self.included
    }

    fn include_if_possible(&mut self, operation: Arc<SignedOperation>) -> Option<()> {
        let cost = Cost::of(&operation, self.params)?;
        let remaining = self.remaining.less(&cost)?;
        let balance = self.balances.get_mut(&operation.signer_address())?;
        *balance = balance.checked_sub(cost.spend)?;
        self.remaining = remaining;
        self.included.push(operation);
        Some(())
    }

    fn fits(&self, operation: &SignedOperation) -> bool {
        let cost = Cost::of(operation, self.params);
        self.is_valid(operation) && cost.is_some_and(|cost| self.remaining.less(&cost).is_some())
    }

    /// The pool gives valid operations only; one that is not would make the whole block invalid.
    fn is_valid(&self, operation: &SignedOperation) -> bool {
        operation.signer_address().thread(self.params.thread_count) == self.slot.thread
            && operation
                .content()
                .is_valid_at(self.slot.period, self.params)
    }
}

/// The operations of a batch that were not seen before, which then count as seen: whatever a pool
/// gives twice is included once at most.
pub(crate) fn not_seen_before(
    batch: Vec<Arc<SignedOperation>>,
    seen: &mut BTreeSet<OperationId>,
) -> Vec<Arc<SignedOperation>> {
    // A set is made at once from many ids much faster than by inserting one after the other.
    let ids = batch.iter().map(|operation| operation.id());
    let mut fresh: BTreeSet<_> = ids.filter(|id| !seen.contains(id)).collect();
    if fresh.len() == batch.len() {
        seen.append(&mut fresh);
        return batch;
    }
    batch
        .into_iter()
        .filter(|operation| seen.insert(operation.id()))
        .collect()
}

#[cfg(test)]
mod tests {
    use picot_models::{
        OperationKind,
        mocks::{address, chain_id, key_in_thread, operation, transfer},
    };
    use proptest::prelude::*;

    use super::*;

    const SLOT: Slot = Slot::new(20, 1);

    fn params() -> ChainParams {
        ChainParams::dev()
    }

    /// The `number`-th sender of the slot's thread.
    fn sender(number: u64) -> picot_models::SecretKey {
        key_in_thread(SLOT.thread, params().thread_count, number * 1_000)
    }

    fn sender_address(number: u64) -> Address {
        Address::of_key(&sender(number).public_key())
    }

    /// A transfer that spends 10 nano-coins in all.
    fn pay(number: u64, nonce: u64) -> Arc<SignedOperation> {
        let (recipient, chain) = (address(nonce), chain_id(1));
        Arc::new(transfer(
            &sender(number),
            recipient,
            7,
            3,
            SLOT.period,
            &chain,
        ))
    }

    fn balances(of: &[(u64, u64)]) -> Vec<(Address, Amount)> {
        let nanos = |&(number, nanos)| (sender_address(number), Amount::from_nanos(nanos));
        of.iter().map(nanos).collect()
    }

    fn packed(
        params: &ChainParams,
        rich: &[(u64, u64)],
        batch: &[Arc<SignedOperation>],
    ) -> Vec<usize> {
        let mut packing = Packing::new(SLOT, params);
        packing.add_balances(balances(rich));
        packing.offer(batch.to_vec());
        let included = packing.into_operations();
        let place = |one: &Arc<SignedOperation>| batch.iter().position(|other| one == other);
        included.iter().filter_map(place).collect()
    }

    #[test]
    fn operations_are_included_in_the_order_of_the_batch() {
        let batch = [pay(1, 3), pay(2, 1), pay(1, 2)];
        assert_eq!(packed(&params(), &[(1, 100), (2, 100)], &batch), [0, 1, 2]);
    }

    #[test]
    fn a_sender_pays_for_as_many_operations_as_its_balance_covers() {
        let batch = [pay(1, 1), pay(2, 1), pay(1, 2), pay(1, 3), pay(2, 2)];
        assert_eq!(packed(&params(), &[(1, 29), (2, 10)], &batch), [0, 1, 2]);
    }

    #[test]
    fn an_operation_of_a_sender_without_a_known_balance_is_skipped() {
        assert_eq!(packed(&params(), &[(2, 100)], &[pay(1, 1), pay(2, 1)]), [1]);
    }

    #[test]
    fn an_operation_above_the_remaining_gas_is_skipped_and_a_smaller_one_is_not() {
        let deploy = OperationKind::Deploy {
            bytecode: vec![],
            max_gas: 50_000,
            max_coins: Amount::ZERO,
            datastore: vec![],
        };
        let large = Arc::new(operation(&sender(1), deploy, 3, SLOT.period, &chain_id(1)));
        let params = ChainParams {
            max_block_gas: 300_000,
            ..params()
        };
        let batch = [pay(1, 1), large, pay(1, 2), pay(1, 3), pay(1, 4)];
        assert_eq!(packed(&params, &[(1, 1_000)], &batch), [0, 2, 3]);
    }

    #[test]
    fn an_operation_whose_gas_passes_64_bits_is_skipped() {
        let endless = OperationKind::Call {
            contract: address(1),
            function: String::new(),
            parameter: vec![],
            max_gas: u64::MAX,
            coins: Amount::ZERO,
        };
        let endless = Arc::new(operation(&sender(1), endless, 0, SLOT.period, &chain_id(1)));
        assert_eq!(packed(&params(), &[(1, 1_000)], &[endless]).len(), 0);
    }

    #[test]
    fn an_operation_above_the_remaining_space_is_skipped_and_a_smaller_one_is_not() {
        let call = OperationKind::Call {
            contract: address(1),
            function: "f".into(),
            parameter: vec![1; 200],
            max_gas: 1,
            coins: Amount::ZERO,
        };
        let large = Arc::new(operation(&sender(1), call, 3, SLOT.period, &chain_id(1)));
        let small = pay(1, 1);
        let space = 2 * u64::try_from(small.encoded_len()).unwrap() + 1;
        let params = ChainParams {
            max_block_size_bytes: space,
            ..params()
        };
        assert_eq!(
            packed(
                &params,
                &[(1, 1_000)],
                &[small, large, pay(1, 2), pay(1, 3)]
            ),
            [0, 2]
        );
    }

    #[test]
    fn a_block_is_full_at_its_number_of_operations() {
        let params = ChainParams {
            max_operations_per_block: 2,
            ..params()
        };
        let batch = [pay(1, 1), pay(1, 2), pay(1, 3)];
        assert_eq!(packed(&params, &[(1, 1_000)], &batch), [0, 1]);
        let mut packing = Packing::new(SLOT, &params);
        assert!(!packing.is_full());
        packing.add_balances(balances(&[(1, 1_000)]));
        packing.offer(batch.to_vec());
        assert!(packing.is_full());
    }

    #[test]
    fn an_operation_of_another_thread_or_period_is_skipped() {
        let stranger = key_in_thread(SLOT.thread + 1, params().thread_count, 0);
        let window = params().operation_validity_periods;
        let made_at = |key, expire| Arc::new(transfer(key, address(1), 7, 3, expire, &chain_id(1)));
        let batch = [
            made_at(&stranger, SLOT.period),
            made_at(&sender(1), SLOT.period - 1),
            made_at(&sender(1), SLOT.period + window + 1),
            made_at(&sender(1), SLOT.period + window),
        ];
        let params = params();
        let mut packing = Packing::new(SLOT, &params);
        let mut rich = balances(&[(1, 1_000)]);
        rich.push((Address::of_key(&stranger.public_key()), Amount::MAX));
        packing.add_balances(rich);
        assert_eq!(packing.unknown_senders(&batch), []);
        packing.offer(batch.to_vec());
        assert_eq!(packing.into_operations(), batch[3..]);
    }

    #[test]
    fn each_sender_is_asked_about_once_and_only_if_its_operation_could_fit() {
        let params = ChainParams {
            max_block_gas: 100_000,
            ..params()
        };
        let mut packing = Packing::new(SLOT, &params);
        let deploy = OperationKind::Deploy {
            bytecode: vec![],
            max_gas: 0,
            max_coins: Amount::ZERO,
            datastore: vec![],
        };
        let large = Arc::new(operation(&sender(3), deploy, 3, SLOT.period, &chain_id(1)));
        let batch = [pay(1, 1), pay(2, 1), pay(1, 2), large];
        let mut asked = packing.unknown_senders(&batch);
        asked.sort();
        let mut expected = vec![sender_address(1), sender_address(2)];
        expected.sort();
        assert_eq!(asked, expected);
        packing.add_balances(balances(&[(1, 5)]));
        assert_eq!(packing.unknown_senders(&batch), [sender_address(2)]);
    }

    #[test]
    fn a_balance_that_is_given_again_does_not_replace_what_is_left_of_it() {
        let params = params();
        let mut packing = Packing::new(SLOT, &params);
        for nonce in 1..=2 {
            packing.add_balances(balances(&[(1, 15)]));
            packing.offer(vec![pay(1, nonce)]);
        }
        assert_eq!(packing.into_operations().len(), 1);
    }

    #[test]
    fn what_a_pool_gives_twice_is_seen_once() {
        let mut seen = BTreeSet::from([pay(1, 1).id()]);
        let batch = vec![pay(1, 1), pay(1, 2), pay(1, 2), pay(1, 3)];
        assert_eq!(not_seen_before(batch, &mut seen), [pay(1, 2), pay(1, 3)]);
        assert_eq!(seen.len(), 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_block_keeps_all_its_bounds_whatever_is_offered(
            operations in proptest::collection::vec((0_u64..3, 0_u64..6), 0..12),
            balance in 0_u64..60,
            max_gas in 0_u64..1_000_000,
            max_operations in 0_u32..8,
        ) {
            let params = ChainParams {
                max_block_gas: max_gas,
                max_operations_per_block: max_operations,
                ..params()
            };
            let batch = operations.iter().map(|&(number, nonce)| pay(number, nonce)).collect();
            let batch = not_seen_before(batch, &mut BTreeSet::new());
            let rich = [(0, balance), (1, balance), (2, balance)];
            let included = packed(&params, &rich, &batch);
            let count = u64::try_from(included.len()).unwrap();
            prop_assert!(count * params.transfer_gas <= max_gas);
            prop_assert!(count <= u64::from(max_operations));
            for number in 0..3 {
                let spent = included.iter().filter(|place| batch[**place].signer_address() == sender_address(number));
                prop_assert!(spent.count() * 10 <= usize::try_from(balance).unwrap());
            }
        }
    }
}
