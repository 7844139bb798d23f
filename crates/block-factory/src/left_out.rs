//! Which parts of a block did not come in time, or at all.

use std::{collections::BTreeSet, fmt::Display};

use tracing::warn;

use crate::{NoAnswer, Part};

/// The parts that were left out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    parts: BTreeSet<Part>,
}

impl LeftOut {
    /// Leaves a part out, for a reason that the log tells.
    pub fn leave_out(&mut self, part: Part, reason: impl Display) {
        warn!(%part, %reason, "left out");
        self.parts.insert(part);
    }

    /// The answer of a part that cannot fail; without an answer the part is left out.
    pub fn heard<A>(&mut self, part: Part, answer: Result<A, NoAnswer>) -> Option<A> {
        answer
            .map_err(|no_answer| self.leave_out(part, no_answer))
            .ok()
    }

    /// The answer of a part that may fail; without an answer, or if it fails, the part is left out.
    pub fn succeeded<A, E: Display>(
        &mut self,
        part: Part,
        answer: Result<Result<A, E>, NoAnswer>,
    ) -> Option<A> {
        self.heard(part, answer)?
            .map_err(|error| self.leave_out(part, error))
            .ok()
    }

    /// The parts that were left out.
    #[must_use]
    pub fn into_parts(self) -> BTreeSet<Part> {
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_left_out_without_an_answer_and_if_it_fails() {
        let mut left_out = LeftOut::default();
        assert_eq!(left_out.heard(Part::Pool, Ok(1)), Some(1));
        assert_eq!(
            left_out.succeeded(Part::Pool, Ok(Ok::<_, &str>(1))),
            Some(1)
        );
        assert_eq!(left_out, LeftOut::default());
        assert_eq!(left_out.heard::<u8>(Part::Pool, Err(NoAnswer::Busy)), None);
        assert_eq!(
            left_out.succeeded::<u8, _>(Part::Storage, Ok(Err("broken"))),
            None
        );
        let broken = Err(NoAnswer::Broken);
        assert_eq!(left_out.succeeded::<u8, &str>(Part::Network, broken), None);
        let parts = [Part::Pool, Part::Storage, Part::Network];
        assert_eq!(left_out.into_parts(), parts.into());
    }
}
