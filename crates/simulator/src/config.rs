//! What a run is told.

use crate::SimError;
use crate::byzantine::Behaviour;
use crate::latency::Latencies;
use crate::random::Random;
use picot_models::{
    Address, Amount, ChainParams, Genesis, GenesisStaker, Ratio, SecretKey, Timestamp,
};

/// The most validators of a run.
pub const MAX_VALIDATORS: usize = 10_000;
/// The most peers of a node: as many may call it in the usual configuration.
pub const MAX_PEERS: usize = 128;
/// Of so many runs with the documented faults, one has nodes that join late or come back after long.
pub const RUNS_PER_NEWCOMERS: u64 = 5;
/// Periods of a cycle in such a run, unless they are given.
const NEWCOMERS_CYCLE: u64 = 2;
/// Cycles that such a run must have at least: some end before anybody joins.
const NEWCOMERS_FEWEST_CYCLES: u64 = 8;
/// When slot `0/0` of every simulated chain starts.
pub const GENESIS_TIMESTAMP: Timestamp = Timestamp(1_000_000);

/// Which faults a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// None: all nodes and links are well.
    None,
    /// Those of design 07 and 12, chosen by the seed: loss, repetition, reordering, partitions, slow
    /// links, crashes at any boundary, lost writes, clock offsets, Byzantine actors up to `F`. They
    /// end after three fifths of the slots; then everything must be decided in time.
    Documented,
}

/// What a run is told. With the seed it settles everything that happens.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The seed of all chance.
    pub seed: u64,
    /// The rolls of each validator; each has a node of its own.
    pub rolls: Vec<u64>,
    /// The parameters of the chain.
    pub params: ChainParams,
    /// Slots, of all threads together, that must be decided.
    pub slots: u64,
    /// Where the nodes are: in these regions in turn.
    pub latencies: Latencies,
    /// Which faults there are.
    pub faults: Faults,
    /// Validators that misbehave, besides those that [`Faults::Documented`] chooses.
    pub byzantine: Vec<(usize, Behaviour)>,
    /// Whether consensus verifies signatures. They are made in any case.
    pub verify_signatures: bool,
    /// Operations that are sent to nodes, per hundred slots.
    pub operations_per_100_slots: u64,
    /// Milliseconds after the start of the last slot, within which everything must be decided.
    pub decision_bound_ms: u64,
    /// Bytes that a node can send in a millisecond; none: as many as it likes.
    pub uplink_bytes_per_ms: Option<u64>,
    /// Peers of each node; none: all others, or of many nodes some.
    pub peers: Option<usize>,
    /// Whether nodes that are far behind receive the state of a checkpoint where nobody gives what was
    /// decided since. With [`Faults::Documented`] the seed then chooses nodes that begin late, or were
    /// away for long, and how much of the past the others keep.
    pub newcomers: bool,
    /// Whether each final slot and the state after it are recorded, and compared with a plain model
    /// of stakes at the end ([`audit`](crate::staking::audit)).
    pub record_stakes: bool,
    /// What reaches a node within so many milliseconds is handed over together, at their end, which takes
    /// much less time to simulate; none: each frame when it arrives. For runs without faults.
    pub gather_ms: Option<u64>,
    /// Threads that work on one run. They change nothing but how long it takes, and nothing where there
    /// are faults.
    pub threads: usize,
}

impl SimConfig {
    /// So many equal validators on the development parameters, on one local network, without faults.
    #[must_use]
    pub fn new(seed: u64, validators: usize) -> Self {
        let params = ChainParams::dev();
        Self {
            seed,
            rolls: vec![10; validators],
            slots: 6 * u64::from(params.thread_count),
            decision_bound_ms: 20 * params.t0_ms,
            params,
            latencies: Latencies::lan(),
            faults: Faults::None,
            byzantine: Vec::new(),
            verify_signatures: true,
            operations_per_100_slots: 50,
            uplink_bytes_per_ms: None,
            peers: None,
            newcomers: false,
            record_stakes: false,
            gather_ms: None,
            threads: 1,
        }
    }

    /// The documented faults. In one run of [`RUNS_PER_NEWCOMERS`], as the seed says, nodes join late or
    /// come back after long, if so many cycles fit in: those are short then, unless they are given.
    pub fn document(&mut self, cycle: Option<u64>) {
        self.faults = Faults::Documented;
        if Random::new(self.seed, "has newcomers").below(RUNS_PER_NEWCOMERS) == 0 {
            self.let_join(cycle);
        }
    }

