//! Answers that are read from disk.

use crate::chunk::{KeyRange, push_pair};
use crate::message::{Message, Question};
use crate::server::Source;
use picot_checkpoint::{CheckpointArchive, CheckpointError};
use picot_ledger::{LedgerError, StateSnapshot};
use std::ops::ControlFlow;

/// Reads the answer to a question, [`ServerOutput::Read`](crate::ServerOutput::Read); `None`: it is not
/// here.
///
/// # Errors
/// A store failed, or what is in it is damaged.
pub fn read_answer(
    archive: &CheckpointArchive,
    question: Question,
    source: &Source,
) -> Result<Option<Message>, CheckpointError> {
    Ok(match (question, source) {
        (
            Question::Chain(after),
            Source::Chain {
                max_steps,
                max_bytes,
                ..
            },
        ) => {
            let steps = archive.steps_after(after, *max_steps, *max_bytes)?;
            Some(Message::Chain { after, steps })
        }
        (Question::Start(hash), _) => {
            let start = archive.start_at(&hash)?;
            start.map(|start| Message::Start { hash, start })
        }
        (Question::Certificate(slot), _) => {
            let certificate = archive.certificate(slot)?;
            certificate.map(|certificate| Message::Certificate { slot, certificate })
        }
        (
            Question::Chunk { index, number },
            Source::Pairs {
                snapshot,
                range,
                bytes,
            },
        ) => {
            let pairs = pairs_of(&**snapshot, range, *bytes).map_err(failed)?;
            Some(Message::Chunk {
                index,
                number,
                pairs,
            })
        }
        _ => None,
    })
}

/// The pairs of a state in a range, as a chunk.
fn pairs_of(
    snapshot: &dyn StateSnapshot,
    range: &KeyRange,
    bytes: u32,
) -> Result<Vec<u8>, LedgerError> {
    let mut chunk = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
    let mut visitor = |key: &[u8], value: &[u8]| {
        if !range.contains(key) {
            return ControlFlow::Break(());
        }
        push_pair(key, value, &mut chunk);
        ControlFlow::Continue(())
    };
    snapshot.visit(&range.from, &mut visitor)?;
    Ok(chunk)
}

fn failed(error: LedgerError) -> CheckpointError {
    CheckpointError::Store {
        action: "reading a chunk",
        source: std::sync::Arc::new(error),
    }
}
