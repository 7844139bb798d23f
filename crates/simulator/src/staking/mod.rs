//! Stakers who buy, sell, stop, come back and misbehave, and a plain model of what their stakes must
//! then be.
//!
//! A run with [`SimConfig::record_stakes`](crate::SimConfig::record_stakes) records every slot that
//! became final and the state after it. [`audit`] goes through such a record with a second, plain
//! implementation of design 05 and 06, which shares no code with `picot-pos` and `picot-execution`,
//! and compares all of both.

mod audit;
mod model;
mod plan;
mod record;
mod report;

pub use audit::{AuditFailure, audit};
pub use model::{Outcome, Rules};
pub use plan::{NEWCOMERS, STAKERS, staking_config, staking_scenario};
pub(crate) use record::Recorder;
pub use record::{SlotRecord, StakeRecord, StateRecord};
pub use report::{CycleReport, StakerCycle, StakingReport};
