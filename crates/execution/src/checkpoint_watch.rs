//! Who is told when the final state is exactly at a checkpoint.

use crate::ExecutionError;
use crate::chain::Chain;
use crate::final_state::FinalState;
use picot_clock::Slot;
use picot_crypto::Hash;
use picot_pos::CycleDraws;
use std::sync::Arc;

/// The final state after a checkpoint's slot (design 10, 'Checkpoints').
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointState {
    /// The slot.
    pub slot: Slot,
    /// The hash of the final state.
    pub state_hash: Hash,
    /// What the cycle of the next slot and the two after it draw from.
    pub draws: [CycleDraws; 3],
}

/// Why a watch could not take over what it was told.
pub type WatchError = Box<dyn std::error::Error + Send + Sync>;

/// Is told each checkpoint that the final state comes to.
///
/// Called on the thread that executes, in slot order, while the state store holds exactly the state
/// after the slot: nothing later is committed before the call returns. So a snapshot of the store that
/// is taken meanwhile is of this state, and what is written meanwhile to a store whose order of writes
/// is that of the state is there whenever a later state is. A long call holds up execution.
///
/// After a restart with the state at a checkpoint it is told again, whether or not it was before; so it
/// must bear to be told one twice.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait CheckpointWatch: Send + Sync {
    /// The state is at a checkpoint.
    ///
    /// # Errors
    /// It could not be taken over, and must not be passed over: execution stops.
    fn at_checkpoint(&self, state: &CheckpointState) -> Result<(), WatchError>;
}

/// All who watch, in the order in which they began.
#[derive(Default)]
pub(crate) struct Watches(Vec<Arc<dyn CheckpointWatch>>);

impl Watches {
    /// Adds one, and tells it the present state if that is a checkpoint.
    pub(crate) fn add(
        &mut self,
        watch: Arc<dyn CheckpointWatch>,
        chain: &Chain,
        state: &FinalState,
    ) -> Result<(), ExecutionError> {
        if let Some(state) = checkpoint_state(chain, state)? {
            tell(&*watch, &state)?;
        }
        self.0.push(watch);
        Ok(())
    }

    /// Tells all of them, if the state is at a checkpoint.
    pub(crate) fn tell(&self, chain: &Chain, state: &FinalState) -> Result<(), ExecutionError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let Some(state) = checkpoint_state(chain, state)? else {
            return Ok(());
        };
        self.0.iter().try_for_each(|watch| tell(&**watch, &state))
    }
}

fn tell(watch: &dyn CheckpointWatch, state: &CheckpointState) -> Result<(), ExecutionError> {
    let failed = |source: WatchError| ExecutionError::Checkpoint {
        slot: state.slot,
        source: source.into(),
    };
    watch.at_checkpoint(state).map_err(failed)
}

fn checkpoint_state(
    chain: &Chain,
    state: &FinalState,
) -> Result<Option<CheckpointState>, ExecutionError> {
    let slot = state.last_final_slot();
    if !chain.params.is_checkpoint(slot) {
        return Ok(None);
    }
    Ok(Some(CheckpointState {
        slot,
        state_hash: state.state_hash(),
        draws: state.pos.coming_draws()?,
    }))
}
