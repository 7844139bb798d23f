//! What the routes share: the node's parts, what was read of them before, and what happens in them.

use crate::block_facts::Facts;
use crate::event_feed::EventFeed;
use crate::slot_feed::{self, SlotFeed};
use crate::{ApiConfig, ApiContext};
use parking_lot::Mutex;
use picot_models::{Address, Amount, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

/// What the routes share.
pub(crate) struct Interface {
    context: Arc<ApiContext>,
    pub(crate) facts: Facts,
    pub(crate) events: Arc<EventFeed>,
    pub(crate) slots: Arc<SlotFeed>,
    /// What it took in a slot to get into blocks of a thread: see `routes/pool.rs`.
    pub(crate) fees: Mutex<BTreeMap<u8, (Slot, Vec<Amount>)>>,
}

impl Interface {
    /// Begins to follow consensus and execution.
    pub(crate) fn new(config: &ApiConfig, context: Arc<ApiContext>) -> Self {
        let events = EventFeed::start(&context, config.stream_history_slots);
        let slots = slot_feed::start(&context, config.stream_history_slots, Arc::clone(&events));
        Self {
            context,
            facts: Facts::default(),
            events,
            slots,
            fees: Mutex::default(),
        }
    }

    /// The addresses whose keys are in the node's wallet.
    pub(crate) fn own_addresses(&self) -> BTreeSet<Address> {
        let facts = self.context.production.facts();
        facts.staking_addresses.into_iter().collect()
    }

    /// Ends a list that takes long to read: what is there is answered, with where to go on.
    pub(crate) fn patience(&self) -> Patience<'_> {
        Patience {
            context: &self.context,
            end: self.context.clock.now().checked_add(LIST_PATIENCE),
        }
    }
}

/// How long a list may take to read.
const LIST_PATIENCE: picot_clock::Millis = picot_clock::Millis(2_000);

/// See [`Interface::patience`].
pub(crate) struct Patience<'a> {
    context: &'a ApiContext,
    end: Option<picot_models::Timestamp>,
}

impl Patience<'_> {
    pub(crate) fn is_over(&self) -> bool {
        let now = self.context.clock.now();
        self.end.is_some_and(|end| now >= end)
    }
}

impl Deref for Interface {
    type Target = ApiContext;

    fn deref(&self) -> &ApiContext {
        &self.context
    }
}
