#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod addresses;
mod agreement;
mod blocks;
mod checkpoints;
pub mod control;
mod draws;
mod network;
mod operations;
mod problem;
#[cfg(feature = "openapi")]
pub mod schema;
mod slots;
mod stakers;
mod status;
mod stream;

pub use addresses::{AccountState, AddressResponse, DatastoreResponse, DeferredCredit, HexBytes};
pub use agreement::{
    AgreementCandidate, AgreementResponse, AgreementRound, CertificateSummary, ValueVotes,
    VoteKind, Votes,
};
pub use blocks::{
    BlockOperation, BlockOperationsResponse, BlockResponse, BlockState, BlockSummary,
    BlocksResponse,
};
pub use checkpoints::{CheckpointResponse, CheckpointsResponse, OpenCheckpointResponse};
pub use draws::{Draw, DrawResult, DrawsResponse, SlotDraw, SlotDrawsResponse};
pub use network::{LiveResponse, PublicPeer, PublicPeersResponse, ReadyResponse};
pub use operations::{
    BalanceChange, FeesResponse, OperationResponse, OperationResult, OperationState,
    PendingOperation, PendingOperationsResponse, PoolBounds, PoolResponse, PoolThread, RollsChange,
    SimulateRequest, SimulateResponse, SubmitBatchRequest, SubmitBatchResponse, SubmitResponse,
    SubmitResult, SubmittedOperation, SuggestedFee, SuggestedFees,
};
pub use problem::{Problem, ProblemCode};
pub use slots::{CandidateSummary, SlotPhase, SlotResponse, SlotState, SlotSummary, SlotsResponse};
pub use stakers::{
    AddressProduction, CycleSummary, CyclesResponse, ProductionResponse, Staker, StakersResponse,
};
pub use status::{
    ParametersResponse, PeersSummary, PoolStatus, ProductionStatus, StatusResponse, SupplyStatus,
    ThreadStatus,
};
pub use stream::{
    CandidateEvent, DecidedEvent, LeadingEvent, MissedEvent, OpenedEvent, OperationEvent,
    RoundEvent, SlotEvent, Topic,
};
