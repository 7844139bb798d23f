//! Every metric of a node. What is not here is not told; what is here is in the generated table.

use crate::definition::{Definition, Group, Kind};

/// Defines each metric as a constant, and all of them as [`GROUPS`].
macro_rules! catalogue {
    ($($title:literal {
        $($constant:ident = $kind:ident $name:literal in $unit:literal by $labels:expr => $help:literal;)*
    })*) => {
        $($(
            #[doc = concat!($help, ".")]
            pub const $constant: Definition = Definition {
                name: $name,
                kind: Kind::$kind,
                unit: $unit,
                labels: &$labels,
                help: $help,
            };
        )*)*
        /// All metrics, by what they are about.
        pub const GROUPS: &[Group] = &[
            $(Group { title: $title, metrics: &[$(&$constant),*] }),*
        ];
    };
}

catalogue! {
    "The process" {
        NODE = Info "node" in "" by ["version", "chain", "chain_id"]
            => "The version of the node, and its chain";
        START_TIME = Gauge "process_start_time" in "seconds" by []
            => "When the process started, in seconds since 1970";
        CPU = Counter "process_cpu" in "seconds" by []
            => "Processor time that the process used";
        RESIDENT_MEMORY = Gauge "process_resident_memory" in "bytes" by []
            => "Memory that the process holds";
        OPEN_FILES = Gauge "process_open_files" in "" by []
            => "Files and connections that the process has open";
        OS_THREADS = Gauge "process_threads" in "" by []
            => "Threads of the process";
    }
    "Slots and finality" {
        PERIOD_LENGTH = Gauge "period_length" in "seconds" by []
            => "How long a period lasts";
        CYCLE_LENGTH = Gauge "cycle_length" in "seconds" by []
            => "How long a cycle lasts";
        CURRENT_PERIOD = Gauge "current_period" in "" by ["thread"]
            => "The period of the thread's latest slot that has started";
        DECIDED_PERIOD = Gauge "decided_period" in "" by ["thread"]
            => "The last period of the thread that is decided";
        FINAL_PERIOD = Gauge "final_period" in "" by ["thread"]
            => "The last period of the thread whose block, if any, is in the final state";
        FINALITY_LAG = Gauge "finality_lag" in "slots" by []
            => "Slots that have started and are not in the final state";
        UNDECIDED_AGE = Gauge "oldest_undecided_slot_age" in "seconds" by []
            => "How long ago the oldest slot began that is not decided; 0 if there is none";
        DECIDED_SLOTS = Counter "decided_slots" in "" by ["thread", "outcome"]
            => "Slots decided while this process ran, as a `block` or a `miss`";
        DECISION_DELAY = Histogram "decision_delay" in "seconds" by ["outcome"]
            => "From the start of a slot to its decision here; what was caught up on after a pause is late";
        FINALITY_DELAY = Histogram "finality_delay" in "seconds" by []
            => "From the start of a slot to the final state with it here";
        DECISION_ROUND = Histogram "decision_round" in "" by []
            => "The round that decided; 0 is the first";
        OPEN_ROUND = Gauge "open_round" in "" by ["thread"]
            => "The round that this node is in, of the thread's open slot";
        ROUNDS_ENTERED = Counter "rounds_entered" in "" by ["thread"]
            => "Rounds after the first that this node went on to";
        CANDIDATES = Counter "candidates" in "" by ["thread"]
            => "Blocks that became candidates here";
        LEADING_CHANGES = Counter "leading_candidate_changes" in "" by ["thread"]
            => "How often another candidate of an undecided slot came to lead";
        BEHIND = Gauge "behind" in "" by ["reason"]
            => "1 for the reason why this node does not vote, else 0";
        BAD_SIGNATURES = Counter "bad_signatures" in "" by []
            => "Signatures that were found bad and blamed on the peer that sent them";
        FAULTS = Counter "faults" in "" by []
            => "Faults of stakers that were proven here";
        EVENTS_LOST = Counter "events_lost" in "" by ["stream"]
            => "How often the counters of this table missed something because this process was overloaded";
    }
    "Execution and state" {
        OPERATIONS_FINAL = Counter "operations_final" in "" by ["outcome"]
            => "Operations that became final, by what they came to";
        EXECUTION_WAITING = Gauge "execution_waiting" in "" by []
            => "Decided slots that wait for earlier slots of other threads";
        EXECUTION_STOPPED = Gauge "execution_stopped" in "" by []
            => "1 if execution has stopped for good: the node needs its operator";
        CANDIDATE_LEAD = Gauge "candidate_lead" in "slots" by []
            => "Slots that are executed ahead of the final state";
        CYCLE = Gauge "cycle" in "" by []
            => "The cycle of the final state";
        SUPPLY = Gauge "supply" in "coins" by ["part"]
            => "Coins of the final state: in `balances`, in `rolls` at their price, `deferred_credits` and `storage_deposits`";
        MINTED = Counter "minted" in "coins" by []
            => "Coins minted as rewards since the genesis";
        BURNT = Counter "burnt" in "coins" by []
            => "Coins burnt since the genesis";
        SLASHED = Counter "slashed" in "coins" by []
            => "Coins slashed since the genesis";
        ROLLS = Gauge "rolls" in "" by []
            => "Rolls of all stakers";
        STAKERS = Gauge "stakers" in "" by []
            => "Addresses with rolls";
    }
    "Checkpoints" {
        CERTIFIED_PERIOD = Gauge "checkpoint_certified_period" in "" by []
            => "The period of the newest certified checkpoint; absent before the first";
        CERTIFIED_AGE = Gauge "checkpoint_certified_age" in "seconds" by []
            => "How long ago the slot of the newest certified checkpoint began; absent before the first";
        OPEN_CHECKPOINTS = Gauge "checkpoints_open" in "" by []
            => "Checkpoints whose signatures are being gathered";
        OPEN_CHECKPOINT_POWER = Gauge "checkpoint_open_power" in "ratio" by []
            => "The part of the stake that signed the oldest of these as this node sees it; absent if there is none";
    }
    "Own production" {
        PRODUCING = Gauge "producing" in "" by []
            => "1 if this node produces blocks now";
        FACTORY_ENABLED = Gauge "factory_enabled" in "" by ["factory"]
            => "1 if the factory, `blocks` or `endorsements`, is switched on";
        KEYS = Gauge "keys" in "" by []
            => "Keys in the wallet";
        KEYS_REFUSED = Gauge "keys_refused" in "" by []
            => "Keys that sign nothing because they were seen in use elsewhere";
        OWN_ROLLS = Gauge "own_rolls" in "" by []
            => "Rolls that the wallet's addresses have now; they count from the third cycle after the purchase";
        OWN_POWER = Gauge "own_power" in "" by []
            => "Rolls of the wallet's addresses that count in the current cycle: by them it is drawn and votes; absent while the draws of the cycle are not known";
        PRODUCED = Counter "produced" in "" by ["factory"]
            => "Blocks or endorsements that were signed and handed on";
        SKIPPED = Counter "production_skipped" in "" by ["factory", "reason"]
            => "What was due and not produced";
        LEFT_OUT = Counter "production_left_out" in "" by ["factory", "part"]
            => "How often a part was left out of what was produced";
        MISSED_TICKS = Counter "production_missed_ticks" in "" by ["factory"]
            => "Slots at which the factory was not awake in time";
        LATEST_DURATION = Gauge "production_latest_duration" in "seconds" by ["factory"]
            => "How long the latest product took";
        LONGEST_DURATION = Gauge "production_longest_duration" in "seconds" by ["factory"]
            => "How long the slowest product took";
        OWN_BLOCKS = Counter "own_blocks" in "" by ["fate"]
            => "Own blocks whose slots were decided: as the block itself (`decided`), as another one (`lost`), or as a miss (`missed`)";
        FOREIGN_SIGNATURES = Counter "foreign_signatures" in "" by []
            => "Signatures of own keys that this node did not make";
    }
    "The pool" {
        POOL_OPERATIONS = Gauge "pool_operations" in "" by ["thread"]
            => "Pending operations";
        POOL_BYTES = Gauge "pool" in "bytes" by ["thread"]
            => "Bytes of the pending operations";
        POOL_NOT_YET_VALID = Gauge "pool_not_yet_valid_operations" in "" by ["thread"]
            => "Pending operations that are valid only in later periods";
        POOL_SENDERS = Gauge "pool_senders" in "" by ["thread"]
            => "Addresses with pending operations";
        POOL_EVICTED = Counter "pool_evicted_operations" in "" by ["thread"]
            => "Operations that left for a better one";
        POOL_EXPIRED = Counter "pool_expired_operations" in "" by ["thread"]
            => "Operations that expired in the pool";
        POOL_ENDORSEMENTS = Gauge "pool_endorsements" in "" by []
            => "Endorsements held";
        POOL_DENUNCIATIONS = Gauge "pool_denunciations" in "" by []
            => "Denunciations held";
    }
    "Peers" {
        PEERS = Gauge "peers" in "" by ["direction"]
            => "Peers that are connected and have introduced themselves, by who called: `inbound` are those that called us";
        PEERS_RESERVED = Gauge "peers_reserved" in "" by []
            => "Connected peers that always have a place";
        PEERS_BANNED = Gauge "peers_banned" in "" by []
            => "Nodes that are refused";
        CONNECTIONS = Counter "connections" in "" by ["direction"]
            => "Connections that were made";
        NETWORK_BYTES = Counter "network" in "bytes" by ["lane", "direction"]
            => "Bytes of frames that were `received` or `sent`, by lane: `urgent`, `gossip` or `bulk`";
        NETWORK_QUEUED = Gauge "network_queued" in "bytes" by ["lane"]
            => "Bytes that wait to be sent";
        NETWORK_DROPPED = Counter "network_dropped_messages" in "" by ["lane"]
            => "Messages that found no room in a peer's queue";
        NETWORK_REFUSED = Counter "network_refused_packets" in "" by []
            => "Packets of peers that came over their rates and were not looked at";
        PEER_ROUND_TRIP = Gauge "peer_round_trip" in "seconds" by ["statistic"]
            => "The time to peers and back, as `median` and `max`; absent without peers";
        PEER_LEAD = Gauge "peer_lead" in "slots" by []
            => "Slots that the furthest peer says to have decided and this node has not";
        CLOCK_BEHIND = Gauge "clock_behind" in "seconds" by []
            => "By how much this node's clock seems to be behind those of its peers, less than 0 if it is ahead; absent while too few have told their time";
        CLOCK_TOLERANCE = Gauge "clock_tolerance" in "seconds" by []
            => "By how much the chain lets clocks differ: beyond it, other nodes take blocks and votes of this one too late, or not at all";
    }
    "The disk" {
        STORE_BYTES = Gauge "store" in "bytes" by ["part"]
            => "Bytes on disk, by part of the data directory";
        DISK_FREE = Gauge "disk_free" in "bytes" by []
            => "Bytes that are free on the disk of the data directory";
        DISK_SIZE = Gauge "disk_size" in "bytes" by []
            => "Bytes of the disk of the data directory";
    }
    "The interface" {
        API_REQUESTS = Counter "api_requests" in "" by ["route", "status"]
            => "Requests that were answered, by kind of route and status; 429 and 503 are refusals for want of room";
        API_DURATION = Histogram "api_request_duration" in "seconds" by ["route"]
            => "From a request to the begin of its answer";
        API_STREAMS = Gauge "api_streams" in "" by []
            => "Streams that are being read";
    }
}

