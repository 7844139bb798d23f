//! Arguments of the commands that read lists, and of `picot watch`.

use super::ApiArgs;
use clap::{Args, ValueEnum};
use picot_client::Page;
use picot_models::{Address, OperationId, Slot};

/// A part of a list that is read from the latest on.
#[derive(Debug, Args)]
pub(crate) struct BeforeArgs {
    /// How many lines, from 1 to 1000
    #[arg(long, value_name = "LINES", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) limit: u64,
    /// Of slots before this one
    #[arg(long, value_name = "PERIOD/THREAD")]
    pub(crate) before: Option<Slot>,
}

/// A part of a list that is read from its beginning.
#[derive(Debug, Args)]
pub(crate) struct AfterArgs {
    /// How many lines, from 1 to 1000
    #[arg(long, value_name = "LINES", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) limit: u64,
    /// What comes after this, as the part before said
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

impl BeforeArgs {
    pub(crate) fn page(&self) -> Page {
        Page {
            cursor: self.before.map(|slot| slot.to_string()),
            limit: usize::try_from(self.limit).ok(),
        }
    }
}

impl AfterArgs {
    pub(crate) fn page(&self) -> Page {
        Page {
            cursor: self.after.clone(),
            limit: usize::try_from(self.limit).ok(),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct BlocksArgs {
    /// Of this producer alone
    #[arg(long, value_name = "ADDR")]
    pub(crate) producer: Option<Address>,
    #[command(flatten)]
    pub(crate) part: BeforeArgs,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SlotsArgs {
    #[command(flatten)]
    pub(crate) part: BeforeArgs,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StakersArgs {
    #[command(flatten)]
    pub(crate) part: AfterArgs,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

/// All cycles are few: only the addresses of one are told in parts.
#[derive(Debug, Args)]
#[command(mut_arg("limit", |argument| argument.requires("cycle")))]
#[command(mut_arg("after", |argument| argument.requires("cycle")))]
pub(crate) struct CyclesArgs {
    /// What each address did in this cycle [default: all cycles that the node knows, in short]
    pub(crate) cycle: Option<u64>,
    #[command(flatten)]
    pub(crate) part: AfterArgs,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FeesArgs {
    /// Who would send; without it, of all threads the one that asks most
    #[arg(long, value_name = "ADDR")]
    pub(crate) sender: Option<Address>,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PoolArgs {
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OperationsArgs {
    /// Who sent them, `addr1…`
    pub(crate) sender: Address,
    #[command(flatten)]
    pub(crate) part: AfterArgs,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Of these alone; may be given many times [default: all]
    #[arg(long = "topic", value_enum, value_name = "TOPIC")]
    pub(crate) topics: Vec<TopicName>,
    /// Final slots from this one on, as far back as the node still knows
    #[arg(long, value_name = "PERIOD/THREAD")]
    pub(crate) from: Option<Slot>,
    /// The fate of this operation; may be given many times
    #[arg(long = "operation", value_name = "OP")]
    pub(crate) operations: Vec<OperationId>,
    /// End after so many events
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) node: ApiArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopicName {
    /// A slot opened
    Opened,
    /// A block became a candidate
    Candidate,
    /// The node builds on another candidate
    Leading,
    /// The node went on to a later round
    Round,
    /// A slot was decided
    Decided,
    /// A slot became final
    Slot,
    /// The fate of an operation
    Operation,
}
