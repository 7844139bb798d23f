#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod choice;
mod chunk;
mod client;
mod config;
mod error;
mod index;
mod left_behind;
mod message;
mod performing;
mod progress;
mod reading;
mod server;
mod staging;
mod worker;

#[cfg(any(test, feature = "mocks"))]
pub mod mocks;

#[cfg(test)]
mod tests;

pub use choice::{Choice, Chooser, Claim, Standing};
pub use chunk::{
    ChunkFault, ChunkInfo, ChunkSizes, Expected, FULL_CHUNK_BYTES, KeyRange, MAX_CHUNK_BYTES,
};
pub use client::{ChainStart, Client, ClientInput, ClientOutput, Lie};
pub use config::{ClientConfig, ServerConfig};
pub use error::BootstrapError;
pub use index::{IndexFault, StateIndex};
pub use left_behind::LeftBehind;
pub use message::{INDEX_PAGE, MAX_OFFERS, Message, Offer, Question, Refusal};
pub use performing::{Performed, perform};
pub use progress::{Phase, Progress};
pub use reading::read_answer;
pub use server::{Server, ServerInput, ServerOutput, Source};
pub use staging::Staging;
pub use worker::{
    BootstrapNetwork, Incoming, IncomingState, Serving, ServingHandle, ServingQueue, run_client,
};
