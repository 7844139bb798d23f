//! The book of `crates/node/docs` and the README, read and run: what they say to type is typed, and what
//! they show must appear.
//!
//! ```text
//! chapter    a file of the book: its fenced blocks, the steps in them, its links
//! invocation whether the commands and flags that are named are there
//! shown      what a step shows against what was printed; names for ids
//! session    the steps of a chapter, in a fresh directory, against real nodes
//! ```
//!
//! The rules are told to readers in `introduction.md`, 'How this book is tested'.

mod chapter;
mod invocation;
mod session;
mod shown;

pub use chapter::{Book, Chapter, Fence, Step};
pub use invocation::Programs;
pub use session::run;
pub use shown::{Names, appears};

/// Reuse a crate: its examples are examples of this crate, so they are compiled and run as such.
#[doc = include_str!("../../crates/node/docs/src/reuse.md")]
pub mod examples {}
