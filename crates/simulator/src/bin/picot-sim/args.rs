//! What the command line says, as the configuration of a run.

use clap::{Parser, ValueEnum};
use picot_models::{CanonicalRuleKind, ChainParams, ProposalPolicy};
use picot_simulator::staking::{staking_config, staking_scenario};
use picot_simulator::{Behaviour, Faults, Latencies, Planted, Scenario, SimConfig};
use std::ops::Range;

/// Periods of a cycle of `--staking`.
const STAKING_PERIODS: u64 = 4;

/// Runs many whole nodes on virtual time: the same seed gives the same run.
#[derive(Debug, Clone, Parser)]
#[command(name = "picot-sim", version)]
pub(crate) struct Args {
    /// The seed of one run, which is reported in full.
    #[arg(long, conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,
    /// Many runs, one for each seed: from the first, up to and not with the last (A..B).
    #[arg(long, value_parser = parse_seeds)]
    pub(crate) seeds: Option<Range<u64>>,
    /// Validators, each with a node of its own [default: from 4 to 10, by seed].
    #[arg(long)]
    pub(crate) validators: Option<usize>,
    /// Rolls: equal, skewed, or a list such as 100,1,1.
    #[arg(long, default_value = "equal")]
    pub(crate) stake: String,
    /// Who may propose: drawn, ranked:K or all [default: that of the preset].
    #[arg(long, value_parser = parse_policy)]
    pub(crate) policy: Option<ProposalPolicy>,
    /// How candidates are ordered [default: that of the preset].
    #[arg(long)]
    pub(crate) rule: Option<Rule>,
    /// Which faults there are.
    #[arg(long, default_value = "none")]
    pub(crate) faults: FaultLevel,
    /// A bug of every honest node, to show that it is found.
    #[arg(long, value_parser = parse_planted)]
    pub(crate) planted: Option<Planted>,
    /// Looks at agreement alone: what a planted bug leads to where nothing else finds it before.
    #[arg(long)]
    pub(crate) agreement_only: bool,
    /// Begins no further seed once an invariant is broken.
    #[arg(long)]
    pub(crate) first: bool,
    /// Periods of a cycle [default: those of the preset].
    #[arg(long)]
    pub(crate) cycle: Option<u64>,
    /// Validator 0 makes so many variants of each of its blocks, and publishes the one with the
    /// lowest id.
    #[arg(long, value_name = "TRIES")]
    pub(crate) grind: Option<u32>,
    /// Twenty stakers buy, sell, stop, come back and misbehave over so many cycles (of 4 periods, or
    /// --cycle), and all stakes are compared with a plain model at every slot.
    #[arg(long, value_name = "CYCLES", value_parser = clap::value_parser!(u64).range(1..=100_000),
          conflicts_with_all = ["validators", "stake", "faults", "grind", "slots", "preset",
                                "operations"])]
    pub(crate) staking: Option<u64>,
    /// Delays between nodes: lan, aws (a dozen regions of the world), or a file.
    #[arg(long, default_value = "lan")]
    pub(crate) latency: String,
    /// Slots of all threads together that must be decided.
    #[arg(long, default_value_t = 96)]
    pub(crate) slots: u64,
    /// The parameters of the chain; D is raised to what the latencies need.
    #[arg(long, default_value = "dev")]
    pub(crate) preset: Preset,
    /// Operations that are sent to nodes, per hundred slots.
    #[arg(long, default_value_t = 50)]
    pub(crate) operations: u64,
    /// Bytes that a node can send in a millisecond [default: as many as it likes].
    #[arg(long)]
    pub(crate) uplink: Option<u64>,
    /// Peers of each node, in a graph that the seed chooses [default: all others up to 64 nodes, else
    /// about 24].
    #[arg(long)]
    pub(crate) peers: Option<usize>,
    /// Hands over what reaches a node within so many milliseconds together, at their end: large runs without
    /// faults take much less time so.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) gather: Option<u64>,
    /// Consensus takes every signature for valid: faster.
    #[arg(long)]
    pub(crate) no_signatures: bool,
    /// In every run nodes join late or come back after long, by the state of a checkpoint where others
    /// have dropped what they need (with documented faults, in one of five otherwise); cycles are short.
    #[arg(long, conflicts_with = "staking")]
    pub(crate) newcomers: bool,
    /// Runs each seed twice and compares the traces.
    #[arg(long)]
    pub(crate) twice: bool,
    /// Runs at the same time [default: one for each processor].
    #[arg(long)]
    pub(crate) jobs: Option<usize>,
    /// Seconds after which no further seed is begun.
    #[arg(long)]
    pub(crate) time_limit: Option<u64>,
    /// Prints what was decided, one line for each thread.
    #[arg(long)]
    pub(crate) trace: bool,
    /// Prints the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    RankedDraw,
    LowestHash,
    LowestTicket,
    FirstToQuorum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FaultLevel {
    None,
    Documented,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    Dev,
    Production,
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let (first, last) = text.split_once("..").ok_or("not of the form A..B")?;
    let number = |text: &str| text.parse().map_err(|_| format!("'{text}' is no number"));
    Ok(number(first)?..number(last)?)
}

