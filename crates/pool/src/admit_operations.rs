//! How operations come in, and how they are checked again when accounts change.

use crate::PoolError;
use crate::pending::Pending;
use crate::shared_pool::SharedPool;
use crate::thread_operations::Standing;
use picot_crypto::{PublicKey, VerifyingKey};
use picot_models::{Address, Amount, SignedOperation};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An operation on its way in.
struct Arrival {
    /// Its place among those that came together.
    index: usize,
    thread: u8,
    pending: Pending,
    standing: Standing,
}

/// Those on their way in, and what became of the others.
struct Arrivals {
    results: Vec<Result<(), PoolError>>,
    remaining: Vec<Arrival>,
}

impl Arrivals {
    /// Refuses those that do not pass, each alone.
    fn retain(&mut self, mut check: impl FnMut(&mut Arrival) -> Result<(), PoolError>) {
        let results = &mut self.results;
        self.remaining.retain_mut(|arrival| match check(arrival) {
            Ok(()) => true,
            Err(error) => {
                set(results, arrival.index, error);
                false
            }
        });
    }
}

fn set(results: &mut [Result<(), PoolError>], index: usize, error: PoolError) {
    if let Some(result) = results.get_mut(index) {
        *result = Err(error);
    }
}

impl SharedPool {
    /// What is cheap to check comes first, so that a flood of what is refused costs little: limits,
    /// then accounts, then the present pool, and signatures last.
    pub(crate) fn admit_operations(
        &self,
        operations: Vec<Arc<SignedOperation>>,
    ) -> Vec<Result<(), PoolError>> {
        let mut arrivals = self.arrivals(operations);
        arrivals.retain(|arrival| self.ask_accounts(arrival));
        arrivals.retain(|arrival| self.check_in_thread(arrival));
        verify_signatures(&mut arrivals);
        let Arrivals {
            mut results,
            remaining,
        } = arrivals;
        let added = self.insert(remaining, &mut results);
        self.confirm(&added, &mut results);
        let announced: Vec<_> = added
            .into_iter()
            .filter(|added| matches!(results.get(added.index), Some(Ok(()))))
            .map(|added| added.operation)
            .collect();
        if !announced.is_empty() {
            self.propagation.operations(&announced);
        }
        results
    }

    /// As [`Self::admit_operations`], for operations that were in a block: their signatures are
    /// known to be valid, the network knows them, and the candidate state may still include them.
    pub(crate) fn readmit_operations(&self, operations: Vec<Arc<SignedOperation>>) {
        let Arrivals {
            mut results,
            mut remaining,
        } = self.arrivals(operations);
        for arrival in &mut remaining {
            arrival.standing = Standing {
                is_executed: self.is_executed(arrival),
                ..self.standing_of(&arrival.pending)
            };
        }
        let added = self.insert(remaining, &mut results);
        self.settle(added.into_iter().map(|added| added.sender).collect());
    }

    fn arrivals(&self, operations: Vec<Arc<SignedOperation>>) -> Arrivals {
        let mut results = Vec::with_capacity(operations.len());
        let mut remaining = Vec::with_capacity(operations.len());
        for (index, operation) in operations.into_iter().enumerate() {
            let pending = Pending::new(operation, &self.chain_id, &self.config, &self.params);
            results.push(pending.map(|pending| {
                remaining.push(Arrival {
                    index,
                    thread: self.thread_of(&pending.sender),
                    pending,
                    standing: Standing::default(),
                });
            }));
        }
        Arrivals { results, remaining }
    }

    fn is_executed(&self, arrival: &Arrival) -> bool {
        self.accounts
            .is_executed(&arrival.pending.id(), arrival.thread)
    }

    fn ask_accounts(&self, arrival: &mut Arrival) -> Result<(), PoolError> {
        if self.is_executed(arrival) {
            return Err(PoolError::OperationExecuted(arrival.pending.id()));
        }
        arrival.standing = self.standing_of(&arrival.pending);
        Ok(())
    }

    /// What the sender has; its rolls only for who sells some.
    fn standing_of(&self, pending: &Pending) -> Standing {
        let sender = &pending.sender;
        let rolls = if pending.rolls_sold() > 0 {
            self.accounts.candidate_rolls(sender)
        } else {
            0
        };
        Standing {
            balance: self.accounts.candidate_balance(sender),
            rolls,
            is_executed: false,
        }
    }

    /// Whether it would be taken in, before the cost of verifying it.
    fn check_in_thread(&self, arrival: &Arrival) -> Result<(), PoolError> {
        let Some(thread) = self.thread(arrival.thread) else {
            return Ok(());
        };
        let verdict = thread.lock().check(&arrival.pending, arrival.standing);
        match verdict {
            // Operations that the candidate state came to include weigh on balance and rolls twice
            // until they are settled.
            Err(PoolError::BalanceTooLow { .. } | PoolError::RollsTooFew { .. })
                if arrival.standing.could_cover(&arrival.pending) =>
            {
                self.settle(BTreeSet::from([arrival.pending.sender]));
                thread.lock().check(&arrival.pending, arrival.standing)
            }
            verdict => verdict,
        }
    }

