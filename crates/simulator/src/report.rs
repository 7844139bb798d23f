//! What a run measured.

use crate::packet::Parcel;
use picot_models::{Address, Slot, Value};
use picot_protocol::{PacketKind, Traffic};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A staker's blocks against its stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The validator.
    pub validator: usize,
    /// Its rolls.
    pub rolls: u64,
    /// Decided blocks that it made.
    pub blocks: u64,
}

/// What became of nodes that were far behind when they started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joins {
    /// Milliseconds from the first start to the state of a checkpoint, of each honest node that received
    /// one.
    pub received_ms: Vec<u64>,
    /// Milliseconds from the first start until the node had decided what all others had, of each honest
    /// node that was far behind and came so far.
    pub up_to_date_ms: Vec<u64>,
    /// How often a running node found that it could not follow any more, and looked for a state.
    pub left_behind: u64,
    /// How often one looked for a state, and nobody had a newer one than its own.
    pub in_vain: u64,
    /// How many found that they could follow what was decided.
    pub followed: u64,
    /// Chunks that were received.
    pub chunks: u64,
    /// How often one went on with what it had received before a crash.
    pub resumed: u64,
    /// Lies that were found.
    pub lies: u64,
    /// Outcomes that nodes dropped since they were old.
    pub dropped: u64,
}

impl Joins {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.received_ms.extend(&other.received_ms);
        self.up_to_date_ms.extend(&other.up_to_date_ms);
        self.left_behind += other.left_behind;
        self.in_vain += other.in_vain;
        self.followed += other.followed;
        self.chunks += other.chunks;
        self.resumed += other.resumed;
        self.lies += other.lies;
        self.dropped += other.dropped;
    }

    /// The time that so many of a thousand did not exceed.
    #[must_use]
    pub fn per_mille(times_ms: &[u64], per_mille: usize) -> u64 {
        let mut times = times_ms.to_vec();
        times.sort_unstable();
        let last = times.len().saturating_sub(1);
        times.get(last * per_mille / 1_000).copied().unwrap_or(0)
    }
}

/// What a run measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Slots that were decided, of all threads.
    pub slots: u64,
    /// Of these, how many as a miss.
    pub misses: u64,
    /// Milliseconds from the start of a slot to its decision, of each slot and honest node, by the
    /// node's clock; ascending. Range misses count once.
    pub delays_ms: Vec<u64>,
    /// How many decisions took so many rounds (of each slot and honest node).
    pub rounds: BTreeMap<u32, u64>,
    /// Messages that were sent, each recipient counted.
    pub messages: u64,
    /// Their canonical bytes.
    pub bytes: u64,
    /// Nodes.
    pub nodes: u64,
    /// Events.
    pub events: u64,
    /// Crashes.
    pub crashes: u64,
    /// Nodes that were far behind when they started.
    pub joins: Joins,
    /// Of these messages and bytes, how many are of each kind of packet.
    pub kinds: BTreeMap<PacketKind, Traffic>,
    /// Bans of nodes that misbehave.
    pub bans: u64,
    /// Stakers whose faults were proven.
    pub proven_faults: u64,
    /// Operations in decided blocks.
    pub operations: u64,
    /// Milliseconds that passed in the run.
    pub simulated_ms: u64,
    /// Fairness.
    pub shares: Vec<Share>,
}

impl Report {
    /// The delay that so many of a thousand decisions do not exceed.
    #[must_use]
    pub fn delay_ms(&self, per_mille: usize) -> u64 {
        let last = self.delays_ms.len().saturating_sub(1);
        let place = last * per_mille / 1_000;
        self.delays_ms.get(place).copied().unwrap_or(0)
    }

    /// A number for each slot and node, in hundredths.
    #[must_use]
    pub fn per_slot_and_node(&self, total: u64) -> u64 {
        let parts = self.slots * self.nodes;
        (total * 100).checked_div(parts).unwrap_or(0)
    }

    /// Something is sent.
    pub(crate) fn count(&mut self, parcel: &Parcel) {
        let bytes = parcel.bytes();
        self.messages += 1;
        self.bytes += bytes;
        if let Some(kind) = parcel.kind() {
            let traffic = self.kinds.entry(kind).or_default();
            traffic.packets += 1;
            traffic.bytes += bytes;
        }
    }

