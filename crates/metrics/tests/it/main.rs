//! What a node tells, and what reads it: the page, the table, the dashboard and the alerts.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests, which may"
)]

mod ops;
mod page;
mod promql;
mod table;
mod world;
