//! The pool against a naive one that sorts everything.

use super::*;
use picot_models::OperationKind;
use picot_serialization::Encode;
use proptest::prelude::*;
use std::cmp::Ordering;

const KEYS: u64 = 4;

/// A pool that keeps a list, and sorts and adds up whenever it is asked.
struct Naive {
    config: Config,
    params: ChainParams,
    now: Slot,
    pending: Vec<SignedOperation>,
    balances: BTreeMap<Address, u64>,
}

impl Naive {
    fn gas(&self, operation: &SignedOperation) -> u64 {
        operation.content().gas_usage(&self.params).unwrap()
    }

    fn spend(&self, operation: &SignedOperation) -> u64 {
        operation
            .content()
            .max_spend(&self.params)
            .unwrap()
            .as_nanos()
    }

    fn better(&self, one: &SignedOperation, other: &SignedOperation) -> Ordering {
        let parts = |operation: &SignedOperation| {
            let gas =
                u128::from(self.gas(operation)) * u128::from(self.params.max_block_size_bytes);
            let size = operation.encoded_len() as u128 * u128::from(self.params.max_block_gas);
            (
                u128::from(operation.content().fee.as_nanos()),
                gas.max(size),
            )
        };
        let ((fee, share), (other_fee, other_share)) = (parts(one), parts(other));
        let by_priority = (other_fee * share).cmp(&(fee * other_share));
        by_priority.then_with(|| one.id().cmp(&other.id()))
    }

    fn sort(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by(|one, other| self.better(one, other));
        self.pending = pending;
    }

    fn add(&mut self, operation: &SignedOperation) -> bool {
        let content = operation.content();
        let first = content
            .expire_period
            .saturating_sub(self.params.operation_validity_periods);
        if self.pending.contains(operation)
            || Slot::new(content.expire_period, 0) < self.now
            || first > self.now.period + self.config.max_future_periods
        {
            return false;
        }
        let before = self.pending.clone();
        self.sort();
        let sender = operation.signer_address();
        let of_sender = |other: &SignedOperation| other.signer_address() == sender;
        if self.pending.iter().filter(|other| of_sender(other)).count()
            >= self.config.max_operations_per_sender
        {
            let worst = self.pending.iter().rposition(of_sender).unwrap();
            self.pending.remove(worst);
        }
        let spend: u64 = self
            .pending
            .iter()
            .filter(|other| of_sender(other))
            .map(|other| self.spend(other))
            .sum();
        let covered = spend + self.spend(operation) <= self.balances[&sender];
        self.pending.push(operation.clone());
        self.sort();
        while self.pending.len() > self.config.max_operations_per_thread
            || self.pending.iter().map(Encode::encoded_len).sum::<usize>() as u64
                > self.config.max_bytes_per_thread
        {
            self.pending.pop();
        }
        // Whoever left must be worse than who came.
        let taken = covered
            && self.pending.contains(operation)
            && before
                .iter()
                .filter(|other| !self.pending.contains(other))
                .all(|left| self.better(operation, left) == Ordering::Less);
        if !taken {
            self.pending = before;
        }
        taken
    }

    fn advance(&mut self, now: Slot) {
        self.now = self.now.max(now);
        let now = self.now;
        self.pending
            .retain(|operation| Slot::new(operation.content().expire_period, 0) >= now);
    }

    fn set_balance(&mut self, address: Address, balance: u64) {
        self.balances.insert(address, balance);
        self.sort();
        let mut left = balance;
        let pending = std::mem::take(&mut self.pending);
        for operation in pending {
            if operation.signer_address() != address {
                self.pending.push(operation);
            } else if let Some(rest) = left.checked_sub(self.spend(&operation)) {
                left = rest;
                self.pending.push(operation);
            }
        }
    }