    /// Nodes join late or come back after long, if so many cycles fit in.
    pub fn let_join(&mut self, cycle: Option<u64>) {
        let cycle = cycle.unwrap_or(NEWCOMERS_CYCLE);
        let periods = self.slots / u64::from(self.params.thread_count).max(1);
        if periods >= cycle.saturating_mul(NEWCOMERS_FEWEST_CYCLES) {
            self.newcomers = true;
            self.set_cycle(cycle);
            // Who is away, or begins late, must not lose its stake to those who may do anything.
            let all = Ratio {
                numerator: 1,
                denominator: 1,
            };
            self.params.max_block_miss_rate = all;
            self.params.max_endorsement_miss_rate = all;
            // Time for those who find nobody at first, or are told lies, to look again.
            self.decision_bound_ms = self.decision_bound_ms.max(40 * self.params.t0_ms);
        }
    }

    /// So many periods in a cycle, and what is counted in cycles shortened to fit.
    pub fn set_cycle(&mut self, periods: u64) {
        let params = &mut self.params;
        params.periods_per_cycle = periods;
        params.checkpoint_interval_periods = params.checkpoint_interval_periods.min(periods);
        params.denunciation_expire_periods = params.denunciation_expire_periods.min(2 * periods);
    }

    /// Checks each field.
    ///
    /// # Errors
    /// [`SimError::Config`] names the wrong one.
    pub fn validate(&self) -> Result<(), SimError> {
        let wrong = |field, reason: String| Err(SimError::Config { field, reason });
        if let Err(error) = self.params.validate() {
            return wrong("params", error.to_string());
        }
        if self.rolls.is_empty() || self.rolls.len() > MAX_VALIDATORS {
            return wrong("rolls", format!("from 1 to {MAX_VALIDATORS} validators"));
        }
        if self.rolls.contains(&0) {
            return wrong("rolls", "a validator has at least one roll".to_owned());
        }
        if self.slots == 0 {
            return wrong("slots", "at least one slot".to_owned());
        }
        if self
            .peers
            .is_some_and(|peers| !(2..=MAX_PEERS).contains(&peers))
        {
            return wrong("peers", format!("from 2 to {MAX_PEERS} peers"));
        }
        let byzantine: u64 = self
            .byzantine
            .iter()
            .filter_map(|(validator, _)| self.rolls.get(*validator))
            .sum();
        if byzantine > self.max_byzantine_rolls() {
            return wrong("byzantine", "a third of the stake or more".to_owned());
        }
        Ok(())
    }

    /// `F`: the most rolls of validators that may do anything, less than a third of all.
    #[must_use]
    pub fn max_byzantine_rolls(&self) -> u64 {
        self.rolls.iter().sum::<u64>().saturating_sub(1) / 3
    }

    /// The key of a validator.
    #[must_use]
    pub fn key(validator: usize) -> SecretKey {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"validator");
        hasher.update(&u64::try_from(validator).unwrap_or(u64::MAX).to_le_bytes());
        SecretKey::from_seed(*hasher.finalize().as_bytes())
    }

    /// The address of a validator.
    #[must_use]
    pub fn address(validator: usize) -> Address {
        Address::of_key(&Self::key(validator).public_key())
    }

    /// The genesis. The seed is in its name, so that each seed has draws of its own.
    #[must_use]
    pub fn genesis(&self) -> Genesis {
        let addresses: Vec<Address> = (0..self.rolls.len()).map(Self::address).collect();
        let coins = Amount::from_nanos(1_000_000_000_000_000);
        Genesis {
            name: format!("simulation {}", self.seed),
            genesis_timestamp: GENESIS_TIMESTAMP,
            params: self.params.clone(),
            stakers: addresses
                .iter()
                .zip(&self.rolls)
                .map(|(address, rolls)| GenesisStaker {
                    address: *address,
                    rolls: *rolls,
                })
                .collect(),
            allocations: addresses.iter().map(|address| (*address, coins)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_named() {
        let good = SimConfig::new(1, 4);
        assert!(good.validate().is_ok());
        type Change = fn(&mut SimConfig);
        let wrong: [(&str, Change); 7] = [
            ("peers", |config| config.peers = Some(1)),
            ("peers", |config| config.peers = Some(MAX_PEERS + 1)),
            ("rolls", |config| config.rolls.clear()),
            ("rolls", |config| config.rolls = vec![1, 0]),
            ("slots", |config| config.slots = 0),
            ("params", |config| config.params.t0_ms = 0),
            ("byzantine", |config| {
                config.byzantine = vec![(0, Behaviour::Silent), (1, Behaviour::Silent)];
            }),
        ];
        for (field, change) in wrong {
            let mut config = good.clone();
            change(&mut config);
            let error = config.validate().unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }

    #[test]
    fn less_than_a_third_of_the_stake_may_do_anything() {
        let f = |rolls: &[u64]| {
            let mut config = SimConfig::new(1, 1);
            config.rolls = rolls.to_vec();
            config.max_byzantine_rolls()
        };
        assert_eq!(
            (f(&[1]), f(&[1; 3]), f(&[1; 4]), f(&[3, 3, 3])),
            (0, 0, 1, 2)
        );
    }
}
