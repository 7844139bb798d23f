//! Mocks of the traits of this crate and builders of test data, for the tests of others.

pub use crate::accounts::MockAccountView;
pub use crate::pool::MockPool;
pub use crate::propagation::MockPropagation;

use crate::{AccountView, Propagation};
use parking_lot::Mutex;
use picot_models::{
    Address, Amount, Denunciation, FaultKey, OperationId, SignedEndorsement, SignedOperation,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Accounts that are set by hand.
#[derive(Debug, Default)]
pub struct FixedAccounts {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    default_balance: Amount,
    balances: BTreeMap<Address, Amount>,
    rolls: BTreeMap<Address, u64>,
    executed: BTreeSet<OperationId>,
    punished: BTreeSet<FaultKey>,
}

impl FixedAccounts {
    /// Everyone whose balance is not set has this one.
    #[must_use]
    pub fn with_default_balance(nanos: u64) -> Self {
        let accounts = Self::default();
        accounts.state.lock().default_balance = Amount::from_nanos(nanos);
        accounts
    }

    /// Sets a balance.
    pub fn set_balance(&self, address: Address, nanos: u64) {
        let balance = Amount::from_nanos(nanos);
        self.state.lock().balances.insert(address, balance);
    }

    /// Sets the rolls of an address.
    pub fn set_rolls(&self, address: Address, rolls: u64) {
        self.state.lock().rolls.insert(address, rolls);
    }

    /// Says whether an operation is executed.
    pub fn set_executed(&self, id: OperationId, is_executed: bool) {
        let executed = &mut self.state.lock().executed;
        if is_executed {
            executed.insert(id);
        } else {
            executed.remove(&id);
        }
    }

    /// Says that a fault was punished.
    pub fn set_punished(&self, fault: FaultKey) {
        self.state.lock().punished.insert(fault);
    }

    /// Says that a fault is not punished after all.
    pub fn forget_punished(&self, fault: &FaultKey) {
        self.state.lock().punished.remove(fault);
    }
}

impl AccountView for FixedAccounts {
    fn candidate_balance(&self, address: &Address) -> Amount {
        let state = self.state.lock();
        let balance = state.balances.get(address).copied();
        balance.unwrap_or(state.default_balance)
    }

    fn is_executed(&self, id: &OperationId, _thread: u8) -> bool {
        self.state.lock().executed.contains(id)
    }

    fn candidate_rolls(&self, address: &Address) -> u64 {
        self.state.lock().rolls.get(address).copied().unwrap_or(0)
    }

    fn is_punished(&self, fault: &FaultKey) -> bool {
        self.state.lock().punished.contains(fault)
    }
}

/// A network that keeps what was announced, in order.
#[derive(Debug, Default)]
pub struct RecordedPropagation {
    announced: Mutex<Announced>,
}

/// What was announced.
#[derive(Debug, Default, Clone)]
pub struct Announced {
    /// Operations.
    pub operations: Vec<Arc<SignedOperation>>,
    /// Endorsements.
    pub endorsements: Vec<Arc<SignedEndorsement>>,
    /// Denunciations.
    pub denunciations: Vec<Arc<Denunciation>>,
}

impl RecordedPropagation {
    /// What was announced since this was asked last.
    #[must_use]
    pub fn take(&self) -> Announced {
        std::mem::take(&mut self.announced.lock())
    }
}

impl Propagation for RecordedPropagation {
    fn operations(&self, operations: &[Arc<SignedOperation>]) {
        self.announced
            .lock()
            .operations
            .extend_from_slice(operations);
    }

    fn endorsements(&self, endorsements: &[Arc<SignedEndorsement>]) {
        self.announced
            .lock()
            .endorsements
            .extend_from_slice(endorsements);
    }

    fn denunciations(&self, denunciations: &[Arc<Denunciation>]) {
        self.announced
            .lock()
            .denunciations
            .extend_from_slice(denunciations);
    }
}
