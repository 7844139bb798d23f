//! How lists are asked for: a bounded number of things, from a cursor on.

use crate::{Problem, ProblemCode};

/// Things in one answer, unless told otherwise.
const DEFAULT_LIMIT: usize = 64;
/// Things in one answer, at most.
pub(crate) const MAX_LIMIT: usize = 1_000;

/// How many things are asked for. A wrong number is refused, not changed.
pub(crate) fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit `{limit}` is not from 1 to {MAX_LIMIT}");
    Err(Problem::new(ProblemCode::InvalidParameter, detail))
}

/// The first `limit` things, and whether there are more: `things` has one more then.
pub(crate) fn cut<T>(mut things: Vec<T>, limit: usize) -> (Vec<T>, bool) {
    let has_more = things.len() > limit;
    things.truncate(limit);
    (things, has_more)
}