/// All metrics, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    GROUPS
        .iter()
        .flat_map(|group| group.metrics.iter().copied())
}

/// The metric that a series belongs to.
#[must_use]
pub fn of_series(name: &str) -> Option<&'static Definition> {
    all().find(|metric| metric.series().iter().any(|series| series == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_series_has_two_metrics() {
        let series: Vec<_> = all().flat_map(Definition::series).collect();
        let distinct: BTreeSet<_> = series.iter().collect();
        assert_eq!(distinct.len(), series.len());
    }

    #[test]
    fn names_and_labels_are_of_the_kind_that_every_reader_of_the_format_takes() {
        let is_plain = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|one| one.is_ascii_lowercase() || one == '_')
        };
        for metric in all() {
            assert!(is_plain(metric.name), "{}", metric.name);
            assert!(metric.labels.iter().all(|label| is_plain(label)));
            let reserved = ["_total", "_info", "_bucket", "_sum", "_count"];
            assert!(!reserved.iter().any(|end| metric.name.ends_with(end)));
            assert!(!metric.help.ends_with('.') && !metric.help.contains('\n'));
        }
    }

    #[test]
    fn the_metric_of_a_series_is_found() {
        let found = of_series("picot_decision_delay_seconds_bucket");
        assert_eq!(found, Some(&DECISION_DELAY));
        assert_eq!(of_series("picot_produced"), None);
    }
}
