//! What the pool must know of accounts.

use picot_models::{Address, Amount, FaultKey, OperationId};
use std::sync::{OnceLock, Weak};

/// What the pool must know of accounts; execution implements it.
///
/// All answers are of the candidate state, as of the latest that was published: whoever changes it
/// publishes first and calls [`Pool::notify_balances`](crate::Pool::notify_balances) or
/// [`Pool::notify_final`](crate::Pool::notify_final) afterwards. The pool asks from the threads of
/// its callers, often, and never while it holds a lock of its own. An implementation answers at
/// once, and does not call the pool from here.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait AccountView: Send + Sync {
    /// What the address can spend; zero without an entry.
    fn candidate_balance(&self, address: &Address) -> Amount;

    /// Whether the operation was executed in this thread: in a decided block or in one of the
    /// blockclique, within the validity window.
    fn is_executed(&self, id: &OperationId, thread: u8) -> bool;

    /// The rolls that the address owns.
    fn candidate_rolls(&self, address: &Address) -> u64;

    /// Whether this fault was punished already. Who always answers no only makes blocks carry
    /// denunciations that change nothing.
    fn is_punished(&self, fault: &FaultKey) -> bool {
        let _ = fault;
        false
    }
}

/// A view that is handed to the pool before the one behind it exists.
///
/// Execution is made with a pool and the pool with a view of execution, so one of them comes
/// later. It holds on to the view weakly, because the two would keep each other alive. As long as
/// there is none behind it, nobody owns anything.
#[derive(Default)]
pub struct LateAccounts {
    view: OnceLock<Weak<dyn AccountView>>,
}

impl LateAccounts {
    /// With no view behind it yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            view: OnceLock::new(),
        }
    }

    /// Puts a view behind it. Only the first one stays; `false` for any other.
    pub fn connect(&self, view: Weak<dyn AccountView>) -> bool {
        self.view.set(view).is_ok()
    }

    fn ask<T: Default>(&self, question: impl FnOnce(&dyn AccountView) -> T) -> T {
        self.view
            .get()
            .and_then(Weak::upgrade)
            .map_or_else(T::default, |view| question(view.as_ref()))
    }
}

impl AccountView for LateAccounts {
    fn candidate_balance(&self, address: &Address) -> Amount {
        self.ask(|view| view.candidate_balance(address))
    }

    fn is_executed(&self, id: &OperationId, thread: u8) -> bool {
        self.ask(|view| view.is_executed(id, thread))
    }

    fn candidate_rolls(&self, address: &Address) -> u64 {
        self.ask(|view| view.candidate_rolls(address))
    }

    fn is_punished(&self, fault: &FaultKey) -> bool {
        self.ask(|view| view.is_punished(fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mocks::MockAccountView;
    use picot_models::mocks::address;
    use std::sync::Arc;

    #[test]
    fn a_late_view_answers_nothing_until_it_is_connected_and_once_it_is_gone() {
        let late = LateAccounts::new();
        assert_eq!(late.candidate_balance(&address(1)), Amount::ZERO);

        let mut view = MockAccountView::new();
        view.expect_candidate_balance()
            .returning(|_| Amount::from_nanos(7));
        let view: Arc<dyn AccountView> = Arc::new(view);
        assert!(late.connect(Arc::downgrade(&view)));
        assert_eq!(late.candidate_balance(&address(1)), Amount::from_nanos(7));
        assert!(!late.connect(Arc::downgrade(&view)), "only once");

        drop(view);
        assert_eq!(late.candidate_balance(&address(1)), Amount::ZERO);
    }
}
