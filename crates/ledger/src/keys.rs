//! The key space of the final state: the one place that says what a key means.
//!
//! The first byte of a key is its kind. What orders a kind comes next: numbers are big-endian here,
//! not varints, so that keys ascend as numbers do. Every pair is part of the state hash; what is
//! not (the metadata) has no key.

use picot_clock::Slot;
use picot_models::{Address, FaultKey};
use picot_serialization::Encode;

/// The longest key: a datastore key with its kind and address in front.
pub const MAX_KEY_BYTES: usize = 512;

/// Bytes of an address inside a key: its kind and its hash.
pub const ADDRESS_BYTES: usize = 33;

/// Bytes of the key of a balance.
const BALANCE_BYTES: usize = ADDRESS_BYTES + 1;

/// What a key is of: its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum KeyKind {
    /// Address: its coins. An address has an entry if it has this pair.
    Balance = 0x01,
    /// Address: its code.
    Bytecode = 0x02,
    /// Address, then a datastore key: the datastore value.
    Datastore = 0x03,
    /// Address: the rolls that it owns now.
    Rolls = 0x10,
    /// Cycle, address: coins to be credited when the cycle ends.
    DeferredCredit = 0x11,
    /// Cycle, address: production counts.
    ProductionStats = 0x12,
    /// Cycle: one bit for each of its slots so far.
    SeedBits = 0x13,
    /// Completed cycle: the rolls of every address at its end.
    RollSnapshot = 0x14,
    /// Slot: its block and the operations of that, with what became of them.
    ExecutedOperations = 0x20,
    /// Slot, address, kind of fault: it was punished.
    PunishedFault = 0x21,
    /// Thread: its last block.
    LastBlock = 0x22,
    /// Nothing: the totals of all coins.
    Totals = 0x23,
    /// Thread: how far it is decided.
    DecidedThread = 0x24,
}

impl KeyKind {
    /// Every kind, ascending.
    pub const ALL: &[Self] = &[
        Self::Balance,
        Self::Bytecode,
        Self::Datastore,
        Self::Rolls,
        Self::DeferredCredit,
        Self::ProductionStats,
        Self::SeedBits,
        Self::RollSnapshot,
        Self::ExecutedOperations,
        Self::PunishedFault,
        Self::LastBlock,
        Self::Totals,
        Self::DecidedThread,
    ];

    /// The prefix of all keys of the kind.
    #[must_use]
    pub const fn prefix(self) -> [u8; 1] {
        [self as u8]
    }

    fn key(self, parts: &[&[u8]]) -> Vec<u8> {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut key = Vec::with_capacity(len.saturating_add(1));
        key.push(self as u8);
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }
}

/// The key of an address's balance.
#[must_use]
pub fn balance(address: &Address) -> Vec<u8> {
    balance_array(address).to_vec()
}

/// The same for a look-up, which takes nothing from the heap.
pub(crate) fn balance_array(address: &Address) -> [u8; BALANCE_BYTES] {
    let mut key = [KeyKind::Balance as u8; BALANCE_BYTES];
    let (_, rest) = key.split_at_mut(1);
    rest.copy_from_slice(&address_bytes(address));
    key
}

/// The key of an address's bytecode.
#[must_use]
pub fn bytecode(address: &Address) -> Vec<u8> {
    KeyKind::Bytecode.key(&[&address_bytes(address)])
}

/// The key of an entry of an address's datastore; also the prefix of all that begin so.
#[must_use]
pub fn datastore(address: &Address, key: &[u8]) -> Vec<u8> {
    KeyKind::Datastore.key(&[&address_bytes(address), key])
}

/// The key of an address's rolls.
#[must_use]
pub fn rolls(address: &Address) -> Vec<u8> {
    KeyKind::Rolls.key(&[&address_bytes(address)])
}

/// The key of an address's credit at the end of a cycle.
#[must_use]
pub fn deferred_credit(cycle: u64, address: &Address) -> Vec<u8> {
    KeyKind::DeferredCredit.key(&[&cycle.to_be_bytes(), &address_bytes(address)])
}

/// The key of an address's production counts in a cycle.
#[must_use]
pub fn production_stats(cycle: u64, address: &Address) -> Vec<u8> {
    KeyKind::ProductionStats.key(&[&cycle.to_be_bytes(), &address_bytes(address)])
}

/// The key of a cycle's seed bits.
#[must_use]
pub fn seed_bits(cycle: u64) -> Vec<u8> {
    KeyKind::SeedBits.key(&[&cycle.to_be_bytes()])
}

