//! Signs transfers ahead, on a thread of its own: a submitter never waits for a signature.

use super::Account;
use crossbeam_channel::Sender;
use picot_clock::{Clock, Millis, SlotClock, Stop};
use picot_models::{
    Address, Amount, ChainId, Envelope, Operation, OperationId, OperationKind, Signed, Slot,
};

/// The most that a transfer moves, in nanocoins. Amounts differ, because the same order twice in a
/// period is one operation.
pub(crate) const AMOUNT_MAX: u64 = 100_000;

/// Signed transfers, ready to be sent.
pub(super) struct Batch {
    pub(super) operations: Vec<Envelope<Operation>>,
    /// The id of each, and the last slot that can include it.
    pub(super) ids: Vec<(OperationId, Slot)>,
    /// The period after which all of them are void.
    pub(super) expire_period: u64,
}

/// What a signer needs to know.
pub(super) struct Signer<'a> {
    pub(super) accounts: &'a [Account],
    pub(super) chain_id: ChainId,
    pub(super) slot_clock: SlotClock,
    pub(super) fee: Amount,
    /// Periods from now in which an operation may be included.
    pub(super) expire_in: u64,
    pub(super) batch_len: usize,
    /// How many in all; none: without end.
    pub(super) count: Option<u64>,
    /// Amounts go on from here, so that a second run does not repeat the first.
    pub(super) first_number: u64,
}

/// What signing cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SignedWork {
    /// How many were signed.
    pub(super) operations: u64,
    /// In which time, waits for submitters aside.
    pub(super) busy_ms: u64,
}

