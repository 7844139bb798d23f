//! A bounded cache by slot.

use std::collections::{BTreeMap, VecDeque};

use picot_clock::Slot;

/// Keeps the values that were inserted last, up to a bound on the sum of their sizes.
#[derive(Debug)]
pub(crate) struct SlotCache<V> {
    entries: BTreeMap<Slot, (V, usize)>,
    /// The same slots in the order of insertion.
    order: VecDeque<Slot>,
    size: usize,
}

impl<V> Default for SlotCache<V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            order: VecDeque::new(),
            size: 0,
        }
    }
}

impl<V: Clone> SlotCache<V> {
    /// The value of a slot, if it is still there.
    pub(crate) fn get(&self, slot: Slot) -> Option<V> {
        self.entries.get(&slot).map(|(value, _)| value.clone())
    }

    /// Takes a value in, and drops the ones inserted first until the sizes are `max_size` at most.
    /// A slot has one value only, so that a second one is not taken in.
    pub(crate) fn insert(&mut self, slot: Slot, value: V, size: usize, max_size: usize) {
        if size > max_size || self.entries.contains_key(&slot) {
            return;
        }
        self.entries.insert(slot, (value, size));
        self.order.push_back(slot);
        self.size = self.size.saturating_add(size);
        while self.size > max_size {
            let Some((_, dropped)) = self
                .order
                .pop_front()
                .and_then(|first| self.entries.remove(&first))
            else {
                return;
            };
            self.size = self.size.saturating_sub(dropped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_drops_what_came_first() {
        let mut cache = SlotCache::default();
        for period in [5, 1, 3] {
            cache.insert(Slot::new(period, 0), period, 1, 2);
        }
        let kept: Vec<_> = [5, 1, 3]
            .map(|period| cache.get(Slot::new(period, 0)))
            .into();
        assert_eq!(kept, [None, Some(1), Some(3)]);
        assert_eq!((cache.entries.len(), cache.order.len()), (2, 2));
    }

    #[test]
    fn a_large_value_takes_the_place_of_several_small_ones() {
        let mut cache = SlotCache::default();
        for period in 0..4 {
            cache.insert(Slot::new(period, 0), (), 1, 4);
        }
        cache.insert(Slot::new(9, 0), (), 3, 4);
        assert_eq!((cache.entries.len(), cache.size), (2, 4));
        cache.insert(Slot::new(10, 0), (), 5, 4);
        assert_eq!(cache.get(Slot::new(10, 0)), None, "larger than the bound");
    }

    #[test]
    fn a_repeated_value_takes_no_room() {
        let mut cache = SlotCache::default();
        cache.insert(Slot::GENESIS, 1, 1, 2);
        cache.insert(Slot::GENESIS, 1, 1, 2);
        assert_eq!((cache.order.len(), cache.size), (1, 1));
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let mut cache = SlotCache::default();
        cache.insert(Slot::GENESIS, 1, 1, 0);
        assert_eq!(cache.get(Slot::GENESIS), None);
    }
}