/// The key of the rolls at the end of a cycle.
#[must_use]
pub fn roll_snapshot(cycle: u64) -> Vec<u8> {
    KeyKind::RollSnapshot.key(&[&cycle.to_be_bytes()])
}

/// The key of the block of a slot and its operations.
#[must_use]
pub fn executed_operations(slot: Slot) -> Vec<u8> {
    KeyKind::ExecutedOperations.key(&[&slot_bytes(slot)])
}

/// The key of a punished fault.
#[must_use]
pub fn punished_fault(fault: &FaultKey) -> Vec<u8> {
    KeyKind::PunishedFault.key(&[
        &slot_bytes(fault.slot),
        &address_bytes(&fault.address),
        &fault.kind.to_bytes(),
    ])
}

/// The key of a thread's last block.
#[must_use]
pub fn last_block(thread: u8) -> Vec<u8> {
    KeyKind::LastBlock.key(&[&[thread]])
}

/// The key of how far a thread is decided.
#[must_use]
pub fn decided_thread(thread: u8) -> Vec<u8> {
    KeyKind::DecidedThread.key(&[&[thread]])
}

/// The key of the totals.
#[must_use]
pub fn totals() -> Vec<u8> {
    KeyKind::Totals.key(&[])
}

/// What is left of a key of a kind after its first byte; `None` if it is of another kind.
#[must_use]
pub fn strip(kind: KeyKind, key: &[u8]) -> Option<&[u8]> {
    match key.split_first() {
        Some((first, rest)) if *first == kind as u8 => Some(rest),
        _ => None,
    }
}

/// Splits an address off the rest of a key.
#[must_use]
pub fn split_address(rest: &[u8]) -> Option<(Address, &[u8])> {
    let (bytes, rest) = rest.split_at_checked(ADDRESS_BYTES)?;
    let address = picot_serialization::decode_exact(bytes).ok()?;
    Some((address, rest))
}

/// Splits a cycle off the rest of a key.
#[must_use]
pub fn split_cycle(rest: &[u8]) -> Option<(u64, &[u8])> {
    let (bytes, rest) = rest.split_first_chunk()?;
    Some((u64::from_be_bytes(*bytes), rest))
}

/// Splits a slot off the rest of a key.
#[must_use]
pub fn split_slot(rest: &[u8]) -> Option<(Slot, &[u8])> {
    let (period, rest) = split_cycle(rest)?;
    let (thread, rest) = rest.split_first()?;
    Some((Slot::new(period, *thread), rest))
}

fn address_bytes(address: &Address) -> [u8; ADDRESS_BYTES] {
    let mut bytes = [0; ADDRESS_BYTES];
    let (kind, hash) = bytes.split_at_mut(1);
    kind.fill(u8::from(address.is_contract()));
    hash.copy_from_slice(address.as_hash().as_bytes());
    bytes
}

fn slot_bytes(slot: Slot) -> [u8; 9] {
    let mut bytes = [slot.thread; 9];
    let (period, _) = bytes.split_at_mut(8);
    period.copy_from_slice(&slot.period.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use picot_models::{DenunciationKind, mocks};
    use proptest::prelude::*;

    #[test]
    fn every_kind_has_a_prefix_of_its_own_and_they_ascend() {
        assert!(KeyKind::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn an_address_in_a_key_is_its_canonical_bytes() {
        for address in [
            mocks::address(7),
            Address::Contract(*mocks::address(7).as_hash()),
        ] {
            assert_eq!(address_bytes(&address).as_slice(), address.to_bytes());
        }
    }

    #[test]
    fn keys_are_short_enough() {
        let longest = datastore(
            &mocks::address(0),
            &[0; picot_models::limits::MAX_DATASTORE_KEY_BYTES],
        );
        assert!(longest.len() <= MAX_KEY_BYTES);
    }

    #[test]
    fn a_fault_key_is_found_by_its_slot() {
        let fault = FaultKey {
            address: mocks::address(1),
            slot: Slot::new(300, 2),
            kind: DenunciationKind::Votes,
        };
        let key = punished_fault(&fault);
        let (slot, rest) = split_slot(strip(KeyKind::PunishedFault, &key).unwrap()).unwrap();
        let (address, rest) = split_address(rest).unwrap();
        assert_eq!((slot, address), (fault.slot, fault.address));
        assert_eq!(rest, fault.kind.to_bytes());
    }

    proptest! {
        #[test]
        fn keys_ascend_as_their_slots_do(a in any::<(u64, u8)>(), b in any::<(u64, u8)>()) {
            let (a, b) = (Slot::new(a.0, a.1), Slot::new(b.0, b.1));
            prop_assert_eq!(a.cmp(&b), executed_operations(a).cmp(&executed_operations(b)));
        }
    }
}
