//! One file a resource.

pub(crate) mod addresses;
pub(crate) mod blocks;
pub(crate) mod checkpoints;
pub(crate) mod draws;
pub(crate) mod operations;
pub(crate) mod parameters;
pub(crate) mod slots;
pub(crate) mod status;
pub(crate) mod stream;

use crate::{Problem, ProblemCode};
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