fn parse_planted(text: &str) -> Result<Planted, String> {
    Planted::named(text).ok_or_else(|| {
        let names: Vec<&str> = Planted::ALL.iter().map(|one| one.name()).collect();
        format!("one of {}", names.join(", "))
    })
}

fn parse_policy(text: &str) -> Result<ProposalPolicy, String> {
    match text.split_once(':') {
        None if text == "drawn" => Ok(ProposalPolicy::Drawn),
        None if text == "all" => Ok(ProposalPolicy::All),
        Some(("ranked", count)) => match count.parse() {
            Ok(count) if count > 0 => Ok(ProposalPolicy::Ranked { count }),
            _ => Err(format!("'{count}' is no number above 0")),
        },
        _ => Err("one of drawn, ranked:K, all".to_owned()),
    }
}

impl Args {
    /// The seeds to run.
    pub(crate) fn seeds(&self) -> Range<u64> {
        match (&self.seeds, self.seed) {
            (Some(seeds), _) => seeds.clone(),
            (None, seed) => {
                let seed = seed.unwrap_or(0);
                seed..seed.saturating_add(1)
            }
        }
    }

    /// The configuration of one run.
    pub(crate) fn config(&self, seed: u64, latencies: &Latencies) -> Result<SimConfig, String> {
        let mut config = match self.staking {
            Some(cycles) => {
                let periods = self.cycle.unwrap_or(STAKING_PERIODS);
                staking_config(seed, cycles, periods.max(1))
            }
            None => self.plain_config(seed)?,
        };
        let params = &mut config.params;
        params.network_delay_ms = params.network_delay_ms.max(latencies.longest_ms() * 5 / 4);
        if let Some(policy) = self.policy {
            params.proposal_policy = policy;
        }
        if let Some(rule) = self.rule {
            params.canonical_rule = match rule {
                Rule::RankedDraw => CanonicalRuleKind::RankedDraw,
                Rule::LowestHash => CanonicalRuleKind::LowestHash,
                Rule::LowestTicket => CanonicalRuleKind::LowestTicket,
                Rule::FirstToQuorum => CanonicalRuleKind::FirstToQuorum,
            };
        }
        config.latencies = latencies.clone();
        config.verify_signatures = !self.no_signatures;
        config.uplink_bytes_per_ms = self.uplink;
        config.peers = self.peers;
        config.gather_ms = self.gather;
        Ok(config)
    }

    fn plain_config(&self, seed: u64) -> Result<SimConfig, String> {
        let mut config = SimConfig::new(seed, 1);
        config.params = match self.preset {
            Preset::Dev => ChainParams::dev(),
            Preset::Production => ChainParams::production(),
        };
        config.decision_bound_ms = 20 * config.params.t0_ms;
        if let Some(periods) = self.cycle {
            config.set_cycle(periods);
        }
        config.rolls = self.rolls(seed)?;
        config.slots = self.slots;
        config.operations_per_100_slots = self.operations;
        if let Some(tries) = self.grind {
            config.byzantine.push((0, Behaviour::Grinding { tries }));
        }
        match self.faults {
            FaultLevel::None => config.faults = Faults::None,
            FaultLevel::Documented => config.document(self.cycle),
        }
        if self.newcomers {
            config.let_join(self.cycle);
        }
        Ok(config)
    }

    /// What happens in one run.
    pub(crate) fn scenario(&self, config: &SimConfig) -> Scenario {
        let mut scenario = match self.staking {
            Some(_) => staking_scenario(config),
            None => Scenario::new(config),
        };
        scenario.planted = self.planted;
        scenario.agreement_only = self.agreement_only;
        scenario
    }

    fn rolls(&self, seed: u64) -> Result<Vec<u64>, String> {
        let by_seed = 4 + usize::try_from(seed % 7).unwrap_or(0);
        let validators = self.validators.unwrap_or(by_seed);
        let numbers = 1..=u64::try_from(validators).unwrap_or(u64::MAX);
        match self.stake.as_str() {
            "equal" => Ok(vec![10; validators]),
            "skewed" => Ok(numbers.map(|number| 1 + 100 / number).collect()),
            list => list
                .split(',')
                .map(|rolls| rolls.trim().parse())
                .collect::<Result<Vec<u64>, _>>()
                .map_err(|_| format!("--stake: '{list}' is no list of numbers")),
        }
    }

