//! What consensus goes on from is in the final state, under its hash: how far each thread is
//! decided, its last block, and what its next one may name and carry.

use crate::kit::{Chain, key_of, small_genesis, small_params};
use picot_execution::{
    Base, Config, DecidedSlots, ExecutionCore, ExecutionError, PastOutcome, ThreadBase,
    migrate_state, recompute_state_hash, reexecute, reexecute_until,
};
use picot_ledger::keys::{self, KeyKind};
use picot_ledger::{MemoryStateStore, StateBatch, StateMetadata, StateStore, for_each_pair};
use picot_models::{
    Block, BlockId, Genesis, Header, Signed, SignedOperation, Slot, ThreadDigest, Value,
    operations_hash,
};
use picot_selector::Selector;
use picot_serialization::{Encode, decode_exact};
use std::collections::BTreeMap;
use std::sync::Arc;

const THREADS: u8 = 2;

fn genesis() -> Genesis {
    let mut params = small_params();
    params.thread_count = THREADS;
    params.operation_validity_periods = 3;
    small_genesis(params, &[(1, 10), (2, 10)])
}

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn value_of(decided: &DecidedSlots) -> Value {
    match &decided.block {
        Some(block) => Value::Block { id: block.id() },
        None => Value::Miss {
            through: decided.through,
        },
    }
}

/// The base as the history tells it, looking at all of it.
fn base_of(chain: &Chain, last_final_slot: Slot) -> Base {
    let kept = chain.genesis.params.operation_validity_periods * 2 + 1;
    let thread = |thread: u8| {
        let began = |decided: &&DecidedSlots| {
            decided.slot.thread == thread && decided.slot <= last_final_slot
        };
        let mut digest = ThreadDigest::genesis(&chain.chain_id, thread);
        let mut next_period = 1;
        let genesis_block = chain.genesis.block_ids()[usize::from(thread)];
        let mut last: (BlockId, u64, Vec<BlockId>) = (genesis_block, 0, Vec::new());
        let last_period = last_final_slot.period - u64::from(thread > last_final_slot.thread);
        let (mut blocks, mut operations) = (Vec::new(), Vec::new());
        for decided in chain.history.iter().filter(began) {
            assert_eq!(decided.slot.period, next_period);
            digest = digest.after(decided.slot, &value_of(decided));
            next_period = decided.through + 1;
            let Some(block) = &decided.block else {
                continue;
            };
            let period = decided.slot.period;
            last = (block.id(), period, block.header.content().parents.clone());
            if period + kept > last_period {
                blocks.push((period, block.id()));
                if !block.operations.is_empty() {
                    let ids = block.operations.iter().map(|operation| operation.id());
                    operations.push((period, ids.collect()));
                }
            }
        }
        if blocks.is_empty() {
            blocks.push((last.1, last.0));
        }
        ThreadBase {
            digest,
            next_period,
            last_block: last.0,
            last_block_period: last.1,
            last_block_parents: last.2,
            blocks,
            operations,
        }
    };
    Base {
        last_final_slot,
        threads: (0..THREADS).map(thread).collect(),
    }
}

/// A block that names parents, as blocks of consensus do.
fn block(chain: &Chain, slot: Slot, operations: Vec<SignedOperation>) -> Block {
    let threads = chain.core.base().threads;
    let parents = threads.iter().map(|thread| thread.last_block).collect();
    let producer = chain.selector.draws(slot).unwrap();
    let header = Header {
        version: 1,
        slot,
        parents,
        operations_hash: operations_hash(operations.iter().map(Signed::id)),
        operation_count: u32::try_from(operations.len()).unwrap(),
        endorsements: Vec::new(),
        denunciations: Vec::new(),
    };
    let key = key_of(producer.producer().unwrap());
    Block {
        header: Arc::new(Signed::sign(header, &key, &chain.chain_id)),
        operations: operations.into_iter().map(Arc::new).collect(),
    }
}

/// Decides something of the thread that is least far.
fn decide_next(chain: &mut Chain, next: &mut [u64; THREADS as usize], dice: &mut Dice) {
    let thread = usize::from(next[1] < next[0]);
    let slot = Slot::new(next[thread], u8::try_from(thread).unwrap());
    let cycle = chain.genesis.params.periods_per_cycle;
    let decided = match dice.roll(4) {
        0 => {
            let last_of_cycle = (slot.period / cycle + 1) * cycle - 1;
            DecidedSlots::miss(slot, (slot.period + dice.roll(4)).min(last_of_cycle))
        }
        1 => DecidedSlots::block(block(chain, slot, Vec::new())),
        _ => {
            let sender = (1..).find(|number| {
                let address = picot_models::mocks::address(*number);
                address.thread(THREADS) == slot.thread
            });
            let fee = slot.period * 7 + u64::from(slot.thread);
            let transfer = chain.transfer(sender.unwrap(), 2, 1, fee);
            DecidedSlots::block(block(chain, slot, vec![transfer]))
        }
    };
    next[thread] = decided.through + 1;
    // Often it was executed ahead: as itself, or as something else.
    let candidates = match dice.roll(3) {
        0 => decided.block.clone().into_iter().collect(),
        1 => vec![block(chain, slot, Vec::new())],
        _ => Vec::new(),
    };
    let ahead = chain.core.apply(Vec::new(), candidates);
    assert!(ahead.failure.is_none());
    chain.decide(vec![decided]);
}