impl Signer<'_> {
    /// Signs batches until all are signed, nobody takes them, or it is told to stop.
    pub(super) fn run(
        &self,
        clock: &dyn Clock,
        stop: &Stop,
        batches: &Sender<Batch>,
    ) -> SignedWork {
        let mut work = SignedWork::default();
        let mut number = self.first_number;
        while !stop.is_stopped() {
            let left = self
                .count
                .map_or(u64::MAX, |count| count.saturating_sub(work.operations));
            let length = self
                .batch_len
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            if length == 0 {
                break;
            }
            let began = clock.now();
            let batch = self.batch(clock, number, length);
            let took = clock.now().since(began).unwrap_or(Millis::ZERO);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            work.operations = work.operations.saturating_add(length);
            work.busy_ms = work.busy_ms.saturating_add(took.as_millis());
            number = number.wrapping_add(length);
            if batches.send(batch).is_err() {
                break;
            }
        }
        work
    }

    /// Operations from `number` on: each of the next account, to the one after it.
    pub(super) fn batch(&self, clock: &dyn Clock, number: u64, length: usize) -> Batch {
        let now = self.slot_clock.latest_slot_at(clock.now());
        let expire_period = now
            .map_or(0, |slot| slot.period)
            .saturating_add(self.expire_in);
        let mut batch = Batch {
            operations: Vec::with_capacity(length),
            ids: Vec::with_capacity(length),
            expire_period,
        };
        let pairs = self
            .accounts
            .iter()
            .zip(self.accounts.iter().cycle().skip(1));
        let place = u64::try_from(self.accounts.len())
            .ok()
            .and_then(|len| number.checked_rem(len));
        let place = place
            .and_then(|place| usize::try_from(place).ok())
            .unwrap_or(0);
        for ((sender, recipient), number) in pairs.cycle().skip(place).zip(number..).take(length) {
            let signed = self.transfer(sender, recipient.address, number, expire_period);
            let thread = sender.address.thread(self.slot_clock.thread_count());
            batch
                .ids
                .push((signed.id(), Slot::new(expire_period, thread)));
            batch.operations.push(signed.into_envelope());
        }
        batch
    }

    fn transfer(
        &self,
        sender: &Account,
        recipient: Address,
        number: u64,
        expire_period: u64,
    ) -> Signed<Operation> {
        let nanos = number
            .checked_rem(AMOUNT_MAX)
            .unwrap_or(0)
            .saturating_add(1);
        let operation = Operation {
            fee: self.fee,
            expire_period,
            kind: OperationKind::Transfer {
                recipient,
                amount: Amount::from_nanos(nanos),
            },
        };
        let prepared = Signed::prepare(operation, sender.public_key, &self.chain_id);
        let signature = sender.key.sign(prepared.id().as_hash());
        prepared.seal(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::super::accounts;
    use super::*;
    use crossbeam_channel::unbounded;
    use picot_clock::{ManualClock, Timestamp};
    use std::collections::BTreeSet;

    const GENESIS: Timestamp = Timestamp(1_000_000);

    fn signer(accounts: &[Account]) -> Signer<'_> {
        Signer {
            accounts,
            chain_id: picot_models::mocks::chain_id(1),
            slot_clock: SlotClock::new(GENESIS, Millis(2_000), 4).unwrap(),
            fee: Amount::from_nanos(7),
            expire_in: 10,
            batch_len: 8,
            count: Some(20),
            first_number: 99_998,
        }
    }

    fn run(signer: &Signer<'_>) -> (Vec<Batch>, SignedWork) {
        // In period 3.
        let clock = ManualClock::new(Timestamp(GENESIS.0 + 6_500));
        let (sender, batches) = unbounded();
        let work = signer.run(&clock, &Stop::new(), &sender);
        drop(sender);
        (batches.iter().collect(), work)
    }

    #[test]
    fn so_many_are_signed_as_asked_for_each_valid_and_none_twice() {
        let accounts = accounts("signer", 4);
        let signer = signer(&accounts);
        let (batches, work) = run(&signer);
        let lengths: Vec<_> = batches.iter().map(|batch| batch.operations.len()).collect();
        assert_eq!((lengths, work.operations), (vec![8, 8, 4], 20));
        let mut seen = BTreeSet::new();
        for batch in &batches {
            for (operation, (id, _)) in batch.operations.iter().zip(&batch.ids) {
                let signed = operation.clone().identify(&signer.chain_id);
                signed.verify().unwrap();
                assert_eq!(signed.id(), *id);
                assert!(seen.insert(*id));
            }
        }
    }

    #[test]
    fn accounts_take_turns_over_batches_and_pay_the_next_one() {
        let accounts = accounts("signer", 3);
        let mut senders = Vec::new();
        for batch in run(&signer(&accounts)).0 {
            for operation in batch.operations {
                let place = accounts
                    .iter()
                    .position(|account| account.public_key == operation.signer);
                let place = place.unwrap();
                let OperationKind::Transfer { recipient, amount } = operation.content.kind else {
                    panic!("a transfer");
                };
                assert_eq!(recipient, accounts[(place + 1) % 3].address);
                assert!((1..=AMOUNT_MAX).contains(&amount.as_nanos()));
                senders.push(place);
            }
        }
        assert!(
            senders.windows(2).all(|pair| pair[1] == (pair[0] + 1) % 3),
            "{senders:?}"
        );
    }

    #[test]
    fn an_operation_may_be_included_until_the_asked_number_of_periods_from_its_signing() {
        let accounts = accounts("signer", 4);
        for batch in run(&signer(&accounts)).0 {
            assert_eq!(batch.expire_period, 13);
            for (operation, (_, last)) in batch.operations.iter().zip(&batch.ids) {
                let thread = Address::of_key(&operation.signer).thread(4);
                assert_eq!(operation.content.expire_period, 13);
                assert_eq!(*last, Slot::new(13, thread));
            }
        }
    }

    #[test]
    fn a_signer_whom_nobody_listens_to_ends() {
        let accounts = accounts("signer", 2);
        let mut signer = signer(&accounts);
        signer.count = None;
        let (sender, batches) = crossbeam_channel::bounded(1);
        drop(batches);
        let clock = ManualClock::new(GENESIS);
        assert_eq!(signer.run(&clock, &Stop::new(), &sender).operations, 8);
    }
}