    /// The same run again, alone.
    pub(crate) fn replay_command(&self, seed: u64) -> String {
        let mut command = format!("cargo xtask sim --seed {seed}");
        let mut add = |option: &str, value: Option<String>| {
            if let Some(value) = value {
                command.push_str(&format!(" {option} {value}"));
            }
        };
        add(
            "--validators",
            self.validators.map(|count| count.to_string()),
        );
        let plain = |value: Option<String>| value.filter(|_| self.staking.is_none());
        add("--staking", self.staking.map(|cycles| cycles.to_string()));
        add("--stake", plain(Some(self.stake.clone())));
        add(
            "--policy",
            self.policy.map(|policy| match policy {
                ProposalPolicy::Drawn => "drawn".to_owned(),
                ProposalPolicy::Ranked { count } => format!("ranked:{count}"),
                ProposalPolicy::All => "all".to_owned(),
            }),
        );
        add("--rule", self.rule.and_then(|rule| name_of(&rule)));
        add("--faults", plain(name_of(&self.faults)));
        add("--planted", self.planted.map(|one| one.name().to_owned()));
        add("--cycle", self.cycle.map(|periods| periods.to_string()));
        add("--grind", self.grind.map(|tries| tries.to_string()));
        add("--latency", Some(self.latency.clone()));
        add("--slots", plain(Some(self.slots.to_string())));
        add("--preset", plain(name_of(&self.preset)));
        add("--operations", plain(Some(self.operations.to_string())));
        add("--uplink", self.uplink.map(|bytes| bytes.to_string()));
        add("--peers", self.peers.map(|peers| peers.to_string()));
        add("--gather", self.gather.map(|gather| gather.to_string()));
        if self.no_signatures {
            command.push_str(" --no-signatures");
        }
        if self.agreement_only {
            command.push_str(" --agreement-only");
        }
        if self.newcomers {
            command.push_str(" --newcomers");
        }
        command.push_str(" --trace");
        command
    }
}

fn name_of(value: &impl ValueEnum) -> Option<String> {
    let value = value.to_possible_value()?;
    Some(value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_command_gives_the_same_configuration() {
        let args = Args::parse_from([
            "picot-sim",
            "--seeds",
            "3..9",
            "--stake",
            "5,1,1",
            "--policy",
            "ranked:2",
            "--rule",
            "lowest-hash",
            "--faults",
            "documented",
            "--planted",
            "forget-log",
            "--cycle",
            "4",
            "--slots",
            "12",
            "--grind",
            "7",
            "--peers",
            "3",
            "--gather",
            "2",
            "--no-signatures",
        ]);
        let command = args.replay_command(4);
        let words = command.strip_prefix("cargo xtask sim ").unwrap();
        let again = Args::parse_from(["picot-sim"].into_iter().chain(words.split(' ')));
        assert_eq!(again.seeds(), 4..5);
        let config = |args: &Args| format!("{:?}", args.config(4, &Latencies::lan()).unwrap());
        assert_eq!(config(&again), config(&args));
        assert_eq!(again.planted, Some(Planted::ForgetLog));
    }

    #[test]
    fn a_replay_command_of_a_life_of_stakers_gives_the_same_life() {
        let words = [
            "picot-sim",
            "--staking",
            "12",
            "--cycle",
            "6",
            "--no-signatures",
        ];
        let args = Args::parse_from(words);
        let command = args.replay_command(4);
        let words = command.strip_prefix("cargo xtask sim ").unwrap();
        let again = Args::parse_from(["picot-sim"].into_iter().chain(words.split(' ')));
        let [one, other] = [&args, &again].map(|args| {
            let config = args.config(4, &Latencies::lan()).unwrap();
            let scenario = args.scenario(&config);
            (format!("{config:?}"), scenario)
        });
        assert_eq!(one, other);
        assert!(!one.1.orders.is_empty());
    }

    #[test]
    fn wrong_values_are_refused() {
        for words in [
            ["--seeds", "3"],
            ["--policy", "ranked:0"],
            ["--policy", "none"],
            ["--faults", "some"],
            ["--planted", "some"],
            ["--staking", "0"],
        ] {
            assert!(Args::try_parse_from(["picot-sim"].into_iter().chain(words)).is_err());
        }
        let args = Args::parse_from(["picot-sim", "--stake", "a,b"]);
        assert!(args.config(0, &Latencies::lan()).is_err());
    }
}
