//! Step 3 of a slot: what operations do (design 05).

use crate::balances::Place;
use crate::slot::SlotRun;
use crate::{ExecutionError, FailureReason, OperationOutcome};
use picot_models::{Address, Amount, Operation, OperationKind, SignedOperation};
use picot_pos::RollRefusal;

impl From<RollRefusal> for FailureReason {
    fn from(refusal: RollRefusal) -> Self {
        match refusal {
            RollRefusal::BalanceTooLow => Self::BalanceTooLow,
            RollRefusal::NotEnoughRolls => Self::NotEnoughRolls,
            RollRefusal::LastRoll => Self::LastRoll,
            RollRefusal::NoRolls => Self::NoRolls,
            RollRefusal::TooManyStakers => Self::TooManyStakers,
            RollRefusal::Overflow => Self::Overflow,
        }
    }
}

/// Whose coins an operation may move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parties {
    pub(crate) sender: Address,
    /// Where the sender's balance is.
    pub(crate) sender_place: Place,
    /// Where the balance of a transfer's recipient is.
    pub(crate) recipient_place: Place,
    /// Where the balance is that gets the fee, if any.
    pub(crate) producer: Option<Place>,
}

/// What an operation did inside, once its fee was taken.
type Inner = Result<Result<(), FailureReason>, ExecutionError>;

impl SlotRun<'_> {
    /// Whether a block of this slot may carry the operation. Consensus lets no other block through;
    /// an operation that runs twice would be worse than one that does not run.
    pub(crate) fn may_carry(&self, operation: &SignedOperation) -> bool {
        let threads = self.chain.params.thread_count;
        operation.signer_address().thread(threads) == self.slot.thread
            && operation
                .content()
                .is_valid_at(self.slot.period, &self.chain.params)
            && self.view.block_of(&operation.id()).is_none()
    }

    /// Takes the fee, runs the operation, and gives the fee to the producer, if there is one. An
    /// operation that fails has changed nothing else: each checks all before it changes anything.
    pub(crate) fn execute_operation(
        &mut self,
        operation: &Operation,
        parties: &Parties,
    ) -> Result<OperationOutcome, ExecutionError> {
        let balance = self.balances.at(parties.sender_place);
        if balance.is_none_or(|balance| balance < operation.fee) {
            return Ok(OperationOutcome::Unpaid);
        }
        self.debit(parties.sender_place, operation.fee)?;
        let done = self.run_operation(&operation.kind, parties)?;
        if let Some(producer) = parties.producer {
            self.credit(producer, operation.fee)?;
        }
        Ok(match done {
            Ok(()) => OperationOutcome::Succeeded,
            Err(reason) => OperationOutcome::Failed(reason),
        })
    }

    fn run_operation(&mut self, kind: &OperationKind, parties: &Parties) -> Inner {
        match kind {
            OperationKind::Transfer { recipient, amount } => {
                self.transfer(parties, recipient, *amount)
            }
            OperationKind::RollBuy { roll_count } => self.buy_rolls(parties, *roll_count),
            OperationKind::RollSell { roll_count } => self.sell_rolls(parties.sender, *roll_count),
            OperationKind::Deploy { .. } | OperationKind::Call { .. } => {
                Ok(Err(FailureReason::NoContractEngine))
            }
        }
    }

    fn transfer(&mut self, parties: &Parties, recipient: &Address, amount: Amount) -> Inner {
        let balance = self.balances.at(parties.sender_place);
        if balance.is_none_or(|balance| balance < amount) {
            return Ok(Err(FailureReason::BalanceTooLow));
        }
        if recipient.is_contract() {
            // There is no engine yet that could ask it.
            return Ok(Err(FailureReason::RecipientRefuses));
        }
        let cost = match self.balances.at(parties.recipient_place) {
            Some(_) => Amount::ZERO,
            None => self.chain.params.new_entry_cost,
        };
        let Some(credited) = amount.checked_sub(cost) else {
            return Ok(Err(FailureReason::BelowNewEntryCost));
        };
        self.debit(parties.sender_place, amount)?;
        self.credit(parties.recipient_place, credited)?;
        self.totals.burnt = self.sum(self.totals.burnt, cost)?;
        Ok(Ok(()))
    }

    fn buy_rolls(&mut self, parties: &Parties, count: u64) -> Inner {
        let balance = self.balances.at(parties.sender_place).unwrap_or_default();
        let purchase = match self.registry.buy(parties.sender, count, balance) {
            Ok(purchase) => purchase,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        self.debit(parties.sender_place, purchase.cost)?;
        let deferred = self.totals.deferred_credits;
        self.totals.deferred_credits = self.rest(deferred, purchase.cancelled)?;
        self.add_rolls(count)?;
        Ok(Ok(()))
    }

    fn sell_rolls(&mut self, sender: Address, count: u64) -> Inner {
        let coins = match self.registry.sell(sender, count, self.totals.rolls) {
            Ok(coins) => coins,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        self.take_rolls(count)?;
        self.totals.deferred_credits = self.sum(self.totals.deferred_credits, coins)?;
        Ok(Ok(()))
    }
}
