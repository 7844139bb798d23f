//! The rules of designs 04 and 06 by name, and the world in which they are tried.

mod denunciations;
mod endorsements;
mod lookups;
mod model;
mod operations;
mod refusals;
mod rolls;

use crate::mocks::{FixedAccounts, RecordedPropagation};
use crate::{AccountView, Config, NoPropagation, Pool, PoolError, SharedPool};
use picot_models::mocks::{chain_id, key, key_in_thread, transfer};
use picot_models::{
    Address, ChainId, ChainParams, OperationId, SecretKey, SignedOperation, Slot, ValidatorSet,
};
use picot_selector::mocks::MockSelector;
use picot_selector::{Missing, SelectorError, SlotDraws};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A pool with accounts that are set by hand, and a selector that draws key `10 + index` for each
/// endorsement index and ranks the producers 10, 11, 12, 13; from cycle 2 on it does not know.
pub(crate) struct World {
    pub(crate) pool: SharedPool,
    pub(crate) accounts: Arc<FixedAccounts>,
    pub(crate) network: Arc<RecordedPropagation>,
    pub(crate) params: ChainParams,
    pub(crate) chain: ChainId,
}

pub(crate) const RICH: u64 = 1_000_000_000_000;

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), ChainParams::dev())
    }

    /// With room for large operations, which are those of contracts.
    pub(crate) fn with_contracts() -> Self {
        Self::with_config(Config {
            contracts: true,
            ..Config::default()
        })
    }

    pub(crate) fn with_config(config: Config) -> Self {
        Self::with(config, ChainParams::dev())
    }

    pub(crate) fn with(config: Config, params: ChainParams) -> Self {
        let accounts = Arc::new(FixedAccounts::with_default_balance(RICH));
        let network = Arc::new(RecordedPropagation::default());
        let chain = chain_id(7);
        let selector = Arc::new(selector(&params));
        let pool = SharedPool::new(
            config,
            chain,
            params.clone(),
            selector,
            accounts.clone(),
            network.clone(),
        )
        .unwrap();
        Self {
            pool,
            accounts,
            network,
            params,
            chain,
        }
    }

    /// A pool of the same chain and selector over other accounts.
    pub(crate) fn pool_over(&self, accounts: Arc<dyn AccountView>) -> SharedPool {
        SharedPool::new(
            Config::default(),
            self.chain,
            self.params.clone(),
            Arc::new(selector(&self.params)),
            accounts,
            Arc::new(NoPropagation),
        )
        .unwrap()
    }

    /// A transfer by this key that expires with period 50: valid from the beginning.
    pub(crate) fn transfer(&self, sender: &SecretKey, amount: u64, fee: u64) -> SignedOperation {
        self.transfer_until(sender, amount, fee, 50)
    }

    pub(crate) fn transfer_until(
        &self,
        sender: &SecretKey,
        amount: u64,
        fee: u64,
        expire_period: u64,
    ) -> SignedOperation {
        let recipient = address_of(&key(1_000));
        transfer(sender, recipient, amount, fee, expire_period, &self.chain)
    }

    pub(crate) fn add(&self, operation: &SignedOperation) -> Result<(), PoolError> {
        let mut results = self.pool.add_operations(vec![Arc::new(operation.clone())]);
        assert_eq!(results.len(), 1);
        self.check_invariants();
        results.pop().unwrap()
    }

    /// The ids of the batch of thread 0 at a period, with all the room of a block.
    pub(crate) fn batch(&self, period: u64) -> Vec<OperationId> {
        let (gas, space) = (self.params.max_block_gas, self.params.max_block_size_bytes);
        ids(&self
            .pool
            .batch(Slot::new(period, 0), gas, space, &BTreeSet::new()))
    }

    pub(crate) fn check_invariants(&self) {
        for thread in 0..self.params.thread_count {
            self.pool.thread(thread).unwrap().lock().check_invariants();
        }
    }
}

pub(crate) fn ids(operations: &[Arc<SignedOperation>]) -> Vec<OperationId> {
    operations.iter().map(|operation| operation.id()).collect()
}

pub(crate) fn address_of(key: &SecretKey) -> Address {
    Address::of_key(&key.public_key())
}

/// The n-th key of thread 0 on the development chain.
pub(crate) fn sender(n: u64) -> SecretKey {
    key_in_thread(0, 4, 1 + 1_000 * n)
}

pub(crate) fn staker(index: u64) -> SecretKey {
    key(10 + index)
}

fn selector(params: &ChainParams) -> MockSelector {
    let stakers: Vec<Address> = (0..4).map(|index| address_of(&staker(index))).collect();
    let endorsers: Vec<Address> = (0..u64::from(params.endorsement_count))
        .map(|index| address_of(&staker(index % 4)))
        .collect();
    let (periods, first_unknown) = (params.periods_per_cycle, 2);
    let known = move |slot: Slot| {
        let cycle = slot.period / periods;
        if cycle >= first_unknown {
            let missing = Missing::feed_of(cycle);
            return Err(SelectorError::NotReady { cycle, missing });
        }
        Ok(())
    };
    let mut selector = MockSelector::new();
    let ranking = stakers.clone();
    selector.expect_draws().returning(move |slot| {
        known(slot).map(|()| {
            Arc::new(SlotDraws {
                slot,
                producers: ranking.clone(),
                endorsers: endorsers.clone(),
            })
        })
    });
    let ranking = stakers.clone();
    selector
        .expect_producer_ranking()
        .returning(move |slot, count| {
            known(slot).map(|()| ranking.iter().take(count).copied().collect())
        });
    let ranking = stakers.clone();
    selector
        .expect_producer_rank()
        .returning(move |slot, address| {
            let rank = ranking.iter().position(|staker| staker == address);
            known(slot).map(|()| rank.map(|rank| u32::try_from(rank).unwrap()))
        });
    selector.expect_voting_power().returning(move |cycle| {
        known(Slot::new(cycle * periods, 0))?;
        let rolls: BTreeMap<Address, u64> = stakers.iter().map(|&staker| (staker, 1)).collect();
        Ok(Arc::new(ValidatorSet::new(cycle, &rolls)?))
    });
    selector
}
