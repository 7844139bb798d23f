//! One file a resource.

pub(crate) mod addresses;
pub(crate) mod agreement;
pub(crate) mod block_list;
pub(crate) mod blocks;
pub(crate) mod checkpoints;
pub(crate) mod datastore;
pub(crate) mod draws;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod network;
pub(crate) mod operations;
pub(crate) mod page;
pub(crate) mod parameters;
pub(crate) mod pool;
pub(crate) mod slot_draws;
pub(crate) mod slot_list;
pub(crate) mod slots;
pub(crate) mod stakers;
pub(crate) mod status;
pub(crate) mod stream;

use crate::problem::internal;
use crate::{Problem, ProblemCode};
use picot_selector::SelectorError;
use std::str::FromStr;

/// Reads one part of a path.
pub(crate) fn parse<T>(what: &str, text: &str) -> Result<T, Problem>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| {
        Problem::new(
            ProblemCode::InvalidParameter,
            format!("{what} `{text}`: {error}"),
        )
    })
}

/// Why there are no draws.
fn of_selector(error: &SelectorError) -> Problem {
    let code = match error {
        error if error.is_not_known_yet() => ProblemCode::NotYetKnown,
        SelectorError::Pruned { .. } => ProblemCode::NotFound,
        SelectorError::Slot(_) | SelectorError::RangeTooLong { .. } => {
            ProblemCode::InvalidParameter
        }
        _ => return internal(error),
    };
    Problem::of_error(code, error)
}