    fn batch(
        &mut self,
        period: u64,
        mut gas: u64,
        mut space: u64,
        excluded: &BTreeSet<OperationId>,
    ) -> Vec<OperationId> {
        self.sort();
        let mut batch = Vec::new();
        for operation in &self.pending {
            let (its_gas, size) = (self.gas(operation), operation.encoded_len() as u64);
            if batch.len() < self.config.max_batch_operations
                && !excluded.contains(&operation.id())
                && operation.content().is_valid_at(period, &self.params)
                && its_gas <= gas
                && size <= space
            {
                gas -= its_gas;
                space -= size;
                batch.push(operation.id());
            }
        }
        batch
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add {
        sender: u64,
        rolls: bool,
        amount: u64,
        fee: u64,
        expire_period: u64,
    },
    Advance {
        period: u64,
        thread: u8,
    },
    Balance {
        sender: u64,
        nanos: u64,
    },
    Final {
        places: Vec<usize>,
    },
    Batch {
        period: u64,
        gas: u64,
        space: u64,
        excluded: Vec<usize>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let add = (
        0..KEYS,
        prop::bool::ANY,
        1..1_000_u64,
        0..2_000_u64,
        0..40_u64,
    )
        .prop_map(|(sender, rolls, amount, fee, expire_period)| Step::Add {
            sender,
            rolls,
            amount,
            fee,
            expire_period,
        });
    let places = || prop::collection::vec(0..40_usize, 0..4);
    prop_oneof![
        12 => add,
        2 => (0..30_u64, 0..4_u8).prop_map(|(period, thread)| Step::Advance { period, thread }),
        2 => (0..KEYS, 0..10_000_u64).prop_map(|(sender, nanos)| Step::Balance { sender, nanos }),
        1 => places().prop_map(|places| Step::Final { places }),
        4 => (0..30_u64, 0..1_500_u64, 0..2_000_u64, places())
            .prop_map(|(period, gas, space, excluded)| Step::Batch { period, gas, space, excluded }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_pool_answers_as_one_that_sorts_everything(steps in prop::collection::vec(step(), 1..80)) {
        let config = Config {
            max_operations_per_thread: 12,
            max_bytes_per_thread: 1_900,
            max_operations_per_sender: 5,
            max_batch_operations: 8,
            ..Config::default()
        };
        let params = ChainParams {
            max_block_gas: 1_000,
            max_block_size_bytes: 1_000,
            transfer_gas: 100,
            roll_gas: 300,
            roll_price: picot_models::Amount::from_nanos(10),
            operation_validity_periods: 8,
            ..ChainParams::dev()
        };
        let world = World::with(config.clone(), params.clone());
        let keys: Vec<_> = (0..KEYS).map(sender).collect();
        let mut naive = Naive {
            config,
            params,
            now: Slot::new(0, 0),
            pending: Vec::new(),
            balances: keys.iter().map(|key| (address_of(key), RICH)).collect(),
        };
        let mut seen: Vec<SignedOperation> = Vec::new();
        let chosen = |seen: &[SignedOperation], places: &[usize]| -> BTreeSet<OperationId> {
            places.iter().filter_map(|&place| seen.get(place)).map(SignedOperation::id).collect()
        };
        for step in steps {
            match step {
                Step::Add { sender, rolls, amount, fee, expire_period } => {
                    let key = &keys[usize::try_from(sender).unwrap()];
                    let operation = if rolls {
                        let kind = OperationKind::RollBuy { roll_count: amount };
                        picot_models::mocks::operation(key, kind, fee, expire_period, &world.chain)
                    } else {
                        world.transfer_until(key, amount, fee, expire_period)
                    };
                    prop_assert_eq!(world.add(&operation).is_ok(), naive.add(&operation));
                    seen.push(operation);
                }
                Step::Advance { period, thread } => {
                    world.pool.notify_slot(Slot::new(period, thread));
                    naive.advance(Slot::new(period, thread));
                }
                Step::Balance { sender, nanos } => {
                    let address = address_of(&keys[usize::try_from(sender).unwrap()]);
                    world.accounts.set_balance(address, nanos);
                    world.pool.notify_balances(&[address]);
                    naive.set_balance(address, nanos);
                }
                Step::Final { places } => {
                    let executed = chosen(&seen, &places);
                    let list: Vec<_> = executed.iter().copied().collect();
                    world.pool.notify_final(Slot::new(0, 0), &list);
                    naive.pending.retain(|operation| !executed.contains(&operation.id()));
                }
                Step::Batch { period, gas, space, excluded } => {
                    let excluded = chosen(&seen, &excluded);
                    let batch = world.pool.batch(Slot::new(period, 0), gas, space, &excluded);
                    prop_assert_eq!(ids(&batch), naive.batch(period, gas, space, &excluded));
                }
            }
            world.check_invariants();
            prop_assert_eq!(world.pool.stats().operations(), naive.pending.len());
            for operation in &naive.pending {
                prop_assert!(world.pool.contains(&operation.id()));
            }
        }
    }
}
