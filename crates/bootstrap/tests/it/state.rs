//! Accounts with rolls, credits and datastores.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    unreachable_pub,
    reason = "these are helpers of tests and benchmarks"
)]

use picot_crypto::Context;
use picot_ledger::{StateBatch, StateStore, keys};
use picot_models::Address;

/// Writes so many accounts: one in ten has rolls, one in twenty a credit, one in ten three entries of a
/// datastore.
pub fn write_accounts(store: &dyn StateStore, accounts: u64) {
    let mut batch = StateBatch::new();
    for number in 0..accounts {
        let address = Address::Key(Context::Test.hash(&number.to_be_bytes()));
        let coins = (number * 1_000_003).to_be_bytes().to_vec();
        batch.put(keys::balance(&address), coins.clone());
        if number % 10 == 0 {
            batch.put(
                keys::rolls(&address),
                vec![u8::try_from(number % 100).unwrap(); 2],
            );
        }
        if number % 20 == 1 {
            batch.put(keys::deferred_credit(9, &address), coins.clone());
        }
        if number % 10 == 2 {
            for entry in 0..3_u8 {
                batch.put(keys::datastore(&address, &[entry; 8]), vec![entry; 32]);
            }
        }
        if batch.changes.len() > 50_000 {
            store.commit(std::mem::take(&mut batch)).unwrap();
        }
    }
    store.commit(batch).unwrap();
    store.sync().unwrap();
}
