//! What a client has done on disk: the same for all who drive one.

use crate::{BootstrapError, ClientInput, ClientOutput, Staging};
use picot_checkpoint::CheckpointArchive;

/// What came of an output.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is made once and taken apart at once"
)]
pub enum Performed {
    /// It is done.
    Done,
    /// It is done, and the client is to be told this.
    Tell(ClientInput),
    /// It is not for the disk.
    Left(ClientOutput),
}

/// Does what a client wants done on disk.
///
/// # Errors
/// A store failed.
pub fn perform(
    output: ClientOutput,
    staging: &Staging,
    archive: &CheckpointArchive,
) -> Result<Performed, BootstrapError> {
    Ok(match output {
        ClientOutput::KeepStep { step, sets } => {
            archive.keep_step(&step, &sets)?;
            Performed::Done
        }
        ClientOutput::KeepStart(start) => {
            archive.keep_start(&start)?;
            Performed::Done
        }
        ClientOutput::Examine {
            index,
            number,
            expected,
        } => Performed::Tell(ClientInput::Examined {
            index,
            number,
            is_here: staging.examine(&expected)?,
        }),
        ClientOutput::Stage {
            index,
            number,
            pairs,
        } => {
            staging.put(&pairs)?;
            Performed::Tell(ClientInput::Staged { index, number })
        }
        ClientOutput::Accept(checkpoint) => {
            let chain_id = archive.genesis().chain_id();
            let is_the_state = staging.accept(&checkpoint, &chain_id)?;
            Performed::Tell(ClientInput::Accepted(is_the_state))
        }
        other @ (ClientOutput::Send { .. }
        | ClientOutput::Drop { .. }
        | ClientOutput::Done(_)
        | ClientOutput::Failed(_)
        | ClientOutput::WakeAt(_)) => Performed::Left(other),
    })
}
