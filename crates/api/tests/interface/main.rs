//! The interface over real connections, with a node of mocks behind it that knows a little of
//! everything: lists, agreement, streams, pages, and every route of the document with good and bad
//! requests.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod connections;
mod document;
mod lists;
mod pages;
mod reads;
mod schema;
mod streams;
mod world;