fn grow(seed: u64, decisions: usize, mut each: impl FnMut(&mut Chain)) -> Chain {
    let mut chain = Chain::new(genesis());
    let (mut next, mut dice) = ([1; THREADS as usize], Dice(seed));
    for _ in 0..decisions {
        decide_next(&mut chain, &mut next, &mut dice);
        each(&mut chain);
    }
    chain
}

fn open(chain: &Chain, store: Arc<MemoryStateStore>) -> Result<ExecutionCore, ExecutionError> {
    let config = Config {
        verify_state_hash: true,
        ..Config::default()
    };
    let selector = crate::kit::selector(&chain.genesis);
    ExecutionCore::open(store, &chain.genesis, selector, config)
}

#[test]
fn before_anything_is_decided_the_base_is_that_of_the_genesis() {
    let chain = Chain::new(genesis());
    assert_eq!(chain.core.base(), Base::genesis(&chain.genesis));
    assert_eq!(chain.core.base().next_periods(), [1, 1]);
}

#[test]
fn at_every_final_slot_the_base_is_what_the_history_says() {
    for seed in 1..=6 {
        grow(seed, 60, |chain| {
            let last = chain.core.last_final_slot();
            assert_eq!(chain.core.base(), base_of(chain, last), "seed {seed}");
            assert_eq!(chain.reader().base(), chain.core.base());
        });
    }
}

#[test]
fn the_base_is_the_same_after_a_restart_and_part_of_the_state_hash() {
    let chain = grow(7, 50, |_| {});
    let again = open(&chain, Arc::new(chain.store.snapshot())).unwrap();
    assert_eq!(again.base(), chain.core.base());
    for kind in [KeyKind::DecidedThread, KeyKind::LastBlock] {
        let store = chain.store.snapshot();
        let mut batch = StateBatch::new();
        for_each_pair(&chain.store.snapshot(), &kind.prefix(), |key, value| {
            let mut value = value.to_vec();
            value[0] ^= 1;
            batch.put(key.to_vec(), value);
            Ok::<_, picot_ledger::LedgerError>(())
        })
        .unwrap();
        store.commit(batch).unwrap();
        let hash = recompute_state_hash(&store).unwrap();
        assert_ne!(hash, chain.reader().summary().state_hash, "{kind:?}");
    }
}

#[test]
fn a_state_alone_leads_on_to_the_same_states_as_the_whole_history() {
    let mut states = Vec::new();
    let chain = grow(11, 60, |chain| {
        states.push((chain.core.base(), chain.store.snapshot()));
    });
    let expected = chain.reader().summary();
    let mut inside_a_miss = 0;
    for (base, store) in states {
        let mut again = open(&chain, Arc::new(store)).unwrap();
        let last = base.last_final_slot;
        let after_last = |thread: u8| last.period + u64::from(thread <= last.thread);
        let reaches_on = (0_u8..)
            .zip(&base.threads)
            .any(|(thread, known)| known.next_period > after_last(thread));
        inside_a_miss += u32::from(reaches_on);
        // Nothing of what began before is handed over: a miss that reaches on is known.
        let next = base.next_periods();
        let later = chain.history.iter();
        let later = later
            .filter(|it| it.slot.period >= next[usize::from(it.slot.thread)])
            .cloned();
        assert!(again.apply(later.collect(), vec![]).failure.is_none());
        assert_eq!(again.reader().summary(), expected);
        assert_eq!(again.base(), chain.core.base());
    }
    assert!(inside_a_miss > 5, "{inside_a_miss}");
}

#[test]
fn a_history_is_executed_up_to_a_slot_although_more_is_decided() {
    let mut hashes = BTreeMap::new();
    let chain = grow(5, 40, |chain| {
        let summary = chain.reader().summary();
        hashes.insert(summary.last_final_slot, summary.state_hash);
    });
    for (slot, hash) in hashes {
        let again = reexecute_until(
            &chain.genesis,
            crate::kit::selector(&chain.genesis),
            chain.history.clone(),
            Some(slot),
        );
        assert_eq!(again.unwrap(), hash, "up to {slot}");
    }
    let all = reexecute(&chain.genesis, chain.history.clone()).unwrap();
    assert_eq!(all, chain.reader().summary().state_hash);
}