    pub(crate) fn count_slots(&mut self, decided: &BTreeMap<Slot, Value>) {
        for (slot, value) in decided {
            let count = value.through(slot.period) - slot.period + 1;
            self.slots += count;
            if value.block().is_none() {
                self.misses += count;
            }
        }
    }

    pub(crate) fn count_shares(
        &mut self,
        rolls: &[(Address, u64)],
        producers: &BTreeMap<Slot, Address>,
    ) {
        let mut blocks: BTreeMap<Address, u64> = BTreeMap::new();
        for producer in producers.values() {
            *blocks.entry(*producer).or_default() += 1;
        }
        self.shares = rolls
            .iter()
            .enumerate()
            .map(|(validator, (address, rolls))| Share {
                validator,
                rolls: *rolls,
                blocks: blocks.get(address).copied().unwrap_or(0),
            })
            .collect();
    }

    /// Percent of the decided blocks that were made by other stakers than the stake says: half the
    /// sum of the distances between the shares of blocks and of stake, in hundredths of a percent.
    #[must_use]
    pub fn unfairness(&self) -> u64 {
        let rolls: u64 = self.shares.iter().map(|share| share.rolls).sum();
        let blocks: u64 = self.shares.iter().map(|share| share.blocks).sum();
        let of = |part: u64, whole: u64| (part * 1_000_000).checked_div(whole).unwrap_or(0);
        let distance: u64 = self
            .shares
            .iter()
            .map(|share| of(share.rolls, rolls).abs_diff(of(share.blocks, blocks)))
            .sum();
        distance / 200
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json!({
            "slots": self.slots,
            "misses": self.misses,
            "delay_ms": {
                "p50": self.delay_ms(500),
                "p90": self.delay_ms(900),
                "p99": self.delay_ms(990),
                "max": self.delay_ms(1_000),
            },
            "rounds": self.rounds.iter().map(|(round, count)| (round.to_string(), *count)).collect::<BTreeMap<_, _>>(),
            "nodes": self.nodes,
            "messages": self.messages,
            "bytes": self.bytes,
            "messages_per_slot_and_node_x100": self.per_slot_and_node(self.messages),
            "bytes_per_slot_and_node_x100": self.per_slot_and_node(self.bytes),
            "events": self.events,
            "crashes": self.crashes,
            "joins": {
                "received": self.joins.received_ms.len(),
                "received_ms_p50": Joins::per_mille(&self.joins.received_ms, 500),
                "received_ms_max": Joins::per_mille(&self.joins.received_ms, 1_000),
                "up_to_date": self.joins.up_to_date_ms.len(),
                "up_to_date_ms_p50": Joins::per_mille(&self.joins.up_to_date_ms, 500),
                "up_to_date_ms_max": Joins::per_mille(&self.joins.up_to_date_ms, 1_000),
                "followed": self.joins.followed,
                "left_behind": self.joins.left_behind,
                "looked_in_vain": self.joins.in_vain,
                "chunks": self.joins.chunks,
                "resumed": self.joins.resumed,
                "lies": self.joins.lies,
                "dropped_outcomes": self.joins.dropped,
            },
            "packets": self.kinds,
            "bans": self.bans,
            "proven_faults": self.proven_faults,
            "operations": self.operations,
            "simulated_ms": self.simulated_ms,
            "unfairness_percent_x100": self.unfairness(),
            "shares": self.shares.iter().map(|share| json!({
                "validator": share.validator,
                "rolls": share.rolls,
                "blocks": share.blocks,
            })).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_delays() {
        let report = Report {
            delays_ms: (0..=100).collect(),
            ..Report::default()
        };
        assert_eq!(
            [500, 900, 990, 1_000].map(|per_mille| report.delay_ms(per_mille)),
            [50, 90, 99, 100]
        );
        assert_eq!(Report::default().delay_ms(500), 0);
    }

    #[test]
    fn blocks_in_proportion_to_stake_are_fair_and_all_by_one_are_not() {
        let share = |validator, rolls, blocks| Share {
            validator,
            rolls,
            blocks,
        };
        let with = |shares| Report {
            shares,
            ..Report::default()
        };
        assert_eq!(with(vec![share(0, 1, 10), share(1, 3, 30)]).unfairness(), 0);
        assert_eq!(
            with(vec![share(0, 1, 9), share(1, 1, 0)]).unfairness(),
            5_000
        );
    }
}