    /// Takes in what the present pool allows.
    fn insert(&self, arrivals: Vec<Arrival>, results: &mut [Result<(), PoolError>]) -> Vec<Added> {
        let mut by_thread = BTreeMap::<u8, Vec<Arrival>>::new();
        for arrival in arrivals {
            by_thread.entry(arrival.thread).or_default().push(arrival);
        }
        let mut all_added = Vec::new();
        for (thread, arrivals) in by_thread {
            let Some(operations) = self.thread(thread) else {
                continue;
            };
            let mut operations = operations.lock();
            let mut added = Vec::with_capacity(arrivals.len());
            for arrival in arrivals {
                let entry = Added::new(&arrival);
                match operations.insert(arrival.pending, arrival.standing) {
                    Ok(()) => added.push(entry),
                    Err(error) => set(results, arrival.index, error),
                }
            }
            // A better one of the same call may have taken the place.
            added.retain(|added| {
                let id = added.operation.id();
                let stays = operations.contains(&id);
                if !stays {
                    set(results, added.index, PoolError::ThreadFull { id, thread });
                }
                stays
            });
            all_added.append(&mut added);
        }
        all_added.sort_unstable_by_key(|added| added.index);
        all_added
    }

    /// Accounts may have changed between the question and the insertion, and whoever changed them
    /// then told the pool before there was anything to check: so they are asked once more.
    fn confirm(&self, added: &[Added], results: &mut [Result<(), PoolError>]) {
        let mut changed = BTreeSet::new();
        for added in added {
            let id = added.operation.id();
            if self.accounts.is_executed(&id, added.thread) {
                if let Some(thread) = self.thread(added.thread) {
                    thread.lock().remove(&id);
                }
                set(results, added.index, PoolError::OperationExecuted(id));
            }
            if self.accounts.candidate_balance(&added.sender) != added.balance {
                changed.insert(added.sender);
            }
        }
        self.settle(changed.clone());
        for added in added {
            if changed.contains(&added.sender) {
                self.refuse_uncovered(added, results);
            }
        }
    }

    /// Says so if a balance that fell meanwhile made an operation leave.
    fn refuse_uncovered(&self, added: &Added, results: &mut [Result<(), PoolError>]) {
        let id = added.operation.id();
        let Some(result @ Ok(())) = results.get_mut(added.index) else {
            return;
        };
        let stays = self
            .thread(added.thread)
            .is_some_and(|thread| thread.lock().contains(&id));
        if !stays {
            *result = Err(PoolError::BalanceTooLow {
                id,
                sender: Box::new(added.sender),
                needed: added.max_spend.as_nanos().into(),
                balance: self.accounts.candidate_balance(&added.sender),
            });
        }
    }

    /// Checks again what these senders have pending.
    pub(crate) fn settle(&self, senders: BTreeSet<Address>) {
        for sender in senders {
            let thread = self.thread_of(&sender);
            let Some(operations) = self.thread(thread) else {
                continue;
            };
            let pending = operations.lock().of_sender(&sender);
            if pending.is_empty() {
                continue;
            }
            let has_sales = pending.iter().any(|pending| pending.rolls_sold() > 0);
            let standing = Standing {
                balance: self.accounts.candidate_balance(&sender),
                rolls: if has_sales {
                    self.accounts.candidate_rolls(&sender)
                } else {
                    0
                },
                is_executed: false,
            };
            let is_executed = pending
                .iter()
                .map(|pending| pending.id())
                .map(|id| (id, self.accounts.is_executed(&id, thread)))
                .collect();
            operations.lock().settle(&sender, standing, &is_executed);
        }
    }
}

/// An operation that was taken in.
struct Added {
    index: usize,
    thread: u8,
    sender: Address,
    /// What the sender had when it was judged.
    balance: Amount,
    max_spend: Amount,
    operation: Arc<SignedOperation>,
}

impl Added {
    fn new(arrival: &Arrival) -> Self {
        Self {
            index: arrival.index,
            thread: arrival.thread,
            sender: arrival.pending.sender,
            balance: arrival.standing.balance,
            max_spend: arrival.pending.max_spend,
            operation: Arc::clone(&arrival.pending.operation),
        }
    }
}

/// Verifies all signatures together; a bad one is refused alone.
fn verify_signatures(arrivals: &mut Arrivals) {
    let operations: Vec<&SignedOperation> = arrivals
        .remaining
        .iter()
        .map(|arrival| arrival.pending.operation.as_ref())
        .collect();
    let keys = opened_keys(&operations);
    let verdict = SignedOperation::verify_all(&operations, |key| keys.get(key).copied());
    let bad = verdict.map_or_else(|error| error.bad, |()| Vec::new());
    let mut place: usize = 0;
    arrivals.retain(|arrival| {
        let here = place;
        place = place.saturating_add(1);
        let id = arrival.pending.id();
        if bad.binary_search(&here).is_ok() {
            return Err(PoolError::OperationSignature(id));
        }
        let key = keys.get(arrival.pending.operation.signer());
        if key.is_none_or(VerifyingKey::is_small_order) {
            return Err(PoolError::WeakSenderKey(id));
        }
        Ok(())
    });
}

/// The senders' keys, opened once for the signatures and for the check of the keys themselves.
fn opened_keys(operations: &[&SignedOperation]) -> BTreeMap<PublicKey, VerifyingKey> {
    let mut keys = BTreeMap::new();
    for operation in operations {
        if let Entry::Vacant(place) = keys.entry(*operation.signer())
            && let Ok(key) = VerifyingKey::try_from(operation.signer())
        {
            place.insert(key);
        }
    }
    keys
}