/// The state as the first format had it.
fn of_first_format(chain: &Chain) -> MemoryStateStore {
    let store = chain.store.snapshot();
    let mut metadata = StateMetadata::read(&store).unwrap().unwrap();
    let mut batch = StateBatch::new();
    for thread in 0..THREADS {
        batch.delete(keys::decided_thread(thread));
        let key = keys::last_block(thread);
        let value = store.get(&key).unwrap().unwrap();
        let parents = &chain.core.base().threads[usize::from(thread)].last_block_parents;
        // Their count takes a byte, each of them thirty-two.
        let len = value.len() - 1 - parents.len() * 32;
        batch.put(key, value[..len].to_vec());
    }
    let prefix = KeyKind::ExecutedOperations.prefix();
    for_each_pair(&chain.store.snapshot(), &prefix, |key, value| {
        // A block and no operations.
        if value.len() == 33 {
            batch.delete(key.to_vec());
        }
        Ok::<_, picot_ledger::LedgerError>(())
    })
    .unwrap();
    metadata.format = 1;
    let slot = metadata.last_final_slot;
    metadata.seal(&mut batch, &store, slot).unwrap();
    store.commit(batch).unwrap();
    store
}

/// What an archive would say.
fn past(chain: &Chain) -> impl Fn(Slot) -> Result<Option<PastOutcome>, ExecutionError> {
    let mut outcomes = Vec::new();
    let threads = 0..THREADS;
    let mut digests: Vec<_> = threads
        .map(|thread| ThreadDigest::genesis(&chain.chain_id, thread))
        .collect();
    for decided in &chain.history {
        let digest = &mut digests[usize::from(decided.slot.thread)];
        let value = value_of(decided);
        outcomes.push(PastOutcome {
            slot: decided.slot,
            value,
            digest: *digest,
            block: decided.block.clone(),
        });
        *digest = digest.after(decided.slot, &value);
    }
    move |slot| {
        let settles = |past: &&PastOutcome| {
            past.slot.thread == slot.thread
                && (past.slot.period..=past.value.through(past.slot.period)).contains(&slot.period)
        };
        Ok(outcomes.iter().find(settles).cloned())
    }
}

#[test]
fn a_state_of_the_first_format_becomes_what_it_would_be_and_not_before() {
    let mut states = Vec::new();
    let chain = grow(13, 50, |chain| {
        let summary = chain.reader().summary();
        states.push((summary, of_first_format(chain), chain.core.base()));
    });
    let past = past(&chain);
    for (summary, store, base) in states {
        let store = Arc::new(store);
        let refused = open(&chain, store.clone()).unwrap_err();
        assert!(
            matches!(refused, ExecutionError::Format { found: 1, known: 2 }),
            "{refused}"
        );
        assert!(migrate_state(&*store, &chain.genesis, &past).unwrap());
        let again = open(&chain, store.clone()).unwrap();
        let migrated = again.reader().summary();
        assert_eq!(migrated.last_final_slot, summary.last_final_slot);
        assert_eq!(migrated.state_hash, summary.state_hash);
        assert_eq!(again.base(), base);
        assert!(!migrate_state(&*store, &chain.genesis, &past).unwrap());
    }
}

#[test]
fn a_state_that_cannot_be_migrated_stays_as_it_is() {
    let chain = grow(17, 20, |_| {});
    let store = of_first_format(&chain);
    let unchanged = |store: &MemoryStateStore| {
        let metadata = StateMetadata::read(store).unwrap().unwrap();
        assert_eq!(metadata.format, 1);
    };
    let knows_nothing = |_: Slot| Ok(None);
    let error = migrate_state(&store, &chain.genesis, &knows_nothing).unwrap_err();
    assert!(error.to_string().contains("archive"), "{error}");
    unchanged(&store);
    let mut other = chain.genesis.clone();
    other.name = "other".to_owned();
    let error = migrate_state(&store, &other, &past(&chain)).unwrap_err();
    assert!(matches!(error, ExecutionError::OtherChain));
    unchanged(&store);
    let empty = MemoryStateStore::new();
    assert!(!migrate_state(&empty, &chain.genesis, &knows_nothing).unwrap());
    let mut metadata: StateMetadata = decode_exact(&store.metadata().unwrap().unwrap()).unwrap();
    metadata.format = 77;
    let mut batch = StateBatch::new();
    batch.set_metadata(metadata.to_bytes());
    store.commit(batch).unwrap();
    let error = migrate_state(&store, &chain.genesis, &past(&chain)).unwrap_err();
    assert!(matches!(error, ExecutionError::Format { found: 77, .. }));
}
