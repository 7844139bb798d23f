//! The accounts that transfers come from: derived from a text, spread over all threads.

use picot_crypto::{Context, Hasher};
use picot_models::{Address, PublicKey, SecretKey};
use std::collections::{BTreeMap, VecDeque};

/// Threads of a chain at most: who spreads evenly over this many does so over fewer, too.
const MAX_THREADS: u8 = 64;

/// An account of the load generator. Its key is derived from a text and guards nothing.
pub(crate) struct Account {
    pub(crate) key: SecretKey,
    pub(crate) public_key: PublicKey,
    pub(crate) address: Address,
}

/// The first accounts of a text. They depend on the text alone, so that a genesis can give them coins
/// before there is a chain; each next one is of the next thread, in an order that is even for every
/// number of threads.
pub(crate) fn accounts(text: &str, count: usize) -> Vec<Account> {
    let mut found: BTreeMap<u8, VecDeque<Account>> = BTreeMap::new();
    let mut candidates = (0_u64..).map(|index| derive(text, index));
    let mut chosen = Vec::with_capacity(count);
    for place in 0..count {
        let wanted = thread_of_place(place);
        let kept = found.get_mut(&wanted).and_then(VecDeque::pop_front);
        let account = kept.or_else(|| {
            candidates.find_map(|account| {
                let thread = account.address.thread(MAX_THREADS);
                if thread == wanted {
                    return Some(account);
                }
                found.entry(thread).or_default().push_back(account);
                None
            })
        });
        chosen.extend(account);
    }
    chosen
}

/// Counts through the threads with the highest bit first: 0, 32, 16, 48… of 64 are 0, 2, 1, 3… of 4.
fn thread_of_place(place: usize) -> u8 {
    let place = place.checked_rem(usize::from(MAX_THREADS)).unwrap_or(0);
    let place = u8::try_from(place).unwrap_or(0);
    // Six bits of eight.
    place.reverse_bits() >> 2
}

fn derive(text: &str, index: u64) -> Account {
    let mut hasher = Hasher::new(Context::TransferTest);
    hasher.update(text.as_bytes()).update(&index.to_le_bytes());
    let key = SecretKey::from_seed(*hasher.finalize().as_bytes());
    let public_key = key.public_key();
    Account {
        key,
        public_key,
        address: Address::of_key(&public_key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn addresses(text: &str, count: usize) -> Vec<Address> {
        let accounts = accounts(text, count);
        accounts.iter().map(|account| account.address).collect()
    }

    #[test]
    fn accounts_depend_on_the_text_alone() {
        assert_eq!(addresses("a", 10), addresses("a", 10));
        assert_eq!(addresses("a", 100)[..10], addresses("a", 10));
        let both: BTreeSet<_> = [addresses("a", 10), addresses("b", 10)]
            .concat()
            .into_iter()
            .collect();
        assert_eq!(both.len(), 20);
    }

    #[test]
    fn accounts_are_spread_evenly_over_all_threads_of_any_chain() {
        for threads in [1, 2, 4, 32, 64_u8] {
            let mut counts = vec![0; usize::from(threads)];
            for address in addresses("even", 128) {
                counts[usize::from(address.thread(threads))] += 1;
            }
            assert!(
                counts
                    .iter()
                    .all(|count| *count == 128 / usize::from(threads))
            );
        }
        let of_four: BTreeSet<u8> = addresses("few", 4)
            .iter()
            .map(|address| address.thread(4))
            .collect();
        assert_eq!(of_four.len(), 4);
    }

    #[test]
    fn a_key_signs_for_its_address() {
        for account in accounts("keys", 3) {
            assert_eq!(account.key.public_key(), account.public_key);
            assert_eq!(Address::of_key(&account.public_key), account.address);
        }
    }
}
