//! What a peer is given that asks for outcomes.

use crate::worker::outcome_message;
use crate::{MAX_ANSWER_BYTES, MAX_OUTCOMES_PER_REQUEST, Message, Request};
use picot_serialization::Encode;
use picot_storage::{BlockArchive, StorageError};

/// Decisions that are read at once: more than the answer has room for may be read, but not many.
const READ_TOGETHER: u64 = 4;

/// The messages that answer a request for a thread's outcomes from a period on: ascending, at most
/// [`MAX_OUTCOMES_PER_REQUEST`] and [`MAX_ANSWER_BYTES`], but at least one if there is one. Who wants
/// more asks again. If the first of them is not held any more, later ones are of no use: the answer
/// says so.
///
/// # Errors
/// The archive cannot be read, now or at all.
pub fn answer_outcomes(
    archive: &dyn BlockArchive,
    thread: u8,
    period: u64,
) -> Result<Vec<Message>, StorageError> {
    let (mut messages, mut bytes, mut period) = (Vec::new(), 0_usize, period);
    let mut left = MAX_OUTCOMES_PER_REQUEST;
    while left > 0 {
        let together = READ_TOGETHER.min(left);
        let read = archive.decided_from(thread, period, usize::try_from(together).unwrap_or(1))?;
        let (Some(first), Some(last)) = (read.first(), read.last()) else {
            break;
        };
        if messages.is_empty() && first.slot().period > period {
            let request = Request::Outcomes { thread, period };
            return Ok(vec![Message::NotHeld(request)]);
        }
        period = last.through().saturating_add(1);
        for decided in &read {
            let message = outcome_message(decided);
            bytes = bytes.saturating_add(message.encoded_len());
            if bytes > MAX_ANSWER_BYTES && !messages.is_empty() {
                return Ok(messages);
            }
            messages.push(message);
        }
        left = left.saturating_sub(together);
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::mocks::{block, chain_id, key, key_in_thread, operation};
    use picot_models::{Amount, OperationKind, Slot};
    use picot_storage::MemoryArchive;
    use picot_storage::mocks::{decided_block, decided_miss};

    fn periods(messages: &[Message]) -> Vec<u64> {
        let slots = messages.iter().filter_map(Message::slot);
        slots.map(|slot| slot.period).collect()
    }

    #[test]
    fn an_answer_is_bounded_in_number_and_goes_on_where_it_ended() {
        let archive = MemoryArchive::new();
        let misses: Vec<_> = (1..=100)
            .map(|period| decided_miss(Slot::new(period, 0), period))
            .collect();
        archive.store_decided(&misses).unwrap();
        let first = answer_outcomes(&archive, 0, 1).unwrap();
        assert_eq!(periods(&first), (1..=64).collect::<Vec<_>>());
        let rest = answer_outcomes(&archive, 0, 65).unwrap();
        assert_eq!(periods(&rest), (65..=100).collect::<Vec<_>>());
        assert_eq!(answer_outcomes(&archive, 0, 101).unwrap(), []);
    }

    #[test]
    fn what_was_dropped_is_said_not_to_be_held() {
        let archive = MemoryArchive::new();
        let misses: Vec<_> = (1..=50)
            .map(|period| decided_miss(Slot::new(2 * period - 1, 0), 2 * period))
            .collect();
        archive.store_decided(&misses).unwrap();
        archive.prune_before(Slot::new(41, 0), 100).unwrap();
        for period in [1, 40] {
            let request = Request::Outcomes { thread: 0, period };
            let answer = answer_outcomes(&archive, 0, period).unwrap();
            assert_eq!(answer, [Message::NotHeld(request)]);
        }
        for period in [41, 42] {
            let answer = answer_outcomes(&archive, 0, period).unwrap();
            assert_eq!(periods(&answer)[0], 41, "from inside the miss");
        }
        assert_eq!(answer_outcomes(&archive, 1, 1).unwrap(), []);
    }

    #[test]
    fn an_answer_is_bounded_in_bytes_and_never_empty() {
        let archive = MemoryArchive::new();
        let sender = key_in_thread(0, 1, 50);
        let sizes = [
            1_000, 900_000, 900_000, 900_000, 900_000, 900_000, 1_000_000,
        ];
        let decided: Vec<_> = (1..)
            .zip(sizes)
            .map(|(period, size)| {
                let kind = OperationKind::Deploy {
                    bytecode: vec![7; size],
                    max_gas: 1,
                    max_coins: Amount::ZERO,
                    datastore: Vec::new(),
                };
                let deploy = |fee| operation(&sender, kind.clone(), fee, 5, &chain_id(1));
                // The last block alone is more than an answer.
                let operations = if size == 1_000_000 { 1..6 } else { 1..2 };
                let operations = operations.map(deploy).collect();
                let slot = Slot::new(period, 0);
                decided_block(&block(&key(1), slot, Vec::new(), operations, &chain_id(1)))
            })
            .collect();
        archive.store_decided(&decided).unwrap();
        let first = answer_outcomes(&archive, 0, 1).unwrap();
        assert_eq!(periods(&first), [1, 2, 3, 4, 5]);
        let bytes: usize = first.iter().map(Encode::encoded_len).sum();
        assert!(bytes <= MAX_ANSWER_BYTES);
        let second = answer_outcomes(&archive, 0, 6).unwrap();
        assert_eq!(periods(&second), [6]);
        let third = answer_outcomes(&archive, 0, 7).unwrap();
        assert_eq!(periods(&third), [7], "one that is larger is given alone");
        assert!(third[0].encoded_len() > MAX_ANSWER_BYTES);
    }
}
