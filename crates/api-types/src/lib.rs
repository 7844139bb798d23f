#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod addresses;
mod blocks;
mod checkpoints;
pub mod control;
mod draws;
mod operations;
mod problem;
mod slots;
mod status;
mod stream;

pub use addresses::{AccountState, AddressResponse, DeferredCredit};
pub use blocks::{BlockResponse, BlockState};
pub use checkpoints::{CheckpointResponse, CheckpointsResponse, OpenCheckpointResponse};
pub use draws::{Draw, DrawResult, DrawsResponse};
pub use operations::{
    OperationResponse, OperationResult, OperationState, SubmitBatchResponse, SubmitResponse,
    SubmitResult, SubmittedOperation,
};
pub use problem::{Problem, ProblemCode};
pub use slots::{SlotResponse, SlotState};
pub use status::{
    ParametersResponse, PeersSummary, PoolStatus, ProductionStatus, StatusResponse, SupplyStatus,
    ThreadStatus,
};
pub use stream::{MissedEvent, SlotEvent};
