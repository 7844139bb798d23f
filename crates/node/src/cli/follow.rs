//! Following an operation until it is final, expired, or patience ends: a core that is told what
//! was seen, and a loop around it that looks.

use super::{CliError, World, tables};
use picot_api::ProblemCode;
use picot_api::types::{OperationResponse, OperationResult, OperationState};
use picot_client::{ApiClient, ClientError};
use picot_clock::Millis;
use picot_models::{OperationId, Slot, Timestamp};

/// Between two looks.
const POLL: Millis = Millis(250);

/// What one look at a node brought.
pub(super) enum Look {
    /// The node knows it.
    Known(Box<OperationResponse>),
    /// The node does not know it.
    Unknown {
        /// The last final slot, asked for before the operation was.
        last_final: Option<Slot>,
    },
    /// The node gave no answer.
    Silent(String),
}

/// What to do after a look.
pub(super) enum Step {
    /// Look again.
    GoOn,
    /// It is final.
    Final(Box<OperationResponse>),
    /// It will not become final, or not in time.
    GiveUp(CliError),
}

/// The state of following one operation.
pub(super) struct Follow {
    id: OperationId,
    /// The last slot that can include it.
    last: Slot,
    began: Timestamp,
    patience_s: u64,
    /// What was told of it last.
    seen: String,
    unknown: bool,
}

impl Follow {
    pub(super) fn new(id: OperationId, last: Slot, began: Timestamp, patience_s: u64) -> Self {
        Self {
            id,
            last,
            began,
            patience_s,
            seen: String::new(),
            unknown: false,
        }
    }

    /// Takes what was seen; gives what is new for a person, and what to do.
    pub(super) fn step(&mut self, now: Timestamp, look: Look) -> (Option<String>, Step) {
        self.unknown = matches!(look, Look::Unknown { .. });
        let (text, step) = self.judge(look);
        let news = (text != self.seen).then(|| text.clone());
        self.seen = text;
        let waited_ms = now.since(self.began).unwrap_or(Millis::ZERO).0;
        if matches!(step, Step::GoOn) && waited_ms >= self.patience_s.saturating_mul(1_000) {
            let give_up = CliError::OutOfPatience {
                id: self.id,
                seconds: self.patience_s,
                seen: self.seen.clone(),
            };
            return (news, Step::GiveUp(give_up));
        }
        (news, step)
    }

    fn judge(&self, look: Look) -> (String, Step) {
        match look {
            Look::Known(answer) => {
                let text = self.describe(&answer);
                if answer.state == OperationState::Final {
                    (text, Step::Final(answer))
                } else {
                    (text, Step::GoOn)
                }
            }
            Look::Unknown {
                last_final: Some(slot),
            } if slot >= self.last => {
                let (id, last) = (self.id, self.last);
                let text = "expired".to_owned();
                (text, Step::GiveUp(CliError::Expired { id, last }))
            }
            Look::Unknown { .. } => {
                let text = format!(
                    "unknown: the node does not hold it any more; slots until {} can include it",
                    self.last
                );
                (text, Step::GoOn)
            }
            Look::Silent(reason) => (format!("no answer: {reason}"), Step::GoOn),
        }
    }

    fn describe(&self, answer: &OperationResponse) -> String {
        let place = match (answer.slot, answer.block) {
            (Some(slot), Some(block)) => format!("in slot {slot}, block {block}"),
            (Some(slot), None) => format!("in slot {slot}"),
            (None, _) => String::new(),
        };
        match answer.state {
            OperationState::Pending => {
                format!("pending: waits for a block of thread {}", self.last.thread)
            }
            OperationState::Candidate => format!("candidate: {place}, not final yet"),
            OperationState::Final => format!("final: {place}"),
        }
    }
}

/// Looks until the operation is final, and tells a person what changes.
pub(super) fn until_final(
    client: &ApiClient,
    mut follow: Follow,
    world: &mut World<'_>,
) -> Result<OperationResponse, CliError> {
    loop {
        let look = look(client, &follow);
        let (news, step) = follow.step(world.clock.now(), look);
        if let Some(news) = news {
            world.note(news);
        }
        match step {
            Step::Final(answer) => return Ok(*answer),
            Step::GiveUp(error) => return Err(error),
            Step::GoOn => (world.pause)(POLL),
        }
    }
}

fn look(client: &ApiClient, follow: &Follow) -> Look {
    // Asked for first, so that an operation executed in between is never taken for expired.
    let status = follow.unknown.then(|| client.status());
    let last_final = status
        .and_then(Result::ok)
        .map(|status| status.last_final_slot);
    match client.operation(&follow.id) {
        Ok(answer) => Look::Known(Box::new(answer)),
        Err(error) if error.is_refusal(ProblemCode::NotFound) => Look::Unknown { last_final },
        Err(ClientError::Unreachable { .. }) => Look::Silent("the node is gone".to_owned()),
        Err(error) => Look::Silent(error.to_string()),
    }
}

/// Whether an executed operation did what it ordered.
pub(super) fn check_outcome(answer: &OperationResponse) -> Result<(), CliError> {
    let id = answer.id;
    let slot = super::error::Place(answer.slot);
    match &answer.outcome {
        Some(OperationResult::Succeeded) => Ok(()),
        Some(OperationResult::Failed { reason }) => Err(CliError::Failed {
            id,
            slot,
            reason: picot_client::printable(reason),
        }),
        Some(OperationResult::Unpaid) => Err(CliError::Unpaid { id, slot }),
        Some(OperationResult::Refused) => Err(CliError::Void { id, slot }),
        None => Err(CliError::NoOutcome(id)),
    }
}

/// What is printed of a final operation.
pub(super) fn tell(
    answer: &OperationResponse,
    json: bool,
    world: &mut World<'_>,
) -> Result<(), CliError> {
    if json {
        world.say_json(answer)?;
    } else {
        world.say(tables::operation(answer))?;
    }
    check_outcome(answer)
}

#[cfg(test)]
mod tests;
